/* SPDX-License-Identifier: ISC */
/*
 * The byte encoding of everything we keep or send to ourselves: rows of the
 * store, summaries, calls. Integers are either fixed-width big-endian (keys:
 * so that order of bytes is order of numbers) or LEB128 varints (values).
 * A reader is a cursor with a sticky error: after the first field that does
 * not decode, all further ones give zero and unpack_ok says no, so that code
 * reads a whole struct and checks once. Counts read from outside must be
 * compared with what is left before memory is taken for them.
 */
#ifndef BASE_PACK_H
#define BASE_PACK_H

#include "base/buffer.h"
#include "base/cursor.h"

void pack_u8(struct buffer *b, uint8_t v);
void pack_be32(struct buffer *b, uint32_t v);
void pack_be64(struct buffer *b, uint64_t v);
void pack_varint(struct buffer *b, uint64_t v);

#define PACK_VARINT_MAX 10 /* octets */
/* Writes a varint at to, where there is room, and gives what stands behind it:
 * for rows of many numbers, which ask for room once. */
static inline char *
pack_put_varint(char *to, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*to++ = (char)(v | 0x80);
	*to++ = (char)v;
	return to;
}

/* Small negative numbers become small numbers (zigzag). */
static inline uint64_t
pack_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

/* Zigzag: small negative numbers stay short. */
void pack_signed(struct buffer *b, int64_t v);
/* varint length, then the bytes. */
void pack_text(struct buffer *b, struct text t);

struct unpack {
	struct cursor in;
	bool bad;
};

/* Inline: rows and summaries are very many short fields. */
static inline struct unpack
unpack_of(struct text t)
{
	return (struct unpack){ .in = cursor_of(t) };
}

/* True when nothing was bad so far. */
static inline bool
unpack_ok(const struct unpack *u)
{
	return !u->bad;
}

/* True when nothing was bad and nothing is left. */
static inline bool
unpack_end(const struct unpack *u)
{
	return !u->bad && cursor_done(&u->in);
}

/* A view into the source. */
static inline struct text
unpack_bytes(struct unpack *u, size_t n)
{
	struct text t = { u->in.at, n };

	if (u->bad || n > cursor_left(&u->in)) {
		u->bad = true;
		return TEXT_EMPTY;
	}
	u->in.at += n;
	return t;
}

static inline uint8_t
unpack_u8(struct unpack *u)
{
	struct text t = unpack_bytes(u, 1);

	return t.len == 0 ? 0 : (uint8_t)*t.ptr;
}

uint32_t unpack_be32(struct unpack *u);
uint64_t unpack_be64(struct unpack *u);
/* Of two octets and more. */
uint64_t unpack_long_varint(struct unpack *u);

static inline uint64_t
unpack_varint(struct unpack *u)
{
	if (!u->bad && u->in.at < u->in.end && (unsigned char)*u->in.at < 0x80)
		return (unsigned char)*u->in.at++;
	return unpack_long_varint(u);
}

/* A varint that must not exceed max; bad otherwise. */
static inline uint64_t
unpack_varint_max(struct unpack *u, uint64_t max)
{
	uint64_t v = unpack_varint(u);

	if (v <= max)
		return v;
	u->bad = true;
	return 0;
}

static inline int64_t
unpack_signed(struct unpack *u)
{
	uint64_t v = unpack_varint(u);

	return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

static inline struct text
unpack_text(struct unpack *u)
{
	return unpack_bytes(u, unpack_varint_max(u, SIZE_MAX));
}

#endif
