/* SPDX-License-Identifier: ISC */
/* One copy of what was sent; see store/sent.h. */
#include "store/sent.h"

#include "mime/summary.h"
#include "runtime/settings.h"
#include "store/core.h"

#define NOTES_VERSION 1
#define NAME_SENT TEXT("Sent")

/* ---- the row ---- */

void
sent_notes_pack(struct buffer *out, const struct sent_notes *n)
{
	pack_u8(out, NOTES_VERSION);
	pack_varint(out, n->count);
	for (uint32_t i = 0; i < n->count; i++) {
		pack_be64(out, n->at[i].hash);
		pack_signed(out, n->at[i].time);
		pack_varint(out, n->at[i].at.mailbox);
		pack_varint(out, n->at[i].at.uid);
		pack_u8(out, n->at[i].ours);
	}
}

enum status
sent_notes_unpack(struct text value, struct sent_notes *out)
{
	struct unpack u = unpack_of(value);
	uint8_t version = unpack_u8(&u);

	out->count = (uint32_t)unpack_varint_max(&u, SENT_NOTES_MAX);
	for (uint32_t i = 0; i < out->count && unpack_ok(&u); i++) {
		struct sent_note *n = &out->at[i];

		n->hash = unpack_be64(&u);
		n->time = unpack_signed(&u);
		n->at.mailbox = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
		n->at.uid = (uint32_t)unpack_varint_max(&u, UINT32_MAX);
		n->ours = unpack_u8(&u) != 0;
	}
	return unpack_end(&u) && version == NOTES_VERSION ? STATUS_OK : STATUS_CORRUPT;
}

static enum status
read_notes(struct account_txn *t, struct sent_notes *out)
{
	struct key key = key_of(KEY_SENT);
	struct text value;
	enum status s = txn_get(&t->txn, key_text(&key), txn_arena(&t->txn), &value);

	out->count = 0;
	if (s == STATUS_NOT_FOUND)
		return STATUS_OK;
	return s == STATUS_OK ? sent_notes_unpack(value, out) : s;
}

static int64_t
window_begins(const struct account_txn *t)
{
	return (t->txn.now - setting(SET_SUBMISSION_COPY_WINDOW)) / CLOCK_SECOND;
}

/* The newest stay. */
static enum status
note(struct account_txn *t, uint64_t hash, struct place at, bool ours)
{
	struct key key = key_of(KEY_SENT);
	struct buffer value = BUFFER_INIT;
	int64_t oldest = window_begins(t);
	struct sent_notes n;
	uint32_t kept = 0;
	enum status s = read_notes(t, &n);

	if (s != STATUS_OK)
		return s;
	for (uint32_t i = n.count == SENT_NOTES_MAX; i < n.count; i++)
		if (n.at[i].hash != hash && n.at[i].time >= oldest)
			n.at[kept++] = n.at[i];
	n.at[kept++] = (struct sent_note){ hash, t->txn.now / CLOCK_SECOND, at, ours };
	n.count = kept;
	sent_notes_pack(&value, &n);
	txn_put(&t->txn, key_text(&key), buffer_text(&value));
	buffer_done(&value);
	return STATUS_OK;
}

/* 0: it has none. */
static uint64_t
message_id_hash(struct account_txn *t, struct text summary)
{
	struct mime_summary s;

	if (mime_summary_unpack(summary, txn_arena(&t->txn), &s) != STATUS_OK ||
	    s.message_id.len == 0)
		return 0;
	return text_hash_stable(s.message_id);
}

/* The size of the message that stands at a place; there: whether one does. */
static enum status
look_at_place(struct account_txn *t, struct place p, bool *there, uint64_t *octets)
{
	const struct mailbox *m = account_mailbox(t, p.mailbox);
	struct hot *hot;
	enum status s;

	*there = false;
	if (m == NULL || !m->exists)
		return STATUS_OK;
	s = account_hot(t, p.mailbox, hot_block(p.uid), &hot);
	for (uint32_t i = 0; s == STATUS_OK && i < hot->count; i++)
		if (hot->at[i].uid == p.uid) {
			*there = true;
			*octets = hot->at[i].size;
		}
	return s;
}

/* What stands in the mailbox under that Message-ID; found: something does. */
static enum status
find(struct account_txn *t, uint32_t mailbox, uint64_t hash, struct sent_note *out, bool *found,
    uint64_t *octets)
{
	int64_t oldest = window_begins(t);
	struct sent_notes n;
	enum status s = read_notes(t, &n);

	*found = false;
	for (uint32_t i = 0; i < n.count && s == STATUS_OK; i++) {
		if (n.at[i].hash != hash || n.at[i].time < oldest || n.at[i].at.mailbox != mailbox)
			continue;
		*out = n.at[i];
		return look_at_place(t, out->at, found, octets);
	}
	return s;
}

/* ---- the copy ---- */

static const struct mailbox *
sent_mailbox(struct account_txn *t)
{
	const struct mailbox *m;

	for (size_t i = 0; i < t->a->mailboxes; i++) {
		if (t->a->sorted[i]->m.use != USE_SENT || !t->a->sorted[i]->m.exists)
			continue;
		m = account_mailbox(t, t->a->sorted[i]->m.id); /* what has become of it */
		if (m != NULL && m->exists && m->use == USE_SENT)
			return m;
	}
	m = account_find(t, NAME_SENT);
	return m != NULL && m->exists ? m : NULL;
}

static enum status
open_sent(struct account_txn *t, struct op *op, struct edit **out)
{
	const struct mailbox *m = sent_mailbox(t);
	enum status s;

	if (m != NULL) {
		*out = account_edit(t, m->id);
		return STATUS_OK;
	}
	s = mailbox_make(t, op, NAME_SENT, USE_SENT, out);
	if (s == STATUS_OK)
		(*out)->now.subscribed = true;
	return s;
}

/* Shared content was held for a copy that is not made. */
static void
give_back(struct account_txn *t, const struct new_message *m)
{
	struct email e = { .blob = m->blob, .pieces = m->pieces, .shared = m->shared };

	if (m->shared != 0)
		garbage_put(t, &e, t->txn.now);
}

enum status
sent_copy(struct account_txn *t, struct op *op, struct new_message *m)
{
	uint64_t hash = message_id_hash(t, m->summary), octets;
	const struct mailbox *box = sent_mailbox(t);
	struct sent_note before;
	bool found = false;
	struct edit *e;
	enum status s = STATUS_OK;

	if (hash != 0 && box != NULL)
		s = find(t, box->id, hash, &before, &found, &octets);
	if (s != STATUS_OK)
		return s;
	if (found) {
		give_back(t, m);
		return STATUS_OK;
	}
	s = open_sent(t, op, &e);
	if (s == STATUS_OK)
		s = message_add(t, op, e, m);
	if (s == STATUS_OK && hash != 0)
		s = note(t, hash, (struct place){ e->now.id, m->uid }, true);
	return s;
}

/* ---- what clients file ---- */

enum status
sent_look(struct account_txn *t, const struct mailbox *box, struct text summary, int64_t date,
    struct sent_filing *out)
{
	struct sent_note before;
	bool found;
	enum status s;

	*out = (struct sent_filing){ .hash = 0 };
	if (box->use != USE_SENT)
		return STATUS_OK;
	out->hash = message_id_hash(t, summary);
	if (out->hash == 0)
		return STATUS_OK;
	s = find(t, box->id, out->hash, &before, &found, &out->octets);
	if (s != STATUS_OK)
		return s;
	out->replaces = found && before.ours;
	if (!out->replaces)
		out->octets = 0;
	else
		out->old = before.at;
	out->noted = out->replaces || date >= window_begins(t);
	return STATUS_OK;
}

enum status
sent_make_way(struct account_txn *t, const struct sent_filing *f)
{
	struct runs one = RUNS_INIT;
	enum status s;

	if (!f->replaces)
		return STATUS_OK;
	runs_add(&one, f->old.uid, f->old.uid);
	s = messages_remove(t, account_edit(t, f->old.mailbox), &one);
	runs_done(&one);
	return s;
}

enum status
sent_filed(struct account_txn *t, const struct edit *e, uint32_t uid, const struct sent_filing *f)
{
	if (f->hash == 0 || !f->noted)
		return STATUS_OK;
	return note(t, f->hash, (struct place){ e->now.id, uid }, false);
}
