/* SPDX-License-Identifier: ISC */
/*
 * UTF-8 to a header value (RFC 2047). Words that are plain ASCII stay as they
 * are; a run of words that are not, with the blanks between them, becomes
 * encoded words of at most 75 characters that never cut a character
 * (RFC 2047 5). Lines are folded at 76; the first one keeps room for a name.
 */
#include "codec/base64.h"
#include "codec/mimewords.h"
#include "codec/utf8.h"

#define LINE_MAX 76
#define NAME_ROOM 16 /* columns that the field's name is taken to fill */
#define WORD_MAX 75  /* RFC 2047 2 */
#define FRAME_LEN 12 /* "=?utf-8?q?" and "?=" */
#define DATA_MAX (WORD_MAX - FRAME_LEN)
#define PLAIN_MAX 200 /* longer words must be encoded to be folded */

struct encoding {
	struct buffer *out;
	size_t column;
};

static bool
must_encode(struct text word)
{
	if (word.len > PLAIN_MAX || text_find(word, TEXT("=?"), 0) < word.len)
		return true;
	for (size_t i = 0; i < word.len; i++)
		if ((unsigned char)word.ptr[i] <= 0x20 || (unsigned char)word.ptr[i] >= 0x7f)
			return true;
	return false;
}

static bool
q_plain(unsigned char c)
{
	return byte_alpha((char)c) || byte_digit((char)c) || c == '!' || c == '*' || c == '+' ||
	       c == '-' || c == '/';
}

static size_t
q_len(struct text t)
{
	size_t n = 0;

	for (size_t i = 0; i < t.len; i++)
		n += q_plain((unsigned char)t.ptr[i]) || t.ptr[i] == ' ' ? 1 : 3;
	return n;
}

static void
add_q(struct buffer *out, struct text t)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.ptr[i];

		if (q_plain(c))
			buffer_add_byte(out, (char)c);
		else if (c == ' ')
			buffer_add_byte(out, '_');
		else
			buffer_add(out, (char[]){ '=', hex[c >> 4], hex[c & 15] }, 3);
	}
}

/* The longest start of t, whole characters and at least one, whose encoding
 * takes at most max columns. */
static struct text
piece_of(struct text t, bool q, size_t max)
{
	struct cursor c = cursor_of(t);
	struct text piece = { t.ptr, 0 };
	size_t used = 0;

	while (!cursor_done(&c)) {
		const char *at = c.at;
		size_t len, width;

		utf8_next(&c);
		len = (size_t)(c.at - at);
		used += q ? q_len((struct text){ at, len }) : 0;
		width = q ? used : (piece.len + len + 2) / 3 * 4;
		if (width > max && piece.len > 0)
			break;
		piece.len += len;
	}
	return piece;
}

static void
fold(struct encoding *e)
{
	buffer_add_string(e->out, "\r\n ");
	e->column = 1;
}

static void
add_encoded(struct encoding *e, struct text t)
{
	/* The shorter one; Q is easier on the eye where it is close. */
	bool q = q_len(t) <= (t.len + 2) / 3 * 4 + 8;
	bool first = true;

	while (t.len > 0) {
		size_t left =
		    e->column + FRAME_LEN + 12 < LINE_MAX ? LINE_MAX - e->column - FRAME_LEN : 0;
		struct text piece;

		if (!first || left == 0) {
			if (first && e->out->len > 0 && e->column > 1) {
				/* The blank before this word becomes the fold. */
				if (e->out->ptr[e->out->len - 1] == ' ')
					buffer_cut(e->out, e->out->len - 1);
			}
			fold(e);
			left = DATA_MAX;
		}
		piece = piece_of(t, q, left > DATA_MAX ? DATA_MAX : left);
		buffer_add_string(e->out, q ? "=?utf-8?q?" : "=?utf-8?b?");
		e->column += FRAME_LEN + (q ? q_len(piece) : (piece.len + 2) / 3 * 4);
		if (q)
			add_q(e->out, piece);
		else
			base64_encode(e->out, piece);
		buffer_add_string(e->out, "?=");
		t = text_part(t, piece.len, t.len);
		first = false;
	}
}

static struct text
next_word(struct text t, size_t from)
{
	size_t end = from;

	while (end < t.len && t.ptr[end] != ' ')
		end++;
	return text_part(t, from, end);
}

/* Where the run of words to encode that begins at from ends. Blanks inside
 * belong to it. */
static size_t
run_end(struct text t, size_t from)
{
	size_t end = from, at = from;

	while (at < t.len) {
		struct text word = next_word(t, at);

		if (word.len > 0 && !must_encode(word))
			break;
		at += word.len;
		if (word.len > 0)
			end = at;
		if (at < t.len)
			at++;
	}
	return end;
}

void
mimewords_encode(struct buffer *out, struct text utf8)
{
	struct encoding e = { .out = out, .column = NAME_ROOM };
	size_t at = 0;

	/* Blanks at either end would be lost, and so would a blank field. */
	if (utf8.len > 0 && (utf8.ptr[0] == ' ' || utf8.ptr[utf8.len - 1] == ' ')) {
		add_encoded(&e, utf8);
		return;
	}
	while (at < utf8.len) {
		struct text word = next_word(utf8, at);

		if (word.len > 0 && must_encode(word)) {
			size_t end = run_end(utf8, at);

			add_encoded(&e, text_part(utf8, at, end));
			at = end;
		} else {
			buffer_add_text(out, word);
			e.column += word.len;
			at += word.len;
		}
		if (at == utf8.len)
			break;
		/* One blank: a fold where the next plain word would not fit. */
		word = next_word(utf8, ++at);
		if (e.column > 1 && e.column + 1 + (word.len > 0 ? word.len : 1) > LINE_MAX &&
		    !must_encode(word)) {
			fold(&e);
		} else {
			buffer_add_byte(out, ' ');
			e.column++;
		}
	}
}
