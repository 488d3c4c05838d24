/* SPDX-License-Identifier: ISC */
/*
 * See mime/seven.h. The message is copied from its start to its end; what
 * changes are the bodies of leaves and the one field that names their encoding.
 * Line ends and boundaries around them stay where they are.
 */
#include "mime/seven.h"

#include <string.h>

#include "codec/base64.h"
#include "codec/qp.h"
#include "codec/utf8.h"
#include "mime/bodies.h"
#include "mime/decode.h"
#include "mime/header.h"
#include "mime/params.h"

#define LINE_MAX_OCTETS 998 /* RFC 5322 2.1.1 */
#define BASE64_LINE 57	    /* octets that make 76 columns */

/* The boundaries that an encoded line must not look like. */
struct outer {
	const struct outer *next;
	struct text boundary;
};

struct work {
	struct text message;
	struct buffer *out;
	uint64_t at; /* what is in front is done */
	bool root;   /* the header in hand is the message's own */
	const char *why;
};

static bool
refuse(struct work *w, const char *why)
{
	w->why = why;
	return false;
}

/* ---- what is fit ---- */

static bool
octets_clean(struct text t)
{
	return utf8_is_ascii(t) && text_find_byte(t, '\r', 0) == t.len;
}

bool
mime_seven_clean(struct text t)
{
	for (size_t at = 0; at < t.len;) {
		size_t lf = text_find_byte(t, '\n', at);
		size_t end = lf;

		if (lf < t.len && (lf == at || t.ptr[lf - 1] != '\r'))
			return false;
		if (lf < t.len)
			end--;
		if (end - at > LINE_MAX_OCTETS || !octets_clean(text_part(t, at, end)))
			return false;
		at = lf + 1;
	}
	return true;
}

static struct text
stretch(const struct work *w, uint64_t from, uint64_t to)
{
	return text_part(w->message, from, to);
}

static void
copy(struct work *w, uint64_t to)
{
	buffer_add_text(w->out, stretch(w, w->at, to));
	w->at = to;
}

/* ---- between the parts ---- */

/* A line of no part: kept if it can be. */
static bool
gap_line(struct work *w, struct text line)
{
	bool ended = text_ends(line, TEXT("\n"));

	if (ended)
		line.len--;
	if (ended && text_ends(line, TEXT("\r")))
		line.len--;
	if (octets_clean(line) && line.len <= LINE_MAX_OCTETS)
		buffer_add_text(w->out, line);
	else if (text_starts(line, TEXT("--")))
		return refuse(w, "a boundary is not in 7 bits");
	if (ended)
		buffer_add(w->out, "\r\n", 2);
	return true;
}

static bool
gap(struct work *w, uint64_t to)
{
	while (w->at < to) {
		struct text rest = stretch(w, w->at, to);
		size_t end = text_find_byte(rest, '\n', 0);

		end = end < rest.len ? end + 1 : end;
		if (!gap_line(w, text_part(rest, 0, end)))
			return false;
		w->at += end;
	}
	return true;
}

/* ---- headers ---- */

static void
put_encoding(struct work *w, struct text encoding)
{
	buffer_addf(w->out, "Content-Transfer-Encoding: %.*s\r\n", TEXT_ARG(encoding));
}

/* What an encoded body needs around it that a message without MIME has not. */
static void
put_missing(struct work *w, struct text header, struct text body)
{
	struct arena a = ARENA_INIT;
	struct text value;

	if (!mime_header_get(header, TEXT("MIME-Version"), 0, &a, &value))
		buffer_add_string(w->out, "MIME-Version: 1.0\r\n");
	if (!mime_header_get(header, TEXT("Content-Type"), 0, &a, &value))
		buffer_addf(w->out, "Content-Type: text/plain; charset=%s\r\n",
		    utf8_valid(body) ? "utf-8" : "unknown-8bit");
	arena_done(&a);
}

/* The end of the field or line at p. */
static const char *
field_end(const char *p, const char *end)
{
	do
		p = header_line_end(p, end);
	while (header_continues(p, end));
	return p;
}

/* The header of a part with another encoding in it; for a body that is encoded
 * now (else NULL) and belongs to no multipart, with what MIME asks for. */
static void
put_header(struct work *w, const struct mime_part *p, struct text encoding, const struct text *body)
{
	struct text header = stretch(w, p->header_at, p->body_at);
	const char *at = header.ptr, *end = at + header.len;
	bool put = false;

	while (at < end && !header_blank_line(at, end)) {
		const char *next = field_end(at, end), *value;
		struct text name;
		bool names = header_name(at, end, &name, &value) &&
			     text_equal_ci(name, TEXT("Content-Transfer-Encoding"));

		if (!names)
			buffer_add(w->out, at, (size_t)(next - at));
		else if (!put)
			put_encoding(w, encoding);
		put = put || names;
		at = next;
	}
	if (!put)
		put_encoding(w, encoding);
	if (body != NULL && w->root)
		put_missing(w, header, *body);
	buffer_add(w->out, "\r\n", 2);
	w->at = p->body_at;
}

/* ---- bodies ---- */

static void
put_base64(struct work *w, struct text body)
{
	for (size_t at = 0; at < body.len; at += BASE64_LINE) {
		if (at > 0)
			buffer_add(w->out, "\r\n", 2);
		base64_encode(w->out, text_part(body, at, at + BASE64_LINE));
	}
}

/* Whether a line of an encoded text could be taken for a boundary. */
static bool
collides(struct text encoded, const struct outer *outer)
{
	struct text line;

	while (text_split(&encoded, '\n', &line)) {
		if (!text_starts(line, TEXT("--")))
			continue;
		for (const struct outer *o = outer; o != NULL; o = o->next)
			if (text_starts(text_part(line, 2, line.len), o->boundary))
				return true;
	}
	return false;
}

/* Lines of text, most of it ASCII. */
static bool
readable(const struct mime_part *p, struct text body)
{
	size_t high = 0;

	if (!text_equal(p->type, TEXT("text")))
		return false;
	for (size_t i = 0; i < body.len; i++) {
		char c = body.ptr[i];

		if (c == '\0' || (c == '\n' && (i == 0 || body.ptr[i - 1] != '\r')) ||
		    (c == '\r' && (i + 1 == body.len || body.ptr[i + 1] != '\n')))
			return false;
		high += (unsigned char)c > 127;
	}
	return high <= body.len / 4;
}

static void
put_encoded(struct work *w, const struct mime_part *p, struct text body, const struct outer *outer)
{
	struct buffer qp = BUFFER_INIT;
	bool quoted = readable(p, body);

	if (quoted) {
		qp_encode(&qp, body);
		quoted = !collides(buffer_text(&qp), outer);
	}
	put_header(w, p, quoted ? TEXT("quoted-printable") : TEXT("base64"), &body);
	if (quoted)
		buffer_add_text(w->out, buffer_text(&qp));
	else
		put_base64(w, body);
	buffer_done(&qp);
	w->at = p->body_at + p->body_len;
	if (!quoted && w->at == w->message.len)
		buffer_add(w->out, "\r\n", 2);
}

/* ---- parts ---- */

/* A header with its label put right. */
static void
keep(struct work *w, const struct mime_part *p)
{
	if (p->encoding == MIME_8BIT || p->encoding == MIME_BINARY)
		put_header(w, p, TEXT("7bit"), NULL);
	else
		copy(w, p->body_at);
}

static bool
leaf(struct work *w, const struct mime_part *p, const struct outer *outer)
{
	uint64_t end = p->body_at + p->body_len;
	struct text body = stretch(w, p->body_at, end);
	struct buffer plain = BUFFER_INIT;

	if (mime_seven_clean(body)) {
		keep(w, p);
		copy(w, end);
		return true;
	}
	if (p->encoding == MIME_UNKNOWN_ENCODING)
		return refuse(w, "the encoding of a part is not known");
	mime_decode_body(p->encoding, body, SIZE_MAX, &plain);
	put_encoded(w, p, buffer_text(&plain), outer);
	buffer_done(&plain);
	return true;
}

/* What nobody may change inside (RFC 1847 2, RFC 2046 5.2). */
static bool
sealed(const struct mime_part *p)
{
	return text_equal(p->type, TEXT("message")) ||
	       mime_part_is(p, TEXT("multipart"), TEXT("signed")) ||
	       mime_part_is(p, TEXT("multipart"), TEXT("encrypted"));
}

static bool part(struct work *w, const struct mime_part *p, const struct outer *outer);

static bool
multipart(struct work *w, const struct mime_part *p, const struct outer *outer)
{
	struct outer own = { outer, TEXT_EMPTY };

	(void)mime_param_get(&p->params, TEXT("boundary"), &own.boundary);
	if (p->child->header_at == p->body_at)
		return refuse(w, "a multipart has no parts");
	keep(w, p);
	for (const struct mime_part *c = p->child; c != NULL; c = c->next)
		if (!gap(w, c->header_at) || !part(w, c, &own))
			return false;
	return gap(w, p->body_at + p->body_len);
}

/* Recurses as deep as summaries go. */
static bool
part(struct work *w, const struct mime_part *p, const struct outer *outer)
{
	uint64_t end = p->body_at + p->body_len;

	w->root = outer == NULL;
	if (!mime_seven_clean(stretch(w, p->header_at, p->body_at)))
		return refuse(w, "a header is not in 7 bits");
	if (sealed(p) || (p->child != NULL && mime_seven_clean(stretch(w, p->body_at, end)))) {
		if (!mime_seven_clean(stretch(w, p->body_at, end)))
			return refuse(w, "a part that must not be changed is not in 7 bits");
		keep(w, p);
		copy(w, end);
		return true;
	}
	return p->child == NULL ? leaf(w, p, outer) : multipart(w, p, outer);
}

enum status
mime_seven(struct text message, const struct mime_summary *s, struct buffer *out, struct failure *f)
{
	struct work w = { .message = message, .out = out };
	size_t before = out->len;

	if ((s->facts & (MIME_CUT | MIME_OPAQUE)) != 0 && !mime_seven_clean(message))
		(void)refuse(&w, "its structure is not known");
	else if (part(&w, &s->root, NULL))
		return STATUS_OK;
	buffer_cut(out, before);
	return fail(f, STATUS_DENIED, "The message cannot be converted to 7 bits",
	    "no conversion to 7 bits: %s", w.why);
}
