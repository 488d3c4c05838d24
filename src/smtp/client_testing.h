/* SPDX-License-Identifier: ISC */
/*
 * For tests and fuzzers of the SMTP client: a server that is a list of texts,
 * of which it says the next each time the client waits, on a clock that it
 * moves itself. Nothing ever sleeps.
 */
#ifndef SMTP_CLIENT_TESTING_H
#define SMTP_CLIENT_TESTING_H

#include "smtp/client.h"

/* In place of a text: what a server does that says nothing. */
#define HANGS "<hangs>"	  /* for ever */
#define CLOSES "<closes>" /* ends its side */

#define PLAY_EPOCH (1000 * CLOCK_SECOND)

struct play {
	struct stream stream;
	struct buffer out;	   /* all that the client said */
	const char *const *script; /* NULL at the end: closes */
	size_t waits;
	int64_t now;
	int64_t per_wait; /* what each text takes to come */
	struct smtp_client_config config;
	struct smtp_client client;
	struct smtp_envelope envelope;
	struct smtp_recipient recipients[8];
	size_t count;
	struct text message;
	size_t piece; /* octets that one read gives; 0: all */
	bool unreadable;
};

UNUSED static enum status
play_wait(struct stream *s, void *arg)
{
	struct play *p = arg;
	const char *next = *p->script;

	p->waits++;
	p->now += p->per_wait;
	if (next != NULL)
		p->script++;
	if (next == NULL || strcmp(next, CLOSES) == 0)
		s->memory_wait = NULL;
	else if (strcmp(next, HANGS) == 0)
		p->now += 2 * CLOCK_DAY;
	else
		s->memory_in = text_of(next);
	clock_set_for_test(p->now, p->now);
	return STATUS_OK;
}

UNUSED static enum status
play_read(void *arg, uint64_t at, struct text *piece)
{
	struct play *p = arg;

	if (p->unreadable)
		return STATUS_UNAVAILABLE;
	*piece = text_part(p->message, at, p->piece == 0 ? p->message.len : at + p->piece);
	return STATUS_OK;
}

UNUSED static void
play_message(struct play *p, const char *message)
{
	p->message = text_of(message);
	p->envelope.size = p->message.len;
}

UNUSED static void
play_recipient(struct play *p, const char *address)
{
	p->recipients[p->count++] = (struct smtp_recipient){ .address = text_of(address) };
}

/* A message to nobody yet, and a server that is not asked for TLS. */
UNUSED static void
play_init(struct play *p, const char *const *script)
{
	memset(p, 0, sizeof(*p));
	p->script = script;
	p->now = PLAY_EPOCH;
	clock_set_for_test(p->now, p->now);
	p->config.helo = TEXT("client.example");
	smtp_client_times_set(&p->config.times);
	p->envelope =
	    (struct smtp_envelope){ .sender = TEXT("from@a.example"), .read = play_read, .arg = p };
	play_message(p, "Subject: x\r\n\r\nHello\r\n");
	stream_init_acted(&p->stream, play_wait, p, &p->out);
	smtp_client_init(&p->client, &p->stream, &p->config);
}

/* To the end of what can be tried on this connection. */
UNUSED static enum status
play_send(struct play *p)
{
	enum status st;

	do
		st = smtp_client_send(&p->client, &p->envelope, p->recipients, p->count);
	while (st == STATUS_AGAIN);
	return st;
}

UNUSED static void
play_done(struct play *p)
{
	smtp_client_done(&p->client);
	stream_done(&p->stream);
	buffer_done(&p->out);
	clock_set_for_test(-1, -1);
}

#endif
