/* SPDX-License-Identifier: ISC */
/*
 * Encoded words (RFC 2047), parameter values (RFC 2231), and the folding that
 * comparing text without case needs.
 */
#ifndef CODEC_MIMEWORDS_H
#define CODEC_MIMEWORDS_H

#include "base/arena.h"
#include "base/buffer.h"

/* Unstructured header text, as it stands in the message (folded or not), to
 * UTF-8: unfolds, decodes encoded words (adjacent ones joined, RFC 2047 6.2;
 * also cut in the middle of a character, as real mail does), takes raw bytes
 * as UTF-8 or else windows-1252. At most max_out bytes. */
void mimewords_decode(struct text raw, size_t max_out, struct buffer *out);
/* One RFC 2231 extended value: charset'language'percent-encoded. */
void mimewords_decode_2231(struct text value, size_t max_out, struct buffer *out);
/* Percent escapes to octets (RFC 2231 4), for a value in several pieces. */
void mimewords_percent(struct text value, struct buffer *out);
/* UTF-8 to a header value of encoded words where needed, folded at 76. */
void mimewords_encode(struct buffer *out, struct text utf8);
/* Case-folds (full Unicode folding, NFKC-folded) valid UTF-8 for i;unicode
 * comparisons and search (RFC 5051 is the model). */
void text_fold(struct buffer *out, struct text utf8);
/* Lower case and NFC: for local parts of addresses, whose characters keep
 * their identity otherwise. */
void text_lower(struct buffer *out, struct text utf8);

#endif
