/* SPDX-License-Identifier: ISC */
/*
 * The index of a mailbox; see store/index.h. The sets of blocks only promise
 * that no other block has an unseen (deleted) message: after a start, what the
 * change log names is taken for unseen and deleted, and who reads the block
 * and finds none takes it out. Rows are trusted if they decode and have as
 * many UIDs as the mailbox has messages; else the blocks are read.
 */
#include "base/log.h"
#include "store/core.h"
#include "store/scan.h"

#define INDEX_VERSION 1
#define BLOCKS_PER_ROW (INDEX_SPAN / HOT_SPAN)

void
index_done(struct index *x)
{
	uidset_done(&x->uids);
	uidset_done(&x->unseen);
	uidset_done(&x->deleted);
	runs_done(&x->stale);
}

size_t
index_cost(const struct index *x)
{
	return uidset_cost(&x->uids) + uidset_cost(&x->unseen) + uidset_cost(&x->deleted) +
	       x->stale.cap * sizeof(struct run);
}

/* At most so many hot blocks. */
static uint64_t
blocks_of(const struct mailbox *m)
{
	uint64_t span = hot_block(m->uidnext - 1) + 1;

	return m->messages < span ? m->messages : span;
}

/* ---- changes of an index ---- */

static void
mark_stale(struct index *x, const struct runs *uids)
{
	for (uint32_t i = 0; i < uids->count; i++)
		runs_add(&x->stale, uids->at[i].first / INDEX_SPAN + 1,
		    uids->at[i].last / INDEX_SPAN + 1);
}

static void
add_uids(struct index *x, const struct runs *uids)
{
	uidset_add_all(&x->uids, uids);
	mark_stale(x, uids);
}

static void
remove_uids(struct index *x, const struct runs *uids)
{
	uidset_remove_all(&x->uids, uids);
	mark_stale(x, uids);
}

/* Whether a block may have such a message. */
static void
note(struct index *x, struct uidset *set, uint32_t block, bool has)
{
	if (uidset_has(set, block + 1) == has)
		return;
	if (has)
		uidset_add(set, block + 1, block + 1);
	else
		uidset_remove(set, block + 1, block + 1);
	runs_add(&x->stale, block / BLOCKS_PER_ROW + 1, block / BLOCKS_PER_ROW + 1);
}

static void
note_block(struct index *x, const struct hot *h)
{
	bool unseen = h->packed && h->unseen, deleted = h->packed && h->deleted;

	for (uint32_t i = 0; !h->packed && i < h->count; i++) {
		unseen |= (h->at[i].flags & FLAG_SEEN) == 0;
		deleted |= (h->at[i].flags & FLAG_DELETED) != 0;
	}
	note(x, &x->unseen, h->block, unseen);
	note(x, &x->deleted, h->block, deleted);
}

/* ---- from the blocks ---- */

static enum status
know_block(void *arg, struct text key, struct text value)
{
	struct index *x = arg;
	uint32_t block = key.len == 8 ? (uint32_t)key_number(key, 5, 3) : 0;
	bool unseen = false, deleted = false;
	struct runs uids = RUNS_INIT;
	enum status s =
	    key.len == 8 ? hot_marks(value, block, &uids, &unseen, &deleted) : STATUS_CORRUPT;

	if (s == STATUS_OK) {
		add_uids(x, &uids);
		note(x, &x->unseen, block, unseen);
		note(x, &x->deleted, block, deleted);
	}
	runs_done(&uids);
	return s;
}

static enum status
from_blocks(struct account *a, const struct kept_mailbox *k, struct index *out)
{
	struct key from = key_hot(k->m.id, 0), until = key_behind(key_u32(KEY_HOT, k->m.id));

	if (k->m.indexed > 0) /* rows that are there may be of no use */
		runs_add(&out->stale, 1, (k->m.uidnext - 1) / INDEX_SPAN + 1);
	return scan_rows(
	    a->owner.store, a->owner.entity, key_text(&from), key_text(&until), know_block, out);
}

/* ---- from the rows ---- */

/* Numbers of a row, which count from 1, into a set that begins at base. */
static enum status
take_part(struct unpack *u, uint32_t most, uint32_t base, struct uidset *out)
{
	struct runs part = RUNS_INIT;

	if (runs_unpack(u, most, &part) != STATUS_OK || runs_last(&part) > most ||
	    (base == 0 && runs_has(&part, 1))) { /* there is no number 0 */
		runs_done(&part);
		return STATUS_CORRUPT;
	}
	for (uint32_t i = 0; i < part.count; i++)
		uidset_add(out, base + (part.at[i].first - 1), base + (part.at[i].last - 1));
	runs_done(&part);
	return STATUS_OK;
}

enum status
index_row_take(struct text value, uint32_t chunk, struct index *x)
{
	struct unpack u = unpack_of(value);
	enum status s;

	if (unpack_u8(&u) != INDEX_VERSION || !unpack_ok(&u))
		return STATUS_CORRUPT;
	s = take_part(&u, INDEX_SPAN, chunk * INDEX_SPAN, &x->uids);
	if (s == STATUS_OK)
		s = take_part(&u, BLOCKS_PER_ROW, chunk * BLOCKS_PER_ROW + 1, &x->unseen);
	if (s == STATUS_OK)
		s = take_part(&u, BLOCKS_PER_ROW, chunk * BLOCKS_PER_ROW + 1, &x->deleted);
	return s == STATUS_OK && unpack_end(&u) ? STATUS_OK : STATUS_CORRUPT;
}

static enum status
know_row(void *arg, struct text key, struct text value)
{
	return key.len == 7 ? index_row_take(value, (uint32_t)key_number(key, 5, 2), arg)
			    : STATUS_CORRUPT;
}

/* Blocks of these may have any messages now. */
static void
suspect(struct index *x, const struct runs *uids)
{
	for (uint32_t i = 0; i < uids->count; i++) {
		uint32_t first = hot_block(uids->at[i].first) + 1;
		uint32_t last = hot_block(uids->at[i].last) + 1;

		uidset_add(&x->unseen, first, last);
		uidset_add(&x->deleted, first, last);
	}
	mark_stale(x, uids);
}

static enum status
know_log(struct account *a, const struct mailbox *m, struct index *out)
{
	struct change_sets sets = { .added = RUNS_INIT };
	bool whole = true;
	enum status s = STATUS_OK;

	if (m->highest_modseq > m->indexed)
		s = change_read(a, m->id, m->indexed, m->highest_modseq, &sets, &whole);
	suspect(out, &sets.added);
	suspect(out, &sets.flagged);
	add_uids(out, &sets.added);
	remove_uids(out, &sets.vanished);
	change_sets_done(&sets);
	return s == STATUS_OK && !whole ? STATUS_CORRUPT : s;
}

enum status
index_from_rows(struct account *a, const struct kept_mailbox *k, struct index *out)
{
	struct key from = key_index(k->m.id, 0), until = key_behind(key_u32(KEY_INDEX, k->m.id));
	enum status s;

	if (k->m.indexed == 0 ||
	    (k->m.highest_modseq > k->m.indexed && k->m.indexed + 1 < a->head.log_low))
		return STATUS_NOT_FOUND;
	s = scan_rows(
	    a->owner.store, a->owner.entity, key_text(&from), key_text(&until), know_row, out);
	if (s == STATUS_OK)
		s = know_log(a, &k->m, out);
	if (s == STATUS_OK && uidset_total(&out->uids) != k->m.messages)
		s = STATUS_CORRUPT;
	return s;
}

/* Whether rows and log are less to read than the blocks. */
static bool
is_cheaper(const struct mailbox *m)
{
	uint64_t behind = m->highest_modseq > m->indexed ? m->highest_modseq - m->indexed : 0;

	return m->indexed > 0 && behind < INDEX_EVERY + blocks_of(m);
}

enum status
index_know(struct account *a, struct kept_mailbox *k)
{
	struct index x = { .uids = UIDSET_INIT };
	enum status s = STATUS_NOT_FOUND;

	if (k->uids_known)
		return STATUS_OK;
	if (is_cheaper(&k->m))
		s = index_from_rows(a, k, &x);
	if (s == STATUS_CORRUPT)
		LOG_ALARM("store.index_corrupt", FIELD_U64("account", a->id),
		    FIELD_U64("mailbox", k->m.id));
	if (s == STATUS_CORRUPT || s == STATUS_NOT_FOUND) {
		index_done(&x);
		s = from_blocks(a, k, &x);
	}
	if (s != STATUS_OK) {
		index_done(&x);
		return s;
	}
	pthread_mutex_lock(&a->owner.lock);
	k->index = x;
	k->uids_known = true;
	account_weigh_mailbox(a, k);
	account_weigh(a);
	pthread_mutex_unlock(&a->owner.lock);
	return STATUS_OK;
}

/* ---- writing ---- */

void
index_row_pack(struct buffer *out, const struct index *x, uint32_t chunk)
{
	uint32_t first = chunk * INDEX_SPAN, block = chunk * BLOCKS_PER_ROW + 1;

	pack_u8(out, INDEX_VERSION);
	uidset_pack_part(out, &x->uids, first, first + (INDEX_SPAN - 1));
	uidset_pack_part(out, &x->unseen, block, block + BLOCKS_PER_ROW - 1);
	uidset_pack_part(out, &x->deleted, block, block + BLOCKS_PER_ROW - 1);
}

static void
put_row(struct account_txn *t, uint32_t mailbox, const struct index *x, uint32_t chunk)
{
	struct key key = key_index(mailbox, chunk);
	uint32_t next = uidset_next(&x->uids, chunk * INDEX_SPAN);
	struct buffer value = BUFFER_INIT;

	if (next == 0 || next / INDEX_SPAN != chunk) {
		txn_delete(&t->txn, key_text(&key));
		return;
	}
	index_row_pack(&value, x, chunk);
	txn_put(&t->txn, key_text(&key), buffer_text(&value));
	buffer_done(&value);
}

/* The published index as the transaction makes it. */
static void
index_of_txn(struct account_txn *t, const struct edit *e, struct index *out)
{
	const struct index *x = &e->old->index;

	uidset_share(&out->uids, &x->uids);
	uidset_share(&out->unseen, &x->unseen);
	uidset_share(&out->deleted, &x->deleted);
	runs_copy(&out->stale, &x->stale);
	add_uids(out, &e->added);
	remove_uids(out, &e->removed);
	LIST_EACH(&t->in_order, it)
	{
		const struct hot *h = LIST_OWNER(it, struct hot, node);

		if (h->dirty && h->mailbox == e->now.id)
			note_block(out, h);
	}
}

static bool
is_due(const struct account_txn *t, const struct edit *e)
{
	unsigned every = t->txn.store->config.index_every, from = every > 0 ? 0 : INDEX_FROM;

	if (every == 0)
		every = INDEX_EVERY;
	return e->old != NULL && e->now.exists && t->head.modseq >= e->now.indexed + every &&
	       blocks_of(&e->now) > from;
}

void
index_seal(struct account_txn *t, struct edit *e)
{
	struct index x = { .uids = UIDSET_INIT };

	if (!is_due(t, e) || index_know(t->a, e->old) != STATUS_OK)
		return; /* it was due and is so again with the next change */
	index_of_txn(t, e, &x);
	for (uint32_t n = runs_next(&x.stale, 1); n != 0; n = runs_next(&x.stale, n + 1))
		put_row(t, e->now.id, &x, n - 1);
	index_done(&x);
	e->now.indexed = t->head.modseq;
	e->indexed = true;
}

void
index_publish(struct kept_mailbox *k, const struct edit *e)
{
	if (!k->uids_known)
		return;
	add_uids(&k->index, &e->added);
	remove_uids(&k->index, &e->removed);
	if (e->indexed)
		runs_clear(&k->index.stale);
}

void
index_publish_block(struct kept_mailbox *k, const struct hot *h)
{
	if (k->uids_known)
		note_block(&k->index, h);
}

static enum status
bury_row(void *arg, struct text key, struct text value)
{
	struct account_txn *t = arg;

	txn_delete(&t->txn, arena_copy(txn_arena(&t->txn), key));
	return STATUS_OK;
}

enum status
index_bury(struct account_txn *t, uint32_t mailbox)
{
	struct key from = key_u32(KEY_INDEX, mailbox), until = key_behind(from);

	return txn_scan(&t->txn, key_text(&from), key_text(&until), bury_row, t);
}

/* ---- what the sets are for ---- */

/* The first unseen UID >= from in a block; 0: none. */
static enum status
look_unseen(struct account *a, uint32_t mailbox, uint32_t block, uint32_t from, uint32_t *uid)
{
	struct arena arena = ARENA_INIT;
	struct key key = key_hot(mailbox, block);
	struct hot h = { .mailbox = mailbox, .block = block };
	struct text value;
	enum status s =
	    engine_get(a->owner.store->engine, a->owner.entity, key_text(&key), &arena, &value);

	*uid = 0;
	if (s == STATUS_OK)
		s = hot_decode(value, &arena, &h);
	for (uint32_t i = 0; i < h.count && *uid == 0; i++)
		if ((h.at[i].flags & FLAG_SEEN) == 0 && h.at[i].uid >= from)
			*uid = h.at[i].uid;
	arena_done(&arena);
	return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

enum status
index_unseen(struct account *a, struct kept_mailbox *k, uint32_t from, uint32_t *uid)
{
	uint32_t block = uidset_next(&k->index.unseen, hot_block(from) + 1);

	for (; block != 0; block = uidset_next(&k->index.unseen, block + 1)) {
		uint32_t found = 0;
		enum status s = look_unseen(a, k->m.id, block - 1, from, &found);

		if (s != STATUS_OK)
			return s;
		if (found != 0) {
			*uid = found;
			return STATUS_OK;
		}
		if (hot_block(from) == block - 1)
			continue; /* there may be one below from */
		pthread_mutex_lock(&a->owner.lock);
		note(&k->index, &k->index.unseen, block - 1, false);
		pthread_mutex_unlock(&a->owner.lock);
	}
	return STATUS_NOT_FOUND;
}

/* Those of all that stand in these blocks (numbers + 1). */
static void
uids_in(const struct uidset *all, const struct runs *blocks, struct runs *out)
{
	struct runs spans = RUNS_INIT;

	for (uint32_t i = 0; i < blocks->count; i++) {
		uint32_t first = (blocks->at[i].first - 1) * HOT_SPAN;

		runs_add(&spans, first == 0 ? 1 : first,
		    (blocks->at[i].last - 1) * HOT_SPAN + (HOT_SPAN - 1));
	}
	uidset_both(out, all, &spans);
	runs_done(&spans);
}

enum status
index_deleted(struct account_txn *t, uint32_t mailbox, const struct uidset *all, struct runs *out)
{
	struct kept_mailbox *k = map_get_u64(&t->a->by_id, mailbox);
	enum status s = k == NULL ? STATUS_OK : index_know(t->a, k);
	struct runs blocks = RUNS_INIT;

	if (s != STATUS_OK)
		return s;
	if (k != NULL)
		uidset_to_runs(&k->index.deleted, &blocks);
	LIST_EACH(&t->in_order, it)
	{
		const struct hot *h = LIST_OWNER(it, struct hot, node);

		if (h->dirty && h->mailbox == mailbox)
			runs_add(&blocks, h->block + 1, h->block + 1);
	}
	uids_in(all, &blocks, out);
	runs_done(&blocks);
	return STATUS_OK;
}
