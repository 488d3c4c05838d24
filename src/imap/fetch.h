/* SPDX-License-Identifier: ISC */
/*
 * A FETCH in hand, and what writes the items of it that are octets of a
 * message. Each writes label and value into the command's output, or into the
 * stream when there is much.
 */
#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H

#include "imap/message.h"
#include "imap/resync.h"

struct fetch {
	struct command *c;
	struct fetch_items items;
	bool changed_since, vanished; /* the modifiers; */
	struct since since;	      /* CHANGEDSINCE this */
	struct texts names;	      /* of keywords */
	struct runs newly_seen;	      /* \Seen was set by this command */
	struct arena batch;	      /* one reply of the store */
	struct arena message;	      /* one message: */
	struct message at;	      /* too large to be made anew for every one */
	uint32_t told;		      /* messages answered */
	bool unreadable;	      /* something could not be read; said at the end, as are */
	bool gone;		      /* what was expunged meanwhile, */
	bool unknown_encoding;	      /* what cannot be decoded, */
	bool cut_header;	      /* and fields that were not looked for */
	bool cut;		      /* a literal could not be finished */
};

/* BODY[...]: no such section is NIL. */
void imap_fetch_section(struct fetch *f, struct message *m, const struct item *item);
/* BINARY[...] and BINARY.SIZE[...] */
void imap_fetch_binary(struct fetch *f, struct message *m, const struct item *item);
void imap_fetch_binary_size(struct fetch *f, struct message *m, const struct item *item);

/* Notes why something could not be shown. */
void imap_fetch_unreadable(struct fetch *f, enum status st);

/* A literal that goes into the stream as it is read: its head stands in the
 * output, left is what it announced. */
struct fetch_flow {
	struct imap *im;
	uint64_t left;
};
void imap_fetch_flow_begins(struct fetch *f);
enum status imap_fetch_to_stream(void *flow, struct text part);
void imap_fetch_flow_ends(struct fetch *f, const struct fetch_flow *flow, enum status st);

#endif
