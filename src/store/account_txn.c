/* SPDX-License-Identifier: ISC */
/*
 * The transaction of an account: what operations read and change, how it
 * becomes rows, and how it becomes the published state. See store/account.h.
 */
#include "base/log.h"
#include "runtime/settings.h"
#include "store/core.h"

/* ---- mailboxes ---- */

uint64_t
account_modseq(struct account_txn *t)
{
	if (t->modseq == 0) {
		t->modseq = ++t->head.modseq;
		t->txn.changes++;
	}
	return t->modseq;
}

static struct edit *
edit_of(struct account_txn *t, uint32_t id)
{
	return map_get_u64(&t->edits, id);
}

const struct mailbox *
account_mailbox(struct account_txn *t, uint32_t id)
{
	struct edit *e = edit_of(t, id);
	struct kept_mailbox *k;

	if (e != NULL)
		return e->gone ? NULL : &e->now;
	k = map_get_u64(&t->a->by_id, id);
	return k == NULL ? NULL : &k->m;
}

const struct mailbox *
account_find(struct account_txn *t, struct text name)
{
	struct edit *e = map_get(&t->names, name);
	struct kept_mailbox *k;

	if (e != NULL && !e->gone && text_equal(e->now.name, name))
		return &e->now;
	k = map_get(&t->a->by_name, name);
	if (k == NULL)
		return NULL;
	e = edit_of(t, k->m.id);
	if (e != NULL && (e->gone || e->renamed))
		return NULL;
	return e == NULL ? &k->m : &e->now;
}

static struct edit *
edit_new(struct account_txn *t, uint32_t id)
{
	struct edit *e = ARENA_NEW(txn_arena(&t->txn), struct edit);

	(void)map_put_u64(&t->edits, id, e);
	t->txn.changes++;
	return e;
}

struct edit *
account_edit(struct account_txn *t, uint32_t id)
{
	struct edit *e = edit_of(t, id);

	if (e == NULL) {
		struct kept_mailbox *k = map_get_u64(&t->a->by_id, id);

		CHECK(k != NULL);
		e = edit_new(t, id);
		e->old = k;
		pthread_mutex_lock(&t->a->owner.lock); /* readers claim recent messages */
		e->now = k->m;
		pthread_mutex_unlock(&t->a->owner.lock);
	}
	CHECK(!e->gone);
	e->changed = true;
	t->txn.changes++;
	return e;
}

/* Never the same twice in an account, and greater for a mailbox that takes
 * the name of an older one (RFC 9051 2.3.1.1). */
static uint32_t
new_uidvalidity(struct account_txn *t)
{
	uint32_t now = (uint32_t)(t->txn.now / CLOCK_SECOND);

	t->head.uidvalidity = now > t->head.uidvalidity ? now : t->head.uidvalidity + 1;
	return t->head.uidvalidity;
}

struct edit *
account_new_mailbox(struct account_txn *t, struct text name, uint32_t use)
{
	struct edit *e = edit_new(t, t->head.next_mailbox);

	e->now = (struct mailbox){ .id = t->head.next_mailbox++,
		.name = arena_copy(txn_arena(&t->txn), name),
		.use = use,
		.exists = true,
		.uidvalidity = new_uidvalidity(t),
		.uidnext = 1,
		.recent_from = 1,
		.first_unseen = 1 };
	e->changed = true;
	(void)map_put(&t->names, e->now.name, e);
	return e;
}

void
account_rename_mailbox(struct account_txn *t, struct edit *e, struct text name)
{
	e->now.name = arena_copy(txn_arena(&t->txn), name);
	e->renamed = true;
	(void)map_put(&t->names, e->now.name, e);
	t->txn.changes++;
}

void
account_remove_mailbox(struct account_txn *t, struct edit *e)
{
	e->gone = true;
	t->txn.changes++;
}

void
account_touch(struct account_txn *t, struct edit *e)
{
	e->now.highest_modseq = account_modseq(t);
}

void
edit_unseen(struct edit *e, uint32_t uid)
{
	if (e->now.unseen++ == 0 || uid < e->now.first_unseen) {
		e->now.first_unseen = uid;
		e->now.unseen_exact = true;
	}
}

void
edit_not_unseen(struct edit *e, uint32_t uid)
{
	e->now.unseen--;
	if (uid == e->now.first_unseen) {
		e->now.first_unseen = uid + 1;
		e->now.unseen_exact = false;
	}
}

/* ---- hot blocks and UIDs ---- */

/* TEXT_EMPTY: it is not there. */
static enum status
read_hot(struct account_txn *t, const struct hot *h, struct text *out)
{
	struct kept_mailbox *k = map_get_u64(&t->a->by_id, h->mailbox);
	struct key key = key_hot(h->mailbox, h->block);
	enum status s;

	*out = TEXT_EMPTY;
	if (k == NULL)
		return STATUS_OK; /* a new mailbox has none */
	if (k->tail_bytes.len > 0 && k->tail == h->block) {
		*out = buffer_text(&k->tail_bytes);
		return STATUS_OK;
	}
	if (h->block > hot_block(k->m.uidnext - 1))
		return STATUS_OK;
	if (k->uids_known) {
		uint32_t next =
		    uidset_next(&k->index.uids, h->block == 0 ? 1 : h->block * HOT_SPAN);

		if (next == 0 || hot_block(next) != h->block)
			return STATUS_OK;
	}
	s = engine_get(
	    t->txn.store->engine, t->txn.owner->entity, key_text(&key), txn_arena(&t->txn), out);
	if (s == STATUS_OK && out->len == 0)
		return STATUS_CORRUPT;
	return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

enum status
account_hot_packed(struct account_txn *t, uint32_t mailbox, uint32_t block, struct hot **out)
{
	uint64_t at = ((uint64_t)mailbox << 24 | block) + 1;
	struct hot *h = map_get_u64(&t->blocks, at);
	enum status s;

	if (h == NULL) {
		h = ARENA_NEW(txn_arena(&t->txn), struct hot);
		h->mailbox = mailbox;
		h->block = block;
		s = read_hot(t, h, &h->value);
		if (s != STATUS_OK)
			return s;
		h->packed = h->value.len > 0;
		(void)map_put_u64(&t->blocks, at, h);
		list_add_last(&t->in_order, &h->node);
	}
	*out = h;
	return STATUS_OK;
}

enum status
account_hot(struct account_txn *t, uint32_t mailbox, uint32_t block, struct hot **out)
{
	struct hot *h = NULL;
	enum status s = account_hot_packed(t, mailbox, block, &h);

	if (s == STATUS_OK && h->packed)
		s = hot_decode(h->value, txn_arena(&t->txn), h);
	if (s != STATUS_OK)
		return s;
	h->packed = false;
	*out = h;
	return STATUS_OK;
}

enum status
account_uids(struct account_txn *t, uint32_t mailbox, struct uidset *out)
{
	struct kept_mailbox *k = map_get_u64(&t->a->by_id, mailbox);
	struct edit *e = edit_of(t, mailbox);
	enum status s = k == NULL ? STATUS_OK : index_know(t->a, k);

	if (s != STATUS_OK)
		return s;
	uidset_done(out);
	if (k != NULL)
		uidset_share(out, &k->index.uids);
	if (e != NULL) {
		uidset_add_all(out, &e->added);
		uidset_remove_all(out, &e->removed);
	}
	return STATUS_OK;
}

enum status
account_uids_of(struct account_txn *t, uint32_t mailbox, const struct runs *asked, struct runs *out)
{
	struct uidset all = UIDSET_INIT;
	enum status s = account_uids(t, mailbox, &all);

	if (s == STATUS_OK)
		uidset_both(out, &all, asked);
	uidset_done(&all);
	return s;
}

void
account_claim(struct account *a, struct kept_mailbox *k)
{
	if (k->m.recent_from == k->m.uidnext)
		return;
	k->m.recent_from = k->m.uidnext;
	k->m.recent = 0;
	board_changed(a->owner.store->config.board, a->id);
}

uint64_t
account_quota(const struct facts *f)
{
	return f->quota > 0 ? f->quota : (uint64_t)setting(SET_STORE_QUOTA);
}

/* ---- the class ---- */

static void
txn_begin(struct txn *txn)
{
	struct account_txn *t = account_txn_of(txn);

	t->a = account_of(txn->owner);
	t->head = t->a->head;
	t->facts = t->a->facts;
	list_init(&t->in_order);
	t->facts_changed = t->gone = t->garbage = false;
	remembering_begin(&t->remembering);
}

static enum status
txn_op_begin(struct txn *txn, struct op *op)
{
	struct account_txn *t = account_txn_of(txn);

	t->modseq = 0;
	buffer_clear(&t->events);
	return remembered_find(&t->a->remembered, txn, op);
}

static void
txn_op_end(struct txn *txn, struct op *op)
{
	struct account_txn *t = account_txn_of(txn);

	change_seal(t);
	remembering_add(&t->remembering, op);
}

static void
seal_mailboxes(struct account_txn *t)
{
	struct buffer value = BUFFER_INIT;
	size_t at = 0;
	uint64_t id;
	void *p;

	while (map_each(&t->edits, &at, NULL, &id, &p)) {
		struct edit *e = p;
		struct key key = key_u32(KEY_MAILBOX, (uint32_t)id);

		if (e->gone && e->old != NULL)
			txn_delete(&t->txn, key_text(&key));
		if (e->gone || !e->changed)
			continue;
		index_seal(t, e);
		buffer_clear(&value);
		mailbox_pack(&value, &e->now);
		txn_put(&t->txn, key_text(&key), buffer_text(&value));
	}
	buffer_done(&value);
}

static void
seal_blocks(struct account_txn *t)
{
	struct buffer value = BUFFER_INIT;

	LIST_EACH(&t->in_order, it)
	{
		struct hot *h = LIST_OWNER(it, struct hot, node);
		struct key key = key_hot(h->mailbox, h->block);

		if (!h->dirty)
			continue;
		if (h->packed) {
			txn_put_kept(&t->txn, key_text(&key), h->value);
			continue;
		}
		if (h->count == 0) {
			txn_delete(&t->txn, key_text(&key));
			continue;
		}
		buffer_clear(&value);
		hot_encode(h, &value);
		txn_put(&t->txn, key_text(&key), buffer_text(&value));
	}
	buffer_done(&value);
}

static void
seal_small(struct account_txn *t)
{
	size_t at = 0;
	uint64_t number;
	void *p;

	for (uint32_t i = 0; i < t->new_keywords; i++) {
		struct key key = key_u16(KEY_KEYWORD, t->a->head.keywords + i);

		txn_put(&t->txn, key_text(&key), t->new_keyword[i]);
	}
	while (map_each(&t->new_marks, &at, NULL, &number, &p)) {
		struct key key = key_u64(KEY_MARK, number);

		txn_put(&t->txn, key_text(&key), TEXT("1"));
	}
	for (at = 0; map_each(&t->old_marks, &at, NULL, &number, &p);) {
		struct key key = key_u64(KEY_MARK, number);

		txn_delete(&t->txn, key_text(&key));
	}
}

static void
txn_seal(struct txn *txn)
{
	struct account_txn *t = account_txn_of(txn);
	struct key head = key_of(KEY_HEAD), facts = key_of(KEY_FACTS);
	struct buffer value = BUFFER_INIT;

	if (t->gone || (t->a->missing && !t->facts_changed))
		return; /* rows of an account that goes: no head any more */
	account_forget_marks(t);
	seal_mailboxes(t);
	seal_blocks(t);
	seal_small(t);
	if (t->facts_changed) {
		facts_pack(&value, &t->facts);
		txn_put(txn, key_text(&facts), buffer_text(&value));
		buffer_clear(&value);
	}
	remembering_seal(&t->remembering, &t->a->remembered, txn);
	head_pack(&value, txn->id, &t->head);
	txn_put(txn, key_text(&head), buffer_text(&value));
	buffer_done(&value);
}

static void
publish_mailbox(struct account_txn *t, struct edit *e)
{
	struct kept_mailbox *k = e->old;
	struct mailbox before;

	if (k == NULL) {
		k = account_keep(t->a, &e->now);
		k->uids_known = true;
	} else if (e->renamed) {
		account_name(k, e->now.name);
		account_sort_in(t->a, k);
	}
	e->now.name = k->m.name;
	before = k->m;
	k->m = e->now;
	if (before.recent_from > k->m.recent_from) { /* claimed meanwhile */
		k->m.recent_from = before.recent_from;
		k->m.recent = before.recent + runs_total(&e->added);
	}
	index_publish(k, e);
	account_weigh_mailbox(t->a, k);
}

/* First everything leaves its old name, so that names may be handed on within
 * a transaction. */
static void
publish_mailboxes(struct account_txn *t)
{
	size_t at = 0;
	uint64_t id;
	void *p;

	while (map_each(&t->edits, &at, NULL, &id, &p)) {
		struct edit *e = p;

		if (e->old != NULL && e->gone)
			account_drop(t->a, e->old);
		else if (e->old != NULL && e->renamed)
			account_sort_out(t->a, e->old);
	}
	for (at = 0; map_each(&t->edits, &at, NULL, &id, &p);) {
		struct edit *e = p;

		if (!e->gone)
			publish_mailbox(t, e);
	}
}

/* The last block of a mailbox that was written is kept for the next delivery. */
static void
publish_blocks(struct account_txn *t)
{
	LIST_EACH(&t->in_order, it)
	{
		struct hot *h = LIST_OWNER(it, struct hot, node);
		struct kept_mailbox *k = map_get_u64(&t->a->by_id, h->mailbox);

		if (!h->dirty || k == NULL)
			continue;
		index_publish_block(k, h);
		if (h->block >= k->tail) {
			struct key key = key_hot(h->mailbox, h->block);

			buffer_clear(&k->tail_bytes);
			if (h->packed || h->count > 0)
				buffer_add_text(
				    &k->tail_bytes, txn_written(&t->txn, key_text(&key)));
			k->tail = h->block;
			account_weigh_mailbox(t->a, k);
		}
	}
}

static void
publish_keywords(struct account_txn *t)
{
	struct account *a = t->a;
	struct arena arena = ARENA_INIT;

	if (t->new_keywords == 0)
		return;
	a->keyword = mem_resize(a->keyword, t->head.keywords, sizeof(*a->keyword));
	for (uint32_t i = 0; i < t->new_keywords; i++) {
		uint32_t number = a->head.keywords + i;

		a->keyword[number] = text_own(t->new_keyword[i]);
		(void)map_put(&a->keyword_number, arena_lower(&arena, a->keyword[number]),
		    (void *)(uintptr_t)(number + 1));
	}
	a->keyword_cap = t->head.keywords;
	arena_done(&arena);
}

static void
publish_facts(struct account_txn *t)
{
	struct account *a = t->a;
	struct facts old = a->facts;

	if (!t->facts_changed)
		return;
	a->facts = t->facts;
	a->facts.address = text_own(t->facts.address);
	a->facts.verifier = text_own(t->facts.verifier);
	a->missing = false;
	text_disown(old.address);
	text_disown(old.verifier);
}

static void
publish_sets(struct account_txn *t)
{
	size_t at = 0;
	uint64_t number;
	void *p;

	while (map_each(&t->new_marks, &at, NULL, &number, &p))
		(void)map_put_u64(&t->a->marks, number, t->a);
	for (at = 0; map_each(&t->old_marks, &at, NULL, &number, &p);)
		(void)map_remove_u64(&t->a->marks, number);
	runs_add_all(&t->a->dying, &t->new_dying);
	runs_remove_all(&t->a->dying, &t->old_dying);
}

static void
txn_publish(struct txn *txn)
{
	struct account_txn *t = account_txn_of(txn);

	board_changed(txn->store->config.board, t->a->id);
	if (t->gone) {
		account_unload(txn->owner);
		t->a->missing = true;
	}
	if (t->a->missing && !t->facts_changed)
		return;
	publish_mailboxes(t);
	publish_blocks(t);
	publish_keywords(t);
	publish_facts(t);
	publish_sets(t);
	t->a->head = t->head;
	remembering_publish(&t->remembering, &t->a->remembered, txn);
	account_weigh(t->a);
}

static void
txn_told(struct txn *txn)
{
	struct account_txn *t = account_txn_of(txn);

	if (t->garbage || !runs_empty(&t->a->dying))
		tend_account(txn->store, t->a->id, !runs_empty(&t->a->dying));
	if (!t->a->missing)
		feed_publish(&txn->store->feed, t->a->id, t->head.modseq);
}

static void
txn_discard_class(struct txn *txn)
{
	struct account_txn *t = account_txn_of(txn);
	size_t at = 0;
	uint64_t id;
	void *p;

	while (map_each(&t->edits, &at, NULL, &id, &p)) {
		runs_done(&((struct edit *)p)->added);
		runs_done(&((struct edit *)p)->removed);
	}
	map_done(&t->edits);
	map_done(&t->names);
	map_done(&t->blocks);
	map_done(&t->threads);
	map_done(&t->heirs);
	map_done(&t->new_keyword_number);
	map_done(&t->new_marks);
	map_done(&t->old_marks);
	runs_done(&t->new_dying);
	runs_done(&t->old_dying);
	buffer_done(&t->events);
	remembering_discard(&t->remembering);
	t->new_keyword = NULL;
	t->new_keywords = t->new_keyword_cap = 0;
}

static void
hold(struct owner *o)
{
	(void)account_get(o->store, o->entity.id);
}

static void
release(struct owner *o)
{
	account_put(account_of(o));
}

const struct owner_class account_class = {
	.name = "account",
	.txn_size = sizeof(struct account_txn),
	.load = account_load,
	.unload = account_unload,
	.begin = txn_begin,
	.op_begin = txn_op_begin,
	.op_end = txn_op_end,
	.seal = txn_seal,
	.publish = txn_publish,
	.told = txn_told,
	.discard = txn_discard_class,
	.head = KEY_HEAD,
	.hold = hold,
	.release = release,
};
