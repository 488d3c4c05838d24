/* SPDX-License-Identifier: ISC */
/* The trace: what is noted waits in memory, and is written; see store/trace.h. */
#include "store/trace.h"

#include <stdlib.h>

#include "base/random.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "store/core.h"

#define BATCH_VERSION 1

struct trace_shard *
trace_shard_of(struct store *s, struct text id)
{
	return &s->trace.shard[text_hash_stable(id) % TRACE_SHARDS];
}

/* ---- keys ---- */

struct key
trace_story_from(struct text id)
{
	struct key k = key_named(KEY_T_STORY, id);

	key_add(&k, 0, 1);
	return k;
}

struct key
trace_story_key(struct text id, int64_t at, uint32_t number)
{
	struct key k = trace_story_from(id);

	key_add(&k, (uint64_t)at, 8);
	key_add(&k, number, 4);
	return k;
}

struct key
trace_mark_key(struct trace_mark m, int64_t at, uint32_t number)
{
	struct key k = key_u64_u64((enum key_kind)m.kind, m.hash, ~(uint64_t)at);

	key_add(&k, number, 4);
	return k;
}

struct key
trace_batch_key(int64_t at, uint32_t number)
{
	struct key k = key_u64(KEY_T_BATCH, ~(uint64_t)at);

	key_add(&k, number, 4);
	return k;
}

int64_t
trace_key_time(struct text key, size_t at)
{
	return (int64_t)~key_number(key, at, 8);
}

/* ---- the owner's class ---- */

static enum status
shard_load(struct owner *o)
{
	return engine_version(o->store->engine, o->entity, &o->version);
}

static void
shard_nothing(struct owner *o)
{
	(void)o;
}

static void
shard_no_txn(struct txn *t)
{
	(void)t;
}

static enum status
shard_op_begin(struct txn *t, struct op *op)
{
	(void)t, (void)op;
	return STATUS_OK;
}

static void
shard_op_end(struct txn *t, struct op *op)
{
	(void)t, (void)op;
}

static int
by_key(const void *a, const void *b)
{
	return text_compare(
	    ((const struct engine_write *)a)->key, ((const struct engine_write *)b)->key);
}

/* Marks have hashes for keys, and there are hundreds of them: the engine puts them in
 * with fewer steps if each lies behind the one before it. */
static void
shard_seal(struct txn *t)
{
	struct key head = key_of(KEY_T_HEAD);
	struct buffer value = BUFFER_INIT;

	pack_be64(&value, t->id);
	txn_put(t, key_text(&head), buffer_text(&value));
	buffer_done(&value);
	qsort(t->batch.writes, t->batch.count, sizeof(*t->batch.writes), by_key);
}

static const struct owner_class trace_class = {
	.name = "trace",
	.txn_size = sizeof(struct txn),
	.load = shard_load,
	.unload = shard_nothing,
	.begin = shard_no_txn,
	.op_begin = shard_op_begin,
	.op_end = shard_op_end,
	.seal = shard_seal,
	.publish = shard_no_txn,
	.told = shard_no_txn,
	.discard = shard_no_txn,
	.head = KEY_T_HEAD,
};

/* ---- writing ---- */

struct flush {
	struct op op; /* first */
	struct buffer pending;
	int64_t base;
	uint32_t rows, number;
	struct arena arena;
};

static void
put_marks(struct txn *t, const struct trace_noted *n)
{
	struct buffer id = BUFFER_INIT;
	struct text value;

	pack_text(&id, n->id);
	value = arena_copy(txn_arena(t), buffer_text(&id));
	buffer_done(&id);
	for (uint32_t i = 0; i < n->marks; i++) {
		struct key k = trace_mark_key(n->mark[i], n->at, n->number);

		txn_put_new(t, key_text(&k), value);
	}
}

static enum status
flush_apply(struct txn *t, struct op *op)
{
	struct flush *f = (struct flush *)(void *)op;
	struct unpack u = unpack_of(buffer_text(&f->pending));
	struct key batch = trace_batch_key(f->base, f->number);
	struct buffer all = BUFFER_INIT;
	struct trace_noted n;

	pack_u8(&all, BATCH_VERSION);
	pack_varint(&all, f->rows);
	for (uint32_t i = 0; i < f->rows; i++) {
		struct key k;

		CHECK(trace_noted_unpack(&u, f->base, &f->arena, &n) == STATUS_OK);
		k = trace_story_key(n.id, n.at, n.number);
		txn_put_new(t, key_text(&k), unpack_text(&u)); /* lives until finish */
		put_marks(t, &n);
		trace_noted_pack(&all, f->base, &n);
	}
	CHECK(unpack_end(&u));
	txn_put(t, key_text(&batch), buffer_text(&all));
	buffer_done(&all);
	return STATUS_OK;
}

static void
flush_finish(struct op *op, enum status how)
{
	struct flush *f = (struct flush *)(void *)op;

	metric_add(how == STATUS_OK ? METRIC_TRACE_ROWS : METRIC_TRACE_ROWS_LOST, f->rows);
	buffer_done(&f->pending);
	arena_done(&f->arena);
	mem_free(f);
}

/* What waits in a shard, as an operation; NULL if nothing does. */
static struct flush *
take_pending(struct store *s, struct trace_shard *shard)
{
	struct flush *f = NULL;

	pthread_mutex_lock(&shard->lock);
	shard->writing = false;
	if (shard->rows > 0) {
		f = MEM_NEW(struct flush);
		f->pending = shard->pending;
		f->base = shard->base;
		f->rows = shard->rows;
		shard->pending = (struct buffer)BUFFER_INIT;
		shard->rows = 0;
	}
	pthread_mutex_unlock(&shard->lock);
	if (f == NULL)
		return NULL;
	f->number = atomic_fetch_add(&s->trace.number, 1);
	f->op.apply = flush_apply;
	f->op.finish = flush_finish;
	f->op.arena = &f->arena;
	f->op.bytes = buffer_text(&f->pending).len;
	return f;
}

static void
flush_shard(struct store *s, struct trace_shard *shard)
{
	struct flush *f = take_pending(s, shard);

	if (f != NULL)
		owner_submit(&shard->owner, &f->op);
}

void
trace_flush(struct store *s)
{
	for (uint32_t i = 0; i < TRACE_SHARDS; i++)
		flush_shard(s, &s->trace.shard[i]);
}

static enum status
apply_nothing(struct txn *t, struct op *op)
{
	(void)t, (void)op;
	return STATUS_OK;
}

void
trace_flush_wait(struct store *s)
{
	trace_flush(s);
	for (uint32_t i = 0; i < TRACE_SHARDS; i++) {
		struct arena a = ARENA_INIT;
		struct op op = { .apply = apply_nothing, .arena = &a };
		enum status how = owner_wait(&s->trace.shard[i].owner, &op);

		(void)how; /* who reads sees it */
		arena_done(&a);
	}
}

/* Much waits: on a thread of the pool, for this one may hold anything. */
static void
flush_task(struct task *t)
{
	struct trace_shard *shard = LIST_OWNER(t, struct trace_shard, task);
	struct store *s = shard->owner.store;

	flush_shard(s, shard);
	core_busy(s, -1);
}

/* ---- noting ---- */

static bool
is_id(struct text id)
{
	for (size_t i = 0; i < id.len; i++)
		if ((unsigned char)id.ptr[i] <= ' ' || id.ptr[i] == 0x7f)
			return false;
	return id.len > 0 && id.len <= TRACE_ID_MAX;
}

/* Whether it is full enough to be written now; called under the lock. */
static bool
add_pending(struct trace_shard *shard, struct text noted, struct text row)
{
	buffer_add_text(&shard->pending, noted);
	pack_text(&shard->pending, row);
	shard->rows++;
	if (shard->writing || buffer_text(&shard->pending).len < TRACE_PENDING_SOON)
		return false;
	shard->writing = true;
	return true;
}

static void
leave(struct store *s, struct text id, const struct trace_row *r)
{
	struct trace_shard *shard = trace_shard_of(s, id);
	struct trace_mark few[8];
	uint32_t most = trace_marks_most(r);
	struct trace_noted n = { .id = id, .at = r->at[0].at, .mark = few };
	struct buffer row = BUFFER_INIT, noted = BUFFER_INIT;
	bool fits, now = false;

	n.number = atomic_fetch_add(&s->trace.number, 1);
	if (most > ARRAY_LEN(few))
		n.mark = mem_array(most, sizeof(*n.mark));
	n.marks = trace_marks(r, n.mark);
	trace_row_pack(&row, r);
	pthread_mutex_lock(&shard->lock);
	if (shard->rows == 0)
		shard->base = n.at;
	trace_noted_pack(&noted, shard->base, &n);
	fits = buffer_text(&shard->pending).len + buffer_text(&row).len + buffer_text(&noted).len <=
	       TRACE_PENDING_MAX;
	if (fits)
		now = add_pending(shard, buffer_text(&noted), buffer_text(&row));
	pthread_mutex_unlock(&shard->lock);
	buffer_done(&noted);
	buffer_done(&row);
	if (n.mark != few)
		mem_free(n.mark);
	if (!fits)
		metric_add(METRIC_TRACE_ROWS_LOST, 1);
	if (now) {
		core_busy(s, 1);
		pool_run(s->pool, &shard->task);
	}
}

bool
trace_wanted(void)
{
	return setting(SET_TRACE_KEEP) > 0;
}

void
trace_note(struct store *s, struct text id, const struct trace_event *at, uint32_t count)
{
	struct trace_row r = { at, count };

	if (trace_wanted() && count > 0 && is_id(id))
		leave(s, id, &r);
}

void
trace_note_one(struct store *s, struct text id, struct trace_event e)
{
	if (e.at == 0)
		e.at = clock_wall();
	trace_note(s, id, &e, 1);
}

/* ---- what others tell ---- */

/* What a role may tell of: an event that is the store's own is not believed. */
static bool
may_tell(enum role who, const struct trace_row *r)
{
	unsigned may = who == ROLE_OUTBOUND ? 1u << TRACE_NOTIFIED : 1u << TRACE_REFUSED;

	for (uint32_t i = 0; i < r->count; i++)
		if ((may & 1u << r->at[i].what) == 0)
			return false;
	return true;
}

void
serve_trace_add(struct call_in *in, const void *request, void *context)
{
	const struct trace_add_request *q = request;
	struct trace_add_reply reply = { .none_ = 0 };
	enum status how = q->ids.count == q->rows.count ? STATUS_OK : STATUS_INVALID;

	for (uint32_t i = 0; i < q->ids.count && how == STATUS_OK; i++) {
		struct trace_row r;

		how = trace_row_unpack(q->rows.at[i], call_arena(in), &r);
		if (how == STATUS_OK && !may_tell(call_peer(in), &r))
			how = STATUS_DENIED;
		if (how == STATUS_OK)
			trace_note(context, q->ids.at[i], r.at, r.count);
	}
	if (how == STATUS_OK)
		call_reply(in, &reply);
	else
		call_refuse(in, how == STATUS_CORRUPT ? STATUS_INVALID : how,
		    "That is nothing for the trace.", "trace_add: bad rows");
}

/* ---- start and end ---- */

void
trace_init(struct store *s)
{
	atomic_store(&s->trace.number, (uint32_t)random_u64());
	s->trace.trimmed = -CLOCK_DAY;
	for (uint32_t i = 0; i < TRACE_SHARDS; i++) {
		struct trace_shard *shard = &s->trace.shard[i];

		owner_init(&shard->owner, &trace_class, s, (struct entity){ ENTITY_TRACE, i });
		CHECK(pthread_mutex_init(&shard->lock, NULL) == 0);
		shard->task.run = flush_task;
		list_init(&shard->task.node);
	}
}

void
trace_done(struct store *s)
{
	for (uint32_t i = 0; i < TRACE_SHARDS; i++) {
		struct trace_shard *shard = &s->trace.shard[i];

		buffer_done(&shard->pending);
		owner_done(&shard->owner);
		(void)pthread_mutex_destroy(&shard->lock);
	}
}

enum status
trace_batch_each(struct text key, struct text value, struct arena *a, trace_noted_fn fn, void *arg)
{
	struct unpack u = unpack_of(value);
	uint8_t version = unpack_u8(&u);
	uint64_t rows = unpack_varint(&u);
	struct trace_noted n;

	if (key.len != 13 || version != BATCH_VERSION || rows > cursor_left(&u.in))
		return STATUS_CORRUPT;
	for (uint64_t i = 0; i < rows; i++) {
		if (trace_noted_unpack(&u, trace_key_time(key, 1), a, &n) != STATUS_OK)
			return STATUS_CORRUPT;
		fn(arg, &n);
	}
	return unpack_end(&u) ? STATUS_OK : STATUS_CORRUPT;
}
