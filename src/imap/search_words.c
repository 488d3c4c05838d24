/* SPDX-License-Identifier: ISC */
/*
 * Looking for a word in what a message says (RFC 3501 6.4.4 BODY, TEXT,
 * HEADER): transfer encoding undone, converted to UTF-8, folded. Bodies go by
 * in windows that are cut where no character is, and the end of each window
 * stays in front of the next, so memory is bounded and a word across a cut is found.
 */
#include "codec/base64.h"
#include "codec/charset.h"
#include "codec/mimewords.h"
#include "codec/qp.h"
#include "codec/utf8.h"
#include "imap/search.h"
#include "mime/decode.h"

#define FIELD_MAX (64u << 10)  /* octets of a decoded header field */
#define HEADER_MAX (1u << 20)  /* octets of a header that are searched */
#define WINDOW_MAX (64u << 10) /* octets for whose line end is waited */

/* The sink's word for "found": stops the reading. */
#define FOUND STATUS_EXISTS

bool
imap_has_word(struct text utf8, struct text word)
{
	struct buffer folded = BUFFER_INIT;
	bool found;

	if (word.len == 0)
		return true;
	text_fold(&folded, utf8);
	found = text_find(buffer_text(&folded), word, 0) < folded.len;
	buffer_done(&folded);
	return found;
}

bool
imap_field_has_word(struct text raw, struct text word)
{
	struct buffer utf8 = BUFFER_INIT;
	bool found;

	mimewords_decode(raw, FIELD_MAX, &utf8);
	found = imap_has_word(buffer_text(&utf8), word);
	buffer_done(&utf8);
	return found;
}

static enum status
read_header(struct message *m, struct octets where, struct buffer *out)
{
	uint64_t len = where.len < HEADER_MAX ? where.len : HEADER_MAX;
	enum status st = imap_message_open(m);

	return st != STATUS_OK ? st : store_reader_read_buffer(&m->reader, where.from, len, out);
}

bool
imap_header_has_word(struct message *m, struct text field, struct text word, enum status *st)
{
	struct buffer header = BUFFER_INIT;
	struct text name, whole;
	struct cursor c;
	bool found = false;

	*st = imap_message_open(m);
	if (*st == STATUS_OK)
		*st =
		    read_header(m, (struct octets){ 0, store_reader_header(&m->reader) }, &header);
	c = cursor_of(buffer_text(&header));
	while (!found && mime_header_next(&c, &name, &whole))
		found = text_equal_ci(name, field) &&
			imap_field_has_word(
			    text_part(whole, text_find_byte(whole, ':', 0) + 1, whole.len), word);
	buffer_done(&header);
	return found;
}

static bool
in_prefix(struct message *m, struct text field)
{
	struct cursor c = cursor_of(m->row->prefix);
	struct text name, whole;

	while (mime_header_next(&c, &name, &whole))
		if (text_equal_ci(name, field))
			return true;
	return false;
}

/* Fields that stand in the envelope as they stand in the header. */
static bool
envelope_field(const struct mime_envelope *e, struct text field, struct text *value)
{
	const struct {
		struct text name;
		bool has;
		struct text value;
	} known[] = {
		{ TEXT("message-id"), e->has_message_id, e->message_id },
		{ TEXT("in-reply-to"), e->has_in_reply_to, e->in_reply_to },
		{ TEXT("subject"), e->has_subject, e->subject },
		{ TEXT("date"), e->has_date, e->date },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].has && text_equal_ci(known[i].name, field)) {
			*value = known[i].value;
			return true;
		}
	return false;
}

enum answer
imap_summary_has_word(struct message *m, struct text field, struct text word)
{
	const struct mime_summary *s = imap_message_summary(m);
	uint32_t count = 0;
	struct text value;

	/* It does not know of all fields. */
	if ((s->facts & (MIME_CUT | MIME_OPAQUE)) != 0 || in_prefix(m, field))
		return ANSWER_UNKNOWN;
	for (uint32_t i = 0; i < s->field_count; i++)
		count += text_equal_ci(s->fields[i].name, field);
	if (count == 0)
		return ANSWER_NO;
	if (word.len == 0)
		return ANSWER_YES;
	if (count > 1 || !envelope_field(&s->envelope, field, &value))
		return ANSWER_UNKNOWN;
	return imap_field_has_word(value, word) ? ANSWER_YES : ANSWER_NO;
}

/* All fields of a header, names too. */
static bool
in_header(struct message *m, struct octets where, struct text word, enum status *st)
{
	struct buffer header = BUFFER_INIT;
	struct text name, whole;
	struct cursor c;
	bool found = false;

	*st = read_header(m, where, &header);
	c = cursor_of(buffer_text(&header));
	while (!found && mime_header_next(&c, &name, &whole))
		found = imap_field_has_word(whole, word);
	buffer_done(&header);
	return found;
}

/* ---- bodies ---- */

struct scan {
	const struct mime_part *part;
	struct text charset, word;
	bool wide; /* two or four octets a character */
	bool begun;
	struct base64_decoder base64;
	struct qp_decoder qp;
	struct buffer decoded; /* not converted yet */
	struct buffer folded;  /* the end of the last window, and this one */
};

/* Up to the last octet c, or 0. */
static size_t
behind_last(const struct buffer *b, char c)
{
	size_t at = text_find_last(buffer_text(b), c);

	return at < b->len ? at + 1 : 0;
}

/* How much of what is there goes on: up to the last line end; where there has
 * been none for long, up to the last blank, which is no part of a character in
 * any charset, or all but the beginning of a character of UTF-8; all at the
 * end. */
static size_t
ripe(const struct buffer *b, bool wide, bool end)
{
	size_t n;

	if (end)
		return b->len;
	if (wide)
		return b->len & ~(size_t)3;
	n = behind_last(b, '\n');
	if (n > 0 || b->len <= WINDOW_MAX)
		return n;
	n = behind_last(b, ' ');
	if (n > 0)
		return n;
	n = utf8_cut(buffer_text(b), b->len - 1).len;
	return n + 4 >= b->len ? n : b->len;
}

/* Which octet of UTF-16 and UTF-32 comes first is said once, in front. */
static void
resolve_order(struct scan *s)
{
	struct text t = buffer_text(&s->decoded);

	s->begun = true;
	if (!s->wide)
		return;
	if (text_equal_ci(s->charset, TEXT("utf-16")) && text_starts(t, TEXT("\xff\xfe")))
		s->charset = TEXT("utf-16le");
	else if (text_equal_ci(s->charset, TEXT("utf-32")) && text_starts(t, TEXT("\xff\xfe\0\0")))
		s->charset = TEXT("utf-32le");
}

static bool
look(struct scan *s, bool end)
{
	struct buffer utf8 = BUFFER_INIT;
	size_t n = ripe(&s->decoded, s->wide, end);
	bool found;

	if (!s->begun && n > 0)
		resolve_order(s);
	charset_to_utf8(s->charset, text_part(buffer_text(&s->decoded), 0, n), 4 * n + 16, &utf8);
	buffer_drop(&s->decoded, n);
	text_fold(&s->folded, buffer_text(&utf8));
	buffer_done(&utf8);
	found = text_find(buffer_text(&s->folded), s->word, 0) < s->folded.len;
	if (s->folded.len >= s->word.len)
		buffer_drop(&s->folded, s->folded.len - (s->word.len - 1));
	return found;
}

static enum status
scan_sink(void *arg, struct text part)
{
	struct scan *s = arg;

	if (s->part->encoding == MIME_BASE64)
		base64_feed(&s->base64, part, &s->decoded);
	else if (s->part->encoding == MIME_QP)
		qp_feed(&s->qp, part, &s->decoded);
	else
		buffer_add_text(&s->decoded, part);
	return look(s, false) ? FOUND : STATUS_OK;
}

static struct text
charset_of(const struct mime_part *p)
{
	for (uint32_t i = 0; i < p->params.count; i++)
		if (text_equal(p->params.at[i].name, TEXT("charset")))
			return p->params.at[i].value;
	return TEXT_EMPTY;
}

static bool
in_part(struct message *m, const struct mime_part *p, struct text word, enum status *st)
{
	struct scan s = { .part = p, .charset = charset_of(p), .word = word };
	bool found;

	s.wide =
	    text_starts_ci(s.charset, TEXT("utf-16")) || text_starts_ci(s.charset, TEXT("utf-32"));
	*st = store_reader_read(
	    &m->reader, p->body_at + m->row->prefix.len, p->body_len, scan_sink, &s);
	found = *st == FOUND;
	if (*st == STATUS_OK) {
		qp_end(&s.qp, &s.decoded);
		found = look(&s, true);
	}
	if (found)
		*st = STATUS_OK;
	buffer_done(&s.decoded);
	buffer_done(&s.folded);
	return found;
}

/* Text, and the machine's words for it: reports of deliveries and the like. */
static bool
is_read(const struct mime_part *p)
{
	return text_equal(p->type, TEXT("text")) || text_equal(p->type, TEXT("message"));
}

/* In the body of a part and in all that is inside it. The header of a message
 * is in the body around it; those of other parts count when mime is set. */
static bool
in_body(struct message *m, const struct mime_part *p, struct text word, bool mime, enum status *st)
{
	bool headers = mime || text_equal(p->type, TEXT("message"));

	if (p->child == NULL)
		return is_read(p) && in_part(m, p, word, st);
	for (const struct mime_part *c = p->child; c != NULL; c = c->next) {
		struct octets header = { c->header_at + m->row->prefix.len,
			c->body_at - c->header_at };

		if (headers && header.len > 0 && in_header(m, header, word, st))
			return true;
		if (*st != STATUS_OK)
			return false;
		if (in_body(m, c, word, mime, st))
			return true;
	}
	return false;
}

bool
imap_content_has_word(struct message *m, struct text word, bool header, enum status *st)
{
	if (word.len == 0)
		return true;
	*st = imap_message_open(m);
	if (*st != STATUS_OK)
		return false;
	if (header && in_header(m, (struct octets){ 0, store_reader_header(&m->reader) }, word, st))
		return true;
	return *st == STATUS_OK && in_body(m, &imap_message_summary(m)->root, word, header, st);
}
