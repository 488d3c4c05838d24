/* SPDX-License-Identifier: ISC */
/*
 * Email rows of many messages, one after the other. Copies, moves and removals
 * ask for them in the order of the messages, which is mostly that of their ids:
 * then one scan gives them, for a fraction of what looking each up costs. Several
 * copies of one message share a row, which is read for the first of them alone.
 */
#ifndef STORE_EMAILS_H
#define STORE_EMAILS_H

#include "store/account.h"
#include "store/cold.h"

struct emails {
	struct account_txn *t;
	struct engine_scan *scan; /* NULL: each is looked up */
	uint64_t at;		  /* the email where the scan stands */
	struct text value;
	uint64_t before;  /* asked for last */
	uint32_t in_turn; /* so many were asked for, each soon behind the one before */
};

void emails_init(struct emails *e, struct account_txn *t);
/* As the transaction has it; its places are in the arena of the transaction.
 * NOT_FOUND, CORRUPT. */
enum status emails_get(struct emails *e, uint64_t id, struct email *out) MUST_CHECK;
void emails_done(struct emails *e);

#endif
