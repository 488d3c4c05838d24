/* SPDX-License-Identifier: ISC */
/*
 * The check of the trace: every row decodes, what a batch names is there, and
 * what finds a message leads to it. Batches that are trimmed meanwhile are
 * looked at again before anything is told.
 */
#include "store/check.h"
#include "store/core.h"

struct look {
	struct store *s;
	struct findings *f;
	struct entity e;
	uint32_t missing;
};

static bool
there(struct look *l, struct text key)
{
	struct arena a = ARENA_INIT;
	struct text value;
	bool is = engine_get(l->s->engine, l->e, key, &a, &value) == STATUS_OK;

	arena_done(&a);
	return is;
}

static enum status
look_at_story(void *arg, struct text key, struct text value)
{
	struct look *l = arg;
	struct arena a = ARENA_INIT;
	struct trace_row r;
	enum status how = trace_row_unpack(value, &a, &r);
	size_t id = text_find_byte(key, 0, 0);

	arena_done(&a);
	if (how != STATUS_OK || id == key.len || key.len != id + 13)
		return STATUS_CORRUPT;
	if (trace_shard_of(l->s, text_part(key, 1, id))->owner.entity.id != l->e.id)
		problem(l->f, "trace of %.*s: in another shard", TEXT_ARG(text_part(key, 1, id)));
	return STATUS_OK;
}

static enum status
look_at_mark(void *arg, struct text key, struct text value)
{
	struct look *l = arg;
	struct unpack u = unpack_of(value);
	struct text id = unpack_text(&u);
	struct key story;

	if (!unpack_end(&u) || key.len != 21 || id.len == 0 || id.len > TRACE_ID_MAX)
		return STATUS_CORRUPT;
	story = trace_story_key(id, trace_key_time(key, 9), (uint32_t)key_number(key, 17, 4));
	if (!there(l, key_text(&story)) && there(l, key))
		problem(l->f, "trace of %.*s: found, but not there", TEXT_ARG(id));
	return STATUS_OK;
}

static void
count_missing(void *arg, const struct trace_noted *n)
{
	struct look *l = arg;
	struct key story = trace_story_key(n->id, n->at, n->number);

	l->missing += !there(l, key_text(&story));
	for (uint32_t i = 0; i < n->marks; i++) {
		struct key k = trace_mark_key(n->mark[i], n->at, n->number);

		l->missing += !there(l, key_text(&k));
	}
}

static enum status
look_at_batch(void *arg, struct text key, struct text value)
{
	struct look *l = arg;
	struct arena a = ARENA_INIT;
	enum status how;

	l->missing = 0;
	how = trace_batch_each(key, value, &a, count_missing, l);
	arena_done(&a);
	if (how == STATUS_OK && l->missing > 0 && there(l, key))
		problem(l->f, "trace: %u keys of a batch are not there", l->missing);
	return how;
}

void
check_trace(struct store *s, struct findings *f)
{
	static const char kinds[] = { TRACE_KEYS(KEY_FIRST) 0 };

	for (uint32_t i = 0; i < TRACE_SHARDS; i++) {
		struct look l = { .s = s, .f = f, .e = { ENTITY_TRACE, i } };

		check_rows(s, l.e, KEY_T_STORY, look_at_story, &l, f);
		check_rows(s, l.e, KEY_T_MESSAGE_ID, look_at_mark, &l, f);
		check_rows(s, l.e, KEY_T_SENDER, look_at_mark, &l, f);
		check_rows(s, l.e, KEY_T_RECIPIENT, look_at_mark, &l, f);
		check_rows(s, l.e, KEY_T_BATCH, look_at_batch, &l, f);
		check_kinds(s, l.e, text_of(kinds), f);
	}
}
