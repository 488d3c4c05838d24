/* SPDX-License-Identifier: ISC */
/* What the writer makes of strings, flags, envelopes and structures; the
 * expectations are RFC 3501's own examples where it has them. */
#include "imap/write_testing.h"

static void
strings(void **state)
{
	imap_write_string(&b, TEXT("plain"));
	wrote("\"plain\"");
	imap_write_string(&b, TEXT("a \"b\" \\c"));
	wrote("\"a \\\"b\\\" \\\\c\"");
	imap_write_string(&b, TEXT("two\r\nlines"));
	wrote("{10}\r\ntwo\r\nlines");
	imap_write_string(&b, TEXT("caf\xc3\xa9"));
	wrote("{5}\r\ncaf\xc3\xa9");
	imap_write_string(&b, (struct text){ "a\0b\0", 4 });
	wrote("{4}\r\na?b?");
	imap_write_string(&b, TEXT(""));
	wrote("\"\"");
	imap_write_nstring(&b, false, TEXT("x"));
	wrote("NIL");
	imap_write_words(&b, TEXT("bad\r\nwords\x80"));
	wrote("bad??words?");
}

/* How a string of x and c among them is to be written. */
static void
want_string(struct text t, char c, struct buffer *want)
{
	bool literal = c < ' ' || c == '\x7f'; /* over 127 is below 0 */

	if (literal)
		buffer_addf(want, "{%zu}\r\n", t.len);
	else
		buffer_add_byte(want, '"');
	for (size_t i = 0; i < t.len; i++) {
		if (t.ptr[i] == '"' || t.ptr[i] == '\\')
			buffer_add_byte(want, '\\');
		buffer_add_byte(want, t.ptr[i] == '\0' ? '?' : t.ptr[i]);
	}
	if (!literal)
		buffer_add_byte(want, '"');
}

static void
every_octet_at_every_place(void **state)
{
	struct buffer want = BUFFER_INIT;
	char line[33];

	memset(line, 'x', sizeof(line));
	for (size_t len = 1; len <= sizeof(line); len++) {
		for (size_t i = 0; i < len * 256; i++) {
			line[i / 256] = (char)(i % 256);
			imap_write_string(&b, (struct text){ line, len });
			want_string((struct text){ line, len }, line[i / 256], &want);
			assert_true(text_equal(buffer_text(&b), buffer_text(&want)));
			line[i / 256] = 'x';
			buffer_clear(&b);
			buffer_clear(&want);
		}
	}
	buffer_done(&want);
}

static void
astrings(void **state)
{
	imap_write_astring(&b, TEXT("INBOX"));
	wrote("INBOX");
	imap_write_astring(&b, TEXT("a b"));
	wrote("\"a b\"");
	imap_write_astring(&b, TEXT(""));
	wrote("\"\"");
	imap_write_astring(&b, TEXT("nil"));
	wrote("\"nil\"");
	imap_write_astring(&b, TEXT("100%"));
	wrote("\"100%\"");
	imap_write_mailbox(&b, TEXT("Entw\xc3\xbcrfe"), false);
	wrote("Entw&APw-rfe");
}

static void
flags(void **state)
{
	const uint16_t keywords[] = { 1, 0, 9 };
	struct text at[] = { TEXT("$Forwarded"), TEXT("work") };
	const struct texts names = { at, 2 };

	imap_write_flags(&b, FLAG_SEEN | FLAG_DELETED, false, NULL, 0, names);
	wrote("(\\Deleted \\Seen)");
	imap_write_flags(&b, 0, false, NULL, 0, names);
	wrote("()");
	imap_write_flags(&b, FLAG_DRAFT, true, keywords, 3, names);
	wrote("(\\Draft \\Recent work $Forwarded)");
	imap_write_flags(&b, 0, true, keywords, 1, names);
	wrote("(\\Recent work)");
	imap_write_date(&b, 837596665);
	wrote("\"17-Jul-1996 09:44:25 +0000\"");
}

#define ADDR(n, m, h)                                                \
	{                                                            \
		.name = TEXT(n), .mailbox = TEXT(m), .host = TEXT(h) \
	}

/* RFC 3501 8, the FETCH of message 12. */
static void
envelope_of_the_rfc(void **state)
{
	struct mime_address from[] = { ADDR("Terry Gray", "gray", "cac.washington.edu") };
	struct mime_address to[] = { ADDR("", "imap", "cac.washington.edu") };
	struct mime_address cc[] = { ADDR("", "minutes", "CNRI.Reston.VA.US"),
		ADDR("John Klensin", "KLENSIN", "MIT.EDU") };
	const struct mime_envelope e = {
		.date = TEXT("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)"),
		.subject = TEXT("IMAP4rev1 WG mtg summary and minutes"),
		.from = { from, 1, false },
		.to = { to, 1, false },
		.cc = { cc, 2, false },
		.message_id = TEXT("<B27397-0100000@cac.washington.edu>"),
		.has_date = true,
		.has_subject = true,
		.has_message_id = true,
	};

	imap_write_envelope(&b, &e, false);
	wrote("(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "
	      "\"IMAP4rev1 WG mtg summary and minutes\" "
	      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	      "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	      "((NIL NIL \"imap\" \"cac.washington.edu\")) "
	      "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
	      "(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
	      "\"<B27397-0100000@cac.washington.edu>\")");
}

static void
groups_and_empty_fields(void **state)
{
	struct mime_address to[] = {
		{ .mailbox = TEXT("friends"), .group_start = true },
		ADDR("", "ann", "example.org"),
		{ .group_end = true },
		{ .mailbox = TEXT("local") },
	};
	const struct mime_envelope e = { .to = { to, 4, false }, .has_subject = true };

	imap_write_envelope(&b, &e, false);
	wrote("(NIL \"\" NIL NIL NIL ((NIL NIL \"friends\" NIL)(NIL NIL \"ann\" \"example.org\")"
	      "(NIL NIL NIL NIL)(NIL NIL \"local\" \"\")) NIL NIL NIL NIL)");
}

/* Raw octets of a header go out as encoded words (RFC 2047): nobody knows
 * their charset but us. */
static void
raw_octets_are_encoded(void **state)
{
#define NAME "\"=?utf-8?q?J=C3=B6rg=2C?= \\\"x\\\"\""
#define LIST "((" NAME " NIL \"j\" \"example.org\"))"
	struct mime_address from[] = { ADDR("J\xc3\xb6rg, \"x\"", "j", "example.org") };
	const struct mime_envelope e = { .subject = TEXT("caf\xc3\xa9 =?utf-8?q?=C3=A9?= x"),
		.from = { from, 1, false },
		.has_subject = true };
	struct mime_part part = { .type = TEXT("text"),
		.subtype = TEXT("plain"),
		.description = TEXT("na\xefve") /* windows-1252 */ };

	imap_write_envelope(&b, &e, false);
	wrote("(NIL \"=?utf-8?q?caf=C3=A9_=C3=A9?= x\" " LIST " " LIST " " LIST
	      " NIL NIL NIL NIL NIL)");
	imap_write_body(&b, &part, false, false);
	wrote("(\"text\" \"plain\" NIL NIL \"=?utf-8?q?na=C3=AFve?=\" \"7bit\" 0 0)");
#undef NAME
#undef LIST
}

/* What is encoded in several words is folded in a header, but not here. */
static void
encoded_values_are_one_line(void **state)
{
	struct mime_envelope e = { .has_subject = true };
	struct buffer subject = BUFFER_INIT;

	for (int i = 0; i < 30; i++)
		buffer_addf(&subject, "%s\xc3\xa4\xc3\xb6\xc3\xbc", i > 0 ? " " : "");
	e.subject = buffer_text(&subject);
	imap_write_envelope(&b, &e, false);
	assert_true(text_find(buffer_text(&b), TEXT("?= =?"), 0) < b.len);
	assert_int_equal(text_find_byte(buffer_text(&b), '{', 0), b.len);
	assert_int_equal(text_find_byte(buffer_text(&b), '\n', 0), b.len);
	buffer_done(&subject);
}

static struct mime_param ascii = { TEXT("CHARSET"), TEXT("US-ASCII") };
static struct mime_param file = { TEXT("NAME"), TEXT("cc.diff") };

/* RFC 3501 7.4.2, the example of BODYSTRUCTURE. */
static void
structure_of_the_rfc(void **state)
{
	struct mime_params charset = { &ascii, 1 };
	struct mime_param two[] = { ascii, file };
	struct mime_part second = { .type = TEXT("text"),
		.subtype = TEXT("plain"),
		.params = { two, 2 },
		.id = TEXT("<960723163407.20117h@cac.washington.edu>"),
		.description = TEXT("Compiler diff"),
		.encoding_name = TEXT("BASE64"),
		.body_len = 4554,
		.lines = 73 };
	struct mime_part first = { .type = TEXT("text"),
		.subtype = TEXT("plain"),
		.params = charset,
		.encoding_name = TEXT("7BIT"),
		.body_len = 1152,
		.lines = 23,
		.next = &second };
	struct mime_part root = {
		.type = TEXT("multipart"), .subtype = TEXT("mixed"), .child = &first
	};

	imap_write_body(&b, &root, false, false);
	wrote("((\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1152 23)"
	      "(\"text\" \"plain\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") "
	      "\"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 4554 73) "
	      "\"mixed\")");
}

static void
extension_data(void **state)
{
	struct mime_param name = { TEXT("filename"), TEXT("r\xc3\xa9sum\xc3\xa9 1.pdf") };
	struct mime_part part = { .type = TEXT("application"),
		.subtype = TEXT("pdf"),
		.encoding_name = TEXT("base64"),
		.body_len = 9,
		.disposition = TEXT("attachment"),
		.disposition_params = { &name, 1 },
		.language = TEXT("en, fr"),
		.location = TEXT("http://x/") };
	struct mime_part root = {
		.type = TEXT("multipart"), .subtype = TEXT("mixed"), .child = &part
	};

	imap_write_body(&b, &root, true, false);
	wrote("((\"application\" \"pdf\" NIL NIL NIL \"base64\" 9 NIL (\"attachment\" "
	      "(\"filename*\" \"utf-8''r%C3%A9sum%C3%A9%201.pdf\")) (\"en\" \"fr\") \"http://x/\")"
	      " \"mixed\" NIL NIL NIL NIL)");
}

static void
messages_within(void **state)
{
	struct mime_envelope e = { .subject = TEXT("in"), .has_subject = true };
	struct mime_part inner = { .type = TEXT("text"), .subtype = TEXT("plain"), .body_len = 3 };
	struct mime_part part = { .type = TEXT("message"),
		.subtype = TEXT("rfc822"),
		.envelope = &e,
		.child = &inner,
		.body_len = 20,
		.lines = 4 };

	imap_write_body(&b, &part, false, false);
	wrote("(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 20 "
	      "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) "
	      "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 0) 4)");
	part.envelope = NULL; /* not read as a message */
	imap_write_body(&b, &part, false, false);
	wrote("(\"application\" \"rfc822\" NIL NIL NIL \"7bit\" 20)");
}

static void
a_multipart_without_parts(void **state)
{
	struct mime_part root = { .type = TEXT("multipart"), .subtype = TEXT("mixed") };

	imap_write_body(&b, &root, false, false);
	wrote("((\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0) \"mixed\")");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(strings, clear),
		cmocka_unit_test_teardown(every_octet_at_every_place, clear),
		cmocka_unit_test_teardown(astrings, clear),
		cmocka_unit_test_teardown(flags, clear),
		cmocka_unit_test_teardown(envelope_of_the_rfc, clear),
		cmocka_unit_test_teardown(groups_and_empty_fields, clear),
		cmocka_unit_test_teardown(raw_octets_are_encoded, clear),
		cmocka_unit_test_teardown(encoded_values_are_one_line, clear),
		cmocka_unit_test_teardown(structure_of_the_rfc, clear),
		cmocka_unit_test_teardown(extension_data, clear),
		cmocka_unit_test_teardown(messages_within, clear),
		cmocka_unit_test_teardown(a_multipart_without_parts, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
