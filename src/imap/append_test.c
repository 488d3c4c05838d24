/* SPDX-License-Identifier: ISC */
/* APPEND: what is stored and what is answered, by RFC section. */
#include "imap/session_testing.h"
#include "runtime/metrics.h"

/* Says octets that hold NUL. */
static void
says_octets(struct talk *t, struct text octets, const char *want)
{
	const char *got = talk_run(t, octets, WAKE_INPUT);

	if (strstr(got, want) == NULL)
		fail_msg("got:\n%s\nwant in it:\n%s", got, want);
}

/* RFC 3516 4.4, RFC 9051 6.3.12, RFC 7888 6: the octets of a literal8 stay as they are. */
static void
a_literal8_keeps_its_octets(void **state)
{
	static const struct text mail = { "Content-Transfer-Encoding: binary\r\n\r\nA\0B\0\r\n",
		43 };
	struct buffer b = BUFFER_INIT;
	struct talk t;
	const char *got;

	sign_in(&t);
	HAS(&t, "a1 CREATE Raw\r\n", "a1 OK");
	buffer_addf(&b, "a2 APPEND Raw (\\Seen) ~{%zu+}\r\n", mail.len);
	buffer_add_text(&b, mail);
	buffer_add_string(&b, "\r\n");
	says_octets(&t, buffer_text(&b), "a2 OK [APPENDUID ");
	HAS(&t, "a3 EXAMINE Raw\r\n", "* 1 EXISTS\r\n");
	buffer_clear(&b);
	buffer_addf(&b, "* 1 FETCH (RFC822.SIZE %zu)\r\na4 OK", mail.len);
	HAS(&t, "a4 FETCH 1 RFC822.SIZE\r\n", buffer_string(&b));
	got = talk_say(&t, "a5 FETCH 1 BINARY.PEEK[1]\r\n");
	assert_true(text_find(buffer_text(&t.out), TEXT("A\0B\0\r\n"), 0) < t.out.len);
	assert_non_null(got);
	/* The client that waits is asked for it; without SP it is no literal8. */
	HAS(&t, "a6 APPEND Nowhere ~{5}\r\n", "a6 NO [TRYCREATE]");
	HAS(&t, "a7 APPEND Raw~{5+}\r\nhello\r\n", "a7 BAD");
	buffer_done(&b);
	talk_end(&t);
}

/* ---- several messages, RFC 3502 ---- */

#define JOE                                                                     \
	"From: Fred Foobar <foobar@Blurdybloop.example>\r\nSubject: afternoon " \
	"meeting\r\n\r\nHello Joe.\r\n"
#define FRED \
	"From: Joe Mooch <mooch@OWaTaGu.siam>\r\nSubject: Re: afternoon meeting\r\n\r\nYes.\r\n"

/* One command or several, with the messages as literals that do not wait:
 * "%" in the words is a message. */
static const char *
sends(struct talk *t, const char *words, const char *const *mail)
{
	struct buffer b = BUFFER_INIT;
	const char *got;

	for (const char *p = words; *p != '\0'; p++) {
		if (*p != '%') {
			buffer_add_byte(&b, *p);
			continue;
		}
		buffer_addf(&b, "{%zu+}\r\n%s", strlen(*mail), *mail);
		mail++;
	}
	got = talk_say(t, buffer_string(&b));
	buffer_done(&b);
	return got;
}

/* RFC 3501 6.3.11; RFC 3502 6.3.11: the example, with APPENDUID of a set (RFC 4315 3). */
static void
two_messages_with_prompts(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	sign_in(&t);
	HAS(&t, "a1 CREATE saved-messages\r\n", "a1 OK");
	/* The next part comes while the command runs; what it holds comes at once. */
	buffer_addf(&b,
	    "A003 APPEND saved-messages (\\Seen) {%zu}\r\n%s (\\Seen $x) "
	    "\" 7-Feb-1994 22:43:04 -0800\" {%zu}\r\n%s\r\n",
	    strlen(JOE), JOE, strlen(FRED), FRED);
	HAS(&t, buffer_string(&b),
	    "+ Send the message\r\n+ Send the message\r\nA003 OK [APPENDUID ");
	assert_non_null(strstr(buffer_string(&t.out), " 1:2] APPEND done\r\n"));
	HAS(&t, "a2 EXAMINE saved-messages\r\n", "* 2 EXISTS\r\n");
	HAS(&t, "a3 FETCH 1:2 (FLAGS INTERNALDATE)\r\n",
	    "* 2 FETCH (FLAGS (\\Seen \\Recent $x) INTERNALDATE \"08-Feb-1994 06:43:04 "
	    "+0000\")\r\n");
	HAS(&t, "a4 FETCH 1 BODY.PEEK[TEXT]\r\n", "Hello Joe.\r\n");
	HAS(&t, "a5 FETCH 2 BODY.PEEK[TEXT]\r\n", "Yes.\r\n");
	HAS(&t, "a6 FETCH 2 ENVELOPE\r\n", "\"Re: afternoon meeting\"");
	buffer_done(&b);
	talk_end(&t);
}

static void
holds(struct talk *t, const char *mailbox, unsigned messages)
{
	struct buffer b = BUFFER_INIT, want = BUFFER_INIT;

	buffer_addf(&b, "s STATUS %s (MESSAGES)\r\n", mailbox);
	buffer_addf(&want, "* STATUS %s (MESSAGES %u)\r\n", mailbox, messages);
	HAS(t, buffer_string(&b), buffer_string(&want));
	buffer_done(&b);
	buffer_done(&want);
}

static void
expect(const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fail_msg("got:\n%s\nwant:\n%s", got, want);
}

static void
several_are_one_commit(void **state)
{
	static const char *const mail[] = { JOE, FRED, MAIL_A };
	struct talk t;
	uint64_t before;

	sign_in(&t);
	HAS(&t, "a1 CREATE Box\r\n", "a1 OK");
	HAS(&t, "a2 SELECT Box\r\n", "a2 OK");
	before = commits();
	assert_non_null(
	    strstr(sends(&t, "a3 APPEND Box (\\Flagged) % (one two) % (two three) %\r\n", mail),
		"* 3 EXISTS\r\n"));
	assert_non_null(strstr(buffer_string(&t.out), "a3 OK [APPENDUID "));
	assert_int_equal(commits() - before, 1);
	HAS(&t, "a4 FETCH 1:3 FLAGS\r\n",
	    "* 1 FETCH (FLAGS (\\Flagged \\Recent))\r\n"
	    "* 2 FETCH (FLAGS (\\Recent one two))\r\n"
	    "* 3 FETCH (FLAGS (\\Recent two three))\r\n");
	talk_end(&t);
}

/* RFC 3502 6.3.11, RFC 3502 7: all of them or none; RFC 7888 4. */
static void
all_or_none(void **state)
{
	static const char *const mail[] = { JOE, FRED, MAIL_A };
	struct talk t;

	sign_in(&t);
	HAS(&t, "a1 CREATE Box\r\n", "a1 OK");
	expect(sends(&t, "a2 APPEND Box % {0+}\r\n\r\na3 NOOP\r\n", mail),
	    "a2 NO [CANNOT] The message is empty\r\na3 OK NOOP done\r\n");
	expect(sends(&t, "a4 APPEND Box % (\\Nonsense) % %\r\na5 NOOP\r\n", mail),
	    "a4 BAD Expected the end of the command behind the message, or another message\r\n"
	    "a5 OK NOOP done\r\n");
	assert_non_null(strstr(sends(&t, "a6 APPEND Box % {99999999999}\r\na7 NOOP\r\n", mail),
	    "a6 NO [TOOBIG] The message is larger than the server takes\r\na7 OK NOOP done\r\n"));
	assert_non_null(
	    strstr(sends(&t, "a8 APPEND Box % {40000000}\r\n", mail), "a8 NO [LIMIT] "));
	assert_non_null(strstr(sends(&t, "a9 APPEND Nowhere % %\r\nb1 NOOP\r\n", mail),
	    "a9 NO [TRYCREATE] There is no such mailbox\r\nb1 OK NOOP done\r\n"));
	assert_non_null(strstr(sends(&t, "b2 APPEND Box % garbage\r\n", mail), "b2 BAD "));
	assert_non_null(strstr(sends(&t, "b3 APPEND Box %(\\Seen) %\r\n", mail), "b3 BAD "));
	/* The client goes away in the middle of the second. */
	(void)sends(&t, "b4 APPEND Box % {500+}\r\nand no more", mail);
	talk_end(&t);
	sign_in(&t);
	holds(&t, "Box", 0);
	talk_end(&t);
}

/* What stands between the messages is bounded as they are. */
static void
many_long_options(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	sign_in(&t);
	HAS(&t, "a1 CREATE Box\r\n", "a1 OK");
	buffer_add_string(&b, "a2 APPEND Box {4+}\r\n\r\nx\n");
	for (unsigned i = 0; i < 500; i++) {
		buffer_add_string(&b, " (k");
		for (unsigned k = 0; k < 5000; k++)
			buffer_add_string(&b, " k");
		buffer_add_string(&b, ") {4+}\r\n\r\nx\n");
	}
	buffer_add_string(&b, "\r\na3 NOOP\r\n");
	expect(talk_run(&t, buffer_text(&b), WAKE_INPUT),
	    "a2 NO [LIMIT] These are more messages than one command can file, file some at a "
	    "time\r\na3 OK NOOP done\r\n");
	holds(&t, "Box", 0);
	buffer_done(&b);
	talk_end(&t);
}

static void
set_quota(uint64_t octets)
{
	struct arena a = ARENA_INIT;
	const struct store_account_set_request q = {
		.address = TEXT("alice@demo.test"), .change = ACCOUNT_QUOTA, .value = octets
	};
	struct store_account_set_reply r;

	assert_ok(store_account_set(house.admin, &q, &a, &r, NULL));
	arena_done(&a);
}

/* RFC 9051 6.3.12, RFC 5530 3: told before the message is sent. */
static void
over_quota(void **state)
{
	static const char *const mail[] = { JOE, FRED, MAIL_A };
	struct talk t;

	sign_in(&t);
	set_quota(strlen(JOE) + strlen(FRED));
	HAS(&t, "a1 APPEND INBOX {2000}\r\n", "a1 NO [OVERQUOTA] ");
	assert_non_null(
	    strstr(sends(&t, "a2 APPEND INBOX % % %\r\na3 NOOP\r\n", mail), "a2 NO [OVERQUOTA] "));
	assert_non_null(strstr(buffer_string(&t.out), "a3 OK NOOP done\r\n"));
	holds(&t, "INBOX", 0);
	assert_non_null(strstr(sends(&t, "a4 APPEND INBOX % %\r\n", mail), "a4 OK [APPENDUID "));
	holds(&t, "INBOX", 2);
	/* What is filed together is counted once. */
	set_quota(2 * (strlen(JOE) + strlen(FRED)) + strlen(MAIL_A));
	assert_non_null(strstr(
	    sends(&t, "a5 APPEND INBOX %\r\na6 APPEND INBOX % %\r\n", mail), "a6 OK [APPENDUID "));
	holds(&t, "INBOX", 5);
	/* RFC 6851 4.1: what is moved takes no more room than before. */
	set_quota(strlen(JOE));
	ok(&t, "CREATE Moved");
	ok(&t, "SELECT INBOX");
	HAS(&t, "a7 COPY 1 Moved\r\n", "a7 NO [OVERQUOTA] ");
	HAS(&t, "a8 MOVE 1 Moved\r\n", "a8 OK ");
	holds(&t, "Moved", 1);
	talk_end(&t);
}

/* ---- commands that come without waiting, RFC 7888 4 ---- */

static void
commands_are_filed_together(void **state)
{
	static const char *const mail[] = { JOE, FRED, MAIL_A, MAIL_B };
	struct talk t;
	uint64_t before;
	unsigned long v;
	struct buffer want = BUFFER_INIT;

	sign_in(&t);
	HAS(&t, "a1 CREATE Box\r\n", "a1 OK");
	HAS(&t, "a2 SELECT Box\r\n", "[UIDVALIDITY ");
	v = strtoul(strstr(buffer_string(&t.out), "[UIDVALIDITY ") + 13, NULL, 10);
	before = commits();
	buffer_addf(&want,
	    "* 4 EXISTS\r\n* 4 RECENT\r\n"
	    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft k m)\r\n"
	    "b1 OK [APPENDUID %lu 1] APPEND done\r\n"
	    "b2 OK [APPENDUID %lu 2:3] APPEND done\r\n"
	    "b3 OK [APPENDUID %lu 4] APPEND done\r\n"
	    "b4 OK NOOP done\r\n",
	    v, v, v);
	expect(sends(&t,
		   "b1 APPEND Box %\r\nb2 APPEND Box (\\Seen k) % (m) %\r\n"
		   "b3 APPEND Box (m k) %\r\nb4 NOOP\r\n",
		   mail),
	    buffer_string(&want));
	assert_int_equal(commits() - before, 1);
	HAS(&t, "b5 FETCH 1:4 FLAGS\r\n",
	    "* 1 FETCH (FLAGS (\\Recent))\r\n* 2 FETCH (FLAGS (\\Seen \\Recent k))\r\n"
	    "* 3 FETCH (FLAGS (\\Recent m))\r\n* 4 FETCH (FLAGS (\\Recent k m))\r\n");
	buffer_done(&want);
	talk_end(&t);
}

/* Each command has the answer that it had got alone. */
static void
each_has_its_own_answer(void **state)
{
	static const char *const mail[] = { JOE, FRED, MAIL_A, MAIL_B };
	struct talk t;
	const char *got;

	sign_in(&t);
	HAS(&t, "a1 CREATE Box\r\n", "a1 OK");
	got = sends(&t,
	    "b1 APPEND Box %\r\nb2 APPEND Box % trailing\r\nb3 APPEND Box %\r\n"
	    "b4 APPEND Nowhere %\r\nb5 NOOP\r\n",
	    mail);
	assert_non_null(strstr(got, "b1 OK [APPENDUID "));
	assert_non_null(strstr(got, " 1] APPEND done\r\nb2 BAD Expected "));
	assert_non_null(strstr(got, " 2] APPEND done\r\nb4 NO [TRYCREATE] "));
	assert_non_null(strstr(got, "b5 OK NOOP done\r\n"));
	holds(&t, "Box", 2);
	/* The client goes away within the third: two are kept. */
	(void)sends(&t, "c1 APPEND Box %\r\nc2 APPEND Box %\r\nc3 APPEND Box {900+}\r\nhalf", mail);
	talk_end(&t);
	sign_in(&t);
	holds(&t, "Box", 4);
	talk_end(&t);
}

/* A batch that cannot be filed as a whole is filed one by one. */
static void
one_of_them_is_too_much(void **state)
{
	static const char *const mail[] = { JOE, FRED, MAIL_A };
	struct buffer b = BUFFER_INIT, words = BUFFER_INIT;
	struct talk t;
	const char *got;

	sign_in(&t);
	HAS(&t, "a1 CREATE Box\r\n", "a1 OK");
	/* Keywords are looked at in the store: the account has no more of them. */
	for (unsigned i = 0; i < KEYWORDS_PER_ACCOUNT; i += 50) {
		buffer_clear(&b);
		buffer_add_string(&b, "k APPEND INBOX (");
		for (unsigned k = i; k < i + 50; k++)
			buffer_addf(&b, "%sk%u", k > i ? " " : "", k);
		buffer_add_string(&b, ") {4+}\r\n\r\nx\r\n\r\n");
		(void)talk_say(&t, buffer_string(&b));
	}
	got = sends(
	    &t, "b1 APPEND Box %\r\nb2 APPEND Box (onemore) %\r\nb3 APPEND Box (k1) %\r\n", mail);
	assert_non_null(strstr(got, " 1] APPEND done\r\nb2 NO [LIMIT] "));
	assert_non_null(strstr(got, "b3 OK [APPENDUID "));
	holds(&t, "Box", 2);
	buffer_done(&b);
	buffer_done(&words);
	talk_end(&t);
}

/* RFC 9051 6.3.12: who wrote another name than the mailbox has is told. */
static void
the_name_is_told(void **state)
{
	static const char *const mail[] = { JOE, FRED };
	struct talk t;

	sign_in(&t);
	((struct imap *)t.s)->enabled |= ENABLED_REV2;
	assert_non_null(strstr(sends(&t, "a1 APPEND inbox %\r\n", mail),
	    "* LIST () \"/\" INBOX (\"OLDNAME\" (inbox))\r\na1 OK [APPENDUID "));
	assert_null(strstr(sends(&t, "a2 APPEND INBOX %\r\n", mail), "* LIST"));
	assert_null(strstr(sends(&t, "a3 APPEND inbox {0+}\r\n\r\n", mail), "* LIST"));
	talk_end(&t);
}

/* One call to intake, and intake's to the store; what is refused costs no more. */
static void
a_small_message_is_not_asked_about(void **state)
{
	static const char *const mail[] = { JOE, FRED };
	struct talk t;
	int64_t before;

	sign_in(&t);
	before = metric_get(METRIC_CALLS_SENT);
	assert_non_null(strstr(sends(&t, "a1 APPEND inbox %\r\n", mail), "a1 OK [APPENDUID "));
	assert_int_equal(metric_get(METRIC_CALLS_SENT) - before, 2);
	assert_non_null(strstr(sends(&t, "a2 APPEND Nowhere % %\r\n", mail), "a2 NO [TRYCREATE] "));
	assert_int_equal(metric_get(METRIC_CALLS_SENT) - before, 4);
	assert_non_null(strstr(sends(&t, "a3 APPEND a//b %\r\n", mail), "a3 NO [CANNOT] "));
	holds(&t, "INBOX", 1);
	talk_end(&t);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_literal8_keeps_its_octets),
		CASE(two_messages_with_prompts),
		CASE(several_are_one_commit),
		CASE(all_or_none),
		CASE(many_long_options),
		CASE(over_quota),
		CASE(commands_are_filed_together),
		CASE(each_has_its_own_answer),
		CASE(one_of_them_is_too_much),
		CASE(a_small_message_is_not_asked_about),
		CASE(the_name_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
