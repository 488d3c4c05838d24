/* SPDX-License-Identifier: ISC */
/*
 * Keys of DKIM and ARC. Public ones: the text of a DNS record (RFC 6376 3.6.1,
 * RFC 8463 4) and checking a signature with it. Private ones: made, kept and
 * used as octets of PKCS #8; only role auth has any. All pure functions.
 */
#ifndef MAILAUTH_KEY_H
#define MAILAUTH_KEY_H

#include "base/arena.h"
#include "base/buffer.h"
#include "mailauth/message.h"

enum dkim_algorithm { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };

/* "rsa-sha256", "ed25519-sha256" */
struct text dkim_algorithm_name(enum dkim_algorithm algorithm);
/* The value of a=, or any value that is one of those. NOT_FOUND: another one,
 * rsa-sha1 too (RFC 8301 3.1). */
enum status dkim_algorithm_parse(struct text name, enum dkim_algorithm *out) MUST_CHECK;

#define DKIM_RECORD_MAX 4096   /* octets of a record's joined strings */
#define DKIM_RSA_BITS_MIN 1024 /* RFC 8301 3.2 */
#define DKIM_RSA_BITS_MAX 4096
#define DKIM_RSA_EXPONENT_BITS_MAX 64 /* so that checking costs what it should */

struct dkim_public {
	enum dkim_algorithm algorithm;
	unsigned bits;	      /* of the modulus; 256 for Ed25519 */
	bool revoked;	      /* p= is empty: all else is not set */
	bool testing, strict; /* t=y, t=s */
	struct text key;      /* decoded p= */
	void *decoded;	      /* the same for who verifies; freed with the arena */
};

/* A key record, its strings joined without anything between. INVALID with why
 * set to words for a verdict: syntax, another version, key type or service, a
 * hash that is not allowed, a key that does not decode or is too short or
 * long; LIMIT (with why): a longer record. Decoding costs more than a check. */
enum status dkim_record_parse(
    struct text record, struct arena *a, struct dkim_public *out, const char **why) MUST_CHECK;
/* Whether signature is this key's over digest (RFC 8017 8.2.2; RFC 8463 3: Ed25519
 * signs the digest). False for a revoked key. */
bool dkim_public_verify(
    const struct dkim_public *key, const uint8_t digest[DIGEST_LENGTH], struct text signature);

/* A new private key in PKCS #8 (RFC 5208 5; RFC 8410 7) at the end of out,
 * which is a secret. bits: of RSA, 2048 to 4096; ignored for Ed25519. About
 * 0.1 s of CPU for RSA of 2048 bits. */
void dkim_private_generate(enum dkim_algorithm algorithm, unsigned bits, struct buffer *out);
/* The kind of a private key. CORRUPT: it does not decode, or is of no such kind. */
struct dkim_private;
enum status dkim_private_load(struct text pkcs8, struct dkim_private **out) MUST_CHECK;
void dkim_private_free(struct dkim_private *key);
enum dkim_algorithm dkim_private_algorithm(const struct dkim_private *key);
/* "v=DKIM1; k=rsa; p=...": what is to be published. */
void dkim_private_record(const struct dkim_private *key, struct buffer *out);
/* May be called by several threads at once. */
void dkim_private_sign(
    const struct dkim_private *key, const uint8_t digest[DIGEST_LENGTH], struct buffer *out);

#endif
