/* SPDX-License-Identifier: ISC */
/*
 * Submission: who may send (RFC 4954, RFC 6409 4.3), as whom and to whom, what
 * is offered, and what becomes of the message. The parameters of MAIL and RCPT
 * are parameters_test.c's. A dialogue is a script and the codes that it gets.
 */
#include "smtp/test_house.h"

#include "base/clock.h"
#include "runtime/memory_testing.h"

#define ALICE "AGFsaWNlQGRlbW8udGVzdABkZW1v"
#define SIGN_IN HELO "AUTH PLAIN " ALICE "\r\n"
#define SIGNED_IN "250 235:2.7.0 "
#define FROM_ALICE "MAIL FROM:<alice@demo.test>\r\n"
#define TO_FAR "RCPT TO:<x@far.test>\r\n"
#define READY SIGN_IN FROM_ALICE TO_FAR
#define READY_CODES SIGNED_IN "250:2.1.0 250:2.1.5 "

static int
desk_setup(void **state)
{
	(void)house_setup(state);
	((struct house *)*state)->listener.plain_auth = true;
	return 0;
}

static void
check(void **state, const struct dialogue *rows, size_t count)
{
	house_check(*state, TEST_SUBMISSION, rows, count);
}

/* ---- signing in ---- */

/* RFC 4954 4, 6. */
static const struct dialogue sign_ins[] = {
	{ "AUTH PLAIN " ALICE "\r\n", "503:5.5.1" }, /* not before EHLO */
	{ HELO "AUTH\r\n", "250 501:5.5.4" },
	{ SIGN_IN QUIT, SIGNED_IN "221:2.0.0" },
	{ HELO "auth plain " ALICE "\r\n", "250 235:2.7.0" },
	{ HELO "AUTH PLAIN\r\n" ALICE "\r\n", "250 334 235:2.7.0" },
	{ HELO "AUTH PLAIN =\r\n", "250 535:5.7.8" }, /* an initial response that is empty */
	{ HELO "AUTH PLAIN\r\n=\r\n", "250 334 501:5.5.2" },
	{ HELO "AUTH PLAIN\r\n*\r\nNOOP\r\n", "250 334 501:5.5.2 250:2.0.0" },
	{ HELO "AUTH PLAIN\r\n!\r\nNOOP\r\n", "250 334 501:5.5.2 250:2.0.0" },
	{ HELO "AUTH PLAIN !\r\nNOOP\r\n", "250 501:5.5.2 250:2.0.0" },
	{ HELO "AUTH PLAIN\r\nNOOP\n\r\nNOOP\r\n", "250 334 500:5.5.2 250:2.0.0" },
	{ HELO "AUTH X-TALK\r\nYWxpY2VAZGVtby50ZXN0\r\n\r\n", "250 334 334 235:2.7.0" },
	{ HELO "AUTH X-TALK\r\nYWxpY2VAZGVtby50ZXN0\r\neA==\r\n", "250 334 334 501:5.5.2" },
	{ HELO "AUTH X-TALK\r\nYWxpY2VAZGVtby50ZXN0\r\n*\r\n", "250 334 334 501:5.5.2" },
	{ HELO "AUTH NONESUCH\r\n", "250 504:5.5.4" },
	{ HELO "AUTH PLAIN AGFsaWNlQGRlbW8udGVzdABub3Bl\r\n", "250 535:5.7.8" },
	{ HELO "AUTH PLAIN AGF3YXkAZGVtbw==\r\n", "250 454:4.7.0" },
	{ HELO "AUTH PLAIN AHByaXZhdGUAZGVtbw==\r\n", "250 538:5.7.11" },
	{ HELO "AUTH PLAIN AHN1c3BlbmRlZABkZW1v\r\n", "250 535:5.7.13" },
	{ HELO "AUTH PLAIN AGhhc3R5AGRlbW8=\r\n", "250 454:4.7.0" },
	{ HELO "AUTH PLAIN AHN0b3BwZWQAZGVtbw==\r\n", "250 525:5.7.13" },
	/* Once, and not inside a transaction. */
	{ SIGN_IN "AUTH PLAIN " ALICE "\r\n", SIGNED_IN "503:5.5.1" },
	{ SIGN_IN FROM_ALICE "AUTH PLAIN " ALICE "\r\n", SIGNED_IN "250:2.1.0 503:5.5.1" },
	/* A failure may be mended, and EHLO forgets nobody. */
	{ HELO "AUTH NONESUCH\r\nAUTH PLAIN " ALICE "\r\n" HELO FROM_ALICE,
	    "250 504:5.5.4 235:2.7.0 250 250:2.1.0" },
	/* Nothing else comes before it. */
	{ HELO FROM_ALICE TO_FAR "DATA\r\n", "250 530:5.7.0 503:5.5.1 503:5.5.1" },
	{ HELO FROM_ALICE "BDAT 4 LAST\r\nabcdNOOP\r\n", "250 530:5.7.0 503:5.5.1 250:2.0.0" },
	{ HELO "VRFY alice\r\nHELP\r\nRSET\r\n", "250 252:2.5.0 214:2.0.0 250:2.0.0" },
};

static void
who_sends_signs_in(void **state)
{
	check(state, sign_ins, ARRAY_LEN(sign_ins));
	assert_string_equal(
	    house_codes(*state, TEST_MX, TEXT(HELO "AUTH PLAIN " ALICE "\r\n")), "250 500:5.5.1");
}

/* The challenge goes as base64, and what auth says to people goes through. */
static void
auth_speaks_through_us(void **state)
{
	struct text out = house_talk(
	    *state, TEST_SUBMISSION, TEXT(HELO "AUTH X-TALK\r\nYWxpY2VAZGVtby50ZXN0\r\n\r\n"));

	assert_true(
	    text_ends(out, TEXT("334 bmFtZT8=\r\n334 d2VsY29tZQ==\r\n235 2.7.0 Signed in\r\n")));
	out = house_talk(*state, TEST_SUBMISSION, TEXT(HELO "AUTH PLAIN AGhhc3R5AGRlbW8=\r\n"));
	assert_true(text_ends(out, TEXT("454 4.7.0 Wait a minute\r\n")));
}

/* RFC 4954 4: lines of an exchange have 12,288 octets, whatever the limit of
 * commands; a longer one ends the exchange with 500 5.5.6. */
static void
answers_may_be_long(void **state)
{
	struct buffer script = BUFFER_INIT;

	buffer_addf(&script, HELO "AUTH X-TALK\r\n%012288d\r\n", 0);
	buffer_addf(&script, "AUTH X-TALK\r\n%012289d\r\nNOOP\r\n", 0);
	buffer_addf(&script, "AUTH PLAIN %012276d\r\n", 0);
	buffer_add_string(&script, "AUTH PLAIN " ALICE "\r\n");
	buffer_addf(&script, "NOOP %04000d\r\n", 0); /* as short as everywhere from here */
	assert_string_equal(house_codes(*state, TEST_SUBMISSION, buffer_text(&script)),
	    "250 334 535:5.7.8 334 500:5.5.6 250:2.0.0 535:5.7.8 235:2.7.0 500:5.5.2");
	buffer_done(&script);
}

#define WORD 40
#define WORDS 40

/* What comes before the word, and how many of its repetitions come later. */
static const struct {
	const char *before;
	size_t later;
} confidences[] = {
	{ HELO "AUTH PLAIN ", 0 }, { HELO "AUTH PLAIN ", 1 }, { "AUTH PLAIN ", 0 },
	{ HELO "auth  nonesuch ", 0 }, { HELO "AUTH PLAIN\r\n", 0 }, { HELO "AUTH PLAIN\r\n", 30 },
	{ HELO "AUTH PLAIN\r\n!", 0 }, { HELO "PLAIN ", 0 }, /* it forgot the verb */
};

static void
say_masked(struct house *h, struct smtp_session *x, const char *masked, size_t times)
{
	char words[WORD * WORDS];

	for (size_t i = 0; i < times * WORD; i++)
		words[i] = (char)(masked[i % WORD] ^ MEMORY_MASK);
	house_say(h, x, (struct text){ words, times * WORD });
	secret_wipe(words, sizeof(words));
	assert_int_equal(house_wake(h, x, WAKE_INPUT), NEXT_PARK);
	(void)stream_idle(&x->session.stream); /* as for each session that parks */
}

/* A password is nowhere in memory when the line that brought it was answered,
 * right or wrong, in one piece or in several. */
static void
passwords_are_wiped(void **state)
{
	struct house *h = *state;

	for (size_t i = 0; i < ARRAY_LEN(confidences); i++) {
		struct smtp_session *x = house_socket_session(h, TEST_SUBMISSION, "127.0.0.1");
		char masked[WORD];

		memory_word(masked, WORD);
		(void)house_wake(h, x, WAKE_START);
		house_say(h, x, text_of(confidences[i].before));
		assert_int_equal(house_wake(h, x, WAKE_INPUT), NEXT_PARK);
		say_masked(h, x, masked, WORDS - confidences[i].later);
		say_masked(h, x, masked, confidences[i].later);
		house_say(h, x, TEXT("\r\nNOOP\r\n"));
		assert_int_equal(house_wake(h, x, WAKE_INPUT), NEXT_PARK);
		assert_true(text_ends(house_heard(h, x), TEXT("250 2.0.0 Done\r\n")));
		if (memory_holds(masked, WORD))
			fail_msg("%s", confidences[i].before);
		house_end(h, x);
	}
}

static void
guessing_ends_the_connection(void **state)
{
	struct buffer script = BUFFER_INIT;

	house_set("smtp.errors_max", "100");
	buffer_add_string(&script, HELO);
	for (int i = 0; i < 10; i++)
		buffer_add_string(&script, "AUTH PLAIN =\r\n");
	buffer_add_string(&script, "NOOP\r\n");
	assert_string_equal(house_codes(*state, TEST_SUBMISSION, buffer_text(&script)),
	    "250 535:5.7.8 535:5.7.8 535:5.7.8 535:5.7.8 535:5.7.8 535:5.7.8 535:5.7.8 535:5.7.8 "
	    "535:5.7.8 421:4.7.0");
	buffer_done(&script);
	house_set("smtp.errors_max", "20");
}

/* However it keeps the line busy, who does not sign in must go. */
static void
signing_in_has_its_time(void **state)
{
	const int64_t most = setting(SET_ACCESS_SIGN_IN_TIMEOUT);
	struct house *h = *state;
	struct smtp_session *x = house_socket_session(h, TEST_SUBMISSION, "127.0.0.1");

	clock_set_for_test(-1, CLOCK_HOUR);
	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	assert_int_equal(x->session.park_until, CLOCK_HOUR + most);
	clock_set_for_test(-1, CLOCK_HOUR + most - 1);
	house_say(h, x, TEXT("NOOP\r\n"));
	assert_int_equal(house_wake(h, x, WAKE_INPUT), NEXT_PARK);
	assert_int_equal(x->session.park_until, CLOCK_HOUR + most);
	house_say(h, x, TEXT(SIGN_IN));
	assert_int_equal(house_wake(h, x, WAKE_INPUT), NEXT_PARK);
	assert_int_equal(
	    x->session.park_until, CLOCK_HOUR + most - 1 + setting(SET_SMTP_COMMAND_TIMEOUT));
	house_end(h, x);

	x = house_socket_session(h, TEST_SUBMISSION, "127.0.0.1");
	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	(void)house_heard(h, x);
	clock_set_for_test(-1, x->session.park_until);
	assert_int_equal(house_wake(h, x, WAKE_TIMER), NEXT_CLOSE);
	assert_true(text_starts(house_heard(h, x), TEXT("421 4.4.2 ")));
	house_end(h, x);
	clock_set_for_test(-1, -1);
}

/* ---- what is offered ---- */

static void
assert_offered(struct house *h, const char *script, const char *line, bool offered)
{
	struct text out = house_talk(h, TEST_SUBMISSION, text_of(script));

	if ((text_find(out, text_of(line), 0) < out.len) != offered)
		fail_msg("%s is%s in\n%.*s", line, offered ? " not" : "", TEXT_ARG(out));
}

/* RFC 4954 4, RFC 8689 2, RFC 3207 4: each offer where it holds. */
static void
offers_follow_tls_and_sign_in(void **state)
{
	struct house *h = *state;

	assert_offered(h, HELO, "250-AUTH X-TALK PLAIN\r\n", true);
	assert_offered(h, SIGN_IN HELO,
	    "250 ENHANCEDSTATUSCODES\r\n235 2.7.0 Signed in\r\n"
	    "250-mail.demo.test\r\n",
	    true);
	h->listener.plain_auth = false;
	h->listener.tls = TLS_STARTTLS;
	assert_offered(h, HELO, "250-STARTTLS\r\n", true);
	assert_offered(h, HELO, "250-AUTH X-TALK\r\n", true);
	assert_offered(h, HELO, "250-REQUIRETLS\r\n", false);
	assert_string_equal(
	    house_codes(h, TEST_SUBMISSION, TEXT(SIGN_IN FROM_ALICE)), "250 538:5.7.11 530:5.7.0");
	assert_offered(h, HELO FROM_ALICE, "530 5.7.0 STARTTLS first", true);
	h->tls = true;
	assert_offered(h, HELO, "250-STARTTLS\r\n", false);
	assert_offered(h, HELO, "250-AUTH X-TALK PLAIN\r\n", true);
	assert_offered(h, HELO, "250-REQUIRETLS\r\n", true);
	assert_offered(h, HELO FROM_ALICE, "530 5.7.0 Sign in first", true);
	h->tls = false;
	h->listener.tls = TLS_NONE;
	h->listener.plain_auth = true;
}

static void
ehlo_offers_what_works(void **state)
{
	struct text out;

	clock_set_for_test(1795315080 * CLOCK_SECOND, -1);
	out = house_talk(*state, TEST_SUBMISSION, TEXT(SIGN_IN HELO));
	assert_true(text_ends(
	    out, TEXT("250-mail.demo.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
		      "250-CHUNKING\r\n250-BINARYMIME\r\n250-DSN\r\n250-VRFY\r\n250-HELP\r\n"
		      "250-SIZE 65536\r\n250-LIMITS MAILMAX=10000 RCPTMAX=1000\r\n"
		      "250-FUTURERELEASE 31536000 2027-11-22T02:38:00Z\r\n250-DELIVERBY 60\r\n"
		      "250-MT-PRIORITY\r\n250 ENHANCEDSTATUSCODES\r\n")));
	clock_set_for_test(-1, -1);
}

static void
a_session_forgets_who_signed_in_for_tls(void **state)
{
	struct house *h = *state;
	struct smtp_session *x = house_session(h, TEST_SUBMISSION, TEXT(READY));

	house_run(h, x);
	assert_true(smtp_signed_in(x));
	smtp_session_reset(x);
	assert_false(smtp_signed_in(x));
	house_end(h, x);
}

/* ---- senders and recipients ---- */

static const struct dialogue envelopes[] = {
	{ SIGN_IN "MAIL FROM:<>\r\n", SIGNED_IN "250:2.1.0" },
	{ SIGN_IN "MAIL FROM:<alice+tag@demo.test>\r\n", SIGNED_IN "250:2.1.0" },
	{ SIGN_IN "MAIL FROM:<bob@demo.test>\r\n" TO_FAR, SIGNED_IN "550:5.7.1 503:5.5.1" },
	{ SIGN_IN "MAIL FROM:<x@far.test>\r\n" FROM_ALICE, SIGNED_IN "550:5.7.1 250:2.1.0" },
	{ SIGN_IN "MAIL FROM:<frozen@demo.test>\r\n", SIGNED_IN "550:5.7.1" },
	{ SIGN_IN "MAIL FROM:<limited@demo.test>\r\n", SIGNED_IN "450:4.7.1" },
	{ SIGN_IN "MAIL FROM:<strange@demo.test>\r\n", SIGNED_IN "451:4.3.0" },
	{ SIGN_IN "MAIL FROM:<\xc3\xa4@demo.test>\r\n", SIGNED_IN "553:5.6.7" },
	{ SIGN_IN "MAIL FROM:<\xc3\xa4@demo.test> SMTPUTF8\r\n", SIGNED_IN "250:2.1.0" },
	{ READY TO("bob") "RCPT TO:<postmaster>\r\n", READY_CODES "250:2.1.5 250:2.1.5" },
	{ READY TO("nobody"), READY_CODES "550:5.1.1" },
	{ READY TO("suspended") TO("full"), READY_CODES "450:4.2.1 452:4.2.2" },
	{ READY "RCPT TO:<bad@far.test>\r\n", READY_CODES "553:5.1.3" },
	{ READY "RCPT TO:<suppressed@far.test>\r\n", READY_CODES "550:5.1.1" },
	{ READY "RCPT TO:<limited@far.test>\r\n", READY_CODES "450:4.7.1" },
	{ READY "RCPT TO:<frozen@far.test>\r\n", READY_CODES "550:5.7.1" },
	{ READY "RCPT TO:<many@far.test>\r\n", READY_CODES "452:4.5.3" },
	{ READY "RCPT TO:<\xc3\xa4@far.test>\r\n", READY_CODES "553:5.6.7" },
};

static void
the_store_judges_addresses(void **state)
{
	struct text out;

	check(state, envelopes, ARRAY_LEN(envelopes));
	out = house_talk(*state, TEST_SUBMISSION, TEXT(SIGN_IN "MAIL FROM:<frozen@demo.test>\r\n"));
	assert_true(
	    text_ends(out, TEXT("550 5.7.1 Change your password, then sending works again\r\n")));
}

/* The account was suspended or its password changed meanwhile. */
static void
a_token_may_go_bad(void **state)
{
	struct house *h = *state;

	h->desk.token_status = STATUS_DENIED;
	assert_string_equal(
	    house_codes(h, TEST_SUBMISSION, TEXT(SIGN_IN FROM_ALICE)), SIGNED_IN "451:4.7.0");
	h->desk.token_status = STATUS_UNAVAILABLE;
	assert_string_equal(
	    house_codes(h, TEST_SUBMISSION, TEXT(SIGN_IN FROM_ALICE)), SIGNED_IN "451:4.3.0");
	h->desk.token_status = STATUS_OK;
}

/* RFC 9422 4: what is told is what holds. */
static void
recipients_have_their_limit(void **state)
{
	struct buffer script = BUFFER_INIT;
	struct text out;

	house_set("submission.recipients_max", "100");
	buffer_add_string(&script, SIGN_IN FROM_ALICE);
	for (int i = 0; i < 101; i++)
		buffer_addf(&script, "RCPT TO:<a%d@far.test>\r\n", i);
	out = house_talk(*state, TEST_SUBMISSION, buffer_text(&script));
	assert_true(text_find(out, TEXT(" RCPTMAX=100\r\n"), 0) < out.len);
	assert_true(text_find(out, TEXT("452 4.5.3 "), 0) == text_find(out, TEXT("452 "), 0));
	assert_true(text_find(out, TEXT("452 4.5.3 "), 0) > text_find(out, TEXT("250 2.1.5 "), 0));
	assert_string_equal(
	    house_codes(*state, TEST_SUBMISSION, TEXT(READY)), SIGNED_IN "250:2.1.0 250:2.1.5");
	house_set("submission.recipients_max", "1000");
	buffer_done(&script);
}

/* ---- messages ---- */

static void
a_message_is_handed_to_intake(void **state)
{
	struct house *h = *state;
	struct text out = house_talk(h, TEST_SUBMISSION,
	    TEXT(READY TO("bob") "DATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\n" FROM_ALICE));
	size_t id = text_find(out, TEXT("250 2.0.0 Accepted as "), 0);

	assert_true(id < out.len);
	assert_true(text_ends(out, TEXT("\r\n250 2.1.0 Sender noted\r\n")));
	assert_string_equal(buffer_string(&h->desk.fields),
	    "from=alice@demo.test to=x@far.test to=bob@demo.test copy=1 ");
	assert_text(buffer_text(&h->desk.message), "Subject: x\r\n\r\n.dot\r\n");
	/* The id that the sender is told is the one in Received. */
	out = text_part(out, id + 22, id + 22 + 13);
	assert_true(text_find(buffer_text(&h->desk.trace), out, 0) < h->desk.trace.len);
}

static void
sent_copies_are_a_setting(void **state)
{
	struct house *h = *state;

	house_set("submission.copy_to_sent", "no");
	(void)house_talk(h, TEST_SUBMISSION, TEXT(READY "BDAT 6 LAST\r\n\r\nab\r\n"));
	assert_string_equal(buffer_string(&h->desk.fields), "from=alice@demo.test to=x@far.test ");
	assert_text(buffer_text(&h->desk.message), "\r\nab\r\n");
	house_set("submission.copy_to_sent", "yes");
}

static void
intake_has_the_last_word(void **state)
{
	static const struct {
		enum submission_verdict verdict;
		enum status status;
		const char *code;
	} ends[] = {
		{ SUBMISSION_OK, STATUS_OK, "250:2.0.0" },
		{ SUBMISSION_NOT_YOURS, STATUS_OK, "550:5.7.1" },
		{ SUBMISSION_LIMITED, STATUS_OK, "450:4.7.1" },
		{ SUBMISSION_FROZEN, STATUS_OK, "550:5.7.1" },
		{ SUBMISSION_TOO_MANY, STATUS_OK, "452:4.5.3" },
		{ SUBMISSION_BAD_MESSAGE, STATUS_OK, "554:5.6.0" },
		{ SUBMISSION_VERDICTS, STATUS_OK, "451:4.3.0" },
		{ SUBMISSION_OK, STATUS_UNAVAILABLE, "451:4.3.0" },
		{ SUBMISSION_OK, STATUS_AMBIGUOUS, "451:4.3.0" },
		{ SUBMISSION_OK, STATUS_FULL, "452:4.3.1" },
		{ SUBMISSION_OK, STATUS_LIMIT, "552:5.3.4" },
		{ SUBMISSION_OK, STATUS_INVALID, "554:5.6.0" },
		{ SUBMISSION_OK, STATUS_DENIED, "451:4.7.0" },
	};
	struct house *h = *state;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		const char *got;

		h->desk.verdict = ends[i].verdict;
		h->desk.status = ends[i].status;
		got = house_codes(h, TEST_SUBMISSION, TEXT(READY "DATA\r\n" MESSAGE));
		assert_string_equal(got + strlen(READY_CODES "354 "), ends[i].code);
	}
	h->desk.status = STATUS_OK;
	h->desk.verdict = SUBMISSION_LIMITED;
	assert_true(text_ends(house_talk(h, TEST_SUBMISSION, TEXT(READY "DATA\r\n" MESSAGE)),
	    TEXT("450 4.7.1 That was enough for today\r\n")));
	h->desk.verdict = SUBMISSION_OK;
}

/* RFC 3848, RFC 6531 4.3. Where the sender was is nobody's business. */
static void
received_tells_how_and_not_where_from(void **state)
{
	static const struct {
		bool tls, shown;
		const char *script, *begins;
	} rows[] = {
		{ false, false, READY, "Received: by mail.demo.test with ESMTPA id " },
		{ true, false, READY, "Received: by mail.demo.test with ESMTPSA id " },
		{ true, false, SIGN_IN "MAIL FROM:<> SMTPUTF8\r\n" TO_FAR,
		    "Received: by mail.demo.test with UTF8SMTPSA id " },
		{ false, true, READY,
		    "Received: from client.test ([127.0.0.1])\r\n\tby mail.demo.test with ESMTPA "
		    "id " },
	};
	struct house *h = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buffer script = BUFFER_INIT;

		h->tls = rows[i].tls;
		house_set("submission.show_client", rows[i].shown ? "yes" : "no");
		buffer_addf(&script, "%sDATA\r\n" MESSAGE, rows[i].script);
		(void)house_talk(h, TEST_SUBMISSION, buffer_text(&script));
		assert_true(text_starts(buffer_text(&h->desk.trace), text_of(rows[i].begins)));
		assert_true(text_find(buffer_text(&h->desk.came),
				TEXT("A from client.test [127.0.0.1]"), 0) < h->desk.came.len);
		assert_true(text_ends(buffer_text(&h->desk.came), TEXT(" as alice@demo.test")));
		buffer_done(&script);
	}
	h->tls = false;
	house_set("submission.show_client", "no");
}

/* ---- line ends that stand alone ---- */

/* RFC 6409 8 lets us mend what devices send; RFC 5321 4.1.1.4 does not let
 * anything but CR LF . CR LF end a message, and 4.5.2 undoes dots only behind
 * CR LF. What is between the ends here is text, and arrives as lines. */
static void
lone_line_ends_are_mended(void **state)
{
	static const struct {
		const char *sent, *kept;
	} rows[] = {
		{ "a\nb\r\n", "a\r\nb\r\n" },
		{ "a\rb\r\n", "a\r\nb\r\n" },
		{ "a\r\r\nb\r\n", "a\r\nb\r\n" },
		{ "a\r\rb\r\n", "a\r\n\r\nb\r\n" },
		{ "a\n\nb\n\r\n", "a\r\n\r\nb\r\n\r\n" },
		{ "a\n.\nMAIL FROM:<evil@y.test>\n\r\n",
		    "a\r\n.\r\nMAIL FROM:<evil@y.test>\r\n\r\n" },
		{ "a\n.\r\nb\r\n", "a\r\n.\r\nb\r\n" },
		{ "a\r\n.\nb\r\n", "a\r\n\r\nb\r\n" }, /* the dot was stuffed */
		{ "a\r\n..\nb\r\n", "a\r\n.\r\nb\r\n" },
		{ "a\n..b\r\n", "a\r\n..b\r\n" },
		{ "a\r.\rb\r\n", "a\r\n.\r\nb\r\n" },
		{ "a\r\n.\rb\r\n", "a\r\n\r\nb\r\n" },
	};
	struct house *h = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buffer script = BUFFER_INIT;

		buffer_addf(&script, READY "DATA\r\n%s.\r\nNOOP\r\n", rows[i].sent);
		assert_string_equal(house_codes(h, TEST_SUBMISSION, buffer_text(&script)),
		    READY_CODES "354 250:2.0.0 250:2.0.0");
		assert_string_equal(buffer_string(&h->desk.message), rows[i].kept);
		buffer_done(&script);
	}
}

static void
chunks_are_mended_whole(void **state)
{
	struct house *h = *state;

	assert_string_equal(house_codes(h, TEST_SUBMISSION,
				TEXT(READY "BDAT 3\r\na\nbBDAT 4\r\n\nc\r\nBDAT 2 LAST\r\n.\r")),
	    READY_CODES "250:2.0.0 250:2.0.0 250:2.0.0");
	assert_text(buffer_text(&h->desk.message), "a\r\nb\r\nc\r\n.\r\n");
	/* Binary content is nobody's to mend. */
	assert_string_equal(
	    house_codes(h, TEST_SUBMISSION,
		TEXT(SIGN_IN "MAIL FROM:<> BODY=BINARYMIME\r\n" TO_FAR "BDAT 3 LAST\r\na\nb")),
	    READY_CODES "250:2.0.0");
	assert_text(buffer_text(&h->desk.message), "a\nb");
}

/* Mended, a message may be too large, and its lines are judged as they are then. */
static void
mended_messages_keep_the_limits(void **state)
{
	struct house *h = *state;
	struct buffer script = BUFFER_INIT;

	buffer_add_string(&script, READY "DATA\r\n");
	for (int i = 0; i < 40000; i++)
		buffer_add_byte(&script, '\n');
	buffer_add_string(&script, "\r\n.\r\n");
	assert_string_equal(
	    house_codes(h, TEST_SUBMISSION, buffer_text(&script)), READY_CODES "354 552:5.3.4");
	house_set("smtp.text_line_max", "1000");
	buffer_clear(&script);
	buffer_addf(&script, READY "DATA\r\n%0900d\n%0900d\r\n.\r\n", 0, 0);
	assert_string_equal(
	    house_codes(h, TEST_SUBMISSION, buffer_text(&script)), READY_CODES "354 250:2.0.0");
	buffer_clear(&script);
	buffer_addf(&script, READY "DATA\r\n%01001d\na\r\n.\r\n", 0);
	assert_string_equal(
	    house_codes(h, TEST_SUBMISSION, buffer_text(&script)), READY_CODES "354 550:5.6.0");
	house_set("smtp.text_line_max", "1 MiB");
	buffer_done(&script);
}

/* How many questions the store was asked for the script. */
static unsigned
questions(struct house *h, const char *script, const char *codes)
{
	unsigned before = atomic_load(&h->desk.questions);

	assert_string_equal(house_codes(h, TEST_SUBMISSION, text_of(script)), codes);
	return atomic_load(&h->desk.questions) - before;
}

/* Who is far from his limits is asked about once, and so are domains elsewhere,
 * until the directory rings. */
static void
calm_senders_are_known_for_a_moment(void **state)
{
	struct house *h = *state;

	h->submission.known = smtp_known_new(10);
	smtp_known_changed(h->submission.known);
	house_set("smtp.recipient_remember", "60s");
	assert_int_equal(questions(h, READY, SIGNED_IN "250:2.1.0 250:2.1.5"), 2);
	assert_int_equal(
	    questions(h, READY "RCPT TO:<Y@FAR.test>\r\n", READY_CODES "250:2.1.5"), 0);
	/* Quoted words and what is no address are always asked about, and other domains. */
	assert_int_equal(
	    questions(h,
		SIGN_IN FROM_ALICE "RCPT TO:<\"q r\"@far.test>\r\nRCPT TO:<x@near.test>\r\n",
		SIGNED_IN "250:2.1.0 250:2.1.5 250:2.1.5"),
	    2);
	/* A sender who is not calm has each of his recipients asked about. */
	assert_int_equal(questions(h, SIGN_IN "MAIL FROM:<alice+tag@demo.test>\r\n" TO_FAR TO_FAR,
			     SIGNED_IN "250:2.1.0 250:2.1.5 250:2.1.5"),
	    3);
	/* What is refused is never remembered. */
	assert_int_equal(
	    questions(h, SIGN_IN "MAIL FROM:<frozen@demo.test>\r\nMAIL FROM:<frozen@demo.test>\r\n",
		SIGNED_IN "550:5.7.1 550:5.7.1"),
	    2);
	smtp_known_changed(h->submission.known);
	assert_int_equal(questions(h, READY, SIGNED_IN "250:2.1.0 250:2.1.5"), 2);
	house_set("smtp.recipient_remember", "0");
	assert_int_equal(questions(h, READY, SIGNED_IN "250:2.1.0 250:2.1.5"), 2);
	house_set("smtp.recipient_remember", "");
	smtp_known_free(h->submission.known);
	h->submission.known = NULL;
}

/* Content is not compressed for a moment: if all are known to be elsewhere, and
 * nobody here keeps a copy. */
static void
who_is_known_to_be_elsewhere_keeps_nothing(void **state)
{
	struct house *h = *state;

	h->submission.known = smtp_known_new(10);
	smtp_known_changed(h->submission.known);
	house_set("smtp.recipient_remember", "60s");
	(void)house_talk(h, TEST_SUBMISSION, TEXT(READY "BDAT 6 LAST\r\n\r\nab\r\n"));
	assert_string_equal(
	    buffer_string(&h->desk.fields), "from=alice@demo.test to=x@far.test copy=1 ");
	house_set("submission.copy_to_sent", "no");
	(void)house_talk(h, TEST_SUBMISSION, TEXT(READY "BDAT 6 LAST\r\n\r\nab\r\n"));
	assert_string_equal(
	    buffer_string(&h->desk.fields), "from=alice@demo.test to=x@far.test passes=1 ");
	(void)house_talk(h, TEST_SUBMISSION, TEXT(READY TO("bob") "BDAT 6 LAST\r\n\r\nab\r\n"));
	assert_string_equal(
	    buffer_string(&h->desk.fields), "from=alice@demo.test to=x@far.test to=bob@demo.test ");
	house_set("submission.copy_to_sent", "yes");
	house_set("smtp.recipient_remember", "0");
	smtp_known_free(h->submission.known);
	h->submission.known = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_sends_signs_in),
		cmocka_unit_test(auth_speaks_through_us),
		cmocka_unit_test(answers_may_be_long),
		cmocka_unit_test(passwords_are_wiped),
		cmocka_unit_test(guessing_ends_the_connection),
		cmocka_unit_test(signing_in_has_its_time),
		cmocka_unit_test(offers_follow_tls_and_sign_in),
		cmocka_unit_test(ehlo_offers_what_works),
		cmocka_unit_test(a_session_forgets_who_signed_in_for_tls),
		cmocka_unit_test(the_store_judges_addresses),
		cmocka_unit_test(a_token_may_go_bad),
		cmocka_unit_test(recipients_have_their_limit),
		cmocka_unit_test(a_message_is_handed_to_intake),
		cmocka_unit_test(sent_copies_are_a_setting),
		cmocka_unit_test(intake_has_the_last_word),
		cmocka_unit_test(received_tells_how_and_not_where_from),
		cmocka_unit_test(lone_line_ends_are_mended),
		cmocka_unit_test(chunks_are_mended_whole),
		cmocka_unit_test(mended_messages_keep_the_limits),
		cmocka_unit_test_setup_teardown(
		    calm_senders_are_known_for_a_moment, desk_setup, house_teardown),
		cmocka_unit_test_setup_teardown(
		    who_is_known_to_be_elsewhere_keeps_nothing, desk_setup, house_teardown),
	};

	return cmocka_run_group_tests(tests, desk_setup, house_teardown);
}
