/* SPDX-License-Identifier: ISC */
/* Tests of runtime/network.h: syntax, whole and broken octets, mapped addresses. */
#include "runtime/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/testing.h"

static struct sockaddr_storage
address(const char *word)
{
	struct sockaddr_storage out = { 0 };
	struct sockaddr_in *in = (void *)&out;
	struct sockaddr_in6 *in6 = (void *)&out;

	in->sin_family = AF_INET;
	if (inet_pton(AF_INET, word, &in->sin_addr) == 1)
		return out;
	in6->sin6_family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, word, &in6->sin6_addr), 1);
	return out;
}

static void
addresses_in_and_out(void **state)
{
	static const struct {
		const char *network, *address;
		bool in;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.0/24", "192.0.2.255", true },
		{ "192.0.2.0/24", "192.0.3.0", false },
		{ "10.0.0.0/9", "10.127.255.255", true },
		{ "10.0.0.0/9", "10.128.0.0", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "192.0.2.1", false },
		{ "192.0.2.0/24", "::ffff:192.0.2.7", true },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::1", false },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "2001:db8::1", "2001:db8::1", true },
		{ "2001:db8::1/128", "2001:db8::2", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sockaddr_storage a = address(cases[i].address);
		struct network n;

		assert_ok(network_parse(text_of(cases[i].network), &n));
		assert_int_equal(network_has(&n, &a), cases[i].in);
	}
}

static void
bad_syntax(void **state)
{
	static const char *const bad[] = { "", "/", "192.0.2.1/33", "192.0.2.1/", "192.0.2.1/-1",
		"192.0.2.1/24", "192.0.2.0/24/8", "192.0.2", "2001:db8::/129", "2001:db8::1/64",
		"example.org", "10.64.0.0/9", " 192.0.2.1",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct network n = { .family = 77 };

		assert_int_equal(network_parse(text_of(bad[i]), &n), STATUS_INVALID);
		assert_int_equal(n.family, 77);
	}
}

static void
lists_and_loopback(void **state)
{
	static const char *const local[] = { "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1" };
	static const char *const remote[] = { "128.0.0.1", "::2", "::", "2001:db8::7f00:1" };
	struct sockaddr_storage unix_peer = { .ss_family = AF_UNIX };
	struct network list[2];

	assert_ok(network_parse(TEXT("127.0.0.0/8"), &list[0]));
	assert_ok(network_parse(TEXT("::1"), &list[1]));
	for (size_t i = 0; i < ARRAY_LEN(local); i++) {
		struct sockaddr_storage a = address(local[i]), b = address(remote[i]);

		assert_true(network_loopback(&a));
		assert_false(network_loopback(&b));
		assert_true(networks_have(list, 2, &a));
		assert_false(networks_have(list, 2, &b));
		assert_false(networks_have(NULL, 0, &a));
	}
	assert_false(networks_have(list, 2, &unix_peer));
	assert_false(network_loopback(&unix_peer));
}

static void
lists_of_settings(void **state)
{
	static const struct {
		const char *list;
		enum status status;
	} rows[] = {
		{ "", STATUS_OK },
		{ " 192.0.2.0/24  2001:db8::/32 ", STATUS_OK },
		{ "10.0.0.0/8 fd00::/16", STATUS_OK },
		{ "192.0.2.7", STATUS_OK },
		{ "0.0.0.0/0", STATUS_LIMIT },
		{ "192.0.2.0/24 10.0.0.0/7", STATUS_LIMIT },
		{ "::/0", STATUS_LIMIT },
		{ "fc00::/15", STATUS_LIMIT },
		{ "192.0.2.0/24,10.0.0.0/8", STATUS_INVALID },
		{ "192.0.2.1/24", STATUS_INVALID },
		{ "localhost", STATUS_INVALID },
	};
	struct sockaddr_storage in = address("192.0.2.9"), out = address("192.0.3.9"), same;
	struct text which;
	struct failure f;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		f.client[0] = '\0';
		assert_int_equal(network_list_check(text_of(rows[i].list), 16, &f), rows[i].status);
		assert_true((rows[i].status == STATUS_OK) == (f.client[0] == '\0'));
	}
	assert_ok(network_list_check(TEXT("fc00::/7 10.0.0.0/8"), 7, &f));
	assert_int_equal(network_list_check(TEXT("fc00::/6"), 7, &f), STATUS_LIMIT);
	assert_string_equal(
	    f.client, "fc00::/6 is too wide: an IPv4 network has 8 bits at least, an IPv6 one 7");
	assert_true(network_list_has(TEXT("x 10.0.0.0/8  192.0.2.0/24"), &in, &which));
	assert_text(which, "192.0.2.0/24");
	assert_false(network_list_has(TEXT("x 10.0.0.0/8 192.0.2.0/24"), &out, &which));
	assert_false(network_list_has(TEXT_EMPTY, &in, &which));
	assert_ok(network_address(TEXT("192.0.2.9"), &same));
	assert_true(network_list_has(TEXT("192.0.2.9"), &same, &which));
	assert_ok(network_address(TEXT("2001:db8::1"), &same));
	assert_true(network_list_has(TEXT("2001:db8::/32"), &same, &which));
	assert_int_equal(network_address(TEXT("local"), &same), STATUS_INVALID);
	assert_int_equal(network_address(TEXT("192.0.2.0/24"), &same), STATUS_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_in_and_out),
		cmocka_unit_test(bad_syntax),
		cmocka_unit_test(lists_and_loopback),
		cmocka_unit_test(lists_of_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
