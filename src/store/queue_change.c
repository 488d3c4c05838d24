/* SPDX-License-Identifier: ISC */
/*
 * What the operator changes in outgoing mail: a step finds runs of one shard,
 * leases them to itself so that outbound gets them neither meanwhile nor as
 * they were, and changes them in one batch. What outbound has in hand already
 * is left.
 *
 *	found, as of a moment -> leased -> read again and changed -> lease ended
 */
#include "store/core.h"
#include "store/queue_walk.h"

#define STEP_RUNS 512u		     /* that are changed in one batch */
#define SETTLING (10 * CLOCK_SECOND) /* microseconds */

struct place {
	uint64_t message;
	uint32_t first;
	struct text destination;
};

/* What accounts of this site were to get of a message, when its time comes. */
struct local {
	uint64_t message;
	struct record *record;
	bool dropped;
};

struct changing {
	struct op op; /* first */
	struct store *s;
	const struct queue_admin_change_request *r;
	struct queue_selection q;
	struct place at[STEP_RUNS]; /* leased */
	uint32_t count;
	struct local local[STEP_RUNS]; /* claimed */
	uint32_t locals;
	struct queue_change_done done;
	bool stopped; /* for an account whose sending is stopped or goes on */
};

static struct changing *
changing_of(struct op *op)
{
	return (struct changing *)(void *)op;
}

/* ---- one run ---- */

/* The states that a change begins with. */
static bool
is_open_to(enum queue_admin_change change, enum outgoing_state state)
{
	switch (change) {
	case QUEUE_ADMIN_RETRY:
	case QUEUE_ADMIN_HOLD:
		return state == OUTGOING_WAITING;
	case QUEUE_ADMIN_RELEASE:
		return state == OUTGOING_HELD;
	case QUEUE_ADMIN_DROP:
		return state == OUTGOING_WAITING || state == OUTGOING_HELD;
	case QUEUE_ADMIN_CHANGES:
		break;
	}
	return false;
}

static bool
is_meant(const struct changing *k, const struct outgoing_run *run, uint32_t i)
{
	bool ours = !k->stopped || k->r->change != QUEUE_ADMIN_RELEASE ||
		    (run->at[i].owed & HELD_STOPPED) != 0;

	return ours && is_open_to((enum queue_admin_change)k->r->change, run->at[i].state) &&
	       queue_selects(&k->q, run, i);
}

static uint32_t
meant(const struct changing *k, const struct outgoing_run *run)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < run->count; i++)
		n += is_meant(k, run, i);
	return n;
}

static void
change_one(const struct changing *k, struct outgoing_run *run, uint32_t i, int64_t now)
{
	struct outgoing_recipient *r = &run->at[i];

	switch ((enum queue_admin_change)k->r->change) {
	case QUEUE_ADMIN_RELEASE:
		r->state = OUTGOING_WAITING;
		r->owed &= ~(uint32_t)HELD_STOPPED;
		/* what was to wait (RFC 4865) waits on */
		run->due = k->stopped && run->due > now ? run->due : now;
		break;
	case QUEUE_ADMIN_RETRY:
		run->due = run->due < now ? run->due : now;
		break;
	case QUEUE_ADMIN_HOLD:
		r->state = OUTGOING_HELD;
		r->owed |= k->stopped ? HELD_STOPPED : 0;
		break;
	case QUEUE_ADMIN_DROP:
		outgoing_end(
		    r, OUTGOING_DROPPED, QUEUE_NOTIFY_FAILURE, k->r->silent ? 0 : OWED_FAILURE);
		break;
	case QUEUE_ADMIN_CHANGES:
		break;
	}
}

/* ---- what it has here ---- */

/* Who takes a message away before its time takes all of it, unless he named some
 * of its recipients. */
static void
claim_local(struct changing *k, uint64_t message)
{
	struct outgoing_message m;
	struct record *r;

	if (k->r->change != QUEUE_ADMIN_DROP || k->q.recipient.len > 0 ||
	    k->q.destination.len > 0 ||
	    (k->locals > 0 && k->local[k->locals - 1].message == message) ||
	    outgoing_find(k->s, message, k->op.arena, &m) != STATUS_OK || m.record == 0 ||
	    m.released <= k->q.now)
		return;
	r = record_claim(k->s, m.record);
	if (r != NULL)
		k->local[k->locals++] = (struct local){ .message = message, .record = r };
}

/* Nobody of the message is left. */
static void
drop_local(struct txn *t, struct changing *k, uint64_t message)
{
	for (uint32_t i = 0; i < k->locals; i++)
		if (k->local[i].message == message) {
			record_drop(t, k->local[i].record);
			k->local[i].dropped = true;
		}
}

/* What may be dropped or not stays as it is until the next start, which sees it. */
static void
let_locals(struct changing *k, enum status how)
{
	for (uint32_t i = 0; i < k->locals; i++)
		if (!k->local[i].dropped || how != STATUS_AMBIGUOUS)
			record_let(k->local[i].record, k->local[i].dropped && how == STATUS_OK);
}

/* ---- the batch ---- */

static enum trace_what
told_as(enum queue_admin_change change)
{
	switch (change) {
	case QUEUE_ADMIN_HOLD:
		return TRACE_HELD;
	case QUEUE_ADMIN_RELEASE:
		return TRACE_RELEASED;
	case QUEUE_ADMIN_DROP:
		return TRACE_DROPPED;
	default:
		return TRACE_RETRIED;
	}
}

/* What was held for longer than mail is tried is not given up at once. */
static void
prolong(const struct changing *k, struct outgoing_message *m, int64_t now)
{
	if (k->r->change == QUEUE_ADMIN_RELEASE && m->expires == 0 && outgoing_expires(m) <= now)
		m->released = now;
}

static enum status
change_run(struct txn *t, struct changing *k, const struct place *p)
{
	struct trace_event e = { .what = told_as((enum queue_admin_change)k->r->change),
		.at = t->now };
	struct outgoing_message m;
	struct outgoing_run run;
	int64_t now = t->now / CLOCK_SECOND, due;
	uint32_t n;
	enum status how = outgoing_read(t, k->op.arena, p->message, p->first, &m, &run);

	if (how != STATUS_OK)
		return how == STATUS_NOT_FOUND ? STATUS_OK : how; /* it came to its end meanwhile */
	n = meant(k, &run);
	k->done.changed += n;
	due = run.due;
	outgoing_count(&run, &m, -1);
	e.recipients.at = ARENA_ARRAY(k->op.arena, struct text, n);
	for (uint32_t i = 0; i < run.count; i++)
		if (is_meant(k, &run, i)) {
			e.recipients.at[e.recipients.count++] = run.at[i].address;
			change_one(k, &run, i, now);
		}
	outgoing_count(&run, &m, 1);
	if (n == 0 || (k->r->change == QUEUE_ADMIN_RETRY && run.due == due))
		return STATUS_OK;
	trace_plan(t, p->message, &e, 1);
	prolong(k, &m, now);
	if (m.open == 0)
		drop_local(t, k, p->message);
	return outgoing_put(t, p->message, p->first, &m, &run);
}

static enum status
change_apply(struct txn *t, struct op *op)
{
	struct changing *k = changing_of(op);
	enum status how = STATUS_OK;

	k->done.changed = 0;
	for (uint32_t i = 0; i < k->locals; i++)
		k->local[i].dropped = false;
	for (uint32_t i = 0; i < k->count && how == STATUS_OK; i++)
		how = change_run(t, k, &k->at[i]);
	return how;
}

static void
answer(struct changing *k)
{
	struct queue_admin_change_reply reply = {
		.changed = k->done.changed, .busy = k->done.busy, .resume = k->done.resume
	};

	call_reply(k->op.in, &reply);
}

static void
give_back(struct changing *k)
{
	bool wake = k->r->change == QUEUE_ADMIN_RETRY || k->r->change == QUEUE_ADMIN_RELEASE;

	for (uint32_t i = 0; i < k->count; i++) {
		lease_end(k->s, k->at[i].message, k->at[i].first, SCHEDULE_NEITHER);
		if (wake)
			outgoing_wake(k->s, k->at[i].destination);
	}
}

static void
change_finish(struct op *op, enum status how)
{
	struct changing *k = changing_of(op);

	give_back(k);
	let_locals(k, how);
	if (how == STATUS_OK)
		answer(k);
	else
		call_fail(op->in, how, &op->failure);
}

/* ---- the step ---- */

static enum status
lease_run(void *arg, const struct queue_found *f)
{
	struct changing *k = arg;
	uint32_t n = meant(k, &f->run);

	if (n == 0)
		return STATUS_OK;
	if (k->count == STEP_RUNS)
		return STATUS_NOT_FOUND;
	if (!lease_take(k->s, f->message, f->first, &f->run)) {
		k->done.busy += n;
		return STATUS_OK;
	}
	k->at[k->count++] = (struct place){ f->message, f->first, f->run.destination };
	claim_local(k, f->message);
	return STATUS_OK;
}

static enum status
change_check(struct changing *k)
{
	if (k->r->change >= QUEUE_ADMIN_CHANGES || k->r->silent > 1)
		return op_refuse(&k->op, STATUS_INVALID, "Bad request.", "queue_admin_change");
	if (!outgoing_is_settled(k->s, SETTLING))
		return op_refuse(&k->op, STATUS_AGAIN,
		    "The service has just started, and it is not known yet what is under way; "
		    "try again in some seconds.",
		    "queue_admin_change before queue_resume");
	return queue_selection_check(&k->q);
}

static struct changing *
changing_new(struct store *s, struct arena *a, const struct queue_admin_change_request *r)
{
	struct changing *k = ARENA_NEW(a, struct changing);

	k->s = s;
	k->r = r;
	k->q = (struct queue_selection)QUEUE_SELECTION_OF(k->r, clock_wall() / CLOCK_SECOND);
	k->op.arena = a;
	k->op.apply = change_apply;
	return k;
}

static enum status
find_runs(struct changing *k)
{
	enum status how = change_check(k);

	if (how == STATUS_OK)
		how = queue_walk(k->s, k->op.arena, &k->q, true, lease_run, k, &k->done.resume);
	return how;
}

static struct owner *
shard_owner(const struct changing *k)
{
	return &k->s->queue.shard[k->at[0].message % QUEUE_SHARDS].owner;
}

enum status
queue_change_step(struct store *s, struct arena *a, const struct queue_admin_change_request *r,
    struct queue_change_done *out)
{
	struct changing *k = changing_new(s, a, r);
	enum status how;

	k->stopped = true;
	how = find_runs(k);
	if (how == STATUS_OK && k->count > 0)
		how = owner_wait(shard_owner(k), &k->op);
	give_back(k);
	let_locals(k, how);
	if (how == STATUS_OK)
		*out = k->done;
	return how;
}

void
serve_queue_admin_change(struct call_in *in, const void *request, void *context)
{
	struct changing *k = changing_new(context, call_arena(in), request);
	enum status how;

	k->op.in = in;
	k->op.finish = change_finish;
	how = find_runs(k);
	if (how != STATUS_OK) {
		give_back(k);
		let_locals(k, how);
		call_fail(in, how, &k->op.failure);
	} else if (k->count == 0) {
		answer(k);
	} else {
		owner_submit(shard_owner(k), &k->op);
	}
}
