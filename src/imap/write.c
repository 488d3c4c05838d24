/* SPDX-License-Identifier: ISC */
/*
 * Strings, flags and dates of responses (RFC 3501 4.3, 7.2.6, 7.4.2). A
 * quoted string holds printable ASCII alone; all else goes as a literal, which
 * may hold any octet but NUL (RFC 3501 9 CHAR8).
 */
#include "imap/write.h"

#include "codec/date.h"
#include "imap/grammar.h"
#include "imap/names.h"

#define QUOTED_MAX 1000 /* longer strings are literals: some clients' line buffers */

static bool
fits_quotes(struct text t)
{
	if (t.len > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < t.len; i++)
		if (t.ptr[i] < 0x20 || t.ptr[i] > 0x7e)
			return false;
	return true;
}

static void
write_quoted(struct buffer *out, struct text t)
{
	buffer_add_byte(out, '"');
	for (size_t i = 0; i < t.len; i++) {
		if (t.ptr[i] == '"' || t.ptr[i] == '\\')
			buffer_add_byte(out, '\\');
		buffer_add_byte(out, t.ptr[i]);
	}
	buffer_add_byte(out, '"');
}

void
imap_write_literal_head(struct buffer *out, uint64_t octets)
{
	buffer_add_byte(out, '{');
	buffer_add_u64(out, octets);
	buffer_add(out, "}\r\n", 3);
}

void
imap_write_string(struct buffer *out, struct text t)
{
	if (fits_quotes(t)) {
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

void
imap_write_mailbox(struct buffer *out, struct text name)
{
	struct buffer wire = BUFFER_INIT;

	imap_name_encode(&wire, name);
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
