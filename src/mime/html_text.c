/* SPDX-License-Identifier: ISC */
/*
 * HTML to the words in it, for previews and search, never for display. One
 * pass: tags fall away, those that do not run inside a line leave a blank,
 * the content of scripts and styles is skipped, entities become characters.
 * What is never closed is skipped to the end, as browsers do, so no place is
 * searched from twice.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "codec/utf8.h"
#include "mime/decode.h"
#include "mime/flow.h"
#include "mime/html_entities.h"

#define TAG_MAX 12

/* Elements whose content is not text. */
static const struct text hidden[] = {
	{ "script", 6 },
	{ "style", 5 },
	{ "title", 5 },
	{ "template", 8 },
	{ "noscript", 8 },
};

/* Elements that do not end a word. */
static const struct text inline_tags[] = {
	{ "a", 1 },
	{ "abbr", 4 },
	{ "acronym", 7 },
	{ "b", 1 },
	{ "big", 3 },
	{ "code", 4 },
	{ "em", 2 },
	{ "font", 4 },
	{ "i", 1 },
	{ "mark", 4 },
	{ "q", 1 },
	{ "s", 1 },
	{ "small", 5 },
	{ "span", 4 },
	{ "strike", 6 },
	{ "strong", 6 },
	{ "sub", 3 },
	{ "sup", 3 },
	{ "tt", 2 },
	{ "u", 1 },
	{ "wbr", 3 },
};

static const struct entity {
	struct text name;
	int32_t character;
} entities[] = {
#define X(name, character) { { name, sizeof(name) - 1 }, character },
	HTML_ENTITY_TABLE(X)
#undef X
};

static bool
is_one_of(struct text name, const struct text *table, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text_equal_ci(name, table[i]))
			return true;
	return false;
}

static int
compare_entity(const void *name, const void *entity)
{
	return text_compare(*(const struct text *)name, ((const struct entity *)entity)->name);
}

/* "&#228;" or "&#xe4;"; the cursor stands behind the "#". */
static bool
numeric(struct cursor *c, int32_t *out)
{
	bool hex = cursor_byte(c, 'x') || cursor_byte(c, 'X');
	uint32_t value = 0;
	size_t digits = 0;

	for (;; digits++) {
		int byte = cursor_peek(c);
		int digit = byte >= '0' && byte <= '9'		? byte - '0'
			    : hex && byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
			    : hex && byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
								: -1;

		if (digit < 0)
			break;
		if (value < 0x1000000)
			value = value * (hex ? 16 : 10) + (uint32_t)digit;
		cursor_next(c);
	}
	*out = value > 0x10ffff ? 0xfffd : (int32_t)value;
	return digits > 0;
}

/* A character reference; the cursor stands on the "&". A bare "&" is one too. */
static int32_t
reference(struct cursor *c)
{
	struct cursor at = *c;
	struct text name;
	const struct entity *found;
	int32_t character;

	cursor_next(&at);
	if (cursor_byte(&at, '#')) {
		if (!numeric(&at, &character))
			return cursor_next(c);
	} else {
		name.ptr = at.at;
		while (cursor_left(&at) > 0 && at.at - name.ptr < TAG_MAX &&
		       (byte_alpha(*at.at) || byte_digit(*at.at)))
			cursor_next(&at);
		name.len = (size_t)(at.at - name.ptr);
		found = bsearch(
		    &name, entities, ARRAY_LEN(entities), sizeof(*entities), compare_entity);
		if (found == NULL)
			return cursor_next(c);
		character = found->character;
	}
	(void)cursor_byte(&at, ';');
	*c = at;
	return character;
}

/* Attributes to the ">", which may stand in a quoted value too. */
static void
skip_attributes(struct cursor *c)
{
	int byte;

	while ((byte = cursor_next(c)) >= 0 && byte != '>') {
		if (byte != '"' && byte != '\'')
			continue;
		/* A quote counts only where a value begins. */
		if (c->at[-2] == '=' || c->at[-2] == ' ') {
			cursor_until(c, (char)byte);
			cursor_next(c);
		}
	}
}

/* To the end tag of an element whose content is no text. */
static void
skip_content(struct cursor *c, struct text name)
{
	struct text rest = cursor_rest(c);
	size_t at = 0;

	while ((at = text_find(rest, TEXT("</"), at)) < rest.len) {
		at += 2;
		if (text_starts_ci(text_part(rest, at, rest.len), name))
			break;
	}
	c->at += at;
	cursor_until(c, '>');
	cursor_next(c);
}

static void
skip_to(struct cursor *c, struct text mark)
{
	struct text rest = cursor_rest(c);
	size_t at = text_find(rest, mark, 0);

	c->at += at < rest.len ? at + mark.len : rest.len;
}

/* A tag, comment or declaration; the cursor stands on the "<". False when it
 * is a mere character. */
static bool
tag(struct cursor *c, struct flow *f)
{
	struct cursor at = *c;
	struct text name;
	bool end_tag;

	cursor_next(&at);
	if (cursor_text(&at, TEXT("!--"))) {
		skip_to(&at, TEXT("-->"));
		*c = at;
		return true;
	}
	end_tag = cursor_byte(&at, '/');
	name = cursor_rest(&at);
	if (name.len == 0 || (!byte_alpha(*name.ptr) && *name.ptr != '!' && *name.ptr != '?'))
		return false;
	for (name.len = 1; name.ptr + name.len < at.end && name.len < TAG_MAX &&
			   (byte_alpha(name.ptr[name.len]) || byte_digit(name.ptr[name.len]));)
		name.len++;
	at.at += name.len;
	skip_attributes(&at);
	if (!end_tag && is_one_of(name, hidden, ARRAY_LEN(hidden)))
		skip_content(&at, name);
	if (!is_one_of(name, inline_tags, ARRAY_LEN(inline_tags)))
		flow_add(f, ' ');
	*c = at;
	return true;
}

void
mime_html_text(struct text html, size_t max, struct buffer *out)
{
	struct cursor c = cursor_of(html);
	struct flow f = flow_to(out, max);

	while (!cursor_done(&c) && !f.full) {
		int byte = cursor_peek(&c);

		if (byte == '<' && tag(&c, &f))
			continue;
		flow_add(&f, byte == '&' ? reference(&c) : utf8_next(&c));
	}
}
