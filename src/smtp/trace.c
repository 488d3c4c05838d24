/* SPDX-License-Identifier: ISC */
/*
 * The Received field that we put in front of a message (RFC 5321 4.4), with
 * the protocol of RFC 3848 and RFC 6531 4.3 and the TLS facts in a comment;
 * and the message's id. The recipient is named only if there is one alone: the
 * others are not his business (RFC 5321 7.2). Nor is it, where somebody who
 * signed in was at the time: without submission.show_client his address and
 * the name of his device are for the log alone.
 */
#include "base/clock.h"
#include "codec/date.h"
#include "codec/trace_id.h"
#include "codec/utf8.h"
#include "runtime/settings.h"
#include "runtime/tls.h"
#include "smtp/session.h"

struct text
smtp_id(struct arena *a, uint64_t bits)
{
	char id[TRACE_ID_LENGTH];

	trace_id_print(bits, id);
	return arena_copy(a, (struct text){ id, TRACE_ID_LENGTH });
}

/* address-literal of RFC 5321 4.1.3. */
static void
add_peer(struct buffer *b, const struct session *s)
{
	char space[64];
	struct text peer = session_peer_text(s, space);
	bool six = text_find_byte(peer, ':', 0) < peer.len;

	buffer_addf(b, "[%s%.*s]", six ? "IPv6:" : "", TEXT_ARG(peer));
}

static void
add_client(struct buffer *b, const struct smtp_session *x)
{
	if (smtp_way(x)->sender != NULL && !setting(SET_SUBMISSION_SHOW_CLIENT))
		return;
	buffer_addf(b, "from %s (", x->helo);
	add_peer(b, &x->session);
	buffer_add_string(b, ")\r\n\t");
}

/* In the scratch arena: "ESMTP", with S over TLS and A for who signed in. */
static struct text
protocol(struct smtp_session *x)
{
	if (!x->esmtp)
		return TEXT("SMTP");
	return arena_printf(&x->scratch, "%s%s%s",
	    x->profile->with[x->tx.needs & QUEUE_SMTPUTF8 ? 1 : 0], x->session.tls ? "S" : "",
	    smtp_signed_in(x) ? "A" : "");
}

static void
add_tls(struct buffer *b, const struct smtp_session *x)
{
	struct tls_facts facts;

	if (!x->session.tls)
		return;
	tls_facts_of(&x->session.stream, &facts);
	buffer_addf(b, "\r\n\t(%s %s)", facts.version, facts.cipher);
}

struct text
smtp_trace(struct smtp_session *x, struct text id)
{
	struct buffer b = BUFFER_INIT;
	struct text trace;

	buffer_add_string(&b, "Received: ");
	add_client(&b, x);
	buffer_addf(&b, "by %.*s with %.*s id %.*s", TEXT_ARG(x->server->hostname),
	    TEXT_ARG(protocol(x)), TEXT_ARG(id));
	add_tls(&b, x);
	/* a header of ASCII stays one, for servers that take no other (RFC 6531 3.7.3) */
	if (x->tx.recipients.count == 1 && utf8_is_ascii(x->tx.recipients.at[0]))
		buffer_addf(&b, "\r\n\tfor <%.*s>", TEXT_ARG(x->tx.recipients.at[0]));
	buffer_add_string(&b, ";\r\n\t");
	date_print_mail(&b, (struct date){ clock_wall() / CLOCK_SECOND, 0 });
	buffer_add_string(&b, "\r\n");
	trace = arena_copy(&x->scratch, buffer_text(&b));
	buffer_done(&b);
	return trace;
}

struct text
smtp_came(struct smtp_session *x)
{
	char space[64];
	struct tls_facts facts = { .version = "", .cipher = "" };
	bool tls = x->session.tls;

	if (tls)
		tls_facts_of(&x->session.stream, &facts);
	return arena_printf(&x->scratch, "%.*s from %s [%.*s]%s%s%s%s%s%.*s", TEXT_ARG(protocol(x)),
	    x->helo, TEXT_ARG(session_peer_text(&x->session, space)), tls ? " " : "", facts.version,
	    tls ? " " : "", facts.cipher, smtp_signed_in(x) ? " as " : "", TEXT_ARG(x->address));
}
