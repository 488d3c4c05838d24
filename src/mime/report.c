/* SPDX-License-Identifier: ISC */
/* The frame of reports (RFC 6522): see mime/report.h. */
#include "mime/report.h"

#include "codec/date.h"
#include "codec/mimewords.h"
#include "codec/qp.h"
#include "codec/utf8.h"
#include "mime/xtext.h"

#define FIELD_COLUMNS 78 /* RFC 5322 2.1.1 */
#define WORD_COLUMNS 72

static void
add_boundary(struct buffer *out, const struct report *r)
{
	buffer_addf(out, "=_report_%.*s", TEXT_ARG(r->unique));
}

/* value on one line, clean: without controls, and without octets over 127
 * where they are not allowed. */
static void
clean(struct buffer *out, struct text value, bool utf8)
{
	struct buffer whole = BUFFER_INIT;
	struct cursor c;
	int32_t next;
	bool blank = false;

	utf8_clean(&whole, utf8_cut(value, REPORT_VALUE_MAX));
	c = cursor_of(text_trim(buffer_text(&whole)));
	while ((next = utf8_next(&c)) >= 0) {
		if (next <= ' ' || next == 0x7f) {
			blank = true;
			continue;
		}
		if (blank)
			buffer_add_byte(out, ' ');
		blank = false;
		if (next > 0x7f && !utf8)
			buffer_add_byte(out, '?');
		else
			utf8_add(out, next);
	}
	buffer_done(&whole);
}

/* Words of a clean text with line ends where a line would grow too long; what
 * comes behind a line end is between. */
static void
fold(struct buffer *out, struct text words, const char *between, size_t column, size_t columns)
{
	struct text word;
	bool first = true;

	while (text_split(&words, ' ', &word)) {
		if (word.len == 0)
			continue;
		if (!first && column + 1 + word.len > columns) {
			buffer_add_string(out, "\r\n");
			buffer_add_string(out, between);
			column = strlen(between);
		} else if (!first) {
			buffer_add_byte(out, ' ');
			column++;
		}
		buffer_add_text(out, word);
		column += word.len;
		first = false;
	}
}

void
report_field(struct buffer *out, const char *name, const char *type, struct text value, bool utf8)
{
	struct buffer whole = BUFFER_INIT;

	if (type != NULL)
		buffer_addf(&whole, "%s; ", type);
	clean(&whole, value, utf8);
	if (whole.len > (type != NULL ? strlen(type) + 2 : 0)) {
		buffer_addf(out, "%s: ", name);
		fold(out, buffer_text(&whole), " ", strlen(name) + 2, FIELD_COLUMNS);
		buffer_add_string(out, "\r\n");
	}
	buffer_done(&whole);
}

void
report_date(struct buffer *out, const char *name, int64_t at)
{
	if (at == 0)
		return;
	buffer_addf(out, "%s: ", name);
	date_print_mail(out, (struct date){ at, 0 });
	buffer_add_string(out, "\r\n");
}

void
report_address(struct buffer *out, const char *name, struct text address, bool utf8)
{
	struct buffer coded = BUFFER_INIT;

	if (utf8_is_ascii(address)) {
		report_field(out, name, "rfc822", address, false);
		return;
	}
	if (!utf8)
		unitext_encode(&coded, address);
	report_field(out, name, "utf-8", utf8 ? address : buffer_text(&coded), utf8);
	buffer_done(&coded);
}

void
report_begin(struct buffer *out, const struct report *r)
{
	struct buffer subject = BUFFER_INIT, to = BUFFER_INIT;

	buffer_addf(&to, "<%.*s>", TEXT_ARG(r->to));
	report_field(out, "From", NULL, r->from, true);
	report_field(out, "To", NULL, buffer_text(&to), true);
	buffer_add_string(out, "Subject: ");
	clean(&subject, r->subject, true);
	mimewords_encode(out, buffer_text(&subject));
	buffer_add_string(out, "\r\n");
	report_date(out, "Date", r->at);
	buffer_addf(out, "Message-ID: <%.*s@%.*s>\r\n", TEXT_ARG(r->unique), TEXT_ARG(r->host));
	report_field(out, "In-Reply-To", NULL, r->about, r->global);
	report_field(out, "References", NULL, r->about, r->global);
	buffer_addf(out,
	    "Auto-Submitted: %.*s\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=%.*s;\r\n\tboundary=\"",
	    TEXT_ARG(r->automatic), TEXT_ARG(r->kind));
	add_boundary(out, r);
	buffer_addf(
	    out, "\"\r\nContent-Transfer-Encoding: %s\r\n\r\n", r->eight_bit ? "8bit" : "7bit");
	buffer_add_string(out, "--");
	add_boundary(out, r);
	buffer_add_string(out, "\r\n");
	buffer_done(&subject);
	buffer_done(&to);
}

void
report_words(struct buffer *out, struct text words)
{
	if (utf8_is_ascii(words)) {
		buffer_add_string(out, "Content-Type: text/plain; charset=us-ascii\r\n\r\n");
		buffer_add_text(out, words);
		return;
	}
	buffer_add_string(out, "Content-Type: text/plain; charset=utf-8\r\n"
			       "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	qp_encode(out, words);
}

void
report_part(struct buffer *out, const struct report *r, const char *type, const char *encoding)
{
	buffer_add_string(out, "\r\n--");
	add_boundary(out, r);
	buffer_addf(out, "\r\nContent-Type: %s\r\n", type);
	if (strcmp(encoding, "7bit") != 0)
		buffer_addf(out, "Content-Transfer-Encoding: %s\r\n", encoding);
	buffer_add_string(out, "\r\n");
}

void
report_part_returned(struct buffer *out, const struct report *r, enum report_returned returned,
    bool utf8, bool eight_bit)
{
	bool global = r->global && utf8;
	const char *encoding = utf8 || eight_bit ? "8bit" : "7bit";

	if (returned == REPORT_MESSAGE)
		report_part(out, r, global ? "message/global" : "message/rfc822", encoding);
	else if (returned == REPORT_HEADER)
		report_part(
		    out, r, global ? "message/global-headers" : "text/rfc822-headers", encoding);
}

void
report_end(struct buffer *out, const struct report *r)
{
	buffer_add_string(out, "\r\n--");
	add_boundary(out, r);
	buffer_add_string(out, "--\r\n");
}

void
report_paragraph(struct buffer *out, unsigned indent, struct text words)
{
	static const char blanks[] = "                ";
	const char *between = blanks + sizeof(blanks) - 1 - (indent > 16 ? 16 : indent);
	struct buffer whole = BUFFER_INIT;

	clean(&whole, words, true);
	buffer_add_string(out, between);
	fold(out, buffer_text(&whole), between, strlen(between), WORD_COLUMNS);
	buffer_add_string(out, "\r\n");
	buffer_done(&whole);
}
