/* SPDX-License-Identifier: ISC */
/*
 * A new message in a mailbox: one email, one entry. Everything that says so
 * (blob, email row, summary row, thread, hot row, counters, change) is in one
 * batch, so there is no message without its content and no content without its
 * message; of large content that is the last of several (store/stage.h). APPEND (RFC 9051 6.3.12)
 * is here; deliveries are in deliver.c.
 */
#include "store/cold.h"
#include "store/content.h"
#include "store/core.h"
#include "store/sent.h"
#include "store/serve.h"
#include "store/thread.h"

enum status
message_pieces(struct op *op, struct text container, const struct text **piece, uint32_t *count)
{
	struct unpack u = unpack_of(container);
	uint64_t max = unpack_varint_max(&u, UINT16_MAX);
	struct text *at =
	    max <= cursor_left(&u.in) ? ARENA_ARRAY(op->arena, struct text, max) : NULL;
	uint32_t n;

	if (at == NULL || content_pieces(container, (uint32_t)max, at, &n) != STATUS_OK)
		return op_refuse(
		    op, STATUS_INVALID, "The message cannot be kept.", "bad content container");
	*piece = at;
	*count = n;
	return STATUS_OK;
}

static void
put_cold(struct account_txn *t, uint64_t id, const struct email *email, struct summary_row *row)
{
	struct key email_key = key_u64(KEY_EMAIL, id), summary_key = key_u64(KEY_SUMMARY, id);
	struct buffer value = BUFFER_INIT;

	email_pack(&value, email);
	txn_put(&t->txn, key_text(&email_key), buffer_text(&value));
	buffer_clear(&value);
	summary_row_pack(&value, row);
	txn_put(&t->txn, key_text(&summary_key), buffer_text(&value));
	buffer_done(&value);
}

static void
put_blob(struct account_txn *t, const struct new_message *m)
{
	for (uint32_t i = m->first; !m->stored && i < m->pieces; i++)
		txn_blob_put(&t->txn, m->blob, (uint16_t)i, m->piece[i]);
}

static const uint16_t *
copy_numbers(struct arena *a, const uint16_t *from, uint32_t count)
{
	uint16_t *at = ARENA_ARRAY(a, uint16_t, count);

	if (count > 0)
		memcpy(at, from, count * sizeof(*at));
	return at;
}

enum status
message_add_untold(struct account_txn *t, struct op *op, struct edit *e, struct new_message *m)
{
	struct place place = { e->now.id, e->now.uidnext };
	struct email email = {
		.blob = m->blob, .pieces = m->pieces, .shared = m->shared, .at = &place, .count = 1
	};
	struct summary_row row = { .blob = m->blob,
		.pieces = m->pieces,
		.size = m->size,
		.prefix = m->prefix,
		.summary = m->summary };
	struct hot_entry entry;
	struct hot *hot;
	enum status s;

	if (e->now.uidnext == UINT32_MAX)
		return op_refuse(op, STATUS_LIMIT, "The mailbox has no UIDs left.", "no UIDs left");
	s = account_hot(t, e->now.id, hot_block(e->now.uidnext), &hot);
	if (s == STATUS_OK)
		s = thread_join(t, t->head.next_email, m->summary, &email.thread);
	if (s != STATUS_OK)
		return s;
	row.thread = email.thread;
	put_cold(t, t->head.next_email, &email, &row);
	put_blob(t, m);
	entry = (struct hot_entry){ .uid = e->now.uidnext++,
		.flags = m->flags,
		.keyword_count = (uint8_t)m->keyword_count,
		.keywords = copy_numbers(txn_arena(&t->txn), m->keywords, m->keyword_count),
		.modseq = account_modseq(t),
		.size = m->size + m->prefix.len,
		.date = m->date,
		.email = t->head.next_email++ };
	hot_append(hot, txn_arena(&t->txn), &entry);
	t->head.messages++;
	t->head.octets += entry.size;
	edit_count_in(e, &entry);
	account_touch(t, e);
	m->uid = entry.uid;
	return STATUS_OK;
}

enum status
message_add(struct account_txn *t, struct op *op, struct edit *e, struct new_message *m)
{
	struct runs one = RUNS_INIT;
	enum status s = message_add_untold(t, op, e, m);

	if (s != STATUS_OK)
		return s;
	runs_add(&one, m->uid, m->uid);
	change_uids(t, CHANGE_ADDED, e->now.id, &one);
	runs_done(&one);
	return STATUS_OK;
}

/* ---- APPEND ---- */

struct append_op {
	struct account_op o; /* first */
	const struct text *piece;
	uint32_t pieces;
	bool staged;
	struct blob_id blob;
};

static enum status
append_message(struct account_txn *t, struct op *op, struct new_message *m)
{
	const struct store_append_request *r = op->request;
	const struct append_op *p = (struct append_op *)(void *)op;
	enum status s;

	*m = (struct new_message){ .summary = r->summary,
		.size = r->size,
		.flags = (uint8_t)r->flags,
		.date = r->date,
		.piece = p->piece,
		.pieces = p->pieces,
		.staged = p->staged,
		.blob = p->staged ? p->blob : core_blob_id(t->txn.store) };
	s = stage_step(t, m);
	if (s == STATUS_OK)
		s = account_keywords(t, op, r->keywords, true, m->keywords, &m->keyword_count);
	return s;
}

enum status
account_room(const struct account_txn *t, struct op *op, uint64_t octets)
{
	uint64_t quota = account_quota(&t->facts);

	if (quota == 0 || (octets <= quota && t->head.octets <= quota - octets))
		return STATUS_OK;
	return op_refuse(op, STATUS_QUOTA, "The mailbox is full.", "account %llu over quota",
	    (unsigned long long)t->a->id);
}

enum status
append_to(
    struct account_txn *t, struct op *op, uint64_t id, struct text name, const struct mailbox **out)
{
	const struct mailbox *box = NULL;
	struct text canonical;
	bool named = id == 0 && name.len > 0;
	enum status s = STATUS_OK;

	if (named)
		s = mailbox_name(op, name, op->arena, &canonical);
	if (s != STATUS_OK)
		return s;
	if (named)
		box = account_find(t, canonical);
	else if (id <= UINT32_MAX)
		box = account_mailbox(t, (uint32_t)id);
	if (box == NULL || !box->exists) {
		(void)op_refuse(op, STATUS_NOT_FOUND, "No such mailbox.", "no mailbox");
		return STATUS_NOT_FOUND;
	}
	*out = box;
	return STATUS_OK;
}

static enum status
append_run(struct account_txn *t, struct op *op)
{
	const struct store_append_request *r = op->request;
	struct buffer result = BUFFER_INIT;
	struct sent_filing sent;
	const struct mailbox *box;
	struct new_message m;
	struct edit *e;
	enum status s = append_to(t, op, r->mailbox, r->name, &box);

	if (s == STATUS_OK)
		s = sent_look(t, box, r->summary, r->date, &sent);
	if (s == STATUS_OK)
		s = account_room(t, op, r->size > sent.octets ? r->size - sent.octets : 0);
	if (s == STATUS_OK)
		s = append_message(t, op, &m);
	if (s == STATUS_OK)
		s = sent_make_way(t, &sent);
	if (s != STATUS_OK)
		return s;
	e = account_edit(t, box->id);
	s = message_add(t, op, e, &m);
	if (s == STATUS_OK)
		s = sent_filed(t, e, m.uid, &sent);
	if (s != STATUS_OK)
		return s;
	pack_varint(&result, e->now.uidvalidity);
	pack_varint(&result, m.uid);
	pack_varint(&result, account_modseq(t));
	op->result = arena_copy(op->arena, buffer_text(&result));
	buffer_done(&result);
	return STATUS_OK;
}

static void
append_staged(struct op *op, bool gone)
{
	struct append_op *p = (struct append_op *)(void *)op;

	if (p->staged)
		stage_end(p->o.a->owner.store, p->o.a->id, p->blob, gone);
}

static void
append_drop(struct op *op)
{
	append_staged(op, true);
}

static void
append_answer(struct op *op)
{
	struct store_append_reply reply = { 0 };
	struct unpack u = unpack_of(op->result);

	reply.uidvalidity = unpack_varint(&u);
	reply.uid = unpack_varint(&u);
	reply.modseq = unpack_varint(&u);
	append_staged(op, op->repeated);
	call_reply(op->in, &reply);
}

static enum status
append_check(struct append_op *p, const struct store_append_request *r)
{
	if (r->flags > FLAG_ALL || r->summary.len > SUMMARY_MAX)
		return op_refuse(
		    &p->o.op, STATUS_INVALID, "The message cannot be kept.", "bad append");
	return message_pieces(&p->o.op, r->content.bytes, &p->piece, &p->pieces);
}

void
serve_store_append(struct call_in *in, const void *request, void *context)
{
	const struct store_append_request *r = request;
	struct append_op *p = ARENA_NEW(call_arena(in), struct append_op);
	enum status s;

	p->o.run = append_run;
	p->o.answer = append_answer;
	p->o.op.arena = call_arena(in);
	s = append_check(p, r);
	if (s != STATUS_OK) {
		call_fail(in, s, &p->o.op.failure);
		return;
	}
	p->o.op.bytes = r->content.bytes.len;
	p->staged = stage_needed(r->content.bytes.len, r->op);
	if (p->staged) {
		p->blob = core_blob_id(context);
		p->o.op.bytes = STAGE_STEP;
		p->o.drop = append_drop;
	}
	serve_write(context, in, request, &p->o, r->token, r->op);
}
