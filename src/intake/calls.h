/* SPDX-License-Identifier: ISC */
/*
 * Calls that role intake serves: the one path of a message (DESIGN section 5).
 * The message comes as the client sent it, CRLF line ends, dots undone.
 */
#ifndef INTAKE_CALLS_H
#define INTAKE_CALLS_H

#include "runtime/calls.h"

/* A message from outside. trace: the Received field (with its line end) that
 * goes in front of the message. recipients: as they were accepted at RCPT, in
 * order; verdicts: one enum status each, texts: what to tell the client where
 * it is not OK. op: random, the same when a call is made again. id: the
 * message's id for the log, the trace and the 250. needs, ret, envid: of MAIL, orcpts
 * and notify of each recipient (RFC 3461 4, as in store/queue_calls.h); empty
 * lists: none has any. forwards: a recipient leads to an address elsewhere.
 * came: as store_deliver has it. */
#define intake_deliver_REQUEST(F, S) \
	F(S, U64, op)                \
	F(S, TEXT, id)               \
	F(S, TEXT, sender)           \
	F(S, TEXTS, recipients)      \
	F(S, TEXT, came)             \
	F(S, U64, needs)             \
	F(S, U64, ret)               \
	F(S, TEXT, envid)            \
	F(S, TEXTS, orcpts)          \
	F(S, NUMBERS, notify)        \
	F(S, U64, forwards)          \
	F(S, TEXT, trace) F(S, PAYLOAD, message) F(S, TEXT, helo) F(S, TEXT, remote) F(S, U64, tls)
#define intake_deliver_REPLY(F, S) F(S, NUMBERS, verdicts) F(S, TEXTS, texts)

/* A message that a client files (IMAP APPEND). mailbox 0: the one of that
 * name; keywords: names; date: seconds since 1970, 0: now. */
#define intake_append_REQUEST(F, S) \
	F(S, TEXT, token)           \
	F(S, U64, op)               \
	F(S, U64, mailbox)          \
	F(S, TEXT, name)            \
	F(S, U64, flags) F(S, TEXTS, keywords) F(S, I64, date) F(S, PAYLOAD, message)
#define intake_append_REPLY(F, S) F(S, U64, uidvalidity) F(S, U64, uid) F(S, U64, modseq)

/* Several of them in one commit, all or none, as store_append_all has it; sizes:
 * octets of each, which stand in messages one after the other. The first so many
 * were prepared (intake_prepare) and are not in messages; AGAIN: they are not
 * here any more. */
#define intake_append_all_REQUEST(F, S) \
	F(S, TEXT, token)               \
	F(S, U64, op)                   \
	F(S, U64, mailbox)              \
	F(S, TEXT, name)                \
	F(S, U64, prepared)             \
	F(S, NUMBERS, flags)            \
	F(S, NUMBERS, keyword_counts)   \
	F(S, TEXTS, keywords) F(S, NUMBERS, dates) F(S, NUMBERS, sizes) F(S, PAYLOAD, messages)
#define intake_append_all_REPLY(F, S) F(S, U64, uidvalidity) F(S, U64, uid) F(S, U64, modseq)

/* Some messages of a coming intake_append_all with that op, from its number first
 * on: they are worked on already, and what is made of them is kept for it for a
 * while. No messages: nothing of that op is coming. key: whose share of what is
 * kept it counts for. LIMIT: too many at a time, or that share is used up. */
#define intake_prepare_REQUEST(F, S) \
	F(S, U64, op) F(S, U64, first) F(S, NUMBERS, sizes) F(S, PAYLOAD, messages) F(S, U64, key)
#define intake_prepare_REPLY(F, S)

/* A message that an account sends (RFC 6409 8): Date and Message-ID are added
 * where they lack, Bcc is taken out, and it is signed for the domain of its
 * From; then submission_commit, which has token and network too. The envelope as in
 * store/queue_calls.h. trace and came as in intake_deliver. copy: into Sent. passes: as
 * far as is known nobody here keeps it, so that to compress it is not worth it. verdict: enum
 * submission_verdict of store/submission_calls.h, words for the client where it is not OK. */
#define intake_submit_REQUEST(F, S) \
	F(S, TEXT, token)           \
	F(S, TEXT, network)         \
	F(S, U64, op)               \
	F(S, TEXT, id)              \
	F(S, TEXT, sender)          \
	F(S, U64, body)             \
	F(S, U64, needs)            \
	F(S, U64, ret)              \
	F(S, TEXT, envid)           \
	F(S, I64, priority)         \
	F(S, U64, by)               \
	F(S, I64, by_time)          \
	F(S, I64, not_before)       \
	F(S, TEXTS, recipients)     \
	F(S, TEXTS, orcpts)         \
	F(S, NUMBERS, notify)       \
	F(S, U64, copy)             \
	F(S, U64, passes)           \
	F(S, TEXT, came)            \
	F(S, TEXT, trace)           \
	F(S, PAYLOAD, message) F(S, TEXT, helo) F(S, TEXT, remote) F(S, U64, tls)
#define intake_submit_REPLY(F, S) F(S, U64, verdict) F(S, TEXT, words)

/* A message of this site itself to one address, with the null sender (a DSN,
 * RFC 3464): whole, with all its header. id: for the log. needs: enum queue_needs,
 * beside what the message itself says: REQUIRETLS or nothing. */
#define intake_notice_REQUEST(F, S) \
	F(S, U64, op) F(S, TEXT, id) F(S, TEXT, recipient) F(S, U64, needs) F(S, PAYLOAD, message)
#define intake_notice_REPLY(F, S)

#define INTAKE_CALLS(X)                                                       \
	X(intake_deliver, BY_MX, CALL_AGAIN | CALL_SHORT)                     \
	X(intake_append, BY_ACCESS | BY_WEB, CALL_AGAIN | CALL_SHORT)         \
	X(intake_append_all, BY_ACCESS, CALL_AGAIN)                           \
	X(intake_submit, BY_ACCESS | BY_WEB | BY_MX, CALL_AGAIN | CALL_SHORT) \
	X(intake_notice, BY_OUTBOUND, CALL_AGAIN)                             \
	X(intake_prepare, BY_ACCESS, CALL_AGAIN)

CALLS_DECLARE(intake, INTAKE_CALLS)

#endif
