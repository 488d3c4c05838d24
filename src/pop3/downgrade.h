/* SPDX-License-Identifier: ISC */
/*
 * What a session without UTF8 gets of a message with an international header
 * (RFC 6532): the same in ASCII, so that every client there is can show it and
 * mail never stays behind (RFC 6856 4; the forms are those of RFC 6857).
 */
#ifndef POP3_DOWNGRADE_H
#define POP3_DOWNGRADE_H

#include "base/arena.h"
#include "base/buffer.h"

/* Whether the header has characters beyond ASCII, in UTF-8. What is in another
 * charset was never right, and stays as it is. */
bool downgrade_needed(struct text header);
/* Appends the header, of which fields that are ASCII stay as they are:
 *	text	encoded words (RFC 2047);
 *	addresses	a display name becomes encoded words, a domain A-labels;
 *		where the local part is not ASCII, no one could answer, and an
 *		empty group tells the address (RFC 6857 3.1.8);
 *	parameters of Content-Type and Content-Disposition	RFC 2231;
 *	what has no place for encoded words (Message-ID, Received ...) goes as
 *		text into a field "Downgraded-" of that name.
 * Of a field 64 KiB of text and 10,000 addresses are taken, the rest is dropped.
 * The arena holds what is read meanwhile. */
void downgrade_header(struct text header, struct arena *a, struct buffer *out);

#endif
