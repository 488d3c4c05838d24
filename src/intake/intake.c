/* SPDX-License-Identifier: ISC */
/*
 * See intake/intake.h: the ways in, but for what accounts send
 * (intake/submit.c).
 *
 * While the store commits, nobody here waits: its answer goes on to the caller
 * from the thread that reads the link. If the link is lost before, the message
 * is worked on again from the beginning, by a thread that may wait until the
 * store is back.
 */
#include "intake/intake.h"

#include <string.h>

#include "base/clock.h"
#include "intake/calls.h"
#include "intake/forward.h"
#include "intake/piece.h"
#include "intake/prepared.h"
#include "intake/submit.h"
#include "store/calls.h"

CALLS_DEFINE(intake, INTAKE_CALLS, CALLS_INTAKE, ROLE_INTAKE)

#define THREADS 64

/* ---- the ways in ---- */

/* A call that brings a message, and the store's call that it becomes. */
struct way {
	struct piece_of_mail (*mail)(const void *request);
	void (*fill)(const void *request, const struct piece_of_mail *m, void *out);
	const struct call *call;
	void (*answer)(struct call_in *in, const void *reply); /* the store's said OK */
	call_handler waiting;				       /* for who must wait */
	call_reply_fn posted;				       /* for who need not */
	/* What else a message needs that waits for the store; NULL: nothing. */
	enum status (*more)(struct intake *in, const void *request, struct piece_of_mail *m,
	    struct arena *a, struct failure *f);
};

union store_request {
	struct store_deliver_request deliver;
	struct store_append_request append;
	struct store_append_all_request append_all;
};

union store_reply {
	struct store_deliver_reply deliver;
	struct store_append_reply append;
	struct store_append_all_reply append_all;
};

static void
end(const struct way *way, struct call_in *call, enum status s, const void *reply,
    const struct failure *f)
{
	if (s == STATUS_OK)
		way->answer(call, reply);
	else
		call_fail(call, s, f);
}

/* Waits for the store: when that is away, and with a large message, of which
 * only a few shall be under way. */
static void
take_waiting(const struct way *way, struct call_in *call, const void *q, struct intake *in)
{
	struct piece_of_mail m = way->mail(q);
	size_t octets = piece_octets(&m); /* the request ends with its answer */
	struct worker *w = worker_take();
	union store_request request;
	union store_reply reply;
	struct failure f;
	enum status s;

	large_enter(in, octets);
	s = piece_prepare(in, w, &m, &f);
	if (s == STATUS_OK && way->more != NULL)
		s = way->more(in, q, &m, call_arena(call), &f);
	if (s == STATUS_OK) {
		way->fill(q, &m, &request);
		s = call_do(in->calls, way->call, &request, &w->arena, &reply, &f);
	}
	end(way, call, s, &reply, &f);
	worker_rest(w);
	large_leave(octets);
}

/* The store has answered, or is away. */
static void
take_posted(const struct way *way, struct call_in *call, enum status s, const void *reply,
    const struct failure *f)
{
	if (s == STATUS_CLOSED)
		call_hand_on(call, way->waiting);
	else
		end(way, call, s, reply, f);
}

static void
take(const struct way *way, struct call_in *call, const void *q, struct intake *in)
{
	struct piece_of_mail m = way->mail(q);
	union store_request request;
	struct worker *w;
	struct failure f;

	if (piece_octets(&m) >= LARGE) {
		take_waiting(way, call, q, in);
		return;
	}
	w = worker_take();
	if (piece_prepare(in, w, &m, &f) == STATUS_OK) {
		way->fill(q, &m, &request);
		if (call_post(in->calls, way->call, &request, way->posted, call) != STATUS_OK)
			call_hand_on(call, way->waiting);
	} else {
		call_fail(call, f.status, &f);
	}
	worker_rest(w);
}

/* ---- deliveries ---- */

static struct piece_of_mail
delivery_mail(const void *request)
{
	const struct intake_deliver_request *q = request;

	return (struct piece_of_mail){
		.op = q->op,
		.id = q->id,
		.trace = q->trace,
		.message = q->message.bytes,
	};
}

static void
delivery_fill(const void *request, const struct piece_of_mail *m, void *out)
{
	const struct intake_deliver_request *q = request;

	*(struct store_deliver_request *)out = (struct store_deliver_request){
		.op = q->op,
		.id = q->id,
		.came = q->came,
		.ret = q->ret,
		.envid = q->envid,
		.orcpts = q->orcpts,
		.notify = q->notify,
		.body = m->forward.body,
		.needs = q->needs | m->forward.needs,
		.forward_sender = m->forward.sender,
		.forward_prefix = m->forward.prefix,
		.checked = m->forward.checked,
		.been = m->forward.been,
		.sender = q->sender,
		.recipients = q->recipients,
		.summary = m->summary,
		.content = m->content,
		.size = m->trace.len + m->message.len,
		.received = clock_wall() / CLOCK_SECOND,
	};
}

static void
delivery_answer(struct call_in *call, const void *reply)
{
	const struct store_deliver_reply *r = reply;

	call_reply(call, &(struct intake_deliver_reply){ .verdicts = r->verdicts });
}

static void deliver_waiting(struct call_in *call, const void *request, void *context);
static void deliver_posted(void *arg, enum status s, const void *reply, const struct failure *f);

static const struct way delivery = {
	delivery_mail,
	delivery_fill,
	&store_deliver_call,
	delivery_answer,
	deliver_waiting,
	deliver_posted,
	NULL,
};

static void
deliver_waiting(struct call_in *call, const void *request, void *context)
{
	take_waiting(&delivery, call, request, context);
}

static void
deliver_posted(void *arg, enum status s, const void *reply, const struct failure *f)
{
	take_posted(&delivery, arg, s, reply, f);
}

static enum status
goes_on(struct intake *in, const void *request, struct piece_of_mail *m, struct arena *a,
    struct failure *f)
{
	return forward_prepare(in, request, m, a, f);
}

static const struct way forwarding = {
	.mail = delivery_mail,
	.fill = delivery_fill,
	.call = &store_deliver_call,
	.answer = delivery_answer,
	.more = goes_on,
};

static void
handle_deliver(struct call_in *call, const void *request, void *context)
{
	const struct intake_deliver_request *q = request;

	if (q->forwards == 0)
		take(&delivery, call, request, context);
	else if (!call_step_aside(call))
		take_waiting(&forwarding, call, request, context);
}

/* ---- what clients file ---- */

static struct piece_of_mail
filing_mail(const void *request)
{
	const struct intake_append_request *q = request;

	return (struct piece_of_mail){
		.op = q->op,
		.message = q->message.bytes,
	};
}

static void
filing_fill(const void *request, const struct piece_of_mail *m, void *out)
{
	const struct intake_append_request *q = request;

	*(struct store_append_request *)out = (struct store_append_request){
		.token = q->token,
		.op = q->op,
		.mailbox = q->mailbox,
		.name = q->name,
		.flags = q->flags,
		.keywords = q->keywords,
		.date = q->date != 0 ? q->date : clock_wall() / CLOCK_SECOND,
		.summary = m->summary,
		.content = m->content,
		.size = m->message.len,
	};
}

static void
filing_answer(struct call_in *call, const void *reply)
{
	const struct store_append_reply *r = reply;

	call_reply(call, &(struct intake_append_reply){
			     .uidvalidity = r->uidvalidity,
			     .uid = r->uid,
			     .modseq = r->modseq,
			 });
}

static void append_waiting(struct call_in *call, const void *request, void *context);
static void append_posted(void *arg, enum status s, const void *reply, const struct failure *f);

static const struct way filing = {
	filing_mail,
	filing_fill,
	&store_append_call,
	filing_answer,
	append_waiting,
	append_posted,
	NULL,
};

static void
append_waiting(struct call_in *call, const void *request, void *context)
{
	take_waiting(&filing, call, request, context);
}

static void
append_posted(void *arg, enum status s, const void *reply, const struct failure *f)
{
	take_posted(&filing, arg, s, reply, f);
}

static void
handle_append(struct call_in *call, const void *request, void *context)
{
	take(&filing, call, request, context);
}

/* ---- several at once ---- */

static struct piece_of_mail
several_mail(const void *request)
{
	const struct intake_append_all_request *q = request;

	return (struct piece_of_mail){
		.op = q->op,
		.message = q->messages.bytes,
		.several = true,
		.prepared = q->prepared <= UINT32_MAX ? (uint32_t)q->prepared : UINT32_MAX,
		.sizes = q->sizes,
	};
}

/* 0: now; the request's own list, which is ours until the answer. */
static struct numbers
dates_of(const struct intake_append_all_request *q)
{
	uint64_t now = (uint64_t)(clock_wall() / CLOCK_SECOND);

	for (uint32_t i = 0; i < q->dates.count; i++)
		if (q->dates.at[i] == 0)
			q->dates.at[i] = now;
	return q->dates;
}

static void
several_fill(const void *request, const struct piece_of_mail *m, void *out)
{
	const struct intake_append_all_request *q = request;

	*(struct store_append_all_request *)out = (struct store_append_all_request){
		.token = q->token,
		.op = q->op,
		.mailbox = q->mailbox,
		.name = q->name,
		.flags = q->flags,
		.keyword_counts = q->keyword_counts,
		.keywords = q->keywords,
		.dates = dates_of(q),
		.sizes = q->sizes,
		.summary_sizes = m->summary_sizes,
		.summaries = PAYLOAD_OF(m->summary),
		.content_sizes = m->content_sizes,
		.contents = m->content,
	};
}

static void
several_answer(struct call_in *call, const void *reply)
{
	const struct store_append_all_reply *r = reply;

	call_reply(call, &(struct intake_append_all_reply){
			     .uidvalidity = r->uidvalidity,
			     .uid = r->uid,
			     .modseq = r->modseq,
			 });
}

static void several_waiting(struct call_in *call, const void *request, void *context);
static void several_posted(void *arg, enum status s, const void *reply, const struct failure *f);

static const struct way several = {
	several_mail,
	several_fill,
	&store_append_all_call,
	several_answer,
	several_waiting,
	several_posted,
	NULL,
};

static void
several_waiting(struct call_in *call, const void *request, void *context)
{
	take_waiting(&several, call, request, context);
}

static void
several_posted(void *arg, enum status s, const void *reply, const struct failure *f)
{
	take_posted(&several, arg, s, reply, f);
}

static void
handle_append_all(struct call_in *call, const void *request, void *context)
{
	take(&several, call, request, context);
}

/* ---- those whose call is still coming ---- */

static enum status
keep(struct worker *w, const struct intake_prepare_request *q, struct failure *f)
{
	struct prepared *p = prepared_new(q->op, (uint32_t)q->first, q->sizes);
	size_t bytes = p->count * sizeof(*p->sizes);

	p->key = q->key;
	memcpy(p->summary_sizes, w->summary_sizes, bytes);
	memcpy(p->content_sizes, w->content_sizes, bytes);
	p->summaries = w->summary;
	p->contents = w->content;
	w->summary = w->content = (struct buffer)BUFFER_INIT;
	return prepared_keep(p) == STATUS_OK ? STATUS_OK
					     : fail(f, STATUS_LIMIT, "Too much at a time",
						   "too much is prepared with one key");
}

static void
forget(uint64_t op)
{
	struct list all;

	prepared_take(op, &all);
	prepared_free_all(&all);
}

static enum status
prepare(struct intake *in, const struct intake_prepare_request *q, struct failure *f)
{
	struct piece_of_mail m = { .op = q->op + q->first,
		.message = q->messages.bytes,
		.several = true,
		.sizes = q->sizes };
	struct worker *w = worker_take();
	enum status s;

	if (q->sizes.count > PREPARED_MESSAGES_MAX || q->first > APPEND_ALL_MAX ||
	    m.message.len > PREPARED_CALL_MAX)
		return fail(f, STATUS_LIMIT, "Too many messages at a time",
		    "%u messages of %zu octets to prepare", q->sizes.count, m.message.len);
	s = piece_prepare(in, w, &m, f);
	if (s == STATUS_OK)
		s = keep(w, q, f);
	worker_rest(w);
	return s;
}

static void
handle_prepare(struct call_in *call, const void *request, void *context)
{
	const struct intake_prepare_request *q = request;
	enum status s = STATUS_OK;
	struct failure f;

	if (q->sizes.count == 0)
		forget(q->op);
	else
		s = prepare(context, q, &f);
	if (s == STATUS_OK)
		call_reply(call, &(struct intake_prepare_reply){ 0 });
	else
		call_fail(call, s, &f);
}

static const struct call_row rows[] = {
	{ &intake_deliver_call, handle_deliver },
	{ &intake_append_call, handle_append },
	{ &intake_append_all_call, handle_append_all },
	{ &intake_submit_call, intake_serve_submit },
	{ &intake_notice_call, intake_serve_notice },
	{ &intake_prepare_call, handle_prepare },
};

void
intake_serve(struct intake *in, struct call_server_config *config)
{
	config->rows = rows;
	config->row_count = ARRAY_LEN(rows);
	config->context = in;
	config->cooperative = true;
	if (config->threads == 0)
		config->threads = THREADS;
}
