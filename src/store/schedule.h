/* SPDX-License-Identifier: ISC */
/*
 * In which order the recipients of the queue are tried: whose turn it is, how
 * many deliveries to a destination may be under way, and until when one is
 * left in peace. All of it is in memory, without I/O and without a clock.
 *
 * The rows of the queue are the truth. What stands here is a hint that is
 * looked up before it is used, so an entry that is out of date costs one look,
 * and nothing is ever searched for and taken out from the middle.
 *
 * An entry is a run of recipients of one message that have the same destination
 * and the same due time, 32 octets. At its due time it gets its place among
 * those of its destination, where senders take turns (start-time fair queueing):
 * who sends to many waits for himself, not others for him.
 *
 * How many deliveries to a destination may be under way grows by one for as
 * many that went well, and is halved when the destination says that it is busy
 * (421 and the like); then there is a pause between deliveries too, which
 * shrinks again. A destination that cannot be reached is left in peace for a
 * time that doubles, after which one delivery tries it for all.
 *
 * Every operation costs O(log n). Not for two threads at once.
 */
#ifndef STORE_SCHEDULE_H
#define STORE_SCHEDULE_H

#include "base/text.h"

#define SCHEDULE_RUN_MAX 100u	  /* recipients of one entry */
#define SCHEDULE_PRIORITY_MAX 9	  /* -9 to 9, RFC 6710 2 */
#define SCHEDULE_IDLE_MAX 100000u /* destinations that are remembered though nothing waits */

/* To be changed at any time. */
struct schedule_limits {
	uint32_t leases;		   /* in all */
	uint32_t window_first, window_max; /* deliveries to a destination, at least 1 */
	int64_t rest_first, rest_max;	   /* after it was not reached, microseconds */
};

/* Recipients first to first + count - 1 of a message. sender: whose turn it
 * takes, an account's number or a hash. */
struct schedule_run {
	uint64_t message, sender;
	uint32_t first;
	uint16_t count;	 /* 1 to SCHEDULE_RUN_MAX */
	int8_t priority; /* the greater the sooner */
};

/* How a delivery went for the destination, whatever became of the recipients. */
enum schedule_end {
	SCHEDULE_WELL,	  /* it took mail, or refused it for good */
	SCHEDULE_NEITHER, /* says nothing about it */
	SCHEDULE_BUSY,	  /* it wants less: 421, too many connections or messages */
	SCHEDULE_DOWN,	  /* it was not reached, or did not get as far as a transaction */
};

struct schedule;

struct schedule *schedule_new(const struct schedule_limits *limits);
void schedule_free(struct schedule *s);

/* Times are wall clock, microseconds. The destination's name is copied. */
void schedule_add(struct schedule *s, struct text destination, const struct schedule_run *run,
    int64_t due, int64_t now);
/* The next one to try: of `prefer` (a connection to it stands; may be empty)
 * if it has its turn now, else of the destination that waited longest. False:
 * nothing may be tried now. destination lives until the lease is ended. Each
 * lease is ended once; what it did not finish is added again by its owner. */
bool schedule_lease(struct schedule *s, struct text prefer, int64_t now, struct text *destination,
    struct schedule_run *run);
/* dice: random, spreads the end of a rest over its last quarter. */
void schedule_end(
    struct schedule *s, struct text destination, enum schedule_end how, int64_t now, uint32_t dice);
/* Ends a destination's rest (somebody says that it is there again). */
void schedule_wake(struct schedule *s, struct text destination, int64_t now);
/* When schedule_lease may give something next, if nothing is added or ended
 * until then: at most `now` if at once, INT64_MAX if never. */
int64_t schedule_next(const struct schedule *s);
/* Whether somebody more is to ask for a lease now. No: nothing may be tried, or each
 * destination has several who will ask again, and not more that waits than those
 * will take. */
bool schedule_wants(const struct schedule *s, int64_t now);

/* For who looks after it. rest: until when it is left in peace, 0: it is not. */
struct schedule_facts {
	uint64_t waiting;    /* entries, due or not */
	uint64_t recipients; /* in them */
	uint32_t leased, window;
	uint32_t failures; /* not reached so many times, one after the other */
	int64_t rest;
};
/* False: nothing is known of it. */
bool schedule_facts(struct schedule *s, struct text destination, struct schedule_facts *out);
/* Every destination that is known, one a call, in no order; at: 0 at first.
 * Nothing else is called meanwhile. False: that were all. */
bool schedule_each(
    const struct schedule *s, size_t *at, struct text *destination, struct schedule_facts *out);
size_t schedule_count(const struct schedule *s);

#endif
