/* SPDX-License-Identifier: ISC */
/*
 * A message for those who take 7 bits alone (RFC 6152 3, RFC 2045 6, RFC 5321
 * 2.4): parts with 8-bit or binary octets get a transfer encoding that has none.
 * Who decodes the parts gets the same octets as before; what cannot be made so
 * without touching what somebody signed, encrypted or forwarded is refused.
 */
#ifndef MIME_SEVEN_H
#define MIME_SEVEN_H

#include "base/buffer.h"
#include "mime/summary.h"

/* Whether a message, or a piece of one from a line's start on, is fit as it is:
 * octets 1 to 127 in lines of at most 998, which end in CRLF. */
bool mime_seven_clean(struct text t);

/* Appends the message, of which s is the summary, in 7 bits:
 *	text	quoted-printable, or base64 where that is much shorter;
 *	others	base64;
 *	labels "8bit" and "binary" of what holds parts, or had no need of them, "7bit";
 *	a body without MIME	gets MIME-Version and, if it had none, a Content-Type
 *		with the charset utf-8 if it is that, else unknown-8bit (RFC 1428).
 * What stands before, between and behind the parts of a multipart and is not
 * fit is emptied, line by line.
 * DENIED (for an answer of 5.6.3), with out as it was: such octets in a header,
 * in a multipart/signed or multipart/encrypted, in an attached message or
 * another message/ type (RFC 2046 5.2), under an unknown encoding, in a
 * boundary, or in a message that was not wholly understood. */
enum status mime_seven(struct text message, const struct mime_summary *s, struct buffer *out,
    struct failure *f) MUST_CHECK;

#endif
