/* SPDX-License-Identifier: ISC */
/* Emails whose messages are gone; see store/leaving.h. */
#include "store/leaving.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "runtime/settings.h"
#include "store/core.h"
#include "store/emails.h"
#include "store/serve.h"
#include "store/thread.h"

#define LEAVING_VERSION 1
#define NOW_MOST 8u	  /* places that leave their emails at once */
#define ROW_PLACES 256u	  /* of one row */
#define STEP_EMAILS 500u  /* of one commit: no further row above it, */
#define STEP_PLACES 8000u /* or above that: others wait some ms at most */
#define KEY_LEN (1 + 8 + 4 + 4)

void
leaving_add(struct leavings *l, struct arena *a, uint64_t email, struct place at)
{
	if (l->count == l->cap) {
		uint32_t cap = l->cap == 0 ? ROW_PLACES : l->cap * 2;
		struct leaving *bigger = ARENA_ARRAY(a, struct leaving, cap);

		if (l->count > 0)
			memcpy(bigger, l->at, l->count * sizeof(*bigger));
		l->at = bigger;
		l->cap = cap;
	}
	l->at[l->count++] = (struct leaving){ email, at };
}

/* ---- order ---- */

static int
place_order(struct place a, struct place b)
{
	if (a.mailbox != b.mailbox)
		return a.mailbox < b.mailbox ? -1 : 1;
	return a.uid < b.uid ? -1 : a.uid > b.uid;
}

static int
leaving_order(const void *p, const void *q)
{
	const struct leaving *a = p, *b = q;

	if (a->email != b->email)
		return a->email < b->email ? -1 : 1;
	return place_order(a->at, b->at);
}

/* Messages mostly stand in the order of their emails. */
static void
sort(struct leavings *l)
{
	for (uint32_t i = 1; i < l->count; i++)
		if (leaving_order(&l->at[i - 1], &l->at[i]) > 0) {
			qsort(l->at, l->count, sizeof(*l->at), leaving_order);
			return;
		}
}

/* ---- emails ---- */

static enum status
email_gone(struct account_txn *t, uint64_t id, const struct email *e)
{
	struct key email = key_u64(KEY_EMAIL, id), summary = key_u64(KEY_SUMMARY, id);

	txn_delete(&t->txn, key_text(&email));
	txn_delete(&t->txn, key_text(&summary));
	garbage_put(t, e, t->txn.now + setting(SET_STORE_BLOB_KEEP));
	return thread_leave(t, id, e->thread);
}

static bool
leaves(const struct leaving *at, uint32_t count, struct place p)
{
	struct leaving wanted = { at->email, p };

	return bsearch(&wanted, at, count, sizeof(*at), leaving_order) != NULL;
}

/* What stays, in order; gives how many went. */
static uint32_t
take_places(struct email *e, const struct leaving *at, uint32_t count)
{
	uint32_t kept = 0, before = e->count;

	for (uint32_t i = 0; i < before; i++)
		if (!leaves(at, count, e->at[i]))
			e->at[kept++] = e->at[i];
	e->count = kept;
	return before - kept;
}

static void
alarm_damage(struct account_txn *t, uint64_t email)
{
	LOG_ALARM("store.email_missing", FIELD_U64("account", t->a->id), FIELD_U64("email", email));
}

/* All these places are of one email; with the last one it goes. What is damaged
 * can be deleted nevertheless. */
static enum status
email_leave(struct emails *emails, const struct leaving *at, uint32_t count)
{
	struct account_txn *t = emails->t;
	struct key key = key_u64(KEY_EMAIL, at->email);
	struct buffer row = BUFFER_INIT;
	struct email e;
	uint32_t gone;
	enum status s = emails_get(emails, at->email, &e);

	if (s != STATUS_OK && s != STATUS_NOT_FOUND && s != STATUS_CORRUPT)
		return s;
	gone = s == STATUS_OK ? take_places(&e, at, count) : 0;
	if (gone < count)
		alarm_damage(t, at->email);
	if (gone == 0)
		return STATUS_OK;
	if (e.count == 0) {
		s = email_gone(t, at->email, &e);
		if (s == STATUS_CORRUPT)
			alarm_damage(t, at->email);
		return s == STATUS_CORRUPT ? STATUS_OK : s;
	}
	email_pack(&row, &e);
	txn_put(&t->txn, key_text(&key), buffer_text(&row));
	buffer_done(&row);
	return STATUS_OK;
}

/* Sorted ones. */
static enum status
leave_all(struct account_txn *t, const struct leavings *l)
{
	struct emails emails;
	enum status s = STATUS_OK;
	uint32_t behind;

	emails_init(&emails, t);
	for (uint32_t i = 0; i < l->count && s == STATUS_OK; i = behind) {
		behind = i + 1;
		while (behind < l->count && l->at[behind].email == l->at[i].email)
			behind++;
		s = email_leave(&emails, &l->at[i], behind - i);
	}
	emails_done(&emails);
	return s;
}

/* ---- rows ---- */

/* The first place is the key. */
static void
put_row(struct account_txn *t, const struct leaving *at, uint32_t count)
{
	struct key key = key_u64(KEY_LEAVING, at->email);
	struct buffer value = BUFFER_INIT;

	key_add(&key, at->at.mailbox, 4);
	key_add(&key, at->at.uid, 4);
	pack_u8(&value, LEAVING_VERSION);
	for (uint32_t i = 1; i < count; i++) {
		pack_varint(&value, at[i].email - at[i - 1].email);
		pack_signed(&value, (int64_t)at[i].at.uid - (int64_t)at[i - 1].at.uid);
	}
	txn_put(&t->txn, key_text(&key), buffer_text(&value));
	buffer_done(&value);
}

enum status
leaving_write(struct account_txn *t, struct leavings *l)
{
	sort(l);
	if (l->count <= NOW_MOST)
		return leave_all(t, l);
	for (uint32_t i = 0; i < l->count; i += ROW_PLACES)
		put_row(t, &l->at[i], l->count - i < ROW_PLACES ? l->count - i : ROW_PLACES);
	t->garbage = true;
	return STATUS_OK;
}

enum status
leaving_unpack(struct text key, struct text value, struct arena *a, struct leavings *out)
{
	struct unpack u = unpack_of(value);
	struct leaving l;
	uint32_t count = out->count;

	if (key.len != KEY_LEN || unpack_u8(&u) != LEAVING_VERSION)
		return STATUS_CORRUPT;
	l.email = key_number(key, 1, 8);
	l.at.mailbox = (uint32_t)key_number(key, 9, 4);
	l.at.uid = (uint32_t)key_number(key, 13, 4);
	leaving_add(out, a, l.email, l.at);
	while (unpack_ok(&u) && !unpack_end(&u)) {
		l.email += unpack_varint(&u);
		l.at.uid = (uint32_t)(l.at.uid + (uint64_t)unpack_signed(&u));
		leaving_add(out, a, l.email, l.at);
	}
	if (unpack_end(&u) && out->count - count <= ROW_PLACES)
		return STATUS_OK;
	out->count = count;
	return STATUS_CORRUPT;
}

/* ---- taking ---- */

struct taking {
	struct account_txn *t;
	struct leavings l;
	uint32_t emails; /* about */
};

static enum status
take_row(void *arg, struct text key, struct text value)
{
	struct taking *x = arg;
	struct arena *a = txn_arena(&x->t->txn);
	uint32_t before = x->l.count;

	if (x->emails >= STEP_EMAILS || x->l.count >= STEP_PLACES)
		return STATUS_NOT_FOUND;
	if (leaving_unpack(key, value, a, &x->l) != STATUS_OK)
		return STATUS_CORRUPT;
	for (uint32_t i = before; i < x->l.count; i++)
		x->emails += i == 0 || x->l.at[i].email != x->l.at[i - 1].email;
	txn_delete(&x->t->txn, arena_copy(a, key));
	return STATUS_OK;
}

enum status
leaving_take(struct account_txn *t, uint32_t *places)
{
	struct key from = key_of(KEY_LEAVING), until = key_behind(from);
	struct taking x = { .t = t };
	enum status s = STATUS_OK;

	if (!t->a->missing && !t->gone) /* else they go with all other rows */
		s = txn_scan(&t->txn, key_text(&from), key_text(&until), take_row, &x);
	sort(&x.l);
	if (s == STATUS_OK)
		s = leave_all(t, &x.l);
	*places = x.l.count;
	return s;
}

enum status
leaving_take_all(struct account_txn *t)
{
	uint32_t places = 1;
	enum status s = STATUS_OK;

	while (s == STATUS_OK && places > 0)
		s = leaving_take(t, &places);
	return s;
}
