/* SPDX-License-Identifier: ISC */
/*
 * Owners: how everything is written. An entity of the engine (an account, a
 * shard of the directory or of the queue, the site) has one owner in this
 * process. Operations on it queue up; whoever finds the owner idle becomes it:
 * takes all that are queued, applies them in order to one transaction, and
 * commits that once. When the commit is durable, the cached state is replaced
 * by what the transaction made, every operation is answered, and the owner
 * goes on with what came meanwhile.
 *
 * Rules. apply() runs on one thread at a time for an owner, and never while a
 * commit of it is under way: what the engine holds is then what is published,
 * plus the transaction. Published state changes only under owner->lock, only
 * in publish(). An operation that fails after it has changed the transaction
 * makes the transaction begin again without it, so it leaves no trace. No
 * answer leaves before the commit that it rests on is durable.
 */
#ifndef STORE_OWNER_H
#define STORE_OWNER_H

#include <pthread.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "runtime/calls.h"
#include "runtime/pool.h"
#include "store/engine.h"
#include "store/keys.h"

struct store;
struct owner;
struct txn;

#define OWNER_WAITING_MAX 50000u /* operations that wait for one owner */
#define OWNER_TRIES_MAX 20	 /* of one transaction, while guards fail */
#define TXN_OPS_MAX 512		 /* operations in one commit */
#define TXN_BYTES_MAX (8u << 20) /* no further operation is taken above it */
#define TXN_HARD_MAX (56u << 20) /* an operation that needs more is refused */

struct op {
	struct list node;
	/* OK: answered when the commit is durable (at once if nothing was
	 * written). AGAIN: as OK, but then applied once more, in another
	 * commit. Anything else: answered with that. */
	enum status (*apply)(struct txn *t, struct op *op);
	/* The end, exactly once; any thread; must not block. Frees the op. */
	void (*finish)(struct op *op, enum status s);
	void *arg;	    /* of finish */
	void *arg2;	    /* of apply */
	struct call_in *in; /* or NULL */
	const void *request;
	struct arena *arena; /* lives until finish */
	uint64_t id;	     /* the call's op; 0: none */
	struct text result;  /* what is remembered for a repeated call */
	bool repeated; /* it was done earlier: apply() changes nothing, result is what it gave */
	bool again;
	bool maybe;   /* its own earlier try may have taken effect */
	size_t bytes; /* of content that it brings */
	enum status status;
	struct failure failure;
};

struct owner_class {
	const char *name;
	size_t txn_size; /* of the struct that begins with struct txn */
	/* Reads the cached state; owner->version is set. */
	enum status (*load)(struct owner *o);
	void (*unload)(struct owner *o);
	void (*begin)(struct txn *t);
	/* Before and after each apply(). */
	enum status (*op_begin)(struct txn *t, struct op *op);
	void (*op_end)(struct txn *t, struct op *op);
	/* Writes what was collected; only called when something changed. */
	void (*seal)(struct txn *t);
	/* Makes the transaction the state of now; under the lock. */
	void (*publish)(struct txn *t);
	/* Whether it is known what the engine has in the row. May be NULL. */
	bool (*fresh)(struct owner *o, struct text key, struct arena *a, struct text *value);
	/* After publish, without the lock. */
	void (*told)(struct txn *t);
	/* Frees what the transaction holds, published or not. */
	void (*discard)(struct txn *t);
	/* The key of the row that begins with the batch id. */
	enum key_kind head;
	/* Keep the owner in memory. May be NULL. */
	void (*hold)(struct owner *o);
	void (*release)(struct owner *o);
};

#define OWNER_MAGIC 0x04e40000u

struct owner {
	unsigned magic;
	const struct owner_class *class;
	struct store *store;
	struct entity entity;
	pthread_mutex_t lock;
	struct list waiting;
	unsigned waiting_count;
	bool busy;   /* somebody is at work, or a commit is under way */
	bool loaded; /* changes while busy, under the lock */
	uint64_t version;
	struct txn *txn; /* whose commit must be decided about (task) */
	struct task task;
};

struct txn {
	struct owner *owner;
	struct store *store;
	struct engine_batch batch;
	struct map rows;		 /* key -> index in batch.writes, +1 */
	struct list ops;		 /* applied, in order */
	struct list failed;		 /* answered with their status when it ends */
	uint64_t changes;		 /* grows with every change */
	uint64_t id;			 /* of the batch */
	uint64_t tried[OWNER_TRIES_MAX]; /* ids of the batches before it */
	unsigned tries;
	bool begun;
	enum status ended;
	int64_t now; /* wall clock, microseconds */
};

void owner_init(
    struct owner *o, const struct owner_class *class, struct store *s, struct entity entity);
/* Nothing may be waiting or under way. */
void owner_done(struct owner *o);
/* Queues the operation. May apply it on this thread. */
void owner_submit(struct owner *o, struct op *op);
/* The same, on a thread of the store's pool: from finish(). */
void owner_submit_later(struct owner *o, struct op *op);

/* Queues the operation, whose finish is set here, and waits for its end. Not
 * on a thread of the pool or the engine. */
enum status owner_wait(struct owner *o, struct op *op) MUST_CHECK;
/* Waits until the cached state is there: for readers, on threads of calls. */
enum status owner_wait_loaded(struct owner *o) MUST_CHECK;

/* Rows of the transaction's entity, as of its own writes. Keys and values are
 * copied. */
void txn_put(struct txn *t, struct text key, struct text value);
/* The same with a value that stands in the transaction's arena: not copied. */
void txn_put_kept(struct txn *t, struct text key, struct text value);
/* The same with a row that is new, and of which nothing else is asked or done in the
 * transaction: it is not looked for among the others. */
void txn_put_new(struct txn *t, struct text key, struct text value);
void txn_delete(struct txn *t, struct text key);
enum status txn_get(struct txn *t, struct text key, struct arena *a, struct text *value) MUST_CHECK;
/* What the transaction itself has made of the row; not copied. NOT_FOUND: it
 * deleted it; AGAIN: it did not touch it. */
enum status txn_own(struct txn *t, struct text key, struct text *value) MUST_CHECK;
/* Calls fn for the committed rows in [from, until) as the transaction has them
 * now, in order, until it gives something else than OK; NOT_FOUND ends it well.
 * Rows that are new in the transaction are not seen. */
typedef enum status (*txn_row_fn)(void *arg, struct text key, struct text value);
enum status txn_scan(
    struct txn *t, struct text from, struct text until, txn_row_fn fn, void *arg) MUST_CHECK;
/* The bytes are not copied. */
void txn_blob_put(struct txn *t, struct blob_id id, uint16_t piece, struct text bytes);
void txn_blob_delete(struct txn *t, struct blob_id id, uint16_t pieces);
/* The value that this transaction put; empty if it did not. */
struct text txn_written(struct txn *t, struct text key);
/* Where memory for the transaction comes from. */
struct arena *txn_arena(struct txn *t);

/* For apply(): keeps the words and gives the status. */
enum status op_refuse(struct op *op, enum status s, const char *client, const char *log, ...)
    PRINTF_LIKE(4, 5);

#endif
