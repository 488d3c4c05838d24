/* SPDX-License-Identifier: ISC */
/* What becomes of a message that an account or the site itself sends: what the
 * store is given, and which signatures others find on it. */
#include "intake/submit_testing.h"

#define FROM "From: Ann <ann@one.test>\r\n"
#define REST "Date: Sun, 29 Nov 2026 23:58:01 +0000\r\nMessage-ID: <m@one.test>\r\n"
#define TRACE "Received: from c ([192.0.2.1])\r\n\tby mx.one.test; date\r\n"

static int
setup(void **state)
{
	struct rig *r = MEM_NEW(struct rig);

	rig_open(r, ROLE_ACCESS);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	rig_close(*state);
	mem_free(*state);
	return 0;
}

static enum status
submit_as(struct rig *r, struct intake_submit_request q, struct text message,
    struct intake_submit_reply *reply, struct failure *f)
{
	struct text to[] = { TEXT("bob@two.test") };

	q.token = TEXT("token");
	q.op = 7;
	q.id = TEXT("id");
	q.sender = TEXT("ann@one.test");
	q.recipients = (struct texts){ to, 1 };
	q.trace = TEXT(TRACE);
	q.message = PAYLOAD_OF(message);
	return intake_submit(r->client, &q, &r->arena, reply, f);
}

/* The message as it was stored. */
static struct text
submit(struct rig *r, struct text message)
{
	struct intake_submit_reply reply;
	struct failure f;

	assert_ok(submit_as(r, (struct intake_submit_request){ .copy = 1 }, message, &reply, &f));
	assert_int_equal(reply.verdict, SUBMISSION_OK);
	return stored(r, r->commit.content);
}

/* It is read in the same way; only what is small is not compressed. */
static void
what_nobody_keeps_is_not_compressed(void **state)
{
	static const char line[] = "The same words again.\r\n";
	struct rig *r = *state;
	struct buffer b = BUFFER_INIT;
	struct intake_submit_reply reply;
	struct failure f;

	buffer_add_string(&b, FROM REST "\r\n");
	for (int i = 0; i < 100; i++)
		buffer_add_string(&b, line);
	for (int round = 0; round < 3; round++) {
		struct text content;

		if (round == 2)
			for (size_t n = 0; n < 64 << 10; n += sizeof(line) - 1)
				buffer_add_string(&b, line);
		assert_ok(submit_as(r, (struct intake_submit_request){ .passes = round > 0 },
		    buffer_text(&b), &reply, &f));
		content = r->commit.content.bytes;
		assert_int_equal(content.len > b.len, round == 1);
		assert_true(text_ends(stored(r, r->commit.content), buffer_text(&b)));
	}
	buffer_done(&b);
}

/* The message without our signatures. */
static struct text
unsigned_part(struct text message)
{
	size_t at = text_find(message, TEXT("Received:"), 0);

	assert_true(at > 0 && at < message.len);
	return text_part(message, at, message.len);
}

/* RFC 6409 8.5, RFC 6376 3.4.2, RFC 8463 3: both kinds, and each holds by itself. */
static void
it_is_signed_by_every_key(void **state)
{
	struct rig *r = *state;
	struct text m = submit(r, TEXT(FROM REST "Subject: hello\r\n\r\nBody\r\n"));

	assert_true(text_starts(m, TEXT("DKIM-Signature: v=1; a=rsa-sha256;")));
	assert_text(unsigned_part(m), TRACE FROM REST "Subject: hello\r\n\r\nBody\r\n");
	assert_int_equal(signatures_that_hold(r, m), 2);
	/* From cannot be added (RFC 6376 8.15), and the whole body is meant. */
	assert_true(text_find(m, TEXT("h=from:from:"), 0) < m.len);
	assert_int_equal(text_find(m, TEXT(" l="), 0), m.len);
}

static void
the_summary_is_of_what_is_stored(void **state)
{
	struct rig *r = *state;
	struct text m = submit(r, TEXT(FROM "Bcc: x@y.test\r\nSubject: hello\r\n\r\nBody\r\n"));
	struct mime_summary want, is;

	mime_parse(m, NULL, &r->arena, &want);
	assert_ok(mime_summary_unpack(r->commit.summary, &r->arena, &is));
	assert_int_equal(r->commit.size, m.len);
	assert_int_equal(is.size, m.len);
	assert_int_equal(is.header_len, want.header_len);
	assert_int_equal(is.field_count, want.field_count);
	for (uint32_t i = 0; i < is.field_count; i++)
		assert_int_equal(is.fields[i].at, want.fields[i].at);
	assert_true(is.sent_at > 1700000000); /* Date was added */
	assert_true(text_ends(is.message_id, TEXT("@one.test")));
	assert_text(is.subject, "hello");
	assert_int_equal(is.envelope.bcc.count, 0);
	assert_int_equal(text_find_ci(m, TEXT("x@y.test"), 0), m.len);
	assert_int_equal(signatures_that_hold(r, m), 2);
}

/* RFC 5322 3.6.3: the sender alone sees it. */
static void
the_copy_in_sent_names_who_got_a_blind_copy(void **state)
{
	struct rig *r = *state;
	struct mime_summary s;

	(void)submit(r, TEXT(FROM REST "Bcc: X <x@y.test>\r\n\r\nBody\r\n"));
	assert_int_equal(r->commit.copy, 1);
	assert_text(r->commit.sent_prefix, "Bcc: X <x@y.test>\r\n");
	assert_ok(mime_summary_unpack(r->commit.sent_summary, &r->arena, &s));
	assert_int_equal(s.envelope.bcc.count, 1);
	assert_text(s.envelope.bcc.at[0].mailbox, "x");
	assert_int_equal(s.size, r->commit.size);
	(void)submit(r, TEXT(FROM REST "\r\nBody\r\n"));
	assert_int_equal(r->commit.sent_prefix.len, 0);
	assert_int_equal(r->commit.sent_summary.len, 0);
}

static void
the_envelope_is_passed_on(void **state)
{
	struct rig *r = *state;
	struct text orcpts[] = { TEXT("rfc822;bob@two.test") };
	uint64_t notify[] = { QUEUE_NOTIFY_SUCCESS };
	struct intake_submit_reply reply;
	const struct submission_commit_request *g = &r->commit;

	assert_ok(submit_as(r,
	    (struct intake_submit_request){ .body = QUEUE_8BITMIME,
		.needs = QUEUE_REQUIRETLS,
		.ret = QUEUE_RET_HDRS,
		.envid = TEXT("env"),
		.priority = -3,
		.by = QUEUE_BY_RETURN | QUEUE_BY_TRACE,
		.by_time = 1234,
		.not_before = 1200,
		.orcpts = { orcpts, 1 },
		.notify = { notify, 1 } },
	    TEXT(FROM REST "Sender: bo@one.test\r\n\r\nBody\r\n"), &reply, NULL));
	assert_int_equal(g->op, 7);
	assert_text(g->sender, "ann@one.test");
	assert_int_equal(g->needs, QUEUE_REQUIRETLS);
	assert_int_equal(g->ret, QUEUE_RET_HDRS);
	assert_text(g->envid, "env");
	assert_int_equal(g->priority, -3);
	assert_int_equal(g->by, QUEUE_BY_RETURN | QUEUE_BY_TRACE);
	assert_int_equal(g->by_time, 1234);
	assert_int_equal(g->expires, 1234);
	assert_int_equal(g->not_before, 1200);
	assert_int_equal(g->recipients.count, 1);
	assert_text(g->orcpts.at[0], "rfc822;bob@two.test");
	assert_int_equal(g->notify.count, 1);
	assert_int_equal(g->authors.count, 2);
	assert_text(g->authors.at[1], "bo@one.test");
	assert_int_equal(g->copy, 0);
	assert_true(g->received > 1700000000);
}

/* RFC 2045 2.7, RFC 2045 2.8, RFC 6152 3, RFC 6532 3.2. */
static void
body_and_needs_are_those_of_the_octets(void **state)
{
	struct rig *r = *state;

	(void)submit(r, TEXT(FROM REST "\r\nBody\r\n"));
	assert_int_equal(r->commit.body, QUEUE_7BIT);
	assert_int_equal(r->commit.needs, 0);
	(void)submit(r, TEXT(FROM REST "\r\nB\xc3\xb6"
				       "dy\r\n"));
	assert_int_equal(r->commit.body, QUEUE_8BITMIME);
	assert_int_equal(r->commit.needs, 0);
	(void)submit(r, TEXT(FROM REST "Subject: B\xc3\xb6"
				       "dy\r\n\r\nBody\r\n"));
	assert_int_equal(r->commit.body, QUEUE_8BITMIME);
	assert_int_equal(r->commit.needs, QUEUE_HEADER_UTF8);
	/* RFC 8689 3, 5: taken note of, and left where it is */
	(void)submit(r, TEXT(FROM REST "TLS-required:  no\r\n\r\nBody\r\n"));
	assert_int_equal(r->commit.needs, QUEUE_TLS_OPTIONAL);
	assert_true(text_find(stored(r, r->commit.content), TEXT("TLS-required:  no\r\n"), 0) <
		    stored(r, r->commit.content).len);
	(void)submit(r, TEXT(FROM REST "TLS-Required: Yes\r\n\r\nTLS-Required: No\r\n"));
	assert_int_equal(r->commit.needs, 0);
}

/* RFC 2045 2.9, RFC 3030 3: who passes it on must not have to change what is
 * signed. */
static void
binary_is_encoded_before_it_is_signed(void **state)
{
	struct rig *r = *state;
	struct text m =
	    submit(r, TEXT(FROM REST "MIME-Version: 1.0\r\nContent-Type: application/x\r\n"
				     "Content-Transfer-Encoding: binary\r\n\r\na\0b\r\n"));

	assert_int_equal(r->commit.body, QUEUE_7BIT);
	assert_true(text_find(m, TEXT("YQBiDQo="), 0) < m.len);
	assert_int_equal(signatures_that_hold(r, m), 2);
	/* Within what its author signed nothing is touched. */
	m = submit(r,
	    TEXT(FROM REST
		"MIME-Version: 1.0\r\n"
		"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\na\0b\r\n--b--\r\n"));
	assert_int_equal(r->commit.body, QUEUE_BINARYMIME);
	assert_int_equal(signatures_that_hold(r, m), 2);
}

static void
a_large_message(void **state)
{
	struct rig *r = *state;
	struct buffer m = BUFFER_INIT;
	struct mime_summary s;
	struct text is;

	buffer_add_string(&m, FROM REST "Bcc: x@y.test\r\n\r\n");
	while (m.len < 3u << 20)
		buffer_add_string(&m, "a line of the body, many times over\r\n");
	is = submit(r, buffer_text(&m));
	assert_int_equal(signatures_that_hold(r, is), 2);
	assert_int_equal(is.len, r->commit.size);
	assert_ok(mime_summary_unpack(r->commit.sent_summary, &r->arena, &s));
	assert_int_equal(s.envelope.bcc.count, 1);
	buffer_done(&m);
}

static void
a_bad_header_is_refused_with_words(void **state)
{
	struct rig *r = *state;
	struct intake_submit_reply reply;

	assert_ok(submit_as(
	    r, (struct intake_submit_request){ 0 }, TEXT(FROM FROM REST "\r\n"), &reply, NULL));
	assert_int_equal(reply.verdict, SUBMISSION_BAD_MESSAGE);
	assert_text(reply.words, "The message has more than one From field");
	assert_int_equal(r->commits, 0);
}

static void
what_the_store_says_is_passed_on(void **state)
{
	struct rig *r = *state;
	struct intake_submit_reply reply;
	struct failure f;

	r->verdict = SUBMISSION_NOT_YOURS;
	assert_ok(
	    submit_as(r, (struct intake_submit_request){ 0 }, TEXT(FROM REST "\r\n"), &reply, &f));
	assert_int_equal(reply.verdict, SUBMISSION_NOT_YOURS);
	assert_text(reply.words, "Not you");
	r->store_says = STATUS_FULL;
	assert_int_equal(
	    submit_as(r, (struct intake_submit_request){ 0 }, TEXT(FROM REST "\r\n"), &reply, &f),
	    STATUS_FULL);
	assert_string_equal(f.client, "Words for the client");
}

/* ---- keys ---- */

static void
a_domain_without_keys_is_not_signed_for(void **state)
{
	struct rig *r = *state;
	struct text m;

	m = submit(r, TEXT("From: ann@other.test\r\n" REST "\r\n"));
	assert_true(text_starts(m, TEXT("Received:")));
	r->active = 0;
	m = submit(r, TEXT(FROM REST "\r\n"));
	assert_true(text_starts(m, TEXT("Received:")));
	assert_int_equal(r->signed_, 0);
}

/* RFC 7489 3.1.1: that is in alignment, too. */
static void
a_domain_above_signs_for_those_below(void **state)
{
	struct rig *r = *state;
	struct text m = submit(r, TEXT("From: ann@lists.One.test\r\n" REST "\r\n"));

	assert_int_equal(signatures_that_hold(r, m), 2);
}

static void
signing_can_be_switched_off(void **state)
{
	struct rig *r = *state;
	struct text m;

	assert_ok(setting_apply(SET_DKIM_SIGN, TEXT("off")));
	m = submit(r, TEXT(FROM REST "\r\n"));
	assert_ok(setting_apply(SET_DKIM_SIGN, TEXT_EMPTY));
	assert_true(text_starts(m, TEXT("Received:")));
	assert_int_equal(r->asked_for_keys, 0);
}

static void
keys_are_asked_for_once_in_a_while(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 10; i++)
		(void)submit(r, TEXT(FROM REST "\r\n"));
	assert_int_equal(r->asked_for_keys, 1);
	assert_int_equal(r->signed_, 20);
}

/* It goes out with the other, and the next message asks which there are. */
static void
a_key_that_is_gone_is_passed_over(void **state)
{
	struct rig *r = *state;
	struct text m;

	r->second_key_is_gone = true;
	m = submit(r, TEXT(FROM REST "\r\n"));
	assert_int_equal(signatures_that_hold(r, m), 1);
	r->active = 1;
	m = submit(r, TEXT(FROM REST "\r\n"));
	assert_int_equal(signatures_that_hold(r, m), 1);
	assert_int_equal(r->asked_for_keys, 2);
	assert_int_equal(r->signed_, 3);
}

/* It is not sent without the signature that others expect of the domain. */
static void
auth_that_is_away_is_a_reason_to_try_later(void **state)
{
	struct rig *r = *state;
	struct intake_submit_reply reply;
	struct failure f;

	r->auth_says = STATUS_UNAVAILABLE;
	assert_int_equal(
	    submit_as(r, (struct intake_submit_request){ 0 }, TEXT(FROM REST "\r\n"), &reply, &f),
	    STATUS_UNAVAILABLE);
	assert_int_equal(r->commits, 0);
}

/* ---- notices ---- */

static void
a_notice_is_signed_and_handed_on(void **state)
{
	struct rig r;
	struct intake_notice_request q = { .op = 9,
		.id = TEXT("id"),
		.recipient = TEXT("bob@two.test"),
		.needs = QUEUE_REQUIRETLS | QUEUE_BINARYMIME,
		.message = PAYLOAD_OF(TEXT("From: <mailer-daemon@mx.one.test>\r\n" REST
					   "Subject: Undelivered\r\n\r\nWords\r\n")) };
	struct intake_notice_reply reply;
	struct mime_summary s;
	struct text m;

	rig_open(&r, ROLE_OUTBOUND);
	assert_ok(intake_notice(r.client, &q, &r.arena, &reply, NULL));
	m = stored(&r, r.notice.content);
	assert_int_equal(signatures_that_hold(&r, m), 2);
	assert_true(text_ends(m, q.message.bytes));
	assert_int_equal(r.notice.op, 9);
	assert_text(r.notice.recipient, "bob@two.test");
	assert_int_equal(r.notice.body, QUEUE_7BIT);
	assert_int_equal(r.notice.needs, QUEUE_REQUIRETLS);
	assert_int_equal(r.notice.size, m.len);
	assert_ok(mime_summary_unpack(r.notice.summary, &r.arena, &s));
	assert_int_equal(s.size, m.len);
	rig_close(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_signed_by_every_key),
		TEST(the_summary_is_of_what_is_stored),
		TEST(what_nobody_keeps_is_not_compressed),
		TEST(the_copy_in_sent_names_who_got_a_blind_copy),
		TEST(the_envelope_is_passed_on),
		TEST(body_and_needs_are_those_of_the_octets),
		TEST(binary_is_encoded_before_it_is_signed),
		TEST(a_large_message),
		TEST(a_bad_header_is_refused_with_words),
		TEST(what_the_store_says_is_passed_on),
		TEST(a_domain_without_keys_is_not_signed_for),
		TEST(a_domain_above_signs_for_those_below),
		TEST(signing_can_be_switched_off),
		TEST(keys_are_asked_for_once_in_a_while),
		TEST(a_key_that_is_gone_is_passed_over),
		TEST(auth_that_is_away_is_a_reason_to_try_later),
		cmocka_unit_test(a_notice_is_signed_and_handed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
