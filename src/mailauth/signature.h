/* SPDX-License-Identifier: ISC */
/*
 * The fields that carry signatures: DKIM-Signature (RFC 6376 3.5), and with
 * nearly the same tags ARC-Message-Signature and ARC-Seal (RFC 8617 4.1.2,
 * 4.1.3).
 */
#ifndef MAILAUTH_SIGNATURE_H
#define MAILAUTH_SIGNATURE_H

#include "mailauth/key.h"

#define SIGNATURE_NAMES_MAX 512	  /* names in h= */
#define SIGNATURE_FIELD_MAX 16384 /* octets of the field */

enum signature_kind { SIGNATURE_DKIM, SIGNATURE_ARC_MESSAGE, SIGNATURE_ARC_SEAL };

#define SIGNATURE_NO_TIME INT64_C(-1)

struct signature {
	enum signature_kind kind;
	enum dkim_algorithm algorithm;
	enum canon header_canon, body_canon; /* relaxed for a seal */
	struct text field;		     /* raw */
	struct text hole;		     /* what stands after "b=", to be left out */
	struct text domain, selector;	     /* as written */
	struct text identity;		     /* i= of DKIM, as written; empty: absent */
	uint32_t instance;		     /* i= of ARC, 1 to 50 */
	struct text *names;		     /* h=, in its order; none for a seal */
	uint32_t name_count;
	uint64_t length;	    /* l=, or MESSAGE_WHOLE */
	int64_t signed_at, expires; /* t=, x=: seconds, or SIGNATURE_NO_TIME */
	uint8_t body_hash[DIGEST_LENGTH];
	struct text octets; /* b=, decoded */
	struct text chain;  /* cv= of a seal, as written */
};

/* Reads a whole raw field. INVALID with why set to words for a verdict; what
 * could be read of domain, selector, instance (or 0) and b= is then in *out, too.
 * DKIM: checks all of RFC 6376 6.1.1 but time. */
enum status signature_parse(enum signature_kind kind, struct text field, struct arena *a,
    struct signature *out, const char **why) MUST_CHECK;

/* The name at which the key stands: selector._domainkey.domain, lower case,
 * A-labels (RFC 8616 4). INVALID: it is no domain name. */
enum status signature_key_name(const struct signature *s, struct buffer *out) MUST_CHECK;

/* The digest of a DKIM-Signature or ARC-Message-Signature over its header
 * fields and itself (RFC 6376 3.7). */
void signature_digest(
    const struct signature *s, const struct signed_message *m, uint8_t digest[DIGEST_LENGTH]);

#endif
