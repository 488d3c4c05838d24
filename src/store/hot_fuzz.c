/* SPDX-License-Identifier: ISC */
/* Any bytes as a hot block: what is taken encodes to a block that reads the
 * same, and its UIDs and marks alone are those of its entries. */
#include "store/calls.h"
#include "store/hot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_marks(struct text value, const struct hot *h)
{
	bool unseen = false, deleted = false, some_unseen = false, some_deleted = false;
	struct runs uids = RUNS_INIT;

	CHECK(hot_marks(value, 3, &uids, &unseen, &deleted) == STATUS_OK);
	CHECK(runs_total(&uids) == h->count);
	for (uint32_t i = 0; i < h->count; i++) {
		some_unseen |= (h->at[i].flags & FLAG_SEEN) == 0;
		some_deleted |= (h->at[i].flags & FLAG_DELETED) != 0;
	}
	CHECK(unseen == some_unseen && deleted == some_deleted);
	runs_done(&uids);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text value = { (const char *)data, size };
	struct arena a = ARENA_INIT;
	struct hot h = { .block = 3 }, again = { .block = 3 };
	struct buffer b = BUFFER_INIT;

	if (hot_decode(value, &a, &h) == STATUS_OK) {
		check_marks(value, &h);
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
	arena_done(&a);
	return 0;
}
