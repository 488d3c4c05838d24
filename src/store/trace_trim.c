/* SPDX-License-Identifier: ISC */
/*
 * The end of the trace: what is older than trace.keep goes, whole batches at a
 * time, oldest last in the order of keys. Each batch names what it wrote, so
 * nothing is searched; a step deletes a bounded number of keys.
 */
#include "base/log.h"
#include "runtime/settings.h"
#include "store/core.h"

#define STEP_KEYS 20000u	/* deleted in one commit, about */
#define LOOK_EVERY CLOCK_MINUTE /* monotonic */

struct trim {
	struct op op; /* first */
	struct txn *txn;
	int64_t before; /* microseconds */
	uint32_t keys;
};

static void
forget(void *arg, const struct trace_noted *n)
{
	struct trim *m = arg;
	struct key story = trace_story_key(n->id, n->at, n->number);

	txn_delete(m->txn, key_text(&story));
	for (uint32_t i = 0; i < n->marks; i++) {
		struct key k = trace_mark_key(n->mark[i], n->at, n->number);

		txn_delete(m->txn, key_text(&k));
	}
	m->keys += 1 + n->marks;
}

static enum status
trim_batch(void *arg, struct text key, struct text value)
{
	struct trim *m = arg;
	enum status how;

	if (m->keys >= STEP_KEYS)
		return STATUS_AGAIN;
	how = trace_batch_each(key, value, m->op.arena, forget, m);
	if (how == STATUS_OK)
		txn_delete(m->txn, key);
	m->keys++;
	return how;
}

/* Keys begin with the complement of the time: what is older stands behind. */
static enum status
trim_apply(struct txn *t, struct op *op)
{
	struct trim *m = (struct trim *)(void *)op;
	struct key from = trace_batch_key(m->before, 0), all = key_of(KEY_T_BATCH),
		   until = key_behind(all);

	m->txn = t;
	m->keys = 0;
	return txn_scan(t, key_text(&from), key_text(&until), trim_batch, m);
}

enum status
trace_trim(struct store *s, int64_t before)
{
	enum status how = STATUS_OK;

	for (uint32_t i = 0; i < TRACE_SHARDS && how == STATUS_OK; i++) {
		struct arena a = ARENA_INIT;
		struct trim m = { .op = { .apply = trim_apply, .arena = &a }, .before = before };

		how = owner_wait(&s->trace.shard[i].owner, &m.op);
		arena_done(&a);
	}
	return how;
}

void
trace_tend(struct store *s)
{
	int64_t now = clock_mono();
	enum status how;

	trace_flush(s);
	if (now - s->trace.trimmed < LOOK_EVERY)
		return;
	s->trace.trimmed = now;
	how = trace_trim(s, clock_wall() - setting(SET_TRACE_KEEP));
	if (how != STATUS_OK)
		LOG_WARN("store.trace_not_trimmed", FIELD_STATUS(how));
}
