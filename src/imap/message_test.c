/* SPDX-License-Identifier: ISC */
/* Sections of a message (RFC 3501 6.4.5): the example tree of the RFC in
 * small, behind a prefix that belongs to the header. */
#include "base/testing.h"
#include "imap/testing_message.h"

#define HEADER "From: a@x\r\nSubject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
#define PART1 "Content-Type: text/plain\r\n\r\n"
#define INNER_HEADER "From: c@y\r\nSubject: inner\r\nDate: today\r\n\r\n"
#define INNER_BODY "inner text\r\n.. and more\r\n"
#define BODY                                                               \
	"--b\r\n" PART1 "first\r\n--b\r\nContent-Type: message/rfc822\r\n" \
	"\r\n" INNER_HEADER INNER_BODY "\r\n--b--\r\n"
#define PREFIX "Return-Path: <s@z>\r\nDelivered-To: a@x\r\n"

static struct test_message t;

static int
make(void **state)
{
	test_message_make(&t, TEXT(HEADER BODY), TEXT(PREFIX));
	assert_ok(imap_message_open(&t.m));
	return 0;
}

static int
done(void **state)
{
	test_message_free(&t);
	return 0;
}

/* What BODY[spec] gives; NULL: NIL. */
static void
section_is(const char *spec, const char *want)
{
	struct cursor c = cursor_of(text_of(spec));
	struct section s;
	struct octets where;
	struct buffer b = BUFFER_INIT, picked = BUFFER_INIT;

	assert_true(imap_section(&c, &t.arena, &s));
	if (!imap_message_section(&t.m, &s, &where)) {
		if (want != NULL)
			fail_msg("%s gives NIL", spec);
		return;
	}
	if (want == NULL)
		fail_msg("%s gives something", spec);
	assert_ok(store_reader_read_buffer(&t.m.reader, where.from, where.len, &b));
	if (s.text == SECTION_FIELDS || s.text == SECTION_FIELDS_NOT)
		imap_pick_fields(buffer_text(&b), &s, &picked);
	else
		buffer_add_text(&picked, buffer_text(&b));
	if (strcmp(buffer_string(&picked), want) != 0)
		fail_msg("%s gives\n%s\nnot\n%s", spec, buffer_string(&picked), want);
	buffer_done(&b);
	buffer_done(&picked);
}

static void
the_message(void **state)
{
	section_is("[]", PREFIX HEADER BODY);
	section_is("[HEADER]", PREFIX HEADER);
	section_is("[TEXT]", BODY);
	section_is("[HEADER.FIELDS (SUBJECT return-path)]",
	    "Return-Path: <s@z>\r\nSubject: outer\r\n\r\n");
	section_is("[HEADER.FIELDS (X-None)]", "\r\n");
	section_is("[HEADER.FIELDS.NOT (SUBJECT Content-Type FROM)]", PREFIX "\r\n");
}

static void
parts(void **state)
{
	section_is("[1]", "first");
	section_is("[1.MIME]", PART1);
	section_is("[2]", INNER_HEADER INNER_BODY);
	section_is("[2.MIME]", "Content-Type: message/rfc822\r\n\r\n");
	section_is("[2.HEADER]", INNER_HEADER);
	section_is("[2.TEXT]", INNER_BODY);
	section_is("[2.1]", INNER_BODY);
	section_is("[2.HEADER.FIELDS (subject)]", "Subject: inner\r\n\r\n");
}

static void
no_such_section(void **state)
{
	section_is("[3]", NULL);
	section_is("[1.HEADER]", NULL);
	section_is("[1.TEXT]", NULL);
	section_is("[2.2]", NULL);
	section_is("[1.1.1]", NULL);
}

static void
a_message_of_one_part(void **state)
{
	struct test_message old = t;

	test_message_make(&t, TEXT("Subject: x\r\n\r\nbody\r\n"), TEXT(PREFIX));
	assert_ok(imap_message_open(&t.m));
	section_is("[1]", "body\r\n");
	section_is("[1.MIME]", PREFIX "Subject: x\r\n\r\n");
	section_is("[2]", NULL);
	test_message_free(&t);
	t = old;
}

static void
a_bad_summary_is_not_the_end(void **state)
{
	const struct mime_summary *s;

	t.row.summary = TEXT("nonsense");
	s = imap_message_summary(&t.m);
	assert_true((s->facts & MIME_OPAQUE) != 0);
	section_is("[1]", BODY);
	section_is("[2]", NULL);
}

static void
a_summary_that_lies_reads_nothing_else(void **state)
{
	(void)imap_message_summary(&t.m);
	t.m.summary.root.child->body_len = UINT64_MAX / 2;
	section_is("[1]", NULL);
	t.m.summary.root.child->body_len = 5;
	t.m.summary.root.child->body_at = UINT64_MAX - 7;
	section_is("[1]", NULL);
	section_is("[1.MIME]", NULL);
}

/* A header of so many octets, then nine more. */
static void
long_header(size_t octets, struct buffer *out)
{
	while (out->len < octets - 200)
		buffer_addf(out, "X-Line: %060zu\r\n", out->len);
	buffer_addf(out, "X-Last: %0*d\r\n\r\n", (int)(octets - out->len - 12), 1);
	assert_int_equal(out->len, octets);
	buffer_add_string(out, "Hello\r\n\r\n");
}

/* A header of which only the first part has a frame of its own. */
static void
a_header_longer_than_its_frame(void **state)
{
	static const int beyond[] = { -1000, -1, 0, 1, 2, 3, 4, 5, 1000, 200000 };
	const uint64_t prefix = sizeof(PREFIX) - 1;

	for (size_t i = 0; i < ARRAY_LEN(beyond); i++) {
		struct test_message l;
		struct buffer mail = BUFFER_INIT;
		struct octets where;
		struct section s = { .text = SECTION_HEADER };
		size_t header = (size_t)((int)CONTENT_FRAME_RAW + beyond[i]);

		long_header(header, &mail);
		test_message_make(&l, buffer_text(&mail), TEXT(PREFIX));
		l.row.piece0 = content_head(l.row.piece0);
		assert_ok(imap_message_open(&l.m));
		assert_true(imap_message_section(&l.m, &s, &where));
		assert_int_equal(where.from, 0);
		assert_int_equal(where.len, prefix + header);
		s.text = SECTION_BODY;
		assert_true(imap_message_section(&l.m, &s, &where));
		assert_int_equal(where.from, prefix + header);
		assert_int_equal(where.len, 9);
		test_message_free(&l);
		buffer_done(&mail);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_message, make, done),
		cmocka_unit_test_setup_teardown(parts, make, done),
		cmocka_unit_test_setup_teardown(no_such_section, make, done),
		cmocka_unit_test_setup_teardown(a_message_of_one_part, make, done),
		cmocka_unit_test_setup_teardown(a_bad_summary_is_not_the_end, make, done),
		cmocka_unit_test_setup_teardown(a_summary_that_lies_reads_nothing_else, make, done),
		cmocka_unit_test(a_header_longer_than_its_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
