/* SPDX-License-Identifier: ISC */
/*
 * A batch of messages that APPEND files by one call: those of one command
 * (RFC 3502), and those of commands that a client sent without waiting. A
 * command's messages are filed all or not at all; where a batch of several
 * commands cannot be filed as a whole, each is tried by itself, so each has
 * the answer that it had got alone.
 */
#ifndef IMAP_APPEND_H
#define IMAP_APPEND_H

#include "imap/session.h"
#include "intake/calls.h"
#include "runtime/payload.h"

#define APPEND_COMMANDS_MAX 100	       /* of one batch */
#define APPEND_UNASKED_MAX (64u << 10) /* octets that are taken in without a question before */
#define APPEND_GATHER_MAX (768u << 10) /* octets up to which commands are gathered */
#define APPEND_SEVERAL_MAX (32u << 20) /* octets of a command with several messages */
#define APPEND_OPTIONS_MAX (4u << 20)  /* octets of its lines between them */

/* Octets of whole messages that intake gets to work on while others come: parts of
 * about so many octets and at most so many messages; calls under way at a time;
 * and parts of a command and of the process, each of which holds a descriptor
 * until its command ends. What is beyond goes with the call at the end. */
#define APPEND_AHEAD_LEAST (192u << 10)
#define APPEND_AHEAD_MOST (768u << 10)
#define APPEND_AHEAD_CALL (1u << 20) /* octets of a part */
#define APPEND_AHEAD_MESSAGES 256u
#define APPEND_AHEAD_CALLS 2u
#define APPEND_AHEAD_PARTS 24u
#define APPEND_AHEAD_PARTS_ALL 2048u

struct append_args {
	struct text mailbox; /* as on the wire */
	struct imap_flags flags;
	int64_t date; /* 0: now */
};

/* One command of a batch; its messages are from .. from + count - 1. */
struct append_command {
	struct command *c;
	uint32_t from, count;
	uint64_t octets_from, octets;
	uint64_t options; /* octets of lines between its messages, in c's arena */
};

struct append_part;

/* What intake has got of the first command, in parts. */
struct append_ahead {
	bool on;
	bool failed;		   /* one of them did: none is claimed */
	bool filed;		   /* a call that claims them was made */
	uint64_t op;		   /* of that call; 0: there are no parts */
	unsigned instance;	   /* of intake */
	struct append_part *parts; /* the newest first */
	unsigned part_count;
	uint32_t count; /* messages in them */
	uint64_t octets;
};

struct append_batch {
	struct imap *im;
	struct text wire, name; /* the mailbox as on the wire, and as it is called */
	uint32_t mailbox;	/* 0: not looked up yet, so the store goes by the name */
	uint64_t room;		/* octets that the account takes, as far as is known */
	struct append_ahead ahead;
	struct spool spool; /* what came behind that */
	struct append_command at[APPEND_COMMANDS_MAX];
	unsigned commands;
	uint64_t options; /* of all commands */
	/* of each message */
	uint64_t *flags, *keyword_counts, *dates, *sizes;
	uint32_t count, cap;
	struct text *keywords;
	uint32_t keyword_count, keyword_cap;
};

void append_batch_init(struct append_batch *b, struct imap *im);
void append_batch_done(struct append_batch *b);
/* A command begins; its messages follow. */
void append_begin(struct append_batch *b, struct command *c);
/* The message of the command in hand whose octets are in the spool now. */
void append_add(struct append_batch *b, const struct append_args *args, uint64_t octets);
/* The command in hand has its reply: nothing of it is filed. */
void append_drop(struct append_batch *b);
/* Files what there is and makes the replies. */
void append_file(struct append_batch *b);
/* Octets of all messages. */
uint64_t append_octets(const struct append_batch *b);

/* append_ahead.c: another message of the command in hand follows those that are
 * in the batch, which may be handed over. */
void append_ahead(struct append_batch *b);
/* Until nothing is under way. */
void append_ahead_wait(struct append_batch *b);
/* All messages as one payload, as if nothing had been handed over. */
enum status append_whole(struct append_batch *b, struct payload *out) MUST_CHECK;
void append_ahead_done(struct append_batch *b);
/* Parts of all sessions. A test may claim some of them. */
extern _Atomic unsigned append_parts_held;

#endif
