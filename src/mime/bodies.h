/* SPDX-License-Identifier: ISC */
/*
 * Which parts a person reads and which are attached: the three lists of JMAP
 * (RFC 8621 4.1.4). The same part may stand in two of them. Messages inside
 * the message are attachments; nothing in them is listed.
 */
#ifndef MIME_BODIES_H
#define MIME_BODIES_H

#include "mime/summary.h"

struct mime_part_list {
	const struct mime_part **at;
	uint32_t count;
	uint32_t cap;
};

struct mime_bodies {
	struct mime_part_list text;	   /* what to show where plain text is wanted */
	struct mime_part_list html;	   /* what to show where HTML is wanted */
	struct mime_part_list attachments; /* everything else */
};

void mime_bodies_find(const struct mime_part *root, struct arena *a, struct mime_bodies *out);
/* The file name: of the disposition, else of the type; empty: none. */
struct text mime_part_file_name(const struct mime_part *part);
bool mime_part_is(const struct mime_part *part, struct text type, struct text subtype);

#endif
