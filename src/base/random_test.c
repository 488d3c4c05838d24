/* SPDX-License-Identifier: ISC */
/* Tests of base/random.h. */
#include "base/random.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/testing.h"

static void
kernel_bytes(void **state)
{
	unsigned char a[300] = { 0 }, b[300] = { 0 };

	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_memory_not_equal(a + 256, b + 256, 44);
	assert_true(random_u64() != random_u64());
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* More than are fetched at once. */
static void
numbers_do_not_come_again(void **state)
{
	uint64_t seen[1000];

	for (size_t i = 0; i < ARRAY_LEN(seen); i++)
		seen[i] = random_u64();
	qsort(seen, ARRAY_LEN(seen), sizeof(seen[0]), compare);
	assert_true(seen[0] != 0);
	for (size_t i = 1; i < ARRAY_LEN(seen); i++)
		assert_true(seen[i] != seen[i - 1]);
}

static void
a_child_has_its_own(void **state)
{
	uint64_t ours = random_u64(), theirs = 0;
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		ours = random_u64();
		_exit(write(ends[1], &ours, sizeof(ours)) != sizeof(ours));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(read(ends[0], &theirs, sizeof(theirs)), sizeof(theirs));
	assert_true(ours != theirs);
	assert_true(random_u64() != theirs);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
a_seed_repeats(void **state)
{
	char a[13], b[13];

	random_seed_for_test(42);
	random_bytes(a, sizeof(a));
	random_seed_for_test(42);
	random_bytes(b, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
	random_seed_for_test(43);
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	random_seed_for_test(0);
}

static void
bounded_numbers_reach_every_value(void **state)
{
	bool seen[7] = { false };

	random_seed_for_test(1);
	for (int i = 0; i < 200; i++)
		seen[random_below(7)] = true;
	for (int i = 0; i < 7; i++)
		assert_true(seen[i]);
	assert_int_equal(random_below(1), 0);
	assert_true(random_below(UINT64_MAX) < UINT64_MAX);
	random_seed_for_test(0);
}

/* In the order of time, up to 1/64 of a second, for three days. */
static void
names_by_time(void **state)
{
	int64_t now = INT64_C(1700000000) * CLOCK_SECOND, begins;
	uint64_t before, last = 0;

	begins = now - now % ((CLOCK_SECOND / 64) << 24);
	for (int i = 0; i < 3 * 24; i++) {
		clock_set_for_test(begins + i * 60 * CLOCK_MINUTE, 1);
		before = last;
		last = random_by_time();
		assert_true(last > before);
		assert_true(last >> 40 == random_by_time() >> 40);
		assert_true(last != random_by_time());
	}
	clock_set_for_test(begins + ((CLOCK_SECOND / 64) << 24), 1);
	assert_true(random_by_time() < last);
	clock_set_for_test(-1, -1);
}

static void
secrets(void **state)
{
	char key[8] = "secret!";

	assert_true(secret_equal(TEXT("abc"), TEXT("abc")));
	assert_false(secret_equal(TEXT("abc"), TEXT("abd")));
	assert_false(secret_equal(TEXT("abc"), TEXT("\xe1"
						    "bc")));
	assert_false(secret_equal(TEXT("abc"), TEXT("ab")));
	assert_true(secret_equal(TEXT_EMPTY, TEXT_EMPTY));
	secret_wipe(key, sizeof(key));
	for (size_t i = 0; i < sizeof(key); i++)
		assert_int_equal(key[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_bytes),
		cmocka_unit_test(numbers_do_not_come_again),
		cmocka_unit_test(a_child_has_its_own),
		cmocka_unit_test(a_seed_repeats),
		cmocka_unit_test(bounded_numbers_reach_every_value),
		cmocka_unit_test(names_by_time),
		cmocka_unit_test(secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
