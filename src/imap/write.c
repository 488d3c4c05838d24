/* SPDX-License-Identifier: ISC */
/*
 * Strings, flags and dates of responses (RFC 3501 4.3, 7.2.6, 7.4.2). A
 * quoted string holds printable ASCII alone, and UTF-8 where the client knows
 * IMAP4rev2; all else goes as a literal, which may hold any octet but NUL
 * (RFC 3501 9 CHAR8).
 */
#include "imap/write.h"

#include <string.h>

#include "codec/date.h"
#include "codec/utf8.h"
#include "imap/grammar.h"
#include "imap/names.h"
#include "imap/quote.h"

/* Whether quotes may hold it, perhaps with escapes. */
static bool
fits_quotes(struct text t, bool utf8)
{
	unsigned char over = 0;

	if (t.len > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.ptr[i];

		over |= c & 0x80;
		if (c < 0x20 || c == 0x7f)
			return false;
	}
	return over == 0 || (utf8 && utf8_valid(t));
}

/* At most two octets for each, and the quotes: one reservation. */
static void
write_quoted(struct buffer *out, struct text t)
{
	char *to = buffer_room(out, 2 * t.len + 2);
	size_t n = 0;

	if (to == NULL)
		return;
	to[n++] = '"';
	for (size_t i = 0; i < t.len; i++) {
		if (t.ptr[i] == '"' || t.ptr[i] == '\\')
			to[n++] = '\\';
		to[n++] = t.ptr[i];
	}
	to[n++] = '"';
	buffer_added(out, n);
}

void
imap_write_literal_head(struct buffer *out, uint64_t octets)
{
	buffer_add_byte(out, '{');
	buffer_add_u64(out, octets);
	buffer_add(out, "}\r\n", 3);
}

static void
write_string(struct buffer *out, struct text t, bool utf8)
{
	if (quote_plain(out, 0, t))
		return;
	if (fits_quotes(t, utf8)) {
		write_quoted(out, t);
		return;
	}
	imap_write_literal_head(out, t.len);
	for (struct text piece; text_split(&t, '\0', &piece);) {
		buffer_add_text(out, piece);
		if (piece.ptr + piece.len < t.ptr)
			buffer_add_byte(out, '?');
	}
}

void
imap_write_string(struct buffer *out, struct text t)
{
	write_string(out, t, false);
}

void
imap_write_utf8_string(struct buffer *out, struct text t)
{
	write_string(out, t, true);
}

void
imap_write_nstring(struct buffer *out, bool present, struct text t)
{
	if (present)
		imap_write_string(out, t);
	else
		buffer_add(out, "NIL", 3);
}

void
imap_write_astring(struct buffer *out, struct text t)
{
	struct cursor c = cursor_of(t);

	if (t.len > 0 && t.len <= QUOTED_MAX && cursor_run(&c, imap_astring_char).len == t.len &&
	    !text_equal_ci(t, TEXT("NIL")))
		buffer_add_text(out, t);
	else
		imap_write_string(out, t);
}

/* Names have no controls, so that UTF-8 may stand in quotes as it is. */
static bool
needs_utf8(struct text name)
{
	return name.len <= QUOTED_MAX && !utf8_is_ascii(name) && utf8_valid(name);
}

void
imap_write_mailbox(struct buffer *out, struct text name, bool utf8)
{
	struct buffer wire = BUFFER_INIT;

	if (utf8 && needs_utf8(name)) {
		write_quoted(out, name);
		return;
	}
	imap_name_encode(&wire, name, utf8);
	imap_write_astring(out, buffer_text(&wire));
	buffer_done(&wire);
}

void
imap_write_words(struct buffer *out, struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		buffer_add_byte(out, t.ptr[i] < 0x20 || t.ptr[i] > 0x7e ? '?' : t.ptr[i]);
}

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
	{ FLAG_ANSWERED, "\\Answered" },
	{ FLAG_FLAGGED, "\\Flagged" },
	{ FLAG_DELETED, "\\Deleted" },
	{ FLAG_SEEN, "\\Seen" },
	{ FLAG_DRAFT, "\\Draft" },
};

void
imap_write_flag_names(struct buffer *out, uint32_t flags)
{
	bool more = false;

	for (size_t i = 0; i < ARRAY_LEN(flag_names); i++) {
		if ((flags & flag_names[i].flag) == 0)
			continue;
		if (more)
			buffer_add_byte(out, ' ');
		buffer_add_string(out, flag_names[i].name);
		more = true;
	}
}

void
imap_write_flags(struct buffer *out, uint32_t flags, bool recent, const uint16_t *keywords,
    uint32_t keyword_count, struct texts names)
{
	bool more = (flags & FLAG_ALL) != 0;

	buffer_add_byte(out, '(');
	imap_write_flag_names(out, flags);
	if (recent) {
		buffer_add_string(out, more ? " \\Recent" : "\\Recent");
		more = true;
	}
	for (uint32_t i = 0; i < keyword_count; i++) {
		if (keywords[i] >= names.count)
			continue;
		if (more)
			buffer_add_byte(out, ' ');
		buffer_add_text(out, names.at[keywords[i]]);
		more = true;
	}
	buffer_add_byte(out, ')');
}

void
imap_write_date(struct buffer *out, int64_t at)
{
	buffer_add_byte(out, '"');
	date_print_imap(out, (struct date){ .at = at, .zone = 0 });
	buffer_add_byte(out, '"');
}
