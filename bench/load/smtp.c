/* SPDX-License-Identifier: ISC */
/*
 * load-smtp: sends messages with text that is like mail over many connections,
 * one message each or many (--reuse 1), command by command as most senders do
 * (RFC 5321 3). What smtp-source does, with another text, many accounts, and
 * the time of each answer; also over TLS and signed in, as people's mail apps
 * send (RFC 8314 3.3, RFC 4954 4). Prints one line of JSON. Texts are made before the
 * clock starts, since the load shares the machine with the server.
 */
#include "load/net.h"
#include "load/options.h"
#include "load/text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Texts come again after so many messages. */
#define BODIES_MAX 2900 /* hundreds, for the share of attachments */

enum state { GREETING, HELLO, AUTH, MAIL, RCPT, DATA, BODY, QUIT };

static const char *host = "127.0.0.1";
static const char *domain = "demo.test";
static const char *user = "user";
static const char *body = "text";
static unsigned long port = 25, sessions = 64, messages = 1000, size = 10240, accounts = 1;
static unsigned long reuse, lmtp, seed = 1, attachments, tls;
static const char *login;
static const char *password = "demo";

static const struct option_row rows[] = {
	{ "host", NULL, &host, "IPv4 address" },
	{ "port", &port, NULL, "port" },
	{ "domain", NULL, &domain, "of the recipients" },
	{ "user", NULL, &user,
	    "recipients are USER001 and so on, or USER when there is one account" },
	{ "body", NULL, &body, "text: like prose; x: repeated letters as of smtp-source" },
	{ "sessions", &sessions, NULL, "connections at the same time" },
	{ "messages", &messages, NULL, "in all" },
	{ "size", &size, NULL, "octets of a body" },
	{ "accounts", &accounts, NULL, "recipients that take turns" },
	{ "reuse", &reuse, NULL, "1: many messages on a connection" },
	{ "lmtp", &lmtp, NULL, "1: LHLO" },
	{ "seed", &seed, NULL, "of text and vocabulary" },
	{ "tls", &tls, NULL, "1: TLS from the first octet" },
	{ "login", NULL, &login,
	    "domain of the senders, who sign in; they take turns as the recipients do" },
	{ "password", NULL, &password, "of the senders" },
	{ "attachments", &attachments, NULL,
	    "percentage of messages whose body is base64 of random octets" },
};

struct session {
	struct conn c;
	enum state state;
	unsigned long number; /* of the message under way */
	bool busy;	      /* a message is assigned and not answered */
	double sent;
};

static struct net *net;
static struct session *all;
static char *page;   /* a message while it is written */
static char *bodies; /* all texts, one behind the other */
static unsigned long body_count;
static unsigned long next_message, answered, accepted, refused, live;
static float *delays;
static struct dice dice;
static unsigned long tag; /* makes Message-IDs of two runs differ */

static void
command(struct session *s, enum state state, const char *line)
{
	s->state = state;
	net_send(&s->c, line, strlen(line));
}

static void
say(struct session *s, enum state state, const char *verb, const char *address, const char *at)
{
	char line[256];

	snprintf(line, sizeof(line), "%s<%s@%s>\r\n", verb, address, at);
	command(s, state, line);
}

static const char *
recipient(unsigned long number, char *out, size_t room)
{
	if (accounts == 1)
		return user;
	snprintf(out, room, "%s%03lu", user, number % accounts + 1);
	return out;
}

/** Who sends over that connection. */
static const char *
sender(const struct session *s, char *out, size_t room)
{
	if (login == NULL)
		return "sender@client.example.org";
	snprintf(out, room, "%s%03lu@%s", user, (unsigned long)(s - all) % accounts + 1, login);
	return out;
}

static void
sign_in(struct session *s)
{
	char plain[256] = { 0 };
	char line[512] = "AUTH PLAIN ";
	size_t at = 1, prefix = strlen(line);

	(void)sender(s, plain + at, sizeof(plain) - at);
	at += strlen(plain + at) + 1;
	at += (size_t)snprintf(plain + at, sizeof(plain) - at, "%s", password);
	if (at >= sizeof(plain))
		net_die("the password is too long");
	int n =
	    EVP_EncodeBlock((unsigned char *)line + prefix, (const unsigned char *)plain, (int)at);
	snprintf(line + prefix + n, sizeof(line) - prefix - (size_t)n, "\r\n");
	command(s, AUTH, line);
}

static size_t
write_header(const struct session *s, char *out, size_t room, bool attachment)
{
	char subject[96];
	char to[64];
	char from[96];
	char date[64];
	time_t now = time(NULL);
	struct tm parts;

	text_subject(&dice, subject, sizeof(subject));
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", gmtime_r(&now, &parts));
	int n = snprintf(out, room,
	    "Date: %s\r\nFrom: \"A. Sender\" <%s>\r\nTo: <%s@%s>\r\n"
	    "Subject: %s\r\nMessage-ID: <%lx.%lu@client.example.org>\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n",
	    date, sender(s, from, sizeof(from)), recipient(s->number, to, sizeof(to)), domain,
	    subject, tag, s->number,
	    attachment ? "application/octet-stream" : "text/plain; charset=us-ascii",
	    attachment ? "base64" : "7bit");
	return (size_t)n;
}

static void
fill_x(char *out, size_t octets)
{
	memset(out, 'X', octets);
	for (size_t i = 78; i + 2 < octets; i += 80)
		memcpy(out + i, "\r\n", 2);
	memcpy(out + octets - 2, "\r\n", 2);
}

/* So many of each hundred are attachments, spread over the hundred. */
static bool
is_attachment(unsigned long i)
{
	return i * 37 % 100 < attachments;
}

static void
make_bodies(void)
{
	body_count = messages < BODIES_MAX ? messages : BODIES_MAX;
	bodies = malloc(body_count * size);
	if (bodies == NULL)
		net_die("memory");
	for (unsigned long i = 0; i < body_count; i++) {
		char *at = bodies + i * size;

		if (is_attachment(i))
			text_fill_base64(&dice, at, size);
		else if (strcmp(body, "x") == 0)
			fill_x(at, size);
		else
			text_fill(&dice, at, size);
	}
}

static void
send_message(struct session *s)
{
	unsigned long i = s->number % body_count;
	size_t at = write_header(s, page, 1024, is_attachment(i));

	memcpy(page + at, bodies + i * size, size);
	at += size;
	memcpy(page + at, ".\r\n", 3);
	s->sent = net_now();
	s->state = BODY;
	net_send(&s->c, page, at + 3);
}

static void
start_message(struct session *s)
{
	if (next_message >= messages) {
		command(s, QUIT, "QUIT\r\n");
		return;
	}
	s->number = next_message++;
	s->busy = true;
	char from[96];
	char line[128];

	snprintf(line, sizeof(line), "MAIL FROM:<%s>\r\n", sender(s, from, sizeof(from)));
	command(s, MAIL, line);
}

static void
end_message(struct session *s, bool good)
{
	if (s->busy) {
		s->busy = false;
		if (good)
			delays[accepted++] = (float)(net_now() - s->sent);
		else
			refused++;
		answered++;
	}
}

static void
after_message(struct session *s)
{
	if (reuse)
		start_message(s);
	else
		command(s, QUIT, "QUIT\r\n");
}

static void
end_session(struct session *s)
{
	net_close(&s->c);
	live--;
}

/** The step that follows a positive reply. */
static void
advance(struct session *s)
{
	char to[64];

	switch (s->state) {
	case GREETING:
		command(
		    s, HELLO, lmtp ? "LHLO client.example.org\r\n" : "EHLO client.example.org\r\n");
		break;
	case HELLO:
		if (login != NULL)
			sign_in(s);
		else
			start_message(s);
		break;
	case AUTH:
		start_message(s);
		break;
	case MAIL:
		say(s, RCPT, "RCPT TO:", recipient(s->number, to, sizeof(to)), domain);
		break;
	case RCPT:
		command(s, DATA, "DATA\r\n");
		break;
	case DATA:
		send_message(s);
		break;
	case BODY:
		end_message(s, true);
		after_message(s);
		break;
	case QUIT:
		end_session(s);
		break;
	}
}

static void
on_line(struct conn *c, const char *line, size_t len)
{
	struct session *s = (struct session *)c;

	if (len < 4 || line[3] == '-')
		return; /* the last line of a reply decides */
	if (line[0] == '2' || line[0] == '3') {
		advance(s);
		return;
	}
	if (refused < 3)
		fprintf(stderr, "load-smtp: %s\n", line);
	end_message(s, false);
	end_session(s);
}

static void
on_closed(struct conn *c, const char *why)
{
	struct session *s = (struct session *)c;

	if (s->state != QUIT && refused < 3)
		fprintf(stderr, "load-smtp: %s\n", why);
	end_message(s, false);
	live--;
}

static void
on_round(void *nothing)
{
	(void)nothing;
	for (unsigned long i = 0; i < sessions && next_message + live < messages + sessions; i++) {
		struct session *s = &all[i];
		if (s->c.fd >= 0 || next_message >= messages)
			continue;
		s->state = GREETING;
		if (!net_open(net, &s->c, i))
			net_die("connect");
		live++;
	}
}

static bool
on_done(void *nothing)
{
	(void)nothing;
	return next_message >= messages && live == 0;
}

static int
compare(const void *a, const void *b)
{
	float x = *(const float *)a;
	float y = *(const float *)b;
	return (x > y) - (x < y);
}

static double
quantile(double part)
{
	return accepted == 0 ? 0
			     : (double)delays[(unsigned long)((double)(accepted - 1) * part)] * 1e3;
}

static void
report(double seconds)
{
	qsort(delays, accepted, sizeof(*delays), compare);
	printf("{\"seconds\": %.6f, \"accepted\": %lu, \"refused\": %lu, \"median_ms\": %.3f, "
	       "\"p99_ms\": %.3f}\n",
	    seconds, accepted, refused, quantile(0.5), quantile(0.99));
}

static void
prepare(void)
{
	all = calloc(sessions, sizeof(*all));
	page = malloc(size + 2048);
	delays = calloc(messages + 1, sizeof(*delays));
	if (all == NULL || page == NULL || delays == NULL)
		net_die("memory");
	for (unsigned long i = 0; i < sessions; i++)
		all[i].c.fd = -1;
	text_init(seed);
	tag = (unsigned long)time(NULL) * 1000000 + (unsigned long)(net_now() * 1e6) % 1000000;
	dice_init(&dice, tag);
	make_bodies();
}

int
main(int argc, char **argv)
{
	static const struct net_ops ops = { on_line, on_closed, on_round, on_done };

	options_parse(rows, sizeof(rows) / sizeof(rows[0]), argc, argv);
	if (sessions == 0 || messages == 0 || size < 82 || port == 0 || port > 65535 ||
	    accounts == 0)
		net_die("an option is out of its range");
	prepare();
	struct net_target target = { host, (uint16_t)port, tls != 0, 0 };
	net = net_new(&target, &ops, NULL);
	double began = net_now();
	net_run(net, -1);
	report(net_now() - began);
	net_free(net);
	free(delays);
	free(page);
	free(bodies);
	free(all);
	return refused == 0 ? 0 : 1;
}
