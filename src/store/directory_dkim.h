/* SPDX-License-Identifier: ISC */
/*
 * DKIM keys of domains, sealed by auth: one row a domain. A key is published
 * from the moment it is here, signs from `active` on, and stops at `retired`,
 * after which its record must stay in DNS while messages are under way
 * (RFC 6376 3.6.1, RFC 5863 3.5).
 */
#ifndef STORE_DIRECTORY_DKIM_H
#define STORE_DIRECTORY_DKIM_H

#include "store/directory.h"

#define DKIM_KEYS_MAX 16 /* of a domain */

struct dkim_row {
	uint64_t number;
	uint8_t algorithm; /* enum dkim_algorithm */
	struct text selector, record, sealed;
	int64_t created, active, retired; /* seconds; retired 0: not yet told */
};

struct dkim_rows {
	struct dkim_row at[DKIM_KEYS_MAX];
	uint32_t count;
};

void dkim_rows_pack(struct buffer *out, const struct dkim_rows *rows);
/* CORRUPT. Views of value. */
enum status dkim_rows_unpack(struct text value, struct dkim_rows *out) MUST_CHECK;
bool dkim_row_signs(const struct dkim_row *row, int64_t now);
/* Removes the row of a domain that goes. */
enum status dkim_rows_drop(struct shard_txn *t, struct text domain, struct arena *a) MUST_CHECK;

#endif
