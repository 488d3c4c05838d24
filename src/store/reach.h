/* SPDX-License-Identifier: ISC */
/*
 * Who gets a message: the accounts that its recipients lead to, each once, and
 * whether they can take it now.
 */
#ifndef STORE_REACH_H
#define STORE_REACH_H

#include "store/directory.h"

struct reached {
	uint64_t account;
	bool full, has_it; /* has_it: by an earlier try of the call */
};

struct reach {
	struct store *store;
	struct arena *arena;
	const struct texts *recipients;
	uint64_t op, size; /* of the call, of the message */
	/* Filled in. */
	uint64_t *verdict;  /* enum status, of each recipient */
	struct targets *to; /* of each recipient */
	struct reached *at; /* all accounts */
	uint32_t count;
	bool outside;	  /* some lead to addresses elsewhere */
	bool unsure;	  /* of some the directory could not tell now */
	struct map known; /* account -> its place in at, +1 */
};

/* Resolves all recipients: OK, NOT_FOUND, DENIED (elsewhere), UNAVAILABLE
 * (suspended, or the directory cannot be read). Then at and count. */
void reach_all(struct reach *r);
/* Accounts of those whose verdict is OK still. */
void reach_again(struct reach *r);
/* Looks for room: a recipient whose accounts are all full is QUOTA, unless it
 * leads elsewhere, and accounts that are reached by nobody else are left out. If
 * one alone got the message at an earlier try of the call, the others had no
 * room then. May load accounts. */
enum status reach_room(struct reach *r) MUST_CHECK;
void reach_done(struct reach *r);
/* What a front is told of a recipient. */
enum status reach_verdict(enum status s);

#endif
