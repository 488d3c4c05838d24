/* SPDX-License-Identifier: ISC */
/*
 * The copy of what an account sends, in its mailbox \Sent. Many clients file one
 * themselves, before they send or afterwards; so that there is one and not two,
 * an account remembers in one row what came into that mailbox in the last
 * minutes (submission.copy_window), by Message-ID:
 *
 *	the client's is there  -> no copy is made
 *	the copy is there	    -> the client's takes its place, in the commit that files it
 */
#ifndef STORE_SENT_H
#define STORE_SENT_H

#include "store/cold.h"
#include "store/serve.h"

#define SENT_NOTES_MAX 64u

struct sent_note {
	uint64_t hash; /* of the Message-ID */
	int64_t time;  /* wall clock, seconds */
	struct place at;
	bool ours; /* the copy, not a client's */
};
struct sent_notes {
	struct sent_note at[SENT_NOTES_MAX];
	uint32_t count;
};
void sent_notes_pack(struct buffer *out, const struct sent_notes *n);
enum status sent_notes_unpack(struct text value, struct sent_notes *out) MUST_CHECK;

/* Files the copy, in a mailbox that is made if need be; or not, and gives back
 * the content if it is shared. */
enum status sent_copy(struct account_txn *t, struct op *op, struct new_message *m) MUST_CHECK;

/* What a client files. */
struct sent_filing {
	uint64_t hash; /* 0: this is not about sent mail */
	bool replaces;
	uint64_t octets; /* that go with the copy */
	struct place old;
	bool noted; /* new enough to be of a message that is sent now */
};
/* Before anything is changed: whether what is filed takes the place of a copy. */
enum status sent_look(struct account_txn *t, const struct mailbox *box, struct text summary,
    int64_t date, struct sent_filing *out) MUST_CHECK;
/* Takes the copy away. */
enum status sent_make_way(struct account_txn *t, const struct sent_filing *f) MUST_CHECK;
/* It is filed now, under that UID. */
enum status sent_filed(struct account_txn *t, const struct edit *e, uint32_t uid,
    const struct sent_filing *f) MUST_CHECK;

#endif
