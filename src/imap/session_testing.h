/* SPDX-License-Identifier: ISC */
/*
 * For tests of whole IMAP sessions: the house behind them, and the client's
 * side of a talk. For *_test.c files only.
 */
#ifndef IMAP_SESSION_TESTING_H
#define IMAP_SESSION_TESTING_H

#include <stdio.h>

#include "base/testing.h"
#include "imap/session.h"
#include "intake/testing_house.h"
#include "runtime/settings.h"
#include "store/engine.h"

static struct house house;
static struct imap_server *server;
static const struct listener plain = { .name = "imap", .plain_auth = true };

UNUSED static int
open_house(void **state)
{
	house_open(&house);
	server = imap_server_new(house.calls, TEXT("mail.demo.test"));
	imap_server_board(server, house.board);
	return 0;
}

UNUSED static int
close_house(void **state)
{
	imap_server_free(server);
	house_close(&house);
	return 0;
}

/* Of the store so far. */
UNUSED static uint64_t
commits(void)
{
	struct engine_facts f;

	engine_facts_of(house.engine, &f);
	return f.commits;
}

UNUSED static const char *
begin(struct talk *t, const struct listener *l)
{
	((struct imap *)talk_begin(t, &imap_session_class, l))->server = server;
	return talk_run(t, TEXT_EMPTY, WAKE_START);
}

UNUSED static void
says(struct talk *t, const char *words, const char *want)
{
	const char *got = talk_say(t, words);

	if (strcmp(got, want) != 0)
		fail_msg("%s\ngot:\n%s\nwant:\n%s", words, got, want);
}

UNUSED static void
has(struct talk *t, const char *words, const char *want)
{
	const char *got = talk_say(t, words);

	if (strstr(got, want) == NULL)
		fail_msg("%s\ngot:\n%s\nwant in it:\n%s", words, got, want);
}

/* The answer is exactly this; has this in it. */
#define SAYS(t, words, want) says((t), (words), (want))
#define HAS(t, words, want) has((t), (words), (want))

UNUSED static void
sign_in(struct talk *t)
{
	(void)begin(t, &plain);
	HAS(t, "l LOGIN alice@demo.test demo\r\n", "l OK [CAPABILITY IMAP4rev1");
}

/* Of the message of RFC 3501 8. */
#define RFC_ENVELOPE                                               \
	"(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "              \
	"\"IMAP4rev1 WG mtg summary and minutes\" "                \
	"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "  \
	"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "  \
	"((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "  \
	"((NIL NIL \"imap\" \"cac.washington.edu\")) "             \
	"((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"             \
	"(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL " \
	"\"<B27397-0100000@cac.washington.edu>\")"

#define MAIL_A                                                                     \
	"From: Ann <ann@example.org>\r\nTo: alice@demo.test\r\nSubject: first\r\n" \
	"Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nMessage-ID: <1@example.org>\r\n" \
	"\r\nHello Alice.\r\n"
#define MAIL_B                                                   \
	"From: Bob <bob@example.org>\r\nSubject: second\r\n\r\n" \
	".dot\r\nsecond body\r\n"

UNUSED static void
append_to(struct talk *t, const char *mailbox, const char *flags, const char *mail)
{
	struct buffer b = BUFFER_INIT;

	buffer_addf(&b, "ap APPEND %s %s{%zu+}\r\n%s\r\n", mailbox, flags, strlen(mail), mail);
	HAS(t, buffer_string(&b), "ap OK [APPENDUID ");
	buffer_done(&b);
}

/* "OK" is said to the command. */
UNUSED static void
ok(struct talk *t, const char *command)
{
	struct buffer b = BUFFER_INIT;

	buffer_addf(&b, "t %s\r\n", command);
	HAS(t, buffer_string(&b), "t OK ");
	buffer_done(&b);
}

/* A session with a mailbox of so many messages, MAIL_A and MAIL_B in turn, selected. */
UNUSED static void
begin_with(struct talk *t, const char *mailbox, int messages)
{
	struct buffer b = BUFFER_INIT;

	sign_in(t);
	buffer_addf(&b, "CREATE %s", mailbox);
	ok(t, buffer_string(&b));
	for (int i = 0; i < messages; i++)
		append_to(t, mailbox, "", i % 2 == 0 ? MAIL_A : MAIL_B);
	buffer_clear(&b);
	buffer_addf(&b, "SELECT %s", mailbox);
	ok(t, buffer_string(&b));
	buffer_done(&b);
}

#endif
