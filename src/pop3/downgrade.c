/* SPDX-License-Identifier: ISC */
/*
 * The downgrading of header fields, field by field; see pop3/downgrade.h. The
 * output has no octet over 127, and as many fields as the input.
 */
#include "pop3/downgrade.h"

#include "codec/base64.h"
#include "codec/idna.h"
#include "codec/mimewords.h"
#include "codec/utf8.h"
#include "mime/address.h"

#define ADDRESSES_MAX 10000 /* of a field */
#define TEXT_MAX (64u << 10)
#define WORD_OCTETS 45 /* 60 columns of base64, with the frame fewer than 75 */

enum kind { KIND_TEXT, KIND_ADDRESSES, KIND_PARAMETERS, KIND_ELSEWHERE };

static const struct {
	const char *name;
	enum kind kind;
} fields[] = {
	{ "from", KIND_ADDRESSES },
	{ "sender", KIND_ADDRESSES },
	{ "reply-to", KIND_ADDRESSES },
	{ "to", KIND_ADDRESSES },
	{ "cc", KIND_ADDRESSES },
	{ "bcc", KIND_ADDRESSES },
	{ "resent-from", KIND_ADDRESSES },
	{ "resent-sender", KIND_ADDRESSES },
	{ "resent-to", KIND_ADDRESSES },
	{ "resent-cc", KIND_ADDRESSES },
	{ "resent-bcc", KIND_ADDRESSES },
	{ "disposition-notification-to", KIND_ADDRESSES },
	{ "content-type", KIND_PARAMETERS },
	{ "content-disposition", KIND_PARAMETERS },
	{ "return-path", KIND_ELSEWHERE },
	{ "delivered-to", KIND_ELSEWHERE },
	{ "received", KIND_ELSEWHERE },
	{ "message-id", KIND_ELSEWHERE },
	{ "resent-message-id", KIND_ELSEWHERE },
	{ "in-reply-to", KIND_ELSEWHERE },
	{ "references", KIND_ELSEWHERE },
	{ "date", KIND_ELSEWHERE },
	{ "resent-date", KIND_ELSEWHERE },
	{ "mime-version", KIND_ELSEWHERE },
	{ "content-transfer-encoding", KIND_ELSEWHERE },
	{ "content-id", KIND_ELSEWHERE },
	{ "dkim-signature", KIND_ELSEWHERE },
	{ "authentication-results", KIND_ELSEWHERE },
	{ "list-id", KIND_ELSEWHERE },
	{ "list-unsubscribe", KIND_ELSEWHERE },
};

bool
downgrade_needed(struct text header)
{
	for (size_t i = 0; i < header.len; i++)
		if ((unsigned char)header.ptr[i] > 127)
			return utf8_valid(header);
	return false;
}

static enum kind
kind_of(struct text name)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (text_equal_ci(name, text_of(fields[i].name)))
			return fields[i].kind;
	return KIND_TEXT;
}

/* A value of free text, unfolded. */
static void
add_free_text(struct text value, struct buffer *out)
{
	struct buffer plain = BUFFER_INIT;

	mimewords_decode(text_trim(value), TEXT_MAX, &plain);
	mimewords_encode(out, buffer_text(&plain));
	buffer_done(&plain);
}

/* Encoded words that may stand in a phrase (RFC 2047 5 (3)), whatever the text. */
static void
add_words(struct text utf8, struct buffer *out)
{
	for (bool first = true; utf8.len > 0; first = false) {
		struct text piece = utf8_cut(utf8, WORD_OCTETS);

		if (piece.len == 0)
			break;
		buffer_add_string(out, first ? "=?utf-8?b?" : "\r\n =?utf-8?b?");
		base64_encode(out, piece);
		buffer_add_string(out, "?=");
		utf8 = text_part(utf8, piece.len, utf8.len);
	}
}

static void
add_phrase(struct text name, struct buffer *out)
{
	struct buffer plain = BUFFER_INIT;

	mimewords_decode(name, TEXT_MAX, &plain);
	add_words(buffer_text(&plain), out);
	buffer_done(&plain);
}

/* The address in ASCII; false if there is none. */
static bool
add_ascii_address(const struct mime_address *at, struct buffer *out)
{
	struct buffer host = BUFFER_INIT;
	bool good = utf8_is_ascii(at->mailbox) &&
		    (utf8_is_ascii(at->host) || idna_to_ascii(at->host, &host) == STATUS_OK);

	if (good)
		smtp_address_print(
		    out, (struct smtp_address){ .local = at->mailbox,
			     .domain = utf8_is_ascii(at->host) ? at->host : buffer_text(&host) });
	buffer_done(&host);
	return good;
}

static void
add_mailbox(const struct mime_address *at, bool in_group, struct buffer *out)
{
	struct buffer address = BUFFER_INIT;

	if (at->name.len > 0)
		add_phrase(at->name, out);
	if (add_ascii_address(at, &address)) {
		buffer_addf(out, at->name.len > 0 ? " <%s>" : "%s", buffer_string(&address));
	} else {
		smtp_address_print(
		    &address, (struct smtp_address){ .local = at->mailbox, .domain = at->host });
		if (at->name.len > 0)
			buffer_add_byte(out, ' ');
		add_words(buffer_text(&address), out);
		/* A group has no group inside (RFC 5322 3.4). */
		buffer_add_string(out, in_group ? " <unreachable@address.invalid>" : " :;");
	}
	buffer_done(&address);
}

static void
add_addresses(struct text value, struct arena *a, struct buffer *out)
{
	struct mime_addresses list;
	bool in_group = false, first = true;

	mime_addresses_parse(a, value, ADDRESSES_MAX, &list);
	for (uint32_t i = 0; i < list.count; i++) {
		const struct mime_address *at = &list.at[i];

		if (at->group_end) {
			buffer_add_byte(out, ';');
			in_group = first = false;
			continue;
		}
		if (!first)
			buffer_add_string(out, ",\r\n ");
		first = false;
		if (at->group_start) {
			add_phrase(at->mailbox, out);
			buffer_add_byte(out, ':');
			in_group = first = true;
		} else {
			add_mailbox(at, in_group, out);
		}
	}
	if (in_group)
		buffer_add_byte(out, ';');
}

/* The end of a parameter: its semicolon, or the end of the value. */
static size_t
parameter_end(struct text value, size_t at)
{
	bool quoted = false;

	for (; at < value.len && (quoted || value.ptr[at] != ';'); at++) {
		if (value.ptr[at] == '\\' && quoted)
			at++;
		else if (value.ptr[at] == '"')
			quoted = !quoted;
	}
	return at < value.len ? at : value.len;
}

static void
add_percent(struct text value, struct buffer *out)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if (c == '"' || c == '\r' || c == '\n')
			continue;
		if (c == '\\' && i + 1 < value.len)
			c = (unsigned char)value.ptr[++i];
		if (byte_alpha((char)c) || byte_digit((char)c) || c == '.' || c == '-' || c == '_')
			buffer_add_byte(out, (char)c);
		else
			buffer_addf(out, "%%%02X", c);
	}
}

/* attribute*=utf-8''value (RFC 2231 4). */
static void
add_parameter(struct text parameter, struct buffer *out)
{
	size_t is = text_find_byte(parameter, '=', 0);
	struct text name = text_trim(text_part(parameter, 0, is));
	struct text value = text_trim(text_part(parameter, is + 1, parameter.len));

	if (utf8_is_ascii(parameter)) {
		buffer_add_text(out, parameter);
		return;
	}
	buffer_add_string(out, "\r\n ");
	if (!utf8_is_ascii(name) || text_ends(name, TEXT("*")))
		name = TEXT("x-unreadable");
	buffer_addf(out, "%.*s*=utf-8''", TEXT_ARG(name));
	add_percent(value, out);
}

static void
add_parameters(struct text value, struct buffer *out)
{
	for (size_t at = 0; at < value.len;) {
		size_t end = parameter_end(value, at);

		add_parameter(text_part(value, at, end), out);
		if (end < value.len)
			buffer_add_byte(out, ';');
		at = end + 1;
	}
}

static void
add_field(struct text name, struct text value, struct arena *a, struct buffer *out)
{
	enum kind kind = kind_of(text_trim(name));

	if (kind == KIND_ELSEWHERE)
		buffer_add_string(out, "Downgraded-");
	buffer_addf(out, "%.*s: ", TEXT_ARG(text_trim(name)));
	if (kind == KIND_ADDRESSES)
		add_addresses(value, a, out);
	else if (kind == KIND_PARAMETERS)
		add_parameters(text_trim(value), out);
	else
		add_free_text(value, out);
	buffer_add_string(out, "\r\n");
}

/* A line that is no field says nothing to anybody: its characters are marked. */
static void
add_line(struct text line, struct buffer *out)
{
	for (size_t i = 0; i < line.len; i++)
		buffer_add_byte(out, (unsigned char)line.ptr[i] > 127 ? '?' : line.ptr[i]);
}

/* With the lines that continue it. */
static size_t
field_end(struct text header, size_t at)
{
	do
		at = text_find_byte(header, '\n', at) + 1;
	while (at < header.len && (header.ptr[at] == ' ' || header.ptr[at] == '\t'));
	return at < header.len ? at : header.len;
}

void
downgrade_header(struct text header, struct arena *a, struct buffer *out)
{
	for (size_t at = 0, end; at < header.len; at = end) {
		struct text field, name, value;

		end = field_end(header, at);
		field = value = text_part(header, at, end);
		if (utf8_is_ascii(field)) {
			buffer_add_text(out, field);
			continue;
		}
		(void)text_split(&value, ':', &name);
		if (name.len + 1 > field.len || name.len == 0 || !utf8_is_ascii(name) ||
		    text_find_byte(name, '\n', 0) < name.len)
			add_line(field, out);
		else
			add_field(name, value, a, out);
	}
}
