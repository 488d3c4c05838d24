/* SPDX-License-Identifier: ISC */
/*
 * What the tests of engines share: the engines under test, opened and reopened
 * alike, and a commit that insists, as every user of an engine must: it reads
 * the version again after CONFLICT and AMBIGUOUS. For *_test.c files only.
 */
#ifndef STORE_ENGINE_SUBJECT_H
#define STORE_ENGINE_SUBJECT_H

#include "store/engine/engine_folder.h"

struct subject {
	const char *name;
	bool exact; /* a batch whose guard holds ends in OK */
	struct engine *(*open)(struct subject *s);
	struct engine *(*reopen)(struct subject *s);
	struct engine *engine;
	char dir[64];
};

/* One try and what must be known after it: was the batch applied? Only for an
 * entity that nobody else commits to. */
UNUSED static bool
commit_once(struct engine *e, struct engine_batch *b)
{
	enum status s = engine_commit_wait(e, b);
	uint64_t version = b->guard;

	if (s == STATUS_OK)
		return true;
	assert_true(s == STATUS_CONFLICT || s == STATUS_AMBIGUOUS || s == STATUS_FULL);
	if (s != STATUS_FULL)
		assert_ok(engine_version(e, b->entity, &version));
	if (s == STATUS_AMBIGUOUS && version == b->guard + 1)
		return true;
	b->guard = version;
	return false;
}

/* Commits and frees the batch; gives the entity's new version. */
UNUSED static uint64_t
commit_surely(struct engine *e, struct engine_batch *b)
{
	uint64_t version;

	while (!commit_once(e, b))
		;
	version = b->guard + 1;
	engine_batch_done(b);
	return version;
}

UNUSED static struct engine *
rocks_open(struct subject *s)
{
	make_dir(s->dir);
	return open_rocksdb(s->dir);
}

UNUSED static struct engine *
rocks_reopen(struct subject *s)
{
	engine_free(s->engine);
	return open_rocksdb(s->dir);
}

static const struct entity account = { ENTITY_ACCOUNT, 7 };

UNUSED static void
begin_batch(struct engine *e, struct engine_batch *b, struct entity entity)
{
	uint64_t version;

	assert_ok(engine_version(e, entity, &version));
	engine_batch_init(b, entity, version);
}

UNUSED static void
put_now(struct engine *e, struct entity entity, struct text key, struct text value)
{
	struct engine_batch b;

	begin_batch(e, &b, entity);
	engine_put(&b, key, value);
	(void)commit_surely(e, &b);
}

#endif
