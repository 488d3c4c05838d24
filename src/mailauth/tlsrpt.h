/* SPDX-License-Identifier: ISC */
/*
 * The TXT record by which a domain asks for reports about TLS (RFC 8460 3).
 * Pure functions on anybody's octets.
 */
#ifndef MAILAUTH_TLSRPT_H
#define MAILAUTH_TLSRPT_H

#include "base/arena.h"

#define TLSRPT_RUAS_MAX 10 /* places that get a report; more are left out */
#define TLSRPT_URL_MAX 2000

struct tlsrpt_rua {
	bool https;
	struct text to; /* an address, or a URL that begins with https:// */
};

struct tlsrpt {
	struct tlsrpt_rua rua[TLSRPT_RUAS_MAX];
	uint32_t count; /* at least 1 */
};

/* One record. Places of other kinds than mailto and https are passed over.
 * INVALID: it is none of TLSRPT, or not well-formed, or has no place that can be
 * used. */
enum status tlsrpt_record(struct text txt, struct arena *a, struct tlsrpt *out) MUST_CHECK;
/* Of all TXT records at _smtp._tls.DOMAIN: there must be exactly one that begins
 * with "v=TLSRPTv1;", else no reports are wanted (NOT_FOUND). INVALID as above. */
enum status tlsrpt_record_of(
    const struct text *txts, size_t count, struct arena *a, struct tlsrpt *out) MUST_CHECK;

#endif
