/* SPDX-License-Identifier: ISC */
/*
 * Ranges of prefix and content; see reader.h. What the prefix does not hold
 * goes to content_read, which asks for pieces here.
 */
#include "store/reader.h"

static enum status
fetch_piece(void *arg, uint32_t piece, struct arena *a, struct text *bytes)
{
	struct store_reader *r = arg;
	const struct store_piece_request req = {
		.token = r->token, .mailbox = r->mailbox, .uid = r->uid, .piece = piece
	};
	struct store_piece_reply reply;
	enum status st = store_piece(r->calls, &req, a, &reply, NULL);

	if (st == STATUS_OK)
		*bytes = reply.bytes.bytes;
	return st;
}

/* Looks for the empty line behind a header (as mime/header.h has it). */
struct seek {
	uint64_t at; /* octets seen, from the start of the content */
	enum { WITHIN, LINE, LINE_CR } state;
};

static enum status
seek_empty_line(void *arg, struct text part)
{
	struct seek *s = arg;

	for (size_t i = 0; i < part.len; i++) {
		char c = part.ptr[i];

		s->at++;
		if (c == '\n' && s->state != WITHIN)
			return STATUS_EXISTS;
		s->state = c == '\n' ? LINE : c == '\r' && s->state == LINE ? LINE_CR : WITHIN;
	}
	return STATUS_OK;
}

/* A header as long as its frame may go on behind it. */
static enum status
find_header_end(struct store_reader *r)
{
	struct content *c = &r->content;
	struct seek s = { .at = CONTENT_FRAME_RAW - sizeof("\r\n\r\n") + 1 };
	enum status st = STATUS_OK;

	r->header_len = c->header_len;
	if (c->header_len < CONTENT_FRAME_RAW)
		return STATUS_OK;
	st = content_read(c, s.at, UINT64_MAX, seek_empty_line, &s);
	r->header_len = s.at;
	return st == STATUS_EXISTS ? STATUS_OK : st;
}

enum status
store_reader_open(struct store_reader *r, struct calls *calls, struct text token, uint32_t mailbox,
    const struct store_row *row)
{
	enum status st;

	*r = (struct store_reader){ .calls = calls,
		.token = token,
		.mailbox = mailbox,
		.uid = row->uid,
		.prefix = row->prefix };
	r->content.fetch = fetch_piece;
	r->content.arg = r;
	st = content_open(row->piece0, &r->content);
	return st == STATUS_OK ? find_header_end(r) : st;
}

uint64_t
store_reader_size(const struct store_reader *r)
{
	return r->prefix.len + r->content.size;
}

uint64_t
store_reader_header(const struct store_reader *r)
{
	return r->prefix.len + r->header_len;
}

enum status
store_reader_read(struct store_reader *r, uint64_t from, uint64_t len,
    enum status (*sink)(void *arg, struct text part), void *arg)
{
	uint64_t size = store_reader_size(r);
	enum status st = STATUS_OK;

	if (from >= size || len == 0)
		return STATUS_OK;
	if (len > size - from)
		len = size - from;
	if (from < r->prefix.len) {
		uint64_t n = r->prefix.len - from < len ? r->prefix.len - from : len;

		st = sink(arg, text_part(r->prefix, (size_t)from, (size_t)(from + n)));
		from += n;
		len -= n;
	}
	if (st != STATUS_OK || len == 0)
		return st;
	return content_read(&r->content, from - r->prefix.len, len, sink, arg);
}

static enum status
to_buffer(void *arg, struct text part)
{
	buffer_add_text(arg, part);
	return STATUS_OK;
}

enum status
store_reader_read_buffer(struct store_reader *r, uint64_t from, uint64_t len, struct buffer *out)
{
	return store_reader_read(r, from, len, to_buffer, out);
}
