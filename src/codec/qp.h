/* SPDX-License-Identifier: ISC */
/* Quoted-printable (RFC 2045 6.7). */
#ifndef CODEC_QP_H
#define CODEC_QP_H

#include "base/buffer.h"

/* Lenient decoding of a whole body; never fails: what is no valid escape is
 * kept as it stands. */
void qp_decode(struct buffer *out, struct text in);
/* Lines of at most 76 bytes, CRLF as line ends of text. */
void qp_encode(struct buffer *out, struct text in);

#endif
