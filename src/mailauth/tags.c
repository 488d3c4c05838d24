/* SPDX-License-Identifier: ISC */
/* Tag lists (RFC 6376 3.2): see mailauth/tags.h. */
#include "mailauth/tags.h"

#include "base/buffer.h"
#include "base/cursor.h"
#include "codec/base64.h"

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* tag-name (RFC 6376 3.2) */
static bool
tag_name(struct text t)
{
	if (t.len == 0 || !byte_alpha(t.ptr[0]))
		return false;
	for (size_t i = 1; i < t.len; i++)
		if (!byte_alpha(t.ptr[i]) && !byte_digit(t.ptr[i]) && t.ptr[i] != '_')
			return false;
	return true;
}

/* tag-value (RFC 6376 3.2), with UTF-8 in it (RFC 8616 3) */
static bool
tag_value(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (((unsigned char)t.ptr[i] < 0x21 || t.ptr[i] == 0x7f) && !blank(t.ptr[i]))
			return false;
	return true;
}

enum status
tags_parse(struct text list, struct tags *out)
{
	struct tags found = { .count = 0 };
	struct text spec;

	while ((found.count == 0 || text_trim(list).len > 0) && text_split(&list, ';', &spec)) {
		size_t equals = text_find_byte(spec, '=', 0);
		struct tag t;

		t.name = text_trim(text_part(spec, 0, equals));
		t.span = text_part(spec, equals + 1, spec.len);
		t.value = text_trim(t.span);
		if (equals == spec.len || !tag_name(t.name) || !tag_value(t.value) ||
		    tags_get(&found, t.name) != NULL)
			return STATUS_INVALID;
		if (found.count == TAGS_MAX)
			return STATUS_LIMIT;
		found.at[found.count++] = t;
	}
	if (found.count == 0)
		return STATUS_INVALID;
	*out = found;
	return STATUS_OK;
}

const struct tag *
tags_get(const struct tags *tags, struct text name)
{
	for (uint32_t i = 0; i < tags->count; i++)
		if (text_equal(tags->at[i].name, name))
			return &tags->at[i];
	return NULL;
}

struct text
tags_value(const struct tags *tags, struct text name)
{
	const struct tag *t = tags_get(tags, name);

	return t != NULL ? t->value : TEXT_EMPTY;
}

bool
tags_list_has(struct text value, struct text word)
{
	struct text piece;

	while (text_split(&value, ':', &piece))
		if (text_equal_ci(text_trim(piece), word))
			return true;
	return false;
}

enum status
tags_base64(struct text value, struct arena *a, struct text *out)
{
	struct buffer packed = BUFFER_INIT, raw = BUFFER_INIT;
	enum status s;

	for (size_t i = 0; i < value.len; i++)
		if (!blank(value.ptr[i]))
			buffer_add_byte(&packed, value.ptr[i]);
	s = base64_decode(&raw, buffer_text(&packed));
	if (s == STATUS_OK && raw.len == 0)
		s = STATUS_INVALID;
	if (s == STATUS_OK)
		*out = arena_copy(a, buffer_text(&raw));
	buffer_done(&packed);
	buffer_done(&raw);
	return s;
}
