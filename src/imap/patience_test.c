/* SPDX-License-Identifier: ISC */
/* How long a client may be silent, and how long it may take to sign in
 * (RFC 3501 5.4, RFC 9051 5.4), by a clock that the test moves. */
#include "base/clock.h"
#include "imap/session_testing.h"

static int64_t wall, start;

static void
stand_at(int64_t later)
{
	clock_set_for_test(wall, start + later);
}

static int
stop_clock(void **state)
{
	wall = clock_wall();
	start = clock_mono();
	stand_at(0);
	return 0;
}

static int
start_clock(void **state)
{
	clock_set_for_test(-1, -1);
	return 0;
}

/* Whatever is said meanwhile. */
static void
signing_in_takes_a_time(void **state)
{
	const int64_t most = setting(SET_ACCESS_SIGN_IN_TIMEOUT);
	struct talk t;

	(void)begin(&t, &plain);
	stand_at(most - CLOCK_SECOND);
	says(&t, "a1 NOOP\r\n", "a1 OK NOOP done\r\n");
	assert_int_equal(t.s->park_until, start + most);
	stand_at(most);
	says(&t, "a2 NOOP\r\na3 NOOP\r\n", "* BYE You did not sign in in time\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
}

static void
silence_ends_it_sooner(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	assert_int_equal(t.s->park_until, start + CLOCK_MINUTE);
	stand_at(CLOCK_MINUTE);
	assert_string_equal(
	    talk_run(&t, TEXT_EMPTY, WAKE_TIMER), "* BYE You were silent for too long\r\n");
	talk_end(&t);
}

static void
who_signed_in_may_stay(void **state)
{
	struct talk t;

	sign_in(&t);
	stand_at(setting(SET_ACCESS_SIGN_IN_TIMEOUT));
	says(&t, "a1 NOOP\r\n", "a1 OK NOOP done\r\n");
	assert_int_equal(t.s->park_until,
	    start + setting(SET_ACCESS_SIGN_IN_TIMEOUT) + setting(SET_IMAP_IDLE_TIMEOUT));
	assert_true(setting(SET_IMAP_IDLE_TIMEOUT) >= 30 * CLOCK_MINUTE);
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(signing_in_takes_a_time, stop_clock, start_clock),
		cmocka_unit_test_setup_teardown(silence_ends_it_sooner, stop_clock, start_clock),
		cmocka_unit_test_setup_teardown(who_signed_in_may_stay, stop_clock, start_clock),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
