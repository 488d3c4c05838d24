/* SPDX-License-Identifier: ISC */
/*
 * Collection. Garbage rows name content that no email holds; from their time
 * on, content of the account's own is deleted in the batch that deletes the
 * row. Shared content is first given back to its reference entity, which
 * deletes it with the last holder, and then the row goes: a crash in between
 * repeats a step that does nothing the second time. Content that an operation
 * began to write and that came to nothing (store/stage.h) goes at once. Before
 * all that, emails whose messages are gone are told so (store/leaving.h), which is
 * where most garbage comes from.
 */
#include "base/clock.h"
#include "runtime/metrics.h"
#include "store/core.h"
#include "store/leaving.h"
#include "store/reference.h"
#include "store/serve.h"

#define COLLECT_STEP 1000u     /* rows in one commit, */
#define COLLECT_PIECES 100000u /* pieces, about */

struct collect {
	struct account_op o; /* first */
	struct account_txn *t;
	struct garbage shared[64];
	uint32_t shared_count;
	uint32_t rows, pieces, places;
	bool left; /* more is there, perhaps not due yet */
	bool drop; /* the shared ones were given back: delete their rows */
};

static bool
enough(const struct collect *c)
{
	return c->rows >= COLLECT_STEP || c->pieces >= COLLECT_PIECES;
}

static void
delete_blob(struct collect *c, struct text key, struct blob_id blob, uint32_t pieces)
{
	key = arena_copy(txn_arena(&c->t->txn), key);
	txn_blob_delete(&c->t->txn, blob, (uint16_t)pieces);
	txn_delete(&c->t->txn, key);
	c->rows++;
	c->pieces += pieces;
}

static enum status
collect_row(void *arg, struct text key, struct text value)
{
	struct collect *c = arg;
	struct garbage g;

	c->left = true;
	if (garbage_unpack(key, value, &g) != STATUS_OK)
		return STATUS_CORRUPT;
	if (g.due > c->t->txn.now / CLOCK_SECOND || enough(c))
		return STATUS_NOT_FOUND;
	if (g.shared) {
		if (c->shared_count < ARRAY_LEN(c->shared))
			c->shared[c->shared_count++] = g;
		return STATUS_OK;
	}
	delete_blob(c, key, g.blob, g.pieces);
	return STATUS_OK;
}

static enum status
collect_staged(void *arg, struct text key, struct text value)
{
	struct collect *c = arg;
	struct staged g;

	if (staged_unpack(key, value, &g) != STATUS_OK)
		return STATUS_CORRUPT;
	if (enough(c))
		return STATUS_NOT_FOUND;
	if (!stage_busy(c->t->txn.store, g.blob))
		delete_blob(c, key, g.blob, g.pieces);
	return STATUS_OK;
}

static enum status
collect_run(struct account_txn *t, struct op *op)
{
	struct collect *c = (struct collect *)(void *)op;
	struct key garbage = key_of(KEY_GARBAGE), behind = key_behind(garbage);
	struct key staged = key_of(KEY_STAGED), behind_staged = key_behind(staged);
	enum status s;

	c->t = t;
	c->rows = c->pieces = c->shared_count = 0;
	c->left = false;
	s = leaving_take(t, &c->places);
	if (s == STATUS_OK)
		s = txn_scan(&t->txn, key_text(&garbage), key_text(&behind), collect_row, c);
	if (s == STATUS_OK)
		s = txn_scan(
		    &t->txn, key_text(&staged), key_text(&behind_staged), collect_staged, c);
	return s;
}

static enum status
drop_run(struct account_txn *t, struct op *op)
{
	struct collect *c = (struct collect *)(void *)op;

	for (uint32_t i = 0; i < c->shared_count; i++) {
		struct key key = key_u64(KEY_GARBAGE, (uint64_t)c->shared[i].due);

		key_add_text(&key, blob_id_text(&c->shared[i].blob));
		txn_delete(&t->txn, key_text(&key));
	}
	return STATUS_OK;
}

static enum status
give_back(struct store *s, uint64_t account, struct collect *c)
{
	for (uint32_t i = 0; i < c->shared_count; i++) {
		struct holder h = { (enum holder_kind)c->shared[i].shared, account };
		enum status how = reference_drop(s, c->shared[i].blob, h);

		if (how != STATUS_OK)
			return how;
	}
	return STATUS_OK;
}

enum status
collect_account(struct store *s, uint64_t account, bool *left, bool *more)
{
	struct arena a = ARENA_INIT;
	struct collect c = { .o = { .op = { .arena = &a }, .run = collect_run } };
	uint32_t rows;
	enum status how = serve_wait(s, account, &c.o);

	rows = c.rows;
	*left = c.left;
	*more = enough(&c) || c.shared_count > 0 || c.places > 0;
	if (how == STATUS_OK && c.shared_count > 0) {
		how = give_back(s, account, &c);
		c.o = (struct account_op){ .op = { .arena = &a }, .run = drop_run };
		if (how == STATUS_OK)
			how = serve_wait(s, account, &c.o);
		rows += c.shared_count;
	}
	if (how == STATUS_OK) {
		metric_add(METRIC_STORE_BLOBS_COLLECTED, rows);
		s->tender.collected += rows;
	}
	arena_done(&a);
	return how;
}
