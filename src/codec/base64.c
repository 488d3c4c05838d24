/* SPDX-License-Identifier: ISC */
/*
 * Base64 (RFC 4648 4 and 5). Four characters are turned at once through one
 * table of sextets; only what is not four plain characters in a row takes the
 * slow way, a byte at a time. The lenient decoder keeps its state between
 * feeds, so that bodies can be decoded in pieces.
 */
#include "codec/base64.h"

#include <string.h>

#define BAD 0x80 /* not of the alphabet */

static const char standard_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define SEXTETS(c62, c63)                                                                      \
	{                                                                                      \
		[0 ... 255] = BAD, ['A'] = 0, ['B'] = 1, ['C'] = 2, ['D'] = 3, ['E'] = 4,      \
		       ['F'] = 5, ['G'] = 6, ['H'] = 7, ['I'] = 8, ['J'] = 9, ['K'] = 10,      \
		       ['L'] = 11, ['M'] = 12, ['N'] = 13, ['O'] = 14, ['P'] = 15, ['Q'] = 16, \
		       ['R'] = 17, ['S'] = 18, ['T'] = 19, ['U'] = 20, ['V'] = 21, ['W'] = 22, \
		       ['X'] = 23, ['Y'] = 24, ['Z'] = 25, ['a'] = 26, ['b'] = 27, ['c'] = 28, \
		       ['d'] = 29, ['e'] = 30, ['f'] = 31, ['g'] = 32, ['h'] = 33, ['i'] = 34, \
		       ['j'] = 35, ['k'] = 36, ['l'] = 37, ['m'] = 38, ['n'] = 39, ['o'] = 40, \
		       ['p'] = 41, ['q'] = 42, ['r'] = 43, ['s'] = 44, ['t'] = 45, ['u'] = 46, \
		       ['v'] = 47, ['w'] = 48, ['x'] = 49, ['y'] = 50, ['z'] = 51, ['0'] = 52, \
		       ['1'] = 53, ['2'] = 54, ['3'] = 55, ['4'] = 56, ['5'] = 57, ['6'] = 58, \
		       ['7'] = 59, ['8'] = 60, ['9'] = 61, [c62] = 62, [c63] = 63              \
	}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma clang diagnostic ignored "-Winitializer-overrides"
#endif
static const uint8_t standard_sextets[256] = SEXTETS('+', '/');
static const uint8_t url_sextets[256] = SEXTETS('-', '_');
#pragma GCC diagnostic pop

static void
encode(struct buffer *out, struct text in, const char digits[64], bool padded)
{
	const unsigned char *p = (const unsigned char *)in.ptr;
	size_t left = in.len;
	char *start = buffer_room(out, (in.len + 2) / 3 * 4);
	char *to = start;

	if (start == NULL)
		return;
	for (; left >= 3; p += 3, left -= 3, to += 4) {
		to[0] = digits[p[0] >> 2];
		to[1] = digits[(p[0] & 3) << 4 | p[1] >> 4];
		to[2] = digits[(p[1] & 15) << 2 | p[2] >> 6];
		to[3] = digits[p[2] & 63];
	}
	if (left > 0) {
		int second = left == 2 ? p[1] : 0;

		*to++ = digits[p[0] >> 2];
		*to++ = digits[(p[0] & 3) << 4 | second >> 4];
		if (left == 2)
			*to++ = digits[(second & 15) << 2];
		for (size_t i = left; padded && i < 3; i++)
			*to++ = '=';
	}
	buffer_added(out, (size_t)(to - start));
}

void
base64_encode(struct buffer *out, struct text in)
{
	encode(out, in, standard_digits, true);
}

void
base64_url_encode(struct buffer *out, struct text in)
{
	encode(out, in, url_digits, false);
}

/* Turns whole groups of four at p while they are of the alphabet; returns how
 * many groups. to has room for three bytes each. */
static size_t
decode_groups(const uint8_t sextets[256], const unsigned char *p, size_t groups, char *to)
{
	size_t n = 0;

	for (; n < groups; n++, p += 4, to += 3) {
		uint32_t a = sextets[p[0]], b = sextets[p[1]], c = sextets[p[2]], d = sextets[p[3]];
		uint32_t bits = a << 18 | b << 12 | c << 6 | d;

		if (((a | b | c | d) & BAD) != 0)
			break;
		to[0] = (char)(bits >> 16);
		to[1] = (char)(bits >> 8);
		to[2] = (char)bits;
	}
	return n;
}

/* digits holds no padding any more. The bits beyond the last octet must be
 * zero, so that there is one text for one value (RFC 4648 3.5). */
static enum status
decode(struct buffer *out, struct text digits, const uint8_t sextets[256])
{
	const unsigned char *p = (const unsigned char *)digits.ptr;
	size_t groups = digits.len / 4, rest = digits.len % 4;
	uint32_t bits = 0;
	char *to;

	if (rest == 1)
		return STATUS_INVALID;
	if (digits.len == 0)
		return STATUS_OK;
	to = buffer_room(out, groups * 3 + 3);
	if (to == NULL)
		return STATUS_LIMIT;
	if (decode_groups(sextets, p, groups, to) != groups)
		return STATUS_INVALID;
	p += groups * 4;
	to += groups * 3;
	for (size_t i = 0; i < rest; i++) {
		if (sextets[p[i]] == BAD)
			return STATUS_INVALID;
		bits = bits << 6 | sextets[p[i]];
	}
	if ((rest == 2 && (bits & 15) != 0) || (rest == 3 && (bits & 3) != 0))
		return STATUS_INVALID;
	if (rest >= 2)
		to[0] = (char)(rest == 2 ? bits >> 4 : bits >> 10);
	if (rest == 3)
		to[1] = (char)(bits >> 2);
	buffer_added(out, groups * 3 + (rest > 0 ? rest - 1 : 0));
	return STATUS_OK;
}

enum status
base64_decode(struct buffer *out, struct text in)
{
	size_t padding = 0;

	if (in.len % 4 != 0)
		return STATUS_INVALID;
	while (padding < 2 && padding < in.len && in.ptr[in.len - padding - 1] == '=')
		padding++;
	return decode(out, text_part(in, 0, in.len - padding), standard_sextets);
}

enum status
base64_url_decode(struct buffer *out, struct text in)
{
	return decode(out, in, url_sextets);
}

/* One byte of a body; true when it made an octet. */
static bool
feed_byte(struct base64_decoder *d, unsigned char c, char *to)
{
	uint8_t sextet = standard_sextets[c];

	if (c == '=') {
		/* Two bodies glued together go on behind the padding of the first. */
		d->have = 0;
		d->bits = 0;
		d->ended = true;
		return false;
	}
	if (sextet == BAD)
		return false;
	d->ended = false;
	d->bits = d->bits << 6 | sextet;
	d->have = (uint8_t)((d->have + 1) & 3);
	switch (d->have) {
	case 2:
		*to = (char)(d->bits >> 4);
		return true;
	case 3:
		*to = (char)(d->bits >> 2);
		return true;
	case 0:
		*to = (char)d->bits;
		d->bits = 0;
		return true;
	default:
		return false;
	}
}

void
base64_feed(struct base64_decoder *d, struct text in, struct buffer *out)
{
	const unsigned char *p = (const unsigned char *)in.ptr;
	size_t left = in.len;
	char *start = buffer_room(out, in.len / 4 * 3 + 4);
	char *to = start;

	if (start == NULL)
		return;
	while (left > 0) {
		if (d->have == 0) {
			size_t groups = decode_groups(standard_sextets, p, left / 4, to);

			p += groups * 4;
			left -= groups * 4;
			to += groups * 3;
			if (left == 0)
				break;
		}
		if (feed_byte(d, *p, to))
			to++;
		p++;
		left--;
	}
	buffer_added(out, (size_t)(to - start));
}
