/* SPDX-License-Identifier: ISC */
/*
 * The growable byte buffer: one realloc that doubles, one place that knows of
 * the limit (buffer_make_room). cap is always greater than len once memory was
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
buffer_make_room(struct buffer *b, size_t n)
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

/* Two digits at a time: sequence numbers, UIDs and sizes are most of what a
 * list of messages prints. */
char *
buffer_put_u64(char *to, uint64_t decimal)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	char digits[BUFFER_U64_MAX];
	size_t at = sizeof(digits);

	for (; decimal >= 100; decimal /= 100)
		memcpy(digits + (at -= 2), pairs + 2 * (decimal % 100), 2);
	if (decimal >= 10)
		memcpy(digits + (at -= 2), pairs + 2 * decimal, 2);
	else
		digits[--at] = (char)('0' + decimal);
	memcpy(to, digits + at, sizeof(digits) - at);
	return to + (sizeof(digits) - at);
}

void
buffer_add_u64(struct buffer *b, uint64_t decimal)
{
	char digits[BUFFER_U64_MAX];

	buffer_add(b, digits, (size_t)(buffer_put_u64(digits, decimal) - digits));
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
