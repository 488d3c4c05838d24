/* SPDX-License-Identifier: ISC */
/* The calls of lookup over a link, with scripted answers: as others' tests use them. */
#include "lookup/lookup.h"

#include "lookup/lookup_testing.h"
#include "lookup/route.h"
#include "runtime/call_permission_test_helper.h"

#define POLICY "version: STSv1\nmode: testing\nmx: mx.example.test\nmax_age: 60"

static const struct script_record records[] = {
	{ "example.test", 15, .rdata = SCRIPT_MX("\12", "\2mx\7example\4test"), .secure = true },
	{ "mx.example.test", 1, .rdata = { "\xc0\0\2\1", 4 } },
	{ "_mta-sts.example.test", 16, .rdata = { "\15v=STSv1; id=1", 14 } },
	{ "bogus.test", 0, .outcome = LOOKUP_BOGUS },
};
static const struct script_page pages[] = {
	{ .url = "https://mta-sts.example.test/.well-known/mta-sts.txt",
	    .answer = { .status = 200,
		.content = { "text/plain", 10 },
		.body = { POLICY, sizeof(POLICY) - 1 } } },
	{ .url = "https://report.test/", .answer = { .status = 201, .body = { "thanks", 6 } } },
};
static struct script script = { .records = records,
	.record_count = ARRAY_LEN(records),
	.pages = pages,
	.page_count = ARRAY_LEN(pages) };

static struct dns_source dns;
static struct https_source https;
static struct lookup *lookup;
static struct call_pair *pair;
static struct calls *calls;
static struct arena arena;

static int
set_up(void **state)
{
	struct call_server_config config = { .threads = 0 };

	dns = script_dns(&script);
	https = script_https(&script);
	lookup = lookup_new(&dns, &https);
	lookup_serve(lookup, &config);
	pair = call_pair_new(ROLE_OUTBOUND, &config, ROLE_LOOKUP, &calls);
	return 0;
}

static int
tear_down(void **state)
{
	call_pair_free(pair);
	lookup_free(lookup);
	arena_done(&arena);
	return 0;
}

static void
dns_call(void **state)
{
	struct lookup_dns_request q = { .name = TEXT("Example.TEST."), .type = 15 };
	struct lookup_dns_reply r;

	assert_ok(lookup_dns(calls, &q, &arena, &r, NULL));
	assert_int_equal(r.outcome, LOOKUP_OK);
	assert_int_equal(r.secure, 1);
	assert_int_equal(r.ttl, 60);
	assert_text(r.canonical, "example.test");
	assert_int_equal(r.records.count, 1);
	q.name = TEXT("bogus.test");
	assert_ok(lookup_dns(calls, &q, &arena, &r, NULL));
	assert_int_equal(r.outcome, LOOKUP_BOGUS);
	assert_true(r.why.len > 0);
	q.name = TEXT("a b");
	assert_int_equal(lookup_dns(calls, &q, &arena, &r, NULL), STATUS_INVALID);
	q = (struct lookup_dns_request){ .name = TEXT("example.test"), .type = 65536 };
	assert_int_equal(lookup_dns(calls, &q, &arena, &r, NULL), STATUS_INVALID);
	q.type = 0;
	assert_int_equal(lookup_dns(calls, &q, &arena, &r, NULL), STATUS_INVALID);
}

static void
route_call(void **state)
{
	struct text nonsense[] = { TEXT("x/y") };
	struct lookup_route_request q = { .domain = TEXT("example.test"), .port = 25 };
	struct lookup_route_reply reply;
	struct route r;

	assert_ok(lookup_route(calls, &q, &arena, &reply, NULL));
	assert_ok(lookup_route_read(&reply, &arena, &r));
	assert_int_equal(r.verdict, ROUTE_OK);
	assert_text(r.code, "2.0.0");
	assert_true(r.mx_secure);
	assert_int_equal(r.host_count, 1);
	assert_text(r.hosts[0].name, "mx.example.test");
	assert_int_equal(r.sts, ROUTE_STS_POLICY);
	assert_int_equal(r.sts_mode, 1);
	assert_int_equal(r.sts_patterns.count, 1);
	q.domain = TEXT("nowhere.test");
	assert_ok(lookup_route(calls, &q, &arena, &reply, NULL));
	assert_ok(lookup_route_read(&reply, &arena, &r));
	assert_int_equal(r.verdict, ROUTE_NO_DOMAIN);
	q.port = 0;
	assert_int_equal(lookup_route(calls, &q, &arena, &reply, NULL), STATUS_INVALID);
	q = (struct lookup_route_request){
		.domain = TEXT("example.test"), .port = 25, .own_networks = { nonsense, 1 }
	};
	assert_int_equal(lookup_route(calls, &q, &arena, &reply, NULL), STATUS_INVALID);
}

static void
https_call(void **state)
{
	struct lookup_https_request good = { .method = TEXT("POST"),
		.url = TEXT("https://report.test/"),
		.type = TEXT("application/tlsrpt+gzip"),
		.body = PAYLOAD_OF(TEXT("report")),
		.most = 100 };
	struct lookup_https_request q = good;
	struct lookup_https_reply r;

	assert_ok(lookup_https(calls, &q, &arena, &r, NULL));
	assert_int_equal(r.outcome, LOOKUP_HTTPS_ANSWERED);
	assert_int_equal(r.status, 201);
	assert_text(r.body.bytes, "thanks");
	q.url = TEXT("https://other.test/");
	assert_ok(lookup_https(calls, &q, &arena, &r, NULL));
	assert_int_equal(r.outcome, LOOKUP_HTTPS_UNREACHABLE);
	assert_true(r.why.len > 0);
	for (int i = 0; i < 5; i++) {
		q = good;
		switch (i) {
		case 0:
			q.method = TEXT("DELETE");
			break;
		case 1:
			q.method = TEXT("GET"); /* with a body */
			break;
		case 2:
			q.most = LOOKUP_BODY_MAX + 1;
			break;
		case 3:
			q.redirects = LOOKUP_REDIRECTS_MAX + 1;
			break;
		default:
			q.timeout = UINT64_MAX;
		}
		assert_int_equal(lookup_https(calls, &q, &arena, &r, NULL), STATUS_INVALID);
	}
}

static void
permissions(void **state)
{
	call_permissions_hold(lookup_call_list, lookup_call_count, ROLE_LOOKUP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(dns_call, set_up, tear_down),
		cmocka_unit_test_setup_teardown(route_call, set_up, tear_down),
		cmocka_unit_test_setup_teardown(https_call, set_up, tear_down),
		cmocka_unit_test(permissions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
