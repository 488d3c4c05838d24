/* SPDX-License-Identifier: ISC */
/*
 * What a client is told about mailboxes: the list (RFC 9051 6.3.9), and one by
 * name (6.3.11 STATUS). All from the published state.
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
	k = serve_named(a, name);
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
