/* SPDX-License-Identifier: ISC */
/*
 * Collection. Garbage rows name content that no email holds; from their time
 * on, content of the account's own is deleted in the batch that deletes the
 * row. Shared content is first given back to its reference entity, which
 * deletes it with the last holder, and then the row goes: a crash in between
 * repeats a step that does nothing the second time.
 */
#include "base/clock.h"
#include "runtime/metrics.h"
#include "store/core.h"
#include "store/reference.h"
#include "store/serve.h"

#define COLLECT_STEP 1000u

struct collect {
	struct account_op o; /* first */
	struct account_txn *t;
	struct garbage shared[64];
	uint32_t shared_count;
	uint32_t rows;
	bool left; /* more is there, perhaps not due yet */
	bool drop; /* the shared ones were given back: delete their rows */
};

static enum status
collect_row(void *arg, struct text key, struct text value)
{
	struct collect *c = arg;
	struct garbage g;

	c->left = true;
	if (garbage_unpack(key, value, &g) != STATUS_OK)
		return STATUS_CORRUPT;
	if (g.due > c->t->txn.now / CLOCK_SECOND || c->rows >= COLLECT_STEP)
		return STATUS_NOT_FOUND;
	if (g.shared) {
		if (c->shared_count < ARRAY_LEN(c->shared))
			c->shared[c->shared_count++] = g;
		return STATUS_OK;
	}
	key = arena_copy(txn_arena(&c->t->txn), key);
	txn_blob_delete(&c->t->txn, g.blob, (uint16_t)g.pieces);
	txn_delete(&c->t->txn, key);
	c->rows++;
	return STATUS_OK;
}

static enum status
collect_run(struct account_txn *t, struct op *op)
{
	struct collect *c = (struct collect *)(void *)op;
	struct key from = key_of(KEY_GARBAGE), until = key_behind(from);

	c->t = t;
	c->rows = c->shared_count = 0;
	c->left = false;
	return txn_scan(&t->txn, key_text(&from), key_text(&until), collect_row, c);
}

static enum status
drop_run(struct account_txn *t, struct op *op)
{
	struct collect *c = (struct collect *)(void *)op;

	for (uint32_t i = 0; i < c->shared_count; i++) {
		struct key key = key_u64(KEY_GARBAGE, (uint64_t)c->shared[i].due);

		key_add_text(&key, (struct text){ (const char *)c->shared[i].blob.byte,
				       sizeof(c->shared[i].blob.byte) });
		txn_delete(&t->txn, key_text(&key));
	}
	return STATUS_OK;
}

static enum status
give_back(struct store *s, uint64_t account, struct collect *c)
{
	for (uint32_t i = 0; i < c->shared_count; i++) {
		struct holder h = { HOLDER_ACCOUNT, account };
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
	*more = rows >= COLLECT_STEP || c.shared_count > 0;
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
