/* SPDX-License-Identifier: ISC */
/* Dates: RFC examples, obsolete and sloppy forms, the calendar's edges, and
 * printing. */
#include "codec/date.h"

#include "codec/test_support.h"

#define T_1997 880127706 /* 1997-11-21 15:55:06 UTC */

static const struct {
	const char *in;
	int64_t at;
	int zone;
} mail_dates[] = {
	{ "Fri, 21 Nov 1997 09:55:06 -0600", T_1997, -360 }, /* RFC 5322 A.1.1 */
	{ "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n"
	  "               -0330 (Newfoundland Time)",
	    -27723480, -210 },						     /* RFC 5322 A.5 */
	{ "21 Nov 97 09:55:06 GMT", 880106106, 0 },			     /* RFC 5322 A.6.2 */
	{ "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", T_1997, -360 }, /* RFC 5322 A.6.3 */
	{ "21 Nov 1997 09:55 -0600", 880127700, -360 },
	{ "Fri Nov 21 15:55:06 1997", T_1997, 0 },
	{ "Fri, 21-Nov-1997 15:55:06 UTC", T_1997, 0 },
	{ "1997-11-21T15:55:06Z", T_1997, 0 },
	{ "1997-11-21 17:55:06.123 +02:00", T_1997, 120 },
	{ "FRIDAY, 21 NOVEMBER 1997 15:55:06 EST", T_1997 + 18000, -300 },
	{ "Fri, 21 Nov 1997 03:55:06 PM", T_1997, 0 },
	{ "Fri, 21 Nov 1997 12:55:06 AM", 880073706, 0 },
	{ "Fri, 21 Nov 1997 17:55:06 GMT+0200", T_1997, 120 },
	{ "Fri, 21 Nov 1997 15:55:06 +0000 (GMT (nested \\) one))", T_1997, 0 },
	{ "Fri, 21 Nov 1997", 880070400, 0 },
	{ "21 Nov 1997 15.55.06", T_1997, 0 },
	{ "Sat, 31 Dec 2016 23:59:60 +0000", 1483228800, 0 },
	{ "29 Feb 2000 00:00:00 +0000", 951782400, 0 },
	{ "1 Jan 0001 00:00:00 +0000", INT64_C(-62135596800), 0 },
	{ "31 Dec 9999 23:59:59 +0000", INT64_C(253402300799), 0 },
	{ "1 Jan 49 00:00 Z", INT64_C(2493072000), 0 },
	{ "1 Jan 50 00:00 A", -631152000, 0 },
	{ "1 Jan 100 00:00 +0000", INT64_C(946684800), 0 },
	{ "1 Jan 2000 00:00 +9999", 946684800, 0 },
};

static void
reads_mail(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(mail_dates); i++) {
		struct date d;

		if (date_parse_mail(text_of(mail_dates[i].in), &d) != STATUS_OK)
			fail_msg("refused: %s", mail_dates[i].in);
		if (d.at != mail_dates[i].at || d.zone != mail_dates[i].zone)
			fail_msg("%s: %lld %d", mail_dates[i].in, (long long)d.at, d.zone);
	}
}

static void
refuses_mail(void **state)
{
	static const char *const bad[] = { "", "yesterday", "21 1997", "32 Jan 2000", "29 Feb 1900",
		"29 Feb 2001 10:00", "1 Jan 0000", "1 Jan 10000", "1 Jan 2000 24:01",
		"1 Jan 2000 10:61", "1 Jan 2000 10:10:61", "(1 Jan 2000 10:10", "0 Jan 2000",
		"99999999999999999999 Jan 2000" };
	struct date d = { 42, 7 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (date_parse_mail(text_of(bad[i]), &d) != STATUS_INVALID)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(d.at, 42);
	}
}

static void
imap_dates(void **state)
{
	static const char *const bad[] = { "7-Jan-2000 00:00:00 +0000", "07-Jan-2000 00:00:00",
		"07-Jan-2000 00:00:00 0000", "07-Jan-2000 00:00:00 +0000 ",
		"07-Jan-00 00:00:00 +0000", "31-Feb-2000 00:00:00 +0000",
		"07-Foo-2000 00:00:00 +0000", "07-Jan-2000 0:00:00 +0000",
		"07-Jan-2000 00:00:00 +0060" };
	struct buffer b = BUFFER_INIT;
	struct date d;

	assert_int_equal(date_parse_imap(TEXT("17-Jul-1996 02:44:25 -0700"), &d), STATUS_OK);
	assert_int_equal(d.at, 837596665);
	assert_int_equal(d.zone, -420);
	date_print_imap(&b, d);
	ASSERT_BUFFER(&b, TEXT("17-Jul-1996 02:44:25 -0700"));
	assert_int_equal(date_parse_imap(TEXT(" 7-Jul-1996 02:44:25 +0000"), &d), STATUS_OK);
	date_print_imap(&b, d);
	ASSERT_BUFFER(&b, TEXT("07-Jul-1996 02:44:25 +0000"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (date_parse_imap(text_of(bad[i]), &d) != STATUS_INVALID)
			fail_msg("taken: %s", bad[i]);
	buffer_done(&b);
}

static void
imap_days(void **state)
{
	int64_t days = -1;

	assert_int_equal(date_parse_imap_day(TEXT("1-Feb-1994"), &days), STATUS_OK);
	assert_int_equal(days, 8797);
	assert_int_equal(date_parse_imap_day(TEXT("01-Jan-1970"), &days), STATUS_OK);
	assert_int_equal(days, 0);
	assert_int_equal(date_parse_imap_day(TEXT("30-Feb-1994"), &days), STATUS_INVALID);
	assert_int_equal(date_parse_imap_day(TEXT("1-Feb-94"), &days), STATUS_INVALID);
	assert_int_equal(date_parse_imap_day(TEXT("1-Feb-1994 "), &days), STATUS_INVALID);
	/* The day is that of the zone it was written in (RFC 9051 6.4.4). */
	assert_int_equal(date_day((struct date){ .at = 86399, .zone = 60 }), 1);
	assert_int_equal(date_day((struct date){ .at = 0, .zone = -60 }), -1);
}

static void
prints(void **state)
{
	struct buffer b = BUFFER_INIT;

	date_print_mail(&b, (struct date){ .at = T_1997, .zone = -360 });
	ASSERT_BUFFER(&b, TEXT("Fri, 21 Nov 1997 09:55:06 -0600"));
	date_print_mail(&b, (struct date){ .at = -27723480, .zone = -210 });
	ASSERT_BUFFER(&b, TEXT("Thu, 13 Feb 1969 23:32:00 -0330"));
	date_print_rfc3339(&b, 1795315080);
	ASSERT_BUFFER(&b, TEXT("2026-11-22T02:38:00Z"));
	date_print_mail(&b, (struct date){ .at = INT64_MAX, .zone = 60 });
	ASSERT_BUFFER(&b, TEXT("Fri, 31 Dec 9999 23:59:59 +0100"));
	date_print_mail(&b, (struct date){ .at = INT64_MIN, .zone = -60 });
	ASSERT_BUFFER(&b, TEXT("Mon, 1 Jan 0001 00:00:00 -0100"));
	buffer_done(&b);
}

/* Each day of ten thousand years comes back from its print. */
static void
every_day(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (int64_t day = -719162; day <= 2932896; day += 13) {
		struct date d = { .at = day * 86400 + 3723, .zone = 0 }, back;

		date_print_mail(&b, d);
		assert_int_equal(date_parse_mail(buffer_text(&b), &back), STATUS_OK);
		assert_true(back.at == d.at);
		buffer_clear(&b);
	}
	buffer_done(&b);
}

static void
rfc3339(void **state)
{
	static const char *const wrong[] = { "", "2026-11-22", "2026-11-22T02:38:00",
		"2026-11-22 02:38:00Z", "2026-11-22T02:38:00ZZ", "2026-11-22T02:38:00+0100",
		"2026-11-22T02:38:00.Z", "2026-11-22T24:38:00Z", "2026-13-22T02:38:00Z",
		"26-11-22T02:38:00Z", "2026-11-22T02:38:00+24:00", "2026-11-22T02:38:00+01:60" };
	static const struct {
		const char *text;
		int64_t at;
		int zone;
	} good[] = {
		{ "2026-11-22T02:38:00Z", 1795315080, 0 },
		{ "2026-11-22t02:38:00z", 1795315080, 0 },
		{ "2026-11-22T02:38:00.123Z", 1795315080, 0 },
		{ "2026-11-22T03:08:00+00:30", 1795315080, 30 },
		{ "2026-11-21T23:38:00-03:00", 1795315080, -180 },
	};
	struct date d;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(date_parse_rfc3339(text_of(good[i].text), &d), STATUS_OK);
		assert_int_equal(d.at, good[i].at);
		assert_int_equal(d.zone, good[i].zone);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(date_parse_rfc3339(text_of(wrong[i]), &d), STATUS_INVALID);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_mail),
		cmocka_unit_test(refuses_mail),
		cmocka_unit_test(imap_dates),
		cmocka_unit_test(imap_days),
		cmocka_unit_test(rfc3339),
		cmocka_unit_test(prints),
		cmocka_unit_test(every_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
