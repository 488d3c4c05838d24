/* SPDX-License-Identifier: ISC */
/*
 * Whom a sender wrote to: hashes of recipients, as a set in memory, and as rows
 * of the queue's shards. A shard keeps SENDING_KNOWN_MAX of them for a sender, in
 * SENDING_SLOTS rows; a message's go into one row (more, if there are many), so
 * that what a message writes does not grow with what is remembered. In a row the
 * oldest are forgotten.
 */
#ifndef STORE_SENDING_KNOWN_H
#define STORE_SENDING_KNOWN_H

#include "store/sending.h"

#define SENDING_SLOTS 8u
#define SENDING_KNOWN_MAX 512u /* recipients that a shard remembers of one sender */
#define SENDING_SLOT_MAX (SENDING_KNOWN_MAX / SENDING_SLOTS)

/* A zeroed struct is an empty set. */
struct known {
	uint32_t *slots; /* a hash, 0: free */
	size_t count, cap;
	bool zero; /* hash 0 is in it */
};

void known_done(struct known *k);
void known_add(struct known *k, uint32_t hash);
bool known_has(const struct known *k, uint32_t hash);

/* Of an address in any case; the arena is for scratch. */
uint32_t known_hash(struct text address, struct arena *a);

/* For apply() on a shard: the recipients of share->first. */
enum status known_put(struct txn *t, const struct sending_share *share) MUST_CHECK;
/* All that a shard remembers. */
void known_delete(struct txn *t, struct sending_key who);
/* Adds what a shard remembers. */
enum status known_read(
    struct store *s, uint32_t shard, struct sending_key who, struct known *out) MUST_CHECK;
/* A row: CORRUPT. */
enum status known_row_check(struct text key, struct text value) MUST_CHECK;

#endif
