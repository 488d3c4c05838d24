/* SPDX-License-Identifier: ISC */
/*
 * MTA-STS policies: when they are fetched, kept, refreshed and given up (RFC
 * 8461 3.3, 5.1), over scripted records and pages and a clock that stands.
 */
#include "lookup/sts.h"

#include "base/clock.h"
#include "lookup/lookup_testing.h"

#define URL "https://mta-sts.example.test/.well-known/mta-sts.txt"
#define POLICY(mode) "version: STSv1\nmode: " mode "\nmx: *.example.test\nmax_age: 1000\n"
#define ANSWER(text)                                             \
	{                                                        \
		.outcome = LOOKUP_HTTPS_ANSWERED, .status = 200, \
		.content = { "Text/Plain; x=y", 15 }, .body = {  \
			text,                                    \
			sizeof(text) - 1                         \
		}                                                \
	}

static struct script_page page;
static struct script script;
static struct https_source https;
static struct pool *pool;
static struct sts *sts;
static struct arena arena;
static int64_t now;

static int
set_up(void **state)
{
	script = (struct script){ .pages = &page, .page_count = 1 };
	(void)script_dns(&script);
	https = script_https(&script);
	pool = pool_new(&(struct pool_config){ .name = "https", .max = 4 });
	sts = sts_new(&https, pool);
	now = CLOCK_DAY;
	clock_set_for_test(now, now);
	page = (struct script_page){ .url = URL, .answer = ANSWER(POLICY("enforce")) };
	return 0;
}

static int
tear_down(void **state)
{
	script_let_go(&script);
	pool_free(pool);
	sts_free(sts);
	arena_done(&arena);
	clock_set_for_test(-1, -1);
	return 0;
}

static void
pass(int64_t time)
{
	now += time;
	clock_set_for_test(now, now);
}

static struct sts_wait
begin(const char *txt)
{
	char rdata[100];
	struct text record = { rdata, strlen(txt) + 1 };
	struct dns_answer a = { .outcome = LOOKUP_OK, .records = { &record, 1 } };

	rdata[0] = (char)strlen(txt);
	memcpy(rdata + 1, txt, strlen(txt));
	if (txt[0] == '\0')
		a.outcome = LOOKUP_NXDOMAIN;
	return sts_begin(sts, TEXT("example.test"), &a);
}

/* With the real clock's far future: the condition variable knows no other. */
static struct route
ask(const char *txt)
{
	struct sts_wait w = begin(txt);
	struct route r = { .host_count = 0 };

	sts_end(&w, INT64_MAX / 2, &arena, &r);
	return r;
}

static void
expect(const char *txt, enum route_sts state, unsigned fetched)
{
	struct route r = ask(txt);

	if (r.sts != state || script.fetched != fetched)
		fail_msg("%s: state %u, %u fetched, %.*s", txt, r.sts, script.fetched,
		    TEXT_ARG(r.sts_words));
	assert_int_equal(r.sts_words.len > 0, state > ROUTE_STS_POLICY);
}

static void
fetched_once_and_kept(void **state)
{
	struct route r = ask("v=STSv1; id=1");

	assert_int_equal(r.sts, ROUTE_STS_POLICY);
	assert_int_equal(r.sts_mode, 2);
	assert_text(r.sts_id, "1");
	assert_int_equal(r.sts_patterns.count, 1);
	assert_text(r.sts_patterns.at[0], "*.example.test");
	expect("v=STSv1; id=1", ROUTE_STS_POLICY, 1);
	/* The record is away, the policy is not (RFC 8461 5.1). */
	expect("", ROUTE_STS_POLICY, 1);
	expect("v=spf1 -all", ROUTE_STS_POLICY, 1);
	pass(999 * CLOCK_SECOND);
	expect("", ROUTE_STS_POLICY, 1);
	pass(CLOCK_SECOND);
	expect("", ROUTE_STS_NONE, 1);
	expect("v=STSv1; id=1", ROUTE_STS_POLICY, 2);
}

static void
not_announced(void **state)
{
	expect("", ROUTE_STS_NONE, 0);
	expect("v=STSv1; id=!", ROUTE_STS_NONE, 0);
	expect("v=spf1 -all", ROUTE_STS_NONE, 0);
}

static void
a_new_id(void **state)
{
	expect("v=STSv1; id=1", ROUTE_STS_POLICY, 1);
	page.answer = (struct https_answer)ANSWER(POLICY("testing"));
	assert_int_equal(ask("v=STSv1; id=2").sts_mode, 1);
	assert_int_equal(script.fetched, 2);
	/* RFC 8461 5.1: "none" takes the policy away. */
	page.answer = (struct https_answer)ANSWER(POLICY("none"));
	expect("v=STSv1; id=3", ROUTE_STS_NONE, 3);
	expect("", ROUTE_STS_NONE, 3);
}

/* RFC 8461 3.3: the old one is good until it ends; not asked for too often. */
static void
kept_when_a_fetch_fails(void **state)
{
	expect("v=STSv1; id=1", ROUTE_STS_POLICY, 1);
	page.answer.status = 500;
	expect("v=STSv1; id=2", ROUTE_STS_POLICY, 2);
	expect("v=STSv1; id=2", ROUTE_STS_POLICY, 2);
	pass(5 * CLOCK_MINUTE);
	expect("v=STSv1; id=2", ROUTE_STS_POLICY, 3);
	pass(12 * CLOCK_MINUTE);
	expect("v=STSv1; id=2", ROUTE_STS_UNFETCHED, 4);
	page.answer.status = 200;
	expect("v=STSv1; id=2", ROUTE_STS_UNFETCHED, 4);
	pass(5 * CLOCK_MINUTE);
	expect("v=STSv1; id=2", ROUTE_STS_POLICY, 5);
}

static void
answers_that_are_no_policy(void **state)
{
	static const struct {
		struct https_answer answer;
		enum route_sts state;
	} rows[] = {
		{ { .outcome = LOOKUP_HTTPS_UNTRUSTED, .why = { "self-signed", 11 } },
		    ROUTE_STS_UNTRUSTED },
		{ { .outcome = LOOKUP_HTTPS_TIMEOUT, .why = { "late", 4 } }, ROUTE_STS_UNFETCHED },
		{ { .outcome = LOOKUP_HTTPS_FORBIDDEN, .why = { "no", 2 } }, ROUTE_STS_UNFETCHED },
		{ { .outcome = LOOKUP_HTTPS_TOO_LARGE, .why = { "big", 3 } }, ROUTE_STS_UNFETCHED },
		{ { .status = 301, .content = { "text/plain", 10 } }, ROUTE_STS_UNFETCHED },
		{ { .status = 404, .content = { "text/plain", 10 } }, ROUTE_STS_UNFETCHED },
		{ { .status = 200,
		      .content = { "text/html", 9 },
		      .body = { POLICY("enforce"), 70 } },
		    ROUTE_STS_INVALID },
		{ { .status = 200, .content = { "", 0 } }, ROUTE_STS_INVALID },
		{ { .status = 200, .content = { "text/plain", 10 }, .body = { "x", 1 } },
		    ROUTE_STS_INVALID },
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		page.answer = rows[i].answer;
		pass(CLOCK_HOUR);
		expect("v=STSv1; id=1", rows[i].state, i + 1);
	}
}

/* A slow host: others do not wait, one fetch is enough, and its result is kept. */
static void
while_it_is_fetched(void **state)
{
	struct sts_wait first, second;
	struct route r = { .host_count = 0 };

	page.waits = true;
	first = begin("v=STSv1; id=1");
	second = begin("v=STSv1; id=1");
	sts_end(&second, 0, &arena, &r); /* has no time */
	assert_int_equal(r.sts, ROUTE_STS_UNFETCHED);
	assert_true(r.sts_words.len > 0);
	script_let_go(&script);
	sts_end(&first, INT64_MAX / 2, &arena, &r);
	assert_int_equal(r.sts, ROUTE_STS_POLICY);
	assert_int_equal(script.fetched, 1);
}

/* Once a day, behind the back of who asks. */
static void
fresh_each_day(void **state)
{
	page.answer = (struct https_answer)ANSWER(
	    "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 1000000\n");
	expect("v=STSv1; id=1", ROUTE_STS_POLICY, 1);
	pass(CLOCK_DAY - 1);
	expect("v=STSv1; id=1", ROUTE_STS_POLICY, 1);
	pass(1);
	page.waits = true;
	assert_int_equal(ask("v=STSv1; id=1").sts, ROUTE_STS_POLICY); /* does not wait */
	script_let_go(&script);
	pool_free(pool);
	pool = pool_new(&(struct pool_config){ .name = "https", .max = 4 });
	assert_int_equal(script.fetched, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(fetched_once_and_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_announced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_new_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kept_when_a_fetch_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_that_are_no_policy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(while_it_is_fetched, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fresh_each_day, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
