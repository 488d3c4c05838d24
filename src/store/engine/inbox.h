/* SPDX-License-Identifier: ISC */
/*
 * The inbox of an engine: where any thread leaves a batch and one thread, the
 * writer, takes all that is there. The lock is held for a few instructions;
 * the writer is woken only when it sleeps, so that under load a commit costs
 * no system call here. Batches come out in the order in which they went in.
 *
 * While the writer sleeps, a thread that brings a batch may lead: it is the
 * writer for this one batch, and the real one waits until it is done.
 */
#ifndef STORE_ENGINE_INBOX_H
#define STORE_ENGINE_INBOX_H

#include <pthread.h>

#include "store/engine.h"

struct inbox {
	pthread_mutex_t lock;
	pthread_cond_t ready; /* on CLOCK_MONOTONIC */
	struct engine_batch *first, **last;
	bool sleeping, stopping, nudged, led;
	bool awaited; /* the writer waits until it is led no more */
};

void inbox_init(struct inbox *in);
void inbox_done(struct inbox *in);
void inbox_push(struct inbox *in, struct engine_batch *b);
/* True: the writer sleeps and nothing is there, and the caller leads until
 * inbox_led. */
bool inbox_lead(struct inbox *in);
void inbox_led(struct inbox *in);
/* Everything that is there, linked by next. Waits when nothing is: at most so
 * many microseconds, for ever if negative. NULL after the wait, or at once
 * when the inbox is stopping or was nudged. */
struct engine_batch *inbox_take(struct inbox *in, int64_t microseconds);
/* Ends one wait, now or the next one. */
void inbox_nudge(struct inbox *in);
/* No more pushes follow. */
void inbox_stop(struct inbox *in);
/* True when stopping and nothing is left. */
bool inbox_ended(struct inbox *in);
/* Microseconds of CLOCK_MONOTONIC, whatever tests do to base/clock.h. */
int64_t inbox_now(void);

#endif
