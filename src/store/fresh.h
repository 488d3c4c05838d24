/* SPDX-License-Identifier: ISC */
/*
 * Rows of a shard of the queue that were written last, or read, as they are. Most
 * mail leaves soon after it came, and each of its steps reads what the one before
 * it wrote: a lease and a report find it here and not in the engine, and so do the
 * counts of who sends much. Of a queue that is longer than what is here, a lease
 * reads what the next leases will ask for: what came together lies together, and
 * leaves together.
 *
 * The rows stand in a ring, and the oldest go when there is no room. Every batch
 * that ended well is followed, so that what is here is what the engine has; where a
 * row was deleted, or is too long, there stands a mark instead. So a row that is
 * not in the ring is in the engine as it was at any moment since which nothing has
 * left the ring: that is how what was read is kept though others write meanwhile.
 */
#ifndef STORE_FRESH_H
#define STORE_FRESH_H

#include <pthread.h>

#include "base/arena.h"
#include "store/engine.h"

#define FRESH_ROW_MAX (8u << 10) /* a longer one stays in the engine */
#define FRESH_ROW_COST 16u	 /* octets of a row beside its key and value */
#define FRESH_AHEAD_MAX 64u	 /* rows that are read ahead at once */
#define FRESH_KINDS_MAX 4

struct fresh_ring;

/* For several threads at once. */
struct fresh {
	pthread_mutex_t lock;
	const char *kinds;	 /* enum key_kind of what is kept, at most FRESH_KINDS_MAX */
	struct fresh_ring *ring; /* NULL: nothing was kept yet */
	size_t size;		 /* octets of the ring */
	uint64_t tail, head; /* octets since the beginning: of the oldest row, behind the newest */
	/* How reading ahead went, by kind. */
	struct fresh_gain {
		uint32_t learnt, used, missed;
	} gain[FRESH_KINDS_MAX];
};

/* size: a multiple of FRESH_ROW_COST, with room for several of the longest rows. */
void fresh_init(struct fresh *f, const char *kinds, size_t size);
void fresh_done(struct fresh *f);
/* The batch was committed: before anybody is told of it. */
void fresh_follow(struct fresh *f, const struct engine_batch *b);
/* Whether the row is here; its value is copied into the arena. */
bool fresh_get(struct fresh *f, struct text key, struct arena *a, struct text *value);
/* What the engine has is not known any more. */
void fresh_clear(struct fresh *f);

/* The moment of now; then the engine is read, and then what it gave is kept, unless
 * it was written since. ahead: nobody has asked for it yet. */
uint64_t fresh_moment(struct fresh *f);
void fresh_learn(struct fresh *f, uint64_t moment, struct text key, struct text value, bool ahead);
/* How many rows to read, this one and those behind it, now that one is not here: 1,
 * or more as long as those that are read ahead are asked for. */
uint32_t fresh_ahead(struct fresh *f, struct text key);

/* The row, from here or from the engine; with what lies behind it, if that is worth
 * it. As engine_get. */
enum status fresh_read(struct fresh *f, struct engine *engine, struct entity e, struct text key,
    struct arena *a, struct text *value) MUST_CHECK;

#endif
