/* SPDX-License-Identifier: ISC */
/*
 * The queue of messages for several accounts: one record holds the message and
 * who gets it; when its commit is durable the sender is answered, and the
 * record is applied to each account, at once or after a restart, until all
 * have it. A mark in the account, in the batch that brings the message, makes
 * a second application do nothing. Then the record goes, and later the marks.
 *
 *	(references added) -> record committed -> accounts, in any order
 *	    -> record removed -> (references of the record dropped) -> marks
 *
 * Content below 64 KiB is copied to each account and goes with the record;
 * larger content is shared (store/reference.h). Of content that is too large
 * for one commit (store/stage.h), all pieces but the first are written before
 * the record, in the reference entity:
 *
 *	references added -> pieces 1.. in steps -> record and piece 0 -> as above
 *
 * What also goes out to the world (store/draft.h) stands in the same batch and uses
 * the same content, which goes with the last of the two; shared content is held
 * by each.
 *
 * What the operator drops before it is due says so in its row, gives the holders of
 * its accounts back, and goes as if it were applied.
 *
 * So the first piece says for content of any size whether its record was ever
 * there: without it, the walk drops the holders, and the last takes the pieces.
 */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "store/fresh.h"
#include "store/outgoing.h"
#include "store/owner.h"
#include "store/remembered.h"

#define QUEUE_SHARDS 16u
#define RECORDS_MAX 10000u /* that wait to be applied */
#define RECORD_WINDOW 16u  /* accounts of one record at work at once */
#define RECORD_ACCOUNTS_MAX 50000u

/* What an account gets: the message in INBOX, a copy of what it sent, or both. */
enum place_what { PLACE_INBOX = 1, PLACE_SENT = 2 };

struct record_place {
	uint64_t account;
	uint32_t what;	    /* enum place_what */
	bool done, missing; /* missing: the account is gone */
};

struct record {
	uint64_t id;
	uint32_t shard;
	struct text sender, summary;
	int64_t received;
	uint64_t size;
	struct blob_id blob;
	uint32_t pieces;
	bool shared;
	uint64_t message;		/* that goes out and uses the blob, too; 0: none */
	struct text prefix;		/* in front of the content in INBOX */
	struct text sent, sent_summary; /* of the copy: in front of it; empty: summary */
	int64_t due;			/* seconds; not applied before */
	struct record_place *place;
	uint32_t count;	    /* 0: in memory alone, of a message that only goes out */
	struct arena arena; /* all of it */
	/* Of the application. */
	pthread_mutex_t lock;
	uint32_t next, at_work, undone;
	_Atomic bool committed;
	_Atomic bool doubtful; /* nobody knows whether it was committed */
	bool active;	       /* being applied, or claimed */
	bool dropped;	       /* by the operator: nobody gets it any more */
	bool queued;	       /* the task is queued or running */
	struct task task;
	struct store *store;
};

/* Octets of memory of a shard. */
#define QUEUE_FRESH_MAX (1u << 20)
#define QUEUE_SENDERS_MAX (1u << 19)
/* Content that is kept with the rows: the first octet of its key, before the blob's id. */
#define QUEUE_FRESH_CONTENT 'B'

struct queue_shard {
	struct owner owner; /* first */
	struct remembered remembered;
	struct fresh fresh;   /* rows of messages that go out */
	struct fresh senders; /* and of who sent them */
};

struct queue {
	struct queue_shard shard[QUEUE_SHARDS];
	pthread_mutex_t lock;
	struct map records; /* id -> struct record */
	struct outgoing outgoing;
};

/* Where plans of a transaction on a shard are noted. */
struct list *queue_plans(struct txn *t);
/* Where what it tells the trace is, newest first; in its arena. */
struct trace_plan;
struct trace_plan **queue_tales(struct txn *t);

void record_pack(struct buffer *out, const struct record *r);
enum status record_unpack(struct text value, struct record *out) MUST_CHECK;

/* Loads what is left; queue_start applies it. */
enum status queue_init(struct store *s) MUST_CHECK;
void queue_start(struct store *s);
void queue_done(struct store *s);
/* Takes up records whose application failed, and those nobody knows of whether
 * they were committed. */
void queue_retry(struct store *s);
/* Whether the record is not done yet. */
bool queue_has(struct store *s, uint64_t record);
bool queue_has_blob(struct store *s, struct blob_id blob);
size_t queue_count(struct store *s);

/* Applies a record, or finds out whether it is there, if nobody is at it. */
void record_start(struct record *r);
/* Gives the holders of shared content back, waiting for it: the record's own and
 * those of accounts that are not there, or of all; then forgets the record. */
void record_give_back(struct record *r, bool all);

/* Dropped before its time (RFC 4865): a record that is not due yet is claimed, so
 * that it is not applied meanwhile (NULL: it is due, in other hands or gone); in
 * apply() on its shard its row says that nobody gets it; and it is let go, to be
 * removed if that was committed. */
struct record *record_claim(struct store *s, uint64_t record);
void record_drop(struct txn *t, struct record *r);
void record_let(struct record *r, bool dropped);

/* It is done and removed. */
void queue_forget(struct record *r);

/* Whether a call with this op was taken in here. */
enum status queue_remembers(struct store *s, uint64_t op, bool *out) MUST_CHECK;
/* For apply(): the message of that number gives back shared content when the
 * transaction is published. */
void queue_give_back(struct txn *t, struct blob_id blob, uint64_t message);

/* ---- in queue.c, for post.c ---- */

struct record *record_new(struct store *s, uint64_t id, uint32_t shard);
/* Known from here on, so that its marks and holders are left alone. */
void queue_keep(struct store *s, struct record *r);

#endif
