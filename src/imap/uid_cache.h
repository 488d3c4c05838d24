/* SPDX-License-Identifier: ISC */
/*
 * The UIDs of mailboxes that are selected, once a process: sessions that know
 * a mailbox as of the same change hold the same set (base/uidset.h), so 200
 * sessions on one mailbox do not hold 200 copies. A session that lags behind,
 * or holds expunges back, shares all but the parts that changed since.
 *
 * It also knows what a SELECT need not ask for: the UIDs as of a modseq, and the
 * whole answer as long as the account did not change (store/board.h).
 */
#ifndef IMAP_UID_CACHE_H
#define IMAP_UID_CACHE_H

#include <pthread.h>

#include "base/map.h"
#include "base/text.h"
#include "base/uidset.h"
#include "store/calls.h"

struct uid_cache {
	pthread_mutex_t lock;
	struct map by_name; /* account and name -> struct uid_entry */
};

struct uid_entry;

/* What store_open answered, but for its sets and names: its UIDs are those that
 * the mailbox has as of its change `highest`. */
struct known_open {
	uint64_t board;	     /* what the board said before it was asked; 0: nothing is known */
	uint32_t generation; /* of the token that was shown, and what it allowed */
	uint32_t scope;
	struct store_open_reply reply;
};

/* A mailbox's UIDs as of a modseq of the account. */
struct known_uids {
	uint32_t mailbox; /* 0: nothing is known */
	uint64_t highest; /* the mailbox's last change in them */
	uint64_t modseq;
	struct uidset uids;
	struct known_open open;
};

void uid_cache_init(struct uid_cache *cache);
/* All have left. */
void uid_cache_done(struct uid_cache *cache);
/* What is known of the mailbox of this name; out->uids is the caller's. */
void uid_cache_find(
    struct uid_cache *cache, uint64_t account, struct text name, struct known_uids *out);
/* A session selects the mailbox that has this name now. */
struct uid_entry *uid_cache_enter(
    struct uid_cache *cache, uint64_t account, struct text name, uint32_t mailbox);
void uid_cache_leave(struct uid_entry *e);
/* The store's answer, for the next who selects it. */
void uid_cache_opened(struct uid_entry *e, const struct known_open *open);
/* The session's UIDs are those that the mailbox has as of its change `highest`,
 * and up to the account's modseq: the newest set is kept, and who has the same
 * gets the one that is kept. */
void uid_cache_meet(struct uid_entry *e, uint64_t highest, uint64_t modseq, struct uidset *uids);

/* Another session may have learned of this change already: its set, if there is
 * one and it has so many UIDs, is shared. False: it is not there. */
bool uid_cache_take(struct uid_entry *e, uint64_t highest, uint32_t total, struct uidset *uids);

#endif
