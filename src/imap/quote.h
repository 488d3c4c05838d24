/* SPDX-License-Identifier: ISC */
/*
 * The usual string of a response, inline, since a mailbox that is listed is
 * millions of them: printable ASCII without quotes and backslashes goes between
 * quotes as it is (RFC 9051 9 quoted). Eight octets are looked at and copied at
 * a time; what is anything else is left to imap/write.h.
 */
#ifndef IMAP_QUOTE_H
#define IMAP_QUOTE_H

#include "base/buffer.h"

#define QUOTED_MAX 1000 /* octets; longer strings are literals: some clients' line buffers */

#define QUOTE_ALL(byte) (UINT64_C(0x0101010101010101) * (byte))

/* 0 when all eight octets are plain. Each term sets the uppermost bit of the
 * first octet that is not: over 127, below space, DEL, quote, backslash. */
static inline uint64_t
quote_odd(uint64_t eight)
{
	return (eight | (eight - QUOTE_ALL(0x20)) | ((eight ^ QUOTE_ALL(0x7f)) - QUOTE_ALL(1)) |
		   ((eight ^ QUOTE_ALL('"')) - QUOTE_ALL(1)) |
		   ((eight ^ QUOTE_ALL('\\')) - QUOTE_ALL(1))) &
	       QUOTE_ALL(0x80);
}

static inline uint64_t
quote_copy_eight(char *to, const char *from)
{
	uint64_t eight;

	memcpy(&eight, from, sizeof(eight));
	memcpy(to, &eight, sizeof(eight));
	return quote_odd(eight);
}

/* Copies and gives 0 when all was plain. The end of what is no multiple of
 * eight is copied twice. */
static inline uint64_t
quote_copy(char *to, const char *from, size_t n)
{
	uint64_t odd = 0, few = QUOTE_ALL(' ');
	size_t at = 0;

	if (n >= 8) {
		for (; at < n - 8; at += 8)
			odd |= quote_copy_eight(to + at, from + at);
		return odd | quote_copy_eight(to + n - 8, from + n - 8);
	}
	for (; at < n; at++) {
		to[at] = from[at];
		few = few << 8 | (unsigned char)from[at];
	}
	return quote_odd(few);
}

/* "t" behind an octet in front of it (0: none), or nothing and false. */
static inline bool
quote_plain(struct buffer *out, char before, struct text t)
{
	char *at = t.len <= QUOTED_MAX ? buffer_room(out, t.len + 3) : NULL, *to = at;

	if (at == NULL)
		return false;
	if (before != 0)
		*to++ = before;
	*to++ = '"';
	if (quote_copy(to, t.ptr, t.len) != 0)
		return false;
	to += t.len;
	*to++ = '"';
	out->len += (size_t)(to - at);
	return true;
}

#endif
