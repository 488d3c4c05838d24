/* SPDX-License-Identifier: ISC */
/*
 * Content transfer encodings undone by windows (RFC 3516 4.2, RFC 2045 6);
 * see binary.h.
 */
#include "imap/binary.h"

#include "codec/base64.h"
#include "codec/qp.h"

/* The sink's word for "enough": stops the reading. */
#define ENOUGH STATUS_EXISTS

bool
imap_binary_find(struct message *m, const struct section *s, struct binary *out, enum status *st)
{
	const struct mime_part *p = NULL;
	struct binary b = { .encoding = MIME_BINARY };

	*st = STATUS_OK;
	if (s->depth > 0)
		p = mime_part_find(imap_message_shown(m), s->part, s->depth);
	if (!imap_message_section(m, s, &b.where))
		return false;
	if (p != NULL && !text_equal(p->type, TEXT("multipart")))
		b.encoding = p->encoding;
	if (b.encoding == MIME_UNKNOWN_ENCODING)
		*st = STATUS_INVALID;
	*out = b;
	return true;
}

struct decoding {
	enum mime_encoding encoding;
	struct base64_decoder base64;
	struct qp_decoder qp;
	struct buffer out; /* of one window */
	uint64_t at;	   /* decoded octets in front of it */
	struct binary_mark mark;
	uint64_t encoded; /* octets of the part in front of it */
	uint64_t from, until;
	enum status (*sink)(void *arg, struct text part);
	void *arg;
};

/* Hands on what of a stretch of decoded octets is wanted. */
static enum status
hand_on(struct decoding *d, struct text t)
{
	uint64_t start = d->at, end = d->at + t.len;
	uint64_t from = d->from > start ? d->from : start;
	uint64_t until = d->until < end ? d->until : end;
	enum status st = STATUS_OK;

	d->at = end;
	if (from < until)
		st = d->sink(d->arg, text_part(t, (size_t)(from - start), (size_t)(until - start)));
	return st == STATUS_OK && end >= d->until ? ENOUGH : st;
}

static enum status
decode_window(void *arg, struct text part)
{
	struct decoding *d = arg;

	if (d->encoding != MIME_BASE64 && d->encoding != MIME_QP)
		return hand_on(d, part);
	buffer_clear(&d->out);
	if (d->qp.held == 0) { /* then it knows nothing that the next octets need */
		d->mark.encoded = d->encoded;
		d->mark.decoded = d->at;
		d->mark.base64 = d->base64;
	}
	if (d->encoding == MIME_BASE64)
		base64_feed(&d->base64, part, &d->out);
	else
		qp_feed(&d->qp, part, &d->out);
	d->encoded += part.len;
	return hand_on(d, buffer_text(&d->out));
}

/* Goes on where the range before this one ended, if it did. */
static void
take_up(struct decoding *d, const struct message *m, const struct binary *b)
{
	const struct binary_mark *mark = &m->im->view->binary;

	d->mark = (struct binary_mark){ .uid = m->row->uid, .at = b->where.from };
	if (mark->uid != m->row->uid || mark->at != b->where.from || mark->decoded > d->from)
		return;
	d->mark = *mark;
	d->base64 = mark->base64;
	d->encoded = mark->encoded;
	d->at = mark->decoded;
}

enum status
imap_binary_read(struct message *m, const struct binary *b, uint64_t from, uint64_t len,
    enum status (*sink)(void *arg, struct text part), void *arg)
{
	struct decoding d = { .encoding = b->encoding,
		.from = from,
		.until = len < UINT64_MAX - from ? from + len : UINT64_MAX,
		.sink = sink,
		.arg = arg };
	enum status st;

	if (b->encoding != MIME_BASE64 && b->encoding != MIME_QP) {
		if (from >= b->where.len)
			return STATUS_OK;
		if (len > b->where.len - from)
			len = b->where.len - from;
		return store_reader_read(&m->reader, b->where.from + from, len, sink, arg);
	}
	take_up(&d, m, b);
	st = store_reader_read(
	    &m->reader, b->where.from + d.encoded, b->where.len - d.encoded, decode_window, &d);
	m->im->view->binary = d.mark;
	if (st == STATUS_OK) {
		buffer_clear(&d.out);
		qp_end(&d.qp, &d.out);
		st = hand_on(&d, buffer_text(&d.out));
	}
	buffer_done(&d.out);
	return st == ENOUGH ? STATUS_OK : st;
}

static enum status
measure(void *arg, struct text part)
{
	struct binary_size *size = arg;

	size->octets += part.len;
	size->nul = size->nul || text_find_byte(part, '\0', 0) < part.len;
	return STATUS_OK;
}

enum status
imap_binary_measure(
    struct message *m, const struct binary *b, uint64_t from, uint64_t len, struct binary_size *out)
{
	struct binary_mark *mark = &m->im->view->binary, kept = *mark;
	enum status st;

	*out = (struct binary_size){ 0 };
	st = imap_binary_read(m, b, from, len, measure, out);
	*mark = kept; /* the octets are read next, from where the last range ended */
	return st;
}
