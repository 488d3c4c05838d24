/* SPDX-License-Identifier: ISC */
/*
 * Servers that misbehave, each in its own way: what it costs is bounded, every
 * recipient has a fate that is right, and no more is said than makes sense.
 * RFC 5321 4.5.3.2 says how long each of them is waited for.
 */
#include "base/testing.h"

#include <stdio.h>

#include "smtp/client_testing.h"

#define OK_ALL "220 mx\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n"
#define PIPES "220 mx\r\n", "250-mx\r\n250 PIPELINING\r\n"
#define K                                                                                          \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxx"
#define K8 K K K K K K K K K K K K K K K K
#define ENDLESS "250-" K "\r\n250-" K "\r\n250-" K "\r\n250-" K "\r\n"
#define ENDLESS8 ENDLESS ENDLESS ENDLESS ENDLESS ENDLESS ENDLESS ENDLESS ENDLESS

static const struct misbehaviour {
	const char *name;
	const char *script[12];
	enum smtp_stage stage;
	enum smtp_outcome outcome;
	unsigned code;
	const char *words;
} rows[] = {
	/* hangs, at each stage */
	{ "hangs before the greeting", { HANGS }, SMTP_AT_GREETING, SMTP_TEMPORARY, 0, "in time" },
	{ "hangs after EHLO", { "220 mx\r\n", HANGS }, SMTP_AT_HELLO, SMTP_TEMPORARY, 0,
	    "in time" },
	{ "hangs after MAIL", { "220 mx\r\n", "250 mx\r\n", HANGS }, SMTP_AT_MAIL, SMTP_TEMPORARY,
	    0, "in time" },
	{ "hangs after RCPT", { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", HANGS }, SMTP_AT_RCPT,
	    SMTP_TEMPORARY, 0, "in time" },
	{ "hangs after DATA", { OK_ALL, HANGS }, SMTP_AT_DATA, SMTP_TEMPORARY, 0, "in time" },
	{ "hangs after the dot", { OK_ALL, "354 go\r\n", HANGS }, SMTP_AT_DOT, SMTP_TEMPORARY, 0,
	    "in time" },
	{ "hangs within a line", { "220 mx\r\n", "250-m", "x\r\n25", HANGS }, SMTP_AT_HELLO,
	    SMTP_TEMPORARY, 0, "in time" },
	/* closes, at each stage */
	{ "closes before the greeting", { CLOSES }, SMTP_AT_GREETING, SMTP_TEMPORARY, 0, "closed" },
	{ "closes within the greeting", { "220 m", CLOSES }, SMTP_AT_GREETING, SMTP_TEMPORARY, 0,
	    "closed" },
	{ "closes after EHLO", { "220 mx\r\n", CLOSES }, SMTP_AT_HELLO, SMTP_TEMPORARY, 0,
	    "closed" },
	{ "closes after MAIL", { "220 mx\r\n", "250 mx\r\n", CLOSES }, SMTP_AT_MAIL, SMTP_TEMPORARY,
	    0, "closed" },
	{ "closes within a group", { PIPES, "250 a\r\n", CLOSES }, SMTP_AT_RCPT, SMTP_TEMPORARY, 0,
	    "closed" },
	{ "closes after DATA", { OK_ALL, CLOSES }, SMTP_AT_DATA, SMTP_TEMPORARY, 0, "closed" },
	{ "closes after the dot", { OK_ALL, "354 go\r\n", CLOSES }, SMTP_AT_DOT, SMTP_TEMPORARY, 0,
	    "closed" },
	/* refuses */
	{ "554 as greeting", { "554 5.7.1 go away\r\n" }, SMTP_AT_GREETING, SMTP_PERMANENT, 554,
	    "go away" },
	{ "421 as greeting", { "421 busy\r\n" }, SMTP_AT_GREETING, SMTP_TEMPORARY, 421, "busy" },
	{ "250 as greeting", { "250 mx\r\n" }, SMTP_AT_GREETING, SMTP_TEMPORARY, 250, "mx" },
	{ "refuses EHLO and HELO", { "220 mx\r\n", "500 a\r\n", "550 b\r\n" }, SMTP_AT_HELLO,
	    SMTP_PERMANENT, 550, "b" },
	{ "LMTP: refuses LHLO", { "220 mx\r\n", "500 a\r\n" }, SMTP_AT_HELLO, SMTP_PERMANENT, 500,
	    "a" },
	{ "421 to EHLO", { "220 mx\r\n", "421 a\r\n" }, SMTP_AT_HELLO, SMTP_TEMPORARY, 421, "a" },
	{ "421 to RCPT", { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", "421 4.3.2 bye\r\n" },
	    SMTP_AT_RCPT, SMTP_TEMPORARY, 421, "4.3.2 bye" },
	{ "421 in a group", { PIPES, "250 a\r\n421 bye\r\n" }, SMTP_AT_RCPT, SMTP_TEMPORARY, 421,
	    "bye" },
	{ "421 to DATA", { OK_ALL, "421 bye\r\n" }, SMTP_AT_DATA, SMTP_TEMPORARY, 421, "bye" },
	{ "421 after the dot", { OK_ALL, "354 go\r\n", "421 bye\r\n" }, SMTP_AT_DOT, SMTP_TEMPORARY,
	    421, "bye" },
	{ "554 after the dot", { OK_ALL, "354 go\r\n", "554 5.6.0 no\r\n" }, SMTP_AT_DOT,
	    SMTP_PERMANENT, 554, "no" },
	{ "452 after the dot", { OK_ALL, "354 go\r\n", "452 4.3.1 disk\r\n" }, SMTP_AT_DOT,
	    SMTP_TEMPORARY, 452, "disk" },
	/* talks nonsense */
	{ "speaks HTTP", { "HTTP/1.1 400 Bad Request\r\n" }, SMTP_AT_GREETING, SMTP_TEMPORARY, 0,
	    "makes no sense: HTTP/1.1 400" },
	{ "speaks SSH", { "SSH-2.0-OpenSSH\r\n" }, SMTP_AT_GREETING, SMTP_TEMPORARY, 0,
	    "makes no sense" },
	{ "empty lines", { "220 mx\r\n", "\r\n\r\n" }, SMTP_AT_HELLO, SMTP_TEMPORARY, 0,
	    "makes no sense" },
	{ "two codes in one reply", { "220 mx\r\n", "250-mx\r\n550 no\r\n" }, SMTP_AT_HELLO,
	    SMTP_TEMPORARY, 0, "makes no sense: 550 no" },
	{ "a code of four digits", { "220 mx\r\n", "2500 mx\r\n" }, SMTP_AT_HELLO, SMTP_TEMPORARY,
	    0, "makes no sense" },
	{ "a reply that never ends",
	    { "220 mx\r\n", ENDLESS8, ENDLESS8, ENDLESS8, ENDLESS8, ENDLESS8, ENDLESS8, ENDLESS8,
		ENDLESS8, ENDLESS8, HANGS },
	    SMTP_AT_HELLO, SMTP_TEMPORARY, 0, "too long" },
	{ "a line that never ends", { "220 mx\r\n", "250 " K8, K8, K8, HANGS }, SMTP_AT_HELLO,
	    SMTP_TEMPORARY, 0, "too long" },
	{ "control characters",
	    { "220 mx\r\n", "250 mx\r\n",
		"550 \x1b[2J\x07"
		"boo\x9b\r\n" },
	    SMTP_AT_MAIL, SMTP_PERMANENT, 550, "?[2J?boo?" },
	{ "354 to MAIL", { "220 mx\r\n", "250 mx\r\n", "354 go\r\n" }, SMTP_AT_MAIL, SMTP_TEMPORARY,
	    0, "MAIL makes no sense" },
	{ "354 to RCPT", { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", "354 go\r\n" }, SMTP_AT_RCPT,
	    SMTP_TEMPORARY, 0, "RCPT makes no sense" },
	{ "250 to DATA", { OK_ALL, "250 go\r\n" }, SMTP_AT_DATA, SMTP_TEMPORARY, 0,
	    "DATA makes no sense" },
	{ "354 after the dot", { OK_ALL, "354 go\r\n", "354 more\r\n" }, SMTP_AT_DOT,
	    SMTP_TEMPORARY, 0, "message makes no sense" },
	/* talks out of turn */
	{ "answers EHLO before it came", { "220 mx\r\n250 mx\r\n" }, SMTP_AT_HELLO, SMTP_TEMPORARY,
	    0, "not asked" },
	{ "answers RCPT before it came", { "220 mx\r\n", "250 mx\r\n", "250 a\r\n250 b\r\n" },
	    SMTP_AT_RCPT, SMTP_TEMPORARY, 0, "not asked" },
	{ "more answers than commands", { PIPES, "250 a\r\n250 b\r\n354 go\r\n250 got it\r\n" },
	    SMTP_AT_MESSAGE, SMTP_TEMPORARY, 0, "not asked" },
	{ "refuses before the end", { PIPES, "250 a\r\n250 b\r\n354 go\r\n552 5.3.4 big\r\n" },
	    SMTP_AT_MESSAGE, SMTP_PERMANENT, 552, "big" },
	{ "says farewell before it is asked", { "220 mx\r\n", "250 mx\r\n451 4.4.2 bored\r\n" },
	    SMTP_AT_MAIL, SMTP_TEMPORARY, 451, "bored" },
	{ "LMTP: one answer too few",
	    { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", "250 b\r\n", "354 go\r\n", CLOSES },
	    SMTP_AT_DOT, SMTP_TEMPORARY, 0, "closed" },
};

/* The fate of the message's only recipient, or of the session. */
static const struct smtp_fate *
fate_of(const struct play *p)
{
	const struct smtp_fate *f = &p->recipients[0].fate;

	return f->outcome == SMTP_UNTRIED ? &p->client.fate : f;
}

static void
one(const struct misbehaviour *m)
{
	const struct smtp_fate *f;
	struct play p;

	play_init(&p, m->script);
	p.config.lmtp = strncmp(m->name, "LMTP", 4) == 0;
	p.piece = 10;
	play_recipient(&p, "b@x.example");
	if (smtp_client_open(&p.client) == STATUS_OK)
		(void)!play_send(&p);
	smtp_client_quit(&p.client);
	f = fate_of(&p);
	if (f->stage != m->stage || f->outcome != m->outcome || f->answer.code != m->code ||
	    strstr(f->answer.text, m->words) == NULL)
		fail_msg("%s: outcome %d at %s, %u %s", m->name, f->outcome,
		    smtp_stage_word(f->stage), f->answer.code, f->answer.text);
	assert_false(p.client.usable);
	assert_int_equal(f->perhaps, f->stage == SMTP_AT_DOT && f->answer.code == 0);
	play_done(&p);
}

static void
misbehaviours(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		one(&rows[i]);
	assert_true(ARRAY_LEN(rows) >= 25);
}

/* One octet each minute: the time-out is for the whole of a reply. */
static void
drips(void **state)
{
	const char *script[100] = { "220 mx\r\n" };
	struct play p;

	for (size_t i = 1; i < 99; i++)
		script[i] = "2";
	play_init(&p, script);
	p.per_wait = CLOCK_MINUTE;
	assert_int_equal(smtp_client_open(&p.client), STATUS_TIMEOUT);
	assert_int_equal(p.now, PLAY_EPOCH + 6 * CLOCK_MINUTE);
	play_done(&p);
}

/* Each answer comes just in time, for all of a thousand recipients: the
 * transaction as a whole has an end. */
static void
slow_answers(void **state)
{
	static const char *script[1010] = { "220 mx\r\n", "250 mx\r\n" };
	static struct smtp_recipient many[1000];
	struct play p;

	for (size_t i = 0; i < 1000; i++) {
		script[i + 2] = "250 ok\r\n";
		many[i] = (struct smtp_recipient){ .address = TEXT("b@x.example") };
	}
	play_init(&p, script);
	p.per_wait = 4 * CLOCK_MINUTE;
	assert_ok(smtp_client_open(&p.client));
	assert_int_equal(smtp_client_send(&p.client, &p.envelope, many, 1000), STATUS_TIMEOUT);
	assert_true(p.now <= PLAY_EPOCH + CLOCK_HOUR + 12 * CLOCK_MINUTE);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(many[i].fate.outcome, SMTP_TEMPORARY);
	play_done(&p);
}

/* Some recipients have their answer when the session ends: they keep it. */
static void
fates_are_kept(void **state)
{
	static const char *const script[] = { PIPES, "250 a\r\n550 b\r\n250 c\r\n421 bye\r\n",
		NULL };
	struct play p;

	play_init(&p, script);
	play_recipient(&p, "b@x.example");
	play_recipient(&p, "c@x.example");
	play_recipient(&p, "d@x.example");
	assert_ok(smtp_client_open(&p.client));
	assert_int_equal(play_send(&p), STATUS_CLOSED);
	assert_int_equal(p.recipients[0].fate.answer.code, 550);
	assert_int_equal(p.recipients[0].fate.outcome, SMTP_PERMANENT);
	for (size_t i = 1; i < 3; i++) {
		assert_int_equal(p.recipients[i].fate.answer.code, 421);
		assert_int_equal(p.recipients[i].fate.outcome, SMTP_TEMPORARY);
		assert_false(p.recipients[i].fate.perhaps);
	}
	play_done(&p);
}

/* LMTP: the answers that came count, the others may be deliveries. */
static void
lmtp_half(void **state)
{
	static const char *const script[] = { PIPES, "250 a\r\n250 b\r\n250 c\r\n354 go\r\n",
		"250 in\r\n", CLOSES, NULL };
	struct play p;

	play_init(&p, script);
	p.config.lmtp = true;
	play_recipient(&p, "b@x.example");
	play_recipient(&p, "c@x.example");
	assert_ok(smtp_client_open(&p.client));
	assert_int_equal(play_send(&p), STATUS_CLOSED);
	assert_int_equal(p.recipients[0].fate.outcome, SMTP_DELIVERED);
	assert_int_equal(p.recipients[1].fate.outcome, SMTP_TEMPORARY);
	assert_true(p.recipients[1].fate.perhaps);
	play_done(&p);
}

/* A connection that is used again may have ended meanwhile: nobody was tried. */
static void
gone_when_used_again(void **state)
{
	static const char *const scripts[][10] = {
		{ PIPES, "250 a\r\n250 b\r\n354 go\r\n", "250 ok\r\n421 idle\r\n", NULL },
		{ PIPES, "250 a\r\n250 b\r\n354 go\r\n", "250 ok\r\n", NULL },
	};

	for (size_t i = 0; i < 2; i++) {
		struct play p;

		play_init(&p, scripts[i]);
		play_recipient(&p, "b@x.example");
		assert_ok(smtp_client_open(&p.client));
		assert_ok(play_send(&p));
		assert_int_equal(p.recipients[0].fate.outcome, SMTP_RELAYED);
		memset(&p.recipients[0].fate, 0, sizeof(p.recipients[0].fate));
		if (i == 1)
			p.stream.memory_wait = NULL; /* the end, as seen by a read */
		assert_int_equal(play_send(&p), STATUS_CLOSED);
		assert_int_equal(p.recipients[0].fate.outcome, SMTP_UNTRIED);
		assert_int_equal(p.client.fate.answer.code, i == 0 ? 421 : 0);
		play_done(&p);
	}
}

/* It refuses to forget a transaction: that is no word about the next message. */
static void
reset_refused(void **state)
{
	static const char *const script[] = { "220 mx\r\n", "250 mx\r\n", "250 a\r\n", "550 b\r\n",
		"550 never\r\n", NULL };
	struct play p;

	play_init(&p, script);
	play_recipient(&p, "b@x.example");
	assert_ok(smtp_client_open(&p.client));
	assert_ok(play_send(&p));
	assert_int_equal(p.recipients[0].fate.outcome, SMTP_PERMANENT);
	memset(&p.recipients[0].fate, 0, sizeof(p.recipients[0].fate));
	assert_int_equal(play_send(&p), STATUS_DENIED);
	assert_int_equal(p.recipients[0].fate.outcome, SMTP_TEMPORARY);
	assert_int_equal(p.recipients[0].fate.stage, SMTP_AT_RESET);
	play_done(&p);
}

/* The message took nearly all of the transaction's time; its answer, which comes
 * ten minutes later, is waited for all the same. */
static void
late_dot(void **state)
{
	static const char *const script[] = { OK_ALL, "354 go\r\n", "250 ok\r\n", NULL };
	struct play p;

	play_init(&p, script);
	p.config.times.transaction = 6 * CLOCK_MINUTE;
	p.per_wait = 100 * CLOCK_SECOND; /* the fourth is too late by itself */
	play_recipient(&p, "b@x.example");
	assert_ok(smtp_client_open(&p.client));
	assert_ok(play_send(&p));
	assert_int_equal(p.recipients[0].fate.outcome, SMTP_RELAYED);
	assert_int_equal(p.client.fate.stage, SMTP_AT_NONE);
	smtp_client_quit(&p.client); /* it is gone by now, which is nobody's fate */
	assert_int_equal(p.client.fate.stage, SMTP_AT_NONE);
	play_done(&p);
}

/* It cannot be read here: the message must not look complete to the server. */
static void
unreadable(void **state)
{
	static const char *const script[] = { OK_ALL, "354 go\r\n", "250 ok\r\n", NULL };
	struct play p;

	play_init(&p, script);
	play_recipient(&p, "b@x.example");
	p.unreadable = true;
	assert_ok(smtp_client_open(&p.client));
	assert_int_equal(play_send(&p), STATUS_UNAVAILABLE);
	smtp_client_quit(&p.client);
	assert_true(text_ends(buffer_text(&p.out), TEXT("DATA\r\n")));
	assert_int_equal(p.recipients[0].fate.outcome, SMTP_TEMPORARY);
	play_done(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(misbehaviours),
		cmocka_unit_test(drips),
		cmocka_unit_test(slow_answers),
		cmocka_unit_test(fates_are_kept),
		cmocka_unit_test(lmtp_half),
		cmocka_unit_test(gone_when_used_again),
		cmocka_unit_test(reset_refused),
		cmocka_unit_test(late_dot),
		cmocka_unit_test(unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
