/* SPDX-License-Identifier: ISC */
/*
 * struct cursor: the one thing to parse with. It walks a text that is wholly
 * there; a parser is a set of functions, one per ABNF rule and named after
 * it, that take a cursor and either consume the rule and return true, or
 * consume nothing and return false. It never reads outside [at, end).
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/text.h"

struct cursor {
	const char *at;
	const char *end;
};

static inline struct cursor
cursor_of(struct text t)
{
	/* An empty text may have no memory at all, and NULL + 0 is undefined. */
	return t.len == 0 ? (struct cursor){ "", "" } : (struct cursor){ t.ptr, t.ptr + t.len };
}

static inline bool
cursor_done(const struct cursor *c)
{
	return c->at >= c->end;
}

static inline size_t
cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->at);
}

/* What is not consumed yet. */
static inline struct text
cursor_rest(const struct cursor *c)
{
	return (struct text){ c->at, cursor_left(c) };
}

/* The next byte as 0..255, or -1 at the end; consumes nothing. */
static inline int
cursor_peek(const struct cursor *c)
{
	return c->at < c->end ? (unsigned char)*c->at : -1;
}

/* The next byte as 0..255, or -1 at the end; consumes it. */
static inline int
cursor_next(struct cursor *c)
{
	return c->at < c->end ? (unsigned char)*c->at++ : -1;
}

/* Consumes this byte, this text (exactly, or whatever its case). */
bool cursor_byte(struct cursor *c, char b);
bool cursor_text(struct cursor *c, struct text t);
bool cursor_text_ci(struct cursor *c, struct text t);

/* Consumes n bytes into *out; false when fewer are left. */
bool cursor_take(struct cursor *c, size_t n, struct text *out);

/* Consumes the longest run (perhaps empty) of bytes for which the 256-entry
 * class table is true. */
struct text cursor_run(struct cursor *c, const bool class[256]);
/* Consumes up to (not including) byte b; all that is left if it is absent. */
struct text cursor_until(struct cursor *c, char b);

/* 1*DIGIT without sign. False (nothing consumed) when there is no digit or
 * the value does not fit. */
bool cursor_u64(struct cursor *c, uint64_t *out);
bool cursor_u32(struct cursor *c, uint32_t *out);

/* Consumes *(SP / HTAB). */
void cursor_wsp(struct cursor *c);

#endif
