/* SPDX-License-Identifier: ISC */
/*
 * The writer of responses: strings in the form that fits them, flags, dates,
 * ENVELOPE and BODYSTRUCTURE from a summary (RFC 3501 7.4.2). All append to a
 * buffer. What came from a stranger's message can hold any octet: no string
 * written here ends a line or a literal early.
 */
#ifndef IMAP_WRITE_H
#define IMAP_WRITE_H

#include "base/buffer.h"
#include "mime/summary.h"
#include "store/calls.h"

/* Quoted where that is possible, else a literal; NUL becomes "?". */
void imap_write_string(struct buffer *out, struct text t);
/* The same where quotes may hold UTF-8 (RFC 9051 9 QUOTED-CHAR). */
void imap_write_utf8_string(struct buffer *out, struct text t);
/* NIL when absent. */
void imap_write_nstring(struct buffer *out, bool present, struct text t);
/* An atom where that is possible. */
void imap_write_astring(struct buffer *out, struct text t);
/* A mailbox name of the store, in modified UTF-7 or (utf8) as it is, in quotes
 * that hold UTF-8 (RFC 9051 5.1). */
void imap_write_mailbox(struct buffer *out, struct text name, bool utf8);
/* "{n}" and the line end; the octets are up to the caller. */
void imap_write_literal_head(struct buffer *out, uint64_t octets);
/* Words of a response's text: one line of printable ASCII. */
void imap_write_words(struct buffer *out, struct text t);

/* "(\Seen $Work)": keywords of the row are positions in names. */
void imap_write_flags(struct buffer *out, uint32_t flags, bool recent, const uint16_t *keywords,
    uint32_t keyword_count, struct texts names);
/* Names of system flags without parentheses, "\Answered \Flagged ...". */
void imap_write_flag_names(struct buffer *out, uint32_t flags);
/* "02-Nov-2026 02:38:00 +0000" with quotes. */
void imap_write_date(struct buffer *out, int64_t at);

/* rev2: as who enabled IMAP4rev2 reads it, with UTF-8 where older clients get
 * encoded words, and message/global as a message (RFC 9051 7.5.2). */
void imap_write_envelope(struct buffer *out, const struct mime_envelope *e, bool rev2);
/* BODYSTRUCTURE, or BODY when extended is false. */
void imap_write_body(struct buffer *out, const struct mime_part *part, bool extended, bool rev2);

#endif
