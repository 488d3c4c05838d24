/* SPDX-License-Identifier: ISC */
/*
 * Content transfer encodings undone (RFC 2045 6), in pieces, so that a bound
 * on what comes out also bounds the work.
 */
#include "mime/decode.h"

#include <string.h>

#include "codec/base64.h"
#include "codec/qp.h"

#define PIECE ((size_t)32 * 1024)

static void
decode_base64(struct text body, size_t max, struct buffer *out)
{
	struct base64_decoder d = { 0 };
	size_t start = out->len;

	for (size_t at = 0; at < body.len && out->len - start < max && !out->overflow; at += PIECE)
		base64_feed(&d, text_part(body, at, at + PIECE), out);
	if (out->len - start > max)
		buffer_cut(out, start + max);
}

/* Behind the line end at or after the piece: escapes and soft breaks do not
 * reach over one. */
static size_t
piece_end(struct text body, size_t at)
{
	if (body.len - at <= PIECE)
		return body.len;
	at = text_find_byte(body, '\n', at + PIECE);
	return at < body.len ? at + 1 : body.len;
}

static void
decode_qp(struct text body, size_t max, struct buffer *out)
{
	size_t start = out->len;

	for (size_t at = 0, end; at < body.len && out->len - start < max && !out->overflow;
	     at = end) {
		end = piece_end(body, at);
		qp_decode(out, text_part(body, at, end));
	}
	if (out->len - start > max)
		buffer_cut(out, start + max);
}

void
mime_decode_body(enum mime_encoding encoding, struct text body, size_t max, struct buffer *out)
{
	switch (encoding) {
	case MIME_BASE64:
		decode_base64(body, max, out);
		break;
	case MIME_QP:
		decode_qp(body, max, out);
		break;
	case MIME_7BIT:
	case MIME_8BIT:
	case MIME_BINARY:
	case MIME_UNKNOWN_ENCODING:
		buffer_add_text(out, text_part(body, 0, max));
		break;
	}
}
