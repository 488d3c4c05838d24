/* SPDX-License-Identifier: ISC */
/* Tests of runtime/proxy.h: both versions, cut everywhere, and what is no header. */
#include "runtime/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/testing.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static void
assert_address(const struct sockaddr_storage *a, const char *words)
{
	const struct sockaddr_in *in = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;
	char host[INET6_ADDRSTRLEN], all[80];

	if (a->ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	(void)snprintf(all, sizeof(all), "%s %u", host,
	    ntohs(a->ss_family == AF_INET ? in->sin_port : in6->sin6_port));
	assert_string_equal(all, words);
}

struct good {
	struct text header;
	const char *peer, *local; /* NULL: the connection's own */
};

static const struct good goods[] = {
	{ { "PROXY TCP4 192.0.2.1 192.0.2.2 1000 25\r\n", 40 }, "192.0.2.1 1000", "192.0.2.2 25" },
	{ { "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", 56 },
	    "255.255.255.255 65535", "255.255.255.255 65535" },
	{ { "PROXY TCP6 2001:db8::1 ::1 0 993\r\n", 34 }, "2001:db8::1 0", "::1 993" },
	{ { "PROXY UNKNOWN\r\n", 15 }, NULL, NULL },
	{ { "PROXY UNKNOWN ffff:ffff what ever\r\n", 35 }, NULL, NULL },
	{ { V2 "\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\3\xe8\0\x19", 28 }, "192.0.2.1 1000",
	    "192.0.2.2 25" },
	{ { V2 "\x21\x11\0\x10\xc0\0\2\1\xc0\0\2\2\3\xe8\0\x19\4\0\1x", 32 }, "192.0.2.1 1000",
	    "192.0.2.2 25" },
	{ { V2 "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
	       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\3\xe8\3\xe1",
	      52 },
	    "2001:db8::1 1000", "::1 993" },
	{ { V2 "\x20\0\0\0", 16 }, NULL, NULL },
	{ { V2 "\x21\0\0\2ab", 18 }, NULL, NULL },
	{ { V2 "\x21\x31\0\2ab", 18 }, NULL, NULL },
};

static void
headers_are_read(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(goods); i++) {
		const struct good *g = &goods[i];
		struct buffer b = BUFFER_INIT;
		struct proxy_header h;
		size_t used = 0;

		for (size_t n = 0; n < g->header.len; n++)
			assert_int_equal(
			    proxy_parse(text_part(g->header, 0, n), &h, &used), STATUS_AGAIN);
		assert_int_equal(used, 0);
		buffer_add_text(&b, g->header);
		buffer_add_text(&b, g->header);
		assert_ok(proxy_parse(buffer_text(&b), &h, &used));
		assert_int_equal(used, g->header.len);
		assert_int_equal(h.own, g->peer == NULL);
		if (g->peer != NULL) {
			assert_address(&h.peer, g->peer);
			assert_address(&h.local, g->local);
		}
		buffer_done(&b);
	}
}

static void
others_are_refused(void **state)
{
	const struct text bad[] = {
		TEXT("EHLO example.org\r\n"),
		TEXT("\r\n\r\n\1"),
		TEXT("proxy UNKNOWN\r\n"),
		TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1000 25\n"),
		TEXT("PROXY TCP4 192.0.2.1  192.0.2.2 1000 25\r\n"),
		TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1000 25 \r\n"),
		TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1000\r\n"),
		TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1000 65536\r\n"),
		TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 01000 25\r\n"),
		TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 1000 +25\r\n"),
		TEXT("PROXY TCP4 192.0.2.256 192.0.2.2 1000 25\r\n"),
		TEXT("PROXY TCP4 2001:db8::1 ::1 1000 25\r\n"),
		TEXT("PROXY TCP6 192.0.2.1 192.0.2.2 1000 25\r\n"),
		TEXT("PROXY TCP5 192.0.2.1 192.0.2.2 1000 25\r\n"),
		TEXT("PROXY UNKNOWNX\r\n"),
		TEXT("PROXY \r\n"),
		TEXT(V2 "\x11\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\3\xe8\0\x19"),
		TEXT(V2 "\x22\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\3\xe8\0\x19"),
		TEXT(V2 "\x21\x11\0\x0b\xc0\0\2\1\xc0\0\2\2\3\xe8\0"),
		TEXT(V2 "\x21\x11\xff\xff"),
	};
	struct proxy_header h = { .own = true };
	struct buffer b = BUFFER_INIT;
	size_t used = 7;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(proxy_parse(bad[i], &h, &used), STATUS_INVALID);
	buffer_add_string(&b, "PROXY UNKNOWN ");
	while (b.len < PROXY_V1_MAX)
		buffer_add_byte(&b, 'x');
	assert_int_equal(proxy_parse(buffer_text(&b), &h, &used), STATUS_INVALID);
	assert_int_equal(used, 7);
	assert_true(h.own);
	buffer_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(others_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
