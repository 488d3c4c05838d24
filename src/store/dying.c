/* SPDX-License-Identifier: ISC */
/*
 * What goes in steps: the messages of a removed mailbox, and all rows of a
 * removed account. The first commit made them invisible; each further one
 * takes a bounded number of rows, and what is left when the process ends is
 * found by its rows (y, or the directory's intent) at the next start.
 */
#include "base/clock.h"
#include "base/log.h"
#include "store/core.h"
#include "store/leaving.h"
#include "store/serve.h"

#define BURY_STEP 20000u   /* messages in one commit */
#define PURGE_STEP 4000u   /* rows in one commit */
#define PIECES_PER_ROW 16u /* that are as much work as a row */

enum status
garbage_unpack(struct text key, struct text value, struct garbage *out)
{
	struct unpack u = unpack_of(text_part(key, 9, key.len)), v = unpack_of(value);
	struct garbage g;

	if (key.len != 1 + 8 + sizeof(struct blob_id))
		return STATUS_CORRUPT;
	g.due = (int64_t)key_number(key, 1, 8);
	g.blob = blob_id_unpack(&u);
	g.pieces = (uint32_t)unpack_varint_max(&v, UINT16_MAX);
	g.shared = unpack_u8(&v);
	if (!unpack_end(&v) || g.shared == HOLDER_RECORD || g.shared > HOLDER_SENT)
		return STATUS_CORRUPT;
	*out = g;
	return STATUS_OK;
}

/* ---- removed mailboxes ---- */

struct bury {
	struct account_txn *t;
	uint32_t mailbox;
	struct leavings left;
};

static enum status
bury_block(void *arg, struct text key, struct text value)
{
	struct bury *b = arg;
	struct arena *a = txn_arena(&b->t->txn);
	struct hot h = { .mailbox = b->mailbox };
	enum status s;

	if (b->left.count >= BURY_STEP)
		return STATUS_NOT_FOUND;
	if (key.len != 8)
		return STATUS_CORRUPT;
	h.block = (uint32_t)key_number(key, 5, 3);
	key = arena_copy(a, key);
	s = hot_decode(value, a, &h);
	if (s != STATUS_OK)
		return s;
	for (uint32_t i = 0; i < h.count; i++)
		leaving_add(&b->left, a, h.at[i].email, (struct place){ b->mailbox, h.at[i].uid });
	txn_delete(&b->t->txn, key);
	return STATUS_OK;
}

enum status
account_bury(struct account_txn *t, struct op *op)
{
	struct bury b = { .t = t, .mailbox = runs_next(&t->a->dying, 1) };
	struct key from = key_u32(KEY_HOT, b.mailbox), until = key_behind(from);
	struct key dying = key_u32(KEY_DYING, b.mailbox);
	enum status s;

	if (b.mailbox == 0)
		return STATUS_OK;
	s = txn_scan(&t->txn, key_text(&from), key_text(&until), bury_block, &b);
	if (s == STATUS_OK)
		s = leaving_write(t, &b.left);
	if (s == STATUS_OK && b.left.count < BURY_STEP)
		s = index_bury(t, b.mailbox);
	if (s != STATUS_OK)
		return s;
	if (b.left.count < BURY_STEP) {
		txn_delete(&t->txn, key_text(&dying));
		runs_add(&t->old_dying, b.mailbox, b.mailbox);
	}
	return STATUS_AGAIN;
}

/* ---- removed accounts ---- */

struct purge {
	struct account_txn *t;
	uint32_t rows;
};

static void
purge_blob(struct purge *p, struct blob_id blob, uint32_t pieces)
{
	txn_blob_delete(&p->t->txn, blob, (uint16_t)pieces);
	p->rows += pieces / PIECES_PER_ROW;
}

/* Own content is deleted with the row that names it; shared content stays
 * garbage until its reference is given back (collect.c). */
static enum status
purge_email(struct purge *p, struct text value)
{
	struct arena *a = txn_arena(&p->t->txn);
	struct email e;

	if (email_unpack(value, a, &e) != STATUS_OK)
		return STATUS_OK; /* its blob, if it has one, is an orphan now */
	if (e.shared)
		garbage_put(p->t, &e, p->t->txn.now);
	else
		purge_blob(p, e.blob, e.pieces);
	return STATUS_OK;
}

static enum status
purge_row(void *arg, struct text key, struct text value)
{
	struct purge *p = arg;
	struct staged staged;
	struct garbage g;

	if (p->rows >= PURGE_STEP)
		return STATUS_NOT_FOUND;
	key = arena_copy(txn_arena(&p->t->txn), key);
	if (key.ptr[0] == KEY_GARBAGE && garbage_unpack(key, value, &g) == STATUS_OK) {
		if (g.shared)
			return STATUS_OK;
		purge_blob(p, g.blob, g.pieces);
	}
	if (key.ptr[0] == KEY_STAGED && staged_unpack(key, value, &staged) == STATUS_OK)
		purge_blob(p, staged.blob, staged.pieces);
	if (key.ptr[0] == KEY_EMAIL)
		(void)purge_email(p, value);
	txn_delete(&p->t->txn, key);
	p->rows++;
	return STATUS_OK;
}

enum status
account_purge(struct account_txn *t, struct op *op)
{
	struct purge p = { .t = t };
	struct key facts = key_of(KEY_FACTS), head = key_of(KEY_HEAD);
	enum status s;

	if (!t->a->missing) {
		txn_delete(&t->txn, key_text(&facts));
		txn_delete(&t->txn, key_text(&head));
		t->gone = true;
		return STATUS_AGAIN;
	}
	s = txn_scan(&t->txn, TEXT_EMPTY, TEXT_EMPTY, purge_row, &p);
	if (s != STATUS_OK)
		return s;
	return p.rows > 0 ? STATUS_AGAIN : STATUS_OK;
}
