/* SPDX-License-Identifier: ISC */
/*
 * Where sections stand (RFC 3501 6.4.5 BODY[section]); see message.h. The
 * prefix shifts everything behind it, and is itself the beginning of the
 * message's header.
 */
#include "imap/message.h"

#include <stdlib.h>

#include "base/log.h"
#include "mime/decode.h"

void
imap_message_init(struct message *m, struct imap *im, const struct store_row *row, struct arena *a)
{
	m->im = im;
	m->row = row;
	m->arena = a;
	m->opened = m->has_summary = m->has_shown = m->has_envelope = false;
}

enum status
imap_message_open(struct message *m)
{
	struct imap *im = m->im;
	enum status st;

	if (m->opened)
		return STATUS_OK;
	st = store_reader_open(&m->reader, im->server->calls, im->token, im->view->mailbox, m->row);
	m->opened = st == STATUS_OK;
	return st;
}

/* A row of a list has no content: it is asked for. */
static enum status
open_alone(struct message *m)
{
	struct imap *im = m->im;
	struct store_row row = { .uid = m->row->uid };
	struct store_piece_request req = {
		.token = im->token, .mailbox = im->view->mailbox, .uid = row.uid
	};
	struct store_piece_reply reply;
	enum status st = store_piece(im->server->calls, &req, m->arena, &reply, NULL);

	if (st != STATUS_OK)
		return st;
	row.prefix = reply.prefix;
	row.piece0 = reply.bytes.bytes;
	return store_reader_open(&m->reader, im->server->calls, im->token, im->view->mailbox, &row);
}

/* What can be said without the summary: one text part. */
static void
make_opaque(struct message *m)
{
	struct mime_summary *s = &m->summary;
	bool there = (m->row->piece0.len > 0 ? imap_message_open(m) : open_alone(m)) == STATUS_OK;

	LOG_WARN("imap.summary_unreadable", FIELD_U64("account", m->im->account),
	    FIELD_U64("uid", m->row->uid));
	mime_opaque(TEXT_EMPTY, m->arena, s);
	s->size = there ? m->reader.content.size : m->row->size;
	s->header_len = there ? m->reader.header_len : 0;
	s->root.body_at = s->header_len;
	s->root.body_len = s->size > s->header_len ? s->size - s->header_len : 0;
}

const struct mime_summary *
imap_message_summary(struct message *m)
{
	if (!m->has_summary &&
	    mime_summary_unpack(m->row->summary, m->arena, &m->summary) != STATUS_OK)
		make_opaque(m);
	m->has_summary = true;
	return &m->summary;
}

const struct mime_summary *
imap_message_shown(struct message *m)
{
	if (m->has_summary || m->has_shown)
		return &m->summary;
	if (mime_summary_unpack_shown(m->row->summary, m->arena, &m->summary) != STATUS_OK)
		return imap_message_summary(m);
	m->has_shown = true;
	return &m->summary;
}

const struct mime_summary *
imap_message_envelope(struct message *m)
{
	if (m->has_summary || m->has_shown || m->has_envelope)
		return &m->summary;
	if (mime_summary_unpack_envelope(m->row->summary, m->arena, &m->summary) != STATUS_OK)
		return imap_message_summary(m);
	m->has_envelope = true;
	return &m->summary;
}

/* The message itself: BODY[], BODY[HEADER], BODY[TEXT]. */
static struct octets
of_message(const struct message *m, enum section_text text)
{
	uint64_t header = store_reader_header(&m->reader), size = store_reader_size(&m->reader);

	if (text == SECTION_ALL)
		return (struct octets){ 0, size };
	if (text == SECTION_BODY)
		return (struct octets){ header, size - header };
	return (struct octets){ 0, header };
}

static bool
is_message(const struct mime_part *p)
{
	return text_equal(p->type, TEXT("message")) && p->child != NULL;
}

/* The header in front of a part's body; that of the root has the prefix. */
static struct octets
header_of(const struct message *m, const struct mime_part *p)
{
	uint64_t prefix = m->row->prefix.len;
	uint64_t at = p->header_at == 0 ? 0 : p->header_at + prefix;

	return (struct octets){ at, p->body_at + prefix - at };
}

static bool
of_part(
    const struct message *m, const struct mime_part *p, enum section_text text, struct octets *out)
{
	uint64_t prefix = m->row->prefix.len;

	if (text == SECTION_ALL) {
		*out = (struct octets){ p->body_at + prefix, p->body_len };
		return true;
	}
	if (text == SECTION_MIME) {
		*out = header_of(m, p);
		return true;
	}
	/* The others are of the message within (RFC 3501 6.4.5). */
	if (!is_message(p))
		return false;
	if (p->child->body_at < p->body_at)
		return false;
	if (text == SECTION_BODY)
		*out = (struct octets){ p->child->body_at + prefix, p->child->body_len };
	else
		*out = (struct octets){ p->body_at + prefix, p->child->body_at - p->body_at };
	return true;
}

/* A summary is no promise about the content. */
static bool
within(const struct message *m, const struct mime_part *p)
{
	return p->header_at <= p->body_at && p->body_at <= m->reader.content.size;
}

bool
imap_message_section(struct message *m, const struct section *s, struct octets *out)
{
	const struct mime_part *p;
	struct octets where;

	if (s->depth == 0) {
		*out = of_message(m, s->text);
		return true;
	}
	p = mime_part_find(imap_message_shown(m), s->part, s->depth);
	if (p == NULL || !within(m, p) || (p->child != NULL && !within(m, p->child)) ||
	    !of_part(m, p, s->text, &where))
		return false;
	if (where.from > store_reader_size(&m->reader) ||
	    where.len > store_reader_size(&m->reader) - where.from)
		return false;
	*out = where;
	return true;
}

static int
against_field(const void *name, const void *field)
{
	return text_compare_ci(*(const struct text *)name, *(const struct text *)field);
}

static bool
named(const struct texts *sorted, struct text name)
{
	return sorted->count > 0 &&
	       bsearch(&name, sorted->at, sorted->count, sizeof(name), against_field) != NULL;
}

void
imap_pick_fields(struct text header, const struct section *s, struct buffer *out)
{
	struct cursor c = cursor_of(header);
	struct text name, field;

	while (mime_header_next(&c, &name, &field))
		if (named(&s->sorted, name) == (s->text == SECTION_FIELDS))
			buffer_add_text(out, field);
	buffer_add(out, "\r\n", 2);
}
