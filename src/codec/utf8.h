/* SPDX-License-Identifier: ISC */
/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing over U+10FFFF. */
#ifndef CODEC_UTF8_H
#define CODEC_UTF8_H

#include "base/buffer.h"
#include "base/cursor.h"

bool utf8_valid(struct text t);
/* True if all bytes are 1..127. */
bool utf8_is_ascii(struct text t);
/* The longest prefix of bytes 0..127. */
struct text utf8_ascii_start(struct text t);
/* The next character, or -1 at the end, or U+FFFD for one maximal bad
 * sequence (which is consumed). */
int32_t utf8_next(struct cursor *c);
void utf8_add(struct buffer *out, int32_t character);
/* Copies; bad sequences become U+FFFD. */
void utf8_clean(struct buffer *out, struct text t);
/* The longest prefix of at most max bytes that does not cut a character. */
struct text utf8_cut(struct text t, size_t max);

#endif
