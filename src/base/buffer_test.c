/* SPDX-License-Identifier: ISC */
/* Tests of base/buffer.h: growth, the limit's promise, the place for a NUL. */
#include "base/buffer.h"

#include "base/testing.h"

static void
appending(void **state)
{
	struct buffer b = BUFFER_INIT;

	assert_int_equal(buffer_text(&b).len, 0);
	assert_string_equal(buffer_string(&b), "");
	buffer_add(&b, "ab", 2);
	buffer_add_text(&b, TEXT("c\0d"));
	buffer_add_string(&b, "ef");
	buffer_add_byte(&b, 'g');
	buffer_add_u64(&b, 0);
	buffer_add_u64(&b, UINT64_MAX);
	buffer_addf(&b, "-%d", 5);
	assert_text(buffer_text(&b), "abc\0defg018446744073709551615-5");
	assert_int_equal(buffer_string(&b)[b.len], 0);
	buffer_add(&b, NULL, 0);
	buffer_drop(&b, 26);
	assert_string_equal(buffer_string(&b), "615-5");
	buffer_cut(&b, 3);
	assert_string_equal(buffer_string(&b), "615");
	buffer_clear(&b);
	assert_int_equal(b.len, 0);
	buffer_done(&b);
	buffer_add_string(&b, "again");
	assert_string_equal(buffer_string(&b), "again");
	buffer_done_secret(&b);
	assert_null(b.ptr);
}

static void
a_full_buffer_still_has_room_for_the_nul(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t n = 0; n < 1000; n++) {
		buffer_add_byte(&b, 'x');
		assert_true(b.cap > b.len);
		assert_int_equal(strlen(buffer_string(&b)), n + 1);
	}
	buffer_done(&b);
}

static void
long_formats(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (int n = 250; n < 260; n++) {
		buffer_clear(&b);
		buffer_addf(&b, "%0*d", n, 7);
		assert_int_equal(b.len, n);
		assert_int_equal(b.ptr[n - 1], '7');
	}
	buffer_done(&b);
}

static void
room_is_filled_in_place(void **state)
{
	struct buffer b = BUFFER_INIT;
	char *room;

	buffer_add_string(&b, "a");
	room = buffer_room(&b, 5000);
	memset(room, 'b', 5000);
	buffer_added(&b, 5000);
	assert_int_equal(b.len, 5001);
	assert_int_equal(b.ptr[5000], 'b');
	assert_int_equal(b.ptr[0], 'a');
	buffer_done(&b);
}

static void
the_limit_drops_whole_pieces(void **state)
{
	struct buffer b;

	buffer_init(&b, 5);
	buffer_add_string(&b, "abc");
	assert_false(b.overflow);
	buffer_add_string(&b, "def");
	assert_true(b.overflow);
	assert_string_equal(buffer_string(&b), "abc");
	assert_null(buffer_room(&b, 3));
	assert_null(buffer_room(&b, SIZE_MAX));
	buffer_addf(&b, "%0300d", 1);
	assert_string_equal(buffer_string(&b), "abc");
	buffer_clear(&b);
	assert_false(b.overflow);
	buffer_add_string(&b, "12345");
	assert_false(b.overflow);
	buffer_add_byte(&b, '6');
	assert_true(b.overflow);
	buffer_done(&b);
	assert_int_equal(b.limit, 5);
}

static void
drop_too_much(void)
{
	struct buffer b = BUFFER_INIT;

	buffer_drop(&b, 1);
}

static void
claim_too_much(void)
{
	struct buffer b = BUFFER_INIT;

	(void)buffer_room(&b, 10);
	buffer_added(&b, 64);
}

static void
misuse_is_a_bug(void **state)
{
	assert_true(test_dies(drop_too_much));
	assert_true(test_dies(claim_too_much));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appending),
		cmocka_unit_test(a_full_buffer_still_has_room_for_the_nul),
		cmocka_unit_test(long_formats),
		cmocka_unit_test(room_is_filled_in_place),
		cmocka_unit_test(the_limit_drops_whole_pieces),
		cmocka_unit_test(misuse_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
