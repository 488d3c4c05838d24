/* SPDX-License-Identifier: ISC */
/*
 * Whole POP3 sessions over memory streams with a real store behind them; the
 * dialogue is that of RFC 1939 10 in our words.
 */
#include "pop3/session_testing.h"

#define MAIL_A "Subject: one\r\n\r\nfirst line\r\n.\r\n..two dots\r\nlast line\r\n"
#define MAIL_B "Subject: two\r\n\r\nno line end"

static void
before_signing_in(void **state)
{
	struct talk t;

	assert_string_equal(begin(&t, &plain), "+OK mail.demo.test ready\r\n");
	says(&t, "CAPA\r\n",
	    "+OK Capabilities follow\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
	    "PIPELINING\r\nUTF8 USER\r\nLANG\r\nUSER\r\nSASL X-TALK PLAIN\r\nEXPIRE NEVER\r\n"
	    "IMPLEMENTATION Mailstead\r\n.\r\n");
	says(&t, "STAT\r\n", "-ERR Sign in first\r\n");
	says(&t, "PASS x\r\n", "-ERR USER comes first\r\n");
	says(&t, "XYZZY\r\n", "-ERR No such command\r\n");
	says(&t, "USER alice@demo.test\r\nPASS wrong\r\n",
	    "+OK And the password\r\n-ERR [AUTH] Wrong name or password\r\n");
	says(&t, "STLS\r\n", "-ERR TLS is not possible here\r\n");
	says(&t, "QUIT\r\n", "+OK Goodbye\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
}

/* RFC 2595 2.3: none is taken where it could be read on the way. */
static void
no_password_in_clear(void **state)
{
	static const struct listener strict = { .name = "pop3", .tls = TLS_STARTTLS };
	struct talk t;

	(void)begin(&t, &strict);
	says(&t, "USER alice@demo.test\r\n", "-ERR Passwords are taken only over TLS\r\n");
	says(&t, "STLS\r\n", "+OK Begin TLS now\r\n");
	assert_int_equal(t.next, NEXT_START_TLS);
	talk_end(&t);
	(void)begin(&t, &strict);
	says(&t, "STLS\r\nUSER x\r\n", "-ERR Data was sent behind STLS\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
}

/* RFC 2595 4: the server forgets what was said before TLS. */
static void
a_name_in_clear_is_forgotten(void **state)
{
	static const struct listener open = {
		.name = "pop3", .tls = TLS_STARTTLS, .plain_auth = true
	};
	struct talk t;

	(void)begin(&t, &open);
	says(&t, "USER alice@demo.test\r\n", "+OK And the password\r\n");
	says(&t, "STLS\r\n", "+OK Begin TLS now\r\n");
	assert_int_equal(t.next, NEXT_START_TLS);
	says(&t, "PASS demo\r\n", "-ERR USER comes first\r\n");
	talk_end(&t);
}

static void
sasl(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	says(&t, "AUTH X-TALK\r\n", "+ bmFtZT8=\r\n");
	says(&t, "YWxpY2VAZGVtby50ZXN0\r\n", "+ d2VsY29tZQ==\r\n");
	says(&t, "\r\n", "+OK 0 messages (0 octets)\r\n");
	talk_end(&t);
	(void)begin(&t, &plain);
	says(&t, "AUTH PLAIN AGFsaWNlQGRlbW8udGVzdABkZW1v\r\n", "+OK 0 messages (0 octets)\r\n");
	talk_end(&t);
	(void)begin(&t, &plain);
	says(&t, "AUTH X-TALK\r\n*\r\n", "+ bmFtZT8=\r\n-ERR Cancelled\r\n");
	says(&t, "AUTH PLAIN =\r\n", "-ERR [AUTH] Wrong name or password\r\n");
	says(&t, "AUTH PLAIN !\r\n", "-ERR Expected base64\r\n");
	says(&t, "AUTH\r\n", "-ERR Expected the name of a mechanism\r\n");
	talk_end(&t);
}

/* Prefix included: what the store says of the message. */
static unsigned long long
size_of(struct talk *t, int number)
{
	char say[32];
	unsigned long long size;
	int n;

	(void)snprintf(say, sizeof(say), "LIST %d\r\n", number);
	assert_int_equal(sscanf(talk_say(t, say), "+OK %d %llu", &n, &size), 2);
	return size;
}

static void
a_session(void **state)
{
	struct talk t;
	const char *got;
	char want[300];
	unsigned long long one, two;

	house_deliver(&house, TEXT(MAIL_A));
	house_deliver(&house, TEXT(MAIL_B));
	sign_in(&t);
	one = size_of(&t, 1);
	two = size_of(&t, 2);
	assert_true(one > strlen(MAIL_A));
	(void)snprintf(want, sizeof(want), "+OK 2 %llu\r\n", one + two);
	says(&t, "STAT\r\n", want);
	(void)snprintf(want, sizeof(want), "+OK 2 messages\r\n1 %llu\r\n2 %llu\r\n.\r\n", one, two);
	says(&t, "LIST\r\n", want);
	says(&t, "LIST 3\r\n", "-ERR There is no such message\r\n");
	says(&t, "LIST x\r\n", "-ERR Expected the number of a message\r\n");

	/* Every line that begins with a dot has one more. */
	got = talk_say(&t, "RETR 1\r\n");
	(void)snprintf(want, sizeof(want), "+OK %llu octets\r\nReturn-Path: <", one);
	assert_true(text_starts(text_of(got), text_of(want)));
	assert_true(text_ends(text_of(got),
	    TEXT("\r\nSubject: one\r\n\r\nfirst line\r\n..\r\n...two dots\r\nlast line\r\n.\r\n")));
	got = talk_say(&t, "RETR 2\r\n");
	assert_true(text_ends(text_of(got), TEXT("\r\n\r\nno line end\r\n.\r\n")));
	got = talk_say(&t, "TOP 1 2\r\n");
	assert_true(
	    text_ends(text_of(got), TEXT("\r\nSubject: one\r\n\r\nfirst line\r\n..\r\n.\r\n")));
	got = talk_say(&t, "TOP 1 0\r\n");
	assert_true(text_ends(text_of(got), TEXT("\r\nSubject: one\r\n\r\n.\r\n")));
	got = talk_say(&t, "TOP 1 99\r\n");
	assert_true(text_ends(text_of(got), TEXT("\r\nlast line\r\n.\r\n")));
	says(&t, "TOP 1\r\n", "-ERR Expected a number of lines\r\n");

	says(&t, "DELE 1\r\n", "+OK Message 1 will be deleted\r\n");
	says(&t, "DELE 1\r\n", "-ERR There is no such message\r\n");
	says(&t, "RETR 1\r\n", "-ERR There is no such message\r\n");
	(void)snprintf(want, sizeof(want), "+OK 1 %llu\r\n", two);
	says(&t, "STAT\r\n", want);
	says(&t, "RSET\r\n", "+OK Nothing will be deleted\r\n");
	says(&t, "NOOP\r\n", "+OK Here\r\n");
	(void)snprintf(want, sizeof(want), "+OK 2 %llu\r\n", one + two);
	says(&t, "STAT\r\n", want);
	/* A session that ends without QUIT deletes nothing. */
	says(&t, "DELE 2\r\n", "+OK Message 2 will be deleted\r\n");
	talk_end(&t);
	sign_in(&t);
	says(&t, "STAT\r\n", want);
	says(&t, "DELE 1\r\nQUIT\r\n", "+OK Message 1 will be deleted\r\n+OK Goodbye\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
	sign_in(&t);
	(void)snprintf(want, sizeof(want), "+OK 1 %llu\r\n", two);
	says(&t, "STAT\r\n", want);
	talk_end(&t);
}

static void
unique_ids_stay(void **state)
{
	struct talk t;
	char *all, *one;

	house_deliver(&house, TEXT(MAIL_A));
	sign_in(&t);
	all = mem_string(text_of(talk_say(&t, "UIDL\r\n")));
	one = mem_string(text_of(talk_say(&t, "UIDL 2\r\n")));
	assert_non_null(strstr(all, "\r\n1 "));
	assert_true(text_starts(text_of(one), TEXT("+OK 2 ")));
	assert_non_null(strstr(all, strchr(one, '2'))); /* the same line */
	talk_end(&t);
	sign_in(&t);
	assert_string_equal(talk_say(&t, "UIDL\r\n"), all);
	mem_free(all);
	mem_free(one);
	talk_end(&t);
}

/* RFC 2449 8.1.2 */
static void
one_session_at_a_time(void **state)
{
	struct talk t, other;

	sign_in(&t);
	(void)begin(&other, &plain);
	(void)talk_say(&other, "USER alice@demo.test\r\n");
	says(&other, "PASS demo\r\n", "-ERR [IN-USE] Another session has the mailbox open\r\n");
	talk_end(&t);
	(void)talk_say(&other, "USER alice@demo.test\r\n");
	assert_true(text_starts(text_of(talk_say(&other, "PASS demo\r\n")), TEXT("+OK ")));
	talk_end(&other);
}

static void
store_restarts(void)
{
	call_pair_break(house.access, 0);
	call_pair_mend(house.access, 0);
	pop3_server_relinked(server);
	pop3_server_relinked(elsewhere);
}

/* The store may be away, and forget: who has the maildrop has it. */
static void
one_session_at_a_time_without_the_store(void **state)
{
	struct talk t, other;

	sign_in(&t);
	store_restarts();
	(void)begin(&other, &plain);
	(void)talk_say(&other, "USER alice@demo.test\r\n");
	says(&other, "PASS demo\r\n", "-ERR [IN-USE] Another session has the mailbox open\r\n");
	talk_end(&other);
	says(&t, "NOOP\r\n", "+OK Here\r\n");
	talk_end(&t);
}

/* When the store has learnt that the link is lost. */
static void
signs_in_at_last(struct talk *t)
{
	do {
		((struct pop3 *)t->s)->errors = 0;
		(void)talk_say(t, "USER alice@demo.test\r\n");
	} while (!text_starts(text_of(talk_say(t, "PASS demo\r\n")), TEXT("+OK ")));
}

/* RFC 1939 4: the lock is there until the session's end, whatever becomes of
 * the store; who lost it all the same may not enter the UPDATE state. */
static void
the_maildrop_is_taken_again(void **state)
{
	struct talk t, other, third;

	house_deliver(&house, TEXT(MAIL_A));
	sign_in(&t);
	says(&t, "DELE 1\r\n", "+OK Message 1 will be deleted\r\n");
	store_restarts();
	says(&t, "NOOP\r\n", "+OK Here\r\n");
	begin_elsewhere(&other);
	(void)talk_say(&other, "USER alice@demo.test\r\n");
	says(&other, "PASS demo\r\n", "-ERR [IN-USE] Another session has the mailbox open\r\n");
	store_restarts();
	signs_in_at_last(&other);
	says(&t, "NOOP\r\n", "-ERR [IN-USE] Another session has the mailbox open; closing\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
	begin_elsewhere(&third);
	(void)talk_say(&third, "USER alice@demo.test\r\n");
	says(&third, "PASS demo\r\n", "-ERR [IN-USE] Another session has the mailbox open\r\n");
	talk_end(&third);
	assert_true(text_starts(text_of(talk_say(&other, "RETR 1\r\n")), TEXT("+OK ")));
	says(&other, "DELE 1\r\n", "+OK Message 1 will be deleted\r\n");
	store_restarts();
	says(&other, "QUIT\r\n", "+OK Goodbye\r\n");
	talk_end(&other);
}

/* A parked session says so without a word of its client. */
static void
a_silent_session_keeps_its_maildrop(void **state)
{
	struct talk t, other;

	sign_in(&t);
	store_restarts();
	assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_EVENT), "");
	begin_elsewhere(&other);
	(void)talk_say(&other, "USER alice@demo.test\r\n");
	says(&other, "PASS demo\r\n", "-ERR [IN-USE] Another session has the mailbox open\r\n");
	talk_end(&other);
	says(&t, "NOOP\r\n", "+OK Here\r\n");
	talk_end(&t);
}

static void
a_quit_too_late_deletes_nothing(void **state)
{
	struct talk t, other;
	char *all;

	house_deliver(&house, TEXT(MAIL_A));
	sign_in(&t);
	all = mem_string(text_of(talk_say(&t, "UIDL\r\n")));
	says(&t, "DELE 1\r\n", "+OK Message 1 will be deleted\r\n");
	store_restarts();
	begin_elsewhere(&other);
	signs_in_at_last(&other);
	says(&t, "QUIT\r\n",
	    "-ERR [IN-USE] Another session has the mailbox; nothing was deleted\r\n");
	assert_string_equal(talk_say(&other, "UIDL\r\n"), all);
	mem_free(all);
	talk_end(&t);
	talk_end(&other);
}

static void
long_lines(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	(void)begin(&t, &plain);
	for (int i = 0; i < 5000; i++)
		buffer_add_byte(&b, 'x');
	says(&t, buffer_string(&b), "");
	says(&t, buffer_string(&b), "");
	says(&t, "x\r\nSTAT\r\n", "-ERR Line too long\r\n-ERR Sign in first\r\n");
	for (int i = 0; i < 17; i++)
		says(&t, "STAT\r\n", "-ERR Sign in first\r\n");
	says(&t, "STAT\r\n", "-ERR Sign in first\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	buffer_done(&b);
	talk_end(&t);
}

static void
endless_lines(void **state)
{
	struct buffer b = BUFFER_INIT;
	const char *heard = "";
	struct talk t;

	(void)begin(&t, &plain);
	for (int i = 0; i < 5000; i++)
		buffer_add_byte(&b, 'x');
	for (int i = 0; i < 200; i++)
		says(&t, buffer_string(&b), "");
	for (int i = 0; i < 20 && heard[0] == '\0'; i++)
		heard = talk_say(&t, buffer_string(&b));
	assert_string_equal(heard, "-ERR Line too long\r\n");
	buffer_done(&b);
	talk_end(&t);
}

/* "RETR 7" of the newest message, in b. */
static const char *
retr_last(struct talk *t, struct buffer *b)
{
	struct text rest = text_of(talk_say(t, "STAT\r\n")), word;

	(void)text_split(&rest, ' ', &word);
	(void)text_split(&rest, ' ', &word);
	buffer_clear(b);
	buffer_addf(b, "RETR %.*s\r\n", TEXT_ARG(word));
	return buffer_string(b);
}

/* Whatever a message ends with, the client finds CRLF "." CRLF behind it
 * (RFC 1939 3), and nowhere before. */
static void
the_end_is_a_line_of_its_own(void **state)
{
	static const struct {
		const char *body, *end;
	} rows[] = {
		{ "x\r\n", "\r\nx\r\n.\r\n" },
		{ "x\n", "\r\nx\n\r\n.\r\n" },
		{ "\n", "\r\n\n\r\n.\r\n" },
		{ "x\r", "\r\nx\r\r\n.\r\n" },
		{ "x", "\r\nx\r\n.\r\n" },
		{ "x\n.", "\r\nx\n..\r\n.\r\n" },
		{ "x\ny\n", "\r\nx\ny\n\r\n.\r\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buffer mail = BUFFER_INIT;
		struct talk t;
		struct text got;

		buffer_addf(&mail, "Subject: x\r\n\r\n%s", rows[i].body);
		house_deliver(&house, buffer_text(&mail));
		sign_in(&t);
		got = text_of(talk_say(&t, retr_last(&t, &mail)));
		if (!text_ends(got, text_of(rows[i].end)))
			fail_msg("row %zu ends\n%.*s", i, TEXT_ARG(got));
		assert_int_equal(text_find(got, TEXT("\r\n.\r\n"), 0), got.len - 5);
		talk_end(&t);
		buffer_done(&mail);
	}
}

static struct pop3 *
of(struct talk *t)
{
	return (struct pop3 *)(void *)t->s;
}

/* RETR of this message gives the text of that one. */
static void
gives(struct talk *t, int number, int which)
{
	char say[32], end[64];

	(void)snprintf(say, sizeof(say), "RETR %d\r\n", number);
	(void)snprintf(end, sizeof(end), "\r\nSubject: turn %d\r\n\r\nhere\r\n.\r\n", which);
	if (!text_ends(text_of(talk_say(t, say)), text_of(end)))
		fail_msg("%s is not the text %d", say, which);
}

/* What is read ahead is what would have been asked for, in whatever order the
 * client goes on, also when another session expunged some of it. */
static void
messages_in_turn(void **state)
{
	const int order[] = { 1, 2, 3, 4, 4, 3, 4, 6, 7, 9, 10, 11, 8 };
	struct store_expunge_reply gone;
	struct arena a = ARENA_INIT;
	struct runs uids = RUNS_INIT;
	struct talk t;
	uint32_t first, mailbox;
	char mail[64];

	for (int i = 1; i <= 12; i++) {
		(void)snprintf(mail, sizeof(mail), "Subject: turn %d\r\n\r\nhere\r\n", i);
		house_deliver(&house, text_of(mail));
	}
	sign_in(&t);
	first = of(&t)->drop.count - 12;
	mailbox = of(&t)->drop.mailbox;
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		gives(&t, (int)first + order[i], order[i]);
	gives(&t, (int)first + 1, 1);
	gives(&t, (int)first + 2, 2);
	for (uint32_t n = 4; n <= 12; n += 8) {
		uint32_t uid = maildrop_uid(&of(&t)->drop, first + n);

		runs_add(&uids, uid, uid);
	}
	assert_ok(store_expunge(house.calls,
	    &(struct store_expunge_request){
		.token = of(&t)->token, .op = 1, .mailbox = mailbox, .uids = uids, .force = 1 },
	    &a, &gone, NULL));
	gives(&t, (int)first + 3, 3);
	gives(&t, (int)first + 5, 5);
	for (int i = 6; i <= 11; i++)
		gives(&t, (int)first + i, i);
	(void)snprintf(mail, sizeof(mail), "RETR %u\r\n", first + 12);
	says(&t, mail, "-ERR That message was deleted by another session\r\n");
	(void)snprintf(mail, sizeof(mail), "RETR %u\r\n", first + 4);
	says(&t, mail, "-ERR That message was deleted by another session\r\n");
	gives(&t, (int)first + 5, 5);
	runs_done(&uids);
	arena_done(&a);
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_signing_in),
		cmocka_unit_test(no_password_in_clear),
		cmocka_unit_test(a_name_in_clear_is_forgotten),
		cmocka_unit_test(sasl),
		cmocka_unit_test(a_session),
		cmocka_unit_test(unique_ids_stay),
		cmocka_unit_test(one_session_at_a_time),
		cmocka_unit_test(one_session_at_a_time_without_the_store),
		cmocka_unit_test(the_maildrop_is_taken_again),
		cmocka_unit_test(a_silent_session_keeps_its_maildrop),
		cmocka_unit_test(a_quit_too_late_deletes_nothing),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(endless_lines),
		cmocka_unit_test(the_end_is_a_line_of_its_own),
		cmocka_unit_test(messages_in_turn),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
