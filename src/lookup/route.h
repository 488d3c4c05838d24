/* SPDX-License-Identifier: ISC */
/*
 * A route: where mail for one domain goes, as lookup_route tells it (RFC 5321
 * 5.1, RFC 7505, RFC 7672, RFC 8461). Hosts stand in the order in which they
 * are to be tried: by preference, at random among equals.
 */
#ifndef LOOKUP_ROUTE_H
#define LOOKUP_ROUTE_H

#include "lookup/calls.h"

/* Name, whether it may be asked again later, enhanced status (RFC 3463, RFC
 * 7505 4.2) of the answer to the sender. */
#define ROUTE_VERDICTS(X)                                                    \
	X(OK, true, "2.0.0")                                                 \
	X(NO_DOMAIN, false, "5.1.2")  /* the domain does not exist */        \
	X(NO_HOST, false, "5.1.2")    /* it has neither MX nor address */    \
	X(NULL_MX, false, "5.1.10")   /* it takes no mail (RFC 7505); 556 */ \
	X(BAD_DOMAIN, false, "5.1.3") /* no domain name, no literal */       \
	X(NO_ADDRESS, false, "5.4.4") /* none of its hosts has an address */ \
	X(LOOP, false, "5.4.6")	      /* we are its best host */             \
	X(TEMPORARY, true, "4.4.3")   /* the DNS did not answer */           \
	X(BOGUS, true, "4.7.5")	      /* its DNSSEC is broken */

enum route_verdict {
#define X(name, again, code) ROUTE_##name,
	ROUTE_VERDICTS(X)
#undef X
	    ROUTE_VERDICT_COUNT
};

enum route_host_state {
	ROUTE_HOST_OK,
	ROUTE_HOST_NO_ADDRESS, /* for good: no address, or no usable name */
	ROUTE_HOST_TEMPORARY,  /* its addresses or TLSA records are not known now:
				  not to be used (RFC 7672 2.1.2) */
	ROUTE_HOST_BOGUS,      /* the same, by DNSSEC */
	ROUTE_HOST_STATE_COUNT
};

/* What is known of the domain's MTA-STS policy (RFC 8461). */
enum route_sts {
	ROUTE_STS_NONE,	     /* no policy, as far as can be known */
	ROUTE_STS_POLICY,    /* this one, fresh or kept */
	ROUTE_STS_UNFETCHED, /* announced, none kept, not to be had: go on without (RFC 8461
				5.1); "sts-policy-fetch-error" of RFC 8460 4.3.2.2 */
	ROUTE_STS_INVALID,   /* the same, it makes no sense: "sts-policy-invalid" */
	ROUTE_STS_UNTRUSTED, /* the same, its host's certificate: "sts-webpki-invalid" */
	ROUTE_STS_COUNT
};

struct route_host {
	struct text name;    /* A-labels, lower case, no last dot; of a literal: as given */
	uint32_t preference; /* 0 for an implicit MX and a literal */
	enum route_host_state state;
	struct text words;	/* unless OK: why, for the sender */
	bool secure;		/* addresses validated, aliases included */
	struct texts addresses; /* 4 or 16 octets each, families take turns, IPv6 first */
	/* RDATA (RFC 6698 2.1), validated, and the name that they stand at (RFC 7672
	 * 2.2.3), the first that a certificate may be for. An empty name: there are
	 * none. A name without records: there are some, none of them well-formed,
	 * which is as with records that cannot be used. */
	struct text tlsa_base;
	struct texts tlsa;
};

struct route {
	enum route_verdict verdict;
	struct text code;   /* "5.1.10"; by the table above */
	struct text words;  /* a sentence for the sender; empty if OK */
	struct text domain; /* A-labels in lower case; of a literal: in brackets */
	bool implicit;	    /* no MX: the domain is the host; also for literals */
	bool mx_secure;	    /* the MX set, or its absence, validated */
	struct route_host *hosts;
	uint32_t host_count; /* > 0 if OK, of which at least one is OK too */
	enum route_sts sts;
	/* Of the policy: enum mta_sts_mode of mailauth/mta_sts.h (0 none, 1 testing,
	 * 2 enforce), id, and mx patterns as mta_sts_matches takes them. */
	uint32_t sts_mode;
	struct text sts_id;
	struct texts sts_patterns;
	struct text sts_words; /* what was wrong with the fetch, for the report */
};

/* Of a reply; CORRUPT when its lists do not fit each other. What it points at
 * lives as long as reply's. */
enum status lookup_route_read(
    const struct lookup_route_reply *reply, struct arena *a, struct route *out) MUST_CHECK;
/* The other way, for who serves it. */
void lookup_route_write(const struct route *r, struct arena *a, struct lookup_route_reply *out);

const char *route_verdict_code(enum route_verdict v);
bool route_verdict_temporary(enum route_verdict v);

#endif
