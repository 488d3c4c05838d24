/* SPDX-License-Identifier: ISC */
/*
 * What accounts of this site send, and what the site itself does (RFC 6409 8,
 * RFC 3464). The header is mended (intake/fixup.h), both are signed, and then
 * the message is parsed once as it goes out: signatures, trace, the rest.
 *
 * What has octets that only BINARYMIME could carry, or lines that are too
 * long, is made fit here, before it is signed: nearly nobody takes it as it is,
 * and a signature would not hold over what another hop makes of it. Octets
 * over 127 stay; who takes no 8BITMIME gets a message whose signature is gone.
 */
#include "intake/submit.h"

#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "intake/calls.h"
#include "intake/fixup.h"
#include "intake/octets.h"
#include "intake/piece.h"
#include "intake/sign.h"
#include "mime/decode.h"
#include "mime/seven.h"
#include "runtime/settings.h"
#include "store/submission_calls.h"

/* A message on its way out. */
struct outgoing {
	struct text domain; /* of From */
	struct text trace, header, body;
	unsigned octets; /* enum octets */
	struct piece_of_mail mail;
	struct mime_summary facts; /* what mime_summary_peek tells */
};

/* ---- octets ---- */

/* The empty line at the end belongs to the header. */
static void
cut_in_two(struct outgoing *o, struct text message)
{
	size_t end =
	    text_starts(message, TEXT("\r\n")) ? 0 : text_find(message, TEXT("\r\n\r\n"), 0) + 2;

	o->header = text_part(message, 0, end + 2);
	o->body = text_part(message, end + 2, message.len);
}

static void
make_fit(struct outgoing *o, struct arena *a)
{
	struct text message = arena_join(a, o->header, o->body);
	struct buffer out = BUFFER_INIT;
	struct mime_summary s;
	struct failure f;

	mime_parse(message, NULL, a, &s);
	if (mime_seven(message, &s, &out, &f) == STATUS_OK) {
		cut_in_two(o, arena_copy(a, buffer_text(&out)));
		o->octets = 0;
	}
	buffer_done(&out);
}

static uint64_t
needs_of(const struct outgoing *o, struct arena *a)
{
	return octets_needs(o->header, &o->facts, a);
}

static uint64_t
size_of(const struct outgoing *o)
{
	return o->mail.trace.len + o->mail.message.len;
}

/* ---- both ---- */

static struct text
join_front(struct arena *a, struct text x, struct text y, struct text z)
{
	char *p = arena_alloc(a, x.len + y.len + z.len), *at = p;
	const struct text all[] = { x, y, z };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i].len > 0)
			memcpy(at, all[i].ptr, all[i].len);
		at += all[i].len;
	}
	return (struct text){ p, (size_t)(at - p) };
}

static enum status
finish(struct intake *in, struct worker *w, struct arena *a, struct outgoing *o, struct failure *f)
{
	struct buffer signatures = BUFFER_INIT;
	enum status s;

	o->octets = octets_look(o->header) | octets_look(o->body);
	if (o->octets & (OCTETS_BINARY | OCTETS_LONG))
		make_fit(o, a);
	s = sign_message(in, o->domain, o->header, o->body, a, &signatures, f);
	if (s == STATUS_OK) {
		o->mail.trace = join_front(a, buffer_text(&signatures), o->trace, o->header);
		o->mail.message = o->body;
		s = piece_prepare(in, w, &o->mail, f);
	}
	buffer_done(&signatures);
	if (s == STATUS_OK && mime_summary_peek(o->mail.summary, &o->facts) != STATUS_OK)
		o->facts = (struct mime_summary){ .facts = 0 };
	return s;
}

/* ---- submissions ---- */

static void
commit_of(const struct intake_submit_request *q, const struct outgoing *o,
    const struct fixed *fixed, struct arena *a, struct submission_commit_request *out)
{
	*out = (struct submission_commit_request){
		.token = q->token,
		.network = q->network,
		.op = q->op,
		.id = q->id,
		.sender = q->sender,
		.body = octets_body(o->octets),
		.needs = q->needs | needs_of(o, a),
		.ret = q->ret,
		.envid = q->envid,
		.priority = q->priority,
		.by = q->by,
		.by_time = q->by_time,
		.received = clock_wall() / CLOCK_SECOND,
		.size = size_of(o),
		.summary = o->mail.summary,
		.authors = { fixed->authors, fixed->author_count },
		.recipients = q->recipients,
		.orcpts = q->orcpts,
		.notify = q->notify,
		.not_before = q->not_before,
		.expires = (q->by & ~(uint64_t)QUEUE_BY_TRACE) == QUEUE_BY_RETURN ? q->by_time : 0,
		.came = q->came,
		.copy = q->copy,
		.sent_prefix = fixed->bcc,
		.sent_summary = o->mail.sent_summary,
		.content = o->mail.content,
	};
}

static void
answer(struct call_in *call, enum status s, const struct submission_commit_reply *r,
    const struct failure *f)
{
	if (s == STATUS_OK)
		call_reply(call,
		    &(struct intake_submit_reply){ .verdict = r->verdict, .words = r->words });
	else
		call_fail(call, s, f);
}

static enum status
mend(struct intake *in, const struct intake_submit_request *q, struct arena *a, struct fixed *out,
    struct failure *f)
{
	const struct fixup how = {
		.sender = q->sender,
		.hostname = in->hostname,
		.now = clock_wall() / CLOCK_SECOND,
		.random = { random_u64(), random_u64() },
		.binary = q->body == QUEUE_BINARYMIME,
	};

	return fixup(&how, q->message.bytes, a, out, f);
}

static void submit_waiting(struct call_in *call, const void *request, void *context);

static void
submit_posted(void *arg, enum status s, const void *reply, const struct failure *f)
{
	if (s == STATUS_CLOSED)
		call_hand_on(arg, submit_waiting);
	else
		answer(arg, s, reply, f);
}

static void
submit(struct call_in *call, const struct intake_submit_request *q, struct intake *in,
    struct worker *w, bool wait)
{
	struct arena *a = call_arena(call);
	struct outgoing o = { .trace = q->trace,
		.mail = { .op = q->op, .id = q->id, .passes = q->passes != 0 } };
	struct submission_commit_request request;
	struct submission_commit_reply reply;
	struct fixed fixed;
	struct failure f;
	enum status s = mend(in, q, a, &fixed, &f);

	if (s != STATUS_OK) {
		call_reply(call, &(struct intake_submit_reply){ .verdict = SUBMISSION_BAD_MESSAGE,
				     .words = text_of(f.client) });
		return;
	}
	o.domain = fixed.domain;
	o.header = fixed.header;
	o.body = fixed.body;
	o.mail.bcc = fixed.to_bcc;
	s = finish(in, w, a, &o, &f);
	if (s != STATUS_OK) {
		call_fail(call, s, &f);
		return;
	}
	commit_of(q, &o, &fixed, a, &request);
	if (wait) {
		s = submission_commit(in->calls, &request, a, &reply, &f);
		answer(call, s, &reply, &f);
	} else if (call_post(in->calls, &submission_commit_call, &request, submit_posted, call) !=
		   STATUS_OK) {
		call_hand_on(call, submit_waiting);
	}
}

/* The store is away, or the message is large. */
static void
submit_waiting(struct call_in *call, const void *request, void *context)
{
	const struct intake_submit_request *q = request;
	size_t octets = q->message.bytes.len; /* the request ends with its answer */
	struct worker *w = worker_take();

	large_enter(context, octets);
	submit(call, q, context, w, true);
	worker_rest(w);
	large_leave(octets);
}

void
intake_serve_submit(struct call_in *call, const void *request, void *context)
{
	const struct intake_submit_request *q = request;
	struct worker *w;

	if (setting(SET_DKIM_SIGN) && call_step_aside(call)) /* auth signs meanwhile */
		return;
	if (q->message.bytes.len >= LARGE) {
		submit_waiting(call, request, context);
		return;
	}
	w = worker_take();
	submit(call, q, context, w, false);
	worker_rest(w);
}

/* ---- notices ---- */

/* Of the first address of From. */
static struct text
author_domain(struct text header, struct arena *a)
{
	struct mime_addresses list;
	struct text from;

	if (!mime_header_get(header, TEXT("from"), 0, a, &from))
		return TEXT_EMPTY;
	mime_addresses_parse(a, from, 1, &list);
	return list.count > 0 ? arena_lower(a, list.at[0].host) : TEXT_EMPTY;
}

static enum status
notice(struct intake *in, const struct intake_notice_request *q, struct worker *w, struct arena *a,
    struct failure *f)
{
	struct outgoing o = { .mail = { .op = q->op, .id = q->id } };
	struct submission_notice_request request;
	struct submission_notice_reply reply;
	enum status s;

	cut_in_two(&o, q->message.bytes);
	o.domain = author_domain(o.header, a);
	s = finish(in, w, a, &o, f);
	if (s != STATUS_OK)
		return s;
	request = (struct submission_notice_request){
		.op = q->op,
		.id = q->id,
		.recipient = q->recipient,
		.body = octets_body(o.octets),
		.needs = needs_of(&o, a) | (q->needs & QUEUE_REQUIRETLS),
		.summary = o.mail.summary,
		.size = size_of(&o),
		.content = o.mail.content,
	};
	return submission_notice(in->calls, &request, a, &reply, f);
}

/* They are few, and nobody waits for one. */
void
intake_serve_notice(struct call_in *call, const void *request, void *context)
{
	const struct intake_notice_request *q = request;
	size_t octets = q->message.bytes.len;
	struct worker *w = worker_take();
	struct failure f;
	enum status s;

	large_enter(context, octets);
	s = notice(context, q, w, call_arena(call), &f);
	if (s == STATUS_OK)
		call_reply(call, &(struct intake_notice_reply){ 0 });
	else
		call_fail(call, s, &f);
	worker_rest(w);
	large_leave(octets);
}
