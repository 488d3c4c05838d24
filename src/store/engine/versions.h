/* SPDX-License-Identifier: ISC */
/*
 * What the group writer knows about versions of entities: a cache of bounded
 * size of those that are on disk, and exactly those that the group in hand will
 * make, so that a second batch of an entity in the same group is held against
 * what the first one makes. The writer's own; no locks.
 */
#ifndef STORE_ENGINE_VERSIONS_H
#define STORE_ENGINE_VERSIONS_H

#include "store/engine.h"

#define VERSIONS_CACHED 32768u /* a power of two; a slot an entity, by hash */
#define VERSIONS_PENDING 1024u /* most entities of a group */

struct version_slot {
	struct entity entity;
	uint64_t version;
	uint64_t stamp; /* pending: of its group; cached: 1 if in use */
};

struct versions {
	struct version_slot *cached;
	struct version_slot *pending; /* open addressing, half empty */
	uint16_t used[VERSIONS_PENDING];
	size_t count;
	uint64_t stamp;
};

void versions_init(struct versions *v);
void versions_done(struct versions *v);
bool versions_find(const struct versions *v, struct entity e, uint64_t *version);
/* On disk it is at this version. */
void versions_learn(struct versions *v, struct entity e, uint64_t version);
/* The group makes it this version. At most VERSIONS_PENDING entities. */
void versions_pend(struct versions *v, struct entity e, uint64_t version);
/* Ends the group: what was pending is on disk now, or is nothing. */
void versions_settle(struct versions *v, bool written);
void versions_forget(struct versions *v);

#endif
