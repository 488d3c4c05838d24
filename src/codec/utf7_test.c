/* SPDX-License-Identifier: ISC */
/* Modified UTF-7: the examples of RFC 3501 5.1.3, and all that has a second
 * spelling is refused. */
#include "codec/utf7.h"

#include "codec/test_support.h"

static const struct {
	const char *utf8;
	const char *utf7;
} pairs[] = {
	{ "", "" },
	{ "INBOX", "INBOX" },
	{ "Tom & Jerry", "Tom &- Jerry" },
	{ "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
	    "~peter/mail/&U,BTFw-/&ZeVnLIqe-" },
	{ "Entw\xc3\xbcrfe", "Entw&APw-rfe" },
	{ "\xf0\x9f\x98\x80", "&2D3eAA-" },
	{ "\xc3\xa9&\xc3\xa9", "&AOk-&-&AOk-" },
	{ "\n", "&AAo-" },
};

static void
both_ways(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		utf7_encode(&b, text_of(pairs[i].utf8));
		ASSERT_BUFFER(&b, text_of(pairs[i].utf7));
		assert_int_equal(utf7_decode(&b, text_of(pairs[i].utf7)), STATUS_OK);
		ASSERT_BUFFER(&b, text_of(pairs[i].utf8));
	}
	buffer_done(&b);
}

static void
refused(void **state)
{
	static const char *const bad[] = { "&", "a&", "&AOk", "&U,BTFw-&ZeVnLIqe-", /* two shifts */
		"&AGE-",	       /* encodes "a" */
		"&AOl-",	       /* bits left over that are not zero */
		"&AOkA-",	       /* a sextet too many */
		"&2D0-", "&3gA-",      /* lone surrogates */
		"&2D0AYQ-", "&A/k=-",  /* no such digit */
		"caf\xc3\xa9", "\x01", /* raw */
		"&AO k-" };
	struct buffer b = BUFFER_INIT;

	buffer_add_string(&b, "before");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (utf7_decode(&b, text_of(bad[i])) != STATUS_INVALID)
			fail_msg("taken: %s", bad[i]);
		ASSERT_TEXT(buffer_text(&b), TEXT("before"));
	}
	buffer_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
