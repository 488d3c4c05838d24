/* SPDX-License-Identifier: ISC */
/*
 * Connections that we make: to the first of a host's addresses that answers
 * (RFC 8305 in small). The addresses come in order of preference; the next is
 * tried beside those that are under way when one of them failed, or when none
 * has answered for a while. All within one deadline.
 */
#ifndef RUNTIME_CONNECT_H
#define RUNTIME_CONNECT_H

#include <sys/socket.h>

#include "base/buffer.h"
#include "base/clock.h"

/* No more are tried for one host. */
#define CONNECT_ADDRESSES_MAX 16

struct connect_rules {
	int64_t deadline; /* monotonic; of all together */
	int64_t stagger;  /* microseconds from one attempt to the next; 0: at once */
	/* Where connections come from, by family; family 0: as the system likes. */
	struct sockaddr_storage source4, source6;
};

struct connected {
	int fd;	      /* non-blocking, close-on-exec, without Nagle's delay */
	size_t which; /* of the addresses */
	struct sockaddr_storage local;
};

/* TIMEOUT: the deadline came first; CLOSED: every attempt failed, and f's log
 * text says each with its address and reason; INVALID: no addresses. */
enum status connect_any(const struct sockaddr_storage *addresses, size_t count,
    const struct connect_rules *rules, struct connected *out, struct failure *f) MUST_CHECK;

/* RFC 8305 4: the two families by turns, beginning with the first's; the order
 * within each stays. */
void connect_interleave(struct sockaddr_storage *addresses, size_t count);
/* "192.0.2.1", "2001:db8::1"; "?" for other families. With port: "[...]:25". */
void connect_print(const struct sockaddr_storage *a, bool port, struct buffer *out);

#endif
