/* SPDX-License-Identifier: ISC */
/* Quoted-printable (RFC 2045 6.7). */
#ifndef CODEC_QP_H
#define CODEC_QP_H

#include "base/buffer.h"

/* Lenient decoding of a whole body; never fails: what is no valid escape is
 * kept as it stands. */
void qp_decode(struct buffer *out, struct text in);

/* The same in feeds that may be cut anywhere, in memory that does not grow;
 * white space behind a line that is longer than QP_HELD stays. */
#define QP_HELD 500
struct qp_decoder {
	uint16_t held; /* octets whose meaning the next ones decide */
	char hold[QP_HELD + 2];
};
void qp_feed(struct qp_decoder *d, struct text in, struct buffer *out);
/* There is no more: what was held is decided. */
void qp_end(struct qp_decoder *d, struct buffer *out);

/* Lines of at most 76 bytes, CRLF as line ends of text. */
void qp_encode(struct buffer *out, struct text in);

#endif
