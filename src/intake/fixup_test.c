/* SPDX-License-Identifier: ISC */
/* What is added to a message that goes out, what is taken out of it, and which
 * messages do not go out at all (RFC 6409 8, RFC 5322 3.6). */
#include "base/testing.h"

#include <stdio.h>

#include "intake/fixup.h"

#define WHOLE "From: Ann <ann@one.test>\r\nDate: d\r\nMessage-ID: <m@x>\r\n"

struct made {
	struct arena a;
	struct fixed f;
	struct failure why;
};

static enum status
mend_as(struct made *m, const char *sender, bool binary, struct text message)
{
	const struct fixup how = { .sender = text_of(sender),
		.hostname = TEXT("mx.host.test"),
		.now = 1795996681, /* Sun, 29 Nov 2026 23:58:01 UTC */
		.random = { 1, 2 },
		.binary = binary };

	arena_done(&m->a);
	return fixup(&how, message, &m->a, &m->f, &m->why);
}

static void
mend(struct made *m, const char *message)
{
	assert_ok(mend_as(m, "ann@one.test", false, text_of(message)));
}

static void
assert_refused(struct made *m, const char *sender, const char *message, const char *words)
{
	assert_int_equal(mend_as(m, sender, false, text_of(message)), STATUS_INVALID);
	assert_string_equal(m->why.client, words);
}

static void
what_is_whole_stays_as_it_is(void **state)
{
	struct made m = { 0 };

	mend(&m, WHOLE "X: y\r\n\r\nBody\r\n\r\nFrom: z\r\n");
	assert_text(m.f.header, WHOLE "X: y\r\n\r\n");
	assert_text(m.f.body, "Body\r\n\r\nFrom: z\r\n");
	assert_int_equal(m.f.author_count, 1);
	assert_text(m.f.authors[0], "ann@one.test");
	assert_text(m.f.domain, "one.test");
	assert_int_equal(m.f.bcc.len, 0);
	assert_int_equal(m.f.to_bcc.count, 0);
	arena_done(&m.a);
}

/* RFC 6409 8.2, RFC 6409 8.3, RFC 5322 3.6.4. */
static void
date_and_message_id_are_added(void **state)
{
	struct made m = { 0 };

	mend(&m, "From: Ann <ann@One.TEST>\r\n\r\nBody\r\n");
	assert_text(m.f.header, "Date: Sun, 29 Nov 2026 23:58:01 +0000\r\n"
				"Message-ID: <0000000000000001.0000000000000002@one.test>\r\n"
				"From: Ann <ann@One.TEST>\r\n\r\n");
	/* Empty ones are none. */
	mend(&m, "From: a@[192.0.2.1]\r\nDate:\r\nMessage-ID: \r\n\r\n");
	assert_text(m.f.header, "Date: Sun, 29 Nov 2026 23:58:01 +0000\r\n"
				"Message-ID: <0000000000000001.0000000000000002@mx.host.test>\r\n"
				"From: a@[192.0.2.1]\r\n\r\n");
	arena_done(&m.a);
}

static void
message_id_of_an_international_domain_is_ascii(void **state)
{
	struct made m = { 0 };

	mend(&m, "From: a@b\xc3\xbc"
		 "cher.test\r\nDate: d\r\n\r\n");
	assert_true(text_find(m.f.header, TEXT("@xn--bcher-kva.test>\r\n"), 0) < m.f.header.len);
	arena_done(&m.a);
}

/* RFC 5322 3.6.2. */
static void
author_is_the_sender_where_none_is_named(void **state)
{
	struct made m = { 0 };

	mend(&m, "Date: d\r\nMessage-ID: <m@x>\r\nFrom:\r\n\r\nBody\r\n");
	assert_text(m.f.header, "From: ann@one.test\r\nDate: d\r\nMessage-ID: <m@x>\r\n\r\n");
	assert_text(m.f.authors[0], "ann@one.test");
	assert_text(m.f.domain, "one.test");
	assert_refused(&m, "", "Date: d\r\n\r\n", "The message has no From field");
	arena_done(&m.a);
}

static void
several_authors_have_a_sender(void **state)
{
	struct made m = { 0 };

	mend(&m, "From: b@two.test, c@three.test\r\nDate: d\r\nMessage-ID: <m@x>\r\n\r\n");
	assert_text(m.f.header,
	    "Sender: ann@one.test\r\nFrom: b@two.test, c@three.test\r\nDate: d\r\n"
	    "Message-ID: <m@x>\r\n\r\n");
	assert_int_equal(m.f.author_count, 3);
	assert_text(m.f.authors[0], "b@two.test");
	assert_text(m.f.authors[1], "c@three.test");
	assert_text(m.f.authors[2], "ann@one.test");
	mend(&m, WHOLE "Sender: \"Office\" <o@four.test>\r\n\r\n");
	assert_text(m.f.header, WHOLE "Sender: \"Office\" <o@four.test>\r\n\r\n");
	assert_int_equal(m.f.author_count, 2);
	assert_text(m.f.authors[1], "o@four.test");
	assert_refused(&m, "", "From: b@two.test, c@three.test\r\n\r\n",
	    "The message has several authors and no Sender field");
	arena_done(&m.a);
}

/* RFC 5322 3.6.3: nobody else sees who got a blind copy. */
static void
bcc_is_taken_out_and_kept_for_the_sender(void **state)
{
	struct made m = { 0 };

	mend(&m, "Bcc: x@y.test,\r\n\tz@y.test\r\n" WHOLE
		 "BCC : w@y.test\r\nResent-Bcc: v@y.test\r\nTo: t@y.test\r\n\r\nBcc: body\r\n");
	assert_text(m.f.header, WHOLE "To: t@y.test\r\n\r\n");
	assert_text(m.f.body, "Bcc: body\r\n");
	assert_text(
	    m.f.bcc, "Bcc: x@y.test,\r\n\tz@y.test\r\nBCC : w@y.test\r\nResent-Bcc: v@y.test\r\n");
	assert_int_equal(m.f.to_bcc.count, 3);
	assert_text(m.f.to_bcc.at[2].mailbox, "w");
	arena_done(&m.a);
}

/* RFC 5321 4.4: Return-Path is for who delivers. */
static void
what_mailboxes_and_servers_add_is_taken_out(void **state)
{
	struct made m = { 0 };

	mend(&m,
	    "From ann Sun Nov 29 23:58:01 2026\r\nReturn-Path: <a@b>\r\nContent-Length: 5\r\n" WHOLE
	    "\r\nBody\r\n");
	assert_text(m.f.header, WHOLE "\r\n");
	arena_done(&m.a);
}

static void
a_header_ends_where_fields_do(void **state)
{
	struct made m = { 0 };

	mend(&m, WHOLE "Hello, world\r\nTo: x\r\n");
	assert_text(m.f.header, WHOLE "\r\n");
	assert_text(m.f.body, "Hello, world\r\nTo: x\r\n");
	mend(&m, WHOLE "Subject: s");
	assert_text(m.f.header, WHOLE "Subject: s\r\n\r\n");
	assert_int_equal(m.f.body.len, 0);
	mend(&m, "Hello\r\n\r\nBcc: x@y.test\r\n");
	assert_int_equal(m.f.bcc.len, 0);
	assert_text(m.f.body, "Hello\r\n\r\nBcc: x@y.test\r\n");
	assert_true(text_starts(m.f.header, TEXT("From: ann@one.test\r\nDate: ")));
	mend(&m, "\r\nBody\r\n");
	assert_text(m.f.body, "Body\r\n");
	mend(&m, "");
	assert_int_equal(m.f.body.len, 0);
	assert_true(text_ends(m.f.header, TEXT("@one.test>\r\n\r\n")));
	arena_done(&m.a);
}

/* RFC 5322 2.3. */
static void
line_ends_are_mended(void **state)
{
	struct made m = { 0 };
	struct text binary = TEXT(WHOLE "\r\na\nb\rc");

	mend(&m, "From: ann@one.test\nDate: d\nMessage-ID: <m@x>\n\na\nb\rc\r\r\n\n\r\nd\r");
	assert_text(m.f.header, "From: ann@one.test\r\nDate: d\r\nMessage-ID: <m@x>\r\n\r\n");
	assert_text(m.f.body, "a\r\nb\r\nc\r\n\r\n\r\nd\r\n");
	assert_ok(mend_as(&m, "ann@one.test", true, binary));
	assert_text(m.f.body, "a\nb\rc");
	arena_done(&m.a);
}

/* RFC 5322 3.6: which of them counts would be anybody's guess. */
static void
what_may_stand_once_is_refused_twice(void **state)
{
	static const char *const names[] = { "From", "Sender", "Reply-To", "Subject", "Date",
		"Message-ID" };
	struct made m = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct text message =
		    arena_printf(&m.a, "%s: a@b.test\r\n%s: c@d.test\r\n\r\n", names[i], names[i]);
		char text[100], words[100];

		assert_ok(text_to_string(message, text, sizeof(text)));
		(void)snprintf(
		    words, sizeof(words), "The message has more than one %s field", names[i]);
		assert_refused(&m, "ann@one.test", text, words);
	}
	mend(&m, WHOLE "To: a@b.test\r\nTo: c@d.test\r\nReceived: x\r\nReceived: y\r\n\r\n");
	arena_done(&m.a);
}

static void
authors_are_addresses(void **state)
{
	struct made m = { 0 };

	assert_refused(&m, "ann@one.test", "From: nobody\r\n\r\n",
	    "The From field does not hold proper addresses");
	assert_refused(&m, "ann@one.test", "From: group:;\r\n\r\n",
	    "The From field does not hold proper addresses");
	assert_refused(&m, "ann@one.test", "From: a@b.test\r\nSender: x\r\n\r\n",
	    "The Sender field does not hold proper addresses");
	arena_done(&m.a);
}

/* Another reader might take the second one for the author. */
static void
authors_can_be_read_in_one_way(void **state)
{
	static const char *const bad[] = { "ann@one.test boss@one.test",
		"ann+x@one.test boss@one.test", "ann+ boss@one.test", "\"ann+x\" boss@one.test",
		"<ann@one.test>boss@one.test", "<ann@one.test> boss@one.test", "<ann@one.test",
		"Ann <ann@one.test> \"boss@one.test\"", "Ann<ann@one.test>boss@one.test",
		"<@boss.test:ann@one.test>", "(Ann <boss@one.test> ann@one.test",
		"\"Ann <ann@one.test>" };
	static const char *const good[] = { "ann@one.test", "Ann <ann@One.test>",
		"\"ann\"@one.test", "\"a b\"@one.test", "ann@one.test (Ann (the first) \\))",
		"\"Ann, \\\"the\\\" first > second\"\r\n <ann@one.test> (office)",
		"boss@one.test <ann@one.test>", "a@[192.0.2.1]", "g: ann@one.test, <b@two.test>;",
		"Ann <ann@one.test>\r\n ,\r\n Bob <bob@two.test>, c@three.test" };
	struct made m = { 0 };
	char message[200];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)snprintf(message, sizeof(message), "From: %s\r\n\r\n", bad[i]);
		if (mend_as(&m, "ann@one.test", false, text_of(message)) != STATUS_INVALID)
			fail_msg("taken: %s", bad[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		(void)snprintf(message, sizeof(message), "From: %s\r\n\r\n", good[i]);
		if (mend_as(&m, "ann@one.test", false, text_of(message)) != STATUS_OK)
			fail_msg("refused: %s", good[i]);
	}
	arena_done(&m.a);
}

/* RFC 3030 3: octets of any kind are for bodies. */
static void
binary_headers_have_lines(void **state)
{
	struct made m = { 0 };

	assert_int_equal(
	    mend_as(&m, "ann@one.test", true,
		TEXT("Subject: x\rFrom: boss@one.test\r\nFrom: ann@one.test\r\n\r\na\nb")),
	    STATUS_INVALID);
	assert_int_equal(mend_as(&m, "ann@one.test", true, TEXT("From: ann@one.test\n\r\na\nb")),
	    STATUS_INVALID);
	assert_ok(mend_as(&m, "ann@one.test", true, TEXT("From: ann@one.test\r\n\r\na\nb")));
	arena_done(&m.a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_whole_stays_as_it_is),
		cmocka_unit_test(date_and_message_id_are_added),
		cmocka_unit_test(message_id_of_an_international_domain_is_ascii),
		cmocka_unit_test(author_is_the_sender_where_none_is_named),
		cmocka_unit_test(several_authors_have_a_sender),
		cmocka_unit_test(bcc_is_taken_out_and_kept_for_the_sender),
		cmocka_unit_test(what_mailboxes_and_servers_add_is_taken_out),
		cmocka_unit_test(a_header_ends_where_fields_do),
		cmocka_unit_test(line_ends_are_mended),
		cmocka_unit_test(what_may_stand_once_is_refused_twice),
		cmocka_unit_test(authors_are_addresses),
		cmocka_unit_test(authors_can_be_read_in_one_way),
		cmocka_unit_test(binary_headers_have_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
