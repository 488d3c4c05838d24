/* SPDX-License-Identifier: ISC */
/* Hot blocks and their columns, octet by octet (docs/store-format.md). What any
 * octets do is told by hot_fuzz.c. */
#include "base/testing.h"
#include "store/calls.h"
#include "store/column.h"
#include "store/hot_columns.h"

#define BLOCK 3u
#define FIRST (BLOCK * HOT_SPAN)

static void
takes_back(const uint64_t *at, uint32_t count, size_t octets)
{
	uint64_t back[COLUMN_MOST];
	struct buffer b = BUFFER_INIT;
	struct unpack u;

	column_pack(&b, at, count);
	if (b.len != octets)
		fail_msg("%u numbers take %zu octets, not %zu", count, b.len, octets);
	u = unpack_of(buffer_text(&b));
	column_unpack(&u, back, count);
	assert_true(unpack_end(&u));
	assert_memory_equal(back, at, count * sizeof(*at));
	/* One number more or less is not what stands there. */
	u = unpack_of(buffer_text(&b));
	column_unpack(&u, back, count < COLUMN_MOST ? count + 1 : count - 1);
	assert_false(unpack_ok(&u));
	buffer_done(&b);
}

static void
columns_of_any_numbers(void **state)
{
	uint64_t v[COLUMN_MOST];

	for (uint32_t i = 0; i < COLUMN_MOST; i++)
		v[i] = 7;
	takes_back(v, COLUMN_MOST, 1 + 1 + 1 + 2); /* length, kind, 7, 256 */
	takes_back(v, 2, 1 + 1 + 2);
	takes_back(v, 1, 1 + 1 + 1);
	v[100] = UINT64_MAX;
	takes_back(v, COLUMN_MOST, 1 + 1 + (1 + 1) + (10 + 1) + (1 + 2));
	for (uint32_t i = 0; i < COLUMN_MOST; i++)
		v[i] = i % 2;
	takes_back(v, COLUMN_MOST, 2 + 1 + 256);
	for (uint32_t i = 0; i < COLUMN_MOST; i++)
		v[i] = UINT64_MAX - i;
	takes_back(v, COLUMN_MOST, 2 + 1 + 2560);
}

static void
columns_that_are_none(void **state)
{
	static const struct text bad[] = { TEXT(""), TEXT("\x00"), TEXT("\x04\x01\x05\x01"),
		TEXT("\x01\x02"),		  /* no such kind */
		TEXT("\x01\x00"),		  /* none of two */
		TEXT("\x04\x00\x01\x02\x03"),	  /* three */
		TEXT("\x03\x01\x05\x03"),	  /* three the same */
		TEXT("\x05\x01\x05\x02\x06\x00"), /* and none of another */
		TEXT("\x05\x01\x05\x00\x06\x02") };
	uint64_t v[2];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct unpack u = unpack_of(bad[i]);

		v[0] = v[1] = 9;
		column_unpack(&u, v, 2);
		if (unpack_ok(&u) || v[0] != 0 || v[1] != 0)
			fail_msg("number %zu was taken", i);
	}
}

/* Two messages as servers of before wrote them: UIDs 769 and 771, flagged and with
 * keywords 1 and 4, seen. */
#define OLD                                                             \
	"\x01\x02\x01\x00\x00\x00" /* version; runs: 2, 4 */            \
	"\x24\x01\x02\x01\x04"	   /* flags, keywords */                \
	"\x0a\x00\x02\x64\xc8\x01" /* modseqs 10, 12; sizes 100, 200 */ \
	"\x14\x02\x0c\x04"	   /* dates 10, 11; emails 6, 9 */

static void
assert_entries(const struct hot *h)
{
	assert_int_equal(h->count, 2);
	assert_int_equal(h->at[0].uid, FIRST + 1);
	assert_int_equal(h->at[0].flags, FLAG_FLAGGED);
	assert_int_equal(h->at[0].keyword_count, 2);
	assert_int_equal(h->at[0].keywords[1], 4);
	assert_int_equal(h->at[0].modseq, 10);
	assert_int_equal(h->at[0].size, 100);
	assert_int_equal(h->at[0].date, 10);
	assert_int_equal(h->at[0].email, 6);
	assert_int_equal(h->at[1].uid, FIRST + 3);
	assert_int_equal(h->at[1].flags, FLAG_SEEN);
	assert_int_equal(h->at[1].keyword_count, 0);
	assert_int_equal(h->at[1].modseq, 12);
	assert_int_equal(h->at[1].size, 200);
	assert_int_equal(h->at[1].date, 11);
	assert_int_equal(h->at[1].email, 9);
}

static void
blocks_of_before_are_read(void **state)
{
	struct hot h = { .block = BLOCK }, again = { .block = BLOCK };
	struct buffer b = BUFFER_INIT;
	struct runs uids = RUNS_INIT;
	struct arena a = ARENA_INIT;
	struct hot_columns c;
	bool unseen = false, deleted = false;
	struct text old = { OLD, sizeof(OLD) - 1 };

	assert_ok(hot_decode(old, &a, &h));
	assert_entries(&h);
	assert_ok(hot_marks(old, BLOCK, &uids, &unseen, &deleted));
	assert_true(unseen && !deleted);
	assert_int_equal(runs_total(&uids), 2);
	assert_int_equal(hot_columns_read(old, &c), STATUS_NOT_FOUND);
	/* What is written is of today's version, and says the same. */
	hot_encode(&h, &b);
	assert_int_equal(b.ptr[0], HOT_VERSION);
	assert_ok(hot_decode(buffer_text(&b), &a, &again));
	assert_entries(&again);
	assert_ok(hot_columns_read(buffer_text(&b), &c));
	assert_int_equal(c.count, 2);
	assert_int_equal(c.modseq[1], 12);
	hot_columns_done(&c);
	/* A block is whole, or none. */
	for (size_t n = 0; n < old.len; n++)
		assert_int_equal(hot_decode((struct text){ old.ptr, n }, &a, &h), STATUS_CORRUPT);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(hot_decode((struct text){ b.ptr, n }, &a, &h), STATUS_CORRUPT);
	b.ptr[0] = HOT_VERSION + 1;
	assert_int_equal(hot_decode(buffer_text(&b), &a, &h), STATUS_CORRUPT);
	runs_done(&uids);
	buffer_done(&b);
	arena_done(&a);
}

/* 256 messages that came together, after a STORE of all: what differs is their size. */
static void
what_is_the_same_takes_no_room(void **state)
{
	struct hot h = { .block = BLOCK };
	struct buffer b = BUFFER_INIT;
	struct arena a = ARENA_INIT;

	for (uint32_t i = 0; i < HOT_SPAN; i++)
		hot_append(&h, &a,
		    &(struct hot_entry){ .uid = FIRST + i,
			.flags = FLAG_SEEN,
			.modseq = 100000,
			.size = 10000 + i,
			.date = 1700000000 + i / 16,
			.email = 5000 + i });
	hot_encode(&h, &b);
	assert_in_range(b.len, 2 * HOT_SPAN, 2 * HOT_SPAN + 120);
	buffer_done(&b);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_of_any_numbers),
		cmocka_unit_test(columns_that_are_none),
		cmocka_unit_test(blocks_of_before_are_read),
		cmocka_unit_test(what_is_the_same_takes_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
