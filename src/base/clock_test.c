/* SPDX-License-Identifier: ISC */
/* Tests of base/clock.h: the real clocks move, a test's clock stands. */
#include "base/clock.h"

#include "base/testing.h"

static void
real_clocks(void **state)
{
	int64_t before = clock_mono();

	while (clock_mono() == before)
		continue;
	assert_true(clock_mono() > before);
	assert_true(clock_wall() > 1700000000 * CLOCK_SECOND);
}

static void
a_clock_of_the_test(void **state)
{
	clock_set_for_test(5, 7);
	assert_int_equal(clock_wall(), 5);
	assert_int_equal(clock_mono(), 7);
	clock_set_for_test(-1, 9);
	assert_true(clock_wall() > 5);
	assert_int_equal(clock_mono(), 9);
	clock_set_for_test(-1, -1);
	assert_true(clock_mono() > 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_clocks),
		cmocka_unit_test(a_clock_of_the_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
