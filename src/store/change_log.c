/* SPDX-License-Identifier: ISC */
/*
 * The change log: one row for each modseq, which is one for each command that
 * changed something, so modseqs log_low .. modseq have a row each without a
 * gap. It serves CONDSTORE and QRESYNC (RFC 7162 3.1, 3.2), IDLE, NOTIFY and
 * JMAP alike. A row is a list of events: kind, mailbox, then a set of UIDs or
 * what happened to the mailbox itself.
 */
#include "runtime/settings.h"
#include "store/core.h"
#include "store/scan.h"

#define TRIM_PER_OP 4u
#define RUNS_MAX 2000000u

void
change_uids(struct account_txn *t, enum change_kind kind, uint32_t mailbox, const struct runs *uids)
{
	(void)account_modseq(t);
	pack_u8(&t->events, (uint8_t)kind);
	pack_varint(&t->events, mailbox);
	runs_pack(&t->events, uids);
}

void
change_mailbox(struct account_txn *t, uint32_t mailbox, enum mailbox_change what)
{
	(void)account_modseq(t);
	pack_u8(&t->events, CHANGE_MAILBOX);
	pack_varint(&t->events, mailbox);
	pack_u8(&t->events, (uint8_t)what);
}

static void
trim(struct account_txn *t)
{
	uint64_t keep = (uint64_t)setting(SET_STORE_LOG_KEEP);

	for (unsigned i = 0; i < TRIM_PER_OP; i++) {
		struct key key = key_u64(KEY_CHANGE, t->head.log_low);

		if (t->head.modseq + 1 - t->head.log_low <= keep)
			break;
		txn_delete(&t->txn, key_text(&key));
		t->head.log_low++;
	}
}

void
change_seal(struct account_txn *t)
{
	struct key key;

	if (t->modseq == 0)
		return;
	key = key_u64(KEY_CHANGE, t->modseq);
	txn_put(&t->txn, key_text(&key), buffer_text(&t->events));
	trim(t);
}

bool
change_next(struct unpack *u, struct change *out)
{
	struct change c = { .uids = RUNS_INIT };

	if (!unpack_ok(u) || unpack_end(u))
		return false;
	c.kind = (enum change_kind)unpack_u8(u);
	c.mailbox = (uint32_t)unpack_varint_max(u, UINT32_MAX);
	if (c.kind == CHANGE_MAILBOX)
		c.what = (enum mailbox_change)unpack_u8(u);
	else if (c.kind < CHANGE_ADDED || c.kind > CHANGE_FLAGS ||
		 runs_unpack(u, RUNS_MAX, &c.uids) != STATUS_OK)
		u->bad = true;
	if (c.kind == CHANGE_MAILBOX && c.what > MAILBOX_SUBSCRIBED)
		u->bad = true;
	if (!unpack_ok(u)) {
		runs_done(&c.uids);
		return false;
	}
	*out = c;
	return true;
}

/* ---- reading ---- */

void
change_sets_done(struct change_sets *c)
{
	runs_done(&c->added);
	runs_done(&c->vanished);
	runs_done(&c->flagged);
}

/* What a reader of the log wants, and of which mailbox. */
struct log_reader {
	struct change_sets *sets;
	uint32_t mailbox;
	uint64_t next; /* the modseq whose row comes next */
};

static void
take_change(struct log_reader *l, const struct change *c)
{
	if (c->mailbox != l->mailbox)
		return;
	if (c->kind == CHANGE_ADDED)
		runs_add_all(&l->sets->added, &c->uids);
	if (c->kind == CHANGE_VANISHED)
		runs_add_all(&l->sets->vanished, &c->uids);
	if (c->kind == CHANGE_FLAGS)
		runs_add_all(&l->sets->flagged, &c->uids);
}

static enum status
read_change(void *arg, struct text key, struct text value)
{
	struct log_reader *l = arg;
	struct unpack u = unpack_of(value);
	struct change c;

	if (key.len != 9)
		return STATUS_CORRUPT;
	if (key_number(key, 1, 8) != l->next)
		return STATUS_NOT_FOUND; /* ends the walk: rows are missing */
	l->next++;
	while (change_next(&u, &c)) {
		take_change(l, &c);
		runs_done(&c.uids);
	}
	return unpack_ok(&u) ? STATUS_OK : STATUS_CORRUPT;
}

enum status
change_read(struct account *a, uint32_t mailbox, uint64_t since, uint64_t until,
    struct change_sets *out, bool *whole)
{
	struct key from = key_u64(KEY_CHANGE, since + 1), end = key_u64(KEY_CHANGE, until + 1);
	struct log_reader l = { out, mailbox, since + 1 };
	enum status s = scan_rows(
	    a->owner.store, a->owner.entity, key_text(&from), key_text(&end), read_change, &l);

	*whole = l.next == until + 1;
	return s;
}

void
change_settle(struct change_sets *c)
{
	struct runs both = RUNS_INIT;

	runs_both(&both, &c->added, &c->vanished);
	runs_remove_all(&c->added, &both);
	runs_remove_all(&c->vanished, &both);
	runs_remove_all(&c->flagged, &both);
	runs_remove_all(&c->flagged, &c->vanished);
	runs_remove_all(&c->flagged, &c->added);
	runs_done(&both);
}
