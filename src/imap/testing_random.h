/* SPDX-License-Identifier: ISC */
/*
 * Random valid FETCH and SEARCH commands, made of the octets of an input, and
 * what their answers must be, octet for octet, by testing_naive.h. One session
 * on a real store runs them; a difference ends the process with both texts.
 */
#ifndef IMAP_TESTING_RANDOM_H
#define IMAP_TESTING_RANDOM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imap/session.h"
#include "imap/testing_mails.h"
#include "imap/testing_naive.h"
#include "intake/testing_house.h"

#define MAILS ARRAY_LEN(test_mails)

/* A message of the mailbox as the model knows it. */
struct random_message {
	const struct test_mail *mail;
	uint32_t uid, flags;
	bool saved; /* is in "$" */
};

struct random_talk {
	struct house house;
	struct imap_server *server;
	struct talk talk;
	struct random_message at[MAILS];
	uint32_t count;
	bool rev2;
	/* the input */
	const uint8_t *data;
	size_t size, pos;
	/* the command, and the answer that is wanted */
	struct buffer say, want;
	bool uid;
};

/* ---- the mailbox ---- */

UNUSED static void
random_must(struct random_talk *r, const char *words, const char *has)
{
	const char *got = talk_say(&r->talk, words);

	if (strstr(got, has) == NULL) {
		(void)fprintf(stderr, "%s\nanswered %s\n", words, got);
		abort();
	}
}

UNUSED static void
random_append(struct random_talk *r, const struct test_mail *m)
{
	static const char *const names[] = { "\\Seen ", "\\Answered ", "\\Flagged ", "\\Deleted ",
		"\\Draft " };
	struct buffer b = BUFFER_INIT;

	buffer_add_string(&b, "a APPEND INBOX (");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((m->flags & 1u << i) != 0)
			buffer_add_string(&b, names[i]);
	buffer_add_string(&b, (m->keywords & 1) != 0 ? "$Work " : "");
	buffer_add_string(&b, (m->keywords & 2) != 0 ? "$Home " : "");
	if (b.ptr[b.len - 1] == ' ')
		buffer_cut(&b, b.len - 1);
	buffer_addf(&b, ") \"%s\" {%zu+}\r\n", m->date, m->octets.len);
	buffer_add_text(&b, m->octets);
	buffer_add_string(&b, "\r\n");
	random_must(r, buffer_string(&b), "a OK");
	buffer_done(&b);
}

UNUSED static void
random_begin(struct random_talk *r)
{
	static const struct listener plain = { .name = "imap", .plain_auth = true };

	*r = (struct random_talk){ 0 };
	house_open(&r->house);
	r->server = imap_server_new(r->house.calls, TEXT("host"));
	imap_server_board(r->server, r->house.board);
	((struct imap *)talk_begin(&r->talk, &imap_session_class, &plain))->server = r->server;
	(void)talk_run(&r->talk, TEXT_EMPTY, WAKE_START);
	random_must(r, "l LOGIN alice@demo.test demo\r\n", "l OK");
	for (uint32_t i = 0; i < MAILS; i++) {
		random_append(r, &test_mails[i]);
		if (i != 2 && i + 1 != MAILS)
			r->at[r->count++] = (struct random_message){ &test_mails[i], i + 1,
				test_mails[i].flags, false };
	}
	random_must(r, "s SELECT INBOX\r\n", "s OK");
	random_must(r, "e UID EXPUNGE 3,13\r\n", "e OK");
}

UNUSED static void
random_end(struct random_talk *r)
{
	talk_end(&r->talk);
	imap_server_free(r->server);
	house_close(&r->house);
	buffer_done(&r->say);
	buffer_done(&r->want);
}

/* All is again as it was: an input does not depend on those before it. */
UNUSED static void
random_reset(struct random_talk *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		struct random_message *m = &r->at[i];

		m->saved = false;
		if (m->flags == m->mail->flags)
			continue;
		buffer_clear(&r->say);
		buffer_addf(&r->say, "r UID STORE %u -FLAGS.SILENT (\\Seen)\r\n", m->uid);
		random_must(r, buffer_string(&r->say), "r OK");
		m->flags = m->mail->flags;
	}
	random_must(r, "r SEARCH RETURN (SAVE) NOT ALL\r\n", "r OK");
}

/* ---- choices ---- */

/* 0 .. n - 1; 0 when the input is used up, so that everything ends. */
UNUSED static uint32_t
random_pick(struct random_talk *r, uint32_t n)
{
	return r->pos < r->size ? r->data[r->pos++] % n : 0;
}

UNUSED static bool
random_left(const struct random_talk *r)
{
	return r->pos < r->size;
}

UNUSED static struct naive
random_root(const struct random_message *m)
{
	return naive_split(m->mail->octets, false);
}

/* A set of numbers or UIDs, written and taken: in[i] says whether message i is
 * in it. beyond: numbers that nobody has may be in it. */
UNUSED static void
random_set(struct random_talk *r, bool uid, bool beyond, bool *in)
{
	uint32_t greatest = uid ? r->at[r->count - 1].uid : r->count;

	memset(in, 0, r->count * sizeof(*in));
	if (random_pick(r, 8) == 7) {
		buffer_add_byte(&r->say, '$');
		for (uint32_t i = 0; i < r->count; i++)
			in[i] = r->at[i].saved;
		return;
	}
	for (bool more = false;; more = true) {
		uint32_t end[2] = { 1 + random_pick(r, greatest + (beyond ? 4 : 0)), 0 };
		bool range = random_pick(r, 2) == 1, star = range && random_pick(r, 3) == 2;

		if (more)
			buffer_add_byte(&r->say, ',');
		end[1] = !range ? end[0]
			 : star ? greatest
				: 1 + random_pick(r, greatest + (beyond ? 4 : 0));
		buffer_addf(&r->say, "%u", end[0]);
		if (star)
			buffer_add_string(&r->say, ":*");
		else if (range)
			buffer_addf(&r->say, ":%u", end[1]);
		for (uint32_t i = 0; i < r->count; i++) {
			uint32_t n = uid ? r->at[i].uid : i + 1;
			uint32_t low = end[0] < end[1] ? end[0] : end[1];

			in[i] |= n >= low && n <= (end[0] < end[1] ? end[1] : end[0]);
		}
		if (random_pick(r, 4) != 3)
			break;
	}
}

/* ---- running ---- */

UNUSED static void
random_run(struct random_talk *r)
{
	struct text got;

	((struct imap *)r->talk.s)->enabled = r->rev2 ? ENABLED_REV2 : 0;
	(void)talk_run(&r->talk, buffer_text(&r->say), WAKE_INPUT);
	got = buffer_text(&r->talk.out);
	if (text_equal(got, buffer_text(&r->want)))
		return;
	(void)fprintf(stderr, "%s\ngot:\n%.*s\nwant:\n%s\n", buffer_string(&r->say), TEXT_ARG(got),
	    buffer_string(&r->want));
	abort();
}

UNUSED static void
random_tag(struct random_talk *r, const char *verb)
{
	r->uid = random_pick(r, 2) == 1;
	buffer_clear(&r->say);
	buffer_clear(&r->want);
	buffer_addf(&r->say, "t %s%s ", r->uid ? "UID " : "", verb);
}

UNUSED static void
random_done(struct random_talk *r, const char *verb)
{
	buffer_add_string(&r->say, "\r\n");
	buffer_addf(&r->want, "t OK %s%s done\r\n", r->uid ? "UID " : "", verb);
	random_run(r);
}

#endif
