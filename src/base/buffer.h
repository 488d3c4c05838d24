/* SPDX-License-Identifier: ISC */
/*
 * struct buffer: the one growable byte buffer. It owns its memory. A limit,
 * when set, is a promise: what would go beyond it is dropped whole and
 * "overflow" is set, which the caller looks at once at the end. Memory that
 * runs out ends the process. A zeroed struct is an empty buffer without limit.
 * There is always room for a NUL behind len once something was appended, but
 * it is not counted.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <string.h>

#include "base/text.h"

struct buffer {
	char *ptr;
	size_t len;
	size_t cap;
	size_t limit;  /* 0: none */
	bool overflow; /* something was dropped because of the limit */
};

#define BUFFER_INIT \
	{           \
		0   \
	}

void buffer_init(struct buffer *b, size_t limit);
/* Frees the memory; the buffer can be used again. */
void buffer_done(struct buffer *b);
/* The same after wiping: for buffers that held a secret. */
void buffer_done_secret(struct buffer *b);
/* Forgets the content, keeps the memory, clears overflow. */
void buffer_clear(struct buffer *b);

/* What buffer_room does when the memory at hand is not enough, or limited. */
char *buffer_make_room(struct buffer *b, size_t n);

/* Room for n more bytes without moving; returns where they would stand, or
 * NULL with overflow set. Follow by buffer_added. */
static inline char *
buffer_room(struct buffer *b, size_t n)
{
	return b->limit == 0 && n < b->cap - b->len ? b->ptr + b->len : buffer_make_room(b, n);
}

static inline void
buffer_added(struct buffer *b, size_t n)
{
	CHECK(n == 0 || n < b->cap - b->len);
	b->len += n;
}

/* Inline: rows and responses are made of very many short pieces. */
static inline void
buffer_add(struct buffer *b, const void *bytes, size_t n)
{
	char *to = buffer_room(b, n);

	if (to == NULL || n == 0)
		return;
	memcpy(to, bytes, n);
	b->len += n;
}

static inline void
buffer_add_text(struct buffer *b, struct text t)
{
	buffer_add(b, t.ptr, t.len);
}

static inline void
buffer_add_string(struct buffer *b, const char *s)
{
	buffer_add(b, s, strlen(s));
}

static inline void
buffer_add_byte(struct buffer *b, char c)
{
	buffer_add(b, &c, 1);
}

#define BUFFER_U64_MAX 20 /* digits */

void buffer_add_u64(struct buffer *b, uint64_t decimal);
/* The same to where there is room for BUFFER_U64_MAX; gives what is behind it. */
char *buffer_put_u64(char *to, uint64_t decimal);
void buffer_addf(struct buffer *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buffer_addv(struct buffer *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

/* Drops the first n bytes and moves the rest to the front. */
void buffer_drop(struct buffer *b, size_t n);
/* Cuts to n bytes. */
void buffer_cut(struct buffer *b, size_t n);

/* A view of the content, good until the next change. */
struct text buffer_text(const struct buffer *b);
/* The content as a NUL-terminated string; owned by the buffer. */
const char *buffer_string(struct buffer *b);

#endif
