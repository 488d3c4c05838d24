/* SPDX-License-Identifier: ISC */
/*
 * STORE (RFC 9051 6.4.6, RFC 7162 3.1.3): flags and keywords of a set of
 * messages in one commit, with one modseq and one row of the change log.
 * A message whose flags are already so is left alone and keeps its modseq.
 */
#include "store/core.h"
#include "store/serve.h"

struct flags_op {
	struct account_op o; /* first */
	struct buffer rows;
	uint32_t resume; /* rows stops before this UID; 0: all are there */
	uint32_t keyword_total;
	/* In the course of run(). */
	uint16_t keywords[KEYWORDS_PER_MESSAGE];
	uint32_t keyword_count;
	struct runs stale, changed;
	uint64_t newest;
	struct edit *edit; /* NULL: nothing is changed yet */
};

#define FLAGS_ROWS_MAX (768u << 10)

/* ---- what becomes of one message ---- */

static bool
has(const uint16_t *at, uint32_t count, uint16_t n)
{
	for (uint32_t i = 0; i < count; i++)
		if (at[i] == n)
			return true;
	return false;
}

/* Merges two ascending lists; UINT32_MAX if the result is too long. */
static uint32_t
with(const struct hot_entry *e, const struct flags_op *f, uint16_t *out)
{
	uint32_t n = 0, i = 0, k = 0;

	while (i < e->keyword_count || k < f->keyword_count) {
		uint16_t next;

		if (k == f->keyword_count ||
		    (i < e->keyword_count && e->keywords[i] < f->keywords[k]))
			next = e->keywords[i++];
		else {
			next = f->keywords[k++];
			if (i < e->keyword_count && e->keywords[i] == next)
				i++;
		}
		if (n == KEYWORDS_PER_MESSAGE)
			return UINT32_MAX;
		out[n++] = next;
	}
	return n;
}

static uint32_t
without(const struct hot_entry *e, const struct flags_op *f, uint16_t *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->keyword_count; i++)
		if (!has(f->keywords, f->keyword_count, e->keywords[i]))
			out[n++] = e->keywords[i];
	return n;
}

/* The new flags; UINT32_MAX in *count: too many keywords. */
static uint8_t
flags_after(
    const struct flags_op *f, const struct hot_entry *e, uint16_t *keywords, uint32_t *count)
{
	const struct store_flags_request *r = f->o.op.request;
	uint8_t flags = (uint8_t)(r->flags & FLAG_ALL);

	switch (r->mode) {
	case FLAGS_ADD:
		*count = with(e, f, keywords);
		return e->flags | flags;
	case FLAGS_REMOVE:
		*count = without(e, f, keywords);
		return (uint8_t)(e->flags & ~flags);
	default:
		memcpy(keywords, f->keywords, f->keyword_count * sizeof(*keywords));
		*count = f->keyword_count;
		return flags;
	}
}

static void
count_flags(struct edit *e, uint32_t uid, uint8_t before, uint8_t after)
{
	if ((before & FLAG_SEEN) && !(after & FLAG_SEEN))
		edit_unseen(e, uid);
	if (!(before & FLAG_SEEN) && (after & FLAG_SEEN))
		edit_not_unseen(e, uid);
	if ((before ^ after) & FLAG_DELETED) {
		if (after & FLAG_DELETED)
			e->now.deleted++;
		else
			e->now.deleted--;
	}
}

static enum status
change_one(struct account_txn *t, struct flags_op *f, struct hot *h, struct hot_entry *at)
{
	uint16_t keywords[KEYWORDS_PER_MESSAGE], *kept = NULL;
	uint32_t count;
	uint8_t flags = flags_after(f, at, keywords, &count);

	if (count == UINT32_MAX)
		return op_refuse(&f->o.op, STATUS_LIMIT, "Too many keywords for one message.",
		    "more than %d keywords", KEYWORDS_PER_MESSAGE);
	if (flags == at->flags && count == at->keyword_count &&
	    (count == 0 || memcmp(keywords, at->keywords, count * sizeof(*keywords)) == 0))
		return STATUS_OK;
	if (f->edit == NULL)
		f->edit = account_edit(t, h->mailbox);
	count_flags(f->edit, at->uid, at->flags, flags);
	if (count > 0) {
		kept = ARENA_ARRAY(txn_arena(&t->txn), uint16_t, count);
		memcpy(kept, keywords, count * sizeof(*kept));
	}
	at->flags = flags;
	at->keywords = kept;
	at->keyword_count = (uint8_t)count;
	at->modseq = account_modseq(t);
	h->dirty = true;
	runs_add(&f->changed, at->uid, at->uid);
	return STATUS_OK;
}

static void
add_row(struct flags_op *f, const struct hot_entry *at)
{
	const struct store_flags_request *r = f->o.op.request;

	if (at->modseq > f->newest)
		f->newest = at->modseq;
	if (r->quiet || f->resume != 0)
		return;
	if (f->rows.len > FLAGS_ROWS_MAX)
		f->resume = at->uid;
	else
		hot_row_pack(&f->rows, at);
}

/* All messages of the set; without change: only their rows. */
static enum status
walk(struct account_txn *t, struct flags_op *f, bool change, const struct runs *uids)
{
	const struct store_flags_request *r = f->o.op.request;
	uint32_t mailbox = (uint32_t)r->mailbox;
	enum status s = STATUS_OK;
	struct hot_entry *at = NULL;
	struct hot *h = NULL;

	for (uint32_t uid = runs_next(uids, 1); uid != 0 && s == STATUS_OK;
	     uid = uid == UINT32_MAX ? 0 : runs_next(uids, uid + 1)) {
		if (h == NULL || h->block != hot_block(uid)) {
			s = account_hot(t, mailbox, hot_block(uid), &h);
			at = NULL;
		}
		if (s != STATUS_OK)
			break;
		at = hot_find_behind(h, at, uid);
		if (at == NULL)
			return STATUS_CORRUPT;
		if (change && at->modseq > r->unchanged_since) {
			runs_add(&f->stale, uid, uid);
			continue;
		}
		if (change)
			s = change_one(t, f, h, at);
		if (s == STATUS_OK)
			add_row(f, at);
	}
	return s;
}

/* The messages of the request that are there. */
static enum status
find_uids(struct account_txn *t, const struct store_flags_request *r, struct runs *out)
{
	return account_uids_of(t, (uint32_t)r->mailbox, &r->uids, out);
}

static enum status
change(struct account_txn *t, struct flags_op *f, const struct runs *uids)
{
	const struct store_flags_request *r = f->o.op.request;
	enum status s = account_keywords(
	    t, &f->o.op, r->keywords, r->mode != FLAGS_REMOVE, f->keywords, &f->keyword_count);

	if (s != STATUS_OK)
		return s;
	s = walk(t, f, true, uids);
	if (s != STATUS_OK || f->edit == NULL)
		return s;
	account_touch(t, f->edit);
	change_uids(t, CHANGE_FLAGS, f->edit->now.id, &f->changed);
	return STATUS_OK;
}

static void
forget(struct flags_op *f)
{
	buffer_done(&f->rows);
	runs_done(&f->stale);
	runs_done(&f->changed);
	f->resume = 0;
	f->newest = 0;
	f->edit = NULL;
}

static enum status
flags_run(struct account_txn *t, struct op *op)
{
	const struct store_flags_request *r = op->request;
	struct flags_op *f = (struct flags_op *)(void *)op;
	const struct mailbox *m =
	    r->mailbox > UINT32_MAX ? NULL : account_mailbox(t, (uint32_t)r->mailbox);
	struct buffer result = BUFFER_INIT;
	struct runs uids = RUNS_INIT;
	enum status s;

	forget(f);
	if (m == NULL || !m->exists)
		return op_refuse(op, STATUS_NOT_FOUND, "No such mailbox.", "no mailbox");
	if (r->mode > FLAGS_REPLACE)
		return op_refuse(op, STATUS_INVALID, "No such mode.", "flags mode");
	s = find_uids(t, r, &uids);
	if (s == STATUS_OK)
		s = change(t, f, &uids);
	runs_done(&uids);
	f->keyword_total = t->head.keywords;
	pack_varint(&result, t->head.modseq);
	runs_pack(&result, &f->stale);
	op->result = arena_copy(op->arena, buffer_text(&result));
	buffer_done(&result);
	return s;
}

/* A repeated call: the rows are told as they are now. */
static enum status
flags_again(struct account_txn *t, struct op *op)
{
	const struct store_flags_request *r = op->request;
	struct flags_op *f = (struct flags_op *)(void *)op;
	struct unpack u = unpack_of(op->result);
	struct runs uids = RUNS_INIT;
	enum status s;

	forget(f);
	f->keyword_total = t->head.keywords;
	(void)unpack_varint(&u);
	if (runs_unpack(&u, UINT32_MAX, &f->stale) != STATUS_OK)
		return STATUS_CORRUPT;
	if (account_mailbox(t, (uint32_t)r->mailbox) == NULL)
		return STATUS_OK;
	s = find_uids(t, r, &uids);
	runs_remove_all(&uids, &f->stale);
	if (s == STATUS_OK)
		s = walk(t, f, false, &uids);
	runs_done(&uids);
	return s;
}

static void
flags_answer(struct op *op)
{
	struct flags_op *f = (struct flags_op *)(void *)op;
	struct unpack u = unpack_of(op->result);
	struct store_flags_reply reply = { .rows = buffer_text(&f->rows),
		.stale = f->stale,
		.modseq = unpack_varint(&u),
		.newest = f->newest,
		.keyword_total = f->keyword_total,
		.resume = f->resume };
	struct buffer rows = f->rows;
	struct runs stale = f->stale, changed = f->changed;

	call_reply(op->in, &reply);
	buffer_done(&rows);
	runs_done(&stale);
	runs_done(&changed);
}

static void
flags_drop(struct op *op)
{
	forget((struct flags_op *)(void *)op);
}

void
serve_store_flags(struct call_in *in, const void *request, void *context)
{
	const struct store_flags_request *r = request;
	struct flags_op *f = ARENA_NEW(call_arena(in), struct flags_op);

	f->o.run = flags_run;
	f->o.again = flags_again;
	f->o.answer = flags_answer;
	f->o.drop = flags_drop;
	serve_write(context, in, request, &f->o, r->token, r->op);
}
