/* SPDX-License-Identifier: ISC */
/*
 * The PROXY protocol. Version 1 is a line of exactly the tokens that its
 * specification names, single spaces between them; version 2 a binary header
 * whose extensions are skipped, since nothing here uses them. Families other
 * than TCP over IPv4 and IPv6 keep the connection's own addresses.
 */
#include "runtime/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cursor.h"

#define V2_HEADER 16
#define V2_VERSION 2
#define V2_LOCAL 0
#define V2_PROXY 1
#define V2_TCP4 0x11
#define V2_TCP6 0x21

static const struct text v1_start = { "PROXY ", 6 };
static const struct text v2_start = { "\r\n\r\n\0\r\nQUIT\n", 12 };

static void
set_address(struct sockaddr_storage *out, int family, const void *octets, uint16_t port_be)
{
	struct sockaddr_in *in = (void *)out;
	struct sockaddr_in6 *in6 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (family == AF_INET) {
		in->sin_family = AF_INET;
		in->sin_port = port_be;
		memcpy(&in->sin_addr, octets, 4);
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port_be;
		memcpy(&in6->sin6_addr, octets, 16);
	}
}

/* ---- version 1 ---- */

/* One token and the single space behind it; the last one ends the line. */
static bool
v1_token(struct cursor *c, bool last, struct text *out)
{
	*out = cursor_until(c, ' ');
	if (out->len == 0)
		return false;
	return last ? cursor_done(c) : cursor_byte(c, ' ');
}

static bool
v1_address(struct cursor *c, int family, uint8_t octets[16])
{
	char word[INET6_ADDRSTRLEN];
	struct text t;

	return v1_token(c, false, &t) && text_to_string(t, word, sizeof(word)) == STATUS_OK &&
	       inet_pton(family, word, octets) == 1;
}

static bool
v1_port(struct cursor *c, bool last, uint16_t *port_be)
{
	struct text t;
	uint32_t n;

	if (!v1_token(c, last, &t) || text_to_u32(t, &n) != STATUS_OK || n > UINT16_MAX)
		return false;
	if (t.len > 1 && t.ptr[0] == '0')
		return false;
	*port_be = htons((uint16_t)n);
	return true;
}

static bool
v1_addresses(struct cursor *c, int family, struct proxy_header *h)
{
	uint8_t peer[16], local[16];
	uint16_t peer_port, local_port;

	if (!v1_address(c, family, peer) || !v1_address(c, family, local) ||
	    !v1_port(c, false, &peer_port) || !v1_port(c, true, &local_port))
		return false;
	set_address(&h->peer, family, peer, peer_port);
	set_address(&h->local, family, local, local_port);
	return true;
}

/* Behind UNKNOWN anything may stand. */
static bool
v1_body(struct cursor *c, struct proxy_header *h)
{
	if (cursor_text(c, TEXT("TCP4 ")))
		return v1_addresses(c, AF_INET, h);
	if (cursor_text(c, TEXT("TCP6 ")))
		return v1_addresses(c, AF_INET6, h);
	h->own = true;
	return cursor_text(c, TEXT("UNKNOWN")) && (cursor_done(c) || cursor_byte(c, ' '));
}

static enum status
v1_parse(struct text in, struct proxy_header *out, size_t *used)
{
	struct text seen = text_part(in, 0, PROXY_V1_MAX);
	size_t lf = text_find_byte(seen, '\n', 0);
	struct proxy_header h = { 0 };
	struct cursor c;

	if (lf == seen.len)
		return seen.len < PROXY_V1_MAX ? STATUS_AGAIN : STATUS_INVALID;
	if (seen.ptr[lf - 1] != '\r')
		return STATUS_INVALID;
	c = cursor_of(text_part(seen, v1_start.len, lf - 1));
	if (!v1_body(&c, &h))
		return STATUS_INVALID;
	*out = h;
	*used = lf + 1;
	return STATUS_OK;
}

/* ---- version 2 ---- */

static uint16_t
be16(const char *p)
{
	const uint8_t *u = (const uint8_t *)p;

	return (uint16_t)(u[0] << 8 | u[1]);
}

/* Addresses and ports stand as in struct sockaddr, in network order. */
static bool
v2_addresses(int family, struct text body, struct proxy_header *h)
{
	size_t n = family == AF_INET ? 4 : 16;

	if (body.len < 2 * n + 4)
		return false;
	set_address(&h->peer, family, body.ptr, htons(be16(body.ptr + 2 * n)));
	set_address(&h->local, family, body.ptr + n, htons(be16(body.ptr + 2 * n + 2)));
	return true;
}

static enum status
v2_parse(struct text in, struct proxy_header *out, size_t *used)
{
	struct proxy_header h = { 0 };
	uint8_t command, family;
	struct text body;

	if (in.len < V2_HEADER)
		return STATUS_AGAIN;
	command = (uint8_t)in.ptr[12];
	family = (uint8_t)in.ptr[13];
	body.len = be16(in.ptr + 14);
	body.ptr = in.ptr + V2_HEADER;
	if (command >> 4 != V2_VERSION || (command & 15) > V2_PROXY ||
	    body.len > PROXY_HEADER_MAX - V2_HEADER)
		return STATUS_INVALID;
	if (in.len - V2_HEADER < body.len)
		return STATUS_AGAIN;
	if ((command & 15) == V2_LOCAL || (family != V2_TCP4 && family != V2_TCP6))
		h.own = true;
	else if (!v2_addresses(family == V2_TCP4 ? AF_INET : AF_INET6, body, &h))
		return STATUS_INVALID;
	*out = h;
	*used = V2_HEADER + body.len;
	return STATUS_OK;
}

/* True if in is the beginning of start, or start the beginning of in. */
static bool
begins(struct text in, struct text start)
{
	return text_starts(in, text_part(start, 0, in.len));
}

enum status
proxy_parse(struct text in, struct proxy_header *out, size_t *used)
{
	if (begins(in, v1_start))
		return in.len < v1_start.len ? STATUS_AGAIN : v1_parse(in, out, used);
	if (begins(in, v2_start))
		return in.len < v2_start.len ? STATUS_AGAIN : v2_parse(in, out, used);
	return STATUS_INVALID;
}
