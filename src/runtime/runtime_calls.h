/* SPDX-License-Identifier: ISC */
/*
 * Calls that every role serves, for the operator: is it there, its metrics and
 * protections, and live settings that changed.
 */
#ifndef RUNTIME_RUNTIME_CALLS_H
#define RUNTIME_RUNTIME_CALLS_H

#include "runtime/calls.h"

/* Which role is meant is chosen by the link: see runtime_call_to(). */

#define runtime_ping_REQUEST(F, S)
#define runtime_ping_REPLY(F, S)                          \
	F(S, U64, pid)                                    \
	F(S, U64, started) /* wall clock, microseconds */ \
	F(S, U64, sandbox) /* enum sandbox_part, or-ed */ \
	F(S, U64, instance)

/* Values in the order of metrics.def. */
#define runtime_metrics_REQUEST(F, S)
#define runtime_metrics_REPLY(F, S) F(S, NUMBERS, values) F(S, U64, rss)

#define runtime_setting_REQUEST(F, S) F(S, TEXT, name) F(S, TEXT, value)
#define runtime_setting_REPLY(F, S)

#define RUNTIME_CALLS(X)                                      \
	X(runtime_ping, BY_ADMIN | BY_MONITOR, CALL_AGAIN)    \
	X(runtime_metrics, BY_ADMIN | BY_MONITOR, CALL_AGAIN) \
	X(runtime_setting, BY_STORE | BY_ADMIN, CALL_AGAIN)

CALLS_DECLARE(runtime, RUNTIME_CALLS)

/* The same as call_do, to a certain role and instance. NOT_FOUND if there is
 * no such link. */
enum status runtime_call_to(struct calls *c, enum role to, unsigned instance,
    const struct call *call, const void *request, struct arena *a, void *reply,
    struct failure *f) MUST_CHECK;
/* How many instances of a role are linked. */
unsigned runtime_instances(struct calls *c, enum role r);

#endif
