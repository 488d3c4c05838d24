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

uint32_t
unpack_be32(struct unpack *u)
{
	struct text t = unpack_bytes(u, 4);
	uint32_t be;

	if (t.len == 0)
		return 0;
	memcpy(&be, t.ptr, sizeof(be));
	return __builtin_bswap32(be);
}

uint64_t
unpack_be64(struct unpack *u)
{
	struct text t = unpack_bytes(u, 8);
	uint64_t be;

	if (t.len == 0)
		return 0;
	memcpy(&be, t.ptr, sizeof(be));
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
