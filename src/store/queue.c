/* SPDX-License-Identifier: ISC */
/* Shards of the queue and their records; see store/queue.h. */
#include "store/queue.h"

#include "store/cold.h"
#include "store/core.h"
#include "store/reference.h"
#include "store/scan.h"
#include "store/suppression.h"

#define RECORD_VERSION 2
#define RECORD_PLAIN 1 /* of earlier versions: INBOX alone */
#define SHARED 1
#define DROPPED 2

struct queue_txn {
	struct txn txn; /* first */
	struct remembering remembering;
	struct list plans;
	struct trace_plan *tales;
	struct list drops; /* struct drop: shared content that is given back */
};

struct drop {
	struct list node;
	struct task task;
	struct store *store;
	struct blob_id blob;
	uint64_t message;
};

static struct queue_txn *
queue_txn_of(struct txn *t)
{
	return (struct queue_txn *)(void *)t;
}

static struct queue_shard *
queue_shard_of(struct owner *o)
{
	return (struct queue_shard *)(void *)o;
}

struct list *
queue_plans(struct txn *t)
{
	return &queue_txn_of(t)->plans;
}

struct trace_plan **
queue_tales(struct txn *t)
{
	return &queue_txn_of(t)->tales;
}

/* ---- shared content ---- */

void
queue_give_back(struct txn *t, struct blob_id blob, uint64_t message)
{
	struct drop *d = MEM_NEW(struct drop);

	d->store = t->store;
	d->blob = blob;
	d->message = message;
	list_add_last(&queue_txn_of(t)->drops, &d->node);
}

/* On a thread of the pool, since it waits. */
static void
drop_now(struct task *task)
{
	struct drop *d = LIST_OWNER(task, struct drop, task);
	struct store *s = d->store;

	if (reference_drop(s, d->blob, (struct holder){ HOLDER_MESSAGE, d->message }) != STATUS_OK)
		tend_references(s);
	mem_free(d);
	core_busy(s, -1);
}

/* Those of a transaction that is published are dropped, others forgotten. */
static void
take_drops(struct txn *t, bool published)
{
	struct list *it;

	while ((it = list_take_first(&queue_txn_of(t)->drops)) != NULL) {
		struct drop *d = LIST_OWNER(it, struct drop, node);

		if (!published) {
			mem_free(d);
			continue;
		}
		d->task.run = drop_now;
		core_busy(t->store, 1);
		pool_run(t->store->pool, &d->task);
	}
}

/* ---- rows ---- */

void
record_pack(struct buffer *out, const struct record *r)
{
	pack_u8(out, RECORD_VERSION);
	pack_u8(out, (uint8_t)((r->shared ? SHARED : 0) | (r->dropped ? DROPPED : 0)));
	blob_id_pack(out, r->blob);
	pack_varint(out, r->pieces);
	pack_varint(out, r->size);
	pack_signed(out, r->received);
	pack_text(out, r->sender);
	pack_text(out, r->summary);
	pack_text(out, r->prefix);
	pack_text(out, r->sent);
	pack_text(out, r->sent_summary);
	pack_signed(out, r->due);
	pack_be64(out, r->message);
	pack_varint(out, r->count);
	for (uint32_t i = 0; i < r->count; i++) {
		pack_varint(out, r->place[i].account);
		pack_u8(out, (uint8_t)r->place[i].what);
	}
}

/* Into the record's arena. */
enum status
record_unpack(struct text value, struct record *out)
{
	struct unpack u = unpack_of(arena_copy(&out->arena, value));
	uint8_t version = unpack_u8(&u), bits = unpack_u8(&u);

	out->shared = (bits & SHARED) != 0;
	out->dropped = (bits & DROPPED) != 0;
	out->blob = blob_id_unpack(&u);
	out->pieces = (uint32_t)unpack_varint_max(&u, UINT16_MAX);
	out->size = unpack_varint(&u);
	out->received = unpack_signed(&u);
	out->sender = unpack_text(&u);
	out->summary = unpack_text(&u);
	if (version != RECORD_PLAIN) {
		out->prefix = unpack_text(&u);
		out->sent = unpack_text(&u);
		out->sent_summary = unpack_text(&u);
		out->due = unpack_signed(&u);
		out->message = unpack_be64(&u);
	}
	out->count = (uint32_t)unpack_varint_max(&u, RECORD_ACCOUNTS_MAX);
	if (!unpack_ok(&u) || (version != RECORD_VERSION && version != RECORD_PLAIN) ||
	    out->count > cursor_left(&u.in))
		return STATUS_CORRUPT;
	out->place = ARENA_ARRAY(&out->arena, struct record_place, out->count);
	for (uint32_t i = 0; i < out->count; i++) {
		out->place[i].account = unpack_varint(&u);
		out->place[i].what = version == RECORD_PLAIN ? PLACE_INBOX : unpack_u8(&u);
	}
	return unpack_end(&u) && out->pieces > 0 ? STATUS_OK : STATUS_CORRUPT;
}

/* ---- the owners' class ---- */

static const char of_messages[] = { KEY_Q_MESSAGE, KEY_Q_ENVELOPE, KEY_Q_RUN, QUEUE_FRESH_CONTENT,
	0 };
static const char of_senders[] = { KEY_Q_SENT, KEY_Q_KNOWN, 0 };

static void
forget_rows(struct owner *o)
{
	fresh_clear(&queue_shard_of(o)->fresh);
	fresh_clear(&queue_shard_of(o)->senders);
}

/* What was read while nobody knew whether a batch was written is forgotten. */
static enum status
shard_load(struct owner *o)
{
	enum status s = engine_version(o->store->engine, o->entity, &o->version);

	forget_rows(o);
	return s == STATUS_OK ? remembered_load(&queue_shard_of(o)->remembered, o) : s;
}

static void
shard_unload(struct owner *o)
{
	remembered_free(&queue_shard_of(o)->remembered);
	forget_rows(o);
}

static void
shard_begin(struct txn *t)
{
	remembering_begin(&queue_txn_of(t)->remembering);
	list_init(&queue_txn_of(t)->plans);
	queue_txn_of(t)->tales = NULL;
	list_init(&queue_txn_of(t)->drops);
}

static enum status
shard_op_begin(struct txn *t, struct op *op)
{
	return remembered_find(&queue_shard_of(t->owner)->remembered, t, op);
}

static void
shard_op_end(struct txn *t, struct op *op)
{
	remembering_add(&queue_txn_of(t)->remembering, op);
}

static void
shard_seal(struct txn *t)
{
	struct key head = key_of(KEY_Q_HEAD);
	struct buffer value = BUFFER_INIT;

	remembering_seal(&queue_txn_of(t)->remembering, &queue_shard_of(t->owner)->remembered, t);
	pack_be64(&value, t->id);
	txn_put(t, key_text(&head), buffer_text(&value));
	buffer_done(&value);
}

static void
shard_publish(struct txn *t)
{
	remembering_publish(
	    &queue_txn_of(t)->remembering, &queue_shard_of(t->owner)->remembered, t);
	fresh_follow(&queue_shard_of(t->owner)->fresh, &t->batch);
	fresh_follow(&queue_shard_of(t->owner)->senders, &t->batch);
}

static bool
shard_fresh(struct owner *o, struct text key, struct arena *a, struct text *value)
{
	return fresh_get(&queue_shard_of(o)->fresh, key, a, value) ||
	       fresh_get(&queue_shard_of(o)->senders, key, a, value);
}

static void
shard_told(struct txn *t)
{
	outgoing_publish(t->store, &queue_txn_of(t)->plans);
	trace_publish(t->store, queue_txn_of(t)->tales);
	take_drops(t, true);
}

static void
shard_discard(struct txn *t)
{
	remembering_discard(&queue_txn_of(t)->remembering);
	outgoing_discard(&queue_txn_of(t)->plans);
	take_drops(t, false);
}

static const struct owner_class queue_class = {
	.name = "queue",
	.txn_size = sizeof(struct queue_txn),
	.load = shard_load,
	.unload = shard_unload,
	.begin = shard_begin,
	.op_begin = shard_op_begin,
	.op_end = shard_op_end,
	.seal = shard_seal,
	.publish = shard_publish,
	.fresh = shard_fresh,
	.told = shard_told,
	.discard = shard_discard,
	.head = KEY_Q_HEAD,
};

/* ---- records in memory ---- */

struct record *
record_new(struct store *s, uint64_t id, uint32_t shard)
{
	struct record *r = MEM_NEW(struct record);

	r->id = id;
	r->shard = shard;
	r->store = s;
	CHECK(pthread_mutex_init(&r->lock, NULL) == 0);
	return r;
}

static void
record_free(struct record *r)
{
	(void)pthread_mutex_destroy(&r->lock);
	arena_done(&r->arena);
	mem_free(r);
}

void
queue_keep(struct store *s, struct record *r)
{
	pthread_mutex_lock(&s->queue.lock);
	(void)map_put_u64(&s->queue.records, r->id, r);
	pthread_mutex_unlock(&s->queue.lock);
}

void
queue_forget(struct record *r)
{
	struct store *s = r->store;

	pthread_mutex_lock(&s->queue.lock);
	(void)map_remove_u64(&s->queue.records, r->id);
	pthread_mutex_unlock(&s->queue.lock);
	record_free(r);
}

bool
queue_has(struct store *s, uint64_t record)
{
	bool has;

	pthread_mutex_lock(&s->queue.lock);
	has = map_get_u64(&s->queue.records, record) != NULL;
	pthread_mutex_unlock(&s->queue.lock);
	return has;
}

bool
queue_has_blob(struct store *s, struct blob_id blob)
{
	bool has = false;
	size_t at = 0;
	void *p;

	pthread_mutex_lock(&s->queue.lock);
	while (!has && map_each(&s->queue.records, &at, NULL, NULL, &p))
		has = memcmp(&((struct record *)p)->blob, &blob, sizeof(blob)) == 0;
	pthread_mutex_unlock(&s->queue.lock);
	return has;
}

size_t
queue_count(struct store *s)
{
	size_t n;

	pthread_mutex_lock(&s->queue.lock);
	n = s->queue.records.count;
	pthread_mutex_unlock(&s->queue.lock);
	return n;
}

static enum status
load_record(void *arg, struct text key, struct text value)
{
	struct queue_shard *shard = arg;
	struct store *s = shard->owner.store;
	struct record *r;

	if (key.len != 9)
		return STATUS_CORRUPT;
	r = record_new(s, key_number(key, 1, 8), (uint32_t)shard->owner.entity.id);
	if (record_unpack(value, r) != STATUS_OK) {
		record_free(r);
		return STATUS_CORRUPT;
	}
	r->undone = r->count;
	atomic_store(&r->committed, true);
	queue_keep(s, r);
	return STATUS_OK;
}

enum status
queue_init(struct store *s)
{
	enum status how = STATUS_OK;

	CHECK(pthread_mutex_init(&s->queue.lock, NULL) == 0);
	outgoing_init(&s->queue.outgoing);
	for (uint32_t i = 0; i < QUEUE_SHARDS; i++) {
		fresh_init(&s->queue.shard[i].fresh, of_messages, QUEUE_FRESH_MAX);
		fresh_init(&s->queue.shard[i].senders, of_senders, QUEUE_SENDERS_MAX);
		owner_init(
		    &s->queue.shard[i].owner, &queue_class, s, (struct entity){ ENTITY_QUEUE, i });
		if (how == STATUS_OK)
			how = scan_kind(s, s->queue.shard[i].owner.entity, KEY_Q_RECORD,
			    load_record, &s->queue.shard[i]);
		if (how == STATUS_OK)
			how = outgoing_load(s, s->queue.shard[i].owner.entity);
		if (how == STATUS_OK)
			how = suppression_load(s, s->queue.shard[i].owner.entity);
	}
	return how;
}

void
queue_done(struct store *s)
{
	size_t at = 0;
	void *p;

	while (map_each(&s->queue.records, &at, NULL, NULL, &p))
		record_free(p);
	map_done(&s->queue.records);
	outgoing_done(&s->queue.outgoing);
	for (uint32_t i = 0; i < QUEUE_SHARDS; i++) {
		owner_done(&s->queue.shard[i].owner);
		fresh_done(&s->queue.shard[i].fresh);
		fresh_done(&s->queue.shard[i].senders);
	}
	(void)pthread_mutex_destroy(&s->queue.lock);
}

enum status
queue_remembers(struct store *s, uint64_t op, bool *out)
{
	struct queue_shard *shard = &s->queue.shard[op % QUEUE_SHARDS];
	enum status how = op == 0 ? STATUS_OK : owner_wait_loaded(&shard->owner);

	if (how != STATUS_OK)
		return how;
	pthread_mutex_lock(&shard->owner.lock);
	*out = remembered_has(&shard->remembered, op);
	pthread_mutex_unlock(&shard->owner.lock);
	return STATUS_OK;
}

void
queue_start(struct store *s)
{
	queue_retry(s);
}
