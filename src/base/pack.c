/* SPDX-License-Identifier: ISC */
/*
 * Fixed-width big-endian numbers, LEB128 varints, and texts with a length
 * before them. A varint has exactly one encoding: a reader refuses one with
 * needless zero groups, and one beyond 64 bits, so that equal values are
 * equal bytes.
 */
#include "base/pack.h"

#include <string.h>

void
pack_u8(struct buffer *b, uint8_t v)
{
	buffer_add_byte(b, (char)v);
}

void
pack_be32(struct buffer *b, uint32_t v)
{
	uint32_t be = __builtin_bswap32(v);

	buffer_add(b, &be, sizeof(be));
}

void
pack_be64(struct buffer *b, uint64_t v)
{
	uint64_t be = __builtin_bswap64(v);

	buffer_add(b, &be, sizeof(be));
}

void
pack_varint(struct buffer *b, uint64_t v)
{
	char out[PACK_VARINT_MAX];

	buffer_add(b, out, (size_t)(pack_put_varint(out, v) - out));
}

void
pack_signed(struct buffer *b, int64_t v)
{
	pack_varint(b, pack_zigzag(v));
}

void
pack_text(struct buffer *b, struct text t)
{
	pack_varint(b, t.len);
	buffer_add_text(b, t);
}

struct unpack
unpack_of(struct text t)
{
	return (struct unpack){ .in = cursor_of(t) };
}

/* n bytes, or NULL and the error sticks. */
static const char *
take(struct unpack *u, size_t n)
{
	struct text t;

	if (u->bad || !cursor_take(&u->in, n, &t)) {
		u->bad = true;
		return NULL;
	}
	return t.ptr;
}

uint8_t
unpack_u8(struct unpack *u)
{
	const char *p = take(u, 1);

	return p == NULL ? 0 : (uint8_t)*p;
}

uint32_t
unpack_be32(struct unpack *u)
{
	const char *p = take(u, 4);
	uint32_t be;

	if (p == NULL)
		return 0;
	memcpy(&be, p, sizeof(be));
	return __builtin_bswap32(be);
}

uint64_t
unpack_be64(struct unpack *u)
{
	const char *p = take(u, 8);
	uint64_t be;

	if (p == NULL)
		return 0;
	memcpy(&be, p, sizeof(be));
	return __builtin_bswap64(be);
}

uint64_t
unpack_long_varint(struct unpack *u)
{
	const char *p = u->in.at;
	uint64_t v = 0;

	for (unsigned shift = 0; !u->bad && p < u->in.end && shift < 64; shift += 7) {
		uint64_t group = (unsigned char)*p++;

		if (shift == 63 && group > 1)
			break;
		v |= (group & 0x7f) << shift;
		if (group >= 0x80)
			continue;
		if (group == 0 && shift > 0)
			break;
		u->in.at = p;
		return v;
	}
	u->bad = true;
	return 0;
}

uint64_t
unpack_varint_max(struct unpack *u, uint64_t max)
{
	uint64_t v = unpack_varint(u);

	if (v <= max)
		return v;
	u->bad = true;
	return 0;
}

int64_t
unpack_signed(struct unpack *u)
{
	uint64_t v = unpack_varint(u);

	return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

struct text
unpack_text(struct unpack *u)
{
	return unpack_bytes(u, unpack_varint_max(u, SIZE_MAX));
}

struct text
unpack_bytes(struct unpack *u, size_t n)
{
	const char *p = take(u, n);

	return p == NULL ? TEXT_EMPTY : (struct text){ p, n };
}

bool
unpack_ok(const struct unpack *u)
{
	return !u->bad;
}

bool
unpack_end(const struct unpack *u)
{
	return !u->bad && cursor_done(&u->in);
}
