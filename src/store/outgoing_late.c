/* SPDX-License-Identifier: ISC */
/*
 * Time that passes: who waits for long is warned about once, and given up in
 * the end (RFC 5321 4.5.4.1), and when the sender set a time, given up or told
 * of then (RFC 2852 4). It is looked at with each report, and at the deadline
 * of a run, so that it does not depend on attempts: a destination may rest, or
 * nothing be sent at all. What outbound has in hand is left to its report. Who
 * is held by the operator is not late.
 */
#include "base/log.h"
#include "runtime/settings.h"
#include "store/core.h"
#include "store/outgoing.h"

#define LOOK_AGAIN CLOCK_MINUTE /* at what somebody has in hand, or could not be done */
#define LOOKS_MAX 5000u		/* a round */

int64_t
outgoing_expires(const struct outgoing_message *m)
{
	return m->expires != 0 ? m->expires
			       : m->released + setting(SET_QUEUE_LIFETIME) / CLOCK_SECOND;
}

static int64_t
warned_at(const struct outgoing_message *m)
{
	return m->released + setting(SET_QUEUE_WARN_AFTER) / CLOCK_SECOND;
}

static void
warn(struct outgoing_recipient *r, enum outgoing_owed mark, bool wanted)
{
	r->owed |= (uint32_t)mark | (wanted ? OWED_DELAY : 0);
}

/* A sender who set a time asked to be told, unless by NOTIFY=NEVER. */
void
outgoing_is_late(struct outgoing_recipient *r, const struct outgoing_message *m, int64_t now)
{
	if (now >= outgoing_expires(m)) {
		outgoing_end(r, OUTGOING_FAILED, QUEUE_NOTIFY_FAILURE, OWED_FAILURE);
		return;
	}
	if (now >= warned_at(m) && !(r->owed & WARNED))
		warn(r, WARNED, outgoing_wants(r, QUEUE_NOTIFY_DELAY));
	if (m->notify_at != 0 && now >= m->notify_at && !(r->owed & WARNED_BY))
		warn(r, WARNED_BY, r->notify != QUEUE_NOTIFY_NEVER);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
outgoing_deadline(const struct outgoing_message *m, const struct outgoing_run *r)
{
	int64_t at = 0;

	for (uint32_t i = 0; i < r->count; i++) {
		if (r->at[i].state != OUTGOING_WAITING)
			continue;
		at = at == 0 ? outgoing_expires(m) : at;
		if (!(r->at[i].owed & WARNED))
			at = sooner(at, warned_at(m));
		if (m->notify_at != 0 && !(r->at[i].owed & WARNED_BY))
			at = sooner(at, m->notify_at);
	}
	return at;
}

/* ---- a deadline that passed ---- */

struct lateness {
	struct op op; /* first */
	struct arena arena;
	struct store *s;
	struct outgoing_deadline d;
};

static struct lateness *
lateness_of(struct op *op)
{
	return (struct lateness *)(void *)op;
}

static enum status
late_apply(struct txn *t, struct op *op)
{
	const struct outgoing_deadline *d = &lateness_of(op)->d;
	struct trace_event e = { .what = TRACE_EXPIRED, .at = t->now };
	struct outgoing_message m;
	struct outgoing_run run;
	enum status how = outgoing_read(t, op->arena, d->message, d->first, &m, &run);

	if (how != STATUS_OK)
		return how == STATUS_NOT_FOUND ? STATUS_OK : how;
	outgoing_count(&run, &m, -1);
	e.recipients.at = ARENA_ARRAY(op->arena, struct text, run.count);
	for (uint32_t i = 0; i < run.count; i++) {
		if (run.at[i].state != OUTGOING_WAITING)
			continue;
		outgoing_is_late(&run.at[i], &m, t->now / CLOCK_SECOND);
		if (run.at[i].state == OUTGOING_FAILED)
			e.recipients.at[e.recipients.count++] = run.at[i].address;
	}
	outgoing_count(&run, &m, 1);
	trace_plan(t, d->message, &e, e.recipients.count > 0);
	return outgoing_put(t, d->message, d->first, &m, &run);
}

static void
look_again(struct outgoing *o, const struct outgoing_deadline *d, int64_t when)
{
	struct outgoing_deadline again = *d;

	again.at = when;
	pthread_mutex_lock(&o->lock);
	heap_push(&o->deadlines, &again);
	pthread_mutex_unlock(&o->lock);
}

static void
late_finish(struct op *op, enum status how)
{
	struct lateness *k = lateness_of(op);
	struct store *s = k->s;

	lease_end(s, k->d.message, k->d.first, SCHEDULE_NEITHER);
	if (how != STATUS_OK) {
		LOG_WARN(
		    "store.queue_deadline", FIELD_U64("message", k->d.message), FIELD_STATUS(how));
		look_again(&s->queue.outgoing, &k->d, clock_wall() + LOOK_AGAIN);
	}
	arena_done(&k->arena);
	mem_free(k);
	core_busy(s, -1);
}

static void
submit(struct store *s, const struct outgoing_deadline *d)
{
	struct lateness *k = MEM_NEW(struct lateness);

	k->s = s;
	k->d = *d;
	k->op.arena = &k->arena;
	k->op.apply = late_apply;
	k->op.finish = late_finish;
	core_busy(s, 1);
	owner_submit(&s->queue.shard[d->message % QUEUE_SHARDS].owner, &k->op);
}

/* It is leased to the store, so that nobody sends what is being given up. */
static void
look_at(struct store *s, const struct outgoing_deadline *d)
{
	struct arena a = ARENA_INIT;
	struct outgoing_message m;
	struct outgoing_run run;
	int64_t now = clock_wall();
	enum status how = outgoing_find(s, d->message, &a, &m);

	if (how == STATUS_OK)
		how = outgoing_find_run(s, d->message, d->first, &m, &a, &run);
	if (how == STATUS_OK && run.deadline * CLOCK_SECOND > now) {
		look_again(&s->queue.outgoing, d, run.deadline * CLOCK_SECOND);
	} else if (how == STATUS_OK && run.deadline != 0) {
		if (lease_take(s, d->message, d->first, &run))
			submit(s, d);
		else
			look_again(&s->queue.outgoing, d, now + LOOK_AGAIN);
	} else if (how != STATUS_OK && how != STATUS_NOT_FOUND) {
		LOG_ALARM(
		    "store.queue_unreadable", FIELD_U64("message", d->message), FIELD_STATUS(how));
		look_again(&s->queue.outgoing, d, now + LOOK_AGAIN);
	}
	arena_done(&a);
}

static bool
take_first(struct outgoing *o, struct outgoing_deadline *d)
{
	const struct outgoing_deadline *first;
	bool is;

	pthread_mutex_lock(&o->lock);
	first = heap_first(&o->deadlines);
	is = first != NULL && first->at <= clock_wall();
	if (is)
		heap_pop(&o->deadlines, d);
	pthread_mutex_unlock(&o->lock);
	return is;
}

void
outgoing_late_tend(struct store *s)
{
	struct outgoing_deadline d;

	for (uint32_t i = 0; i < LOOKS_MAX && take_first(&s->queue.outgoing, &d); i++)
		look_at(s, &d);
}
