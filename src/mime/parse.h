/* SPDX-License-Identifier: ISC */
/* The parts of mime_parse that stand in files of their own. */
#ifndef MIME_PARSE_H
#define MIME_PARSE_H

#include "mime/header.h"
#include "mime/summary.h"

/* No summary nests deeper, whatever the limits say: what walks the tree may
 * recurse. */
#define MIME_DEPTH_WALL 100

#define MIME_SUBJECT_MAX 1000
#define MIME_PREVIEW_MAX 256
#define MIME_REFERENCES_MAX 100

/* The envelope out of a message's header (mime/envelope.c). */
void mime_envelope_read(const struct header_values *values, uint32_t max_addresses, struct arena *a,
    struct mime_envelope *out);
/* message_id and references of the summary. */
void mime_references_read(
    const struct header_values *values, struct arena *a, struct mime_summary *s);

/* RFC 5256 2.1 (mime/subject.c); a view of subject where nothing but its ends
 * goes. */
struct text mime_base_subject(struct text subject, struct arena *a);

/* Facts and preview, when all parts are known (mime/facts.c, mime/preview.c). */
void mime_facts_find(struct mime_summary *s, struct arena *a);
void mime_preview_find(struct text message, struct arena *a, struct mime_summary *s);

#endif
