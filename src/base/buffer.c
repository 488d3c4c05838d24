/* SPDX-License-Identifier: ISC */
/*
 * The growable byte buffer: one realloc that doubles, one place that knows of
 * the limit (buffer_room). cap is always greater than len once memory was
 * taken, which leaves the place for a NUL.
 */
#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"

void
buffer_init(struct buffer *b, size_t limit)
{
	*b = (struct buffer){ .limit = limit };
}

void
buffer_done(struct buffer *b)
{
	mem_free(b->ptr);
	buffer_init(b, b->limit);
}

void
buffer_done_secret(struct buffer *b)
{
	if (b->ptr != NULL)
		secret_wipe(b->ptr, b->cap);
	buffer_done(b);
}

void
buffer_clear(struct buffer *b)
{
	b->len = 0;
	b->overflow = false;
}

static void
grow(struct buffer *b, size_t need)
{
	size_t cap = b->cap < 64 ? 64 : b->cap;

	while (cap < need)
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			die("out of memory: buffer of %zu bytes", need);
	b->ptr = mem_resize(b->ptr, cap, 1);
	b->cap = cap;
}

char *
buffer_room(struct buffer *b, size_t n)
{
	if (b->limit != 0 && (b->len > b->limit || n > b->limit - b->len)) {
		b->overflow = true;
		return NULL;
	}
	if (n >= b->cap - b->len) {
		if (n >= PTRDIFF_MAX - b->len)
			die("out of memory: buffer of %zu bytes and %zu more", b->len, n);
		grow(b, b->len + n + 1);
	}
	return b->ptr + b->len;
}

void
buffer_added(struct buffer *b, size_t n)
{
	CHECK(n == 0 || n < b->cap - b->len);
	b->len += n;
}

void
buffer_add(struct buffer *b, const void *bytes, size_t n)
{
	char *to = buffer_room(b, n);

	if (to == NULL || n == 0)
		return;
	memcpy(to, bytes, n);
	b->len += n;
}

void
buffer_add_text(struct buffer *b, struct text t)
{
	buffer_add(b, t.ptr, t.len);
}

void
buffer_add_string(struct buffer *b, const char *s)
{
	buffer_add(b, s, strlen(s));
}

void
buffer_add_byte(struct buffer *b, char c)
{
	char *to = buffer_room(b, 1);

	if (to == NULL)
		return;
	*to = c;
	b->len++;
}

void
buffer_add_u64(struct buffer *b, uint64_t decimal)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + decimal % 10);
		decimal /= 10;
	} while (decimal != 0);
	buffer_add(b, digits + at, sizeof(digits) - at);
}

void
buffer_addf(struct buffer *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buffer_addv(b, fmt, ap);
	va_end(ap);
}

void
buffer_addv(struct buffer *b, const char *fmt, va_list ap)
{
	char line[256];
	va_list again;
	char *to;
	int n;

	va_copy(again, ap);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	CHECK(n >= 0);
	if ((size_t)n < sizeof(line)) {
		buffer_add(b, line, (size_t)n);
	} else if ((to = buffer_room(b, (size_t)n)) != NULL) {
		CHECK(vsnprintf(to, (size_t)n + 1, fmt, again) == n);
		b->len += (size_t)n;
	}
	va_end(again);
}

void
buffer_drop(struct buffer *b, size_t n)
{
	CHECK(n <= b->len);
	b->len -= n;
	if (n > 0 && b->len > 0)
		memmove(b->ptr, b->ptr + n, b->len);
}

void
buffer_cut(struct buffer *b, size_t n)
{
	CHECK(n <= b->len);
	b->len = n;
}

struct text
buffer_text(const struct buffer *b)
{
	return b->ptr == NULL ? TEXT_EMPTY : (struct text){ b->ptr, b->len };
}

const char *
buffer_string(struct buffer *b)
{
	if (b->ptr == NULL)
		return "";
	b->ptr[b->len] = 0;
	return b->ptr;
}
