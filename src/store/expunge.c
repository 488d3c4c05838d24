/* SPDX-License-Identifier: ISC */
/*
 * Messages go: EXPUNGE and UID EXPUNGE (RFC 9051 6.4.3, 6.4.9), POP3's QUIT,
 * and what a removed mailbox or account leaves behind. An email whose last
 * entry goes leaves its content as garbage: a row with a time from which on
 * the content may be deleted (collect.c), so that who reads it can finish.
 * Large sets are done in several commits, each whole in itself.
 */
#include "store/core.h"
#include "store/leaving.h"
#include "store/serve.h"

#define EXPUNGE_STEP 100000u /* messages in one commit */

/* ---- emails ---- */

/* The same shared content may be held twice, as what came and as what was sent:
 * even and odd seconds keep the rows apart. */
static uint64_t
garbage_time(const struct email *e, int64_t due)
{
	uint64_t seconds = (uint64_t)(due / CLOCK_SECOND);

	if (e->shared == HOLDER_ACCOUNT)
		return seconds - seconds % 2;
	return e->shared == HOLDER_SENT ? seconds - (seconds + 1) % 2 : seconds;
}

void
garbage_put(struct account_txn *t, const struct email *e, int64_t due)
{
	struct key key = key_u64(KEY_GARBAGE, garbage_time(e, due));
	struct buffer value = BUFFER_INIT;

	key_add_text(&key, blob_id_text(&e->blob));
	pack_varint(&value, e->pieces);
	pack_u8(&value, e->shared);
	txn_put(&t->txn, key_text(&key), buffer_text(&value));
	buffer_done(&value);
	t->garbage = true;
}

/* ---- entries ---- */

/* The first of these UIDs that is not in that block or before it; 0: none. */
static uint32_t
next_block(const struct runs *uids, uint32_t block)
{
	return block == hot_block(UINT32_MAX) ? 0 : runs_next(uids, (block + 1) * HOT_SPAN);
}

static uint32_t
take_out_of(struct account_txn *t, struct edit *e, struct hot *h, const struct runs *uids,
    struct leavings *left)
{
	uint32_t kept = 0, before = h->count;

	for (uint32_t i = 0; i < before; i++) {
		const struct hot_entry *at = &h->at[i];

		if (!runs_has(uids, at->uid)) {
			h->at[kept++] = *at;
			continue;
		}
		edit_count_out(e, at);
		if (left != NULL)
			leaving_add(left, txn_arena(&t->txn), at->email,
			    (struct place){ e->now.id, at->uid });
	}
	h->count = kept;
	h->dirty = true;
	return before - kept;
}

enum status
messages_take_out(struct account_txn *t, struct edit *e, struct runs *uids, struct leavings *left)
{
	uint32_t taken = 0;
	struct hot *h;

	for (uint32_t uid = runs_next(uids, 1); uid != 0; uid = next_block(uids, h->block)) {
		enum status s = account_hot(t, e->now.id, hot_block(uid), &h);

		if (s != STATUS_OK)
			return s;
		taken += take_out_of(t, e, h, uids, left);
	}
	if (taken != runs_total(uids))
		return STATUS_CORRUPT;
	account_touch(t, e);
	change_uids(t, CHANGE_VANISHED, e->now.id, uids);
	return STATUS_OK;
}

enum status
messages_remove(struct account_txn *t, struct edit *e, struct runs *uids)
{
	struct leavings left = { .count = 0 };
	uint64_t octets = e->now.octets;
	enum status s = messages_take_out(t, e, uids, &left);

	if (s != STATUS_OK)
		return s;
	t->head.messages -= left.count;
	t->head.octets -= octets - e->now.octets;
	return leaving_write(t, &left);
}

/* ---- the call ---- */

struct expunge_op {
	struct account_op o; /* first */
	struct runs gone;
};

/* Messages that may be meant: all asked ones, or only those that are not far
 * from a deleted one. */
static enum status
candidates(struct account_txn *t, const struct store_expunge_request *r, struct runs *out)
{
	struct uidset all = UIDSET_INIT;
	struct runs near = RUNS_INIT;
	enum status s = account_uids(t, (uint32_t)r->mailbox, &all);

	if (s == STATUS_OK && r->force && r->all)
		uidset_to_runs(&all, out);
	else if (s == STATUS_OK && r->force)
		uidset_both(out, &all, &r->uids);
	else if (s == STATUS_OK)
		s = index_deleted(t, (uint32_t)r->mailbox, &all, &near);
	if (!r->force && r->all)
		runs_copy(out, &near);
	else if (!r->force)
		runs_both(out, &near, &r->uids);
	runs_done(&near);
	uidset_done(&all);
	return s;
}

/* Picks at most EXPUNGE_STEP of the messages that go; *more: there are others. */
static enum status
pick(struct account_txn *t, const struct store_expunge_request *r, struct runs *out, bool *more)
{
	struct runs asked = RUNS_INIT;
	enum status s = candidates(t, r, &asked);
	uint32_t uid = s == STATUS_OK ? runs_next(&asked, 1) : 0, count = 0;
	struct hot *h;

	for (; uid != 0 && !*more; uid = next_block(&asked, h->block)) {
		s = account_hot(t, (uint32_t)r->mailbox, hot_block(uid), &h);
		if (s != STATUS_OK)
			break;
		for (uint32_t i = 0; i < h->count && !*more; i++) {
			const struct hot_entry *e = &h->at[i];

			if ((!r->force && (e->flags & FLAG_DELETED) == 0) ||
			    !runs_has(&asked, e->uid))
				continue;
			*more = count++ == EXPUNGE_STEP;
			if (!*more)
				runs_add(out, e->uid, e->uid);
		}
	}
	runs_done(&asked);
	return s;
}

static enum status
expunge_run(struct account_txn *t, struct op *op)
{
	const struct store_expunge_request *r = op->request;
	struct expunge_op *x = (struct expunge_op *)(void *)op;
	const struct mailbox *m =
	    r->mailbox > UINT32_MAX ? NULL : account_mailbox(t, (uint32_t)r->mailbox);
	struct buffer result = BUFFER_INIT;
	struct runs uids = RUNS_INIT;
	bool more = false;
	enum status s = STATUS_OK;

	if (m == NULL || !m->exists)
		return op_refuse(op, STATUS_NOT_FOUND, "No such mailbox.", "no mailbox");
	if (m->deleted > 0 || r->force)
		s = pick(t, r, &uids, &more);
	if (s == STATUS_OK && !runs_empty(&uids)) {
		s = messages_remove(t, account_edit(t, m->id), &uids);
		runs_add_all(&x->gone, &uids);
	}
	runs_done(&uids);
	if (s != STATUS_OK)
		return s;
	pack_varint(&result, t->head.modseq);
	runs_pack(&result, &x->gone);
	op->result = arena_copy(op->arena, buffer_text(&result));
	buffer_done(&result);
	return more ? STATUS_AGAIN : STATUS_OK;
}

static void
expunge_answer(struct op *op)
{
	struct expunge_op *x = (struct expunge_op *)(void *)op;
	struct store_expunge_reply reply = { 0 };
	struct unpack u = unpack_of(op->result);
	struct runs gone = x->gone, told;

	reply.modseq = unpack_varint(&u);
	if (runs_unpack(&u, UINT32_MAX, &reply.gone) != STATUS_OK)
		call_refuse(op->in, STATUS_CORRUPT, "The server's records are damaged.",
		    "result of expunge");
	else {
		told = reply.gone;
		call_reply(op->in, &reply);
		runs_done(&told);
	}
	runs_done(&gone);
}

static void
expunge_drop(struct op *op)
{
	runs_done(&((struct expunge_op *)(void *)op)->gone);
}

void
serve_store_expunge(struct call_in *in, const void *request, void *context)
{
	const struct store_expunge_request *r = request;
	struct expunge_op *x = ARENA_NEW(call_arena(in), struct expunge_op);

	x->o.run = expunge_run;
	x->o.answer = expunge_answer;
	x->o.drop = expunge_drop;
	serve_write(context, in, request, &x->o, r->token, r->op);
}
