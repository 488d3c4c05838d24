/* SPDX-License-Identifier: ISC */
/*
 * struct text: a view of bytes that somebody else owns. It is what parsers
 * give and take; it is never NUL-terminated by promise and may hold any byte.
 * The empty text has len 0 and any ptr. Case folding is ASCII only, as the
 * mail protocols want it (RFC 5321 2.4), whatever the locale.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct text {
	const char *ptr;
	size_t len;
};

#define TEXT(literal) ((struct text){ "" literal, sizeof(literal) - 1 })
#define TEXT_EMPTY ((struct text){ "", 0 })
/* For printf("%.*s", TEXT_ARG(t)). */
#define TEXT_ARG(t) (int)((t).len > 0x7fffffff ? 0x7fffffff : (t).len), (t).ptr

/* A view of a NUL-terminated string; NULL gives the empty text. */
struct text text_of(const char *s);

bool text_equal(struct text a, struct text b);
bool text_equal_ci(struct text a, struct text b);
/* Order by bytes, the shorter first where one is a prefix: <0, 0, >0. */
int text_compare(struct text a, struct text b);
int text_compare_ci(struct text a, struct text b);
bool text_starts(struct text t, struct text prefix);
bool text_starts_ci(struct text t, struct text prefix);
bool text_ends(struct text t, struct text suffix);
bool text_ends_ci(struct text t, struct text suffix);

/* Position of the first match at or after from, or t.len. */
size_t text_find(struct text t, struct text needle, size_t from);
size_t text_find_ci(struct text t, struct text needle, size_t from);
size_t text_find_byte(struct text t, char c, size_t from);
/* Position of the last such byte, or t.len. */
size_t text_find_last(struct text t, char c);

/* The part [from, to); both are cut to the length. */
struct text text_part(struct text t, size_t from, size_t to);
/* Without space, tab, CR and LF at both ends. */
struct text text_trim(struct text t);
/* Takes what stands before the first c off *t (c itself is dropped) into
 * *piece. False when *t is empty and nothing is left. */
bool text_split(struct text *t, char c, struct text *piece);

/* Decimal digits only, whole text, no sign, no space. INVALID or LIMIT. */
enum status text_to_u64(struct text t, uint64_t *out) MUST_CHECK;
enum status text_to_u32(struct text t, uint32_t *out) MUST_CHECK;

/* Copies into dst[cap] with a NUL at the end; LIMIT when it does not fit or
 * holds a NUL. */
enum status text_to_string(struct text t, char *dst, size_t cap) MUST_CHECK;

/* A 64-bit hash of no cryptographic strength, seeded once per process, so
 * that strangers cannot choose collisions. Not for storage. */
uint64_t text_hash(struct text t);
/* The same over lower-cased bytes. */
uint64_t text_hash_ci(struct text t);
/* FNV-1a 64, stable for ever: for keys on disk. */
uint64_t text_hash_stable(struct text t);

static inline char
byte_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool
byte_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
byte_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

#endif
