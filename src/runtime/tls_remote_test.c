/* SPDX-License-Identifier: ISC */
/* Whole handshakes with keys whose private half is elsewhere: every kind of
 * key, TLS 1.2 and 1.3, with a client that verifies the certificate. */
#include "runtime/tls_remote.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>

#include "base/buffer.h"
#include "base/testing.h"

struct site {
	X509 *leaf;
	struct buffer key_pem, chain_pem;
	struct tls_key *key; /* as role auth has it */
	unsigned signatures;
	bool refuse;
};

static enum status
sign(void *arg, uint64_t key, uint16_t scheme, struct text input, struct arena *a,
    struct text *signature)
{
	struct site *s = arg;

	assert_int_equal(key, 42);
	s->signatures++;
	return s->refuse ? STATUS_UNAVAILABLE : tls_key_sign(s->key, scheme, input, a, signature);
}

static void
take_bio(BIO *bio, struct buffer *out)
{
	char *bytes;
	long len = BIO_get_mem_data(bio, &bytes);

	buffer_add(out, bytes, (size_t)len);
	BIO_free(bio);
}

static void
site_make(struct site *s, EVP_PKEY *key)
{
	BIO *key_bio = BIO_new(BIO_s_mem()), *chain_bio = BIO_new(BIO_s_mem());
	bool ed25519 = EVP_PKEY_is_a(key, "ED25519");

	*s = (struct site){ .leaf = X509_new() };
	assert_true(X509_set_version(s->leaf, 2));
	assert_true(ASN1_INTEGER_set(X509_get_serialNumber(s->leaf), 1));
	assert_true(X509_NAME_add_entry_by_txt(X509_get_subject_name(s->leaf), "CN", MBSTRING_ASC,
	    (const unsigned char *)"mail.test", -1, -1, 0));
	assert_true(X509_set_issuer_name(s->leaf, X509_get_subject_name(s->leaf)));
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(s->leaf), -60));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(s->leaf), 3600));
	assert_true(X509_set_pubkey(s->leaf, key));
	assert_true(X509_sign(s->leaf, key, ed25519 ? NULL : EVP_sha256()));
	assert_true(PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL));
	assert_true(PEM_write_bio_X509(chain_bio, s->leaf));
	take_bio(key_bio, &s->key_pem);
	take_bio(chain_bio, &s->chain_pem);
	assert_ok(tls_key_load(buffer_text(&s->key_pem), &s->key, NULL));
	assert_ok(tls_key_matches(s->key, buffer_text(&s->chain_pem)));
	EVP_PKEY_free(key);
}

static void
site_free(struct site *s)
{
	tls_key_free(s->key);
	X509_free(s->leaf);
	buffer_done(&s->key_pem);
	buffer_done(&s->chain_pem);
}

static SSL *
server_new(struct site *s, int version, SSL_CTX **context)
{
	EVP_PKEY *key = tls_remote_key(s->leaf, 42, sign, s);
	SSL_CTX *c = SSL_CTX_new_ex(tls_library(), NULL, TLS_server_method());

	assert_non_null(key);
	assert_true(SSL_CTX_set_min_proto_version(c, version));
	assert_true(SSL_CTX_set_max_proto_version(c, version));
	assert_int_equal(SSL_CTX_use_certificate(c, s->leaf), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(c, key), 1);
	assert_int_equal(SSL_CTX_check_private_key(c), 1);
	EVP_PKEY_free(key);
	*context = c;
	return SSL_new(c);
}

/* True when both ends finished. */
static bool
handshake(SSL *server, SSL *client)
{
	int a = 0, b = 0;

	for (int i = 0; i < 20 && (a != 1 || b != 1); i++) {
		if (b != 1)
			b = SSL_connect(client);
		if (a != 1)
			a = SSL_accept(server);
	}
	return a == 1 && b == 1;
}

static bool
meet(struct site *s, int version, const char *client_signatures)
{
	SSL_CTX *server_context, *client_context = SSL_CTX_new(TLS_client_method());
	SSL *server = server_new(s, version, &server_context), *client;
	BIO *one, *two;
	bool done;

	assert_true(X509_STORE_add_cert(SSL_CTX_get_cert_store(client_context), s->leaf));
	SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
	if (client_signatures != NULL)
		assert_true(SSL_CTX_set1_sigalgs_list(client_context, client_signatures));
	client = SSL_new(client_context);
	assert_true(BIO_new_bio_pair(&one, 65536, &two, 65536));
	SSL_set_bio(server, one, one);
	SSL_set_bio(client, two, two);
	done = handshake(server, client);
	SSL_free(server);
	SSL_free(client);
	SSL_CTX_free(server_context);
	SSL_CTX_free(client_context);
	return done;
}

static void
every_kind(EVP_PKEY *key, const char *const *client_signatures)
{
	struct site s;

	assert_non_null(key);
	site_make(&s, key);
	for (; *client_signatures != NULL; client_signatures++) {
		s.signatures = 0;
		assert_true(meet(&s, TLS1_2_VERSION, *client_signatures));
		assert_int_equal(s.signatures, 1);
	}
	s.signatures = 0;
	assert_true(meet(&s, TLS1_3_VERSION, NULL));
	assert_int_equal(s.signatures, 1);
	/* Auth is away: a clean failure. */
	s.refuse = true;
	assert_false(meet(&s, TLS1_3_VERSION, NULL));
	site_free(&s);
}

static void
ec_keys(void **state)
{
	static const char *const algorithms[] = { "ECDSA+SHA256", "ECDSA+SHA384", NULL };

	every_kind(EVP_EC_gen("P-256"), algorithms);
	every_kind(EVP_EC_gen("P-384"), algorithms);
}

static void
rsa_keys(void **state)
{
	static const char *const algorithms[] = { "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha512",
		"RSA+SHA256:rsa_pss_rsae_sha256", "RSA+SHA384", NULL };

	every_kind(EVP_RSA_gen(2048), algorithms);
}

static void
ed25519_keys(void **state)
{
	static const char *const algorithms[] = { "ed25519", NULL };

	every_kind(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), algorithms);
}

static void
what_is_no_key(void **state)
{
	struct tls_key *key;
	struct text signature;
	struct arena a = ARENA_INIT;
	struct failure f;
	struct site one, two;

	assert_int_equal(tls_key_load(TEXT("not a key"), &key, &f), STATUS_INVALID);
	assert_true(f.client[0] != '\0');
	site_make(&one, EVP_EC_gen("P-256"));
	site_make(&two, EVP_EC_gen("P-256"));
	assert_int_equal(tls_key_matches(one.key, buffer_text(&two.chain_pem)), STATUS_INVALID);
	assert_int_equal(tls_key_matches(one.key, TEXT("")), STATUS_INVALID);
	assert_int_equal(tls_key_sign(one.key, 0x0804, TEXT("x"), &a, &signature), STATUS_INVALID);
	assert_int_equal(tls_key_sign(one.key, 0x0403, TEXT("x"), &a, &signature), STATUS_INVALID);
	assert_int_equal(tls_key_sign(one.key, 0x9999, TEXT("x"), &a, &signature), STATUS_INVALID);
	site_free(&one);
	site_free(&two);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ec_keys),
		cmocka_unit_test(rsa_keys),
		cmocka_unit_test(ed25519_keys),
		cmocka_unit_test(what_is_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
