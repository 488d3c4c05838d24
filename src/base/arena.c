/* SPDX-License-Identifier: ISC */
/*
 * The arena and the malloc family. Blocks double from block_size up to 64 KiB
 * within one scope; what is larger than a quarter of the next block gets a
 * block of its own, placed behind the newest, so that the room left in the
 * newest is not lost. Memory is zeroed once, when it is handed out.
 */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_FIRST 4096
#define BLOCK_MOST 65536
#define ALIGN _Alignof(max_align_t)

static void *
must(void *p, size_t n)
{
	if (p == NULL)
		die("out of memory: %zu bytes", n);
	return p;
}

void *
mem_new(size_t n)
{
	return must(calloc(1, n == 0 ? 1 : n), n);
}

void *
mem_array(size_t count, size_t size)
{
	return must(calloc(count == 0 ? 1 : count, size == 0 ? 1 : size), count);
}

void *
mem_resize(void *p, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		die("out of memory: %zu times %zu bytes", count, size);
	return must(realloc(p, n == 0 ? 1 : n), n);
}

void
mem_free(void *p)
{
	free(p);
}

char *
mem_string(struct text t)
{
	char *s = must(malloc(t.len + 1), t.len);

	if (t.len > 0)
		memcpy(s, t.ptr, t.len);
	s[t.len] = 0;
	return s;
}

struct arena_cleanup {
	struct arena_cleanup *next;
	void (*fn)(void *arg);
	void *arg;
};

/* They stand in the arena, so they run before its memory goes. */
static void
run_cleanups(struct arena *a)
{
	struct arena_cleanup *c;

	while ((c = a->cleanups) != NULL) {
		a->cleanups = c->next;
		c->fn(c->arg);
	}
}

#ifdef MAILSTEAD_ARENA_MALLOC

/* One node an allocation; the memory stands apart, between red zones. */
struct arena_block {
	struct arena_block *next;
	void *memory;
};

static void *
take(struct arena *a, size_t n, size_t align)
{
	struct arena_block *b = must(malloc(sizeof(*b)), sizeof(*b));

	b->memory = must(malloc(n == 0 ? 1 : n), n);
	b->next = a->blocks;
	a->blocks = b;
	a->used += n;
	return b->memory;
}

void
arena_done(struct arena *a)
{
	struct arena_block *b;

	run_cleanups(a);
	while ((b = a->blocks) != NULL) {
		a->blocks = b->next;
		free(b->memory);
		free(b);
	}
	a->used = 0;
}

void
arena_reset(struct arena *a)
{
	arena_done(a);
}

#else

struct arena_block {
	struct arena_block *next;
	size_t size; /* of data */
	size_t used;
	_Alignas(max_align_t) char data[];
};

static struct arena_block *
block_new(size_t size)
{
	struct arena_block *b = must(malloc(sizeof(*b) + size), size);

	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

static size_t
next_size(const struct arena *a)
{
	size_t size = a->block_size == 0 ? BLOCK_FIRST : a->block_size;

	if (a->blocks != NULL && a->blocks->size >= size)
		size = a->blocks->size * 2;
	if (size > BLOCK_MOST && size > a->block_size)
		size = a->block_size > BLOCK_MOST ? a->block_size : BLOCK_MOST;
	return size;
}

static void *
take_slow(struct arena *a, size_t n)
{
	size_t size = next_size(a);
	bool apart = n > (a->blocks == NULL ? size : size / 4);
	struct arena_block *b = block_new(apart ? n : size);

	b->used = n;
	if (apart && a->blocks != NULL) {
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = a->blocks;
		a->blocks = b;
	}
	a->used += n;
	return b->data;
}

static void *
take(struct arena *a, size_t n, size_t align)
{
	struct arena_block *b = a->blocks;
	size_t at;

	if (b == NULL)
		return take_slow(a, n);
	at = (b->used + align - 1) & ~(align - 1);
	if (at > b->size || n > b->size - at)
		return take_slow(a, n);
	a->used += at - b->used + n;
	b->used = at + n;
	return b->data + at;
}

static void
free_chain(struct arena_block *b)
{
	while (b != NULL) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
}

void
arena_done(struct arena *a)
{
	run_cleanups(a);
	free_chain(a->blocks);
	a->blocks = NULL;
	a->used = 0;
}

/* Keeps the first block of the usual size that it meets, so that a command
 * after a large one does not hold large memory. */
void
arena_reset(struct arena *a)
{
	size_t usual = a->block_size == 0 ? BLOCK_FIRST : a->block_size;
	struct arena_block *keep = NULL, **link = &a->blocks;

	run_cleanups(a);
	for (; *link != NULL; link = &(*link)->next) {
		if ((*link)->size != usual)
			continue;
		keep = *link;
		*link = keep->next;
		break;
	}
	arena_done(a);
	if (keep == NULL)
		return;
	keep->next = NULL;
	keep->used = 0;
	a->blocks = keep;
}

#endif

void
arena_init(struct arena *a, size_t block_size, size_t limit)
{
	*a = (struct arena){ .block_size = block_size, .limit = limit };
}

/* Padding may lead a few bytes beyond the limit, which is no promise of exactness. */
static bool
allowed(const struct arena *a, size_t n)
{
	if (n > PTRDIFF_MAX - 4096)
		return false;
	return a->limit == 0 || (a->used <= a->limit && n <= a->limit - a->used);
}

static void *
take_or_die(struct arena *a, size_t n, size_t align)
{
	if (!allowed(a, n))
		die("arena of at most %zu bytes: %zu used, %zu asked", a->limit, a->used, n);
	return take(a, n, align);
}

void *
arena_try_alloc(struct arena *a, size_t n)
{
	return allowed(a, n) ? memset(take(a, n, ALIGN), 0, n) : NULL;
}

void
arena_on_done(struct arena *a, void (*fn)(void *arg), void *arg)
{
	struct arena_cleanup *c = take(a, sizeof(*c), ALIGN);

	*c = (struct arena_cleanup){ a->cleanups, fn, arg };
	a->cleanups = c;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	return memset(take_or_die(a, n, ALIGN), 0, n);
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		die("arena: %zu times %zu bytes asked", count, size);
	return arena_alloc(a, n);
}

/* Room for a text of n bytes with the NUL set behind it. */
static char *
take_text(struct arena *a, size_t n)
{
	char *p = take_or_die(a, n + 1, 1);

	p[n] = 0;
	return p;
}

static void
put(char *to, struct text t)
{
	if (t.len > 0)
		memcpy(to, t.ptr, t.len);
}

struct text
arena_copy(struct arena *a, struct text t)
{
	char *p = take_text(a, t.len);

	put(p, t);
	return (struct text){ p, t.len };
}

struct text
arena_lower(struct arena *a, struct text t)
{
	char *p = take_text(a, t.len);

	for (size_t i = 0; i < t.len; i++)
		p[i] = byte_lower(t.ptr[i]);
	return (struct text){ p, t.len };
}

struct text
arena_join(struct arena *a, struct text x, struct text y)
{
	char *p = take_text(a, x.len + y.len);

	put(p, x);
	put(p + x.len, y);
	return (struct text){ p, x.len + y.len };
}

struct text
arena_printf(struct arena *a, const char *fmt, ...)
{
	char line[256];
	struct text t;
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	t = (struct text){ line, (size_t)n };
	if (t.len < sizeof(line))
		return arena_copy(a, t);
	p = take_text(a, t.len);
	va_start(ap, fmt);
	CHECK(vsnprintf(p, t.len + 1, fmt, ap) == n);
	va_end(ap);
	return (struct text){ p, t.len };
}

char *
arena_string(struct arena *a, struct text t)
{
	char *p = take_text(a, t.len);

	put(p, t);
	return p;
}
