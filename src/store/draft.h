/* SPDX-License-Identifier: ISC */
/*
 * A message that is to go out, before it has rows: its envelope, and its
 * recipients with the destination of each. Some are at their end already and
 * stand there only because the sender is owed a word about them (RFC 3461 5.2).
 * Memory is of the arena it was given.
 */
#ifndef STORE_DRAFT_H
#define STORE_DRAFT_H

#include "store/directory.h"
#include "store/outgoing.h"

struct draft {
	struct arena *arena;
	struct outgoing_envelope envelope;
	uint64_t account;
	int64_t received, expires, due, priority; /* seconds */
	struct draft_recipient *at;
	uint32_t count, cap;
	struct map known; /* addresses that wait: a set */
};

/* What the client asked for one recipient. */
struct draft_wish {
	struct text address, orcpt;
	uint32_t notify; /* enum queue_notify */
};

/* It goes to this address elsewhere; an address that is there already is not
 * added. */
void draft_waits(struct draft *d, const struct draft_wish *w, struct text destination);
/* It came to this end here, with these words; added only if the sender wants to
 * know. destination: the domain of the address. */
void draft_ends(
    struct draft *d, const struct draft_wish *w, enum outgoing_state state, const char *words);
/* A recipient that directory_resolve found: addresses elsewhere that it leads to
 * are added, and what the sender is owed about it. */
void draft_leads(struct draft *d, const struct draft_wish *w, const struct targets *to);
/* Limits and values of all that came from a call. */
bool draft_is_good(const struct draft *d) MUST_CHECK;
/* In order of destinations, as the rows have them; before draft_put. */
void draft_ready(struct draft *d);
/* For apply() on the shard message % QUEUE_SHARDS: the rows. INVALID: there is a
 * message of that number. record: that uses the content, too; 0: none. */
enum status draft_put(struct txn *t, struct op *op, const struct draft *d, uint64_t message,
    struct blob_id blob, uint32_t pieces, bool shared, uint64_t record) MUST_CHECK;
/* Those who wait, in memory of the arena. */
struct texts draft_waiting(const struct draft *d);
void draft_done(struct draft *d);

#endif
