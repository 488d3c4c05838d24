/* SPDX-License-Identifier: ISC */
/*
 * What the files of TLS share: tls.c (contexts, facts), tls_provider.c (keys
 * that sign elsewhere), tls_key.c (keys that are here), stream_tls.c (the
 * stream). Nobody else includes this.
 */
#ifndef RUNTIME_TLS_PRIVATE_H
#define RUNTIME_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "runtime/tls.h"

/* TLS SignatureScheme values (RFC 8446 4.2.3): scheme, key, padding, digest.
 * In TLS 1.2 the ECDSA rows stand for any curve (RFC 8446 4.2.3). */
#define TLS_SCHEMES(X)                        \
	X(0x0401, RSA, PKCS1, "SHA2-256")     \
	X(0x0501, RSA, PKCS1, "SHA2-384")     \
	X(0x0601, RSA, PKCS1, "SHA2-512")     \
	X(0x0804, RSA, PSS, "SHA2-256")       \
	X(0x0805, RSA, PSS, "SHA2-384")       \
	X(0x0806, RSA, PSS, "SHA2-512")       \
	X(0x0403, EC, NO_PADDING, "SHA2-256") \
	X(0x0503, EC, NO_PADDING, "SHA2-384") \
	X(0x0603, EC, NO_PADDING, "SHA2-512") \
	X(0x0807, ED25519, NO_PADDING, NULL)

enum tls_key_type { TLS_KEY_RSA, TLS_KEY_EC, TLS_KEY_ED25519, TLS_KEY_TYPES };
enum tls_padding { TLS_NO_PADDING, TLS_PKCS1, TLS_PSS };

struct tls_scheme {
	uint16_t number;
	enum tls_key_type key;
	enum tls_padding padding;
	const char *digest; /* NULL: signs the message itself */
};

/* NULL if there is none. A digest is meant by any of its OpenSSL names. */
const struct tls_scheme *tls_scheme_of(uint16_t number);
const struct tls_scheme *tls_scheme_find(
    enum tls_key_type key, enum tls_padding padding, const char *digest);
/* The type of a key of ours; false for others. */
bool tls_key_type_of(const EVP_PKEY *key, enum tls_key_type *out);

/* A stand-in for the private key that belongs to this public one: OpenSSL
 * takes it for a whole key, and its signatures are made by config->sign. NULL
 * if the type is none of ours. Freed as any key. */
EVP_PKEY *tls_provider_key(EVP_PKEY *public, uint64_t number, tls_signer sign, void *arg);
/* Loads the provider; by tls_prepare. */
void tls_provider_prepare(void);

/* A connection of ours to be, by the context's default certificate. */
SSL *tls_context_ssl(struct tls_context *c);
/* The connection of a stream. */
SSL *stream_tls_ssl(const struct stream *s);
/* The whole handshake of a connection whose side is set; takes ssl and, unless
 * it is NULL, the reference to the context, also when it fails. */
enum status stream_tls_run(
    struct stream *s, struct tls_context *context, SSL *ssl, struct failure *f) MUST_CHECK;
/* What all connections keep to, whichever side is ours: versions, ciphers,
 * groups, modes. False when OpenSSL refuses. */
bool tls_common_rules(SSL_CTX *ssl);
/* The words of OpenSSL's oldest error, which are forgotten with all others. */
const char *tls_error_words(char out[256]);

/* PEM certificates, one after the other, NULL at the end or at nonsense. */
X509 *tls_pem_next(BIO *in);

#endif
