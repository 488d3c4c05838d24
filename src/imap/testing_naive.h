/* SPDX-License-Identifier: ISC */
/*
 * A second reading of messages, for tests that compare: straight from the raw
 * octets, as RFC 3501 6.4.5 and RFC 2045, RFC 2046, RFC 2047 describe it, slow
 * and plain on purpose. It shares nothing with what it checks but texts and
 * buffers. It knows what the messages of testing_random.h need: CRLF line ends,
 * the charsets us-ascii, utf-8 and iso-8859-1, and letters up to U+00FF.
 */
#ifndef IMAP_TESTING_NAIVE_H
#define IMAP_TESTING_NAIVE_H

#include <string.h>

#include "base/buffer.h"

/* A message or a part: its header with the empty line, and its body. */
struct naive {
	struct text header, body;
	bool digest; /* within multipart/digest */
};

UNUSED static struct naive
naive_split(struct text t, bool digest)
{
	size_t end = text_find(t, TEXT("\r\n\r\n"), 0) + 4;

	if (text_starts(t, TEXT("\r\n")))
		end = 2;
	if (end > t.len)
		end = t.len;
	return (struct naive){ text_part(t, 0, end), text_part(t, end, t.len), digest };
}

/* Takes the next field, with its continuation lines, off a header. */
UNUSED static bool
naive_next_field(struct text *header, struct text *field)
{
	size_t end = 0;

	if (header->len == 0 || text_starts(*header, TEXT("\r\n")))
		return false;
	do {
		size_t line = text_find(*header, TEXT("\r\n"), end);

		end = line < header->len ? line + 2 : header->len;
	} while (end < header->len && (header->ptr[end] == ' ' || header->ptr[end] == '\t'));
	*field = text_part(*header, 0, end);
	*header = text_part(*header, end, header->len);
	return true;
}

UNUSED static bool
naive_is_field(struct text field, struct text name)
{
	return field.len > name.len && field.ptr[name.len] == ':' &&
	       text_equal_ci(text_part(field, 0, name.len), name);
}

/* The value of the first field of a name, or the empty text. */
UNUSED static struct text
naive_field(struct text header, struct text name)
{
	struct text field;

	while (naive_next_field(&header, &field))
		if (naive_is_field(field, name))
			return text_trim(text_part(field, name.len + 1, field.len));
	return TEXT_EMPTY;
}

/* "text/plain" and the like, in lower case. */
UNUSED static void
naive_type(const struct naive *e, char out[64])
{
	struct text value = naive_field(e->header, TEXT("Content-Type"));
	size_t n = text_find_byte(value, ';', 0);

	value = text_trim(text_part(value, 0, n));
	if (value.len == 0)
		value = e->digest ? TEXT("message/rfc822") : TEXT("text/plain");
	CHECK(value.len < 64);
	for (n = 0; n < value.len; n++)
		out[n] = byte_lower(value.ptr[n]);
	out[n] = '\0';
}

UNUSED static bool
naive_is_type(const struct naive *e, const char *start)
{
	char type[64];

	naive_type(e, type);
	return text_starts(text_of(type), text_of(start));
}

/* A parameter of Content-Type, without its quotes. */
UNUSED static struct text
naive_param(const struct naive *e, const char *name)
{
	struct text value = naive_field(e->header, TEXT("Content-Type")), param;

	while (text_split(&value, ';', &param)) {
		param = text_trim(param);
		if (!text_starts_ci(param, text_of(name)))
			continue;
		param = text_part(param, strlen(name), param.len);
		if (!text_starts(param, TEXT("=")))
			continue;
		param = text_part(param, 1, param.len);
		if (text_starts(param, TEXT("\"")))
			param = text_part(param, 1, param.len - 1);
		return param;
	}
	return TEXT_EMPTY;
}

/* Whether a line is a delimiter: 1, and the last one: 2. */
UNUSED static int
naive_delimiter(struct text line, struct text boundary)
{
	int what = 1;

	if (!text_starts(line, TEXT("--")) || !text_starts(text_part(line, 2, line.len), boundary))
		return 0;
	line = text_part(line, 2 + boundary.len, line.len);
	if (text_starts(line, TEXT("--"))) {
		what = 2;
		line = text_part(line, 2, line.len);
	}
	return text_trim(line).len == 0 ? what : 0;
}

/* The n-th part of a multipart. */
UNUSED static bool
naive_child(const struct naive *e, uint32_t n, struct naive *out)
{
	struct text boundary = naive_param(e, "boundary"), body = e->body;
	size_t at = 0, start = 0;
	uint32_t count = 0; /* delimiters that began a part */

	while (at < body.len) {
		size_t eol = text_find(body, TEXT("\r\n"), at);
		size_t next = eol < body.len ? eol + 2 : body.len;
		int what = naive_delimiter(text_part(body, at, eol), boundary);

		if (what != 0 && count == n) {
			body = text_part(body, 0, at >= start + 2 ? at - 2 : start);
			break;
		}
		if (what == 2)
			return false;
		count += what != 0;
		if (what != 0)
			start = next;
		at = next;
	}
	if (count != n)
		return false;
	*out = naive_split(text_part(body, start, body.len), naive_is_type(e, "multipart/digest"));
	return true;
}

/* The part of a section number. whole: the message, or one within, whose own
 * body is part 1 unless it has parts. */
UNUSED static bool
naive_find(const struct naive *root, const uint32_t *part, uint32_t depth, struct naive *out)
{
	struct naive at = *root;
	bool whole = true;

	for (uint32_t i = 0; i < depth; i++) {
		if (!whole && naive_is_type(&at, "message/rfc822")) {
			at = naive_split(at.body, false);
			whole = true;
		}
		if (naive_is_type(&at, "multipart/")) {
			if (!naive_child(&at, part[i], &at))
				return false;
		} else if (!whole || part[i] != 1) {
			return false;
		}
		whole = false;
	}
	*out = at;
	return true;
}

/* ---- decoding ---- */

UNUSED static void
naive_base64(struct text in, struct buffer *out)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < in.len && in.ptr[i] != '='; i++) {
		const char *at = in.ptr[i] != '\0' ? strchr(alphabet, in.ptr[i]) : NULL;

		if (at == NULL)
			continue;
		bits = bits << 6 | (unsigned)(at - alphabet);
		have += 6;
		if (have >= 8) {
			have -= 8;
			buffer_add_byte(out, (char)(bits >> have & 0xff));
		}
	}
}

UNUSED static int
naive_hex(struct text t, size_t at)
{
	static const char digits[] = "0123456789abcdef";
	int value = 0;

	for (size_t i = at; i < at + 2; i++) {
		const char *d =
		    i < t.len && t.ptr[i] != '\0' ? strchr(digits, byte_lower(t.ptr[i])) : NULL;

		if (d == NULL)
			return -1;
		value = value * 16 + (int)(d - digits);
	}
	return value;
}

/* One line without its end; false: it ends in a soft break. */
UNUSED static bool
naive_qp_line(struct text line, struct buffer *out)
{
	while (line.len > 0 && (line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\t'))
		line.len--;
	for (size_t i = 0; i < line.len; i++) {
		int value = line.ptr[i] == '=' ? naive_hex(line, i + 1) : -1;

		if (line.ptr[i] == '=' && i + 1 == line.len)
			return false;
		buffer_add_byte(out, value >= 0 ? (char)value : line.ptr[i]);
		if (value >= 0)
			i += 2;
	}
	return true;
}

UNUSED static void
naive_qp(struct text in, struct buffer *out)
{
	while (in.len > 0) {
		size_t eol = text_find(in, TEXT("\r\n"), 0);
		bool hard = naive_qp_line(text_part(in, 0, eol), out);

		if (hard && eol < in.len)
			buffer_add_string(out, "\r\n");
		in = text_part(in, eol < in.len ? eol + 2 : in.len, in.len);
	}
}

/* The body of a part without its transfer encoding; false: it is not known. */
UNUSED static bool
naive_decode(const struct naive *e, struct buffer *out)
{
	struct text how = naive_field(e->header, TEXT("Content-Transfer-Encoding"));

	if (text_equal_ci(how, TEXT("base64")) && !naive_is_type(e, "multipart/"))
		naive_base64(e->body, out);
	else if (text_equal_ci(how, TEXT("quoted-printable")) && !naive_is_type(e, "multipart/"))
		naive_qp(e->body, out);
	else if (how.len == 0 || naive_is_type(e, "multipart/") ||
		 text_equal_ci(how, TEXT("7bit")) || text_equal_ci(how, TEXT("8bit")) ||
		 text_equal_ci(how, TEXT("binary")))
		buffer_add_text(out, e->body);
	else
		return false;
	return true;
}

/* ---- words ---- */

/* To UTF-8 in lower case: letters of ASCII and of Latin-1. */
UNUSED static void
naive_fold(struct text charset, struct text in, struct buffer *out)
{
	bool latin = text_equal_ci(charset, TEXT("iso-8859-1"));

	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = (unsigned char)in.ptr[i];

		if (latin && c >= 0x80) {
			buffer_add_byte(out, (char)(0xc0 | c >> 6));
			c = 0x80 | (c & 0x3f);
		}
		if (out->len > 0 && (unsigned char)out->ptr[out->len - 1] == 0xc3 && c >= 0x80 &&
		    c <= 0x9e && c != 0x97)
			c = (unsigned char)(c + 0x20);
		buffer_add_byte(out, byte_lower((char)c));
	}
}

/* "=?charset?q?text?=" at the start of t, folded; how long it is, or 0. */
UNUSED static size_t
naive_encoded_word(struct text t, struct buffer *out)
{
	struct text rest = t, charset, how, words;
	struct buffer octets = BUFFER_INIT;
	size_t end;

	if (!text_starts(t, TEXT("=?")))
		return 0;
	rest = text_part(t, 2, t.len);
	if (!text_split(&rest, '?', &charset) || !text_split(&rest, '?', &how))
		return 0;
	end = text_find(rest, TEXT("?="), 0);
	words = text_part(rest, 0, end);
	if (text_equal_ci(how, TEXT("b"))) {
		naive_base64(words, &octets);
	} else {
		naive_qp_line(words, &octets);
		for (size_t i = 0; i < octets.len; i++)
			if (octets.ptr[i] == '_')
				octets.ptr[i] = ' ';
	}
	naive_fold(charset, buffer_text(&octets), out);
	buffer_done(&octets);
	return (size_t)(rest.ptr + end + 2 - t.ptr);
}

/* A header value, folded: encoded words undone, blanks between two of them
 * dropped, line ends gone. */
UNUSED static void
naive_value(struct text raw, struct buffer *out)
{
	size_t blanks = SIZE_MAX; /* where blanks behind an encoded word began */

	for (size_t i = 0; i < raw.len;) {
		size_t before = out->len, n = naive_encoded_word(text_part(raw, i, raw.len), out);

		if (n > 0) {
			if (blanks != SIZE_MAX) {
				memmove(out->ptr + blanks, out->ptr + before, out->len - before);
				buffer_cut(out, out->len - (before - blanks));
			}
			blanks = out->len;
			i += n;
			continue;
		}
		if (raw.ptr[i] != ' ' && raw.ptr[i] != '\r' && raw.ptr[i] != '\n')
			blanks = SIZE_MAX;
		if (raw.ptr[i] != '\r' && raw.ptr[i] != '\n')
			naive_fold(TEXT("utf-8"), text_part(raw, i, i + 1), out);
		i++;
	}
}

UNUSED static bool
naive_holds(const struct buffer *folded, struct text word)
{
	return word.len == 0 || text_find(buffer_text(folded), word, 0) < folded->len;
}

/* In the value of any field of a name; name NULL: in all fields, names too. */
UNUSED static bool
naive_in_header(struct text header, const char *name, struct text word)
{
	struct buffer b = BUFFER_INIT;
	struct text field;
	bool found = false;

	while (naive_next_field(&header, &field)) {
		if (name != NULL && !naive_is_field(field, text_of(name)))
			continue;
		if (name != NULL)
			field = text_part(field, strlen(name) + 1, field.len);
		naive_value(field, &b);
		found = found || naive_holds(&b, word);
		buffer_clear(&b);
	}
	buffer_done(&b);
	return found;
}

/* In the text parts of a body, in reports, and in the headers of messages
 * within; mime: in those of all parts. */
UNUSED static bool
naive_in_body(const struct naive *e, struct text word, bool mime)
{
	struct buffer octets = BUFFER_INIT, folded = BUFFER_INIT;
	struct naive child;
	bool found = false;

	if (naive_is_type(e, "message/rfc822")) {
		child = naive_split(e->body, false);
		return naive_in_header(child.header, NULL, word) ||
		       naive_in_body(&child, word, mime);
	}
	if (naive_is_type(e, "multipart/")) {
		for (uint32_t n = 1; !found && naive_child(e, n, &child); n++)
			found = (mime && naive_in_header(child.header, NULL, word)) ||
				naive_in_body(&child, word, mime);
		return found;
	}
	if (!naive_is_type(e, "text/") && !naive_is_type(e, "message/"))
		return false;
	if (!naive_decode(e, &octets)) /* as it stands */
		buffer_add_text(&octets, e->body);
	naive_fold(naive_param(e, "charset"), buffer_text(&octets), &folded);
	found = naive_holds(&folded, word);
	buffer_done(&octets);
	buffer_done(&folded);
	return found;
}

#endif
