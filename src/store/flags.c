/* SPDX-License-Identifier: ISC */
/*
 * STORE (RFC 9051 6.4.6, RFC 7162 3.1.3): flags and keywords of a set of
 * messages in one commit, with one modseq and one row of the change log.
 * A message whose flags are already so is left alone and keeps its modseq.
 * Where no keywords are concerned, which is nearly always, a block's columns of
 * flags and modseqs are changed and the rest is left as it is.
 */
#include "store/core.h"
#include "store/hot_columns.h"
#include "store/serve.h"

struct flags_op {
	struct account_op o; /* first */
	struct buffer spans;
	struct store_span span; /* the last one, not in spans yet; first 0: none */
	uint32_t resume;	/* spans stop before this UID; 0: all are there */
	uint32_t keyword_total;
	/* In the course of run(). */
	uint16_t keywords[KEYWORDS_PER_MESSAGE];
	uint32_t keyword_count;
	struct runs stale, changed;
	uint64_t newest;
	struct edit *edit; /* NULL: nothing is changed yet */
	bool in_columns, columns_changed;
	struct hot_columns columns; /* of the block in hand */
	struct buffer made;
};

#define FLAGS_SPANS_MAX (768u << 10)

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

/* Bits beside the flags stay, unless all is replaced. */
static inline uint8_t
flags_after(const struct store_flags_request *r, uint8_t before)
{
	uint8_t flags = (uint8_t)(r->flags & FLAG_ALL);

	switch (r->mode) {
	case FLAGS_ADD:
		return before | flags;
	case FLAGS_REMOVE:
		return (uint8_t)(before & ~flags);
	default:
		return flags;
	}
}

/* How many keywords then; UINT32_MAX: too many. */
static uint32_t
keywords_after(const struct flags_op *f, const struct hot_entry *e, uint16_t *out)
{
	const struct store_flags_request *r = f->o.op.request;

	if (r->mode == FLAGS_ADD)
		return with(e, f, out);
	if (r->mode == FLAGS_REMOVE)
		return without(e, f, out);
	memcpy(out, f->keywords, f->keyword_count * sizeof(*out));
	return f->keyword_count;
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
	uint32_t count = keywords_after(f, at, keywords);
	uint8_t flags = flags_after(f->o.op.request, at->flags);

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

/* ---- what is told of it ---- */

static void
end_span(struct flags_op *f)
{
	if (f->span.first != 0)
		store_span_pack(&f->spans, &f->span);
	f->span.first = 0;
}

static inline bool
goes_on(const struct store_span *s, const struct hot_entry *e)
{
	return s->first != 0 && s->last + 1 == e->uid && s->flags == e->flags &&
	       s->modseq == e->modseq && s->keyword_count == e->keyword_count &&
	       (e->keyword_count == 0 ||
		   memcmp(s->keywords, e->keywords, e->keyword_count * sizeof(*e->keywords)) == 0);
}

static inline void
tell(struct flags_op *f, const struct hot_entry *e)
{
	const struct store_flags_request *r = f->o.op.request;

	if (e->modseq > f->newest)
		f->newest = e->modseq;
	if (r->quiet || f->resume != 0)
		return;
	if (goes_on(&f->span, e)) {
		f->span.last = e->uid;
		return;
	}
	end_span(f);
	if (f->spans.len > FLAGS_SPANS_MAX) {
		f->resume = e->uid;
		return;
	}
	f->span.first = f->span.last = e->uid;
	f->span.flags = e->flags;
	f->span.modseq = e->modseq;
	f->span.keyword_count = e->keyword_count;
	if (e->keyword_count > 0)
		memcpy(f->span.keywords, e->keywords, e->keyword_count * sizeof(*e->keywords));
}

/* ---- messages of a block ---- */

/* One by one; without change they are only told. */
static enum status
use_entries(struct account_txn *t, struct flags_op *f, bool change, struct hot *h, struct run uids)
{
	const struct store_flags_request *r = f->o.op.request;
	struct hot_entry *at = NULL;
	enum status s = account_hot(t, h->mailbox, h->block, &h);

	for (uint32_t i = 0; s == STATUS_OK && i <= uids.last - uids.first; i++) {
		at = hot_find_behind(h, at, uids.first + i);
		if (at == NULL)
			return STATUS_CORRUPT;
		if (change && at->modseq > r->unchanged_since) {
			runs_add(&f->stale, at->uid, at->uid);
			continue;
		}
		if (change)
			s = change_one(t, f, h, at);
		if (s == STATUS_OK)
			tell(f, at);
	}
	return s;
}

/* They changed: those that come one behind the other are added at once. */
static inline void
add_changed(struct runs *out, struct run *at, uint32_t uid)
{
	if (at->first != 0 && at->last + 1 == uid) {
		at->last = uid;
		return;
	}
	if (at->first != 0)
		runs_add(out, at->first, at->last);
	at->first = at->last = uid;
}

static void
change_column(struct account_txn *t, struct flags_op *f, const struct hot *h, uint32_t uid,
    uint32_t at, uint8_t flags)
{
	struct hot_columns *c = &f->columns;

	if (f->edit == NULL)
		f->edit = account_edit(t, h->mailbox);
	if ((c->flags[at] ^ flags) & (FLAG_SEEN | FLAG_DELETED))
		count_flags(f->edit, uid, c->flags[at], flags);
	c->flags[at] = flags;
	c->modseq[at] = account_modseq(t);
	f->columns_changed = true;
}

/* The same in the columns. */
static enum status
use_columns(struct account_txn *t, struct flags_op *f, const struct hot *h, struct run uids)
{
	const struct store_flags_request *r = f->o.op.request;
	struct hot_columns *c = &f->columns;
	uint32_t rank = runs_rank(&c->uids, uids.first % HOT_SPAN + 1);
	struct run changed = { .first = 0 };

	if (rank == 0 ||
	    runs_rank(&c->uids, uids.last % HOT_SPAN + 1) != rank + (uids.last - uids.first))
		return STATUS_CORRUPT;
	for (uint32_t i = 0; i <= uids.last - uids.first; i++) {
		uint32_t uid = uids.first + i, at = rank - 1 + i;
		uint8_t flags = flags_after(r, c->flags[at]);

		if (c->modseq[at] > r->unchanged_since) {
			runs_add(&f->stale, uid, uid);
			continue;
		}
		if (flags != c->flags[at]) {
			change_column(t, f, h, uid, at, flags);
			add_changed(&f->changed, &changed, uid);
		}
		tell(f, &(struct hot_entry){
			    .uid = uid, .flags = flags & FLAG_ALL, .modseq = c->modseq[at] });
	}
	if (changed.first != 0)
		runs_add(&f->changed, changed.first, changed.last);
	return STATUS_OK;
}

/* Whether the columns are all that is changed and told. */
static bool
is_plain(const struct flags_op *f, const struct hot_columns *c)
{
	const struct store_flags_request *r = f->o.op.request;

	return f->keyword_count == 0 && (!c->keywords || (r->quiet && r->mode != FLAGS_REPLACE));
}

static enum status
enter_block(struct account_txn *t, struct flags_op *f, uint32_t block, struct hot **out)
{
	const struct store_flags_request *r = f->o.op.request;
	enum status s = account_hot_packed(t, (uint32_t)r->mailbox, block, out);

	f->in_columns = f->columns_changed = false;
	if (s != STATUS_OK || !(*out)->packed)
		return s;
	s = hot_columns_read((*out)->value, &f->columns);
	if (s == STATUS_NOT_FOUND)
		return STATUS_OK;
	f->in_columns = s == STATUS_OK && is_plain(f, &f->columns);
	if (s == STATUS_OK && !f->in_columns)
		hot_columns_done(&f->columns);
	return s;
}

static void
leave_block(struct account_txn *t, struct flags_op *f, struct hot *h)
{
	struct hot_columns *c = &f->columns;

	if (h == NULL || !f->in_columns)
		return;
	if (f->columns_changed) {
		buffer_clear(&f->made);
		hot_columns_write(c, &f->made);
		h->value = arena_copy(txn_arena(&t->txn), buffer_text(&f->made));
		h->dirty = true;
		h->unseen = h->deleted = false;
		for (uint32_t i = 0; i < c->count; i++) {
			h->unseen |= (c->flags[i] & FLAG_SEEN) == 0;
			h->deleted |= (c->flags[i] & FLAG_DELETED) != 0;
		}
	}
	hot_columns_done(c);
	f->in_columns = false;
}

/* The next messages of a set that stand in one block, without a hole between
 * them; uid: from here on. False: there are none. */
static bool
next_part(const struct runs *uids, uint32_t *at, uint32_t *uid, struct run *out)
{
	const struct run *r;
	uint32_t end;

	if (*at == uids->count)
		return false;
	r = &uids->at[*at];
	out->first = *uid > r->first ? *uid : r->first;
	end = out->first | (HOT_SPAN - 1);
	out->last = r->last < end ? r->last : end;
	*at += out->last == r->last;
	*uid = out->last + 1;
	return true;
}

/* All messages of the set; without change they are only told. */
static enum status
walk(struct account_txn *t, struct flags_op *f, bool change, const struct runs *uids)
{
	enum status s = STATUS_OK;
	struct hot *h = NULL;
	uint32_t at = 0, uid = 0;
	struct run part;

	while (s == STATUS_OK && next_part(uids, &at, &uid, &part)) {
		if (h == NULL || h->block != hot_block(part.first)) {
			leave_block(t, f, h);
			s = enter_block(t, f, hot_block(part.first), &h);
		}
		if (s == STATUS_OK)
			s = f->in_columns && change ? use_columns(t, f, h, part)
						    : use_entries(t, f, change, h, part);
	}
	leave_block(t, f, h);
	end_span(f);
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
	buffer_done(&f->spans);
	buffer_done(&f->made);
	runs_done(&f->stale);
	runs_done(&f->changed);
	f->span.first = 0;
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

/* A repeated call: the messages are told as they are now. */
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
	struct store_flags_reply reply = { .spans = buffer_text(&f->spans),
		.stale = f->stale,
		.modseq = unpack_varint(&u),
		.newest = f->newest,
		.keyword_total = f->keyword_total,
		.resume = f->resume };
	struct buffer spans = f->spans, made = f->made;
	struct runs stale = f->stale, changed = f->changed;

	call_reply(op->in, &reply);
	buffer_done(&spans);
	buffer_done(&made);
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
