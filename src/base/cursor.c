/* SPDX-License-Identifier: ISC */
/*
 * The cursor's steps that are longer than a comparison. Each consumes what it
 * names or nothing, and never looks outside [at, end).
 */
#include "base/cursor.h"

#include <string.h>

bool
cursor_byte(struct cursor *c, char b)
{
	if (c->at >= c->end || *c->at != b)
		return false;
	c->at++;
	return true;
}

bool
cursor_text(struct cursor *c, struct text t)
{
	if (!text_starts(cursor_rest(c), t))
		return false;
	c->at += t.len;
	return true;
}

bool
cursor_text_ci(struct cursor *c, struct text t)
{
	if (!text_starts_ci(cursor_rest(c), t))
		return false;
	c->at += t.len;
	return true;
}

bool
cursor_take(struct cursor *c, size_t n, struct text *out)
{
	if (n > cursor_left(c))
		return false;
	*out = (struct text){ c->at, n };
	c->at += n;
	return true;
}

struct text
cursor_run(struct cursor *c, const bool class[256])
{
	const char *from = c->at;

	while (c->at < c->end && class[(unsigned char)*c->at])
		c->at++;
	return (struct text){ from, (size_t)(c->at - from) };
}

struct text
cursor_until(struct cursor *c, char b)
{
	struct text rest = cursor_rest(c);

	rest.len = text_find_byte(rest, b, 0);
	c->at += rest.len;
	return rest;
}

bool
cursor_u64(struct cursor *c, uint64_t *out)
{
	const char *p = c->at;
	uint64_t v = 0;

	for (; p < c->end && byte_digit(*p); p++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	if (p == c->at)
		return false;
	c->at = p;
	*out = v;
	return true;
}

bool
cursor_u32(struct cursor *c, uint32_t *out)
{
	struct cursor try = *c;
	uint64_t v;

	if (!cursor_u64(&try, &v) || v > UINT32_MAX)
		return false;
	*c = try;
	*out = (uint32_t)v;
	return true;
}

void
cursor_wsp(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
		c->at++;
}
