/* SPDX-License-Identifier: ISC */
/*
 * Mail that goes out to the world, for the files of src/store: taken in,
 * leased, reported about. A message lives in one shard of the queue, which its
 * number names (message % QUEUE_SHARDS), with its content:
 *
 *	one batch: message, envelope, runs, content     -> answered, scheduled
 *	    -> leased (memory only)
 *	    -> one batch: run with what became of its recipients and when the rest
 *	       is due; with the last recipient, all of the message goes instead
 *
 * The schedule (store/schedule.h) is made from the runs when the store starts,
 * and follows each batch when it is published. It only says where to look: a
 * lease reads the rows.
 */
#ifndef STORE_OUTGOING_H
#define STORE_OUTGOING_H

#include <pthread.h>

#include "store/bell.h"
#include "store/outgoing_rows.h"
#include "store/owner.h"

struct outgoing {
	pthread_mutex_t lock;
	struct schedule *schedule;
	struct schedule_limits limits;
	struct map leases;  /* outgoing_run_key() -> struct lease */
	struct map resumed; /* links that said what they have in hand */
	struct bell bell;
};

/* A run whose recipients wait for the time `due`, as a transaction leaves it:
 * part of the transaction, until it is published or discarded. */
struct outgoing_plan {
	struct list node;
	struct text destination; /* owned */
	struct schedule_run run;
	int64_t due; /* seconds */
};

void outgoing_init(struct outgoing *o);
/* Makes the schedule from the rows of a shard. */
enum status outgoing_load(struct store *s, struct entity shard) MUST_CHECK;
void outgoing_done(struct outgoing *o);
void outgoing_lost(struct store *s, uint64_t link);
/* Looks whether something is due, and rings; called about each second. */
void outgoing_tend(struct store *s);

struct key outgoing_run_key(uint64_t message, uint32_t first);
/* For apply() on a shard: puts the run's row, and plans it if somebody in it
 * waits. */
void outgoing_put_run(
    struct txn *t, uint64_t message, uint32_t first, const struct outgoing_run *r);
/* The plans of a transaction that is published. */
void outgoing_publish(struct store *s, struct list *plans);
void outgoing_discard(struct list *plans);

struct lease {
	uint64_t link, message;
	uint32_t first, count;
	uint64_t account;
	int8_t priority;
	bool counted;		 /* by the schedule */
	bool proposed;		 /* its turn came meanwhile: it has it when the lease ends */
	struct text destination; /* owned */
};
/* Whether the link has it. */
bool lease_held(struct store *s, uint64_t link, uint64_t message, uint32_t first);
/* Ends it, if there is one. */
void lease_end(struct store *s, uint64_t message, uint32_t first, enum schedule_end how);

/* Every call has a handler of this name. */
#define OUTGOING_SERVE(name, roles, flags) \
	void serve_##name(struct call_in *in, const void *request, void *context);
QUEUE_CALLS(OUTGOING_SERVE)

#endif
