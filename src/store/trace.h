/* SPDX-License-Identifier: ISC */
/*
 * The trace, for the files of src/store. Nothing waits for it: who has something
 * to tell leaves it in memory, and all that was left in about a second goes into
 * one batch a shard, beside what else is being committed. What a crash takes of
 * it is that second. There is room for so much; when the disk does not keep up,
 * rows of the trace are dropped and counted, and mail is not.
 *
 *	noted (memory) -> rows and what finds them, one batch -> too old: gone
 *
 * A message's rows stand in the shard of its id's hash.
 */
#ifndef STORE_TRACE_H
#define STORE_TRACE_H

#include "store/owner.h"
#include "store/queue_calls.h"
#include "store/trace_calls.h"

#define TRACE_SHARDS 4u
#define TRACE_PENDING_MAX (2u << 20)	/* octets that wait, of a shard */
#define TRACE_PENDING_SOON (128u << 10) /* written at once above it */

struct trace_shard {
	struct owner owner; /* first */
	pthread_mutex_t lock;
	struct buffer pending; /* struct trace_noted and text row, one after the other */
	int64_t base;	       /* of their times */
	uint32_t rows;	       /* in it */
	bool writing;	       /* somebody is told to write it */
	struct task task;
};

struct trace {
	struct trace_shard shard[TRACE_SHARDS];
	_Atomic uint32_t number; /* of the next row */
	int64_t trimmed;	 /* monotonic: when it was last looked */
};

void trace_init(struct store *s);
void trace_done(struct store *s);

/* Whether it is kept at all. */
bool trace_wanted(void);
/* Notes what happened to a message, all at one moment. Any thread; does not
 * block. */
void trace_note(struct store *s, struct text id, const struct trace_event *at, uint32_t count);
/* For one event. at: 0: now. */
void trace_note_one(struct store *s, struct text id, struct trace_event e);
/* Starts to write all that was noted. */
void trace_flush(struct store *s);
/* The same, and waits until it can be read. Not on a thread of the pool. */
void trace_flush_wait(struct store *s);
/* Of the background: writes, and trims when it is time. */
void trace_tend(struct store *s);
/* Deletes what is older than that, in bounded batches, and waits. */
enum status trace_trim(struct store *s, int64_t before) MUST_CHECK;

struct trace_shard *trace_shard_of(struct store *s, struct text id);
/* The first key of what one shard tells of a message, or a whole one. */
struct key trace_story_from(struct text id);
struct key trace_story_key(struct text id, int64_t at, uint32_t number);
/* Of what finds it; newest first. */
struct key trace_mark_key(struct trace_mark m, int64_t at, uint32_t number);
struct key trace_batch_key(int64_t at, uint32_t number);
/* The time in one of those two, which stands at that octet. */
int64_t trace_key_time(struct text key, size_t at);

/* Calls fn for each row that a batch wrote. */
typedef void (*trace_noted_fn)(void *arg, const struct trace_noted *n);
enum status trace_batch_each(
    struct text key, struct text value, struct arena *a, trace_noted_fn fn, void *arg) MUST_CHECK;

/* ---- what the store itself tells ---- */

struct store_deliver_request;
/* A message that is kept now; verdicts of its recipients. here: those who have it
 * in a mailbox, or the address of the one account that got it. */
void trace_delivered(struct store *s, const struct store_deliver_request *r,
    const uint64_t *verdicts, struct texts here);
/* What an account sent; here: recipients of this site that have it now, elsewhere:
 * those it is queued for. */
struct submission_commit_request;
void trace_sent(struct store *s, const struct submission_commit_request *r, struct text came,
    uint64_t account, struct texts here, struct texts elsewhere);

/* Within a transaction on a shard of the queue: noted when that is durable. The
 * events are copied, their texts live until then. */
struct trace_plan;
void trace_plan(struct txn *t, uint64_t message, const struct trace_event *at, uint32_t count);
void trace_publish(struct store *s, const struct trace_plan *newest);

/* The attempts of a report; run: as it left it, due included. */
struct outgoing_run;
void trace_attempts(struct txn *t, struct arena *a, const struct queue_report_request *r,
    const struct outgoing_run *run);

#define TRACE_SERVE(name, roles, flags) \
	void serve_##name(struct call_in *in, const void *request, void *context);
TRACE_CALLS(TRACE_SERVE)

#endif
