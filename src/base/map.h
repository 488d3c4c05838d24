/* SPDX-License-Identifier: ISC */
/*
 * Hash maps from text or 64-bit numbers to pointers. Text keys are copied
 * into the map. Hashes are seeded per process (text_hash). A zeroed struct is
 * an empty map. The map owns its table and keys, never the values. Not for
 * two threads at once.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/text.h"

struct map_slot;

struct map {
	struct map_slot *slots;
	size_t cap;   /* power of two, or 0 */
	size_t count; /* entries */
	size_t dead;  /* removed entries that still hold a slot */
};

#define MAP_INIT  \
	{         \
		0 \
	}

void map_done(struct map *m);
/* The value, or NULL. */
void *map_get(const struct map *m, struct text key);
void *map_get_u64(const struct map *m, uint64_t key);
/* Puts or replaces; gives the earlier value or NULL. The value is not NULL.
 * A map uses text keys or number keys, never both. */
void *map_put(struct map *m, struct text key, void *value);
void *map_put_u64(struct map *m, uint64_t key, void *value);
/* Takes out; gives the value or NULL. */
void *map_remove(struct map *m, struct text key);
void *map_remove_u64(struct map *m, uint64_t key);

/* Walks all entries in no order: start with *at = 0. The current entry may be
 * removed while walking; nothing may be put. */
bool map_each(const struct map *m, size_t *at, struct text *key, uint64_t *number, void **value);

#endif
