/* SPDX-License-Identifier: ISC */
/*
 * An account in memory: the counters, mailboxes, keywords and remembered ops
 * of one entity, as of its last commit, and the transaction that makes the
 * next state. Messages are not held, only which UIDs a mailbox has (from its
 * first opening on) and the last hot block of each mailbox, so that a delivery
 * to a warm account reads nothing but threads.
 *
 * Changes in a transaction stand in "edits" of mailboxes and "hot" blocks and
 * become rows when it is sealed, so that many operations on one mailbox write
 * its row once.
 */
#ifndef STORE_ACCOUNT_H
#define STORE_ACCOUNT_H

#include "base/uidset.h"
#include "store/calls.h"
#include "store/hot.h"
#include "store/index.h"
#include "store/owner.h"
#include "store/remembered.h"

struct mailbox {
	uint32_t id;
	struct text name; /* owned by the account, or in the transaction's arena */
	uint32_t use;	  /* enum mailbox_use */
	bool subscribed;
	bool exists; /* false: only subscribed */
	uint32_t uidvalidity, uidnext;
	uint64_t highest_modseq;
	uint64_t messages, unseen, deleted, octets;
	uint32_t recent_from;  /* UIDs below were claimed by a session */
	uint64_t recent;       /* messages from there on */
	uint32_t first_unseen; /* no message below it is unseen */
	bool unseen_exact;     /* it is the first unseen one; not stored */
	uint64_t indexed;      /* modseq that its index rows hold for; 0: it has none */
};

/* A mailbox of the published state. */
struct kept_mailbox {
	struct mailbox m; /* first */
	bool uids_known;  /* index says what is there */
	struct index index;
	uint32_t tail; /* the last block that was written, its bytes if kept */
	struct buffer tail_bytes;
	size_t cost;
};

struct facts {
	struct text address, verifier; /* owned by the account, or in an arena */
	uint32_t generation;	       /* of tokens */
	bool suspended, admin, has_scram;
	uint64_t quota;	 /* octets; 0: the setting's */
	int64_t created; /* wall clock, microseconds */
};

struct head {
	uint64_t modseq;
	uint32_t next_mailbox;
	uint32_t uidvalidity; /* the last one given */
	uint64_t next_email;
	uint64_t octets, messages; /* entries of all mailboxes */
	uint64_t log_low;	   /* the oldest change that is kept */
	uint32_t keywords;
};

struct account {
	struct owner owner; /* first */
	uint64_t id;
	/* Of the store's lock. */
	struct list lru;
	unsigned refs;
	size_t cost;	       /* as counted in store->cost */
	_Atomic size_t weight; /* what it takes in memory now */
	/* Published. */
	bool missing; /* there is no such account */
	struct facts facts;
	struct head head;
	struct map by_id, by_name; /* struct kept_mailbox */
	size_t mailbox_weight;
	struct kept_mailbox **sorted; /* by name, in mailbox_order */
	size_t mailboxes, sorted_cap;
	struct text *keyword; /* head.keywords of them */
	size_t keyword_cap;
	struct map keyword_number; /* lower-case name -> number + 1 */
	struct remembered remembered;
	struct map marks;  /* queue records that were applied here: a set */
	struct runs dying; /* mailboxes whose messages are still to go */
};

/* A mailbox as a transaction has it. */
struct edit {
	struct mailbox now;
	struct kept_mailbox *old; /* NULL: made in this transaction */
	bool changed, gone, renamed;
	struct runs added, removed; /* UIDs, disjoint */
	bool indexed;		    /* its index rows are written */
};

struct account_txn {
	struct txn txn; /* first */
	struct account *a;
	struct head head;
	struct facts facts;
	bool facts_changed;
	struct map edits;     /* id -> struct edit */
	struct map names;     /* name -> struct edit: names that are new here */
	struct map blocks;    /* (mailbox << 24 | block) + 1 -> struct hot */
	struct list in_order; /* the same, as they were asked for: the engine likes rows in order */
	struct map threads;   /* thread -> email + 1: joined in this transaction */
	struct map heirs; /* thread -> email: all that were before it went in this transaction */
	struct text *new_keyword;
	uint32_t new_keywords, new_keyword_cap;
	struct map new_keyword_number;
	bool gone;    /* the account's rows are being removed */
	bool garbage; /* there is something to collect */
	struct remembering remembering;
	struct map new_marks, old_marks;
	struct runs new_dying, old_dying;
	/* Of the operation in hand. */
	struct buffer events;
	uint64_t modseq; /* 0: not given yet */
};

extern const struct owner_class account_class;

static inline struct account *
account_of(struct owner *o)
{
	return (struct account *)(void *)o;
}

static inline struct account_txn *
account_txn_of(struct txn *t)
{
	return (struct account_txn *)(void *)t;
}

/* ---- the cache of accounts (account_cache.c) ---- */

/* The account, perhaps not loaded yet, kept until account_put. */
struct account *account_get(struct store *s, uint64_t id);
void account_put(struct account *a);
/* Counts what it takes in memory now; under the owner's lock. Others are given
 * up when it is put back, if all together take too much. */
void account_weigh(struct account *a);
void account_weigh_mailbox(struct account *a, struct kept_mailbox *k);
void account_cache_free(struct store *s);

/* ---- loading (account_load.c) ---- */

enum status account_load(struct owner *o);
void account_unload(struct owner *o);
void head_pack(struct buffer *out, uint64_t batch, const struct head *h);
enum status head_unpack(struct text value, struct head *out) MUST_CHECK;
void facts_pack(struct buffer *out, const struct facts *f);
enum status facts_unpack(struct text value, struct facts *out) MUST_CHECK;
void mailbox_pack(struct buffer *out, const struct mailbox *m);
enum status mailbox_unpack(struct text value, struct mailbox *out) MUST_CHECK;
/* Into and out of the published state. */
struct kept_mailbox *account_keep(struct account *a, const struct mailbox *m);
void account_drop(struct account *a, struct kept_mailbox *k);
/* For a new name: out of the order, account_name, in again. */
void account_sort_out(struct account *a, struct kept_mailbox *k);
void account_name(struct kept_mailbox *k, struct text name);
void account_sort_in(struct account *a, struct kept_mailbox *k);
/* Position in sorted of the first name >= name, in mailbox_order. */
size_t account_position(const struct account *a, struct text name);

/* ---- for operations (account_txn.c) ---- */

/* The modseq of the operation in hand. */
uint64_t account_modseq(struct account_txn *t);
/* A mailbox as it is in the transaction; NULL if there is none. */
const struct mailbox *account_mailbox(struct account_txn *t, uint32_t id);
const struct mailbox *account_find(struct account_txn *t, struct text name);
/* The same, to be changed. The mailbox must be there. */
struct edit *account_edit(struct account_txn *t, uint32_t id);
/* A new one, named and numbered. */
struct edit *account_new_mailbox(struct account_txn *t, struct text name, uint32_t use);
void account_rename_mailbox(struct account_txn *t, struct edit *e, struct text name);
void account_remove_mailbox(struct account_txn *t, struct edit *e);
/* Raises the modseq of a mailbox to that of the operation. */
void account_touch(struct account_txn *t, struct edit *e);

/* A message of the mailbox became unseen (or came so), or is so no longer. */
void edit_unseen(struct edit *e, uint32_t uid);
void edit_not_unseen(struct edit *e, uint32_t uid);
/* An entry comes into the counters and the UIDs of its mailbox, or goes out. */
void edit_count_in(struct edit *e, const struct hot_entry *h);
void edit_count_out(struct edit *e, const struct hot_entry *h);

/* A hot block, empty if it is not there. */
enum status account_hot(
    struct account_txn *t, uint32_t mailbox, uint32_t block, struct hot **out) MUST_CHECK;
/* The same, packed as long as nobody has asked for its entries. */
enum status account_hot_packed(
    struct account_txn *t, uint32_t mailbox, uint32_t block, struct hot **out) MUST_CHECK;
/* All UIDs of a mailbox as the transaction has them; reads them once. The set
 * is the caller's, and shares what is published. */
enum status account_uids(struct account_txn *t, uint32_t mailbox, struct uidset *out) MUST_CHECK;
/* Those of the asked ones that are there. */
enum status account_uids_of(
    struct account_txn *t, uint32_t mailbox, const struct runs *asked, struct runs *out) MUST_CHECK;
/* A session takes the recent messages (RFC 3501 2.3.2); under the lock. */
void account_claim(struct account *a, struct kept_mailbox *k);
/* Numbers for names, new ones made if make is set (else names that do not
 * exist are left out); ascending, no doubles. LIMIT, INVALID. */
enum status account_keywords(struct account_txn *t, struct op *op, struct texts names, bool make,
    uint16_t out[KEYWORDS_PER_MESSAGE], uint32_t *count) MUST_CHECK;
/* Forgets some marks of queue records that are done (deliver.c). */
void account_forget_marks(struct account_txn *t);
/* Octets that the account may hold; 0: no limit. */
uint64_t account_quota(const struct facts *f);
/* QUOTA if the account has no room for so many more. */
enum status account_room(const struct account_txn *t, struct op *op, uint64_t octets) MUST_CHECK;
/* The mailbox in which messages can be filed, by its id, or by its name if that
 * is 0. NOT_FOUND, and what is wrong with the name. */
enum status append_to(struct account_txn *t, struct op *op, uint64_t id, struct text name,
    const struct mailbox **out) MUST_CHECK;

#define SUMMARY_MAX (2u << 20) /* octets of a packed summary */

/* ---- events of the change log (change_log.c) ---- */

enum change_kind { CHANGE_ADDED = 1, CHANGE_VANISHED, CHANGE_FLAGS, CHANGE_MAILBOX };
enum mailbox_change { MAILBOX_MADE, MAILBOX_REMOVED, MAILBOX_RENAMED, MAILBOX_SUBSCRIBED };

void change_uids(
    struct account_txn *t, enum change_kind kind, uint32_t mailbox, const struct runs *uids);
void change_mailbox(struct account_txn *t, uint32_t mailbox, enum mailbox_change what);
/* Writes the row of the operation in hand and trims old rows. */
void change_seal(struct account_txn *t);

struct change {
	enum change_kind kind;
	uint32_t mailbox;
	enum mailbox_change what;
	struct runs uids; /* the reader frees it */
};
/* The next event of a row; false at its end (look at u->bad). */
bool change_next(struct unpack *u, struct change *out);

/* What happened to a mailbox: UIDs that came, went, and whose flags changed.
 * One may be in several of them: none comes again after it went. */
struct change_sets {
	struct runs added, vanished, flagged;
};
void change_sets_done(struct change_sets *c);
/* Adds the events of a mailbox after modseq `since` up to `until`. *whole: no
 * row was missing; the log may have been trimmed meanwhile. */
enum status change_read(struct account *a, uint32_t mailbox, uint64_t since, uint64_t until,
    struct change_sets *out, bool *whole) MUST_CHECK;
/* What came and went again is taken out of all; what changed and came or went,
 * out of flagged. */
void change_settle(struct change_sets *c);

#endif
