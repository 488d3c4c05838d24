/* SPDX-License-Identifier: ISC */
/*
 * Passwords and names as SASL compares them: SASLprep (RFC 4013) by ICU.
 */
#ifndef AUTH_PREP_H
#define AUTH_PREP_H

#include "base/arena.h"
#include "base/buffer.h"

#define PREP_MAX 1024 /* octets of a password or name */

/* Appends the prepared form; the octets as they are if SASLprep does not allow
 * them (RFC 4616 2 leaves that to the server: a password of raw octets then
 * still works where the client sends the same octets). LIMIT over PREP_MAX. */
enum status prep_password(struct text in, struct buffer *out) MUST_CHECK;
/* A user's name as the directory spells it (a quoted local part, letters of
 * either case, a domain in either form are one account), in the arena; in lower
 * case if it is no address. */
struct text prep_user(struct text in, struct arena *a);
/* Opens ICU's tables, before the sandbox closes. */
void prep_prepare(void);

#endif
