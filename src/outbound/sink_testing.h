/* SPDX-License-Identifier: ISC */
/*
 * A server for the tests of outbound: on an address of its own of the loopback
 * network, with threads, it takes what comes, and behaves badly where it is
 * told to. For *_test.c files only.
 *
 * A recipient whose address begins with three digits gets these as the answer.
 */
#ifndef OUTBOUND_SINK_TESTING_H
#define OUTBOUND_SINK_TESTING_H

#include <arpa/inet.h>
#include <netinet/in.h>

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/testing.h"
#include "runtime/stream.h"
#include "runtime/tls.h"

#define SINK_SESSIONS 64

/* In place of an answer. */
#define SINK_CLOSES "<closes>"
#define SINK_HANGS "<hangs>"   /* until the sink ends */
#define SINK_WAITS "<waits>"   /* until sink_let_go, then as it should be */
#define SINK_ENDLESS "<lines>" /* a reply that never ends */

struct sink {
	/* The script; NULL: as it should be. */
	const char *greeting, *hello, *mail, *data, *dot, *quit;
	const char *offers;	 /* keywords, apart by '\n' */
	unsigned closes_after;	 /* messages of a connection, without a word; 0: never */
	struct tls_context *tls; /* offers STARTTLS */
	bool tls_fails;		 /* says 220 and then nonsense */
	/* What it is. */
	int listening;
	uint16_t port;
	pthread_t thread, session[SINK_SESSIONS];
	int fd[SINK_SESSIONS];
	/* What it saw, under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	_Atomic unsigned connections, mails, messages;
	char from[INET_ADDRSTRLEN]; /* where the last connection came from */
	bool ending;
	unsigned let_go;       /* so many may go on that wait; UINT_MAX: all */
	struct buffer talk;    /* all command lines, each with '\n' */
	struct buffer content; /* of the last message, dots as they came */
};

struct sink_session {
	struct sink *sink;
	unsigned number, messages;
	struct stream stream;
};

UNUSED static void
sink_say(struct sink_session *x, const char *script, const char *otherwise)
{
	struct sink *s = x->sink;
	const char *words = script == NULL ? otherwise : script;

	bool hangs = strcmp(words, SINK_HANGS) == 0, waits = strcmp(words, SINK_WAITS) == 0;

	pthread_mutex_lock(&s->lock);
	while ((hangs || (waits && s->let_go == 0)) && !s->ending)
		pthread_cond_wait(&s->changed, &s->lock);
	if (waits && s->let_go > 0 && s->let_go < UINT_MAX)
		s->let_go--;
	pthread_mutex_unlock(&s->lock);
	if (waits)
		words = otherwise;
	if (hangs || strcmp(words, SINK_CLOSES) == 0) {
		(void)shutdown(x->stream.fd, SHUT_RDWR);
		return;
	}
	while (strcmp(words, SINK_ENDLESS) == 0 && x->stream.broken == STATUS_OK) {
		stream_print(&x->stream, "250-and so on\r\n");
		if (stream_flush(&x->stream) != STATUS_OK)
			return;
	}
	stream_print(&x->stream, "%s\r\n", words);
	(void)stream_flush(&x->stream);
}

UNUSED static bool
sink_line(struct sink_session *x, struct text *line)
{
	enum status st;

	while ((st = stream_line(&x->stream, 100000, line)) == STATUS_AGAIN)
		if (stream_fill(&x->stream) != STATUS_OK)
			return false;
	return st == STATUS_OK;
}

UNUSED static void
sink_hello(struct sink_session *x)
{
	struct text rest = text_of(x->sink->offers), one;

	if (x->sink->hello != NULL) {
		sink_say(x, x->sink->hello, NULL);
		return;
	}
	stream_print(&x->stream, "250-sink\r\n");
	if (x->sink->tls != NULL && x->stream.tls == NULL)
		stream_print(&x->stream, "250-STARTTLS\r\n");
	while (text_split(&rest, '\n', &one))
		stream_print(&x->stream, "250-%.*s\r\n", TEXT_ARG(one));
	sink_say(x, NULL, "250 PIPELINING");
}

UNUSED static void
sink_took(struct sink_session *x)
{
	pthread_mutex_lock(&x->sink->lock);
	x->sink->messages++;
	pthread_cond_broadcast(&x->sink->changed);
	pthread_mutex_unlock(&x->sink->lock);
	sink_say(x, x->sink->dot, "250 2.0.0 taken");
	if (++x->messages == x->sink->closes_after)
		(void)shutdown(x->stream.fd, SHUT_RDWR);
}

UNUSED static void
sink_data(struct sink_session *x)
{
	struct sink *s = x->sink;
	struct text line;

	sink_say(x, s->data, "354 go on");
	if (s->data != NULL && s->data[0] != '3')
		return;
	pthread_mutex_lock(&s->lock);
	buffer_clear(&s->content);
	pthread_mutex_unlock(&s->lock);
	for (;;) {
		if (!sink_line(x, &line))
			return;
		if (text_equal(line, TEXT(".")))
			break;
		pthread_mutex_lock(&s->lock);
		buffer_addf(&s->content, "%.*s\r\n", TEXT_ARG(line));
		pthread_mutex_unlock(&s->lock);
		stream_consume(&x->stream, line.len + 2);
	}
	stream_consume(&x->stream, 3);
	sink_took(x);
}

UNUSED static void
sink_bdat(struct sink_session *x, struct text line)
{
	struct text rest = text_part(line, 5, line.len), size;
	uint64_t n = 0;
	char *octets;

	(void)text_split(&rest, ' ', &size);
	assert_ok(text_to_u64(size, &n));
	octets = mem_new(n + 1);
	if (stream_read(&x->stream, n, octets) == STATUS_OK) {
		pthread_mutex_lock(&x->sink->lock);
		buffer_clear(&x->sink->content);
		buffer_add(&x->sink->content, octets, n);
		pthread_mutex_unlock(&x->sink->lock);
		sink_took(x);
	}
	mem_free(octets);
}

UNUSED static void
sink_rcpt(struct sink_session *x, struct text line)
{
	size_t at = text_find_byte(line, '<', 0) + 1;
	char words[64] = "250 2.1.5 fine";

	if (byte_digit(line.ptr[at]) && byte_digit(line.ptr[at + 2]))
		(void)snprintf(
		    words, sizeof(words), "%.3s %c.1.1 no such thing", &line.ptr[at], line.ptr[at]);
	sink_say(x, NULL, words);
}

UNUSED static void
sink_tls(struct sink_session *x)
{
	sink_say(x, NULL, "220 go on");
	if (x->sink->tls_fails)
		sink_say(x, NULL, "not a handshake");
	else if (stream_start_tls(&x->stream, x->sink->tls, NULL) != STATUS_OK)
		(void)shutdown(x->stream.fd, SHUT_RDWR);
}

UNUSED static bool
sink_command(struct sink_session *x, struct text line)
{
	struct sink *s = x->sink;

	if (text_starts(line, TEXT("EHLO")) || text_starts(line, TEXT("LHLO")))
		sink_hello(x);
	else if (text_starts(line, TEXT("STARTTLS")))
		sink_tls(x);
	else if (text_starts(line, TEXT("MAIL")))
		sink_say(x, s->mail, "250 2.1.0 fine");
	else if (text_starts(line, TEXT("RCPT")))
		sink_rcpt(x, line);
	else if (text_starts(line, TEXT("DATA")))
		sink_data(x);
	else if (text_starts(line, TEXT("BDAT")))
		sink_bdat(x, line);
	else if (text_starts(line, TEXT("QUIT")))
		sink_say(x, s->quit, "221 bye");
	else
		sink_say(x, NULL, "250 well");
	return !text_starts(line, TEXT("QUIT"));
}

UNUSED static void
sink_note(struct sink *s, struct text line)
{
	pthread_mutex_lock(&s->lock);
	buffer_addf(&s->talk, "%.*s\n", TEXT_ARG(line));
	s->mails += text_starts(line, TEXT("MAIL"));
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

UNUSED static void *
sink_session_main(void *arg)
{
	struct sink_session *x = arg;
	struct sink *s = x->sink;
	bool go = true;

	sink_say(x, s->greeting, "220 sink here");
	while (go) {
		struct buffer copy = BUFFER_INIT;
		struct text line;

		if (!sink_line(x, &line))
			break;
		sink_note(s, line);
		buffer_add_text(&copy, line);
		stream_consume(&x->stream, line.len + 2);
		go = sink_command(x, buffer_text(&copy));
		buffer_done(&copy);
	}
	pthread_mutex_lock(&s->lock);
	s->fd[x->number] = -1;
	pthread_mutex_unlock(&s->lock);
	stream_done(&x->stream);
	mem_free(x);
	return NULL;
}

UNUSED static void *
sink_main(void *arg)
{
	struct sink *s = arg;
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	int fd;

	while ((fd = accept(s->listening, (struct sockaddr *)&peer, &size)) >= 0) {
		struct sink_session *x = MEM_NEW(struct sink_session);

		CHECK(s->connections < SINK_SESSIONS);
		x->sink = s;
		stream_init_fd(&x->stream, fd);
		pthread_mutex_lock(&s->lock);
		x->number = s->connections++;
		s->fd[x->number] = fd;
		(void)inet_ntop(AF_INET, &peer.sin_addr, s->from, sizeof(s->from));
		pthread_cond_broadcast(&s->changed);
		pthread_mutex_unlock(&s->lock);
		CHECK(pthread_create(&s->session[x->number], NULL, sink_session_main, x) == 0);
	}
	return NULL;
}

/* port 0: any. */
UNUSED static void
sink_start(struct sink *s, const char *address, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	socklen_t size = sizeof(in);
	const int one = 1;

	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
	(void)setsockopt(s->listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(s->listening, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(s->listening, 64), 0);
	assert_int_equal(getsockname(s->listening, (struct sockaddr *)&in, &size), 0);
	s->port = ntohs(in.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, sink_main, s), 0);
}

/* Waits until it took so many messages, or saw so many connections. */
UNUSED static void
sink_await(struct sink *s, const _Atomic unsigned *what, unsigned count)
{
	pthread_mutex_lock(&s->lock);
	while (*what < count)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

UNUSED static void
sink_let_some_go(struct sink *s, unsigned count)
{
	pthread_mutex_lock(&s->lock);
	s->let_go = count;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

UNUSED static void
sink_let_go(struct sink *s)
{
	sink_let_some_go(s, UINT_MAX);
}

UNUSED static bool
sink_heard(struct sink *s, const char *words)
{
	struct text all;
	bool heard;

	pthread_mutex_lock(&s->lock);
	all = buffer_text(&s->talk);
	heard = text_find(all, text_of(words), 0) < all.len;
	pthread_mutex_unlock(&s->lock);
	return heard;
}

UNUSED static void
sink_end(struct sink *s)
{
	(void)shutdown(s->listening, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	for (unsigned i = 0; i < s->connections; i++)
		if (s->fd[i] >= 0)
			(void)shutdown(s->fd[i], SHUT_RDWR);
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->connections; i++)
		pthread_join(s->session[i], NULL);
	(void)close(s->listening);
	buffer_done(&s->talk);
	buffer_done(&s->content);
}

#endif
