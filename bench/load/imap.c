/* SPDX-License-Identifier: ISC */
/*
 * load-imap: many IMAP sessions. `--mode idle` signs all in, selects INBOX and
 * idles (RFC 2177), says `idling N` when the last one does, and keeps them until
 * its standard input ends. `--mode login` signs in and out again and again and
 * prints one line of JSON.
 */
#include "load/net.h"
#include "load/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum state { CLOSED, GREETING, LOGIN, SELECT, IDLE, IDLING, LOGOUT };

static const char *host = "127.0.0.1";
static const char *domain = "demo.test";
static const char *user = "user";
static const char *password = "demo";
static const char *mode = "idle";
static unsigned long port = 143, sessions = 100, accounts = 1, tls, sources, window = 64,
		     count = 1000;

static const struct option_row rows[] = {
	{ "mode", NULL, &mode, "idle or login" },
	{ "host", NULL, &host, "IPv4 address" },
	{ "port", &port, NULL, "port" },
	{ "domain", NULL, &domain, "of the accounts" },
	{ "user", NULL, &user, "accounts are USER001 and so on, or USER when there is one" },
	{ "password", NULL, &password, "of all accounts" },
	{ "accounts", &accounts, NULL, "that take turns" },
	{ "sessions", &sessions, NULL, "that idle at the same time" },
	{ "window", &window, NULL, "sessions that are being opened at the same time" },
	{ "count", &count, NULL, "sign-ins in all" },
	{ "tls", &tls, NULL, "1: TLS from the first octet" },
	{ "sources", &sources, NULL, "how many addresses of 127.0.0.2 on are connected from" },
};

struct session {
	struct conn c;
	enum state state;
	unsigned long number;
};

static struct net *net;
static struct session *all;
static bool idle;
static bool holding;
static unsigned long started, finished, opening, failed;

static void
command(struct session *s, enum state state, const char *line)
{
	s->state = state;
	net_send(&s->c, line, strlen(line));
}

static void
sign_in(struct session *s)
{
	char line[256];

	if (accounts == 1)
		snprintf(line, sizeof(line), "a LOGIN %s@%s %s\r\n", user, domain, password);
	else
		snprintf(line, sizeof(line), "a LOGIN %s%03lu@%s %s\r\n", user,
		    s->number % accounts + 1, domain, password);
	command(s, LOGIN, line);
}

static void
end_session(struct session *s, bool good)
{
	net_close(&s->c);
	s->state = CLOSED;
	opening--;
	if (good)
		finished++;
	else
		failed++;
}

/** The step that follows a greeting, an OK or a continuation. */
static void
advance(struct session *s)
{
	switch (s->state) {
	case GREETING:
		sign_in(s);
		break;
	case LOGIN:
		if (idle)
			command(s, SELECT, "b SELECT INBOX\r\n");
		else
			command(s, LOGOUT, "c LOGOUT\r\n");
		break;
	case SELECT:
		command(s, IDLE, "d IDLE\r\n");
		break;
	case IDLE:
		s->state = IDLING;
		finished++;
		opening--;
		break;
	case IDLING:
		break;
	case LOGOUT:
		end_session(s, true);
		break;
	case CLOSED:
		break;
	}
}

static bool
is_step(const struct session *s, const char *line)
{
	static const char *const marks[] = {
		[GREETING] = "* OK",
		[LOGIN] = "a OK",
		[SELECT] = "b OK",
		[IDLE] = "+",
		[LOGOUT] = "c OK",
	};

	return marks[s->state] != NULL &&
	       strncmp(line, marks[s->state], strlen(marks[s->state])) == 0;
}

static void
on_line(struct conn *c, const char *line, size_t len)
{
	struct session *s = (struct session *)c;

	(void)len;
	if (is_step(s, line)) {
		advance(s);
		return;
	}
	if (line[0] == '*' || s->state == IDLING)
		return; /* untagged data */
	if (failed < 3)
		fprintf(stderr, "load-imap: %s\n", line);
	end_session(s, false);
}

static void
on_closed(struct conn *c, const char *why)
{
	struct session *s = (struct session *)c;

	if (s->state == CLOSED)
		return;
	if (failed < 3)
		fprintf(stderr, "load-imap: %s in state %d\n", why, (int)s->state);
	opening -= s->state != IDLING;
	s->state = CLOSED;
	failed++;
}

static unsigned long
wanted(void)
{
	return idle ? sessions : count;
}

static void
start(struct session *s)
{
	s->number = started++;
	s->state = GREETING;
	opening++;
	if (!net_open(net, &s->c, s->number))
		net_die("connect");
}

/** Opens what the window has room for; a slot of the login mode is used again. */
static void
on_round(void *nothing)
{
	(void)nothing;
	for (unsigned long i = 0; i < (idle ? 0 : window); i++)
		if (all[i].state == CLOSED && started < count)
			start(&all[i]);
	while (idle && opening < window && started < sessions)
		start(&all[started]);
}

static bool
on_done(void *nothing)
{
	(void)nothing;
	return !holding && finished + failed >= wanted();
}

static void
prepare(void)
{
	unsigned long slots;

	idle = strcmp(mode, "idle") == 0;
	slots = idle ? sessions : window;
	all = calloc(slots, sizeof(*all));
	if (all == NULL)
		net_die("memory");
	for (unsigned long i = 0; i < slots; i++)
		all[i].c.fd = -1;
}

/** Keeps the idle sessions, and reads what they are told, until standard input ends. */
static void
hold(void)
{
	holding = true;
	printf("idling %lu\n", finished);
	fflush(stdout);
	net_run(net, STDIN_FILENO);
}

int
main(int argc, char **argv)
{
	static const struct net_ops ops = { on_line, on_closed, on_round, on_done };

	options_parse(rows, sizeof(rows) / sizeof(rows[0]), argc, argv);
	if (port == 0 || port > 65535 || accounts == 0 || window == 0)
		net_die("an option is out of its range");
	prepare();
	struct net_target target = { host, (uint16_t)port, tls != 0, (unsigned)sources };
	net = net_new(&target, &ops, NULL);
	double began = net_now();
	net_run(net, -1);
	if (idle && failed == 0)
		hold();
	else
		printf("{\"seconds\": %.6f, \"sign_ins\": %lu, \"failed\": %lu}\n",
		    net_now() - began, finished, failed);
	net_free(net);
	free(all);
	return failed == 0 ? 0 : 1;
}
