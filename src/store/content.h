/* SPDX-License-Identifier: ISC */
/*
 * Content: how a message's octets are kept. zstd level 1; the header in a
 * frame of its own, the body in frames of 256 KiB of raw octets, each cut into
 * a piece of the blob, so that a header costs no body and a range costs its
 * frames. Compressed in intake, inflated in the fronts; the store moves pieces
 * and never looks inside.
 *
 * Piece 0: u8 version (1), varint raw size, varint raw header length, varint
 * length of the header frame, header frame, and then, when the body is at most
 * 256 KiB and its frame at most 64 KiB, the body frame. Otherwise piece i >= 1 is body frame i - 1.
 * A frame begins with its kind (0 raw, 1 zstd); what zstd would not shrink is
 * kept raw, and so is what leaves again at once. Of a header longer than 256 KiB only that much is
 * the header's frame; the rest goes with the body, where store/reader.h looks for its end.
 */
#ifndef STORE_CONTENT_H
#define STORE_CONTENT_H

#include "base/arena.h"
#include "base/pack.h"

#define CONTENT_FRAME_RAW (256u << 10)
#define CONTENT_PIECE_MAX (1u << 20) /* octets of any piece; packing stays below */

/* A message to a container: varint count, varint lengths, then the pieces.
 * head and rest are one message in two parts (trace and what was received);
 * header_len counts from the start of head. */
void content_pack(struct text head, struct text rest, uint64_t header_len, struct buffer *out);
/* The same, and nothing is compressed: for what is read once and then gone. */
void content_wrap(struct text head, struct text rest, uint64_t header_len, struct buffer *out);
/* Cuts a container into views of its pieces, at most max. CORRUPT. */
enum status content_pieces(
    struct text container, uint32_t max, struct text *piece, uint32_t *count) MUST_CHECK;

/* Reading: fetch(arg, piece, arena, bytes) gets a piece that is not there yet. */
struct content {
	uint64_t size, header_len;
	uint32_t frames; /* body frames */
	bool inlined;	 /* the body frame stands in piece 0 */
	struct text header_frame, body_frame;
	enum status (*fetch)(void *arg, uint32_t piece, struct arena *a, struct text *bytes);
	void *arg;
};
/* From piece 0. CORRUPT. */
enum status content_open(struct text piece0, struct content *out) MUST_CHECK;
/* Piece 0 without the body in it, for who reads the header alone; what is no
 * piece 0 is given back. */
struct text content_head(struct text piece0);
/* Appends raw octets [from, from + len) (cut to the size); works frame by
 * frame with bounded memory; sink is called with consecutive parts. */
enum status content_read(struct content *c, uint64_t from, uint64_t len,
    enum status (*sink)(void *arg, struct text part), void *sink_arg) MUST_CHECK;
/* The same into a buffer. */
enum status content_read_buffer(
    struct content *c, uint64_t from, uint64_t len, struct buffer *out) MUST_CHECK;

#endif
