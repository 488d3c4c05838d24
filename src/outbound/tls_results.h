/* SPDX-License-Identifier: ISC */
/*
 * What became of TLS in sessions with other servers, counted for each policy of
 * each domain, as reports about it want it (RFC 8460 4). One function takes the
 * result of each session; who sends reports takes the counts away, once a day.
 * All in memory, of bounded size. Any thread.
 */
#ifndef OUTBOUND_TLS_RESULTS_H
#define OUTBOUND_TLS_RESULTS_H

#include "base/arena.h"
#include "runtime/tls_client.h"

#define TLS_RESULTS_DOMAINS 20000u /* policies that are counted; more are not */
#define TLS_RESULTS_FAILURES 50u   /* kinds of failure of one that are told apart */

/* RFC 8460 4.2 policy-type. */
#define TLS_POLICY_TABLE(X)        \
	X(NONE, "no-policy-found") \
	X(STS, "sts")              \
	X(TLSA, "tlsa")

enum tls_policy_type {
#define X(id, word) TLS_POLICY_##id,
	TLS_POLICY_TABLE(X)
#undef X
	    TLS_POLICY_COUNT
};
const char *tls_policy_word(enum tls_policy_type t);

/* One session. Texts are copied. */
struct tls_session {
	struct text domain; /* whose policy it is: the recipients', A-labels */
	enum tls_policy_type type;
	struct text policy; /* its lines (RFC 8460 4.4 policy-string), each with '\n'; or empty */
	enum tls_result result;
	struct text mx;		   /* receiving-mx-hostname */
	struct text local, remote; /* sending-mta-ip, receiving-ip; empty: no connection */
	struct text reason;	   /* in words, unless GOOD */
};

struct tls_failure {
	enum tls_result result;
	struct text mx, local, remote, reason;
	uint64_t sessions;
};

struct tls_count {
	struct text domain, policy;
	enum tls_policy_type type;
	uint64_t good, failed; /* sessions (RFC 8460 4.4 summary) */
	struct tls_failure *failures;
	uint32_t failure_count;
};

struct tls_results;
struct tls_results *tls_results_new(void);
void tls_results_free(struct tls_results *r);
void tls_results_add(struct tls_results *r, const struct tls_session *s);
/* All that was counted since the last time, in the arena. */
void tls_results_take(
    struct tls_results *r, struct arena *a, struct tls_count **out, size_t *count);

#endif
