/* SPDX-License-Identifier: ISC */
/*
 * Dates of mail and IMAP. A moment is seconds since 1970-01-01 UTC; the zone
 * it was written in is minutes east of UTC. Years 1 to 9999.
 */
#ifndef CODEC_DATE_H
#define CODEC_DATE_H

#include "base/buffer.h"

struct date {
	int64_t at;
	int16_t zone;
};

/* RFC 5322 3.3 with the obsolete forms (RFC 5322 4.3), comments, missing
 * seconds, missing day name, and the slips that real mail makes. */
enum status date_parse_mail(struct text t, struct date *out) MUST_CHECK;
/* "Sun, 22 Nov 2026 02:38:00 +0000" */
void date_print_mail(struct buffer *out, struct date d);
/* date-time "22-Nov-2026 02:38:00 +0000", day may be space-padded, without
 * the quotes (RFC 9051 9). */
enum status date_parse_imap(struct text t, struct date *out) MUST_CHECK;
void date_print_imap(struct buffer *out, struct date d);
/* date "1-Feb-1994" (RFC 9051 9): days since 1970-01-01. */
enum status date_parse_imap_day(struct text t, int64_t *days) MUST_CHECK;
/* RFC 3339 in UTC with seconds, "2026-11-22T02:38:00Z". */
void date_print_rfc3339(struct buffer *out, int64_t at);
/* date-time (RFC 3339 5.6); what is beyond the second is left out. */
enum status date_parse_rfc3339(struct text t, struct date *out) MUST_CHECK;
/* Calendar day number of a moment in its own zone. */
int64_t date_day(struct date d);

#endif
