/* SPDX-License-Identifier: ISC */
/* UTF-8: every character there and back, what RFC 3629 forbids, maximal bad
 * sequences, and cutting. */
#include "codec/utf8.h"

#include "codec/test_support.h"

static void
every_character(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (int32_t c = 0; c <= 0x10ffff; c++) {
		struct cursor at;

		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		utf8_add(&b, c);
		assert_true(utf8_valid(buffer_text(&b)));
		at = cursor_of(buffer_text(&b));
		assert_int_equal(utf8_next(&at), c);
		assert_int_equal(utf8_next(&at), -1);
		buffer_clear(&b);
	}
	utf8_add(&b, 0xd800);
	utf8_add(&b, 0x110000);
	utf8_add(&b, -5);
	ASSERT_BUFFER(&b, TEXT("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"));
	buffer_done(&b);
}

/* R is U+FFFD. */
#define R "\xef\xbf\xbd"
static const struct {
	struct text in;
	const char *clean;
} bad[] = {
	{ TEXT("\x80"), R },
	{ TEXT("\xc0\xaf"), R R },	       /* overlong */
	{ TEXT("\xe0\x80\xaf"), R R R },       /* overlong */
	{ TEXT("\xf0\x80\x80\xaf"), R R R R }, /* overlong */
	{ TEXT("\xed\xa0\x80"), R R R },       /* surrogate */
	{ TEXT("\xf4\x90\x80\x80"), R R R R }, /* over U+10FFFF */
	{ TEXT("\xe2\x82"), R },	       /* cut */
	{ TEXT("a\xe2\x82z"), "a" R "z" },
	{ TEXT("\xf0\x9f\x98"), R },
	{ TEXT("\xf0\x9f\x98\xe2\x82\xac"), R "\xe2\x82\xac" },
	{ TEXT("12345678\xff"
	       "12345678"),
	    "12345678" R "12345678" },
};

static void
bad_sequences(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(utf8_valid(bad[i].in));
		utf8_clean(&b, bad[i].in);
		assert_true(utf8_valid(buffer_text(&b)));
		ASSERT_BUFFER(&b, text_of(bad[i].clean));
	}
	buffer_done(&b);
}

static void
ascii(void **state)
{
	assert_true(utf8_is_ascii(TEXT("")));
	assert_true(utf8_is_ascii(TEXT("the quick brown fox\x7f")));
	assert_false(utf8_is_ascii(TEXT("nul \0 inside")));
	assert_false(utf8_is_ascii(TEXT("the quick brown f\xc3\xb6x")));
}

static void
cutting(void **state)
{
	struct text t = TEXT("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
	static const size_t want[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11 };

	for (size_t max = 0; max < ARRAY_LEN(want); max++)
		assert_int_equal(utf8_cut(t, max).len, want[max]);
	assert_int_equal(utf8_cut(TEXT("\x80\x80\x80\x80\x80\x80"), 5).len, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character),
		cmocka_unit_test(bad_sequences),
		cmocka_unit_test(ascii),
		cmocka_unit_test(cutting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
