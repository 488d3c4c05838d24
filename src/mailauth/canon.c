/* SPDX-License-Identifier: ISC */
/* Canonical forms (RFC 6376 3.4): see mailauth/canon.h. */
#include "mailauth/canon.h"

#include <string.h>

void
canon_sink_init(
    struct canon_sink *s, void (*take)(void *arg, const char *octets, size_t n), void *arg)
{
	s->take = take;
	s->arg = arg;
	s->held = 0;
}

void
canon_sink_flush(struct canon_sink *s)
{
	if (s->held > 0)
		s->take(s->arg, s->hold, s->held);
	s->held = 0;
}

static void
put(struct canon_sink *s, const char *octets, size_t n)
{
	while (n > 0) {
		size_t fits = CANON_HOLD - s->held < n ? CANON_HOLD - s->held : n;

		memcpy(s->hold + s->held, octets, fits);
		s->held += fits;
		octets += fits;
		n -= fits;
		if (s->held == CANON_HOLD)
			canon_sink_flush(s);
	}
}

static void
put_byte(struct canon_sink *s, char c)
{
	s->hold[s->held++] = c;
	if (s->held == CANON_HOLD)
		canon_sink_flush(s);
}

/* ---- bodies ---- */

void
canon_body_init(struct canon_body *b, enum canon canon, struct canon_sink *to)
{
	*b = (struct canon_body){ .canon = canon, .to = to };
}

/* Octets that are no line end and, if relaxed, no blanks: what was held back
 * comes before them. */
static void
body_octets(struct canon_body *b, const char *octets, size_t n)
{
	for (; b->line_ends > 0; b->line_ends--)
		put(b->to, "\r\n", 2);
	if (b->blank)
		put_byte(b->to, ' ');
	b->blank = false;
	b->any = true;
	put(b->to, octets, n);
}

/* How many octets stand at p that mean nothing but themselves. */
static size_t
plain_run(const struct canon_body *b, const char *p, size_t n)
{
	size_t i;

	if (b->canon == CANON_SIMPLE) {
		const char *cr = memchr(p, '\r', n);

		return cr == NULL ? n : (size_t)(cr - p);
	}
	for (i = 0; i < n && p[i] != '\r' && p[i] != ' ' && p[i] != '\t'; i++)
		;
	return i;
}

void
canon_body_feed(struct canon_body *b, struct text piece)
{
	size_t at = 0;

	while (at < piece.len) {
		size_t run;

		if (b->cr) {
			b->cr = false;
			if (piece.ptr[at] == '\n') {
				b->line_ends++;
				b->blank = false; /* RFC 6376 3.4.4: none at the end of a line */
				at++;
				continue;
			}
			body_octets(b, "\r", 1);
		}
		run = plain_run(b, piece.ptr + at, piece.len - at);
		if (run > 0)
			body_octets(b, piece.ptr + at, run);
		at += run;
		if (at == piece.len)
			return;
		if (piece.ptr[at++] == '\r')
			b->cr = true;
		else
			b->blank = true;
	}
}

void
canon_body_end(struct canon_body *b)
{
	if (b->cr)
		body_octets(b, "\r", 1);
	/* Empty lines at the end are none (RFC 6376 3.4.3, 3.4.4); an empty
	 * body is one CRLF if simple, and nothing if relaxed. */
	if (b->any || b->canon == CANON_SIMPLE)
		put(b->to, "\r\n", 2);
	canon_sink_flush(b->to);
}

/* ---- header fields ---- */

/* Without the line end of the whole field. */
static struct text
without_line_end(struct text field)
{
	if (text_ends(field, TEXT("\n")))
		field.len--;
	if (text_ends(field, TEXT("\r")))
		field.len--;
	return field;
}

static void
simple_piece(struct canon_sink *to, struct text t)
{
	for (size_t at = 0; at < t.len;) {
		size_t lf = text_find_byte(t, '\n', at);
		size_t end = lf > at && lf < t.len && t.ptr[lf - 1] == '\r' ? lf - 1 : lf;

		put(to, t.ptr + at, end - at);
		if (lf < t.len)
			put(to, "\r\n", 2);
		at = lf + 1;
	}
}

/* What is not decided yet of a relaxed value. */
struct relaxed {
	bool began, blank;
};

static void
relaxed_piece(struct canon_sink *to, struct relaxed *r, struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		char c = t.ptr[i];

		if (c == ' ' || c == '\t') {
			r->blank = r->began;
			continue;
		}
		if (c == '\n' || (c == '\r' && i + 1 < t.len && t.ptr[i + 1] == '\n'))
			continue; /* unfolded: a blank follows, or the end */
		if (r->blank)
			put_byte(to, ' ');
		r->blank = false;
		r->began = true;
		put_byte(to, c);
	}
}

static void
relaxed_name(struct canon_sink *to, struct text name)
{
	name = text_trim(name);
	for (size_t i = 0; i < name.len; i++)
		put_byte(to, byte_lower(name.ptr[i]));
	put_byte(to, ':');
}

void
canon_field(
    struct canon_sink *to, enum canon canon, struct text field, struct text hole, bool line_end)
{
	size_t cut = hole.len > 0 ? (size_t)(hole.ptr - field.ptr) : field.len;
	struct text before = { field.ptr, cut };
	struct text after = text_part(field, cut + hole.len, field.len);
	size_t colon = text_find_byte(field, ':', 0);

	if (after.len > 0)
		after = without_line_end(after);
	else
		before = without_line_end(before);
	if (canon == CANON_SIMPLE) {
		simple_piece(to, before);
		simple_piece(to, after);
	} else {
		struct relaxed r = { false, false };

		relaxed_name(to, text_part(before, 0, colon));
		relaxed_piece(to, &r, text_part(before, colon + 1, before.len));
		relaxed_piece(to, &r, after);
	}
	if (line_end)
		put(to, "\r\n", 2);
}
