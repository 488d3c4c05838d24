/* SPDX-License-Identifier: ISC */
/*
 * The frame of the conformance suite: the engines, each test on each of them,
 * and what tests say about rows. A test gets its engine by the group's state
 * and asks exact() where it needs a batch to end as its guard alone decides.
 * For *_test.c files only.
 */
#ifndef STORE_ENGINE_SUITE_H
#define STORE_ENGINE_SUITE_H

#include <pthread.h>
#include <stdatomic.h>

#include "store/engine/engine_subject.h"

UNUSED static struct engine *
fresh(void **state)
{
	struct subject *s = *state;

	return s->engine;
}

UNUSED static bool
exact(void **state)
{
	return ((struct subject *)*state)->exact;
}

UNUSED static void
reopen(void **state)
{
	struct subject *s = *state;

	s->engine = s->reopen(s);
	assert_non_null(s->engine);
}

/* The scan gives exactly these rows, "key=value" each with a space between. */
UNUSED static void
assert_rows(struct engine_scan *scan, const char *expected)
{
	struct buffer b = BUFFER_INIT;
	struct text key, value;
	enum status s;

	while ((s = engine_scan_next(scan, &key, &value)) == STATUS_OK)
		buffer_addf(
		    &b, "%s%.*s=%.*s", b.len > 0 ? " " : "", TEXT_ARG(key), TEXT_ARG(value));
	assert_int_equal(s, STATUS_NOT_FOUND);
	assert_int_equal(engine_scan_next(scan, &key, &value), STATUS_NOT_FOUND);
	assert_string_equal(buffer_string(&b), expected);
	buffer_done(&b);
	engine_scan_close(scan);
}

UNUSED static void
assert_scan(struct engine *e, struct entity entity, const char *from, const char *until,
    const char *expected)
{
	struct engine_scan *scan;

	assert_ok(engine_scan_open(e, entity, text_of(from), text_of(until), &scan));
	assert_rows(scan, expected);
}

/* ---- what happens on other threads ---- */

struct flight {
	pthread_mutex_t lock;
	pthread_cond_t change;
	pthread_t self;
	unsigned ended, wrong, on_caller;
};

UNUSED static void
flight_init(struct flight *f)
{
	*f = (struct flight){ .self = pthread_self() };
	assert_int_equal(pthread_mutex_init(&f->lock, NULL), 0);
	assert_int_equal(pthread_cond_init(&f->change, NULL), 0);
}

UNUSED static void
flight_end(struct flight *f, bool right)
{
	pthread_mutex_lock(&f->lock);
	f->ended++;
	f->wrong += !right;
	f->on_caller += pthread_equal(f->self, pthread_self()) != 0;
	pthread_cond_signal(&f->change);
	pthread_mutex_unlock(&f->lock);
}

UNUSED static void
flight_wait(struct flight *f, unsigned n)
{
	pthread_mutex_lock(&f->lock);
	while (f->ended < n)
		pthread_cond_wait(&f->change, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

/* ---- every test on every engine ---- */

static const struct engine_strictness unkind = {
	.seed = 11,
	.conflict = 50,
	.ambiguous_done = 50,
	.ambiguous_lost = 50,
	.full = 50,
	.notice_lost = 200,
	.notice_late = 200,
	.latency = 50,
};

UNUSED static struct engine *
memory_open(struct subject *s)
{
	return engine_memory_new();
}

UNUSED static struct engine *
strict_open(struct subject *s)
{
	return engine_memory_strict_new(&(struct engine_strictness){ .seed = 1 });
}

UNUSED static struct engine *
unkind_open(struct subject *s)
{
	return engine_memory_strict_new(&unkind);
}

UNUSED static struct engine *
memory_reopen(struct subject *s)
{
	struct engine *next = engine_memory_reopen(s->engine);

	engine_free(s->engine);
	return next;
}

static struct subject subjects[] = {
	{ .name = "memory", .exact = true, .open = memory_open, .reopen = memory_reopen },
	{ .name = "strict", .exact = true, .open = strict_open, .reopen = memory_reopen },
	{ .name = "unkind", .exact = false, .open = unkind_open, .reopen = memory_reopen },
#ifndef WITHOUT_ROCKSDB
	{ .name = "rocksdb", .exact = true, .open = rocks_open, .reopen = rocks_reopen },
#endif
};

UNUSED static int
set_up(void **state)
{
	struct subject *s = *state;

	s->engine = s->open(s);
	return s->engine == NULL;
}

UNUSED static int
tear_down(void **state)
{
	struct subject *s = *state;

	engine_free(s->engine);
	s->engine = NULL;
	remove_dir(s->dir);
	s->dir[0] = 0;
	return 0;
}

#define MOST_TESTS 32
#define SUITE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

UNUSED static int
run_suite(const struct CMUnitTest *each_test, size_t count)
{
	static struct CMUnitTest tests[ARRAY_LEN(subjects) * MOST_TESTS];
	static char names[ARRAY_LEN(tests)][80];

	assert_true(count <= MOST_TESTS);
#ifdef WITHOUT_ROCKSDB
	print_message("%s\n", WITHOUT_ROCKSDB);
#endif
	for (size_t i = 0; i < ARRAY_LEN(subjects) * count; i++) {
		struct subject *s = &subjects[i / count];

		tests[i] = each_test[i % count];
		(void)snprintf(names[i], sizeof(names[i]), "%s: %s", s->name, tests[i].name);
		tests[i].name = names[i];
		tests[i].initial_state = s;
	}
	return _cmocka_run_group_tests("engines", tests, ARRAY_LEN(subjects) * count, NULL, NULL);
}

#endif
