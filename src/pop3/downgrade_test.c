/* SPDX-License-Identifier: ISC */
/* International header fields in ASCII: RFC 6857 3, field by field. */
#include "pop3/downgrade.h"

#include "base/testing.h"

static const struct {
	const char *in, *out;
} rows[] = {
	{ "", "" },
	{ "Subject: plain\r\nTo: a@b.test\r\n\r\n", "Subject: plain\r\nTo: a@b.test\r\n\r\n" },
	/* RFC 6857 3.1.1: unstructured text */
	{ "X-A: 1\r\nSubject: Gr\xc3\xbc\xc3\x9f"
	  "e, Bob\r\nX-B: 2\r\n\r\n",
	    "X-A: 1\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe=2C?= Bob\r\nX-B: 2\r\n\r\n" },
	{ "Subject: Gr\xc3\xbc\xc3\x9f"
	  "e\r\n =?utf-8?q?=C3=A4?=\n\n",
	    "Subject: =?utf-8?q?Gr=C3=BC=C3=9F"
	    "e_=C3=A4?=\r\n\n" },
	/* RFC 6857 3.1.2: display names; 3.1.7: domains */
	{ "From: J\xc3\xb6rg \"the X\" <joerg@b.test>, c@d.test\r\n",
	    "From: =?utf-8?b?SsO2cmcgdGhlIFg=?= <joerg@b.test>,\r\n c@d.test\r\n" },
	{ "To: a@b\xc3\xbc"
	  "cher.test\r\n",
	    "To: a@xn--bcher-kva.test\r\n" },
	/* RFC 6857 3.1.8: an address that nobody without UTF-8 could write to */
	{ "Cc: J <j\xc3\xb6rg@b.test>, x@y.test\r\n",
	    "Cc: =?utf-8?b?Sg==?= =?utf-8?b?asO2cmdAYi50ZXN0?= :;,\r\n x@y.test\r\n" },
	{ "To: us: j\xc3\xb6rg@b.test, x@y.test;\r\n",
	    "To: =?utf-8?b?dXM=?=:=?utf-8?b?asO2cmdAYi50ZXN0?= <unreachable@address.invalid>,\r\n"
	    " x@y.test;\r\n" },
	/* RFC 6857 3.1.5: parameters */
	{ "Content-Type: application/pdf; name=\"\xc3\xa4 b.pdf\"; charset=us-ascii\r\n",
	    "Content-Type: application/pdf;\r\n name*=utf-8''%C3%A4%20b.pdf; "
	    "charset=us-ascii\r\n" },
	{ "Content-Disposition: attachment; filename=\"a\\\"\xc3\xa4;b\"\r\n",
	    "Content-Disposition: attachment;\r\n filename*=utf-8''a%22%C3%A4%3Bb\r\n" },
	/* RFC 6857 3.2: no place for encoded words */
	{ "Message-ID: <\xc3\xa4@b.test>\r\n",
	    "Downgraded-Message-ID: =?utf-8?q?=3C=C3=A4=40b=2Etest=3E?=\r\n" },
	/* no field at all */
	{ "X: 1\r\n\xc3\xa4\r\n\r\n", "X: 1\r\n??\r\n\r\n" },
	{ "\xc3\xa4: 1\r\n", "??: 1\r\n" },
};

static void
fields_become_ascii(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buffer out = BUFFER_INIT;
		struct arena a = ARENA_INIT;

		downgrade_header(text_of(rows[i].in), &a, &out);
		if (strcmp(buffer_string(&out), rows[i].out) != 0)
			fail_msg("row %zu: got\n%s", i, buffer_string(&out));
		buffer_done(&out);
		arena_done(&a);
	}
}

static void
only_utf8_is_downgraded(void **state)
{
	assert_false(downgrade_needed(TEXT("")));
	assert_false(downgrade_needed(TEXT("Subject: x\r\n")));
	assert_true(downgrade_needed(TEXT("Subject: \xc3\xa4\r\n")));
	assert_false(downgrade_needed(TEXT("Subject: \xe4\r\n"))); /* Latin-1 */
}

/* However long: no character is cut, no word longer than RFC 2047 2 has it. */
static void
long_names(void **state)
{
	struct buffer in = BUFFER_INIT, out = BUFFER_INIT;
	struct arena a = ARENA_INIT;
	struct text rest, line;

	buffer_add_string(&in, "From: ");
	for (int i = 0; i < 500; i++)
		buffer_add_string(&in, "\xe2\x82\xac");
	buffer_add_string(&in, " <a@b.test>\r\n");
	downgrade_header(buffer_text(&in), &a, &out);
	rest = buffer_text(&out);
	assert_true(text_ends(rest, TEXT("?= <a@b.test>\r\n")));
	while (text_split(&rest, '\n', &line))
		assert_true(line.len < 100);
	buffer_done(&in);
	buffer_done(&out);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_become_ascii),
		cmocka_unit_test(only_utf8_is_downgraded),
		cmocka_unit_test(long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
