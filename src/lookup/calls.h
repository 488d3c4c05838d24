/* SPDX-License-Identifier: ISC */
/*
 * Calls that role lookup serves: DNS with its DNSSEC status, the way of mail
 * to a domain, and outgoing HTTPS. A call's status is OK whenever the question
 * made sense, INVALID when it did not; what was found out is in the outcome.
 *
 * DNSSEC (RFC 4035 4.3): "secure" is said of an answer only when this host
 * validated it, its whole chain of aliases included, up to the trust anchor
 * (the root's, or the configuration's trust_anchor). An answer that should be
 * signed and is not, or whose signature is wrong, is BOGUS and has no records.
 * A resolver upstream that drops signatures makes all signed zones look bogus;
 * as long as this process has never seen a secure answer and the root's keys
 * cannot be validated either, such answers are taken as insecure, nothing is
 * secure, and a warning stands in the log (lookup.no_dnssec). Once there was
 * a secure answer, bogus stays bogus.
 */
#ifndef LOOKUP_CALLS_H
#define LOOKUP_CALLS_H

#include "runtime/calls.h"

#define LOOKUP_RECORDS_MAX 256	  /* of one answer; what is more is left out */
#define LOOKUP_HOSTS_MAX 20	  /* of one domain; the least preferred are left out */
#define LOOKUP_ADDRESSES_MAX 16	  /* of one host, half of them of each family if both are there */
#define LOOKUP_TLSA_MAX 16	  /* of one host */
#define LOOKUP_OWN_MAX 1000	  /* own names, and own networks */
#define LOOKUP_URL_MAX 2000	  /* octets */
#define LOOKUP_BODY_MAX (8 << 20) /* octets that are sent or received by lookup_https */
#define LOOKUP_REDIRECTS_MAX 5

/*
 * lookup_dns: the records of a name. name: A-labels or U-labels, a last dot
 * or none, labels with _ as they are; type: of the IANA registry (1 A, 16 TXT,
 * 52 TLSA). Class IN. Aliases (CNAME, RFC 1034 3.6.2) are followed for at most
 * 11 steps, a circle is TEMPORARY.
 *
 * outcome: enum lookup_outcome. why: a sentence for an error report where the
 * outcome is BOGUS or TEMPORARY, else empty. secure: see above, of the denial
 * too where the outcome is NODATA or NXDOMAIN. ttl: seconds for which the
 * answer may be kept. canonical: the name at the end of the aliases, A-labels
 * in lower case without a last dot. records: RDATA as on the wire, names in it
 * uncompressed (mailauth/records.h reads it).
 *
 * An answer comes within lookup.question_timeout. What timed out is not asked
 * again for 30 seconds but answered TEMPORARY at once.
 */
#define lookup_dns_REQUEST(F, S) F(S, TEXT, name) F(S, U64, type)
#define lookup_dns_REPLY(F, S) \
	F(S, U64, outcome)     \
	F(S, U64, secure)      \
	F(S, U64, ttl)         \
	F(S, TEXT, canonical) F(S, TEXTS, records) F(S, TEXT, why)

enum lookup_outcome {
	LOOKUP_OK,
	LOOKUP_NODATA,	  /* the name is there, records of this type are not */
	LOOKUP_NXDOMAIN,  /* no such name */
	LOOKUP_TEMPORARY, /* no answer in time, SERVFAIL and the like */
	LOOKUP_BOGUS,	  /* DNSSEC validation failed */
};

/*
 * lookup_route: all that a delivery to one domain needs (RFC 5321 5.1). domain:
 * A-labels, U-labels, or an address literal in brackets (RFC 5321 4.1.3); port:
 * 25, for the name of the TLSA records (RFC 7672 2.2.3). own_names, own_networks
 * ("192.0.2.1", "127.0.0.0/8"): this host, for loops: a host of the list that
 * is named or addressed so is left out with all that are not better.
 *
 * Decode the reply with lookup_route_read (lookup/route.h), which says what
 * the fields mean. Comes within lookup.route_timeout.
 */
#define lookup_route_REQUEST(F, S) \
	F(S, TEXT, domain) F(S, U64, port) F(S, TEXTS, own_names) F(S, TEXTS, own_networks)
#define lookup_route_REPLY(F, S)    \
	F(S, U64, verdict)          \
	F(S, TEXT, code)            \
	F(S, TEXT, words)           \
	F(S, TEXT, domain)          \
	F(S, U64, implicit)         \
	F(S, U64, mx_secure)        \
	F(S, TEXTS, hosts)          \
	F(S, NUMBERS, preferences)  \
	F(S, NUMBERS, states)       \
	F(S, NUMBERS, secure)       \
	F(S, TEXTS, host_words)     \
	F(S, NUMBERS, address_ends) \
	F(S, TEXTS, addresses)      \
	F(S, TEXTS, tlsa_bases)     \
	F(S, NUMBERS, tlsa_ends)    \
	F(S, TEXTS, tlsas)          \
	F(S, U64, sts_state)        \
	F(S, U64, sts_mode)         \
	F(S, TEXT, sts_id)          \
	F(S, TEXTS, sts_patterns)   \
	F(S, TEXT, sts_words)

/*
 * lookup_https: one request over HTTPS to anybody's server, behind a guard.
 * https only, at port lookup.https_port (443); the name is resolved once, every
 * address must be a public one (or of lookup.https_networks), and the
 * connection goes to an address that was checked. The certificate is always
 * verified (the system's authorities, and the configuration's ca_file). No
 * proxy, cookies, credentials.
 *
 * method: GET or POST. type, body: of a POST. most: octets of the answer's body
 * at most, up to LOOKUP_BODY_MAX; timeout: microseconds for everything, no more
 * than lookup.https_timeout, which is what 0 means; redirects: how many are followed, each
 * through the guard again; 0: a redirect is the answer.
 *
 * outcome: enum lookup_https_outcome; why: a sentence unless ANSWERED. status,
 * content (Content-Type as it came, cut to 200 octets), body: of the answer.
 */
#define lookup_https_REQUEST(F, S) \
	F(S, TEXT, method)         \
	F(S, TEXT, url)            \
	F(S, TEXT, type)           \
	F(S, PAYLOAD, body) F(S, U64, most) F(S, U64, timeout) F(S, U64, redirects)
#define lookup_https_REPLY(F, S) \
	F(S, U64, outcome)       \
	F(S, TEXT, why) F(S, U64, status) F(S, TEXT, content) F(S, PAYLOAD, body)

enum lookup_https_outcome {
	LOOKUP_HTTPS_ANSWERED,	  /* whatever the status */
	LOOKUP_HTTPS_FORBIDDEN,	  /* by the guard */
	LOOKUP_HTTPS_UNRESOLVED,  /* no address */
	LOOKUP_HTTPS_UNREACHABLE, /* no connection, or it broke */
	LOOKUP_HTTPS_UNTRUSTED,	  /* TLS failed, or the certificate is not good */
	LOOKUP_HTTPS_TIMEOUT,
	LOOKUP_HTTPS_TOO_LARGE,
};

#define LOOKUP_CALLS(X)                                                       \
	X(lookup_dns, BY_OUTBOUND | BY_INTAKE | BY_MX | BY_ADMIN, CALL_AGAIN) \
	X(lookup_route, BY_OUTBOUND | BY_ADMIN, CALL_AGAIN)                   \
	X(lookup_https, BY_OUTBOUND, 0)

CALLS_DECLARE(lookup, LOOKUP_CALLS)

#endif
