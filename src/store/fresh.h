/* SPDX-License-Identifier: ISC */
/*
 * Rows of a shard of the queue that were written last, as they are. Most mail
 * leaves soon after it came, and each of its steps reads what the one before it
 * wrote: a lease and a report find it here and not in the engine, and so do the
 * counts of who sends much. Every batch that ended well is followed, so that what
 * is here is what the engine has; the oldest rows go when there are too many.
 */
#ifndef STORE_FRESH_H
#define STORE_FRESH_H

#include <pthread.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "store/engine.h"

#define FRESH_BYTES_MAX (1u << 20) /* of memory, in one shard */
#define FRESH_ROW_COST 144u	   /* of a row, with its place in a list and a map */
#define FRESH_ROW_MAX (8u << 10)   /* a longer one stays in the engine */

/* For several threads at once. */
struct fresh {
	pthread_mutex_t lock;
	struct map rows;  /* key -> struct fresh_row */
	struct list ages; /* oldest first */
	size_t bytes;
};

void fresh_init(struct fresh *f);
void fresh_done(struct fresh *f);
/* The batch was committed: before anybody is told of it. */
void fresh_follow(struct fresh *f, const struct engine_batch *b);
/* Whether the row is here; its value is copied into the arena. */
bool fresh_get(struct fresh *f, struct text key, struct arena *a, struct text *value);
/* What the engine has is not known any more. */
void fresh_clear(struct fresh *f);

#endif
