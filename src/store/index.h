/* SPDX-License-Identifier: ISC */
/*
 * What is known of a mailbox without its hot blocks: which UIDs it has, and in
 * which blocks a message may be unseen or deleted. It stands in memory from
 * the first opening of a mailbox on. So that this first opening costs no row
 * per block, large mailboxes have index rows: the same, 65,536 UIDs to a row,
 * as of the modseq that the mailbox's own row names (indexed). What happened
 * after it is in the change log. They are written together with a change of
 * the mailbox, when INDEX_EVERY modseqs have gone by, and only those that
 * differ: next to nothing for a delivery. They only repeat what the blocks
 * say; where they cannot be used, the blocks are read.
 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include "base/uidset.h"

#define INDEX_SPAN 65536u /* UIDs of a row */
#define INDEX_FROM 16u	  /* mailboxes of more blocks have index rows */
#define INDEX_EVERY 256u  /* modseqs after which they are written again */

struct account;
struct account_txn;
struct kept_mailbox;
struct edit;
struct hot;

struct index {
	struct uidset uids;
	/* Numbers of hot blocks, + 1. No other block has such a message. */
	struct uidset unseen, deleted;
	struct runs stale; /* numbers of rows, + 1, that are not written so */
};

void index_done(struct index *x);
/* Octets in memory. */
size_t index_cost(const struct index *x);

/* Row `chunk`, UIDs chunk * INDEX_SPAN and so many on, as it is on disk; and
 * adds one that was read to an index, whose content is of no use after CORRUPT. */
void index_row_pack(struct buffer *out, const struct index *x, uint32_t chunk);
enum status index_row_take(struct text value, uint32_t chunk, struct index *x) MUST_CHECK;

/* Makes sure that the published mailbox knows its UIDs. In the owner's queue,
 * where no commit is under way. */
enum status index_know(struct account *a, struct kept_mailbox *k) MUST_CHECK;
/* The same, read anew, and from the rows alone: for the check. NOT_FOUND: they
 * do not say. */
enum status index_from_rows(
    struct account *a, const struct kept_mailbox *k, struct index *out) MUST_CHECK;
/* Puts the rows that are due into a transaction that is sealed. */
void index_seal(struct account_txn *t, struct edit *e);
/* Takes what a transaction changed into the published mailbox. */
void index_publish(struct kept_mailbox *k, const struct edit *e);
void index_publish_block(struct kept_mailbox *k, const struct hot *h);
/* Deletes all index rows of a mailbox. */
enum status index_bury(struct account_txn *t, uint32_t mailbox) MUST_CHECK;

/* The first UID >= from of which the mailbox has a message that is unseen, read
 * from the blocks that may have one. NOT_FOUND. Called as index_know. */
enum status index_unseen(
    struct account *a, struct kept_mailbox *k, uint32_t from, uint32_t *uid) MUST_CHECK;
/* UIDs of the mailbox in blocks that may have deleted messages, as the
 * transaction has it; all but the deleted ones may be missing. */
enum status index_deleted(
    struct account_txn *t, uint32_t mailbox, const struct uidset *all, struct runs *out) MUST_CHECK;

#endif
