/* SPDX-License-Identifier: ISC */
/* Tokens: what was made is taken, and every changed octet is refused. */
#include "auth/token.h"

#include <openssl/hmac.h>
#include <pthread.h>

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
	assert_int_equal(token_check(KEY, buffer_text(&b), 1999, &t), STATUS_OK);
	assert_int_equal(token_check(KEY, buffer_text(&b), 2000, &t), STATUS_DENIED);
	buffer_done(&b);
}

/* Accounts that are remembered in one place, by turns. */
static void
two_in_one_place(void **state)
{
	struct token other = sample, t = { 0 };
	struct buffer b[2] = { BUFFER_INIT, BUFFER_INIT };

	other.account ^= UINT64_C(1) << 40;
	token_make(KEY, &sample, &b[0]);
	token_make(KEY, &other, &b[1]);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(token_check(KEY, buffer_text(&b[i % 2]), 0, &t), STATUS_OK);
		assert_true(t.account == (i % 2 == 0 ? sample : other).account);
		assert_int_equal(token_check(KEY, buffer_text(&b[i % 2]), 0, &t), STATUS_OK);
	}
	buffer_done(&b[0]);
	buffer_done(&b[1]);
}

static void
every_octet_counts(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct token t = { 0 };

	token_make(KEY, &sample, &b);
	for (size_t i = 0; i < 2 * b.len; i++) {
		if (i == b.len) /* and once more beside the right one, which is remembered */
			assert_int_equal(token_check(KEY, buffer_text(&b), 0, &t), STATUS_OK);
		b.ptr[i % b.len] = (char)(b.ptr[i % b.len] ^ 1);
		assert_int_equal(token_check(KEY, buffer_text(&b), 0, &t), STATUS_DENIED);
		b.ptr[i % b.len] = (char)(b.ptr[i % b.len] ^ 1);
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

/* Against OpenSSL's own way, with another key each time. */
static void
many_keys(void **state)
{
	for (unsigned i = 0; i < 64; i++) {
		char key[] = "0123456789abcdef0123456789abcdef";
		unsigned char mac[EVP_MAX_MD_SIZE];
		struct buffer b = BUFFER_INIT;
		struct token t;
		unsigned len;

		key[i % 32] = (char)('A' + i / 4);
		token_make(text_of(key), &sample, &b);
		assert_non_null(HMAC(
		    EVP_sha256(), key, 32, (unsigned char *)b.ptr, TOKEN_LENGTH - 16, mac, &len));
		assert_memory_equal(b.ptr + TOKEN_LENGTH - 16, mac, 16);
		assert_int_equal(token_check(text_of(key), buffer_text(&b), 0, &t), STATUS_OK);
		assert_int_equal(token_check(KEY, buffer_text(&b), 0, &t), STATUS_DENIED);
		buffer_done(&b);
	}
}

static void *
make_and_check(void *arg)
{
	for (unsigned i = 0; i < 8; i++)
		many_keys(NULL);
	return NULL;
}

static void
many_threads(void **state)
{
	pthread_t thread[4];

	for (unsigned i = 0; i < ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, make_and_check, NULL), 0);
	for (unsigned i = 0; i < ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(expired),
		cmocka_unit_test(two_in_one_place),
		cmocka_unit_test(every_octet_counts),
		cmocka_unit_test(many_keys),
		cmocka_unit_test(many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
