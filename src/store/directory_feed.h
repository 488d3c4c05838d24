/* SPDX-License-Identifier: ISC */
/*
 * Who is told that the directory changed: processes that remember what it said
 * for a moment (call store_directory_feed).
 */
#ifndef STORE_DIRECTORY_FEED_H
#define STORE_DIRECTORY_FEED_H

#include <pthread.h>

#include "base/map.h"

struct directory_feed {
	pthread_mutex_t lock;
	struct map streams; /* link -> struct call_in */
};

void directory_feed_init(struct directory_feed *f);
void directory_feed_done(struct directory_feed *f);
void directory_feed_lost(struct directory_feed *f, uint64_t link);
/* After a change was published, before it is acknowledged. */
void directory_feed_tell(struct directory_feed *f);

#endif
