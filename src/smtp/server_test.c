/* SPDX-License-Identifier: ISC */
/*
 * Sessions but for their messages: commands, senders, recipients, lines, TLS, time
 * (RFC 5321 4.1, RFC 2920, RFC 3207). A dialogue is a script and the codes that it
 * gets.
 */
#include "smtp/test_house.h"

#include "base/clock.h"
#include "runtime/metrics.h"

static const struct dialogue commands[] = {
	{ "", "" },
	{ QUIT, "221:2.0.0" },
	{ QUIT "NOOP\r\n", "221:2.0.0" },
	{ "HELO client.test\r\n", "250" },
	{ "helo [192.0.2.1]\r\n", "250" },
	{ HELO, "250" },
	{ "EHLO\r\n", "501:5.5.4" },
	{ "EHLO a(b\r\nEHLO a<b>\r\nEHLO \xc3\xa4.test\r\n", "501:5.5.4 501:5.5.4 501:5.5.4" },
	{ "LHLO client.test\r\n", "500:5.5.1" },
	{ "NOOP\r\nNOOP ignored\r\nRSET\r\nRSET x\r\n", "250:2.0.0 250:2.0.0 250:2.0.0 501:5.5.4" },
	{ "VRFY alice\r\nVRFY\r\nEXPN list\r\nTURN\r\n\r\n",
	    "252:2.5.0 501:5.5.4 502:5.5.1 500:5.5.1 500:5.5.1" },
	{ "HELP\r\nHELP mail\r\nHELP nonsense\r\n", "214:2.0.0 214:2.0.0 214:2.0.0" },
	{ "GET / HTTP/1.1\r\nNOOP\r\n", "421:4.7.0" },
	{ "post / HTTP/1.1\r\nNOOP\r\n", "421:4.7.0" },
	{ "NOOP \001\r\nNOOP \177\r\nNOOP \377\r\nNOOP\r\n",
	    "500:5.5.2 500:5.5.2 500:5.5.2 250:2.0.0" },
};

static void
commands_that_carry_no_mail(void **state)
{
	house_check(*state, TEST_MX, commands, ARRAY_LEN(commands));
}

static const struct dialogue senders[] = {
	{ MAIL, "503:5.5.1" },
	{ HELO MAIL MAIL, "250 250:2.1.0 503:5.5.1" },
	{ HELO MAIL "RSET\r\n" MAIL, "250 250:2.1.0 250:2.0.0 250:2.1.0" },
	{ HELO MAIL HELO MAIL, "250 250:2.1.0 250 250:2.1.0" },
	{ HELO "MAIL FROM:<>\r\n", "250 250:2.1.0" },
	{ HELO "mail from: <x@y.test> \r\n", "250 250:2.1.0" },
	{ HELO "MAIL FROM:<@a.test:x@y.test> BODY=8BITMIME SIZE=5\r\n", "250 250:2.1.0" },
	{ HELO "MAIL\r\nMAIL TO:<x@y.test>\r\n", "250 501:5.5.4 501:5.5.4" },
	{ HELO "MAIL FROM:x@y.test\r\nMAIL FROM:<x>\r\n", "250 501:5.1.7 501:5.1.7" },
	{ HELO "MAIL FROM:<x@y.test> SIZE=65536\r\n", "250 250:2.1.0" },
	{ HELO "MAIL FROM:<x@y.test> SIZE=65537\r\n", "250 552:5.3.4" },
	{ HELO "MAIL FROM:<x@y.test> SIZE=99999999999999999999999\r\n", "250 552:5.3.4" },
	{ HELO "MAIL FROM:<x@y.test> SIZE=-1\r\n", "250 501:5.5.4" },
	{ HELO "MAIL FROM:<x@y.test> SIZE\r\n", "250 501:5.5.4" },
	{ HELO "MAIL FROM:<x@y.test> SIZE=1 SIZE=1\r\n", "250 501:5.5.4" },
	{ HELO "MAIL FROM:<x@y.test> BODY=9BIT\r\n", "250 501:5.5.4" },
	{ HELO "MAIL FROM:<x@y.test> SMTPUTF8=1\r\n", "250 501:5.5.4" },
	{ HELO "MAIL FROM:<x@y.test> RET=FULL\r\n", "250 250:2.1.0" },
	{ HELO "MAIL FROM:<x@y.test> HOLDFOR=60\r\n", "250 555:5.5.4" }, /* submission's */
	{ HELO "MAIL FROM:<x@y.test> AUTH=<>\r\n", "250 555:5.5.4" },
	{ HELO "MAIL FROM:<x@y.test> REQUIRETLS\r\n", "250 555:5.5.4" },
	{ HELO "MAIL FROM:<x@y.test> =\r\n", "250 501:5.5.4" },
	{ "HELO c.test\r\nMAIL FROM:<x@y.test> SIZE=1\r\n", "250 555:5.5.4" },
	{ HELO "MAIL FROM:<\xc3\xa4@y.test>\r\n", "250 553:5.6.7" },
	{ HELO "MAIL FROM:<\xc3\xa4@y.test> SMTPUTF8\r\n", "250 250:2.1.0" },
};

static void
senders_and_parameters(void **state)
{
	house_check(*state, TEST_MX, senders, ARRAY_LEN(senders));
}

static const struct dialogue recipients[] = {
	{ HELO RCPT, "250 503:5.5.1" },
	{ BEGIN RCPT, "250 250:2.1.0 250:2.1.5 250:2.1.5" },
	{ HELO MAIL "RCPT TO:<nobody@demo.test>\r\n", "250 250:2.1.0 550:5.1.1" },
	{ HELO MAIL "RCPT TO:<alice@elsewhere.test>\r\n", "250 250:2.1.0 550:5.7.1" },
	{ HELO MAIL "RCPT TO:<suspended@demo.test>\r\n", "250 250:2.1.0 450:4.2.1" },
	{ HELO MAIL "RCPT TO:<full@demo.test>\r\n", "250 250:2.1.0 452:4.2.2" },
	{ HELO MAIL "RCPT TO:<small@demo.test>\r\n", "250 250:2.1.0 552:5.2.2" },
	{ HELO MAIL "RCPT TO:<down@demo.test>\r\n", "250 250:2.1.0 451:4.3.0" },
	{ HELO MAIL "RCPT TO:<strange@demo.test>\r\n", "250 250:2.1.0 451:4.3.0" },
	{ HELO MAIL "RCPT TO:<invalid@demo.test>\r\n", "250 250:2.1.0 501:5.1.3" },
	{ HELO MAIL "RCPT TO:<Postmaster>\r\n", "250 250:2.1.0 250:2.1.5" },
	{ HELO MAIL "RCPT TO:<@a.test,@b.test:alice@demo.test>\r\n", "250 250:2.1.0 250:2.1.5" },
	{ HELO MAIL "RCPT TO:alice@demo.test\r\nRCPT TO:<>\r\nRCPT FROM:<a@b.test>\r\n",
	    "250 250:2.1.0 501:5.1.3 501:5.1.3 501:5.5.4" },
	{ HELO MAIL "RCPT TO:<alice@demo.test> NOTIFY=NEVER\r\n", "250 250:2.1.0 250:2.1.5" },
	{ HELO MAIL "RCPT TO:<alice@demo.test> NOTIFY=ALL\r\n", "250 250:2.1.0 501:5.5.4" },
	{ HELO MAIL "RCPT TO:<alice@demo.test> NOTICE\r\n", "250 250:2.1.0 555:5.5.4" },
	{ HELO MAIL "RCPT TO:<\xc3\xa4@demo.test>\r\n", "250 250:2.1.0 553:5.6.7" },
	{ HELO "MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<\xc3\xa4@demo.test>\r\n",
	    "250 250:2.1.0 550:5.1.1" },
};

static void
recipients_and_verdicts(void **state)
{
	house_check(*state, TEST_MX, recipients, ARRAY_LEN(recipients));
}

static const struct dialogue lines[] = {
	{ "NOOP\nNOOP\r\nNOOP\r\n", "500:5.5.2 250:2.0.0" },
	{ "NOOP\rNOOP\r\nNOOP\r\n", "500:5.5.2 250:2.0.0" },
	{ "NOOP\r\r\nNOOP\r\n", "500:5.5.2 250:2.0.0" },
	{ "\nNOOP\r\nNOOP\r\n", "500:5.5.2 250:2.0.0" },
	{ HELO "MAIL FROM:<x@y.test>\nRCPT TO:<alice@demo.test>\r\n" RCPT,
	    "250 500:5.5.2 503:5.5.1" },
	{ "NOOP", "" }, /* not a whole line: not a command */
};

static void
lines_end_with_both(void **state)
{
	house_check(*state, TEST_MX, lines, ARRAY_LEN(lines));
}

static void
long_lines(void **state)
{
	struct buffer script = BUFFER_INIT;

	buffer_addf(&script, "NOOP %02042d\r\nNOOP\r\n", 0); /* 2,047 octets */
	buffer_addf(&script, "NOOP %02043d\r\nNOOP\r\n", 0);
	buffer_addf(&script, "NOOP %02044d\r\nNOOP\r\n", 0); /* 2,049 */
	buffer_addf(&script, "NOOP %040000d\r\nNOOP\r\n", 0);
	assert_string_equal(house_codes(*state, TEST_MX, buffer_text(&script)),
	    "250:2.0.0 250:2.0.0 250:2.0.0 250:2.0.0 500:5.5.2 250:2.0.0 500:5.5.2 250:2.0.0");
	buffer_done(&script);
}

/* ---- TLS, time, pipelining ---- */

static void
starttls_is_offered_where_it_is_there(void **state)
{
	struct house *h = *state;
	struct text out = house_talk(h, TEST_MX, TEXT(HELO "STARTTLS\r\n"));

	assert_true(text_find(out, TEXT("250-STARTTLS\r\n"), 0) == out.len);
	assert_string_equal(house_codes(h, TEST_MX, TEXT(HELO "STARTTLS\r\n")), "250 502:5.5.1");
	h->listener.tls = TLS_STARTTLS;
	out = house_talk(h, TEST_MX, TEXT(HELO));
	assert_true(text_find(out, TEXT("250-STARTTLS\r\n"), 0) < out.len);
	/* The house has no certificate. */
	assert_string_equal(house_codes(h, TEST_MX, TEXT(HELO "STARTTLS x\r\nSTARTTLS\r\n")),
	    "250 501:5.5.4 454:4.7.0");
	h->listener.tls = TLS_NONE;
}

static void
nothing_may_stand_behind_starttls(void **state)
{
	struct house *h = *state;

	h->listener.tls = TLS_STARTTLS;
	assert_string_equal(
	    house_codes(h, TEST_MX, TEXT(HELO "STARTTLS\r\n" MAIL RCPT)), "250 503:5.5.1");
	assert_string_equal(house_codes(h, TEST_MX, TEXT(HELO "STARTTLS\r\nX")), "250 503:5.5.1");
	h->listener.tls = TLS_NONE;
}

static void
a_session_forgets_all_for_tls(void **state)
{
	struct house *h = *state;
	struct smtp_session *x = house_session(h, TEST_MX, TEXT(BEGIN));

	house_run(h, x);
	assert_true(x->tx.open);
	smtp_session_reset(x);
	assert_false(x->tx.open);
	assert_int_equal(x->tx.recipients.count, 0);
	assert_int_equal(smtp_helo(x).len, 0);
	assert_false(x->esmtp);
	house_end(h, x);
}

static void
ehlo_offers_what_works(void **state)
{
	struct text out = house_talk(*state, TEST_MX, TEXT(HELO));

	assert_text(out, "220 mail.demo.test ESMTP Mailstead\r\n"
			 "250-mail.demo.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
			 "250-CHUNKING\r\n250-BINARYMIME\r\n250-DSN\r\n250-VRFY\r\n250-HELP\r\n250-"
			 "SIZE 65536\r\n"
			 "250-LIMITS MAILMAX=10000 RCPTMAX=1000\r\n"
			 "250 ENHANCEDSTATUSCODES\r\n");
}

/* A session of two ends of a socket: what comes when. */
static void
strangers_wait_for_the_greeting(void **state)
{
	struct house *h = *state;
	struct smtp_session *x = house_socket_session(h, TEST_MX, "192.0.2.1");
	int64_t talked = metric_get(METRIC_SMTP_PREGREET);

	clock_set_for_test(-1, CLOCK_HOUR);
	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	assert_text(house_heard(h, x), "");
	assert_int_equal(x->session.park_until, CLOCK_HOUR + setting(SET_SMTP_GREET_DELAY));
	assert_int_equal(house_wake(h, x, WAKE_EVENT), NEXT_PARK);
	assert_text(house_heard(h, x), "");
	clock_set_for_test(-1, x->session.park_until);
	assert_int_equal(house_wake(h, x, WAKE_TIMER), NEXT_PARK);
	assert_text(house_heard(h, x), "220 mail.demo.test ESMTP Mailstead\r\n");
	house_end(h, x);

	/* The second time it is let in at once. */
	x = house_socket_session(h, TEST_MX, "192.0.2.1");
	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	assert_text(house_heard(h, x), "220 mail.demo.test ESMTP Mailstead\r\n");
	house_end(h, x);
	assert_int_equal(metric_get(METRIC_SMTP_PREGREET), talked);
	clock_set_for_test(-1, -1);
}

static void
who_talks_first_is_refused(void **state)
{
	struct house *h = *state;

	for (int how = 0; how < 3; how++) {
		struct smtp_session *x = house_socket_session(h, TEST_MX, "192.0.2.2");
		int64_t talked = metric_get(METRIC_SMTP_PREGREET);

		assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
		house_say(h, x, TEXT(HELO));
		if (how == 0) /* the runtime reads before it runs the session */
			assert_ok(stream_fill_now(&x->session.stream));
		assert_int_equal(house_wake(h, x, how == 1 ? WAKE_TIMER : WAKE_INPUT), NEXT_CLOSE);
		assert_true(text_starts(house_heard(h, x), TEXT("554 5.5.1 ")));
		assert_int_equal(metric_get(METRIC_SMTP_PREGREET), talked + 1);
		house_end(h, x);
	}
}

static void
lmtp_is_for_its_peers(void **state)
{
	struct house *h = *state;
	struct smtp_session *x = house_socket_session(h, TEST_LMTP, "192.0.2.1");

	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_CLOSE);
	assert_true(text_starts(house_heard(h, x), TEXT("554 5.7.1 ")));
	house_end(h, x);
	house_set("smtp.lmtp_peers", "2001:db8::/32 192.0.2.0/24");
	x = house_socket_session(h, TEST_LMTP, "192.0.2.1");
	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	assert_text(house_heard(h, x), "220 mail.demo.test LMTP Mailstead\r\n");
	house_end(h, x);
	house_set("smtp.lmtp_peers", "");
}

static void
half_a_line_does_not_win_time(void **state)
{
	struct house *h = *state;
	struct smtp_session *x = house_socket_session(h, TEST_MX, "127.0.0.1");
	int64_t timeout = setting(SET_SMTP_COMMAND_TIMEOUT);

	clock_set_for_test(-1, CLOCK_HOUR);
	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	assert_int_equal(x->session.park_until, CLOCK_HOUR + timeout);
	clock_set_for_test(-1, CLOCK_HOUR + CLOCK_SECOND);
	house_say(h, x, TEXT("NO"));
	assert_int_equal(house_wake(h, x, WAKE_INPUT), NEXT_PARK);
	assert_int_equal(x->session.park_until, CLOCK_HOUR + timeout);
	house_say(h, x, TEXT("OP\r\n"));
	assert_int_equal(house_wake(h, x, WAKE_INPUT), NEXT_PARK);
	assert_int_equal(x->session.park_until, CLOCK_HOUR + CLOCK_SECOND + timeout);
	clock_set_for_test(-1, x->session.park_until);
	(void)house_heard(h, x);
	assert_int_equal(house_wake(h, x, WAKE_TIMER), NEXT_CLOSE);
	assert_true(text_starts(house_heard(h, x), TEXT("421 4.4.2 ")));
	house_end(h, x);
	clock_set_for_test(-1, -1);
}

static void
a_stop_says_goodbye(void **state)
{
	struct house *h = *state;
	struct smtp_session *x = house_socket_session(h, TEST_MX, "127.0.0.1");

	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	(void)house_heard(h, x);
	assert_int_equal(house_wake(h, x, WAKE_STOP), NEXT_CLOSE);
	assert_true(text_starts(house_heard(h, x), TEXT("421 4.3.2 mail.demo.test ")));
	house_end(h, x);
}

/* RFC 2920 3.2: the replies to a group leave together. */
static void
a_group_is_answered_at_once(void **state)
{
	struct house *h = *state;
	struct smtp_session *x = house_socket_session(h, TEST_MX, "127.0.0.1");

	assert_int_equal(x->session.class->run(&x->session, WAKE_START), NEXT_PARK);
	house_say(h, x, TEXT(BEGIN));
	assert_int_equal(x->session.class->run(&x->session, WAKE_INPUT), NEXT_PARK);
	assert_text(house_heard(h, x), ""); /* nothing was flushed by the commands */
	assert_ok(stream_flush(&x->session.stream));
	assert_true(text_ends(house_heard(h, x), TEXT("250 2.1.5 Recipient accepted\r\n")));
	house_end(h, x);
}

static enum next
hear_and_say(struct house *h, struct smtp_session *x, struct text words, const char *end)
{
	enum next next;

	house_say(h, x, words);
	next = house_wake(h, x, WAKE_INPUT);
	assert_true(text_ends(house_heard(h, x), text_of(end)));
	return next;
}

/* However slowly a message comes, no thread waits for it. */
static void
half_a_message_parks(void **state)
{
	static const char tail[] = "\r\n.\r\nNOOP\r\n";
	struct house *h = *state;
	struct smtp_session *x = house_socket_session(h, TEST_MX, "127.0.0.1");
	unsigned before = house_delivered(h);

	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	assert_int_equal(
	    hear_and_say(h, x, TEXT(BEGIN "DATA\r\nSubject: x\r\n\r\nbo"), "a line of its own\r\n"),
	    NEXT_PARK);
	assert_int_equal(hear_and_say(h, x, TEXT("dy"), ""), NEXT_PARK);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(house_delivered(h), before);
		assert_int_equal(
		    hear_and_say(h, x, (struct text){ tail + i, 1 }, i < 4 ? "" : "\r\n"),
		    NEXT_PARK);
	}
	assert_int_equal(house_delivered(h), before + 1);
	assert_text(buffer_text(&h->last.message), "Subject: x\r\n\r\nbody\r\n");
	assert_int_equal(
	    hear_and_say(h, x, (struct text){ tail + 5, sizeof(tail) - 6 }, "\r\n"), NEXT_PARK);
	house_end(h, x);
}

static void
half_a_chunk_parks(void **state)
{
	struct house *h = *state;
	struct smtp_session *x = house_socket_session(h, TEST_MX, "127.0.0.1");

	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	assert_int_equal(
	    hear_and_say(h, x, TEXT(BEGIN "BDAT 6 LAST\r\nQUI"), "Recipient accepted\r\n"),
	    NEXT_PARK);
	assert_int_equal(hear_and_say(h, x, TEXT("T\r"), ""), NEXT_PARK);
	assert_int_equal(hear_and_say(h, x, TEXT("\nQUIT\r\n"), "\r\n"), NEXT_CLOSE);
	assert_text(buffer_text(&h->last.message), "QUIT\r\n");
	house_end(h, x);
}

/* Its wait and its rate have limits (RFC 5321 4.5.3.2.5): here 3 minutes
 * between pieces, and 100 octets a second after the first ten. */
static void
a_slow_message_is_given_up(void **state)
{
	struct house *h = *state;
	struct smtp_session *x = house_socket_session(h, TEST_MX, "127.0.0.1");

	clock_set_for_test(-1, CLOCK_HOUR);
	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	assert_int_equal(hear_and_say(h, x, TEXT(BEGIN "DATA\r\n"), "\r\n"), NEXT_PARK);
	assert_int_equal(x->session.park_until, CLOCK_HOUR + 10 * CLOCK_SECOND);
	clock_set_for_test(-1, CLOCK_HOUR + 9 * CLOCK_SECOND);
	for (int i = 0; i < 20; i++) {
		house_say(h, x,
		    TEXT("0123456789012345678901234567890123456789012345678901234567"
			 "890123456789012345678901234567890123456789\r\n"));
		assert_int_equal(house_wake(h, x, WAKE_INPUT), NEXT_PARK);
	}
	assert_int_equal(x->session.park_until, CLOCK_HOUR + 20 * CLOCK_SECOND);
	clock_set_for_test(-1, CLOCK_HOUR + 20 * CLOCK_SECOND);
	assert_int_equal(house_wake(h, x, WAKE_TIMER), NEXT_CLOSE);
	assert_true(text_starts(house_heard(h, x), TEXT("421 4.4.2 ")));
	clock_set_for_test(-1, -1);
	house_end(h, x);
}

/* Who has begun to send when the service stops may end it. */
static void
a_stop_lets_a_message_end(void **state)
{
	struct house *h = *state;
	struct smtp_session *x = house_socket_session(h, TEST_MX, "127.0.0.1");
	unsigned before = house_delivered(h);
	struct text heard;

	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	(void)hear_and_say(h, x, TEXT(BEGIN "DATA\r\nSubject: x\r\n\r\nbo"), "\r\n");
	house_say(h, x, TEXT("dy\r\n.\r\n"));
	assert_int_equal(house_wake(h, x, WAKE_STOP), NEXT_CLOSE);
	assert_int_equal(house_delivered(h), before + 1);
	heard = house_heard(h, x);
	assert_true(text_starts(heard, TEXT("250 2.0.0 ")));
	assert_true(text_find(heard, TEXT("421 4.3.2"), 0) < heard.len);
	house_end(h, x);
}

/* A rewritten sender is there for those who tell of a failure (RFC 5321 6.1). */
static void
rewritten_senders_get_bounces_alone(void **state)
{
	struct house *h = *state;

	assert_string_equal(house_codes(h, TEST_MX,
				TEXT(HELO "MAIL FROM:<>\r\n" TO("SRS0=abcdef=aa=far.test=bob"))),
	    "250 250:2.1.0 250:2.1.5");
	assert_string_equal(
	    house_codes(h, TEST_MX, TEXT(HELO MAIL TO("SRS0=abcdef=aa=far.test=bob"))),
	    "250 250:2.1.0 550:5.1.1");
}

/* The directory is asked once for a burst, and again when it has changed. */
static void
accepted_recipients_are_known_for_a_moment(void **state)
{
	struct house *h = *state;
	unsigned asked;

	h->server.known = smtp_known_new(10);
	smtp_known_changed(h->server.known);
	asked = atomic_load(&h->asked);
	assert_string_equal(
	    house_codes(h, TEST_MX, TEXT(BEGIN RCPT RCPT)), OK_TO_DATA "250:2.1.5 250:2.1.5");
	assert_int_equal(atomic_load(&h->asked), asked + 1);
	smtp_known_changed(h->server.known);
	assert_string_equal(house_codes(h, TEST_MX, TEXT(BEGIN)), "250 250:2.1.0 250:2.1.5");
	assert_int_equal(atomic_load(&h->asked), asked + 2);
	/* Never who was refused. */
	assert_string_equal(house_codes(h, TEST_MX, TEXT(HELO MAIL TO("full") TO("full"))),
	    "250 250:2.1.0 452:4.2.2 452:4.2.2");
	assert_int_equal(atomic_load(&h->asked), asked + 4);
	/* Nor what leads elsewhere: each message must tell intake. */
	(void)house_codes(h, TEST_MX, TEXT(HELO MAIL TO("forward") TO("forward")));
	assert_int_equal(atomic_load(&h->asked), asked + 6);
	house_set("smtp.recipient_remember", "0");
	assert_string_equal(house_codes(h, TEST_MX, TEXT(BEGIN)), "250 250:2.1.0 250:2.1.5");
	assert_int_equal(atomic_load(&h->asked), asked + 7);
	house_set("smtp.recipient_remember", "");
	smtp_known_free(h->server.known);
	h->server.known = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_that_carry_no_mail),
		cmocka_unit_test(senders_and_parameters),
		cmocka_unit_test(recipients_and_verdicts),
		cmocka_unit_test(lines_end_with_both),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(starttls_is_offered_where_it_is_there),
		cmocka_unit_test(nothing_may_stand_behind_starttls),
		cmocka_unit_test(a_session_forgets_all_for_tls),
		cmocka_unit_test(ehlo_offers_what_works),
		cmocka_unit_test(strangers_wait_for_the_greeting),
		cmocka_unit_test(who_talks_first_is_refused),
		cmocka_unit_test(lmtp_is_for_its_peers),
		cmocka_unit_test(half_a_line_does_not_win_time),
		cmocka_unit_test(a_stop_says_goodbye),
		cmocka_unit_test(a_group_is_answered_at_once),
		cmocka_unit_test(half_a_message_parks),
		cmocka_unit_test(half_a_chunk_parks),
		cmocka_unit_test(a_slow_message_is_given_up),
		cmocka_unit_test(a_stop_lets_a_message_end),
		cmocka_unit_test(rewritten_senders_get_bounces_alone),
		cmocka_unit_test(accepted_recipients_are_known_for_a_moment),
	};

	return cmocka_run_group_tests(tests, house_setup, house_teardown);
}
