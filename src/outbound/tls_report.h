/* SPDX-License-Identifier: ISC */
/*
 * One report about TLS (RFC 8460): what was counted of one policy domain on one
 * UTC day, as JSON, compressed, and as a message that carries it. Pure.
 */
#ifndef OUTBOUND_TLS_REPORT_H
#define OUTBOUND_TLS_REPORT_H

#include "store/tls_report_rows.h"

struct tls_report {
	struct text contact; /* address of who sends it; its domain is the submitter */
	struct text domain;  /* whom it is about, A-labels */
	uint64_t day;	     /* since 1970; the facts say if it is about a part of it */
	const struct tls_day *facts;
	int64_t now; /* seconds: Date of the message */
};

/* The domain that sends it. */
struct text tls_report_submitter(const struct tls_report *r);
/* RFC 8460 4.4. The same facts give the same octets. */
void tls_report_json(const struct tls_report *r, struct buffer *out);
/* RFC 1952. */
void tls_report_gzip(struct text json, struct buffer *out);
/* The whole message (RFC 8460 5.3), 7bit; compressed: as above; to: an address. */
void tls_report_mail(
    const struct tls_report *r, struct text compressed, struct text to, struct buffer *out);
/* The op of the message to that place: the same for the same report. */
uint64_t tls_report_op(const struct tls_report *r, struct text to);

#endif
