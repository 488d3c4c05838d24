/* SPDX-License-Identifier: ISC */
/*
 * What reports share, DSNs and MDNs (RFC 6522): the header and the words for
 * people, machine-readable fields that no value can break out of, and the
 * part that holds what is returned. For src/mime only.
 */
#ifndef MIME_REPORT_H
#define MIME_REPORT_H

#include "base/buffer.h"

enum report_returned {
	REPORT_NOTHING,
	REPORT_HEADER,	/* the header of the message */
	REPORT_MESSAGE, /* the whole of it */
};

struct report {
	struct text kind;   /* "delivery-status" or "disposition-notification" */
	struct text unique; /* token for boundary and Message-ID; letters and digits */
	struct text host;   /* right-hand side of Message-ID */
	struct text from;   /* whole value of From, ASCII or UTF-8 */
	struct text to;	    /* an address */
	struct text subject;
	struct text about;     /* Message-ID of the message in question, or empty */
	struct text automatic; /* Auto-Submitted (RFC 3834 5) */
	int64_t at;	       /* Date, seconds */
	bool global;	       /* the UTF-8 forms of RFC 6533 may be used */
	bool eight_bit;	       /* some part has octets over 127 */
};

/* Header fields up to and with the boundary of the first part. */
void report_begin(struct buffer *out, const struct report *r);
/* The words: a whole text/plain part, CRLF line ends, in UTF-8. */
void report_words(struct buffer *out, struct text words);
/* Begins the next part. encoding: "7bit", "8bit" or "binary". */
void report_part(
    struct buffer *out, const struct report *r, const char *type, const char *encoding);
/* Begins the part of what is returned (RFC 6522 4, RFC 6533 4.3); nothing for
 * REPORT_NOTHING. utf8, eight_bit: what it has, as in struct dsn. */
void report_part_returned(struct buffer *out, const struct report *r, enum report_returned returned,
    bool utf8, bool eight_bit);
/* The end of the whole, behind the last part. */
void report_end(struct buffer *out, const struct report *r);

/* "Name: type; value" on lines of at most 78 octets where words allow. Line
 * ends and controls in value become blanks; octets over 127 stay if utf8 (made
 * valid), else become "?". type may be NULL. Values are cut at
 * REPORT_VALUE_MAX; an empty one gives no field. */
#define REPORT_VALUE_MAX 2000
void report_field(
    struct buffer *out, const char *name, const char *type, struct text value, bool utf8);
/* "Name: Sun, 22 Nov 2026 ..."; nothing for 0. */
void report_date(struct buffer *out, const char *name, int64_t at);
/* An address with its type: rfc822, or utf-8 with unitext or UTF-8 in it. */
void report_address(struct buffer *out, const char *name, struct text address, bool utf8);

/* Adds words folded at 72 columns, each line behind indent blanks. */
void report_paragraph(struct buffer *out, unsigned indent, struct text words);

#endif
