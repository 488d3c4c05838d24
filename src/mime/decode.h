/* SPDX-License-Identifier: ISC */
/* Bodies to text: content transfer decoding, charsets, HTML to plain words. */
#ifndef MIME_DECODE_H
#define MIME_DECODE_H

#include "mime/summary.h"

/* Undoes the transfer encoding; at most max octets are appended. */
void mime_decode_body(
    enum mime_encoding encoding, struct text body, size_t max, struct buffer *out);
/* The words of an HTML text in UTF-8, for previews and search: tags, scripts
 * and styles dropped, entities resolved, white space folded. Never for
 * display. */
void mime_html_text(struct text html, size_t max, struct buffer *out);
/* A header field's value by name out of raw header octets, unfolded and
 * trimmed; the n-th (0-based) of that name. False if there is none. */
bool mime_header_get(
    struct text header, struct text name, uint32_t n, struct arena *a, struct text *out);
/* Walks raw header octets field by field: name, and the whole field with its
 * line ends. */
bool mime_header_next(struct cursor *c, struct text *name, struct text *field);

#endif
