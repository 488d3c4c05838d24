/* SPDX-License-Identifier: ISC */
/*
 * All that becomes of a message, in one batch on a shard of the queue: a record
 * for the accounts that get it (store/queue.h), what goes out (store/draft.h),
 * and its content, once for both. The caller is answered when that is durable;
 * then the record is applied.
 */
#ifndef STORE_POST_H
#define STORE_POST_H

#include "store/draft.h"
#include "store/queue.h"
#include "store/sending.h"

struct post {
	const struct record *record; /* blob, pieces and count are set; count 0: none */
	const struct draft *draft;   /* ready; count 0: nothing goes out */
	const struct text *piece;
	const struct sending_share *share; /* of the sender's counts; or NULL */
	struct text result;		   /* is remembered with the op */
	/* Answers the call from op->result. */
	void (*answer)(struct op *op);
	uint64_t number; /* of the message; names the shard */
	/* Filled in. */
	struct record *kept;
	uint32_t pieces; /* that go with the batch: all, or of staged content the first */
};

/* op has its call, id, arena and octets of content; all of it lives until it is
 * finished, which fails the call or answers it. */
void post_submit(struct store *s, struct op *op, struct post *p);

#endif
