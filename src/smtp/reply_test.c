/* SPDX-License-Identifier: ISC */
/* Replies: the table is consistent, and a line is a line whatever is put into it. */
#include "base/testing.h"

#include "smtp/reply.h"

static struct text
written(enum smtp_reply id, struct smtp_reply_parts parts, struct buffer *out)
{
	struct stream s;

	buffer_clear(out);
	stream_init_memory(&s, TEXT_EMPTY, out);
	smtp_reply_write(&s, id, &parts);
	assert_ok(stream_flush(&s));
	stream_done(&s);
	return buffer_text(out);
}

static void
codes_and_enhanced_codes_agree(void **state)
{
	for (unsigned i = REPLY_NONE + 1; i < REPLY_COUNT; i++) {
		const struct smtp_reply_row *r = smtp_reply_row((enum smtp_reply)i);
		struct text words = text_of(r->words);

		assert_true(r->code >= 211 && r->code <= 555);
		/* RFC 3463 3.1: the class is that of the code. */
		if (r->enhanced[0] != '\0')
			assert_int_equal(r->enhanced[0], '0' + (char)(r->code / 100));
		else
			assert_true(r->code == 220 || r->code == 250 || r->code == 354);
		assert_true(words.len > 0 && words.len < 120);
		for (size_t c = 0; c < words.len; c++)
			assert_in_range(words.ptr[c], ' ', '~');
	}
}

static void
parts_take_their_places(void **state)
{
	struct buffer out = BUFFER_INIT;

	assert_text(written(REPLY_BYE, (struct smtp_reply_parts){ .detail = TEXT_EMPTY }, &out),
	    "221 2.0.0 Goodbye\r\n");
	assert_text(
	    written(REPLY_DELIVERED, (struct smtp_reply_parts){ .detail = TEXT("x7") }, &out),
	    "250 2.0.0 Delivered as x7\r\n");
	assert_text(
	    written(REPLY_DELIVERED,
		(struct smtp_reply_parts){ .detail = TEXT("x7"), .recipient = TEXT("a@b") }, &out),
	    "250 2.0.0 <a@b> Delivered as x7\r\n");
	assert_text(written(REPLY_NOT_FOR_YOU,
			(struct smtp_reply_parts){ .words = TEXT("No {} here") }, &out),
	    "550 5.7.1 No {} here\r\n");
	assert_text(
	    written(REPLY_GREETING, (struct smtp_reply_parts){ .detail = TEXT("mx.test") }, &out),
	    "220 mx.test ESMTP Mailstead\r\n");
	buffer_done(&out);
}

static void
a_line_stays_a_line(void **state)
{
	struct buffer out = BUFFER_INIT;
	char huge[3000];
	struct text t;

	t = written(
	    REPLY_SYNTAX, (struct smtp_reply_parts){ .detail = TEXT("a\r\n250 ok\0\377") }, &out);
	assert_text(t, "501 5.5.4 That is not how it is written: a??250 ok??\r\n");
	memset(huge, 'a', sizeof(huge));
	t = written(REPLY_SYNTAX,
	    (struct smtp_reply_parts){
		.detail = { huge, sizeof(huge) }, .recipient = { huge, sizeof(huge) } },
	    &out);
	assert_int_equal(t.len, REPLY_LINE_MAX);
	assert_true(text_ends(t, TEXT("a\r\n")));
	buffer_done(&out);
}

static void
lines_of_several(void **state)
{
	struct buffer out = BUFFER_INIT;
	struct stream s;

	stream_init_memory(&s, TEXT_EMPTY, &out);
	smtp_reply_line(&s, REPLY_HELLO, false, TEXT("one"));
	smtp_reply_line(&s, REPLY_HELP, true, TEXT("two"));
	assert_ok(stream_flush(&s));
	assert_text(buffer_text(&out), "250-one\r\n214 2.0.0 two\r\n");
	stream_done(&s);
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_and_enhanced_codes_agree),
		cmocka_unit_test(parts_take_their_places),
		cmocka_unit_test(a_line_stays_a_line),
		cmocka_unit_test(lines_of_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
