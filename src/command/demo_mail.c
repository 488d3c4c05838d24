/* SPDX-License-Identifier: ISC */
/*
 * Sends the sample mail of demo_samples.h through the front door: a client's
 * half of SMTP (RFC 5321 4.1) that is as small as its one use.
 */
#include "command/demo_mail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "codec/date.h"
#include "command/demo_samples.h"

#define REPLY_SECONDS 60

struct client {
	FILE *in;
	int fd;
	char reply[1024];
};

static bool
client_open(struct client *c, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval patience = { .tv_sec = REPLY_SECONDS };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 ||
	    (c->in = fdopen(c->fd, "r")) == NULL) {
		close(c->fd);
		return false;
	}
	return true;
}

/* Sends (unless empty) and reads a whole reply; true if it begins with want. */
static bool
say(struct client *c, struct text line, char want)
{
	while (line.len > 0) {
		ssize_t n = send(c->fd, line.ptr, line.len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			line = text_part(line, (size_t)n, line.len);
	}
	do {
		if (fgets(c->reply, sizeof(c->reply), c->in) == NULL)
			return false;
	} while (strlen(c->reply) > 3 && c->reply[3] == '-');
	return c->reply[0] == want;
}

static bool sayf(struct client *c, char want, const char *fmt, ...) PRINTF_LIKE(3, 4);

static bool
sayf(struct client *c, char want, const char *fmt, ...)
{
	struct buffer b = BUFFER_INIT;
	va_list ap;
	bool good;

	va_start(ap, fmt);
	buffer_addv(&b, fmt, ap);
	va_end(ap);
	good = say(c, buffer_text(&b), want);
	buffer_done(&b);
	return good;
}

/* The sample with its Date field, CRLF line ends and dots doubled. */
static void
render(const struct demo_sample *s, int64_t now, struct buffer *out)
{
	struct text rest = text_of(s->message), line;

	buffer_add_string(out, "Date: ");
	date_print_mail(out, (struct date){ now - (int64_t)s->minutes_ago * 60, 0 });
	buffer_add_string(out, "\r\n");
	while (text_split(&rest, '\n', &line)) {
		if (text_starts(line, TEXT(".")))
			buffer_add_byte(out, '.');
		buffer_add_text(out, line);
		buffer_add_string(out, "\r\n");
	}
	buffer_add_string(out, ".\r\n");
}

static bool
send_to(struct client *c, const struct demo_sample *s, struct text to, struct text message)
{
	return sayf(c, '2', "MAIL FROM:<%s> BODY=8BITMIME\r\n", s->from) &&
	       sayf(c, '2', "RCPT TO:<%.*s>\r\n", TEXT_ARG(to)) && sayf(c, '3', "DATA\r\n") &&
	       say(c, message, '2');
}

/* To each by itself: with one recipient a message is in the mailbox when it is
 * answered, so that all are there at the end, in this order. */
static bool
send_one(struct client *c, const struct demo_sample *s, int64_t now)
{
	struct buffer message = BUFFER_INIT;
	struct text rest = text_of(s->to), to;
	bool good = true;

	render(s, now, &message);
	while (good && text_split(&rest, ' ', &to))
		good = send_to(c, s, to, buffer_text(&message));
	buffer_done(&message);
	return good;
}

enum status
demo_mail_send(uint16_t port, int64_t now, struct failure *f)
{
	struct client c = { .fd = -1 };
	bool good;

	if (!client_open(&c, port))
		return fail(f, STATUS_UNAVAILABLE, "the demo's SMTP port does not answer", "%s",
		    strerror(errno));
	good = say(&c, TEXT_EMPTY, '2') && sayf(&c, '2', "EHLO localhost\r\n");
	for (size_t i = 0; good && i < ARRAY_LEN(demo_samples); i++)
		good = send_one(&c, &demo_samples[i], now);
	if (!good)
		fail(f, STATUS_UNAVAILABLE, "a sample message was not taken", "%s", c.reply);
	else
		(void)sayf(&c, '2', "QUIT\r\n");
	fclose(c.in);
	return good ? STATUS_OK : STATUS_UNAVAILABLE;
}
