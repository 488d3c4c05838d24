/* SPDX-License-Identifier: ISC */
/* Domain names: ASCII rules and lengths, IDNA 2008 both ways. */
#include "codec/idna.h"

#include "codec/test_support.h"

#define LABEL63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"

static const struct {
	const char *in;
	const char *out; /* NULL: refused */
} names[] = {
	{ "example.org", "example.org" },
	{ "MAIL.Example.ORG", "mail.example.org" },
	{ "a", "a" },
	{ "1-2.x", "1-2.x" },
	{ LABEL63 ".org", LABEL63 ".org" },
	{ "b\xc3\xbc"
	  "cher.example",
	    "xn--bcher-kva.example" },
	{ "B\xc3\x9c"
	  "CHER.example",
	    "xn--bcher-kva.example" },
	{ "fa\xc3\x9f.de", "xn--fa-hia.de" }, /* not fass.de: IDNA 2008 */
	{ "\xe4\xbe\x8b\xe3\x81\x88.jp", "xn--r8jz45g.jp" },
	{ "", NULL },
	{ ".", NULL },
	{ "a..b", NULL },
	{ ".a", NULL },
	{ "a.", NULL },
	{ "-a.b", NULL },
	{ "a-.b", NULL },
	{ "a_b.c", NULL },
	{ "a b.c", NULL },
	{ "a\xff.c", NULL },
	{ LABEL63 "x.org", NULL },
	{ LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, NULL },
	{ "\xe2\x98\xba_.example", NULL },
};

static void
to_ascii(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		enum status s = idna_to_ascii(text_of(names[i].in), &b);

		if (s != (names[i].out != NULL ? STATUS_OK : STATUS_INVALID))
			fail_msg("%s: %s", names[i].in, status_word(s));
		ASSERT_BUFFER(&b, text_of(names[i].out));
	}
	assert_int_equal(idna_to_ascii(TEXT("a\0b.c"), &b), STATUS_INVALID);
	buffer_done(&b);
}

static void
to_unicode(void **state)
{
	struct buffer b = BUFFER_INIT;

	idna_to_unicode(TEXT("xn--bcher-kva.example"), &b);
	ASSERT_BUFFER(&b, TEXT("b\xc3\xbc"
			       "cher.example"));
	idna_to_unicode(TEXT("plain.example"), &b);
	ASSERT_BUFFER(&b, TEXT("plain.example"));
	idna_to_unicode(TEXT("xn--\xff.example"), &b);
	ASSERT_BUFFER(&b, TEXT("xn--\xff.example"));
	buffer_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_ascii),
		cmocka_unit_test(to_unicode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
