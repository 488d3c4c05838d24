/* SPDX-License-Identifier: ISC */
/*
 * A hot block of which only the columns that STORE changes are read, flags and
 * modseqs: the others stay as the octets that they are. So a range of messages
 * gets a flag at a fraction of what whole entries would cost (store/hot.h).
 */
#ifndef STORE_HOT_COLUMNS_H
#define STORE_HOT_COLUMNS_H

#include "store/hot.h"

struct hot_columns {
	struct runs uids; /* UID mod 256, + 1 */
	uint32_t count;
	bool keywords; /* some message has some; they cannot be changed here */
	uint8_t flags[HOT_SPAN];
	uint64_t modseq[HOT_SPAN];
	/* Views of the value: version and UIDs; keywords; sizes, dates and emails. */
	struct text head, lists, rest;
};

/* The value must live as long as out, which is the caller's to free. Of what is
 * left as it is no more is looked at than that it is so many numbers. NOT_FOUND: the block is of an
 * earlier version, and has to be read whole. CORRUPT. */
enum status hot_columns_read(struct text value, struct hot_columns *out) MUST_CHECK;
void hot_columns_done(struct hot_columns *c);
/* Appends the octets of the block as it is now: those that hot_encode would write. */
void hot_columns_write(const struct hot_columns *c, struct buffer *out);

#endif
