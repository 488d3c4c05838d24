/* SPDX-License-Identifier: ISC */
/* Domain names: IDNA 2008 (RFC 5891) by libidn2. Output is lower case. */
#ifndef CODEC_IDNA_H
#define CODEC_IDNA_H

#include "base/buffer.h"

/* A-label form; ASCII names are checked for LDH syntax and length (labels 63,
 * whole 253) and lower-cased. INVALID, out untouched. */
enum status idna_to_ascii(struct text domain, struct buffer *out) MUST_CHECK;
/* U-label form for display; falls back to the input. */
void idna_to_unicode(struct text domain, struct buffer *out);

#endif
