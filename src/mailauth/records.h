/* SPDX-License-Identifier: ISC */
/*
 * DNS records of mail as they come over the wire: RDATA with uncompressed
 * names. Pure functions on anybody's octets.
 */
#ifndef MAILAUTH_RECORDS_H
#define MAILAUTH_RECORDS_H

#include "base/arena.h"

#define RECORD_NAME_MAX 253 /* octets of a name as text */

enum record_type {
	RECORD_A = 1,
	RECORD_NS = 2,
	RECORD_CNAME = 5,
	RECORD_MX = 15,
	RECORD_TXT = 16,
	RECORD_AAAA = 28,
	RECORD_DNSKEY = 48,
	RECORD_TLSA = 52,
};

/* A name (RFC 1035 3.1), which must be all of rdata: lower case, labels with
 * dots between them; the root is the empty text. INVALID: cut off, too long, or
 * a label has octets other than letters, digits, - and _. */
enum status record_name(struct text rdata, struct arena *a, struct text *out) MUST_CHECK;

struct record_mx {
	uint16_t preference;
	struct text host; /* empty: the root, which is a null MX (RFC 7505 3) */
};

/* RFC 1035 3.3.9. INVALID as above. */
enum status record_mx(struct text rdata, struct arena *a, struct record_mx *out) MUST_CHECK;

/* The character strings of a TXT record (RFC 1035 3.3.14), joined without
 * anything between them, as SPF, DKIM, DMARC and MTA-STS want it. */
enum status record_txt(struct text rdata, struct arena *a, struct text *out) MUST_CHECK;

/* RFC 6698 2.1; the numbers as they are. */
struct record_tlsa {
	uint8_t usage, selector, matching;
	struct text data; /* a view of rdata */
};

/* INVALID: too short, or a digest that has not the length of its kind (SHA-256
 * 32, SHA-512 64 octets), or no data. */
enum status record_tlsa(struct text rdata, struct record_tlsa *out) MUST_CHECK;
/* Whether SMTP can use it: DANE-TA(2) or DANE-EE(3), a known selector and
 * matching type (RFC 7672 3.1). */
bool record_tlsa_usable(const struct record_tlsa *t);

#endif
