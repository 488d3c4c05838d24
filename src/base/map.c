/* SPDX-License-Identifier: ISC */
/*
 * Open addressing with linear probing, at most three quarters of the slots in
 * use. A removed entry leaves a dead slot unless the next one is empty; a
 * rebuild drops them. A slot without value is empty (hash 0) or dead (hash
 * 1). A text key is copied, a number key stands in the slot itself.
 */
#include "base/map.h"

#include "base/arena.h"
#include "base/random.h"

#define CAP_LEAST 16
#define DEAD 1

struct map_slot {
	uint64_t hash;
	void *value;
	char *key;	 /* NULL: a number key */
	uint64_t number; /* the number, or the length of key */
};

/* A key as looked for, and its hash. */
struct want {
	uint64_t hash;
	const char *key;
	uint64_t number;
};

static uint64_t number_seed;

__attribute__((constructor)) static void
seed_draw(void)
{
	number_seed = random_u64();
}

static struct want
want_text(struct text t)
{
	return (struct want){ text_hash(t), t.ptr == NULL ? "" : t.ptr, t.len };
}

/* Numbers are UIDs, descriptors and the like: two multiplications spread
 * them, and the seed keeps strangers from choosing them. */
static struct want
want_number(uint64_t n)
{
	uint64_t h = (n ^ number_seed) * UINT64_C(0x9fb21c651e98df25);

	h = (h ^ (h >> 32) ^ number_seed) * UINT64_C(0xd6e8feb86659fd93);
	return (struct want){ h ^ (h >> 32), NULL, n };
}

static bool
is_same(const struct map_slot *s, const struct want *w)
{
	if (s->value == NULL || s->hash != w->hash || s->number != w->number)
		return false;
	return w->key == NULL ||
	       text_equal((struct text){ s->key, s->number }, (struct text){ w->key, w->number });
}

static struct map_slot *
find(const struct map *m, const struct want *w)
{
	for (size_t i = w->hash; m->cap > 0; i++) {
		struct map_slot *s = &m->slots[i & (m->cap - 1)];

		if (is_same(s, w))
			return s;
		if (s->value == NULL && s->hash != DEAD)
			break;
	}
	return NULL;
}

/* Where a key that is not in the map goes: a dead slot is used again. */
static struct map_slot *
find_free(struct map *m, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);

	while (m->slots[i].value != NULL)
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

static void
rebuild(struct map *m)
{
	struct map old = *m;

	m->cap = CAP_LEAST;
	while (m->cap < (m->count + 1) * 2)
		m->cap *= 2;
	m->slots = mem_array(m->cap, sizeof(*m->slots));
	m->dead = 0;
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].value != NULL)
			*find_free(m, old.slots[i].hash) = old.slots[i];
	mem_free(old.slots);
}

static void *
put(struct map *m, const struct want *w, void *value)
{
	struct map_slot *s = find(m, w);
	void *earlier = NULL;

	CHECK(value != NULL);
	if (s != NULL) {
		earlier = s->value;
		s->value = value;
		return earlier;
	}
	if ((m->count + m->dead + 1) * 4 > m->cap * 3)
		rebuild(m);
	s = find_free(m, w->hash);
	if (s->hash == DEAD)
		m->dead--;
	s->hash = w->hash;
	s->value = value;
	s->key = w->key == NULL ? NULL : mem_string((struct text){ w->key, w->number });
	s->number = w->number;
	m->count++;
	return NULL;
}

static void *
take_out(struct map *m, const struct want *w)
{
	struct map_slot *s = find(m, w), *next;
	void *value;

	if (s == NULL)
		return NULL;
	value = s->value;
	mem_free(s->key);
	next = &m->slots[((size_t)(s - m->slots) + 1) & (m->cap - 1)];
	*s = (struct map_slot){ 0 };
	if (next->value != NULL || next->hash == DEAD) {
		s->hash = DEAD;
		m->dead++;
	}
	m->count--;
	return value;
}

void
map_done(struct map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		mem_free(m->slots[i].key);
	mem_free(m->slots);
	*m = (struct map)MAP_INIT;
}

void *
map_get(const struct map *m, struct text key)
{
	struct want w;
	struct map_slot *s;

	if (m->count == 0) /* no need to hash the key */
		return NULL;
	w = want_text(key);
	s = find(m, &w);
	return s == NULL ? NULL : s->value;
}

void *
map_get_u64(const struct map *m, uint64_t key)
{
	struct want w = want_number(key);
	struct map_slot *s = find(m, &w);

	return s == NULL ? NULL : s->value;
}

void *
map_put(struct map *m, struct text key, void *value)
{
	struct want w = want_text(key);

	return put(m, &w, value);
}

void *
map_put_u64(struct map *m, uint64_t key, void *value)
{
	struct want w = want_number(key);

	return put(m, &w, value);
}

void *
map_remove(struct map *m, struct text key)
{
	struct want w = want_text(key);

	return take_out(m, &w);
}

void *
map_remove_u64(struct map *m, uint64_t key)
{
	struct want w = want_number(key);

	return take_out(m, &w);
}

bool
map_each(const struct map *m, size_t *at, struct text *key, uint64_t *number, void **value)
{
	while (*at < m->cap && m->slots[*at].value == NULL)
		++*at;
	if (*at >= m->cap)
		return false;

	const struct map_slot *s = &m->slots[(*at)++];

	if (key != NULL)
		*key = s->key == NULL ? TEXT_EMPTY : (struct text){ s->key, s->number };
	if (number != NULL)
		*number = s->key == NULL ? s->number : 0;
	if (value != NULL)
		*value = s->value;
	return true;
}
