/* SPDX-License-Identifier: ISC */
/*
 * What happened in a mailbox since a modseq, from the change log: what IDLE,
 * NOOP, CONDSTORE and QRESYNC (RFC 7162 3.2) ask for. The answer is made at
 * one published modseq; rows are read after it and may be newer, which the
 * next answer repeats.
 */
#include "store/core.h"
#include "store/serve.h"

#define ROWS_MAX (1u << 20)

struct changes_op {
	struct account_op o; /* first */
	struct store_changes_reply reply;
	struct runs flagged;
	struct buffer rows;
	bool waited;	   /* what was being committed is published */
	struct uidset all; /* what becomes reply.uids */
	uint32_t names;	   /* of keywords, that are published */
};

static void
forget(struct changes_op *c)
{
	runs_done(&c->reply.uids);
	runs_done(&c->reply.added);
	runs_done(&c->reply.changed);
	runs_done(&c->reply.vanished);
	runs_done(&c->flagged);
	buffer_done(&c->rows);
	uidset_done(&c->all);
}

/* For who comes back: an UID that came and went may be one that it knows. */
static void
settle_resync(struct changes_op *c)
{
	runs_copy(&c->reply.changed, &c->flagged);
	runs_add_all(&c->reply.changed, &c->reply.added);
	runs_remove_all(&c->reply.changed, &c->reply.vanished);
	runs_done(&c->reply.added);
}

static enum status
read_log(
    struct account *a, struct changes_op *c, const struct store_changes_request *r, bool *whole)
{
	struct change_sets sets = { .added = RUNS_INIT };
	enum status s =
	    change_read(a, (uint32_t)r->mailbox, r->since, c->reply.modseq, &sets, whole);

	if (!r->resync)
		change_settle(&sets);
	c->reply.added = sets.added;
	c->reply.vanished = sets.vanished;
	c->flagged = sets.flagged;
	if (r->resync)
		settle_resync(c);
	return s;
}

static enum status
add_rows(struct account *a, struct changes_op *c, uint32_t mailbox)
{
	struct arena arena = ARENA_INIT;
	enum status s = STATUS_OK;
	struct hot h = { .count = 0 };
	bool have = false;

	for (uint32_t uid = runs_next(&c->flagged, 1); uid != 0 && s == STATUS_OK;
	     uid = runs_next(&c->flagged, uid + 1)) {
		struct key key = key_hot(mailbox, hot_block(uid));
		const struct hot_entry *e;
		struct text value;

		if (!have || h.block != hot_block(uid)) {
			arena_reset(&arena);
			h = (struct hot){ .mailbox = mailbox, .block = hot_block(uid) };
			have = true;
			s = engine_get(a->owner.store->engine, a->owner.entity, key_text(&key),
			    &arena, &value);
			if (s == STATUS_OK)
				s = hot_decode(value, &arena, &h);
			if (s == STATUS_NOT_FOUND)
				s = STATUS_OK;
		}
		e = s == STATUS_OK ? hot_find(&h, uid) : NULL;
		/* With names that are not published yet it is newer than this
		 * answer, and comes with the next. */
		if (e != NULL && hot_names(e) <= c->names)
			hot_row_pack(&c->rows, e);
		if (c->rows.len > ROWS_MAX)
			break;
	}
	arena_done(&arena);
	return s;
}

/* ---- the call ---- */

static void
copy_keywords(struct account *a, struct arena *arena, uint64_t from, struct texts *out)
{
	uint32_t first = from < a->head.keywords ? (uint32_t)from : a->head.keywords;

	out->count = a->head.keywords - first;
	out->at = ARENA_ARRAY(arena, struct text, out->count);
	for (uint32_t i = 0; i < out->count; i++)
		out->at[i] = arena_copy(arena, a->keyword[first + i]);
}

/* The published part; *quiet: nothing happened in this mailbox. AGAIN: its
 * UIDs are wanted and not known yet, or what the caller has seen is committed
 * and not published yet. */
static enum status
look(struct account *a, struct changes_op *c, bool full, bool *quiet)
{
	const struct store_changes_request *r = c->o.op.request;
	struct kept_mailbox *k = serve_mailbox(a, r->mailbox);

	if (k == NULL)
		return op_refuse(
		    &c->o.op, STATUS_NOT_FOUND, "This mailbox was deleted.", "no mailbox");
	if (a->head.modseq < r->reach && !c->waited)
		return STATUS_AGAIN;
	*quiet = k->m.highest_modseq <= r->since;
	full |= !*quiet && r->since + 1 < a->head.log_low;
	if (full && !r->resync && !k->uids_known)
		return STATUS_AGAIN;
	c->reply.full = full;
	if (full && !r->resync)
		uidset_share(&c->all, &k->index.uids);
	c->names = a->head.keywords;
	c->reply.modseq = a->head.modseq;
	c->reply.highest = k->m.highest_modseq;
	c->reply.uidnext = k->m.uidnext;
	c->reply.recent_from = k->m.recent_from;
	copy_keywords(a, c->o.op.arena, r->keywords_from, &c->reply.keywords);
	if (r->claim)
		account_claim(a, k);
	return STATUS_OK;
}

static enum status
locked_look(struct account *a, struct changes_op *c, bool full, bool *quiet)
{
	enum status s;

	pthread_mutex_lock(&a->owner.lock);
	s = look(a, c, full, quiet);
	pthread_mutex_unlock(&a->owner.lock);
	uidset_to_runs(&c->all, &c->reply.uids);
	uidset_done(&c->all);
	return s;
}

/* Whether there is something to tell, for which rows are read. */
static bool
is_news(struct account *a, const struct store_changes_request *r)
{
	struct kept_mailbox *k;
	bool news;

	pthread_mutex_lock(&a->owner.lock);
	k = serve_mailbox(a, r->mailbox);
	news = k != NULL && k->m.highest_modseq > r->since;
	pthread_mutex_unlock(&a->owner.lock);
	return news;
}

static enum status
changes_read(struct account *a, struct op *op)
{
	const struct store_changes_request *r = op->request;
	struct changes_op *c = (struct changes_op *)(void *)op;
	uint32_t mailbox = (uint32_t)r->mailbox;
	uint64_t recent_from;
	bool quiet = true, whole = true;
	enum status s;

	if (call_by_reader(op->in) && is_news(a, r))
		return STATUS_AGAIN; /* steps aside */
	forget(c);
	s = locked_look(a, c, false, &quiet);
	if (s != STATUS_OK || quiet || c->reply.full)
		return s;
	s = read_log(a, c, r, &whole);
	if (!r->resync && s == STATUS_OK && whole)
		s = add_rows(a, c, mailbox);
	if (s != STATUS_OK || (whole && c->rows.len <= ROWS_MAX))
		return s;
	forget(c); /* not all is known, or too much to tell one by one */
	recent_from = c->reply.recent_from;
	s = locked_look(a, c, true, &quiet);
	c->reply.recent_from = recent_from;
	return s;
}

static enum status
changes_prepare(struct account_txn *t, struct op *op)
{
	const struct store_changes_request *r = op->request;
	struct kept_mailbox *k = serve_mailbox(t->a, r->mailbox);

	((struct changes_op *)(void *)op)->waited = true;
	return k == NULL ? STATUS_OK : index_know(t->a, k);
}

static void
changes_answer(struct op *op)
{
	struct changes_op *c = (struct changes_op *)(void *)op;
	struct changes_op kept = *c;

	c->reply.rows = buffer_text(&c->rows);
	call_reply(op->in, &c->reply);
	forget(&kept);
}

static void
changes_drop(struct op *op)
{
	forget((struct changes_op *)(void *)op);
}

void
serve_store_changes(struct call_in *in, const void *request, void *context)
{
	const struct store_changes_request *r = request;
	struct changes_op *c = ARENA_NEW(call_arena(in), struct changes_op);

	c->o.read = changes_read;
	c->o.prepare = changes_prepare;
	c->o.answer = changes_answer;
	c->o.drop = changes_drop;
	serve_read(context, in, request, &c->o, r->token);
}
