/* SPDX-License-Identifier: ISC */
/*
 * What changed since a modseq that a client kept: FETCH with CHANGEDSINCE and
 * VANISHED, SELECT with QRESYNC (RFC 7162 3.1.4.1, 3.2.5, 3.2.6).
 */
#ifndef IMAP_RESYNC_H
#define IMAP_RESYNC_H

#include "imap/session.h"

/* Since when, and what the answer is. A zeroed struct but for modseq. */
struct since {
	uint64_t modseq;
	uint64_t now;	      /* the account's */
	struct runs changed;  /* UIDs of the view that may have changed */
	struct runs vanished; /* UIDs that went and that the view does not hold */
	bool exact;	      /* false: the log is too short, and these are all that could be */
};

/* Asks the store; asked: UIDs that the client wants to know about, in the
 * mailbox or not. What it costs is what changed, or the runs where the log does not
 * reach back. */
enum status imap_since(
    struct command *c, const struct runs *asked, struct since *s, struct failure *why) MUST_CHECK;
void imap_since_done(struct since *s);
/* "* VANISHED (EARLIER) 41,43:116", nothing for none. */
void imap_write_earlier(struct command *c, const struct runs *uids);

/* The parameters of SELECT and EXAMINE. */
struct select_params {
	bool condstore, qresync;
	uint32_t uidvalidity; /* of QRESYNC: */
	uint64_t modseq;
	bool known_told;
	struct runs known;	/* UIDs; all, if they were not told */
	struct runs seqs, uids; /* that the client knows to belong together */
};
/* [SP "(" select-param *(SP select-param) ")"]. The sets are freed with the
 * arena. */
bool imap_select_params(struct cursor *c, struct arena *a, struct select_params *out);
/* Tells what a client that comes back has missed. */
enum status imap_resync(
    struct command *c, const struct select_params *p, struct failure *why) MUST_CHECK;

/* mod-sequence-valzer = 0..9223372036854775807 (RFC 7162 7) */
bool imap_modseq(struct cursor *c, uint64_t *out);

#endif
