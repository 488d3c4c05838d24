/* SPDX-License-Identifier: ISC */
/*
 * The pool: one lock, two queues and a stack of idle workers. While tasks
 * wait, one worker at a time is called or started, the one that became idle
 * last, and it calls the next while work waits: a burst of short tasks is done
 * by few threads that stay awake, and does not make a thousand threads.
 * Threads that ended are joined by whoever comes next.
 */
#include "runtime/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "runtime/thread.h"

#define POOL_MAGIC 0x9001a11du
/* One task in so many is taken from the back queue although the front one has
 * some: newcomers wait longer, but never for ever. */
#define BACK_TURN 16

struct worker {
	struct list node; /* in idle or gone */
	struct pool *pool;
	bool called; /* taken from idle, to look into the queues */
	pthread_cond_t wake;
	pthread_t thread;
};

struct pool {
	unsigned magic;
	struct pool_config config;
	char name[16];
	pthread_mutex_t lock;
	struct list front, back;
	struct list idle; /* most recent first */
	struct list gone; /* ended, not joined */
	pthread_cond_t ended;
	_Atomic size_t queued; /* changed with the lock, read without by pool_full */
	_Atomic unsigned idlers;
	unsigned threads, turn;
	bool waking;   /* a worker was called and does not run yet */
	bool starting; /* a thread is on its way */
	bool closing;
};

static struct task *
take_queued(struct pool *p)
{
	bool back = list_empty(&p->front) || ++p->turn % BACK_TURN == 0;
	struct list *node = list_take_first(back ? &p->back : &p->front);

	if (node == NULL)
		node = list_take_first(&p->front);
	if (node == NULL)
		return NULL;
	p->queued--;
	return LIST_OWNER(node, struct task, node);
}

/* Waits until called: true; false when the worker should go. */
static bool
sleep_until_called(struct pool *p, struct worker *w)
{
	int64_t patience = p->config.idle == 0 ? CLOCK_MINUTE : p->config.idle;
	struct timespec until;
	int error = 0;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	patience += until.tv_nsec / 1000;
	until.tv_sec += patience / CLOCK_SECOND;
	until.tv_nsec = patience % CLOCK_SECOND * 1000;
	w->called = false;
	list_add_first(&p->idle, &w->node);
	p->idlers++;
	while (!w->called && !p->closing) {
		if (error == ETIMEDOUT && p->threads > p->config.min)
			break;
		error = error == ETIMEDOUT
			    ? pthread_cond_wait(&w->wake, &p->lock)
			    : pthread_cond_clockwait(&w->wake, &p->lock, CLOCK_MONOTONIC, &until);
	}
	if (w->called) {
		p->waking = false;
		return true;
	}
	list_remove(&w->node);
	p->idlers--;
	return false;
}

static void start_worker(struct pool *p);

/* While tasks wait, one worker is on its way to them, and calls the next when
 * it has taken its own: short tasks are done by few threads that stay awake,
 * and long ones get a thread each all the same. */
static void
call_worker(struct pool *p)
{
	struct list *node;

	if (p->queued == 0 || p->waking || p->starting)
		return;
	node = list_take_first(&p->idle);
	if (node != NULL) {
		struct worker *w = LIST_OWNER(node, struct worker, node);

		p->idlers--;
		p->waking = w->called = true;
		pthread_cond_signal(&w->wake);
	} else if (p->threads < p->config.max) {
		start_worker(p);
	}
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	struct task *t;

	pthread_mutex_lock(&p->lock);
	p->starting = false;
	for (;;) {
		t = take_queued(p);
		if (t == NULL && !sleep_until_called(p, w))
			break;
		if (t == NULL)
			continue;
		call_worker(p);
		pthread_mutex_unlock(&p->lock);
		t->run(t);
		pthread_mutex_lock(&p->lock);
	}
	p->threads--;
	list_add_last(&p->gone, &w->node);
	pthread_cond_signal(&p->ended);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void
join_gone(struct pool *p)
{
	struct list *node;

	while ((node = list_take_first(&p->gone)) != NULL) {
		struct worker *w = LIST_OWNER(node, struct worker, node);

		pthread_join(w->thread, NULL); /* it has left the lock, or will at once */
		pthread_cond_destroy(&w->wake);
		mem_free(w);
	}
}

/* With the lock held: the new thread waits for it before it does anything. */
static void
start_worker(struct pool *p)
{
	struct worker *w = MEM_NEW(struct worker);

	w->pool = p;
	list_init(&w->node);
	CHECK(pthread_cond_init(&w->wake, NULL) == 0);
	if (thread_start(p->name, p->config.stack, worker_main, w, &w->thread) != STATUS_OK) {
		if (p->threads == 0)
			die("pool %s: no thread can be started", p->name);
		pthread_cond_destroy(&w->wake);
		mem_free(w);
		return;
	}
	p->threads++;
	p->starting = true;
}

struct pool *
pool_new(const struct pool_config *config)
{
	struct pool *p = MEM_NEW(struct pool);

	CHECK(config->max >= config->min && config->max > 0);
	p->magic = POOL_MAGIC;
	p->config = *config;
	for (size_t i = 0; i + 1 < sizeof(p->name) && config->name[i] != '\0'; i++)
		p->name[i] = config->name[i];
	CHECK(pthread_mutex_init(&p->lock, NULL) == 0);
	CHECK(pthread_cond_init(&p->ended, NULL) == 0);
	list_init(&p->front);
	list_init(&p->back);
	list_init(&p->idle);
	list_init(&p->gone);
	pthread_mutex_lock(&p->lock);
	for (unsigned i = 0; i < config->min; i++)
		start_worker(p);
	pthread_mutex_unlock(&p->lock);
	return p;
}

/* With the lock. */
static void
submit(struct pool *p, struct task *t, struct list *queue)
{
	list_add_last(queue, &t->node);
	p->queued++;
}

/* With the lock, after submitting. */
static void
care_for_queue(struct pool *p)
{
	join_gone(p);
	call_worker(p);
}

void
pool_run(struct pool *p, struct task *t)
{
	MAGIC_CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	submit(p, t, &p->back);
	care_for_queue(p);
	pthread_mutex_unlock(&p->lock);
}

void
pool_run_front(struct pool *p, struct task *t)
{
	MAGIC_CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	submit(p, t, &p->front);
	care_for_queue(p);
	pthread_mutex_unlock(&p->lock);
}

void
pool_run_front_all(struct pool *p, struct list *tasks)
{
	struct list *node;

	MAGIC_CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	while ((node = list_take_first(tasks)) != NULL)
		submit(p, LIST_OWNER(node, struct task, node), &p->front);
	care_for_queue(p);
	pthread_mutex_unlock(&p->lock);
}

bool
pool_full(struct pool *p)
{
	return atomic_load_explicit(&p->queued, memory_order_relaxed) != 0 &&
	       atomic_load_explicit(&p->idlers, memory_order_relaxed) == 0;
}

void
pool_free(struct pool *p)
{
	MAGIC_CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	LIST_EACH(&p->idle, node)
	pthread_cond_signal(&LIST_OWNER(node, struct worker, node)->wake);
	while (p->threads > 0)
		pthread_cond_wait(&p->ended, &p->lock);
	pthread_mutex_unlock(&p->lock);
	join_gone(p);
	CHECK(p->queued == 0);
	pthread_cond_destroy(&p->ended);
	pthread_mutex_destroy(&p->lock);
	p->magic = 0;
	mem_free(p);
}

void
pool_facts_of(struct pool *p, struct pool_facts *out)
{
	pthread_mutex_lock(&p->lock);
	out->threads = p->threads;
	out->busy = p->threads - p->idlers;
	out->queued = p->queued;
	pthread_mutex_unlock(&p->lock);
}
