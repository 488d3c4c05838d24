/* SPDX-License-Identifier: ISC */
/* Finding a route: linear code that asks many questions at once. */
#ifndef LOOKUP_FIND_H
#define LOOKUP_FIND_H

#include "lookup/dns.h"
#include "lookup/route.h"
#include "lookup/sts.h"

/* Fills in the route, which lives in the arena. Blocks until the deadline
 * (monotonic) at most. INVALID: own_networks cannot be read. */
enum status route_find(const struct dns_source *dns, struct sts *sts,
    const struct lookup_route_request *q, int64_t deadline, struct arena *a,
    struct route *out) MUST_CHECK;

#endif
