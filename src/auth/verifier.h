/* SPDX-License-Identifier: ISC */
/*
 * Password verifiers: what is kept instead of a password. A verifier made here
 * has an Argon2id hash (RFC 9106; m = 19 MiB, t = 2, p = 1) and the keys of
 * SCRAM-SHA-256 (RFC 5802 3, RFC 7677). One that was brought along has what it
 * came with, and is made anew at the next sign-in that shows the password.
 * Stored sealed (auth/seal.h), since SCRAM's keys are far cheaper to guess.
 */
#ifndef AUTH_VERIFIER_H
#define AUTH_VERIFIER_H

#include "base/arena.h"
#include "base/buffer.h"

#define SCRAM_KEY 32
#define SCRAM_ITERATIONS 10000

struct verifier {
	struct text hash; /* "$argon2id$..." or a crypt(3) hash; empty: none */
	bool has_scram;
	uint32_t iterations;
	struct text salt;
	uint8_t stored_key[SCRAM_KEY];
	uint8_t server_key[SCRAM_KEY];
};

/* From a password. LIMIT: longer than PREP_MAX; INVALID: empty. */
enum status verifier_of_password(
    struct text password, struct arena *a, struct verifier *out, struct failure *f) MUST_CHECK;
/* From a ready hash: $argon2id$, $y$, $6$, $2b$ (also $2a$, $2y$), or
 * SCRAM-SHA-256$iterations:salt$stored:server. INVALID with words. */
enum status verifier_of_hash(
    struct text hash, struct arena *a, struct verifier *out, struct failure *f) MUST_CHECK;

void verifier_pack(const struct verifier *v, struct buffer *out);
enum status verifier_unpack(struct text bytes, struct arena *a, struct verifier *out) MUST_CHECK;

/* Whether the password is right, which an empty or too long one never is; costs an Argon2id or
 * crypt(3) run, or SCRAM's key derivation where there is nothing else. */
bool verifier_matches(const struct verifier *v, struct text password);
/* Whether one made from the password today would be better. */
bool verifier_is_old(const struct verifier *v);
/* Spends the time of verifier_matches for an account that does not exist. */
void verifier_pretend(struct text password);

/* SCRAM's salted password (RFC 5802 3, Hi()). */
void scram_salted_password(
    struct text password, struct text salt, uint32_t iterations, uint8_t out[SCRAM_KEY]);
/* HMAC-SHA-256 and SHA-256 of one text. */
void scram_hmac(const uint8_t key[SCRAM_KEY], struct text data, uint8_t out[SCRAM_KEY]);
void scram_hash(const uint8_t in[SCRAM_KEY], uint8_t out[SCRAM_KEY]);

#endif
