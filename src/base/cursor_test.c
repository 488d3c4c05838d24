/* SPDX-License-Identifier: ISC */
/* Tests of base/cursor.h: a step consumes what it names, or nothing. */
#include "base/cursor.h"

#include "base/testing.h"

static void
bytes_and_texts(void **state)
{
	struct cursor c = cursor_of(TEXT("A001 fEtCh 1"));
	struct text out = TEXT("untouched");

	assert_int_equal(cursor_peek(&c), 'A');
	assert_false(cursor_byte(&c, 'B'));
	assert_true(cursor_byte(&c, 'A'));
	assert_true(cursor_text(&c, TEXT("001")));
	cursor_wsp(&c);
	assert_false(cursor_text(&c, TEXT("FETCH")));
	assert_true(cursor_text_ci(&c, TEXT("FETCH")));
	assert_false(cursor_take(&c, 3, &out));
	assert_text(out, "untouched");
	assert_true(cursor_take(&c, 1, &out));
	assert_text(out, " ");
	assert_int_equal(cursor_left(&c), 1);
	assert_text(cursor_rest(&c), "1");
	assert_int_equal(cursor_next(&c), '1');
	assert_true(cursor_done(&c));
	assert_int_equal(cursor_next(&c), -1);
	assert_int_equal(cursor_peek(&c), -1);
	assert_false(cursor_byte(&c, '1'));
	assert_false(cursor_text(&c, TEXT("x")));
	assert_true(cursor_text(&c, TEXT_EMPTY));
}

static void
bytes_are_not_signed(void **state)
{
	struct cursor c = cursor_of(TEXT("\xff\x80"));

	assert_int_equal(cursor_peek(&c), 0xff);
	assert_int_equal(cursor_next(&c), 0xff);
	assert_int_equal(cursor_next(&c), 0x80);
}

static void
runs_of_a_class(void **state)
{
	static const bool letters[256] = { ['a'] = true, ['b'] = true, [0xff] = true };
	struct cursor c = cursor_of(TEXT("ab\xff"
					 "cab"));

	assert_text(cursor_run(&c, letters), "ab\xff");
	assert_text(cursor_run(&c, letters), "");
	assert_text(cursor_until(&c, 'a'), "c");
	assert_text(cursor_until(&c, 'x'), "ab");
	assert_true(cursor_done(&c));
	assert_text(cursor_until(&c, 'x'), "");
}

static void
numbers(void **state)
{
	struct cursor c = cursor_of(TEXT("4294967295 4294967296"));
	uint32_t small = 5;
	uint64_t big = 5;

	assert_true(cursor_u32(&c, &small));
	assert_int_equal(small, UINT32_MAX);
	assert_false(cursor_u32(&c, &small));
	cursor_wsp(&c);
	assert_false(cursor_u32(&c, &small));
	assert_int_equal(small, UINT32_MAX);
	assert_true(cursor_u64(&c, &big));
	assert_true(big == UINT64_C(4294967296));
	c = cursor_of(TEXT("18446744073709551616"));
	assert_false(cursor_u64(&c, &big));
	assert_int_equal(cursor_left(&c), 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_and_texts),
		cmocka_unit_test(bytes_are_not_signed),
		cmocka_unit_test(runs_of_a_class),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
