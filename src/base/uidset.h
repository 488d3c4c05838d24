/* SPDX-License-Identifier: ISC */
/*
 * struct uidset: a large set of 32-bit numbers that many hold and that changes
 * little by little: the UIDs of a mailbox. Like struct runs it takes memory by
 * its runs; unlike it, the runs stand in leaves of at most UIDSET_LEAF, under
 * one root that knows how many numbers stand before each leaf. Root and leaves
 * are counted references: a copy is one step and costs nothing, and a change
 * of a copy makes a new root and a new leaf and shares the others. With n runs
 * a change or a position costs about n / UIDSET_LEAF + UIDSET_LEAF steps of
 * the cheapest kind: some microseconds for a million messages.
 *
 * A zeroed struct is the empty set. Numbers are 1..UINT32_MAX. One struct is
 * used by one thread at a time, or read by many; structs that share may be
 * used by as many threads as there are structs.
 */
#ifndef BASE_UIDSET_H
#define BASE_UIDSET_H

#include "base/runs.h"

#define UIDSET_LEAF 512u /* runs in a leaf, at most */

struct uidset_root;
struct uidset {
	struct uidset_root *root; /* NULL: empty */
};

#define UIDSET_INIT \
	{           \
		0   \
	}

void uidset_done(struct uidset *s);
/* dst becomes the same set; they change apart. */
void uidset_share(struct uidset *dst, const struct uidset *src);
void uidset_from_runs(struct uidset *dst, const struct runs *src);
/* All of it; out is emptied first. */
void uidset_to_runs(const struct uidset *s, struct runs *out);

uint32_t uidset_total(const struct uidset *s);
/* How many runs. */
uint32_t uidset_runs(const struct uidset *s);
bool uidset_empty(const struct uidset *s);
bool uidset_has(const struct uidset *s, uint32_t n);
bool uidset_equal(const struct uidset *a, const struct uidset *b);

/* Adds or removes a range; first <= last. Appending at the end of a set that
 * shares nothing is O(1). */
void uidset_add(struct uidset *s, uint32_t first, uint32_t last);
void uidset_remove(struct uidset *s, uint32_t first, uint32_t last);
void uidset_add_all(struct uidset *s, const struct runs *other);
void uidset_remove_all(struct uidset *s, const struct runs *other);
/* out = s and other; emptied first. Costs by other and by the result. */
void uidset_both(struct runs *out, const struct uidset *s, const struct runs *other);

/* What lies in [first, last], counted from 1 at first, as runs_pack would. */
void uidset_pack_part(struct buffer *b, const struct uidset *s, uint32_t first, uint32_t last);

/* As runs_rank, runs_below, runs_at, runs_next and runs_last. */
uint32_t uidset_rank(const struct uidset *s, uint32_t n);
uint32_t uidset_below(const struct uidset *s, uint32_t n);
uint32_t uidset_at(const struct uidset *s, uint32_t pos);
uint32_t uidset_next(const struct uidset *s, uint32_t n);
uint32_t uidset_last(const struct uidset *s);
/* The part from n on of the run that holds n or else comes next; its count
 * (0: there is none). */
uint32_t uidset_run(const struct uidset *s, uint32_t n, uint32_t *first);

/* Octets that it takes, shared or not. */
size_t uidset_cost(const struct uidset *s);
/* Octets that all sets of the process take together, each part once. */
size_t uidset_held(void);

#endif
