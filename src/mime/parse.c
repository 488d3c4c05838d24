/* SPDX-License-Identifier: ISC */
/*
 * The MIME parser (RFC 2045, RFC 2046, RFC 5322). One walk over the octets,
 * line by line; open parts stand on a stack of bounded depth. A line that
 * begins with "--" is compared with the boundaries of all open multiparts,
 * innermost first: the whole line must be the boundary, so that boundaries
 * may be prefixes of each other (RFC 2046 5.1.1), and one of an outer part
 * closes all that is inside it (RFC 2046 5.1.2). Nothing is an error.
 *
 * Invariants: children lie inside their parent and in order; a multipart has
 * a child; a message part has one, and an envelope.
 */
#include "mime/parse.h"

#include <string.h>

#include "codec/date.h"
#include "codec/mimewords.h"
#include "codec/utf8.h"
#include "mime/lexical.h"
#include "mime/params.h"

#define LINE_MAX 998 /* RFC 5322 2.1.1, without the line end */

static const struct mime_limits defaults = {
	.max_depth = 50,
	.max_parts = 5000,
	.max_header = 256 * 1024,
	.max_fields = 2000,
	.max_addresses = 2000,
};

/* A part whose end is not known yet. */
struct open_part {
	struct mime_part *part;
	struct mime_part *last_child;
	struct text boundary; /* empty: none, or closed already */
	uint64_t lines_before;
	bool container; /* multipart or opened message */
	bool digest;
};

struct parser {
	const char *base, *at, *end;
	struct mime_limits limits;
	struct arena *arena;
	struct mime_summary *out;
	struct open_part stack[MIME_DEPTH_WALL + 1];
	uint32_t depth; /* open parts */
	uint32_t parts; /* in all */
	uint32_t field_cap;
	uint64_t lines; /* line ends passed */
	uint64_t crlf;	/* of them with CR */
	bool any_8bit;
	bool long_line;
};

static uint32_t
limit_of(uint32_t asked, uint32_t standard, uint32_t wall)
{
	uint32_t limit = asked == 0 ? standard : asked;

	return wall != 0 && limit > wall ? wall : limit;
}

static void
read_limits(struct parser *p, const struct mime_limits *limits)
{
	static const struct mime_limits none;
	const struct mime_limits *l = limits != NULL ? limits : &none;

	p->limits.max_depth = limit_of(l->max_depth, defaults.max_depth, MIME_DEPTH_WALL);
	p->limits.max_parts = limit_of(l->max_parts, defaults.max_parts, 0);
	p->limits.max_header = limit_of(l->max_header, defaults.max_header, 0);
	p->limits.max_fields = limit_of(l->max_fields, defaults.max_fields, 0);
	p->limits.max_addresses = limit_of(l->max_addresses, defaults.max_addresses, 0);
}

/* Passes one line and counts it. */
static void
pass_line(struct parser *p)
{
	const char *start = p->at, *next = header_line_end(start, p->end);
	size_t len = (size_t)(next - start);

	if (next[-1] == '\n') {
		bool cr = len > 1 && next[-2] == '\r';

		p->lines++;
		p->crlf += cr;
		len -= cr ? 2 : 1;
	}
	if (len > LINE_MAX)
		p->long_line = true;
	p->at = next;
}

/* Which open multipart the line at p->at delimits: its index on the stack, or
 * -1. *close: it is the last delimiter. */
static int
boundary_at(const struct parser *p, bool *close)
{
	const char *line = p->at, *end;
	struct text rest;

	if (p->end - line < 3 || line[0] != '-' || line[1] != '-')
		return -1;
	end = header_line_end(line, p->end);
	while (end > line + 2 && lexical_blank(end[-1]))
		end--;
	rest = (struct text){ line + 2, (size_t)(end - line) - 2 };
	for (uint32_t i = p->depth; i-- > 0;) {
		struct text b = p->stack[i].boundary;

		if (b.len == 0 || rest.len < b.len || rest.len > b.len + 2 || rest.len == b.len + 1)
			continue;
		if (memcmp(rest.ptr, b.ptr, b.len) != 0)
			continue;
		*close = rest.len > b.len;
		if (!*close || (rest.ptr[b.len] == '-' && rest.ptr[b.len + 1] == '-'))
			return (int)i;
	}
	return -1;
}

/* Records a field of the top header. */
static void
add_field(struct parser *p, struct text name, const char *value)
{
	struct mime_summary *s = p->out;

	if (s->field_count == p->field_cap) {
		uint32_t cap = p->field_cap == 0 ? 32 : p->field_cap * 2;
		struct mime_field *fields = ARENA_ARRAY(p->arena, struct mime_field, cap);

		if (s->field_count > 0)
			memcpy(fields, s->fields, s->field_count * sizeof(*fields));
		s->fields = fields;
		p->field_cap = cap;
	}
	s->fields[s->field_count++] = (struct mime_field){
		.name = name,
		.at = (uint32_t)(name.ptr - p->base),
		.value = (uint32_t)(value - p->base),
		.end = (uint32_t)(p->at - p->base),
	};
}

/* A header that is not ASCII is either RFC 6532 or broken. */
static void
note_header_8bit(struct parser *p, const char *start)
{
	struct text block = { start, (size_t)(p->at - start) };
	bool high = false;

	for (size_t i = 0; i < block.len && !high; i++)
		high = (unsigned char)block.ptr[i] >= 0x80;
	if (high)
		p->out->facts |= utf8_valid(block) ? MIME_HEADER_UTF8 : MIME_HAS_8BIT;
}

struct block {
	const char *start;
	uint32_t fields;
	bool top; /* the message's own: fields are recorded */
};

/* One field with its continuations, or a line that is none. */
static void
read_field(struct parser *p, struct block *b, struct header_values *values)
{
	struct text name;
	const char *value;
	bool is_field = header_name(p->at, p->end, &name, &value);
	enum header_id id;

	do {
		pass_line(p);
	} while (header_continues(p->at, p->end));
	if (!is_field)
		return;
	if ((size_t)(p->at - b->start) > p->limits.max_header ||
	    b->fields == p->limits.max_fields) {
		p->out->facts |= MIME_CUT;
		return;
	}
	b->fields++;
	id = header_id_of(name);
	if (id != HEADER_COUNT)
		header_values_add(
		    values, id, (struct text){ value, (size_t)(p->at - value) }, p->arena);
	if (b->top)
		add_field(p, name, value);
}

/* Whether a body begins here although no empty line came: the first line of
 * the block is no field. */
static bool
no_header(const struct parser *p)
{
	struct text name;
	const char *value;

	return !header_mbox_line(p->at, p->end) && !header_name(p->at, p->end, &name, &value);
}

/* Reads a header block with its empty line; p->at is then the body's start. */
static void
read_header(struct parser *p, bool top, struct header_values *values)
{
	struct block b = { .start = p->at, .top = top };
	bool close;

	*values = (struct header_values){ 0 };
	while (p->at < p->end) {
		if (header_blank_line(p->at, p->end)) {
			pass_line(p);
			break;
		}
		if (boundary_at(p, &close) >= 0 || (b.fields == 0 && no_header(p)))
			break;
		read_field(p, &b, values);
	}
	if (p->any_8bit)
		note_header_8bit(p, b.start);
}

static bool
is_token(struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.ptr[i];

		/* NUL, which strchr would find, is caught before. */
		if (c <= ' ' || c >= 0x7f || strchr("()<>@,;:\\\"/[]?=", c) != NULL)
			return false;
	}
	return t.len > 0;
}

static void
set_type(struct mime_part *part, struct text type, struct text subtype)
{
	part->type = type;
	part->subtype = subtype;
}

/* RFC 2045 5.2: what is missing or broken is plain text; in a digest a
 * message (RFC 2046 5.1.5). */
static void
fix_type(struct mime_part *part, bool digest)
{
	static const struct {
		struct text type, subtype;
	} usual[] = {
		{ { "multipart", 9 }, { "mixed", 5 } },
		{ { "message", 7 }, { "rfc822", 6 } },
		{ { "application", 11 }, { "octet-stream", 12 } },
	};

	if (is_token(part->type) && is_token(part->subtype))
		return;
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		if (text_equal(part->type, usual[i].type)) {
			part->subtype = usual[i].subtype;
			return;
		}
	}
	if (digest)
		set_type(part, TEXT("message"), TEXT("rfc822"));
	else
		set_type(part, TEXT("text"), TEXT("plain"));
}

static void
read_disposition(struct text value, struct arena *a, struct mime_part *part)
{
	struct mime_type type;

	if (value.ptr == NULL)
		return;
	mime_type_parse(value, a, &type);
	/* RFC 2183 2.8: what cannot be understood is an attachment. */
	part->disposition = is_token(type.type) ? type.type : TEXT("attachment");
	part->disposition_params = type.params;
}

static struct text
unfolded(const struct header_values *values, enum header_id id, struct arena *a)
{
	return values->at[id].ptr != NULL ? lexical_unfold(values->at[id], a) : TEXT_EMPTY;
}

/* What was understood goes by its own name, so that a client understands it
 * too; case is left as written. */
static void
read_encoding(struct text value, struct arena *a, struct mime_part *part)
{
	struct text usual, written;

	part->encoding_name = mime_encoding_name(MIME_7BIT);
	if (value.ptr == NULL)
		return;
	part->encoding = mime_encoding_parse(value);
	usual = mime_encoding_name(part->encoding);
	written = lexical_unfold(value, a);
	if (part->encoding == MIME_UNKNOWN_ENCODING || text_equal_ci(written, usual))
		part->encoding_name = written;
	else
		part->encoding_name = usual;
}

/* Everything but positions. */
static void
describe(struct mime_part *part, const struct header_values *values, bool digest, struct arena *a,
    struct text *boundary)
{
	struct mime_type type = { 0 };

	if (values->at[HEADER_CONTENT_TYPE].ptr != NULL)
		mime_type_parse(values->at[HEADER_CONTENT_TYPE], a, &type);
	set_type(part, type.type, type.subtype);
	part->params = type.params;
	*boundary = type.boundary;
	fix_type(part, digest);
	read_encoding(values->at[HEADER_CONTENT_ENCODING], a, part);
	read_disposition(values->at[HEADER_CONTENT_DISPOSITION], a, part);
	part->id = unfolded(values, HEADER_CONTENT_ID, a);
	part->description = unfolded(values, HEADER_CONTENT_DESCRIPTION, a);
	part->md5 = unfolded(values, HEADER_CONTENT_MD5, a);
	part->language = unfolded(values, HEADER_CONTENT_LANGUAGE, a);
	part->location = unfolded(values, HEADER_CONTENT_LOCATION, a);
}

static bool
is_message(const struct mime_part *part)
{
	return text_equal(part->type, TEXT("message")) &&
	       (text_equal(part->subtype, TEXT("rfc822")) ||
		   text_equal(part->subtype, TEXT("global")));
}

static bool
is_multipart(const struct mime_part *part)
{
	return text_equal(part->type, TEXT("multipart"));
}

static void
push(struct parser *p, struct mime_part *part, struct text boundary, bool container)
{
	struct open_part *o = &p->stack[p->depth++];

	*o = (struct open_part){ .part = part, .lines_before = p->lines, .container = container };
	if (!container)
		return;
	if (is_multipart(part)) {
		o->boundary = boundary;
		o->digest = text_equal(part->subtype, TEXT("digest"));
	}
}

/* What is nested too deep, or one too many, is not opened. */
static void
make_opaque(struct parser *p, struct mime_part *part)
{
	p->out->facts |= MIME_CUT;
	set_type(part, TEXT("application"), TEXT("octet-stream"));
	part->params = (struct mime_params){ 0 };
}

static struct mime_part *
part_new(struct parser *p)
{
	p->parts++;
	return ARENA_NEW(p->arena, struct mime_part);
}

/* A message inside another can be read only when nothing is encoded (RFC 2046
 * 5.2.1 allows nothing else). */
static bool
readable(const struct mime_part *part)
{
	return part->encoding != MIME_BASE64 && part->encoding != MIME_QP;
}

/* The header at p->at is that of part; values is left for the caller. Opens
 * the part, and the message within it, and the message within that ... */
static void
open_part(struct parser *p, struct mime_part *part, bool digest, struct header_values *values)
{
	for (bool top = p->depth == 0;; top = false) {
		struct header_values inner;
		struct text boundary;
		bool container;

		part->header_at = (uint64_t)(p->at - p->base);
		read_header(p, top, &inner);
		part->body_at = (uint64_t)(p->at - p->base);
		if (!top && p->depth > 0 && p->stack[p->depth - 1].part->envelope != NULL)
			mime_envelope_read(&inner, p->limits.max_addresses, p->arena,
			    p->stack[p->depth - 1].part->envelope);
		describe(part, &inner, digest, p->arena, &boundary);
		if (top)
			*values = inner;
		container = is_multipart(part) || is_message(part);
		if (container &&
		    (p->depth >= p->limits.max_depth || p->parts >= p->limits.max_parts)) {
			make_opaque(p, part);
			container = false;
		}
		push(p, part, boundary, container);
		if (!container || !is_message(part))
			return;
		part->envelope = ARENA_NEW(p->arena, struct mime_envelope);
		if (!readable(part))
			return;
		part->child = part_new(p);
		part = part->child;
		digest = false;
	}
}

/* A container in which nothing was found has its body as one text. For an
 * encoded message, that text has the encoding of the message. */
static void
add_only_child(struct parser *p, struct mime_part *part)
{
	struct mime_part *child = part_new(p);

	set_type(child, TEXT("text"), TEXT("plain"));
	child->header_at = child->body_at = part->body_at;
	child->body_len = part->body_len;
	child->lines = part->lines;
	child->encoding_name = mime_encoding_name(MIME_7BIT);
	if (is_message(part)) {
		child->encoding = part->encoding;
		child->encoding_name = part->encoding_name;
	}
	part->child = child;
}

static void
note_body_8bit(struct parser *p, const struct mime_part *part)
{
	const char *body = p->base + part->body_at;

	if ((p->out->facts & MIME_HAS_8BIT) != 0)
		return;
	for (uint64_t i = 0; i < part->body_len; i++) {
		if ((unsigned char)body[i] >= 0x80) {
			p->out->facts |= MIME_HAS_8BIT;
			return;
		}
	}
}

/* Closes the parts above level keep. Their bodies end at end, and lines line
 * ends of the message stand before it. A part whose header ended at the
 * boundary itself ends there, and so do those around it. */
static void
close_parts(struct parser *p, uint32_t keep, const char *end, uint64_t lines)
{
	uint64_t stop = (uint64_t)(end - p->base);

	while (p->depth > keep) {
		struct open_part *o = &p->stack[--p->depth];
		struct mime_part *part = o->part;

		if (stop < part->body_at) {
			stop = part->body_at;
			lines = p->lines;
		}
		part->body_len = stop - part->body_at;
		part->lines = lines > o->lines_before ? lines - o->lines_before : 0;
		if (o->container && part->child == NULL)
			add_only_child(p, part);
		if (!o->container && p->any_8bit)
			note_body_8bit(p, part);
	}
}

/* The line at p->at is a delimiter of the multipart at this level. */
static void
meet_boundary(struct parser *p, uint32_t level, bool close)
{
	struct open_part *o = &p->stack[level];
	const char *end = p->at;
	uint64_t lines = p->lines;
	struct mime_part *child;

	/* The line end before it belongs to it (RFC 2046 5.1.1). */
	if (end > p->base && end[-1] == '\n') {
		end--;
		lines--;
		if (end > p->base && end[-1] == '\r')
			end--;
	}
	close_parts(p, level + 1, end, lines);
	pass_line(p);
	/* Behind one that ends a message that was cut off, nothing begins. */
	if (close || p->at == p->end) {
		o->boundary = TEXT_EMPTY;
		return;
	}
	child = part_new(p);
	if (o->last_child == NULL)
		o->part->child = child;
	else
		o->last_child->next = child;
	o->last_child = child;
	open_part(p, child, o->digest, NULL);
}

static void
read_body(struct parser *p)
{
	while (p->at < p->end) {
		bool close;
		int level = *p->at == '-' ? boundary_at(p, &close) : -1;

		if (level >= 0 && !close && p->parts >= p->limits.max_parts) {
			p->out->facts |= MIME_CUT;
			level = -1;
		}
		if (level >= 0)
			meet_boundary(p, (uint32_t)level, close);
		else
			pass_line(p);
	}
	close_parts(p, 0, p->end, p->lines);
}

/* One quick look at all octets. Returns how many CR there are. */
static uint64_t
look_over(struct text message, bool *any_8bit)
{
	uint64_t carriage_returns = 0;
	unsigned char bits = 0;

	for (size_t i = 0; i < message.len;) {
		size_t stop = message.len - i > 128 ? i + 128 : message.len;
		unsigned char some = 0;

		for (; i < stop; i++) {
			unsigned char c = (unsigned char)message.ptr[i];

			some = (unsigned char)(some + (c == '\r'));
			bits |= c;
		}
		carriage_returns += some;
	}
	*any_8bit = bits >= 0x80;
	return carriage_returns;
}

static void
read_subject(const struct header_values *values, struct arena *a, struct mime_summary *s)
{
	struct buffer b = BUFFER_INIT;

	if (values->at[HEADER_SUBJECT].ptr == NULL)
		return;
	mimewords_decode(values->at[HEADER_SUBJECT], MIME_SUBJECT_MAX, &b);
	if (text_equal(buffer_text(&b), s->envelope.subject))
		s->subject = s->envelope.subject;
	else
		s->subject = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	s->base_subject = mime_base_subject(s->subject, a);
}

static void
read_top(struct parser *p, const struct header_values *values)
{
	struct mime_summary *s = p->out;
	struct date date;

	mime_envelope_read(values, p->limits.max_addresses, p->arena, &s->envelope);
	if (s->envelope.has_date && date_parse_mail(s->envelope.date, &date) == STATUS_OK) {
		s->sent_at = date.at;
		s->sent_zone = date.zone;
	}
	read_subject(values, p->arena, s);
	mime_references_read(values, p->arena, s);
	if (values->at[HEADER_LIST_ID].ptr != NULL ||
	    values->at[HEADER_LIST_UNSUBSCRIBE].ptr != NULL)
		s->facts |= MIME_LIST;
}

void
mime_parse(struct text message, const struct mime_limits *limits, struct arena *a,
    struct mime_summary *out)
{
	struct parser p = { .base = message.len > 0 ? message.ptr : "", .arena = a, .out = out };
	struct header_values values;
	uint64_t carriage_returns;

	*out = (struct mime_summary){ .size = message.len };
	p.at = p.base;
	p.end = p.base + message.len;
	read_limits(&p, limits);
	carriage_returns = look_over(message, &p.any_8bit);
	p.parts = 1;
	open_part(&p, &out->root, false, &values);
	out->header_len = out->root.body_at;
	read_body(&p);
	if (p.long_line || carriage_returns != p.crlf || p.lines != p.crlf ||
	    (message.len > 0 && memchr(message.ptr, 0, message.len) != NULL))
		out->facts |= MIME_HAS_BINARY;
	read_top(&p, &values);
	mime_facts_find(out, a);
	mime_preview_find(message, a, out);
}

void
mime_opaque(struct text message, struct arena *a, struct mime_summary *out)
{
	const char *p = message.ptr, *end = message.len > 0 ? p + message.len : p;

	*out = (struct mime_summary){ .size = message.len, .facts = MIME_OPAQUE };
	while (p < end && !header_blank_line(p, end))
		p = header_line_end(p, end);
	if (p < end)
		p = header_line_end(p, end);
	out->header_len = message.len > 0 ? (uint64_t)(p - message.ptr) : 0;
	set_type(&out->root, TEXT("text"), TEXT("plain"));
	out->root.encoding = MIME_8BIT;
	out->root.encoding_name = mime_encoding_name(MIME_8BIT);
	out->root.body_at = out->header_len;
	out->root.body_len = message.len - out->header_len;
	for (const char *at = p; at < end; at = header_line_end(at, end))
		out->root.lines += header_line_end(at, end)[-1] == '\n';
}
