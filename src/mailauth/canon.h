/* SPDX-License-Identifier: ISC */
/*
 * The two canonical forms of DKIM and ARC (RFC 6376 3.4), as machines that
 * take octets in pieces and give octets to a sink: nothing is copied whole,
 * whatever its size, and pieces may be cut anywhere. A line of a body ends at
 * CRLF and nowhere else; a line of a header field also at a bare LF, which is
 * how mime/header.h finds fields, and counts as CRLF.
 */
#ifndef MAILAUTH_CANON_H
#define MAILAUTH_CANON_H

#include "base/text.h"

enum canon { CANON_SIMPLE, CANON_RELAXED };

#define CANON_HOLD 1024

/* Where the canonical octets go, gathered to CANON_HOLD at a time. */
struct canon_sink {
	void (*take)(void *arg, const char *octets, size_t n);
	void *arg;
	size_t held;
	char hold[CANON_HOLD];
};

void canon_sink_init(
    struct canon_sink *s, void (*take)(void *arg, const char *octets, size_t n), void *arg);
void canon_sink_flush(struct canon_sink *s);

/* A body (RFC 6376 3.4.3, 3.4.4). Feed, then end once; end flushes. */
struct canon_body {
	enum canon canon;
	struct canon_sink *to;
	uint64_t line_ends; /* CRLFs that were seen and are due before the next octet */
	bool cr;	    /* a CR was seen that may begin a CRLF */
	bool blank;	    /* a blank is due before the next octet of the line */
	bool any;	    /* something was given to the sink */
};
void canon_body_init(struct canon_body *b, enum canon canon, struct canon_sink *to);
void canon_body_feed(struct canon_body *b, struct text piece);
void canon_body_end(struct canon_body *b);

/* A whole header field with its line ends (RFC 6376 3.4.1, 3.4.2), without
 * what stands in hole (an empty text, or a view into field). line_end: a CRLF
 * follows; a signature's own field has none (RFC 6376 3.7). Does not flush. */
void canon_field(
    struct canon_sink *to, enum canon canon, struct text field, struct text hole, bool line_end);

#endif
