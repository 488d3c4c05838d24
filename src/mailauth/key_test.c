/* SPDX-License-Identifier: ISC */
/* Key records (RFC 6376 3.6.1, RFC 8463 4), and keys of our own. */
#include "mailauth/testing_mail.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static struct arena arena;

static void
good_records(void **state)
{
	struct dkim_public k;
	const char *why;

	assert_ok(dkim_record_parse(TEXT(RECORD_RSA), &arena, &k, &why));
	assert_int_equal(k.algorithm, DKIM_RSA_SHA256);
	assert_int_equal(k.bits, 1024);
	assert_false(k.testing || k.strict || k.revoked);
	assert_ok(dkim_record_parse(
	    TEXT(RECORD_ED25519 "; t=s : y; h=sha1:sha256; s=email; n=x"), &arena, &k, &why));
	assert_int_equal(k.algorithm, DKIM_ED25519_SHA256);
	assert_true(k.testing && k.strict);
	assert_ok(dkim_record_parse(TEXT("p="), &arena, &k, &why));
	assert_true(k.revoked);
	arena_done(&arena);
}

static const struct {
	const char *record, *why;
} bad[] = {
	{ "", "the record is malformed" },
	{ "v=DKIM1", "the record has no key" },
	{ "v=DKIM2; p=", "the record is of another version" },
	{ "p=; v=DKIM1", "the record is of another version" },
	{ "v=DKIM1; k=dsa; p=AAAA", "the key is of an unknown type" },
	{ "v=DKIM1; h=sha1; p=AAAA", "the key does not allow sha256" },
	{ "v=DKIM1; s=tls; p=AAAA", "the key is not for mail" },
	{ "v=DKIM1; p=*", "the key is not base64" },
	{ "v=DKIM1; p=AAAA", "the key does not decode" },
	{ "v=DKIM1; k=ed25519; p=AAAA", "the key does not decode" },
	/* An elliptic curve's key where RSA is said. */
	{ "v=DKIM1; k=rsa; p=MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	    "the key does not decode" },
	/* 512 bits (RFC 8301 3.2). */
	{ "v=DKIM1; k=rsa; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKdxfTxABW77A6jdTUGy3X8NIg8gLqpS"
	  "nt8GHXTkWMB3IyPcNZjeOqtAWBYLCrWf8Nph02maJiR3dUVcOO+4DakCAwEAAQ==",
	    "the key is too short" },
};

static void
bad_records(void **state)
{
	struct dkim_public k = { .bits = 77 };
	const char *why;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(
		    dkim_record_parse(text_of(bad[i].record), &arena, &k, &why), STATUS_INVALID);
		assert_string_equal(why, bad[i].why);
	}
	assert_int_equal(k.bits, 77);
	arena_done(&arena);
}

static void
long_record(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct dkim_public k;
	const char *why;

	buffer_add_string(&b, RECORD_ED25519 "; n=");
	while (b.len < DKIM_RECORD_MAX)
		buffer_add_byte(&b, 'x');
	assert_ok(dkim_record_parse(buffer_text(&b), &arena, &k, &why));
	buffer_add_byte(&b, 'x');
	assert_int_equal(dkim_record_parse(buffer_text(&b), &arena, &k, &why), STATUS_LIMIT);
	buffer_done(&b);
	arena_done(&arena);
}

/* RSAPublicKey without its wrapping, as RFC 6376 3.6.1 words it. */
static void
bare_rsa_key(void **state)
{
	EVP_PKEY *key = EVP_RSA_gen(1024);
	unsigned char *der = NULL;
	int len = i2d_PublicKey(key, &der);
	struct buffer b = BUFFER_INIT;
	struct dkim_public k;
	const char *why;

	buffer_add_string(&b, "p=");
	base64_encode(&b, (struct text){ (const char *)der, (size_t)len });
	assert_ok(dkim_record_parse(buffer_text(&b), &arena, &k, &why));
	assert_int_equal(k.bits, 1024);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	buffer_done(&b);
	arena_done(&arena);
}

static void
sign_and_verify(enum dkim_algorithm algorithm)
{
	struct dkim_private *key = new_key(algorithm), *other = new_key(algorithm);
	uint8_t digest[DIGEST_LENGTH] = { 1, 2, 3 };
	struct buffer signature = BUFFER_INIT;
	struct dkim_public public, others;
	const char *why;

	assert_int_equal(dkim_private_algorithm(key), algorithm);
	dkim_private_sign(key, digest, &signature);
	assert_ok(dkim_record_parse(record_of(key, &arena), &arena, &public, &why));
	assert_ok(dkim_record_parse(record_of(other, &arena), &arena, &others, &why));
	assert_true(dkim_public_verify(&public, digest, buffer_text(&signature)));
	assert_false(dkim_public_verify(&others, digest, buffer_text(&signature)));
	signature.ptr[5] ^= 1;
	assert_false(dkim_public_verify(&public, digest, buffer_text(&signature)));
	signature.ptr[5] ^= 1;
	digest[0] ^= 1;
	assert_false(dkim_public_verify(&public, digest, buffer_text(&signature)));
	public.revoked = true;
	digest[0] ^= 1;
	assert_false(dkim_public_verify(&public, digest, buffer_text(&signature)));
	buffer_done(&signature);
	dkim_private_free(key);
	dkim_private_free(other);
	arena_done(&arena);
}

static void
our_keys(void **state)
{
	struct dkim_private *key = NULL;

	sign_and_verify(DKIM_RSA_SHA256);
	sign_and_verify(DKIM_ED25519_SHA256);
	assert_int_equal(dkim_private_load(TEXT("no key"), &key), STATUS_CORRUPT);
	assert_null(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_records),
		cmocka_unit_test(bad_records),
		cmocka_unit_test(long_record),
		cmocka_unit_test(bare_rsa_key),
		cmocka_unit_test(our_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
