/* SPDX-License-Identifier: ISC */
/*
 * An engine in front of another that lets so many commits through and then
 * breaks: every further one ends in IO, or the process is killed. What the
 * engine behind holds then is what a crash at that step leaves. Or it is in
 * doubt about the entities of one kind: their commits are made or lost, which
 * nobody is told, and their versions cannot be read. For *_test.c files only.
 */
#ifndef STORE_ENGINE_BREAKING_H
#define STORE_ENGINE_BREAKING_H

#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "store/engine/backend.h"

#define NEVER_BREAKS UINT_MAX

struct breaking {
	struct engine base; /* first */
	struct engine *inner;
	_Atomic unsigned left; /* commits, until it breaks */
	bool kills;
	_Atomic int doubt; /* enum doubt */
	enum entity_kind doubted;
	void (*done)(struct engine_batch *b, enum status s); /* of the batch in doubt */
};

enum doubt { NO_DOUBT, DOUBT_MADE, DOUBT_LOST };

UNUSED static struct breaking *
breaking_of(struct engine *e)
{
	return (struct breaking *)(void *)e;
}

static struct breaking *breaking_in_doubt; /* there is one at a time */

static void
breaking_doubt(struct engine_batch *b, enum status s)
{
	b->done = breaking_in_doubt->done;
	b->done(b, s == STATUS_OK ? STATUS_AMBIGUOUS : s);
}

/* One batch at a time. */
static bool
breaking_doubts(struct breaking *x, struct engine_batch *b)
{
	int doubt = atomic_load(&x->doubt);

	if (doubt == NO_DOUBT || b->entity.kind != x->doubted)
		return false;
	breaking_in_doubt = x;
	x->done = b->done;
	b->done = breaking_doubt;
	if (doubt == DOUBT_MADE)
		x->inner->ops->commit(x->inner, b);
	else
		breaking_doubt(b, STATUS_OK);
	return true;
}

static void
breaking_commit(struct engine *e, struct engine_batch *b)
{
	struct breaking *x = breaking_of(e);
	unsigned left = atomic_load(&x->left);

	if (breaking_doubts(x, b))
		return;
	while (left > 0 && left != NEVER_BREAKS &&
	       !atomic_compare_exchange_weak(&x->left, &left, left - 1))
		;
	if (left > 0)
		x->inner->ops->commit(x->inner, b);
	else if (x->kills)
		(void)kill(getpid(), SIGKILL);
	else
		b->done(b, STATUS_IO);
}

static enum status
breaking_version(struct engine *e, struct entity entity, uint64_t *version)
{
	struct breaking *x = breaking_of(e);

	if (atomic_load(&x->doubt) != NO_DOUBT && entity.kind == x->doubted)
		return STATUS_IO;
	return engine_version(x->inner, entity, version);
}

static enum status
breaking_get(
    struct engine *e, struct entity entity, struct text key, struct arena *a, struct text *value)
{
	return engine_get(breaking_of(e)->inner, entity, key, a, value);
}

/* The scan that comes back is the inner engine's, and goes to it by itself. */
static enum status
breaking_scan_open(struct engine *e, struct entity entity, struct text from, struct text until,
    struct engine_scan **out)
{
	return engine_scan_open(breaking_of(e)->inner, entity, from, until, out);
}

static enum status
breaking_blob_get(
    struct engine *e, struct blob_id id, uint16_t piece, struct arena *a, struct text *bytes)
{
	return engine_blob_get(breaking_of(e)->inner, id, piece, a, bytes);
}

static enum status
breaking_next_entity(
    struct engine *e, enum entity_kind kind, uint64_t after, bool first, uint64_t *id)
{
	return engine_next_entity(breaking_of(e)->inner, kind, after, first, id);
}

static enum status
breaking_next_blob(struct engine *e, struct blob_id after, struct blob_id *id, uint32_t *pieces)
{
	return engine_next_blob(breaking_of(e)->inner, after, id, pieces);
}

static void
breaking_compact(struct engine *e)
{
	engine_compact(breaking_of(e)->inner);
}

/* The inner engine stays. */
static void
breaking_free(struct engine *e)
{
	engine_base_done(e);
	mem_free(breaking_of(e));
}

static const struct engine_ops breaking_ops = {
	.name = "breaking",
	.commit = breaking_commit,
	.version = breaking_version,
	.get = breaking_get,
	.scan_open = breaking_scan_open,
	.blob_get = breaking_blob_get,
	.next_entity = breaking_next_entity,
	.next_blob = breaking_next_blob,
	.compact = breaking_compact,
	.free = breaking_free,
};

UNUSED static struct engine *
breaking_new(struct engine *inner)
{
	struct breaking *x = MEM_NEW(struct breaking);

	engine_base_init(&x->base, &breaking_ops);
	x->inner = inner;
	atomic_store(&x->left, NEVER_BREAKS);
	return &x->base;
}

#endif
