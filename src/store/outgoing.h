/* SPDX-License-Identifier: ISC */
/*
 * Mail that goes out to the world, for the files of src/store: taken in,
 * leased, reported about. A message lives in one shard of the queue, which its
 * number names (message % QUEUE_SHARDS), with its content:
 *
 *	one batch: message, envelope, runs, content     -> answered, scheduled
 *	    -> leased (memory only)
 *	    -> one batch: run with what became of its recipients and when the rest
 *	       is due; with the last recipient, all of the message goes instead,
 *	       or when its sender was told all that he is to be told
 *
 * The schedule (store/schedule.h) is made from the runs when the store starts,
 * and follows each batch when it is published. It only says where to look: a
 * lease reads the rows. Deadlines of runs, and messages about which something
 * is owed, stand in heaps beside it, in the same way.
 */
#ifndef STORE_OUTGOING_H
#define STORE_OUTGOING_H

#include <pthread.h>

#include "base/heap.h"
#include "store/bell.h"
#include "store/outgoing_rows.h"
#include "store/owner.h"

struct outgoing {
	pthread_mutex_t lock;
	struct schedule *schedule;
	struct schedule_limits limits;
	struct map leases;     /* outgoing_run_key() -> struct lease */
	struct map resumed;    /* links that said what they have in hand */
	struct heap deadlines; /* struct outgoing_deadline */
	struct heap owed;      /* struct outgoing_owing */
	struct map notices;    /* message -> struct notice */
	struct map bounced;    /* hashes of domains that were ever on the suppression list */
	struct bell bell;
	bool rung;     /* it rang for leases, and nobody was told since that there are no more */
	int64_t began; /* clock_mono() */
};

/* A run whose recipients wait for the time `due`, as a transaction leaves it, or
 * a message about which something is owed (without destination): part of the
 * transaction, until it is published or discarded. */
struct outgoing_plan {
	struct list node;
	struct text destination; /* owned */
	struct schedule_run run;
	int64_t due, deadline; /* seconds; deadline 0: as it was */
};

/* Where to look, and when (microseconds). */
struct outgoing_deadline {
	int64_t at;
	uint64_t message;
	uint32_t first;
};
struct outgoing_owing {
	int64_t at;
	uint64_t message;
};

void outgoing_init(struct outgoing *o);
/* Makes the schedule from the rows of a shard. */
enum status outgoing_load(struct store *s, struct entity shard) MUST_CHECK;
void outgoing_done(struct outgoing *o);
void outgoing_lost(struct store *s, uint64_t link);
/* Looks whether something is due, and rings; called about each second. */
void outgoing_tend(struct store *s);

/* Of the message that a call with this op brings: what its sender was told as
 * the id, read as a number (codec/trace_id.h). */
uint64_t outgoing_number(uint64_t op);
struct key outgoing_run_key(uint64_t message, uint32_t first);
/* For apply() on a shard: puts the run's row, with its deadline, and plans it if
 * somebody in it waits. */
void outgoing_put_run(struct txn *t, uint64_t message, uint32_t first,
    const struct outgoing_message *m, const struct outgoing_run *r);
/* The same with all of the message, which has no other run, in one row; envelope: as
 * it would stand in its own. */
void outgoing_put_whole(struct txn *t, uint64_t message, struct text envelope,
    const struct outgoing_message *m, const struct outgoing_run *r);
/* Puts the message's row, and plans what is owed. */
void outgoing_put_message(struct txn *t, uint64_t message, const struct outgoing_message *m);
/* Whether the message is there with this content, or cannot be read. */
bool outgoing_has(struct store *s, uint64_t message, struct blob_id blob);
/* The plans of a transaction that is published. */
void outgoing_publish(struct store *s, struct list *plans);
void outgoing_discard(struct list *plans);

/* Whether outbound has said what it has in hand, or had this long (microseconds)
 * to do it since the start. */
bool outgoing_is_settled(struct store *s, int64_t patience);
/* Somebody says that the destination is there. */
void outgoing_wake(struct store *s, struct text destination);

/* ---- reading what is committed (outgoing_find.c); texts live in the arena ---- */

/* NOT_FOUND: it is gone; CORRUPT. */
enum status outgoing_find(
    struct store *s, uint64_t message, struct arena *a, struct outgoing_message *out) MUST_CHECK;
/* More of a message that was found. NOT_FOUND: it is gone meanwhile, or has no such
 * run. */
enum status outgoing_find_envelope(struct store *s, uint64_t message,
    const struct outgoing_message *m, struct arena *a, struct outgoing_envelope *out) MUST_CHECK;
enum status outgoing_find_run(struct store *s, uint64_t message, uint32_t first,
    const struct outgoing_message *m, struct arena *a, struct outgoing_run *out) MUST_CHECK;
/* Calls fn as scan_rows does, with the key and the value that a run has if it stands
 * in a row of its own: for the runs of a message from that one on, and for all of a
 * shard from there on. */
enum status outgoing_runs_of(struct store *s, uint64_t message, uint32_t first,
    const struct outgoing_message *m, txn_row_fn fn, void *arg) MUST_CHECK;
enum status outgoing_each_run(struct store *s, struct entity shard, uint64_t message,
    uint32_t first, txn_row_fn fn, void *arg) MUST_CHECK;

/* ---- changing what stands in rows; for apply() (outgoing_change.c) ---- */

/* A message and one run of it, as the transaction has them; texts live in the
 * arena. NOT_FOUND: the message is gone. */
enum status outgoing_read(struct txn *t, struct arena *a, uint64_t message, uint32_t first,
    struct outgoing_message *m, struct outgoing_run *run) MUST_CHECK;
/* Adds the run's share to the counts of the message, or takes it away (sign -1,
 * before the run is changed). */
void outgoing_count(const struct outgoing_run *run, struct outgoing_message *m, int sign);
/* Puts what was changed, a whole message as its three rows; or all of the message
 * goes, if it came to its end. */
enum status outgoing_put(struct txn *t, uint64_t message, uint32_t first,
    const struct outgoing_message *m, const struct outgoing_run *run) MUST_CHECK;
/* All of it goes, its content unless its record is still to be applied. */
enum status outgoing_goes(
    struct txn *t, uint64_t message, const struct outgoing_message *m) MUST_CHECK;

bool outgoing_wants(const struct outgoing_recipient *r, enum queue_notify what);
/* Brings a recipient to its end; owed, if the sender wants to be told of that. */
void outgoing_end(struct outgoing_recipient *r, enum outgoing_state state, enum queue_notify what,
    enum outgoing_owed owed);

/* ---- who is on the suppression list by now (outgoing_barred.c) ---- */

/* Whether one who waits in the run may be: cheap. */
bool outgoing_may_be_barred(
    const struct outgoing_message *m, bool forwarded, const struct outgoing_run *r, int64_t now);
/* Whether one of them is: reads a row for each. */
bool outgoing_is_barred(struct store *s, const struct outgoing_run *r, struct arena *a);
/* Those fail, as a report would have it, but for the list itself; the others wait
 * as before. Waits for the batch. */
enum status outgoing_bar(
    struct store *s, uint64_t message, uint32_t first, struct arena *a) MUST_CHECK;

/* ---- time that passes (outgoing_late.c) ---- */

/* Until when it is tried, seconds. */
int64_t outgoing_expires(const struct outgoing_message *m);
/* Somebody who waits: given up, or to be warned about, if it is time. */
void outgoing_is_late(struct outgoing_recipient *r, const struct outgoing_message *m, int64_t now);
/* When one of the run is late next; 0: never. Seconds. */
int64_t outgoing_deadline(const struct outgoing_message *m, const struct outgoing_run *r);
/* Looks at deadlines that passed. */
void outgoing_late_tend(struct store *s);

/* ---- what is owed (outgoing_owed.c) ---- */

/* Who tells the sender of this message, or when it is tried again. */
struct notice {
	uint64_t link; /* 0: nobody has it in hand */
	int64_t at;    /* not before, microseconds */
	uint32_t failures;
};
/* Under the lock. When something is owed that may be told: INT64_MAX if never. */
int64_t outgoing_owed_next(const struct outgoing *o);
/* Under the lock: what the link had in hand is told by the next. */
void outgoing_owed_lost(struct outgoing *o, uint64_t link, int64_t now);
/* The op of the notice that tells it: the same for the same recipients. */
uint64_t outgoing_notice_op(uint64_t message, const struct queue_owed_reply *o);
/* The row. NOT_FOUND: there is none. */
enum status outgoing_notice_read(
    struct store *s, uint64_t message, struct arena *a, struct outgoing_notice *out) MUST_CHECK;
/* Puts the row, instead of that of an op (0: there is none). EXISTS: there is
 * another. NOT_FOUND: the message is gone. Waits for the batch. */
enum status outgoing_notice_write(struct store *s, uint64_t message,
    const struct outgoing_notice *n, uint64_t instead, struct arena *a) MUST_CHECK;
/* For apply(): it was told, so the row of that op goes. late: what it told of who is
 * late; all that can be told of that, if there is no such row. */
enum status outgoing_notice_told(
    struct txn *t, uint64_t message, uint64_t op, struct arena *a, uint32_t *late) MUST_CHECK;
/* Whether the link is to tell something about the message. */
bool notice_held(struct store *s, uint64_t link, uint64_t message);

struct lease {
	uint64_t link, message;
	uint32_t first, count;
	uint64_t account;
	int8_t priority;
	uint64_t brought;	 /* op of the report whose answer brings it; 0: it was asked for */
	bool counted;		 /* by the schedule */
	bool proposed;		 /* its turn came meanwhile: it has it when the lease ends */
	struct text destination; /* owned */
};
/* Whether the link has it. */
bool lease_held(struct store *s, uint64_t link, uint64_t message, uint32_t first);
/* The same, and it had it before the store started: queue_resume said so. */
bool lease_is_resumed(struct store *s, uint64_t link, uint64_t message, uint32_t first);
/* Whether anybody has it. */
bool lease_is_out(struct store *s, uint64_t message, uint32_t first);
/* Takes a run for the store itself (link 0), so that nobody else gets it; false:
 * somebody has it in hand. */
bool lease_take(
    struct store *s, uint64_t message, uint32_t first, const struct outgoing_run *run) MUST_CHECK;
/* What the answer to a report brings: as queue_lease answers, preferably of the same
 * destination. One entry is looked at and no more, since the report waits for it;
 * message 0: it is none, or the link may have none. */
void lease_follows(struct store *s, struct call_in *in, const struct queue_report_request *r,
    struct queue_lease_reply *reply);
/* The report with that op came again, so nobody heard its first answer: what that
 * brought is given back. */
void lease_not_heard_of(struct store *s, uint64_t link, uint64_t op);
/* What the link took is given to nobody after all. */
void lease_back(struct store *s, uint64_t link, const struct queue_lease_reply *lease);
/* Under the lock: whether the bell is to ring for leases. */
bool lease_rings(struct outgoing *o, int64_t now);
/* Ends it, if there is one. */
void lease_end(struct store *s, uint64_t message, uint32_t first, enum schedule_end how);

/* What stands in the rows, into a reply that has QUEUE_ENVELOPE and pieces; but
 * priority, which the runs have. */
#define OUTGOING_ENVELOPE_TO(reply, m, e)          \
	do {                                       \
		(reply)->id = (e)->id;             \
		(reply)->sender = (e)->sender;     \
		(reply)->account = (m)->account;   \
		(reply)->body = (e)->body;         \
		(reply)->needs = (e)->needs;       \
		(reply)->by = (e)->by;             \
		(reply)->by_time = (e)->by_time;   \
		(reply)->prefix = (e)->prefix;     \
		(reply)->ret = (e)->ret;           \
		(reply)->envid = (e)->envid;       \
		(reply)->received = (m)->received; \
		(reply)->size = (e)->size;         \
		(reply)->summary = (e)->summary;   \
		(reply)->pieces = (m)->pieces;     \
	} while (0)

/* Every call has a handler of this name. */
#define OUTGOING_SERVE(name, roles, flags) \
	void serve_##name(struct call_in *in, const void *request, void *context);
QUEUE_CALLS(OUTGOING_SERVE)

#endif
