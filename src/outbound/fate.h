/* SPDX-License-Identifier: ISC */
/*
 * What became of a recipient, between the languages of smtp/client.h and of
 * store/queue_calls.h.
 */
#ifndef OUTBOUND_FATE_H
#define OUTBOUND_FATE_H

#include "lookup/route.h"
#include "smtp/client.h"
#include "store/queue_calls.h"
#include "store/schedule.h"

/* A fate that no server spoke: enhanced is "4.4.1" or the like. */
struct smtp_fate fate_ours(enum smtp_stage stage, const char *enhanced, const char *words, ...)
    PRINTF_LIKE(3, 4);
/* Of a verdict other than OK. */
struct smtp_fate fate_of_route(const struct route *r);

/* For the report: "550 5.1.1 words" as the server said it, or "4.4.1 words" if
 * no server did. */
struct text fate_reply(const struct smtp_fate *f, struct arena *a);
enum queue_outcome fate_outcome(const struct smtp_fate *f);
/* What it says about the destination (enum schedule_end). */
enum schedule_end fate_end(const struct smtp_fate *f);
/* Whether another host of the domain may do better. */
bool fate_elsewhere(const struct smtp_fate *f);

#endif
