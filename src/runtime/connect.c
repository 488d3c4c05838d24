/* SPDX-License-Identifier: ISC */
/*
 * See runtime/connect.h. Every attempt is a non-blocking connect(2), and one
 * poll(2) waits for all that are under way, until the next one is due.
 */
#include "runtime/connect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "runtime/thread.h"

struct attempts {
	const struct sockaddr_storage *addresses;
	size_t count; /* of addresses */
	const struct connect_rules *rules;
	struct pollfd polls[CONNECT_ADDRESSES_MAX]; /* fd -1: not begun, or over */
	size_t next;				    /* the one to begin */
	int64_t begun;				    /* when the last one was */
	size_t open;
	struct buffer why;
};

static socklen_t
size_of(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static in_port_t
port_of(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *in6 = (const void *)a; /* the port stands at the same place */

	return ntohs(in6->sin6_port);
}

void
connect_print(const struct sockaddr_storage *a, bool port, struct buffer *out)
{
	const struct sockaddr_in *in = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;
	const void *octets =
	    a->ss_family == AF_INET ? (const void *)&in->sin_addr : (const void *)&in6->sin6_addr;
	char word[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(a->ss_family, octets, word, sizeof(word));
	if (port)
		buffer_addf(out, a->ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", word,
		    (unsigned)port_of(a));
	else
		buffer_add_string(out, word);
}

void
connect_interleave(struct sockaddr_storage *addresses, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		size_t j = i;
		struct sockaddr_storage other;

		while (j < count && addresses[j].ss_family == addresses[i - 1].ss_family)
			j++;
		if (j == count)
			return; /* one family is used up */
		other = addresses[j];
		memmove(&addresses[i + 1], &addresses[i], (j - i) * sizeof(other));
		addresses[i] = other;
	}
}

static void
remember(struct attempts *t, size_t i, int error)
{
	if (t->why.len > 0)
		buffer_add_string(&t->why, ", ");
	connect_print(&t->addresses[i], true, &t->why);
	buffer_addf(&t->why, ": %s", strerrordesc_np(error));
}

static void
end(struct attempts *t, size_t i)
{
	(void)close(t->polls[i].fd);
	t->polls[i].fd = -1;
	t->open--;
}

/* A socket as it should be, bound if it comes from somewhere; -1 and errno. */
static int
socket_for(const struct attempts *t, size_t i)
{
	const struct sockaddr_storage *a = &t->addresses[i];
	const struct sockaddr_storage *source =
	    a->ss_family == AF_INET ? &t->rules->source4 : &t->rules->source6;
	const int one = 1;
	int fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (source->ss_family != a->ss_family ||
	    bind(fd, (const struct sockaddr *)source, size_of(source)) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

static void
begin(struct attempts *t)
{
	size_t i = t->next++;
	const struct sockaddr_storage *a = &t->addresses[i];
	int fd;

	t->begun = clock_mono();
	if (a->ss_family != AF_INET && a->ss_family != AF_INET6) {
		remember(t, i, EAFNOSUPPORT);
		return;
	}
	fd = socket_for(t, i);
	if (fd < 0) {
		remember(t, i, errno);
		return;
	}
	t->polls[i] = (struct pollfd){ .fd = fd, .events = POLLOUT };
	t->open++;
	if (connect(fd, (const struct sockaddr *)a, size_of(a)) != 0 && errno != EINPROGRESS) {
		remember(t, i, errno);
		end(t, i);
	}
}

/* Whether an attempt has succeeded; those that failed are over. */
static bool
look(struct attempts *t, size_t *which)
{
	for (size_t i = 0; i < t->next; i++) {
		int error = 0;
		socklen_t size = sizeof(error);

		if (t->polls[i].fd < 0 || t->polls[i].revents == 0)
			continue;
		if (getsockopt(t->polls[i].fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
			error = errno;
		if (error == 0) {
			*which = i;
			return true;
		}
		remember(t, i, error);
		end(t, i);
	}
	return false;
}

/* Waits for those under way, until the next is due or all is over. */
static enum status
wait_for_one(struct attempts *t)
{
	int64_t now = clock_mono(), until = t->rules->deadline;
	int64_t ms;
	int r;

	if (now >= until)
		return STATUS_TIMEOUT;
	if (t->next < t->count && t->begun + t->rules->stagger < until)
		until = t->begun + t->rules->stagger;
	ms = until > now ? (until - now + CLOCK_MS - 1) / CLOCK_MS : 0;
	thread_blocks();
	r = poll(t->polls, t->next, ms > INT32_MAX ? INT32_MAX : (int)ms);
	thread_goes_on();
	return r < 0 && errno != EINTR ? STATUS_IO : STATUS_OK;
}

static bool
next_is_due(const struct attempts *t)
{
	return t->next < t->count && (t->open == 0 || clock_mono() >= t->begun + t->rules->stagger);
}

static enum status
race(struct attempts *t, size_t *which)
{
	enum status st = STATUS_OK;

	while (st == STATUS_OK) {
		size_t before;

		if (next_is_due(t))
			begin(t);
		if (t->open == 0 && t->next == t->count)
			return STATUS_CLOSED;
		before = t->open;
		if (t->open == 0)
			continue;
		st = wait_for_one(t);
		if (st == STATUS_OK && look(t, which))
			return STATUS_OK;
		/* A failure makes room for the next at once (RFC 8305 5). */
		if (t->open < before)
			t->begun -= t->rules->stagger;
	}
	return st;
}

static void
win(struct attempts *t, size_t which, struct connected *out)
{
	struct connected c = { .fd = t->polls[which].fd, .which = which };
	socklen_t size = sizeof(c.local);

	(void)getsockname(c.fd, (struct sockaddr *)&c.local, &size);
	t->polls[which].fd = -1;
	*out = c;
}

enum status
connect_any(const struct sockaddr_storage *addresses, size_t count,
    const struct connect_rules *rules, struct connected *out, struct failure *f)
{
	struct attempts t = { .addresses = addresses, .rules = rules };
	enum status st = STATUS_INVALID;
	size_t which = 0;

	t.count = count < CONNECT_ADDRESSES_MAX ? count : CONNECT_ADDRESSES_MAX;
	for (size_t i = 0; i < CONNECT_ADDRESSES_MAX; i++)
		t.polls[i].fd = -1;
	if (t.count > 0)
		st = race(&t, &which);
	if (st == STATUS_OK)
		win(&t, which, out);
	for (size_t i = 0; i < t.next; i++) {
		if (t.polls[i].fd < 0)
			continue;
		if (st == STATUS_TIMEOUT)
			remember(&t, i, ETIMEDOUT);
		end(&t, i);
	}
	if (st != STATUS_OK)
		(void)fail(f, st, "No connection to the server", "%s",
		    t.why.len > 0 ? buffer_string(&t.why) : "no address to connect to");
	buffer_done(&t.why);
	return st;
}
