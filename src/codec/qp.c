/* SPDX-License-Identifier: ISC */
/*
 * Quoted-printable (RFC 2045 6.7). Decoding goes line by line: what stands
 * between two '=' is copied whole, white space before a line end was added on
 * the way and is dropped, and an '=' that begins no escape stays as it is.
 */
#include "codec/qp.h"

#include <string.h>

#define LINE_MAX 76

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = byte_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The text of one line, without its line end. True if it ends in a soft break. */
static bool
decode_line(struct buffer *out, const char *p, const char *end)
{
	while (p < end) {
		const char *escape = memchr(p, '=', (size_t)(end - p));
		int high, low;

		if (escape == NULL) {
			buffer_add(out, p, (size_t)(end - p));
			return false;
		}
		buffer_add(out, p, (size_t)(escape - p));
		if (end - escape == 1)
			return true;
		high = hex_value(escape[1]);
		low = end - escape > 2 ? hex_value(escape[2]) : -1;
		if (high >= 0 && low >= 0) {
			buffer_add_byte(out, (char)(high << 4 | low));
			p = escape + 3;
		} else {
			buffer_add_byte(out, '=');
			p = escape + 1;
		}
	}
	return false;
}

void
qp_decode(struct buffer *out, struct text in)
{
	const char *p = in.ptr, *end = in.ptr + in.len;

	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *line_end = lf != NULL ? lf : end;
		const char *text_end;

		if (lf != NULL && lf > p && lf[-1] == '\r')
			line_end = lf - 1;
		text_end = line_end;
		while (text_end > p && (text_end[-1] == ' ' || text_end[-1] == '\t'))
			text_end--;
		if (!decode_line(out, p, text_end) && lf != NULL)
			buffer_add(out, line_end, (size_t)(lf + 1 - line_end));
		p = lf != NULL ? lf + 1 : end;
	}
}

/* ---- in feeds ----
 *
 * What is held is one of: "=X" (half an escape), or ["="] white space ["\r"],
 * which is a soft break, the end of a line, or nothing of the kind. */

static void
release(struct qp_decoder *d, struct buffer *out)
{
	buffer_add(out, d->hold, d->held);
	d->held = 0;
}

static void
hold(struct qp_decoder *d, char c)
{
	d->hold[d->held++] = c;
}

static bool
holds_half_escape(const struct qp_decoder *d)
{
	return d->held == 2 && d->hold[0] == '=' && hex_value(d->hold[1]) >= 0;
}

/* A line end behind what is held: "\r\n" or "\n", or no break at all. */
static void
line_end(struct qp_decoder *d, struct buffer *out)
{
	bool soft = d->held > 0 && d->hold[0] == '=';
	bool cr = d->held > 0 && d->hold[d->held - 1] == '\r';

	d->held = 0;
	if (!soft)
		buffer_add(out, cr ? "\r\n" : "\n", cr ? 2 : 1);
}

static void
step(struct qp_decoder *d, char c, struct buffer *out)
{
	if (holds_half_escape(d)) {
		if (hex_value(c) >= 0) {
			buffer_add_byte(out, (char)(hex_value(d->hold[1]) << 4 | hex_value(c)));
			d->held = 0;
			return;
		}
		release(d, out);
	}
	if (c == '\n') {
		line_end(d, out);
		return;
	}
	if (d->held > 0 && d->hold[d->held - 1] == '\r')
		release(d, out);
	if (c == ' ' || c == '\t') {
		if (d->held >= QP_HELD)
			release(d, out);
		hold(d, c);
	} else if (c == '\r') {
		hold(d, c);
	} else if (c == '=') {
		release(d, out);
		hold(d, c);
	} else if (d->held == 1 && d->hold[0] == '=' && hex_value(c) >= 0) {
		hold(d, c);
	} else {
		release(d, out);
		buffer_add_byte(out, c);
	}
}

void
qp_feed(struct qp_decoder *d, struct text in, struct buffer *out)
{
	static const bool special[256] = {
		['='] = true, [' '] = true, ['\t'] = true, ['\r'] = true, ['\n'] = true
	};
	size_t i = 0;

	while (i < in.len) {
		size_t from = i;

		while (d->held == 0 && i < in.len && !special[(unsigned char)in.ptr[i]])
			i++;
		buffer_add(out, in.ptr + from, i - from);
		if (i < in.len)
			step(d, in.ptr[i++], out);
	}
}

void
qp_end(struct qp_decoder *d, struct buffer *out)
{
	/* A soft break, or white space in front of the end, is nothing. */
	if (holds_half_escape(d) || (d->held > 0 && d->hold[d->held - 1] == '\r'))
		release(d, out);
	d->held = 0;
}

/* Whether the byte at in[i] must be escaped, line ends aside. */
static bool
must_escape(struct text in, size_t i, size_t column)
{
	char c = in.ptr[i];
	bool last = i + 1 == in.len || in.ptr[i + 1] == '\n' ||
		    (in.ptr[i + 1] == '\r' && i + 2 < in.len && in.ptr[i + 2] == '\n');

	if (c == ' ' || c == '\t')
		return last;
	if (c < 0x21 || c > 0x7e || c == '=')
		return true;
	/* What old hops would damage: a lone dot, and "From " (RFC 2049 3). */
	if (column == 0 && c == '.')
		return last;
	return column == 0 && c == 'F' && text_starts(text_part(in, i, in.len), TEXT("From "));
}

void
qp_encode(struct buffer *out, struct text in)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t column = 0;

	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = (unsigned char)in.ptr[i];
		bool crlf = c == '\r' && i + 1 < in.len && in.ptr[i + 1] == '\n';
		bool escape;
		size_t width;

		if (c == '\n' || crlf) {
			buffer_add(out, "\r\n", 2);
			column = 0;
			i += crlf;
			continue;
		}
		escape = must_escape(in, i, column);
		width = escape ? 3 : 1;
		/* One column is kept for the "=" of a soft break. */
		if (column + width > LINE_MAX - 1) {
			buffer_add(out, "=\r\n", 3);
			column = 0;
			escape = must_escape(in, i, column);
			width = escape ? 3 : 1;
		}
		if (escape) {
			buffer_add(out, (char[]){ '=', hex[c >> 4], hex[c & 15] }, 3);
		} else {
			buffer_add_byte(out, (char)c);
		}
		column += width;
	}
}
