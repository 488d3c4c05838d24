/* SPDX-License-Identifier: ISC */
/*
 * struct runs: a set of 32-bit numbers kept as sorted, disjoint, non-adjacent
 * ranges. UIDs of a mailbox, sequence sets, what a change touched. A mailbox
 * of a million messages without holes is one run. Positions (rank, select)
 * cost a binary search over the runs; prefix counts are kept with them.
 * A zeroed struct is the empty set. Numbers are 1..UINT32_MAX. Where a
 * question takes a struct that is not const, it may bring counts up to date:
 * two threads that ask must not share one.
 */
#ifndef BASE_RUNS_H
#define BASE_RUNS_H

#include "base/pack.h"

struct run {
	uint32_t first;
	uint32_t last;	 /* inclusive, >= first */
	uint32_t before; /* how many numbers stand in earlier runs */
};

struct runs {
	struct run *at;
	uint32_t count; /* runs */
	uint32_t cap;
	uint32_t dirty; /* first run whose "before" is not right; internal */
};

#define RUNS_INIT \
	{         \
		0 \
	}

void runs_done(struct runs *r);
void runs_clear(struct runs *r);
void runs_copy(struct runs *dst, const struct runs *src);
/* How many numbers. */
uint32_t runs_total(struct runs *r);
bool runs_empty(const struct runs *r);
bool runs_has(const struct runs *r, uint32_t n);
/* Adds or removes a range; first <= last. Appending at the end is O(1). */
void runs_add(struct runs *r, uint32_t first, uint32_t last);
void runs_remove(struct runs *r, uint32_t first, uint32_t last);
void runs_add_all(struct runs *r, const struct runs *other);
void runs_remove_all(struct runs *r, const struct runs *other);
/* out = a and b; out is another struct, emptied first. */
void runs_both(struct runs *out, const struct runs *a, const struct runs *b);

/* The 1-based position of n, or 0 when it is not in the set. */
uint32_t runs_rank(struct runs *r, uint32_t n);
/* How many numbers are < n. */
uint32_t runs_below(struct runs *r, uint32_t n);
/* The number at 1-based position pos, or 0 when there is none. */
uint32_t runs_at(struct runs *r, uint32_t pos);
/* The smallest number >= n, or 0. */
uint32_t runs_next(const struct runs *r, uint32_t n);
/* The greatest number, or 0. */
uint32_t runs_last(const struct runs *r);

/* Varints: count, then gap and length of each run. A reader refuses what is
 * not sorted, and more than max_runs runs. */
void runs_pack(struct buffer *b, const struct runs *r);
enum status runs_unpack(struct unpack *u, uint32_t max_runs, struct runs *out) MUST_CHECK;
/* IMAP sequence-set syntax, "1:4,7" (RFC 9051 9); the empty set adds nothing. */
void runs_print(struct buffer *b, const struct runs *r);

#endif
