/* SPDX-License-Identifier: ISC */
/* Tests of base/log.h: the form of a line, and that nobody can forge one. */
#include "base/log.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/testing.h"

#define OPENING "time=2024-02-29T23:59:59.123Z level=info role=mx "

static int ends[2];
static char said[20000];

static int
open_pipe(void **state)
{
	clock_set_for_test(INT64_C(1709251199123456), -1);
	log_set_role("mx");
	if (pipe2(ends, O_NONBLOCK) != 0)
		return -1;
	log_set_fd(ends[1]);
	return 0;
}

static int
close_pipe(void **state)
{
	log_set_fd(2);
	log_set_level(LOG_LEVEL_INFO);
	log_set_format(LOG_FORMAT_LOGFMT);
	clock_set_for_test(-1, -1);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return 0;
}

/* What was written since the last time; empty when nothing was. */
static const char *
lines(void)
{
	ssize_t n = read(ends[0], said, sizeof(said) - 1);

	said[n < 0 ? 0 : n] = 0;
	return said;
}

static void
logfmt(void **state)
{
	LOG_INFO("smtp.delivered", FIELD_STRING("to", "bob@demo.test"),
	    FIELD_U64("size", UINT64_MAX), FIELD_I64("delta", INT64_MIN),
	    FIELD_STATUS(STATUS_NOT_FOUND));
	assert_string_equal(lines(),
	    OPENING "event=smtp.delivered to=bob@demo.test size=18446744073709551615 "
		    "delta=-9223372036854775808 status=not-found\n");
	LOG_INFO("plain");
	assert_string_equal(lines(), OPENING "event=plain\n");
}

static void
json(void **state)
{
	log_set_format(LOG_FORMAT_JSON);
	LOG_INFO("x.y", FIELD_STRING("a", "q\"\\\n\x1b\xff\xc3\xa9"), FIELD_U64("n", 0));
	assert_string_equal(lines(),
	    "{\"time\":\"2024-02-29T23:59:59.123Z\",\"level\":\"info\",\"role\":\"mx\","
	    "\"event\":\"x.y\",\"a\":\"q\\\"\\\\\\n\\u001b\\ufffd\xc3\xa9\",\"n\":0}\n");
}

static void
assert_value(struct text value, const char *want)
{
	char line[600];

	LOG_INFO("e", FIELD_TEXT("v", value));
	assert_true(snprintf(line, sizeof(line), OPENING "event=e v=%s\n", want) > 0);
	assert_string_equal(lines(), line);
}

static void
a_stranger_cannot_forge_a_line(void **state)
{
	assert_value(TEXT("a\nlevel=alarm"), "\"a\\nlevel=alarm\"");
	assert_value(TEXT("a b"), "\"a b\"");
	assert_value(TEXT("a=b"), "\"a=b\"");
	assert_value(TEXT("\"\\\r\t"), "\"\\\"\\\\\\r\\t\"");
	assert_value(TEXT(""), "\"\"");
	assert_value(TEXT("\0\x7f"), "\"\\u0000\\u007f\"");
	assert_value(TEXT("\xc2\x9b"
			  "2J"),
	    "\"\\u009b2J\"");
	assert_value(TEXT("\xe2\x80\xae"
			  "x\xe2\x80\xa8"),
	    "\"\\u202ex\\u2028\"");
	assert_value(TEXT("J\xc3\xb6rg \xf0\x9f\x90\xa2"), "\"J\xc3\xb6rg \xf0\x9f\x90\xa2\"");
}

static void
bad_utf8_is_shown_as_bytes(void **state)
{
	assert_value(TEXT("\xff"), "\"\\xff\"");
	assert_value(TEXT("\xc0\xaf"), "\"\\xc0\\xaf\"");
	assert_value(TEXT("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\"");
	assert_value(TEXT("\xe2\x82"), "\"\\xe2\\x82\"");
	assert_value(TEXT("\xf4\x90\x80\x80"), "\"\\xf4\\x90\\x80\\x80\"");
	assert_value(TEXT("\xf0\x80\x80\x80"), "\"\\xf0\\x80\\x80\\x80\"");
}

static void
long_values_are_cut_and_long_lines_closed(void **state)
{
	char big[3000];
	struct text v = { big, sizeof(big) };

	memset(big, 'x', sizeof(big));
	LOG_INFO("e", FIELD_TEXT("v", v));
	assert_int_equal(strlen(lines()), strlen(OPENING "event=e v=") + 1024 + 1);
	memset(big, 1, sizeof(big));
	log_set_format(LOG_FORMAT_JSON);
	LOG_INFO("e", FIELD_TEXT("v", v), FIELD_TEXT("w", v), FIELD_U64("n", 5));
	assert_non_null(strstr(lines(), ",\"n\":5,\"cut\":true}\n"));
	assert_null(strstr(said, "\"w\""));
	log_set_format(LOG_FORMAT_LOGFMT);
	LOG_INFO("e", FIELD_TEXT("v", v), FIELD_TEXT("w", v), FIELD_U64("n", 5));
	assert_non_null(strstr(lines(), "\" n=5 cut=true\n"));
}

static void
levels(void **state)
{
	uint64_t before = log_alarm_count();

	LOG_DEBUG("quiet");
	assert_string_equal(lines(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	LOG_DEBUG("loud");
	assert_non_null(strstr(lines(), "level=debug"));
	log_set_level(LOG_LEVEL_ALARM);
	LOG_WARN("quiet");
	assert_string_equal(lines(), "");
	LOG_ALARM("disk.full");
	assert_non_null(strstr(lines(), "level=alarm"));
	assert_true(log_alarm_count() == before + 1);
	log_set_fd(-1);
	LOG_ALARM("disk.full");
	assert_true(log_alarm_count() == before + 2);
	assert_string_equal(lines(), "");
}

static void
role_names_are_cut(void **state)
{
	log_set_role("0123456789012345678901234567890123456789");
	LOG_INFO("e");
	assert_non_null(strstr(lines(), " role=0123456789012345678901234567890 "));
}

static void
dates(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "time=1970-01-01T00:00:00.000Z" },
		{ 951782400, "time=2000-02-29T00:00:00.000Z" },
		{ 1735689599, "time=2024-12-31T23:59:59.000Z" },
		{ 4107542400, "time=2100-03-01T00:00:00.000Z" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		clock_set_for_test(cases[i].seconds * CLOCK_SECOND, -1);
		LOG_INFO("e");
		assert_ptr_equal(strstr(lines(), cases[i].text), said);
	}
}

#define WITH_PIPE(f) cmocka_unit_test_setup_teardown(f, open_pipe, close_pipe)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PIPE(logfmt),
		WITH_PIPE(json),
		WITH_PIPE(a_stranger_cannot_forge_a_line),
		WITH_PIPE(bad_utf8_is_shown_as_bytes),
		WITH_PIPE(long_values_are_cut_and_long_lines_closed),
		WITH_PIPE(levels),
		WITH_PIPE(role_names_are_cut),
		WITH_PIPE(dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
