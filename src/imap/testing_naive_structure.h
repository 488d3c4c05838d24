/* SPDX-License-Identifier: ISC */
/*
 * ENVELOPE and BODYSTRUCTURE of the messages of testing_mails.h, straight from
 * their octets (RFC 3501 7.4.2, RFC 9051 7.5.2); see testing_naive.h. Addresses
 * are "name <box@host>" or "box@host"; no value needs an escape or a literal.
 */
#ifndef IMAP_TESTING_NAIVE_STRUCTURE_H
#define IMAP_TESTING_NAIVE_STRUCTURE_H

#include "imap/testing_naive.h"

UNUSED static void
naive_quoted(struct text t, struct buffer *out)
{
	buffer_add_byte(out, '"');
	buffer_add_text(out, t);
	buffer_add_byte(out, '"');
}

/* Words with octets over 127, which only IMAP4rev2 may see as they are. */
UNUSED static void
naive_words(struct text t, bool rev2, struct buffer *out)
{
	struct text word;
	bool more = false;

	buffer_add_byte(out, '"');
	while (text_split(&t, ' ', &word)) {
		bool raw = false;

		buffer_add_string(out, more ? " " : "");
		more = true;
		for (size_t i = 0; i < word.len; i++)
			raw = raw || (word.ptr[i] & 0x80) != 0;
		if (!raw || rev2) {
			buffer_add_text(out, word);
			continue;
		}
		buffer_add_string(out, "=?utf-8?q?");
		for (size_t i = 0; i < word.len; i++) {
			if (byte_alpha(word.ptr[i]))
				buffer_add_byte(out, word.ptr[i]);
			else
				buffer_addf(out, "=%02X", (unsigned)(unsigned char)word.ptr[i]);
		}
		buffer_add_string(out, "?=");
	}
	buffer_add_byte(out, '"');
}

/* A field's value on one line; NIL when it is not there. */
UNUSED static void
naive_nstring(const struct naive *e, const char *name, bool rev2, struct buffer *out)
{
	struct text header = e->header, field, line;
	struct buffer value = BUFFER_INIT;
	bool there = false;

	while (!there && naive_next_field(&header, &field))
		there = naive_is_field(field, text_of(name));
	if (!there) {
		buffer_add_string(out, "NIL");
		return;
	}
	field = text_trim(text_part(field, strlen(name) + 1, field.len));
	while (text_split(&field, '\n', &line))
		buffer_add_text(&value, text_part(line, 0, text_find_byte(line, '\r', 0)));
	naive_words(buffer_text(&value), rev2, out);
	buffer_done(&value);
}

UNUSED static void
naive_address(struct text t, bool rev2, struct buffer *out)
{
	size_t open = text_find_byte(t, '<', 0);
	struct text name = TEXT_EMPTY, box;

	if (open < t.len) {
		name = text_trim(text_part(t, 0, open));
		t = text_part(t, open + 1, text_find_byte(t, '>', 0));
	}
	(void)text_split(&t, '@', &box);
	buffer_add_byte(out, '(');
	if (name.len > 0)
		naive_words(name, rev2, out);
	else
		buffer_add_string(out, "NIL");
	buffer_add_string(out, " NIL ");
	naive_quoted(box, out);
	buffer_add_byte(out, ' ');
	naive_quoted(t, out);
	buffer_add_byte(out, ')');
}

UNUSED static void
naive_addresses(const struct naive *e, const char *name, bool rev2, struct buffer *out)
{
	struct text value = naive_field(e->header, text_of(name)), one;

	if (value.len == 0) {
		buffer_add_string(out, " NIL");
		return;
	}
	buffer_add_string(out, " (");
	while (text_split(&value, ',', &one))
		naive_address(text_trim(one), rev2, out);
	buffer_add_byte(out, ')');
}

UNUSED static void
naive_envelope(const struct naive *e, bool rev2, struct buffer *out)
{
	static const char *const lists[] = { "From", "From", "From", "To", "Cc", "Bcc" };

	buffer_add_byte(out, '(');
	naive_nstring(e, "Date", rev2, out);
	buffer_add_byte(out, ' ');
	naive_nstring(e, "Subject", rev2, out);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		naive_addresses(e, lists[i], rev2, out);
	buffer_add_byte(out, ' ');
	naive_nstring(e, "In-Reply-To", rev2, out);
	buffer_add_byte(out, ' ');
	naive_nstring(e, "Message-Id", rev2, out);
	buffer_add_byte(out, ')');
}

/* Parameters of Content-Type. */
UNUSED static void
naive_params(const struct naive *e, struct buffer *out)
{
	struct text value = naive_field(e->header, TEXT("Content-Type")), param, name;
	const char *before = "(";

	(void)text_split(&value, ';', &param); /* the type */
	while (text_split(&value, ';', &param)) {
		param = text_trim(param);
		(void)text_split(&param, '=', &name);
		if (text_starts(param, TEXT("\"")))
			param = text_part(param, 1, param.len - 1);
		buffer_add_string(out, before);
		naive_quoted(name, out);
		buffer_add_byte(out, ' ');
		naive_quoted(param, out);
		before = " ";
	}
	buffer_add_string(out, before[0] == '(' ? "NIL" : ")");
}

/* "text" "plain" */
UNUSED static void
naive_media(const struct naive *e, struct text *type, struct text *subtype, char room[64])
{
	naive_type(e, room);
	*subtype = text_of(room);
	(void)text_split(subtype, '/', type);
}

UNUSED static void naive_structure(
    const struct naive *e, bool extended, bool rev2, struct buffer *out);

UNUSED static void
naive_leaf(const struct naive *e, bool extended, bool rev2, struct buffer *out)
{
	struct text how = naive_field(e->header, TEXT("Content-Transfer-Encoding"));
	size_t lines = 0;

	buffer_add_byte(out, ' ');
	naive_params(e, out);
	buffer_add_byte(out, ' ');
	naive_nstring(e, "Content-Id", rev2, out);
	buffer_add_byte(out, ' ');
	naive_nstring(e, "Content-Description", rev2, out);
	buffer_add_byte(out, ' ');
	naive_quoted(how.len > 0 ? how : TEXT("7bit"), out);
	buffer_addf(out, " %zu", e->body.len);
	for (size_t i = 0; i < e->body.len; i++)
		lines += e->body.ptr[i] == '\n';
	if (naive_is_type(e, "message/rfc822")) {
		struct naive inner = naive_split(e->body, false);

		buffer_add_byte(out, ' ');
		naive_envelope(&inner, rev2, out);
		buffer_add_byte(out, ' ');
		naive_structure(&inner, extended, rev2, out);
	}
	if (naive_is_type(e, "message/rfc822") || naive_is_type(e, "text/"))
		buffer_addf(out, " %zu", lines);
	buffer_add_string(out, extended ? " NIL NIL NIL NIL" : "");
}

UNUSED static void
naive_structure(const struct naive *e, bool extended, bool rev2, struct buffer *out)
{
	struct text type, subtype;
	struct naive child;
	char room[64];

	naive_media(e, &type, &subtype, room);
	buffer_add_byte(out, '(');
	if (naive_is_type(e, "multipart/")) {
		for (uint32_t n = 1; naive_child(e, n, &child); n++)
			naive_structure(&child, extended, rev2, out);
		buffer_add_byte(out, ' ');
		naive_quoted(subtype, out);
		if (extended) {
			buffer_add_byte(out, ' ');
			naive_params(e, out);
			buffer_add_string(out, " NIL NIL NIL");
		}
	} else {
		naive_quoted(type, out);
		buffer_add_byte(out, ' ');
		naive_quoted(subtype, out);
		naive_leaf(e, extended, rev2, out);
	}
	buffer_add_byte(out, ')');
}

#endif
