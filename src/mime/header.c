/* SPDX-License-Identifier: ISC */
/*
 * Reading of header blocks: the words that mime/parse.c walks a header with,
 * and the functions of mime/decode.h for those who have raw header octets.
 */
#include "mime/header.h"

#include <string.h>

#include "mime/decode.h"
#include "mime/lexical.h"

static const struct text names[HEADER_COUNT] = {
#define X(id, name) { name, sizeof(name) - 1 },
	HEADER_TABLE(X)
#undef X
};

enum header_id
header_id_of(struct text name)
{
	for (size_t i = 0; i < HEADER_COUNT; i++)
		if (name.len == names[i].len && byte_lower(name.ptr[0]) == names[i].ptr[0] &&
		    text_equal_ci(name, names[i]))
			return (enum header_id)i;
	return HEADER_COUNT;
}

void
header_values_add(
    struct header_values *values, enum header_id id, struct text value, struct arena *a)
{
	struct header_more *more;

	if (values->at[id].ptr == NULL) {
		values->at[id] = value;
		return;
	}
	if (id < HEADER_TO || id >= HEADER_TO + HEADER_DESTINATIONS)
		return;
	more = &values->more[id - HEADER_TO];
	if (more->count == more->cap) {
		uint32_t cap = more->cap == 0 ? 4 : more->cap * 2;
		struct text *at = ARENA_ARRAY(a, struct text, cap);

		if (more->count > 0)
			memcpy(at, more->at, more->count * sizeof(*at));
		more->at = at;
		more->cap = cap;
	}
	more->at[more->count++] = value;
}

bool
header_name(const char *p, const char *end, struct text *name, const char **value)
{
	const char *start = p, *name_end;

	while (p < end && (unsigned char)*p > ' ' && (unsigned char)*p < 0x7f && *p != ':')
		p++;
	name_end = p;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (p == end || *p != ':' || name_end == start)
		return false;
	*name = (struct text){ start, (size_t)(name_end - start) };
	*value = p + 1;
	return true;
}

const char *
header_line_end(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	return lf != NULL ? lf + 1 : end;
}

bool
header_mbox_line(const char *p, const char *end)
{
	struct text line = { p, (size_t)(end - p) };

	return text_starts(line, TEXT("From ")) || text_starts(line, TEXT(">From "));
}

bool
mime_header_next(struct cursor *c, struct text *name, struct text *field)
{
	while (!cursor_done(c) && !header_blank_line(c->at, c->end)) {
		const char *start = c->at, *value;
		struct text found;
		bool is_field = header_name(start, c->end, &found, &value);

		do {
			c->at = header_line_end(c->at, c->end);
		} while (header_continues(c->at, c->end));
		if (is_field) {
			*name = found;
			*field = (struct text){ start, (size_t)(c->at - start) };
			return true;
		}
	}
	return false;
}

bool
mime_header_get(struct text header, struct text name, uint32_t n, struct arena *a, struct text *out)
{
	struct cursor c = cursor_of(header);
	struct text found, field;

	while (mime_header_next(&c, &found, &field)) {
		if (!text_equal_ci(found, name) || n-- > 0)
			continue;
		field = text_part(field, text_find_byte(field, ':', 0) + 1, field.len);
		*out = lexical_unfold(field, a);
		return true;
	}
	return false;
}
