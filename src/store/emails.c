/* SPDX-License-Identifier: ISC */
/* Email rows in turn; see store/emails.h. */
#include "store/emails.h"

#include "store/core.h"

#define NEAR 4u	     /* an id that far behind the one before comes soon */
#define SCAN_FROM 8u /* so many in turn, and the next ones are scanned */

void
emails_init(struct emails *e, struct account_txn *t)
{
	*e = (struct emails){ .t = t };
}

void
emails_done(struct emails *e)
{
	if (e->scan != NULL)
		engine_scan_close(e->scan);
	e->scan = NULL;
}

static enum status
open_at(struct emails *e, uint64_t id)
{
	struct key from = key_u64(KEY_EMAIL, id), until = key_behind(key_of(KEY_EMAIL));

	e->at = 0;
	return engine_scan_open(e->t->txn.store->engine, e->t->txn.owner->entity, key_text(&from),
	    key_text(&until), &e->scan);
}

/* Moves the scan to the row of that id or, when there is none, behind it. */
static enum status
move_to(struct emails *e, uint64_t id)
{
	struct text key;

	while (e->at < id) {
		enum status s = engine_scan_next(e->scan, &key, &e->value);

		if (s == STATUS_NOT_FOUND)
			e->at = UINT64_MAX;
		else if (s != STATUS_OK)
			return s;
		else if (key.len != 9)
			return STATUS_CORRUPT;
		else
			e->at = key_number(key, 1, 8);
	}
	return STATUS_OK;
}

static enum status
scan_for(struct emails *e, uint64_t id, struct text *value)
{
	enum status s = e->scan == NULL ? open_at(e, id) : STATUS_OK;

	if (s == STATUS_OK)
		s = move_to(e, id);
	if (s == STATUS_OK && e->at != id)
		return STATUS_NOT_FOUND;
	if (s == STATUS_OK)
		*value = e->value;
	return s;
}

enum status
emails_get(struct emails *e, uint64_t id, struct email *out)
{
	struct key key = key_u64(KEY_EMAIL, id);
	struct arena *a = txn_arena(&e->t->txn);
	struct text value;
	enum status s;

	e->in_turn = id > e->before && id - e->before <= NEAR ? e->in_turn + 1 : 0;
	e->before = id;
	if (e->in_turn == 0)
		emails_done(e);
	s = txn_own(&e->t->txn, key_text(&key), &value);
	if (s == STATUS_AGAIN && e->in_turn >= SCAN_FROM)
		s = scan_for(e, id, &value);
	else if (s == STATUS_AGAIN)
		s = txn_get(&e->t->txn, key_text(&key), a, &value);
	return s == STATUS_OK ? email_unpack(value, a, out) : s;
}
