/* SPDX-License-Identifier: ISC */
/*
 * DKIM (RFC 6376, RFC 8301, RFC 8463): signing and verifying, without I/O.
 * Who signs asks role auth for the signature of a digest, who verifies asks
 * role lookup for key records; both then go on here.
 *
 * Signing: dkim_sign_want, the body passes by, dkim_sign_prepare for each key,
 * dkim_sign_finish. Verifying: dkim_check_begin, the body passes by,
 * dkim_check_key for each signature.
 */
#ifndef MAILAUTH_DKIM_H
#define MAILAUTH_DKIM_H

#include "mailauth/signature.h"

/* ---- signing ---- */

struct dkim_how {
	enum dkim_algorithm algorithm;
	struct text domain, selector; /* A-labels */
	int64_t at;		      /* t=, seconds */
	int64_t expires;	      /* x=, seconds, or SIGNATURE_NO_TIME */
};

struct dkim_prepared {
	struct text field; /* up to "b=", folded */
	uint8_t digest[DIGEST_LENGTH];
};

/* Always relaxed/relaxed, the whole body (no l=, RFC 6376 8.2). */
void dkim_sign_want(struct signed_message *m);
/* After signed_message_end. Signs the fields that say what a message is
 * (RFC 6376 5.4.1), all of each name, and From, To, Cc, Subject, Date and the
 * like once more than they are there, so that none can be added (RFC 6376
 * 8.15). INVALID: there is no From, or more than one (RFC 5322 3.6). */
enum status dkim_sign_prepare(const struct signed_message *m, const struct dkim_how *how,
    struct arena *a, struct dkim_prepared *out) MUST_CHECK;
/* The whole field with its CRLF, to stand before all others; lines of at most
 * 78 characters as long as domain and selector allow. */
void dkim_sign_finish(const struct dkim_prepared *p, struct text signature, struct buffer *out);

/* The same for an ARC-Message-Signature of this instance. */
enum status dkim_sign_prepare_as(const struct signed_message *m, const struct dkim_how *how,
    enum signature_kind kind, uint32_t instance, struct arena *a,
    struct dkim_prepared *out) MUST_CHECK;

/* The h= list that signing uses, with a colon between names; arc: as for an
 * ARC-Message-Signature, which also signs DKIM-Signature fields (RFC 8617
 * 5.1). */
void dkim_sign_names(const struct signed_message *m, bool arc, struct buffer *out);
/* Adds value to a field that is being folded at marks (":" or any octet, if
 * mark is 0); *column is where the line stands. */
void dkim_fold(struct buffer *out, struct text value, char mark, size_t *column);

/* ---- verifying ---- */

#define DKIM_SIGNATURES_MAX 16 /* further ones are not looked at (RFC 6376 8.4) */

/* One row a result: the words of Authentication-Results (RFC 8601 2.7.1). */
#define DKIM_RESULT_TABLE(X)      \
	X(NONE, "none")           \
	X(PASS, "pass")           \
	X(FAIL, "fail")           \
	X(POLICY, "policy")       \
	X(NEUTRAL, "neutral")     \
	X(TEMPERROR, "temperror") \
	X(PERMERROR, "permerror")

enum dkim_result {
#define X(name, word) DKIM_##name,
	DKIM_RESULT_TABLE(X)
#undef X
};
const char *dkim_result_word(enum dkim_result r);

struct dkim_verdict {
	enum dkim_result result; /* DKIM_NONE: the key is not there yet */
	const char *why;	 /* words for it; "" for a pass */
	struct signature signature;
	unsigned bits; /* of the key, 0: not known */
	bool testing;  /* the domain tests: a failure means nothing (RFC 6376 3.6.1) */
	bool partial;  /* text stands behind what l= covers */
	uint32_t hash; /* number of the body hash */
};

struct dkim_check {
	const struct signed_message *message;
	struct dkim_verdict at[DKIM_SIGNATURES_MAX]; /* in the message's order */
	uint32_t count;
	bool cut; /* there are more signatures than these */
};

/* Reads all DKIM-Signature fields and says which body hashes are wanted. What
 * is no good without its key has its result already. now: seconds. */
void dkim_check_begin(struct dkim_check *c, struct signed_message *m, int64_t now);
/* What lookup said of signature_key_name of verdict i, after
 * signed_message_end: OK with the records (strings of each joined), NOT_FOUND,
 * anything else: a temporary failure. Fills the verdict; one that has a result
 * stays. Several records: the first that is one (RFC 6376 3.6.2.2). */
void dkim_check_key(struct dkim_check *c, uint32_t i, enum status found, const struct text *records,
    uint32_t count);

/* The part that ARC shares: a signature against key records. */
struct signature_judgement {
	enum dkim_result result;
	const char *why;
	struct dkim_public key;
};
void signature_judge(const struct signature *s, const uint8_t digest[DIGEST_LENGTH],
    enum status found, const struct text *records, uint32_t count, struct arena *a,
    struct signature_judgement *out);

#endif
