/* SPDX-License-Identifier: ISC */
/*
 * load-sink: a mail server elsewhere that takes every message and keeps none
 * (RFC 5321 4.1.1.4), on one thread, with PIPELINING and 8BITMIME as servers of
 * the world have them. It prints "ready"; then, for each line "await N" on its
 * standard input, a line of JSON when N messages are there: how many, over how
 * many connections so far, and the time of the clock that only goes forward.
 * It ends with its standard input.
 */
#include "load/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256, CHUNK = 65536, LINE = 512, REPLIES = 8192 };

static unsigned long port = 2525;

static const struct option_row rows[] = {
	{ "port", &port, NULL, "port on 127.0.0.1" },
};

struct session {
	int fd;
	bool data;	  /* between DATA and the dot */
	unsigned matched; /* octets of CR LF . CR LF that were seen */
	size_t line_len;
	char line[LINE]; /* the rest of a longer one is dropped */
};

static int epoll;
static unsigned long messages, connections, awaited;
static char replies[REPLIES]; /* to one chunk, sent together */
static size_t replies_len;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "load-sink: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
watch(int fd, void *who)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = who };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
		die("epoll_ctl");
}

/* ---- what is awaited ---- */

static void
tell(void)
{
	struct timespec t;

	if (awaited == 0 || messages < awaited)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	printf("{\"messages\": %lu, \"connections\": %lu, \"at\": %.6f}\n", messages, connections,
	    (double)t.tv_sec + (double)t.tv_nsec / 1e9);
	fflush(stdout);
	awaited = 0;
}

/** False at the end of the standard input. */
static bool
listen_to_asker(void)
{
	char line[64];
	ssize_t got = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (got <= 0)
		return false;
	line[got] = '\0';
	if (sscanf(line, "await %lu", &awaited) != 1)
		die("await N");
	tell();
	return true;
}

/* ---- the dialogue ---- */

static void
flush(const struct session *s)
{
	/* Whoever does not read what is so short is not served. */
	if (replies_len > 0 && send(s->fd, replies, replies_len, MSG_NOSIGNAL) < 0)
		shutdown(s->fd, SHUT_RDWR);
	replies_len = 0;
}

static void
say(const struct session *s, const char *reply)
{
	size_t len = strlen(reply);

	if (replies_len + len > REPLIES)
		flush(s);
	memcpy(replies + replies_len, reply, len);
	replies_len += len;
}

/** False at the end of the session. */
static bool
command(struct session *s)
{
	static const char hello[] = "250-sink.test\r\n250-PIPELINING\r\n250-SIZE 0\r\n"
				    "250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n";

	s->line[s->line_len] = '\0';
	if (strncasecmp(s->line, "EHLO", 4) == 0)
		say(s, hello);
	else if (strncasecmp(s->line, "DATA", 4) == 0) {
		s->data = true;
		s->matched = 2; /* a line begins */
		say(s, "354 go on\r\n");
	} else if (strncasecmp(s->line, "QUIT", 4) == 0) {
		say(s, "221 2.0.0 bye\r\n");
		return false;
	} else
		say(s, "250 2.0.0 fine\r\n");
	return true;
}

/** Takes of a message what there is; how much. */
static size_t
take_data(struct session *s, const char *at, size_t len)
{
	static const char end[] = "\r\n.\r\n";
	size_t i = 0;

	while (i < len) {
		if (s->matched == 0) {
			const char *next = memchr(at + i, '\r', len - i);

			if (next == NULL)
				return len;
			i = (size_t)(next - at);
		}
		if (at[i] == end[s->matched])
			s->matched++;
		else
			s->matched = at[i] == '\r';
		i++;
		if (s->matched == 5) {
			s->data = false;
			messages++;
			say(s, "250 2.0.0 taken\r\n");
			return i;
		}
	}
	return len;
}

static size_t
take_line(struct session *s, const char *at, size_t len, bool *goes_on)
{
	const char *end = memchr(at, '\n', len);
	size_t n = end == NULL ? len : (size_t)(end - at) + 1;
	size_t kept = n < LINE - 1 - s->line_len ? n : LINE - 1 - s->line_len;

	memcpy(s->line + s->line_len, at, kept);
	s->line_len += kept;
	if (end != NULL) {
		*goes_on = command(s);
		s->line_len = 0;
	}
	return n;
}

static void
end_session(struct session *s)
{
	close(s->fd);
	free(s);
}

static void
serve(struct session *s)
{
	static char chunk[CHUNK];
	bool goes_on = true;
	ssize_t got = recv(s->fd, chunk, CHUNK, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end_session(s);
		return;
	}
	for (size_t at = 0; at < (size_t)got && goes_on;)
		at += s->data ? take_data(s, chunk + at, (size_t)got - at)
			      : take_line(s, chunk + at, (size_t)got - at, &goes_on);
	flush(s);
	tell();
	if (!goes_on)
		end_session(s);
}

static void
greet(int listening)
{
	int on = 1;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	struct session *s = calloc(1, sizeof(*s));

	if (fd < 0 || s == NULL) {
		free(s);
		return;
	}
	s->fd = fd;
	connections++;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	say(s, "220 sink.test\r\n");
	flush(s);
	watch(fd, s);
}

static int
open_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 1024) != 0)
		die("bind");
	return fd;
}

int
main(int argc, char **argv)
{
	static char asker, door; /* their addresses tell them from sessions */
	struct epoll_event batch[BATCH];

	options_parse(rows, sizeof(rows) / sizeof(rows[0]), argc, argv);
	int listening = open_port();
	epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(STDIN_FILENO, &asker);
	watch(listening, &door);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int count = epoll_wait(epoll, batch, BATCH, -1);

		for (int i = 0; i < count; i++) {
			void *who = batch[i].data.ptr;

			if (who == &asker && !listen_to_asker())
				return 0;
			if (who == &door)
				greet(listening);
			else if (who != &asker)
				serve(who);
		}
	}
}
