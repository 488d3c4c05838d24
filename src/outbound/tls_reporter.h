/* SPDX-License-Identifier: ISC */
/*
 * Reports about TLS (RFC 8460): one thread takes what was counted
 * (outbound/tls_results.h) to the store each minute, and sends what is due there:
 * for each policy domain of a day that is over, to where its TXT record asks for
 * it.
 *
 *	due -> asked for in the DNS -> sending -> by mail and HTTPS -> done
 *
 * A mail has an op that its report gives, so that it is one mail however often
 * it is handed in. What was being sent over HTTPS when the process ended is not
 * sent there again. It is done with when one of the places took it (RFC 8460 3);
 * what none took is tried for two days.
 */
#ifndef OUTBOUND_TLS_REPORTER_H
#define OUTBOUND_TLS_REPORTER_H

#include "outbound/calls.h"
#include "outbound/tls_results.h"
#include "runtime/calls.h"

struct tls_reporter;

/* calls: to store, lookup and intake; outlive it, as the others do. */
struct tls_reporter *tls_reporter_new(
    struct calls *calls, struct tls_results *results, struct text hostname);
/* LIMIT: no thread. */
enum status tls_reporter_start(struct tls_reporter *r) MUST_CHECK;
/* Takes what was counted to the store once more and ends. False: it still waits
 * at the deadline (monotonic), and nothing may be freed. */
bool tls_reporter_stop(struct tls_reporter *r, int64_t deadline);
void tls_reporter_free(struct tls_reporter *r);

/* What the operator wants (outbound/calls.h): on this thread to the store, then
 * on the reporter's own. *reports: how many are due. DENIED: tlsrpt.send is off,
 * and more is wanted than to count. */
enum status tls_reporter_want(struct tls_reporter *r, enum outbound_tls_want want,
    struct text domain, struct arena *a, uint64_t *reports, struct failure *f) MUST_CHECK;

/* On this thread: what was counted goes to the store. */
enum status tls_reporter_flush(struct tls_reporter *r) MUST_CHECK;
/* The next report that is due, on this thread. NOT_FOUND: none now; *due: when
 * there is one, seconds, 0: not known. Else what kept it. */
enum status tls_reporter_one(struct tls_reporter *r, int64_t *due) MUST_CHECK;

#endif
