/* SPDX-License-Identifier: ISC */
/* Rows of replies: what was packed comes back; what is cut is bad. */
#include "base/pack.h"
#include "base/testing.h"
#include "store/calls.h"

static struct store_row
sample(void)
{
	struct store_row r = { .uid = 4000000000u,
		.modseq = 1u << 30,
		.flags = FLAG_SEEN | FLAG_DRAFT,
		.keyword_count = 3,
		.keywords = { 1, 500, 9999 },
		.size = 123456,
		.date = -5,
		.email = 99,
		.thread = 12,
		.prefix = TEXT("Return-Path: <>\r\n"),
		.summary = TEXT("summary"),
		.piece0 = TEXT("piece") };

	return r;
}

static void
row_round_trip(void **state)
{
	for (unsigned items = 0; items < 32; items++) {
		struct store_row in = sample(), out;
		struct buffer b = BUFFER_INIT;
		struct unpack u;

		store_row_pack(&b, &in, items);
		u = unpack_of(buffer_text(&b));
		store_row_unpack(&u, items, &out);
		assert_true(unpack_end(&u));
		assert_int_equal(out.uid, in.uid);
		assert_int_equal(out.modseq, in.modseq);
		assert_int_equal(out.keyword_count, 3);
		assert_int_equal(out.keywords[2], 9999);
		assert_int_equal(out.date, -5);
		assert_int_equal(out.email, 99);
		assert_int_equal(out.prefix.len, items & 14 ? in.prefix.len : 0);
		assert_int_equal(out.thread, items & 2 ? 12 : 0);
		assert_true(text_equal(out.summary, items & 18 ? in.summary : TEXT_EMPTY));
		assert_true(text_equal(out.piece0, items & 12 ? in.piece0 : TEXT_EMPTY));
		for (size_t n = 0; n < b.len; n++) {
			u = unpack_of(text_part(buffer_text(&b), 0, n));
			store_row_unpack(&u, items, &out);
			assert_false(unpack_ok(&u));
		}
		buffer_done(&b);
	}
}

static void
mailbox_round_trip(void **state)
{
	struct store_mailbox in = { .id = 7,
		.name = TEXT("Lists/a"),
		.use = USE_JUNK,
		.subscribed = true,
		.exists = false,
		.children = true,
		.uidvalidity = 123,
		.uidnext = UINT32_MAX,
		.highest_modseq = 5,
		.messages = 6,
		.unseen = 7,
		.deleted = 8,
		.recent = 9,
		.octets = 10 };
	struct store_mailbox out = { 0 };
	struct buffer b = BUFFER_INIT;
	struct unpack u;

	store_mailbox_pack(&b, &in);
	u = unpack_of(buffer_text(&b));
	store_mailbox_unpack(&u, &out);
	assert_true(unpack_end(&u));
	assert_true(text_equal(in.name, out.name));
	assert_true(out.subscribed && !out.exists && out.children);
	assert_int_equal(out.uidnext, UINT32_MAX);
	assert_int_equal(out.octets, 10);
	for (size_t n = 0; n < b.len; n++) {
		u = unpack_of(text_part(buffer_text(&b), 0, n));
		store_mailbox_unpack(&u, &out);
		assert_false(unpack_ok(&u));
	}
	buffer_done(&b);
}

static void
mailboxes_stand_before_what_is_below(void **state)
{
	assert_true(mailbox_order(TEXT("a"), TEXT("a/b")) < 0);
	assert_true(mailbox_order(TEXT("a/b"), TEXT("a b")) < 0);
	assert_true(mailbox_order(TEXT("a/b"), TEXT("a\xc3\xa9")) < 0);
	assert_true(mailbox_order(TEXT("b"), TEXT("a/z")) > 0);
	assert_int_equal(mailbox_order(TEXT("x/y"), TEXT("x/y")), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row_round_trip),
		cmocka_unit_test(mailbox_round_trip),
		cmocka_unit_test(mailboxes_stand_before_what_is_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
