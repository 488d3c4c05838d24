/* SPDX-License-Identifier: ISC */
/*
 * Tests of base/runs.h: the syntax and the ends of the number range by
 * example, everything else against an array of booleans under random changes.
 */
#include "base/runs.h"

#include "base/random.h"
#include "base/testing.h"

#define MOST 200 /* numbers of the model are 1..MOST */

static void
assert_prints(const struct runs *r, const char *want)
{
	struct buffer b = BUFFER_INIT;

	runs_print(&b, r);
	assert_string_equal(buffer_string(&b), want);
	buffer_done(&b);
}

static void
runs_join_and_split(void **state)
{
	struct runs r = RUNS_INIT;

	assert_prints(&r, "");
	runs_add(&r, 5, 7);
	runs_add(&r, 1, 2);
	assert_prints(&r, "1:2,5:7");
	runs_add(&r, 3, 3);
	assert_prints(&r, "1:3,5:7");
	runs_add(&r, 4, 4);
	assert_prints(&r, "1:7");
	runs_remove(&r, 4, 4);
	assert_prints(&r, "1:3,5:7");
	runs_remove(&r, 2, 6);
	assert_prints(&r, "1,7");
	runs_add(&r, 9, 9);
	runs_add(&r, 6, 12);
	assert_prints(&r, "1,6:12");
	runs_clear(&r);
	assert_true(runs_empty(&r));
	assert_int_equal(runs_total(&r), 0);
	assert_int_equal(runs_last(&r), 0);
	assert_int_equal(runs_at(&r, 1), 0);
	runs_done(&r);
}

static void
the_ends_of_the_range(void **state)
{
	struct runs r = RUNS_INIT, all = RUNS_INIT;

	runs_add(&r, UINT32_MAX, UINT32_MAX);
	runs_add(&r, 1, 1);
	assert_prints(&r, "1,4294967295");
	assert_int_equal(runs_rank(&r, UINT32_MAX), 2);
	assert_int_equal(runs_next(&r, 2), UINT32_MAX);
	runs_add(&all, 1, UINT32_MAX);
	assert_int_equal(runs_total(&all), UINT32_MAX);
	assert_int_equal(runs_at(&all, UINT32_MAX), UINT32_MAX);
	runs_remove_all(&all, &r);
	assert_prints(&all, "2:4294967294");
	runs_remove(&r, UINT32_MAX, UINT32_MAX);
	assert_prints(&r, "1");
	runs_remove(&r, 1, UINT32_MAX);
	assert_true(runs_empty(&r));
	runs_done(&r);
	runs_done(&all);
}

/* Everything that can be asked about the set, against the model. */
static void
check(struct runs *r, const bool model[MOST + 2])
{
	uint32_t rank = 0, next = 0;

	for (uint32_t i = 1; i < r->count; i++)
		assert_true(r->at[i - 1].last + 1 < r->at[i].first);
	for (uint32_t n = 1; n <= MOST; n++) {
		assert_int_equal(runs_has(r, n), model[n]);
		assert_int_equal(runs_below(r, n), rank);
		if (model[n]) {
			rank++;
			assert_int_equal(runs_at(r, rank), n);
		}
		assert_int_equal(runs_rank(r, n), model[n] ? rank : 0);
	}
	assert_int_equal(runs_total(r), rank);
	assert_int_equal(runs_at(r, rank + 1), 0);
	for (uint32_t n = MOST; n >= 1; n--) {
		next = model[n] ? n : next;
		assert_int_equal(runs_next(r, n), next);
	}
	assert_int_equal(runs_has(r, 0), 0);
	assert_int_equal(runs_rank(r, 0), 0);
}

static void
change(struct runs *r, bool model[MOST + 2])
{
	uint32_t first = 1 + (uint32_t)random_below(MOST);
	uint32_t last = first + (uint32_t)random_below(6);
	bool add = random_below(2) == 0;

	if (last > MOST)
		last = MOST;
	for (uint32_t n = first; n <= last; n++)
		model[n] = add;
	if (add)
		runs_add(r, first, last);
	else
		runs_remove(r, first, last);
}

static void
random_changes_agree_with_a_model(void **state)
{
	struct runs r = RUNS_INIT;
	bool model[MOST + 2] = { false };

	random_seed_for_test(7);
	for (int round = 0; round < 3000; round++) {
		change(&r, model);
		check(&r, model);
		/* Positions asked between changes settle part of the counts. */
		(void)runs_rank(&r, 1 + (uint32_t)random_below(MOST));
	}
	random_seed_for_test(0);
	runs_done(&r);
}

static void
fill(struct runs *r, bool model[MOST + 2], int changes)
{
	while (changes-- > 0)
		change(r, model);
}

static void
sets_agree_with_a_model(void **state)
{
	random_seed_for_test(8);
	for (int round = 0; round < 1000; round++) {
		struct runs a = RUNS_INIT, b = RUNS_INIT, out = RUNS_INIT;
		bool in_a[MOST + 2] = { false }, in_b[MOST + 2] = { false };
		bool want[MOST + 2] = { false };

		fill(&a, in_a, (int)random_below(60));
		fill(&b, in_b, (int)random_below(60));
		runs_both(&out, &a, &b);
		for (int n = 1; n <= MOST; n++)
			want[n] = in_a[n] && in_b[n];
		check(&out, want);
		runs_copy(&out, &a);
		runs_add_all(&out, &b);
		for (int n = 1; n <= MOST; n++)
			want[n] = in_a[n] || in_b[n];
		check(&out, want);
		runs_remove_all(&out, &b);
		for (int n = 1; n <= MOST; n++)
			want[n] = in_a[n] && !in_b[n];
		check(&out, want);
		runs_add_all(&out, &out);
		check(&out, want);
		runs_remove_all(&out, &out);
		assert_true(runs_empty(&out));
		runs_done(&a);
		runs_done(&b);
		runs_done(&out);
	}
	random_seed_for_test(0);
}

static void
packed_sets_come_back(void **state)
{
	struct runs r = RUNS_INIT, back = RUNS_INIT;
	struct buffer b = BUFFER_INIT;
	struct unpack u;

	runs_pack(&b, &r);
	assert_text(buffer_text(&b), "\0");
	buffer_clear(&b);
	runs_add(&r, 1, 1000000);
	runs_add(&r, 1000002, 1000002);
	runs_add(&r, UINT32_MAX, UINT32_MAX);
	runs_pack(&b, &r);
	u = unpack_of(buffer_text(&b));
	assert_ok(runs_unpack(&u, 3, &back));
	assert_true(unpack_end(&u));
	assert_prints(&back, "1:1000000,1000002,4294967295");
	assert_int_equal(runs_rank(&back, UINT32_MAX), 1000002);
	u = unpack_of(buffer_text(&b));
	assert_int_equal(runs_unpack(&u, 2, &back), STATUS_LIMIT);
	assert_false(unpack_ok(&u));
	assert_int_equal(runs_total(&back), 1000002);
	for (size_t cut = 0; cut < b.len; cut++) {
		u = unpack_of(text_part(buffer_text(&b), 0, cut));
		assert_int_equal(runs_unpack(&u, 3, &back), STATUS_CORRUPT);
	}
	assert_int_equal(runs_total(&back), 1000002);
	buffer_done(&b);
	runs_done(&r);
	runs_done(&back);
}

static void
what_passes_the_end_is_refused(void **state)
{
	static const struct text bad[] = {
		TEXT("\1\xff\xff\xff\xff\x0f\0"),     /* begins at 2^32 */
		TEXT("\1\xfe\xff\xff\xff\x0f\1"),     /* ends at 2^32 */
		TEXT("\2\xfe\xff\xff\xff\x0f\0\0\0"), /* a run behind the last number */
		TEXT("\1\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"),
		TEXT("\xff\xff\xff\xff\x0f\0\0"),
	};
	struct runs r = RUNS_INIT;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct unpack u = unpack_of(bad[i]);

		assert_int_equal(runs_unpack(&u, UINT32_MAX, &r), STATUS_CORRUPT);
	}
	runs_done(&r);
}

static void
add_backwards(void)
{
	struct runs r = RUNS_INIT;

	runs_add(&r, 5, 4);
}

static void
add_zero(void)
{
	struct runs r = RUNS_INIT;

	runs_add(&r, 0, 4);
}

static void
misuse_is_a_bug(void **state)
{
	assert_true(test_dies(add_backwards));
	assert_true(test_dies(add_zero));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_join_and_split),
		cmocka_unit_test(the_ends_of_the_range),
		cmocka_unit_test(random_changes_agree_with_a_model),
		cmocka_unit_test(sets_agree_with_a_model),
		cmocka_unit_test(packed_sets_come_back),
		cmocka_unit_test(what_passes_the_end_is_refused),
		cmocka_unit_test(misuse_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
