/* SPDX-License-Identifier: ISC */
/*
 * Tests of base/uidset.h against struct runs: random changes over many leaves,
 * copies that must not feel each other, and what sharing costs in octets.
 */
#include "base/uidset.h"

#include <pthread.h>

#include "base/random.h"
#include "base/testing.h"

#define MOST 12000u /* numbers are 1..MOST */

static struct runs
runs_of(const struct uidset *s)
{
	struct runs r = RUNS_INIT;

	uidset_to_runs(s, &r);
	return r;
}

static void
assert_is(const struct uidset *s, struct runs *want)
{
	struct runs r = runs_of(s);

	assert_int_equal(r.count, want->count);
	for (uint32_t i = 0; i < r.count; i++) {
		assert_int_equal(r.at[i].first, want->at[i].first);
		assert_int_equal(r.at[i].last, want->at[i].last);
	}
	assert_int_equal(uidset_runs(s), want->count);
	assert_int_equal(uidset_total(s), runs_total(want));
	assert_int_equal(uidset_last(s), runs_last(want));
	assert_int_equal(uidset_empty(s), runs_empty(want));
	runs_done(&r);
}

/* What can be asked at some numbers. */
static void
assert_answers(const struct uidset *s, struct runs *want)
{
	for (int i = 0; i < 40; i++) {
		uint32_t n = (uint32_t)random_below(MOST + 10), first = 0, count;

		assert_int_equal(uidset_has(s, n), runs_has(want, n));
		assert_int_equal(uidset_rank(s, n), runs_rank(want, n));
		assert_int_equal(uidset_below(s, n), runs_below(want, n));
		assert_int_equal(uidset_at(s, n), runs_at(want, n));
		assert_int_equal(uidset_next(s, n), runs_next(want, n));
		count = uidset_run(s, n, &first);
		assert_int_equal(first, runs_next(want, n));
		if (count > 0) {
			assert_true(runs_has(want, first + count - 1));
			assert_false(runs_has(want, first + count));
		}
	}
}

static void
change(struct uidset *s, struct runs *model, uint32_t width)
{
	uint32_t first = 1 + (uint32_t)random_below(MOST);
	uint32_t last = first + (uint32_t)random_below(width);

	if (random_below(2) == 0) {
		uidset_add(s, first, last);
		runs_add(model, first, last);
	} else {
		uidset_remove(s, first, last);
		runs_remove(model, first, last);
	}
}

/* Every second number: as many runs as there can be. */
static void
fragment(struct uidset *s, struct runs *model, uint32_t most)
{
	for (uint32_t n = 1; n <= most; n += 2) {
		uidset_add(s, n, n);
		if (model != NULL)
			runs_add(model, n, n);
	}
}

static void
random_changes_agree_with_runs(void **state)
{
	struct uidset s = UIDSET_INIT;
	struct runs model = RUNS_INIT;
	size_t before = uidset_held();

	random_seed_for_test(3);
	fragment(&s, &model, MOST);
	assert_is(&s, &model);
	for (int round = 0; round < 2500; round++) {
		change(&s, &model, random_below(50) == 0 ? 4000 : 3);
		if (round % 8 == 0)
			assert_is(&s, &model);
		assert_answers(&s, &model);
		if (round % 500 == 499)
			fragment(&s, &model, MOST);
	}
	random_seed_for_test(0);
	uidset_done(&s);
	runs_done(&model);
	assert_int_equal(uidset_held(), before);
}

static void
copies_change_apart(void **state)
{
	struct uidset s[5] = { UIDSET_INIT };
	struct runs model[5] = { RUNS_INIT };

	random_seed_for_test(4);
	fragment(&s[0], &model[0], MOST);
	for (int round = 0; round < 1500; round++) {
		size_t to = random_below(ARRAY_LEN(s)), from = random_below(ARRAY_LEN(s));

		if (random_below(10) == 0) {
			uidset_share(&s[to], &s[from]);
			runs_copy(&model[to], &model[from]);
			assert_true(uidset_equal(&s[to], &s[from]));
		} else {
			change(&s[to], &model[to], 5);
		}
		assert_is(&s[from], &model[from]);
		assert_answers(&s[to], &model[to]);
	}
	random_seed_for_test(0);
	for (size_t i = 0; i < ARRAY_LEN(s); i++) {
		assert_is(&s[i], &model[i]);
		uidset_done(&s[i]);
		runs_done(&model[i]);
	}
	assert_int_equal(uidset_held(), 0);
}

static void
sets_agree_with_runs(void **state)
{
	random_seed_for_test(5);
	for (int round = 0; round < 150; round++) {
		struct uidset s = UIDSET_INIT, t = UIDSET_INIT;
		struct runs model = RUNS_INIT, other = RUNS_INIT, out = RUNS_INIT, want = RUNS_INIT;
		uint32_t many = 1 + (uint32_t)random_below(round % 2 == 0 ? 20 : 600);

		fragment(&s, &model, 3000);
		while (many-- > 0) {
			uint32_t n = 1 + (uint32_t)random_below(5000);

			runs_add(&other, n, n + (uint32_t)random_below(5));
		}
		uidset_both(&out, &s, &other);
		runs_both(&want, &model, &other);
		uidset_from_runs(&t, &want);
		assert_is(&t, &out);
		uidset_share(&t, &s);
		uidset_add_all(&t, &other);
		runs_copy(&want, &model);
		runs_add_all(&want, &other);
		assert_is(&t, &want);
		uidset_remove_all(&t, &other);
		runs_remove_all(&want, &other);
		assert_is(&t, &want);
		assert_int_equal(uidset_equal(&s, &t), runs_total(&model) == runs_total(&want));
		assert_is(&s, &model);
		uidset_done(&s);
		uidset_done(&t);
		runs_done(&model);
		runs_done(&other);
		runs_done(&out);
		runs_done(&want);
	}
	random_seed_for_test(0);
}

static void
parts_are_packed_as_runs(void **state)
{
	static const uint32_t ends[][2] = { { 1, 1 }, { 1, 3000 }, { 2, 2 }, { 700, 1900 },
		{ 2999, 3000 }, { 3001, 9000 }, { 0, 65535 } };
	struct uidset s = UIDSET_INIT;

	fragment(&s, NULL, 3000);
	uidset_add(&s, 1000, 1100);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		uint32_t first = ends[i][0], last = ends[i][1];
		struct runs part = RUNS_INIT;
		struct buffer got = BUFFER_INIT, want = BUFFER_INIT;

		for (uint32_t n = uidset_next(&s, first); n != 0 && n <= last;
		     n = uidset_next(&s, n + 1))
			runs_add(&part, n - first + 1, n - first + 1);
		runs_pack(&want, &part);
		uidset_pack_part(&got, &s, first, last);
		assert_true(text_equal(buffer_text(&got), buffer_text(&want)));
		buffer_done(&got);
		buffer_done(&want);
		runs_done(&part);
	}
	uidset_done(&s);
}

static void
the_ends_of_the_range(void **state)
{
	struct uidset s = UIDSET_INIT;
	struct runs all = RUNS_INIT, out = RUNS_INIT;

	uidset_add(&s, UINT32_MAX, UINT32_MAX);
	uidset_add(&s, 1, 1);
	assert_int_equal(uidset_rank(&s, UINT32_MAX), 2);
	assert_int_equal(uidset_next(&s, 2), UINT32_MAX);
	runs_add(&all, 1, UINT32_MAX);
	uidset_both(&out, &s, &all);
	assert_int_equal(runs_total(&out), 2);
	uidset_add(&s, 1, UINT32_MAX);
	assert_int_equal(uidset_total(&s), UINT32_MAX);
	assert_int_equal(uidset_at(&s, UINT32_MAX), UINT32_MAX);
	assert_true(uidset_equal(&s, &s));
	uidset_remove(&s, 1, UINT32_MAX);
	assert_true(uidset_empty(&s));
	assert_int_equal(uidset_at(&s, 1), 0);
	assert_int_equal(uidset_last(&s), 0);
	runs_done(&all);
	runs_done(&out);
}

/* 200 holders of one set of 300,000 runs take what one takes; and a change of
 * one of them takes a root and a leaf more. */
static void
holders_do_not_hold_copies(void **state)
{
	static struct uidset holder[200];
	struct uidset s = UIDSET_INIT;
	size_t one, all;

	fragment(&s, NULL, 600000);
	one = uidset_held();
	assert_true(one < 300000 * 12);
	for (size_t i = 0; i < ARRAY_LEN(holder); i++)
		uidset_share(&holder[i], &s);
	assert_int_equal(uidset_held(), one);
	uidset_remove(&holder[7], 300001, 300001);
	all = uidset_held() - one;
	assert_true(all > 0 && all < 40000);
	assert_true(uidset_has(&s, 300001) && !uidset_has(&holder[7], 300001));
	for (size_t i = 0; i < ARRAY_LEN(holder); i++)
		uidset_done(&holder[i]);
	assert_int_equal(uidset_held(), one);
	uidset_done(&s);
	assert_int_equal(uidset_held(), 0);
}

#define HOLDERS 4

static struct uidset common;

/* Takes copies of what others hold too, changes them and lets them go. */
static void *
hold(void *arg)
{
	uint32_t n = *(const uint32_t *)arg;
	struct uidset mine = UIDSET_INIT, next = UIDSET_INIT;
	struct runs model = RUNS_INIT;

	for (uint32_t round = 0; round < 300; round++) {
		uint32_t at = 2 * (n + round * 37 % (MOST / 4)) + 1;

		if (round % 50 == 0) {
			uidset_share(&mine, &common);
			uidset_to_runs(&mine, &model);
		}
		uidset_share(&next, &mine);
		uidset_remove(&next, at, at);
		uidset_add(&next, MOST + n + round * HOLDERS, MOST + n + round * HOLDERS);
		CHECK(uidset_has(&mine, at) == runs_has(&model, at));
		runs_remove(&model, at, at);
		runs_add(&model, MOST + n + round * HOLDERS, MOST + n + round * HOLDERS);
		uidset_share(&mine, &next);
		CHECK(uidset_total(&mine) == runs_total(&model));
	}
	uidset_from_runs(&next, &model);
	CHECK(uidset_equal(&next, &mine));
	uidset_done(&mine);
	uidset_done(&next);
	runs_done(&model);
	return NULL;
}

/* Structs that share are used by a thread each. */
static void
threads_share(void **state)
{
	uint32_t number[HOLDERS];
	pthread_t thread[HOLDERS];
	struct runs want = RUNS_INIT;

	fragment(&common, &want, MOST);
	for (uint32_t i = 0; i < HOLDERS; i++) {
		number[i] = i;
		assert_int_equal(pthread_create(&thread[i], NULL, hold, &number[i]), 0);
	}
	for (uint32_t i = 0; i < HOLDERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_is(&common, &want);
	uidset_done(&common);
	runs_done(&want);
	assert_int_equal(uidset_held(), 0);
}

static void
a_set_without_holes_takes_next_to_nothing(void **state)
{
	struct uidset s = UIDSET_INIT;

	for (uint32_t n = 1; n <= 1000000; n++)
		uidset_add(&s, n, n);
	assert_int_equal(uidset_runs(&s), 1);
	assert_true(uidset_held() < 300 && uidset_cost(&s) < 300);
	uidset_done(&s);
}

static void
add_zero(void)
{
	struct uidset s = UIDSET_INIT;

	uidset_add(&s, 0, 4);
}

static void
misuse_is_a_bug(void **state)
{
	assert_true(test_dies(add_zero));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_agree_with_runs),
		cmocka_unit_test(copies_change_apart),
		cmocka_unit_test(sets_agree_with_runs),
		cmocka_unit_test(parts_are_packed_as_runs),
		cmocka_unit_test(the_ends_of_the_range),
		cmocka_unit_test(holders_do_not_hold_copies),
		cmocka_unit_test(threads_share),
		cmocka_unit_test(a_set_without_holes_takes_next_to_nothing),
		cmocka_unit_test(misuse_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
