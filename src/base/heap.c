/* SPDX-License-Identifier: ISC */
/* A binary heap; see base/heap.h. */
#include "base/heap.h"

#include <string.h>

#include "base/arena.h"
#include "base/status.h"

#define FIRST_CAP 8

static unsigned char *
item_at(const struct heap *h, size_t i)
{
	return h->items + i * h->size;
}

static int64_t
key_at(const struct heap *h, size_t i)
{
	int64_t key;

	memcpy(&key, item_at(h, i), sizeof(key));
	return key;
}

void
heap_done(struct heap *h)
{
	mem_free(h->items);
	h->items = NULL;
	h->count = h->cap = 0;
}

void
heap_push(struct heap *h, const void *item)
{
	unsigned char moved[HEAP_ITEM_MAX];
	size_t at = h->count;
	int64_t key;

	CHECK(h->size >= sizeof(key) && h->size <= HEAP_ITEM_MAX);
	memcpy(moved, item, h->size);
	memcpy(&key, moved, sizeof(key));
	if (h->count == h->cap) {
		h->cap = h->cap == 0 ? FIRST_CAP : h->cap * 2;
		h->items = mem_resize(h->items, h->cap, h->size);
	}
	h->count++;
	for (; at > 0 && key_at(h, (at - 1) / 2) > key; at = (at - 1) / 2)
		memcpy(item_at(h, at), item_at(h, (at - 1) / 2), h->size);
	memcpy(item_at(h, at), moved, h->size);
}

const void *
heap_first(const struct heap *h)
{
	return h->count == 0 ? NULL : h->items;
}

void
heap_pop(struct heap *h, void *item)
{
	size_t at = 0, last, child;

	CHECK(h->count > 0);
	memcpy(item, h->items, h->size);
	last = --h->count;
	if (last == 0) {
		heap_done(h);
		return;
	}
	for (; (child = 2 * at + 1) < last; at = child) {
		if (child + 1 < last && key_at(h, child + 1) < key_at(h, child))
			child++;
		if (key_at(h, child) >= key_at(h, last))
			break;
		memcpy(item_at(h, at), item_at(h, child), h->size);
	}
	if (at != last)
		memcpy(item_at(h, at), item_at(h, last), h->size);
}
