/* SPDX-License-Identifier: ISC */
/*
 * Content that is too large for one commit is staged: its pieces are written
 * in several, each of a bounded size, and the last one brings the message.
 *
 * Into one account, in the account's own batches:
 *
 *	nothing -> row w (blob, pieces, written) and the first pieces
 *	    -> w and further pieces, as often as need be
 *	    -> the last pieces and the message, w gone
 *
 * Everything that the next step must know stands in w, so that a step that is
 * applied again after a conflict, or was applied after all, goes on from what
 * is there. A row w that no operation of this process is at (it failed, or an
 * earlier process ended) names content that nobody will ever see: collection
 * deletes both (collect.c). For several accounts see store/queue.h.
 */
#ifndef STORE_STAGE_H
#define STORE_STAGE_H

#include "store/account.h"

#define STAGE_FROM (8u << 20) /* octets of content that are not one commit any more */
#define STAGE_STEP (4u << 20) /* octets of pieces in one commit */

struct new_message;

/* Content that is being written by operations of this process. */
struct staging {
	pthread_mutex_t lock;
	struct map blobs; /* id: a set */
};

struct staged {
	struct blob_id blob;
	uint32_t pieces, written; /* the first ones */
};

void staging_init(struct staging *g);
void staging_done(struct staging *g);
/* Whether content of that size is staged. A call without an op is not: it
 * could not be known when it was done already. */
static inline bool
stage_needed(size_t octets, uint64_t op)
{
	return octets > STAGE_FROM && op != 0;
}

/* Whether an operation is at it: from its first step to stage_end. */
bool stage_busy(struct store *s, struct blob_id blob);
/* For finish(). gone: it came to nothing; what it wrote is collected. */
void stage_end(struct store *s, uint64_t account, struct blob_id blob, bool gone);

/* The first piece behind those from `from` on that make one step. */
uint32_t stage_fit(const struct text *piece, uint32_t pieces, uint32_t from);
/* For apply(), before anything else is changed: AGAIN while more is left than
 * one commit takes; OK: the rest, from m->first on, goes with the message. */
enum status stage_step(struct account_txn *t, struct new_message *m) MUST_CHECK;
enum status staged_unpack(struct text key, struct text value, struct staged *out) MUST_CHECK;

#endif
