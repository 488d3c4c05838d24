/* SPDX-License-Identifier: ISC */
/* Normalization Form C of names. */
#include "codec/nfc.h"

#include "base/testing.h"

static void
normal(const char *from, const char *want)
{
	struct buffer b = BUFFER_INIT;

	text_nfc(&b, text_of(from));
	assert_true(text_equal(buffer_text(&b), text_of(want)));
	buffer_done(&b);
}

static void
one_spelling(void **state)
{
	normal("", "");
	normal("plain", "plain");
	normal("caf\xc3\xa9", "caf\xc3\xa9");
	normal("cafe\xcc\x81", "caf\xc3\xa9");
	normal("\xe2\x84\xab", "\xc3\x85");				/* Angstrom sign */
	normal("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c"); /* Hangul by parts */
	normal("\xef\xac\x81", "\xef\xac\x81");				/* no NFKC: fi stays */
	normal("\xf0\x9d\x85\x9e", "\xf0\x9d\x85\x97\xf0\x9d\x85\xa5"); /* grows */
	normal("q\xcc\x87\xcc\xa3", "q\xcc\xa3\xcc\x87");		/* marks in order */
	normal("\xf0\x9f\x93\xac/\xe5\x8f\xb0", "\xf0\x9f\x93\xac/\xe5\x8f\xb0"); /* as it is */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
