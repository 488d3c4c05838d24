/* SPDX-License-Identifier: ISC */
/* Mailboxes of an SMTP envelope: what RFC 5321 4.1.2 takes and refuses, with
 * and without UTF-8, lengths, printing, and keys of the directory. */
#include "codec/test_support.h"
#include "mime/address.h"

#define L64 "1234567890123456789012345678901234567890123456789012345678901234"
#define D63 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc"

static const struct {
	const char *in;
	const char *local; /* NULL: refused */
	const char *domain;
	const char *rest;
	bool utf8;
} boxes[] = {
	{ "a@b", "a", "b", "", false },
	{ "Fred.Bloggs+tag@Example.ORG>", "Fred.Bloggs+tag", "Example.ORG", ">", false },
	{ "!#$%&'*+-/=?^_`{|}~@x.y SIZE=1", "!#$%&'*+-/=?^_`{|}~", "x.y", " SIZE=1", false },
	{ "\"john doe\"@x", "john doe", "x", "", false },
	{ "\"a\\\"b\\\\c@d\"@x", "a\"b\\c@d", "x", "", false },
	{ "\"\"@x", "", "x", "", false },
	{ "a@[127.0.0.1]", "a", "[127.0.0.1]", "", false },
	{ "a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]", ">", false },
	{ "a@[x-tag:content]", "a", "[x-tag:content]", "", false },
	{ L64 "@x", L64, "x", "", false },
	{ "a@" D63 "." D63, "a", D63 "." D63, "", false },
	{ "a@b.", "a", "b", ".", false },
	{ "a@b@c", "a", "b", "@c", false },
	{ "j\xc3\xbcrgen@b\xc3\xbc"
	  "cher.example",
	    "j\xc3\xbcrgen",
	    "b\xc3\xbc"
	    "cher.example",
	    "", true },
	{ "", NULL, NULL, NULL, false },
	{ "a", NULL, NULL, NULL, false },
	{ "@b", NULL, NULL, NULL, false },
	{ "a@", NULL, NULL, NULL, false },
	{ ".a@b", NULL, NULL, NULL, false },
	{ "a.@b", NULL, NULL, NULL, false },
	{ "a..b@c", NULL, NULL, NULL, false },
	{ "a b@c", NULL, NULL, NULL, false },
	{ "a@-b", NULL, NULL, NULL, false },
	{ "a@b-", NULL, NULL, NULL, false },
	{ "a@b..c", NULL, NULL, NULL, false },
	{ "a@b.>", NULL, NULL, NULL, false },
	{ "a@b_c", "a", "b", "_c", false },
	{ "\"a@b", NULL, NULL, NULL, false },
	{ "\"a\nb\"@c", NULL, NULL, NULL, false },
	{ "a@[300.0.0.1]", NULL, NULL, NULL, false },
	{ "a@[IPv6:1::2::3]", NULL, NULL, NULL, false },
	{ "a@[127.0.0.1", NULL, NULL, NULL, false },
	{ "a@[]", NULL, NULL, NULL, false },
	{ L64 "5@x", NULL, NULL, NULL, false },
	{ "a@" D63 "x", NULL, NULL, NULL, false },
	{ "j\xc3\xbcrgen@x", NULL, NULL, NULL, false },
	{ "\"j\xc3\xbcrgen\"@x", NULL, NULL, NULL, false },
	{ "j\xfcrgen@x", NULL, NULL, NULL, true },
	{ "a@b\xfc", NULL, NULL, NULL, true },
};

static void
mailboxes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
		struct cursor c = cursor_of(text_of(boxes[i].in));
		struct arena a = ARENA_INIT;
		struct smtp_address x;

		if (smtp_address_mailbox(&c, boxes[i].utf8, &a, &x) != (boxes[i].local != NULL))
			fail_msg(
			    "%s: %s", boxes[i].in, boxes[i].local != NULL ? "refused" : "taken");
		if (boxes[i].local != NULL) {
			ASSERT_TEXT(x.local, text_of(boxes[i].local));
			ASSERT_TEXT(x.domain, text_of(boxes[i].domain));
			ASSERT_TEXT(cursor_rest(&c), text_of(boxes[i].rest));
		} else {
			assert_ptr_equal(c.at, boxes[i].in);
		}
		arena_done(&a);
	}
}

static void
printing(void **state)
{
	struct buffer b = BUFFER_INIT;

	smtp_address_print(&b, (struct smtp_address){ TEXT("a.b"), TEXT("c.d") });
	ASSERT_BUFFER(&b, TEXT("a.b@c.d"));
	smtp_address_print(&b, (struct smtp_address){ TEXT("a \"\\b"), TEXT("c") });
	ASSERT_BUFFER(&b, TEXT("\"a \\\"\\\\b\"@c"));
	smtp_address_print(&b, (struct smtp_address){ TEXT("a..b"), TEXT("c") });
	ASSERT_BUFFER(&b, TEXT("\"a..b\"@c"));
	smtp_address_print(&b, (struct smtp_address){ TEXT(""), TEXT("c") });
	ASSERT_BUFFER(&b, TEXT("\"\"@c"));
	smtp_address_print(&b, (struct smtp_address){ TEXT("j\xc3\xbc"), TEXT("c") });
	ASSERT_BUFFER(&b, TEXT("j\xc3\xbc@c"));
	buffer_done(&b);
}

static void
keys(void **state)
{
	static const struct {
		const char *in;
		const char *key;
	} pairs[] = {
		{ "Alice@Demo.TEST", "alice@demo.test" },
		{ "\"alice\"@demo.test", "alice@demo.test" },
		{ "J\xc3\x9cRGEN@B\xc3\x9c"
		  "CHER.example",
		    "j\xc3\xbcrgen@xn--bcher-kva.example" },
		{ "ju\xcc\x88rgen@xn--bcher-kva.example", "j\xc3\xbcrgen@xn--bcher-kva.example" },
		{ "\"A@b\"@c", "a@b@c" },
		{ "a@[127.0.0.1]", NULL },
		{ "a", NULL },
		{ "a@b c", NULL },
		{ "a@b>", NULL },
	};
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		enum status s = smtp_address_key(text_of(pairs[i].in), &b);

		assert_int_equal(s, pairs[i].key != NULL ? STATUS_OK : STATUS_INVALID);
		ASSERT_BUFFER(&b, text_of(pairs[i].key));
	}
	buffer_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mailboxes),
		cmocka_unit_test(printing),
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
