/* SPDX-License-Identifier: ISC */
/* Tests of runtime/limits.h on a clock of their own. */
#include "runtime/limits.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "base/testing.h"

static int64_t now;

static void
pass(int64_t microseconds)
{
	now += microseconds;
	clock_set_for_test(0, now);
}

static struct sockaddr_storage
address(const char *word, uint16_t port)
{
	struct sockaddr_storage out = { 0 };
	struct sockaddr_in *in = (void *)&out;
	struct sockaddr_in6 *in6 = (void *)&out;

	if (inet_pton(AF_INET, word, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return out;
	}
	assert_int_equal(inet_pton(AF_INET6, word, &in6->sin6_addr), 1);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return out;
}

static uint64_t
key(const char *word)
{
	struct sockaddr_storage a = address(word, 25);

	return limits_key_address(&a);
}

static void
keys_of_addresses(void **state)
{
	struct sockaddr_storage other_port = address("192.0.2.1", 99);

	assert_true(key("192.0.2.1") == limits_key_address(&other_port));
	assert_true(key("192.0.2.1") == key("::ffff:192.0.2.1"));
	assert_true(key("192.0.2.1") != key("192.0.2.2"));
	assert_true(key("2001:db8::1") == key("2001:db8::ffff:ffff:ffff:ffff"));
	assert_true(key("2001:db8::1") != key("2001:db8:0:1::1"));
	assert_true(limits_key_text(TEXT("a")) != limits_key_text(TEXT("b")));
	assert_true(limits_key_text(TEXT_EMPTY) != 0);
}

static void
at_once(void **state)
{
	struct limits *l = limits_new(10);

	assert_true(limits_enter(l, 1, 2));
	assert_true(limits_enter(l, 1, 2));
	assert_false(limits_enter(l, 1, 2));
	assert_true(limits_enter(l, 2, 1));
	assert_true(limits_enter(l, 1, 0));
	assert_int_equal(limits_inside(l, 1), 3);
	limits_leave(l, 1);
	limits_leave(l, 1);
	assert_true(limits_enter(l, 1, 2));
	assert_int_equal(limits_inside(l, 3), 0);
	limits_free(l);
}

static void
the_table_is_bounded(void **state)
{
	struct limits *l = limits_new(3);

	pass(CLOCK_DAY);
	assert_true(limits_enter(l, 1, 1));
	limits_failed(l, 2);
	limits_failed(l, 3);
	assert_int_equal(limits_delay(l, 2, CLOCK_DAY), CLOCK_SECOND);
	limits_failed(l, 2); /* used again: 3 is the oldest now */
	limits_failed(l, 4);
	assert_int_equal(limits_delay(l, 3, CLOCK_DAY), 0);
	assert_int_equal(limits_delay(l, 2, CLOCK_DAY), 2 * CLOCK_SECOND);
	for (uint64_t k = 100; k < 200; k++)
		limits_failed(l, k);
	assert_int_equal(limits_inside(l, 1), 1);
	assert_true(limits_enter(l, 2, 1));
	assert_true(limits_enter(l, 3, 1));
	assert_false(limits_enter(l, 4, 1)); /* all three count something */
	assert_true(limits_take(l, 4, 1, 1, 1) > 0);
	limits_leave(l, 3);
	assert_true(limits_enter(l, 4, 1));
	limits_free(l);
}

static void
how_often(void **state)
{
	struct limits *l = limits_new(10);

	pass(CLOCK_DAY);
	for (int i = 0; i < 5; i++)
		assert_int_equal(limits_take(l, 1, 2.0, 5, 1), 0);
	assert_int_equal(limits_take(l, 1, 2.0, 5, 1), CLOCK_SECOND / 2);
	pass(CLOCK_SECOND / 2 - 1);
	assert_true(limits_take(l, 1, 2.0, 5, 1) > 0);
	pass(1);
	assert_int_equal(limits_take(l, 1, 2.0, 5, 1), 0);
	pass(CLOCK_HOUR);
	for (int i = 0; i < 5; i++)
		assert_int_equal(limits_take(l, 1, 2.0, 5, 1), 0);
	assert_true(limits_take(l, 1, 2.0, 5, 1) > 0);
	assert_int_equal(limits_take(l, 2, 0, 1, 1), 0);
	assert_int_equal(limits_take(l, 2, 0, 1, 1), CLOCK_DAY);
	limits_free(l);
}

static void
a_cost_above_the_bucket_is_paid_off(void **state)
{
	struct limits *l = limits_new(10);

	pass(CLOCK_DAY);
	assert_int_equal(limits_take(l, 1, 1.0, 10, 25), 0);
	assert_int_equal(limits_take(l, 1, 1.0, 10, 1), 16 * CLOCK_SECOND);
	pass(16 * CLOCK_SECOND);
	assert_int_equal(limits_take(l, 1, 1.0, 10, 1), 0);
	limits_free(l);
}

static void
failures_double_and_fade(void **state)
{
	struct limits *l = limits_new(10);

	pass(CLOCK_DAY);
	assert_int_equal(limits_delay(l, 1, CLOCK_MINUTE), 0);
	for (int i = 0; i < 5; i++) {
		limits_failed(l, 1);
		assert_int_equal(limits_delay(l, 1, CLOCK_MINUTE), CLOCK_SECOND << i);
	}
	limits_failed(l, 1);
	limits_failed(l, 1);
	assert_int_equal(limits_delay(l, 1, CLOCK_MINUTE), CLOCK_MINUTE);
	for (int i = 0; i < 200; i++)
		limits_failed(l, 1);
	assert_int_equal(limits_delay(l, 1, CLOCK_MINUTE), CLOCK_MINUTE);
	limits_forgive(l, 1);
	assert_int_equal(limits_delay(l, 1, CLOCK_MINUTE), 0);
	for (int i = 0; i < 4; i++)
		limits_failed(l, 1);
	pass(LIMITS_HALF_LIFE);
	assert_int_equal(limits_delay(l, 1, CLOCK_MINUTE), 2 * CLOCK_SECOND);
	pass(4 * LIMITS_HALF_LIFE);
	assert_int_equal(limits_delay(l, 1, CLOCK_MINUTE), 0);
	limits_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_addresses),
		cmocka_unit_test(at_once),
		cmocka_unit_test(the_table_is_bounded),
		cmocka_unit_test(how_often),
		cmocka_unit_test(a_cost_above_the_bucket_is_paid_off),
		cmocka_unit_test(failures_double_and_fade),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
