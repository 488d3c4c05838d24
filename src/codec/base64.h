/* SPDX-License-Identifier: ISC */
/* Base64 (RFC 4648 4) and its URL alphabet (RFC 4648 5). */
#ifndef CODEC_BASE64_H
#define CODEC_BASE64_H

#include "base/buffer.h"

/* With padding, no line breaks. */
void base64_encode(struct buffer *out, struct text in);
/* URL alphabet, without padding. */
void base64_url_encode(struct buffer *out, struct text in);
/* Strict: the whole alphabet-padded text and nothing else (as SASL wants it,
 * RFC 4954 4). INVALID otherwise; out is then as it was. */
enum status base64_decode(struct buffer *out, struct text in) MUST_CHECK;
enum status base64_url_decode(struct buffer *out, struct text in) MUST_CHECK;

/* Lenient, for mail bodies (RFC 2045 6.8): bytes outside the alphabet are
 * passed over, missing padding is forgiven. Feeds may be cut anywhere. */
struct base64_decoder {
	uint32_t bits;
	uint8_t have; /* sextets waiting in bits */
	bool ended;   /* padding was seen */
};
void base64_feed(struct base64_decoder *d, struct text in, struct buffer *out);

#endif
