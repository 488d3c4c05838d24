/* SPDX-License-Identifier: ISC */
/*
 * How much somebody sent in the last hour and in the last day, in slots of five
 * minutes and of an hour. A window counts the slot of now and the whole hour or
 * day before it, so that never more is let through than a limit says.
 */
#ifndef STORE_SENDING_COUNTS_H
#define STORE_SENDING_COUNTS_H

#include "base/pack.h"

enum sending_what {
	SENDING_MESSAGES,
	SENDING_RECIPIENTS,
	SENDING_FIRST, /* recipients that were never written to before */
	SENDING_WHATS
};
#define SENDING_REFUSED SENDING_WHATS /* attempts that were refused: in memory alone */

enum sending_span { SENDING_HOUR, SENDING_DAY, SENDING_SPANS };
/* Limits: what * SENDING_SPANS + span. */
#define SENDING_LIMITS (SENDING_WHATS * SENDING_SPANS)

#define SENDING_SLOTS_MAX 25u

struct sending_slot {
	int64_t number; /* time / seconds of a slot */
	uint32_t n[SENDING_WHATS + 1];
};

struct sending_counts {
	struct sending_slot at[SENDING_SPANS][SENDING_SLOTS_MAX]; /* number % slots of the span */
};

/* Adds so many; now: seconds. */
void sending_counts_add(struct sending_counts *c, int64_t now, const uint32_t n[SENDING_WHATS + 1]);
/* Takes away what was added at that time. */
void sending_counts_take(
    struct sending_counts *c, int64_t then, const uint32_t n[SENDING_WHATS + 1]);
uint64_t sending_counts_sum(
    const struct sending_counts *c, enum sending_span span, unsigned what, int64_t now);
/* When so many more are within the limit, seconds; 0: never. */
int64_t sending_counts_opens(const struct sending_counts *c, enum sending_span span, unsigned what,
    uint64_t limit, uint64_t wanted, int64_t now);
/* Adds all that other has. */
void sending_counts_merge(struct sending_counts *c, const struct sending_counts *other);

/* What is in the windows of now. CORRUPT. */
void sending_counts_pack(struct buffer *out, const struct sending_counts *c, int64_t now);
enum status sending_counts_unpack(struct text value, struct sending_counts *out) MUST_CHECK;

#endif
