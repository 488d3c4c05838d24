/* SPDX-License-Identifier: ISC */
/*
 * A FETCH in hand, and what writes the items of it that are octets of a
 * message. Each writes label and value into the command's output, or into the
 * stream when there is much.
 */
#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H

#include "imap/message.h"

struct fetch {
	struct command *c;
	struct fetch_items items;
	struct texts names;	/* of keywords */
	struct runs newly_seen; /* \Seen was set by this command */
	struct arena batch;	/* one reply of the store */
	struct arena message;	/* one message */
	uint32_t told;		/* messages answered */
	bool unreadable;	/* something could not be read; said at the end */
	bool cut;		/* a literal could not be finished */
};

/* BODY[...]: no such section is NIL. */
void imap_fetch_section(struct fetch *f, struct message *m, const struct item *item);

#endif
