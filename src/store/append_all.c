/* SPDX-License-Identifier: ISC */
/*
 * Several messages filed by one command (RFC 3502): one operation and so one
 * commit, with one row of the change log. An operation that fails leaves no
 * trace, so either all of them are there or none.
 */
#include "store/core.h"
#include "store/sent.h"
#include "store/serve.h"

struct append_all_op {
	struct account_op o; /* first */
	struct new_message *at;
	struct texts *keywords; /* of each */
	uint32_t count;
	uint64_t octets;
};

/* Takes n octets off the rest; false: there are fewer. */
static bool
cut(struct text *rest, uint64_t n, struct text *out)
{
	if (n > rest->len)
		return false;
	*out = text_part(*rest, 0, (size_t)n);
	*rest = text_part(*rest, (size_t)n, rest->len);
	return true;
}

static bool
lists_fit(const struct store_append_all_request *r)
{
	uint32_t n = r->sizes.count;

	return n > 0 && r->flags.count == n && r->keyword_counts.count == n &&
	       r->dates.count == n && r->summary_sizes.count == n && r->content_sizes.count == n;
}

/* What the request says of message i. */
static enum status
take_message(struct append_all_op *p, const struct store_append_all_request *r, uint32_t i,
    struct text *summaries, struct text *contents, struct texts *keywords)
{
	struct new_message *m = &p->at[i];
	struct text content;

	if (r->flags.at[i] > FLAG_ALL || r->sizes.at[i] > UINT64_MAX - p->octets ||
	    r->summary_sizes.at[i] > SUMMARY_MAX ||
	    !cut(summaries, r->summary_sizes.at[i], &m->summary) ||
	    !cut(contents, r->content_sizes.at[i], &content) ||
	    r->keyword_counts.at[i] > keywords->count)
		return op_refuse(
		    &p->o.op, STATUS_INVALID, "The message cannot be kept.", "bad append");
	m->flags = (uint8_t)r->flags.at[i];
	m->date = (int64_t)r->dates.at[i];
	m->size = r->sizes.at[i];
	p->octets += m->size;
	p->keywords[i] = (struct texts){ keywords->at, (uint32_t)r->keyword_counts.at[i] };
	if (p->keywords[i].count > 0)
		keywords->at += p->keywords[i].count;
	keywords->count -= p->keywords[i].count;
	return message_pieces(&p->o.op, content, &m->piece, &m->pieces);
}

static enum status
take_all(struct append_all_op *p, const struct store_append_all_request *r)
{
	struct text summaries = r->summaries.bytes, contents = r->contents.bytes;
	struct texts keywords = r->keywords;
	struct arena *a = p->o.op.arena;
	enum status s = STATUS_OK;

	if (!lists_fit(r))
		return op_refuse(
		    &p->o.op, STATUS_INVALID, "The messages cannot be kept.", "bad append");
	if (r->sizes.count > APPEND_ALL_MAX)
		return op_refuse(&p->o.op, STATUS_LIMIT, "Too many messages for one command.",
		    "%u messages", r->sizes.count);
	p->count = r->sizes.count;
	p->at = ARENA_ARRAY(a, struct new_message, p->count);
	p->keywords = ARENA_ARRAY(a, struct texts, p->count);
	for (uint32_t i = 0; s == STATUS_OK && i < p->count; i++)
		s = take_message(p, r, i, &summaries, &contents, &keywords);
	return s;
}

static enum status
add_one(struct account_txn *t, struct append_all_op *p, struct edit *e, struct new_message *m)
{
	struct sent_filing sent;
	enum status s = sent_look(t, &e->now, m->summary, m->date, &sent);

	if (s == STATUS_OK)
		s = sent_make_way(t, &sent);
	if (s == STATUS_OK)
		s = message_add_untold(t, &p->o.op, e, m);
	return s == STATUS_OK ? sent_filed(t, e, m->uid, &sent) : s;
}

static enum status
add_all(struct account_txn *t, struct append_all_op *p, struct edit *e)
{
	struct runs uids = RUNS_INIT;
	enum status s = STATUS_OK;

	for (uint32_t i = 0; s == STATUS_OK && i < p->count; i++) {
		struct new_message *m = &p->at[i];

		m->blob = core_blob_id(t->txn.store);
		s = account_keywords(
		    t, &p->o.op, p->keywords[i], true, m->keywords, &m->keyword_count);
		if (s == STATUS_OK)
			s = add_one(t, p, e, m);
	}
	if (s == STATUS_OK) {
		runs_add(&uids, p->at[0].uid, p->at[p->count - 1].uid);
		change_uids(t, CHANGE_ADDED, e->now.id, &uids);
		runs_done(&uids);
	}
	return s;
}

static enum status
append_all_run(struct account_txn *t, struct op *op)
{
	const struct store_append_all_request *r = op->request;
	struct append_all_op *p = (struct append_all_op *)(void *)op;
	struct buffer result = BUFFER_INIT;
	const struct mailbox *box;
	struct edit *e;
	enum status s = append_to(t, op, r->mailbox, r->name, &box);

	if (s == STATUS_OK)
		s = account_room(t, op, p->octets);
	if (s != STATUS_OK)
		return s;
	e = account_edit(t, box->id);
	s = add_all(t, p, e);
	if (s != STATUS_OK)
		return s;
	pack_varint(&result, e->now.uidvalidity);
	pack_varint(&result, p->at[0].uid);
	pack_varint(&result, account_modseq(t));
	op->result = arena_copy(op->arena, buffer_text(&result));
	buffer_done(&result);
	return STATUS_OK;
}

static void
append_all_answer(struct op *op)
{
	struct store_append_all_reply reply = { 0 };
	struct unpack u = unpack_of(op->result);

	reply.uidvalidity = unpack_varint(&u);
	reply.uid = unpack_varint(&u);
	reply.modseq = unpack_varint(&u);
	call_reply(op->in, &reply);
}

void
serve_store_append_all(struct call_in *in, const void *request, void *context)
{
	const struct store_append_all_request *r = request;
	struct append_all_op *p = ARENA_NEW(call_arena(in), struct append_all_op);
	enum status s;

	p->o.run = append_all_run;
	p->o.answer = append_all_answer;
	p->o.op.arena = call_arena(in);
	s = take_all(p, r);
	if (s != STATUS_OK) {
		call_fail(in, s, &p->o.op.failure);
		return;
	}
	p->o.op.bytes = r->contents.bytes.len;
	serve_write(context, in, request, &p->o, r->token, r->op);
}
