/* SPDX-License-Identifier: ISC */
/*
 * TLS towards other servers: whom a connection believes, and what it found out.
 * Three ways: any certificate (RFC 7435: better than nothing), a chain to a
 * trusted root with a name that was asked for (RFC 6125, RFC 8461 4.2), and
 * DANE (RFC 6698, RFC 7671, RFC 7672). TLS 1.2 and 1.3 alone, as for servers.
 */
#ifndef RUNTIME_TLS_CLIENT_H
#define RUNTIME_TLS_CLIENT_H

#include "base/buffer.h"
#include "runtime/stream.h"

/* The roots that are believed; any number of threads and connections share it. */
struct tls_trust;
/* roots: PEM certificates one after the other, in the two texts together (the
 * system's, those of the operator); both may be empty, then no chain is good.
 * INVALID with words if one cannot be read. One reference, which the streams
 * do not hold beyond their handshake's begin. */
enum status tls_trust_new(
    struct text roots, struct text more, struct tls_trust **out, struct failure *f) MUST_CHECK;
void tls_trust_free(struct tls_trust *t);
/* Appends the system's bundle of roots; before the sandbox closes. NOT_FOUND
 * when there is none in the places that are usual. */
enum status tls_trust_system(struct buffer *out) MUST_CHECK;

enum tls_verify {
	TLS_VERIFY_NONE, /* any certificate; what it is worth is told */
	TLS_VERIFY_PKIX, /* a trusted chain, and one of the names */
	TLS_VERIFY_DANE, /* one of the TLSA records that can be used */
};

/* A TLSA record (RFC 6698 2.1); data as in the DNS, in octets. */
struct tls_tlsa {
	uint8_t usage, selector, matching;
	struct text data;
};

/* names: what the certificate must be for, as DNS names in A-labels without the
 * final dot. The first is the host's own name (for DANE the base domain of the
 * TLSA records, RFC 7672 3.2.2); it goes out as SNI (RFC 7672 8.1, RFC 8461
 * 4.1) unless it is an address or a pattern. With PKIX "*.example.org" is any
 * name one label below. Names in the certificate may have a wildcard as their
 * whole first label (RFC 6125 6.4.3); its subject's CN does not count.
 *
 * DANE: the usages 2 and 3 count, 0 and 1 cannot be used in SMTP (RFC 7672
 * 3.1.3). If no record can be used, the connection is made without knowing the
 * peer, and the result is TLSA_INVALID (RFC 7672 2.2): encrypted, and no more. */
struct tls_wants {
	enum tls_verify verify;
	const struct text *names;
	size_t name_count;
	const struct tls_tlsa *tlsa;
	size_t tlsa_count;
};

/* How it went, in the words of RFC 8460 4.3. The last rows are never found out
 * by a handshake; who knows DNS and policies says them. */
#define TLS_RESULTS(X)                                                 \
	X(GOOD, "")                                                    \
	X(STARTTLS_NOT_SUPPORTED, "starttls-not-supported")            \
	X(CERTIFICATE_HOST_MISMATCH, "certificate-host-mismatch")      \
	X(CERTIFICATE_EXPIRED, "certificate-expired")                  \
	X(CERTIFICATE_NOT_TRUSTED, "certificate-not-trusted")          \
	X(VALIDATION_FAILURE, "validation-failure") /* all the rest */ \
	X(TLSA_INVALID, "tlsa-invalid")                                \
	X(DNSSEC_INVALID, "dnssec-invalid")                            \
	X(DANE_REQUIRED, "dane-required")                              \
	X(STS_POLICY_FETCH_ERROR, "sts-policy-fetch-error")            \
	X(STS_POLICY_INVALID, "sts-policy-invalid")                    \
	X(STS_WEBPKI_INVALID, "sts-webpki-invalid")

enum tls_result {
#define X(id, word) TLS_RESULT_##id,
	TLS_RESULTS(X)
#undef X
	    TLS_RESULT_COUNT
};
const char *tls_result_word(enum tls_result r);

enum tls_verified {
	TLS_VERIFIED_NOT,     /* encrypted for whoever is there */
	TLS_VERIFIED_PKIX,    /* trusted chain and name, whether that was asked for or not */
	TLS_VERIFIED_DANE_TA, /* usage 2 and name */
	TLS_VERIFIED_DANE_EE, /* usage 3 */
};

/* Copies: they outlive the connection. Filled as far as the handshake came. */
struct tls_peer {
	bool encrypted;	     /* the handshake is done */
	const char *version; /* "TLSv1.3", or "" */
	char cipher[64];
	enum tls_verified verified;
	char name[256];		/* in the certificate: the one that fitted, or its first */
	char issuer[256];	/* common name of who issued it */
	enum tls_result result; /* without demands: what a demanding client would have met */
	char reason[256];	/* OpenSSL's words for the result; empty if GOOD */
};

/* Client handshake on a plain stream whose input buffer is empty: INVALID if a
 * server sent something behind its answer to STARTTLS (RFC 3207 6). No longer
 * than STREAM_TLS_MAX, or the stream's deadline. On failure the stream is
 * broken, and peer says why; DENIED: the peer is not who was wanted. */
enum status stream_start_tls_client(struct stream *s, struct tls_trust *trust,
    const struct tls_wants *wants, struct tls_peer *peer, struct failure *f) MUST_CHECK;

#endif
