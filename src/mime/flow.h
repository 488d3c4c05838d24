/* SPDX-License-Identifier: ISC */
/*
 * Flowing text for previews and search: characters go in, words with one
 * blank between them come out, at most max bytes and never half a character.
 * Characters that show nothing, with which newsletters pad their first line,
 * are left out.
 */
#ifndef MIME_FLOW_H
#define MIME_FLOW_H

#include "base/buffer.h"

struct flow {
	struct buffer *out;
	size_t start; /* out->len at first */
	size_t max;
	bool blank; /* one is due before the next character */
	bool full;
};

struct flow flow_to(struct buffer *out, size_t max);
void flow_add(struct flow *f, int32_t character);
/* Valid or invalid UTF-8. */
void flow_add_text(struct flow *f, struct text t);

#endif
