/* SPDX-License-Identifier: ISC */
/* xtext (RFC 3461 4) and unitext (RFC 6533 3), both ways. */
#include "mime/xtext.h"

#include "codec/test_support.h"

static void
xtext(void **state)
{
	static const char *const bad[] = { "a b", "a=b", "+4", "+", "+4g", "+2b", "a\x7f",
		"\xc3\xa9" };
	struct buffer b = BUFFER_INIT;

	xtext_encode(&b, TEXT("a+b=c d\xc3\xa9~!"));
	ASSERT_BUFFER(&b, TEXT("a+2Bb+3Dc+20d+C3+A9~!"));
	assert_int_equal(xtext_decode(&b, TEXT("a+2Bb+3Dc+20d+C3+A9~!"), false), STATUS_OK);
	ASSERT_BUFFER(&b, TEXT("a+b=c d\xc3\xa9~!"));
	buffer_add_string(&b, "before");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(xtext_decode(&b, text_of(bad[i]), false), STATUS_INVALID);
	ASSERT_BUFFER(&b, TEXT("before"));
	assert_int_equal(xtext_decode(&b, TEXT("\xc3\xa9"), true), STATUS_OK);
	ASSERT_BUFFER(&b, TEXT("\xc3\xa9"));
	buffer_done(&b);
}

static void
unitext(void **state)
{
	static const char *const bad[] = { "\\", "\\x", "\\x{}", "\\x{4}", "\\x{20AC", "\\x{D800}",
		"\\x{110000}", "\\x{1234567}", "\\y{20AC}" };
	struct buffer b = BUFFER_INIT;

	unitext_encode(&b, TEXT("d\xc3\xb6\\+=\xe2\x82\xac@x"));
	ASSERT_BUFFER(&b, TEXT("d\\x{F6}\\x{5C}\\x{2B}\\x{3D}\\x{20AC}@x"));
	assert_int_equal(unitext_decode(&b, TEXT("d\\x{F6}\\x{5c}\xc3\xa9\\x{20AC}@x")), STATUS_OK);
	ASSERT_BUFFER(&b, TEXT("d\xc3\xb6\\\xc3\xa9\xe2\x82\xac@x"));
	buffer_add_string(&b, "before");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(unitext_decode(&b, text_of(bad[i])), STATUS_INVALID);
	ASSERT_BUFFER(&b, TEXT("before"));
	buffer_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(xtext), cmocka_unit_test(unitext) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
