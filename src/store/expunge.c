/* SPDX-License-Identifier: ISC */
/*
 * Messages go: EXPUNGE and UID EXPUNGE (RFC 9051 6.4.3, 6.4.9), POP3's QUIT,
 * and what a removed mailbox or account leaves behind. An email whose last
 * entry goes leaves its content as garbage: a row with a time from which on
 * the content may be deleted (collect.c), so that who reads it can finish.
 * Large sets are done in several commits, each whole in itself.
 */
#include "base/log.h"
#include "runtime/settings.h"
#include "store/core.h"
#include "store/emails.h"
#include "store/serve.h"
#include "store/thread.h"

#define EXPUNGE_STEP 10000u /* messages in one commit */

/* ---- emails ---- */

void
garbage_put(struct account_txn *t, const struct email *e, int64_t due)
{
	struct key key = key_u64(KEY_GARBAGE, (uint64_t)(due / CLOCK_SECOND));
	struct buffer value = BUFFER_INIT;

	key_add_text(&key, blob_id_text(&e->blob));
	pack_varint(&value, e->pieces);
	pack_u8(&value, e->shared);
	txn_put(&t->txn, key_text(&key), buffer_text(&value));
	buffer_done(&value);
	t->garbage = true;
}

static enum status
email_gone(struct account_txn *t, uint64_t id, const struct email *e)
{
	struct key email = key_u64(KEY_EMAIL, id), summary = key_u64(KEY_SUMMARY, id);

	txn_delete(&t->txn, key_text(&email));
	txn_delete(&t->txn, key_text(&summary));
	garbage_put(t, e, t->txn.now + setting(SET_STORE_BLOB_KEEP));
	return thread_leave(t, id, e->thread);
}

enum status
email_leave(struct emails *emails, uint64_t id, struct place place)
{
	struct account_txn *t = emails->t;
	struct key key = key_u64(KEY_EMAIL, id);
	struct buffer row = BUFFER_INIT;
	struct email e;
	enum status s = emails_get(emails, id, &e);

	if (s == STATUS_NOT_FOUND || (s == STATUS_OK && !email_remove(&e, place))) {
		LOG_ALARM(
		    "store.email_missing", FIELD_U64("account", t->a->id), FIELD_U64("email", id));
		return STATUS_OK; /* what is damaged can be deleted nevertheless */
	}
	if (s != STATUS_OK)
		return s;
	if (e.count == 0)
		return email_gone(t, id, &e);
	email_pack(&row, &e);
	txn_put(&t->txn, key_text(&key), buffer_text(&row));
	buffer_done(&row);
	return STATUS_OK;
}

enum status
messages_remove(struct account_txn *t, struct edit *e, const struct runs *uids)
{
	enum status s = STATUS_OK;
	struct emails emails;
	struct hot *h = NULL;

	emails_init(&emails, t);
	for (uint32_t uid = runs_next(uids, 1); uid != 0 && s == STATUS_OK;
	     uid = runs_next(uids, uid + 1)) {
		struct hot_entry *at;

		if (h == NULL || h->block != hot_block(uid))
			s = account_hot(t, e->now.id, hot_block(uid), &h);
		if (s != STATUS_OK)
			break;
		at = hot_find(h, uid);
		s = at == NULL ? STATUS_CORRUPT
			       : email_leave(&emails, at->email, (struct place){ e->now.id, uid });
		if (s != STATUS_OK)
			break;
		edit_count_out(e, at);
		t->head.messages--;
		t->head.octets -= at->size;
		hot_remove(h, uid);
	}
	emails_done(&emails);
	if (s != STATUS_OK)
		return s;
	account_touch(t, e);
	change_uids(t, CHANGE_VANISHED, e->now.id, uids);
	return STATUS_OK;
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
	uint32_t count = 0;
	struct hot *h = NULL;

	for (uint32_t uid = runs_next(&asked, 1); uid != 0 && s == STATUS_OK;
	     uid = runs_next(&asked, uid + 1)) {
		const struct hot_entry *e;

		if (h == NULL || h->block != hot_block(uid))
			s = account_hot(t, (uint32_t)r->mailbox, hot_block(uid), &h);
		e = s == STATUS_OK ? hot_find(h, uid) : NULL;
		if (e == NULL || (!r->force && (e->flags & FLAG_DELETED) == 0))
			continue;
		*more = count++ == EXPUNGE_STEP;
		if (*more)
			break;
		runs_add(out, uid, uid);
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
