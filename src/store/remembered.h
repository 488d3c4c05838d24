/* SPDX-License-Identifier: ISC */
/*
 * Ops that were done: a write that comes again (the link broke, the store was
 * restarted, a commit ended ambiguously) is answered as the first time. One
 * row for the ops of one batch, with their results; an index from op to row in
 * memory. Kept for 15 minutes; of an account that does more than 200,000 ops
 * in that time, the last 200,000.
 */
#ifndef STORE_REMEMBERED_H
#define STORE_REMEMBERED_H

#include "store/owner.h"

#define REMEMBER_FOR (15 * CLOCK_MINUTE)
#define REMEMBER_MAX 200000u

struct remembered_row {
	int64_t time; /* wall clock, microseconds */
	uint64_t *ops;
	uint32_t count;
};

/* Part of an owner's published state. */
struct remembered {
	struct map by_op;	    /* op -> number of its row, +1 */
	struct remembered_row *row; /* ring: number first + i at (head + i) % cap */
	size_t cap, head;
	uint64_t first, next; /* row numbers */
	size_t ops;
};

/* What one transaction adds. */
struct remembering {
	struct buffer packed;
	uint64_t *ops;
	uint32_t count, cap;
	uint32_t purged; /* rows that go */
	bool sealed;
};

enum status remembered_load(struct remembered *r, struct owner *o) MUST_CHECK;
void remembered_free(struct remembered *r);
size_t remembered_cost(const struct remembered *r);
/* Whether an op of that id was done before; under the owner's lock. */
bool remembered_has(const struct remembered *r, uint64_t op);
/* Sets op->repeated and op->result if the op was done before. */
enum status remembered_find(struct remembered *r, struct txn *t, struct op *op) MUST_CHECK;
void remembering_begin(struct remembering *m);
void remembering_add(struct remembering *m, const struct op *op);
/* Writes the row and deletes old ones. */
void remembering_seal(struct remembering *m, struct remembered *r, struct txn *t);
void remembering_publish(struct remembering *m, struct remembered *r, struct txn *t);
void remembering_discard(struct remembering *m);

#endif
