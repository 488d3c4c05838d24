/* SPDX-License-Identifier: ISC */
/* A call table for the tests and the fuzzer of the runtime: every field type,
 * every kind of call. */
#ifndef RUNTIME_CALL_TOY_H
#define RUNTIME_CALL_TOY_H

#include "runtime/calls.h"

#define CALLS_TOY 31

#define TOY_ALL_FIELDS(F, S) \
	F(S, U64, number)    \
	F(S, I64, balance)   \
	F(S, TEXT, text)     \
	F(S, TEXTS, texts)   \
	F(S, NUMBERS, numbers) F(S, RUNS, runs) F(S, PAYLOAD, first) F(S, PAYLOAD, second)
#define toy_echo_REQUEST(F, S) TOY_ALL_FIELDS(F, S)
#define toy_echo_REPLY(F, S) TOY_ALL_FIELDS(F, S)

/* Answered when the test says so. */
#define toy_hold_REQUEST(F, S) F(S, U64, number)
#define toy_hold_REPLY(F, S) F(S, U64, number)
/* The same, but not to be sent twice. */
#define toy_once_REQUEST(F, S) F(S, U64, number)
#define toy_once_REPLY(F, S) F(S, U64, number)
/* Answers with this status and these texts. */
#define toy_fail_REQUEST(F, S) F(S, U64, status) F(S, TEXT, client) F(S, TEXT, log)
#define toy_fail_REPLY(F, S) F(S, U64, none)
/* A reply of so many octets; `fill` is repeated. */
#define toy_size_REQUEST(F, S) F(S, U64, inline_octets) F(S, U64, payload_octets)
#define toy_size_REPLY(F, S) F(S, TEXT, text) F(S, PAYLOAD, payload)
/* Pushes 1, 2, ... count and ends with OK, or holds (count 0). */
#define toy_stream_REQUEST(F, S) F(S, U64, count)
#define toy_stream_REPLY(F, S) F(S, U64, number)
/* Answered on the link's thread, or (odd numbers) handed on. */
#define toy_quick_REQUEST(F, S) F(S, U64, number)
#define toy_quick_REPLY(F, S) F(S, U64, number)
/* Answered on the link's thread if it came alone and is even. */
#define toy_short_REQUEST(F, S) F(S, U64, number)
#define toy_short_REPLY(F, S) F(S, U64, number)
#define toy_nobody_REQUEST(F, S) F(S, U64, number)
#define toy_nobody_REPLY(F, S) F(S, U64, number)

#define TOY_CALLS(X)                                        \
	X(toy_echo, BY_MX | BY_AUTH | BY_ADMIN, CALL_AGAIN) \
	X(toy_hold, BY_MX | BY_ADMIN, CALL_AGAIN)           \
	X(toy_once, BY_MX | BY_ADMIN, 0)                    \
	X(toy_fail, BY_MX | BY_ACCESS, CALL_AGAIN)          \
	X(toy_size, BY_MX, CALL_AGAIN)                      \
	X(toy_stream, BY_MX | BY_ACCESS, CALL_STREAM)       \
	X(toy_nobody, BY_NOBODY, CALL_AGAIN)                \
	X(toy_quick, BY_MX, CALL_AGAIN | CALL_QUICK)        \
	X(toy_short, BY_MX, CALL_AGAIN | CALL_SHORT)

CALLS_DECLARE(toy, TOY_CALLS)

#endif
