/* SPDX-License-Identifier: ISC */
/*
 * Calls about mail that an account sends (RFC 6409), which role store serves:
 * may it write under this name, to this recipient, and, by intake, here is the
 * message. The store says who is an account of this site and who is elsewhere,
 * and commits all that becomes of a message in one batch: local accounts, the
 * copy in Sent, recipients elsewhere (store/queue_calls.h). It is done as a
 * whole or not at all; a recipient who cannot be served any more by then is
 * told of in a DSN.
 *
 * A verdict comes with words for the person, one sentence, where it is not OK.
 *
 * Who sends: the account of the token; or, without a token, network: the address
 * of a client that may send by it (submission.relay_networks), which the store
 * looks up itself. One of the two is there, DENIED otherwise. Such a client is no
 * account, and may write as every address of this site's domains.
 */
#ifndef STORE_SUBMISSION_CALLS_H
#define STORE_SUBMISSION_CALLS_H

#include "store/queue_calls.h"

enum submission_verdict {
	SUBMISSION_OK,
	SUBMISSION_NOT_YOURS,	 /* 550 5.7.1: the account may not write under this name */
	SUBMISSION_NO_SUCH_USER, /* 550 5.1.1: at a domain of this site */
	SUBMISSION_BAD_ADDRESS,	 /* 553 5.1.3 */
	SUBMISSION_SUSPENDED,	 /* 450 4.2.1: the recipient's account */
	SUBMISSION_FULL,	 /* 452 4.2.2: the recipient's mailbox */
	SUBMISSION_SUPPRESSED,	 /* 550 5.1.1: refused for good some time ago */
	SUBMISSION_LIMITED,	 /* 450 4.7.1: too much in this hour or day */
	SUBMISSION_FROZEN,	/* 550 5.7.1: no mail is taken of this account; words: what to do */
	SUBMISSION_TOO_MANY,	/* 452 4.5.3: recipients */
	SUBMISSION_BAD_MESSAGE, /* 554 5.6.0: its header is none that can go out */
	SUBMISSION_VERDICTS
};

/* MAIL FROM, and each address of From. address: empty for "<>", which everybody
 * may use. An account may write as its own address, as aliases and pattern
 * addresses that lead to it, with a +tag, and where it has the right to. calm: 1:
 * this OK may be remembered for a moment, until store_directory_feed rings: the
 * account is far from all its limits. */
#define submission_sender_REQUEST(F, S) F(S, TEXT, token) F(S, TEXT, network) F(S, TEXT, address)
#define submission_sender_REPLY(F, S) F(S, U64, verdict) F(S, TEXT, words) F(S, U64, calm)

/* RCPT TO. size: of the message if the client told it, else 0. before: recipients
 * of this message that were accepted already. local: it is an
 * address of this site. canonical: in the directory's spelling, or with the
 * domain in ASCII and lower case. calm: 1: in the same way, whoever is calm may
 * send to every address of this domain, which is elsewhere. */
#define submission_rcpt_REQUEST(F, S) \
	F(S, TEXT, token)             \
	F(S, TEXT, network) F(S, TEXT, address) F(S, U64, size) F(S, U64, before)
#define submission_rcpt_REPLY(F, S) \
	F(S, U64, verdict)          \
	F(S, TEXT, words) F(S, TEXT, canonical) F(S, U64, local) F(S, U64, calm)

/* The message. account of the envelope is the token's, or 0; of a network there is no copy.
 * authors: addresses of From and Sender, each of which must be the account's. recipients as they
 * were accepted, in order, local ones too; parallel to them orcpts, "type;address" as it came in
 * xtext decoded, or empty, and notify, enum queue_notify, or-ed. Times are seconds since 1970.
 * not_before: 0, or when it is to be sent (RFC 4865). expires: 0, or when it is given up at last
 * (RFC 2852 BY with R). content: container of store/content.h; summary, of it; size, with prefix.
 * prefix stands in front for local recipients too. copy: into the account's mailbox \Sent, read,
 * unless a message of that Message-ID came there in the last minutes: without prefix, with
 * sent_prefix (Bcc) in front and sent_summary (empty: summary). A client's APPEND of the same
 * message soon afterwards takes its place. came: as store_deliver has it. message: number in the
 * queue, 0: there is nothing left to do. */
#define submission_commit_REQUEST(F, S) \
	F(S, TEXT, token)               \
	F(S, TEXT, network)             \
	F(S, U64, op)                   \
	QUEUE_ENVELOPE(F, S)            \
	F(S, TEXTS, authors)            \
	F(S, TEXTS, recipients)         \
	F(S, TEXTS, orcpts)             \
	F(S, NUMBERS, notify)           \
	F(S, I64, not_before)           \
	F(S, I64, expires)              \
	F(S, TEXT, came)                \
	F(S, U64, copy) F(S, TEXT, sent_prefix) F(S, TEXT, sent_summary) F(S, PAYLOAD, content)
#define submission_commit_REPLY(F, S) F(S, U64, verdict) F(S, TEXT, words) F(S, U64, message)

/* A message of this site itself, with the null sender, to one address: a DSN.
 * It goes to the account, or into the queue. If it cannot, nobody is told. */
#define submission_notice_REQUEST(F, S) \
	F(S, U64, op)                   \
	F(S, TEXT, id)                  \
	F(S, TEXT, recipient)           \
	F(S, U64, body) F(S, U64, needs) F(S, TEXT, summary) F(S, U64, size) F(S, PAYLOAD, content)
#define submission_notice_REPLY(F, S)

#define SUBMISSION_CALLS(X)                                                       \
	X(submission_sender, BY_ACCESS | BY_WEB | BY_MX, CALL_AGAIN | CALL_SHORT) \
	X(submission_rcpt, BY_ACCESS | BY_WEB | BY_MX, CALL_AGAIN | CALL_SHORT)   \
	X(submission_commit, BY_INTAKE, CALL_AGAIN | CALL_SHORT)                  \
	X(submission_notice, BY_INTAKE, CALL_AGAIN)

CALLS_DECLARE(submission, SUBMISSION_CALLS)

#endif
