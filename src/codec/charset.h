/* SPDX-License-Identifier: ISC */
/*
 * Text in any charset to UTF-8, by ICU, for bytes that strangers sent. Never
 * fails: an unknown charset is read as UTF-8 if it is valid and as
 * windows-1252 otherwise; what does not map becomes U+FFFD. Names are those
 * of the IANA registry and the aliases that ICU knows; stateful escapes to
 * other converters and UTF-7 bombs are bounded by max_out.
 */
#ifndef CODEC_CHARSET_H
#define CODEC_CHARSET_H

#include "base/buffer.h"

/* Appends at most max_out bytes of valid UTF-8. */
void charset_to_utf8(struct text charset, struct text in, size_t max_out, struct buffer *out);
/* Whether a converter is known (for [BADCHARSET], RFC 9051 7.1). */
bool charset_known(struct text charset);

#endif
