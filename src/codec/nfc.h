/* SPDX-License-Identifier: ISC */
/* Normalization Form C (RFC 5198 3), the one spelling of a name of which
 * Unicode has several. */
#ifndef CODEC_NFC_H
#define CODEC_NFC_H

#include "base/buffer.h"

/* Appends valid UTF-8 in its normal form, which has at most three times the
 * octets. At most 1 MiB. */
void text_nfc(struct buffer *out, struct text utf8);

#endif
