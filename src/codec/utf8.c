/* SPDX-License-Identifier: ISC */
/*
 * UTF-8 (RFC 3629). A sequence is judged by its first two bytes: the second
 * one's range, which depends on the first, rules out overlong forms,
 * surrogates and what lies beyond U+10FFFF. A bad sequence ends before the
 * first byte that cannot go on (Unicode's "maximal subpart").
 */
#include "codec/utf8.h"

#include <string.h>

#define REPLACEMENT 0xfffd
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* How many bytes the character at p takes; 0 when it is bad, and then *bad
 * tells how many bytes to pass over. p < end. */
static size_t
sequence(const unsigned char *p, const unsigned char *end, int32_t *character, size_t *bad)
{
	unsigned char first = p[0], low = 0x80, high = 0xbf;
	size_t need;
	int32_t value;

	*bad = 1;
	if (first < 0x80) {
		*character = first;
		return 1;
	}
	if (first < 0xc2 || first > 0xf4)
		return 0;
	need = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
	value = first & (0x3f >> need);
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i <= need; i++) {
		if (p + i >= end || p[i] < low || p[i] > high) {
			*bad = i;
			return 0;
		}
		value = value << 6 | (p[i] & 0x3f);
		low = 0x80;
		high = 0xbf;
	}
	*character = value;
	return need + 1;
}

/* The bytes of t; an empty text may have no memory at all. */
static const unsigned char *
bytes_of(struct text t)
{
	return (const unsigned char *)(t.len > 0 ? t.ptr : "");
}

/* Steps over ASCII, eight bytes at a time. */
static const unsigned char *
skip_ascii(const unsigned char *p, const unsigned char *end)
{
	while (end - p >= 8) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		if ((word & HIGH_BITS) != 0)
			break;
		p += 8;
	}
	while (p < end && *p < 0x80)
		p++;
	return p;
}

bool
utf8_valid(struct text t)
{
	const unsigned char *p = bytes_of(t), *end = p + t.len;
	int32_t character;
	size_t n, bad;

	for (;;) {
		p = skip_ascii(p, end);
		if (p == end)
			return true;
		n = sequence(p, end, &character, &bad);
		if (n == 0)
			return false;
		p += n;
	}
}

bool
utf8_is_ascii(struct text t)
{
	const unsigned char *p = bytes_of(t), *end = p + t.len;

	return skip_ascii(p, end) == end && (t.len == 0 || memchr(t.ptr, 0, t.len) == NULL);
}

struct text
utf8_ascii_start(struct text t)
{
	const unsigned char *p = bytes_of(t);

	return text_part(t, 0, (size_t)(skip_ascii(p, p + t.len) - p));
}

int32_t
utf8_next(struct cursor *c)
{
	int32_t character;
	size_t n, bad;

	if (c->at >= c->end)
		return -1;
	n = sequence((const unsigned char *)c->at, (const unsigned char *)c->end, &character, &bad);
	if (n == 0) {
		c->at += bad;
		return REPLACEMENT;
	}
	c->at += n;
	return character;
}

void
utf8_add(struct buffer *out, int32_t character)
{
	uint32_t u = (uint32_t)character;
	char b[4];

	if (u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff))
		u = REPLACEMENT;
	if (u < 0x80) {
		buffer_add_byte(out, (char)u);
	} else if (u < 0x800) {
		b[0] = (char)(0xc0 | u >> 6);
		b[1] = (char)(0x80 | (u & 0x3f));
		buffer_add(out, b, 2);
	} else if (u < 0x10000) {
		b[0] = (char)(0xe0 | u >> 12);
		b[1] = (char)(0x80 | (u >> 6 & 0x3f));
		b[2] = (char)(0x80 | (u & 0x3f));
		buffer_add(out, b, 3);
	} else {
		b[0] = (char)(0xf0 | u >> 18);
		b[1] = (char)(0x80 | (u >> 12 & 0x3f));
		b[2] = (char)(0x80 | (u >> 6 & 0x3f));
		b[3] = (char)(0x80 | (u & 0x3f));
		buffer_add(out, b, 4);
	}
}

void
utf8_clean(struct buffer *out, struct text t)
{
	const unsigned char *p = bytes_of(t), *end = p + t.len;
	const unsigned char *good = p; /* start of what is right and not yet copied */
	int32_t character;
	size_t n, bad;

	for (;;) {
		p = skip_ascii(p, end);
		if (p == end)
			break;
		n = sequence(p, end, &character, &bad);
		if (n == 0) {
			buffer_add(out, good, (size_t)(p - good));
			utf8_add(out, REPLACEMENT);
			good = p + bad;
			n = bad;
		}
		p += n;
	}
	buffer_add(out, good, (size_t)(end - good));
}

struct text
utf8_cut(struct text t, size_t max)
{
	size_t n = max;

	if (t.len <= max)
		return t;
	/* Back to the first byte of the character that would be cut. */
	while (n > 0 && max - n < 3 && ((unsigned char)t.ptr[n] & 0xc0) == 0x80)
		n--;
	/* Not UTF-8 at all: cut where asked. */
	if (((unsigned char)t.ptr[n] & 0xc0) == 0x80)
		n = max;
	return text_part(t, 0, n);
}
