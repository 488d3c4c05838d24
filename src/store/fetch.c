/* SPDX-License-Identifier: ISC */
/*
 * Reading messages: rows of a set of UIDs, from the hot blocks in order, with
 * their summaries and first pieces if asked for; and single pieces of content.
 * The account's lock is held only to see that the mailbox is there; a message
 * that goes while it is read is left out.
 */
#include "mime/summary.h"
#include "store/content.h"
#include "store/core.h"
#include "store/hot_walk.h"
#include "store/serve.h"

/* Octets of rows after which a reply ends: the next one is read while this one is
 * written, so they are not long. */
#define FETCH_PAGE (256u << 10)
#define WALK_FROM 8u   /* so many summaries of a block are walked, fewer are got, */
#define WALK_SPARSE 4u /* unless so many others stand between two */

struct fetch_op {
	struct account_op o; /* first */
	struct buffer rows;
	uint32_t mailbox, uidnext;
	uint64_t modseq, keyword_total;
	uint32_t resume;
	struct arena scratch; /* of one row or block */
};

/* ---- one row ---- */

static enum status
get_summary(struct account *a, uint64_t email, struct arena *arena, struct summary_row *out)
{
	struct key key = key_u64(KEY_SUMMARY, email);
	struct text value;
	enum status s =
	    engine_get(a->owner.store->engine, a->owner.entity, key_text(&key), arena, &value);

	return s == STATUS_OK ? summary_row_unpack(value, out) : s;
}

/* Summaries in the order of their emails: when nearly all of a range are
 * wanted, walking it costs a fraction of looking each one up. */
struct walk {
	struct engine_scan *scan; /* NULL: look up */
	uint64_t email;		  /* where it stands; 0: in front of the first */
	struct text value;
};

static bool
is_wanted(const struct store_fetch_request *r, const struct hot_entry *e)
{
	return runs_has(&r->uids, e->uid) && e->modseq > r->since;
}

/* Whether the wanted entries of a block have rising emails with few others
 * between them. */
static bool
is_walkable(const struct fetch_op *f, const struct hot *h, uint64_t *first, uint64_t *last)
{
	const struct store_fetch_request *r = f->o.op.request;
	uint64_t wanted = 0, before = 0;

	for (uint32_t i = 0; i < h->count; i++) {
		if (!is_wanted(r, &h->at[i]))
			continue;
		if (h->at[i].email <= before)
			return false;
		before = h->at[i].email;
		*first = wanted++ == 0 ? before : *first;
	}
	*last = before;
	return wanted >= WALK_FROM && *last - *first < WALK_SPARSE * wanted;
}

static enum status
walk_open(struct account *a, const struct fetch_op *f, const struct hot *h, struct walk *w)
{
	uint64_t first = 0, last = 0;
	struct key from, until;

	*w = (struct walk){ .scan = NULL };
	if (!is_walkable(f, h, &first, &last))
		return STATUS_OK;
	from = key_u64(KEY_SUMMARY, first);
	until = key_behind(key_u64(KEY_SUMMARY, last));
	return engine_scan_open(
	    a->owner.store->engine, a->owner.entity, key_text(&from), key_text(&until), &w->scan);
}

static void
walk_close(struct walk *w)
{
	if (w->scan != NULL)
		engine_scan_close(w->scan);
}

/* NOT_FOUND: it is not there. */
static enum status
walk_to(struct walk *w, uint64_t email, struct summary_row *out)
{
	struct text key;

	while (w->email < email) {
		enum status s = engine_scan_next(w->scan, &key, &w->value);

		if (s == STATUS_NOT_FOUND)
			w->email = UINT64_MAX;
		else if (s != STATUS_OK)
			return s;
		else if (key.len != 9)
			return STATUS_CORRUPT;
		else
			w->email = key_number(key, 1, 8);
	}
	return w->email == email ? summary_row_unpack(w->value, out) : STATUS_NOT_FOUND;
}

static void
row_of_entry(const struct hot_entry *e, struct store_row *row)
{
	row->uid = e->uid;
	row->modseq = e->modseq;
	row->flags = e->flags;
	row->keyword_count = e->keyword_count;
	if (e->keyword_count > 0)
		memcpy(row->keywords, e->keywords, e->keyword_count * sizeof(*e->keywords));
	row->size = e->size;
	row->date = e->date;
	row->email = e->email;
}

/* NOT_FOUND: it went meanwhile. */
static enum status
add_cold(struct account *a, struct fetch_op *f, struct walk *w, const struct hot_entry *e,
    unsigned items)
{
	struct store_row row;
	struct summary_row cold;
	struct arena arena = ARENA_INIT;
	enum status s =
	    w->scan != NULL ? walk_to(w, e->email, &cold) : get_summary(a, e->email, &arena, &cold);

	if (s == STATUS_OK && (items & (FETCH_PIECE0 | FETCH_HEADER)))
		s = engine_blob_get(a->owner.store->engine, cold.blob, 0, &arena, &row.piece0);
	if (s == STATUS_OK) {
		row_of_entry(e, &row);
		if ((items & (FETCH_PIECE0 | FETCH_HEADER)) == FETCH_HEADER)
			row.piece0 = content_head(row.piece0);
		row.thread = cold.thread;
		row.prefix = cold.prefix;
		row.summary =
		    (items & FETCH_SUMMARY) != 0 ? cold.summary : mime_summary_shown(cold.summary);
		store_row_pack(&f->rows, &row, items);
	}
	arena_done(&arena);
	return s;
}

static enum status
add_entry(struct account *a, struct fetch_op *f, struct walk *w, const struct hot_entry *e,
    unsigned items)
{
	enum status s = STATUS_OK;

	/* A row of a commit that is not published yet may have newer names. */
	if (hot_names(e) > f->keyword_total)
		f->keyword_total = hot_names(e);
	if (items == 0)
		hot_row_pack(&f->rows, e);
	else
		s = add_cold(a, f, w, e, items);
	return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

/* AGAIN: the reply is full; resume is set. */
static enum status
add_block(struct account *a, struct fetch_op *f, struct hot *h)
{
	const struct store_fetch_request *r = f->o.op.request;
	unsigned items =
	    (unsigned)r->items & (FETCH_SUMMARY | FETCH_PIECE0 | FETCH_HEADER | FETCH_SHOWN);
	struct walk w = { .scan = NULL };
	enum status s = items == 0 ? STATUS_OK : walk_open(a, f, h, &w);

	for (uint32_t i = 0; s == STATUS_OK && i < h->count; i++) {
		const struct hot_entry *e = &h->at[i];

		if (!is_wanted(r, e))
			continue;
		if (e->uid >= f->uidnext) /* not acknowledged yet */
			break;
		if (f->rows.len >= FETCH_PAGE) {
			f->resume = e->uid;
			s = STATUS_AGAIN;
		} else {
			s = add_entry(a, f, &w, e, items);
		}
	}
	walk_close(&w);
	return s;
}

/* ---- blocks ---- */

static enum status
use_block(void *arg, uint32_t block, struct text value)
{
	struct fetch_op *f = arg;
	struct hot h = { .mailbox = f->mailbox, .block = block };
	enum status s = hot_decode(value, &f->scratch, &h);

	if (s == STATUS_OK)
		s = add_block(f->o.a, f, &h);
	arena_reset(&f->scratch);
	return s;
}

static enum status
fetch_read(struct account *a, struct op *op)
{
	const struct store_fetch_request *r = op->request;
	struct fetch_op *f = (struct fetch_op *)(void *)op;
	struct kept_mailbox *k;
	enum status s;

	pthread_mutex_lock(&a->owner.lock);
	k = serve_mailbox(a, r->mailbox);
	if (k != NULL)
		f->uidnext = k->m.uidnext;
	f->modseq = a->head.modseq;
	f->keyword_total = a->head.keywords;
	pthread_mutex_unlock(&a->owner.lock);
	if (k == NULL)
		return op_refuse(op, STATUS_NOT_FOUND, "This mailbox was deleted.", "no mailbox");
	f->mailbox = (uint32_t)r->mailbox;
	buffer_clear(&f->rows);
	f->resume = 0;
	s = hot_walk(a, f->mailbox, &r->uids, f->uidnext, use_block, f);
	if (s == STATUS_AGAIN) /* the reply is full */
		s = STATUS_OK;
	arena_done(&f->scratch);
	if (s == STATUS_CORRUPT)
		return op_refuse(
		    op, s, "The server's records of this mailbox are damaged.", "hot block");
	return s;
}

static void
fetch_answer(struct op *op)
{
	struct fetch_op *f = (struct fetch_op *)(void *)op;
	struct store_fetch_reply reply = { .rows = buffer_text(&f->rows),
		.resume = f->resume,
		.modseq = f->modseq,
		.keyword_total = f->keyword_total };
	struct buffer rows = f->rows;

	call_reply(op->in, &reply);
	buffer_done(&rows);
}

static void
fetch_drop(struct op *op)
{
	buffer_done(&((struct fetch_op *)(void *)op)->rows);
}

void
serve_store_fetch(struct call_in *in, const void *request, void *context)
{
	const struct store_fetch_request *r = request;
	struct fetch_op *f = ARENA_NEW(call_arena(in), struct fetch_op);

	f->o.read = fetch_read;
	f->o.answer = fetch_answer;
	f->o.drop = fetch_drop;
	serve_read(context, in, request, &f->o, r->token);
}

/* ---- pieces ---- */

struct piece_op {
	struct account_op o; /* first */
	struct text prefix, bytes;
};

static enum status
find_email(struct account *a, struct op *op, uint32_t mailbox, uint32_t uid, uint64_t *email)
{
	struct key key = key_hot(mailbox, hot_block(uid));
	struct hot h = { .mailbox = mailbox, .block = hot_block(uid) };
	const struct hot_entry *e;
	struct text value;
	enum status s =
	    engine_get(a->owner.store->engine, a->owner.entity, key_text(&key), op->arena, &value);

	if (s == STATUS_OK)
		s = hot_decode(value, op->arena, &h);
	e = s == STATUS_OK ? hot_find(&h, uid) : NULL;
	if (e == NULL)
		return s == STATUS_OK ? STATUS_NOT_FOUND : s;
	*email = e->email;
	return STATUS_OK;
}

static enum status
piece_read(struct account *a, struct op *op)
{
	const struct store_piece_request *r = op->request;
	struct piece_op *p = (struct piece_op *)(void *)op;
	struct summary_row cold;
	uint64_t email = 0;
	bool there;
	enum status s = STATUS_NOT_FOUND;

	pthread_mutex_lock(&a->owner.lock);
	there = serve_mailbox(a, r->mailbox) != NULL;
	pthread_mutex_unlock(&a->owner.lock);
	if (there && r->uid > 0 && r->uid <= UINT32_MAX && r->piece < UINT16_MAX)
		s = find_email(a, op, (uint32_t)r->mailbox, (uint32_t)r->uid, &email);
	if (s == STATUS_OK)
		s = get_summary(a, email, op->arena, &cold);
	if (s == STATUS_OK)
		s = engine_blob_get(
		    a->owner.store->engine, cold.blob, (uint16_t)r->piece, op->arena, &p->bytes);
	if (s == STATUS_NOT_FOUND)
		return op_refuse(op, s, "The message was deleted.", "no such piece");
	if (s == STATUS_OK)
		p->prefix = cold.prefix;
	return s;
}

static void
piece_answer(struct op *op)
{
	struct piece_op *p = (struct piece_op *)(void *)op;
	struct store_piece_reply reply = { .prefix = p->prefix, .bytes = PAYLOAD_OF(p->bytes) };

	call_reply(op->in, &reply);
}

void
serve_store_piece(struct call_in *in, const void *request, void *context)
{
	const struct store_piece_request *r = request;
	struct piece_op *p = ARENA_NEW(call_arena(in), struct piece_op);

	p->o.read = piece_read;
	p->o.answer = piece_answer;
	serve_read(context, in, request, &p->o, r->token);
}
