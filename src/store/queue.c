/* SPDX-License-Identifier: ISC */
/* Shards of the queue and their records; see store/queue.h. */
#include "store/queue.h"

#include "base/log.h"
#include "base/random.h"
#include "store/cold.h"
#include "store/core.h"
#include "store/reference.h"
#include "store/scan.h"

#define RECORD_VERSION 1
#define SHARED 1

struct queue_txn {
	struct txn txn; /* first */
	struct remembering remembering;
	struct list plans;
	struct trace_plan *tales;
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

/* ---- rows ---- */

void
record_pack(struct buffer *out, const struct record *r)
{
	pack_u8(out, RECORD_VERSION);
	pack_u8(out, r->shared ? SHARED : 0);
	blob_id_pack(out, r->blob);
	pack_varint(out, r->pieces);
	pack_varint(out, r->size);
	pack_signed(out, r->received);
	pack_text(out, r->sender);
	pack_text(out, r->summary);
	pack_varint(out, r->count);
	for (uint32_t i = 0; i < r->count; i++)
		pack_varint(out, r->place[i].account);
}

/* Into the record's arena. */
enum status
record_unpack(struct text value, struct record *out)
{
	struct unpack u = unpack_of(arena_copy(&out->arena, value));
	uint8_t version = unpack_u8(&u), bits = unpack_u8(&u);

	out->shared = (bits & SHARED) != 0;
	out->blob = blob_id_unpack(&u);
	out->pieces = (uint32_t)unpack_varint_max(&u, UINT16_MAX);
	out->size = unpack_varint(&u);
	out->received = unpack_signed(&u);
	out->sender = unpack_text(&u);
	out->summary = unpack_text(&u);
	out->count = (uint32_t)unpack_varint_max(&u, RECORD_ACCOUNTS_MAX);
	if (!unpack_ok(&u) || version != RECORD_VERSION || out->count > cursor_left(&u.in))
		return STATUS_CORRUPT;
	out->place = ARENA_ARRAY(&out->arena, struct record_place, out->count);
	for (uint32_t i = 0; i < out->count; i++)
		out->place[i].account = unpack_varint(&u);
	return unpack_end(&u) && out->pieces > 0 ? STATUS_OK : STATUS_CORRUPT;
}

/* ---- the owners' class ---- */

static enum status
shard_load(struct owner *o)
{
	enum status s = engine_version(o->store->engine, o->entity, &o->version);

	return s == STATUS_OK ? remembered_load(&queue_shard_of(o)->remembered, o) : s;
}

static void
shard_unload(struct owner *o)
{
	remembered_free(&queue_shard_of(o)->remembered);
}

static void
shard_begin(struct txn *t)
{
	remembering_begin(&queue_txn_of(t)->remembering);
	list_init(&queue_txn_of(t)->plans);
	queue_txn_of(t)->tales = NULL;
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
}

static void
shard_told(struct txn *t)
{
	outgoing_publish(t->store, &queue_txn_of(t)->plans);
	trace_publish(t->store, queue_txn_of(t)->tales);
}

static void
shard_discard(struct txn *t)
{
	remembering_discard(&queue_txn_of(t)->remembering);
	outgoing_discard(&queue_txn_of(t)->plans);
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
	.told = shard_told,
	.discard = shard_discard,
	.head = KEY_Q_HEAD,
};

/* ---- records in memory ---- */

static struct record *
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

static void
keep(struct store *s, struct record *r)
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
	keep(s, r);
	return STATUS_OK;
}

enum status
queue_init(struct store *s)
{
	enum status how = STATUS_OK;

	CHECK(pthread_mutex_init(&s->queue.lock, NULL) == 0);
	outgoing_init(&s->queue.outgoing);
	for (uint32_t i = 0; i < QUEUE_SHARDS; i++) {
		owner_init(
		    &s->queue.shard[i].owner, &queue_class, s, (struct entity){ ENTITY_QUEUE, i });
		if (how == STATUS_OK)
			how = scan_kind(s, s->queue.shard[i].owner.entity, KEY_Q_RECORD,
			    load_record, &s->queue.shard[i]);
		if (how == STATUS_OK)
			how = outgoing_load(s, s->queue.shard[i].owner.entity);
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
	for (uint32_t i = 0; i < QUEUE_SHARDS; i++)
		owner_done(&s->queue.shard[i].owner);
	(void)pthread_mutex_destroy(&s->queue.lock);
}

/* ---- taking a message in ---- */

struct submit_op {
	struct op *op; /* the caller's */
	struct record *r;
	const struct text *piece;
	struct numbers verdicts;
	uint32_t pieces; /* that go with the record: all, or of staged content the first */
};

static enum status
submit_apply(struct txn *t, struct op *op)
{
	struct submit_op *s = op->arg;
	struct key key = key_u64(KEY_Q_RECORD, s->r->id);
	struct buffer value = BUFFER_INIT;

	if (op->repeated)
		return STATUS_OK;
	record_pack(&value, s->r);
	txn_put(t, key_text(&key), buffer_text(&value));
	for (uint32_t i = 0; i < s->pieces; i++)
		txn_blob_put(t, s->r->blob, (uint16_t)i, s->piece[i]);
	buffer_clear(&value);
	pack_varint(&value, s->verdicts.count);
	for (uint32_t i = 0; i < s->verdicts.count; i++)
		pack_varint(&value, s->verdicts.at[i]);
	op->result = arena_copy(op->arena, buffer_text(&value));
	buffer_done(&value);
	return STATUS_OK;
}

static void
answer(struct op *op)
{
	struct store_deliver_reply reply = { .none_ = 0 };
	struct unpack u = unpack_of(op->result);
	uint64_t count = unpack_varint_max(&u, op->result.len);

	reply.verdicts.count = (uint32_t)count;
	reply.verdicts.at = ARENA_ARRAY(op->arena, uint64_t, count);
	for (uint64_t i = 0; i < count; i++)
		reply.verdicts.at[i] = unpack_varint(&u);
	call_reply(op->in, &reply);
}

/* It came to nothing, or the call is a repeated one. */
static void
take_back(struct task *task)
{
	struct record *r = LIST_OWNER(task, struct record, task);
	struct store *s = r->store;

	record_give_back(r, true);
	core_busy(s, -1);
}

static void
submit_finish(struct op *op, enum status how)
{
	struct submit_op *s = op->arg;
	struct record *r = s->r;
	bool ours = how == STATUS_OK && !op->repeated;
	bool back = !ours && r->shared && how != STATUS_AMBIGUOUS;

	if (back)
		core_busy(r->store, 1); /* before the answer: who has it may settle */
	if (ours)
		trace_delivered(r->store, op->request, s->verdicts.at, TEXT_EMPTY);
	if (how == STATUS_OK)
		answer(op);
	else
		call_fail(op->in, how, &op->failure);
	if (ours) {
		atomic_store(&r->committed, true);
		record_start(r);
	} else if (how == STATUS_AMBIGUOUS) {
		atomic_store(&r->doubtful, true); /* queue_retry finds out */
	} else if (back) {
		r->task.run = take_back;
		pool_run(r->store->pool, &r->task);
	} else {
		queue_forget(r);
	}
}

/* Large content gets its holders before the record that needs them. */
static enum status
hold_content(struct store *s, struct record *r, struct arena *a)
{
	struct holder *h = ARENA_ARRAY(a, struct holder, r->count + 1);

	for (uint32_t i = 0; i < r->count; i++)
		h[i] = (struct holder){ HOLDER_ACCOUNT, r->place[i].account };
	h[r->count] = (struct holder){ HOLDER_RECORD, r->id };
	return reference_add(s, r->blob, r->pieces, h, r->count + 1);
}

/* A copy that outlives the call. */
static struct record *
record_copy(struct store *s, const struct record *r, uint64_t op)
{
	uint64_t id = op == 0 ? random_u64() : op;
	struct record *kept = record_new(s, random_u64(), (uint32_t)(id % QUEUE_SHARDS));
	struct buffer value = BUFFER_INIT;

	record_pack(&value, r);
	CHECK(record_unpack(buffer_text(&value), kept) == STATUS_OK);
	buffer_done(&value);
	kept->undone = kept->count;
	return kept;
}

void
record_submit(struct store *s, struct op *op, const struct record *r, const struct text *piece,
    struct numbers verdicts)
{
	struct submit_op *sub = ARENA_NEW(op->arena, struct submit_op);
	struct record *kept = record_copy(s, r, op->id);
	enum status how = STATUS_OK;

	*sub = (struct submit_op){
		.op = op, .r = kept, .piece = piece, .pieces = r->pieces, .verdicts = verdicts
	};
	op->arg = sub;
	op->apply = submit_apply;
	op->finish = submit_finish;
	keep(s, kept); /* known from here on, so that its marks and holders are left alone */
	if (kept->shared)
		how = hold_content(s, kept, op->arena);
	if (how == STATUS_OK && stage_needed(op->bytes, op->id)) {
		sub->pieces = 1;
		op->bytes = piece[0].len;
		how = reference_write(s, kept->blob, piece, 1, kept->pieces);
	}
	if (how == STATUS_OK) {
		owner_submit(&s->queue.shard[kept->shard].owner, op);
		return;
	}
	(void)fail(&op->failure, how, "The server cannot write now; try again later.",
	    "references: %s", status_word(how));
	submit_finish(op, how == STATUS_FULL ? STATUS_FULL : STATUS_UNAVAILABLE);
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
