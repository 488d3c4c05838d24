/* SPDX-License-Identifier: ISC */
/*
 * ENVELOPE and BODYSTRUCTURE out of a summary (RFC 3501 7.4.2, RFC 9051 7.5.2,
 * RFC 3501 9 the rules that begin with body- and env-). Header values go raw,
 * encoded words and all; one with octets over 127 is encoded anew. Parameter
 * values are UTF-8 in the summary; what is not ASCII is written as the extended
 * parameter of RFC 2231 4 that the sender should have used, so that a client
 * without UTF-8 can read it. Who enabled IMAP4rev2 reads UTF-8 and gets it.
 */
#include "imap/write.h"

#include "codec/mimewords.h"
#include "codec/utf8.h"
#include "imap/quote.h"

#define DEPTH_MAX 200	      /* the summary's own limit is lower */
#define VALUE_MAX (64u << 10) /* octets of a header value that is encoded anew */

/* What is being written, for which kind of session. */
struct writing {
	struct buffer *out;
	bool extended; /* BODYSTRUCTURE, not BODY */
	bool rev2;
};

static void
string(struct writing *w, struct text t)
{
	if (w->rev2)
		imap_write_utf8_string(w->out, t);
	else
		imap_write_string(w->out, t);
}

/* SP string */
static void
sp_string(struct writing *w, struct text t)
{
	if (quote_plain(w->out, ' ', t))
		return;
	buffer_add_byte(w->out, ' ');
	string(w, t);
}

static void
sp_nil(struct writing *w)
{
	buffer_add(w->out, " NIL", 4);
}

static void
sp_nstring(struct writing *w, bool present, struct text t)
{
	if (present)
		sp_string(w, t);
	else
		sp_nil(w);
}

/* SP nstring where the empty text stands for an absent field. */
static void
sp_optional(struct writing *w, struct text t)
{
	sp_nstring(w, t.len > 0, t);
}

static void
sp_number(struct writing *w, uint64_t n)
{
	buffer_add_byte(w->out, ' ');
	buffer_add_u64(w->out, n);
}

/* A header value of words: octets over 127 that stand in it raw (RFC 6532, or
 * no standard at all) become encoded words (RFC 2047 5). */
static void
encode_words(struct writing *w, struct text t)
{
	struct buffer utf8 = BUFFER_INIT, words = BUFFER_INIT, line = BUFFER_INIT;
	struct text folded, part;

	mimewords_decode(t, VALUE_MAX, &utf8);
	mimewords_encode(&words, buffer_text(&utf8));
	folded = buffer_text(&words);
	while (text_split(&folded, '\n', &part))
		buffer_add_text(&line, text_part(part, 0, text_find_byte(part, '\r', 0)));
	string(w, buffer_text(&line));
	buffer_done(&utf8);
	buffer_done(&words);
	buffer_done(&line);
}

/* An octet, and the words behind it; absent: NIL. */
static void
write_value(struct writing *w, char before, bool present, struct text t)
{
	if (present && quote_plain(w->out, before, t))
		return;
	buffer_add_byte(w->out, before);
	if (!present)
		buffer_add(w->out, "NIL", 3);
	else if (utf8_is_ascii(t) || (w->rev2 && utf8_valid(t)))
		string(w, t);
	else
		encode_words(w, t);
}

static void
write_address(struct writing *w, const struct mime_address *a)
{
	write_value(w, '(', a->name.len > 0, a->name);
	sp_optional(w, a->adl);
	/* NIL host marks a group, and NIL both its end. */
	sp_nstring(w, !a->group_end, a->mailbox);
	sp_nstring(w, !a->group_end && !a->group_start, a->host);
	buffer_add_byte(w->out, ')');
}

static void
write_addresses(struct writing *w, const struct mime_addresses *list)
{
	if (list->count == 0) {
		sp_nil(w);
		return;
	}
	buffer_add(w->out, " (", 2);
	for (uint32_t i = 0; i < list->count; i++)
		write_address(w, &list->at[i]);
	buffer_add_byte(w->out, ')');
}

/* From, Sender, Reply-To. Absent or empty, the latter are as From
 * (RFC 3501 7.4.2). */
static void
write_authors(struct writing *w, const struct mime_envelope *e)
{
	const struct mime_addresses *others[] = { &e->sender, &e->reply_to };
	size_t at = w->out->len, len;

	write_addresses(w, &e->from);
	len = w->out->len - at;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (others[i]->count > 0) {
			write_addresses(w, others[i]);
		} else {
			char *to = buffer_room(w->out, len);

			memcpy(to, w->out->ptr + at, len);
			buffer_added(w->out, len);
		}
	}
}

static void
write_envelope(struct writing *w, const struct mime_envelope *e)
{
	buffer_add_byte(w->out, '(');
	if (e->has_date)
		string(w, e->date);
	else
		buffer_add(w->out, "NIL", 3);
	write_value(w, ' ', e->has_subject, e->subject);
	write_authors(w, e);
	write_addresses(w, &e->to);
	write_addresses(w, &e->cc);
	write_addresses(w, &e->bcc);
	sp_nstring(w, e->has_in_reply_to, e->in_reply_to);
	sp_nstring(w, e->has_message_id, e->message_id);
	buffer_add_byte(w->out, ')');
}

void
imap_write_envelope(struct buffer *out, const struct mime_envelope *e, bool rev2)
{
	write_envelope(&(struct writing){ .out = out, .rev2 = rev2 }, e);
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
write_extended_param(struct writing *w, const struct mime_param *p)
{
	struct buffer value = BUFFER_INIT;

	buffer_add_byte(w->out, '"');
	buffer_add_text(w->out, p->name);
	buffer_add(w->out, "*\" ", 3);
	buffer_add_string(&value, "utf-8''");
	for (size_t i = 0; i < p->value.len; i++) {
		char c = p->value.ptr[i];

		if (attribute_char(c))
			buffer_add_byte(&value, c);
		else
			buffer_addf(&value, "%%%02X", (unsigned)(unsigned char)c);
	}
	string(w, buffer_text(&value));
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

/* SP body-fld-param */
static void
write_params(struct writing *w, const struct mime_params *params)
{
	if (params->count == 0) {
		sp_nil(w);
		return;
	}
	buffer_add_byte(w->out, ' ');
	for (uint32_t i = 0; i < params->count; i++) {
		const struct mime_param *p = &params->at[i];

		buffer_add_byte(w->out, i == 0 ? '(' : ' ');
		if (!w->rev2 && extensible(p)) {
			write_extended_param(w, p);
			continue;
		}
		string(w, p->name);
		sp_string(w, p->value);
	}
	buffer_add_byte(w->out, ')');
}

/* SP body-fld-lang: one nstring, or a list of strings. */
static void
write_language(struct writing *w, struct text value)
{
	struct text rest = value, tag;
	char before = '(';

	if (value.len == 0 || text_find_byte(value, ',', 0) == value.len) {
		sp_optional(w, value);
		return;
	}
	buffer_add_byte(w->out, ' ');
	while (text_split(&rest, ',', &tag)) {
		buffer_add_byte(w->out, before);
		string(w, text_trim(tag));
		before = ' ';
	}
	buffer_add_byte(w->out, ')');
}

/* body-fld-dsp, body-fld-lang, body-fld-loc */
static void
write_extensions(struct writing *w, const struct mime_part *p)
{
	if (p->disposition.len > 0) {
		buffer_add(w->out, " (", 2);
		string(w, p->disposition);
		write_params(w, &p->disposition_params);
		buffer_add_byte(w->out, ')');
	} else {
		sp_nil(w);
	}
	write_language(w, p->language);
	sp_optional(w, p->location);
}

/* body-fields */
static void
write_fields(struct writing *w, const struct mime_part *p)
{
	write_params(w, &p->params);
	sp_optional(w, p->id);
	write_value(w, ' ', p->description.len > 0, p->description);
	sp_string(w, p->encoding_name.len > 0 ? p->encoding_name : TEXT("7bit"));
	sp_number(w, p->body_len);
}

static void write_part(struct writing *w, const struct mime_part *p, unsigned depth);

/* An empty text part, where the grammar wants a body and there is none. */
static void
write_nothing(struct writing *w)
{
	buffer_add_string(w->out, "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0)");
}

static void
write_multipart(struct writing *w, const struct mime_part *p, unsigned depth)
{
	if (p->child == NULL || depth > DEPTH_MAX)
		write_nothing(w);
	else
		for (const struct mime_part *child = p->child; child != NULL; child = child->next)
			write_part(w, child, depth + 1);
	sp_string(w, p->subtype);
	if (!w->extended)
		return;
	write_params(w, &p->params);
	write_extensions(w, p);
}

static void
write_inner_message(struct writing *w, const struct mime_part *p, unsigned depth)
{
	static const struct mime_envelope none;

	buffer_add_byte(w->out, ' ');
	write_envelope(w, p->envelope != NULL ? p->envelope : &none);
	buffer_add_byte(w->out, ' ');
	if (p->child == NULL || depth > DEPTH_MAX)
		write_nothing(w);
	else
		write_part(w, p->child, depth + 1);
	sp_number(w, p->lines);
}

static void
write_single(struct writing *w, const struct mime_part *p, unsigned depth)
{
	struct text type = p->type;
	/* RFC 3501 knows no message/global; it goes as a plain attachment there. */
	bool message = text_equal(type, TEXT("message")) &&
		       (text_equal(p->subtype, TEXT("rfc822")) ||
			   (w->rev2 && text_equal(p->subtype, TEXT("global"))));

	/* message/rfc822 promises an envelope: what could not be read as a
	 * message (encoded, nested too deep) is none. */
	if (message && p->envelope == NULL) {
		message = false;
		type = TEXT("application");
	}
	string(w, type);
	sp_string(w, p->subtype);
	write_fields(w, p);
	if (message)
		write_inner_message(w, p, depth);
	else if (text_equal(type, TEXT("text")))
		sp_number(w, p->lines);
	if (!w->extended)
		return;
	sp_optional(w, p->md5);
	write_extensions(w, p);
}

static void
write_part(struct writing *w, const struct mime_part *p, unsigned depth)
{
	buffer_add_byte(w->out, '(');
	if (text_equal(p->type, TEXT("multipart")))
		write_multipart(w, p, depth);
	else
		write_single(w, p, depth);
	buffer_add_byte(w->out, ')');
}

void
imap_write_body(struct buffer *out, const struct mime_part *part, bool extended, bool rev2)
{
	write_part(&(struct writing){ out, extended, rev2 }, part, 0);
}
