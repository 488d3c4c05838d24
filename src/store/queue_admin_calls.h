/* SPDX-License-Identifier: ISC */
/*
 * Calls by which the operator looks at outgoing mail and changes it; role store
 * serves them. Each takes a bounded step: it looks at some thousand runs of
 * recipients at most, and says where the next call goes on.
 *
 * What outbound has in hand is not changed: a recipient who is dropped or held
 * is not sent to afterwards, and one who is sent to was not dropped.
 */
#ifndef STORE_QUEUE_ADMIN_CALLS_H
#define STORE_QUEUE_ADMIN_CALLS_H

#include "store/queue_calls.h"

/* OWED: the sender is yet to be told something about the recipient. DUE: waits,
 * and its time has come. BUSY: in a list, outbound has it in hand. */
enum queue_admin_state {
	QUEUE_ADMIN_WAITING = 1,
	QUEUE_ADMIN_HELD = 2,
	QUEUE_ADMIN_DUE = 4,
	QUEUE_ADMIN_OWED = 8,
	QUEUE_ADMIN_BUSY = 16,
};

#define QUEUE_ADMIN_MESSAGES_MAX 1000u /* that one selection names */

/* All that is said must hold of a recipient; what is empty or 0 holds of all.
 * messages: numbers. sender, recipient: an address, "@domain" for all of one,
 * and as sender "<>" for none; in any case of letters. destination: in ASCII.
 * received in [since, until), seconds since 1970. states: or-ed, one of them.
 * after: where the last step ended, empty at first. */
#define QUEUE_ADMIN_SELECTION(F, S) \
	F(S, NUMBERS, messages)     \
	F(S, TEXT, sender)          \
	F(S, TEXT, recipient)       \
	F(S, TEXT, destination)     \
	F(S, U64, account) F(S, I64, since) F(S, I64, until) F(S, U64, states) F(S, TEXT, after)

/* Recipients that are not at their end, or about whom something is owed. Two
 * groups of parallel lists: messages, each with `counts` recipients of the
 * second group, in order; the same message may come again, as the first of the
 * next step. account 0: the site itself, or the network. Times are seconds since 1970. states:
 * enum queue_admin_state, or-ed, of a recipient. dues: when it is tried next.
 * resume: empty at the end. most: recipients in a step,
 * about; 0: as many as fit. count_only: gives no lists, but how many messages
 * and recipients there are; a message that two steps share counts in the first. */
#define queue_admin_list_REQUEST(F, S) \
	QUEUE_ADMIN_SELECTION(F, S)    \
	F(S, U64, count_only) F(S, U64, most)
#define queue_admin_list_REPLY(F, S) \
	F(S, NUMBERS, messages)      \
	F(S, TEXTS, senders)         \
	F(S, NUMBERS, accounts)      \
	F(S, TEXTS, networks)        \
	F(S, NUMBERS, sizes)         \
	F(S, NUMBERS, received)      \
	F(S, NUMBERS, counts)        \
	F(S, TEXTS, recipients)      \
	F(S, TEXTS, destinations)    \
	F(S, NUMBERS, states)        \
	F(S, NUMBERS, attempts)      \
	F(S, NUMBERS, dues)          \
	F(S, TEXTS, replies)         \
	F(S, U64, message_count)     \
	F(S, U64, octets)            \
	F(S, U64, waiting) F(S, U64, held) F(S, U64, owed) F(S, TEXT, resume)

/* All about one message. account and network as in the list. expires: when it is given up. Parallel
 * lists, of all recipients from number `first` on, as many as fit; next: the first of the next
 * call, 0 at the end. states: enum outgoing_state of store/outgoing_rows.h. owed: enum
 * outgoing_owed. busy: outbound has it in hand. rests: until when its destination is left in peace.
 * NOT_FOUND. */
#define queue_admin_show_REQUEST(F, S) F(S, U64, message) F(S, U64, first)
#define queue_admin_show_REPLY(F, S) \
	QUEUE_ENVELOPE(F, S)         \
	F(S, TEXT, network)          \
	F(S, U64, pieces)            \
	F(S, I64, expires)           \
	F(S, U64, recipient_count)   \
	F(S, TEXTS, recipients)      \
	F(S, TEXTS, destinations)    \
	F(S, TEXTS, orcpts)          \
	F(S, NUMBERS, notify)        \
	F(S, NUMBERS, states)        \
	F(S, NUMBERS, owed)          \
	F(S, NUMBERS, attempts)      \
	F(S, NUMBERS, lasts)         \
	F(S, NUMBERS, dues)          \
	F(S, NUMBERS, busy)          \
	F(S, NUMBERS, rests)         \
	F(S, TEXTS, replies) F(S, TEXTS, servers) F(S, U64, next)

enum queue_admin_change {
	QUEUE_ADMIN_RETRY,   /* who waits is due now, its destination left in peace no more */
	QUEUE_ADMIN_HOLD,    /* who waits is not tried until he is released */
	QUEUE_ADMIN_RELEASE, /* who was held is due now */
	QUEUE_ADMIN_DROP,    /* comes to its end; the sender is told, unless silently */
	QUEUE_ADMIN_CHANGES
};

/* One step of a change, in one batch. changed: recipients; busy: those that
 * outbound has in hand, which were left as they are. A retry is for the whole
 * run that has one of the recipients. Made again it changes no more,
 * and does not count what it found changed. AGAIN: it is not known yet what
 * outbound has in hand; ask again for some seconds. */
#define queue_admin_change_REQUEST(F, S) \
	QUEUE_ADMIN_SELECTION(F, S)      \
	F(S, U64, change) F(S, U64, silent)
#define queue_admin_change_REPLY(F, S) F(S, U64, changed) F(S, U64, busy) F(S, TEXT, resume)

/* Where mail goes: the destinations that most wait for, at most `most` of them
 * (at most 5,000), and all of them counted. Parallel lists. waiting: recipients
 * due or not, at most: who was held or dropped is counted until he would have
 * been due. leased, window, failures, rests: as schedule_facts() has them. */
#define queue_admin_destinations_REQUEST(F, S) F(S, TEXT, destination) F(S, U64, most)
#define queue_admin_destinations_REPLY(F, S) \
	F(S, TEXTS, destinations)            \
	F(S, NUMBERS, waiting)               \
	F(S, NUMBERS, leased)                \
	F(S, NUMBERS, windows)               \
	F(S, NUMBERS, failures)              \
	F(S, NUMBERS, rests)                 \
	F(S, U64, total) F(S, U64, total_waiting) F(S, U64, total_leased)

/* Addresses elsewhere that are not sent to (store/suppression.h), parallel lists:
 * when (seconds) and with which words they refused; operators: 1 where the
 * operator put it on the list. after: resume of the step before, empty at first. */
#define queue_admin_suppressed_REQUEST(F, S) F(S, TEXT, after)
#define queue_admin_suppressed_REPLY(F, S) \
	F(S, TEXTS, addresses)             \
	F(S, TEXTS, words) F(S, NUMBERS, times) F(S, NUMBERS, operators) F(S, TEXT, resume)

/* Puts one on the list, until it is taken off, or takes it off. words: why.
 * changed: 0 where it was not on it. INVALID: no address. LIMIT: full. */
#define queue_admin_suppress_REQUEST(F, S) F(S, TEXT, address) F(S, U64, remove) F(S, TEXT, words)
#define queue_admin_suppress_REPLY(F, S) F(S, U64, changed)

#define QUEUE_ADMIN_CALLS(X)                              \
	X(queue_admin_list, BY_ADMIN, CALL_AGAIN)         \
	X(queue_admin_show, BY_ADMIN, CALL_AGAIN)         \
	X(queue_admin_change, BY_ADMIN, CALL_AGAIN)       \
	X(queue_admin_destinations, BY_ADMIN, CALL_AGAIN) \
	X(queue_admin_suppressed, BY_ADMIN, CALL_AGAIN)   \
	X(queue_admin_suppress, BY_ADMIN, CALL_AGAIN)

CALLS_DECLARE(queue_admin, QUEUE_ADMIN_CALLS)

#endif
