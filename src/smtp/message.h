/* SPDX-License-Identifier: ISC */
/*
 * A message while it comes in, by DATA or BDAT: spooled as it is on the wire
 * without stuffed dots, and checked as it goes. What is wrong with it is said
 * at its end, so that the client's view of the dialogue never differs from
 * ours (RFC 5321 4.1.1.4, 4.5.3.1.7).
 */
#ifndef SMTP_MESSAGE_H
#define SMTP_MESSAGE_H

#include "runtime/payload.h"
#include "runtime/stream.h"
#include "smtp/dots.h"
#include "smtp/reply.h"

struct smtp_message {
	struct spool spool;
	struct lines lines; /* of BDAT; DATA has its own in dots */
	uint64_t octets;    /* received, kept or not */
	uint64_t limit;	    /* octets that are kept */
	bool binary;	    /* BODY=BINARYMIME: lines are not looked at */
	bool mends;	    /* smtp_message_mend comes before its end is judged */
	uint64_t held;	    /* octets that count against smtp.in_hand_max */
	uint64_t peer;	    /* whose part of that they are, see runtime/limits.h; 0: nobody's */
	uint64_t shares;    /* of that part, taken */
	enum status failed; /* the spool's, or FULL */
};

struct smtp_message *smtp_message_new(uint64_t limit, bool binary);
/* Takes NULL. */
void smtp_message_free(struct smtp_message *m);

/* Octets of a message on their way in. A transfer takes what has come and is
 * parked for more like half a line, so that a slow sender costs no thread; the
 * wait for each piece and the whole have their limits (smtp.data_timeout,
 * smtp.min_rate; RFC 5321 4.5.3.2.5). */
enum smtp_transfer_kind {
	TRANSFER_NONE,
	TRANSFER_DATA,	/* up to the final dot */
	TRANSFER_CHUNK, /* so many octets */
	TRANSFER_DROP,	/* the same, forgotten: of a refused BDAT (RFC 3030 2) */
};

struct smtp_transfer {
	enum smtp_transfer_kind kind;
	enum smtp_reply wrong; /* of DROP: what is said at its end */
	bool last;	       /* of CHUNK */
	uint64_t octets, left; /* of CHUNK and DROP */
	struct dots dots;      /* of DATA */
	int64_t began;
	uint64_t moved;
};

void smtp_transfer_begin(struct smtp_transfer *t, enum smtp_transfer_kind kind, uint64_t octets);
/* Takes what is buffered into the message (NULL for DROP). OK: the transfer is
 * over; AGAIN: more must come; LIMIT: far beyond the size limit, the connection
 * is beyond use. */
enum status smtp_transfer_take(
    struct smtp_transfer *t, struct smtp_message *m, struct stream *s) MUST_CHECK;
/* Monotonic: when more must have come, seen from now. */
int64_t smtp_transfer_deadline(const struct smtp_transfer *t);

/* Makes line ends of every CR or LF that stands alone, at the message's end: a
 * run of CRs in front of an LF is one line end, any other CR is one. A line of
 * one dot that comes of it is text like any other, for dots are undone before,
 * and only behind CR LF (RFC 5321 4.5.2). Binary messages stay as they are. */
void smtp_message_mend(struct smtp_message *m);
/* What is wrong with it, so far or (last) as a whole: REPLY_NONE if nothing. */
enum smtp_reply smtp_message_fault(struct smtp_message *m, bool last);
/* Its octets, sealed; they live as long as the message. */
enum status smtp_message_payload(struct smtp_message *m, struct payload *out) MUST_CHECK;
/* How many Received fields it has: the servers it went through (RFC 5321 6.3). */
uint32_t smtp_message_hops(struct text message);

#endif
