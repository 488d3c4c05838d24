/* SPDX-License-Identifier: ISC */
/* Calls that role outbound serves: what the operator wants of it at once. */
#ifndef OUTBOUND_CALLS_H
#define OUTBOUND_CALLS_H

#include "runtime/calls.h"

/* What is wanted of reports about TLS (RFC 8460). */
enum outbound_tls_want {
	OUTBOUND_TLS_COUNTED, /* what was counted is in the store */
	OUTBOUND_TLS_SEND,    /* and reports of days that are over go out now */
	OUTBOUND_TLS_TODAY,   /* and one of what was counted today so far */
	OUTBOUND_TLS_WANTS
};

/* domain: its report alone, A-labels; empty: all. reports: how many are due, those
 * of domains that ask for none among them; which do is asked from then on.
 * UNAVAILABLE: the store is away; DENIED: tlsrpt.send is off. */
#define outbound_tls_reports_REQUEST(F, S) F(S, U64, want) F(S, TEXT, domain)
#define outbound_tls_reports_REPLY(F, S) F(S, U64, reports)

#define OUTBOUND_CALLS(X) X(outbound_tls_reports, BY_ADMIN, CALL_AGAIN)

CALLS_DECLARE(outbound, OUTBOUND_CALLS)

#endif
