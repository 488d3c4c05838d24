/* SPDX-License-Identifier: ISC */
/*
 * See smtp/dots.h. The hot path of mail coming in: lines are found by memchr,
 * and octets go to the sink in the longest stretches that hold no stuffed dot
 * (usually all that was read at once).
 */
#include "smtp/dots.h"

#include <string.h>

static void
line_grow(struct lines *l, size_t octets)
{
	l->length += octets;
	if (l->length > l->longest)
		l->longest = l->length;
}

bool
lines_next(struct lines *l, struct cursor *c)
{
	while (!cursor_done(c)) {
		if (l->cr) {
			l->cr = false;
			if (cursor_byte(c, '\n')) {
				l->length = 0;
				return true;
			}
			l->bare = true;
		}
		const char *lf = memchr(c->at, '\n', cursor_left(c));
		const char *stop = lf != NULL ? lf : c->end;
		bool cr = stop > c->at && stop[-1] == '\r';
		size_t inside = (size_t)(stop - c->at) - (cr ? 1 : 0);

		if (inside > 0 && memchr(c->at, '\r', inside) != NULL)
			l->bare = true;
		line_grow(l, inside);
		c->at = lf != NULL ? lf + 1 : c->end;
		if (lf != NULL && cr) {
			l->length = 0;
			return true;
		}
		if (lf != NULL)
			l->bare = true;
		else
			l->cr = cr;
	}
	return false;
}

void
lines_all(struct lines *l, struct text t)
{
	struct cursor c = cursor_of(t);

	while (lines_next(l, &c))
		continue;
}

void
lines_end(struct lines *l)
{
	if (l->cr)
		l->bare = true;
	l->cr = false;
}

static void
give(dots_sink sink, void *arg, const char *from, const char *to)
{
	if (to > from)
		sink(arg, (struct text){ from, (size_t)(to - from) });
}

/* At a line that began with a dot: CRLF behind it ends the message. Consumes
 * what it decides on. */
static void
after_dot(struct dots *d, struct cursor *c, dots_sink sink, void *arg)
{
	if (d->state == DOTS_DOT && cursor_peek(c) != '\r') {
		d->state = DOTS_TEXT; /* the dot was stuffed */
		return;
	}
	if (d->state == DOTS_DOT) {
		c->at++;
		d->state = DOTS_DOT_CR;
	}
	if (cursor_done(c))
		return;
	if (cursor_byte(c, '\n')) {
		d->state = DOTS_ENDED;
		return;
	}
	/* The CR is text of a line that has more; and it stands alone. */
	sink(arg, TEXT("\r"));
	d->lines.bare = true;
	d->state = DOTS_TEXT;
}

size_t
dots_take(struct dots *d, struct text in, dots_sink sink, void *arg)
{
	struct cursor c = cursor_of(in);
	const char *from = in.ptr; /* not given yet */

	if (in.len == 0)
		return 0;
	while (!cursor_done(&c) && d->state != DOTS_ENDED) {
		switch (d->state) {
		case DOTS_START:
			if (cursor_peek(&c) != '.') {
				d->state = DOTS_TEXT;
				break;
			}
			give(sink, arg, from, c.at);
			from = ++c.at;
			d->state = DOTS_DOT;
			break;
		case DOTS_TEXT:
			if (lines_next(&d->lines, &c))
				d->state = DOTS_START;
			break;
		case DOTS_DOT:
		case DOTS_DOT_CR:
			after_dot(d, &c, sink, arg);
			from = c.at;
			break;
		case DOTS_ENDED:
			break;
		}
	}
	give(sink, arg, from, c.at);
	return (size_t)(c.at - in.ptr);
}
