/* SPDX-License-Identifier: ISC */
/*
 * Reading an account into memory, and its rows to and from bytes. Every row
 * that is read is checked; a row that does not decode is CORRUPT and keeps the
 * account closed rather than half read.
 */
#include <string.h>

#include "base/log.h"
#include "store/core.h"
#include "store/scan.h"

#define ROW_VERSION 1
#define LOAD_TRIES 5

enum facts_bit { FACT_SUSPENDED = 1, FACT_ADMIN = 2, FACT_HAS_SCRAM = 4 };
enum mailbox_bit { BIT_SUBSCRIBED = 1, BIT_EXISTS = 2 };

/* ---- rows ---- */

void
head_pack(struct buffer *out, uint64_t batch, const struct head *h)
{
	pack_be64(out, batch);
	pack_u8(out, ROW_VERSION);
	pack_varint(out, h->modseq);
	pack_varint(out, h->next_mailbox);
	pack_varint(out, h->uidvalidity);
	pack_varint(out, h->next_email);
	pack_varint(out, h->octets);
	pack_varint(out, h->messages);
	pack_varint(out, h->log_low);
	pack_varint(out, h->keywords);
}

enum status
head_unpack(struct text value, struct head *out)
{
	struct unpack u = unpack_of(value);
	struct head h;

	(void)unpack_be64(&u);
	if (unpack_u8(&u) != ROW_VERSION)
		return STATUS_CORRUPT;
	h.modseq = unpack_varint(&u);
	h.next_mailbox = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
	h.uidvalidity = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
	h.next_email = unpack_varint(&u);
	h.octets = unpack_varint(&u);
	h.messages = unpack_varint(&u);
	h.log_low = unpack_varint(&u);
	h.keywords = (uint32_t)unpack_varint_max(&u, KEYWORDS_PER_ACCOUNT);
	if (!unpack_end(&u))
		return STATUS_CORRUPT;
	*out = h;
	return STATUS_OK;
}

void
facts_pack(struct buffer *out, const struct facts *f)
{
	pack_u8(out, ROW_VERSION);
	pack_text(out, f->address);
	pack_text(out, f->verifier);
	pack_varint(out, f->generation);
	pack_u8(out, (uint8_t)((f->suspended ? FACT_SUSPENDED : 0) | (f->admin ? FACT_ADMIN : 0) |
			       (f->has_scram ? FACT_HAS_SCRAM : 0)));
	pack_varint(out, f->quota);
	pack_signed(out, f->created);
}

enum status
facts_unpack(struct text value, struct facts *out)
{
	struct unpack u = unpack_of(value);
	struct facts f;
	uint8_t bits;

	if (unpack_u8(&u) != ROW_VERSION)
		return STATUS_CORRUPT;
	f.address = unpack_text(&u);
	f.verifier = unpack_text(&u);
	f.generation = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
	bits = unpack_u8(&u);
	f.suspended = (bits & FACT_SUSPENDED) != 0;
	f.admin = (bits & FACT_ADMIN) != 0;
	f.has_scram = (bits & FACT_HAS_SCRAM) != 0;
	f.quota = unpack_varint(&u);
	f.created = unpack_signed(&u);
	if (!unpack_end(&u))
		return STATUS_CORRUPT;
	*out = f;
	return STATUS_OK;
}

void
mailbox_pack(struct buffer *out, const struct mailbox *m)
{
	pack_u8(out, ROW_VERSION);
	pack_text(out, m->name);
	pack_varint(out, m->use);
	pack_u8(
	    out, (uint8_t)((m->subscribed ? BIT_SUBSCRIBED : 0) | (m->exists ? BIT_EXISTS : 0)));
	pack_varint(out, m->uidvalidity);
	pack_varint(out, m->uidnext);
	pack_varint(out, m->highest_modseq);
	pack_varint(out, m->messages);
	pack_varint(out, m->unseen);
	pack_varint(out, m->deleted);
	pack_varint(out, m->octets);
	pack_varint(out, m->recent_from);
	pack_varint(out, m->first_unseen);
	pack_varint(out, m->recent);
	pack_varint(out, m->indexed);
}

enum status
mailbox_unpack(struct text value, struct mailbox *out)
{
	struct unpack u = unpack_of(value);
	struct mailbox m = { .id = out->id };
	uint8_t bits;

	if (unpack_u8(&u) != ROW_VERSION)
		return STATUS_CORRUPT;
	m.name = unpack_text(&u);
	m.use = (uint32_t)unpack_varint_max(&u, USE_COUNT - 1);
	bits = unpack_u8(&u);
	m.subscribed = (bits & BIT_SUBSCRIBED) != 0;
	m.exists = (bits & BIT_EXISTS) != 0;
	m.uidvalidity = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
	m.uidnext = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
	m.highest_modseq = unpack_varint(&u);
	m.messages = unpack_varint(&u);
	m.unseen = unpack_varint(&u);
	m.deleted = unpack_varint(&u);
	m.octets = unpack_varint(&u);
	m.recent_from = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
	m.first_unseen = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
	if (unpack_end(&u)) /* a row from before it was counted */
		m.recent_from = m.uidnext;
	else
		m.recent = unpack_varint(&u);
	if (!unpack_end(&u)) /* nor had older ones an index */
		m.indexed = unpack_varint(&u);
	if (!unpack_end(&u) || m.name.len == 0 || m.name.len > MAILBOX_NAME_MAX)
		return STATUS_CORRUPT;
	*out = m;
	return STATUS_OK;
}

/* ---- the published mailboxes ---- */

size_t
account_position(const struct account *a, struct text name)
{
	size_t low = 0, high = a->mailboxes;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (mailbox_order(a->sorted[mid]->m.name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void
account_sort_in(struct account *a, struct kept_mailbox *k)
{
	size_t at = account_position(a, k->m.name);

	if (a->mailboxes == a->sorted_cap) {
		a->sorted_cap = a->sorted_cap == 0 ? 8 : a->sorted_cap * 2;
		a->sorted = mem_resize(a->sorted, a->sorted_cap, sizeof(struct kept_mailbox *));
	}
	memmove(a->sorted + at + 1, a->sorted + at, (a->mailboxes - at) * sizeof(*a->sorted));
	a->sorted[at] = k;
	a->mailboxes++;
	(void)map_put(&a->by_name, k->m.name, k);
}

void
account_sort_out(struct account *a, struct kept_mailbox *k)
{
	size_t at = account_position(a, k->m.name);

	CHECK(at < a->mailboxes && a->sorted[at] == k);
	a->mailboxes--;
	memmove(a->sorted + at, a->sorted + at + 1, (a->mailboxes - at) * sizeof(*a->sorted));
	(void)map_remove(&a->by_name, k->m.name);
}

struct kept_mailbox *
account_keep(struct account *a, const struct mailbox *m)
{
	struct kept_mailbox *k = MEM_NEW(struct kept_mailbox);

	k->m = *m;
	k->m.name = text_own(m->name);
	CHECK(map_put_u64(&a->by_id, m->id, k) == NULL);
	account_sort_in(a, k);
	account_weigh_mailbox(a, k);
	return k;
}

void
account_name(struct kept_mailbox *k, struct text name)
{
	text_disown(k->m.name);
	k->m.name = text_own(name);
}

void
account_drop(struct account *a, struct kept_mailbox *k)
{
	account_sort_out(a, k);
	(void)map_remove_u64(&a->by_id, k->m.id);
	a->mailbox_weight -= k->cost;
	text_disown(k->m.name);
	index_done(&k->index);
	buffer_done(&k->tail_bytes);
	mem_free(k);
}

/* ---- loading ---- */

static enum status
load_row(void *arg, struct text key, struct text value)
{
	struct account *a = arg;
	struct mailbox m = { 0 };
	struct text name;

	switch (key.ptr[0]) {
	case KEY_MAILBOX:
		if (key.len != 5)
			return STATUS_CORRUPT;
		m.id = (uint32_t)key_number(key, 1, 4);
		if (mailbox_unpack(value, &m) != STATUS_OK || map_get(&a->by_name, m.name) != NULL)
			return STATUS_CORRUPT;
		(void)account_keep(a, &m);
		return STATUS_OK;
	case KEY_KEYWORD:
		if (key.len != 3 || key_number(key, 1, 2) != a->keyword_cap ||
		    a->keyword_cap >= a->head.keywords)
			return STATUS_CORRUPT;
		name = text_own(value);
		a->keyword[a->keyword_cap++] = name;
		return STATUS_OK;
	case KEY_DYING:
		if (key.len != 5 || key_number(key, 1, 4) == 0)
			return STATUS_CORRUPT;
		runs_add(
		    &a->dying, (uint32_t)key_number(key, 1, 4), (uint32_t)key_number(key, 1, 4));
		return STATUS_OK;
	case KEY_MARK:
		if (key.len != 9)
			return STATUS_CORRUPT;
		(void)map_put_u64(&a->marks, key_number(key, 1, 8), a);
		return STATUS_OK;
	default:
		return STATUS_CORRUPT;
	}
}

static void
number_keywords(struct account *a)
{
	struct arena arena = ARENA_INIT;

	for (uint32_t i = 0; i < a->head.keywords; i++)
		(void)map_put(&a->keyword_number, arena_lower(&arena, a->keyword[i]),
		    (void *)(uintptr_t)(i + 1));
	arena_done(&arena);
}

/* The facts and the head; missing when there are no facts. */
static enum status
load_core(struct account *a)
{
	struct arena arena = ARENA_INIT;
	struct engine *e = a->owner.store->engine;
	struct key facts = key_of(KEY_FACTS), head = key_of(KEY_HEAD);
	struct text value;
	enum status s = engine_get(e, a->owner.entity, key_text(&facts), &arena, &value);

	a->missing = s == STATUS_NOT_FOUND;
	if (a->missing)
		s = STATUS_OK;
	else if (s == STATUS_OK)
		s = facts_unpack(value, &a->facts);
	if (s == STATUS_OK && !a->missing) {
		a->facts.address = text_own(a->facts.address);
		a->facts.verifier = text_own(a->facts.verifier);
		s = engine_get(e, a->owner.entity, key_text(&head), &arena, &value);
		if (s == STATUS_OK)
			s = head_unpack(value, &a->head);
		else if (s == STATUS_NOT_FOUND)
			s = STATUS_CORRUPT;
	} else if (s != STATUS_OK) {
		a->facts = (struct facts){ .generation = 0 };
	}
	arena_done(&arena);
	return s;
}

static enum status
load_all(struct account *a)
{
	static const enum key_kind kinds[] = { KEY_MAILBOX, KEY_KEYWORD, KEY_DYING, KEY_MARK };
	enum status s = load_core(a);

	if (s != STATUS_OK || a->missing)
		return s;
	a->keyword = mem_array(a->head.keywords, sizeof(*a->keyword));
	for (size_t i = 0; i < ARRAY_LEN(kinds) && s == STATUS_OK; i++)
		s = scan_kind(a->owner.store, a->owner.entity, kinds[i], load_row, a);
	if (s == STATUS_OK && a->keyword_cap != a->head.keywords)
		s = STATUS_CORRUPT;
	if (s == STATUS_OK)
		s = remembered_load(&a->remembered, &a->owner);
	if (s == STATUS_OK)
		number_keywords(a);
	return s;
}

/* Under the owner's rule that no commit of this process is under way; another
 * node may write while we read, which the version tells. */
enum status
account_load(struct owner *o)
{
	struct account *a = account_of(o);
	uint64_t before, after = 0;
	enum status s = STATUS_OK;

	for (unsigned try = 0; try < LOAD_TRIES; try++) {
		s = engine_version(o->store->engine, o->entity, &before);
		if (s == STATUS_OK)
			s = load_all(a);
		if (s == STATUS_OK)
			s = engine_version(o->store->engine, o->entity, &after);
		if (s == STATUS_OK && before == after) {
			o->version = after;
			account_weigh(a);
			board_changed(o->store->config.board, a->id); /* claims are forgotten */
			return STATUS_OK;
		}
		account_unload(o);
		if (s != STATUS_OK && s != STATUS_CORRUPT)
			break;
	}
	if (s == STATUS_CORRUPT)
		LOG_ALARM("store.account_corrupt", FIELD_U64("account", a->id));
	return s == STATUS_OK ? STATUS_UNAVAILABLE : s;
}

void
account_unload(struct owner *o)
{
	struct account *a = account_of(o);

	while (a->mailboxes > 0)
		account_drop(a, a->sorted[a->mailboxes - 1]);
	mem_free(a->sorted);
	a->sorted = NULL;
	a->sorted_cap = 0;
	map_done(&a->by_id);
	map_done(&a->by_name);
	for (size_t i = 0; i < a->keyword_cap; i++)
		text_disown(a->keyword[i]);
	mem_free(a->keyword);
	a->keyword = NULL;
	a->keyword_cap = 0;
	map_done(&a->keyword_number);
	remembered_free(&a->remembered);
	map_done(&a->marks);
	runs_done(&a->dying);
	text_disown(a->facts.address);
	text_disown(a->facts.verifier);
	a->facts = (struct facts){ .generation = 0 };
	a->head = (struct head){ .modseq = 0 };
}
