/* SPDX-License-Identifier: ISC */
/* The guard: each range that it forbids, at its edges, and what is beside it. */
#include "lookup/guard.h"

#include <arpa/inet.h>

#include "base/buffer.h"
#include "base/testing.h"

static struct sockaddr_storage
address(const char *word)
{
	char octets[16];

	if (inet_pton(AF_INET, word, octets) == 1)
		return guard_address((struct text){ octets, 4 }, 443);
	assert_int_equal(inet_pton(AF_INET6, word, octets), 1);
	return guard_address((struct text){ octets, 16 }, 443);
}

static void
forbidden(void **state)
{
	static const char *const words[] = { "0.0.0.0", "0.255.255.255", "10.0.0.1",
		"10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
		"127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1",
		"172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1",
		"192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1",
		"::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1",
		"2001:0:7f00:1::", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1",
		"2002:a00:1::", "3fff::1", "4000::1", "fc00::1", "fd00:ec2::254", "fe80::1",
		"fec0::1", "ff02::1", "ff0e::1" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct sockaddr_storage a = address(words[i]);

		if (guard_public(&a))
			fail_msg("%s is let through", words[i]);
	}
}

static void
let_through(void **state)
{
	static const char *const words[] = { "1.1.1.1", "9.255.255.255", "11.0.0.0",
		"100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1", "169.253.255.255",
		"169.255.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.167.255.255",
		"192.169.0.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "::ffff:8.8.8.8",
		"2001:4860:4860::8888", "2606:4700:4700::1111", "2001:200::1", "2003::1",
		"3ffe::1" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct sockaddr_storage a = address(words[i]);

		if (!guard_public(&a))
			fail_msg("%s is forbidden", words[i]);
	}
}

static void
what_an_operator_allows(void **state)
{
	struct sockaddr_storage one = address("127.0.0.1"), two = address("127.0.0.2"),
				mapped = address("::ffff:127.0.0.1"), six = address("fd00::1"),
				none = { .ss_family = AF_UNIX };
	struct guard g;

	guard_init(&g, TEXT_EMPTY);
	assert_false(guard_lets(&g, &one));
	guard_init(&g, TEXT("  127.0.0.1/32  fd00::/8 "));
	assert_true(guard_lets(&g, &one));
	assert_true(guard_lets(&g, &mapped));
	assert_false(guard_lets(&g, &two));
	assert_true(guard_lets(&g, &six));
	guard_init(&g, TEXT("0.0.0.0/0 ::/0"));
	assert_false(guard_lets(&g, &none));
}

/* Each that a setting has room for counts, the last too. */
static void
as_many_as_a_setting_holds(void **state)
{
	struct sockaddr_storage one = address("fd00::1"), two = address("fd00::2");
	struct buffer b = BUFFER_INIT;
	struct guard g;

	while (b.len + 10 <= NETWORK_LIST_MAX)
		buffer_addf(&b, ":: ");
	buffer_addf(&b, "fd00::1");
	guard_init(&g, buffer_text(&b));
	assert_true(guard_lets(&g, &one));
	assert_false(guard_lets(&g, &two));
	buffer_done(&b);
}

static void
inside(void **state)
{
	static const char *const words[] = { "10.0.0.1", "172.31.255.255", "192.168.0.1",
		"100.64.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fc00::1", "fdff::1", "fe80::1",
		"fec0::1", "64:ff9b:1::1", "64:ff9b:1:ffff::1" };
	static const char *const others[] = { "9.255.255.255", "127.0.0.1", "::1", "::ffff:8.8.8.8",
		"fbff::1", "2001:4860:4860::8888", "64:ff9b::808:808", "64:ff9b:2::1" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct sockaddr_storage a = address(words[i]);

		if (!guard_private(&a))
			fail_msg("%s is not inside", words[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct sockaddr_storage a = address(others[i]);

		if (guard_private(&a))
			fail_msg("%s is inside", others[i]);
	}
}

/* RFC 6052 2.1, RFC 3056 2 */
static void
what_stands_in_an_address(void **state)
{
	static const struct {
		const char *word, *inner;
	} rows[] = { { "64:ff9b::a01:203", "10.1.2.3" }, { "2002:a01:203:ffff::1", "10.1.2.3" },
		{ "10.1.2.3", "10.1.2.3" }, { "64:ff9b::1:a01:203", "64:ff9b::1:a01:203" },
		{ "64:ff9b:1::a01:203", "64:ff9b:1::a01:203" },
		{ "2003:a01:203::", "2003:a01:203::" }, { "fd00::1", "fd00::1" } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char octets[16], expected[16];
		size_t len = inet_pton(AF_INET, rows[i].word, octets) == 1 ? 4 : 16;
		size_t inner = inet_pton(AF_INET, rows[i].inner, expected) == 1 ? 4 : 16;
		struct text got;

		assert_true(len == 4 || inet_pton(AF_INET6, rows[i].word, octets) == 1);
		assert_true(inner == 4 || inet_pton(AF_INET6, rows[i].inner, expected) == 1);
		got = guard_inner((struct text){ octets, len });
		if (!text_equal(got, (struct text){ expected, inner }))
			fail_msg("%s", rows[i].word);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forbidden),
		cmocka_unit_test(let_through),
		cmocka_unit_test(what_an_operator_allows),
		cmocka_unit_test(as_many_as_a_setting_holds),
		cmocka_unit_test(inside),
		cmocka_unit_test(what_stands_in_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
