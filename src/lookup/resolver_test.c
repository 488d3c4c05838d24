/* SPDX-License-Identifier: ISC */
/*
 * The resolver against a DNS server of the test's own. Signed zones are tried
 * end to end, where there is something that signs.
 */
#include "lookup/resolver.h"

#include "base/clock.h"
#include "lookup/dns_server_testing.h"
#include "mailauth/records.h"
#include "runtime/settings.h"

static const struct test_record rows[] = {
	{ "example.test", RECORD_MX, { "\0\12\2mx\7example\4test\0", 19 }, MANNER_ANSWER },
	{ "example.test", RECORD_MX, { "\0\24\3mx2\7example\4test\0", 20 }, MANNER_ANSWER },
	{ "mx.example.test", RECORD_A, { "\xc0\0\2\1", 4 }, MANNER_ANSWER },
	{ "_dmarc.example.test", RECORD_TXT, { "\10v=DMARC1", 9 }, MANNER_ANSWER },
	{ "xn--bcher-kva.test", RECORD_A, { "\xc0\0\2\2", 4 }, MANNER_ANSWER },
	{ "alias.test", RECORD_CNAME, { "\5other\4test\0", 12 }, MANNER_ANSWER },
	{ "other.test", RECORD_CNAME, { "\2mx\7example\4test\0", 17 }, MANNER_ANSWER },
	{ "dangling.test", RECORD_CNAME, { "\4gone\4test\0", 11 }, MANNER_ANSWER },
	{ "round.test", RECORD_CNAME, { "\5about\4test\0", 12 }, MANNER_ANSWER },
	{ "about.test", RECORD_CNAME, { "\5round\4test\0", 12 }, MANNER_ANSWER },
	{ "great.test", RECORD_TXT, { "\3abc", 4 }, MANNER_TRUNCATED },
	{ "many.test", RECORD_TXT, { "0", 1 }, MANNER_MANY },
	{ "silent.test", 0, { "", 0 }, MANNER_SILENT },
	{ "failing.test", 0, { "", 0 }, MANNER_SERVFAIL },
};

static struct test_dns server;
static struct resolver *resolver;

static void
start(struct text anchors)
{
	struct resolver_config c = { .anchors = anchors };
	char servers[32];
	struct failure f;

	(void)snprintf(servers, sizeof(servers), "127.0.0.1:%u", server.port);
	c.servers = text_of(servers);
	assert_ok(setting_apply(SET_LOOKUP_QUESTION_TIMEOUT, TEXT("10 s")));
	if (resolver_new(&c, &resolver, &f) != STATUS_OK)
		fail_msg("%s", f.log);
	assert_ok(resolver_start(resolver));
}

static int
set_up(void **state)
{
	test_dns_start(&server, rows, ARRAY_LEN(rows));
	start(TEXT_EMPTY);
	return 0;
}

static int
tear_down(void **state)
{
	resolver_free(resolver);
	test_dns_stop(&server);
	return 0;
}

/* One question; its answer lives until dns_questions_done. */
static void
ask_one(struct dns_question *q, const char *name, uint16_t type, int64_t within)
{
	struct dns_source s = resolver_source(resolver);

	memset(q, 0, sizeof(*q));
	assert_ok(dns_name(text_of(name), q->name));
	q->type = type;
	q->asked = true;
	dns_ask_all(&s, q, 1, clock_mono() + within);
}

static void
expect(const char *name, uint16_t type, enum lookup_outcome outcome, uint32_t records,
    const char *canonical)
{
	struct dns_question q;

	ask_one(&q, name, type, CLOCK_MINUTE);
	if (q.answer.outcome != outcome || q.answer.records.count != records ||
	    !text_equal(q.answer.canonical, text_of(canonical)))
		fail_msg("%s: outcome %u, %u records, canonical %.*s, %.*s", name, q.answer.outcome,
		    q.answer.records.count, TEXT_ARG(q.answer.canonical), TEXT_ARG(q.answer.why));
	assert_false(q.answer.secure);
	assert_int_equal(q.answer.why.len > 0, outcome == LOOKUP_TEMPORARY);
	dns_questions_done(&q, 1);
}

static void
answers(void **state)
{
	struct dns_question q;

	expect("example.test", RECORD_MX, LOOKUP_OK, 2, "example.test");
	expect("MX.Example.TEST.", RECORD_A, LOOKUP_OK, 1, "mx.example.test");
	expect("_dmarc.example.test", RECORD_TXT, LOOKUP_OK, 1, "_dmarc.example.test");
	expect("b\xc3\xbc"
	       "cher.test",
	    RECORD_A, LOOKUP_OK, 1, "xn--bcher-kva.test");
	expect("example.test", RECORD_TXT, LOOKUP_NODATA, 0, "example.test");
	expect("nowhere.test", RECORD_A, LOOKUP_NXDOMAIN, 0, "nowhere.test");
	expect("failing.test", RECORD_A, LOOKUP_TEMPORARY, 0, "");

	ask_one(&q, "mx.example.test", RECORD_A, CLOCK_MINUTE);
	assert_text(q.answer.records.at[0], "\xc0\0\2\1");
	assert_in_range(q.answer.ttl, 1, 60);
	dns_questions_done(&q, 1);
}

/* RFC 1034 3.6.2 */
static void
aliases(void **state)
{
	expect("alias.test", RECORD_A, LOOKUP_OK, 1, "mx.example.test");
	expect("alias.test", RECORD_TXT, LOOKUP_NODATA, 0, "mx.example.test");
	expect("dangling.test", RECORD_A, LOOKUP_NXDOMAIN, 0, "gone.test");
	expect("round.test", RECORD_A, LOOKUP_TEMPORARY, 0, "");
	expect("alias.test", RECORD_CNAME, LOOKUP_OK, 1, "alias.test");
}

/* RFC 1035 4.2.1: what does not fit is asked for again over TCP. */
static void
truncated_answers(void **state)
{
	unsigned before = server.asked_tcp;

	expect("great.test", RECORD_TXT, LOOKUP_OK, 1, "great.test");
	assert_int_equal(server.asked_tcp, before + 1);
	expect("many.test", RECORD_TXT, LOOKUP_OK, LOOKUP_RECORDS_MAX, "many.test");
}

static void
what_is_known_is_not_asked_again(void **state)
{
	unsigned before;

	expect("example.test", RECORD_MX, LOOKUP_OK, 2, "example.test");
	expect("nowhere2.test", RECORD_MX, LOOKUP_NXDOMAIN, 0, "nowhere2.test");
	before = server.asked;
	expect("example.test", RECORD_MX, LOOKUP_OK, 2, "example.test");
	assert_int_equal(server.asked, before);
}

static void
count_answer(void *arg, const struct dns_answer *answer)
{
	atomic_fetch_add((_Atomic unsigned *)arg, answer->outcome == LOOKUP_TEMPORARY);
}

/* Others are answered while one hangs; it is not waited for twice. */
static void
one_that_hangs(void **state)
{
	struct dns_source s = resolver_source(resolver);
	struct dns_question q[3] = { { .type = RECORD_A, .asked = true },
		{ .type = RECORD_A, .asked = true }, { .type = RECORD_AAAA, .asked = true } };
	_Atomic unsigned answered = 0;

	assert_ok(setting_apply(SET_LOOKUP_QUESTION_TIMEOUT, TEXT("1 s")));
	memcpy(q[0].name, "silent.test", 12);
	memcpy(q[1].name, "silent.test", 12);
	memcpy(q[2].name, "silent.test", 12);
	dns_ask_all(&s, q, 3, INT64_MAX);
	for (int i = 0; i < 3; i++)
		assert_int_equal(q[i].answer.outcome, LOOKUP_TEMPORARY);
	dns_questions_done(q, 3);
	/* From memory: answered before ask returns. */
	s.ask(s.source, "silent.test", RECORD_A, INT64_MAX, count_answer, &answered);
	s.ask(s.source, "silent.test", RECORD_AAAA, INT64_MAX, count_answer, &answered);
	assert_int_equal(answered, 2);
	assert_ok(setting_apply(SET_LOOKUP_QUESTION_TIMEOUT, TEXT("60 s")));
	expect("other.test", RECORD_A, LOOKUP_OK, 1, "mx.example.test");
}

static void
others_do_not_wait_for_one_that_hangs(void **state)
{
	struct dns_source s = resolver_source(resolver);
	_Atomic unsigned answered = 0;

	assert_ok(setting_apply(SET_LOOKUP_QUESTION_TIMEOUT, TEXT("60 s")));
	s.ask(s.source, "silent.test", RECORD_A, INT64_MAX, count_answer, &answered);
	s.ask(s.source, "silent.test", RECORD_MX, INT64_MAX, count_answer, &answered);
	expect("xn--bcher-kva.test", RECORD_AAAA, LOOKUP_NODATA, 0, "xn--bcher-kva.test");
	assert_int_equal(answered, 0);
	resolver_free(resolver); /* answers what is open */
	assert_int_equal(answered, 2);
	start(TEXT_EMPTY);
}

static void
no_more_questions_than_the_setting_says(void **state)
{
	struct dns_source s = resolver_source(resolver);
	_Atomic unsigned answered = 0;
	char name[32];

	assert_ok(setting_apply(SET_LOOKUP_QUESTION_TIMEOUT, TEXT("60 s")));
	assert_ok(setting_apply(SET_LOOKUP_QUESTIONS_MAX, TEXT("10")));
	for (unsigned type = 1; type <= 12; type++) {
		(void)snprintf(name, sizeof(name), "silent.test");
		s.ask(s.source, name, (uint16_t)(200 + type), INT64_MAX, count_answer, &answered);
	}
	assert_int_equal(answered, 2);
	assert_ok(setting_apply(SET_LOOKUP_QUESTIONS_MAX, TEXT("2000")));
	resolver_free(resolver);
	assert_int_equal(answered, 12);
	start(TEXT_EMPTY);
}

/* An anchor, and a resolver that knows nothing of DNSSEC. */
static void
a_resolver_that_drops_signatures(void **state)
{
	resolver_free(resolver);
	start(TEXT("; a comment\n"
		   "test. 3600 IN DS 12345 13 2 "
		   "e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d\n"));
	expect(
	    "example.test", RECORD_MX, LOOKUP_OK, 2, "example.test"); /* not secure: see expect */
	expect("nowhere.test", RECORD_MX, LOOKUP_NXDOMAIN, 0, "nowhere.test");
}

static void
names(void **state)
{
	static const char *const bad[] = { "", "..", ".a", "a..b", "a b.test", "a\\.test", "a/b",
		"_a.", "_", "_dmarc..test", "\xc3\x28.test",
		"a123456789012345678901234567890123456789012345678901234567890123.test" };
	char name[DNS_NAME_MAX + 1] = "untouched";
	char great[300];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (i != 7 && i != 8 && dns_name(text_of(bad[i]), name) != STATUS_INVALID)
			fail_msg("\"%s\" was taken: %s", bad[i], name);
	memset(great, 'a', sizeof(great));
	for (size_t i = 50; i < sizeof(great); i += 50)
		great[i] = '.';
	assert_int_equal(dns_name((struct text){ great, 254 }, name), STATUS_INVALID);
	assert_ok(dns_name((struct text){ great, 253 }, name));
	assert_ok(dns_name(TEXT("."), name));
	assert_string_equal(name, ".");
	assert_ok(dns_name(TEXT("_25._TCP.b\xc3\xbc"
				"cher.test."),
	    name));
	assert_string_equal(name, "_25._tcp.xn--bcher-kva.test");
}

static void
servers(void **state)
{
	static const struct {
		const char *words;
		bool good;
	} cases[] = {
		{ "127.0.0.1", true },
		{ "127.0.0.1:5353 192.0.2.1", true },
		{ "2001:db8::1", true },
		{ "[2001:db8::1]:53 [::1]", true },
		{ "", false },
		{ "localhost", false },
		{ "127.0.0.1:0", false },
		{ "127.0.0.1:65536", false },
		{ "127.0.0.1:", false },
		{ "127.0.0.0/8", false },
		{ "[::1", false },
		{ "[::1]x", false },
		{ "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 1.1.1.8 1.1.1.9",
		    false },
	};
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (resolver_servers_good(text_of(cases[i].words)) != cases[i].good)
			fail_msg("%s", cases[i].words);
	resolver_servers(
	    TEXT("# nameserver 192.0.2.9\nnameserver 192.0.2.1\nsearch example.org\n"
		 "nameserver\t2001:db8::1 # x\nnameserver fe80::1%eth0\noptions edns0"),
	    &b);
	assert_text(buffer_text(&b), "192.0.2.1 2001:db8::1");
	buffer_done(&b);
}

static void
bad_configurations(void **state)
{
	struct resolver_config c = { .servers = TEXT("nonsense") };
	struct resolver *r;
	struct failure f;

	assert_int_equal(resolver_new(&c, &r, &f), STATUS_INVALID);
	c = (struct resolver_config){ .anchors = TEXT(". IN DS \"\n") };
	assert_int_equal(resolver_new(&c, &r, &f), STATUS_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(aliases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(truncated_answers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_is_known_is_not_asked_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_hangs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    others_do_not_wait_for_one_that_hangs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    no_more_questions_than_the_setting_says, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_resolver_that_drops_signatures, set_up, tear_down),
		cmocka_unit_test(names),
		cmocka_unit_test(servers),
		cmocka_unit_test(bad_configurations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
