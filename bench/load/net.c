/* SPDX-License-Identifier: ISC */
/*
 * The loop of the load tools, see net.h. One epoll set, level triggered; a
 * connection is reopened only in round(), so that no event of a batch can be
 * taken for one of its successor.
 */
#include "load/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256, CHUNK = 16384 };

struct net {
	struct net_target target;
	struct sockaddr_in address;
	const struct net_ops *ops;
	void *user;
	SSL_CTX *tls;
	int epoll;
};

double
net_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void
net_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

struct net *
net_new(const struct net_target *target, const struct net_ops *ops, void *user)
{
	struct net *n = calloc(1, sizeof(*n));

	if (n == NULL)
		net_die("memory");
	n->target = *target;
	n->ops = ops;
	n->user = user;
	n->address.sin_family = AF_INET;
	n->address.sin_port = htons(target->port);
	if (inet_pton(AF_INET, target->host, &n->address.sin_addr) != 1)
		net_die(target->host);
	n->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (n->epoll < 0)
		net_die("epoll");
	if (target->tls) {
		n->tls = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_mode(n->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
					     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		SSL_CTX_set_read_ahead(n->tls, 1);
	}
	return n;
}

static void
watch(struct conn *c, int how)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	if (c->connecting || c->want_out)
		e.events |= EPOLLOUT;
	if (epoll_ctl(c->net->epoll, how, c->fd, &e) != 0)
		net_die("epoll_ctl");
}

static int
make_socket(const struct net *n, size_t number)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (n->target.sources == 0)
		return fd;
	from.sin_addr.s_addr = htonl(0x7f000002u + (uint32_t)(number % n->target.sources));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

bool
net_open(struct net *n, struct conn *c, size_t number)
{
	c->net = n;
	c->in_len = c->out_len = c->out_at = 0;
	c->connecting = true;
	c->shaking = n->tls != NULL;
	c->want_out = false;
	c->fd = make_socket(n, number);
	if (c->fd < 0)
		return false;
	if (connect(c->fd, (struct sockaddr *)&n->address, sizeof(n->address)) != 0 &&
	    errno != EINPROGRESS) {
		close(c->fd);
		c->fd = -1;
		return false;
	}
	if (n->tls != NULL) {
		c->ssl = SSL_new(n->tls);
		SSL_set_fd(c->ssl, c->fd);
		SSL_set_connect_state(c->ssl);
	}
	watch(c, EPOLL_CTL_ADD);
	return true;
}

void
net_close(struct conn *c)
{
	if (c->fd < 0)
		return;
	SSL_free(c->ssl);
	c->ssl = NULL;
	close(c->fd);
	c->fd = -1;
	free(c->out);
	c->out = NULL;
	c->out_len = c->out_at = 0;
}

static void
fail(struct conn *c, const char *why)
{
	net_close(c);
	c->net->ops->closed(c, why);
}

static void
want(struct conn *c, bool out)
{
	if (c->want_out == out)
		return;
	c->want_out = out;
	watch(c, EPOLL_CTL_MOD);
}

/** -1 when it would block, 0 at the end, -2 on an error. */
static ssize_t
tls_result(struct conn *c, int got)
{
	int why = SSL_get_error(c->ssl, got);

	ERR_clear_error();
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return -1;
	return why == SSL_ERROR_ZERO_RETURN ? 0 : -2;
}

static ssize_t
plain_result(void)
{
	return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

static ssize_t
raw_read(struct conn *c, void *to, size_t size)
{
	ssize_t got;

	if (c->ssl != NULL) {
		got = SSL_read(c->ssl, to, (int)size);
		return got > 0 ? got : tls_result(c, (int)got);
	}
	got = recv(c->fd, to, size, 0);
	return got >= 0 ? got : plain_result();
}

static ssize_t
raw_write(struct conn *c, const void *from, size_t len)
{
	ssize_t got;

	if (c->ssl != NULL) {
		got = SSL_write(c->ssl, from, (int)len);
		return got > 0 ? got : tls_result(c, (int)got);
	}
	got = send(c->fd, from, len, MSG_NOSIGNAL);
	return got >= 0 ? got : plain_result();
}

/** How much of it went out at once. */
static size_t
write_now(struct conn *c, const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len) {
		ssize_t put = raw_write(c, bytes + at, len - at);
		if (put <= 0)
			break;
		at += (size_t)put;
	}
	return at;
}

static void
keep(struct conn *c, const char *bytes, size_t len)
{
	char *grown = realloc(c->out, c->out_len + len);

	if (grown == NULL)
		net_die("memory");
	c->out = grown;
	memcpy(c->out + c->out_len, bytes, len);
	c->out_len += len;
	want(c, true);
}

void
net_send(struct conn *c, const void *bytes, size_t len)
{
	size_t sent = 0;

	if (c->out_len == 0 && !c->connecting && !c->shaking)
		sent = write_now(c, bytes, len);
	if (sent < len)
		keep(c, (const char *)bytes + sent, len - sent);
}

static void
flush(struct conn *c)
{
	c->out_at += write_now(c, c->out + c->out_at, c->out_len - c->out_at);
	if (c->out_at < c->out_len)
		return;
	free(c->out);
	c->out = NULL;
	c->out_len = c->out_at = 0;
	want(c, false);
}

/** Cuts lines off what was received; false when the tool closed it meanwhile. */
static bool
take(struct conn *c, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n') {
			if (c->in_len < NET_LINE - 1)
				c->in[c->in_len++] = bytes[i];
			continue;
		}
		if (c->in_len > 0 && c->in[c->in_len - 1] == '\r')
			c->in_len--;
		c->in[c->in_len] = '\0';
		size_t line = c->in_len;
		c->in_len = 0;
		c->net->ops->line(c, c->in, line);
		if (c->fd < 0)
			return false;
	}
	return true;
}

static void
readable(struct conn *c)
{
	static char chunk[CHUNK];

	for (;;) {
		ssize_t got = raw_read(c, chunk, sizeof(chunk));
		if (got == -1)
			return;
		if (got <= 0) {
			fail(c, got == 0 ? "closed" : "read error");
			return;
		}
		if (!take(c, chunk, (size_t)got) || (c->ssl == NULL && (size_t)got < sizeof(chunk)))
			return;
	}
}

/** True when the connection is there. */
static bool
finish_connect(struct conn *c)
{
	int why = 0;
	socklen_t size = sizeof(why);

	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &size);
	if (why != 0) {
		fail(c, strerror(why));
		return false;
	}
	c->connecting = false;
	c->want_out = c->out_len > 0;
	watch(c, EPOLL_CTL_MOD);
	return true;
}

static bool
finish_handshake(struct conn *c)
{
	int got = SSL_do_handshake(c->ssl);

	if (got == 1) {
		c->shaking = false;
		return true;
	}
	if (tls_result(c, got) != -1)
		fail(c, "TLS handshake");
	return false;
}

static void
serve(struct conn *c, uint32_t events)
{
	if (c->fd < 0)
		return;
	if (c->connecting && !finish_connect(c))
		return;
	if (c->shaking && !finish_handshake(c))
		return;
	if (c->want_out && c->out_len > 0)
		flush(c);
	if (c->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		readable(c);
}

void
net_run(struct net *n, int extra)
{
	struct epoll_event batch[BATCH];
	bool end = false;

	if (extra >= 0) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };
		epoll_ctl(n->epoll, EPOLL_CTL_ADD, extra, &e);
	}
	while (!end && !n->ops->done(n->user)) {
		n->ops->round(n->user);
		int count = epoll_wait(n->epoll, batch, BATCH, extra >= 0 ? -1 : 60000);
		if (count == 0 || (count < 0 && errno != EINTR))
			net_die("nothing happened for a minute");
		for (int i = 0; i < count; i++) {
			if (batch[i].data.ptr == NULL)
				end = true;
			else
				serve(batch[i].data.ptr, batch[i].events);
		}
	}
}

void
net_free(struct net *n)
{
	SSL_CTX_free(n->tls);
	close(n->epoll);
	free(n);
}
