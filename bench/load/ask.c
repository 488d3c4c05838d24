/* SPDX-License-Identifier: ISC */
/*
 * load-ask: one IMAP or POP3 client that costs next to nothing. It is told on
 * its standard input what to do, line by line, and prints one line of JSON for
 * each: the seconds from the first octet sent until the last one of the answer
 * was there, and the octets of the answer. What is sent is made before the clock
 * starts; of the answer only the end of what came last is looked at.
 *
 *   do COMMAND               an IMAP command, until its tagged answer
 *   times N COMMAND          the same N times, one after the other
 *   each N COMMAND           N commands at once (%u is 1 to N), until the last answer
 *   append HOW N MAILBOX     N messages: HOW is one (by one), pipe (all at once,
 *                            RFC 7888) or multi (one command, RFC 3502)
 *   line COMMAND             a POP3 command with one line of answer
 *   dot COMMAND              a POP3 command, until the line with the dot
 *   retr FIRST LAST          POP3 downloads, one after the other
 *   open                     connects anew and waits for the greeting
 *   copy OCTETS              not to the server: an octet to another thread, which
 *                            sends that many back over the loopback; nobody can
 *                            answer faster
 */
#include "load/net.h"
#include "load/options.h"
#include "load/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, TAIL = 512, TAG_LEN = 5, PIECE = 65536 };
#define TAG "zqjx "

static const char *host = "127.0.0.1";
static unsigned long port = 143, size = 10240, seed = 1;

static const struct option_row rows[] = {
	{ "host", NULL, &host, "IPv4 address" },
	{ "port", &port, NULL, "port" },
	{ "size", &size, NULL, "octets of a message that is appended" },
	{ "seed", &seed, NULL, "of the texts" },
};

static int fd = -1;
static char *chunk;
static char tail[TAIL]; /* the last octets of the answer */
static size_t tail_len;
static unsigned long long octets;
static double spent;
static struct dice dice;
static unsigned long made; /* messages so far */

struct bytes {
	char *at;
	size_t len, cap;
};

static void
add(struct bytes *b, const char *more, size_t n)
{
	while (b->len + n + 1 > b->cap) {
		b->cap = b->cap == 0 ? 65536 : b->cap * 2;
		b->at = realloc(b->at, b->cap);
		if (b->at == NULL)
			net_die("memory");
	}
	memcpy(b->at + b->len, more, n);
	b->len += n;
	b->at[b->len] = '\0';
}

static void
add_string(struct bytes *b, const char *s)
{
	add(b, s, strlen(s));
}

/* ---- the connection ---- */

static int
connect_to(const struct sockaddr_in *a)
{
	int on = 1;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s < 0 || connect(s, (const struct sockaddr *)a, sizeof(*a)) != 0)
		net_die("connect");
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return s;
}

static void
keep_tail(const char *at, size_t n)
{
	size_t kept = n >= TAIL ? 0 : tail_len + n > TAIL ? TAIL - n : tail_len;

	memmove(tail, tail + tail_len - kept, kept);
	if (n > TAIL - kept) {
		at += n - (TAIL - kept);
		n = TAIL - kept;
	}
	memcpy(tail + kept, at, n);
	tail_len = kept + n;
}

static void
receive(void)
{
	ssize_t n = recv(fd, chunk, CHUNK, 0);

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0)
		net_die("the server closed the connection");
	octets += (unsigned long long)n;
	keep_tail(chunk, (size_t)n);
}

/** Where the last whole line of the answer begins; NULL when it is not whole. */
static const char *
last_line(void)
{
	size_t at = tail_len;

	if (at < 2 || memcmp(tail + at - 2, "\r\n", 2) != 0)
		return NULL;
	for (at -= 2; at > 0 && tail[at - 1] != '\n';)
		at--;
	return tail + at;
}

typedef bool (*ended)(void);

static bool
tagged(void)
{
	const char *line = last_line();

	return line != NULL && strncmp(line, TAG, TAG_LEN) == 0;
}

static bool
one_line(void)
{
	return last_line() != NULL;
}

static bool
dotted(void)
{
	const char *line = last_line();

	if (line == tail && strncmp(line, "-ERR", 4) == 0)
		return true; /* nothing in front of it: it is the answer */
	return tail_len >= 5 && memcmp(tail + tail_len - 5, "\r\n.\r\n", 5) == 0;
}

/** Sends all of it, reading meanwhile, until the answer has ended. */
static void
exchange(const char *out, size_t len, ended is_over)
{
	double began = net_now();

	tail_len = 0;
	while (len > 0) {
		ssize_t n = send(fd, out, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			out += n;
			len -= (size_t)n;
			continue;
		}
		struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
		if (errno != EAGAIN || poll(&p, 1, 60000) <= 0)
			net_die("send");
		if (p.revents & (POLLIN | POLLHUP | POLLERR))
			receive();
	}
	while (!is_over())
		receive();
	spent += net_now() - began;
}

static void
open_again(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	if (fd >= 0)
		close(fd);
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1)
		net_die(host);
	fd = connect_to(&a);
	exchange("", 0, one_line);
}

/* ---- what can be asked ---- */

static void
command(const char *text)
{
	struct bytes b = { 0 };

	add_string(&b, TAG);
	add_string(&b, text);
	add_string(&b, "\r\n");
	exchange(b.at, b.len, tagged);
	free(b.at);
}

static void
plain_command(const char *text, ended is_over)
{
	char line[1024];

	snprintf(line, sizeof(line), "%s\r\n", text);
	exchange(line, strlen(line), is_over);
}

static void
times(const char *arguments)
{
	char *text;
	unsigned long n = strtoul(arguments, &text, 10);

	for (unsigned long i = 0; i < n; i++)
		command(text + 1);
}

/** Puts the number where the text has %u. */
static void
add_numbered(struct bytes *b, const char *text, unsigned long number)
{
	const char *mark = strstr(text, "%u");
	char digits[24];

	snprintf(digits, sizeof(digits), "%lu", number);
	add(b, text, mark != NULL ? (size_t)(mark - text) : strlen(text));
	if (mark != NULL) {
		add_string(b, digits);
		add_string(b, mark + 2);
	}
	add_string(b, "\r\n");
}

static void
each(const char *arguments)
{
	struct bytes b = { 0 };
	char *text;
	unsigned long n = strtoul(arguments, &text, 10);

	for (unsigned long i = 1; i <= n; i++) {
		add_string(&b, i < n ? "a " : TAG);
		add_numbered(&b, text + 1, i);
	}
	exchange(b.at, b.len, tagged);
	free(b.at);
}

static void
add_message(struct bytes *b, const char *literal_end)
{
	char subject[96], head[1024], mark[48];
	char *body = malloc(size);

	if (body == NULL)
		net_die("memory");
	text_subject(&dice, subject, sizeof(subject));
	text_fill(&dice, body, size);
	snprintf(head, sizeof(head),
	    "Date: Mon, 06 Jan 2025 10:%02lu:%02lu +0000\r\nFrom: \"A. Sender\" "
	    "<sender@client.example.org>\r\nTo: \"Some Reader\" <reader@demo.test>\r\n"
	    "Subject: %s\r\nMessage-ID: <%lx.%lu@client.example.org>\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n"
	    "\r\n",
	    made / 60 % 60, made % 60, subject, seed, made);
	snprintf(mark, sizeof(mark), "{%zu%s}\r\n", strlen(head) + size, literal_end);
	add_string(b, mark);
	add_string(b, head);
	add(b, body, size);
	free(body);
	made++;
}

static void
append(const char *arguments)
{
	char how[8] = "", mailbox[128] = "";
	unsigned long n = 0;
	bool one, multi;
	struct bytes b = { 0 };

	if (sscanf(arguments, "%7s %lu %127s", how, &n, mailbox) != 3 || n == 0)
		net_die("append HOW N MAILBOX");
	one = strcmp(how, "one") == 0;
	multi = strcmp(how, "multi") == 0;
	for (unsigned long i = 0; i < n; i++) {
		if (!multi || i == 0) {
			add_string(&b, one || multi || i == n - 1 ? TAG : "a ");
			add_string(&b, "APPEND ");
			add_string(&b, mailbox);
		}
		add_string(&b, " ");
		add_message(&b, "+");
		if (!multi || i == n - 1)
			add_string(&b, "\r\n");
		if (one) {
			exchange(b.at, b.len, tagged);
			b.len = 0;
		}
	}
	if (b.len > 0)
		exchange(b.at, b.len, tagged);
	free(b.at);
}

static void
retr(const char *arguments)
{
	char line[64], *next;
	unsigned long first = strtoul(arguments, &next, 10), last = strtoul(next, NULL, 10);

	for (unsigned long i = first; i <= last; i++) {
		snprintf(line, sizeof(line), "RETR %lu", i);
		plain_command(line, dotted);
		if (strncmp(last_line(), "-ERR", 4) == 0)
			return; /* the asker sees it */
	}
}

/* ---- the loopback ---- */

struct sender {
	int fd;
	unsigned long long left;
};

static void *
send_all(void *arg)
{
	static char piece[PIECE];
	struct sender *s = arg;

	if (recv(s->fd, piece, 1, 0) != 1)
		net_die("recv");
	while (s->left > 0) {
		size_t n = s->left < PIECE ? (size_t)s->left : PIECE;
		ssize_t put = send(s->fd, piece, n, MSG_NOSIGNAL);

		if (put <= 0)
			net_die("send");
		s->left -= (unsigned long long)put;
	}
	return NULL;
}

/** Both ends of a connection of our own. */
static void
loop_open(int *in, int *out)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001u) };
	socklen_t len = sizeof(a);
	int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(listening, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(listening, 1) != 0 ||
	    getsockname(listening, (struct sockaddr *)&a, &len) != 0)
		net_die("listen");
	*in = connect_to(&a);
	*out = accept(listening, NULL, NULL);
	close(listening);
	if (*out < 0)
		net_die("accept");
}

static void
copy(unsigned long long n)
{
	struct sender s = { .left = n };
	pthread_t thread;
	double began;
	int in;

	loop_open(&in, &s.fd);
	if (pthread_create(&thread, NULL, send_all, &s) != 0)
		net_die("thread");
	usleep(1000); /* until it waits */
	began = net_now();
	if (send(in, "", 1, MSG_NOSIGNAL) != 1)
		net_die("send");
	for (octets = 0; octets < n;) {
		ssize_t got = recv(in, chunk, CHUNK, 0);

		if (got <= 0)
			net_die("recv");
		octets += (unsigned long long)got;
	}
	spent = net_now() - began;
	pthread_join(thread, NULL);
	close(in);
	close(s.fd);
}

/* ---- the conversation ---- */

static void
act(char *line)
{
	char *rest = line + strcspn(line, " ");

	if (*rest == ' ')
		*rest++ = '\0';
	if (strcmp(line, "do") == 0)
		command(rest);
	else if (strcmp(line, "times") == 0)
		times(rest);
	else if (strcmp(line, "each") == 0)
		each(rest);
	else if (strcmp(line, "append") == 0)
		append(rest);
	else if (strcmp(line, "line") == 0)
		plain_command(rest, one_line);
	else if (strcmp(line, "dot") == 0)
		plain_command(rest, dotted);
	else if (strcmp(line, "retr") == 0)
		retr(rest);
	else if (strcmp(line, "open") == 0)
		open_again();
	else if (strcmp(line, "copy") == 0)
		copy(strtoull(rest, NULL, 10));
	else
		net_die(line);
}

/** The answer's last line, as far as JSON takes it as it is. */
static void
print_said(void)
{
	const char *line = tail_len > 0 ? last_line() : NULL;

	printf(", \"said\": \"");
	for (; line != NULL && line < tail + tail_len - 2; line++)
		if (*line >= ' ' && *line < 0x7f && *line != '"' && *line != '\\')
			putchar(*line);
	printf("\"}\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	char *line = NULL;
	size_t room = 0;

	options_parse(rows, sizeof(rows) / sizeof(rows[0]), argc, argv);
	chunk = malloc(CHUNK);
	if (chunk == NULL || port == 0 || port > 65535 || size < 2)
		net_die("an option is out of its range");
	dice_init(&dice, seed);
	text_init(seed);
	while (getline(&line, &room, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		octets = 0;
		spent = 0;
		tail_len = 0;
		act(line);
		printf("{\"seconds\": %.6f, \"octets\": %llu", spent, octets);
		print_said();
	}
	free(line);
	free(chunk);
	return 0;
}
