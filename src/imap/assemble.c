/* SPDX-License-Identifier: ISC */
/*
 * Commands out of the stream. A command is a line, or lines with literals
 * between them (RFC 3501 4.3, RFC 7888); it is collected in the stream's own
 * buffer until it is whole, so a slow client holds no thread, and no more
 * memory than the limit. Only the message of APPEND never comes in here. What
 * is too long is thrown away to its end, so that the client reads a reply and
 * not a closed connection.
 *
 * Invariant: im->whole octets in front of the buffer are lines that ended in a
 * literal, and these literals (which may not be there yet).
 */
#include "imap/session.h"

#include "runtime/settings.h"

/* Who has not signed in gets little memory. */
#define UNKNOWN_MAX 8192
/* More than this is not thrown away but ends the connection. */
#define DISCARD_MAX (UINT64_C(2) << 30)
/* An APPEND longer than this is not filed with those before it. */
#define GATHERED_MAX (1u << 20)
#define MARK_MAX 32 /* "{18446744073709551615+}" and a CR fit */

static size_t
command_max(const struct imap *im)
{
	return im->state == IMAP_UNKNOWN ? UNKNOWN_MAX : (size_t)setting(SET_IMAP_COMMAND_MAX);
}

static void
start_over(struct imap *im)
{
	im->whole = 0;
	im->scanned = 0;
}

void
imap_discard_line(struct imap *im)
{
	start_over(im);
	im->discard = true;
	im->discarded = 0;
}

static void throw(struct imap * im, size_t n)
{
	stream_consume(&im->session.stream, n);
	im->discarded += n;
}

/* Throws away what there is of the line. OK: its end was there. */
static enum status
discard(struct imap *im)
{
	for (;;) {
		struct text in = stream_buffered(&im->session.stream);
		struct literal_mark mark;
		struct text line;
		size_t n;

		if (im->discarded > DISCARD_MAX || im->skip > DISCARD_MAX)
			return STATUS_INVALID;
		if (im->skip > 0) {
			n = im->skip < in.len ? (size_t)im->skip : in.len;
			throw(im, n);
			im->skip -= n;
			if (im->skip > 0)
				return STATUS_AGAIN;
			continue;
		}
		n = text_find_byte(in, '\n', 0);
		if (n == in.len) {
			/* The end of the line may be the mark of a literal. */
			throw(im, in.len > MARK_MAX ? in.len - MARK_MAX : 0);
			return STATUS_AGAIN;
		}
		line = text_trim(text_part(in, 0, n));
		if (imap_literal_mark(line, &mark) && !mark.waits)
			im->skip = mark.octets;
		throw(im, n + 1);
		if (im->skip == 0) {
			im->discard = false;
			return STATUS_OK;
		}
	}
}

/* Finds the end of the line that begins behind im->whole: where its text ends
 * and where the next one begins. */
static bool
find_line(struct imap *im, struct text in, size_t *end, size_t *next)
{
	size_t from = im->scanned > im->whole ? im->scanned : im->whole;
	size_t at = from < in.len ? text_find_byte(in, '\n', from) : in.len;

	if (at >= in.len) {
		if (in.len > im->scanned)
			im->scanned = in.len;
		return false;
	}
	*end = at > im->whole && in.ptr[at - 1] == '\r' ? at - 1 : at;
	*next = at + 1;
	return true;
}

/* Whether a tag stands there, and a space or nothing behind it. */
static bool
read_tag(struct command *c)
{
	if (imap_tag(&c->args, &c->tag) && (imap_end(&c->args) || cursor_peek(&c->args) == ' '))
		return true;
	c->tag = TEXT_EMPTY;
	return false;
}

/* Tag and name; what is no tag leaves c->tag empty. */
static void
read_head(struct command *c)
{
	struct text name;

	c->args = cursor_of(c->line);
	c->tag = TEXT_EMPTY;
	c->row = NULL;
	c->uid = false;
	if (!read_tag(c) || !imap_sp(&c->args) || !imap_atom(&c->args, &name))
		return;
	if (text_equal_ci(name, TEXT("UID"))) {
		if (!imap_sp(&c->args) || !imap_atom(&c->args, &name))
			return;
		c->uid = true;
	}
	c->row = imap_command_find(name);
	if (c->row != NULL && c->uid && (c->row->flags & COMMAND_UID) == 0)
		c->row = NULL;
}

/* Takes a copy of the command and lets go of the buffer. */
static void
deliver(struct imap *im, struct command *c, struct text line, size_t consume)
{
	c->line = arena_copy(&c->arena, line);
	read_head(c);
	stream_consume(&im->session.stream, consume);
	start_over(im);
}

/* Gives up on the command in hand: keep as much of it as its head needs, and
 * throw away the rest. */
static enum status
too_long(struct imap *im, struct command *c, struct text in)
{
	c->line = arena_copy(&c->arena, text_part(in, 0, 200));
	read_head(c);
	throw(im, im->whole < in.len ? im->whole : in.len);
	imap_discard_line(im);
	return STATUS_LIMIT;
}

/* The literal would make the command too long. A client that waits for "+"
 * has sent nothing of it and will send nothing. */
static enum status
too_large(struct imap *im, struct command *c, struct text in, size_t next,
    const struct literal_mark *mark)
{
	c->line = arena_copy(&c->arena, text_part(in, 0, 200));
	read_head(c);
	stream_consume(&im->session.stream, next);
	start_over(im);
	if (!mark->waits) {
		imap_discard_line(im);
		im->skip = mark->octets;
	}
	return STATUS_LIMIT;
}

/* Whether the handler reads this literal itself. */
static bool
for_handler(struct imap *im, struct text head)
{
	struct command probe = { .im = im, .line = head };

	if (im->state == IMAP_UNKNOWN)
		return false;
	read_head(&probe);
	return probe.row != NULL && (probe.row->flags & COMMAND_LITERAL) != 0 &&
	       imap_append_is_ready(probe.args);
}

enum status
imap_assemble(struct imap *im, struct command *c)
{
	size_t max = command_max(im), end, next;

	for (;;) {
		struct text in;
		struct literal_mark mark;

		if (im->discard) {
			enum status st = discard(im);

			if (st != STATUS_OK)
				return st;
		}
		in = stream_buffered(&im->session.stream);
		if (!find_line(im, in, &end, &next))
			return in.len > max ? too_long(im, c, in) : STATUS_AGAIN;
		if (end > max)
			return too_long(im, c, in);
		if (!imap_literal_mark(text_part(in, im->whole, end), &mark)) {
			deliver(im, c, text_part(in, 0, end), next);
			return STATUS_OK;
		}
		mark.at += im->whole;
		if (for_handler(im, text_part(in, 0, mark.at))) {
			c->has_literal = true;
			c->literal = mark;
			deliver(im, c, text_part(in, 0, mark.at), next);
			return STATUS_OK;
		}
		if (mark.octets > max || next + mark.octets > max)
			return too_large(im, c, in, next, &mark);
		im->whole = next + (size_t)mark.octets;
		if (mark.waits)
			stream_write(&im->session.stream, TEXT("+ Go on\r\n"));
	}
}

/* Whether all has come of an APPEND whose first message begins at next: AGAIN;
 * NOT_FOUND: it is too long to be waited for here, or the client waits. */
static enum status
has_come(struct text in, size_t next, uint64_t octets)
{
	struct literal_mark mark = { .octets = octets };
	size_t end;

	while (mark.octets <= GATHERED_MAX && next + mark.octets <= GATHERED_MAX) {
		next += (size_t)mark.octets;
		end = next < in.len ? text_find_byte(in, '\n', next) : in.len;
		if (end >= in.len)
			return in.len > GATHERED_MAX ? STATUS_NOT_FOUND : STATUS_AGAIN;
		if (!imap_literal_mark(text_trim(text_part(in, next, end)), &mark))
			return STATUS_OK;
		if (mark.waits)
			return STATUS_NOT_FOUND;
		next = end + 1;
	}
	return STATUS_NOT_FOUND;
}

enum status
imap_assemble_append(
    struct imap *im, struct command *c, bool (*fits)(void *arg, const struct command *c), void *arg)
{
	struct text in = stream_buffered(&im->session.stream);
	size_t end, next;
	enum status st;

	if (im->discard)
		return STATUS_NOT_FOUND;
	if (!find_line(im, in, &end, &next))
		return in.len > command_max(im) ? STATUS_NOT_FOUND : STATUS_AGAIN;
	if (end > command_max(im) || !imap_literal_mark(text_part(in, 0, end), &c->literal) ||
	    c->literal.waits || !for_handler(im, text_part(in, 0, c->literal.at)))
		return STATUS_NOT_FOUND;
	c->has_literal = true;
	c->line = arena_copy(&c->arena, text_part(in, 0, c->literal.at));
	read_head(c);
	st = fits(arg, c) ? has_come(in, next, c->literal.octets) : STATUS_NOT_FOUND;
	if (st != STATUS_OK)
		return st;
	stream_consume(&im->session.stream, next);
	start_over(im);
	return STATUS_OK;
}

enum status
imap_assemble_line(struct imap *im, struct arena *a, size_t limit, struct text *line)
{
	struct text in = stream_buffered(&im->session.stream);
	size_t end, next;

	if (!find_line(im, in, &end, &next))
		return in.len > limit ? STATUS_LIMIT : STATUS_AGAIN;
	if (end > limit)
		return STATUS_LIMIT;
	*line = arena_copy(a, text_part(in, 0, end));
	stream_consume(&im->session.stream, next);
	start_over(im);
	return STATUS_OK;
}

enum status
imap_await(struct imap *im)
{
	(void)stream_flush(&im->session.stream); /* sticky */
	return stream_fill(&im->session.stream);
}

enum status
imap_read_literal(
    struct imap *im, uint64_t n, enum status (*sink)(void *arg, struct text part), void *arg)
{
	struct stream *s = &im->session.stream;

	while (n > 0) {
		struct text in = stream_buffered(s);
		struct text part = text_part(in, 0, n < in.len ? (size_t)n : in.len);
		enum status st = part.len > 0 ? STATUS_OK : imap_await(im);

		if (st == STATUS_OK && part.len > 0 && sink != NULL)
			st = sink(arg, part);
		if (st != STATUS_OK)
			return st;
		stream_consume(s, part.len);
		n -= part.len;
	}
	return STATUS_OK;
}
