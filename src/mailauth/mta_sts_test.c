/* SPDX-License-Identifier: ISC */
/* MTA-STS: records, policies, and the hosts that they allow. */
#include "mailauth/mta_sts.h"

#include "base/buffer.h"
#include "base/testing.h"

/* RFC 8461 3.1 */
static void
records(void **state)
{
	static const struct {
		const char *txt, *id; /* NULL: none */
	} rows[] = {
		{ "v=STSv1; id=20160831085700Z;", "20160831085700Z" },
		{ "v=STSv1;id=1", "1" },
		{ "v=STSv1 ; x-more=a b ; id=ab12 ; ", "ab12" },
		{ "v=STSv1;", NULL },
		{ "v=STSv1; id=;", NULL },
		{ "v=STSv1; id=a-b;", NULL },
		{ "v=STSv1; id=1; id=2;", NULL },
		{ "v=STSv1; id=123456789012345678901234567890123;", NULL }, /* 33 */
		{ "v=STSv1; id=12345678901234567890123456789012;",
		    "12345678901234567890123456789012" },
		{ "v=STSv1; nonsense; id=1", NULL },
		{ "v=STSv2; id=1", NULL },
		{ "v=STSv11; id=1", NULL },
		{ " v=STSv1; id=1", NULL },
		{ "id=1; v=STSv1", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct text id = TEXT("?");
		enum status s = mta_sts_record(text_of(rows[i].txt), &id);

		if ((s == STATUS_OK) != (rows[i].id != NULL) ||
		    (s == STATUS_OK && !text_equal(id, text_of(rows[i].id))))
			fail_msg("%s: %s, %.*s", rows[i].txt, status_word(s), TEXT_ARG(id));
	}
}

static void
one_of_several_records(void **state)
{
	const struct text one[] = { TEXT("v=spf1 -all"), TEXT("v=STSv1; id=7;"),
		TEXT("v=STSv2; id=8") };
	const struct text two[] = { TEXT("v=STSv1; id=7;"), TEXT("v=STSv1; id=7;") };
	const struct text bad[] = { TEXT("v=STSv1; id=!;") };
	struct text id;

	assert_ok(mta_sts_record_of(one, 3, &id));
	assert_text(id, "7");
	assert_int_equal(mta_sts_record_of(two, 2, &id), STATUS_NOT_FOUND);
	assert_int_equal(mta_sts_record_of(one, 1, &id), STATUS_NOT_FOUND);
	assert_int_equal(mta_sts_record_of(bad, 1, &id), STATUS_INVALID);
}

/* RFC 8461 3.2 */
static void
policies(void **state)
{
	struct arena a = ARENA_INIT;
	struct mta_sts_policy p;
	struct failure f;

	assert_ok(mta_sts_policy(TEXT("version: STSv1\r\nmode: enforce\r\nmx: mail.Example.com\r\n"
				      "mx: *.example.net\r\nmx: backupmx.example.com\r\n"
				      "max_age: 604800\r\n"),
	    &a, &p, &f));
	assert_int_equal(p.mode, MTA_STS_MODE_ENFORCE);
	assert_int_equal(p.max_age, 604800);
	assert_int_equal(p.pattern_count, 3);
	assert_text(p.patterns[0], "mail.example.com");
	assert_text(p.patterns[1], "*.example.net");

	/* Line ends of either kind, no space, fields that nobody knows, the first of two. */
	assert_ok(
	    mta_sts_policy(TEXT("version:STSv1\nnew_thing: x:y\nmode:testing\nmode:none\nmx:a.b\n"
				"max_age:9999999999"),
		&a, &p, &f));
	assert_int_equal(p.mode, MTA_STS_MODE_TESTING);
	assert_int_equal(p.max_age, MTA_STS_AGE_MAX);
	assert_ok(mta_sts_policy(TEXT("version: STSv1\nmode: none\nmax_age: 0\n"), &a, &p, &f));
	assert_int_equal(p.pattern_count, 0);
	arena_done(&a);
}

static void
policies_that_are_none(void **state)
{
	static const char *const rows[] = {
		"",
		"version: STSv1\nmode: enforce\nmx: a.b\n",
		"version: STSv1\nmx: a.b\nmax_age: 1\n",
		"mode: enforce\nmx: a.b\nmax_age: 1\n",
		"version: STSv1\nmode: enforce\nmax_age: 1\n",
		"version: STSv2\nmode: enforce\nmx: a.b\nmax_age: 1\n",
		"version: STSv1\nmode: Enforce\nmx: a.b\nmax_age: 1\n",
		"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: -1\n",
		"version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 99999999999\n",
		"version: STSv1\nmode: enforce\nmx: a.*.b\nmax_age: 1\n",
		"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n",
		"version: STSv1\nmode: enforce\nmx: a.b, c.d\nmax_age: 1\n",
		"<html>version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 1\n",
		"version: STSv1\nmode: enforce\nno colon\nmx: a.b\nmax_age: 1\n",
	};
	struct arena a = ARENA_INIT;
	struct buffer many = BUFFER_INIT;
	struct mta_sts_policy p;
	struct failure f;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (mta_sts_policy(text_of(rows[i]), &a, &p, &f) != STATUS_INVALID)
			fail_msg("taken: %s", rows[i]);
	buffer_add_string(&many, "version: STSv1\nmode: enforce\nmax_age: 1\n");
	for (int i = 0; i < MTA_STS_PATTERNS_MAX; i++)
		buffer_addf(&many, "mx: m%d.example.org\n", i);
	assert_ok(mta_sts_policy(buffer_text(&many), &a, &p, &f));
	assert_int_equal(p.pattern_count, MTA_STS_PATTERNS_MAX);
	buffer_add_string(&many, "mx: one.too.many\n");
	assert_int_equal(mta_sts_policy(buffer_text(&many), &a, &p, &f), STATUS_INVALID);
	buffer_done(&many);
	arena_done(&a);
}

/* RFC 8461 4.1 */
static void
hosts(void **state)
{
	static const struct {
		const char *pattern, *host;
		bool fits;
	} rows[] = {
		{ "mx.example.org", "mx.example.org", true },
		{ "mx.example.org", "mx.example.com", false },
		{ "mx.example.org", "a.mx.example.org", false },
		{ "*.example.org", "mx.example.org", true },
		{ "*.example.org", "a.mx.example.org", false },
		{ "*.example.org", "example.org", false },
		{ "*.example.org", ".example.org", false },
		{ "*.example.org", "mxexample.org", false },
		{ "example.org", "mx.example.org", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct text pattern = text_of(rows[i].pattern);

		if (mta_sts_matches(&pattern, 1, text_of(rows[i].host)) != rows[i].fits)
			fail_msg("%s, %s", rows[i].pattern, rows[i].host);
	}
	assert_false(mta_sts_matches(NULL, 0, TEXT("mx.example.org")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(one_of_several_records),
		cmocka_unit_test(policies),
		cmocka_unit_test(policies_that_are_none),
		cmocka_unit_test(hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
