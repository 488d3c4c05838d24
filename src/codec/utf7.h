/* SPDX-License-Identifier: ISC */
/* Modified UTF-7 of IMAP mailbox names (RFC 3501 5.1.3). */
#ifndef CODEC_UTF7_H
#define CODEC_UTF7_H

#include "base/buffer.h"

/* To UTF-8. INVALID for what a correct encoder would not write; out is then
 * as it was. */
enum status utf7_decode(struct buffer *out, struct text name) MUST_CHECK;
/* From valid UTF-8. */
void utf7_encode(struct buffer *out, struct text utf8);

#endif
