/* SPDX-License-Identifier: ISC */
/*
 * What TLS a host of a route gets: by its TLSA records (RFC 7672), else by the
 * domain's MTA-STS policy (RFC 8461), else what there is to be had (RFC 7435).
 * A message with REQUIRETLS wants more (RFC 8689 4.2.1).
 */
#ifndef OUTBOUND_POLICY_H
#define OUTBOUND_POLICY_H

#include "lookup/route.h"
#include "outbound/tls_results.h"
#include "smtp/client.h"

struct policy {
	enum smtp_tls_mode tls;
	struct tls_wants wants; /* points into the arena and the route */
	enum tls_policy_type type;
	/* The host must not be used at all, and why; type and result for reports. */
	bool forbidden;
	enum tls_result result;
	const char *enhanced, *words;
	/* Who it is counts: fit for REQUIRETLS, if the handshake says so too. */
	bool strict;
};

/* requires: a message with REQUIRETLS. */
void policy_of(const struct route *r, const struct route_host *h, bool requires, struct arena *a,
    struct policy *out);
/* TLS if it is to be had, whatever the host's policy wants (RFC 8689 3). */
void policy_opportunistic(const struct route_host *h, struct arena *a, struct policy *out);
/* The policy's lines for a report (RFC 8460 4.4 policy-string). */
struct text policy_lines(
    const struct policy *p, const struct route *r, const struct route_host *h, struct arena *a);

#endif
