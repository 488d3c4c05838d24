/* SPDX-License-Identifier: ISC */
/* Tests of the client's reading of replies (RFC 5321 4.2, RFC 3463, RFC 2034). */
#include "base/testing.h"
#include "codec/utf8.h"
#include "smtp/client.h"

static enum status
read_one(struct text in, struct smtp_answer *out)
{
	struct buffer sent = BUFFER_INIT;
	struct stream s;
	enum status st;

	memset(out, 0, sizeof(*out));
	stream_init_memory(&s, in, &sent);
	st = smtp_answer_read(&s, out, NULL);
	stream_done(&s);
	buffer_done(&sent);
	return st;
}

static void
good(void **state)
{
	static const struct {
		const char *in, *text, *enhanced;
		unsigned code;
	} rows[] = {
		{ "250 OK\r\n", "OK", "", 250 },
		{ "250\r\n", "", "", 250 },
		{ "250 2.1.5 fine\r\n", "2.1.5 fine", "2.1.5", 250 },
		{ "550 5.1.1\r\n", "5.1.1", "5.1.1", 550 },
		{ "250-one\r\n250-two\r\n250 three\r\n", "one\ntwo\nthree", "", 250 },
		{ "550-5.7.1 one\r\n550 5.7.1 two\r\n", "5.7.1 one\n5.7.1 two", "5.7.1", 550 },
		/* the class has to be that of the code (RFC 2034 4) */
		{ "450 5.1.1 lies\r\n", "5.1.1 lies", "", 450 },
		{ "354 3.0.0 go\r\n", "3.0.0 go", "", 354 },
		{ "550 5.1.1x no\r\n", "5.1.1x no", "", 550 },
		{ "550 5.1234.1 no\r\n", "5.1234.1 no", "", 550 },
		/* the last code counts within a class */
		{ "250-one\r\n251 two\r\n", "one\ntwo", "", 251 },
		/* line ends of all kinds */
		{ "250-one\n250 two\n", "one\ntwo", "", 250 },
		{ "599 high\r\n", "high", "", 599 },
		/* control characters, and what looks like them */
		{ "250 a\x01"
		  "b\x7f"
		  "c\td\re\r\n",
		    "a?b?c d?e", "", 250 },
		{ "250 \xc2\x85\xe2\x80\xae!\r\n",
		    "??"
		    "!",
		    "", 250 },
		{ "250 \xff\xfe gr\xc3\xbc\xc3\x9f\r\n", "?? gr\xc3\xbc\xc3\x9f", "", 250 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct smtp_answer a;
		char word[16];

		if (read_one(text_of(rows[i].in), &a) != STATUS_OK)
			fail_msg("row %zu is refused", i);
		assert_int_equal(a.code, rows[i].code);
		assert_string_equal(a.text, rows[i].text);
		assert_string_equal(smtp_answer_enhanced(&a, word), rows[i].enhanced);
	}
}

static void
nul(void **state)
{
	struct smtp_answer a;

	assert_ok(read_one(TEXT("250 a\0b\r\n"), &a));
	assert_string_equal(a.text, "a?b");
}

static void
nonsense(void **state)
{
	static const struct {
		const char *in, *text;
		enum status st;
	} rows[] = {
		{ "hello\r\n", "hello", STATUS_INVALID },
		{ "\r\n", "", STATUS_INVALID },
		{ "25 OK\r\n", "25 OK", STATUS_INVALID },
		{ "2500 OK\r\n", "2500 OK", STATUS_INVALID },
		{ "250_OK\r\n", "250_OK", STATUS_INVALID },
		{ "150 OK\r\n", "150 OK", STATUS_INVALID },
		{ "650 OK\r\n", "650 OK", STATUS_INVALID },
		{ "250-one\r\n550 two\r\n", "550 two", STATUS_INVALID },
		{ "250-one\r\ntwo\r\n", "two", STATUS_INVALID },
		{ "250 OK", "", STATUS_CLOSED },
		{ "250-OK\r\n", "", STATUS_CLOSED },
		{ "", "", STATUS_CLOSED },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct smtp_answer a;

		if (read_one(text_of(rows[i].in), &a) != rows[i].st)
			fail_msg("row %zu", i);
		assert_int_equal(a.code, 0);
		assert_string_equal(a.text, rows[i].text);
	}
}

static enum status
many(const char *line, size_t count, const char *last)
{
	struct buffer in = BUFFER_INIT;
	struct smtp_answer a;
	enum status st;

	for (size_t i = 0; i < count; i++)
		buffer_add_string(&in, line);
	buffer_add_string(&in, last);
	st = read_one(buffer_text(&in), &a);
	if (st == STATUS_OK)
		assert_true(strlen(a.text) <= SMTP_ANSWER_TEXT);
	buffer_done(&in);
	return st;
}

static void
bounds(void **state)
{
	static char line[2 * SMTP_ANSWER_LINE_MAX];

	assert_ok(many("250-x\r\n", SMTP_ANSWER_LINES_MAX - 1, "250 x\r\n"));
	assert_int_equal(many("250-x\r\n", SMTP_ANSWER_LINES_MAX, "250 x\r\n"), STATUS_LIMIT);
	memset(line, 'x', sizeof(line) - 1);
	memcpy(line, "250 ", 4);
	assert_int_equal(many(line, 1, "\r\n"), STATUS_LIMIT);
	assert_int_equal(many(line, 100, ""), STATUS_LIMIT);
	line[SMTP_ANSWER_LINE_MAX - 1] = '\0';
	assert_ok(many(line, 1, "\r\n"));
	memcpy(line, "250-", 4);
	line[SMTP_ANSWER_LINE_MAX - 100] = '\r';
	line[SMTP_ANSWER_LINE_MAX - 99] = '\n';
	line[SMTP_ANSWER_LINE_MAX - 98] = '\0';
	assert_int_equal(many(line, 150, "250 end\r\n"), STATUS_LIMIT);
}

/* The text is cut between characters. */
static void
cut(void **state)
{
	struct buffer in = BUFFER_INIT;
	struct smtp_answer a;

	buffer_add_string(&in, "250 x");
	for (size_t i = 0; i < SMTP_ANSWER_TEXT; i++)
		buffer_add_string(&in, "\xc3\xbc");
	buffer_add_string(&in, "\r\n");
	assert_ok(read_one(buffer_text(&in), &a));
	assert_true(utf8_valid(text_of(a.text)));
	assert_int_equal(strlen(a.text), SMTP_ANSWER_TEXT - 1);
	buffer_done(&in);
}

static void
rest_stays(void **state)
{
	struct buffer sent = BUFFER_INIT, lines = BUFFER_INIT;
	struct smtp_answer a;
	struct stream s;

	stream_init_memory(&s, TEXT("250-\xff one\r\n250 two\r\n354 go\r\n"), &sent);
	assert_ok(smtp_answer_read(&s, &a, &lines));
	assert_text(buffer_text(&lines), "\xff one\ntwo\n");
	assert_ok(smtp_answer_read(&s, &a, NULL));
	assert_int_equal(a.code, 354);
	assert_int_equal(stream_buffered(&s).len, 0);
	stream_done(&s);
	buffer_done(&lines);
	buffer_done(&sent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(nul),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(bounds),
		cmocka_unit_test(cut),
		cmocka_unit_test(rest_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
