/* SPDX-License-Identifier: ISC */
/*
 * The change feed: which links (processes of fronts) watch which accounts, and
 * the stream of each link. A commit is told to every link that watches its
 * account, as a hint with the new modseq. Locks of maildrops stand here too:
 * both belong to a link and go with it. A session whose lock went so takes it
 * again over the next link, unless another session was faster.
 */
#ifndef STORE_FEED_H
#define STORE_FEED_H

#include <pthread.h>

#include "base/map.h"
#include "runtime/calls.h"

#define WATCHES_PER_LINK 1000000u

struct feed {
	pthread_mutex_t lock;
	struct map links;    /* link -> struct feed_link */
	struct map accounts; /* account -> struct watchers */
	struct map drops;    /* account -> struct drop */
};

void feed_init(struct feed *f);
void feed_done(struct feed *f);
void feed_publish(struct feed *f, uint64_t account, uint64_t modseq);
/* Everything of a link that broke. */
void feed_lost(struct feed *f, uint64_t link);

#endif
