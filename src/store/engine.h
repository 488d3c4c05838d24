/* SPDX-License-Identifier: ISC */
/*
 * The engine: an ordered key-value space cut into entities, and immutable
 * blobs beside it. It offers what the weakest engine (RADOS: one object, one
 * guarded atomic operation) can do, and no more. DESIGN section 4.
 *
 * An entity is the unit of atomic commit and has a version, 0 before its first
 * commit. A batch names the version it was made from; if the entity is at
 * another one, nothing of the batch happens and it ends in CONFLICT.
 * AMBIGUOUS means that the batch may or may not have been applied: read the
 * version (and what the caller keeps in its rows) to find out. Keys are 1..255
 * octets, ordered as bytes; values up to 4 MiB; a batch up to 64 MiB.
 * Commits are durable before done() is called with OK.
 *
 * Reads see every commit whose done() was called, and may see one whose done()
 * was not called yet. Any thread may call anything here.
 */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "base/arena.h"
#include "base/buffer.h"

struct engine;

enum entity_kind {
	ENTITY_ACCOUNT = 'A',	/* id: account */
	ENTITY_DIRECTORY = 'D', /* id: shard 0..255 */
	ENTITY_QUEUE = 'Q',	/* id: shard 0..63 */
	ENTITY_REFERENCE = 'R', /* id: hash of a shared blob's id */
	ENTITY_SITE = 'S',	/* id 0: settings; 1: rules of sending */
	ENTITY_TRACE = 'T',	/* id: shard 0..15 */
};

struct entity {
	enum entity_kind kind;
	uint64_t id;
};

/* 16 octets, never used twice: random in the first 8, counted in the last. */
struct blob_id {
	uint8_t byte[16];
};

/* A blob is 1..65,535 pieces of at most 1 MiB, numbered from 0. */
enum engine_write_kind { ENGINE_PUT, ENGINE_DELETE, ENGINE_BLOB_PUT, ENGINE_BLOB_DELETE };

struct engine_write {
	enum engine_write_kind kind;
	uint16_t piece;	     /* BLOB_PUT: which; BLOB_DELETE: how many there are */
	struct text key;     /* PUT, DELETE */
	struct blob_id blob; /* BLOB_* */
	struct text value;   /* PUT, BLOB_PUT */
};

#define ENGINE_BATCH_MAGIC 0xba7c4e00u

/* Filled by the caller; everything it points at lives in the batch's arena (or
 * longer) until done(). */
struct engine_batch {
	unsigned magic;
	struct entity entity;
	uint64_t guard; /* version the entity must have */
	struct engine_write *writes;
	size_t count, cap;
	size_t bytes;
	struct arena arena;
	/* The committing thread can wait, and holds nothing that done needs: it
	 * may write the batch itself if the engine has nothing else to do. */
	bool may_lead;
	/* Exactly once, on a thread of the engine or, within engine_commit, on one
	 * that may lead; must not block on commits.
	 * OK, CONFLICT, AMBIGUOUS, FULL, IO; LIMIT: the batch is too large. The
	 * engine does not touch the batch afterwards: it may be freed here, or
	 * be committed again with another guard. */
	void (*done)(struct engine_batch *b, enum status s);
	void *context;
	struct engine_batch *next; /* the engine's own */
};

void engine_batch_init(struct engine_batch *b, struct entity e, uint64_t guard);
void engine_batch_done(struct engine_batch *b); /* frees its arena */
/* Keys and values are copied into the arena. */
void engine_put(struct engine_batch *b, struct text key, struct text value);
/* The value is not copied. */
void engine_put_kept(struct engine_batch *b, struct text key, struct text value);
void engine_delete(struct engine_batch *b, struct text key);
/* The bytes are not copied. */
void engine_blob_put(struct engine_batch *b, struct blob_id id, uint16_t piece, struct text bytes);
void engine_blob_delete(struct engine_batch *b, struct blob_id id, uint16_t pieces);

/* Starts a commit; done() tells its end. */
void engine_commit(struct engine *e, struct engine_batch *b);
/* The same, waiting for the end. */
enum status engine_commit_wait(struct engine *e, struct engine_batch *b) MUST_CHECK;

enum status engine_version(struct engine *e, struct entity entity, uint64_t *version) MUST_CHECK;
/* NOT_FOUND; IO; CORRUPT. */
enum status engine_get(struct engine *e, struct entity entity, struct text key, struct arena *a,
    struct text *value) MUST_CHECK;

/* Ordered scan inside one entity of keys in [from, until); until empty: to the
 * end. Each scan sees one moment. */
struct engine_scan;
enum status engine_scan_open(struct engine *e, struct entity entity, struct text from,
    struct text until, struct engine_scan **out) MUST_CHECK;
/* OK with a row whose views live until the next call; NOT_FOUND at the end. */
enum status engine_scan_next(
    struct engine_scan *s, struct text *key, struct text *value) MUST_CHECK;
void engine_scan_close(struct engine_scan *s);

enum status engine_blob_get(struct engine *e, struct blob_id id, uint16_t piece, struct arena *a,
    struct text *bytes) MUST_CHECK;

/* Every entity of a kind that has rows, in order of id, after `after`; for
 * checks and start-up. NOT_FOUND at the end. */
enum status engine_next_entity(
    struct engine *e, enum entity_kind kind, uint64_t after, bool first, uint64_t *id) MUST_CHECK;
/* Every blob id after `after` (all zero: from the first), for check-store. */
enum status engine_next_blob(
    struct engine *e, struct blob_id after, struct blob_id *id, uint32_t *pieces) MUST_CHECK;

/* A hint that an entity was committed by somebody; may be lost, late, doubled.
 * fn is called on a thread of the engine and must not block. After
 * engine_unwatch it is not running and will not be called, so do not hold a
 * lock there that fn takes; fn itself may call both. */
typedef void (*engine_notice)(void *arg, struct entity entity);
uint64_t engine_watch(struct engine *e, struct entity entity, engine_notice fn, void *arg);
void engine_unwatch(struct engine *e, uint64_t watch);

/* Ownership of an entity for some time, across nodes: OK or DENIED. The owner
 * renews it by asking again, and gives it back with 0 microseconds. */
enum status engine_lease(
    struct engine *e, struct entity entity, struct text owner, int64_t microseconds) MUST_CHECK;

/* Gives disk space of deleted blobs back; may take long; not urgent. */
void engine_compact(struct engine *e);
struct engine_facts {
	uint64_t commits, groups, keys_read, keys_scanned, bytes_written;
	bool read_only; /* a write failed for good: no space, disk error */
};
void engine_facts_of(struct engine *e, struct engine_facts *out);
/* Waits for commits under way, then closes. */
void engine_free(struct engine *e);

/* Engines. dir of rocksdb is created (0700), its parents are not; the process
 * has umask 077 from then on. INVALID: the folder is something else or of
 * another version; UNAVAILABLE: another process has it open; FULL, DENIED, IO,
 * CORRUPT. */
enum status engine_rocksdb_open(const char *dir, struct engine **out, struct failure *f) MUST_CHECK;
/* Octets; 0: as is good for a server (128 MiB, 64 MiB). */
struct engine_rocksdb_settings {
	size_t cache;	     /* of blocks that were read */
	size_t write_buffer; /* of each of the two families, up to three times */
};
enum status engine_rocksdb_open_with(const char *dir, const struct engine_rocksdb_settings *how,
    struct engine **out, struct failure *f) MUST_CHECK;
struct engine *engine_memory_new(void);

/* Memory as unkind as a cluster may be; probabilities in 1/1000. */
struct engine_strictness {
	uint64_t seed;
	unsigned conflict;		   /* a commit fails though the guard held: another node
					      wrote (the version is raised by one) */
	unsigned ambiguous_done;	   /* applied, but AMBIGUOUS is reported */
	unsigned ambiguous_lost;	   /* not applied, and AMBIGUOUS is reported */
	unsigned full;			   /* FULL, not applied */
	unsigned notice_lost, notice_late; /* half of the late ones come twice */
	int64_t latency;		   /* of every commit and read, microseconds, at most */
};
struct engine *engine_memory_strict_new(const struct engine_strictness *how);
/* The memory engine's content survives a "crash" of its user: gives a new
 * engine on the same content as of the last acknowledged moment; the old one
 * answers nothing any more: commits end in AMBIGUOUS, reads in IO. It is still
 * the caller's to free. */
struct engine *engine_memory_reopen(struct engine *e);
/* The next n commits end in this status without being applied. */
void engine_memory_fail(struct engine *e, unsigned n, enum status s);

#endif
