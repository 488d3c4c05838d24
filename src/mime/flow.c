/* SPDX-License-Identifier: ISC */
/*
 * Flowing text (see flow.h). White space is what Unicode calls so; invisible
 * are the zero-width characters and the soft hyphen.
 */
#include "mime/flow.h"

#include "codec/utf8.h"

struct flow
flow_to(struct buffer *out, size_t max)
{
	return (struct flow){ .out = out, .start = out->len, .max = max };
}

static bool
white(int32_t c)
{
	return c <= 0x20 || c == 0x7f || (c >= 0x80 && c <= 0xa0) || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

static bool
invisible(int32_t c)
{
	return c == 0xad || c == 0x34f || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x2064) || c == 0xfeff;
}

static size_t
width(int32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

void
flow_add(struct flow *f, int32_t c)
{
	size_t used = f->out->len - f->start;
	bool plain = c > 0x20 && c < 0x7f; /* nearly always */

	if (f->full)
		return;
	if (!plain && white(c)) {
		f->blank = used > 0;
		return;
	}
	if (!plain && invisible(c))
		return;
	if (used + width(c) + f->blank > f->max) {
		f->full = true;
		return;
	}
	if (f->blank)
		buffer_add_byte(f->out, ' ');
	f->blank = false;
	if (plain)
		buffer_add_byte(f->out, (char)c);
	else
		utf8_add(f->out, c);
}

void
flow_add_text(struct flow *f, struct text t)
{
	struct cursor c = cursor_of(t);

	while (!cursor_done(&c) && !f->full)
		flow_add(f, (unsigned char)*c.at < 0x80 ? cursor_next(&c) : utf8_next(&c));
}
