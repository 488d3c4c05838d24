/* SPDX-License-Identifier: ISC */
/*
 * What the queue owes a sender, as a DSN (RFC 3464, RFC 3461 6). Pure.
 */
#ifndef OUTBOUND_NOTICE_H
#define OUTBOUND_NOTICE_H

#include "mime/dsn.h"
#include "store/queue_calls.h"

/* A reply that the queue keeps: a server's begins with its code, "550 5.1.1 no
 * such user"; our own words with an enhanced code, "5.4.4 no mail server". */
struct notice_said {
	bool server;
	char class;	    /* '2', '4', '5'; 0: nothing was said */
	struct text status; /* enhanced code, "5.0.0" where the server gave none; or empty */
	struct text words;  /* without codes */
};
struct notice_said notice_said_of(struct text reply);

/* What is returned of a message (RFC 3461 4.3): all of it where a failure is
 * told and it is small enough for who did not say (return_unsaid, octets), or
 * did ask for it (return_max). Of what needs BINARYMIME, and of what came with
 * REQUIRETLS (RFC 8689 5), the header. */
enum report_returned notice_returns(
    const struct queue_owed_reply *o, uint64_t return_unsaid, uint64_t return_max);

/* The whole message. returned: the header without its empty line, or all;
 * unique: a random token of letters and digits; now: seconds. */
void notice_build(const struct queue_owed_reply *o, struct text hostname, struct text unique,
    int64_t now, enum report_returned kind, struct text returned, struct buffer *out);

#endif
