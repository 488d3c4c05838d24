/* SPDX-License-Identifier: ISC */
/* See outbound/notice.h. Whom a server did not refuse for good ran out of time:
 * 5.4.7 (RFC 3463 3.5, RFC 2852 4.2). */
#include "outbound/notice.h"

#include <string.h>

#include "base/log.h"
#include "codec/utf8.h"
#include "mime/summary.h"
#include "store/outgoing_rows.h"

/* ---- what was said ---- */

static bool
is_digit(struct text t, size_t at)
{
	return at < t.len && t.ptr[at] >= '0' && t.ptr[at] <= '9';
}

/* RFC 3463 2: class "." subject "." detail, of one to three digits; its length,
 * or 0. */
static size_t
enhanced_length(struct text t)
{
	size_t at = 0;

	for (int part = 0; part < 3; part++) {
		size_t from = at;

		while (is_digit(t, at) && at - from < 3)
			at++;
		if (at == from || (part == 0 && (at > 1 || strchr("245", t.ptr[0]) == NULL)))
			return 0;
		if (part < 2 && (at >= t.len || t.ptr[at++] != '.'))
			return 0;
	}
	return at == t.len || t.ptr[at] == ' ' ? at : 0;
}

static struct text
behind(struct text t, size_t at)
{
	while (at < t.len && t.ptr[at] == ' ')
		at++;
	return text_part(t, at, t.len);
}

static bool
begins_with_code(struct text t)
{
	return is_digit(t, 0) && is_digit(t, 1) && is_digit(t, 2) &&
	       (t.len == 3 || t.ptr[3] == ' ' || t.ptr[3] == '-');
}

/* The enhanced code of another class than the reply's is none. */
struct notice_said
notice_said_of(struct text reply)
{
	struct notice_said s = { .server = begins_with_code(reply) };
	struct text rest = reply;
	size_t n;

	if (s.server) {
		s.class = reply.ptr[0];
		rest = behind(reply, reply.len > 3 ? 4 : 3);
	}
	n = enhanced_length(rest);
	if (n > 0 && (!s.server || rest.ptr[0] == s.class)) {
		s.class = rest.ptr[0];
		s.status = text_part(rest, 0, n);
		rest = behind(rest, n);
	} else if (s.class == '5') {
		s.status = TEXT("5.0.0");
	} else if (s.class == '4') {
		s.status = TEXT("4.0.0");
	} else if (s.class == '2') {
		s.status = TEXT("2.0.0");
	}
	s.words = rest;
	return s;
}

/* ---- one recipient ---- */

static void
failed(struct dsn_recipient *r, enum outgoing_state state, uint64_t attempts,
    const struct notice_said *said)
{
	r->action = DSN_FAILED;
	if (state == OUTGOING_DROPPED) {
		r->status = TEXT("5.0.0");
		r->words = TEXT("The operator of this mail service took it out of the queue.");
		return;
	}
	if (said->class == '5') {
		r->status = said->status;
		return;
	}
	r->status = TEXT("5.4.7");
	if (attempts == 0)
		r->words = TEXT("No attempt could be made in that time.");
}

static void
fill(const struct queue_owed_reply *o, uint32_t i, struct dsn_recipient *r)
{
	enum outgoing_state state = (enum outgoing_state)o->states.at[i];
	struct notice_said said = notice_said_of(o->replies.at[i]);
	struct text orcpt = o->orcpts.at[i];
	size_t semicolon = text_find_byte(orcpt, ';', 0);

	r->final = o->recipients.at[i];
	if (semicolon < orcpt.len) {
		r->original_type = text_part(orcpt, 0, semicolon);
		r->original = text_part(orcpt, semicolon + 1, orcpt.len);
	}
	r->last_attempt = (int64_t)o->lasts.at[i];
	if (said.server) {
		r->remote = o->servers.at[i];
		r->diagnostic = o->replies.at[i];
	} else {
		r->words = said.words;
	}
	if (o->kind == QUEUE_OWED_FAILURE) {
		failed(r, state, o->attempts.at[i], &said);
	} else if (o->kind == QUEUE_OWED_DELAY) {
		r->action = DSN_DELAYED;
		r->status = said.class == '4' ? said.status : TEXT("4.4.7");
		r->retry_until = o->expires;
	} else {
		r->action = state == OUTGOING_RELAYED ? DSN_RELAYED : DSN_DELIVERED;
		r->status = said.class == '2' ? said.status : TEXT("2.0.0");
	}
}

/* ---- the whole ---- */

enum report_returned
notice_returns(const struct queue_owed_reply *o, uint64_t return_unsaid, uint64_t return_max)
{
	uint64_t most = o->ret == QUEUE_RET_FULL     ? return_max
			: o->ret == QUEUE_RET_UNSAID ? return_unsaid
						     : 0;

	return o->kind == QUEUE_OWED_FAILURE && o->size <= most && o->body != QUEUE_BINARYMIME &&
		       (o->needs & QUEUE_REQUIRETLS) == 0
		   ? REPORT_MESSAGE
		   : REPORT_HEADER;
}

/* Subject and Message-ID, if the summary can be read. */
static void
describe(const struct queue_owed_reply *o, struct arena *a, struct dsn *d)
{
	struct mime_summary s;

	if (mime_summary_unpack(o->summary, a, &s) != STATUS_OK)
		return;
	d->subject = s.subject;
	if (s.message_id.len > 0)
		d->message_id = arena_printf(a, "<%.*s>", TEXT_ARG(s.message_id));
}

void
notice_build(const struct queue_owed_reply *o, struct text hostname, struct text unique,
    int64_t now, enum report_returned kind, struct text returned, struct buffer *out)
{
	struct arena a = ARENA_INIT;
	struct dsn_recipient *r = ARENA_ARRAY(&a, struct dsn_recipient, o->recipients.count);
	struct buffer tail = BUFFER_INIT;
	bool ascii = utf8_is_ascii(returned);
	struct dsn d = {
		.reporting_mta = hostname,
		.unique = unique,
		.from = arena_printf(
		    &a, "Mail Delivery System <MAILER-DAEMON@%.*s>", TEXT_ARG(hostname)),
		.to = o->sender,
		.envelope_id = o->envid,
		.trace = o->id,
		.at = now,
		.arrived = o->received,
		.recipients = r,
		.count = o->recipients.count,
		.returned = kind,
		.smtputf8 = (o->needs & QUEUE_SMTPUTF8) != 0,
		.returned_8bit = !ascii,
	};

	d.returned_utf8 = !ascii && ((o->needs & QUEUE_HEADER_UTF8) != 0 ||
					(kind == REPORT_HEADER && utf8_valid(returned)));
	for (uint32_t i = 0; i < d.count; i++)
		fill(o, i, &r[i]);
	describe(o, &a, &d);
	dsn_build(&d, out, &tail);
	buffer_add_text(out, returned);
	buffer_add_text(out, buffer_text(&tail));
	buffer_done(&tail);
	arena_done(&a);
}
