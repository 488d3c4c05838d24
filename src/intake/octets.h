/* SPDX-License-Identifier: ISC */
/*
 * Inside of intake: what octets a message has, for who must carry it (RFC 2045
 * 2.7, 2.8, 2.9), and what else its header asks of them. Pure.
 */
#ifndef INTAKE_OCTETS_H
#define INTAKE_OCTETS_H

#include "mime/summary.h"

enum octets {
	OCTETS_HIGH = 1,   /* over 127 */
	OCTETS_LONG = 2,   /* lines over 998 */
	OCTETS_BINARY = 4, /* NUL, and CR or LF that stands alone */
};

/* Which of them. */
unsigned octets_look(struct text t);
/* What a server must offer for them: enum queue_body of store/queue_calls.h.
 * Lines that are too long are left to luck. */
uint64_t octets_body(unsigned found);
/* What else a server must be: enum queue_needs. */
uint64_t octets_needs(struct text header, const struct mime_summary *facts, struct arena *a);

/* Whether CR and LF come together only (RFC 5322 2.3). */
bool octets_lines_good(struct text t);
/* A copy in which they do: a CR, an LF, and CRs with an LF behind them each are
 * one line end. */
struct text octets_mend_lines(struct text t, struct arena *a);

#endif
