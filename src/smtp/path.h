/* SPDX-License-Identifier: ISC */
/*
 * What stands behind MAIL FROM: and RCPT TO: (RFC 5321 4.1.2): paths, whose
 * source route is read and ignored (RFC 5321 4.1.1.3, appendix C), and
 * parameters. One function a rule; see base/cursor.h.
 */
#ifndef SMTP_PATH_H
#define SMTP_PATH_H

#include "base/arena.h"
#include "base/cursor.h"

/* address is local@domain in canonical form, in the arena; empty for "<>".
 * UTF-8 is let through and told by utf8_is_ascii of the address. */
bool smtp_path_reverse(struct cursor *c, struct arena *a, struct text *address);
/* "<postmaster>" without a domain gives "postmaster". */
bool smtp_path_forward(struct cursor *c, struct arena *a, struct text *address);

/* *(SP esmtp-param): the next one, or false at the end of the line or where
 * the syntax breaks (then something is left). No value: empty. */
struct smtp_parameter {
	struct text keyword, value;
};
bool smtp_parameter_next(struct cursor *c, struct smtp_parameter *out);

#endif
