/* SPDX-License-Identifier: ISC */
/*
 * The pool: one lock, two queues and a stack of idle workers. A task goes
 * straight to the worker that became idle last; only when none is idle does it
 * wait in a queue. New threads are started one at a time, each starting the
 * next while work waits, so that a burst of short tasks does not make a
 * thousand threads. Threads that ended are joined by whoever comes next.
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
	struct task *task; /* handed over while idle */
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
	unsigned threads, idlers, turn;
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

/* Waits for a task, or until the worker should go: NULL. */
static struct task *
sleep_until_handed(struct pool *p, struct worker *w)
{
	int64_t patience = p->config.idle == 0 ? CLOCK_MINUTE : p->config.idle;
	struct timespec until;
	int error = 0;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	patience += until.tv_nsec / 1000;
	until.tv_sec += patience / CLOCK_SECOND;
	until.tv_nsec = patience % CLOCK_SECOND * 1000;
	w->task = NULL;
	list_add_first(&p->idle, &w->node);
	p->idlers++;
	while (w->task == NULL && !p->closing) {
		if (error == ETIMEDOUT && p->threads > p->config.min)
			break;
		error = error == ETIMEDOUT
			    ? pthread_cond_wait(&w->wake, &p->lock)
			    : pthread_cond_clockwait(&w->wake, &p->lock, CLOCK_MONOTONIC, &until);
	}
	if (w->task == NULL) {
		list_remove(&w->node);
		p->idlers--;
	}
	return w->task;
}

static void start_worker(struct pool *p);

static void
start_if_needed(struct pool *p)
{
	if (p->queued > 0 && !p->starting && p->threads < p->config.max)
		start_worker(p);
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
		if (t == NULL)
			t = sleep_until_handed(p, w);
		if (t == NULL)
			break;
		start_if_needed(p);
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

/* With the lock: to the worker that became idle last, or into the queue. */
static void
submit(struct pool *p, struct task *t, struct list *queue)
{
	struct list *node = list_take_first(&p->idle);
	struct worker *w;

	if (node == NULL) {
		list_add_last(queue, &t->node);
		p->queued++;
		return;
	}
	w = LIST_OWNER(node, struct worker, node);
	p->idlers--;
	w->task = t;
	pthread_cond_signal(&w->wake);
}

/* With the lock, after submitting. */
static void
care_for_queue(struct pool *p)
{
	if (p->queued == 0)
		return;
	join_gone(p);
	start_if_needed(p);
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
	return atomic_load_explicit(&p->queued, memory_order_relaxed) != 0;
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
