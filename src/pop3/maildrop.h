/* SPDX-License-Identifier: ISC */
/*
 * The maildrop of a session: INBOX as it was at sign-in, for this session
 * alone (RFC 1939 4). It costs memory by runs of UIDs and four octets a
 * message.
 */
#ifndef POP3_MAILDROP_H
#define POP3_MAILDROP_H

#include "base/arena.h"
#include "base/pack.h"
#include "base/runs.h"
#include "store/calls.h"

/* Rows that were read ahead: who downloads a message and then the next will want
 * those behind it as well. They take a reply of the store, some 128 KiB. */
struct maildrop_ahead {
	struct arena arena;
	struct unpack rows; /* that are left */
	uint32_t next;	    /* the message behind the one that was asked for last */
};

struct maildrop {
	uint32_t mailbox, uidvalidity;
	struct runs uids;    /* message 1 is the first */
	uint32_t *sizes;     /* octets of each */
	uint32_t count;	     /* messages */
	uint64_t octets;     /* of those that are not deleted */
	struct runs deleted; /* message numbers */
	struct runs read;    /* message numbers that were sent */
	struct maildrop_ahead ahead;
	bool locked;
	uint64_t holder; /* for the store: this session */
	uint64_t epoch;	 /* of the link over which it was taken */
};

/* Takes the maildrop and lists it. CONFLICT: another session has it; it is not
 * taken on any failure. epoch grows whenever the store has forgotten. */
enum status maildrop_open(struct maildrop *d, struct calls *calls, struct text token,
    uint64_t epoch, struct arena *a, struct failure *f) MUST_CHECK;
/* Takes it again if the store has forgotten. CONFLICT: another session was
 * faster, and this one has nothing to say any more. */
enum status maildrop_hold(struct maildrop *d, struct calls *calls, struct text token,
    uint64_t epoch, struct arena *a, struct failure *f) MUST_CHECK;
/* What was deleted goes for good, and what was read is marked so. */
enum status maildrop_commit(struct maildrop *d, struct calls *calls, struct text token,
    struct arena *a, struct failure *f) MUST_CHECK;
/* Gives the maildrop back and frees all. */
void maildrop_done(struct maildrop *d, struct calls *calls, struct text token);

/* The row of a message with its first piece, good until the next call. NOT_FOUND:
 * it was expunged by another session. */
enum status maildrop_row(struct maildrop *d, struct calls *calls, struct text token,
    uint32_t number, struct store_row *row, struct failure *f) MUST_CHECK;
/* Whether there is a message of this number that is not deleted. */
bool maildrop_has(struct maildrop *d, uint32_t number);
uint32_t maildrop_uid(struct maildrop *d, uint32_t number);
/* How many are not deleted. */
uint32_t maildrop_left(struct maildrop *d);
void maildrop_delete(struct maildrop *d, uint32_t number);
void maildrop_reset(struct maildrop *d);

#endif
