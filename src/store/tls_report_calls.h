/* SPDX-License-Identifier: ISC */
/*
 * Calls about reports on TLS (RFC 8460), which role store serves: what outbound
 * counted is added up by UTC day and policy domain, and given back when the day
 * is over, until its report was sent. All of it stands in one shard of the queue.
 */
#ifndef STORE_TLS_REPORT_CALLS_H
#define STORE_TLS_REPORT_CALLS_H

#include "runtime/calls.h"

#define TLS_REPORT_DOMAINS 20000u /* of one day; sessions of more are not counted */
#define TLS_REPORT_BATCH 500u	  /* in one call */
#define TLS_REPORT_DELAY 14400	  /* seconds after the day in which reports go out */

/* day: since 1970. Parallel lists: domains (A-labels), and for each a count as
 * tls_count_pack() has it. */
#define tls_report_add_REQUEST(F, S) \
	F(S, U64, op) F(S, U64, day) F(S, TEXTS, domains) F(S, TEXTS, counts)
#define tls_report_add_REPLY(F, S)

/* A report that is due: of a day that is over. facts: as tls_day_pack() has it.
 * domain empty: none now; due: when there is the next, seconds, 0: none that is
 * known. until: where the report was asked for before the day was over: up to
 * then, seconds; else 0. With it day and domain name the report. */
#define tls_report_next_REQUEST(F, S)
#define tls_report_next_REPLY(F, S) \
	F(S, U64, day) F(S, TEXT, domain) F(S, I64, until) F(S, TEXT, facts) F(S, I64, due)

enum tls_report_step {
	TLS_REPORT_SENDING, /* an attempt begins */
	TLS_REPORT_LATER,   /* it was none; tried again at due */
	TLS_REPORT_DONE,    /* sent, or never will be */
	TLS_REPORT_STEPS
};
#define tls_report_step_REQUEST(F, S) \
	F(S, U64, op)                 \
	F(S, U64, day) F(S, TEXT, domain) F(S, I64, until) F(S, U64, step) F(S, I64, due)
#define tls_report_step_REPLY(F, S)

/* Reports are due now: of days that are over; with `today` also of what was
 * counted today so far, and what comes from then on is for another. domain: its
 * alone; empty: of all. reports: how many are due. */
#define tls_report_now_REQUEST(F, S) F(S, U64, op) F(S, TEXT, domain) F(S, U64, today)
#define tls_report_now_REPLY(F, S) F(S, U64, reports)

/* What is collected, in the order of days, after a key (empty: from the first) as
 * the reply before gave it as resume, which is empty at the end. Parallel lists;
 * facts as above. */
#define tls_report_list_REQUEST(F, S) F(S, TEXT, after) F(S, TEXT, domain)
#define tls_report_list_REPLY(F, S) \
	F(S, NUMBERS, days) F(S, TEXTS, domains) F(S, TEXTS, facts) F(S, TEXT, resume)

#define TLS_REPORT_CALLS(X)                         \
	X(tls_report_add, BY_OUTBOUND, CALL_AGAIN)  \
	X(tls_report_next, BY_OUTBOUND, CALL_AGAIN) \
	X(tls_report_step, BY_OUTBOUND, CALL_AGAIN) \
	X(tls_report_now, BY_OUTBOUND, CALL_AGAIN)  \
	X(tls_report_list, BY_ADMIN, CALL_AGAIN)

CALLS_DECLARE(tls_report, TLS_REPORT_CALLS)

#endif
