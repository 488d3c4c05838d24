/* SPDX-License-Identifier: ISC */
/*
 * The pool: one lock, two queues and a stack of idle workers. Whoever submits
 * puts the task into a queue and wakes the worker that became idle last, but
 * only if no other is on its way: a worker that took a task and left others
 * wakes the next before it runs. So a burst of short tasks is done by the few
 * threads that are awake, and a task that blocks holds up nobody; new threads
 * come in the same chain. Workers sleep on a word of their own and are woken
 * without the lock. Threads that ended are joined by whoever comes next.
 */
#include "runtime/pool.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/clock.h"
#include "runtime/thread.h"

#define POOL_MAGIC 0x9001a11du
/* One task in so many is taken from the back queue although the front one has
 * some: newcomers wait longer, but never for ever. */
#define BACK_TURN 16

enum { ASLEEP, WOKEN };

struct worker {
	struct list node; /* in idle or gone */
	struct pool *pool;
	_Atomic uint32_t state; /* WOKEN is set with the lock, and out of idle */
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
	/* Changed with the lock, read without by pool_full. */
	_Atomic size_t queued, idlers;
	unsigned threads, turn;
	_Atomic bool coming; /* a thread was woken or started and is on its way */
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

/* With the lock: takes a worker out of idle, to be woken without it. */
static struct worker *
rouse(struct pool *p, struct list *node)
{
	struct worker *w = LIST_OWNER(node, struct worker, node);

	list_remove(node);
	p->idlers--;
	atomic_store(&w->state, WOKEN);
	return w;
}

/* Sleeps until roused, with the lock taken off; false: the worker should go. */
static bool
sleep_until_roused(struct pool *p, struct worker *w)
{
	int64_t patience = p->config.idle == 0 ? CLOCK_MINUTE : p->config.idle;
	int64_t until = thread_time() + patience;

	atomic_store(&w->state, ASLEEP);
	list_add_first(&p->idle, &w->node);
	p->idlers++;
	while (atomic_load(&w->state) == ASLEEP) {
		bool late;

		pthread_mutex_unlock(&p->lock);
		late = !thread_sleep(&w->state, ASLEEP, until);
		pthread_mutex_lock(&p->lock);
		if (!late || atomic_load(&w->state) != ASLEEP)
			continue;
		if (p->threads > p->config.min) {
			(void)rouse(p, &w->node);
			return false;
		}
		until = INT64_MAX;
	}
	p->coming = false;
	return true;
}

static void start_worker(struct pool *p);

/* With the lock: whom to wake for what is queued, or NULL; starts a thread if
 * all are at work. */
static struct worker *
next_worker(struct pool *p)
{
	if (p->queued == 0 || p->coming)
		return NULL;
	if (!list_empty(&p->idle)) {
		p->coming = true;
		return rouse(p, p->idle.next);
	}
	if (p->threads < p->config.max)
		start_worker(p);
	return NULL;
}

static void
wake(struct worker *w)
{
	if (w != NULL)
		thread_wake(&w->state);
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg, *next;
	struct pool *p = w->pool;
	struct task *t;

	pthread_mutex_lock(&p->lock);
	p->coming = false;
	for (;;) {
		t = take_queued(p);
		if (t == NULL && (p->closing || !sleep_until_roused(p, w)))
			break;
		if (t == NULL)
			continue;
		next = next_worker(p);
		pthread_mutex_unlock(&p->lock);
		wake(next);
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
	if (thread_start(p->name, p->config.stack, worker_main, w, &w->thread) != STATUS_OK) {
		if (p->threads == 0)
			die("pool %s: no thread can be started", p->name);
		mem_free(w);
		return;
	}
	p->threads++;
	p->coming = true;
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

/* With the lock: whom to wake without it, or NULL. */
static struct worker *
submit(struct pool *p, struct task *t, struct list *queue)
{
	list_add_last(queue, &t->node);
	p->queued++;
	join_gone(p);
	return next_worker(p);
}

static void
submit_one(struct pool *p, struct task *t, struct list *queue)
{
	struct worker *w;

	MAGIC_CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	w = submit(p, t, queue);
	pthread_mutex_unlock(&p->lock);
	wake(w);
}

void
pool_run(struct pool *p, struct task *t)
{
	submit_one(p, t, &p->back);
}

void
pool_run_front(struct pool *p, struct task *t)
{
	submit_one(p, t, &p->front);
}

void
pool_run_front_all(struct pool *p, struct list *tasks)
{
	struct worker *w;
	struct list *node;

	MAGIC_CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	while ((node = list_take_first(tasks)) != NULL) {
		list_add_last(&p->front, node);
		p->queued++;
	}
	join_gone(p);
	w = next_worker(p);
	pthread_mutex_unlock(&p->lock);
	wake(w);
}

bool
pool_full(struct pool *p)
{
	size_t queued = atomic_load_explicit(&p->queued, memory_order_relaxed);

	return queued > atomic_load_explicit(&p->idlers, memory_order_relaxed) + p->coming;
}

void
pool_free(struct pool *p)
{
	MAGIC_CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	while (!list_empty(&p->idle))
		thread_wake(&rouse(p, p->idle.next)->state);
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
	out->busy = p->threads - (unsigned)p->idlers;
	out->queued = p->queued;
	pthread_mutex_unlock(&p->lock);
}
