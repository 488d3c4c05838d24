/* SPDX-License-Identifier: ISC */
/* The queue between committing threads and the writer; see store/engine/inbox.h. */
#include "store/engine/inbox.h"

#include <errno.h>
#include <time.h>

int64_t
inbox_now(void)
{
	struct timespec t;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void
inbox_init(struct inbox *in)
{
	pthread_condattr_t attr;

	*in = (struct inbox){ .last = &in->first };
	CHECK(pthread_mutex_init(&in->lock, NULL) == 0);
	CHECK(pthread_condattr_init(&attr) == 0);
	CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&in->ready, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
}

void
inbox_done(struct inbox *in)
{
	CHECK(in->first == NULL);
	(void)pthread_cond_destroy(&in->ready);
	(void)pthread_mutex_destroy(&in->lock);
}

void
inbox_push(struct inbox *in, struct engine_batch *b)
{
	bool wake;

	b->next = NULL;
	pthread_mutex_lock(&in->lock);
	*in->last = b;
	in->last = &b->next;
	wake = in->sleeping && !in->led;
	in->sleeping &= !wake;
	pthread_mutex_unlock(&in->lock);
	if (wake)
		pthread_cond_signal(&in->ready);
}

bool
inbox_lead(struct inbox *in)
{
	bool leads;

	pthread_mutex_lock(&in->lock);
	leads = in->sleeping && !in->led && in->first == NULL && !in->stopping && !in->nudged;
	in->led |= leads;
	pthread_mutex_unlock(&in->lock);
	return leads;
}

void
inbox_led(struct inbox *in)
{
	bool wake;

	pthread_mutex_lock(&in->lock);
	in->led = false;
	wake = in->first != NULL || in->stopping || in->nudged || in->awaited;
	in->awaited = false;
	in->sleeping &= !wake;
	pthread_mutex_unlock(&in->lock);
	if (wake)
		pthread_cond_signal(&in->ready);
}

/* False when the time is over. */
static bool
wait_once(struct inbox *in, int64_t deadline)
{
	struct timespec t = { (time_t)(deadline / 1000000), (long)(deadline % 1000000) * 1000 };
	int e;

	in->sleeping = true;
	if (deadline < 0)
		e = pthread_cond_wait(&in->ready, &in->lock);
	else
		e = pthread_cond_timedwait(&in->ready, &in->lock, &t);
	in->sleeping = false;
	CHECK(e == 0 || e == ETIMEDOUT);
	return e == 0;
}

struct engine_batch *
inbox_take(struct inbox *in, int64_t microseconds)
{
	int64_t deadline = microseconds < 0 ? -1 : inbox_now() + microseconds;
	struct engine_batch *chain;

	pthread_mutex_lock(&in->lock);
	while (in->led || (in->first == NULL && !in->stopping && !in->nudged)) {
		bool after_leader = in->led && deadline >= 0;

		in->awaited |= after_leader;
		if (!wait_once(in, after_leader ? -1 : deadline) && !in->led)
			break;
	}
	chain = in->first;
	in->first = NULL;
	in->last = &in->first;
	in->nudged = false;
	pthread_mutex_unlock(&in->lock);
	return chain;
}

void
inbox_nudge(struct inbox *in)
{
	pthread_mutex_lock(&in->lock);
	in->nudged = true;
	pthread_mutex_unlock(&in->lock);
	pthread_cond_signal(&in->ready);
}

void
inbox_stop(struct inbox *in)
{
	pthread_mutex_lock(&in->lock);
	in->stopping = true;
	pthread_mutex_unlock(&in->lock);
	pthread_cond_signal(&in->ready);
}

bool
inbox_ended(struct inbox *in)
{
	bool ended;

	pthread_mutex_lock(&in->lock);
	ended = in->stopping && in->first == NULL;
	pthread_mutex_unlock(&in->lock);
	return ended;
}
