/* SPDX-License-Identifier: ISC */
/* Tests of runtime/pool.h: every task runs once, order, growth and shrinking. */
#include "runtime/pool.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/testing.h"
#include "runtime/thread.h"

struct work {
	struct task task;
	unsigned number;
	atomic_uint *ran;
	struct pool *again; /* submit another from within */
	struct work *next;
};

static atomic_uint order_at;
static unsigned order[64];

static void
note_order(struct task *t)
{
	struct work *w = (struct work *)(void *)t;

	order[atomic_fetch_add(&order_at, 1)] = w->number;
}

static void
count(struct task *t)
{
	struct work *w = (struct work *)(void *)t;

	if (w->again != NULL)
		pool_run(w->again, &w->next->task);
	atomic_fetch_add(w->ran, 1);
}

/* A task that says that it runs and then waits for leave to go. */
struct gate {
	struct task task;
	sem_t entered, leave;
};

static void
gate_run(struct task *t)
{
	struct gate *g = (struct gate *)(void *)t;

	sem_post(&g->entered);
	while (sem_wait(&g->leave) != 0)
		;
}

static void
gate_init(struct gate *g)
{
	g->task.run = gate_run;
	list_init(&g->task.node);
	sem_init(&g->entered, 0, 0);
	sem_init(&g->leave, 0, 0);
}

static void
every_task_runs_once(void **state)
{
	static struct work works[20000];
	const struct pool_config config = { .name = "test", .min = 0, .max = 8 };
	struct pool *p = pool_new(&config);
	struct list rest = LIST_INIT(rest);
	atomic_uint ran = 0;

	for (size_t i = 0; i < ARRAY_LEN(works); i += 2) {
		works[i] = (struct work){ { .run = count }, 0, &ran, p, &works[i + 1] };
		works[i + 1] = (struct work){ { .run = count }, 0, &ran, NULL, NULL };
		if (i % 4 == 0)
			pool_run_front(p, &works[i].task);
		else if (i < ARRAY_LEN(works) / 2)
			pool_run(p, &works[i].task);
		else
			list_add_last(&rest, &works[i].task.node);
	}
	pool_run_front_all(p, &rest);
	assert_true(list_empty(&rest));
	pool_free(p);
	assert_int_equal(ran, ARRAY_LEN(works));
}

static void
fronts_overtake_in_order(void **state)
{
	const struct pool_config config = { .name = "test", .min = 1, .max = 1 };
	struct pool *p = pool_new(&config);
	struct pool_facts facts;
	struct work works[6];
	struct gate gate;

	gate_init(&gate);
	pool_run(p, &gate.task);
	while (sem_wait(&gate.entered) != 0)
		;
	for (unsigned i = 0; i < ARRAY_LEN(works); i++) {
		works[i] = (struct work){ { .run = note_order }, i, NULL, NULL, NULL };
		(i < 3 ? pool_run : pool_run_front)(p, &works[i].task);
	}
	pool_facts_of(p, &facts);
	assert_int_equal(facts.threads, 1);
	assert_int_equal(facts.busy, 1);
	assert_int_equal(facts.queued, 6);
	sem_post(&gate.leave);
	pool_free(p);
	assert_int_equal(order_at, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(order[i], (i + 3) % 6);
}

static void
the_back_is_not_forgotten(void **state)
{
	const struct pool_config config = { .name = "test", .min = 1, .max = 1 };
	struct pool *p = pool_new(&config);
	static struct work works[64];
	struct gate gate;
	unsigned at = 0;

	atomic_store(&order_at, 0);
	gate_init(&gate);
	pool_run(p, &gate.task);
	while (sem_wait(&gate.entered) != 0)
		;
	for (unsigned i = 0; i < ARRAY_LEN(works); i++) {
		works[i] = (struct work){ { .run = note_order }, i, NULL, NULL, NULL };
		(i == 0 ? pool_run : pool_run_front)(p, &works[i].task);
	}
	sem_post(&gate.leave);
	pool_free(p);
	while (order[at] != 0)
		at++;
	assert_in_range(at, 1, 20);
}

static void
threads_come_and_go(void **state)
{
	const struct pool_config config = { .name = "test", .min = 1, .max = 5, .idle = 1000 };
	struct pool *p = pool_new(&config);
	struct pool_facts facts;
	struct gate gates[5];

	for (size_t i = 0; i < ARRAY_LEN(gates); i++) {
		gate_init(&gates[i]);
		pool_run(p, &gates[i].task);
	}
	for (size_t i = 0; i < ARRAY_LEN(gates); i++)
		while (sem_wait(&gates[i].entered) != 0)
			;
	pool_facts_of(p, &facts);
	assert_int_equal(facts.threads, 5);
	for (size_t i = 0; i < ARRAY_LEN(gates); i++)
		sem_post(&gates[i].leave);
	do {
		sched_yield();
		pool_facts_of(p, &facts);
	} while (facts.threads > 1);
	pool_free(p);
}

/* ---- with a source ---- */

/* A source that gives what the test has put into it. */
struct source {
	struct pool *pool;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list tasks;
	bool interrupted;
	unsigned asked; /* how often */
	unsigned asking;
	int fd; /* as many as there are tasks, or 0 */
};

static void
source_wait(void *arg)
{
	struct list *node;
	eventfd_t one;
	struct source *s = arg;

	pthread_mutex_lock(&s->lock);
	s->asked++;
	assert_int_equal(++s->asking, 1); /* one at a time */
	pthread_cond_broadcast(&s->changed);
	while (list_empty(&s->tasks) && !s->interrupted)
		pthread_cond_wait(&s->changed, &s->lock);
	s->interrupted = false;
	s->asking--;
	node = list_take_first(&s->tasks);
	if (node != NULL && s->fd > 0)
		assert_int_equal(eventfd_read(s->fd, &one), 0);
	pthread_mutex_unlock(&s->lock);
	if (node != NULL)
		pool_run_front(s->pool, LIST_OWNER(node, struct task, node));
}

static void
source_interrupt(void *arg)
{
	struct source *s = arg;

	pthread_mutex_lock(&s->lock);
	s->interrupted = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static void
source_put(struct source *s, struct task *t)
{
	pthread_mutex_lock(&s->lock);
	list_add_last(&s->tasks, &t->node);
	if (s->fd > 0)
		assert_int_equal(eventfd_write(s->fd, 1), 0);
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static void
source_await_asker(struct source *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->asking == 0)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static void
source_start_watched(struct source *s, unsigned max, int fd)
{
	struct pool_config config = { .name = "test",
		.min = 1,
		.max = max,
		.wait = source_wait,
		.interrupt = source_interrupt,
		.source = s,
		.source_fd = fd };

	*s = (struct source){
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .fd = fd
	};
	list_init(&s->tasks);
	pthread_mutex_lock(&s->lock); /* until the pool is known */
	s->pool = pool_new(&config);
	pthread_mutex_unlock(&s->lock);
}

static void
source_start(struct source *s, unsigned max)
{
	source_start_watched(s, max, 0);
}

static void
gate_pass(struct gate *g)
{
	while (sem_wait(&g->entered) != 0)
		;
	sem_post(&g->leave);
}

/* A task that waits for something and says so. */
static void
gate_run_saying_so(struct task *t)
{
	thread_blocks();
	gate_run(t);
	thread_goes_on();
}

static void
who_asks_serves(void **state)
{
	struct pool_facts facts;
	struct source s;
	struct gate g;

	source_start(&s, 8);
	for (int i = 0; i < 100; i++) {
		source_await_asker(&s); /* nobody is in the gate any more */
		gate_init(&g);
		source_put(&s, &g.task);
		gate_pass(&g);
	}
	source_await_asker(&s);
	pool_facts_of(s.pool, &facts);
	assert_int_equal(facts.threads, 1); /* nobody else was needed */
	assert_int_equal(facts.busy, 0);
	pool_free(s.pool);
}

static void
others_may_submit_too(void **state)
{
	static struct gate gates[100];
	struct source s;

	source_start(&s, 1);
	for (size_t i = 0; i < ARRAY_LEN(gates); i++) {
		gate_init(&gates[i]);
		pool_run(s.pool, &gates[i].task); /* interrupts the asker */
		gate_pass(&gates[i]);
	}
	pool_free(s.pool);
}

static void
somebody_asks_while_tasks_wait(void **state)
{
	struct source s;
	struct gate waiting[6], last;

	source_start(&s, 8);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		gate_init(&waiting[i]);
		waiting[i].task.run = gate_run_saying_so;
		source_put(&s, &waiting[i].task);
		while (sem_wait(&waiting[i].entered) != 0)
			;
		source_await_asker(&s);
	}
	gate_init(&last);
	source_put(&s, &last.task);
	gate_pass(&last);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		sem_post(&waiting[i].leave);
	pool_free(s.pool);
}

/* A task that waits for input. */
struct listener_task {
	struct gate gate; /* first */
	int fd;
};

static void
listen_and_pass(struct task *t)
{
	thread_await_input(((struct listener_task *)(void *)t)->fd, -1);
	gate_run(t);
}

static void
listener_start(struct source *s, struct listener_task *l, int fd)
{
	gate_init(&l->gate);
	l->gate.task.run = listen_and_pass;
	l->fd = fd;
	source_put(s, &l->gate.task);
}

static void
nobody_is_woken_for_who_waits_briefly(void **state)
{
	int source = eventfd(0, EFD_SEMAPHORE), there = eventfd(1, 0);
	struct pool_facts facts;
	struct listener_task l;
	struct source s;

	source_start_watched(&s, 8, source);
	for (int i = 0; i < 100; i++) {
		source_await_asker(&s);
		listener_start(&s, &l, there);
		gate_pass(&l.gate);
	}
	source_await_asker(&s);
	pool_facts_of(s.pool, &facts);
	assert_int_equal(facts.threads, 1);
	pool_free(s.pool);
	(void)close(source);
	(void)close(there);
}

/* Whether the source has something at once or only after a while. */
static void
who_waits_watches_the_source(void **state)
{
	int source = eventfd(0, EFD_SEMAPHORE), silent = eventfd(0, 0);
	struct listener_task l;
	struct source s;
	struct gate g;

	source_start_watched(&s, 8, source);
	listener_start(&s, &l, silent);
	for (int i = 0; i < 3; i++) {
		gate_init(&g);
		source_put(&s, &g.task);
		gate_pass(&g);
		source_await_asker(&s);
	}
	assert_int_equal(sem_trywait(&l.gate.entered), -1); /* it waits still */
	assert_int_equal(eventfd_write(silent, 1), 0);
	gate_pass(&l.gate);
	pool_free(s.pool);
	(void)close(source);
	(void)close(silent);
}

/* A task that goes on and on and waits for a moment now and then. */
struct toiler {
	struct task task;
	_Atomic bool enough;
	sem_t began;
};

static void
toil(struct task *t)
{
	struct toiler *o = (struct toiler *)(void *)t;

	sem_post(&o->began);
	while (!atomic_load(&o->enough)) {
		thread_blocks();
		thread_blocks(); /* what is inside may say it, too */
		thread_goes_on();
		thread_goes_on();
	}
}

/* As many as there are processors, and never two of them waiting at once. */
static void
somebody_asks_while_tasks_toil(void **state)
{
	static struct toiler toilers[CPU_SETSIZE];
	static struct gate gates[20];
	struct source s;
	cpu_set_t set;
	size_t n;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	n = (size_t)CPU_COUNT(&set) + 1;
	source_start(&s, 2 * CPU_SETSIZE);
	for (size_t i = 0; i < n && i < ARRAY_LEN(toilers); i++) {
		toilers[i].task.run = toil;
		list_init(&toilers[i].task.node);
		sem_init(&toilers[i].began, 0, 0);
		pool_run(s.pool, &toilers[i].task);
		while (sem_wait(&toilers[i].began) != 0)
			;
	}
	for (size_t i = 0; i < ARRAY_LEN(gates); i++) {
		gate_init(&gates[i]);
		source_put(&s, &gates[i].task);
		gate_pass(&gates[i]);
	}
	for (size_t i = 0; i < n && i < ARRAY_LEN(toilers); i++)
		atomic_store(&toilers[i].enough, true);
	pool_free(s.pool);
}

/* No more run at once than there are processors, unless they wait. */
static void
few_are_awake(void **state)
{
	const struct pool_config config = {
		.name = "test", .min = 0, .max = 1000, .cooperative = true
	};
	struct pool *p = pool_new(&config);
	static struct gate gates[600];
	struct pool_facts facts;
	unsigned inside = 0, most;
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	most = CPU_COUNT(&set) < 2 ? 2 : (unsigned)CPU_COUNT(&set);
	for (size_t i = 0; i < ARRAY_LEN(gates); i++) {
		gate_init(&gates[i]);
		gates[i].task.run = i < 20 ? gate_run_saying_so : gate_run;
		pool_run(p, &gates[i].task);
	}
	for (size_t i = 0; i < 20; i++) /* these wait: all get in */
		while (sem_wait(&gates[i].entered) != 0)
			;
	for (size_t i = 20; i < ARRAY_LEN(gates); i++) { /* then one by one, in order */
		while (sem_wait(&gates[i].entered) != 0)
			;
		for (inside = 0; i + inside + 1 < ARRAY_LEN(gates) &&
				 sem_trywait(&gates[i + inside + 1].entered) == 0;)
			inside++;
		for (size_t k = 1; k <= inside; k++)
			sem_post(&gates[i + k].entered);
		pool_facts_of(p, &facts);
		assert_in_range(facts.threads, 21, 20 + most);
		assert_in_range(inside, 0, most - 1);
		sem_post(&gates[i].leave);
	}
	for (size_t i = 0; i < 20; i++)
		sem_post(&gates[i].leave);
	pool_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_runs_once),
		cmocka_unit_test(fronts_overtake_in_order),
		cmocka_unit_test(the_back_is_not_forgotten),
		cmocka_unit_test(threads_come_and_go),
		cmocka_unit_test(who_asks_serves),
		cmocka_unit_test(others_may_submit_too),
		cmocka_unit_test(somebody_asks_while_tasks_wait),
		cmocka_unit_test(somebody_asks_while_tasks_toil),
		cmocka_unit_test(nobody_is_woken_for_who_waits_briefly),
		cmocka_unit_test(who_waits_watches_the_source),
		cmocka_unit_test(few_are_awake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
