/* SPDX-License-Identifier: ISC */
/* Folding for comparison: full case folding, compatibility forms, marks that
 * join the ASCII letter before them, long stretches. */
#include "codec/mimewords.h"
#include "codec/test_support.h"
#include "codec/utf8.h"

static const struct {
	const char *in;
	const char *folded;
} samples[] = {
	{ "", "" },
	{ "Hello, World 42", "hello, world 42" },
	{ "STRASSE", "strasse" },
	{ "stra\xc3\x9f"
	  "e",
	    "strasse" },
	{ "\xc3\x89T\xc3\x89", "\xc3\xa9t\xc3\xa9" },
	{ "E\xcc\x81", "\xc3\xa9" }, /* E and a combining acute */
	{ "\xef\xac\x81"
	  "n",
	    "fin" },			      /* ligature */
	{ "\xef\xbc\xa1\xef\xbc\x91", "a1" }, /* full width */
	{ "so\xc2\xad"
	  "ft",
	    "soft" },				    /* soft hyphen */
	{ "\xce\xa3\xcf\x82", "\xcf\x83\xcf\x83" }, /* final sigma */
	{ "\xd0\x9f\xd0\xa0\xd0\x98", "\xd0\xbf\xd1\x80\xd0\xb8" },
	{ "\xf0\x90\x90\x80", "\xf0\x90\x90\xa8" }, /* outside the BMP */
	{ "a\xf0\x9f\x98\x80Z", "a\xf0\x9f\x98\x80z" },
};

static void
folding(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		text_fold(&b, text_of(samples[i].in));
		ASSERT_BUFFER(&b, text_of(samples[i].folded));
	}
	buffer_done(&b);
}

static void
long_stretches(void **state)
{
	struct buffer in = BUFFER_INIT, want = BUFFER_INIT, out = BUFFER_INIT;

	for (int i = 0; i < 20000; i++) {
		buffer_add(&in, "\xef\xb7\xba\xc3\x89", 5); /* U+FDFA grows to 18 characters */
		text_fold(&want, TEXT("\xef\xb7\xba\xc3\x89"));
	}
	text_fold(&out, buffer_text(&in));
	assert_true(utf8_valid(buffer_text(&out)));
	ASSERT_BUFFER(&out, buffer_text(&want));
	buffer_done(&in);
	buffer_done(&want);
	buffer_done(&out);
}

static void
lowering(void **state)
{
	struct buffer b = BUFFER_INIT;

	text_lower(&b, TEXT("M\xc3\x9cLLER.E\xcc\x81@X \xef\xac\x81 stra\xc3\x9f"
			    "e"));
	ASSERT_BUFFER(&b, TEXT("m\xc3\xbcller.\xc3\xa9@x \xef\xac\x81 stra\xc3\x9f"
			       "e"));
	buffer_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folding),
		cmocka_unit_test(lowering),
		cmocka_unit_test(long_stretches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
