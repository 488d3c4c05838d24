/* SPDX-License-Identifier: ISC */
/* Encoded words: the examples of RFC 2047 8 and RFC 2231 4, what real mail
 * does to them, linear time, and encoding that decodes to what it was. */
#include "codec/mimewords.h"

#include "codec/test_support.h"
#include "codec/utf8.h"

static const struct {
	const char *raw;
	const char *decoded;
} words[] = {
	{ "", "" },
	{ " plain text ", "plain text" },
	{ "folded\r\n text\r\n\tmore", "folded text\tmore" },
	{ "=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>" },
	{ "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld J\xc3\xb8rn Simonsen" },
	{ "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
	  " =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
	    "If you can read this you understand the example." },
	{ "(=?ISO-8859-1?Q?a?=)", "(a)" },
	{ "(=?ISO-8859-1?Q?a?= b)", "(a b)" },
	{ "(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)" },
	{ "(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)" },
	{ "(=?ISO-8859-1?Q?a_b?=)", "(a b)" },
	{ "(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)" },
	{ "=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore" }, /* RFC 2231 5 */
	/* A character cut in two. */
	{ "=?utf-8?B?4oI=?= =?utf-8?B?rA==?=", "\xe2\x82\xac" },
	{ "=?utf-8?Q?=E2=82?= =?UTF-8?Q?=AC?=", "\xe2\x82\xac" },
	{ "=?utf-8?B?4oI=?= =?utf-8?Q?=AC?=", "\xe2\x82\xac" },
	/* Real mail. */
	{ "=?utf-8?Q?with spaces inside?=", "with spaces inside" },
	{ "=?utf-8?Q?What?"
	  "?=",
	    "What?" },
	{ "=?utf-8?Q?no=end", "=?utf-8?Q?no=end" },
	{ "=?utf-8?X?abc?=", "=?utf-8?X?abc?=" },
	{ "=?utf-8?Q?"
	  "?=",
	    "" },
	{ "=?"
	  "?Q?abc?=",
	    "=?"
	    "?Q?abc?=" },
	{ "=?utf-8?Q?a?=b=?utf-8?Q?c?=", "abc" },
	{ "=?utf-8?B?YWJj?", "=?utf-8?B?YWJj?" },
	{ "=?utf-8?B?YWJ?=", "ab" },
	{ "=?utf-8?Q?bad=ZZ=4?=", "bad=ZZ=4" },
	{ "=?bogus?Q?=E9?=", "\xc3\xa9" },
	{ "=?utf-8?Q?line=0D=0Afeed=00?=", "line  feed " },
	{ "=?iso-2022-jp?B?GyRCJUYlOSVIGyhC?=", "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88" },
	{ "=?ISO-2022-JP?B?GyRCJUYlOSVIGyhC?=\r\n =?ISO-2022-JP?B?GyRCJUYbKEI=?=",
	    "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88\xe3\x83\x86" },
	{ "=?utf-7?Q?+AOk-?= =?utf-7?Q?+AOk-x?=", "\xc3\xa9\xc3\xa9x" },
	{ "=?iso-2022-kr?B?GyQpQw5HUQ8=?= =?iso-2022-kr?B?GyQpQw5HUQ8=?=",
	    "\xed\x95\x9c\xed\x95\x9c" },
	{ "raw utf-8 \xc3\xa9", "raw utf-8 \xc3\xa9" },
	{ "raw latin \xe9", "raw latin \xc3\xa9" },
	{ "=?", "=?" },
	{ "=?=?utf-8?Q?a?=", "=?a" },
};

static void
decoding(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		mimewords_decode(text_of(words[i].raw), 1000, &b);
		check_text(buffer_text(&b), text_of(words[i].decoded), words[i].raw, __LINE__);
		buffer_clear(&b);
	}
	buffer_done(&b);
}

static void
bounded(void **state)
{
	struct text raw = TEXT("a=?utf-8?Q?=C3=A9=C3=A9?= =?utf-8?Q?=C3=A9?= b \xc3\xa9 c");
	struct buffer b = BUFFER_INIT, whole = BUFFER_INIT;

	mimewords_decode(raw, 1000, &whole);
	for (size_t max = 0; max < whole.len + 2; max++) {
		mimewords_decode(raw, max, &b);
		ASSERT_BUFFER(&b, utf8_cut(buffer_text(&whole), max));
	}
	buffer_done(&b);
	buffer_done(&whole);
}

/* A megabyte of unfinished words would take hours in quadratic time. */
static void
linear(void **state)
{
	struct buffer raw = BUFFER_INIT, b = BUFFER_INIT;

	for (int i = 0; i < 150000; i++)
		buffer_add_string(&raw, "=?a?q?x");
	mimewords_decode(buffer_text(&raw), SIZE_MAX, &b);
	ASSERT_BUFFER(&b, buffer_text(&raw));
	buffer_done(&raw);
	buffer_done(&b);
}

static void
extended_values(void **state)
{
	struct buffer b = BUFFER_INIT;

	mimewords_decode_2231(TEXT("us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"), 100, &b);
	ASSERT_BUFFER(&b, TEXT("This is ***fun***"));
	mimewords_decode_2231(TEXT("iso-8859-1''caf%E9"), 100, &b);
	ASSERT_BUFFER(&b, TEXT("caf\xc3\xa9"));
	mimewords_decode_2231(TEXT("UTF-8''%e2%82%ac%20rates"), 100, &b);
	ASSERT_BUFFER(&b, TEXT("\xe2\x82\xac rates"));
	mimewords_decode_2231(TEXT("it's %zz %4"), 100, &b);
	ASSERT_BUFFER(&b, TEXT("it's %zz %4"));
	mimewords_decode_2231(TEXT("''%41"), 100, &b);
	ASSERT_BUFFER(&b, TEXT("A"));
	buffer_done(&b);
}

static void
encoding(void **state)
{
	struct buffer b = BUFFER_INIT;

	mimewords_encode(&b, TEXT("plain words"));
	ASSERT_BUFFER(&b, TEXT("plain words"));
	mimewords_encode(&b, TEXT("a caf\xc3\xa9 au lait"));
	ASSERT_BUFFER(&b, TEXT("a =?utf-8?q?caf=C3=A9?= au lait"));
	mimewords_encode(&b, TEXT("\xc3\xa9t\xc3\xa9 \xc3\xa0 l"));
	ASSERT_BUFFER(&b, TEXT("=?utf-8?q?=C3=A9t=C3=A9_=C3=A0?= l"));
	mimewords_encode(&b, TEXT("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"));
	ASSERT_BUFFER(&b, TEXT("=?utf-8?b?5pel5pys6Kqe?="));
	mimewords_encode(&b, TEXT("no =?word?= here"));
	ASSERT_BUFFER(&b, TEXT("no =?utf-8?q?=3D=3Fword=3F=3D?= here"));
	buffer_done(&b);
}

static void
check_lines(struct text field)
{
	struct text line;
	bool first = true;

	while (text_split(&field, '\n', &line)) {
		size_t len = line.len - (text_ends(line, TEXT("\r")) ? 1 : 0);

		if (len > (first ? 60u : 76u))
			fail_msg("%zu bytes: %.*s", len, TEXT_ARG(line));
		assert_true(utf8_is_ascii(line));
		first = false;
	}
}

/* Texts of all lengths and mixtures come back, in lines that fit. */
static void
encoding_round(void **state)
{
	static const char *const pieces[] = { "word", "\xc3\xa9", " ", "\xe6\x97\xa5", "=?", "  ",
		"\xf0\x9f\x98\x80", "longer-word-of-text", "\t", "?=" };
	struct buffer in = BUFFER_INIT, coded = BUFFER_INIT, out = BUFFER_INIT;
	uint32_t random = 1;

	for (int round = 0; round < 3000; round++) {
		buffer_add_byte(&in, 'a');
		for (int i = 0; i < round % 60; i++) {
			random = random * 1664525 + 1013904223;
			buffer_add_string(&in, pieces[(random >> 16) % ARRAY_LEN(pieces)]);
			if (i % 3 == 0)
				buffer_add_byte(&in, ' ');
		}
		buffer_add_byte(&in, 'z');
		mimewords_encode(&coded, buffer_text(&in));
		check_lines(buffer_text(&coded));
		mimewords_decode(buffer_text(&coded), SIZE_MAX, &out);
		ASSERT_BUFFER(&out, buffer_text(&in));
		buffer_clear(&in);
		buffer_clear(&coded);
	}
	mimewords_encode(&coded, TEXT(" blanks kept "));
	mimewords_decode(buffer_text(&coded), SIZE_MAX, &out);
	ASSERT_BUFFER(&out, TEXT(" blanks kept "));
	buffer_done(&in);
	buffer_done(&coded);
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoding),
		cmocka_unit_test(bounded),
		cmocka_unit_test(linear),
		cmocka_unit_test(extended_values),
		cmocka_unit_test(encoding),
		cmocka_unit_test(encoding_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
