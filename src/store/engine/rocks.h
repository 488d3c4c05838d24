/* SPDX-License-Identifier: ISC */
/*
 * The RocksDB engine, for its own files: rocksdb.c opens, closes and compacts,
 * rocks_read.c reads on the caller's thread, rocks_write.c writes, on the thread
 * of the writer or on one that leads (inbox.h). Everything that touches `db` passes the gate,
 * except the writer, which alone may close it.
 */
#ifndef STORE_ENGINE_ROCKS_H
#define STORE_ENGINE_ROCKS_H

#include <pthread.h>

#include "store/engine/ahead.h"
#include "store/engine/backend.h"
#include "store/engine/database.h"
#include "store/engine/gate.h"
#include "store/engine/inbox.h"
#include "store/engine/versions.h"

/* Most batches and, once reached, octets of a group. */
#define GROUP_MOST VERSIONS_PENDING
#define GROUP_BYTES ((size_t)16 << 20)

struct member {
	struct engine_batch *batch;
	struct entity entity;
	enum status status;
};

struct group {
	struct member members[GROUP_MOST];
	size_t count;
	size_t admitted; /* whose guard holds */
	size_t bytes;
	rocksdb_writebatch_t *writes;
};

/* Since a write failed: nothing is written until the database was reopened. */
struct trouble {
	bool failed;
	bool alarmed; /* that it cannot be reopened */
	enum status status;
	int64_t next_try;
};

struct rocks {
	struct engine base;
	char *dir, *path;
	struct engine_rocksdb_settings how;
	struct gate gate;
	struct database database;
	rocksdb_readoptions_t *reading;
	/* A batch ended in AMBIGUOUS and no reopening has told its fate yet. */
	_Atomic bool undecided;
	struct inbox inbox;
	pthread_t thread;
	/* Of who is the writer now. */
	struct engine_batch *queue;
	struct versions versions;
	struct group group;
	struct trouble trouble;
	rocksdb_writeoptions_t *synced;
	struct ahead ahead;
};

static inline struct rocks *
rocks_of(struct engine *e)
{
	return (struct rocks *)(void *)e;
}

/* Writes this batch as a group of its own, for who is the writer now. */
void rocks_write_one(struct rocks *r, struct engine_batch *b);
/* The writer's thread; arg is the struct rocks. */
void *rocks_write_run(void *arg);

/* Without passing the gate, for the writer too. */
enum status rocks_read_version(struct rocks *r, struct entity entity, uint64_t *version) MUST_CHECK;

enum status rocks_version(struct engine *e, struct entity entity, uint64_t *version) MUST_CHECK;
enum status rocks_get(struct engine *e, struct entity entity, struct text key, struct arena *a,
    struct text *value) MUST_CHECK;
enum status rocks_blob_get(struct engine *e, struct blob_id id, uint16_t piece, struct arena *a,
    struct text *bytes) MUST_CHECK;
enum status rocks_scan_open(struct engine *e, struct entity entity, struct text from,
    struct text until, struct engine_scan **out) MUST_CHECK;
enum status rocks_scan_next(struct engine_scan *s, struct text *key, struct text *value) MUST_CHECK;
void rocks_scan_close(struct engine_scan *s);
enum status rocks_next_entity(
    struct engine *e, enum entity_kind kind, uint64_t after, bool first, uint64_t *id) MUST_CHECK;
enum status rocks_next_blob(
    struct engine *e, struct blob_id after, struct blob_id *id, uint32_t *pieces) MUST_CHECK;

#endif
