/* SPDX-License-Identifier: ISC */
/*
 * Transports: what the operator says about mail for a domain in place of the
 * DNS: a host, smarthost or LMTP server, its port and TLS, and who we are there.
 */
#ifndef OUTBOUND_TRANSPORT_H
#define OUTBOUND_TRANSPORT_H

#include "lookup/route.h"
#include "outbound/policy.h"

/* never; as there is to be had; encrypted, to whomever; with a certificate for
 * the host by a trusted authority; with one of the host's TLSA records, which
 * must be there; as verify, from the first octet (RFC 8314 3.3). */
#define TRANSPORT_TLS(X)    \
	X(NONE, "none")     \
	X(MAY, "may")       \
	X(MUST, "must")     \
	X(VERIFY, "verify") \
	X(DANE, "dane")     \
	X(IMPLICIT, "implicit")

enum transport_tls {
#define X(id, word) TRANSPORT_##id,
	TRANSPORT_TLS(X)
#undef X
	    TRANSPORT_TLS_COUNT
};
/* NULL at the end. */
extern const char *const transport_tls_words[];

struct transport {
	struct text domain, host, user, password;
	enum transport_tls tls;
	bool lmtp;
	uint16_t port;
};

/* From ROLE_ROUTE_FIELDS texts each (runtime/role.h), which they point at;
 * INVALID for other words than command/config.c makes. */
enum status transports_of_words(
    const struct texts *words, struct arena *a, struct transport **out, size_t *count) MUST_CHECK;
/* The one for a domain: its own, else the one for all below the nearest of its
 * parents, else the one for all; NULL: as the DNS says. */
const struct transport *transport_find(
    const struct transport *at, size_t count, struct text domain);
/* Its host as a route has it, by the DNS unless it is an address. Else why not
 * is in *why, which is temporary. */
enum status transport_route(const struct transport *t, struct calls *calls, struct text domain,
    struct arena *a, struct route *out, struct smtp_fate *why) MUST_CHECK;
/* requires: a message with REQUIRETLS. */
void transport_policy(const struct transport *t, const struct route *r, bool requires,
    struct arena *a, struct policy *out);

#endif
