/* SPDX-License-Identifier: ISC */
/*
 * The text of a message on the wire: strict lines and the dots of DATA
 * (RFC 5321 2.3.8, 4.5.2). Only CR LF ends a line and only CR LF . CR LF ends
 * a message. A CR or LF that stands alone ends nothing; it is reported, so
 * that the whole message can be refused at its true end and never be split
 * ("SMTP smuggling"). Works in any cut of the input, in bulk.
 */
#ifndef SMTP_DOTS_H
#define SMTP_DOTS_H

#include "base/cursor.h"

struct lines {
	bool bare;	  /* a CR or LF stood alone */
	bool cr;	  /* the last octet seen was a CR whose LF may follow */
	uint64_t length;  /* of the line in hand, so far, without its end */
	uint64_t longest; /* of all lines */
};

/* Walks over octets up to and with the next line end: true. False when the
 * input is used up before. */
bool lines_next(struct lines *l, struct cursor *c);
/* Walks over all of it (BDAT). */
void lines_all(struct lines *l, struct text t);
/* After the message's last octet: a CR at the very end stood alone. */
void lines_end(struct lines *l);

enum dots_state { DOTS_START, DOTS_TEXT, DOTS_DOT, DOTS_DOT_CR, DOTS_ENDED };

/* A zeroed struct stands before the first line. */
struct dots {
	struct lines lines;
	enum dots_state state;
};

typedef void (*dots_sink)(void *arg, struct text part);

/* Takes what belongs to the message off the front of in, gives it without
 * stuffed dots and without the final one to sink, and returns how many octets
 * it took; all of them unless the state is DOTS_ENDED afterwards. */
size_t dots_take(struct dots *d, struct text in, dots_sink sink, void *arg);

#endif
