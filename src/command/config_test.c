/* SPDX-License-Identifier: ISC */
/* The configuration file: what it may say, and that mistakes are told by line. */
#include "command/config.h"

#include "base/testing.h"

static const char good[] = "# a comment\n"
			   "hostname = \"Mail.Example.org\"\n"
			   "dir: /var/lib/mailstead;\n"
			   "/* and\n another */\n"
			   "store { engine = rocksdb }\n"
			   "listen smtp { address = [\"0.0.0.0\", \"::\"], port = 2525 }\n"
			   "listen imaps { address = 127.0.0.1; plain_auth yes }\n"
			   "tls { certificate = /a.pem\n key = /b.pem }\n"
			   "users { store = mail-store, mx = 1001 }\n"
			   "log { format = json }\n"
			   "resolver = [ 127.0.0.1:5353, \"::1\" ]\n"
			   "trust_anchor = /root.key; ca_file = \"/ca.pem\"\n"
			   "route \"*\" { host = 127.0.0.1, port = 2525, tls = none }\n"
			   "route \"*.B\u00fccher.example\" { host = Relay.example.org; user = u; "
			   "password = \"p w\" }\n"
			   "route l.example { host = \"::1\", protocol = lmtp }\n"
			   "source = [ 192.0.2.7, \"2001:db8::7\" ]\n"
			   "proxy_peers = [ 192.0.2.0/24, \"2001:db8::/32\" ]\n";

static void
reads_all(void **state)
{
	struct arena a = ARENA_INIT;
	struct config_problems p = { .count = 0 };
	struct config c;

	assert_int_equal(config_of_text(text_of(good), &a, &c, &p), STATUS_OK);
	assert_true(text_equal(c.hostname, TEXT("mail.example.org")));
	assert_true(text_equal(c.dir, TEXT("/var/lib/mailstead")));
	assert_int_equal(c.listener_count, 2);
	assert_int_equal(c.listeners[0].port, 2525);
	assert_int_equal(c.listeners[0].address_count, 2);
	assert_true(text_equal(c.listeners[0].addresses[1], TEXT("::")));
	assert_int_equal(c.listeners[1].port, 993);
	assert_int_equal(c.listeners[1].tls, TLS_IMPLICIT);
	assert_true(c.listeners[1].plain_auth);
	assert_int_equal(c.tls_count, 1);
	assert_int_equal(c.user_count, 2);
	assert_true(text_equal(c.users[1].user, TEXT("1001")));
	assert_int_equal(c.proxy_peer_count, 2);
	assert_true(text_equal(c.proxy_peers[1], TEXT("2001:db8::/32")));
	assert_true(text_equal(c.resolver, TEXT("127.0.0.1:5353 ::1")));
	assert_true(text_equal(c.trust_anchor, TEXT("/root.key")));
	assert_true(text_equal(c.ca_file, TEXT("/ca.pem")));
	assert_int_equal(c.source_count, 2);
	assert_int_equal(c.route_count, 3);
	assert_true(text_equal(c.routes[0].domain, TEXT("*")));
	assert_true(text_equal(c.routes[0].host, TEXT("127.0.0.1")));
	assert_true(text_equal(c.routes[0].tls, TEXT("none")));
	assert_int_equal(c.routes[0].port, 2525);
	assert_true(text_equal(c.routes[1].domain, TEXT("*.xn--bcher-kva.example")));
	assert_true(text_equal(c.routes[1].host, TEXT("relay.example.org")));
	assert_true(text_equal(c.routes[1].tls, TEXT("verify")));
	assert_true(text_equal(c.routes[1].password, TEXT("p w")));
	assert_int_equal(c.routes[1].port, 587);
	assert_true(text_equal(c.routes[2].protocol, TEXT("lmtp")));
	assert_true(text_equal(c.routes[2].tls, TEXT("may")));
	assert_int_equal(c.routes[2].port, 24);
	arena_done(&a);
}

static void
tells_mistakes(void **state)
{
	static const struct {
		const char *file, *says;
	} rows[] = {
		{ "hostname = a.b\ndir = /d\nlisten smtp {}\nhostnam = x",
		    "line 4: unknown setting \"hostnam\"" },
		{ "hostname = a.b\nhostname = c.d", "line 2: hostname is set twice" },
		{ "hostname = \"a.b", "line 1: a quoted text is not closed on its line" },
		{ "hostname = a.b\ndir = d", "line 2: dir takes a path from the root: \"d\"" },
		{ "resolver = localhost", "line 1: resolver takes an address or a list" },
		{ "resolver = []", "line 1: resolver takes an address or a list" },
		{ "trust_anchor = root.key",
		    "line 1: trust_anchor takes a path from the root: \"root.key\"" },
		{ "ca_file = \"\"", "line 1: ca_file takes a path from the root: \"\"" },
		{ "\n\nlisten ftp { }", "line 3: listen takes a protocol" },
		{ "listen smtp {\n port = 70000 }", "line 2: port takes a number up to 65535" },
		{ "\nlisten smtp { address = mail.example.org }",
		    "line 2: not an IP address: mail.example.org" },
		{ "listen smtp { address = [ \"::\", 127.0.0 ] }",
		    "line 1: not an IP address: 127.0.0" },
		{ "listen smtp {\n port = 25", "line 2: expected } at the end of a section" },
		{ "}", "line 1: a } without a section" },
		{ "dir = [ \"a\" \"b\" ]", "line 1: expected , or ] in a list" },
		{ "/* never", "line 1: a comment is not closed" },
		{ "hostname", "line 1: expected a value" },
		{ "route { host = a.b }", "line 1: route takes a domain and a section" },
		{ "route \"*\" { port = 25 }", "line 1: route needs a host" },
		{ "route \"*\" { host = \"a b\" }", "line 1: host is no address and no name" },
		{ "route \"*\" { host = a.b; tls = some }",
		    "line 1: tls is one of none, may, must" },
		{ "route \"*\" { host = a.b; user = x }", "line 1: route needs both user and" },
		{ "source = here", "line 1: not an IP address: here" },
		{ "a {b {c {d {e {f {g {h {i {}}}}}}}}}",
		    "line 1: sections are nested too deeply" },
		{ "tls { key = x }", "line 1: tls needs both certificate and key" },
		{ "hostname = local\ndir = /d",
		    "line 1: hostname is no full domain name: \"local\"" },
		{ "", "hostname is missing" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct arena a = ARENA_INIT;
		struct config_problems p = { .count = 0 };
		struct config c;

		assert_int_equal(config_of_text(text_of(rows[i].file), &a, &c, &p), STATUS_INVALID);
		assert_true(p.count > 0);
		if (!text_starts(p.at[0], text_of(rows[i].says)))
			fail_msg("%s: \"%.*s\"", rows[i].file, TEXT_ARG(p.at[0]));
		arena_done(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all),
		cmocka_unit_test(tells_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
