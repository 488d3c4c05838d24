/* SPDX-License-Identifier: ISC */
/*
 * What became of TLS in sessions with other servers, counted for each policy of
 * each domain, as reports about it want it (RFC 8460 4). One function takes the
 * result of each session; who sends reports takes the counts away, once a day.
 * All in memory, of bounded size. Any thread.
 */
#ifndef OUTBOUND_TLS_RESULTS_H
#define OUTBOUND_TLS_RESULTS_H

#include "store/tls_report_rows.h"

#define TLS_RESULTS_DOMAINS 20000u /* policies that are counted; more are not */

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

struct tls_results;
struct tls_results *tls_results_new(void);
void tls_results_free(struct tls_results *r);
void tls_results_add(struct tls_results *r, const struct tls_session *s);
/* All that was counted since the last time, in the arena. */
void tls_results_take(
    struct tls_results *r, struct arena *a, struct tls_count **out, size_t *count);

#endif
