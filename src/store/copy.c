/* SPDX-License-Identifier: ISC */
/*
 * COPY (RFC 9051 6.4.7) and MOVE (6.4.8, RFC 6851 3.3): entries of one mailbox
 * come into another, in order and in one commit; contents are not touched. A
 * copied message is the same email with one entry more, a moved one keeps
 * their number.
 */
#include "store/core.h"
#include "store/emails.h"
#include "store/leaving.h"
#include "store/serve.h"

#define COPY_MAX 200000u /* messages of one command: what a batch can hold */

static enum status
total_size(struct account_txn *t, uint32_t mailbox, const struct runs *uids, uint64_t *out)
{
	enum status s = STATUS_OK;
	struct hot *h = NULL;
	uint64_t octets = 0;

	for (uint32_t uid = runs_next(uids, 1); uid != 0; uid = runs_next(uids, uid + 1)) {
		const struct hot_entry *e;

		if (h == NULL || h->block != hot_block(uid))
			s = account_hot(t, mailbox, hot_block(uid), &h);
		if (s != STATUS_OK)
			return s;
		e = hot_find(h, uid);
		if (e == NULL)
			return STATUS_CORRUPT;
		octets += e->size;
	}
	*out = octets;
	return STATUS_OK;
}

static enum status
place(struct emails *emails, struct op *op, uint64_t id, struct place from, struct place to,
    bool move)
{
	struct account_txn *t = emails->t;
	struct key key = key_u64(KEY_EMAIL, id);
	struct buffer row = BUFFER_INIT;
	struct email email;
	enum status s = emails_get(emails, id, &email);

	if (s != STATUS_OK)
		return s == STATUS_NOT_FOUND ? STATUS_CORRUPT : s;
	if (email.count == PLACES_MAX) { /* perhaps it left some of them */
		s = leaving_take_all(t);
		if (s == STATUS_OK)
			s = emails_get(emails, id, &email);
		if (s != STATUS_OK)
			return s;
	}
	if (move && !email_remove(&email, from))
		return STATUS_CORRUPT;
	if (email.count == PLACES_MAX)
		return op_refuse(
		    op, STATUS_LIMIT, "Too many copies of one message.", "%u copies", PLACES_MAX);
	email_add(&email, txn_arena(&t->txn), to);
	email_pack(&row, &email);
	txn_put(&t->txn, key_text(&key), buffer_text(&row));
	buffer_done(&row);
	return STATUS_OK;
}

void
edit_count_in(struct edit *e, const struct hot_entry *h)
{
	e->now.messages++;
	e->now.recent++;
	e->now.octets += h->size;
	e->now.deleted += (h->flags & FLAG_DELETED) != 0;
	if ((h->flags & FLAG_SEEN) == 0)
		edit_unseen(e, h->uid);
	runs_add(&e->added, h->uid, h->uid);
}

void
edit_count_out(struct edit *e, const struct hot_entry *h)
{
	e->now.messages--;
	e->now.recent -= h->uid >= e->now.recent_from;
	e->now.octets -= h->size;
	e->now.deleted -= (h->flags & FLAG_DELETED) != 0;
	if ((h->flags & FLAG_SEEN) == 0)
		edit_not_unseen(e, h->uid);
	if (runs_has(&e->added, h->uid))
		runs_remove(&e->added, h->uid, h->uid);
	else
		runs_add(&e->removed, h->uid, h->uid);
}

static enum status
copy_one(struct emails *emails, struct op *op, struct edit *src, struct edit *dst, uint32_t uid,
    bool move)
{
	struct account_txn *t = emails->t;
	struct hot *from, *to;
	struct hot_entry entry, *at;
	enum status s = account_hot(t, src->now.id, hot_block(uid), &from);

	if (s == STATUS_OK)
		s = account_hot(t, dst->now.id, hot_block(dst->now.uidnext), &to);
	if (s != STATUS_OK)
		return s;
	at = hot_find(from, uid);
	if (at == NULL)
		return STATUS_CORRUPT;
	entry = *at;
	s = place(emails, op, entry.email, (struct place){ src->now.id, uid },
	    (struct place){ dst->now.id, dst->now.uidnext }, move);
	if (s != STATUS_OK)
		return s;
	entry.uid = dst->now.uidnext++;
	entry.modseq = account_modseq(t);
	hot_append(to, txn_arena(&t->txn), &entry);
	edit_count_in(dst, &entry);
	return STATUS_OK;
}

/* What must hold before anything is changed. */
static enum status
check(struct account_txn *t, struct op *op, struct edit *src, struct edit *dst,
    const struct runs *uids, uint32_t count, bool move, uint64_t *octets)
{
	enum status s;

	if (count > COPY_MAX)
		return op_refuse(op, STATUS_LIMIT,
		    "More than 200,000 messages are too many for one command.", "%u messages",
		    count);
	if (count >= UINT32_MAX - dst->now.uidnext)
		return op_refuse(op, STATUS_LIMIT, "The mailbox has no UIDs left.", "no UIDs left");
	s = total_size(t, src->now.id, uids, octets);
	if (s == STATUS_OK && !move)
		s = account_room(t, op, *octets);
	return s;
}

enum status
messages_copy(struct account_txn *t, struct op *op, struct edit *src, struct edit *dst,
    const struct runs *uids, bool move, struct runs *from, uint32_t *first)
{
	struct runs added = RUNS_INIT;
	uint32_t count, start = dst->now.uidnext;
	uint64_t octets = 0;
	struct emails emails;
	enum status s = account_uids_of(t, src->now.id, uids, from);

	count = runs_total(from);
	if (s != STATUS_OK || count == 0)
		return s;
	s = check(t, op, src, dst, from, count, move, &octets);
	emails_init(&emails, t);
	for (uint32_t uid = runs_next(from, 1); uid != 0 && s == STATUS_OK;
	     uid = runs_next(from, uid + 1))
		s = copy_one(&emails, op, src, dst, uid, move);
	emails_done(&emails);
	if (s == STATUS_OK && move)
		s = messages_take_out(t, src, from, NULL);
	if (s != STATUS_OK)
		return s;
	if (!move) {
		t->head.messages += count;
		t->head.octets += octets;
	}
	account_touch(t, dst);
	runs_add(&added, start, start + count - 1);
	change_uids(t, CHANGE_ADDED, dst->now.id, &added);
	runs_done(&added);
	*first = start;
	return STATUS_OK;
}

/* ---- the call ---- */

static void
remember(
    struct op *op, const struct edit *dst, const struct runs *from, uint32_t first, uint64_t modseq)
{
	struct buffer result = BUFFER_INIT;

	pack_varint(&result, dst->now.uidvalidity);
	pack_varint(&result, first);
	pack_varint(&result, modseq);
	runs_pack(&result, from);
	op->result = arena_copy(op->arena, buffer_text(&result));
	buffer_done(&result);
}

/* CONFLICT where not all are there that must be. */
static enum status
check_whole(struct account_txn *t, struct op *op, const struct store_copy_request *r)
{
	struct runs there = RUNS_INIT, asked = r->uids;
	enum status s;

	if (!r->whole)
		return STATUS_OK;
	s = account_uids_of(t, (uint32_t)r->mailbox, &r->uids, &there);
	if (s == STATUS_OK && runs_total(&there) < runs_total(&asked))
		s = op_refuse(
		    op, STATUS_CONFLICT, "Some of these messages are gone.", "messages are gone");
	runs_done(&there);
	return s;
}

static enum status
copy_run(struct account_txn *t, struct op *op)
{
	const struct store_copy_request *r = op->request;
	const struct mailbox *src =
	    r->mailbox > UINT32_MAX ? NULL : account_mailbox(t, (uint32_t)r->mailbox);
	const struct mailbox *dst;
	struct runs from = RUNS_INIT;
	uint32_t first = 0;
	struct text to;
	struct edit *edit;
	enum status s = mailbox_name(op, r->to, op->arena, &to);

	if (s != STATUS_OK)
		return s;
	if (src == NULL || !src->exists)
		return op_refuse(op, STATUS_INVALID, "This mailbox was deleted.", "no source");
	dst = account_find(t, to);
	if (dst == NULL || !dst->exists)
		return op_refuse(op, STATUS_NOT_FOUND, "No such mailbox.", "no mailbox");
	s = check_whole(t, op, r);
	if (s != STATUS_OK)
		return s;
	edit = account_edit(t, dst->id);
	s = messages_copy(
	    t, op, account_edit(t, src->id), edit, &r->uids, r->move != 0, &from, &first);
	if (s == STATUS_OK)
		remember(op, edit, &from, first, t->head.modseq);
	runs_done(&from);
	return s;
}

static void
copy_answer(struct op *op)
{
	struct store_copy_reply reply = { 0 };
	struct unpack u = unpack_of(op->result);

	reply.uidvalidity = unpack_varint(&u);
	reply.first = unpack_varint(&u);
	reply.modseq = unpack_varint(&u);
	if (runs_unpack(&u, UINT32_MAX, &reply.from) != STATUS_OK) {
		call_refuse(
		    op->in, STATUS_CORRUPT, "The server's records are damaged.", "result of copy");
		return;
	}
	struct runs from = reply.from;

	call_reply(op->in, &reply);
	runs_done(&from);
}

void
serve_store_copy(struct call_in *in, const void *request, void *context)
{
	const struct store_copy_request *r = request;

	serve_write_plain(context, in, request, copy_run, copy_answer, r->token, r->op);
}
