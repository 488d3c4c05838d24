/* SPDX-License-Identifier: ISC */
/*
 * DNS by libunbound: one cache for the whole process, validation, questions to
 * the configured resolvers (or, without any, from the root down). Many
 * questions at once, each with a time of its own; equal ones are asked once.
 * What is said of DNSSEC in lookup/calls.h is decided here.
 *
 * libunbound runs in a thread that it starts itself; answers are handed out by
 * one of ours. resolver_new opens all that needs files, resolver_start starts
 * the threads: the sandbox closes in between.
 */
#ifndef LOOKUP_RESOLVER_H
#define LOOKUP_RESOLVER_H

#include "lookup/dns.h"

/* What timed out is answered from memory for so long (microseconds), and of so
 * many names. */
#define RESOLVER_TIMED_OUT_KEEP (30 * CLOCK_SECOND)
#define RESOLVER_TIMED_OUT_MAX 10000
/* How long a resolver that drops signatures is taken for one. */
#define RESOLVER_BLIND_KEEP (10 * CLOCK_MINUTE)

struct resolver;

struct resolver_config {
	/* "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:53", separated by
	 * spaces; empty: from the root down. */
	struct text servers;
	/* DS and DNSKEY records as in a zone file, one a line, ; comments. Empty: no
	 * answer is secure. */
	struct text anchors;
};

/* INVALID with words: a server that is none, or libunbound takes no anchor. */
enum status resolver_new(
    const struct resolver_config *config, struct resolver **out, struct failure *f) MUST_CHECK;
enum status resolver_start(struct resolver *r) MUST_CHECK;
/* Answers what is open TEMPORARY, and from then on all that is asked. */
void resolver_stop(struct resolver *r);
/* When nobody asks any more; stops it if need be. */
void resolver_free(struct resolver *r);

/* As dns_source: a question has at most lookup.question_timeout; beyond
 * lookup.questions_max at once the answer is TEMPORARY at once. */
struct dns_source resolver_source(struct resolver *r);

/* "nameserver" lines of a resolv.conf(5), as servers above. */
void resolver_servers(struct text resolv_conf, struct buffer *out);
/* Whether servers can be read, for the configuration's check. */
bool resolver_servers_good(struct text servers);

#endif
