/* SPDX-License-Identifier: ISC */
/*
 * The opening of a mailbox for a session: SELECT and EXAMINE (RFC 9051 6.3.2,
 * 6.3.3). All from the published state; only the first opening after a start
 * reads the mailbox's index or, where it has none, its hot rows. A mailbox with
 * holes has many runs of UIDs: who knows them as of a modseq gets only what
 * happened since.
 */
#include "store/core.h"
#include "store/serve.h"

#define DIFFER_FROM 64u	 /* fewer runs are sent whole, */
#define DIFFER_LOG 4096u /* and where more rows of the log are to be read */

struct open_op {
	struct account_op o; /* first */
	struct store_open_reply reply;
	struct uidset uids; /* what becomes reply.uids */
};

static void
copy_keywords(struct account *a, struct arena *arena, struct texts *out)
{
	out->count = a->head.keywords;
	out->at = ARENA_ARRAY(arena, struct text, out->count);
	for (uint32_t i = 0; i < out->count; i++)
		out->at[i] = arena_copy(arena, a->keyword[i]);
}

/* The caller's set may become the one of now. */
static bool
is_known(const struct account *a, const struct kept_mailbox *k, const struct store_open_request *r)
{
	if (r->have != k->m.id || r->since == 0 || r->since > a->head.modseq ||
	    uidset_runs(&k->index.uids) < DIFFER_FROM)
		return false;
	if (k->m.highest_modseq <= r->since)
		return true;
	return r->since + 1 >= a->head.log_low && a->head.modseq - r->since <= DIFFER_LOG;
}

static enum status
open_locked(struct account *a, struct op *op, struct text name)
{
	const struct store_open_request *r = op->request;
	struct open_op *o = (struct open_op *)(void *)op;
	struct store_open_reply *reply = &o->reply;
	struct kept_mailbox *k = serve_named(a, name);

	if (k == NULL)
		return op_refuse(op, STATUS_NOT_FOUND, "No such mailbox.", "no mailbox");
	if (!k->uids_known || (k->m.unseen > 0 && !k->m.unseen_exact))
		return STATUS_AGAIN;
	reply->mailbox = k->m.id;
	reply->uidvalidity = k->m.uidvalidity;
	reply->uidnext = k->m.uidnext;
	reply->modseq = a->head.modseq;
	reply->highest = k->m.highest_modseq;
	reply->differs = is_known(a, k, r);
	uidset_share(&o->uids, &k->index.uids);
	reply->first_unseen = k->m.unseen > 0 ? k->m.first_unseen : 0;
	reply->unseen = k->m.unseen;
	reply->recent_from = k->m.recent_from;
	reply->use = k->m.use;
	copy_keywords(a, op->arena, &reply->keywords);
	if (r->claim)
		account_claim(a, k);
	return STATUS_OK;
}

/* What happened since; if the log was trimmed meanwhile, everything. */
static enum status
differ(struct account *a, const struct store_open_request *r, struct store_open_reply *reply)
{
	struct change_sets sets = { .added = RUNS_INIT };
	bool whole = true;
	enum status s = STATUS_OK;

	if (reply->highest > r->since)
		s = change_read(
		    a, (uint32_t)reply->mailbox, r->since, reply->modseq, &sets, &whole);
	change_settle(&sets);
	reply->differs = whole;
	if (whole) {
		reply->added = sets.added;
		reply->vanished = sets.vanished;
		sets.added = sets.vanished = (struct runs)RUNS_INIT;
	}
	change_sets_done(&sets);
	return s;
}

static void
forget(struct open_op *o)
{
	runs_done(&o->reply.uids);
	runs_done(&o->reply.added);
	runs_done(&o->reply.vanished);
	uidset_done(&o->uids);
}

static enum status
open_read(struct account *a, struct op *op)
{
	const struct store_open_request *r = op->request;
	struct open_op *o = (struct open_op *)(void *)op;
	struct text name;
	enum status s = mailbox_name(op, r->name, op->arena, &name);

	forget(o);
	if (s != STATUS_OK)
		return s;
	pthread_mutex_lock(&a->owner.lock);
	s = open_locked(a, op, name);
	pthread_mutex_unlock(&a->owner.lock);
	if (s == STATUS_OK && o->reply.differs)
		s = differ(a, r, &o->reply);
	if (s == STATUS_OK && !o->reply.differs)
		uidset_to_runs(&o->uids, &o->reply.uids);
	uidset_done(&o->uids);
	return s;
}

static enum status
know_by_name(struct account_txn *t, struct op *op, struct text name, struct kept_mailbox **out)
{
	struct kept_mailbox *k;
	enum status s = mailbox_name(op, name, op->arena, &name);

	if (s != STATUS_OK)
		return s;
	k = serve_named(t->a, name);
	if (k != NULL)
		s = index_know(t->a, k);
	*out = k;
	return s;
}

/* Walks blocks from the lower bound on to the first unseen message. */
static enum status
find_unseen(struct account *a, struct kept_mailbox *k)
{
	uint32_t uid = 0;
	enum status s = index_unseen(a, k, k->m.first_unseen, &uid);

	if (s != STATUS_OK)
		return s == STATUS_NOT_FOUND ? STATUS_CORRUPT : s;
	pthread_mutex_lock(&a->owner.lock);
	k->m.first_unseen = uid;
	k->m.unseen_exact = true;
	pthread_mutex_unlock(&a->owner.lock);
	return STATUS_OK;
}

/* Before the transaction has touched anything that would be read here: the
 * operations of one batch before this one are not published, and what they
 * change is not told to this reader. */
static enum status
open_prepare(struct account_txn *t, struct op *op)
{
	struct kept_mailbox *k;
	enum status s =
	    know_by_name(t, op, ((const struct store_open_request *)op->request)->name, &k);

	if (s == STATUS_OK && k != NULL && k->m.unseen > 0 && !k->m.unseen_exact)
		s = find_unseen(t->a, k);
	return s;
}

static void
open_answer(struct op *op)
{
	struct open_op kept = *(struct open_op *)(void *)op;

	call_reply(op->in, &kept.reply);
	forget(&kept);
}

static void
open_drop(struct op *op)
{
	forget((struct open_op *)(void *)op);
}

void
serve_store_open(struct call_in *in, const void *request, void *context)
{
	const struct store_open_request *r = request;
	struct open_op *o = ARENA_NEW(call_arena(in), struct open_op);

	o->o.read = open_read;
	o->o.prepare = open_prepare;
	o->o.answer = open_answer;
	o->o.drop = open_drop;
	serve_read(context, in, request, &o->o, r->token);
}
