/* SPDX-License-Identifier: ISC */
/*
 * ARC (RFC 8617): the chain of those who passed a message on, each with what
 * it found and two signatures over it. Validation says whether the chain
 * holds; sealing adds a set of our own. Body and header come in as for DKIM
 * (mailauth/message.h); keys are asked for by number.
 */
#ifndef MAILAUTH_ARC_H
#define MAILAUTH_ARC_H

#include "mailauth/dkim.h"

#define ARC_SETS_MAX 50 /* RFC 8617 4.2.1 */

/* RFC 8617 4.4: the words of cv=. */
enum arc_result { ARC_NONE, ARC_PASS, ARC_FAIL };
const char *arc_result_word(enum arc_result r);

struct arc_set {
	struct text results; /* ARC-Authentication-Results, raw; ptr NULL: absent */
	struct signature message, seal;
	bool has_message, has_seal;
	const char *message_why, *seal_why; /* NULL, or why it does not parse */
	uint8_t seal_digest[DIGEST_LENGTH];
};

struct arc_check {
	const struct signed_message *message;
	struct arc_set *sets;	/* instance i is sets[i - 1] */
	uint32_t count;		/* the highest instance that was seen, whole or not */
	enum arc_result result; /* ARC_PASS only when every key was good */
	const char *why;	/* of ARC_FAIL; otherwise "" */
	bool temporary;		/* it failed since a key could not be looked up */
	uint32_t keys;		/* how many are to be asked for; 0: decided */
	uint32_t good;		/* keys that verified */
	uint32_t hash;
};

/* Finds the sets and says which body hash is wanted (RFC 8617 5.2 steps 1 to
 * 3). result ARC_NONE with keys > 0: not decided yet. */
void arc_check_begin(struct arc_check *c, struct signed_message *m);
/* Whose key is the i-th, i < keys; ask for signature_key_name of it. */
const struct signature *arc_check_signature(const struct arc_check *c, uint32_t i);
/* What lookup said of it, as dkim_check_key; each i once, in any order. */
void arc_check_key(
    struct arc_check *c, uint32_t i, enum status found, const struct text *records, uint32_t count);

/* ---- sealing ---- */

struct arc_seal {
	const struct arc_check *chain;
	struct dkim_how how;
	struct arena *arena;
	uint32_t instance;
	struct text results;	   /* the three fields, in this order in the message: */
	struct text message;	   /* seal, message signature, results */
	struct dkim_prepared part; /* whose digest is to be signed next */
};

/* Takes dkim_sign_want before the body. chain is what arc_check found of the
 * message as it came in, decided; m may have been changed since. results: an authserv-id and what
 * was found, as in Authentication-Results (RFC 8601 2.2), on one line or folded. INVALID: no single
 * From; DENIED: the chain was sealed as failed, nobody may go on with it (RFC 8617 5.1.2); LIMIT:
 * it is full. Then part.digest is to be signed. */
enum status arc_seal_begin(struct arc_seal *s, const struct signed_message *m,
    const struct arc_check *chain, const struct dkim_how *how, struct text results,
    struct arena *a) MUST_CHECK;
/* Takes the first signature; then part.digest is to be signed once more. */
void arc_seal_next(struct arc_seal *s, struct text signature);
/* All three fields with CRLF, to stand before all others. */
void arc_seal_finish(const struct arc_seal *s, struct text signature, struct buffer *out);

#endif
