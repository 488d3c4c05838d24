/* SPDX-License-Identifier: ISC */
/*
 * Places that messages left. A message that goes out of its mailbox (EXPUNGE, a
 * removed mailbox) is gone with its hot row; that its email stands there no
 * longer must be written in the email's row, one for each message, and with its
 * last place an email leaves its content, thread and message-ids. Of a few
 * messages that is done in the commit that takes them out. Of many that commit
 * only notes the places, in rows of up to 256 in the order of the emails:
 *
 *	entry and place -> place and row l -> neither
 *
 * Collection (collect.c) does the rest in steps, each of which takes whole rows
 * and rewrites every email once, however many of its places go. Until then an
 * email's row names places that are no more: who wants to know where an email
 * stands leaves out those that a row l names, or asks the mailboxes. No place
 * is ever used again (RFC 9051 2.3.1.1), so it never comes to life meanwhile.
 */
#ifndef STORE_LEAVING_H
#define STORE_LEAVING_H

#include "store/account.h"
#include "store/cold.h"

struct leaving {
	uint64_t email;
	struct place at;
};

/* Memory from the arena that was given; zeroed: none. */
struct leavings {
	struct leaving *at;
	uint32_t count, cap;
};

void leaving_add(struct leavings *l, struct arena *a, uint64_t email, struct place at);
/* The entries of these places, all of one mailbox, are taken out by this
 * transaction. Sorts them. */
enum status leaving_write(struct account_txn *t, struct leavings *l) MUST_CHECK;
/* One step of what committed rows note; *places: so many were taken, 0 when
 * there are no rows any more. */
enum status leaving_take(struct account_txn *t, uint32_t *places) MUST_CHECK;
/* All of it. */
enum status leaving_take_all(struct account_txn *t) MUST_CHECK;
/* Adds the places of a row. CORRUPT. */
enum status leaving_unpack(
    struct text key, struct text value, struct arena *a, struct leavings *out) MUST_CHECK;

#endif
