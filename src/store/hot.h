/* SPDX-License-Identifier: ISC */
/*
 * Hot rows: what changes about the messages of a mailbox and what a list of it
 * shows, 256 UIDs to a value, so that a million messages are read in some
 * thousand rows. A block is stored in columns (docs/store-format.md): the UIDs
 * can be read without the rest.
 */
#ifndef STORE_HOT_H
#define STORE_HOT_H

#include "base/arena.h"
#include "base/list.h"
#include "base/runs.h"

#define HOT_SPAN 256u
#define HOT_VERSION 2	       /* of blocks that are written; 1 is read, too */
#define HOT_HAS_KEYWORDS 0x20u /* beside the enum message_flag of an octet on the disk */

struct hot_entry {
	uint32_t uid;
	uint8_t flags; /* enum message_flag */
	uint8_t keyword_count;
	const uint16_t *keywords; /* ascending */
	uint64_t modseq;
	uint64_t size; /* prefix included */
	int64_t date;
	uint64_t email;
};

struct hot {
	struct list node;	 /* of a transaction */
	uint32_t mailbox, block; /* UIDs block * 256 .. block * 256 + 255 */
	uint32_t count, cap;
	struct hot_entry *at; /* in order of UID; in an arena */
	bool dirty;
	/* Nobody asked for its entries yet: count and at are not made, value is what
	 * it is. Whether one is unseen or deleted is known where it is dirty. */
	bool packed, unseen, deleted;
	struct text value;
};

/* How many of the account's keyword names it takes to tell this entry. */
static inline uint32_t
hot_names(const struct hot_entry *e)
{
	return e->keyword_count == 0 ? 0 : e->keywords[e->keyword_count - 1] + 1u;
}

static inline uint32_t
hot_block(uint32_t uid)
{
	return uid / HOT_SPAN;
}

void hot_encode(const struct hot *h, struct buffer *out);
/* Fills at and count; memory from the arena. CORRUPT. */
enum status hot_decode(struct text value, struct arena *a, struct hot *out) MUST_CHECK;
/* Without the rest: adds the block's UIDs to a set, and says whether one is
 * unseen or deleted. CORRUPT. */
enum status hot_marks(
    struct text value, uint32_t block, struct runs *add, bool *unseen, bool *deleted) MUST_CHECK;
/* Parts of a block, one behind the other, with the version that stands in front.
 * The UIDs are counted from 1 at the block's start. CORRUPT. */
enum status hot_uids_unpack(struct unpack *u, uint8_t *version, struct runs *out) MUST_CHECK;
/* What is wrong leaves u->bad set. */
void hot_flags_unpack(struct unpack *u, uint8_t version, uint8_t *at, uint32_t count);
void hot_modseqs_unpack(struct unpack *u, uint8_t version, uint64_t *at, uint32_t count);
void hot_modseqs_pack(struct buffer *out, const uint64_t *at, uint32_t count);
/* The entry of a UID, or NULL. */
struct hot_entry *hot_find(struct hot *h, uint32_t uid);
/* The same where the entry looked at before (or NULL) is likely next to it. */
struct hot_entry *hot_find_behind(struct hot *h, struct hot_entry *before, uint32_t uid);
/* At the end: uid is greater than all. */
void hot_append(struct hot *h, struct arena *a, const struct hot_entry *e);
/* A row of a reply (store/calls.h) without further items. */
void hot_row_pack(struct buffer *out, const struct hot_entry *e);

#endif
