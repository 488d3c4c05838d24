/* SPDX-License-Identifier: ISC */
/*
 * MTA-STS policies of other domains (RFC 8461): fetched when their TXT record
 * announces one that is not known, kept for max_age (a minute at least), also
 * while the record or the host is away (RFC 8461 5.1), fetched anew once a day.
 * A fetch that failed is tried again after five minutes (RFC 8461 3.3). Kept in
 * memory, bounded, the longest unused give way.
 */
#ifndef LOOKUP_STS_H
#define LOOKUP_STS_H

#include "lookup/dns.h"
#include "lookup/https.h"
#include "lookup/route.h"
#include "runtime/pool.h"

#define STS_KEPT_MAX 10000	    /* domains */
#define STS_KEPT_OCTETS (16u << 20) /* of their policies together */

struct sts;

/* Fetches run in the pool, which must outlive it and be idle when it is freed. */
struct sts *sts_new(const struct https_source *https, struct pool *pool);
void sts_free(struct sts *s);

/* One question for a domain's policy: begun when the answer for the TXT record
 * at _mta-sts.DOMAIN is there, so that the fetch runs while other things are
 * found out. */
struct sts_wait {
	struct sts *sts;
	struct text domain; /* the caller's; lives until sts_end */
	bool announced, waits;
	char id[40];
};
struct sts_wait sts_begin(struct sts *s, struct text domain, const struct dns_answer *txt);
/* Waits for the fetch, until the deadline; fills in what is known of the policy. */
void sts_end(struct sts_wait *w, int64_t deadline, struct arena *a, struct route *out);

#endif
