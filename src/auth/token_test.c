/* SPDX-License-Identifier: ISC */
/* Tokens: what was made is taken, and every changed octet is refused. */
#include "auth/token.h"

#include "base/testing.h"

#define KEY TEXT("0123456789abcdef0123456789abcdef")

static const struct token sample = {
	.account = 0x1122334455667788u, .generation = 7, .scope = SCOPE_ALL, .expires = 2000
};

static void
round_trip(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct token t = { 0 };

	token_make(KEY, &sample, &b);
	assert_int_equal(b.len, TOKEN_LENGTH);
	assert_int_equal(token_check(KEY, buffer_text(&b), 1999, &t), STATUS_OK);
	assert_true(t.account == sample.account);
	assert_int_equal(t.generation, 7);
	assert_int_equal(t.scope, SCOPE_ALL);
	assert_int_equal(t.expires, 2000);
	buffer_done(&b);
}

static void
expired(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct token t = { .account = 5 };

	token_make(KEY, &sample, &b);
	assert_int_equal(token_check(KEY, buffer_text(&b), 2000, &t), STATUS_DENIED);
	assert_int_equal(t.account, 5);
	buffer_done(&b);
}

static void
every_octet_counts(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct token t = { 0 };

	token_make(KEY, &sample, &b);
	for (size_t i = 0; i < b.len; i++) {
		b.ptr[i] = (char)(b.ptr[i] ^ 1);
		assert_int_equal(token_check(KEY, buffer_text(&b), 0, &t), STATUS_DENIED);
		b.ptr[i] = (char)(b.ptr[i] ^ 1);
	}
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(
		    token_check(KEY, text_part(buffer_text(&b), 0, n), 0, &t), STATUS_DENIED);
	assert_int_equal(token_check(KEY, buffer_text(&b), 0, &t), STATUS_OK);
	assert_int_equal(
	    token_check(TEXT("another key, of the right length"), buffer_text(&b), 0, &t),
	    STATUS_DENIED);
	buffer_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(expired),
		cmocka_unit_test(every_octet_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
