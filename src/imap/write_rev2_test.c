/* SPDX-License-Identifier: ISC */
/* What who enabled IMAP4rev2 is written (RFC 9051 7.5.2, 9): UTF-8 in quotes
 * where older clients get literals, encoded words and RFC 2231, and the
 * structure of message/global (RFC 6532 3.7). */
#include "imap/session_testing.h"
#include "imap/write_testing.h"

static void
strings(void **state)
{
	imap_write_utf8_string(&b, TEXT("caf\xc3\xa9 \"x\" \xf0\x9f\x98\x80"));
	wrote("\"caf\xc3\xa9 \\\"x\\\" \xf0\x9f\x98\x80\"");
	/* No UTF-8, or no octet for quotes: a literal as ever. */
	imap_write_utf8_string(&b, TEXT("caf\xe9"));
	wrote("{4}\r\ncaf\xe9");
	imap_write_utf8_string(&b, TEXT("\xc3\xa9\r\n"));
	wrote("{4}\r\n\xc3\xa9\r\n");
	imap_write_utf8_string(&b, TEXT("\xed\xa0\x80")); /* half a pair */
	wrote("{3}\r\n\xed\xa0\x80");
}

static void
envelopes(void **state)
{
	struct mime_address from[] = { { .name = TEXT("J\xc3\xb6rg"),
	    .mailbox = TEXT("j\xc3\xb6rg"),
	    .host = TEXT("ex\xc3\xa4mple.org") } };
	const struct mime_envelope e = { .subject = TEXT("\xe9t\xe9"), /* no UTF-8 */
		.message_id = TEXT("<\xc3\xa9@x>"),
		.from = { from, 1, false },
		.has_subject = true,
		.has_message_id = true };
#define LIST "((\"J\xc3\xb6rg\" NIL \"j\xc3\xb6rg\" \"ex\xc3\xa4mple.org\"))"

	imap_write_envelope(&b, &e, true);
	wrote("(NIL \"=?utf-8?q?=C3=A9t=C3=A9?=\" " LIST " " LIST " " LIST
	      " NIL NIL NIL NIL \"<\xc3\xa9@x>\")");
#undef LIST
}

static void
parameters(void **state)
{
	struct mime_param name = { TEXT("filename"), TEXT("r\xc3\xa9sum\xc3\xa9.pdf") };
	struct mime_part part = { .type = TEXT("application"),
		.subtype = TEXT("pdf"),
		.description = TEXT("na\xc3\xafve"),
		.disposition = TEXT("attachment"),
		.disposition_params = { &name, 1 } };

	imap_write_body(&b, &part, true, true);
	wrote("(\"application\" \"pdf\" NIL NIL \"na\xc3\xafve\" \"7bit\" 0 NIL (\"attachment\" "
	      "(\"filename\" \"r\xc3\xa9sum\xc3\xa9.pdf\")) NIL NIL)");
}

/* RFC 9051 9 media-message: "RFC822" / "GLOBAL". */
static void
message_global(void **state)
{
	struct mime_envelope e = { .subject = TEXT("\xc3\xa9"), .has_subject = true };
	struct mime_part inner = { .type = TEXT("text"), .subtype = TEXT("plain"), .body_len = 3 };
	struct mime_part part = { .type = TEXT("message"),
		.subtype = TEXT("global"),
		.envelope = &e,
		.child = &inner,
		.body_len = 20,
		.lines = 4 };

	imap_write_body(&b, &part, false, true);
	wrote("(\"message\" \"global\" NIL NIL NIL \"7bit\" 20 "
	      "(NIL \"\xc3\xa9\" NIL NIL NIL NIL NIL NIL NIL NIL) "
	      "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 0) 4)");
	imap_write_body(&b, &part, false, false);
	wrote("(\"message\" \"global\" NIL NIL NIL \"7bit\" 20)");
}

#define MAIL                                                     \
	"From: J\xc3\xb6rg <j@example.org>\r\nSubject: \xc3\x9c" \
	"ber\r\n"                                                \
	"Content-Type: message/global\r\n\r\nSubject: \xc3\xa9t\xc3\xa9\r\n\r\nin\r\n"

/* The same message for both kinds of session; \Recent is no more. */
static void
sessions(void **state)
{
	struct talk t;

	sign_in(&t);
	HAS(&t, "c CREATE Global\r\n", "c OK");
	append_to(&t, "Global", "", MAIL);
	HAS(&t, "s SELECT Global\r\n", "s OK");
	SAYS(&t, "a1 FETCH 1 (FLAGS BODY)\r\n",
	    "* 1 FETCH (FLAGS (\\Recent) BODY (\"message\" \"global\" NIL NIL NIL \"7bit\" 22))\r\n"
	    "a1 OK FETCH done\r\n");
	HAS(&t, "a2 FETCH 1 ENVELOPE\r\n", "\"=?utf-8?q?=C3=9Cber?=\" ((\"=?utf-8?q?J=C3=B6rg?=\"");
	((struct imap *)t.s)->enabled |= ENABLED_REV2;
	SAYS(&t, "a3 FETCH 1 (FLAGS BODY)\r\n",
	    "* 1 FETCH (FLAGS () BODY (\"message\" \"global\" NIL NIL NIL \"7bit\" 22 "
	    "(NIL \"\xc3\xa9t\xc3\xa9\" NIL NIL NIL NIL NIL NIL NIL NIL) "
	    "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 4 1) 3))\r\na3 OK FETCH done\r\n");
	HAS(&t, "a4 FETCH 1 ENVELOPE\r\n",
	    "\"\xc3\x9c"
	    "ber\" ((\"J\xc3\xb6rg\" NIL");
	HAS(&t, "a5 FETCH 1 BODY.PEEK[1.HEADER]\r\n",
	    "{18}\r\nSubject: \xc3\xa9t\xc3\xa9\r\n\r\n)");
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(strings, clear),
		cmocka_unit_test_teardown(envelopes, clear),
		cmocka_unit_test_teardown(parameters, clear),
		cmocka_unit_test_teardown(message_global, clear),
		cmocka_unit_test(sessions),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
