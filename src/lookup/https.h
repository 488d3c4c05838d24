/* SPDX-License-Identifier: ISC */
/*
 * Outgoing HTTPS by libcurl, as lookup_https says it (lookup/calls.h). The
 * library is opened by name in this role alone: it brings some twenty others,
 * which no other process shall carry. TLS 1.2 or later.
 */
#ifndef LOOKUP_HTTPS_H
#define LOOKUP_HTTPS_H

#include "lookup/dns.h"

struct https_request {
	bool post;
	struct text url, type, body;
	size_t most;	 /* octets of the answer */
	int64_t timeout; /* microseconds; 0: lookup.https_timeout */
	unsigned redirects;
};

struct https_answer {
	enum lookup_https_outcome outcome;
	struct text why; /* unless ANSWERED */
	unsigned status;
	struct text content, body;
};

/* Where answers come from: the network, or a table in a test. Blocks. */
struct https_source {
	void (*fetch)(
	    void *source, const struct https_request *q, struct arena *a, struct https_answer *out);
	void *source;
};

struct https;

/* Opens libcurl and the authorities of the system; more: PEM of others beside
 * them, may be empty. dns must outlive it. Opens no file later. UNAVAILABLE: no
 * libcurl; INVALID: more holds no certificate. Without the system's file
 * nothing but more is trusted, and the log says so. */
enum status https_new(const struct dns_source *dns, struct text more, struct https **out,
    struct failure *f) MUST_CHECK;
/* Ends what is under way within a fraction of a second, and all that comes. */
void https_stop(struct https *h);
void https_free(struct https *h);
struct https_source https_source(struct https *h);

#endif
