/* SPDX-License-Identifier: ISC */
/*
 * Readers of comments, quoted strings and folded text (see lexical.h). They
 * copy only when something must be left out; most values are views of the
 * message.
 */
#include "mime/lexical.h"

#include <string.h>

struct lexical
lexical_of(struct text t)
{
	return (struct lexical){ .in = cursor_of(t), .patience = LEXICAL_PATIENCE };
}

/* Gives up a thing that is never closed. */
static const char *
unclosed(struct lexical *l)
{
	l->patience--;
	return NULL;
}

const char *
lexical_comment(struct lexical *l)
{
	const char *p = l->in.at, *end = l->in.end;
	size_t depth = 0;

	if (p == end || *p != '(' || l->patience == 0)
		return NULL;
	for (; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return unclosed(l);
}

/* From an opening byte to a closing one, quoted pairs passed over. */
static const char *
closed_by(struct lexical *l, char open, char close)
{
	const char *p = l->in.at, *end = l->in.end;

	if (p == end || *p != open || l->patience == 0)
		return NULL;
	for (p++; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == close)
			return p + 1;
	}
	return unclosed(l);
}

const char *
lexical_quoted(struct lexical *l)
{
	return closed_by(l, '"', '"');
}

const char *
lexical_literal(struct lexical *l)
{
	return closed_by(l, '[', ']');
}

void
lexical_skip(struct lexical *l)
{
	for (;;) {
		const char *comment_end;

		while (l->in.at < l->in.end && lexical_blank(*l->in.at))
			l->in.at++;
		comment_end = lexical_comment(l);
		if (comment_end == NULL)
			return;
		l->in.at = comment_end;
	}
}

static bool
has_any(struct text t, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memchr(t.ptr, bytes[i], t.len) != NULL)
			return true;
	return false;
}

struct text
lexical_unquote(struct text inside, struct arena *a)
{
	char *copy;
	size_t n = 0;

	if (inside.len == 0 || !has_any(inside, "\\\r\n\0", 4))
		return inside;
	copy = arena_alloc(a, inside.len);
	for (size_t i = 0; i < inside.len; i++) {
		char c = inside.ptr[i];

		if (c == '\\' && i + 1 < inside.len)
			c = inside.ptr[++i];
		if (c != '\r' && c != '\n' && c != '\0')
			copy[n++] = c;
	}
	return (struct text){ copy, n };
}

struct text
lexical_unfold(struct text value, struct arena *a)
{
	struct text t = text_trim(value);
	char *copy;
	size_t n = 0;

	if (t.len == 0 || !has_any(t, "\r\n\0", 3))
		return t;
	copy = arena_alloc(a, t.len);
	for (size_t i = 0; i < t.len; i++)
		if (t.ptr[i] != '\r' && t.ptr[i] != '\n' && t.ptr[i] != '\0')
			copy[n++] = t.ptr[i];
	return text_trim((struct text){ copy, n });
}
