/* SPDX-License-Identifier: ISC */
/*
 * What senders are to be told (RFC 3461 6): who tells it has the message in
 * hand until he says that it was told, or his link is lost. The heap proposes,
 * the rows decide:
 *
 *	owed (rows) -> proposed at its time -> a notice: in hand
 *	    -> told: the rows owe it no more | lost: proposed again
 *	    | not told: proposed again after a time that doubles
 */
#include "base/log.h"
#include "store/core.h"
#include "store/outgoing.h"
#include "store/scan.h"

#define RETRY_FIRST CLOCK_MINUTE
#define RETRY_MAX CLOCK_HOUR
#define REPLY_MAX (512u << 10) /* octets of recipients and what was said of them */

/* ---- the list; under the lock ---- */

static struct notice *
find(const struct outgoing *o, uint64_t message)
{
	return map_get_u64(&o->notices, message);
}

static void
propose(struct outgoing *o, uint64_t message, int64_t at)
{
	struct outgoing_owing w = { at, message };

	heap_push(&o->owed, &w);
}

static void
forget(struct outgoing *o, uint64_t message)
{
	mem_free(map_remove_u64(&o->notices, message));
}

/* It is not in hand any more, and was not told. */
static void
put_off(struct outgoing *o, uint64_t message, struct notice *n, int64_t now)
{
	int64_t pause = RETRY_FIRST;

	for (uint32_t i = 0; i < n->failures && pause < RETRY_MAX; i++)
		pause *= 2;
	n->failures++;
	n->link = 0;
	n->at = now + (pause < RETRY_MAX ? pause : RETRY_MAX);
	propose(o, message, n->at);
}

/* The next that nobody has in hand and whose time has come becomes the link's.
 * 0: none. */
static uint64_t
take_next(struct outgoing *o, uint64_t link, int64_t now)
{
	const struct outgoing_owing *first;
	struct outgoing_owing w;
	struct notice *n;

	while ((first = heap_first(&o->owed)) != NULL && first->at <= now) {
		heap_pop(&o->owed, &w);
		n = find(o, w.message);
		if (n != NULL && (n->link != 0 || n->at > now))
			continue; /* it is proposed again when that ends */
		if (n == NULL) {
			n = MEM_NEW(struct notice);
			(void)map_put_u64(&o->notices, w.message, n);
		}
		n->link = link;
		return w.message;
	}
	return 0;
}

int64_t
outgoing_owed_next(const struct outgoing *o)
{
	const struct outgoing_owing *first = heap_first(&o->owed);

	return first == NULL ? INT64_MAX : first->at;
}

void
outgoing_owed_lost(struct outgoing *o, uint64_t link, int64_t now)
{
	uint64_t message;
	size_t at = 0;
	void *p;

	while (map_each(&o->notices, &at, NULL, &message, &p)) {
		struct notice *n = p;

		if (n->link != link)
			continue;
		n->link = 0;
		n->at = now;
		propose(o, message, now);
	}
}

bool
notice_held(struct store *s, uint64_t link, uint64_t message)
{
	struct outgoing *o = &s->queue.outgoing;
	const struct notice *n;
	bool held;

	pthread_mutex_lock(&o->lock);
	n = find(o, message);
	held = n != NULL && n->link == link;
	pthread_mutex_unlock(&o->lock);
	return held;
}

/* ---- reading what is owed ---- */

struct gathering {
	struct arena *a;
	struct queue_owed_reply *reply;
	const struct outgoing_notice *only; /* what was written down, or NULL */
	size_t octets;
};

static void
reserve(struct queue_owed_reply *reply, struct arena *a)
{
	uint32_t n = QUEUE_OWED_MAX;

	reply->numbers.at = ARENA_ARRAY(a, uint64_t, n);
	reply->firsts.at = ARENA_ARRAY(a, uint64_t, n);
	reply->recipients.at = ARENA_ARRAY(a, struct text, n);
	reply->orcpts.at = ARENA_ARRAY(a, struct text, n);
	reply->states.at = ARENA_ARRAY(a, uint64_t, n);
	reply->attempts.at = ARENA_ARRAY(a, uint64_t, n);
	reply->lasts.at = ARENA_ARRAY(a, uint64_t, n);
	reply->replies.at = ARENA_ARRAY(a, struct text, n);
	reply->servers.at = ARENA_ARRAY(a, struct text, n);
}

static void
add_recipient(struct queue_owed_reply *reply, const struct outgoing_recipient *r, uint32_t first,
    uint32_t number)
{
	uint32_t i = reply->numbers.count;

	reply->numbers.at[i] = number;
	reply->firsts.at[i] = first;
	reply->recipients.at[i] = r->address;
	reply->orcpts.at[i] = r->orcpt;
	reply->states.at[i] = r->state;
	reply->attempts.at[i] = r->attempts;
	reply->lasts.at[i] = (uint64_t)r->last;
	reply->replies.at[i] = r->reply;
	reply->servers.at[i] = r->server;
	i++;
	reply->numbers.count = reply->firsts.count = reply->recipients.count = i;
	reply->orcpts.count = reply->states.count = reply->attempts.count = i;
	reply->lasts.count = reply->replies.count = reply->servers.count = i;
}

static bool
belongs(const struct gathering *g, const struct outgoing_recipient *r, uint32_t number)
{
	uint32_t kind = outgoing_owed_kind(r);

	if (g->only != NULL)
		return kind == g->only->kind && runs_has(&g->only->numbers, number + 1);
	return kind != 0 && (g->reply->kind == 0 || g->reply->kind == kind);
}

/* Whether there is room for one more. What was written down has it, if need be
 * without words. */
static bool
fits(struct gathering *g, struct outgoing_recipient *r)
{
	g->octets += r->address.len + r->orcpt.len + r->reply.len + r->server.len;
	if (g->only != NULL && g->octets > REPLY_MAX)
		r->reply = TEXT_EMPTY;
	return g->reply->numbers.count < QUEUE_OWED_MAX &&
	       (g->only != NULL || g->octets <= REPLY_MAX || g->reply->numbers.count == 0);
}

/* Of the kind that is met first. */
static enum status
gather_run(void *arg, struct text key, struct text value)
{
	struct gathering *g = arg;
	struct queue_owed_reply *reply = g->reply;
	uint32_t first = key.len == 13 ? (uint32_t)key_number(key, 9, 4) : 0;
	struct outgoing_run run;
	enum status how = key.len == 13 ? outgoing_run_unpack(arena_copy(g->a, value), g->a, &run)
					: STATUS_CORRUPT;

	for (uint32_t i = 0; how == STATUS_OK && i < run.count; i++) {
		struct outgoing_recipient *r = &run.at[i];

		if (!belongs(g, r, first + i))
			continue;
		if (!fits(g, r))
			return STATUS_NOT_FOUND;
		reply->kind = outgoing_owed_kind(r);
		if (reply->kind == OWED_DELAY)
			reply->late |= r->owed & (WARNED | WARNED_BY);
		add_recipient(reply, r, first, first + i);
	}
	return how;
}

/* Lost content is no reason to be silent. */
static enum status
read_first_piece(
    struct store *s, const struct outgoing_message *m, struct arena *a, struct text *out)
{
	enum status how = engine_blob_get(s->engine, m->blob, 0, a, out);

	if (how != STATUS_NOT_FOUND && how != STATUS_CORRUPT)
		return how;
	*out = TEXT_EMPTY;
	return STATUS_OK;
}

/* All that is owed, or what of the notice is. NOT_FOUND: nothing. */
static enum status
gather_owed(struct store *s, uint64_t message, const struct outgoing_message *m,
    const struct outgoing_notice *only, struct arena *a, struct queue_owed_reply *reply)
{
	struct gathering g = { .a = a, .reply = reply, .only = only };
	enum status how;

	*reply = (struct queue_owed_reply){ .message = 0 };
	reserve(reply, a);
	how = outgoing_runs_of(s, message, 0, m, gather_run, &g);
	if (how == STATUS_OK && reply->numbers.count == 0)
		return STATUS_NOT_FOUND;
	if (only != NULL)
		reply->late = only->late;
	reply->notice_op = only != NULL ? only->op : outgoing_notice_op(message, reply);
	return how;
}

/* While more may come, it is written down. */
static enum status
gather_new(struct store *s, uint64_t message, const struct outgoing_message *m, uint64_t instead,
    struct arena *a, struct queue_owed_reply *reply)
{
	struct outgoing_notice n = { .numbers = RUNS_INIT };
	enum status how = gather_owed(s, message, m, NULL, a, reply);

	if (how != STATUS_OK || m->open == 0)
		return how;
	n.op = reply->notice_op;
	n.kind = (uint32_t)reply->kind;
	n.late = (uint32_t)reply->late;
	for (uint32_t i = 0; i < reply->numbers.count; i++)
		runs_add(&n.numbers, (uint32_t)reply->numbers.at[i] + 1,
		    (uint32_t)reply->numbers.at[i] + 1);
	how = outgoing_notice_write(s, message, &n, instead, a);
	runs_done(&n.numbers);
	return how;
}

/* As it was given before, if it was; its row is read before the runs, so that
 * what is told meanwhile is seen there. */
static enum status
gather(struct store *s, uint64_t message, const struct outgoing_message *m, struct arena *a,
    struct queue_owed_reply *reply)
{
	struct outgoing_notice n = { .op = 0 };
	enum status how = m->noticed ? outgoing_notice_read(s, message, a, &n) : STATUS_NOT_FOUND;

	if (how == STATUS_OK) {
		how = gather_owed(s, message, m, &n, a, reply);
		runs_done(&n.numbers);
	}
	if (how == STATUS_NOT_FOUND)
		how = gather_new(s, message, m, n.op, a, reply);
	return how;
}

/* NOT_FOUND: nothing is owed (any more). EXISTS: it is to be read again. */
static enum status
read_owed(struct store *s, uint64_t message, struct arena *a, struct queue_owed_reply *reply)
{
	struct outgoing_message m;
	struct outgoing_envelope e;
	enum status how = outgoing_find(s, message, a, &m);

	if (how == STATUS_OK)
		how = outgoing_find_envelope(s, message, &m, a, &e);
	if (how != STATUS_OK || m.owed == 0)
		return how == STATUS_OK ? STATUS_NOT_FOUND : how;
	how = gather(s, message, &m, a, reply);
	if (how == STATUS_OK)
		how = read_first_piece(s, &m, a, &reply->piece0);
	if (how != STATUS_OK)
		return how;
	reply->message = message;
	reply->expires = outgoing_expires(&m);
	OUTGOING_ENVELOPE_TO(reply, &m, &e);
	return STATUS_OK;
}

/* ---- calls ---- */

/* Nothing is owed, or it could not be read. */
static void
drop(struct store *s, uint64_t message, enum status why)
{
	struct outgoing *o = &s->queue.outgoing;
	struct notice *n;

	if (why != STATUS_NOT_FOUND)
		LOG_ALARM(
		    "store.queue_unreadable", FIELD_U64("message", message), FIELD_STATUS(why));
	pthread_mutex_lock(&o->lock);
	n = find(o, message);
	if (n != NULL && why != STATUS_NOT_FOUND)
		put_off(o, message, n, clock_wall());
	else
		forget(o, message);
	pthread_mutex_unlock(&o->lock);
}

void
serve_queue_owed(struct call_in *in, const void *request, void *context)
{
	struct store *s = context;
	struct outgoing *o = &s->queue.outgoing;
	struct queue_owed_reply reply = { .message = 0 };
	uint64_t message;
	enum status how = STATUS_NOT_FOUND;

	(void)request;
	while (how != STATUS_OK) {
		pthread_mutex_lock(&o->lock);
		message = call_link_alive(in) ? take_next(o, call_link(in), clock_wall()) : 0;
		pthread_mutex_unlock(&o->lock);
		if (message == 0)
			break;
		do
			how = read_owed(s, message, call_arena(in), &reply);
		while (how == STATUS_EXISTS);
		if (how == STATUS_OK)
			break;
		drop(s, message, how);
		reply = (struct queue_owed_reply){ .message = 0 };
	}
	call_reply(in, &reply);
}

struct telling {
	struct op op; /* first */
	const struct queue_told_request *r;
	struct store *s;
	uint64_t link;
	uint32_t late; /* what was told of who is late: WARNED, WARNED_BY */
	bool more;     /* is owed */
	bool news;     /* it was not told before */
};

static struct telling *
telling_of(struct op *op)
{
	return (struct telling *)(void *)op;
}

/* Told, unless it became late for another reason after that was written down. */
static void
was_told(struct outgoing_recipient *r, const struct telling *k)
{
	if (k->r->kind != OWED_DELAY || (r->owed & (WARNED | WARNED_BY) & ~k->late) == 0)
		r->owed &= ~(uint32_t)k->r->kind;
}

static enum status
tell_one(struct txn *t, struct telling *k, uint32_t i)
{
	const struct queue_told_request *r = k->r;
	uint32_t first = (uint32_t)r->firsts.at[i];
	uint64_t at = r->numbers.at[i] - r->firsts.at[i];
	struct outgoing_message m;
	struct outgoing_run run;
	enum status how = outgoing_read(t, k->op.arena, r->message, first, &m, &run);

	if (how != STATUS_OK)
		return how == STATUS_NOT_FOUND ? STATUS_OK : how;
	if (at < run.count && outgoing_owed_kind(&run.at[at]) == r->kind) {
		outgoing_count(&run, &m, -1);
		was_told(&run.at[at], k);
		k->news = true;
		outgoing_count(&run, &m, 1);
		how = outgoing_put(t, r->message, first, &m, &run);
	}
	k->more = how == STATUS_OK && m.owed > 0;
	return how;
}

static void
tell_trace(struct txn *t, const struct queue_told_request *r)
{
	const struct trace_event e = { .what = TRACE_NOTIFIED,
		.at = t->now,
		.other = r->notice,
		.words = r->kind == QUEUE_OWED_SUCCESS ? TEXT("success")
			 : r->kind == QUEUE_OWED_DELAY ? TEXT("delay")
						       : TEXT("failure") };

	trace_plan(t, r->message, &e, 1);
}

static enum status
told_apply(struct txn *t, struct op *op)
{
	struct telling *k = telling_of(op);
	enum status how = STATUS_OK;

	k->more = k->news = false;
	if (!op->repeated)
		how = outgoing_notice_told(t, k->r->message, k->r->notice_op, op->arena, &k->late);
	for (uint32_t i = 0; !op->repeated && how == STATUS_OK && i < k->r->numbers.count; i++)
		how = tell_one(t, k, i);
	if (how == STATUS_OK && k->news && k->r->notice.len > 0)
		tell_trace(t, k->r);
	return how;
}

/* Not in hand any more; proposed again if more is owed, or nothing was told. */
static void
give_back(struct telling *k, bool told)
{
	struct outgoing *o = &k->s->queue.outgoing;
	int64_t now = clock_wall();
	struct notice *n;
	bool ring;

	pthread_mutex_lock(&o->lock);
	n = find(o, k->r->message);
	if (n != NULL && n->link == k->link) {
		if (!told)
			put_off(o, k->r->message, n, now);
		else
			forget(o, k->r->message);
		if (told && k->more)
			propose(o, k->r->message, now);
	}
	ring = outgoing_owed_next(o) <= now;
	pthread_mutex_unlock(&o->lock);
	if (ring)
		bell_ring(&o->bell);
}

static void
told_finish(struct op *op, enum status how)
{
	struct telling *k = telling_of(op);
	struct queue_told_reply reply = { .none_ = 0 };

	if (how != STATUS_OK) {
		call_fail(op->in, how, &op->failure);
		return;
	}
	if (op->repeated)
		k->more = true; /* nobody knows; one look */
	give_back(k, true);
	call_reply(op->in, &reply);
}

void
serve_queue_told(struct call_in *in, const void *request, void *context)
{
	struct telling *k = ARENA_NEW(call_arena(in), struct telling);
	struct queue_told_reply reply = { .none_ = 0 };

	k->r = request;
	k->s = context;
	k->link = call_link(in);
	k->op.in = in;
	k->op.arena = call_arena(in);
	k->op.id = k->r->op;
	k->op.apply = told_apply;
	k->op.finish = told_finish;
	if (k->r->firsts.count != k->r->numbers.count || k->r->numbers.count > QUEUE_OWED_MAX) {
		call_refuse(in, STATUS_INVALID, "Bad request.", "queue_told: bad lists");
	} else if (k->r->numbers.count == 0) {
		give_back(k, false);
		call_reply(in, &reply);
	} else {
		owner_submit(&k->s->queue.shard[k->r->message % QUEUE_SHARDS].owner, &k->op);
	}
}
