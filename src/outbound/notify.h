/* SPDX-License-Identifier: ISC */
/*
 * Telling senders what became of their mail: takes what the queue owes them
 * (queue_owed), builds a DSN of it, hands it to intake like any message of this
 * site, and says that it was told. One thread of its own; when it has nothing
 * to do it waits to be rung for.
 *
 *	owed -> built -> taken in by intake -> told
 *
 * Between the last two a crash may come: the same is owed again, and is given
 * to intake under the same op, so that there is one DSN. What cannot be taken
 * in at the moment is put off; what never can is told to the log alone.
 */
#ifndef OUTBOUND_NOTIFY_H
#define OUTBOUND_NOTIFY_H

#include "runtime/calls.h"

struct notify;

/* calls: to store and intake; outlive it, as the hostname does. */
struct notify *notify_new(struct calls *calls, struct text hostname);
/* LIMIT: no thread. */
enum status notify_start(struct notify *n) MUST_CHECK;
/* Something may be owed: the queue's feed rang, or there is a new link. */
void notify_ring(struct notify *n);
/* Ends after the notice under way. False: it still waits at the deadline
 * (monotonic), and nothing may be freed. */
bool notify_stop(struct notify *n, int64_t deadline);
void notify_free(struct notify *n);

/* The next notice, on this thread. NOT_FOUND: nothing is owed now; else what
 * kept it from being told. */
enum status notify_one(struct notify *n) MUST_CHECK;

#endif
