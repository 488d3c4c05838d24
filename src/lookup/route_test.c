/* SPDX-License-Identifier: ISC */
/* A route goes through its call unchanged, and lists that do not fit are refused. */
#include "lookup/route.h"

#include "base/testing.h"

static struct text addresses[] = { { "\xc0\0\2\1", 4 }, { "\xc0\0\2\2", 4 } };
static struct text tlsas[] = { { "\3\1\1x", 4 } };
static struct route_host hosts[] = {
	{ .name = { "a.test", 6 }, .preference = 10, .addresses = { addresses, 2 } },
	{ .name = { "b.test", 6 },
	    .preference = 20,
	    .state = ROUTE_HOST_TEMPORARY,
	    .words = { "later", 5 } },
	{ .name = { "c.test", 6 },
	    .preference = 20,
	    .secure = true,
	    .addresses = { addresses, 1 },
	    .tlsa_base = { "d.test", 6 },
	    .tlsa = { tlsas, 1 } },
};
static const struct route example = {
	.domain = { "test", 4 },
	.mx_secure = true,
	.hosts = hosts,
	.host_count = 3,
	.sts = ROUTE_STS_POLICY,
	.sts_mode = 2,
	.sts_patterns = { addresses, 1 },
};

static void
there_and_back(void **state)
{
	struct lookup_route_reply reply;
	struct arena a = ARENA_INIT;
	struct route r;

	lookup_route_write(&example, &a, &reply);
	assert_ok(lookup_route_read(&reply, &a, &r));
	assert_int_equal(r.host_count, 3);
	assert_int_equal(r.hosts[0].addresses.count, 2);
	assert_int_equal(r.hosts[1].addresses.count, 0);
	assert_int_equal(r.hosts[1].state, ROUTE_HOST_TEMPORARY);
	assert_text(r.hosts[1].words, "later");
	assert_int_equal(r.hosts[2].addresses.count, 1);
	assert_true(r.hosts[2].secure && !r.hosts[0].secure && r.mx_secure);
	assert_text(r.hosts[2].tlsa_base, "d.test");
	assert_int_equal(r.hosts[2].tlsa.count, 1);
	assert_int_equal(r.hosts[0].tlsa.count, 0);
	assert_int_equal(r.sts, ROUTE_STS_POLICY);
	assert_int_equal(r.sts_patterns.count, 1);
	arena_done(&a);
}

/* Lists that came over a call empty have no memory. */
static void
a_host_without_anything(void **state)
{
	struct route bare = { .verdict = ROUTE_TEMPORARY, .hosts = &hosts[1], .host_count = 1 }, r;
	struct lookup_route_reply reply;
	struct arena a = ARENA_INIT;

	lookup_route_write(&bare, &a, &reply);
	reply.addresses = reply.tlsas = (struct texts){ NULL, 0 };
	assert_ok(lookup_route_read(&reply, &a, &r));
	assert_int_equal(r.hosts[0].addresses.count, 0);
	assert_int_equal(r.hosts[0].tlsa.count, 0);
	arena_done(&a);
}

/* What is broken in a good reply, one at a time. */
static void
lists_that_do_not_fit(void **state)
{
	for (unsigned i = 0; i < 12; i++) {
		struct lookup_route_reply q;
		struct arena a = ARENA_INIT;
		struct text odd = TEXT("12345");
		struct route r;

		lookup_route_write(&example, &a, &q);
		switch (i) {
		case 0:
			q.states.count = 2;
			break;
		case 1:
			q.tlsa_bases.count = 0;
			break;
		case 2:
			q.verdict = ROUTE_VERDICT_COUNT;
			break;
		case 3:
			q.states.at[0] = ROUTE_HOST_STATE_COUNT;
			break;
		case 4:
			q.address_ends.at[1] = 1;
			break;
		case 5:
			q.address_ends.at[2] = 4;
			break;
		case 6:
			q.tlsa_ends.at[2] = UINT64_MAX;
			break;
		case 7:
			q.addresses.at[0] = odd;
			break;
		case 8:
			q.sts_mode = 3;
			break;
		case 9:
			q.preferences.at[0] = 65536;
			break;
		case 10:
			q.states.at[1] = ROUTE_HOST_OK;
			break; /* without an address */
		default:
			q.sts_state = ROUTE_STS_COUNT;
		}
		if (lookup_route_read(&q, &a, &r) != STATUS_CORRUPT)
			fail_msg("%u was taken", i);
		arena_done(&a);
	}
}

/* RFC 3463 2: the first digit says whether to try again. */
static void
codes(void **state)
{
	for (unsigned v = ROUTE_NO_DOMAIN; v < ROUTE_VERDICT_COUNT; v++)
		assert_int_equal(route_verdict_code((enum route_verdict)v)[0] == '4',
		    route_verdict_temporary((enum route_verdict)v));
	assert_string_equal(route_verdict_code(ROUTE_NULL_MX), "5.1.10");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(a_host_without_anything),
		cmocka_unit_test(lists_that_do_not_fit),
		cmocka_unit_test(codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
