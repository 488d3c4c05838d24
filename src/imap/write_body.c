/* SPDX-License-Identifier: ISC */
/*
 * ENVELOPE and BODYSTRUCTURE out of a summary (RFC 3501 7.4.2, RFC 3501 9 the
 * rules that begin with body- and env-). Header values go raw, encoded words
 * and all; one with octets over 127 is encoded anew. Parameter values are
 * UTF-8 in the summary; what is not ASCII is written as the extended parameter of RFC 2231 4 that
 * the sender should have used, so that a client without UTF-8 can read it.
 */
#include "imap/write.h"

#include "codec/mimewords.h"
#include "codec/utf8.h"

#define DEPTH_MAX 200	      /* the summary's own limit is lower */
#define VALUE_MAX (64u << 10) /* octets of a header value that is encoded anew */

static void
sp(struct buffer *out)
{
	buffer_add_byte(out, ' ');
}

static void
nil(struct buffer *out)
{
	buffer_add(out, "NIL", 3);
}

/* nstring where the empty text stands for an absent field. */
static void
optional(struct buffer *out, struct text t)
{
	imap_write_nstring(out, t.len > 0, t);
}

/* A header value of words: octets over 127 that stand in it raw (RFC 6532, or
 * no standard at all) become encoded words (RFC 2047 5). */
static void
write_value(struct buffer *out, bool present, struct text t)
{
	struct buffer utf8 = BUFFER_INIT, words = BUFFER_INIT, line = BUFFER_INIT;
	struct text folded, part;

	if (!present || utf8_is_ascii(t)) {
		imap_write_nstring(out, present, t);
		return;
	}
	mimewords_decode(t, VALUE_MAX, &utf8);
	mimewords_encode(&words, buffer_text(&utf8));
	folded = buffer_text(&words);
	while (text_split(&folded, '\n', &part))
		buffer_add_text(&line, text_part(part, 0, text_find_byte(part, '\r', 0)));
	imap_write_string(out, buffer_text(&line));
	buffer_done(&utf8);
	buffer_done(&words);
	buffer_done(&line);
}

static void
write_address(struct buffer *out, const struct mime_address *a)
{
	buffer_add_byte(out, '(');
	write_value(out, a->name.len > 0, a->name);
	sp(out);
	optional(out, a->adl);
	sp(out);
	/* NIL host marks a group, and NIL both its end. */
	imap_write_nstring(out, !a->group_end, a->mailbox);
	sp(out);
	imap_write_nstring(out, !a->group_end && !a->group_start, a->host);
	buffer_add_byte(out, ')');
}

static void
write_addresses(struct buffer *out, const struct mime_addresses *list)
{
	sp(out);
	if (list->count == 0) {
		nil(out);
		return;
	}
	buffer_add_byte(out, '(');
	for (uint32_t i = 0; i < list->count; i++)
		write_address(out, &list->at[i]);
	buffer_add_byte(out, ')');
}

void
imap_write_envelope(struct buffer *out, const struct mime_envelope *e)
{
	buffer_add_byte(out, '(');
	imap_write_nstring(out, e->has_date, e->date);
	sp(out);
	write_value(out, e->has_subject, e->subject);
	write_addresses(out, &e->from);
	/* Absent or empty, these two are as From (RFC 3501 7.4.2). */
	write_addresses(out, e->sender.count > 0 ? &e->sender : &e->from);
	write_addresses(out, e->reply_to.count > 0 ? &e->reply_to : &e->from);
	write_addresses(out, &e->to);
	write_addresses(out, &e->cc);
	write_addresses(out, &e->bcc);
	sp(out);
	imap_write_nstring(out, e->has_in_reply_to, e->in_reply_to);
	sp(out);
	imap_write_nstring(out, e->has_message_id, e->message_id);
	buffer_add_byte(out, ')');
}

/* RFC 2231 7 attribute-char */
static bool
attribute_char(char c)
{
	const struct text special = TEXT("*'%()<>@,;:\\\"/[]?=");

	return c > 0x20 && c < 0x7f && text_find_byte(special, c, 0) == special.len;
}

/* RFC 2231 4 extended-value. */
static void
write_extended_param(struct buffer *out, const struct mime_param *p)
{
	struct buffer value = BUFFER_INIT;

	buffer_add_byte(out, '"');
	buffer_add_text(out, p->name);
	buffer_add(out, "*\" ", 3);
	buffer_add_string(&value, "utf-8''");
	for (size_t i = 0; i < p->value.len; i++) {
		char c = p->value.ptr[i];

		if (attribute_char(c))
			buffer_add_byte(&value, c);
		else
			buffer_addf(&value, "%%%02X", (unsigned)(unsigned char)c);
	}
	imap_write_string(out, buffer_text(&value));
	buffer_done(&value);
}

static bool
extensible(const struct mime_param *p)
{
	for (size_t i = 0; i < p->name.len; i++)
		if (!attribute_char(p->name.ptr[i]))
			return false;
	return p->name.len > 0 && !utf8_is_ascii(p->value);
}

static void
write_params(struct buffer *out, const struct mime_params *params)
{
	if (params->count == 0) {
		nil(out);
		return;
	}
	buffer_add_byte(out, '(');
	for (uint32_t i = 0; i < params->count; i++) {
		const struct mime_param *p = &params->at[i];

		if (i > 0)
			sp(out);
		if (extensible(p)) {
			write_extended_param(out, p);
			continue;
		}
		imap_write_string(out, p->name);
		sp(out);
		imap_write_string(out, p->value);
	}
	buffer_add_byte(out, ')');
}

/* body-fld-lang: one nstring, or a list of strings. */
static void
write_language(struct buffer *out, struct text value)
{
	struct text rest = value, tag;
	bool more = false;

	if (text_find_byte(value, ',', 0) == value.len) {
		optional(out, value);
		return;
	}
	buffer_add_byte(out, '(');
	while (text_split(&rest, ',', &tag)) {
		if (more)
			sp(out);
		imap_write_string(out, text_trim(tag));
		more = true;
	}
	buffer_add_byte(out, ')');
}

/* body-fld-dsp, body-fld-lang, body-fld-loc */
static void
write_extensions(struct buffer *out, const struct mime_part *p)
{
	sp(out);
	if (p->disposition.len > 0) {
		buffer_add_byte(out, '(');
		imap_write_string(out, p->disposition);
		sp(out);
		write_params(out, &p->disposition_params);
		buffer_add_byte(out, ')');
	} else {
		nil(out);
	}
	sp(out);
	write_language(out, p->language);
	sp(out);
	optional(out, p->location);
}

/* body-fields */
static void
write_fields(struct buffer *out, const struct mime_part *p)
{
	sp(out);
	write_params(out, &p->params);
	sp(out);
	optional(out, p->id);
	sp(out);
	write_value(out, p->description.len > 0, p->description);
	sp(out);
	imap_write_string(out, p->encoding_name.len > 0 ? p->encoding_name : TEXT("7bit"));
	sp(out);
	buffer_add_u64(out, p->body_len);
}

static void write_part(
    struct buffer *out, const struct mime_part *p, bool extended, unsigned depth);

/* An empty text part, where the grammar wants a body and there is none. */
static void
write_nothing(struct buffer *out)
{
	buffer_add_string(out, "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0)");
}

static void
write_multipart(struct buffer *out, const struct mime_part *p, bool extended, unsigned depth)
{
	if (p->child == NULL || depth > DEPTH_MAX)
		write_nothing(out);
	else
		for (const struct mime_part *child = p->child; child != NULL; child = child->next)
			write_part(out, child, extended, depth + 1);
	sp(out);
	imap_write_string(out, p->subtype);
	if (!extended)
		return;
	sp(out);
	write_params(out, &p->params);
	write_extensions(out, p);
}

static void
write_inner_message(struct buffer *out, const struct mime_part *p, bool extended, unsigned depth)
{
	static const struct mime_envelope none;

	sp(out);
	imap_write_envelope(out, p->envelope != NULL ? p->envelope : &none);
	sp(out);
	if (p->child == NULL || depth > DEPTH_MAX)
		write_nothing(out);
	else
		write_part(out, p->child, extended, depth + 1);
	sp(out);
	buffer_add_u64(out, p->lines);
}

static void
write_single(struct buffer *out, const struct mime_part *p, bool extended, unsigned depth)
{
	struct text type = p->type;
	/* RFC 3501 knows no message/global; it goes as a plain attachment. */
	bool message = text_equal(type, TEXT("message")) && text_equal(p->subtype, TEXT("rfc822"));

	/* message/rfc822 promises an envelope: what could not be read as a
	 * message (encoded, nested too deep) is none. */
	if (message && p->envelope == NULL) {
		message = false;
		type = TEXT("application");
	}
	imap_write_string(out, type);
	sp(out);
	imap_write_string(out, p->subtype);
	write_fields(out, p);
	if (message) {
		write_inner_message(out, p, extended, depth);
	} else if (text_equal(type, TEXT("text"))) {
		sp(out);
		buffer_add_u64(out, p->lines);
	}
	if (!extended)
		return;
	sp(out);
	optional(out, p->md5);
	write_extensions(out, p);
}

static void
write_part(struct buffer *out, const struct mime_part *p, bool extended, unsigned depth)
{
	buffer_add_byte(out, '(');
	if (text_equal(p->type, TEXT("multipart")))
		write_multipart(out, p, extended, depth);
	else
		write_single(out, p, extended, depth);
	buffer_add_byte(out, ')');
}

void
imap_write_body(struct buffer *out, const struct mime_part *part, bool extended)
{
	write_part(out, part, extended, 0);
}
