/* SPDX-License-Identifier: ISC */
/*
 * What the tests of TLS share: a certificate authority made on the spot, keys
 * that sign as role auth would, and a client that verifies what it gets. For
 * *_test.c files only.
 */
#ifndef RUNTIME_TLS_TESTING_H
#define RUNTIME_TLS_TESTING_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

#include "base/testing.h"
#include "runtime/tls.h"

#define ISSUED_MAX 8

/* One certificate with its key; keys are known by their place here. */
struct issued {
	X509 *leaf;
	struct buffer chain, key_pem;
	struct tls_key *key;
};

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
	struct issued issued[ISSUED_MAX];
	size_t count;
	atomic_uint signatures;
	_Atomic uint16_t last_scheme;
};

UNUSED static void
add_extension(X509 *to, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, to, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(to, e, -1), 1);
	X509_EXTENSION_free(e);
}

UNUSED static X509 *
certificate_of(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, long serial)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	char san[200];

	assert_int_equal(X509_set_version(x, 2), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, issuer == NULL ? subject : X509_get_subject_name(issuer));
	X509_set_pubkey(x, key);
	if (issuer == NULL) {
		add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE");
	} else {
		(void)snprintf(san, sizeof(san), "DNS:%s", name);
		add_extension(x, issuer, NID_subject_alt_name, san);
	}
	assert_true(X509_sign(x, issuer_key, EVP_sha384()) > 0);
	return x;
}

UNUSED static void
pem_of(struct buffer *out, X509 *certificate, EVP_PKEY *key)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *ptr;
	long n;

	if (certificate != NULL)
		assert_int_equal(PEM_write_bio_X509(b, certificate), 1);
	if (key != NULL)
		assert_int_equal(PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(b, &ptr);
	buffer_add(out, ptr, (size_t)n);
	BIO_free(b);
}

/* Types as words: "P-256", "P-384", "RSA", "ED25519". The RSA key is always
 * the same, since making one is slow. */
UNUSED static EVP_PKEY *
key_of_type(const char *type)
{
	static EVP_PKEY *rsa;

	if (strcmp(type, "RSA") == 0) {
		if (rsa == NULL)
			rsa = EVP_RSA_gen(2048);
		EVP_PKEY_up_ref(rsa);
		return rsa;
	}
	if (strcmp(type, "ED25519") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return EVP_EC_gen(type);
}

UNUSED static void
authority_init(struct authority *a)
{
	tls_prepare();
	memset(a, 0, sizeof(*a));
	a->key = key_of_type("P-256");
	a->certificate = certificate_of(a->key, "Test authority", NULL, a->key, 1);
}

/* Gives the place. */
UNUSED static size_t
authority_issue(struct authority *a, const char *type, const char *name)
{
	struct issued *i = &a->issued[a->count];
	EVP_PKEY *key = key_of_type(type);

	assert_non_null(key);
	assert_true(a->count < ISSUED_MAX);
	i->leaf = certificate_of(key, name, a->certificate, a->key, (long)a->count + 2);
	pem_of(&i->chain, i->leaf, NULL);
	pem_of(&i->chain, a->certificate, NULL);
	pem_of(&i->key_pem, NULL, key);
	assert_ok(tls_key_load(buffer_text(&i->key_pem), &i->key, NULL));
	EVP_PKEY_free(key);
	return a->count++;
}

UNUSED static void
authority_done(struct authority *a)
{
	for (size_t i = 0; i < a->count; i++) {
		X509_free(a->issued[i].leaf);
		buffer_done(&a->issued[i].chain);
		buffer_done(&a->issued[i].key_pem);
		tls_key_free(a->issued[i].key);
	}
	X509_free(a->certificate);
	EVP_PKEY_free(a->key);
}

/* A tls_signer. */
UNUSED static enum status
authority_sign(void *arg, uint64_t key, uint16_t scheme, struct text input, struct arena *arena,
    struct text *signature)
{
	struct authority *a = arg;

	atomic_fetch_add(&a->signatures, 1);
	atomic_store(&a->last_scheme, scheme);
	return tls_key_sign(a->issued[key].key, scheme, input, arena, signature);
}

struct choice {
	size_t place;
	const char *names;
};

UNUSED static struct tls_context *
authority_context(
    struct authority *a, const struct choice *choices, size_t count, struct text ticket_key)
{
	struct tls_certificate certificates[ISSUED_MAX];
	struct tls_config config = { certificates, count, ticket_key, authority_sign, a };
	struct tls_context *made = NULL;
	struct failure f = { 0 };

	for (size_t i = 0; i < count; i++)
		certificates[i] = (struct tls_certificate){ choices[i].place,
			buffer_text(&a->issued[choices[i].place].chain),
			text_of(choices[i].names) };
	if (tls_context_new(&config, &made, &f) != STATUS_OK)
		fail_msg("%s: %s", f.client, f.log);
	return made;
}

/* ---- the other side ---- */

UNUSED static SSL_CTX *
client_context(struct authority *a, int version)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());

	assert_non_null(c);
	SSL_CTX_set_min_proto_version(c, version);
	SSL_CTX_set_max_proto_version(c, version);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(c), a->certificate), 1);
	return c;
}

/* name: SNI and what the certificate must be for; NULL: no SNI, any name. */
UNUSED static SSL *
client_on(SSL_CTX *c, int fd, const char *name)
{
	SSL *ssl = SSL_new(c);

	assert_non_null(ssl);
	if (name != NULL) {
		SSL_set_tlsext_host_name(ssl, name);
		SSL_set1_host(ssl, name);
	}
	SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	return ssl;
}

#endif
