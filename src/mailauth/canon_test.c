/* SPDX-License-Identifier: ISC */
/* Canonical forms: the examples of RFC 6376 3.4.5, the edges of 3.4.3 and
 * 3.4.4, pieces cut at every place, and hashes of a part of the body. */
#include "mailauth/testing_mail.h"

#include <openssl/sha.h>

#include "mailauth/canon.h"

static void
collect(void *arg, const char *octets, size_t n)
{
	buffer_add(arg, octets, n);
}

static struct buffer out;

static struct text
body_in_pieces(enum canon canon, struct text body, size_t step)
{
	struct canon_sink sink;
	struct canon_body b;

	buffer_clear(&out);
	canon_sink_init(&sink, collect, &out);
	canon_body_init(&b, canon, &sink);
	for (size_t at = 0; at < body.len; at += step)
		canon_body_feed(&b, text_part(body, at, at + step));
	canon_body_end(&b);
	return buffer_text(&out);
}

static const struct {
	enum canon canon;
	const char *body, *canonical;
} bodies[] = {
	/* RFC 6376 3.4.5 */
	{ CANON_RELAXED, " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n" },
	{ CANON_SIMPLE, " C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n" },
	/* RFC 6376 3.4.3, 3.4.4: nothing, and no line end */
	{ CANON_SIMPLE, "", "\r\n" },
	{ CANON_RELAXED, "", "" },
	{ CANON_SIMPLE, "\r\n\r\n", "\r\n" },
	{ CANON_RELAXED, "\r\n\r\n", "" },
	{ CANON_RELAXED, " \t\r\n  ", "" },
	{ CANON_SIMPLE, "x", "x\r\n" },
	{ CANON_RELAXED, "x \t", "x\r\n" },
	{ CANON_RELAXED, "\r\n x\r\n\t\r\ny", "\r\n x\r\n\r\ny\r\n" },
	{ CANON_SIMPLE, "\r\n x\r\n\t\r\ny\r\n", "\r\n x\r\n\t\r\ny\r\n" },
	/* CR and LF that are no line end mean themselves. */
	{ CANON_RELAXED, "a\rb \n c\r\r\n", "a\rb \n c\r\r\n" },
	{ CANON_SIMPLE, "a\rb\nc\r\r\n", "a\rb\nc\r\r\n" },
	{ CANON_SIMPLE, "a\r", "a\r\r\n" },
	{ CANON_RELAXED, "a \r", "a \r\r\n" },
};

static void
bodies_in_pieces(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		for (size_t step = 1; step < 20; step++) {
			struct text got =
			    body_in_pieces(bodies[i].canon, text_of(bodies[i].body), step);

			if (!text_equal(got, text_of(bodies[i].canonical)))
				fail_msg(
				    "body %zu in steps of %zu: \"%.*s\"", i, step, TEXT_ARG(got));
		}
	buffer_done(&out);
}

static const struct {
	enum canon canon;
	const char *field, *canonical;
} fields[] = {
	/* RFC 6376 3.4.5 */
	{ CANON_RELAXED, "A: X\r\n", "a:X\r\n" },
	{ CANON_RELAXED, "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n" },
	{ CANON_SIMPLE, "A: X\r\n", "A: X\r\n" },
	{ CANON_SIMPLE, "B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n" },
	{ CANON_RELAXED, "C:\r\n", "c:\r\n" },
	{ CANON_RELAXED, "C: \r\n \r\n", "c:\r\n" },
	{ CANON_RELAXED, "C:a\n b", "c:a b\r\n" },
	{ CANON_SIMPLE, "C:a\n b", "C:a\r\n b\r\n" },
	{ CANON_RELAXED, "C:a\r b:c\r\n", "c:a\r b:c\r\n" },
};

static void
header_fields(void **state)
{
	struct canon_sink sink;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		canon_sink_init(&sink, collect, &out);
		buffer_clear(&out);
		canon_field(&sink, fields[i].canon, text_of(fields[i].field), TEXT_EMPTY, true);
		canon_sink_flush(&sink);
		if (!text_equal(buffer_text(&out), text_of(fields[i].canonical)))
			fail_msg("field %zu: \"%s\"", i, buffer_string(&out));
	}
	buffer_done(&out);
}

/* RFC 6376 3.7: without the value of b= and without the last CRLF. */
static void
field_with_a_hole(void **state)
{
	const struct text field = TEXT("S: a=1;\r\n b= xx\r\n yy ; c=2 \r\n");
	const struct text last = TEXT("S: a=1;\r\n b=xx\r\n yy\r\n");
	struct canon_sink sink;

	canon_sink_init(&sink, collect, &out);
	canon_field(&sink, CANON_RELAXED, field, text_part(field, 12, 21), false);
	canon_sink_flush(&sink);
	assert_text(buffer_text(&out), "s:a=1; b=; c=2");
	buffer_clear(&out);
	canon_field(&sink, CANON_SIMPLE, field, text_part(field, 12, 21), false);
	canon_sink_flush(&sink);
	assert_text(buffer_text(&out), "S: a=1;\r\n b=; c=2 ");
	buffer_clear(&out);
	canon_field(&sink, CANON_RELAXED, last, text_part(last, 12, last.len), false);
	canon_sink_flush(&sink);
	assert_text(buffer_text(&out), "s:a=1; b=");
	buffer_done(&out);
}

/* l= counts canonical octets (RFC 6376 3.5); each length is the hash of what a
 * copy of that part hashes to, over several flushes of the sink. */
static void
hashes_of_parts(void **state)
{
	static const uint64_t lengths[] = { 0, 1, CANON_HOLD - 1, CANON_HOLD, CANON_HOLD + 1, 3000,
		5002, 5003 };
	struct arena a = ARENA_INIT;
	struct buffer body = BUFFER_INIT;
	struct signed_message m;
	uint8_t want[DIGEST_LENGTH];

	for (int i = 0; i < 5000; i++)
		buffer_add_byte(&body, (char)('a' + i % 26));
	buffer_add_string(&body, "  \r\n\r\n");
	signed_message_init(&m, TEXT("From: x\r\n"), &a);
	for (uint32_t i = 0; i < ARRAY_LEN(lengths); i++)
		assert_int_equal(signed_message_want(&m, CANON_RELAXED, lengths[i]), i);
	assert_int_equal(signed_message_want(&m, CANON_RELAXED, lengths[3]), 3);
	assert_int_equal(signed_message_want(&m, CANON_RELAXED, MESSAGE_WHOLE), 8);
	feed(&m, buffer_text(&body), 333);
	buffer_cut(&body, 5000);
	buffer_add_string(&body, "\r\n");
	for (uint32_t i = 0; i < 7; i++) {
		const struct message_hash *h = signed_message_hash(&m, i);

		SHA256((const uint8_t *)body.ptr, (size_t)lengths[i], want);
		assert_true(h->known);
		assert_int_equal(h->partial, lengths[i] < 5002);
		assert_memory_equal(h->digest, want, DIGEST_LENGTH);
	}
	assert_false(signed_message_hash(&m, 7)->known);
	assert_memory_equal(signed_message_hash(&m, 8)->digest, want, DIGEST_LENGTH);
	buffer_done(&body);
	arena_done(&a);
}

static void
hashes_are_bounded(void **state)
{
	struct arena a = ARENA_INIT;
	struct signed_message m;

	signed_message_init(&m, TEXT("From: x\r\n"), &a);
	for (uint32_t i = 0; i < MESSAGE_HASHES_MAX; i++)
		assert_int_equal(signed_message_want(&m, CANON_SIMPLE, i), i);
	assert_int_equal(signed_message_want(&m, CANON_SIMPLE, 99), MESSAGE_NO_HASH);
	assert_int_equal(signed_message_want(&m, CANON_SIMPLE, 3), 3);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_in_pieces),
		cmocka_unit_test(header_fields),
		cmocka_unit_test(field_with_a_hole),
		cmocka_unit_test(hashes_of_parts),
		cmocka_unit_test(hashes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
