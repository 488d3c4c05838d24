/* SPDX-License-Identifier: ISC */
/*
 * The engine's face: building batches, waiting for a commit, and handing each
 * operation to the engine behind the table. What a batch may hold is checked
 * here, once for all engines; see store/engine.h.
 */
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/engine/backend.h"

void
engine_base_init(struct engine *e, const struct engine_ops *ops)
{
	e->magic = ENGINE_MAGIC;
	e->ops = ops;
	notices_init(&e->notices);
	leases_init(&e->leases);
}

void
engine_base_done(struct engine *e)
{
	e->magic = 0;
	notices_done(&e->notices);
	leases_done(&e->leases);
}

void
engine_batch_init(struct engine_batch *b, struct entity e, uint64_t guard)
{
	*b = (struct engine_batch){ .magic = ENGINE_BATCH_MAGIC, .entity = e, .guard = guard };
}

void
engine_batch_done(struct engine_batch *b)
{
	MAGIC_CHECK(b, ENGINE_BATCH_MAGIC);
	arena_done(&b->arena);
	*b = (struct engine_batch){ .magic = 0 };
}

static struct engine_write *
write_new(struct engine_batch *b, enum engine_write_kind kind)
{
	struct engine_write *bigger;

	MAGIC_CHECK(b, ENGINE_BATCH_MAGIC);
	if (b->count == b->cap) {
		b->cap = b->cap == 0 ? 8 : b->cap * 2;
		bigger = ARENA_ARRAY(&b->arena, struct engine_write, b->cap);
		if (b->count > 0)
			memcpy(bigger, b->writes, b->count * sizeof(*bigger));
		b->writes = bigger;
	}
	b->writes[b->count].kind = kind;
	return &b->writes[b->count++];
}

static void
check_key(struct text key)
{
	CHECK(key.len >= 1 && key.len <= ENGINE_KEY_MAX);
}

void
engine_put(struct engine_batch *b, struct text key, struct text value)
{
	engine_put_kept(b, key, arena_copy(&b->arena, value));
}

void
engine_put_kept(struct engine_batch *b, struct text key, struct text value)
{
	struct engine_write *w;

	check_key(key);
	CHECK(value.len <= ENGINE_VALUE_MAX);
	w = write_new(b, ENGINE_PUT);
	w->key = arena_copy(&b->arena, key);
	w->value = value;
	b->bytes += key.len + value.len;
}

void
engine_delete(struct engine_batch *b, struct text key)
{
	check_key(key);
	write_new(b, ENGINE_DELETE)->key = arena_copy(&b->arena, key);
	b->bytes += key.len;
}

void
engine_blob_put(struct engine_batch *b, struct blob_id id, uint16_t piece, struct text bytes)
{
	struct engine_write *w;

	CHECK(bytes.len <= ENGINE_PIECE_MAX && piece < ENGINE_PIECES_MAX);
	w = write_new(b, ENGINE_BLOB_PUT);
	w->blob = id;
	w->piece = piece;
	w->value = bytes;
	b->bytes += sizeof(id.byte) + bytes.len;
}

void
engine_blob_delete(struct engine_batch *b, struct blob_id id, uint16_t pieces)
{
	struct engine_write *w = write_new(b, ENGINE_BLOB_DELETE);

	w->blob = id;
	w->piece = pieces;
	b->bytes += sizeof(id.byte);
}

void
engine_commit(struct engine *e, struct engine_batch *b)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	MAGIC_CHECK(b, ENGINE_BATCH_MAGIC);
	CHECK(b->done != NULL);
	e->ops->commit(e, b);
}

/* One futex word: a mutex and a condition would wake the waiter only to make it
 * wait for the lock. */
struct waiter {
	_Atomic uint32_t done;
	enum status status;
};

/* Once `done` is set the waiter may be gone; waking an address where nobody
 * waits is harmless. */
static void
wake_waiter(struct engine_batch *b, enum status s)
{
	struct waiter *w = b->context;

	w->status = s;
	atomic_store_explicit(&w->done, 1, memory_order_release);
	(void)syscall(SYS_futex, &w->done, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

enum status
engine_commit_wait(struct engine *e, struct engine_batch *b)
{
	struct waiter w = { .done = 0 };

	b->done = wake_waiter;
	b->context = &w;
	b->may_lead = true;
	engine_commit(e, b);
	while (atomic_load_explicit(&w.done, memory_order_acquire) == 0)
		(void)syscall(SYS_futex, &w.done, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	b->done = NULL;
	b->context = NULL;
	b->may_lead = false;
	return w.status;
}

enum status
engine_version(struct engine *e, struct entity entity, uint64_t *version)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	return e->ops->version(e, entity, version);
}

enum status
engine_get(
    struct engine *e, struct entity entity, struct text key, struct arena *a, struct text *value)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	if (key.len == 0 || key.len > ENGINE_KEY_MAX)
		return STATUS_NOT_FOUND;
	engine_count(&e->counts.keys_read, 1);
	return e->ops->get(e, entity, key, a, value);
}

enum status
engine_scan_open(struct engine *e, struct entity entity, struct text from, struct text until,
    struct engine_scan **out)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	if (from.len > ENGINE_KEY_MAX || until.len > ENGINE_KEY_MAX)
		return STATUS_INVALID;
	return e->ops->scan_open(e, entity, from, until, out);
}

enum status
engine_scan_next(struct engine_scan *s, struct text *key, struct text *value)
{
	enum status status;

	MAGIC_CHECK(s->engine, ENGINE_MAGIC);
	status = s->engine->ops->scan_next(s, key, value);
	if (status == STATUS_OK)
		engine_count(&s->engine->counts.keys_scanned, 1);
	return status;
}

void
engine_scan_close(struct engine_scan *s)
{
	if (s == NULL)
		return;
	MAGIC_CHECK(s->engine, ENGINE_MAGIC);
	s->engine->ops->scan_close(s);
}

enum status
engine_blob_get(
    struct engine *e, struct blob_id id, uint16_t piece, struct arena *a, struct text *bytes)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	engine_count(&e->counts.keys_read, 1);
	return e->ops->blob_get(e, id, piece, a, bytes);
}

enum status
engine_next_entity(
    struct engine *e, enum entity_kind kind, uint64_t after, bool first, uint64_t *id)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	if (!first && after == UINT64_MAX)
		return STATUS_NOT_FOUND;
	return e->ops->next_entity(e, kind, after, first, id);
}

enum status
engine_next_blob(struct engine *e, struct blob_id after, struct blob_id *id, uint32_t *pieces)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	return e->ops->next_blob(e, after, id, pieces);
}

uint64_t
engine_watch(struct engine *e, struct entity entity, engine_notice fn, void *arg)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	return notices_add(&e->notices, entity, fn, arg);
}

void
engine_unwatch(struct engine *e, uint64_t watch)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	notices_remove(&e->notices, watch);
}

enum status
engine_lease(struct engine *e, struct entity entity, struct text owner, int64_t microseconds)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	return leases_take(&e->leases, entity, owner, microseconds);
}

void
engine_compact(struct engine *e)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	e->ops->compact(e);
}

void
engine_facts_of(struct engine *e, struct engine_facts *out)
{
	MAGIC_CHECK(e, ENGINE_MAGIC);
	*out = (struct engine_facts){
		.commits = atomic_load(&e->counts.commits),
		.groups = atomic_load(&e->counts.groups),
		.keys_read = atomic_load(&e->counts.keys_read),
		.keys_scanned = atomic_load(&e->counts.keys_scanned),
		.bytes_written = atomic_load(&e->counts.bytes_written),
		.read_only = atomic_load(&e->read_only),
	};
}

void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	MAGIC_CHECK(e, ENGINE_MAGIC);
	e->ops->free(e);
}
