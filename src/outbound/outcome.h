/* SPDX-License-Identifier: ISC */
/*
 * What becomes of the recipients of one lease while its hosts are tried, and
 * the report about it.
 */
#ifndef OUTBOUND_OUTCOME_H
#define OUTBOUND_OUTCOME_H

#include "outbound/connection.h"
#include "outbound/fate.h"

struct outcome {
	struct smtp_recipient *at; /* UNTRIED: goes to the next host */
	struct smtp_fate *last;	   /* of each: why the hosts so far did not do */
	bool *done;		   /* those whose fate is looked at and stays */
	size_t count;
	struct arena *a;
	struct text server; /* who said the last thing */
	struct text facts;  /* of the connection to it, for log and trace */
	int64_t begun;	    /* monotonic */
	bool doubt;	    /* some host may take it another time, though others never */
	bool heard;	    /* how means something */
	enum schedule_end how;
};

void outcome_init(struct outcome *o, struct smtp_recipient *at, size_t count, struct arena *a);
/* How many are still to be tried. */
size_t outcome_open(const struct outcome *o);
/* After a transaction. stale: the connection was there before and broke, which
 * says nothing of the destination. */
void outcome_take(struct outcome *o, const struct connection *c, bool stale);
/* No connection to a host, or none that was good for anything. */
void outcome_unreached(struct outcome *o, const struct smtp_fate *why, struct text host);
/* The same fate for all that have none. */
void outcome_all(struct outcome *o, const struct smtp_fate *fate, struct text server);
/* Who is still untried, though hosts were, is tried later. */
void outcome_no_more_hosts(struct outcome *o);
/* Fills in outcomes, replies and server, and says it in log and metrics. */
void outcome_report(
    struct outcome *o, const struct queue_lease_reply *lease, struct queue_report_request *out);

#endif
