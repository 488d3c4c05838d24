/* SPDX-License-Identifier: ISC */
/*
 * The pool: one lock, two queues and a stack of idle workers. Whoever submits
 * puts the task into a queue and wakes the worker that became idle last, but
 * only if no other is on its way: a worker that took a task and left others
 * wakes the next before it runs. So a burst of short tasks is done by the few
 * threads that are awake, and a task that blocks holds up nobody; new threads
 * come in the same chain. Workers sleep on a word of their own and are woken
 * without the lock. Threads that ended are joined by whoever comes next.
 *
 * With a source, a worker that finds no task asks it instead of sleeping, if
 * nobody else does: the asker. What it submits from within it takes up itself
 * when it comes back, so nobody is woken for that. Invariant: somebody asks,
 * or a worker is awake that will look for work when its task ends or waits, or
 * one whose task waits watches the source (the deputy, for some milliseconds).
 * Tasks that go on for long and wait in between now and then see to it that
 * somebody asks at least each millisecond.
 */
#include "runtime/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/clock.h"
#include "runtime/thread.h"

#define POOL_MAGIC 0x9001a11du
/* One task in so many is taken from the back queue although the front one has
 * some: newcomers wait longer, but never for ever. */
#define BACK_TURN 16
#define ASK_WITHIN CLOCK_MS

enum { ASLEEP, WOKEN };

struct worker {
	struct list node; /* in idle or gone */
	struct pool *pool;
	_Atomic uint32_t state; /* WOKEN is set with the lock, and out of idle */
	pthread_t thread;
	struct thread_keeper keeper;
	unsigned waits; /* how deep its task is in what waits; its own */
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
	size_t queued;
	unsigned threads, idlers, turn;
	unsigned blocked;	/* workers whose task waits */
	unsigned awake_max;	/* 0: any number */
	_Atomic uint32_t asker; /* nobody sleeps on it: its address stands for the asker */
	bool asking;		/* the source */
	struct worker *deputy;	/* watches it while its task waits */
	int64_t asked;		/* when it answered last */
	bool coming;		/* a thread was woken or started and is on its way */
	bool closing;
};

/* The pool whose source this thread asks right now. */
static _Thread_local struct pool *asking_for;

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

/* With the lock: takes a worker out of idle, to be woken without it by the
 * word that it sleeps on. */
static _Atomic uint32_t *
rouse(struct pool *p, struct list *node)
{
	struct worker *w = LIST_OWNER(node, struct worker, node);

	list_remove(node);
	p->idlers--;
	atomic_store(&w->state, WOKEN);
	return &w->state;
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

/* Workers that run, or are on their way to. */
static unsigned
awake(const struct pool *p)
{
	return p->threads - p->idlers - p->blocked - p->asking;
}

static bool
wants_another(const struct pool *p)
{
	if (p->coming)
		return false;
	if (p->queued > 0)
		return p->awake_max == 0 || awake(p) < p->awake_max;
	if (p->config.wait == NULL || p->asking || p->deputy != NULL)
		return false;
	return awake(p) == 0 || thread_time() - p->asked >= ASK_WITHIN;
}

/* With the lock: whom to wake for what is queued, or to ask the source, or
 * NULL; starts a thread if all are at work. */
static _Atomic uint32_t *
next_worker(struct pool *p)
{
	if (!wants_another(p))
		return NULL;
	if (!list_empty(&p->idle)) {
		p->coming = true;
		return rouse(p, p->idle.next);
	}
	if (p->asking) {
		p->coming = true;
		return &p->asker;
	}
	if (p->threads < p->config.max)
		start_worker(p);
	return NULL;
}

/* Without the lock, so the worker itself may be gone by now: only the address
 * of its word is used. An asker that came back meanwhile is interrupted the
 * next time, in vain. */
static void
wake(struct pool *p, _Atomic uint32_t *word)
{
	if (word == &p->asker)
		p->config.interrupt(p->config.source);
	else if (word != NULL)
		thread_wake(word);
}

/* With the lock, which is off while the source is asked. */
static void
ask(struct pool *p)
{
	p->asking = true;
	pthread_mutex_unlock(&p->lock);
	asking_for = p;
	p->config.wait(p->config.source);
	asking_for = NULL;
	pthread_mutex_lock(&p->lock);
	p->asking = false;
	p->asked = thread_time();
	p->coming = false;
}

/* ---- what a task says through its thread's keeper ---- */

static void
blocks(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	_Atomic uint32_t *next;

	if (w->waits++ > 0)
		return;
	pthread_mutex_lock(&p->lock);
	p->blocked++;
	next = next_worker(p);
	pthread_mutex_unlock(&p->lock);
	wake(p, next);
}

static void
goes_on(void *arg)
{
	struct worker *w = arg;

	if (--w->waits > 0)
		return;
	pthread_mutex_lock(&w->pool->lock);
	w->pool->blocked--;
	if (w->pool->deputy == w)
		w->pool->deputy = NULL;
	pthread_mutex_unlock(&w->pool->lock);
}

static bool
wants_deputy(const struct pool *p)
{
	return p->config.source_fd > 0 && p->queued == 0 && !p->asking && !p->coming &&
	       p->deputy == NULL && !p->closing;
}

static int
watches(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	bool deputy = false;

	pthread_mutex_lock(&p->lock);
	if (w->waits == 0 && wants_deputy(p)) {
		p->deputy = w;
		p->blocked++;
		w->waits++;
		deputy = true;
	}
	pthread_mutex_unlock(&p->lock);
	if (deputy)
		return p->config.source_fd;
	blocks(w);
	return -1;
}

static void
hears(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	_Atomic uint32_t *next = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->deputy == w) {
		p->deputy = NULL;
		next = next_worker(p);
	}
	pthread_mutex_unlock(&p->lock);
	wake(p, next);
}

/* ---- workers ---- */

static void
run_task(struct pool *p, struct task *t)
{
	_Atomic uint32_t *next = next_worker(p);

	pthread_mutex_unlock(&p->lock);
	wake(p, next);
	t->run(t);
	pthread_mutex_lock(&p->lock);
}

/* With the lock: takes part until there is nothing to do and the worker should
 * go. */
static void
work(struct pool *p, struct worker *w)
{
	for (;;) {
		struct task *t = take_queued(p);

		if (t != NULL)
			run_task(p, t);
		else if (p->closing)
			return;
		else if (p->config.wait != NULL && !p->asking)
			ask(p);
		else if (!sleep_until_roused(p, w))
			return;
	}
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;

	if (p->awake_max > 0)
		thread_set_keeper(&w->keeper);
	pthread_mutex_lock(&p->lock);
	p->coming = false;
	work(p, w);
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
	w->state = WOKEN;
	w->keeper = (struct thread_keeper){ blocks, goes_on, watches, hears, w };
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

/* Two at the least, so that a task that waits unsaid holds up nobody. */
static unsigned
processors(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;

	return n < 2 ? 2 : (unsigned)n;
}

struct pool *
pool_new(const struct pool_config *config)
{
	struct pool *p = MEM_NEW(struct pool);

	CHECK(config->max >= config->min && config->max > 0);
	CHECK(config->wait == NULL || config->min > 0);
	p->magic = POOL_MAGIC;
	p->config = *config;
	p->awake_max = config->cooperative || config->wait != NULL ? processors() : 0;
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
static _Atomic uint32_t *
submit(struct pool *p, struct task *t, struct list *queue)
{
	list_add_last(queue, &t->node);
	p->queued++;
	join_gone(p);
	return asking_for == p ? NULL : next_worker(p);
}

static void
submit_one(struct pool *p, struct task *t, struct list *queue)
{
	_Atomic uint32_t *w;

	MAGIC_CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	w = submit(p, t, queue);
	pthread_mutex_unlock(&p->lock);
	wake(p, w);
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
	struct list *node;
	_Atomic uint32_t *w;

	MAGIC_CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	while ((node = list_take_first(tasks)) != NULL) {
		list_add_last(&p->front, node);
		p->queued++;
	}
	join_gone(p);
	w = asking_for == p ? NULL : next_worker(p);
	pthread_mutex_unlock(&p->lock);
	wake(p, w);
}

void
pool_free(struct pool *p)
{
	bool asking;

	MAGIC_CHECK(p, POOL_MAGIC);
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	while (!list_empty(&p->idle))
		thread_wake(rouse(p, p->idle.next));
	asking = p->asking; /* nobody begins to any more */
	pthread_mutex_unlock(&p->lock);
	if (asking)
		p->config.interrupt(p->config.source);
	pthread_mutex_lock(&p->lock);
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
	out->busy = p->threads - p->idlers - p->asking;
	out->queued = p->queued;
	pthread_mutex_unlock(&p->lock);
}
