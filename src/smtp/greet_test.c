/* SPDX-License-Identifier: ISC */
/* Who is remembered for having waited, for how long, and how many. */
#include "base/testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "smtp/greet.h"

static struct sockaddr_storage
address(const char *s)
{
	struct sockaddr_storage a = { .ss_family = AF_INET };
	struct sockaddr_in *four = (struct sockaddr_in *)(void *)&a;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)&a;

	if (inet_pton(AF_INET, s, &four->sin_addr) == 1)
		return a;
	a.ss_family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, s, &six->sin6_addr), 1);
	return a;
}

static bool
know(struct smtp_greeters *g, const char *s)
{
	struct sockaddr_storage a = address(s);

	return smtp_greeters_know(g, &a, CLOCK_HOUR);
}

static void
remember(struct smtp_greeters *g, const char *s)
{
	struct sockaddr_storage a = address(s);

	smtp_greeters_remember(g, &a);
}

static void
known_for_an_hour_from_the_last_time(void **state)
{
	struct smtp_greeters *g = smtp_greeters_new(10);

	clock_set_for_test(1, 1);
	assert_false(know(g, "192.0.2.1"));
	remember(g, "192.0.2.1");
	assert_true(know(g, "192.0.2.1"));
	assert_false(know(g, "192.0.2.2"));
	clock_set_for_test(1, CLOCK_HOUR);
	assert_true(know(g, "192.0.2.1"));
	clock_set_for_test(1, 2 * CLOCK_HOUR - 1);
	assert_true(know(g, "192.0.2.1"));
	clock_set_for_test(1, 3 * CLOCK_HOUR);
	assert_false(know(g, "192.0.2.1"));
	remember(g, "192.0.2.1");
	assert_true(know(g, "192.0.2.1"));
	clock_set_for_test(-1, -1);
	smtp_greeters_free(g);
}

static void
a_network_of_ipv6_is_one(void **state)
{
	struct smtp_greeters *g = smtp_greeters_new(10);

	remember(g, "2001:db8::1");
	assert_true(know(g, "2001:db8::ffff"));
	assert_false(know(g, "2001:db8:0:1::1"));
	smtp_greeters_free(g);
}

static void
the_least_recent_gives_way(void **state)
{
	struct smtp_greeters *g = smtp_greeters_new(2);

	remember(g, "192.0.2.1");
	remember(g, "192.0.2.2");
	assert_true(know(g, "192.0.2.1")); /* used: now the latest */
	remember(g, "192.0.2.3");
	assert_true(know(g, "192.0.2.1"));
	assert_false(know(g, "192.0.2.2"));
	assert_true(know(g, "192.0.2.3"));
	smtp_greeters_free(g);
	smtp_greeters_free(NULL);
}

static bool
allowed(const char *peer, const char *networks)
{
	struct sockaddr_storage a = address(peer);

	return smtp_peer_allowed(&a, text_of(networks));
}

static void
peers(void **state)
{
	assert_true(allowed("192.0.2.7", "192.0.2.0/24"));
	assert_true(allowed("192.0.2.7", "2001:db8::/32  192.0.2.7"));
	assert_true(allowed("2001:db8::1", "192.0.2.0/24 2001:db8::/32"));
	assert_true(allowed("::ffff:192.0.2.7", "192.0.2.0/24"));
	assert_true(allowed("192.0.2.7", "0.0.0.0/0"));
	assert_false(allowed("192.0.2.7", ""));
	assert_false(allowed("192.0.3.7", "192.0.2.0/24"));
	assert_false(allowed("192.0.2.128", "192.0.2.0/25"));
	assert_false(allowed("192.0.2.7", "::/0"));
	assert_false(allowed("192.0.2.7", "192.0.2.0/33 nonsense 192.0.2/24 192.0.2.0/x /"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_for_an_hour_from_the_last_time),
		cmocka_unit_test(a_network_of_ipv6_is_one),
		cmocka_unit_test(the_least_recent_gives_way),
		cmocka_unit_test(peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
