/* SPDX-License-Identifier: ISC */
/* Versions known to the group writer; see store/engine/versions.h. */
#include "store/engine/versions.h"

#include <string.h>

#define PENDING_SLOTS (2 * VERSIONS_PENDING)

static size_t
hash_of(struct entity e)
{
	uint64_t h = (e.id ^ (uint64_t)e.kind << 56) * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)(h >> 32);
}

static bool
same(struct entity a, struct entity b)
{
	return a.id == b.id && a.kind == b.kind;
}

void
versions_init(struct versions *v)
{
	*v = (struct versions){ .stamp = 1 };
	v->cached = mem_array(VERSIONS_CACHED, sizeof(*v->cached));
	v->pending = mem_array(PENDING_SLOTS, sizeof(*v->pending));
}

void
versions_done(struct versions *v)
{
	mem_free(v->cached);
	mem_free(v->pending);
}

/* The slot of the entity, or the free one where it would go. */
static struct version_slot *
pending_slot(const struct versions *v, struct entity e)
{
	size_t i = hash_of(e) % PENDING_SLOTS;

	while (v->pending[i].stamp == v->stamp && !same(v->pending[i].entity, e))
		i = (i + 1) % PENDING_SLOTS;
	return &v->pending[i];
}

static struct version_slot *
cached_slot(const struct versions *v, struct entity e)
{
	return &v->cached[hash_of(e) % VERSIONS_CACHED];
}

bool
versions_find(const struct versions *v, struct entity e, uint64_t *version)
{
	const struct version_slot *s = pending_slot(v, e);

	if (s->stamp != v->stamp) {
		s = cached_slot(v, e);
		if (s->stamp == 0 || !same(s->entity, e))
			return false;
	}
	*version = s->version;
	return true;
}

void
versions_learn(struct versions *v, struct entity e, uint64_t version)
{
	*cached_slot(v, e) = (struct version_slot){ e, version, 1 };
}

void
versions_pend(struct versions *v, struct entity e, uint64_t version)
{
	struct version_slot *s = pending_slot(v, e);

	if (s->stamp != v->stamp) {
		CHECK(v->count < VERSIONS_PENDING);
		v->used[v->count++] = (uint16_t)(s - v->pending);
	}
	*s = (struct version_slot){ e, version, v->stamp };
}

void
versions_settle(struct versions *v, bool written)
{
	for (size_t i = 0; written && i < v->count; i++) {
		const struct version_slot *s = &v->pending[v->used[i]];

		versions_learn(v, s->entity, s->version);
	}
	v->count = 0;
	v->stamp++;
}

void
versions_forget(struct versions *v)
{
	versions_settle(v, false);
	memset(v->cached, 0, VERSIONS_CACHED * sizeof(*v->cached));
}
