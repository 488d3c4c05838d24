/* SPDX-License-Identifier: ISC */
/*
 * The PROXY protocol, versions 1 and 2 (HAProxy, proxy-protocol.txt): a load
 * balancer says before all else whom it speaks for. Only listeners with proxy
 * set and only configured peers get here. Strict: what is not exactly a
 * header is refused, and more than PROXY_HEADER_MAX octets are never waited
 * for.
 */
#ifndef RUNTIME_PROXY_H
#define RUNTIME_PROXY_H

#include <sys/socket.h>

#include "base/text.h"

#define PROXY_V1_MAX 107
#define PROXY_HEADER_MAX 1024 /* a version 2 header with its extensions */

struct proxy_header {
	bool own; /* LOCAL or UNKNOWN: the connection speaks for itself */
	struct sockaddr_storage peer, local;
};

/* Reads a header at the start of in, and how many octets it takes. AGAIN: not
 * whole yet. INVALID: not a header. */
enum status proxy_parse(struct text in, struct proxy_header *out, size_t *used) MUST_CHECK;

#endif
