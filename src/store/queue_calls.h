/* SPDX-License-Identifier: ISC */
/*
 * Calls about mail that goes out to the world, which role store serves: it is
 * leased and reported about (by outbound), and looked after (by the operator).
 * How it is taken in is in store/submission_calls.h. What a recipient can be is in
 * store/outgoing.h.
 *
 * A lease holds some recipients of one message, all at one destination, for
 * the link that took it. Nobody else gets them until it is ended by a report,
 * or its link is lost. It is not written down: after a restart of the store,
 * outbound says first what it still has in hand (queue_resume), and reports
 * about that as before. So a recipient is sent to twice only if outbound itself
 * ended between the answer of the remote server and its report.
 */
#ifndef STORE_QUEUE_CALLS_H
#define STORE_QUEUE_CALLS_H

#include "runtime/calls.h"

#define QUEUE_RECIPIENTS_MAX 50000u /* of one message */
#define QUEUE_ADDRESS_MAX 1000u	    /* octets, of addresses and ORCPT */
#define QUEUE_TEXT_MAX 1000u	    /* octets kept of what a server said */

/* RFC 3461 4.1; none of them: the default, failure and delay. */
enum queue_notify {
	QUEUE_NOTIFY_NEVER = 1,
	QUEUE_NOTIFY_SUCCESS = 2,
	QUEUE_NOTIFY_FAILURE = 4,
	QUEUE_NOTIFY_DELAY = 8,
};
enum queue_body { QUEUE_7BIT, QUEUE_8BITMIME, QUEUE_BINARYMIME };
enum queue_ret { QUEUE_RET_UNSAID, QUEUE_RET_FULL, QUEUE_RET_HDRS };
/* REQUIRETLS: RFC 8689. HEADER_UTF8: RFC 6532, though no address needs it.
 * TLS_OPTIONAL: "TLS-Required: No" (RFC 8689 3); nothing beside REQUIRETLS. */
enum queue_needs {
	QUEUE_SMTPUTF8 = 1,
	QUEUE_REQUIRETLS = 2,
	QUEUE_HEADER_UTF8 = 4,
	QUEUE_TLS_OPTIONAL = 8,
	QUEUE_NEEDS_ALL = 15,
};
/* RFC 2852 4: given back, or the sender told, when by_time passed; with TRACE
 * the sender wants to know of relays too. */
enum queue_by { QUEUE_BY_NONE, QUEUE_BY_RETURN, QUEUE_BY_NOTIFY, QUEUE_BY_TRACE = 4 };

/* The envelope, as it came and as outbound gets it. id: in the trace and the
 * log. sender: empty for "<>", who is never told anything. account: who
 * submitted it, 0 for what this site sends itself. needs: enum queue_needs.
 * envid: xtext decoded, printable ASCII. priority: RFC 6710, -9 to 9. by: enum
 * queue_by, by_time in seconds since 1970. prefix: goes out in front of the
 * content, is not in its summary, and size counts it. */
#define QUEUE_ENVELOPE(F, S) \
	F(S, TEXT, id)       \
	F(S, TEXT, sender)   \
	F(S, U64, account)   \
	F(S, U64, body)      \
	F(S, U64, needs)     \
	F(S, U64, ret)       \
	F(S, TEXT, envid)    \
	F(S, I64, priority)  \
	F(S, U64, by)        \
	F(S, I64, by_time)   \
	F(S, I64, received)  \
	F(S, U64, size)      \
	F(S, TEXT, prefix)   \
	F(S, TEXT, summary)

/* One stream a process: a push without fields says that queue_lease or queue_owed may have
 * something now. The first says that the stream stands. */
#define queue_feed_REQUEST(F, S)
#define queue_feed_REPLY(F, S)

/* What outbound has in hand, from a lease of an earlier link; once for each
 * link before its first lease, empty lists too. Parallel lists. gone: positions
 * of those that are nobody's to send any more. */
#define queue_resume_REQUEST(F, S) F(S, NUMBERS, messages) F(S, NUMBERS, firsts)
#define queue_resume_REPLY(F, S) F(S, NUMBERS, gone)

/* The next recipients to try: at `prefer`, to which a connection stands, if it
 * has its turn. message 0: nothing now. first names the run of recipients in
 * the message. numbers: of the recipients, in the message. attempts: made so
 * far, of each. piece0: the first of pieces. more: 1: another lease is to be had
 * at once; else the feed tells when there may be one. DENIED: queue_resume comes first. */
#define QUEUE_LEASE(F, S)       \
	F(S, U64, message)      \
	F(S, U64, first)        \
	F(S, TEXT, destination) \
	QUEUE_ENVELOPE(F, S)    \
	F(S, NUMBERS, numbers)  \
	F(S, TEXTS, recipients) \
	F(S, TEXTS, orcpts)     \
	F(S, NUMBERS, notify)   \
	F(S, NUMBERS, attempts) \
	F(S, U64, pieces) F(S, TEXT, piece0) F(S, U64, more)
#define queue_lease_REQUEST(F, S) F(S, TEXT, prefer)
#define queue_lease_REPLY(F, S) QUEUE_LEASE(F, S)

/* From one reply that has a lease to another. */
#define QUEUE_LEASE_FIELD(S, type, name) to_->name = from_->name;
#define QUEUE_LEASE_COPY(from, to)                      \
	do {                                            \
		__typeof__(from) from_ = (from);        \
		__typeof__(to) to_ = (to);              \
		QUEUE_LEASE(QUEUE_LEASE_FIELD, nothing) \
	} while (0)

/* Of the message of a lease or, whatever first is, of one that queue_owed gave.
 * DENIED: this link has no such lease. NOT_FOUND. */
#define queue_piece_REQUEST(F, S) F(S, U64, message) F(S, U64, first) F(S, U64, piece)
#define queue_piece_REPLY(F, S) F(S, PAYLOAD, bytes)

enum queue_outcome {
	QUEUE_DELIVERED, /* to a server that tells of success itself, where that is wanted */
	QUEUE_RELAYED,	 /* to one that does not (RFC 3461 5.2.2) */
	QUEUE_KEPT,	 /* in the mailbox, by LMTP, where nobody else would tell (RFC 2033 4) */
	QUEUE_LATER,	 /* is tried again */
	QUEUE_FAILED,	 /* for good */
	QUEUE_UNTRIED,	 /* nothing was learnt; no attempt */
};

/* Ends a lease. how: enum schedule_end, how it went for the destination.
 * Parallel lists over the recipients of the lease, in order of numbers:
 * outcomes, what was said: "550 5.1.1 words" as the server said it, its lines
 * apart by LF, or "4.4.1 words" where no server said anything; the server's
 * name, or empty if none is known.
 * facts: of the connection, for the trace, words like "203.0.113.5:25 TLSv1.3
 * TLS_AES_256_GCM_SHA384 dane"; took: milliseconds. Made again it changes
 * nothing. next: 1: the reply brings another lease, as queue_lease with the
 * destination of this one as prefer; message 0 with more 1: it was not looked for. */
#define queue_report_REQUEST(F, S) \
	F(S, U64, op)              \
	F(S, U64, message)         \
	F(S, U64, first)           \
	F(S, U64, how)             \
	F(S, NUMBERS, numbers)     \
	F(S, NUMBERS, outcomes)    \
	F(S, TEXTS, replies)       \
	F(S, TEXT, server) F(S, TEXT, facts) F(S, U64, took) F(S, U64, next)
#define queue_report_REPLY(F, S) QUEUE_LEASE(F, S)

/* What the sender is to be told of recipients: one of them. */
enum queue_owed_kind { QUEUE_OWED_SUCCESS = 1, QUEUE_OWED_DELAY = 2, QUEUE_OWED_FAILURE = 4 };

#define QUEUE_OWED_MAX 500u /* recipients in one notice */

/* The next message whose sender (never empty) is to be told something, and all
 * of one kind that he is to be told, QUEUE_OWED_MAX recipients at most. message
 * 0: nothing now. It is the link's until queue_told, or until the link is lost.
 * notice_op: of what tells it. Given again, it is the same op and the same
 * recipients, without those who came to another end meanwhile.
 * expires: until when who is delayed is tried, seconds. late: by which times, of
 * a delay; another delay of the same recipients has another. Parallel lists:
 * recipients, numbers in the message, firsts of their runs, orcpts, states
 * (enum outgoing_state: a success is delivered or relayed; a failure failed, or
 * dropped by the operator), when the last attempt was (0: never), what was said
 * at it and by which server (empty: outbound's own words). piece0: the first of
 * pieces; empty: it is lost. */
#define queue_owed_REQUEST(F, S)
#define queue_owed_REPLY(F, S)  \
	F(S, U64, message)      \
	F(S, U64, notice_op)    \
	QUEUE_ENVELOPE(F, S)    \
	F(S, U64, kind)         \
	F(S, I64, expires)      \
	F(S, U64, late)         \
	F(S, NUMBERS, numbers)  \
	F(S, NUMBERS, firsts)   \
	F(S, TEXTS, recipients) \
	F(S, TEXTS, orcpts)     \
	F(S, NUMBERS, states)   \
	F(S, NUMBERS, attempts) \
	F(S, NUMBERS, lasts)    \
	F(S, TEXTS, replies)    \
	F(S, TEXTS, servers)    \
	F(S, U64, pieces) F(S, TEXT, piece0)

/* These were told, as queue_owed gave them; the message goes if it was the last
 * of it. notice: id of the message that told it, for the trace; empty: nobody could
 * be told. Without any: it could not be told now, and is given again after a time
 * that doubles. Made again it changes nothing. */
#define queue_told_REQUEST(F, S) \
	F(S, U64, op)            \
	F(S, U64, message)       \
	F(S, U64, notice_op)     \
	F(S, U64, kind) F(S, NUMBERS, numbers) F(S, NUMBERS, firsts) F(S, TEXT, notice)
#define queue_told_REPLY(F, S)

#define QUEUE_CALLS(X)                           \
	X(queue_feed, BY_OUTBOUND, CALL_STREAM)  \
	X(queue_resume, BY_OUTBOUND, CALL_AGAIN) \
	X(queue_lease, BY_OUTBOUND, CALL_SHORT)  \
	X(queue_piece, BY_OUTBOUND, CALL_AGAIN)  \
	X(queue_report, BY_OUTBOUND, CALL_AGAIN) \
	X(queue_owed, BY_OUTBOUND, 0)            \
	X(queue_told, BY_OUTBOUND, CALL_AGAIN)

CALLS_DECLARE(queue, QUEUE_CALLS)

#endif
