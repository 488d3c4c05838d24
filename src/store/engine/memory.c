/* SPDX-License-Identifier: ISC */
/*
 * The engine of tests: everything in two persistent trees (rows, pieces), so
 * that a scan, and the content that survives a crash, are a held root. One
 * thread applies batches in order and calls done(), in order too, as RocksDB's
 * writer does; in strict mode it plays dice (store/engine/strict.h) and puts
 * the ends of commits off.
 *
 * A batch passes three moments: it is applied to `working` (the thread's own),
 * `published` (what reads see), and, when done() is due, `acked` (what a
 * reopened engine finds).
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/engine/backend.h"
#include "store/engine/inbox.h"
#include "store/engine/keys.h"
#include "store/engine/strict.h"
#include "store/engine/tree.h"

#define LATE_NOTICE_US 3000

struct moment {
	struct tree *rows, *blobs;
};

/* A batch whose end is decided but not told yet. */
struct ending {
	struct ending *next;
	struct engine_batch *batch;
	enum status status;
	bool noticed; /* the entity's version moved */
	int64_t due;
	struct moment moment;
};

struct memory {
	struct engine base;
	struct inbox inbox;
	pthread_t thread;
	pthread_mutex_t lock;
	struct moment published, acked;
	_Atomic bool dead; /* reopened: answers nothing any more */
	unsigned fails;
	enum status fail_with;
	struct dice dice;
	/* The thread's own. */
	struct moment working;
	struct ending *first_ending, **last_ending;
	struct entity *late;
	size_t late_count, late_cap;
};

struct memory_scan {
	struct engine_scan base;
	struct tree *rows;
	struct tree_walk walk;
	struct row_key end;
};

static struct memory *
memory_of(struct engine *e)
{
	return (struct memory *)(void *)e;
}

static struct moment
moment_hold(const struct moment *m)
{
	return (struct moment){ tree_hold(m->rows), tree_hold(m->blobs) };
}

static void
moment_release(struct moment m)
{
	tree_release(m.rows);
	tree_release(m.blobs);
}

/* ---- the thread ---- */

/* Replaces *shared, which other threads look at, by a hold on m. */
static void
moment_show(struct memory *m, struct moment *shared, const struct moment *now)
{
	struct moment old;

	pthread_mutex_lock(&m->lock);
	old = *shared;
	*shared = moment_hold(now);
	pthread_mutex_unlock(&m->lock);
	moment_release(old);
}

static uint64_t
version_in(const struct tree *rows, struct entity e)
{
	const struct tree_row *row;
	uint64_t version = 0;
	struct row_key k;

	row_key_make(&k, e, TEXT_EMPTY);
	row = tree_find(rows, row_key_text(&k));
	if (row != NULL)
		CHECK(version_decode(tree_row_value(row), &version) == STATUS_OK);
	return version;
}

static void
raise_version(struct memory *m, struct entity e)
{
	struct row_key k;
	char value[8];

	version_encode(version_in(m->working.rows, e) + 1, value);
	row_key_make(&k, e, TEXT_EMPTY);
	m->working.rows =
	    tree_put(m->working.rows, row_key_text(&k), (struct text){ value, sizeof(value) });
}

static void
apply_row(struct memory *m, struct entity e, const struct engine_write *w)
{
	struct row_key k;

	row_key_make(&k, e, w->key);
	if (w->kind == ENGINE_PUT)
		m->working.rows = tree_put(m->working.rows, row_key_text(&k), w->value);
	else
		m->working.rows = tree_remove(m->working.rows, row_key_text(&k));
}

static void
apply_blob(struct memory *m, const struct engine_write *w)
{
	struct piece_key k;

	if (w->kind == ENGINE_BLOB_PUT) {
		piece_key_make(&k, w->blob, w->piece);
		m->working.blobs = tree_put(m->working.blobs, piece_key_text(&k), w->value);
		return;
	}
	for (uint16_t piece = 0; piece < w->piece; piece++) {
		piece_key_make(&k, w->blob, piece);
		m->working.blobs = tree_remove(m->working.blobs, piece_key_text(&k));
	}
}

static void
apply_writes(struct memory *m, const struct engine_batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct engine_write *w = &b->writes[i];

		if (w->kind == ENGINE_PUT || w->kind == ENGINE_DELETE)
			apply_row(m, b->entity, w);
		else
			apply_blob(m, w);
	}
	raise_version(m, b->entity);
}

static bool
fails_on_demand(struct memory *m, enum status *s)
{
	bool fails;

	pthread_mutex_lock(&m->lock);
	fails = m->fails > 0;
	if (fails) {
		m->fails--;
		*s = m->fail_with;
	}
	pthread_mutex_unlock(&m->lock);
	return fails;
}

/* Changes `working` as fate will have it; *noticed: somebody committed. */
static enum status
decide(struct memory *m, const struct engine_batch *b, bool *noticed)
{
	enum fate fate = dice_commit(&m->dice);
	enum status s;

	*noticed = false;
	if (fails_on_demand(m, &s))
		return s;
	if (b->bytes > ENGINE_BATCH_MAX)
		return STATUS_LIMIT;
	if (version_in(m->working.rows, b->entity) != b->guard)
		return STATUS_CONFLICT;
	if (fate == FATE_FULL)
		return STATUS_FULL;
	if (fate == FATE_AMBIGUOUS_LOST)
		return STATUS_AMBIGUOUS;
	*noticed = true;
	if (fate == FATE_CONFLICT) {
		raise_version(m, b->entity);
		return STATUS_CONFLICT;
	}
	apply_writes(m, b);
	return fate == FATE_AMBIGUOUS_DONE ? STATUS_AMBIGUOUS : STATUS_OK;
}

static void
begin(struct memory *m, struct engine_batch *b)
{
	struct ending *end = MEM_NEW(struct ending);

	end->batch = b;
	end->status = decide(m, b, &end->noticed);
	end->moment = moment_hold(&m->working);
	end->due = m->dice.how.latency > 0 ? inbox_now() + dice_commit_latency(&m->dice) : 0;
	moment_show(m, &m->published, &m->working);
	*m->last_ending = end;
	m->last_ending = &end->next;
}

static void
remember_late(struct memory *m, struct entity e)
{
	if (m->late_count == m->late_cap) {
		m->late_cap = m->late_cap * 2 + 16;
		m->late = mem_resize(m->late, m->late_cap, sizeof(*m->late));
	}
	m->late[m->late_count++] = e;
}

static void
notice(struct memory *m, struct entity e)
{
	enum notice_fate fate = dice_notice(&m->dice);

	if (fate == NOTICE_IN_TIME || fate == NOTICE_DOUBLED)
		notices_fire(&m->base.notices, e);
	if (fate == NOTICE_LATE || fate == NOTICE_DOUBLED)
		remember_late(m, e);
}

static void
fire_late(struct memory *m)
{
	for (size_t i = 0; i < m->late_count; i++)
		notices_fire(&m->base.notices, m->late[i]);
	m->late_count = 0;
}

/* What was not told before the crash of the user stays ambiguous for ever. */
static enum status
settle(struct memory *m, struct ending *end)
{
	struct moment old = end->moment;
	enum status s = end->status;

	pthread_mutex_lock(&m->lock);
	if (m->dead) {
		s = STATUS_AMBIGUOUS;
	} else {
		old = m->acked;
		m->acked = end->moment;
	}
	pthread_mutex_unlock(&m->lock);
	moment_release(old);
	return s;
}

static void
count(struct memory *m, const struct engine_batch *b, enum status s)
{
	if (s == STATUS_OK) {
		engine_count(&m->base.counts.commits, 1);
		engine_count(&m->base.counts.bytes_written, b->bytes);
	}
	if (s == STATUS_OK || s == STATUS_FULL || s == STATUS_IO)
		atomic_store(&m->base.read_only, s != STATUS_OK);
}

static void
finish(struct memory *m, struct ending *end)
{
	struct entity entity = end->batch->entity;
	enum status s = settle(m, end);

	count(m, end->batch, s);
	end->batch->done(end->batch, s); /* the batch is gone now */
	if (end->noticed)
		notice(m, entity);
	mem_free(end);
}

/* In the order of begin(), so that one slow end holds those behind it up. */
static void
finish_due(struct memory *m)
{
	while (m->first_ending != NULL &&
	       (m->first_ending->due == 0 || m->first_ending->due <= inbox_now())) {
		struct ending *end = m->first_ending;

		m->first_ending = end->next;
		if (m->first_ending == NULL)
			m->last_ending = &m->first_ending;
		finish(m, end);
	}
}

static int64_t
patience(const struct memory *m)
{
	if (m->first_ending != NULL) {
		int64_t left = m->first_ending->due - inbox_now();

		return left > 0 ? left : 0;
	}
	return m->late_count > 0 ? LATE_NOTICE_US : -1;
}

static void *
run(void *arg)
{
	struct memory *m = arg;

	while (!inbox_ended(&m->inbox) || m->first_ending != NULL) {
		struct engine_batch *chain = inbox_take(&m->inbox, patience(m));

		fire_late(m);
		if (chain != NULL)
			engine_count(&m->base.counts.groups, 1);
		for (struct engine_batch *b = chain, *next; b != NULL; b = next) {
			next = b->next;
			begin(m, b);
		}
		finish_due(m);
	}
	fire_late(m);
	return NULL;
}

/* ---- reads ---- */

/* Holds what reads see now. IO when the content went over to another engine. */
static enum status
look(struct memory *m, struct moment *now)
{
	int64_t nap;

	pthread_mutex_lock(&m->lock);
	nap = dice_read_latency(&m->dice);
	pthread_mutex_unlock(&m->lock);
	if (nap > 0)
		(void)nanosleep(
		    &(struct timespec){ nap / 1000000, (long)(nap % 1000000) * 1000 }, NULL);
	if (atomic_load(&m->dead))
		return STATUS_IO;
	pthread_mutex_lock(&m->lock);
	*now = moment_hold(&m->published);
	pthread_mutex_unlock(&m->lock);
	return STATUS_OK;
}

static void
memory_commit(struct engine *e, struct engine_batch *b)
{
	inbox_push(&memory_of(e)->inbox, b);
}

static enum status
memory_version(struct engine *e, struct entity entity, uint64_t *version)
{
	struct moment now;
	enum status s = look(memory_of(e), &now);

	if (s != STATUS_OK)
		return s;
	*version = version_in(now.rows, entity);
	moment_release(now);
	return STATUS_OK;
}

static enum status
copy_value(const struct tree *t, struct text key, struct arena *a, struct text *value)
{
	const struct tree_row *row = tree_find(t, key);

	if (row == NULL)
		return STATUS_NOT_FOUND;
	*value = arena_copy(a, tree_row_value(row));
	return STATUS_OK;
}

static enum status
memory_get(
    struct engine *e, struct entity entity, struct text key, struct arena *a, struct text *value)
{
	struct moment now;
	struct row_key k;
	enum status s = look(memory_of(e), &now);

	if (s != STATUS_OK)
		return s;
	row_key_make(&k, entity, key);
	s = copy_value(now.rows, row_key_text(&k), a, value);
	moment_release(now);
	return s;
}

static enum status
memory_blob_get(
    struct engine *e, struct blob_id id, uint16_t piece, struct arena *a, struct text *bytes)
{
	struct moment now;
	struct piece_key k;
	enum status s = look(memory_of(e), &now);

	if (s != STATUS_OK)
		return s;
	piece_key_make(&k, id, piece);
	s = copy_value(now.blobs, piece_key_text(&k), a, bytes);
	moment_release(now);
	return s;
}

static enum status
memory_scan_open(struct engine *e, struct entity entity, struct text from, struct text until,
    struct engine_scan **out)
{
	struct memory_scan *scan;
	struct moment now;
	struct row_key start;
	enum status s = look(memory_of(e), &now);

	if (s != STATUS_OK)
		return s;
	scan = MEM_NEW(struct memory_scan);
	scan->base.engine = e;
	scan->rows = tree_hold(now.rows);
	moment_release(now);
	row_key_make(&start, entity, from.len > 0 ? from : TEXT("\0"));
	if (until.len > 0)
		row_key_make(&scan->end, entity, until);
	else
		row_key_end(&scan->end, entity);
	tree_walk_from(&scan->walk, scan->rows, row_key_text(&start));
	*out = &scan->base;
	return STATUS_OK;
}

static enum status
memory_scan_next(struct engine_scan *s, struct text *key, struct text *value)
{
	struct memory_scan *scan = (struct memory_scan *)(void *)s;
	const struct tree_row *row;

	if (atomic_load(&memory_of(s->engine)->dead))
		return STATUS_IO;
	row = tree_walk_next(&scan->walk);
	if (row == NULL || text_compare(tree_row_key(row), row_key_text(&scan->end)) >= 0) {
		scan->walk.depth = 0;
		return STATUS_NOT_FOUND;
	}
	*key = text_part(tree_row_key(row), ENTITY_PREFIX, SIZE_MAX);
	*value = tree_row_value(row);
	return STATUS_OK;
}

static void
memory_scan_close(struct engine_scan *s)
{
	struct memory_scan *scan = (struct memory_scan *)(void *)s;

	tree_release(scan->rows);
	mem_free(scan);
}

/* Entities of which only the version is left have no rows. */
static enum status
first_entity(const struct tree *rows, struct entity from, uint64_t *id)
{
	const struct tree_row *row;
	struct tree_walk walk;
	struct row_key start;
	struct entity entity;
	struct text key;

	row_key_make(&start, from, TEXT_EMPTY);
	tree_walk_from(&walk, rows, row_key_text(&start));
	while ((row = tree_walk_next(&walk)) != NULL) {
		CHECK(row_key_parse(tree_row_key(row), &entity, &key) == STATUS_OK);
		if (entity.kind != from.kind)
			break;
		if (key.len == 0)
			continue;
		*id = entity.id;
		return STATUS_OK;
	}
	return STATUS_NOT_FOUND;
}

static enum status
memory_next_entity(
    struct engine *e, enum entity_kind kind, uint64_t after, bool first, uint64_t *id)
{
	struct moment now;
	enum status s = look(memory_of(e), &now);

	if (s != STATUS_OK)
		return s;
	s = first_entity(now.rows, (struct entity){ kind, first ? 0 : after + 1 }, id);
	moment_release(now);
	return s;
}

static enum status
first_blob(const struct tree *blobs, struct blob_id after, struct blob_id *id, uint32_t *pieces)
{
	const struct tree_row *row;
	struct tree_walk walk;
	struct piece_key start;
	struct blob_id other;
	uint16_t piece;

	piece_key_make(&start, after, UINT16_MAX);
	tree_walk_from(&walk, blobs, piece_key_text(&start));
	row = tree_walk_next(&walk);
	if (row == NULL)
		return STATUS_NOT_FOUND;
	CHECK(piece_key_parse(tree_row_key(row), id, &piece) == STATUS_OK);
	do {
		*pieces = (uint32_t)piece + 1;
		row = tree_walk_next(&walk);
		if (row != NULL)
			CHECK(piece_key_parse(tree_row_key(row), &other, &piece) == STATUS_OK);
	} while (row != NULL && memcmp(&other, id, sizeof(other)) == 0);
	return STATUS_OK;
}

static enum status
memory_next_blob(struct engine *e, struct blob_id after, struct blob_id *id, uint32_t *pieces)
{
	struct moment now;
	enum status s = look(memory_of(e), &now);

	if (s != STATUS_OK)
		return s;
	s = first_blob(now.blobs, after, id, pieces);
	moment_release(now);
	return s;
}

static void
memory_compact(struct engine *e)
{
}

/* ---- life ---- */

static void
memory_free(struct engine *e)
{
	struct memory *m = memory_of(e);

	inbox_stop(&m->inbox);
	CHECK(pthread_join(m->thread, NULL) == 0);
	inbox_done(&m->inbox);
	moment_release(m->working);
	moment_release(m->published);
	moment_release(m->acked);
	(void)pthread_mutex_destroy(&m->lock);
	engine_base_done(e);
	mem_free(m->late);
	mem_free(m);
}

static const struct engine_ops memory_ops = {
	.name = "memory",
	.commit = memory_commit,
	.version = memory_version,
	.get = memory_get,
	.scan_open = memory_scan_open,
	.scan_next = memory_scan_next,
	.scan_close = memory_scan_close,
	.blob_get = memory_blob_get,
	.next_entity = memory_next_entity,
	.next_blob = memory_next_blob,
	.compact = memory_compact,
	.free = memory_free,
};

/* Takes the hold on content. */
static struct engine *
memory_start(const struct engine_strictness *how, struct moment content)
{
	struct memory *m = MEM_NEW(struct memory);

	engine_base_init(&m->base, &memory_ops);
	inbox_init(&m->inbox);
	CHECK(pthread_mutex_init(&m->lock, NULL) == 0);
	m->working = content;
	m->published = moment_hold(&content);
	m->acked = moment_hold(&content);
	m->last_ending = &m->first_ending;
	dice_init(&m->dice, how);
	CHECK(pthread_create(&m->thread, NULL, run, m) == 0);
	return &m->base;
}

struct engine *
engine_memory_strict_new(const struct engine_strictness *how)
{
	return memory_start(how, (struct moment){ NULL, NULL });
}

struct engine *
engine_memory_new(void)
{
	return engine_memory_strict_new(&(struct engine_strictness){ .seed = 0 });
}

struct engine *
engine_memory_reopen(struct engine *e)
{
	struct memory *m = memory_of(e);
	struct engine_strictness how;
	struct moment content;

	MAGIC_CHECK(e, ENGINE_MAGIC);
	CHECK(e->ops == &memory_ops);
	how = m->dice.how;
	how.seed = how.seed * UINT64_C(0x9e3779b97f4a7c15) + 1; /* other dice, of the same seed */
	pthread_mutex_lock(&m->lock);
	atomic_store(&m->dead, true);
	content = moment_hold(&m->acked);
	pthread_mutex_unlock(&m->lock);
	inbox_nudge(&m->inbox);
	return memory_start(&how, content);
}

void
engine_memory_fail(struct engine *e, unsigned n, enum status s)
{
	struct memory *m = memory_of(e);

	MAGIC_CHECK(e, ENGINE_MAGIC);
	CHECK(e->ops == &memory_ops);
	pthread_mutex_lock(&m->lock);
	m->fails = n;
	m->fail_with = s;
	pthread_mutex_unlock(&m->lock);
}
