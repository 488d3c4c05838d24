/* SPDX-License-Identifier: ISC */
/*
 * Comparing, finding, cutting and hashing of byte views. What folds case does
 * so for ASCII letters only, eight bytes at a time (RFC 5321 2.4). The seeded
 * hash is SipHash-1-3 with a key drawn once per process, so that keys chosen
 * by a stranger do not fall into one chain of a map.
 */
#include "base/text.h"

#include <string.h>

#include "base/random.h"

static uint64_t seed[2];

__attribute__((constructor)) static void
seed_draw(void)
{
	random_bytes(seed, sizeof(seed));
}

struct text
text_of(const char *s)
{
	return s == NULL ? TEXT_EMPTY : (struct text){ s, strlen(s) };
}

static uint64_t
load8(const char *p)
{
	uint64_t w;

	memcpy(&w, p, 8);
	return w;
}

/* The last n < 8 bytes of a text, zero-filled. */
static uint64_t
load_tail(const char *p, size_t n)
{
	uint64_t w = 0;

	if (n > 0)
		memcpy(&w, p, n);
	return w;
}

/* byte_lower() on eight bytes at once: bit 7 of each byte of upper says that
 * the byte is A..Z, and moved two down it is the bit that lowers it. */
static uint64_t
lower8(uint64_t w)
{
	uint64_t low = w & UINT64_C(0x7f7f7f7f7f7f7f7f);
	uint64_t from_a = low + UINT64_C(0x3f3f3f3f3f3f3f3f);
	uint64_t after_z = low + UINT64_C(0x2525252525252525);
	uint64_t upper = ~w & (from_a ^ after_z) & UINT64_C(0x8080808080808080);

	return w | (upper >> 2);
}

static bool
bytes_equal_ci(const char *a, const char *b, size_t n)
{
	for (; n >= 8; a += 8, b += 8, n -= 8)
		if (lower8(load8(a)) != lower8(load8(b)))
			return false;
	for (; n > 0; a++, b++, n--)
		if (byte_lower(*a) != byte_lower(*b))
			return false;
	return true;
}

bool
text_equal(struct text a, struct text b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
text_equal_ci(struct text a, struct text b)
{
	return a.len == b.len && bytes_equal_ci(a.ptr, b.ptr, a.len);
}

static int
compare_lengths(size_t a, size_t b)
{
	return a < b ? -1 : a > b;
}

int
text_compare(struct text a, struct text b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	return order != 0 ? order : compare_lengths(a.len, b.len);
}

int
text_compare_ci(struct text a, struct text b)
{
	size_t n = a.len < b.len ? a.len : b.len;

	for (size_t i = 0; i < n; i++) {
		int x = (unsigned char)byte_lower(a.ptr[i]);
		int y = (unsigned char)byte_lower(b.ptr[i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return compare_lengths(a.len, b.len);
}

bool
text_starts(struct text t, struct text prefix)
{
	return t.len >= prefix.len && text_equal(text_part(t, 0, prefix.len), prefix);
}

bool
text_starts_ci(struct text t, struct text prefix)
{
	return t.len >= prefix.len && text_equal_ci(text_part(t, 0, prefix.len), prefix);
}

bool
text_ends(struct text t, struct text suffix)
{
	return t.len >= suffix.len && text_equal(text_part(t, t.len - suffix.len, t.len), suffix);
}

bool
text_ends_ci(struct text t, struct text suffix)
{
	return t.len >= suffix.len &&
	       text_equal_ci(text_part(t, t.len - suffix.len, t.len), suffix);
}

size_t
text_find(struct text t, struct text needle, size_t from)
{
	const char *hit;

	if (from >= t.len || needle.len > t.len - from)
		return t.len;
	if (needle.len == 0)
		return from;
	hit = memmem(t.ptr + from, t.len - from, needle.ptr, needle.len);
	return hit == NULL ? t.len : (size_t)(hit - t.ptr);
}

/* The first of two bytes in [p, end), or end. Each memchr result is kept by
 * the caller until it is passed, so the whole text is searched once a byte. */
static const char *
find_either(const char *p, const char *end, const char c[2], const char *next[2])
{
	for (int i = 0; i < 2; i++) {
		if (next[i] != NULL && next[i] >= p)
			continue;
		next[i] = memchr(p, c[i], (size_t)(end - p));
		if (next[i] == NULL)
			next[i] = end;
	}
	return next[0] < next[1] ? next[0] : next[1];
}

size_t
text_find_ci(struct text t, struct text needle, size_t from)
{
	const char *p, *end, *next[2];
	char c[2];

	if (from >= t.len || needle.len > t.len - from)
		return t.len;
	if (needle.len == 0)
		return from;
	c[0] = byte_lower(needle.ptr[0]);
	c[1] = byte_alpha(c[0]) ? (char)(c[0] & ~0x20) : c[0];
	p = t.ptr + from;
	end = t.ptr + t.len - needle.len + 1; /* of the places where it can begin */
	next[0] = next[1] = NULL;
	while ((p = find_either(p, end, c, next)) < end) {
		if (bytes_equal_ci(p, needle.ptr, needle.len))
			return (size_t)(p - t.ptr);
		if (++p == end)
			break;
	}
	return t.len;
}

size_t
text_find_byte(struct text t, char c, size_t from)
{
	const char *hit;

	if (from >= t.len)
		return t.len;
	hit = memchr(t.ptr + from, c, t.len - from);
	return hit == NULL ? t.len : (size_t)(hit - t.ptr);
}

size_t
text_find_last(struct text t, char c)
{
	const char *hit = t.len == 0 ? NULL : memrchr(t.ptr, c, t.len);

	return hit == NULL ? t.len : (size_t)(hit - t.ptr);
}

struct text
text_part(struct text t, size_t from, size_t to)
{
	if (to > t.len)
		to = t.len;
	if (from > to)
		from = to;
	return t.len == 0 ? t : (struct text){ t.ptr + from, to - from };
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct text
text_trim(struct text t)
{
	while (t.len > 0 && is_blank(t.ptr[t.len - 1]))
		t.len--;
	while (t.len > 0 && is_blank(t.ptr[0])) {
		t.ptr++;
		t.len--;
	}
	return t;
}

/* "a,,b" has three pieces and "a," one: whoever cares for a last empty piece
 * looks at the last byte first. */
bool
text_split(struct text *t, char c, struct text *piece)
{
	size_t at;

	if (t->len == 0)
		return false;
	at = text_find_byte(*t, c, 0);
	*piece = text_part(*t, 0, at);
	*t = text_part(*t, at + 1, t->len);
	return true;
}

enum status
text_to_u64(struct text t, uint64_t *out)
{
	uint64_t v = 0;

	if (t.len == 0)
		return STATUS_INVALID;
	for (size_t i = 0; i < t.len; i++)
		if (!byte_digit(t.ptr[i]))
			return STATUS_INVALID;
	for (size_t i = 0; i < t.len; i++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(t.ptr[i] - '0'), &v))
			return STATUS_LIMIT;
	*out = v;
	return STATUS_OK;
}

enum status
text_to_u32(struct text t, uint32_t *out)
{
	uint64_t v;
	enum status s = text_to_u64(t, &v);

	if (s != STATUS_OK)
		return s;
	if (v > UINT32_MAX)
		return STATUS_LIMIT;
	*out = (uint32_t)v;
	return STATUS_OK;
}

enum status
text_to_string(struct text t, char *dst, size_t cap)
{
	if (t.len >= cap || (t.len > 0 && memchr(t.ptr, 0, t.len) != NULL))
		return STATUS_LIMIT;
	if (t.len > 0)
		memcpy(dst, t.ptr, t.len);
	dst[t.len] = 0;
	return STATUS_OK;
}

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t
rotl(uint64_t x, int n)
{
	return (x << n) | (x >> (64 - n));
}

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t w)
{
	s->v3 ^= w;
	sip_round(s);
	s->v0 ^= w;
}

/* fold is a constant in both callers, so that each gets a loop of its own. */
static inline uint64_t
sip_hash(struct text t, bool fold)
{
	struct sip s = { seed[0] ^ UINT64_C(0x736f6d6570736575),
		seed[1] ^ UINT64_C(0x646f72616e646f6d), seed[0] ^ UINT64_C(0x6c7967656e657261),
		seed[1] ^ UINT64_C(0x7465646279746573) };
	const char *p = t.ptr;
	size_t left = t.len;
	uint64_t w;

	for (; left >= 8; p += 8, left -= 8) {
		w = load8(p);
		sip_word(&s, fold ? lower8(w) : w);
	}
	w = load_tail(p, left);
	sip_word(&s, (fold ? lower8(w) : w) | (uint64_t)t.len << 56);
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t
text_hash(struct text t)
{
	return sip_hash(t, false);
}

uint64_t
text_hash_ci(struct text t)
{
	return sip_hash(t, true);
}

uint64_t
text_hash_stable(struct text t)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < t.len; i++)
		h = (h ^ (unsigned char)t.ptr[i]) * UINT64_C(0x100000001b3);
	return h;
}
