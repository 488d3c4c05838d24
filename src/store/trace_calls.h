/* SPDX-License-Identifier: ISC */
/*
 * Calls of the trace, which role store serves: what became of a message and
 * when (store/trace_rows.h). The store notes itself what it does; the other
 * roles add what it never hears of. Who adds does not wait (call_post): a lost
 * event is counted, and fails no mail.
 */
#ifndef STORE_TRACE_CALLS_H
#define STORE_TRACE_CALLS_H

#include "store/trace_rows.h"

#define TRACE_PAGE 100u /* messages of an answer, at most */

/* Parallel lists: a message's id, and a row (trace_row_pack). The fronts may
 * tell of what they refused, intake of what it found. INVALID: a row that is
 * none; DENIED: one that is not for that role to tell. */
#define trace_add_REQUEST(F, S) F(S, TEXTS, ids) F(S, TEXTS, rows)
#define trace_add_REPLY(F, S)

/* By one of id, message_id, sender ("<>": the null sender), recipient, or none:
 * all messages. since, until: microseconds, 0: no bound; of what the message is
 * found by, its whole story comes. limit: messages, 0: TRACE_PAGE. after: empty,
 * or resume of the answer before. ids and rows are parallel: rows of one message
 * stand together, oldest first; messages newest first (of all messages, those of
 * about one second in any order). cut: rows of a story too
 * long to be told whole that were left out. */
#define trace_find_REQUEST(F, S) \
	F(S, TEXT, id)           \
	F(S, TEXT, message_id)   \
	F(S, TEXT, sender)       \
	F(S, TEXT, recipient) F(S, I64, since) F(S, I64, until) F(S, U64, limit) F(S, TEXT, after)
#define trace_find_REPLY(F, S) F(S, TEXTS, ids) F(S, TEXTS, rows) F(S, U64, cut) F(S, TEXT, resume)

#define TRACE_CALLS(X)                                                     \
	X(trace_add, BY_MX | BY_ACCESS | BY_WEB | BY_OUTBOUND, CALL_QUICK) \
	X(trace_find, BY_ADMIN, CALL_AGAIN)

CALLS_DECLARE(trace, TRACE_CALLS)

#endif
