/* SPDX-License-Identifier: ISC */
/* Reading hot blocks: where the set touches many neighbours they are scanned
 * at once, others are looked up one by one. */
#include "store/hot_walk.h"

#include "store/core.h"
#include "store/hot.h"
#include "store/scan.h"

#define SCAN_FROM 4u /* so many blocks in a row are scanned, fewer are got */

struct hot_walk {
	struct account *a;
	uint32_t mailbox;
	enum status (*fn)(void *arg, uint32_t block, struct text value);
	void *arg;
};

static enum status
get_block(struct hot_walk *w, uint32_t block)
{
	struct owner *o = &w->a->owner;
	struct key key = key_hot(w->mailbox, block);
	struct arena arena = ARENA_INIT;
	struct text value;
	enum status s = engine_get(o->store->engine, o->entity, key_text(&key), &arena, &value);

	s = s == STATUS_OK ? w->fn(w->arg, block, value) : s == STATUS_NOT_FOUND ? STATUS_OK : s;
	arena_done(&arena);
	return s;
}

static enum status
scanned(void *arg, struct text key, struct text value)
{
	struct hot_walk *w = arg;

	return key.len == 8 ? w->fn(w->arg, (uint32_t)key_number(key, 5, 3), value)
			    : STATUS_CORRUPT;
}

static enum status
walk_blocks(struct hot_walk *w, uint32_t first, uint32_t last)
{
	struct key from = key_hot(w->mailbox, first), until = key_behind(key_hot(w->mailbox, last));
	struct owner *o = &w->a->owner;
	enum status s = STATUS_OK;

	if (last - first + 1 >= SCAN_FROM)
		return scan_rows(
		    o->store, o->entity, key_text(&from), key_text(&until), scanned, w);
	for (uint32_t b = first; b <= last && s == STATUS_OK; b++)
		s = get_block(w, b);
	return s;
}

enum status
hot_walk(struct account *a, uint32_t mailbox, const struct runs *uids, uint32_t uidnext,
    enum status (*fn)(void *arg, uint32_t block, struct text value), void *arg)
{
	struct hot_walk w = { a, mailbox, fn, arg };
	enum status s = STATUS_OK;
	uint32_t uid = runs_next(uids, 1);

	while (s == STATUS_OK && uid != 0 && uid < uidnext) {
		uint32_t first = hot_block(uid), last = first, next = 0;

		for (;; last++) {
			if (last == hot_block(UINT32_MAX) || last >= hot_block(uidnext - 1)) {
				next = 0;
				break;
			}
			next = runs_next(uids, (last + 1) * HOT_SPAN);
			if (next == 0 || hot_block(next) != last + 1)
				break;
		}
		s = walk_blocks(&w, first, last);
		uid = next;
	}
	return s;
}
