/* SPDX-License-Identifier: ISC */
/* Reading the hot blocks of a mailbox in order (store/hot.h). */
#ifndef STORE_HOT_WALK_H
#define STORE_HOT_WALK_H

#include "store/account.h"

/* Calls fn for each committed block that holds UIDs of the set in front of
 * uidnext, in order, until it gives something else than OK, which is given
 * back. value is good within fn alone. CORRUPT. */
enum status hot_walk(struct account *a, uint32_t mailbox, const struct runs *uids, uint32_t uidnext,
    enum status (*fn)(void *arg, uint32_t block, struct text value), void *arg) MUST_CHECK;

#endif
