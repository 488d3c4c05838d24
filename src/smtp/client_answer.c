/* SPDX-License-Identifier: ISC */
/*
 * Replies of servers (RFC 5321 4.2): read line by line, with bounds on all of
 * it. A server that contradicts itself within a reply (250-, then 550) cannot
 * be understood, and the reply is none; one that changes between codes of one
 * kind is taken by its last line, as most clients do.
 */
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "codec/utf8.h"
#include "smtp/client.h"

/* One line without its end: code, separator, words. */
struct line {
	unsigned code;
	bool last;
	struct text words;
};

/* Reply-code = %x32-35 %x30-35 %x30-39 (RFC 5321 4.2); real servers use a
 * second digit above 5 now and then. */
static bool
line_parse(struct text t, struct line *out)
{
	if (t.len < 3 || t.ptr[0] < '2' || t.ptr[0] > '5' || !byte_digit(t.ptr[1]) ||
	    !byte_digit(t.ptr[2]))
		return false;
	if (t.len > 3 && t.ptr[3] != ' ' && t.ptr[3] != '-')
		return false;
	out->code = (unsigned)(t.ptr[0] - '0') * 100 + (unsigned)(t.ptr[1] - '0') * 10 +
		    (unsigned)(t.ptr[2] - '0');
	out->last = t.len == 3 || t.ptr[3] == ' ';
	out->words = text_part(t, 4, t.len);
	return true;
}

/* Appends words that anybody may print; characters that control something, and
 * what is no UTF-8 (RFC 6531 3.7.4.2), become '?'. */
static void
add_clean(struct smtp_answer *a, size_t *len, struct text words)
{
	struct cursor c = cursor_of(words);
	struct buffer one = BUFFER_INIT;

	while (!cursor_done(&c)) {
		int32_t character = utf8_next(&c);

		buffer_clear(&one);
		if (character < ' ' || (character >= 0x7f && character < 0xa0) ||
		    character == 0xfffd || (character >= 0x2028 && character <= 0x202e) ||
		    (character >= 0x2066 && character <= 0x2069))
			character = character == '\t' ? ' ' : '?';
		utf8_add(&one, character);
		if (*len + one.len > SMTP_ANSWER_TEXT)
			break;
		memcpy(a->text + *len, one.ptr, one.len);
		*len += one.len;
	}
	a->text[*len] = '\0';
	buffer_done(&one);
}

/* status-code (RFC 3463 2) in front of the words. Its class has to be that of
 * the code (RFC 2034 4), or it is worth nothing. */
static void
enhanced_parse(struct smtp_answer *a, struct text words)
{
	struct cursor c = cursor_of(words);
	uint32_t n[3];

	if (!cursor_u32(&c, &n[0]) || !cursor_byte(&c, '.') || !cursor_u32(&c, &n[1]) ||
	    !cursor_byte(&c, '.') || !cursor_u32(&c, &n[2]))
		return;
	if ((!cursor_done(&c) && cursor_peek(&c) != ' ') || n[0] != a->code / 100 || n[0] == 3 ||
	    n[1] > 999 || n[2] > 999)
		return;
	for (size_t i = 0; i < 3; i++)
		a->enhanced[i] = n[i];
}

const char *
smtp_answer_enhanced(const struct smtp_answer *a, char out[16])
{
	out[0] = '\0';
	if (a->enhanced[0] != 0)
		(void)snprintf(out, 16, "%u.%u.%u", a->enhanced[0] % 10, a->enhanced[1] % 1000,
		    a->enhanced[2] % 1000);
	return out;
}

/* The next line with its end, which is consumed at the next call. */
static enum status
line_read(struct stream *s, struct text *line, size_t *consume)
{
	enum status st;

	stream_consume(s, *consume);
	*consume = 0;
	for (;;) {
		struct text in = stream_buffered(s);
		size_t lf = text_find_byte(in, '\n', 0);

		if (lf > SMTP_ANSWER_LINE_MAX)
			return STATUS_LIMIT;
		if (lf < in.len) {
			*consume = lf + 1;
			*line = text_part(in, 0, lf > 0 && in.ptr[lf - 1] == '\r' ? lf - 1 : lf);
			return STATUS_OK;
		}
		st = stream_fill(s);
		if (st != STATUS_OK)
			return st;
	}
}

/* Takes a line into the answer; INVALID if it cannot belong to it. */
static enum status
line_take(struct smtp_answer *a, size_t *len, struct text text, bool *last, struct buffer *lines)
{
	struct line line;

	if (!line_parse(text, &line) || (a->code != 0 && line.code / 100 != a->code / 100)) {
		*len = 0;
		add_clean(a, len, text);
		return STATUS_INVALID;
	}
	if (a->code != 0 && *len < SMTP_ANSWER_TEXT)
		a->text[(*len)++] = '\n';
	a->code = line.code;
	add_clean(a, len, line.words);
	if (a->enhanced[0] == 0)
		enhanced_parse(a, line.words);
	if (lines != NULL) {
		buffer_add_text(lines, line.words);
		buffer_add_byte(lines, '\n');
	}
	*last = line.last;
	return STATUS_OK;
}

enum status
smtp_answer_read(struct stream *s, struct smtp_answer *out, struct buffer *lines)
{
	struct smtp_answer a = { 0 };
	size_t len = 0, consume = 0, sum = 0;
	enum status st = STATUS_OK;
	bool last = false;

	for (unsigned n = 0; st == STATUS_OK && !last; n++) {
		struct text text;

		st = line_read(s, &text, &consume);
		if (st != STATUS_OK)
			break;
		sum += consume;
		if (n >= SMTP_ANSWER_LINES_MAX || sum > SMTP_ANSWER_MAX)
			st = STATUS_LIMIT;
		else
			st = line_take(&a, &len, text, &last, lines);
	}
	stream_consume(s, consume);
	if (st == STATUS_INVALID) {
		a.code = 0;
		memset(a.enhanced, 0, sizeof(a.enhanced));
	}
	if (st == STATUS_OK || st == STATUS_INVALID)
		*out = a;
	return st;
}
