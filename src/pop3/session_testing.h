/* SPDX-License-Identifier: ISC */
/* For tests of whole POP3 sessions: one house with a server, and sessions on
 * memory streams that say and are answered. */
#ifndef POP3_SESSION_TESTING_H
#define POP3_SESSION_TESTING_H

#include <stdio.h>

#include "base/testing.h"
#include "intake/testing_house.h"
#include "pop3/session.h"

static struct house house;
static struct pop3_server *server;
static struct pop3_server *elsewhere; /* of another process, with the same store */
static const struct listener plain = { .name = "pop3", .plain_auth = true };

UNUSED static int
open_house(void **state)
{
	house_open(&house);
	server = pop3_server_new(house.calls, TEXT("mail.demo.test"));
	elsewhere = pop3_server_new(house.calls, TEXT("mail.demo.test"));
	return 0;
}

UNUSED static int
close_house(void **state)
{
	pop3_server_free(server);
	pop3_server_free(elsewhere);
	house_close(&house);
	return 0;
}

UNUSED static const char *
begin(struct talk *t, const struct listener *l)
{
	((struct pop3 *)talk_begin(t, &pop3_session_class, l))->server = server;
	return talk_run(t, TEXT_EMPTY, WAKE_START);
}

UNUSED static void
begin_elsewhere(struct talk *t)
{
	((struct pop3 *)talk_begin(t, &pop3_session_class, &plain))->server = elsewhere;
	(void)talk_run(t, TEXT_EMPTY, WAKE_START);
}

/* The answer is exactly this. */
UNUSED static void
says(struct talk *t, const char *words, const char *want)
{
	const char *got = talk_say(t, words);

	if (strcmp(got, want) != 0)
		fail_msg("%s\ngot:\n%s\nwant:\n%s", words, got, want);
}

UNUSED static void
sign_in(struct talk *t)
{
	(void)begin(t, &plain);
	says(t, "USER alice@demo.test\r\n", "+OK And the password\r\n");
	assert_true(text_starts(text_of(talk_say(t, "PASS demo\r\n")), TEXT("+OK ")));
}

#endif
