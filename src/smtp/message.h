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
	uint64_t held;	    /* octets that count against smtp.in_hand_max */
	enum status failed; /* the spool's, or FULL */
};

struct smtp_message *smtp_message_new(uint64_t limit, bool binary);
/* Takes NULL. */
void smtp_message_free(struct smtp_message *m);

/* Reads the mail data behind a 354 up to its final dot. Not OK: the
 * connection is beyond use (gone, too slow, or far beyond the size limit). */
enum status smtp_message_data(struct smtp_message *m, struct stream *s) MUST_CHECK;
/* Reads the n octets of a chunk. */
enum status smtp_message_chunk(struct smtp_message *m, struct stream *s, uint64_t n) MUST_CHECK;
/* Reads n octets and forgets them: the chunk of a refused BDAT (RFC 3030 2). */
enum status smtp_chunk_drop(struct stream *s, uint64_t n) MUST_CHECK;

/* What is wrong with it, so far or (last) as a whole: REPLY_NONE if nothing. */
enum smtp_reply smtp_message_fault(struct smtp_message *m, bool last);
/* Its octets, sealed; they live as long as the message. */
enum status smtp_message_payload(struct smtp_message *m, struct payload *out) MUST_CHECK;
/* How many Received fields it has: the servers it went through (RFC 5321 6.3). */
uint32_t smtp_message_hops(struct text message);

#endif
