/* SPDX-License-Identifier: ISC */
/*
 * Deliveries: an address is resolved to accounts; one account gets the message
 * in one commit, several get it by way of a queue record. What differs for
 * each account (Return-Path, RFC 5321 4.4; Delivered-To, RFC 9228 2) is a
 * prefix in its rows, the content is the same.
 */
#include "base/clock.h"
#include "base/log.h"
#include "runtime/metrics.h"
#include "store/content.h"
#include "store/core.h"
#include "store/reference.h"
#include "store/serve.h"

#define RECIPIENTS_MAX 50000u
#define FORGET_MARKS 8u

/* ---- into one account ---- */

void
account_forget_marks(struct account_txn *t)
{
	uint64_t record;
	size_t at = 0;
	unsigned seen = 0;

	while (seen++ < FORGET_MARKS && map_each(&t->a->marks, &at, NULL, &record, NULL))
		if (!queue_has(t->txn.store, record))
			(void)map_put_u64(&t->old_marks, record, t);
}

static struct text
prefix_of(struct account_txn *t, struct text sender)
{
	return arena_printf(txn_arena(&t->txn), "Return-Path: <%.*s>\r\nDelivered-To: %.*s\r\n",
	    TEXT_ARG(sender), TEXT_ARG(t->facts.address));
}

enum status
deliver_into(struct account_txn *t, struct op *op, const struct delivery *d)
{
	const struct mailbox *inbox = account_find(t, NAME_INBOX);
	struct new_message m = { .summary = d->summary,
		.prefix = prefix_of(t, d->sender),
		.piece = d->piece,
		.pieces = d->pieces,
		.shared = d->shared,
		.stored = d->shared,
		.staged = d->staged,
		.size = d->size,
		.date = d->received };
	struct edit *e;
	enum status s = STATUS_OK;

	if (!d->over_quota)
		s = account_room(t, op, d->size + m.prefix.len);
	if (s != STATUS_OK)
		return s;
	m.blob = d->shared || d->staged ? d->blob : core_blob_id(t->txn.store);
	s = stage_step(t, &m);
	if (s != STATUS_OK)
		return s;
	if (inbox != NULL && inbox->exists)
		e = account_edit(t, inbox->id);
	else
		s = mailbox_make(t, op, NAME_INBOX, USE_NONE, &e);
	return s == STATUS_OK ? message_add(t, op, e, &m) : s;
}

/* ---- a delivery in hand ---- */

struct reached {
	uint64_t account;
	bool suspended, full, has_it;
};

struct delivering {
	struct account_op a; /* first; when one account gets it */
	struct store *store;
	const struct store_deliver_request *r;
	const struct text *piece;
	uint32_t pieces;
	uint64_t *verdict;  /* of each recipient */
	struct targets *to; /* of each recipient */
	struct reached *at; /* all accounts, each once */
	uint32_t count;
	struct map known;    /* account -> its place in at, +1 */
	struct text to_whom; /* when one account gets it: its address */
	struct op op;	     /* of the queue */
	bool staged;	     /* when one account gets it: written in steps */
	struct blob_id blob;
};

static void
answer(struct call_in *in, struct delivering *d)
{
	struct store_deliver_reply reply = { .verdicts = { d->verdict, d->r->recipients.count } };

	call_reply(in, &reply);
}

/* What a front is told of a recipient. */
static enum status
verdict_of(enum status s)
{
	switch (s) {
	case STATUS_OK:
	case STATUS_NOT_FOUND:
	case STATUS_DENIED:
	case STATUS_QUOTA:
	case STATUS_FULL:
	case STATUS_AMBIGUOUS:
		return s;
	case STATUS_INVALID:
		return STATUS_NOT_FOUND;
	default:
		return STATUS_UNAVAILABLE;
	}
}

static enum status
one_run(struct account_txn *t, struct op *op)
{
	struct delivering *d = (struct delivering *)(void *)op;
	struct delivery what = { .sender = d->r->sender,
		.summary = d->r->summary,
		.received = d->r->received,
		.size = d->r->size,
		.piece = d->piece,
		.pieces = d->pieces,
		.staged = d->staged,
		.blob = d->blob };

	if (t->a->missing || t->gone)
		return STATUS_NOT_FOUND;
	d->to_whom = arena_copy(op->arena, t->facts.address);
	return deliver_into(t, op, &what);
}

/* Whatever became of it is the verdict of every recipient that led there. */
static void
one_finish(struct op *op, enum status s)
{
	struct delivering *d = (struct delivering *)(void *)op;
	struct account *a = d->a.a;

	if (d->staged)
		stage_end(d->store, a->id, d->blob, s != STATUS_OK);
	for (uint32_t i = 0; i < d->r->recipients.count; i++)
		if (d->verdict[i] == STATUS_OK)
			d->verdict[i] = verdict_of(s);
	if (s == STATUS_OK && !op->repeated)
		trace_delivered(d->store, d->r, d->verdict, d->to_whom);
	answer(op->in, d);
	account_put(a);
}

/* ---- who gets it ---- */

static void
reach(struct delivering *d, const struct target *t)
{
	uint32_t cap = d->count;

	if (map_get_u64(&d->known, t->account) != NULL)
		return;
	if ((d->count & (d->count - 1)) == 0) { /* full at each power of two */
		struct reached *at =
		    ARENA_ARRAY(d->a.op.arena, struct reached, cap == 0 ? 1 : (size_t)cap * 2);

		if (cap > 0)
			memcpy(at, d->at, cap * sizeof(*at));
		d->at = at;
	}
	d->at[d->count++] = (struct reached){ .account = t->account, .suspended = t->suspended };
	(void)map_put_u64(&d->known, t->account, (void *)(uintptr_t)d->count);
}

static void
resolve_all(struct delivering *d)
{
	const struct texts *to = &d->r->recipients;

	d->verdict = ARENA_ARRAY(d->a.op.arena, uint64_t, to->count);
	d->to = ARENA_ARRAY(d->a.op.arena, struct targets, to->count);
	for (uint32_t i = 0; i < to->count; i++) {
		uint32_t open = 0;

		d->verdict[i] =
		    verdict_of(directory_resolve(d->store, to->at[i], d->a.op.arena, &d->to[i]));
		for (uint32_t k = 0; d->verdict[i] == STATUS_OK && k < d->to[i].count; k++)
			open += !d->to[i].at[k].suspended;
		if (d->verdict[i] == STATUS_OK && open == 0)
			d->verdict[i] = STATUS_UNAVAILABLE;
	}
}

/* Whether the account has no room, as far as is known now; and whether it got
 * this very message by an earlier try of the call. */
static void
look_at_room(struct delivering *d, struct account *a, struct reached *out)
{
	uint64_t quota, size = d->r->size;

	pthread_mutex_lock(&a->owner.lock);
	if (a->owner.loaded && !a->missing) {
		quota = account_quota(&a->facts);
		out->full = quota > 0 && (size > quota || a->head.octets > quota - size);
		out->has_it = remembered_has(&a->remembered, d->r->op);
	}
	pthread_mutex_unlock(&a->owner.lock);
}

/* If one alone got it at an earlier try, the others had no room then. */
static enum status
check_room(struct delivering *d)
{
	enum status s = STATUS_OK;
	bool had = false;

	for (uint32_t i = 0; i < d->count && s == STATUS_OK; i++) {
		struct account *a = account_get(d->store, d->at[i].account);

		s = owner_wait_loaded(&a->owner);
		look_at_room(d, a, &d->at[i]);
		had |= d->at[i].has_it;
		account_put(a);
	}
	for (uint32_t i = 0; had && i < d->count; i++)
		d->at[i].full = !d->at[i].has_it;
	return s;
}

/* A recipient whose accounts are all full is refused; an account that is
 * reached by nobody else is left out then. */
static void
refuse_full(struct delivering *d)
{
	for (uint32_t i = 0; i < d->r->recipients.count; i++) {
		uint32_t open = 0;

		for (uint32_t k = 0; d->verdict[i] == STATUS_OK && k < d->to[i].count; k++) {
			uintptr_t at = (uintptr_t)map_get_u64(&d->known, d->to[i].at[k].account);

			open += at != 0 && !d->at[at - 1].full;
		}
		if (d->verdict[i] == STATUS_OK && open == 0)
			d->verdict[i] = STATUS_QUOTA;
	}
}

static void
reach_all(struct delivering *d)
{
	d->count = 0;
	d->at = NULL;
	map_done(&d->known);
	for (uint32_t i = 0; i < d->r->recipients.count; i++)
		for (uint32_t k = 0; d->verdict[i] == STATUS_OK && k < d->to[i].count; k++)
			reach(d, &d->to[i].at[k]);
}

/* ---- ways ---- */

static void
deliver_one(struct delivering *d, struct call_in *in)
{
	d->a.op.in = in;
	d->a.op.id = d->r->op;
	d->a.op.bytes = d->r->content.bytes.len;
	d->staged = stage_needed(d->r->content.bytes.len, d->r->op);
	if (d->staged) {
		d->a.op.bytes = STAGE_STEP;
		d->blob = core_blob_id(d->store);
	}
	d->a.run = one_run;
	d->a.op.finish = one_finish;
	serve_trusted(d->store, d->at[0].account, &d->a);
}

static void
deliver_many(struct delivering *d, struct call_in *in)
{
	struct record r = { .sender = d->r->sender,
		.summary = d->r->summary,
		.received = d->r->received,
		.size = d->r->size,
		.blob = core_blob_id(d->store),
		.pieces = d->pieces,
		.shared = d->r->content.bytes.len >= SHARE_FROM,
		.count = d->count };

	r.place = ARENA_ARRAY(d->a.op.arena, struct record_place, d->count);
	for (uint32_t i = 0; i < d->count; i++)
		r.place[i].account = d->at[i].account;
	d->op.in = in;
	d->op.request = d->r;
	d->op.id = d->r->op;
	d->op.arena = d->a.op.arena;
	d->op.bytes = d->r->content.bytes.len;
	record_submit(
	    d->store, &d->op, &r, d->piece, (struct numbers){ d->verdict, d->r->recipients.count });
}

static bool
has_control(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] < ' ' || t.ptr[i] == 0x7f)
			return true;
	return false;
}

static enum status
check_request(struct delivering *d)
{
	const struct store_deliver_request *r = d->r;

	if (r->recipients.count == 0 || r->recipients.count > RECIPIENTS_MAX)
		return op_refuse(&d->a.op, STATUS_INVALID, "No recipients.", "%u recipients",
		    r->recipients.count);
	if (has_control(r->sender) || r->sender.len > 1000 || r->summary.len > SUMMARY_MAX)
		return op_refuse(&d->a.op, STATUS_INVALID, "Bad sender.", "bad sender or summary");
	if (queue_count(d->store) >= RECORDS_MAX)
		return op_refuse(&d->a.op, STATUS_UNAVAILABLE, "Too busy; try again later.",
		    "%u queue records wait", RECORDS_MAX);
	return message_pieces(&d->a.op, r->content.bytes, &d->piece, &d->pieces);
}

/* Who gets it. *again: the queue has it from an earlier try of the call, which
 * alone decides, whatever room there is now. */
static enum status
find_accounts(struct delivering *d, bool *again)
{
	enum status s = STATUS_OK;

	resolve_all(d);
	reach_all(d);
	*again = false;
	if (d->count > 1 || d->r->recipients.count > 1)
		s = queue_remembers(d->store, d->r->op, again);
	if (s != STATUS_OK || *again || d->count <= 1)
		return s;
	s = check_room(d);
	refuse_full(d);
	reach_all(d);
	return s;
}

void
serve_store_deliver(struct call_in *in, const void *request, void *context)
{
	struct delivering *d = ARENA_NEW(call_arena(in), struct delivering);
	enum status s;
	bool again = false;

	if (((const struct store_deliver_request *)request)->recipients.count > 1 &&
	    call_step_aside(in))
		return;
	d->store = context;
	d->r = request;
	d->a.op.arena = call_arena(in);
	s = check_request(d);
	if (s == STATUS_OK)
		s = find_accounts(d, &again);
	map_done(&d->known);
	if (s != STATUS_OK) {
		call_fail(in, s, &d->a.op.failure);
		return;
	}
	if (d->count == 1 && serve_steps_aside(d->store, d->at[0].account, in))
		return;
	metric_add(METRIC_STORE_BYTES_IN, (int64_t)d->r->size);
	if (again)
		deliver_many(d, in);
	else if (d->count == 0)
		answer(in, d);
	else if (d->count == 1)
		deliver_one(d, in);
	else
		deliver_many(d, in);
}

/* ---- RCPT ---- */

struct rcpt_op {
	struct account_op a; /* first */
	struct targets to;
	uint64_t verdict;
};

static enum status
rcpt_read(struct account *a, struct op *op)
{
	const struct store_rcpt_request *r = op->request;
	struct rcpt_op *o = (struct rcpt_op *)(void *)op;
	uint64_t quota;

	enum status s = STATUS_OK;

	pthread_mutex_lock(&a->owner.lock);
	quota = account_quota(&a->facts);
	if (a->missing)
		o->verdict = RCPT_NO_SUCH_USER;
	else if (quota > 0 && r->size > quota)
		s = op_refuse(op, STATUS_QUOTA, "The message is larger than the mailbox may be.",
		    "account %llu: larger than its quota", (unsigned long long)a->id);
	else if (quota > 0 && a->head.octets >= quota - r->size)
		o->verdict = RCPT_FULL;
	pthread_mutex_unlock(&a->owner.lock);
	return s;
}

static void
rcpt_answer(struct op *op)
{
	struct rcpt_op *o = (struct rcpt_op *)(void *)op;
	struct store_rcpt_reply reply = { .verdict = o->verdict,
		.canonical = o->to.canonical,
		.account = o->to.count > 0 ? o->to.at[0].account : 0 };

	call_reply(op->in, &reply);
}

static bool
all_suspended(const struct targets *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (!t->at[i].suspended)
			return false;
	return true;
}

/* What the directory alone decides; true when that is the answer. */
static bool
rcpt_decided(struct call_in *in, struct rcpt_op *o, enum status how)
{
	if (how == STATUS_NOT_FOUND || how == STATUS_INVALID)
		o->verdict = RCPT_NO_SUCH_USER;
	else if (how == STATUS_DENIED)
		o->verdict = RCPT_NOT_OURS;
	else if (how != STATUS_OK) {
		call_refuse(in, how, "The directory cannot be read now.", "rcpt");
		return true;
	} else if (all_suspended(&o->to))
		o->verdict = RCPT_SUSPENDED;
	if (o->verdict == RCPT_OK && o->to.count == 1)
		return false;
	rcpt_answer(&o->a.op);
	return true;
}

static struct rcpt_op *
rcpt_new(struct call_in *in, const void *request)
{
	struct rcpt_op *o = ARENA_NEW(call_arena(in), struct rcpt_op);

	o->a.op.in = in;
	o->a.op.request = request;
	o->a.op.arena = call_arena(in);
	o->a.read = rcpt_read;
	o->a.answer = rcpt_answer;
	o->verdict = RCPT_OK;
	return o;
}

/* With what must be read, on a thread that may wait for it. */
static void
rcpt_with_reading(struct call_in *in, const void *request, void *context)
{
	const struct store_rcpt_request *r = request;
	struct rcpt_op *o = rcpt_new(in, request);

	if (!rcpt_decided(in, o, directory_resolve(context, r->address, call_arena(in), &o->to)))
		serve_read_trusted(context, o->to.at[0].account, &o->a);
}

void
serve_store_rcpt(struct call_in *in, const void *request, void *context)
{
	const struct store_rcpt_request *r = request;
	struct rcpt_op *o = rcpt_new(in, request);
	enum status how = directory_resolve_now(context, r->address, call_arena(in), &o->to);

	if (how != STATUS_AGAIN && rcpt_decided(in, o, how))
		return;
	if (how == STATUS_AGAIN || !serve_read_now(context, o->to.at[0].account, &o->a))
		call_hand_on(in, rcpt_with_reading);
}
