/* SPDX-License-Identifier: ISC */
/*
 * The selected mailbox as its client sees it. The server learns of changes at
 * any time, but the client's sequence numbers move only when it is told, and
 * of expunges it may be told only outside of FETCH, STORE and SEARCH (RFC 3501
 * 5.5, 7.4.1). So the view holds what the client counts (uids), and which of
 * these are gone already (gone). It costs memory by runs of UIDs, never by
 * messages, and knows no flags: what changed is told and forgotten.
 *
 * Invariants: gone, recent and saved are subsets of uids; new UIDs stand behind all
 * that were there.
 */
#ifndef IMAP_VIEW_H
#define IMAP_VIEW_H

#include "base/buffer.h"
#include "base/runs.h"
#include "codec/base64.h"
#include "imap/grammar.h"
#include "imap/uid_cache.h"
#include "store/calls.h"

/* Where the reading of a part in base64 or quoted-printable stood when its last
 * window began, so that who reads it range by range (RFC 3516) has it decoded
 * once. */
struct binary_mark {
	uint32_t uid;	  /* 0: none */
	uint64_t at;	  /* the part's first octet in the message */
	uint64_t encoded; /* octets in front of the window, */
	uint64_t decoded; /* and what they became */
	struct base64_decoder base64;
};

struct view {
	uint32_t mailbox; /* its number in the store */
	uint32_t uidvalidity;
	uint32_t uidnext;
	bool read_only;
	uint64_t modseq;    /* all changes of the account up to this one are in uids and gone */
	uint64_t highest;   /* the last of these in this mailbox */
	uint64_t behind;    /* flags are told up to this one only, a poll failed; 0: up to modseq */
	struct uidset uids; /* shared with other sessions where it is the same */
	struct uid_entry *entry; /* by which it is shared; NULL: not so */
	uint64_t met;		 /* value of highest when it last was */
	struct runs gone;
	struct runs recent;
	struct runs saved;  /* "$": UIDs that SEARCH saved, less those told as gone (RFC 5182) */
	uint32_t last_told; /* the client knows of UIDs up to this one */
	uint32_t recent_told;
	uint32_t keywords_told; /* of the account's names, in FLAGS */
	bool no_recent;		/* IMAP4rev2: recent stays empty */
	/* What the client may keep to come back with (RFC 7162 3.2, 6). */
	uint64_t settled; /* it was told of all changes up to this one */
	uint64_t counted; /* what it takes for HIGHESTMODSEQ itself, */
	uint64_t shown;	  /* the greatest MODSEQ since the last tagged reply */
	bool expunged;	  /* expunges were told since */
	struct binary_mark binary;
};

/* What store_open answered; runs are copied. known: the UIDs that the answer
 * differs from, if it does. */
void view_init(
    struct view *v, const struct store_open_reply *r, bool read_only, const struct uidset *known);
/* From here on the UIDs are shared; the view leaves the entry when it is done. */
void view_share(struct view *v, struct uid_entry *e);
void view_done(struct view *v);

/* Takes in what store_changes answered. */
void view_learn(struct view *v, const struct store_changes_reply *r);
/* These were expunged. */
void view_lose(struct view *v, const struct runs *uids);
/* A command of this session changed this mailbox. True when its change is the
 * one after the view's modseq, and the view is up to date; false when others
 * came in between. */
bool view_own_change(struct view *v, uint64_t modseq);

/* The sequence number of a UID, 0 when the client does not know it. */
uint32_t view_seq(struct view *v, uint32_t uid);
uint32_t view_exists(struct view *v);

/* The UIDs that a set of a command names: of sequence numbers (false when one
 * is greater than the number of messages, RFC 3501 9 seq-number), of UIDs, or
 * what was saved. out is emptied first. */
bool view_resolve(struct view *v, const struct sequence_set *set, bool uid, struct runs *out);
/* The UIDs at these sequence numbers. */
void view_uids_at(struct view *v, const struct runs *seqs, struct runs *out);

/* The sequence numbers of UIDs of the view; out is emptied first. */
void view_seqs_of(struct view *v, const struct runs *uids, struct runs *out);

/* Writes what is to be told: if allowed EXPUNGE, or VANISHED in its place (RFC
 * 7162 3.2.10.2), then EXISTS and RECENT. */
enum view_expunges { EXPUNGES_WAIT, EXPUNGES_BY_NUMBER, EXPUNGES_BY_UID };
void view_tell(struct view *v, enum view_expunges expunges, struct buffer *out);
/* "* VANISHED 41,43:116", or behind another word: a line of as many runs from the
 * one at *at as a client reads (RFC 7162 4); *at is behind them then. False, and
 * nothing is written: there are no more. */
bool view_write_vanished(
    struct buffer *out, const char *word, const struct runs *uids, uint32_t *at);
/* All that view_learn brought has been told, expunges perhaps excepted. */
void view_settle(struct view *v);
/* Nothing is recent here any more (RFC 9051 has no \Recent). */
void view_forget_recent(struct view *v);

#endif
