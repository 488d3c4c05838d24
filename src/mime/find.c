/* SPDX-License-Identifier: ISC */
/*
 * Section numbers of IMAP (RFC 9051 6.4.5.1): a number names a child where
 * the body is a multipart, and 1 names the body itself where it is not. Below
 * a message part the numbers go on in the message it holds.
 */
#include "mime/summary.h"

static const struct mime_part *
child_of(const struct mime_part *part, uint32_t number)
{
	part = part->child;
	while (part != NULL && number > 1) {
		part = part->next;
		number--;
	}
	return number == 0 ? NULL : part;
}

const struct mime_part *
mime_part_find(const struct mime_summary *s, const uint32_t *number, uint32_t depth)
{
	const struct mime_part *part = &s->root;

	for (uint32_t i = 0; i < depth; i++) {
		/* A body: of the whole message, or of one inside it. */
		bool body = i == 0;

		if (i > 0 && part->envelope != NULL) {
			part = part->child;
			body = true;
		}
		if (text_equal(part->type, TEXT("multipart")))
			part = child_of(part, number[i]);
		else if (!body || number[i] != 1)
			part = NULL;
		if (part == NULL)
			return NULL;
	}
	return part;
}
