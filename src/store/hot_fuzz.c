/* SPDX-License-Identifier: ISC */
/* Any bytes as a hot block: what is taken encodes to a block that reads the
 * same, its UIDs and marks alone are those of its entries, and so are its columns,
 * which when changed are the octets of the changed entries. */
#include <string.h>

#include "store/calls.h"
#include "store/hot_columns.h"

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

/* Of a value as hot_encode wrote it. Every third message becomes flagged. */
static void
check_columns(struct text value, struct hot *h)
{
	struct hot_columns c;
	struct buffer changed = BUFFER_INIT, same = BUFFER_INIT;

	CHECK(hot_columns_read(value, &c) == STATUS_OK);
	CHECK(c.count == h->count);
	hot_columns_write(&c, &same);
	CHECK(text_equal(buffer_text(&same), value));
	for (uint32_t i = 0; i < h->count; i++) {
		CHECK((c.flags[i] & FLAG_ALL) == h->at[i].flags && c.modseq[i] == h->at[i].modseq);
		if (i % 3 != 0)
			continue;
		h->at[i].flags |= FLAG_FLAGGED;
		c.flags[i] |= FLAG_FLAGGED;
		h->at[i].modseq = c.modseq[i] = 1000;
	}
	buffer_clear(&same);
	hot_encode(h, &same);
	hot_columns_write(&c, &changed);
	CHECK(text_equal(buffer_text(&same), buffer_text(&changed)));
	hot_columns_done(&c);
	buffer_done(&changed);
	buffer_done(&same);
}

/* Any octets where an opening or a STORE looks at a block; what a STORE takes and
 * writes is taken again. */
static void
check_parts(struct text value)
{
	struct runs uids = RUNS_INIT;
	struct hot_columns c, again;
	struct buffer b = BUFFER_INIT;
	bool unseen = false, deleted = false;

	(void)hot_marks(value, 3, &uids, &unseen, &deleted);
	runs_done(&uids);
	if (hot_columns_read(value, &c) != STATUS_OK)
		return;
	hot_columns_write(&c, &b);
	CHECK(hot_columns_read(buffer_text(&b), &again) == STATUS_OK);
	CHECK(again.count == c.count);
	hot_columns_done(&again);
	hot_columns_done(&c);
	buffer_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text value = { (const char *)data, size };
	struct arena a = ARENA_INIT;
	struct hot h = { .block = 3 }, again = { .block = 3 };
	struct buffer b = BUFFER_INIT;

	check_parts(value);
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
		check_columns(buffer_text(&b), &again);
	}
	buffer_done(&b);
	arena_done(&a);
	return 0;
}
