/* SPDX-License-Identifier: ISC */
/*
 * Deliveries: an address is resolved to accounts; one account gets the message
 * in one commit, several get it by way of a queue record. What differs for
 * each account (Return-Path, RFC 5321 4.4; Delivered-To, RFC 9228 2) is a
 * prefix in its rows, the content is the same.
 */
#include "base/clock.h"
#include "base/log.h"
#include "codec/utf8.h"
#include "runtime/metrics.h"
#include "store/content.h"
#include "store/core.h"
#include "store/post.h"
#include "store/reach.h"
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
prefix_of(struct account_txn *t, const struct delivery *d)
{
	return arena_printf(txn_arena(&t->txn), "Return-Path: <%.*s>\r\nDelivered-To: %.*s\r\n%.*s",
	    TEXT_ARG(d->sender), TEXT_ARG(t->facts.address), TEXT_ARG(d->prefix));
}

enum status
deliver_into(struct account_txn *t, struct op *op, const struct delivery *d)
{
	const struct mailbox *inbox = account_find(t, NAME_INBOX);
	struct new_message m = { .summary = d->summary,
		.prefix = prefix_of(t, d),
		.piece = d->piece,
		.pieces = d->pieces,
		.shared = d->shared ? HOLDER_ACCOUNT : 0,
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

struct delivering {
	struct account_op a; /* first; when one account gets it */
	struct store *store;
	const struct store_deliver_request *r;
	const struct text *piece;
	uint32_t pieces;
	struct reach to;
	struct text to_whom; /* when one account gets it: its address */
	struct op op;	     /* of the queue */
	bool queued;	     /* the queue gets it, whatever accounts there are */
	bool staged;	     /* when one account gets it: written in steps */
	struct blob_id blob;
	struct draft draft; /* what goes on elsewhere, and what the sender is owed */
	struct record record;
	struct post post;
};

static void
answer(struct call_in *in, struct delivering *d)
{
	struct store_deliver_reply reply = { .verdicts = {
						 d->to.verdict, d->r->recipients.count } };

	call_reply(in, &reply);
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
		if (d->to.verdict[i] == STATUS_OK)
			d->to.verdict[i] = reach_verdict(s);
	if (s == STATUS_OK && !op->repeated)
		trace_delivered(d->store, d->r, d->to.verdict, (struct texts){ &d->to_whom, 1 });
	answer(op->in, d);
	account_put(a);
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
	serve_trusted(d->store, d->to.at[0].account, &d->a);
}

/* Recipients who lead to an account; others may lead elsewhere alone. */
static struct texts
stay_here(const struct delivering *d)
{
	const struct texts *all = &d->r->recipients;
	struct texts here = { ARENA_ARRAY(d->a.op.arena, struct text, all->count), 0 };

	for (uint32_t i = 0; i < all->count; i++)
		if (d->to.verdict[i] == STATUS_OK && d->to.to[i].count > 0)
			here.at[here.count++] = all->at[i];
	return here;
}

/* After it is told that the message was accepted. */
static void
tell_of_going_on(const struct delivering *d, struct texts on)
{
	int64_t now = clock_wall();
	const struct trace_event events[] = {
		{ .what = TRACE_CHECKED, .at = now, .words = d->r->checked },
		{ .what = TRACE_QUEUED, .at = now, .recipients = on },
	};
	uint32_t from = d->r->checked.len > 0 ? 0 : 1;

	trace_note(d->store, d->r->id, events + from, 2 - from);
}

static void
tell(const struct delivering *d)
{
	struct texts on = draft_waiting(&d->draft);

	trace_delivered(d->store, d->r, d->to.verdict, stay_here(d));
	if (on.count > 0)
		tell_of_going_on(d, on);
}

/* The verdicts, as they were when the message was taken in. */
static void
answer_many(struct op *op)
{
	const struct delivering *d = op->arg2;
	struct store_deliver_reply reply = { .none_ = 0 };
	struct unpack u = unpack_of(op->result);
	uint64_t count = unpack_varint_max(&u, op->result.len);

	reply.verdicts.count = (uint32_t)count;
	reply.verdicts.at = ARENA_ARRAY(op->arena, uint64_t, count);
	for (uint64_t i = 0; i < count; i++)
		reply.verdicts.at[i] = unpack_varint(&u);
	if (!op->repeated)
		tell(d);
	call_reply(op->in, &reply);
}

static struct text
pack_verdicts(const struct delivering *d)
{
	struct buffer value = BUFFER_INIT;
	struct text out;

	pack_varint(&value, d->r->recipients.count);
	for (uint32_t i = 0; i < d->r->recipients.count; i++)
		pack_varint(&value, d->to.verdict[i]);
	out = arena_copy(d->op.arena, buffer_text(&value));
	buffer_done(&value);
	return out;
}

static struct draft_wish
wish_of(const struct store_deliver_request *r, uint32_t i)
{
	return (struct draft_wish){ .address = r->recipients.at[i],
		.orcpt = r->orcpts.count > 0 ? r->orcpts.at[i] : TEXT_EMPTY,
		.notify = r->notify.count > 0 ? (uint32_t)r->notify.at[i] : 0 };
}

static bool
goes_on(const struct delivering *d, uint32_t i)
{
	return d->to.verdict[i] == STATUS_OK && d->to.to[i].outside.count > 0;
}

/* RFC 9228 2; of one recipient alone, and in ASCII, which every server takes. */
static struct text
forward_prefix(const struct delivering *d)
{
	struct text from = TEXT_EMPTY;
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->r->recipients.count; i++)
		if (goes_on(d, i)) {
			from = d->to.to[i].canonical;
			n++;
		}
	if (n != 1 || !utf8_is_ascii(from))
		return d->r->forward_prefix;
	return arena_printf(d->op.arena, "Delivered-To: %.*s\r\n%.*s", TEXT_ARG(from),
	    TEXT_ARG(d->r->forward_prefix));
}

static void
draft_delivery(struct delivering *d)
{
	const struct store_deliver_request *r = d->r;
	struct text prefix = forward_prefix(d);

	d->draft = (struct draft){ .arena = d->op.arena,
		.envelope = { .id = r->id,
		    .sender = r->sender,
		    .forward_sender = r->forward_sender,
		    .envid = r->envid,
		    .prefix = prefix,
		    .summary = r->summary,
		    .body = (uint32_t)r->body,
		    .needs = (uint32_t)r->needs,
		    .ret = (uint32_t)r->ret,
		    .size = r->size + prefix.len },
		.received = r->received };
	for (uint32_t i = 0; i < r->recipients.count; i++) {
		struct draft_wish w = wish_of(r, i);

		if (d->to.verdict[i] == STATUS_OK)
			draft_leads(&d->draft, &w, &d->to.to[i]);
	}
	draft_ready(&d->draft);
}

static void
deliver_many(struct delivering *d, struct call_in *in)
{
	d->record = (struct record){ .sender = d->r->sender,
		.summary = d->to.count > 0 ? d->r->summary : TEXT_EMPTY,
		.received = d->r->received,
		.size = d->r->size,
		.blob = core_blob_id(d->store),
		.pieces = d->pieces,
		.count = d->to.count };
	d->record.place = ARENA_ARRAY(d->a.op.arena, struct record_place, d->to.count);
	for (uint32_t i = 0; i < d->to.count; i++)
		d->record.place[i] =
		    (struct record_place){ .account = d->to.at[i].account, .what = PLACE_INBOX };
	d->op.in = in;
	d->op.arg2 = d;
	d->op.id = d->r->op;
	d->op.bytes = d->r->content.bytes.len;
	d->post = (struct post){ .record = &d->record,
		.draft = &d->draft,
		.piece = d->piece,
		.result = pack_verdicts(d),
		.answer = answer_many,
		.number = outgoing_number(d->op.id) };
	post_submit(d->store, &d->op, &d->post);
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
	if (has_control(r->sender) || has_control(r->forward_sender) ||
	    r->sender.len > QUEUE_ADDRESS_MAX || r->summary.len > SUMMARY_MAX ||
	    (r->orcpts.count > 0 && r->orcpts.count != r->recipients.count) ||
	    (r->notify.count > 0 && r->notify.count != r->recipients.count))
		return op_refuse(&d->a.op, STATUS_INVALID, "Bad sender.", "bad sender or summary");
	if (queue_count(d->store) >= RECORDS_MAX)
		return op_refuse(&d->a.op, STATUS_UNAVAILABLE, "Too busy; try again later.",
		    "%u queue records wait", RECORDS_MAX);
	return message_pieces(&d->a.op, r->content.bytes, &d->piece, &d->pieces);
}

static bool
came_back(const struct delivering *d, uint32_t i)
{
	for (uint32_t k = 0; k < d->r->been.count; k++) {
		struct address_key from;

		if (address_key(d->r->been.at[k], d->a.op.arena, &from) == STATUS_OK &&
		    text_equal(from.whole, d->to.to[i].canonical))
			return true;
	}
	return false;
}

/* Nothing may go on elsewhere under a sender that is not there for it, nor what
 * went on from there before. */
static void
refuse_forwards(struct delivering *d)
{
	bool nameless = d->r->sender.len > 0 && d->r->forward_sender.len == 0;

	for (uint32_t i = 0; i < d->r->recipients.count; i++)
		if (goes_on(d, i) && nameless)
			d->to.verdict[i] = STATUS_UNAVAILABLE;
		else if (goes_on(d, i) && came_back(d, i))
			d->to.verdict[i] = STATUS_EXISTS;
	reach_again(&d->to);
}

/* Who gets it. *again: the queue has it from an earlier try of the call, which
 * alone decides, whatever room there is now. One account that gets it in a commit
 * of its own looks for room then. */
static enum status
find_accounts(struct delivering *d, bool *again)
{
	enum status s = STATUS_OK;

	if (d->to.outside)
		refuse_forwards(d);
	*again = false;
	if (d->to.count > 1 || d->r->recipients.count > 1 || d->queued)
		s = queue_remembers(d->store, d->r->op, again);
	if (s != STATUS_OK || *again || (d->to.count <= 1 && !d->queued))
		return s;
	return reach_room(&d->to);
}

static bool
wants_success(const struct store_deliver_request *r)
{
	for (uint32_t i = 0; i < r->notify.count; i++)
		if (r->notify.at[i] & QUEUE_NOTIFY_SUCCESS)
			return true;
	return false;
}

/* False: in is not ours any more. What must wait is not for the thread that reads
 * the link. */
static bool
resolve(struct delivering *d, struct call_in *in)
{
	struct map known;

	d->to = (struct reach){ .store = d->store,
		.arena = d->a.op.arena,
		.recipients = &d->r->recipients,
		.op = d->r->op,
		.size = d->r->size };
	reach_all(&d->to);
	known = d->to.known; /* who steps aside has d no longer */
	d->queued = d->to.outside || wants_success(d->r);
	known = d->to.known; /* d goes with in, if that steps aside */
	if (!d->queued || !call_step_aside(in))
		return true;
	map_done(&known);
	return false;
}

/* What is for the queue beside accounts. */
static enum status
find_others(struct delivering *d)
{
	d->op.arena = d->draft.arena = d->a.op.arena;
	if (!d->queued)
		return STATUS_OK;
	draft_delivery(d);
	if (draft_is_good(&d->draft))
		return STATUS_OK;
	return op_refuse(
	    &d->a.op, STATUS_INVALID, "The message cannot be forwarded.", "bad envelope");
}

static void
deliver(struct delivering *d, struct call_in *in, bool again)
{
	if (d->to.count == 1 && serve_steps_aside(d->store, d->to.at[0].account, in))
		return;
	metric_add(METRIC_STORE_BYTES_IN, (int64_t)d->r->size);
	if (again || d->draft.count > 0 || d->to.count > 1)
		deliver_many(d, in);
	else if (d->to.count == 0)
		answer(in, d);
	else
		deliver_one(d, in);
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
	if (s == STATUS_OK && !resolve(d, in))
		return;
	if (s == STATUS_OK)
		s = find_accounts(d, &again);
	if (s == STATUS_OK)
		s = find_others(d);
	reach_done(&d->to);
	if (s == STATUS_OK)
		deliver(d, in, again);
	else
		call_fail(in, s, &d->a.op.failure);
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
		.account = o->to.count > 0 ? o->to.at[0].account : 0,
		.forwards = o->to.outside.count > 0 };

	call_reply(op->in, &reply);
}

static bool
all_suspended(const struct targets *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (!t->at[i].suspended)
			return false;
	return t->outside.count == 0;
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
