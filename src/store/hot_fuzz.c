/* SPDX-License-Identifier: ISC */
/* Any bytes as a hot block: what is taken encodes to a block that reads the
 * same, and its UIDs alone are those of its entries. */
#include "store/hot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text value = { (const char *)data, size };
	struct arena a = ARENA_INIT;
	struct runs uids = RUNS_INIT;
	struct hot h = { .block = 3 }, again = { .block = 3 };
	struct buffer b = BUFFER_INIT;

	if (hot_decode(value, &a, &h) == STATUS_OK) {
		CHECK(hot_uids(value, 3, &uids) == STATUS_OK && runs_total(&uids) == h.count);
		hot_encode(&h, &b);
		CHECK(hot_decode(buffer_text(&b), &a, &again) == STATUS_OK);
		CHECK(again.count == h.count);
		for (uint32_t i = 0; i < h.count; i++)
			CHECK(again.at[i].uid == h.at[i].uid &&
			      again.at[i].email == h.at[i].email &&
			      again.at[i].modseq == h.at[i].modseq &&
			      again.at[i].date == h.at[i].date);
	}
	buffer_done(&b);
	runs_done(&uids);
	arena_done(&a);
	return 0;
}
