/* SPDX-License-Identifier: ISC */
/* Any bytes as rows of a reply, and as questions of a request; what is taken
 * packs to what reads the same. */
#include "base/pack.h"
#include "store/calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
questions(struct unpack u)
{
	while (unpack_ok(&u) && !unpack_end(&u)) {
		struct store_question q, again;
		struct buffer b = BUFFER_INIT;
		struct unpack v;

		store_question_unpack(&u, &q);
		if (!unpack_ok(&u))
			return;
		store_question_pack(&b, &q);
		v = unpack_of(buffer_text(&b));
		store_question_unpack(&v, &again);
		CHECK(unpack_end(&v) && again.what == q.what && again.negate == q.negate);
		CHECK(again.low == q.low && again.high == q.high);
		buffer_done(&b);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned items = size == 0 ? 0 : data[0] & 31u;
	struct unpack u =
	    unpack_of(size == 0 ? TEXT_EMPTY : (struct text){ (const char *)data + 1, size - 1 });
	struct unpack m = u, q = u;
	struct store_mailbox mailbox = { 0 };
	struct store_row row;

	while (unpack_ok(&u) && !unpack_end(&u)) {
		struct buffer b = BUFFER_INIT;

		store_row_unpack(&u, items, &row);
		if (unpack_ok(&u)) {
			struct store_row again;
			struct unpack v;

			store_row_pack(&b, &row, items);
			v = unpack_of(buffer_text(&b));
			store_row_unpack(&v, items, &again);
			CHECK(unpack_end(&v) && again.size == row.size);
		}
		buffer_done(&b);
	}
	store_mailbox_unpack(&m, &mailbox);
	questions(q);
	return 0;
}
