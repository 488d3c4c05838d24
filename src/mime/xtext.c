/* SPDX-License-Identifier: ISC */
/* xtext (RFC 3461 4) and unitext (RFC 6533 3): see mime/xtext.h. */
#include "mime/xtext.h"

#include "base/cursor.h"
#include "codec/utf8.h"

#define UNITEXT_DIGITS_MAX 6

/* xchar (RFC 3461 4) */
static bool
xchar(unsigned char c)
{
	return c >= '!' && c <= '~' && c != '+' && c != '=';
}

void
xtext_encode(struct buffer *out, struct text in)
{
	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = (unsigned char)in.ptr[i];

		if (xchar(c))
			buffer_add_byte(out, (char)c);
		else
			buffer_addf(out, "+%02X", c);
	}
}

/* A hexadecimal digit, upper case unless lower is let pass; or -1. */
static int
hex(int c, bool lower)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return lower && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum status
xtext_decode(struct buffer *out, struct text in, bool utf8)
{
	struct cursor c = cursor_of(in);
	size_t start = out->len;
	int next, high, low;

	while ((next = cursor_next(&c)) >= 0) {
		if (next == '+') {
			high = hex(cursor_next(&c), false);
			low = high < 0 ? -1 : hex(cursor_next(&c), false);
			if (low < 0)
				goto bad;
			next = high * 16 + low;
		} else if (!xchar((unsigned char)next) && !(utf8 && next > 0x7f)) {
			goto bad;
		}
		buffer_add_byte(out, (char)next);
	}
	return STATUS_OK;
bad:
	buffer_cut(out, start);
	return STATUS_INVALID;
}

void
unitext_encode(struct buffer *out, struct text utf8)
{
	struct cursor c = cursor_of(utf8);
	int32_t next;

	while ((next = utf8_next(&c)) >= 0)
		if (next < 0x80 && xchar((unsigned char)next) && next != '\\')
			buffer_add_byte(out, (char)next);
		else
			buffer_addf(out, "\\x{%02X}", (unsigned)next);
}

/* "x{HHHH}" behind the backslash; or -1. */
static int32_t
unitext_character(struct cursor *c)
{
	int32_t value = 0;
	int digits = 0, digit;

	if (!cursor_text(c, TEXT("x{")))
		return -1;
	while ((digit = hex(cursor_peek(c), true)) >= 0 && digits < UNITEXT_DIGITS_MAX) {
		value = value * 16 + digit;
		(void)cursor_next(c);
		digits++;
	}
	if (digits < 2 || !cursor_byte(c, '}') || value > 0x10ffff ||
	    (value >= 0xd800 && value <= 0xdfff))
		return -1;
	return value;
}

enum status
unitext_decode(struct buffer *out, struct text in)
{
	struct cursor c = cursor_of(in);
	size_t start = out->len;
	int next;

	while ((next = cursor_next(&c)) >= 0) {
		int32_t character;

		if (next != '\\') {
			buffer_add_byte(out, (char)next);
			continue;
		}
		character = unitext_character(&c);
		if (character < 0) {
			buffer_cut(out, start);
			return STATUS_INVALID;
		}
		utf8_add(out, character);
	}
	return STATUS_OK;
}
