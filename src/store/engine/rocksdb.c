/* SPDX-License-Identifier: ISC */
/*
 * The embedded engine: RocksDB behind one group writer (rocks_write.c),
 * read on the callers' threads (rocks_read.c). This file opens, closes and
 * compacts. The folder's layout is in files.h, the keys are in keys.h.
 */
#include <sys/stat.h>

#include "base/log.h"
#include "store/engine/files.h"
#include "store/engine/rocks.h"

/* Garbage below this part of all blob files stays. */
#define GARBAGE_PART 4

static void
rocks_commit(struct engine *e, struct engine_batch *b)
{
	struct rocks *r = rocks_of(e);

	if (!b->may_lead || !inbox_lead(&r->inbox)) {
		inbox_push(&r->inbox, b);
		return;
	}
	if (r->trouble.failed)
		inbox_push(&r->inbox, b); /* the writer looks whether it is over */
	else
		rocks_write_one(r, b);
	if (r->trouble.failed)
		inbox_nudge(&r->inbox);
	inbox_led(&r->inbox);
}

/* ---- compaction ---- */

static void
set_age_cutoff(struct rocks *r, const char *cutoff)
{
	const char *const keys[] = { "blob_garbage_collection_age_cutoff" };
	const char *const values[] = { cutoff };
	char *error = NULL;

	rocksdb_set_options_cf(r->database.db, r->database.blob, 1, keys, values, &error);
	if (error == NULL)
		return;
	LOG_WARN("store.compact", FIELD_STRING("reason", error));
	rocksdb_free(error);
}

/* forced: also what already lies at the bottom. */
static void
compact_family(struct rocks *r, rocksdb_column_family_handle_t *family, bool forced)
{
	rocksdb_compactoptions_t *o = rocksdb_compactoptions_create();

	rocksdb_compactoptions_set_exclusive_manual_compaction(o, 0);
	if (forced)
		rocksdb_compactoptions_set_bottommost_level_compaction(o, 3); /* kForceOptimized */
	rocksdb_compact_range_cf_opt(r->database.db, family, o, NULL, 0, NULL, 0);
	rocksdb_compactoptions_destroy(o);
}

static uint64_t
blob_property(struct rocks *r, const char *name)
{
	uint64_t n = 0;

	if (rocksdb_property_int_cf(r->database.db, r->database.blob, name, &n) != 0)
		return 0;
	return n;
}

/* First the keys alone, which tells how much of the blob files is garbage;
 * then, if it is worth it, the blobs that live are written anew. */
static void
compact_all(struct rocks *r)
{
	uint64_t all, garbage;

	compact_family(r, r->database.meta, false);
	set_age_cutoff(r, "0.0");
	compact_family(r, r->database.blob, false);
	all = blob_property(r, "rocksdb.live-blob-file-size");
	garbage = blob_property(r, "rocksdb.live-blob-file-garbage-size");
	if (garbage > 0 && garbage >= all / GARBAGE_PART) {
		set_age_cutoff(r, "1.0");
		compact_family(r, r->database.blob, true);
	}
	set_age_cutoff(r, "0.25");
}

static void
rocks_compact(struct engine *e)
{
	struct rocks *r = rocks_of(e);

	gate_enter(&r->gate);
	if (r->database.db != NULL && !atomic_load(&r->base.read_only))
		compact_all(r);
	gate_leave(&r->gate);
}

/* ---- life ---- */

/* After the database was closed, or was never opened. */
static void
rocks_dispose(struct rocks *r)
{
	versions_done(&r->versions);
	inbox_done(&r->inbox);
	gate_done(&r->gate);
	rocksdb_writeoptions_destroy(r->synced);
	rocksdb_readoptions_destroy(r->reading);
	rocksdb_writebatch_destroy(r->group.writes);
	engine_base_done(&r->base);
	mem_free(r->path);
	mem_free(r->dir);
	mem_free(r);
}

static void
rocks_free(struct engine *e)
{
	struct rocks *r = rocks_of(e);

	inbox_stop(&r->inbox);
	CHECK(pthread_join(r->thread, NULL) == 0);
	ahead_stop(&r->ahead);
	database_close(&r->database);
	rocks_dispose(r);
}

static const struct engine_ops rocks_ops = {
	.name = "rocksdb",
	.commit = rocks_commit,
	.version = rocks_version,
	.get = rocks_get,
	.scan_open = rocks_scan_open,
	.scan_next = rocks_scan_next,
	.scan_close = rocks_scan_close,
	.blob_get = rocks_blob_get,
	.next_entity = rocks_next_entity,
	.next_blob = rocks_next_blob,
	.compact = rocks_compact,
	.free = rocks_free,
};

/* What a batch has room for from the beginning: one that grows is copied again
 * and again, each time into memory that nobody has touched. */
#define BATCH_ROOM (8u << 20)

static rocksdb_writebatch_t *
batch_with_room(void)
{
	char *zeros = mem_array(BATCH_ROOM, 1);
	rocksdb_writebatch_t *b = rocksdb_writebatch_create_from(zeros, BATCH_ROOM);

	mem_free(zeros);
	rocksdb_writebatch_clear(b); /* which keeps the room */
	return b;
}

static struct rocks *
rocks_new(const char *dir, const struct engine_rocksdb_settings *how)
{
	struct rocks *r = MEM_NEW(struct rocks);
	struct buffer path = BUFFER_INIT;

	engine_base_init(&r->base, &rocks_ops);
	buffer_addf(&path, "%s/db", dir);
	r->dir = mem_string(text_of(dir));
	r->path = mem_string(buffer_text(&path));
	buffer_done(&path);
	r->how = *how;
	gate_init(&r->gate);
	inbox_init(&r->inbox);
	versions_init(&r->versions);
	r->group.writes = batch_with_room();
	r->reading = rocksdb_readoptions_create();
	r->synced = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(r->synced, 1);
	return r;
}

enum status
engine_rocksdb_open_with(const char *dir, const struct engine_rocksdb_settings *how,
    struct engine **out, struct failure *f)
{
	struct rocks *r;
	enum status s;

	(void)umask(077); /* RocksDB makes its files with whatever this leaves */
	s = files_prepare(dir, f);
	if (s != STATUS_OK)
		return s;
	r = rocks_new(dir, how);
	s = database_open(r->path, how, &r->database, f);
	if (s != STATUS_OK) {
		rocks_dispose(r);
		return s;
	}
	ahead_start(&r->ahead, r->path);
	CHECK(pthread_create(&r->thread, NULL, rocks_write_run, r) == 0);
	*out = &r->base;
	return STATUS_OK;
}

enum status
engine_rocksdb_open(const char *dir, struct engine **out, struct failure *f)
{
	return engine_rocksdb_open_with(
	    dir, &(struct engine_rocksdb_settings){ .cache = 0 }, out, f);
}
