/* SPDX-License-Identifier: ISC */
/* Sliding windows; see store/sending_counts.h. */
#include "store/sending_counts.h"

#include <string.h>

#define COUNTS_VERSION 1

static const struct {
	int64_t seconds; /* of a slot */
	unsigned slots;	 /* the window, and that of now */
} spans[SENDING_SPANS] = {
	[SENDING_HOUR] = { 5 * 60, 13 },
	[SENDING_DAY] = { 60 * 60, SENDING_SLOTS_MAX },
};

static int64_t
slot_of(unsigned span, int64_t now)
{
	return now > 0 ? now / spans[span].seconds : 0;
}

static bool
is_inside(unsigned span, const struct sending_slot *s, int64_t now)
{
	int64_t number = slot_of(span, now);

	return s->number <= number && s->number > number - (int64_t)spans[span].slots;
}

/* The slot of that number, emptied if another one stood there. */
static struct sending_slot *
slot_at(struct sending_counts *c, unsigned span, int64_t number)
{
	struct sending_slot *s = &c->at[span][(uint64_t)number % spans[span].slots];

	if (s->number != number)
		*s = (struct sending_slot){ .number = number };
	return s;
}

void
sending_counts_add(struct sending_counts *c, int64_t now, const uint32_t n[SENDING_WHATS + 1])
{
	for (unsigned span = 0; span < SENDING_SPANS; span++) {
		struct sending_slot *s = slot_at(c, span, slot_of(span, now));

		for (unsigned i = 0; i <= SENDING_WHATS; i++)
			s->n[i] += n[i];
	}
}

void
sending_counts_take(struct sending_counts *c, int64_t then, const uint32_t n[SENDING_WHATS + 1])
{
	for (unsigned span = 0; span < SENDING_SPANS; span++) {
		int64_t number = slot_of(span, then);
		struct sending_slot *s = &c->at[span][(uint64_t)number % spans[span].slots];

		for (unsigned i = 0; s->number == number && i <= SENDING_WHATS; i++)
			s->n[i] -= n[i] < s->n[i] ? n[i] : s->n[i];
	}
}

uint64_t
sending_counts_sum(
    const struct sending_counts *c, enum sending_span span, unsigned what, int64_t now)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < spans[span].slots; i++)
		if (is_inside(span, &c->at[span][i], now))
			sum += c->at[span][i].n[what];
	return sum;
}

int64_t
sending_counts_opens(const struct sending_counts *c, enum sending_span span, unsigned what,
    uint64_t limit, uint64_t wanted, int64_t now)
{
	unsigned slots = spans[span].slots;
	uint64_t left = sending_counts_sum(c, span, what, now);

	if (wanted > limit)
		return 0;
	for (int64_t k = slot_of(span, now) - slots + 1; k <= slot_of(span, now); k++) {
		const struct sending_slot *s = &c->at[span][(uint64_t)(k < 0 ? 0 : k) % slots];

		left -= s->number == k ? s->n[what] : 0;
		if (left + wanted <= limit)
			return (k + slots) * spans[span].seconds;
	}
	return 0;
}

void
sending_counts_merge(struct sending_counts *c, const struct sending_counts *other)
{
	for (unsigned span = 0; span < SENDING_SPANS; span++)
		for (unsigned i = 0; i < spans[span].slots; i++) {
			const struct sending_slot *from = &other->at[span][i];
			struct sending_slot *to = &c->at[span][i];

			if (from->number > to->number)
				*to = (struct sending_slot){ .number = from->number };
			for (unsigned k = 0; from->number == to->number && k < SENDING_WHATS; k++)
				to->n[k] += from->n[k];
		}
}

/* ---- rows ---- */

static bool
is_worth(unsigned span, const struct sending_slot *s, int64_t now)
{
	return is_inside(span, s, now) && (s->n[0] | s->n[1] | s->n[2]) != 0;
}

void
sending_counts_pack(struct buffer *out, const struct sending_counts *c, int64_t now)
{
	pack_u8(out, COUNTS_VERSION);
	for (unsigned span = 0; span < SENDING_SPANS; span++) {
		unsigned count = 0;

		for (unsigned i = 0; i < spans[span].slots; i++)
			count += is_worth(span, &c->at[span][i], now);
		pack_varint(out, count);
		for (unsigned i = 0; i < spans[span].slots; i++) {
			const struct sending_slot *s = &c->at[span][i];

			if (!is_worth(span, s, now))
				continue;
			pack_varint(out, (uint64_t)s->number);
			for (unsigned k = 0; k < SENDING_WHATS; k++)
				pack_varint(out, s->n[k]);
		}
	}
}

enum status
sending_counts_unpack(struct text value, struct sending_counts *out)
{
	struct unpack u = unpack_of(value);
	struct sending_counts c = { .at = { { { 0 } } } };

	if (unpack_u8(&u) != COUNTS_VERSION)
		return STATUS_CORRUPT;
	for (unsigned span = 0; span < SENDING_SPANS; span++) {
		uint64_t count = unpack_varint_max(&u, spans[span].slots);

		for (uint64_t i = 0; i < count && unpack_ok(&u); i++) {
			int64_t number = (int64_t)unpack_varint_max(&u, INT64_MAX);
			struct sending_slot *s = slot_at(&c, span, number);

			for (unsigned k = 0; k < SENDING_WHATS; k++)
				s->n[k] = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
		}
	}
	if (!unpack_end(&u))
		return STATUS_CORRUPT;
	*out = c;
	return STATUS_OK;
}
