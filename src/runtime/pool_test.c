/* SPDX-License-Identifier: ISC */
/* Tests of runtime/pool.h: every task runs once, order, growth and shrinking. */
#include "runtime/pool.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/testing.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_runs_once),
		cmocka_unit_test(fronts_overtake_in_order),
		cmocka_unit_test(the_back_is_not_forgotten),
		cmocka_unit_test(threads_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
