/* SPDX-License-Identifier: ISC */
/*
 * Reports: what became of the recipients of a lease, and when the rest is tried
 * again. A message goes in the batch that ends its last recipient, unless its
 * sender is still to be told something.
 *
 * The times between attempts double, from queue.retry_first up to
 * queue.retry_max (RFC 5321 4.5.4.1), each a quarter more or less by chance.
 */
#include "base/random.h"
#include "runtime/settings.h"
#include "store/core.h"
#include "store/outgoing.h"

struct reporting {
	struct op op; /* first */
	const struct queue_report_request *r;
	uint64_t link;
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

static bool
wants(const struct outgoing_recipient *r, enum queue_notify what)
{
	return (r->notify == 0 ? QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_DELAY : r->notify) & what;
}

static struct text
cut(struct text t)
{
	return text_part(t, 0, t.len < QUEUE_TEXT_MAX ? t.len : QUEUE_TEXT_MAX);
}

/* ---- one recipient ---- */

static void
comes_to_an_end(struct outgoing_recipient *r, enum outgoing_state state, enum queue_notify what,
    enum outgoing_owed owed)
{
	r->state = state;
	r->owed &= WARNED; /* who is told of the end need not be told of a delay */
	if (wants(r, what))
		r->owed |= owed;
}

static void
is_late(struct outgoing_recipient *r, const struct outgoing_message *m, int64_t now)
{
	int64_t expires = m->expires;

	if (expires == 0)
		expires = m->received + setting(SET_QUEUE_LIFETIME) / CLOCK_SECOND;
	if (now >= expires) {
		comes_to_an_end(r, OUTGOING_FAILED, QUEUE_NOTIFY_FAILURE, OWED_FAILURE);
		return;
	}
	if (now >= m->received + setting(SET_QUEUE_WARN_AFTER) / CLOCK_SECOND &&
	    !(r->owed & WARNED))
		r->owed |= wants(r, QUEUE_NOTIFY_DELAY) ? WARNED | OWED_DELAY : WARNED;
}

static void
learn(struct outgoing_recipient *r, const struct outgoing_message *m, enum queue_outcome how,
    struct text reply, struct text server, int64_t now)
{
	if (how == QUEUE_UNTRIED)
		return;
	r->attempts++;
	r->last = now;
	r->reply = cut(reply);
	r->server = cut(server);
	if (how == QUEUE_DELIVERED)
		comes_to_an_end(r, OUTGOING_DELIVERED, QUEUE_NOTIFY_SUCCESS, 0);
	else if (how == QUEUE_RELAYED)
		comes_to_an_end(r, OUTGOING_RELAYED, QUEUE_NOTIFY_SUCCESS, OWED_SUCCESS);
	else if (how == QUEUE_FAILED)
		comes_to_an_end(r, OUTGOING_FAILED, QUEUE_NOTIFY_FAILURE, OWED_FAILURE);
	else
		is_late(r, m, now);
}

/* ---- the rows ---- */

/* Adds this run's share to the counts of the message. */
static void
count(const struct outgoing_run *r, struct outgoing_message *m, int sign)
{
	for (uint32_t i = 0; i < r->count; i++) {
		m->open = (uint32_t)((int)m->open + (outgoing_is_open(&r->at[i]) ? sign : 0));
		m->owed = (uint32_t)((int)m->owed + (outgoing_is_owed(&r->at[i]) ? sign : 0));
	}
}

static enum status
delete_row(void *arg, struct text key, struct text value)
{
	(void)value;
	txn_delete(arg, key);
	return STATUS_OK;
}

static enum status
message_goes(struct txn *t, uint64_t message, const struct outgoing_message *m)
{
	struct key row = key_u64(KEY_Q_MESSAGE, message),
		   envelope = key_u64(KEY_Q_ENVELOPE, message), run = key_u64(KEY_Q_RUN, message),
		   behind = key_behind(run);

	txn_delete(t, key_text(&row));
	txn_delete(t, key_text(&envelope));
	txn_blob_delete(t, m->blob, (uint16_t)m->pieces);
	return txn_scan(t, key_text(&run), key_text(&behind), delete_row, t);
}

static enum status
put_message(struct txn *t, uint64_t message, const struct outgoing_message *m)
{
	struct key key = key_u64(KEY_Q_MESSAGE, message);
	struct buffer value = BUFFER_INIT;

	outgoing_message_pack(&value, m);
	txn_put(t, key_text(&key), buffer_text(&value));
	buffer_done(&value);
	return STATUS_OK;
}

/* ---- the report ---- */

static enum status
read_rows(struct txn *t, struct op *op, struct outgoing_message *m, struct outgoing_run *run)
{
	const struct queue_report_request *r = reporting_of(op)->r;
	struct key message = key_u64(KEY_Q_MESSAGE, r->message),
		   row = outgoing_run_key(r->message, (uint32_t)r->first);
	struct text value;
	enum status how = txn_get(t, key_text(&row), op->arena, &value);

	if (how == STATUS_OK)
		how = outgoing_run_unpack(value, op->arena, run);
	if (how == STATUS_OK)
		how = txn_get(t, key_text(&message), op->arena, &value);
	return how == STATUS_OK ? outgoing_message_unpack(value, m) : how;
}

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
	how = read_rows(t, op, &m, &run);
	if (how == STATUS_NOT_FOUND)
		return STATUS_OK; /* the operator took it away meanwhile */
	if (how != STATUS_OK)
		return how;
	count(&run, &m, -1);
	for (uint32_t i = 0; i < r->numbers.count; i++) {
		uint64_t at = r->numbers.at[i] - r->first;

		if (at < run.count && outgoing_is_open(&run.at[at]))
			learn(&run.at[at], &m, (enum queue_outcome)r->outcomes.at[i],
			    r->replies.at[i], r->server, now);
	}
	count(&run, &m, 1);
	if (m.open == 0 && m.owed == 0)
		return message_goes(t, r->message, &m);
	run.due = next_due(&run, now);
	outgoing_put_run(t, r->message, (uint32_t)r->first, &run);
	return put_message(t, r->message, &m);
}

static void
report_finish(struct op *op, enum status how)
{
	struct reporting *k = reporting_of(op);
	struct queue_report_reply reply = { .none_ = 0 };

	if (how != STATUS_OK) {
		call_fail(op->in, how, &op->failure);
		return;
	}
	if (!op->repeated)
		lease_end(
		    k->op.arg, k->r->message, (uint32_t)k->r->first, (enum schedule_end)k->r->how);
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
	owner_submit(&s->queue.shard[k->r->message % QUEUE_SHARDS].owner, &k->op);
}
