/* SPDX-License-Identifier: ISC */
/*
 * The message on its way out. DATA: dots are stuffed (RFC 5321 4.5.2), in
 * stretches as long as can be. A CR or LF that stands alone, which a message of
 * text never has, becomes a line end, so that no server sees an end where we see
 * none; a line that is longer than SMTP has room for (RFC 5321 4.5.3.1.6) is broken as
 * a header is folded, before a blank if it has one. BDAT: one chunk of all octets as they are (RFC
 * 3030 2). Between pieces the server is listened to: one that answers before the end has decided.
 */
#include <string.h>

#include "smtp/client_private.h"

#define TEXT_LINE_MAX 998 /* octets of a line without its end */

struct dotted {
	struct stream *stream;
	bool inside; /* of a line */
	bool cr;     /* held back until it is known what follows */
	/* Of a line whose end has not come: what is held back, since it may be broken there
	 * when more comes, and how many octets stand before it on the wire. */
	struct buffer line;
	size_t before;
};

static void
line_end(struct dotted *d)
{
	stream_write(d->stream, buffer_text(&d->line));
	stream_write(d->stream, TEXT("\r\n"));
	buffer_clear(&d->line);
	d->inside = d->cr = false;
	d->before = 0;
}

/* Where the line that begins at at ends well; or what there is of it up to its
 * first CR or LF that is no line end, which *odd tells. */
static size_t
line_reach(struct text t, size_t at, bool *odd)
{
	size_t lf = text_find_byte(t, '\n', at);
	size_t cr = text_find_byte(text_part(t, 0, lf), '\r', at);

	if (cr + 1 == lf && lf < t.len)
		return lf + 1;
	*odd = cr < lf || lf < t.len;
	return cr < lf ? cr : lf;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* How many octets stay in a line that has more than room for so many: all up to the last
 * blank behind something else (RFC 5322 2.2.3); without one as many as there is room for,
 * in whole characters (RFC 3629 3). */
static size_t
break_at(struct text line, size_t room)
{
	size_t first = 0, at = room;

	while (first < room && is_blank(line.ptr[first]))
		first++;
	while (at > first && !is_blank(line.ptr[at]))
		at--;
	if (at > first)
		return at;
	for (at = room; at > room - 4; at--)
		if ((line.ptr[at] & 0xc0) != 0x80)
			return at;
	return room;
}

/* Writes what of a line is more than fits the last of those that it becomes: gives how
 * much that is. */
static size_t
write_broken(struct dotted *d, struct text line)
{
	size_t at = 0, room;

	while (line.len - at > (room = TEXT_LINE_MAX - d->before)) {
		size_t to = at + break_at(text_part(line, at, line.len), room);

		stream_write(d->stream, text_part(line, at, to));
		stream_write(d->stream, TEXT("\r\n"));
		d->before = is_blank(line.ptr[to]) ? 0 : 1;
		stream_write(d->stream, text_part(TEXT(" "), 0, d->before));
		at = to;
	}
	return at;
}

/* The line, or part of one, from at to end, of which all before *from is written; whole:
 * no more of it comes. */
static void
put_line(struct dotted *d, struct text t, size_t *from, size_t at, size_t end, bool whole)
{
	struct text line = text_part(t, at, end);
	size_t done;

	if (d->line.len > 0 || !whole) {
		stream_write(d->stream, text_part(t, *from, at));
		buffer_add_text(&d->line, line);
		line = buffer_text(&d->line);
		done = write_broken(d, line);
		if (whole)
			stream_write(d->stream, text_part(line, done, line.len));
		buffer_drop(&d->line, whole ? line.len : done);
		*from = end;
	} else if (line.len > TEXT_LINE_MAX) {
		stream_write(d->stream, text_part(t, *from, at));
		*from = at + write_broken(d, line);
	}
	if (whole)
		d->before = 0;
}

static void
put(struct dotted *d, struct text t)
{
	size_t at = 0, from = 0;

	if (d->cr && t.len > 0) {
		line_end(d);
		at = from = t.ptr[0] == '\n' ? 1 : 0;
	}
	while (at < t.len) {
		bool odd = false, ends;
		size_t end;

		if (!d->inside && t.ptr[at] == '.') {
			stream_write(d->stream, text_part(t, from, at));
			stream_write(d->stream, TEXT("."));
			from = at;
		}
		end = line_reach(t, at, &odd);
		ends = end > at && t.ptr[end - 1] == '\n';
		put_line(d, t, &from, at, ends ? end - 2 : end, ends || odd);
		d->inside = !ends;
		at = end;
		if (!odd)
			continue;
		stream_write(d->stream, text_part(t, from, at));
		d->cr = t.ptr[at] == '\r' && at + 1 == t.len;
		if (!d->cr)
			line_end(d);
		from = ++at;
	}
	stream_write(d->stream, text_part(t, from, t.len));
}

static void
put_end(struct dotted *d)
{
	if (d->inside || d->cr)
		line_end(d);
	stream_write(d->stream, TEXT(".\r\n"));
}

/* The server spoke, or is gone, before it had the message. */
static enum status
cut_short(struct smtp_client *c)
{
	struct smtp_answer answer = { 0 };
	enum status st = client_answer(c, SMTP_AT_MESSAGE, c->config->times.hello, &answer, NULL);

	if (st != STATUS_OK)
		return st;
	if (answer.code < 400)
		return client_fail(
		    c, SMTP_AT_MESSAGE, STATUS_INVALID, "The server answered what was not asked");
	(void)client_refused(c, SMTP_AT_MESSAGE, &answer);
	c->talking = false; /* it would take QUIT for text */
	return STATUS_DENIED;
}

static enum status
send_all(struct smtp_client *c, const struct smtp_envelope *e, struct dotted *dotted)
{
	for (uint64_t at = 0; at < e->size;) {
		struct text piece;
		enum status st = e->read(e->arg, at, &piece);

		if (st != STATUS_OK || piece.len == 0)
			return client_fail(c, SMTP_AT_MESSAGE, STATUS_UNAVAILABLE,
			    "The message cannot be read here at the moment");
		piece = text_part(piece, 0, e->size - at);
		at += piece.len;
		client_patience(c, c->config->times.block);
		if (dotted != NULL)
			put(dotted, piece);
		else
			stream_write(c->stream, piece);
		if (c->stream->broken != STATUS_OK || (at < e->size && client_heard(c)))
			return cut_short(c);
	}
	return STATUS_OK;
}

enum status
client_message(struct smtp_client *c, const struct smtp_envelope *e, bool chunk)
{
	struct dotted dotted = { .stream = c->stream };
	enum status st;

	stream_set_min_rate(c->stream, c->config->times.min_rate);
	client_patience(c, c->config->times.block);
	if (chunk)
		stream_print(c->stream, "BDAT %llu LAST\r\n", (unsigned long long)e->size);
	st = send_all(c, e, chunk ? NULL : &dotted);
	if (st == STATUS_OK && !chunk)
		put_end(&dotted);
	buffer_done(&dotted.line);
	client_patience(c, c->config->times.block);
	if (st == STATUS_OK && stream_flush(c->stream) != STATUS_OK)
		st = cut_short(c);
	stream_set_min_rate(c->stream, 0);
	return st;
}
