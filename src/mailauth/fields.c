/* SPDX-License-Identifier: ISC */
/* Records of fields (RFC 8461 3.1, RFC 8460 3): see mailauth/fields.h. */
#include "mailauth/fields.h"

#include "base/cursor.h"

bool
fields_begin(struct text txt, struct text version, struct text *rest)
{
	struct cursor c = cursor_of(txt);

	if (!cursor_text(&c, version))
		return false;
	cursor_wsp(&c);
	if (!cursor_byte(&c, ';'))
		return false;
	*rest = cursor_rest(&c);
	return true;
}

enum status
fields_next(struct text *rest, struct text *name, struct text *value)
{
	struct text field;

	while (text_split(rest, ';', &field)) {
		size_t equals;

		field = text_trim(field);
		if (field.len == 0)
			continue;
		equals = text_find_byte(field, '=', 0);
		if (equals == 0 || equals == field.len)
			return STATUS_INVALID;
		*name = text_part(field, 0, equals);
		*value = text_part(field, equals + 1, field.len);
		return STATUS_OK;
	}
	return STATUS_NOT_FOUND;
}

const struct text *
fields_only(const struct text *txts, size_t count, struct text version)
{
	const struct text *only = NULL;
	struct text rest;

	for (size_t i = 0; i < count; i++) {
		if (!fields_begin(txts[i], version, &rest))
			continue;
		if (only != NULL)
			return NULL;
		only = &txts[i];
	}
	return only;
}
