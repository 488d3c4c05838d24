/* SPDX-License-Identifier: ISC */
/*
 * What a client is told about mailboxes: the list (RFC 9051 6.3.9), one by
 * name (6.3.11 STATUS), and the opening of one (6.3.2 SELECT). All from the
 * published state; only the first opening of a mailbox reads its index or, where
 * it has none, its hot rows.
 */
#include "store/core.h"
#include "store/serve.h"

#define LIST_PAGE (512u << 10)

/* Whether some mailbox from position i on is below the name. */
static bool
has_children(const struct account *a, size_t i, struct text name)
{
	while (i < a->mailboxes && mailbox_name_below(a->sorted[i]->m.name, name))
		if (a->sorted[i++]->m.exists)
			return true;
	return false;
}

static void
row_of(const struct kept_mailbox *k, struct store_mailbox *out)
{
	*out = (struct store_mailbox){ .id = k->m.id,
		.name = k->m.name,
		.use = k->m.use,
		.subscribed = k->m.subscribed,
		.exists = k->m.exists,
		.uidvalidity = k->m.uidvalidity,
		.uidnext = k->m.uidnext,
		.highest_modseq = k->m.highest_modseq,
		.messages = k->m.messages,
		.unseen = k->m.unseen,
		.deleted = k->m.deleted,
		.recent = k->m.recent,
		.octets = k->m.octets };
}

/* ---- the list ---- */

struct list_op {
	struct account_op o; /* first */
	struct buffer rows;
	uint64_t count, room;
	struct text resume;
};

static void
list_add(struct list_op *l, const struct store_mailbox *m)
{
	const struct store_mailboxes_request *r = l->o.op.request;

	if (!text_starts(m->name, r->prefix) || (r->most > 0 && l->count == r->most))
		return;
	store_mailbox_pack(&l->rows, m);
	l->count++;
}

/* Parents that are no mailboxes stand in front of the first name below them;
 * names below one parent are neighbours. */
static void
list_parents(struct list_op *l, const struct account *a, size_t i)
{
	struct text name = a->sorted[i]->m.name;
	struct text before = i == 0 ? TEXT_EMPTY : a->sorted[i - 1]->m.name;

	for (size_t at = text_find_byte(name, '/', 0); at < name.len;
	     at = text_find_byte(name, '/', at + 1)) {
		struct store_mailbox m = { .name = text_part(name, 0, at) };

		if (mailbox_name_below(before, m.name) || map_get(&a->by_name, m.name) != NULL)
			continue;
		m.children = has_children(a, i, m.name);
		list_add(l, &m);
	}
}

/* Where the rows begin: behind `after`, and not in front of the prefix. */
static size_t
list_start(const struct account *a, const struct store_mailboxes_request *r)
{
	size_t i;

	if (mailbox_order(r->after, r->prefix) < 0 || r->after.len == 0)
		return account_position(a, r->prefix);
	i = account_position(a, r->after);
	return i + (i < a->mailboxes && text_equal(a->sorted[i]->m.name, r->after));
}

static enum status
list_read(struct account *a, struct op *op)
{
	const struct store_mailboxes_request *r = op->request;
	struct list_op *l = (struct list_op *)(void *)op;
	bool all = r->most == 0;
	size_t i;

	pthread_mutex_lock(&a->owner.lock);
	for (i = list_start(a, r); i < a->mailboxes; i++) {
		struct store_mailbox m;

		if (l->rows.len >= LIST_PAGE || !text_starts(a->sorted[i]->m.name, r->prefix) ||
		    (!all && l->count == r->most))
			break;
		list_parents(l, a, i);
		row_of(a->sorted[i], &m);
		m.children = has_children(a, i + 1, m.name);
		list_add(l, &m);
	}
	if (all && i < a->mailboxes && text_starts(a->sorted[i]->m.name, r->prefix))
		l->resume = arena_copy(op->arena, a->sorted[i - 1]->m.name);
	pthread_mutex_unlock(&a->owner.lock);
	return STATUS_OK;
}

static void
list_answer(struct op *op)
{
	struct list_op *l = (struct list_op *)(void *)op;
	struct store_mailboxes_reply reply = { .rows = buffer_text(&l->rows), .resume = l->resume };
	struct buffer rows = l->rows;

	call_reply(op->in, &reply);
	buffer_done(&rows);
}

void
serve_store_mailboxes(struct call_in *in, const void *request, void *context)
{
	const struct store_mailboxes_request *r = request;
	struct list_op *l = ARENA_NEW(call_arena(in), struct list_op);

	l->o.read = list_read;
	l->o.answer = list_answer;
	serve_read(context, in, request, &l->o, r->token);
}

/* ---- one ---- */

/* Opens and single rows know the mailbox by name. Under the lock. */
static struct kept_mailbox *
find_name(struct account *a, struct text name)
{
	struct kept_mailbox *k = map_get(&a->by_name, name);

	return k == NULL || !k->m.exists ? NULL : k;
}

static uint64_t
room_of(const struct account *a)
{
	uint64_t quota = account_quota(&a->facts);

	if (quota == 0)
		return UINT64_MAX;
	return a->head.octets < quota ? quota - a->head.octets : 0;
}

static enum status
single_read(struct account *a, struct op *op)
{
	const struct store_mailbox_request *r = op->request;
	struct list_op *l = (struct list_op *)(void *)op;
	struct store_mailbox m;
	struct kept_mailbox *k;
	struct text name;
	enum status s = mailbox_name(op, r->name, op->arena, &name);

	if (s != STATUS_OK)
		return s;
	pthread_mutex_lock(&a->owner.lock);
	k = find_name(a, name);
	if (k != NULL) {
		row_of(k, &m);
		m.children = has_children(a, account_position(a, name) + 1, name);
		store_mailbox_pack(&l->rows, &m);
		l->room = room_of(a);
	}
	pthread_mutex_unlock(&a->owner.lock);
	if (k == NULL)
		return op_refuse(op, STATUS_NOT_FOUND, "No such mailbox.", "no mailbox");
	return STATUS_OK;
}

static void
single_answer(struct op *op)
{
	struct list_op *l = (struct list_op *)(void *)op;
	struct store_mailbox_reply reply = { .row = buffer_text(&l->rows), .room = l->room };
	struct buffer rows = l->rows;

	call_reply(op->in, &reply);
	buffer_done(&rows);
}

void
serve_store_mailbox(struct call_in *in, const void *request, void *context)
{
	const struct store_mailbox_request *r = request;
	struct list_op *l = ARENA_NEW(call_arena(in), struct list_op);

	l->o.read = single_read;
	l->o.answer = single_answer;
	serve_read(context, in, request, &l->o, r->token);
}

/* ---- opening ---- */

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

static enum status
open_locked(struct account *a, struct op *op, struct text name)
{
	const struct store_open_request *r = op->request;
	struct store_open_reply *reply = &((struct open_op *)(void *)op)->reply;
	struct kept_mailbox *k = find_name(a, name);

	if (k == NULL)
		return op_refuse(op, STATUS_NOT_FOUND, "No such mailbox.", "no mailbox");
	if (!k->uids_known || (k->m.unseen > 0 && !k->m.unseen_exact))
		return STATUS_AGAIN;
	reply->mailbox = k->m.id;
	reply->uidvalidity = k->m.uidvalidity;
	reply->uidnext = k->m.uidnext;
	reply->modseq = a->head.modseq;
	reply->highest = k->m.highest_modseq;
	uidset_share(&((struct open_op *)(void *)op)->uids, &k->index.uids);
	reply->first_unseen = k->m.unseen > 0 ? k->m.first_unseen : 0;
	reply->unseen = k->m.unseen;
	reply->recent_from = k->m.recent_from;
	reply->use = k->m.use;
	copy_keywords(a, op->arena, &reply->keywords);
	if (r->claim)
		account_claim(k);
	return STATUS_OK;
}

static enum status
open_read(struct account *a, struct op *op)
{
	const struct store_open_request *r = op->request;
	struct open_op *o = (struct open_op *)(void *)op;
	struct text name;
	enum status s = mailbox_name(op, r->name, op->arena, &name);

	if (s != STATUS_OK)
		return s;
	pthread_mutex_lock(&a->owner.lock);
	s = open_locked(a, op, name);
	pthread_mutex_unlock(&a->owner.lock);
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
	k = find_name(t->a, name);
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
	struct store_open_reply *reply = &((struct open_op *)(void *)op)->reply;
	struct runs uids = reply->uids;

	call_reply(op->in, reply);
	runs_done(&uids);
}

void
serve_store_open(struct call_in *in, const void *request, void *context)
{
	const struct store_open_request *r = request;
	struct open_op *o = ARENA_NEW(call_arena(in), struct open_op);

	o->o.read = open_read;
	o->o.prepare = open_prepare;
	o->o.answer = open_answer;
	serve_read(context, in, request, &o->o, r->token);
}
