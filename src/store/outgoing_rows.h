/* SPDX-License-Identifier: ISC */
/*
 * The rows of a message that goes out, in the shard of the queue that its
 * number names: one of the message, one of its envelope and summary, which
 * never change, and one for each run of recipients that are tried together.
 * A message that has one run and was not tried yet is whole: its one row holds
 * all of it, and most mail leaves before it would need more. The first change
 * that leaves something to do makes three of it (outgoing_put).
 * docs/store-format.md has them octet by octet.
 */
#ifndef STORE_OUTGOING_ROWS_H
#define STORE_OUTGOING_ROWS_H

#include "base/arena.h"
#include "base/pack.h"
#include "base/runs.h"
#include "store/engine.h"
#include "store/queue_calls.h"
#include "store/schedule.h"

/*
 * A recipient:
 *
 *	WAITING -> DELIVERED, RELAYED | FAILED (for good, or expired)
 *	WAITING <-> HELD (by the operator, or while the account's sending is stopped)
 *	WAITING, HELD -> DROPPED (by the operator)
 *
 * The other four are ends. A message goes when all recipients are at their end
 * and nothing is owed to its sender.
 */
enum outgoing_state {
	OUTGOING_WAITING,
	OUTGOING_HELD,
	OUTGOING_DELIVERED,
	OUTGOING_RELAYED,
	OUTGOING_FAILED,
	OUTGOING_DROPPED,
	OUTGOING_STATES
};

#define QUEUE_NOTIFY_ALL 15u
#define OUTGOING_PREFIX_MAX (256u << 10) /* octets */
#define OUTGOING_WHOLE_MAX (6u << 10)	 /* octets of envelope and run in one row */

/* What the sender is yet to be told (RFC 3461 6). */
enum outgoing_owed {
	OWED_SUCCESS = 1,
	OWED_DELAY = 2,
	OWED_FAILURE = 4,
	WARNED = 8,	   /* that it is late: owed, told, or not wanted */
	WARNED_BY = 16,	   /* the same of the time that the sender set (RFC 2852 4) */
	HELD_STOPPED = 32, /* held since the account's sending is stopped */
};

struct outgoing_recipient {
	struct text address, orcpt;
	uint32_t notify; /* enum queue_notify */
	enum outgoing_state state;
	uint32_t owed; /* enum outgoing_owed */
	uint32_t attempts;
	int64_t last;	    /* seconds; of the last attempt, 0: none */
	struct text reply;  /* of the last attempt */
	struct text server; /* that gave it */
};

/* A run: first is in its key. due: seconds. deadline: when somebody in it who
 * waits is late or given up, though no attempt is made; seconds, 0: nobody
 * waits. account and priority are those of the message. account, here and in the message:
 * whose sending counts, as sending_number (store/sending.h) has it; 0: the site itself. */
struct outgoing_run {
	struct text destination;
	int64_t due, deadline;
	uint64_t account;
	int64_t priority;
	struct outgoing_recipient *at;
	uint32_t count; /* 1 to SCHEDULE_RUN_MAX */
};

struct outgoing_message {
	struct blob_id blob;
	uint32_t pieces;
	bool shared;	 /* the blob is held by reference */
	uint64_t record; /* that came with it and uses the blob, too; 0: none */
	uint64_t account;
	int64_t received, expires;
	int64_t released;    /* since when it is tried (RFC 4865); lateness counts from here */
	int64_t notify_at;   /* of RFC 2852 BY with N: told of a delay then; 0: none */
	uint32_t recipients; /* in all */
	uint32_t open;	     /* not at their end */
	uint32_t owed;	     /* recipients about whom the sender is to be told something */
	bool noticed;	     /* there is a row of what he is being told */
	bool whole;	     /* there are no rows but this one, which has these two: */
	struct text envelope, run; /* as they would stand in theirs */
};

/* What the sender is being told, since when more may come. op: of the notice.
 * numbers: of recipients, + 1. To be freed with runs_done. */
struct outgoing_notice {
	uint64_t op;   /* not 0 */
	uint32_t kind; /* enum queue_owed_kind */
	uint32_t late;
	struct runs numbers;
};

/* sender is told; forward_sender, unless it is empty, is what the message goes
 * out under. */
struct outgoing_envelope {
	struct text id, sender, forward_sender, envid, prefix, summary;
	uint32_t body, needs, ret, by;
	int64_t by_time;
	uint64_t size;
};

/* Not at its end; its sender is to be told something. */
static inline bool
outgoing_is_open(const struct outgoing_recipient *r)
{
	return r->state == OUTGOING_WAITING || r->state == OUTGOING_HELD;
}

static inline uint32_t
outgoing_owed_kind(const struct outgoing_recipient *r)
{
	return r->owed & (OWED_SUCCESS | OWED_DELAY | OWED_FAILURE);
}

static inline bool
outgoing_is_owed(const struct outgoing_recipient *r)
{
	return outgoing_owed_kind(r) != 0;
}

/* Whether a message's row is one of a whole one, without a look at the rest. */
bool outgoing_is_whole(struct text value);
/* All of them give CORRUPT for what is no such row; views live in the value. */
void outgoing_message_pack(struct buffer *out, const struct outgoing_message *m);
enum status outgoing_message_unpack(struct text value, struct outgoing_message *out) MUST_CHECK;
void outgoing_envelope_pack(struct buffer *out, const struct outgoing_envelope *e);
enum status outgoing_envelope_unpack(struct text value, struct outgoing_envelope *out) MUST_CHECK;
void outgoing_run_pack(struct buffer *out, const struct outgoing_run *r);
enum status outgoing_run_unpack(
    struct text value, struct arena *a, struct outgoing_run *out) MUST_CHECK;
void outgoing_notice_pack(struct buffer *out, const struct outgoing_notice *n);
enum status outgoing_notice_unpack(struct text value, struct outgoing_notice *out) MUST_CHECK;

#endif
