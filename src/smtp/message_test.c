/* SPDX-License-Identifier: ISC */
/*
 * Messages: DATA, BDAT, smugglers, LMTP's replies, what intake gets and what becomes
 * of its answers (RFC 5321 4.1.1.4, RFC 3030, RFC 2033).
 */
#include <signal.h>
#include <sys/resource.h>

#include "smtp/test_house.h"

#include "base/clock.h"
#include "runtime/metrics.h"

static const struct dialogue data[] = {
	{ HELO "DATA\r\n", "250 503:5.5.1" },
	{ HELO MAIL "DATA\r\n", "250 250:2.1.0 503:5.5.1" },
	{ HELO MAIL "RCPT TO:<nobody@demo.test>\r\nDATA\r\n", "250 250:2.1.0 550:5.1.1 554:5.5.1" },
	{ BEGIN "DATA now\r\n", OK_TO_DATA "501:5.5.4" },
	{ BEGIN "DATA\r\n" MESSAGE QUIT, OK_TO_DATA "354 250:2.0.0 221:2.0.0" },
	{ BEGIN "DATA\r\n.\r\n" QUIT, OK_TO_DATA "354 250:2.0.0 221:2.0.0" },
	/* The transaction is over. */
	{ BEGIN "DATA\r\n" MESSAGE "DATA\r\n" MAIL,
	    OK_TO_DATA "354 250:2.0.0 503:5.5.1 250:2.1.0" },
	/* The client goes in the middle. */
	{ BEGIN "DATA\r\nabc\r\n.", OK_TO_DATA "354" },
	{ HELO "MAIL FROM:<> BODY=BINARYMIME\r\n" RCPT "DATA\r\n", OK_TO_DATA "503:5.5.1" },
	{ BEGIN "DATA\r\na\nb\r\n.\r\n" QUIT, OK_TO_DATA "354 550:5.6.11 221:2.0.0" },
	{ BEGIN "DATA\r\na\rb\r\n.\r\n" QUIT, OK_TO_DATA "354 550:5.6.11 221:2.0.0" },
};

static void
messages_by_data(void **state)
{
	house_check(*state, TEST_MX, data, ARRAY_LEN(data));
}

/* Every sequence that some server took for the end of a message: one refusal
 * at the true end, and what stands behind the false one is never a command. */
static void
smuggling(void **state)
{
	static const char *const ends[] = { "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n",
		"\r\n.\r", "\n.\r", "\r.\n", "\r\n\r.\r\n", "\n\n.\r\n", "\r\n.\r\r\n",
		"\r\r\n.\r\r\n", "\n\r\n.\n", "\r\n\n.\r\n" };
	struct house *h = *state;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct buffer script = BUFFER_INIT;
		unsigned before = house_delivered(h);

		buffer_addf(&script,
		    BEGIN "DATA\r\nSubject: a\r\n\r\nfirst%s"
			  "MAIL FROM:<evil@y.test>\r\nRCPT TO:<bob@demo.test>\r\nDATA\r\n"
			  "Subject: b\r\n\r\nsecond\r\n.\r\n" QUIT,
		    ends[i]);
		assert_string_equal(house_codes(h, TEST_MX, buffer_text(&script)),
		    OK_TO_DATA "354 550:5.6.11 221:2.0.0");
		assert_int_equal(house_delivered(h), before);
		buffer_done(&script);
	}
}

static const struct dialogue chunks[] = {
	{ BEGIN "BDAT 5 LAST\r\nabcde" QUIT, OK_TO_DATA "250:2.0.0 221:2.0.0" },
	{ BEGIN "BDAT 2\r\nabBDAT 3 LAST\r\ncde" QUIT, OK_TO_DATA "250:2.0.0 250:2.0.0 221:2.0.0" },
	{ BEGIN "BDAT 5\r\nab\r\n.BDAT 0 LAST\r\n" QUIT,
	    OK_TO_DATA "250:2.0.0 250:2.0.0 221:2.0.0" },
	{ BEGIN "BDAT 0 LAST\r\n" QUIT, OK_TO_DATA "250:2.0.0 221:2.0.0" },
	/* Once begun, nothing else. */
	{ BEGIN "BDAT 1\r\na" MAIL RCPT "DATA\r\nRSET\r\n" MAIL,
	    OK_TO_DATA "250:2.0.0 503:5.5.1 503:5.5.1 503:5.5.1 250:2.0.0 250:2.1.0" },
	/* The chunk of a refused BDAT is no command. */
	{ "BDAT 6\r\nQUIT\r\nNOOP\r\n", "503:5.5.1 250:2.0.0" },
	{ HELO "BDAT 6\r\nQUIT\r\nNOOP\r\n", "250 503:5.5.1 250:2.0.0" },
	{ HELO MAIL "RCPT TO:<nobody@demo.test>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
	    "250 250:2.1.0 550:5.1.1 554:5.5.1 250:2.0.0" },
	/* What cannot be counted ends the session. */
	{ BEGIN "BDAT\r\n" QUIT, OK_TO_DATA "501:5.5.4" },
	{ BEGIN "BDAT x\r\n" QUIT, OK_TO_DATA "501:5.5.4" },
	{ BEGIN "BDAT 5 FIRST\r\n" QUIT, OK_TO_DATA "501:5.5.4" },
	{ BEGIN "BDAT 5LAST\r\n" QUIT, OK_TO_DATA "501:5.5.4" },
	{ BEGIN "BDAT 99999999999999999999\r\n" QUIT, OK_TO_DATA "501:5.5.4" },
	{ BEGIN "BDAT 9999999\r\n" QUIT, OK_TO_DATA "552:5.3.4" },
	/* Bare newlines, also across chunks; binary may have them. */
	{ BEGIN "BDAT 3 LAST\r\na\nb" QUIT, OK_TO_DATA "550:5.6.11 221:2.0.0" },
	{ BEGIN "BDAT 2\r\na\rBDAT 2 LAST\r\n\nb" QUIT,
	    OK_TO_DATA "250:2.0.0 250:2.0.0 221:2.0.0" },
	{ BEGIN "BDAT 2\r\na\rBDAT 2 LAST\r\nbb" QUIT,
	    OK_TO_DATA "250:2.0.0 550:5.6.11 221:2.0.0" },
	{ BEGIN "BDAT 2 LAST\r\na\r" QUIT, OK_TO_DATA "550:5.6.11 221:2.0.0" },
	{ HELO "MAIL FROM:<> BODY=BINARYMIME\r\n" RCPT "BDAT 5 LAST\r\na\nb\rc" QUIT,
	    OK_TO_DATA "250:2.0.0 221:2.0.0" },
	/* After a failure: nothing until RSET. */
	{ BEGIN "BDAT 3\r\na\nbBDAT 1\r\ncBDAT 1 LAST\r\ndRSET\r\n" MAIL,
	    OK_TO_DATA "550:5.6.11 503:5.5.1 503:5.5.1 250:2.0.0 250:2.1.0" },
	/* The client goes in the middle. */
	{ BEGIN "BDAT 10 LAST\r\nabc", "250 250:2.1.0 250:2.1.5" },
};

static void
messages_by_chunks(void **state)
{
	house_check(*state, TEST_MX, chunks, ARRAY_LEN(chunks));
}

static const struct dialogue lmtp[] = {
	{ HELO "HELO a.test\r\n", "500:5.5.1 500:5.5.1" },
	{ "LHLO client.test\r\n", "250" },
	{ "LHLO c.test\r\n" MAIL RCPT "DATA\r\n" MESSAGE QUIT,
	    OK_TO_DATA "354 250:2.0.0 221:2.0.0" },
	{ "LHLO c.test\r\n" MAIL RCPT "RCPT TO:<late-gone@demo.test>\r\n"
	  "RCPT TO:<nobody@demo.test>\r\nRCPT TO:<late-full@demo.test>\r\nDATA\r\n" MESSAGE QUIT,
	    OK_TO_DATA
	    "250:2.1.5 550:5.1.1 250:2.1.5 354 250:2.0.0 550:5.1.1 452:4.2.2 221:2.0.0" },
	{ "LHLO c.test\r\n" MAIL RCPT RCPT "BDAT 1 LAST\r\nx" QUIT,
	    OK_TO_DATA "250:2.1.5 250:2.0.0 250:2.0.0 221:2.0.0" },
	{ "LHLO c.test\r\n" MAIL RCPT RCPT "DATA\r\na\nb\r\n.\r\n" QUIT,
	    OK_TO_DATA "250:2.1.5 354 550:5.6.11 550:5.6.11 221:2.0.0" },
	{ "LHLO c.test\r\n" MAIL "RCPT TO:<nobody@demo.test>\r\nDATA\r\n",
	    "250 250:2.1.0 550:5.1.1 503:5.5.1" },
};

static void
lmtp_answers_each(void **state)
{
	house_check(*state, TEST_LMTP, lmtp, ARRAY_LEN(lmtp));
}

static void
lmtp_names_the_recipient(void **state)
{
	struct text out = house_talk(*state, TEST_LMTP,
	    TEXT("LHLO c.test\r\n" MAIL RCPT "RCPT TO:<late-gone@demo.test>\r\nDATA\r\n" MESSAGE));

	assert_true(text_find(out, TEXT("250 2.0.0 <alice@demo.test> Delivered as "), 0) < out.len);
	assert_true(text_find(out, TEXT("550 5.1.1 <late-gone@demo.test> "), 0) < out.len);
}

#define TWO_TO_DATA "250 250:2.1.0 250:2.1.5 250:2.1.5 354 "
#define SEND(from, to) HELO "MAIL FROM:<" from "@y.test>\r\n" to "DATA\r\n" MESSAGE

static const struct dialogue outcomes[] = {
	/* The call fails. */
	{ SEND("unavailable", TO("alice")), OK_TO_DATA "354 451:4.3.0" },
	{ SEND("timeout", TO("alice")), OK_TO_DATA "354 451:4.3.0" },
	{ SEND("full", TO("alice")), OK_TO_DATA "354 452:4.3.1" },
	{ SEND("ambiguous", TO("alice")), OK_TO_DATA "354 451:4.3.0" },
	{ SEND("limit", TO("alice")), OK_TO_DATA "354 552:5.3.4" },
	{ SEND("invalid", TO("alice")), OK_TO_DATA "354 554:5.6.0" },
	{ SEND("denied", TO("alice")), OK_TO_DATA "354 550:5.7.1" },
	{ SEND("miscounted", TO("alice") TO("bob")), TWO_TO_DATA "451:4.3.0" },
	/* All recipients alike, or the one that may be tried again. */
	{ SEND("x", TO("late-gone")), OK_TO_DATA "354 550:5.1.1" },
	{ SEND("x", TO("late-full")), OK_TO_DATA "354 452:4.2.2" },
	{ SEND("x", TO("late-denied")), OK_TO_DATA "354 550:5.7.1" },
	{ SEND("x", TO("late-gone") TO("late-down")), TWO_TO_DATA "451:4.3.0" },
	{ SEND("x", TO("late-gone") TO("late-denied")), TWO_TO_DATA "550:5.1.1" },
	/* Some of them. */
	{ SEND("x", TO("alice") TO("late-down")), TWO_TO_DATA "451:4.3.0" },
	{ SEND("x", TO("alice") TO("late-gone")), TWO_TO_DATA "554:5.0.0" },
	{ SEND("x", TO("late-gone") TO("alice")), TWO_TO_DATA "554:5.0.0" },
	{ SEND("x", TO("alice") TO("bob")), TWO_TO_DATA "250:2.0.0" },
};

static void
outcomes_of_intake(void **state)
{
	house_check(*state, TEST_MX, outcomes, ARRAY_LEN(outcomes));
}

static void
words_of_intake_reach_the_client(void **state)
{
	struct text out = house_talk(*state, TEST_MX, TEXT(SEND("x", TO("late-denied"))));

	assert_true(text_find(out, TEXT("550 5.7.1 Not on a Sunday\r\n"), 0) < out.len);
	out = house_talk(*state, TEST_MX, TEXT(SEND("x", TO("alice") TO("late-gone"))));
	assert_true(
	    text_find(out, TEXT("Not delivered to <late-gone@demo.test>; the other recipients"),
		0) < out.len);
}

/* The system refuses memory for a message: that is no full disk. What is over
 * 64 KiB is in a memory file, which this limit ends. */
static void
no_memory_for_a_message(void **state)
{
	static const unsigned limits[] = { 32u << 10, 96u << 10 }; /* while it comes; at its end */
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	struct buffer script = BUFFER_INIT;
	struct house *h = *state;
	unsigned before = house_delivered(h);

	buffer_addf(&script, BEGIN "DATA\r\nSubject: a\r\n\r\n");
	while (script.len < 120u << 10)
		buffer_addf(&script, "%064d\r\n", 0);
	buffer_addf(&script, ".\r\n" QUIT);
	house_set("smtp.message_size_max", "1 MiB");
	(void)signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		const struct rlimit limit = { limits[i], RLIM_INFINITY };

		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_string_equal(house_codes(h, TEST_MX, buffer_text(&script)),
		    OK_TO_DATA "354 451:4.3.0 221:2.0.0");
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	}
	assert_int_equal(house_delivered(h), before);
	assert_string_equal(
	    house_codes(h, TEST_MX, buffer_text(&script)), OK_TO_DATA "354 250:2.0.0 221:2.0.0");
	house_set("smtp.message_size_max", "64 KiB");
	buffer_done(&script);
}

/* ---- what reaches intake ---- */

static void
the_message_arrives_as_it_was(void **state)
{
	struct house *h = *state;
	const struct delivery *d = &h->last;

	(void)house_talk(h, TEST_MX,
	    TEXT("EHLO c_1.test\r\nMAIL FROM:<X@y.test> SIZE=10\r\n" RCPT TO(
		"bob") "DATA\r\nA: b\r\n\r\n..x\r\n...\r\nnul\0\377\r\n.\r\n"));
	assert_text(buffer_text(&d->message), "A: b\r\n\r\n.x\r\n..\r\nnul\0\377\r\n");
	assert_text(buffer_text(&d->sender), "X@y.test");
	assert_text(buffer_text(&d->recipients), "alice@demo.test bob@demo.test ");
	assert_text(buffer_text(&d->helo), "c_1.test");
	assert_true(d->op != 0);
	(void)house_talk(h, TEST_MX,
	    TEXT(HELO "MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nBDAT 3\r\nab.BDAT 2 LAST\r\n\r\n"));
	assert_text(buffer_text(&d->message), "ab.\r\n");
	assert_text(buffer_text(&d->sender), "");
	assert_text(buffer_text(&d->recipients), "postmaster@demo.test ");
}

static void
trace_of_one_recipient(void **state)
{
	struct house *h = *state;

	clock_set_for_test(INT64_C(1700000000) * CLOCK_SECOND, -1);
	random_seed_for_test(1);
	struct text out = house_talk(h, TEST_MX, TEXT(BEGIN "DATA\r\n" MESSAGE));
	size_t at = text_find(out, TEXT("Delivered as "), 0);
	struct text id = text_part(out, at + 13, at + 26);
	struct buffer want = BUFFER_INIT;

	buffer_addf(&want,
	    "Received: from client.test ([127.0.0.1])\r\n"
	    "\tby mail.demo.test with ESMTP id %.*s\r\n"
	    "\tfor <alice@demo.test>;\r\n"
	    "\tTue, 14 Nov 2023 22:13:20 +0000\r\n",
	    TEXT_ARG(id));
	assert_string_equal(buffer_string(&h->last.trace), buffer_string(&want));
	assert_string_equal(buffer_string(&h->last.came), "ESMTP from client.test [127.0.0.1]");
	random_seed_for_test(0);
	clock_set_for_test(-1, -1);
	buffer_done(&want);
}

/* Who is refused after RCPT is in the trace, with the reply; the store tells of
 * the others. */
static void
the_trace_is_told_of_who_is_refused(void **state)
{
	struct house *h = *state;
	struct arena a = ARENA_INIT;
	struct trace_row row;

	(void)house_talk(h, TEST_LMTP,
	    TEXT("LHLO client.test\r\nMAIL FROM:<told@y.test>\r\nRCPT TO:<late-full@demo.test>\r\n"
		 "RCPT TO:<alice@demo.test>\r\nRCPT TO:<late-full@demo.test>\r\nDATA\r\n" MESSAGE));
	assert_ok(trace_row_unpack(house_await_told(h, TEXT("told@y.test")), &a, &row));
	assert_int_equal(row.count, 2);
	assert_int_equal(row.at[0].what, TRACE_REFUSED);
	assert_true(row.at[0].has_sender);
	assert_text(row.at[0].sender, "told@y.test");
	assert_text(row.at[0].facts, "LMTP from client.test [127.0.0.1]");
	assert_int_equal(row.at[0].recipients.count, 1);
	assert_text(row.at[0].recipients.at[0], "late-full@demo.test");
	assert_true(text_starts(row.at[0].words, TEXT("452 4.2.2 ")));
	assert_true(row.at[0].size > 0);
	arena_done(&a);
}

/* RCPT refusals are told of when the transaction ends, without a message too, and
 * a message takes them along; who answers the same words is one event. */
static void
the_trace_is_told_of_refused_recipients(void **state)
{
	struct house *h = *state;
	struct arena a = ARENA_INIT;
	struct trace_row row;

	(void)house_talk(h, TEST_MX,
	    TEXT(HELO "MAIL FROM:<none@y.test>\r\nRCPT TO:<nobody@demo.test>\r\n"
		      "RCPT TO:<noone@demo.test>\r\nRCPT TO:<suspended@demo.test>\r\nRSET\r\n"));
	assert_ok(trace_row_unpack(house_await_told(h, TEXT("none@y.test")), &a, &row));
	assert_int_equal(row.count, 2);
	assert_int_equal(row.at[0].what, TRACE_REFUSED);
	assert_text(row.at[0].sender, "none@y.test");
	assert_text(row.at[0].facts, "ESMTP from client.test [127.0.0.1]");
	assert_int_equal(row.at[0].recipients.count, 2);
	assert_text(row.at[0].recipients.at[1], "noone@demo.test");
	assert_true(text_starts(row.at[0].words, TEXT("550 5.1.1 ")));
	assert_text(row.at[1].recipients.at[0], "suspended@demo.test");
	(void)house_talk(h, TEST_MX,
	    TEXT(HELO "MAIL FROM:<half@y.test>\r\nRCPT TO:<nobody@demo.test>\r\n" RCPT
		      "DATA\r\n" MESSAGE "QUIT\r\n"));
	assert_ok(trace_row_unpack(house_await_told(h, TEXT("half@y.test")), &a, &row));
	assert_int_equal(row.count, 1);
	assert_text(row.at[0].recipients.at[0], "nobody@demo.test");
	arena_done(&a);
}

/* Nobody fills the trace by being refused. */
static void
what_is_told_is_bounded(void **state)
{
	struct house *h = *state;
	int64_t before = metric_get(METRIC_TRACE_REFUSED_UNTOLD);
	enum setting client;

	CHECK(setting_find(TEXT("trace.refused_client"), &client) == STATUS_OK);
	assert_ok(setting_apply(client, TEXT("1")));
	limits_free(h->server.telling);
	h->server.telling = limits_new(100);
	for (unsigned i = 0; i < 3; i++)
		(void)house_talk(h, TEST_MX,
		    TEXT(HELO "MAIL FROM:<much@y.test>\r\nRCPT TO:<nobody@demo.test>\r\n"));
	assert_int_equal(metric_get(METRIC_TRACE_REFUSED_UNTOLD), before + 2);
	assert_ok(setting_apply(client, TEXT("0")));
	(void)house_talk(
	    h, TEST_MX, TEXT(HELO "MAIL FROM:<much@y.test>\r\nRCPT TO:<nobody@demo.test>\r\n"));
	assert_int_equal(metric_get(METRIC_TRACE_REFUSED_UNTOLD), before + 3);
	assert_ok(setting_apply(client, TEXT_EMPTY));
}

static bool
trace_has(struct house *h, struct text part)
{
	struct text t = buffer_text(&h->last.trace);

	return text_find(t, part, 0) < t.len;
}

static void
trace_tells_the_protocol(void **state)
{
	struct house *h = *state;

	(void)house_talk(h, TEST_MX, TEXT("HELO a.test\r\n" MAIL RCPT "DATA\r\n" MESSAGE));
	assert_true(trace_has(h, TEXT(" with SMTP id ")));
	(void)house_talk(
	    h, TEST_MX, TEXT(HELO "MAIL FROM:<> SMTPUTF8\r\n" RCPT "DATA\r\n" MESSAGE));
	assert_true(trace_has(h, TEXT(" with UTF8SMTP id ")));
	(void)house_talk(h, TEST_LMTP, TEXT("LHLO a.test\r\n" MAIL RCPT "DATA\r\n" MESSAGE));
	assert_true(trace_has(h, TEXT(" with LMTP id ")));
	/* Several recipients are nobody's business. */
	(void)house_talk(h, TEST_MX, TEXT(BEGIN TO("bob") "DATA\r\n" MESSAGE));
	assert_false(trace_has(h, TEXT("for <")));
	/* Nor does a header become an international one by it (RFC 6531 3.7.3). */
	(void)house_talk(h, TEST_MX,
	    TEXT(HELO
		"MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<j\303\274rgen@demo.test>\r\nDATA\r\n" MESSAGE));
	assert_true(trace_has(h, TEXT(" with UTF8SMTP id ")));
	assert_false(trace_has(h, TEXT("for <")));
}

/* RFC 3461 4, RFC 8689 2: what the sender wishes goes on with the message. */
static void
wishes_go_to_intake(void **state)
{
	struct house *h = *state;

	h->tls = true;
	(void)house_talk(h, TEST_MX,
	    TEXT(HELO "MAIL FROM:<x@y.test> RET=HDRS ENVID=a+2Bb REQUIRETLS\r\n"
		      "RCPT TO:<alice@demo.test> NOTIFY=NEVER\r\n"
		      "RCPT TO:<bob@demo.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@z.test\r\n"
		      "DATA\r\n" MESSAGE));
	h->tls = false;
	assert_string_equal(buffer_string(&h->last.wishes),
	    "needs=2 ret=2 envid=a+b forwards=0 1  10 rfc822;b@z.test");
	(void)house_talk(h, TEST_MX, TEXT(BEGIN TO("forward") "DATA\r\n" MESSAGE));
	assert_string_equal(
	    buffer_string(&h->last.wishes), "needs=0 ret=0 envid= forwards=1 0  0 ");
	(void)house_talk(h, TEST_MX, TEXT(BEGIN "DATA\r\n" MESSAGE)); /* the next is another */
	assert_string_equal(buffer_string(&h->last.wishes), "needs=0 ret=0 envid= forwards=0 0 ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wishes_go_to_intake),
		cmocka_unit_test(messages_by_data),
		cmocka_unit_test(smuggling),
		cmocka_unit_test(messages_by_chunks),
		cmocka_unit_test(lmtp_answers_each),
		cmocka_unit_test(lmtp_names_the_recipient),
		cmocka_unit_test(outcomes_of_intake),
		cmocka_unit_test(words_of_intake_reach_the_client),
		cmocka_unit_test(no_memory_for_a_message),
		cmocka_unit_test(the_message_arrives_as_it_was),
		cmocka_unit_test(trace_of_one_recipient),
		cmocka_unit_test(the_trace_is_told_of_who_is_refused),
		cmocka_unit_test(the_trace_is_told_of_refused_recipients),
		cmocka_unit_test(what_is_told_is_bounded),
		cmocka_unit_test(trace_tells_the_protocol),
	};

	return cmocka_run_group_tests(tests, house_setup, house_teardown);
}
