/* SPDX-License-Identifier: ISC */
/*
 * RETR (RFC 1939 5) and TOP (RFC 1939 7): a message goes from piece to piece
 * into the stream, its lines that begin with a dot with one more (RFC 1939 3).
 * Behind a bare LF too, or a client that takes it for a line end could be made
 * to see the end of the message where there is none.
 */
#include "base/clock.h"
#include "base/log.h"
#include "pop3/downgrade.h"
#include "pop3/session.h"
#include "runtime/settings.h"
#include "store/reader.h"

#define TRANSFER_MAX (2 * CLOCK_HOUR)
#define DOWNGRADE_MAX (256u << 10) /* octets of a header */

struct flow {
	struct stream *stream;
	bool line_start; /* behind a LF, */
	bool crlf;	 /* and a CR was in front of it */
	bool cr;	 /* behind a CR */
	bool in_body;	 /* TOP: lines are counted */
	uint64_t lines;	 /* TOP: still to be sent */
	bool limited;
};

/* The sink's word for "enough": stops the reading. */
#define ENOUGH STATUS_LIMIT

/* How much of a part belongs to the lines that are still to be sent. */
static struct text
cut_lines(struct flow *f, struct text part)
{
	size_t at = 0;

	if (!f->limited || !f->in_body)
		return part;
	while (f->lines > 0 && at < part.len) {
		at = text_find_byte(part, '\n', at) + 1;
		if (at > part.len)
			return part;
		f->lines--;
	}
	return text_part(part, 0, at);
}

/* What the octets sent last were. */
static void
note_end(struct flow *f, struct text part)
{
	bool cr_before = part.len > 1 ? part.ptr[part.len - 2] == '\r' : f->cr;

	f->line_start = part.ptr[part.len - 1] == '\n';
	f->crlf = f->line_start && cr_before;
	f->cr = part.ptr[part.len - 1] == '\r';
}

/* The next LF with a dot behind it, or part.len. memmem looks at every octet, which
 * is a tenth of a download. */
static size_t
find_dot(struct text part)
{
	size_t at = text_find_byte(part, '\n', 0);

	while (at + 1 < part.len && part.ptr[at + 1] != '.')
		at = text_find_byte(part, '\n', at + 1);
	return at + 1 < part.len ? at : part.len;
}

static void
write_stuffed(struct flow *f, struct text part)
{
	bool at_start = f->line_start;

	if (part.len == 0)
		return;
	note_end(f, part);
	if (at_start && part.ptr[0] == '.')
		stream_write(f->stream, TEXT("."));
	for (;;) {
		size_t at = find_dot(part);

		if (at == part.len)
			break;
		stream_write(f->stream, text_part(part, 0, at + 1));
		stream_write(f->stream, TEXT("."));
		part = text_part(part, at + 1, part.len);
	}
	stream_write(f->stream, part);
}

static enum status
sink(void *arg, struct text part)
{
	struct flow *f = arg;

	write_stuffed(f, cut_lines(f, part));
	if (f->stream->broken != STATUS_OK)
		return f->stream->broken;
	return f->limited && f->in_body && f->lines == 0 ? ENOUGH : STATUS_OK;
}

static void
begin_transfer(struct stream *s)
{
	stream_set_deadline(s, clock_mono() + TRANSFER_MAX);
	stream_set_min_rate(s, (uint32_t)setting(SET_ACCESS_MIN_RATE));
}

static enum pop3_next
cannot(struct command *c, enum status st, const struct failure *f)
{
	if (st == STATUS_NOT_FOUND)
		return pop3_err(c, "That message was deleted by another session");
	return pop3_failed(c, st, f);
}

/* The header, whole, as this session may have it; none of the size that
 * downgrading is for: it goes as it is. */
static enum status
read_header(struct command *c, struct store_reader *r, struct buffer *header)
{
	struct buffer ascii = BUFFER_INIT;
	enum status st;

	if (c->p->utf8 || store_reader_header(r) > DOWNGRADE_MAX)
		return STATUS_OK;
	st = store_reader_read_buffer(r, 0, store_reader_header(r), header);
	if (st == STATUS_OK && downgrade_needed(buffer_text(header))) {
		downgrade_header(buffer_text(header), &c->arena, &ascii);
		buffer_clear(header);
		buffer_add_text(header, buffer_text(&ascii));
	}
	buffer_done(&ascii);
	return st;
}

static enum status
send_octets(struct store_reader *r, struct flow *f, struct text ready)
{
	uint64_t header = store_reader_header(r);
	enum status st = ready.len > 0 ? sink(f, ready) : store_reader_read(r, 0, header, sink, f);

	f->in_body = true;
	if (st == STATUS_OK && !(f->limited && f->lines == 0))
		st = store_reader_read(r, header, UINT64_MAX - header, sink, f);
	return st == ENOUGH ? STATUS_OK : st;
}

static enum pop3_next
send_message(struct command *c, uint32_t number, bool limited, uint64_t lines)
{
	struct pop3 *p = c->p;
	struct flow flow = { .stream = &p->session.stream,
		.line_start = true,
		.crlf = true,
		.lines = lines,
		.limited = limited };
	struct buffer header = BUFFER_INIT;
	struct store_reader reader;
	struct store_row row;
	struct failure f = { 0 };
	enum status st = maildrop_row(&p->drop, p->server->calls, p->token, number, &row, &f);

	if (st == STATUS_OK)
		st = store_reader_open(&reader, p->server->calls, p->token, p->drop.mailbox, &row);
	if (st == STATUS_OK)
		st = read_header(c, &reader, &header);
	if (st != STATUS_OK) {
		buffer_done(&header);
		return cannot(c, st, &f);
	}
	if (header.len > 0)
		row.size += header.len - store_reader_header(&reader);
	(void)pop3_ok(c, "%llu octets", (unsigned long long)row.size);
	begin_transfer(flow.stream);
	st = send_octets(&reader, &flow, buffer_text(&header));
	buffer_done(&header);
	if (st != STATUS_OK) {
		LOG_WARN(
		    "pop3.transfer_cut", FIELD_U64("session", p->session.id), FIELD_STATUS(st));
		return POP3_END; /* in the middle of a message nothing can be said */
	}
	/* A client looks for CRLF "." CRLF, whatever line ends a message has. */
	stream_write(flow.stream, flow.crlf ? TEXT(".\r\n") : TEXT("\r\n.\r\n"));
	return POP3_GO_ON;
}

enum pop3_next
pop3_cmd_retr(struct command *c)
{
	uint32_t number;

	if (!pop3_arg_message(c, &number) || !pop3_arg_end(c))
		return POP3_GO_ON;
	runs_add(&c->p->drop.read, number, number);
	return send_message(c, number, false, 0);
}

enum pop3_next
pop3_cmd_top(struct command *c)
{
	uint32_t number;
	uint64_t lines;

	if (!pop3_arg_message(c, &number))
		return POP3_GO_ON;
	if (!cursor_byte(&c->args, ' ') || !cursor_u64(&c->args, &lines))
		return pop3_err(c, "Expected a number of lines");
	if (!pop3_arg_end(c))
		return POP3_GO_ON;
	return send_message(c, number, true, lines);
}
