/* SPDX-License-Identifier: ISC */
/*
 * Reports: what became of the recipients of a lease, and when the rest is tried
 * again. A message goes in the batch that ends its last recipient, unless its
 * sender is still to be told something.
 *
 * Who reports well goes on with the next of the same destination, which is
 * looked for before the batch is written and goes with its answer.
 *
 * The times between attempts double, from queue.retry_first up to
 * queue.retry_max (RFC 5321 4.5.4.1), each a quarter more or less by chance.
 */
#include "base/random.h"
#include "runtime/settings.h"
#include "store/core.h"
#include "store/outgoing.h"
#include "store/suppression.h"

struct reporting {
	struct op op; /* first */
	const struct queue_report_request *r;
	uint64_t link, account;
	struct queue_lease_reply next; /* message 0: none */
	/* For store/suppression.h: who got it, who never will, and the words. */
	uint32_t news;
	struct text address[SCHEDULE_RUN_MAX], words[SCHEDULE_RUN_MAX];
};

static struct reporting *
reporting_of(struct op *op)
{
	return (struct reporting *)(void *)op;
}

/* Seconds until the next attempt. */
static int64_t
pause_after(uint32_t attempts)
{
	int64_t pause = setting(SET_QUEUE_RETRY_FIRST), most = setting(SET_QUEUE_RETRY_MAX);

	for (uint32_t i = 1; i < attempts && pause < most; i++)
		pause *= 2;
	if (pause > most)
		pause = most;
	pause = pause * 3 / 4 + (int64_t)random_below((uint64_t)pause / 2 + 1);
	return pause / CLOCK_SECOND + 1;
}

static struct text
cut(struct text t)
{
	return text_part(t, 0, t.len < QUEUE_TEXT_MAX ? t.len : QUEUE_TEXT_MAX);
}

/* ---- one recipient ---- */

static void
learn(struct outgoing_recipient *r, const struct outgoing_message *m, enum queue_outcome how,
    struct text reply, struct text server, int64_t now)
{
	if (how == QUEUE_UNTRIED) {
		outgoing_is_late(r, m, now);
		return;
	}
	r->attempts++;
	r->last = now;
	r->reply = cut(reply);
	r->server = cut(server);
	if (how == QUEUE_DELIVERED)
		outgoing_end(r, OUTGOING_DELIVERED, QUEUE_NOTIFY_SUCCESS, 0);
	else if (how == QUEUE_KEPT)
		outgoing_end(r, OUTGOING_DELIVERED, QUEUE_NOTIFY_SUCCESS, OWED_SUCCESS);
	else if (how == QUEUE_RELAYED)
		outgoing_end(r, OUTGOING_RELAYED, QUEUE_NOTIFY_SUCCESS, OWED_SUCCESS);
	else if (how == QUEUE_FAILED)
		outgoing_end(r, OUTGOING_FAILED, QUEUE_NOTIFY_FAILURE, OWED_FAILURE);
	else
		outgoing_is_late(r, m, now);
}

/* The texts live as long as the operation. */
static void
note(struct reporting *k, struct text address, enum queue_outcome how, struct text reply)
{
	bool hard = how == QUEUE_FAILED && suppression_is_hard(reply);

	if (!hard && how != QUEUE_DELIVERED && how != QUEUE_RELAYED)
		return;
	k->address[k->news] = address;
	k->words[k->news++] = hard ? reply : TEXT_EMPTY;
}

/* ---- the report ---- */

/* When those who still wait are due. */
static int64_t
next_due(const struct outgoing_run *run, int64_t now)
{
	uint32_t most = 0;
	bool tried = false;

	for (uint32_t i = 0; i < run->count; i++)
		if (run->at[i].state == OUTGOING_WAITING) {
			most = run->at[i].attempts > most ? run->at[i].attempts : most;
			tried |= run->at[i].last == now;
		}
	return tried ? now + pause_after(most) : now;
}

static enum status
report_apply(struct txn *t, struct op *op)
{
	struct reporting *k = reporting_of(op);
	const struct queue_report_request *r = k->r;
	int64_t now = t->now / CLOCK_SECOND;
	struct outgoing_message m;
	struct outgoing_run run;
	enum status how;

	if (op->repeated)
		return STATUS_OK;
	if (!lease_held(t->store, k->link, r->message, (uint32_t)r->first))
		return op_refuse(op, STATUS_DENIED, "Nobody has that in hand.",
		    "report about %llu/%llu without a lease", (unsigned long long)r->message,
		    (unsigned long long)r->first);
	how = outgoing_read(t, op->arena, r->message, (uint32_t)r->first, &m, &run);
	if (how == STATUS_NOT_FOUND)
		return STATUS_OK; /* the operator took it away meanwhile */
	if (how != STATUS_OK)
		return how;
	k->account = m.account;
	outgoing_count(&run, &m, -1);
	k->news = 0;
	for (uint32_t i = 0; i < r->numbers.count; i++) {
		uint64_t at = r->numbers.at[i] - r->first;

		if (at >= run.count || !outgoing_is_open(&run.at[at]))
			continue;
		learn(&run.at[at], &m, (enum queue_outcome)r->outcomes.at[i], r->replies.at[i],
		    r->server, now);
		note(
		    k, run.at[at].address, (enum queue_outcome)r->outcomes.at[i], r->replies.at[i]);
	}
	outgoing_count(&run, &m, 1);
	run.due = next_due(&run, now);
	trace_attempts(t, op->arena, r, &run);
	return outgoing_put(t, r->message, (uint32_t)r->first, &m, &run);
}

/* Who writes to many that do not exist has their addresses from nowhere. */
static void
look_at_bounces(const struct reporting *k)
{
	for (uint32_t i = 0; i < k->r->outcomes.count; i++) {
		uint64_t how = k->r->outcomes.at[i];
		struct text reply = text_part(k->r->replies.at[i], 0, 9);

		if (how == QUEUE_DELIVERED || how == QUEUE_RELAYED)
			sending_bounced(k->op.arg, k->account, false);
		else if (how == QUEUE_FAILED && text_ends_ci(reply, TEXT(" 5.1.1")))
			sending_bounced(k->op.arg, k->account, true);
	}
}

static void
report_finish(struct op *op, enum status how)
{
	struct reporting *k = reporting_of(op);
	struct queue_report_reply reply;

	if (how != STATUS_OK) {
		lease_back(op->arg, k->link, &k->next);
		call_fail(op->in, how, &op->failure);
		return;
	}
	if (!op->repeated ||
	    lease_is_resumed(op->arg, k->link, k->r->message, (uint32_t)k->r->first))
		lease_end(
		    k->op.arg, k->r->message, (uint32_t)k->r->first, (enum schedule_end)k->r->how);
	if (op->repeated) {
		lease_not_heard_of(op->arg, k->link, op->id);
		k->next = (struct queue_lease_reply){ .message = 0, .more = 1 };
	}
	for (uint32_t i = 0; i < k->news && !op->repeated; i++)
		suppression_learn(k->op.arg, k->address[i], k->words[i]);
	if (!op->repeated)
		look_at_bounces(k);
	QUEUE_LEASE_COPY(&k->next, &reply);
	call_reply(op->in, &reply);
}

static bool
well_formed(const struct queue_report_request *r)
{
	uint32_t n = r->numbers.count;

	for (uint32_t i = 0; i < r->outcomes.count; i++)
		if (r->outcomes.at[i] > QUEUE_UNTRIED)
			return false;
	return r->outcomes.count == n && r->replies.count == n && n <= SCHEDULE_RUN_MAX &&
	       r->how <= SCHEDULE_DOWN;
}

void
serve_queue_report(struct call_in *in, const void *request, void *context)
{
	struct reporting *k = ARENA_NEW(call_arena(in), struct reporting);
	struct store *s = context;

	k->r = request;
	k->link = call_link(in);
	k->op.in = in;
	k->op.arena = call_arena(in);
	k->op.id = k->r->op;
	k->op.apply = report_apply;
	k->op.finish = report_finish;
	k->op.arg = s;
	if (!well_formed(k->r)) {
		call_refuse(in, STATUS_INVALID, "Bad report.", "queue_report: bad lists");
		return;
	}
	if (k->r->next != 0)
		lease_follows(s, in, k->r, &k->next);
	owner_submit(&s->queue.shard[k->r->message % QUEUE_SHARDS].owner, &k->op);
}
