/* SPDX-License-Identifier: ISC */
/*
 * What an engine is made of, for the files of store/engine only: the table of
 * its operations, and the parts that every engine on one machine shares (the
 * inbox of commits, notices, leases, keys). The contract is store/engine.h.
 */
#ifndef STORE_ENGINE_BACKEND_H
#define STORE_ENGINE_BACKEND_H

#include <stdatomic.h>

#include "store/engine.h"
#include "store/engine/leases.h"
#include "store/engine/notices.h"

#define ENGINE_MAGIC 0xe4617e00u
#define ENGINE_KEY_MAX 255u
#define ENGINE_VALUE_MAX (4u << 20)
#define ENGINE_PIECE_MAX (1u << 20)
#define ENGINE_PIECES_MAX 65535u
#define ENGINE_BATCH_MAX (64u << 20)

/* One function an operation of store/engine.h, with the same promises. */
struct engine_ops {
	const char *name;
	void (*commit)(struct engine *e, struct engine_batch *b);
	enum status (*version)(struct engine *e, struct entity entity, uint64_t *version);
	enum status (*get)(struct engine *e, struct entity entity, struct text key, struct arena *a,
	    struct text *value);
	enum status (*scan_open)(struct engine *e, struct entity entity, struct text from,
	    struct text until, struct engine_scan **out);
	enum status (*scan_next)(struct engine_scan *s, struct text *key, struct text *value);
	void (*scan_close)(struct engine_scan *s);
	enum status (*blob_get)(struct engine *e, struct blob_id id, uint16_t piece,
	    struct arena *a, struct text *bytes);
	enum status (*next_entity)(
	    struct engine *e, enum entity_kind kind, uint64_t after, bool first, uint64_t *id);
	enum status (*next_blob)(
	    struct engine *e, struct blob_id after, struct blob_id *id, uint32_t *pieces);
	void (*compact)(struct engine *e);
	void (*free)(struct engine *e);
};

/* Relaxed: they are facts for people. */
struct engine_counts {
	_Atomic uint64_t commits, groups, keys_read, keys_scanned, bytes_written;
};

/* The first member of every engine. */
struct engine {
	unsigned magic;
	const struct engine_ops *ops;
	struct engine_counts counts;
	_Atomic bool read_only;
	struct notices notices;
	struct leases leases;
};

/* The first member of every scan. */
struct engine_scan {
	struct engine *engine;
};

void engine_base_init(struct engine *e, const struct engine_ops *ops);
void engine_base_done(struct engine *e);

static inline void
engine_count(_Atomic uint64_t *counter, uint64_t n)
{
	(void)atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

#endif
