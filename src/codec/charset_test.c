/* SPDX-License-Identifier: ISC */
/* Charsets: one sample each, labels as browsers read them, names and bytes
 * that are none, the bound, and many converters in turn. */
#include "codec/charset.h"

#include "codec/test_support.h"
#include "codec/utf8.h"

static const struct {
	const char *charset;
	struct text in;
	const char *out;
} samples[] = {
	{ "utf-8", TEXT("na\xc3\xafve"), "na\xc3\xafve" },
	{ "UTF-8", TEXT("bad \xff"), "bad \xef\xbf\xbd" },
	{ "us-ascii", TEXT("plain"), "plain" },
	{ "us-ascii", TEXT("na\xc3\xafve"), "na\xc3\xafve" },
	{ "", TEXT("na\xefve"), "na\xc3\xafve" },
	{ "no-such-charset", TEXT("\x80 5"), "\xe2\x82\xac 5" },
	{ "iso-8859-1", TEXT("\x93q\x94 \xe9"), "\xe2\x80\x9cq\xe2\x80\x9d \xc3\xa9" },
	{ " \"ISO-8859-1\" ", TEXT("\xe9"), "\xc3\xa9" },
	{ "windows-1252", TEXT("\x80\x9f\x81"), "\xe2\x82\xac\xc5\xb8\xc2\x81" },
	{ "ISO-8859-2", TEXT("\xe8"), "\xc4\x8d" },
	{ "iso-8859-15", TEXT("\xa4"), "\xe2\x82\xac" },
	{ "koi8-r", TEXT("\xd0\xd2\xc9\xd7\xc5\xd4"),
	    "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82" },
	{ "windows-1251", TEXT("\xcf\xf0"), "\xd0\x9f\xd1\x80" },
	{ "gb2312", TEXT("\xc4\xe3\xba\xc3"), "\xe4\xbd\xa0\xe5\xa5\xbd" },
	{ "big5", TEXT("\xa7\x41\xa6\x6e"), "\xe4\xbd\xa0\xe5\xa5\xbd" },
	{ "shift_jis", TEXT("\x83\x65\x83\x58\x83\x67\\~"),
	    "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88\\~" },
	{ "iso-2022-jp", TEXT("\x1b$B%F%9%H\x1b(B!"), "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88!" },
	/* Escapes with nothing between them, as joined words and glued texts have. */
	{ "iso-2022-jp", TEXT("\x1b$B%F\x1b(B\x1b$B%9\x1b(B\x1b(B\x1b(B!"),
	    "\xe3\x83\x86\xe3\x82\xb9!" },
	{ "iso-2022-jp", TEXT("\x1b$B%F\x1b(Z9\x1b(B"),
	    "\xe3\x83\x86\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "hz-gb-2312", TEXT("a~{~}b~{VPND~}~{VP~}"), "ab\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad" },
	{ "euc-kr", TEXT("\xc7\xd1"), "\xed\x95\x9c" },
	{ "iso-2022-jp", TEXT("\x1b$B-!\x1b(B"), "\xe2\x91\xa0" },
	{ "iso-2022-jp", TEXT("\x1b(I1\x1b(B"), "\xef\xbd\xb1" },
	{ "iso-2022-jp", TEXT("\x1b(J\\\x1b(B\\"), "\xc2\xa5\\" },
	{ "shift_jis", TEXT("\x87\x40"), "\xe2\x91\xa0" },
	{ "euc-jp", TEXT("\xad\xa1"), "\xe2\x91\xa0" },
	{ "euc-jp", TEXT("\xa5\xc6"), "\xe3\x83\x86" },
	{ "utf-16", TEXT("\xfe\xff\xd8\x3d\xde\x00"), "\xf0\x9f\x98\x80" },
	{ "utf-16le", TEXT("\x3d\xd8\x00\xde\x3d\xd8"), "\xf0\x9f\x98\x80\xef\xbf\xbd" },
	{ "utf-7", TEXT("Hi Mom +Jjo-!"), "Hi Mom \xe2\x98\xba!" },
};

static void
one_sample_each(void **state)
{
	struct buffer b = BUFFER_INIT;

	/* Twice, so that kept converters start afresh. */
	for (size_t i = 0; i < 2 * ARRAY_LEN(samples); i++) {
		size_t n = i % ARRAY_LEN(samples);

		charset_to_utf8(text_of(samples[n].charset), samples[n].in, 1000, &b);
		ASSERT_BUFFER(&b, text_of(samples[n].out));
	}
	buffer_done(&b);
}

static void
known(void **state)
{
	assert_true(charset_known(TEXT("US-ASCII")));
	assert_true(charset_known(TEXT("UTF-8")));
	assert_true(charset_known(TEXT("ISO-8859-7")));
	assert_true(charset_known(TEXT("iso-2022-jp")));
	assert_false(charset_known(TEXT("")));
	assert_false(charset_known(TEXT("x-unknown")));
	assert_false(charset_known(TEXT("UTF-16,version=1")));
	assert_false(charset_known(TEXT("../../etc/passwd")));
	assert_false(charset_known(TEXT("utf-8\0")));
	assert_false(charset_known(
	    TEXT("a-name-that-is-far-too-long-to-be-the-name-of-any-charset-at-all")));
}

static void
bounded(void **state)
{
	static const char *const names[] = { "utf-8", "iso-8859-1", "gb18030", "x-unknown" };
	struct buffer in = BUFFER_INIT, out = BUFFER_INIT;

	for (int i = 0; i < 5000; i++)
		buffer_add(&in, "\xc3\xa9\xe2\x82\xac", 5);
	for (size_t n = 0; n < ARRAY_LEN(names); n++) {
		for (size_t max = 0; max < 20; max++) {
			buffer_add_string(&out, "##");
			charset_to_utf8(text_of(names[n]), buffer_text(&in), max, &out);
			assert_true(out.len <= 2 + max && out.len + 3 > 2 + max);
			assert_true(utf8_valid(buffer_text(&out)));
			buffer_clear(&out);
		}
		charset_to_utf8(text_of(names[n]), buffer_text(&in), SIZE_MAX, &out);
		assert_true(utf8_valid(buffer_text(&out)));
		assert_true(out.len >= 5000);
		buffer_clear(&out);
	}
	buffer_done(&in);
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_sample_each),
		cmocka_unit_test(known),
		cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
