/* SPDX-License-Identifier: ISC */
/*
 * What the memory engine has beyond the others: failures on demand, a crash of
 * its user, and in strict mode conflicts, ambiguous ends and late notices.
 */
#include <sched.h>
#include <stdatomic.h>

#include "store/engine/engine_subject.h"
#include "store/engine/inbox.h"

static enum status
put(struct engine *e, uint64_t guard, struct text key)
{
	struct engine_batch b;
	enum status s;

	engine_batch_init(&b, account, guard);
	engine_put(&b, key, TEXT("1"));
	s = engine_commit_wait(e, &b);
	engine_batch_done(&b);
	return s;
}

static bool
has(struct engine *e, struct text key)
{
	struct arena a = ARENA_INIT;
	struct text value;
	enum status s = engine_get(e, account, key, &a, &value);

	arena_done(&a);
	assert_true(s == STATUS_OK || s == STATUS_NOT_FOUND);
	return s == STATUS_OK;
}

static uint64_t
version_of(struct engine *e)
{
	uint64_t version;

	assert_ok(engine_version(e, account, &version));
	return version;
}

static void
failures_on_demand(void **state)
{
	struct engine *e = engine_memory_new();
	struct engine_facts f;

	engine_memory_fail(e, 2, STATUS_FULL);
	assert_int_equal(put(e, 0, TEXT("a")), STATUS_FULL);
	engine_facts_of(e, &f);
	assert_true(f.read_only);
	assert_int_equal(put(e, 0, TEXT("a")), STATUS_FULL);
	assert_false(has(e, TEXT("a")));
	assert_ok(put(e, 0, TEXT("a")));
	engine_facts_of(e, &f);
	assert_false(f.read_only);
	assert_int_equal(f.commits, 1);
	engine_memory_fail(e, 1, STATUS_AMBIGUOUS);
	assert_int_equal(put(e, 1, TEXT("b")), STATUS_AMBIGUOUS);
	assert_int_equal(version_of(e), 1);
	assert_false(has(e, TEXT("b")));
	engine_free(e);
}

static void
a_certain_conflict(void **state)
{
	struct engine *e =
	    engine_memory_strict_new(&(struct engine_strictness){ .conflict = 1000 });

	assert_int_equal(put(e, 0, TEXT("a")), STATUS_CONFLICT);
	assert_int_equal(version_of(e), 1); /* somebody else's commit */
	assert_false(has(e, TEXT("a")));
	assert_int_equal(put(e, 0, TEXT("a")), STATUS_CONFLICT);
	assert_int_equal(version_of(e), 1);
	engine_free(e);
}

static void
certain_ambiguity(void **state)
{
	struct engine *e =
	    engine_memory_strict_new(&(struct engine_strictness){ .ambiguous_done = 1000 });

	assert_int_equal(put(e, 0, TEXT("a")), STATUS_AMBIGUOUS);
	assert_int_equal(version_of(e), 1);
	assert_true(has(e, TEXT("a")));
	assert_int_equal(put(e, 0, TEXT("b")), STATUS_CONFLICT);
	engine_free(e);
	e = engine_memory_strict_new(&(struct engine_strictness){ .ambiguous_lost = 1000 });
	assert_int_equal(put(e, 0, TEXT("a")), STATUS_AMBIGUOUS);
	assert_int_equal(version_of(e), 0);
	assert_false(has(e, TEXT("a")));
	engine_free(e);
	e = engine_memory_strict_new(&(struct engine_strictness){ .full = 1000 });
	assert_int_equal(put(e, 0, TEXT("a")), STATUS_FULL);
	assert_int_equal(version_of(e), 0);
	engine_free(e);
}

/* ---- a crash of the user ---- */

static void
note_end(struct engine_batch *b, enum status s)
{
	_Atomic int *end = b->context;

	atomic_store(end, (int)s);
}

/* A commit that is visible but not acknowledged does not survive. Slow as its
 * end is, it might be told before the crash: then it does. */
static void
the_last_acknowledged_moment(void **state)
{
	struct engine *e =
	    engine_memory_strict_new(&(struct engine_strictness){ .seed = 4, .latency = 200000 });
	struct engine *next;
	struct engine_batch b;
	_Atomic int end = -1;

	assert_ok(put(e, 0, TEXT("a")));
	engine_batch_init(&b, account, 1);
	engine_put(&b, TEXT("b"), TEXT("1"));
	b.done = note_end;
	b.context = &end;
	engine_commit(e, &b);
	next = engine_memory_reopen(e);
	engine_free(e); /* waits for the end */
	assert_true(end == STATUS_AMBIGUOUS || end == STATUS_OK);
	assert_true(has(next, TEXT("a")));
	assert_int_equal(version_of(next), end == STATUS_OK ? 2 : 1);
	assert_int_equal(has(next, TEXT("b")), end == STATUS_OK);
	engine_batch_done(&b);
	engine_free(next);
}

static void
the_old_engine_answers_nothing(void **state)
{
	struct engine *e = engine_memory_new(), *next;
	struct engine_scan *scan;
	struct text key, value;
	uint64_t version = 9;

	assert_ok(put(e, 0, TEXT("a")));
	assert_ok(engine_scan_open(e, account, TEXT_EMPTY, TEXT_EMPTY, &scan));
	next = engine_memory_reopen(e);
	assert_int_equal(engine_scan_next(scan, &key, &value), STATUS_IO);
	engine_scan_close(scan);
	assert_int_equal(engine_version(e, account, &version), STATUS_IO);
	assert_int_equal(version, 9);
	assert_int_equal(engine_scan_open(e, account, TEXT_EMPTY, TEXT_EMPTY, &scan), STATUS_IO);
	assert_int_equal(put(e, 1, TEXT("b")), STATUS_AMBIGUOUS);
	engine_free(e);
	assert_int_equal(version_of(next), 1);
	assert_true(has(next, TEXT("a")));
	assert_false(has(next, TEXT("b")));
	assert_ok(put(next, 1, TEXT("c")));
	engine_free(next);
}

/* ---- notices ---- */

static void
count_notice(void *arg, struct entity entity)
{
	_Atomic unsigned *n = arg;

	(void)atomic_fetch_add(n, 1);
}

static unsigned
notices_of(const struct engine_strictness *how, unsigned commits)
{
	struct engine *e = engine_memory_strict_new(how);
	_Atomic unsigned n = 0;

	(void)engine_watch(e, account, count_notice, &n);
	for (unsigned i = 0; i < commits; i++)
		assert_ok(put(e, i, TEXT("a")));
	engine_free(e);
	return atomic_load(&n);
}

static void
notices_get_lost_and_doubled(void **state)
{
	unsigned doubled = notices_of(&(struct engine_strictness){ .notice_late = 1000 }, 400);

	assert_int_equal(notices_of(&(struct engine_strictness){ .seed = 1 }, 400), 400);
	assert_int_equal(notices_of(&(struct engine_strictness){ .notice_lost = 1000 }, 400), 0);
	assert_in_range(doubled, 550, 650);
}

/* A late one comes by itself, when nothing else happens. */
static void
a_late_notice_comes(void **state)
{
	struct engine *e =
	    engine_memory_strict_new(&(struct engine_strictness){ .notice_late = 1000 });
	_Atomic unsigned n = 0;

	(void)engine_watch(e, account, count_notice, &n);
	assert_ok(put(e, 0, TEXT("a")));
	while (atomic_load(&n) == 0)
		(void)sched_yield();
	engine_free(e);
}

static void
latency_holds_ends_back(void **state)
{
	struct engine *e =
	    engine_memory_strict_new(&(struct engine_strictness){ .seed = 6, .latency = 2000 });
	int64_t start = inbox_now(), longest = 0;

	for (unsigned i = 0; i < 40; i++) {
		int64_t before = inbox_now();

		assert_ok(put(e, i, TEXT("a")));
		if (inbox_now() - before > longest)
			longest = inbox_now() - before;
	}
	assert_true(longest >= 1000); /* of 40 throws up to 2000 */
	assert_true(inbox_now() - start >= 40 * 300);
	engine_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_on_demand),
		cmocka_unit_test(a_certain_conflict),
		cmocka_unit_test(certain_ambiguity),
		cmocka_unit_test(the_last_acknowledged_moment),
		cmocka_unit_test(the_old_engine_answers_nothing),
		cmocka_unit_test(notices_get_lost_and_doubled),
		cmocka_unit_test(a_late_notice_comes),
		cmocka_unit_test(latency_holds_ends_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
