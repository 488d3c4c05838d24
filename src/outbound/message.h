/* SPDX-License-Identifier: ISC */
/*
 * A leased message as smtp/client.h wants it: its envelope, and its octets,
 * which are fetched from the store and inflated frame by frame while they are
 * sent. One frame is in memory, whatever the size; only a message that a server
 * wants in 7 bits is there as a whole.
 */
#ifndef OUTBOUND_MESSAGE_H
#define OUTBOUND_MESSAGE_H

#include "mime/summary.h"
#include "outbound/hand.h"
#include "smtp/client.h"
#include "store/content.h"

/* Larger ones are not made 7-bit. */
#define MESSAGE_SEVEN_MAX (64u << 20)

struct message {
	struct hand *hand;
	const struct hold *hold;
	const struct queue_lease_reply *lease;
	struct text envid; /* in xtext */
	bool readable;	   /* else there is no content, and it must not be sent */
	struct content content;
	struct buffer window; /* octets of the content from window_at on */
	uint64_t window_at;
	bool understood; /* there is a summary */
	struct mime_summary summary;
	bool seven_tried, seven_good;
	struct buffer seven; /* the whole message in 7 bits, with its prefix */
};

/* The lease outlives it. Of what is readable, pieces that are not fail when it is
 * sent. */
void message_init(struct message *m, struct hand *hand, const struct hold *hold,
    const struct queue_lease_reply *lease, struct arena *a);
void message_done(struct message *m);

/* now: wall clock, microseconds. */
void message_envelope(struct message *m, int64_t now, struct smtp_envelope *out);
/* Changes the envelope to the message in 7 bits. False: that cannot be, or not
 * without touching what is signed. */
bool message_seven(struct message *m, struct smtp_envelope *e) MUST_CHECK;

/* The recipients of the lease, untried; in the arena. */
struct smtp_recipient *message_recipients(const struct queue_lease_reply *lease, struct arena *a);

#endif
