/* SPDX-License-Identifier: ISC */
/* Listening sockets: one an address; IPv6 ones take IPv6 only, so that both
 * families are told apart in logs and limits. */
#include "command/bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 4096

static bool
address_of(const char *word, uint16_t port, struct sockaddr_storage *out, socklen_t *len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, word, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		*len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, word, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		*len = sizeof(*v6);
		return true;
	}
	return false;
}

/* The descriptor, or -1 with errno. */
static int
listen_at(const struct sockaddr_storage *sa, socklen_t len)
{
	int fd = socket(sa->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, was;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (sa->ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)sa, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	was = errno;
	close(fd);
	errno = was;
	return -1;
}

static enum status
bind_one(const struct config_listener *l, const char *word, struct bound *out, struct failure *f)
{
	struct sockaddr_storage sa;
	socklen_t len;
	char words[160];

	if (!address_of(word, l->port, &sa, &len)) {
		snprintf(words, sizeof(words), "line %u: not an IP address: %s", l->line, word);
		return fail(f, STATUS_INVALID, words, "%s", words);
	}
	out->listener = l;
	out->fd = listen_at(&sa, len);
	/* A machine without IPv6 still serves its IPv4 addresses. */
	if (out->fd < 0 && sa.ss_family == AF_INET6 &&
	    (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
		return STATUS_NOT_FOUND;
	if (out->fd >= 0)
		return STATUS_OK;
	snprintf(words, sizeof(words), "cannot listen for %.*s at %s port %u: %s",
	    TEXT_ARG(l->name), word, l->port, strerror(errno));
	return fail(f, STATUS_IO, words, "%s", words);
}

enum status
bind_all(
    const struct config *c, struct arena *a, struct bound **out, uint32_t *count, struct failure *f)
{
	uint32_t room = 0, n = 0;
	enum status s = STATUS_OK;
	struct bound *at;

	for (uint32_t i = 0; i < c->listener_count; i++)
		room += c->listeners[i].address_count;
	at = ARENA_ARRAY(a, struct bound, room + 1);
	for (uint32_t i = 0; i < c->listener_count && s == STATUS_OK; i++)
		for (uint32_t k = 0; k < c->listeners[i].address_count && s == STATUS_OK; k++) {
			s = bind_one(&c->listeners[i],
			    arena_string(a, c->listeners[i].addresses[k]), &at[n], f);
			if (s == STATUS_OK)
				n++;
			else if (s == STATUS_NOT_FOUND)
				s = STATUS_OK;
		}
	if (s == STATUS_OK && n == 0)
		s = fail(f, STATUS_IO, "no address could be listened at", "no address");
	if (s != STATUS_OK) {
		while (n > 0)
			close(at[--n].fd);
		return s;
	}
	*out = at;
	*count = n;
	return STATUS_OK;
}
