/* SPDX-License-Identifier: ISC */
/*
 * Who came on the suppression list while his mail waited, or is led to by a
 * forward, which is not asked about at RCPT: he is not tried any more, and the
 * sender is told. What was accepted a moment ago and never tried was asked about
 * then, so that a message on its way costs nothing here.
 */
#include "store/core.h"
#include "store/outgoing.h"
#include "store/suppression.h"

#define FRESH 60 /* seconds since the message came */

bool
outgoing_may_be_barred(
    const struct outgoing_message *m, bool forwarded, const struct outgoing_run *r, int64_t now)
{
	bool tried = false;

	for (uint32_t i = 0; i < r->count; i++)
		tried |= r->at[i].state == OUTGOING_WAITING && r->at[i].attempts > 0;
	return tried || forwarded || m->received + FRESH <= now || m->received > now;
}

bool
outgoing_is_barred(struct store *s, const struct outgoing_run *r, struct arena *a)
{
	struct suppressed x;

	for (uint32_t i = 0; i < r->count; i++)
		if (r->at[i].state == OUTGOING_WAITING &&
		    suppression_find(s, r->at[i].address, a, &x) == STATUS_OK)
			return true;
	return false;
}

struct barring {
	struct op op; /* first */
	uint64_t message;
	uint32_t first;
};

/* False: he may be sent to. */
static bool
bar_one(struct txn *t, struct arena *a, struct outgoing_recipient *r, struct trace_event *told)
{
	struct suppressed x;

	if (r->state != OUTGOING_WAITING ||
	    suppression_find(t->store, r->address, a, &x) != STATUS_OK)
		return false;
	r->reply = suppression_words(&x, "5.1.1 ", r->address, a);
	r->server = TEXT_EMPTY;
	outgoing_end(r, OUTGOING_FAILED, QUEUE_NOTIFY_FAILURE, OWED_FAILURE);
	*told = (struct trace_event){ .what = TRACE_FAILED,
		.at = t->now,
		.words = r->reply,
		.recipients = { &r->address, 1 } };
	return true;
}

static enum status
bar_apply(struct txn *t, struct op *op)
{
	const struct barring *b = (const struct barring *)(const void *)op;
	struct outgoing_message m;
	struct outgoing_run run;
	struct trace_event *told;
	uint32_t n = 0;
	enum status how = outgoing_read(t, op->arena, b->message, b->first, &m, &run);

	if (how != STATUS_OK)
		return how == STATUS_NOT_FOUND ? STATUS_OK : how;
	told = ARENA_ARRAY(op->arena, struct trace_event, run.count);
	outgoing_count(&run, &m, -1);
	for (uint32_t i = 0; i < run.count; i++)
		n += bar_one(t, op->arena, &run.at[i], &told[n]);
	outgoing_count(&run, &m, 1);
	trace_plan(t, b->message, told, n);
	return outgoing_put(t, b->message, b->first, &m, &run);
}

enum status
outgoing_bar(struct store *s, uint64_t message, uint32_t first, struct arena *a)
{
	struct barring b = { .message = message, .first = first };

	b.op.apply = bar_apply;
	b.op.arena = a;
	return owner_wait(&s->queue.shard[message % QUEUE_SHARDS].owner, &b.op);
}
