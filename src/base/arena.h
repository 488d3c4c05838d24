/* SPDX-License-Identifier: ISC */
/*
 * struct arena: memory that is freed by scope. One per command, one per
 * session, one per message. Blocks are taken from malloc; nothing is freed
 * singly. In builds with MAILSTEAD_ARENA_MALLOC (the sanitizer builds) every
 * allocation is a malloc of its own, so that ASan sees each overrun.
 *
 * The limit is the arena's whole size in bytes; beyond it arena_try_* give
 * NULL, which is an answer to the client. arena_alloc dies instead: use it
 * where the size was bounded before. A zeroed struct is an empty arena with
 * blocks of 4 KiB and no limit. Not for two threads at once.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/text.h"

struct arena_block;
struct arena_cleanup;

struct arena {
	struct arena_block *blocks; /* newest first */
	struct arena_cleanup *cleanups;
	size_t block_size; /* of the next block; 0: 4096 */
	size_t limit;	   /* 0: none */
	size_t used;	   /* bytes handed out, padding included */
};

#define ARENA_INIT \
	{          \
		0  \
	}

void arena_init(struct arena *a, size_t block_size, size_t limit);
/* Frees all; the arena can be used again with the same settings. */
void arena_done(struct arena *a);
/* The same, but keeps one block for the next command. */
void arena_reset(struct arena *a);

/* n zeroed bytes, aligned for any type. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_try_alloc(struct arena *a, size_t n) MUST_CHECK;
/* count zeroed elements of size bytes; the product is checked. */
void *arena_array(struct arena *a, size_t count, size_t size);
#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_array((a), (count), sizeof(type)))

/* A copy in the arena, with a NUL behind it that is not counted. */
struct text arena_copy(struct arena *a, struct text t);
struct text arena_lower(struct arena *a, struct text t);
struct text arena_join(struct arena *a, struct text x, struct text y);
struct text arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* NUL-terminated copy. */
char *arena_string(struct arena *a, struct text t);

/* Calls fn(arg) when the arena is done or reset, last registered first: for
 * mappings, descriptors and buffers that live as long as the arena. */
void arena_on_done(struct arena *a, void (*fn)(void *arg), void *arg);

/* malloc family that ends the process instead of failing; for what outlives
 * every scope. mem_free takes NULL. */
void *mem_new(size_t n); /* zeroed */
void *mem_array(size_t count, size_t size);
void *mem_resize(void *p, size_t count, size_t size);
void mem_free(void *p);
char *mem_string(struct text t);
#define MEM_NEW(type) ((type *)mem_new(sizeof(type)))

#endif
