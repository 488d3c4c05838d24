/* SPDX-License-Identifier: ISC */
/*
 * Calls by which the operator looks at what an account, or a network that may
 * relay, may send and changes it; role store serves them. See store/sending.h.
 */
#ifndef STORE_LIMITS_CALLS_H
#define STORE_LIMITS_CALLS_H

#include "runtime/calls.h"

/* The limits, in this order everywhere: messages in an hour and in a day,
 * recipients, recipients that were never written to before. */
#define LIMIT_NAMES(X)       \
	X("messages_hour")   \
	X("messages_day")    \
	X("recipients_hour") \
	X("recipients_day")  \
	X("first_hour")      \
	X("first_day")

/* address: of an account; or what has no @: a network as submission.relay_networks
 * has it, or an address in one. name: that network; number: by which the queue
 * names who sent (0: the site itself). since: sending is stopped since then, seconds since 1970; 0:
 * it is not. following: its mail is being held, or released. Parallel lists: limits, 0 is none;
 * own, 1: the account's own, not the setting's; used. NOT_FOUND. */
#define limits_show_REQUEST(F, S) F(S, TEXT, address)
#define limits_show_REPLY(F, S) \
	F(S, TEXT, name)        \
	F(S, U64, number)       \
	F(S, I64, since)        \
	F(S, TEXT, why)         \
	F(S, U64, by_operator)  \
	F(S, U64, following) F(S, NUMBERS, limits) F(S, NUMBERS, own) F(S, NUMBERS, used)

/* FREEZE: stops sending, for a reason (a sentence, at most 500 octets). RESUME:
 * lets it go on, and releases what was held since; what the operator held by
 * hand stays. SET: limit number `which`, to value; own 0: to the setting's.
 * changed: it was not so before. */
enum limits_change { LIMITS_FREEZE, LIMITS_RESUME, LIMITS_SET, LIMITS_CHANGES };
#define limits_change_REQUEST(F, S) \
	F(S, TEXT, address)         \
	F(S, U64, change) F(S, TEXT, why) F(S, U64, which) F(S, U64, own) F(S, U64, value)
#define limits_change_REPLY(F, S) F(S, U64, changed)

/* Networks that may relay, and behind the first `listed` those that may no more
 * and are stopped. Parallel lists, since and whys as in limits_show. accounts: of
 * which sending is stopped. */
#define limits_networks_REQUEST(F, S)
#define limits_networks_REPLY(F, S) \
	F(S, TEXTS, names)          \
	F(S, NUMBERS, numbers)      \
	F(S, NUMBERS, since)        \
	F(S, TEXTS, whys) F(S, U64, listed) F(S, TEXTS, accounts)

#define LIMITS_CALLS(X)                        \
	X(limits_show, BY_ADMIN, CALL_AGAIN)   \
	X(limits_change, BY_ADMIN, CALL_AGAIN) \
	X(limits_networks, BY_ADMIN, CALL_AGAIN)

CALLS_DECLARE(limits, LIMITS_CALLS)

#endif
