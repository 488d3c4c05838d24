/* SPDX-License-Identifier: ISC */
/*
 * HELO, EHLO and LHLO (RFC 5321 4.1.1.1, RFC 2033 4.1): who the client says it
 * is, and what we offer. A second one in a session begins anew, as RSET does.
 * The name is kept for Received and believed in nothing.
 */
#include <string.h>

#include "base/clock.h"
#include "codec/date.h"
#include "runtime/settings.h"
#include "smtp/parameters.h"
#include "smtp/session.h"

/* A host name or an address literal, loosely: many good clients have names
 * with underscores or none that resolves. ASCII alone (RFC 6531 3.7.1), and
 * nothing that would end a comment or an angle bracket in a header field. */
static bool
helo_octet(char c)
{
	return byte_alpha(c) || byte_digit(c) || (c != '\0' && strchr(".-_:[]+/", c) != NULL);
}

static bool
helo_well_formed(struct text name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!helo_octet(name.ptr[i]))
			return false;
	return name.len > 0 && name.len <= SMTP_HELO_MAX;
}

/* Takes the name; false (and the reply is said) if it is none. */
static bool
take_name(struct smtp_session *x, struct text argument, bool esmtp)
{
	struct text name = text_part(argument, 0, text_find_byte(argument, ' ', 0));

	if (!helo_well_formed(name)) {
		smtp_say(x, REPLY_BAD_HELO);
		return false;
	}
	smtp_transaction_reset(x);
	memcpy(x->helo, name.ptr, name.len);
	x->helo[name.len] = '\0';
	x->esmtp = esmtp;
	return true;
}

enum next
smtp_cmd_helo(struct smtp_session *x, struct text argument)
{
	if (take_name(x, argument, false))
		smtp_say(x, REPLY_HELLO);
	return NEXT_PARK;
}

/* What EHLO offers, one row each: where, and words or who makes them (empty:
 * not now). */
struct offer {
	unsigned kinds; /* enum smtp_kind */
	const char *words;
	struct text (*make)(struct smtp_session *x);
};

static struct text
offer_size(struct smtp_session *x)
{
	return arena_printf(
	    &x->scratch, "SIZE %lld", (long long)setting(SET_SMTP_MESSAGE_SIZE_MAX));
}

static struct text
offer_starttls(struct smtp_session *x)
{
	return smtp_tls_offered(x) ? TEXT("STARTTLS") : TEXT_EMPTY;
}

/* RFC 4954 4: not in a session that signed in. */
static struct text
offer_auth(struct smtp_session *x)
{
	struct text names;

	if (smtp_signed_in(x))
		return TEXT_EMPTY;
	names = auth_offer_words(
	    &x->server->offer, x->server->calls, auth_client_flags(&x->session), &x->scratch);
	return names.len > 0 ? arena_join(&x->scratch, TEXT("AUTH "), names) : TEXT_EMPTY;
}

/* RFC 8689 2: only over TLS. */
static struct text
offer_requiretls(struct smtp_session *x)
{
	return x->session.tls ? TEXT("REQUIRETLS") : TEXT_EMPTY;
}

/* RFC 9422 4 */
static struct text
offer_limits(struct smtp_session *x)
{
	return arena_printf(&x->scratch, "LIMITS MAILMAX=%lld RCPTMAX=%u",
	    (long long)setting(SET_SMTP_MESSAGES_MAX), smtp_recipients_max(x));
}

/* RFC 4865 3: the longest wait and the last moment. */
static struct text
offer_future(struct smtp_session *x)
{
	struct buffer until = BUFFER_INIT;
	struct text words;

	date_print_rfc3339(&until, clock_wall() / CLOCK_SECOND + SMTP_HOLD_MAX);
	words = arena_printf(
	    &x->scratch, "FUTURERELEASE %lld %s", (long long)SMTP_HOLD_MAX, buffer_string(&until));
	buffer_done(&until);
	return words;
}

static struct text
offer_deliver_by(struct smtp_session *x)
{
	return arena_printf(&x->scratch, "DELIVERBY %d", SMTP_BY_MIN);
}

static const struct offer offers[] = {
	{ EVERYWHERE, "PIPELINING", NULL },
	{ EVERYWHERE, "8BITMIME", NULL },
	{ EVERYWHERE, "SMTPUTF8", NULL },
	{ EVERYWHERE, "CHUNKING", NULL },
	{ EVERYWHERE, "BINARYMIME", NULL },
	{ SMTP_ONLY, "DSN", NULL },
	{ EVERYWHERE, "VRFY", NULL },
	{ EVERYWHERE, "HELP", NULL },
	{ EVERYWHERE, NULL, offer_size },
	{ SMTP_ONLY, NULL, offer_limits },
	{ EVERYWHERE, NULL, offer_starttls },
	{ SMTP_SUBMISSION, NULL, offer_auth },
	{ SMTP_ONLY, NULL, offer_requiretls },
	{ SMTP_SUBMISSION, NULL, offer_future },
	{ SMTP_SUBMISSION, NULL, offer_deliver_by },
	{ SMTP_SUBMISSION, "MT-PRIORITY", NULL },
};

static void
offer(struct smtp_session *x, struct text words)
{
	if (words.len > 0)
		smtp_reply_line(&x->session.stream, REPLY_HELLO, false, words);
}

enum next
smtp_cmd_ehlo(struct smtp_session *x, struct text argument)
{
	if (!take_name(x, argument, true))
		return NEXT_PARK;
	offer(x, x->server->hostname);
	for (size_t i = 0; i < ARRAY_LEN(offers); i++)
		if (offers[i].kinds & x->profile->kind)
			offer(x,
			    offers[i].make != NULL ? offers[i].make(x) : text_of(offers[i].words));
	smtp_reply_line(&x->session.stream, REPLY_HELLO, true, TEXT("ENHANCEDSTATUSCODES"));
	return NEXT_PARK;
}
