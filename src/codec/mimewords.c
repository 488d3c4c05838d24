/* SPDX-License-Identifier: ISC */
/*
 * Encoded words to UTF-8 (RFC 2047), and parameter values (RFC 2231 4).
 * Neighbouring words of one charset are decoded to octets first and converted
 * together, since real mail cuts characters in two. Whatever is no encoded
 * word is text. Linear: where a "?=" stands is remembered, so that many
 * unfinished "=?" cost one search.
 */
#include "codec/mimewords.h"

#include <string.h>

#include "codec/base64.h"
#include "codec/charset.h"
#include "codec/utf8.h"

#define CHARSET_MAX 64

struct word {
	struct text charset; /* without a language (RFC 2231 5) */
	char encoding;	     /* 'b' or 'q' */
	struct text data;
	size_t end; /* position behind "?=" */
};

struct decoding {
	struct text raw;
	size_t close; /* first "?=" at or after the last place searched; raw.len: none */
	struct buffer *out;
	size_t start; /* out->len at first */
	size_t max;
	struct buffer octets; /* decoded words that wait for conversion */
	struct text charset;  /* of octets */
};

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t
room_left(const struct decoding *d)
{
	size_t used = d->out->len - d->start;

	return used < d->max && !d->out->overflow ? d->max - used : 0;
}

static int
hex_value(char c)
{
	if (byte_digit(c))
		return c - '0';
	c = byte_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The "Q" encoding (RFC 2047 4.2); bad escapes stay. */
static void
decode_q(struct text data, struct buffer *out)
{
	for (size_t i = 0; i < data.len; i++) {
		char c = data.ptr[i];

		if (c == '_') {
			c = ' ';
		} else if (c == '=' && i + 2 < data.len) {
			int high = hex_value(data.ptr[i + 1]), low = hex_value(data.ptr[i + 2]);

			if (high >= 0 && low >= 0) {
				c = (char)(high << 4 | low);
				i += 2;
			}
		} else if (c == '\r' || c == '\n') {
			continue;
		}
		buffer_add_byte(out, c);
	}
}

void
mimewords_percent(struct text value, struct buffer *out)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (c == '%' && i + 2 < value.len) {
			int high = hex_value(value.ptr[i + 1]), low = hex_value(value.ptr[i + 2]);

			if (high >= 0 && low >= 0) {
				c = (char)(high << 4 | low);
				i += 2;
			}
		}
		buffer_add_byte(out, c);
	}
}

/* The encoded word whose "=?" stands at position at. */
static bool
read_word(struct decoding *d, size_t at, struct word *out)
{
	struct text raw = d->raw;
	size_t charset_end = text_find_byte(text_part(raw, 0, at + 2 + CHARSET_MAX), '?', at + 2);
	size_t data = charset_end + 3;
	char encoding;

	if (charset_end == at + 2 || data > raw.len || raw.ptr[charset_end] != '?' ||
	    raw.ptr[charset_end + 2] != '?')
		return false;
	encoding = byte_lower(raw.ptr[charset_end + 1]);
	if (encoding != 'b' && encoding != 'q')
		return false;
	if (d->close < data)
		d->close = text_find(raw, TEXT("?="), data);
	if (d->close >= raw.len)
		return false;
	out->charset = text_part(raw, at + 2, charset_end);
	out->charset.len = text_find_byte(out->charset, '*', 0);
	out->encoding = encoding;
	out->data = text_part(raw, data, d->close);
	out->end = d->close + 2;
	return true;
}

/* Line ends and NUL have no place in a decoded value. */
static void
clean_controls(struct buffer *out, size_t from)
{
	for (size_t i = from; i < out->len; i++)
		if (out->ptr[i] == '\r' || out->ptr[i] == '\n' || out->ptr[i] == '\0')
			out->ptr[i] = ' ';
}

static void
flush_words(struct decoding *d)
{
	size_t from = d->out->len;

	if (d->octets.len > 0 && room_left(d) > 0)
		charset_to_utf8(d->charset, buffer_text(&d->octets), room_left(d), d->out);
	clean_controls(d->out, from);
	buffer_clear(&d->octets);
}

/* What stands between encoded words: without line ends, in whatever raw
 * charset it is. */
static void
add_plain(struct decoding *d, struct text plain)
{
	size_t from, kept = 0;
	struct text t = plain;

	flush_words(d);
	from = d->out->len;
	if (memchr(plain.ptr, '\n', plain.len) != NULL ||
	    memchr(plain.ptr, '\r', plain.len) != NULL) {
		char *to = buffer_room(&d->octets, plain.len);

		for (size_t i = 0; to != NULL && i < plain.len; i++)
			if (plain.ptr[i] != '\r' && plain.ptr[i] != '\n')
				to[kept++] = plain.ptr[i];
		t = (struct text){ to, kept };
	}
	if (t.len > 0 && room_left(d) > 0)
		charset_to_utf8(TEXT_EMPTY, t, room_left(d), d->out);
	clean_controls(d->out, from);
}

static void
add_word(struct decoding *d, const struct word *w)
{
	if (!text_equal_ci(d->charset, w->charset)) {
		flush_words(d);
		d->charset = w->charset;
	}
	if (w->encoding == 'q') {
		decode_q(w->data, &d->octets);
	} else {
		struct base64_decoder decoder = { 0 };

		base64_feed(&decoder, w->data, &d->octets);
	}
}

static bool
all_blank(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (!blank(t.ptr[i]))
			return false;
	return true;
}

void
mimewords_decode(struct text raw, size_t max_out, struct buffer *out)
{
	/* Some bytes more than asked for, so that behind a character that did not
	 * fit nothing shorter comes in: the end is cut below. */
	struct decoding d = { .raw = text_trim(raw),
		.out = out,
		.start = out->len,
		.max = max_out < SIZE_MAX - 4 ? max_out + 4 : max_out };
	size_t plain = 0, at = 0;
	bool after_word = false;
	struct word w;

	while (room_left(&d) > 0) {
		at = text_find(d.raw, TEXT("=?"), at);
		if (at >= d.raw.len)
			break;
		if (!read_word(&d, at, &w)) {
			at += 2;
			continue;
		}
		/* White space between two words is not part of the text
		 * (RFC 2047 6.2). */
		if (at > plain && !(after_word && all_blank(text_part(d.raw, plain, at))))
			add_plain(&d, text_part(d.raw, plain, at));
		add_word(&d, &w);
		/* Enough octets for any charset to fill what room is left. */
		if (d.octets.len / 8 > room_left(&d))
			flush_words(&d);
		plain = at = w.end;
		after_word = true;
	}
	if (room_left(&d) > 0 && plain < d.raw.len)
		add_plain(&d, text_part(d.raw, plain, d.raw.len));
	flush_words(&d);
	buffer_done(&d.octets);
	if (out->len - d.start > max_out)
		buffer_cut(
		    out, d.start +
			     utf8_cut(text_part(buffer_text(out), d.start, out->len), max_out).len);
}

void
mimewords_decode_2231(struct text value, size_t max_out, struct buffer *out)
{
	size_t first = text_find_byte(value, '\'', 0);
	size_t second = first < value.len ? text_find_byte(value, '\'', first + 1) : value.len;
	struct text charset = TEXT_EMPTY;
	struct buffer octets = BUFFER_INIT;

	if (second < value.len) {
		charset = text_part(value, 0, first);
		value = text_part(value, second + 1, value.len);
	}
	mimewords_percent(value, &octets);
	charset_to_utf8(charset, buffer_text(&octets), max_out, out);
	buffer_done(&octets);
}
