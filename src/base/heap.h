/* SPDX-License-Identifier: ISC */
/*
 * A binary heap of small structs that are copied in and out, the least key
 * first. The key is an int64_t and the struct's first member; among equal keys
 * there is no order. The memory grows with the most that was in it and goes
 * with heap_done, or when the heap is emptied. Not for two threads at once.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define HEAP_ITEM_MAX 64 /* octets of an item */

struct heap {
	unsigned char *items;
	size_t size; /* octets of one */
	size_t count, cap;
};

/* An empty heap of items of this type. */
#define HEAP_OF(type)                \
	{                            \
		.size = sizeof(type) \
	}

void heap_done(struct heap *h);
/* O(log n); item begins with its key. */
void heap_push(struct heap *h, const void *item);
/* The one with the least key, NULL when empty; good until the next push or pop. */
const void *heap_first(const struct heap *h);
/* Takes it out; the heap is not empty. O(log n). */
void heap_pop(struct heap *h, void *item);

#endif
