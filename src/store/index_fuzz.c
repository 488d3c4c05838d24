/* SPDX-License-Identifier: ISC */
/* Any bytes as an index row, the first, the second or the last there can be:
 * what is taken packs to a row that reads the same. */
#include "store/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_again(const struct index *x, uint32_t chunk)
{
	struct index again = { .uids = UIDSET_INIT };
	struct buffer b = BUFFER_INIT;

	index_row_pack(&b, x, chunk);
	CHECK(index_row_take(buffer_text(&b), chunk, &again) == STATUS_OK);
	CHECK(uidset_equal(&again.uids, &x->uids));
	CHECK(uidset_equal(&again.unseen, &x->unseen));
	CHECK(uidset_equal(&again.deleted, &x->deleted));
	buffer_done(&b);
	index_done(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t chunks[] = { 0, 1, UINT32_MAX / INDEX_SPAN };

	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		struct text value = { (const char *)data, size };
		struct index x = { .uids = UIDSET_INIT };

		if (index_row_take(value, chunks[i], &x) == STATUS_OK)
			check_again(&x, chunks[i]);
		index_done(&x);
	}
	return 0;
}
