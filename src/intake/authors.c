/* SPDX-License-Identifier: ISC */
/* See intake/authors.h. */
#include "intake/authors.h"

#include <string.h>

#include "base/cursor.h"

/* One element of the list, up to its comma. */
struct element {
	unsigned stretches; /* of what is neither blank nor comment */
	bool in_stretch, angle;
};

/* Behind the opening octet, up to the closing one; pairs of a backslash and
 * another are skipped. nests: another opening one wants its own closing one. */
static bool
skip(struct cursor *c, char open, char close, bool nests)
{
	unsigned depth = 1;

	while (depth > 0 && !cursor_done(c)) {
		char at = (char)cursor_next(c);

		if (at == '\\' && !cursor_done(c))
			(void)cursor_next(c);
		else if (at == close)
			depth--;
		else if (nests && at == open)
			depth++;
	}
	return depth == 0;
}

/* An octet that is no delimiter of the list. */
static bool
take(struct element *e, struct cursor *c, char at)
{
	if (strchr(" \t\r\n", at) != NULL) {
		e->in_stretch = false;
		return at != '\0';
	}
	if (at == '(') {
		e->in_stretch = false;
		return skip(c, '(', ')', true);
	}
	e->stretches += !e->in_stretch;
	e->in_stretch = true;
	if (at == '"')
		return skip(c, '"', '"', false);
	if (at == '[')
		return skip(c, '[', ']', false);
	return at != '>';
}

/* Behind "<". */
static bool
take_angle(struct cursor *c)
{
	struct element e = { 0 };

	if (cursor_peek(c) == '@')
		return false;
	while (!cursor_done(c)) {
		char at = (char)cursor_next(c);

		if (at == '>')
			return e.stretches == 1;
		if (strchr("<,;:", at) != NULL || !take(&e, c, at))
			return false;
	}
	return false;
}

static bool
is_good(const struct element *e)
{
	return e->angle || e->stretches <= 1;
}

bool
authors_are_clear(struct text list)
{
	struct cursor c = cursor_of(list);
	struct element e = { 0 };

	while (!cursor_done(&c)) {
		char at = (char)cursor_next(&c);
		unsigned before = e.stretches;
		bool good;

		if (at == ',' || at == ';') {
			good = is_good(&e);
			e = (struct element){ 0 };
		} else if (at == ':') { /* the name of a group */
			good = !e.angle;
			e = (struct element){ 0 };
		} else if (at == '<') {
			good = !e.angle && take_angle(&c);
			e.angle = true;
			e.in_stretch = false;
		} else {
			good = take(&e, &c, at) && (!e.angle || e.stretches == before);
		}
		if (!good)
			return false;
	}
	return is_good(&e);
}
