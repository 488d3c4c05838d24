/* SPDX-License-Identifier: ISC */
/*
 * Replies of the SMTP server (RFC 5321 4.2, RFC 3463): named rows of
 * smtp/replies.def, written to the session's stream. They are flushed by who
 * waits for input next, so that a pipelined group gets one packet (RFC 2920 3.2).
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "runtime/stream.h"

enum smtp_reply {
	REPLY_NONE,
#define REPLY(id, code, enhanced, words) REPLY_##id,
#include "smtp/replies.def"
#undef REPLY
	REPLY_COUNT
};

#define REPLY_LINE_MAX 512 /* RFC 5321 4.5.3.1.5, CRLF included */

struct smtp_reply_row {
	unsigned code;
	const char *enhanced; /* "5.1.1", or empty */
	const char *words;
};

const struct smtp_reply_row *smtp_reply_row(enum smtp_reply id);

/* One line. recipient, if not empty, is named in front of the words (LMTP);
 * detail takes the place of "{}"; words, if not empty, replace the row's.
 * Octets that do not belong in a reply become '?', and the line is cut. */
struct smtp_reply_parts {
	struct text recipient, detail, words;
};
void smtp_reply_write(struct stream *s, enum smtp_reply id, const struct smtp_reply_parts *parts);
/* One line of several: "250-" or, for the last, "250 ". */
void smtp_reply_line(struct stream *s, enum smtp_reply id, bool last, struct text words);

#endif
