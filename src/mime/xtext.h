/* SPDX-License-Identifier: ISC */
/*
 * How values of ORCPT and ENVID travel: xtext (RFC 3461 4), and for addresses
 * with letters outside ASCII unitext (RFC 6533 3), "\x{20AC}".
 */
#ifndef MIME_XTEXT_H
#define MIME_XTEXT_H

#include "base/buffer.h"

/* Any octets but controls other than CR and LF and those over 127 need no
 * more than "+" and two digits; all octets are encodable. */
void xtext_encode(struct buffer *out, struct text in);
/* INVALID: a "+" without two upper-case digits, or an octet that xtext has
 * not; out is then as it was. utf8: octets over 127 mean themselves (RFC 6533
 * 3, utf-8-addr-xtext in an SMTPUTF8 session). */
enum status xtext_decode(struct buffer *out, struct text in, bool utf8) MUST_CHECK;
/* utf-8-addr-unitext: UTF-8 in ASCII. The backslash, "+" and "=" are encoded,
 * too, so that it stands in xtext as it is. */
void unitext_encode(struct buffer *out, struct text utf8);
/* INVALID: a backslash that begins no such character; out is then as it was.
 * What is UTF-8 already stays. */
enum status unitext_decode(struct buffer *out, struct text in) MUST_CHECK;

#endif
