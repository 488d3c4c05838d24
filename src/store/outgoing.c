/* SPDX-License-Identifier: ISC */
/* Outgoing mail: the schedule follows the rows, and messages are taken in; see
 * store/outgoing.h. */
#include "store/outgoing.h"

#include "base/log.h"
#include "base/random.h"
#include "runtime/settings.h"
#include "store/core.h"
#include "store/scan.h"

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
	map_done(&o->bounced);
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
	return outgoing_each_run(s, shard, 0, 0, load_run, s);
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
	due = lease_rings(o, now);
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

/* As it is written; and its plan, if somebody in it waits. */
static void
pack_run(struct txn *t, uint64_t message, uint32_t first, const struct outgoing_message *m,
    const struct outgoing_run *r, struct buffer *out)
{
	struct outgoing_run run = *r;
	struct outgoing_plan *p;

	run.deadline = outgoing_deadline(m, r);
	outgoing_run_pack(out, &run);
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
outgoing_put_run(struct txn *t, uint64_t message, uint32_t first, const struct outgoing_message *m,
    const struct outgoing_run *r)
{
	struct key key = outgoing_run_key(message, first);
	struct buffer value = BUFFER_INIT;

	pack_run(t, message, first, m, r, &value);
	txn_put(t, key_text(&key), buffer_text(&value));
	buffer_done(&value);
}

static void
put_message_row(struct txn *t, uint64_t message, const struct outgoing_message *m)
{
	struct key key = key_u64(KEY_Q_MESSAGE, message);
	struct buffer value = BUFFER_INIT;

	outgoing_message_pack(&value, m);
	txn_put(t, key_text(&key), buffer_text(&value));
	buffer_done(&value);
}

void
outgoing_put_whole(struct txn *t, uint64_t message, struct text envelope,
    const struct outgoing_message *m, const struct outgoing_run *r)
{
	struct outgoing_message whole = *m;
	struct buffer run = BUFFER_INIT;

	pack_run(t, message, 0, m, r, &run);
	whole.whole = true;
	whole.envelope = envelope;
	whole.run = buffer_text(&run);
	put_message_row(t, message, &whole);
	buffer_done(&run);
}

void
outgoing_put_message(struct txn *t, uint64_t message, const struct outgoing_message *m)
{
	struct outgoing_plan *p;

	put_message_row(t, message, m);
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
	due = lease_rings(o, now);
	due = outgoing_owed_next(o) <= now || due;
	pthread_mutex_unlock(&o->lock);
	outgoing_discard(plans);
	if (due)
		bell_ring(&o->bell);
}

bool
outgoing_has(struct store *s, uint64_t message, struct blob_id blob)
{
	struct key key = key_u64(KEY_Q_MESSAGE, message);
	struct entity e = { ENTITY_QUEUE, message % QUEUE_SHARDS };
	struct arena a = ARENA_INIT;
	struct outgoing_message m;
	struct text value;
	enum status how = engine_get(s->engine, e, key_text(&key), &a, &value);
	bool has = how != STATUS_NOT_FOUND;

	if (how == STATUS_OK && outgoing_message_unpack(value, &m) == STATUS_OK)
		has = memcmp(&m.blob, &blob, sizeof(blob)) == 0;
	arena_done(&a);
	return has;
}
