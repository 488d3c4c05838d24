/* SPDX-License-Identifier: ISC */
/*
 * The gate of store/engine/gate.h. Entering counts first and looks at `closed`
 * then; closing sets `closed` first and looks at the count then: with
 * sequential consistency one of the two sees the other.
 */
#include "store/engine/gate.h"

#include <errno.h>
#include <time.h>

#include "store/engine/inbox.h"

void
gate_init(struct gate *g)
{
	*g = (struct gate){ .users = 0 };
	CHECK(pthread_mutex_init(&g->lock, NULL) == 0);
	CHECK(pthread_cond_init(&g->opened, NULL) == 0);
	CHECK(pthread_cond_init(&g->left, NULL) == 0);
}

void
gate_done(struct gate *g)
{
	CHECK(atomic_load(&g->users) == 0);
	(void)pthread_cond_destroy(&g->opened);
	(void)pthread_cond_destroy(&g->left);
	(void)pthread_mutex_destroy(&g->lock);
}

void
gate_leave(struct gate *g)
{
	if (atomic_fetch_sub(&g->users, 1) != 1 || !atomic_load(&g->closed))
		return;
	pthread_mutex_lock(&g->lock);
	pthread_cond_signal(&g->left);
	pthread_mutex_unlock(&g->lock);
}

void
gate_enter(struct gate *g)
{
	for (;;) {
		(void)atomic_fetch_add(&g->users, 1);
		if (!atomic_load(&g->closed))
			return;
		gate_leave(g);
		pthread_mutex_lock(&g->lock);
		while (atomic_load(&g->closed))
			pthread_cond_wait(&g->opened, &g->lock);
		pthread_mutex_unlock(&g->lock);
	}
}

bool
gate_close(struct gate *g, int64_t microseconds)
{
	int64_t until = inbox_now() + microseconds;
	struct timespec t = { (time_t)(until / 1000000), (long)(until % 1000000) * 1000 };
	bool alone;
	int e = 0;

	pthread_mutex_lock(&g->lock);
	atomic_store(&g->closed, true);
	/* Once is enough: who comes after that counts for a moment, sees that it
	 * is closed, and goes. */
	while (!(alone = atomic_load(&g->users) == 0) && e == 0)
		e = pthread_cond_clockwait(&g->left, &g->lock, CLOCK_MONOTONIC, &t);
	pthread_mutex_unlock(&g->lock);
	CHECK(e == 0 || e == ETIMEDOUT);
	if (alone)
		return true;
	gate_open(g);
	return false;
}

void
gate_open(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	atomic_store(&g->closed, false);
	pthread_cond_broadcast(&g->opened);
	pthread_mutex_unlock(&g->lock);
}
