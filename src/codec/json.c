/* SPDX-License-Identifier: ISC */
/*
 * The JSON writer (RFC 8259). One bit per level says whether a comma is due;
 * strings are copied in stretches between the bytes that need an escape.
 */
#include "codec/json.h"

#include <math.h>

#include "codec/utf8.h"

#define DEPTH_MAX 63

struct json
json_to(struct buffer *out)
{
	return (struct json){ .out = out };
}

/* What must stand before a value or key. */
static void
separate(struct json *j)
{
	uint64_t level = UINT64_C(1) << j->depth;

	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if ((j->filled & level) != 0)
		buffer_add_byte(j->out, ',');
	j->filled |= level;
}

static void
open_level(struct json *j, char bracket)
{
	separate(j);
	CHECK(j->depth < DEPTH_MAX);
	buffer_add_byte(j->out, bracket);
	j->depth++;
	j->filled &= ~(UINT64_C(1) << j->depth);
}

static void
close_level(struct json *j, char bracket)
{
	CHECK(j->depth > 0 && !j->after_key);
	j->depth--;
	buffer_add_byte(j->out, bracket);
}

void
json_object(struct json *j)
{
	open_level(j, '{');
}

void
json_object_end(struct json *j)
{
	close_level(j, '}');
}

void
json_array(struct json *j)
{
	open_level(j, '[');
}

void
json_array_end(struct json *j)
{
	close_level(j, ']');
}

static void
add_escape(struct buffer *out, unsigned char c)
{
	static const char short_forms[] = "btn\0fr"; /* from 0x08 on */

	if (c == '"' || c == '\\')
		buffer_add(out, (char[]){ '\\', (char)c }, 2);
	else if (c >= 8 && c <= 13 && short_forms[c - 8] != '\0')
		buffer_add(out, (char[]){ '\\', short_forms[c - 8] }, 2);
	else
		buffer_addf(out, "\\u%04x", c);
}

static void
add_string(struct buffer *out, struct text t)
{
	size_t from = 0;

	buffer_add_byte(out, '"');
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.ptr[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		utf8_clean(out, text_part(t, from, i));
		add_escape(out, c);
		from = i + 1;
	}
	utf8_clean(out, text_part(t, from, t.len));
	buffer_add_byte(out, '"');
}

void
json_key(struct json *j, const char *key)
{
	CHECK(!j->after_key);
	separate(j);
	add_string(j->out, text_of(key));
	buffer_add_byte(j->out, ':');
	j->after_key = true;
}

void
json_text(struct json *j, struct text t)
{
	separate(j);
	add_string(j->out, t);
}

void
json_u64(struct json *j, uint64_t n)
{
	separate(j);
	buffer_add_u64(j->out, n);
}

void
json_i64(struct json *j, int64_t n)
{
	separate(j);
	if (n < 0)
		buffer_add_byte(j->out, '-');
	buffer_add_u64(j->out, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void
json_double(struct json *j, double d)
{
	separate(j);
	if (isfinite(d))
		buffer_addf(j->out, "%.17g", d);
	else
		buffer_add_string(j->out, "null");
}

void
json_bool(struct json *j, bool b)
{
	separate(j);
	buffer_add_string(j->out, b ? "true" : "false");
}

void
json_null(struct json *j)
{
	separate(j);
	buffer_add_string(j->out, "null");
}
