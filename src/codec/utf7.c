/* SPDX-License-Identifier: ISC */
/*
 * Modified UTF-7 (RFC 3501 5.1.3). A mailbox has one name, so the decoder
 * takes only what a correct encoder writes: no encoded printable ASCII, no
 * two shifts side by side, no lone surrogates, no bits left over.
 */
#include "codec/utf7.h"

#include "codec/utf8.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int
digit_value(int c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == ',' ? 63 : -1;
}

static bool
printable(int32_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

/* One UTF-16 unit of a shifted run; *high holds a high surrogate that waits
 * for its partner, or 0. */
static bool
decode_unit(struct buffer *out, uint32_t unit, uint32_t *high)
{
	if (unit >= 0xdc00 && unit <= 0xdfff) {
		if (*high == 0)
			return false;
		utf8_add(out, (int32_t)(0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00)));
		*high = 0;
		return true;
	}
	if (*high != 0 || printable((int32_t)unit))
		return false;
	if (unit >= 0xd800 && unit <= 0xdbff)
		*high = unit;
	else
		utf8_add(out, (int32_t)unit);
	return true;
}

/* What stands between '&' and '-'; consumes the '-'. */
static bool
decode_shifted(struct buffer *out, struct cursor *c)
{
	uint32_t bits = 0, high = 0;
	unsigned have = 0;
	int byte;

	while ((byte = cursor_next(c)) != '-') {
		int value = digit_value(byte);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have < 16)
			continue;
		have -= 16;
		if (!decode_unit(out, bits >> have & 0xffff, &high))
			return false;
		bits &= (1u << have) - 1;
	}
	return high == 0 && have < 6 && bits == 0;
}

static bool
decode_all(struct buffer *out, struct cursor *c)
{
	bool after_shift = false;
	int byte;

	while ((byte = cursor_next(c)) >= 0) {
		if (!printable(byte))
			return false;
		if (byte != '&') {
			buffer_add_byte(out, (char)byte);
			after_shift = false;
		} else if (cursor_byte(c, '-')) {
			buffer_add_byte(out, '&');
			after_shift = false;
		} else {
			if (after_shift || !decode_shifted(out, c))
				return false;
			after_shift = true;
		}
	}
	return true;
}

enum status
utf7_decode(struct buffer *out, struct text name)
{
	struct cursor c = cursor_of(name);
	size_t before = out->len;

	if (decode_all(out, &c))
		return STATUS_OK;
	buffer_cut(out, before);
	return STATUS_INVALID;
}

struct shift {
	uint32_t bits;
	unsigned have;
};

static void
encode_unit(struct buffer *out, struct shift *s, uint32_t unit)
{
	s->bits = s->bits << 16 | unit;
	for (s->have += 16; s->have >= 6; s->have -= 6)
		buffer_add_byte(out, digits[s->bits >> (s->have - 6) & 63]);
}

static void
encode_character(struct buffer *out, struct shift *s, uint32_t character)
{
	if (character >= 0x10000) {
		encode_unit(out, s, 0xd800 + ((character - 0x10000) >> 10));
		encode_unit(out, s, 0xdc00 + ((character - 0x10000) & 0x3ff));
	} else {
		encode_unit(out, s, character);
	}
}

static void
encode_end(struct buffer *out, struct shift *s)
{
	if (s->have > 0)
		buffer_add_byte(out, digits[s->bits << (6 - s->have) & 63]);
	buffer_add_byte(out, '-');
	*s = (struct shift){ 0 };
}

void
utf7_encode(struct buffer *out, struct text utf8)
{
	struct cursor c = cursor_of(utf8);
	struct shift s = { 0 };
	bool shifted = false;
	int32_t character;

	while ((character = utf8_next(&c)) >= 0) {
		if (printable(character)) {
			if (shifted)
				encode_end(out, &s);
			shifted = false;
			buffer_add_byte(out, (char)character);
			if (character == '&')
				buffer_add_byte(out, '-');
			continue;
		}
		if (!shifted)
			buffer_add_byte(out, '&');
		shifted = true;
		encode_character(out, &s, (uint32_t)character);
	}
	if (shifted)
		encode_end(out, &s);
}
