/* SPDX-License-Identifier: ISC */
/*
 * Late answers: one thread that sleeps until the next one is due. A failed
 * sign-in must not hold a worker while its answer waits. The thread starts with
 * the first of them.
 */
#include <time.h>

#include "auth/serve.h"
#include "base/clock.h"

struct delayed {
	struct list node;
	int64_t due;
	void (*send)(void *arg);
	void *arg;
};

struct delay {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	struct list waiting; /* in order of due */
	size_t count;
	bool running, stop;
};

static void
wait_until(struct delay *d, int64_t due)
{
	int64_t left = due - clock_mono();
	struct timespec t;

	if (left <= 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += left / CLOCK_SECOND;
	t.tv_nsec += left % CLOCK_SECOND * 1000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&d->wake, &d->lock, &t);
}

static void *
delay_run(void *arg)
{
	struct delay *d = arg;
	struct delayed *first;

	pthread_mutex_lock(&d->lock);
	while (!d->stop || !list_empty(&d->waiting)) {
		if (list_empty(&d->waiting)) {
			pthread_cond_wait(&d->wake, &d->lock);
			continue;
		}
		first = LIST_OWNER(d->waiting.next, struct delayed, node);
		if (!d->stop && first->due > clock_mono()) {
			wait_until(d, first->due);
			continue;
		}
		list_remove(&first->node);
		d->count--;
		pthread_mutex_unlock(&d->lock);
		first->send(first->arg);
		mem_free(first);
		pthread_mutex_lock(&d->lock);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

struct delay *
delay_new(void)
{
	struct delay *d = MEM_NEW(struct delay);
	pthread_condattr_t attr;

	list_init(&d->waiting);
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->wake, &attr);
	pthread_condattr_destroy(&attr);
	return d;
}

void
delay_free(struct delay *d)
{
	bool running;

	pthread_mutex_lock(&d->lock);
	d->stop = true;
	running = d->running;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
	if (running)
		pthread_join(d->thread, NULL);
	pthread_cond_destroy(&d->wake);
	pthread_mutex_destroy(&d->lock);
	mem_free(d);
}

/* Delays differ little from each other, so the place is near the end. */
static void
insert(struct delay *d, struct delayed *e)
{
	struct list *before = d->waiting.prev;

	while (before != &d->waiting && LIST_OWNER(before, struct delayed, node)->due > e->due)
		before = before->prev;
	list_add_first(before, &e->node);
}

void
delay_until(struct delay *d, int64_t due, void (*send)(void *arg), void *arg)
{
	struct delayed *e = NULL;

	pthread_mutex_lock(&d->lock);
	if (d->count < DELAYED_MAX && due > clock_mono()) {
		e = MEM_NEW(struct delayed);
		*e = (struct delayed){ .due = due, .send = send, .arg = arg };
		insert(d, e);
		d->count++;
		if (!d->running)
			CHECK(pthread_create(&d->thread, NULL, delay_run, d) == 0);
		d->running = true;
		pthread_cond_signal(&d->wake);
	}
	pthread_mutex_unlock(&d->lock);
	if (e == NULL)
		send(arg);
}
