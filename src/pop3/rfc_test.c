/* SPDX-License-Identifier: ISC */
/*
 * POP3 by the sections of its RFCs, with their own examples where they have
 * one: 1939, 2449, 2595, 3206, 5034, 6856.
 */
#include "base/clock.h"
#include "pop3/session_testing.h"
#include "runtime/settings.h"

/* Two messages of 120 and 200 octets, prefix included. */
static void
deliver_of_size(struct buffer *mail, size_t octets)
{
	static const char prefix[] = "Return-Path: <sender@example.org>\r\n"
				     "Delivered-To: alice@demo.test\r\n";

	buffer_clear(mail);
	buffer_add_string(mail, "Subject: x\r\n\r\n");
	while (mail->len + sizeof(prefix) - 1 + 2 < octets)
		buffer_add_byte(mail, 'x');
	buffer_add_string(mail, "\r\n");
	house_deliver(&house, buffer_text(mail));
}

static void
empty_the_maildrop(void)
{
	struct talk t;
	char line[32];

	sign_in(&t);
	for (int n = 1;; n++) {
		(void)snprintf(line, sizeof(line), "DELE %d\r\n", n);
		if (!text_starts(text_of(talk_say(&t, line)), TEXT("+OK")))
			break;
	}
	says(&t, "QUIT\r\n", "+OK Goodbye\r\n");
	talk_end(&t);
}

/* RFC 1939 10: the example session, with our words; STAT, LIST, RETR and DELE are
 * those of RFC 1939 5. */
static void
an_example_session(void **state)
{
	struct buffer mail = BUFFER_INIT;
	struct talk t;
	const char *got;

	empty_the_maildrop();
	deliver_of_size(&mail, 120);
	deliver_of_size(&mail, 200);
	sign_in(&t);
	says(&t, "STAT\r\n", "+OK 2 320\r\n");
	says(&t, "LIST\r\n", "+OK 2 messages\r\n1 120\r\n2 200\r\n.\r\n");
	got = talk_say(&t, "RETR 1\r\n");
	assert_true(text_starts(text_of(got), TEXT("+OK 120 octets\r\n")));
	assert_int_equal(strlen(got), strlen("+OK 120 octets\r\n") + 120 + strlen(".\r\n"));
	says(&t, "DELE 1\r\n", "+OK Message 1 will be deleted\r\n");
	got = talk_say(&t, "RETR 2\r\n");
	assert_int_equal(strlen(got), strlen("+OK 200 octets\r\n") + 200 + strlen(".\r\n"));
	says(&t, "DELE 2\r\n", "+OK Message 2 will be deleted\r\n");
	says(&t, "QUIT\r\n", "+OK Goodbye\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
	sign_in(&t);
	says(&t, "STAT\r\n", "+OK 0 0\r\n");
	says(&t, "LIST\r\n", "+OK 0 messages\r\n.\r\n");
	says(&t, "UIDL\r\n", "+OK 0 messages\r\n.\r\n");
	talk_end(&t);
	buffer_done(&mail);
}

/* RFC 1939 3: keywords in any case; anything else is answered with -ERR. */
static void
keywords(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	says(&t, "uSeR alice@demo.test\r\npAsS demo\r\nnoop\r\nQuiT\r\n",
	    "+OK And the password\r\n+OK 0 messages (0 octets)\r\n+OK Here\r\n+OK Goodbye\r\n");
	talk_end(&t);
	sign_in(&t);
	says(&t, "LAST\r\n", "-ERR No such command\r\n"); /* of RFC 1725, gone in RFC 1939 */
	says(&t, "RPOP x\r\n", "-ERR No such command\r\n");
	says(&t, "APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n", "-ERR No such command\r\n");
	says(&t, "\r\n", "-ERR No such command\r\n");
	says(&t, " STAT\r\n", "-ERR No such command\r\n");
	says(&t, "STAT 1\r\n", "-ERR Too many arguments\r\n");
	says(&t, "NOOP x\r\n", "-ERR Too many arguments\r\n");
	says(&t, "DELE\r\n", "-ERR Expected the number of a message\r\n");
	says(&t, "RETR 0\r\n", "-ERR There is no such message\r\n");
	says(&t, "RETR -1\r\n", "-ERR Expected the number of a message\r\n");
	says(&t, "RETR 4294967297\r\n", "-ERR Expected the number of a message\r\n");
	talk_end(&t);
}

static void
nul_is_no_character(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	assert_string_equal(talk_run(&t, TEXT("USER alice@demo.test\0x\r\n"), WAKE_INPUT),
	    "-ERR NUL is no character of a command\r\n");
	says(&t, "PASS demo\r\n", "-ERR USER comes first\r\n");
	talk_end(&t);
}

/* RFC 1939 4: commands of one state are none in the other. */
static void
states(void **state)
{
	static const char *const before[] = { "USER x", "PASS x", "AUTH PLAIN", "STLS", "UTF8" };
	static const char *const after[] = { "STAT", "LIST", "UIDL", "RETR 1", "TOP 1 1", "DELE 1",
		"RSET", "NOOP" };
	struct talk t;
	char line[32];

	(void)begin(&t, &plain);
	for (size_t i = 0; i < ARRAY_LEN(after); i++) {
		(void)snprintf(line, sizeof(line), "%s\r\n", after[i]);
		says(&t, line, "-ERR Sign in first\r\n");
	}
	talk_end(&t);
	sign_in(&t);
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		(void)snprintf(line, sizeof(line), "%s\r\n", before[i]);
		says(&t, line, "-ERR Not after signing in\r\n");
	}
	talk_end(&t);
}

/* RFC 1939 7: TOP gives the header, the empty line and so many lines. */
static void
top(void **state)
{
	struct talk t;
	const char *got;

	empty_the_maildrop();
	house_deliver(&house, TEXT("Subject: t\r\n\r\none\r\n\r\n.three\r\nfour"));
	house_deliver(&house, TEXT("Subject: no body\r\n\r\n"));
	house_deliver(&house, TEXT("Subject: no empty line\r\n"));
	sign_in(&t);
	got = talk_say(&t, "TOP 1 0\r\n");
	assert_true(text_ends(text_of(got), TEXT("\r\nSubject: t\r\n\r\n.\r\n")));
	got = talk_say(&t, "TOP 1 3\r\n");
	assert_true(text_ends(text_of(got), TEXT("\r\n\r\none\r\n\r\n..three\r\n.\r\n")));
	got = talk_say(&t, "TOP 1 4\r\n");
	assert_true(text_ends(text_of(got), TEXT("\r\n..three\r\nfour\r\n.\r\n")));
	got = talk_say(&t, "TOP 1 18446744073709551615\r\n");
	assert_true(text_ends(text_of(got), TEXT("\r\n..three\r\nfour\r\n.\r\n")));
	says(&t, "TOP 1 -1\r\n", "-ERR Expected a number of lines\r\n");
	says(&t, "TOP 1 1 1\r\n", "-ERR Too many arguments\r\n");
	for (int lines = 0; lines < 3; lines++) {
		char line[32];

		(void)snprintf(line, sizeof(line), "TOP 2 %d\r\n", lines);
		got = talk_say(&t, line);
		assert_true(text_ends(text_of(got), TEXT("\r\nSubject: no body\r\n\r\n.\r\n")));
		(void)snprintf(line, sizeof(line), "TOP 3 %d\r\n", lines);
		got = talk_say(&t, line);
		assert_true(text_ends(text_of(got), TEXT("\r\nSubject: no empty line\r\n.\r\n")));
	}
	says(&t, "DELE 1\r\nTOP 1 0\r\n",
	    "+OK Message 1 will be deleted\r\n-ERR There is no such message\r\n");
	talk_end(&t);
}

/* RFC 1939 7: 1 to 70 characters from 0x21 to 0x7E, and nothing of a deleted
 * message is listed. */
static void
unique_ids(void **state)
{
	struct text rest, line, number;
	struct talk t;
	int lines = 0;

	empty_the_maildrop();
	for (int i = 0; i < 3; i++)
		house_deliver(&house, TEXT("Subject: u\r\n\r\n"));
	sign_in(&t);
	says(&t, "DELE 2\r\n", "+OK Message 2 will be deleted\r\n");
	rest = text_of(talk_say(&t, "UIDL\r\n"));
	(void)text_split(&rest, '\n', &line);
	assert_text(line, "+OK 2 messages\r");
	while (text_split(&rest, '\n', &line) && !text_equal(line, TEXT(".\r"))) {
		(void)text_split(&line, ' ', &number);
		assert_true(text_equal(number, lines++ == 0 ? TEXT("1") : TEXT("3")));
		assert_in_range(line.len - 1, 1, 70);
		for (size_t i = 0; i + 1 < line.len; i++)
			assert_in_range(line.ptr[i], 0x21, 0x7e);
	}
	assert_int_equal(lines, 2);
	says(&t, "UIDL 2\r\n", "-ERR There is no such message\r\n");
	talk_end(&t);
}

/* RFC 1939 3: 10 minutes at least, started anew by every command; then the
 * connection is closed without a word, and nothing is deleted. */
static void
silence(void **state)
{
	const int64_t wall = clock_wall(), start = clock_mono();
	struct talk t;

	empty_the_maildrop();
	house_deliver(&house, TEXT("Subject: s\r\n\r\n"));
	clock_set_for_test(wall, start);
	sign_in(&t);
	says(&t, "DELE 1\r\n", "+OK Message 1 will be deleted\r\n");
	assert_int_equal(t.s->park_until, start + setting(SET_POP3_IDLE_TIMEOUT));
	assert_true(setting(SET_POP3_IDLE_TIMEOUT) >= 10 * CLOCK_MINUTE);
	clock_set_for_test(wall, start + 9 * CLOCK_MINUTE);
	says(&t, "XYZZY\r\n", "-ERR No such command\r\n");
	assert_int_equal(
	    t.s->park_until, start + 9 * CLOCK_MINUTE + setting(SET_POP3_IDLE_TIMEOUT));
	assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_TIMER), "");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
	sign_in(&t);
	assert_true(text_starts(text_of(talk_say(&t, "STAT\r\n")), TEXT("+OK 1 ")));
	talk_end(&t);
	clock_set_for_test(-1, -1);
}

/* Who does not sign in may not stay, whatever he says meanwhile. */
static void
signing_in_takes_a_time(void **state)
{
	const int64_t wall = clock_wall(), start = clock_mono();
	const int64_t most = setting(SET_ACCESS_SIGN_IN_TIMEOUT);
	struct talk t;

	clock_set_for_test(wall, start);
	(void)begin(&t, &plain);
	assert_int_equal(t.s->park_until, start + most);
	clock_set_for_test(wall, start + most - 1);
	says(&t, "NOOP\r\nNOOP\r\n", "-ERR Sign in first\r\n-ERR Sign in first\r\n");
	assert_int_equal(t.s->park_until, start + most);
	clock_set_for_test(wall, start + most);
	says(&t, "NOOP\r\n", "");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
	/* For one who has signed in the time is over. */
	clock_set_for_test(wall, start);
	sign_in(&t);
	clock_set_for_test(wall, start + most);
	says(&t, "NOOP\r\nNOOP\r\n", "+OK Here\r\n+OK Here\r\n");
	talk_end(&t);
	clock_set_for_test(-1, -1);
}

/* RFC 2449 5: what can be used before signing in is announced in both states,
 * with the same arguments; but not STLS (RFC 2595 4). TOP (RFC 2449 6.1), USER
 * (RFC 2449 6.2), SASL (RFC 2449 6.3, RFC 5034 3), RESP-CODES (RFC 2449 6.4),
 * no LOGIN-DELAY, as there is none (RFC 2449 6.5), EXPIRE (RFC 2449 6.7), UIDL
 * (RFC 2449 6.8), IMPLEMENTATION (RFC 2449 6.9), AUTH-RESP-CODE (RFC 3206 6),
 * LANG (RFC 6856 3.1). */
static void
capabilities(void **state)
{
	static const struct listener open = {
		.name = "pop3", .tls = TLS_STARTTLS, .plain_auth = true
	};
	static const char common[] = "+OK Capabilities follow\r\nTOP\r\nUIDL\r\nRESP-CODES\r\n"
				     "AUTH-RESP-CODE\r\nPIPELINING\r\nUTF8 USER\r\nLANG\r\n"
				     "USER\r\n%sSASL X-TALK PLAIN\r\nEXPIRE NEVER\r\n"
				     "IMPLEMENTATION Mailstead\r\n.\r\n";
	struct talk t;
	char want[400];

	(void)begin(&t, &open);
	(void)snprintf(want, sizeof(want), common, "STLS\r\n");
	says(&t, "CAPA\r\n", want);
	says(&t, "CAPA x\r\n", "-ERR Too many arguments\r\n");
	(void)talk_say(&t, "USER alice@demo.test\r\nPASS demo\r\n");
	(void)snprintf(want, sizeof(want), common, "");
	says(&t, "CAPA\r\n", want);
	talk_end(&t);
}

/* RFC 1939 6: what is marked goes, and nothing else: not what came meanwhile,
 * and it is no error that another session was faster. */
static void
update(void **state)
{
	struct store_expunge_reply gone;
	struct arena a = ARENA_INIT;
	struct runs uids = RUNS_INIT;
	struct talk t;
	struct pop3 *p;

	empty_the_maildrop();
	for (int i = 0; i < 3; i++)
		house_deliver(&house, TEXT("Subject: kept\r\n\r\n"));
	sign_in(&t);
	says(&t, "DELE 1\r\nDELE 2\r\n",
	    "+OK Message 1 will be deleted\r\n+OK Message 2 will be deleted\r\n");
	house_deliver(&house, TEXT("Subject: new\r\n\r\n"));
	p = (struct pop3 *)(void *)t.s;
	runs_add(&uids, maildrop_uid(&p->drop, 2), maildrop_uid(&p->drop, 2));
	assert_ok(store_expunge(house.calls,
	    &(struct store_expunge_request){
		.token = p->token, .op = 1, .mailbox = p->drop.mailbox, .uids = uids, .force = 1 },
	    &a, &gone, NULL));
	says(&t, "QUIT\r\n", "+OK Goodbye\r\n");
	talk_end(&t);
	sign_in(&t);
	assert_non_null(strstr(talk_say(&t, "TOP 1 0\r\n"), "\r\nSubject: kept\r\n"));
	assert_non_null(strstr(talk_say(&t, "TOP 2 0\r\n"), "\r\nSubject: new\r\n"));
	says(&t, "TOP 3 0\r\n", "-ERR There is no such message\r\n");
	/* RFC 1939 8: what was only read stays as long as its owner likes. */
	(void)talk_say(&t, "RETR 1\r\nQUIT\r\n");
	talk_end(&t);
	sign_in(&t);
	assert_true(text_starts(text_of(talk_say(&t, "STAT\r\n")), TEXT("+OK 2 ")));
	talk_end(&t);
	runs_done(&uids);
	arena_done(&a);
}

/* RFC 1939 11: a size is that of the message with CRLF at each line's end, and
 * without the dots that were stuffed. */
static void
sizes(void **state)
{
	struct text got, first;
	struct talk t;
	unsigned size, stuffed = 0;
	char want[40];

	empty_the_maildrop();
	house_deliver(&house, TEXT("Subject: s\r\n\r\n.\r\n..\r\n.x\r\nx.\r\n"));
	sign_in(&t);
	assert_int_equal(sscanf(talk_say(&t, "LIST 1\r\n"), "+OK 1 %u", &size), 1);
	(void)snprintf(want, sizeof(want), "+OK 1 %u\r\n", size);
	says(&t, "STAT\r\n", want);
	got = text_of(talk_say(&t, "RETR 1\r\n"));
	(void)text_split(&got, '\n', &first);
	for (size_t at = 0; (at = text_find(got, TEXT("\n.."), at)) < got.len; at++)
		stuffed++;
	assert_int_equal(stuffed, 3);
	assert_int_equal(got.len, size + stuffed + strlen(".\r\n"));
	talk_end(&t);
}

/* RFC 2449 4: commands of 255 octets are taken, answers have at most 512. */
static void
lengths(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	(void)begin(&t, &plain);
	buffer_add_string(&b, "USER ");
	while (b.len < 253)
		buffer_add_byte(&b, 'u');
	buffer_add_string(&b, "\r\n");
	says(&t, buffer_string(&b), "+OK And the password\r\n");
	assert_in_range(strlen(talk_say(&t, "PASS x\r\n")), 1, 512);
	buffer_clear(&b);
	while (b.len < 500)
		buffer_add_byte(&b, 'X');
	buffer_add_string(&b, "\r\n");
	assert_in_range(strlen(talk_say(&t, buffer_string(&b))), 1, 512);
	buffer_done(&b);
	talk_end(&t);
}

/* RFC 3206 4: SYS/TEMP may be better soon, SYS/PERM needs a person; RFC 3206 5:
 * AUTH is a matter of the client's credentials (RFC 2449 8: in brackets, first
 * in an -ERR). */
static void
response_codes(void **state)
{
	struct failure f = { 0 };
	struct command c = { 0 };
	struct talk t;

	(void)begin(&t, &plain);
	says(&t, "USER alice@demo.test\r\nPASS wrong\r\n",
	    "+OK And the password\r\n-ERR [AUTH] Wrong name or password\r\n");
	c.p = (struct pop3 *)(void *)t.s;
	buffer_clear(&t.out);
	(void)pop3_failed(&c, STATUS_UNAVAILABLE, &f);
	(void)pop3_failed(&c, STATUS_CORRUPT, &f);
	(void)stream_flush(&t.s->stream);
	assert_string_equal(buffer_string(&t.out), "-ERR [SYS/TEMP] Try again later\r\n-ERR "
						   "[SYS/PERM] Please tell your administrator\r\n");
	talk_end(&t);
}

/* RFC 2449 6.6: many commands in one piece, each answered in its order. */
static void
pipelining(void **state)
{
	struct talk t;

	empty_the_maildrop();
	house_deliver(&house, TEXT("Subject: p\r\n\r\n"));
	(void)begin(&t, &plain);
	assert_true(text_ends(text_of(talk_say(&t, "USER alice@demo.test\r\nPASS demo\r\nXYZZY\r\n"
						   "DELE 1\r\nSTAT\r\nRSET\r\nNO")),
	    TEXT("-ERR No such command\r\n+OK Message 1 will be deleted\r\n+OK 0 0\r\n"
		 "+OK Nothing will be deleted\r\n")));
	says(&t, "OP\r\nDELE 1\r\nQUIT\r\n",
	    "+OK Here\r\n+OK Message 1 will be deleted\r\n+OK Goodbye\r\n");
	talk_end(&t);
}

/* RFC 5034 4: a client's response may be far longer than a command. */
static void
long_responses(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	(void)begin(&t, &plain);
	says(&t, "AUTH PLAIN\r\n", "+ \r\n");
	while (b.len < 12288)
		buffer_add_string(&b, "AAAA");
	buffer_add_string(&b, "\r\n");
	says(&t, buffer_string(&b), "-ERR Wrong\r\n");
	says(&t, "AUTH PLAIN\r\n", "+ \r\n");
	buffer_clear(&b);
	while (b.len < 20000)
		buffer_add_string(&b, "AAAA");
	buffer_add_string(&b, "\r\n");
	says(&t, buffer_string(&b), "-ERR Line too long\r\n");
	/* The exchange is over with it. */
	says(&t, "AGFsaWNlQGRlbW8udGVzdABkZW1v\r\n", "-ERR No such command\r\n");
	buffer_done(&b);
	talk_end(&t);
}

/* RFC 5034 6: its examples, with our mechanism; a response may be cancelled,
 * an initial one may be empty. */
static void
sasl(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	says(&t, "AUTH X-NONE\r\n", "-ERR No such mechanism\r\n");
	says(&t, "AUTH PLAIN\r\n", "+ \r\n");
	says(&t, "*\r\n", "-ERR Cancelled\r\n");
	says(&t, "AUTH PLAIN\r\n", "+ \r\n");
	says(&t, "not base64\r\n", "-ERR Expected base64\r\n");
	says(&t, "AUTH PLAIN\r\n", "+ \r\n");
	says(&t, "AGFsaWNlQGRlbW8udGVzdABkZW1v\r\n", "+OK 0 messages (0 octets)\r\n");
	says(&t, "AUTH PLAIN\r\n", "-ERR Not after signing in\r\n");
	talk_end(&t);
}

#define INTERNATIONAL                                                 \
	"Subject: Gr\xc3\xbc\xc3\x9f"                                 \
	"e\r\nFrom: j\xc3\xb6rg@example.org\r\nMIME-Version: 1.0\r\n" \
	"Content-Type: text/plain; charset=utf-8\r\n\r\n.\xc3\xa4\r\n"

/* RFC 6856 4: a session that did not ask for UTF8 gets an ASCII header, and
 * the size that is said is that of what is sent; so nothing is refused by the
 * code UTF8 (RFC 6856 5). */
static void
international_messages(void **state)
{
	struct talk t;
	const char *got;
	unsigned size;

	empty_the_maildrop();
	house_deliver(&house, TEXT(INTERNATIONAL));
	sign_in(&t);
	got = talk_say(&t, "RETR 1\r\n");
	assert_true(text_ends(text_of(got),
	    TEXT("\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9F"
		 "e?=\r\nFrom: =?utf-8?b?asO2cmdAZXhhbXBsZS5vcmc=?= :;\r\nMIME-Version: 1.0\r\n"
		 "Content-Type: text/plain; charset=utf-8\r\n\r\n..\xc3\xa4\r\n.\r\n")));
	assert_int_equal(sscanf(got, "+OK %u octets", &size), 1);
	assert_int_equal(strlen(strchr(got, '\n') + 1), size + 1 + strlen(".\r\n"));
	got = talk_say(&t, "TOP 1 0\r\n");
	assert_true(text_ends(text_of(got), TEXT("text/plain; charset=utf-8\r\n\r\n.\r\n")));
	assert_null(strstr(got, "\xc3"));
	talk_end(&t);

	(void)begin(&t, &plain);
	says(&t, "UTF8 x\r\n", "-ERR Too many arguments\r\n");
	says(&t, "UTF8\r\n", "+OK Messages come in UTF-8\r\n");
	(void)talk_say(&t, "USER alice@demo.test\r\nPASS demo\r\n");
	got = talk_say(&t, "RETR 1\r\n");
	assert_non_null(strstr(got, "\r\nSubject: Gr\xc3\xbc\xc3\x9f"
				    "e\r\nFrom: j\xc3\xb6rg@example.org\r\n"));
	talk_end(&t);
}

/* RFC 6856 2.1: STLS may not follow UTF8. */
static void
utf8_and_tls(void **state)
{
	static const struct listener strict = { .name = "pop3", .tls = TLS_STARTTLS };
	struct talk t;

	(void)begin(&t, &strict);
	says(&t, "UTF8\r\n", "+OK Messages come in UTF-8\r\n");
	says(&t, "STLS\r\n", "-ERR STLS comes before UTF8\r\n");
	talk_end(&t);
}

/* RFC 6856 2.2: names and passwords may be in UTF-8, and in nothing else. */
static void
utf8_names(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	says(&t, "USER \xe4@demo.test\r\n", "-ERR [AUTH] Names are in UTF-8\r\n");
	says(&t, "USER \xc3\xa4@demo.test\r\nPASS \xc3\xa4\r\n",
	    "+OK And the password\r\n-ERR [AUTH] Wrong name or password\r\n");
	says(&t, "USER alice@demo.test\r\nPASS \xe4\r\n",
	    "+OK And the password\r\n-ERR [AUTH] Passwords are in UTF-8\r\n");
	assert_true(text_starts(text_of(talk_say(&t, "PASS demo\r\n")), TEXT("+OK ")));
	talk_end(&t);
}

/* RFC 6856 3.2: its examples, as far as one language goes. */
static void
languages(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	says(&t, "LANG MUL\r\n", "-ERR There is English only\r\n");
	says(&t, "LANG *\r\n", "+OK en English it is\r\n");
	says(&t, "LANG\r\n", "+OK Languages follow\r\nen English\r\n.\r\n");
	says(&t, "LANG en-GB\r\n", "+OK en English it is\r\n");
	says(&t, "LANG en x\r\n", "-ERR Too many arguments\r\n");
	talk_end(&t);
	sign_in(&t);
	says(&t, "LANG EN\r\n", "+OK en English it is\r\n");
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_example_session),
		cmocka_unit_test(keywords),
		cmocka_unit_test(nul_is_no_character),
		cmocka_unit_test(states),
		cmocka_unit_test(top),
		cmocka_unit_test(unique_ids),
		cmocka_unit_test(silence),
		cmocka_unit_test(signing_in_takes_a_time),
		cmocka_unit_test(capabilities),
		cmocka_unit_test(update),
		cmocka_unit_test(sizes),
		cmocka_unit_test(lengths),
		cmocka_unit_test(response_codes),
		cmocka_unit_test(pipelining),
		cmocka_unit_test(long_responses),
		cmocka_unit_test(sasl),
		cmocka_unit_test(international_messages),
		cmocka_unit_test(utf8_and_tls),
		cmocka_unit_test(utf8_names),
		cmocka_unit_test(languages),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
