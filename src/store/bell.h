/* SPDX-License-Identifier: ISC */
/*
 * Who is told that something changed, without saying what: streams of a call
 * whose reply has no fields, one a process. The first push says that the stream
 * stands.
 */
#ifndef STORE_BELL_H
#define STORE_BELL_H

#include <pthread.h>

#include "base/map.h"
#include "runtime/calls.h"

struct bell {
	pthread_mutex_t lock;
	struct map streams; /* link -> struct call_in */
};

void bell_init(struct bell *b);
void bell_done(struct bell *b);
void bell_lost(struct bell *b, uint64_t link);
/* Takes the stream. */
void bell_open(struct bell *b, struct call_in *in);
/* After a change was published, before it is acknowledged. */
void bell_ring(struct bell *b);

#endif
