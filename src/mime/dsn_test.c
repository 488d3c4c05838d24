/* SPDX-License-Identifier: ISC */
/* DSNs and MDNs that we build: their parts, as the parser and the reader see
 * them, the UTF-8 forms, and that no value breaks out of its field. */
#include "mime/dsn.h"

#include "codec/test_support.h"
#include "codec/utf8.h"
#include "mime/mdn.h"
#include "mime/summary.h"

#define AT INT64_C(1700000000)

static struct arena arena;

static struct dsn_recipient
failed(void)
{
	return (struct dsn_recipient){
		.action = DSN_FAILED,
		.status = TEXT("5.1.1"),
		.final = TEXT("bob@example.net"),
		.original_type = TEXT("rfc822"),
		.original = TEXT("Bob+x@example.net"),
		.remote = TEXT("mx.example.net"),
		.diagnostic = TEXT("550-5.1.1 No such user\n550 5.1.1 here"),
		.last_attempt = AT,
	};
}

static struct dsn
report_of(const struct dsn_recipient *r, uint32_t count)
{
	return (struct dsn){
		.reporting_mta = TEXT("mail.example.org"),
		.unique = TEXT("0123456789abcdef"),
		.from = TEXT("Mail Delivery <MAILER-DAEMON@mail.example.org>"),
		.to = TEXT("alice@example.org"),
		.envelope_id = TEXT("QQ 314"),
		.trace = TEXT("A1B2"),
		.subject = TEXT("Dinner"),
		.message_id = TEXT("<1@example.org>"),
		.at = AT,
		.arrived = AT - 60,
		.recipients = r,
		.count = count,
	};
}

/* The whole of it, with this between. */
static struct text
built(const struct dsn *d, const char *returned)
{
	struct buffer head = BUFFER_INIT, tail = BUFFER_INIT;
	struct text t;

	dsn_build(d, &head, &tail);
	buffer_add_string(&head, returned);
	buffer_add_text(&head, buffer_text(&tail));
	t = arena_copy(&arena, buffer_text(&head));
	buffer_done(&head);
	buffer_done(&tail);
	return t;
}

static void
assert_has(struct text t, const char *what)
{
	if (text_find(t, text_of(what), 0) == t.len)
		fail_msg("no \"%s\" in:\n%.*s", what, TEXT_ARG(t));
}

static void
assert_lines(struct text t)
{
	struct text line;

	while (text_split(&t, '\n', &line)) {
		assert_true(t.len == 0 || text_ends(line, TEXT("\r")));
		assert_true(line.len <= 79); /* RFC 5322 2.1.1 */
	}
}

static void
failure(void **state)
{
	const struct dsn_recipient r = failed();
	struct dsn d = report_of(&r, 1);
	struct mime_summary s;
	struct dsn_found found;
	struct text t;

	d.returned = REPORT_HEADER;
	t = built(&d, "From: alice@example.org\r\nMessage-ID: <1@example.org>\r\n");
	assert_lines(t);
	assert_has(t, "To: <alice@example.org>\r\nSubject: Not delivered: Dinner\r\n");
	assert_has(t, "Auto-Submitted: auto-replied\r\n");
	assert_has(t, "Your message \"Dinner\" of Tue, 14 Nov 2023 22:12:20 +0000\r\ncould not be "
		      "delivered to:\r\n");
	assert_has(t,
	    "  bob@example.net\r\n    There is no such address at that domain.\r\n    Check how");
	assert_has(t, "    The server mx.example.net said: 550-5.1.1 No such user");
	assert_has(t, "\r\nOriginal-Envelope-Id: QQ 314\r\nReporting-MTA: dns; "
		      "mail.example.org\r\nArrival-Date: ");
	assert_has(t,
	    "\r\n\r\nOriginal-Recipient: rfc822; Bob+x@example.net\r\n"
	    "Final-Recipient: rfc822; bob@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n"
	    "Remote-MTA: dns; mx.example.net\r\n"
	    "Diagnostic-Code: smtp; 550-5.1.1 No such user 550 5.1.1 here\r\nLast-Attempt-Date: ");
	assert_has(t, "\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: alice");
	mime_parse(t, NULL, &arena, &s);
	ASSERT_TEXT(s.root.subtype, TEXT("report"));
	ASSERT_TEXT(s.root.child->subtype, TEXT("plain"));
	ASSERT_TEXT(s.root.child->next->subtype, TEXT("delivery-status"));
	ASSERT_TEXT(s.root.child->next->next->subtype, TEXT("rfc822-headers"));
	assert_null(s.root.child->next->next->next);
	assert_int_equal(dsn_read(t, &arena, &found), STATUS_OK);
	assert_int_equal(found.count, 1);
	ASSERT_TEXT(found.message_id, TEXT("<1@example.org>"));
	ASSERT_TEXT(found.envelope_id, TEXT("QQ 314"));
	ASSERT_TEXT(found.reporting_mta, TEXT("mail.example.org"));
	assert_int_equal(found.arrived, AT - 60);
	ASSERT_TEXT(found.recipients[0].final, r.final);
	ASSERT_TEXT(found.recipients[0].original, r.original);
	ASSERT_TEXT(found.recipients[0].status, r.status);
	assert_int_equal(found.recipients[0].action, DSN_FAILED);
	assert_int_equal(found.recipients[0].last_attempt, AT);
	arena_done(&arena);
}

static void
several_kinds(void **state)
{
	struct dsn_recipient r[3] = { failed(), failed(), failed() };
	struct dsn d = report_of(r, 3);
	struct text t;

	r[0].action = DSN_DELAYED;
	r[0].status = TEXT("4.4.1");
	r[0].retry_until = AT + 86400;
	r[1].action = DSN_RELAYED;
	r[1].status = TEXT("2.0.0");
	t = built(&d, "");
	assert_has(t, "Subject: Not delivered: Dinner\r\n"); /* the worst news */
	assert_has(t, "has not been delivered yet to:");
	assert_has(t, "It will be tried again until Wed, 15 Nov 2023 22:13:20 +0000.");
	assert_has(t, "Action: delayed\r\n");
	assert_has(t, "Will-Retry-Until: Wed, 15 Nov 2023 22:13:20 +0000\r\n");
	assert_has(t, "Action: relayed\r\n");
	d.count = 1;
	t = built(&d, "");
	assert_has(t, "Subject: Delayed: Dinner\r\n");
	assert_has(t, "You need not do anything");
	assert_true(text_find(t, TEXT("rfc822-headers"), 0) == t.len);
	r[0].action = DSN_DELIVERED;
	t = built(&d, "");
	assert_has(t, "Subject: Delivered: Dinner\r\n");
	assert_has(t, "The message arrived.");
	assert_true(text_find(t, TEXT("Will-Retry-Until"), 0) == t.len);
	arena_done(&arena);
}

/* RFC 6533 3, 4: letters outside ASCII, to a sender who can take them and to
 * one who cannot. */
static void
utf8_forms(void **state)
{
	struct dsn_recipient r = failed();
	struct dsn d = report_of(&r, 1);
	struct dsn_found found;
	struct text t;

	r.final = TEXT("d\xc3\xb6rte@example.net");
	r.original_type = TEXT("utf-8");
	r.original = r.final;
	d.subject = TEXT("Gr\xc3\xbc\xc3\x9f"
			 "e");
	d.returned = REPORT_MESSAGE;
	d.returned_utf8 = true;
	t = built(&d, "From: \xc3\xb6\r\n\r\ntext\r\n");
	assert_has(t, "Content-Type: message/delivery-status\r\n\r\n");
	assert_has(t, "Final-Recipient: utf-8; d\\x{F6}rte@example.net\r\n");
	assert_has(t, "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n");
	assert_has(t, "Content-Transfer-Encoding: quoted-printable\r\n");
	assert_has(t, "Subject: Not delivered: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n");
	assert_int_equal(dsn_read(t, &arena, &found), STATUS_OK);
	ASSERT_TEXT(found.recipients[0].final, r.final);
	ASSERT_TEXT(found.recipients[0].original, r.final);
	d.smtputf8 = true;
	t = built(&d, "From: \xc3\xb6\r\nMessage-ID: <x@y>\r\n\r\ntext\r\n");
	assert_has(t,
	    "Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n");
	assert_has(t, "Final-Recipient: utf-8; d\xc3\xb6rte@example.net\r\n");
	assert_has(t, "Content-Type: message/global\r\n");
	assert_int_equal(dsn_read(t, &arena, &found), STATUS_OK);
	ASSERT_TEXT(found.recipients[0].final, r.final);
	ASSERT_TEXT(found.message_id, TEXT("<x@y>"));
	d.returned = REPORT_HEADER;
	assert_has(built(&d, ""), "Content-Type: message/global-headers\r\n");
	arena_done(&arena);
}

static void
nothing_breaks_out(void **state)
{
	struct dsn_recipient r = failed();
	struct dsn d = report_of(&r, 1);
	struct mime_summary s;
	struct dsn_found found;
	struct text t;

	r.diagnostic =
	    TEXT("550 x\r\n\r\nFinal-Recipient: rfc822; eve@example.com\r\nAction: failed\x01\xff");
	r.final = TEXT("a@b\r\nAction: delivered");
	r.remote = TEXT("mx\r\n--=_report_0123456789abcdef--");
	d.subject = TEXT("x\r\nBcc: eve@example.com\r\n\r\nbody");
	d.envelope_id = TEXT("y\nReporting-MTA: dns; z");
	d.message_id = TEXT("<a\r\nBcc: c@d>");
	t = built(&d, "");
	assert_lines(t);
	mime_parse(t, NULL, &arena, &s);
	assert_int_equal(s.envelope.bcc.count, 0);
	assert_null(s.root.child->next->next);
	assert_int_equal(dsn_read(t, &arena, &found), STATUS_OK);
	assert_int_equal(found.count, 1);
	assert_int_equal(found.recipients[0].action, DSN_FAILED);
	ASSERT_TEXT(found.reporting_mta, TEXT("mail.example.org"));
	assert_true(utf8_is_ascii(t));
	arena_done(&arena);
}

static void
meanings(void **state)
{
	static const struct {
		const char *code, *what;
	} cases[] = {
		{ "5.2.2", "The mailbox is full." },
		{ "4.2.2", "The mailbox is full." },
		{ "5.7.99", "The other side refused the message by a rule of its own." },
		{ "5.1.10", "That domain does not accept any mail." },
		{ "5.9.9", "The message was refused for good." },
		{ "4.9.9", "The other side could not take the message at the time." },
		{ "", "The message could not be delivered." },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(
		    dsn_meaning(text_of(cases[i].code), DSN_FAILED).what, cases[i].what);
	assert_string_equal(dsn_meaning(TEXT("4.2.2"), DSN_DELAYED).todo, "");
	assert_string_equal(dsn_action_word(DSN_EXPANDED), "expanded");
	assert_string_equal(dsn_action_word(DSN_UNKNOWN), "unknown");
}

/* RFC 8098 3 */
static void
disposition(void **state)
{
	const struct mdn m = {
		.unique = TEXT("0123456789abcdef"),
		.host = TEXT("mail.example.org"),
		.from = TEXT("bob@example.net"),
		.to = TEXT("alice@example.org"),
		.subject = TEXT("Dinner"),
		.message_id = TEXT("<1@example.org>"),
		.reporting_ua = TEXT("mail.example.org; Mailstead"),
		.final = TEXT("bob@example.net"),
		.words = TEXT("Bob has seen it.\nThat is all."),
		.at = AT,
		.type = MDN_DISPLAYED,
		.by_person = true,
		.returned = REPORT_HEADER,
	};
	struct buffer head = BUFFER_INIT, tail = BUFFER_INIT;
	struct dsn_found found;

	mdn_build(&m, &head, &tail);
	buffer_add_string(&head, "From: x\r\n");
	buffer_add_text(&head, buffer_text(&tail));
	assert_lines(buffer_text(&head));
	assert_has(buffer_text(&head), "report-type=disposition-notification;");
	assert_has(buffer_text(&head), "Subject: Read: Dinner\r\n");
	assert_has(buffer_text(&head), "\r\n\r\nBob has seen it.\r\nThat is all.\r\n");
	assert_has(buffer_text(&head),
	    "Reporting-UA: mail.example.org; Mailstead\r\n"
	    "Final-Recipient: rfc822; bob@example.net\r\nOriginal-Message-ID: <1@example.org>\r\n"
	    "Disposition: manual-action/MDN-sent-automatically; displayed\r\n");
	assert_int_equal(dsn_read(buffer_text(&head), &arena, &found), STATUS_NOT_FOUND);
	buffer_done(&head);
	buffer_done(&tail);
	arena_done(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failure),
		cmocka_unit_test(several_kinds),
		cmocka_unit_test(utf8_forms),
		cmocka_unit_test(nothing_breaks_out),
		cmocka_unit_test(meanings),
		cmocka_unit_test(disposition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
