/* SPDX-License-Identifier: ISC */
/* Outgoing mail: the schedule follows the rows, and messages are taken in; see
 * store/outgoing.h. */
#include "store/outgoing.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "runtime/settings.h"
#include "store/content.h"
#include "store/core.h"
#include "store/scan.h"
#include "store/serve.h"

#define FIRST_LOOK CLOCK_MINUTE /* at deadlines, after the start and for what is new */
/* While others are still tried: what becomes of several goes into one DSN. */
#define TELL_TOGETHER 10 /* seconds */

/* ---- the schedule ---- */

static void
take_limits(struct outgoing *o)
{
	o->limits = (struct schedule_limits){
		.leases = (uint32_t)setting(SET_QUEUE_LEASES_MAX),
		.window_first = (uint32_t)setting(SET_QUEUE_CONCURRENCY_FIRST),
		.window_max = (uint32_t)setting(SET_QUEUE_CONCURRENCY_MAX),
		.rest_first = setting(SET_QUEUE_REST_FIRST),
		.rest_max = setting(SET_QUEUE_REST_MAX),
	};
}

void
outgoing_init(struct outgoing *o)
{
	CHECK(pthread_mutex_init(&o->lock, NULL) == 0);
	take_limits(o);
	o->began = clock_mono();
	o->schedule = schedule_new(&o->limits);
	o->deadlines = (struct heap)HEAP_OF(struct outgoing_deadline);
	o->owed = (struct heap)HEAP_OF(struct outgoing_owing);
	bell_init(&o->bell);
}

void
outgoing_done(struct outgoing *o)
{
	struct lease *l;
	size_t at = 0;
	void *p;

	while (map_each(&o->leases, &at, NULL, NULL, &p)) {
		l = p;
		text_disown(l->destination);
		mem_free(l);
	}
	map_done(&o->leases);
	for (at = 0; map_each(&o->notices, &at, NULL, NULL, &p);)
		mem_free(p);
	map_done(&o->notices);
	map_done(&o->resumed);
	heap_done(&o->deadlines);
	heap_done(&o->owed);
	schedule_free(o->schedule);
	bell_done(&o->bell);
	(void)pthread_mutex_destroy(&o->lock);
}

static bool
somebody_waits(const struct outgoing_run *r)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (r->at[i].state == OUTGOING_WAITING)
			return true;
	return false;
}

static struct schedule_run
schedule_run_of(uint64_t message, uint32_t first, const struct outgoing_run *r)
{
	return (struct schedule_run){ .message = message,
		.sender = r->account,
		.first = first,
		.count = (uint16_t)r->count,
		.priority = (int8_t)r->priority };
}

static void
note_deadline(struct outgoing *o, uint64_t message, uint32_t first, int64_t at)
{
	struct outgoing_deadline d = { at, message, first };

	heap_push(&o->deadlines, &d);
}

static void
note_owed(struct outgoing *o, uint64_t message, int64_t at)
{
	struct outgoing_owing w = { at, message };

	heap_push(&o->owed, &w);
}

/* Nothing is given up before outbound had time to say what it has in hand. */
static void
load_hints(struct outgoing *o, struct text key, const struct outgoing_run *r)
{
	uint64_t message = key_number(key, 1, 8);
	int64_t now = clock_wall(), deadline = r->deadline * CLOCK_SECOND;
	bool owed = false;

	for (uint32_t i = 0; i < r->count; i++)
		owed |= outgoing_is_owed(&r->at[i]);
	if (owed)
		note_owed(o, message, now);
	if (somebody_waits(r))
		note_deadline(o, message, (uint32_t)key_number(key, 9, 4),
		    deadline > now + FIRST_LOOK ? deadline : now + FIRST_LOOK);
}

static enum status
load_run(void *arg, struct text key, struct text value)
{
	struct store *s = arg;
	struct outgoing *o = &s->queue.outgoing;
	struct arena a = ARENA_INIT;
	struct outgoing_run r;
	struct schedule_run run;
	enum status how = key.len == 13 ? outgoing_run_unpack(value, &a, &r) : STATUS_CORRUPT;

	if (how == STATUS_OK && somebody_waits(&r)) {
		run = schedule_run_of(key_number(key, 1, 8), (uint32_t)key_number(key, 9, 4), &r);
		schedule_add(o->schedule, r.destination, &run, r.due * CLOCK_SECOND, clock_wall());
	}
	if (how == STATUS_OK)
		load_hints(o, key, &r);
	arena_done(&a);
	return how;
}

enum status
outgoing_load(struct store *s, struct entity shard)
{
	return scan_kind(s, shard, KEY_Q_RUN, load_run, s);
}

static bool
is_due(const struct outgoing *o, int64_t now)
{
	return schedule_next(o->schedule) <= now || outgoing_owed_next(o) <= now;
}

void
outgoing_tend(struct store *s)
{
	struct outgoing *o = &s->queue.outgoing;
	bool due;

	outgoing_late_tend(s);
	pthread_mutex_lock(&o->lock);
	take_limits(o);
	due = is_due(o, clock_wall());
	pthread_mutex_unlock(&o->lock);
	if (due)
		bell_ring(&o->bell);
}

bool
outgoing_is_settled(struct store *s, int64_t patience)
{
	struct outgoing *o = &s->queue.outgoing;
	bool settled;

	pthread_mutex_lock(&o->lock);
	settled = o->resumed.count > 0 || clock_mono() - o->began > patience;
	pthread_mutex_unlock(&o->lock);
	return settled;
}

void
outgoing_wake(struct store *s, struct text destination)
{
	struct outgoing *o = &s->queue.outgoing;
	int64_t now = clock_wall();
	bool due;

	pthread_mutex_lock(&o->lock);
	schedule_wake(o->schedule, destination, now);
	due = schedule_next(o->schedule) <= now;
	pthread_mutex_unlock(&o->lock);
	if (due)
		bell_ring(&o->bell);
}

/* ---- writing ---- */

uint64_t
outgoing_number(uint64_t op)
{
	return op != 0 ? op : random_u64();
}

struct key
outgoing_run_key(uint64_t message, uint32_t first)
{
	struct key k = key_u64(KEY_Q_RUN, message);

	key_add(&k, first, 4);
	return k;
}

void
outgoing_put_run(struct txn *t, uint64_t message, uint32_t first, const struct outgoing_message *m,
    const struct outgoing_run *r)
{
	struct key key = outgoing_run_key(message, first);
	struct outgoing_run run = *r;
	struct buffer value = BUFFER_INIT;
	struct outgoing_plan *p;

	run.deadline = outgoing_deadline(m, r);
	outgoing_run_pack(&value, &run);
	txn_put(t, key_text(&key), buffer_text(&value));
	buffer_done(&value);
	if (!somebody_waits(r))
		return;
	p = MEM_NEW(struct outgoing_plan);
	p->destination = text_own(r->destination);
	p->run = schedule_run_of(message, first, r);
	p->due = r->due;
	p->deadline = run.deadline != r->deadline ? run.deadline : 0;
	list_add_last(queue_plans(t), &p->node);
}

void
outgoing_put_message(struct txn *t, uint64_t message, const struct outgoing_message *m)
{
	struct key key = key_u64(KEY_Q_MESSAGE, message);
	struct buffer value = BUFFER_INIT;
	struct outgoing_plan *p;

	outgoing_message_pack(&value, m);
	txn_put(t, key_text(&key), buffer_text(&value));
	buffer_done(&value);
	if (m->owed == 0)
		return;
	p = MEM_NEW(struct outgoing_plan);
	p->destination = TEXT_EMPTY;
	p->run.message = message;
	p->due = t->now / CLOCK_SECOND + (m->open > 0 ? TELL_TOGETHER : 0);
	list_add_last(queue_plans(t), &p->node);
}

static struct outgoing_plan *
take_plan(struct list *plans)
{
	struct list *node = list_take_first(plans);

	return node == NULL ? NULL : LIST_OWNER(node, struct outgoing_plan, node);
}

void
outgoing_discard(struct list *plans)
{
	struct outgoing_plan *p;

	while ((p = take_plan(plans)) != NULL) {
		if (p->destination.len > 0)
			text_disown(p->destination);
		mem_free(p);
	}
}

static void
follow(struct outgoing *o, const struct outgoing_plan *p, int64_t now)
{
	int64_t deadline = p->deadline * CLOCK_SECOND;

	if (p->destination.len == 0) {
		note_owed(o, p->run.message, p->due * CLOCK_SECOND);
		return;
	}
	schedule_add(o->schedule, p->destination, &p->run, p->due * CLOCK_SECOND, now);
	/* Most are done with soon: what stays is looked at once, and then when it
	 * is late, so that the heap is not as long as hours of mail. */
	if (deadline != 0)
		note_deadline(o, p->run.message, p->run.first,
		    deadline < now + FIRST_LOOK ? deadline : now + FIRST_LOOK);
}

void
outgoing_publish(struct store *s, struct list *plans)
{
	struct outgoing *o = &s->queue.outgoing;
	int64_t now = clock_wall();
	bool due;

	if (list_empty(plans))
		return;
	pthread_mutex_lock(&o->lock);
	LIST_EACH(plans, it)
	follow(o, LIST_OWNER(it, struct outgoing_plan, node), now);
	due = is_due(o, now);
	pthread_mutex_unlock(&o->lock);
	outgoing_discard(plans);
	if (due)
		bell_ring(&o->bell);
}

/* ---- taking a message in ---- */

struct taking {
	struct op op; /* first */
	const struct queue_submit_request *r;
	const struct text *piece;
	uint32_t pieces;
	uint64_t message;
	struct blob_id blob;
	uint32_t *order; /* of recipients, by destination */
};

static struct taking *
taking_of(struct op *op)
{
	return (struct taking *)(void *)op;
}

/* Nobody is told of what has no sender, a bounce least of all (RFC 5321 6.1). */
static struct outgoing_recipient
recipient_of(const struct queue_submit_request *r, uint32_t i)
{
	uint64_t notify = r->sender.len == 0 ? QUEUE_NOTIFY_NEVER : r->notify.at[i];

	return (struct outgoing_recipient){
		.address = r->recipients.at[i], .orcpt = r->orcpts.at[i], .notify = (uint32_t)notify
	};
}

/* Recipients of one destination, so many as a run may have. */
static void
put_runs(struct txn *t, struct taking *k, const struct outgoing_message *m)
{
	const struct queue_submit_request *r = k->r;
	struct outgoing_recipient at[SCHEDULE_RUN_MAX];
	uint32_t count = r->recipients.count;

	for (uint32_t first = 0, i = 0; first < count; first = i) {
		struct outgoing_run run = { .destination = r->destinations.at[k->order[first]],
			.due = m->released,
			.account = r->account,
			.priority = r->priority,
			.at = at };

		while (i < count && run.count < SCHEDULE_RUN_MAX &&
		       text_equal(r->destinations.at[k->order[i]], run.destination))
			at[run.count++] = recipient_of(r, k->order[i++]);
		outgoing_put_run(t, k->message, first, m, &run);
	}
}

/* RFC 2852 4: given up when the sender's time has passed, or he is told of the
 * delay then. */
static struct outgoing_message
message_of(const struct taking *k)
{
	const struct queue_submit_request *r = k->r;
	uint64_t by = r->by & ~(uint64_t)QUEUE_BY_TRACE;

	return (struct outgoing_message){ .blob = k->blob,
		.pieces = k->pieces,
		.account = r->account,
		.received = r->received,
		.expires = r->expires == 0 && by == QUEUE_BY_RETURN ? r->by_time : r->expires,
		.released = r->not_before > r->received ? r->not_before : r->received,
		.notify_at = by == QUEUE_BY_NOTIFY ? r->by_time : 0,
		.recipients = r->recipients.count,
		.open = r->recipients.count };
}

static void
put_envelope(struct txn *t, struct taking *k)
{
	const struct queue_submit_request *r = k->r;
	struct key envelope = key_u64(KEY_Q_ENVELOPE, k->message);
	struct outgoing_envelope e = { .id = r->id,
		.sender = r->sender,
		.envid = r->envid,
		.prefix = r->prefix,
		.summary = r->summary,
		.by = (uint32_t)r->by,
		.by_time = r->by_time,
		.body = (uint32_t)r->body,
		.needs = (uint32_t)r->needs,
		.ret = (uint32_t)r->ret,
		.size = r->size };
	struct buffer value = BUFFER_INIT;

	outgoing_envelope_pack(&value, &e);
	txn_put(t, key_text(&envelope), buffer_text(&value));
	buffer_done(&value);
}

/* Whoever made two calls with one op, and the second so late that the first is
 * not remembered, loses neither message. */
static enum status
is_new(struct txn *t, struct op *op, uint64_t message)
{
	struct key key = key_u64(KEY_Q_MESSAGE, message);
	struct text value;
	enum status how = txn_get(t, key_text(&key), op->arena, &value);

	if (how == STATUS_OK)
		return op_refuse(op, STATUS_INVALID, "The message cannot be queued.",
		    "there is an outgoing message %llu already", (unsigned long long)message);
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}

static enum status
take_apply(struct txn *t, struct op *op)
{
	struct taking *k = taking_of(op);
	struct outgoing_message m = message_of(k);
	struct buffer result = BUFFER_INIT;
	enum status how;

	if (op->repeated)
		return STATUS_OK;
	how = is_new(t, op, k->message);
	if (how != STATUS_OK)
		return how;
	outgoing_put_message(t, k->message, &m);
	put_envelope(t, k);
	put_runs(t, k, &m);
	for (uint32_t i = 0; i < k->pieces; i++)
		txn_blob_put(t, k->blob, (uint16_t)i, k->piece[i]);
	pack_varint(&result, k->message);
	op->result = arena_copy(op->arena, buffer_text(&result));
	buffer_done(&result);
	return STATUS_OK;
}

static void
take_finish(struct op *op, enum status how)
{
	struct queue_submit_reply reply = { .none_ = 0 };
	struct unpack u = unpack_of(op->result);

	reply.message = unpack_varint(&u);
	if (how == STATUS_OK && !op->repeated)
		trace_queued(op->arg, taking_of(op)->r);
	if (how == STATUS_OK)
		call_reply(op->in, &reply);
	else
		call_fail(op->in, how, &op->failure);
}

static int
by_destination(const void *a, const void *b, void *arg)
{
	const struct queue_submit_request *r = arg;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	int order = text_compare(r->destinations.at[i], r->destinations.at[k]);

	return order != 0 ? order : (i > k) - (i < k);
}

static bool
fits(const struct texts *t, size_t least, size_t most)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->at[i].len < least || t->at[i].len > most)
			return false;
	return true;
}

static bool
well_formed(const struct queue_submit_request *r)
{
	uint32_t n = r->recipients.count;

	for (uint32_t i = 0; i < r->notify.count; i++)
		if (r->notify.at[i] > 15)
			return false;
	return n > 0 && r->destinations.count == n && r->orcpts.count == n &&
	       r->notify.count == n && fits(&r->recipients, 1, QUEUE_ADDRESS_MAX) &&
	       fits(&r->destinations, 1, 255) && fits(&r->orcpts, 0, QUEUE_ADDRESS_MAX) &&
	       r->sender.len <= QUEUE_ADDRESS_MAX && r->id.len <= 255 && r->envid.len <= 100 &&
	       r->body <= QUEUE_BINARYMIME &&
	       r->needs <= (QUEUE_SMTPUTF8 | QUEUE_REQUIRETLS | QUEUE_HEADER_UTF8) &&
	       r->by <= (QUEUE_BY_NOTIFY | QUEUE_BY_TRACE) &&
	       r->prefix.len <= OUTGOING_PREFIX_MAX && r->ret <= QUEUE_RET_HDRS &&
	       r->priority >= -SCHEDULE_PRIORITY_MAX && r->priority <= SCHEDULE_PRIORITY_MAX &&
	       r->summary.len <= SUMMARY_MAX && r->received >= 0;
}

static enum status
take_check(struct taking *k)
{
	const struct queue_submit_request *r = k->r;

	if (r->recipients.count > QUEUE_RECIPIENTS_MAX)
		return op_refuse(&k->op, STATUS_LIMIT, "Too many recipients.", "%u recipients",
		    r->recipients.count);
	if (!well_formed(r))
		return op_refuse(
		    &k->op, STATUS_INVALID, "The message cannot be queued.", "bad submission");
	return message_pieces(&k->op, r->content.bytes, &k->piece, &k->pieces);
}

void
serve_queue_submit(struct call_in *in, const void *request, void *context)
{
	struct taking *k = ARENA_NEW(call_arena(in), struct taking);
	struct store *s = context;
	enum status how;

	k->r = request;
	k->op.in = in;
	k->op.arena = call_arena(in);
	k->op.id = k->r->op;
	k->op.apply = take_apply;
	k->op.finish = take_finish;
	k->op.arg = s;
	how = take_check(k);
	if (how != STATUS_OK) {
		call_fail(in, how, &k->op.failure);
		return;
	}
	k->order = ARENA_ARRAY(k->op.arena, uint32_t, k->r->recipients.count);
	for (uint32_t i = 0; i < k->r->recipients.count; i++)
		k->order[i] = i;
	qsort_r(k->order, k->r->recipients.count, sizeof(uint32_t), by_destination,
	    (void *)(uintptr_t)k->r);
	k->op.bytes = k->r->content.bytes.len;
	k->blob = core_blob_id(s);
	k->message = outgoing_number(k->r->op);
	owner_submit(&s->queue.shard[k->message % QUEUE_SHARDS].owner, &k->op);
}
