/* SPDX-License-Identifier: ISC */
/*
 * One lease from its beginning to its report.
 */
#ifndef OUTBOUND_DELIVER_H
#define OUTBOUND_DELIVER_H

#include "outbound/connection.h"
#include "outbound/hand.h"
#include "outbound/outbound.h"

/* What the deliveries share. */
struct house {
	struct outbound_config config;
	struct hand hand;
	struct shelf shelf;
	struct tls_results *results;
	/* Whether a worker may go on with another lease now; *rings: how often the
	 * feed rang so far. */
	bool (*goes_on)(void *arg, unsigned *rings);
	void *arg;
};

/* A lease in hand, with what it needs. */
struct turn {
	struct queue_lease_reply lease;
	struct hold hold;
	struct arena arena;
	bool wanted;	/* was asked for with a report, */
	unsigned rings; /* made after so many of the feed */
};

/* Tries all recipients of the lease and reports; *via: a connection that stands
 * to its destination, or NULL, before and after. True: *next came with the answer,
 * for the connection that stands; it is asked for when house->goes_on says so at
 * the end, and next->wanted tells whether it was. */
bool deliver(struct house *h, struct turn *t, struct connection **via, struct turn *next);

#endif
