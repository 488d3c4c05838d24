/* SPDX-License-Identifier: ISC */
/*
 * Shared content: a blob of 64 KiB or more that several accounts hold. Who
 * holds it is written in the blob's own reference entity, before the holder
 * uses it; the last one to give it back deletes the blob in the same batch.
 * Each step can be repeated. These functions wait for their commits.
 */
#ifndef STORE_REFERENCE_H
#define STORE_REFERENCE_H

#include "store/engine.h"
#include "store/keys.h"

struct store;

#define SHARE_FROM (64u << 10) /* octets of content */

/* SENT: an account, of the copy of what it sent, since it may have the same content
 * in INBOX. RECORD: of the queue. MESSAGE: that goes out. */
enum holder_kind { HOLDER_ACCOUNT = 1, HOLDER_RECORD, HOLDER_SENT, HOLDER_MESSAGE };
struct holder {
	enum holder_kind kind;
	uint64_t id;
};

struct entity reference_entity(struct blob_id blob);
struct key reference_key(struct blob_id blob, struct holder h);
enum status reference_add(struct store *s, struct blob_id blob, uint32_t pieces,
    const struct holder *holders, uint32_t count) MUST_CHECK;
/* Pieces [from, pieces) of a blob that has holders, in commits of a bounded
 * size. */
enum status reference_write(struct store *s, struct blob_id blob, const struct text *piece,
    uint32_t from, uint32_t pieces) MUST_CHECK;
enum status reference_drop(struct store *s, struct blob_id blob, struct holder h) MUST_CHECK;
/* Drops holders that a crash left in this entity. */
void reference_walk_one(struct store *s, uint64_t entity);

#endif
