/* SPDX-License-Identifier: ISC */
/*
 * BODY[...] of FETCH (RFC 3501 6.4.5, 7.4.2): octets of the message, whole or
 * in part, by the ranges that the summary knows. What is large goes from piece
 * to piece into the stream, so memory is bounded whatever the size. A literal
 * cannot hold NUL (RFC 9051 9 CHAR8): octet 128 stands for it here, and
 * BINARY gives what is there.
 */
#include <string.h>

#include "base/log.h"
#include "imap/fetch.h"
#include "imap/write.h"

/* Up to this size a section is read before its length is announced, so that a
 * failure is an answer; larger ones go out as they are read. */
#define SECTION_AT_ONCE (64u << 10)
/* Of a header from which fields are picked. */
#define HEADER_READ_MAX (1u << 20)

/* The part of a range that the client wants (RFC 3501 6.4.5 partial). */
static struct octets
cut_partial(const struct item *item, struct octets where)
{
	uint64_t skip;

	if (!item->partial)
		return where;
	skip = item->from < where.len ? item->from : where.len;
	where.from += skip;
	where.len -= skip;
	if (where.len > item->len)
		where.len = item->len;
	return where;
}

void
imap_fetch_unreadable(struct fetch *f, enum status st)
{
	if (st == STATUS_NOT_FOUND) { /* expunged a moment ago */
		f->gone = true;
		return;
	}
	LOG_WARN(
	    "imap.content_unreadable", FIELD_U64("account", f->c->im->account), FIELD_STATUS(st));
	f->unreadable = true;
}

static void
write_nothing(struct fetch *f, enum status st)
{
	buffer_add(&f->c->out, "NIL", 3);
	if (st != STATUS_OK)
		imap_fetch_unreadable(f, st);
}

static void
without_nul(char *octets, size_t len)
{
	for (char *end = octets + len;
	     (octets = memchr(octets, 0, (size_t)(end - octets))) != NULL;)
		*octets++ = '\x80';
}

static void
write_fields(struct fetch *f, struct message *m, const struct item *item, struct octets where)
{
	struct buffer header = BUFFER_INIT, picked = BUFFER_INIT;
	uint64_t len = where.len < HEADER_READ_MAX ? where.len : HEADER_READ_MAX;
	enum status st = store_reader_read_buffer(&m->reader, where.from, len, &header);

	f->cut_header |= len < where.len;
	if (st == STATUS_OK) {
		imap_pick_fields(buffer_text(&header), &item->section, &picked);
		where = cut_partial(item, (struct octets){ 0, picked.len });
		imap_write_literal_head(&f->c->out, where.len);
		without_nul(picked.ptr + where.from, (size_t)where.len);
		buffer_add(&f->c->out, picked.ptr + where.from, (size_t)where.len);
	} else {
		write_nothing(f, st);
	}
	buffer_done(&header);
	buffer_done(&picked);
}

static void
write_at_once(struct fetch *f, struct message *m, struct octets where)
{
	struct buffer *out = &f->c->out;
	size_t start = out->len, body;
	enum status st;

	imap_write_literal_head(out, where.len);
	body = out->len;
	st = store_reader_read_buffer(&m->reader, where.from, where.len, out);
	if (st == STATUS_OK && out->len - body != where.len)
		st = STATUS_CORRUPT;
	if (st != STATUS_OK) {
		buffer_cut(out, start);
		write_nothing(f, st);
		return;
	}
	without_nul(out->ptr + body, out->len - body);
}

void
imap_fetch_flow_begins(struct fetch *f)
{
	imap_push(f->c);
	imap_transfer_begins(f->c->im);
}

enum status
imap_fetch_to_stream(void *arg, struct text part)
{
	struct fetch_flow *flow = arg;

	stream_write(&flow->im->session.stream, part);
	flow->left -= part.len < flow->left ? part.len : flow->left;
	return imap_gone(flow->im) ? STATUS_CLOSED : STATUS_OK;
}

void
imap_fetch_flow_ends(struct fetch *f, const struct fetch_flow *flow, enum status st)
{
	if (st == STATUS_OK && flow->left == 0)
		return;
	LOG_WARN("imap.transfer_cut", FIELD_U64("account", f->c->im->account), FIELD_STATUS(st));
	f->cut = true;
}

static enum status
to_stream_without_nul(void *arg, struct text part)
{
	struct buffer copy = BUFFER_INIT;
	enum status st;

	if (text_find_byte(part, '\0', 0) == part.len)
		return imap_fetch_to_stream(arg, part);
	buffer_add_text(&copy, part);
	without_nul(copy.ptr, copy.len);
	st = imap_fetch_to_stream(arg, buffer_text(&copy));
	buffer_done(&copy);
	return st;
}

static void
write_piecewise(struct fetch *f, struct message *m, struct octets where)
{
	struct fetch_flow flow = { f->c->im, where.len };
	enum status st;

	imap_write_literal_head(&f->c->out, where.len);
	imap_fetch_flow_begins(f);
	st = store_reader_read(&m->reader, where.from, where.len, to_stream_without_nul, &flow);
	imap_fetch_flow_ends(f, &flow, st);
}

void
imap_fetch_section(struct fetch *f, struct message *m, const struct item *item)
{
	struct octets where;
	enum status st = imap_message_open(m);

	buffer_add_text(&f->c->out, item->label);
	buffer_add_byte(&f->c->out, ' ');
	if (st != STATUS_OK || !imap_message_section(m, &item->section, &where)) {
		write_nothing(f, st);
		return;
	}
	if (item->section.text == SECTION_FIELDS || item->section.text == SECTION_FIELDS_NOT) {
		write_fields(f, m, item, where);
		return;
	}
	where = cut_partial(item, where);
	if (where.len <= SECTION_AT_ONCE)
		write_at_once(f, m, where);
	else
		write_piecewise(f, m, where);
}
