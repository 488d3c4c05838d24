/* SPDX-License-Identifier: ISC */
/*
 * Header blocks (RFC 5322 2.2) as they really are. A line ends at LF, with or
 * without CR. A line that is no field and no continuation is passed over, so
 * that one broken line does not hide the fields behind it; only where the
 * very first line is none is there no header at all.
 */
#ifndef MIME_HEADER_H
#define MIME_HEADER_H

#include "base/arena.h"
#include "base/text.h"

/* The fields that a summary is made of. */
#define HEADER_TABLE(X)                                  \
	X(CONTENT_TYPE, "content-type")                  \
	X(CONTENT_ENCODING, "content-transfer-encoding") \
	X(CONTENT_DISPOSITION, "content-disposition")    \
	X(CONTENT_ID, "content-id")                      \
	X(CONTENT_DESCRIPTION, "content-description")    \
	X(CONTENT_MD5, "content-md5")                    \
	X(CONTENT_LANGUAGE, "content-language")          \
	X(CONTENT_LOCATION, "content-location")          \
	X(DATE, "date")                                  \
	X(SUBJECT, "subject")                            \
	X(FROM, "from")                                  \
	X(SENDER, "sender")                              \
	X(REPLY_TO, "reply-to")                          \
	X(TO, "to")                                      \
	X(CC, "cc")                                      \
	X(BCC, "bcc")                                    \
	X(IN_REPLY_TO, "in-reply-to")                    \
	X(MESSAGE_ID, "message-id")                      \
	X(REFERENCES, "references")                      \
	X(LIST_ID, "list-id")                            \
	X(LIST_UNSUBSCRIBE, "list-unsubscribe")

enum header_id {
#define X(id, name) HEADER_##id,
	HEADER_TABLE(X)
#undef X
	    HEADER_COUNT
};

/* Fields of one name behind the first. */
struct header_more {
	struct text *at;
	uint32_t count, cap;
};

/* To, Cc and Bcc, which the table has side by side. */
#define HEADER_DESTINATIONS 3

/* The raw values of one block, the first of each name; ptr NULL: absent. All
 * fields of a destination count (RFC 5322 4.5.3). */
struct header_values {
	struct text at[HEADER_COUNT];
	struct header_more more[HEADER_DESTINATIONS]; /* HEADER_TO and on */
};

/* HEADER_COUNT when it is none of the table. */
enum header_id header_id_of(struct text name);

/* Keeps the value of a field if it counts. */
void header_values_add(
    struct header_values *values, enum header_id id, struct text value, struct arena *a);

/* A field's name at p, and the byte behind its colon; false when the line is
 * no field. Blanks before the colon are forgiven (RFC 5322 4.5). */
bool header_name(const char *p, const char *end, struct text *name, const char **value);

/* Behind the line end at or after p, or end. */
const char *header_line_end(const char *p, const char *end);

/* Whether an empty line stands at p; p < end. */
static inline bool
header_blank_line(const char *p, const char *end)
{
	return *p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n');
}

/* Whether the line at p continues the field before it. */
static inline bool
header_continues(const char *p, const char *end)
{
	return p < end && (*p == ' ' || *p == '\t');
}

/* "From " lines of old mailboxes, which may stand before a header. */
bool header_mbox_line(const char *p, const char *end);

#endif
