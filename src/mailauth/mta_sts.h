/* SPDX-License-Identifier: ISC */
/*
 * MTA-STS (RFC 8461): the TXT record that announces a policy, the policy's
 * text, and whether a host fits it. Pure functions on anybody's octets.
 */
#ifndef MAILAUTH_MTA_STS_H
#define MAILAUTH_MTA_STS_H

#include "base/arena.h"

#define MTA_STS_POLICY_MAX (64 << 10) /* octets of a policy (RFC 8461 3.3) */
#define MTA_STS_ID_MAX 32
#define MTA_STS_PATTERNS_MAX 100
#define MTA_STS_AGE_MAX 31557600 /* seconds: a year */

enum mta_sts_mode { MTA_STS_MODE_NONE, MTA_STS_MODE_TESTING, MTA_STS_MODE_ENFORCE };

/* The id of one TXT record (RFC 8461 3.1), a view of it. INVALID: it is none of
 * MTA-STS, or not well-formed. */
enum status mta_sts_record(struct text txt, struct text *id) MUST_CHECK;
/* Of all TXT records at _mta-sts.DOMAIN: there must be exactly one that begins
 * with "v=STSv1;", else there is no policy (NOT_FOUND); INVALID: it is not
 * well-formed. */
enum status mta_sts_record_of(const struct text *txts, size_t count, struct text *id) MUST_CHECK;

struct mta_sts_policy {
	enum mta_sts_mode mode;
	uint64_t max_age;      /* seconds, at most MTA_STS_AGE_MAX */
	struct text *patterns; /* lower case: "mx.example.org", "*.example.net" */
	uint32_t pattern_count;
};

/* RFC 8461 3.2. INVALID with words: a field that must be there is missing or
 * wrong, or there are more patterns than MTA_STS_PATTERNS_MAX. */
enum status mta_sts_policy(
    struct text policy, struct arena *a, struct mta_sts_policy *out, struct failure *f) MUST_CHECK;
/* RFC 8461 4.1: equal, or below the pattern's * by exactly one label. host in
 * lower case without a last dot. */
bool mta_sts_matches(const struct text *patterns, size_t count, struct text host);

#endif
