/* SPDX-License-Identifier: ISC */
/*
 * APPEND of a client that stops in the middle of a message (RFC 7888 4, RFC 9051
 * 5.5): what it sent before is answered meanwhile. The client has a thread and
 * sends the rest only when it has read that answer.
 */
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "imap/session_testing.h"

struct client {
	int fd;
	const char *first, *await, *rest;
	char got[4000];
	size_t len;
};

static void
send_all(int fd, const char *words)
{
	size_t n = strlen(words);

	CHECK(send(fd, words, n, MSG_NOSIGNAL) == (ssize_t)n);
}

/* Reads until the words have come; false at the end. */
static bool
read_until(struct client *c, const char *words)
{
	ssize_t n;

	while (strstr(c->got, words) == NULL) {
		n = recv(c->fd, c->got + c->len, sizeof(c->got) - 1 - c->len, 0);
		if (n <= 0)
			return false;
		c->len += (size_t)n;
	}
	return true;
}

static void *
client_talks(void *arg)
{
	struct client *c = arg;

	send_all(c->fd, c->first);
	if (read_until(c, c->await))
		send_all(c->fd, c->rest);
	(void)shutdown(c->fd, SHUT_WR);
	(void)read_until(c, "never said");
	return NULL;
}

/* The session serves that client to its end. */
static void
serve_client(struct talk *t, struct client *c)
{
	struct pollfd p = { .events = POLLIN };
	pthread_t thread;
	int ends[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	c->fd = ends[0];
	p.fd = ends[1];
	stream_done(&t->s->stream);
	stream_init_fd(&t->s->stream, ends[1]);
	CHECK(pthread_create(&thread, NULL, client_talks, c) == 0);
	while (t->s->class->run(t->s, WAKE_INPUT) == NEXT_PARK) {
		(void)stream_flush(&t->s->stream);
		(void)poll(&p, 1, -1);
	}
	(void)stream_flush(&t->s->stream);
	(void)shutdown(ends[1], SHUT_WR);
	CHECK(pthread_join(thread, NULL) == 0);
	(void)close(c->fd);
}

static void
converses(const char *first, const char *await, const char *rest, const char *want)
{
	struct client c = { .first = first, .await = await, .rest = rest };
	struct talk t;

	sign_in(&t);
	serve_client(&t, &c);
	if (strstr(c.got, await) == NULL || strstr(c.got, want) == NULL)
		fail_msg("got:\n%s\nwant in it:\n%s\nand then:\n%s", c.got, await, want);
	talk_end(&t);
}

#define WHOLE " APPEND INBOX {9+}\r\nx: y\r\n\r\nz\r\n"

static void
another_command_before(void **state)
{
	converses("a1 NOOP\r\na2 APPEND INBOX {9+}\r\nx: y", "a1 OK", "\r\n\r\nz\r\n", "a2 OK");
}

static void
another_message_before(void **state)
{
	static const char *const parts[][2] = {
		{ "a2 APPE", "ND INBOX {9+}\r\nx: y\r\n\r\nz\r\n" },
		{ "a2 APPEND INBOX {9+}\r\n", "x: y\r\n\r\nz\r\n" },
		{ "a2 APPEND INBOX {9+}\r\nx: y", "\r\n\r\nz\r\n" },
		{ "a2 APPEND INBOX {9+}\r\nx: y\r\n\r\nz", "\r\n" },
		{ "a2 APPEND INBOX {9+}\r\nx: y\r\n\r\nz {9+}\r\nx:", " y\r\n\r\nz\r\n" },
		{ "a2 APPEND INBOX {9+}\r\nx: y\r\n\r\nz {9}\r\n", "x: y\r\n\r\nz\r\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct buffer b = BUFFER_INIT;

		buffer_addf(&b, "a0" WHOLE "a1" WHOLE "%s", parts[i][0]);
		converses(buffer_string(&b), "a1 OK [APPENDUID ", parts[i][1], "a2 OK [APPENDUID ");
		buffer_done(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_command_before),
		cmocka_unit_test(another_message_before),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
