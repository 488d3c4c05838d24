/* SPDX-License-Identifier: ISC */
/*
 * Which messages of a set are so: by flags, keywords, dates and sizes, from the
 * hot blocks alone, 256 messages to a row, and told as runs. The account's lock
 * is held only to see that the mailbox is there.
 */
#include "store/core.h"
#include "store/hot_walk.h"
#include "store/serve.h"

#define MATCH_RUNS 4000u /* after which a reply ends */

struct match_op {
	struct account_op o; /* first */
	uint32_t mailbox, uidnext;
	uint64_t modseq;
	struct runs yes, there, changed;
	struct runs absent;
	uint32_t resume;
	struct store_question question[STORE_QUESTIONS_MAX];
	uint32_t questions;
	struct arena scratch; /* of one block */
};

static bool
has_keyword(const struct hot_entry *e, int64_t position)
{
	for (uint32_t i = 0; i < e->keyword_count; i++)
		if (e->keywords[i] == position)
			return true;
	return false;
}

static bool
within(int64_t n, const struct store_question *q)
{
	return n >= q->low && n <= q->high;
}

static bool
is_so(const struct store_question *q, const struct hot_entry *e)
{
	switch (q->what) {
	case MATCH_FLAG:
		return (e->flags & q->low) != 0;
	case MATCH_KEYWORD:
		return has_keyword(e, q->low);
	case MATCH_DATE:
		return within(e->date, q);
	case MATCH_SIZE:
		return e->size <= INT64_MAX && within((int64_t)e->size, q);
	}
	return false;
}

static bool
are_all(const struct match_op *m, const struct hot_entry *e)
{
	for (uint32_t i = 0; i < m->questions; i++)
		if (is_so(&m->question[i], e) == m->question[i].negate)
			return false;
	return true;
}

static bool
unpack_questions(struct text packed, struct match_op *m)
{
	struct unpack u = unpack_of(packed);

	m->questions = 0;
	while (unpack_ok(&u) && !unpack_end(&u) && m->questions < STORE_QUESTIONS_MAX)
		store_question_unpack(&u, &m->question[m->questions++]);
	return unpack_ok(&u) && unpack_end(&u);
}

static enum status
match_block(void *arg, uint32_t block, struct text value)
{
	struct match_op *m = arg;
	const struct store_match_request *r = m->o.op.request;
	struct hot h = { .mailbox = m->mailbox, .block = block };
	enum status s;

	if (m->yes.count >= MATCH_RUNS || m->there.count >= MATCH_RUNS ||
	    m->changed.count >= MATCH_RUNS) {
		m->resume = block * HOT_SPAN;
		return STATUS_AGAIN;
	}
	s = hot_decode(value, &m->scratch, &h);
	for (uint32_t i = 0; s == STATUS_OK && i < h.count; i++) {
		uint32_t uid = h.at[i].uid;

		if (uid >= m->uidnext) /* not acknowledged yet */
			break;
		if (!runs_has(&r->uids, uid))
			continue;
		runs_add(&m->there, uid, uid);
		if (r->since != 0 && h.at[i].modseq > r->since)
			runs_add(&m->changed, uid, uid);
		if (are_all(m, &h.at[i]))
			runs_add(&m->yes, uid, uid);
	}
	arena_reset(&m->scratch);
	return s;
}

static void
find_absent(struct match_op *m)
{
	const struct store_match_request *r = m->o.op.request;

	runs_copy(&m->absent, &r->uids);
	if (m->resume != 0)
		runs_remove(&m->absent, m->resume, UINT32_MAX);
	runs_remove_all(&m->absent, &m->there);
}

static enum status
match_read(struct account *a, struct op *op)
{
	const struct store_match_request *r = op->request;
	struct match_op *m = (struct match_op *)(void *)op;
	struct kept_mailbox *k;
	enum status s;

	pthread_mutex_lock(&a->owner.lock);
	k = serve_mailbox(a, r->mailbox);
	if (k != NULL)
		m->uidnext = k->m.uidnext;
	m->modseq = a->head.modseq;
	pthread_mutex_unlock(&a->owner.lock);
	if (k == NULL)
		return op_refuse(op, STATUS_NOT_FOUND, "This mailbox was deleted.", "no mailbox");
	if (!unpack_questions(r->questions, m))
		return op_refuse(op, STATUS_INVALID, "The server cannot do that.", "no questions");
	m->mailbox = (uint32_t)r->mailbox;
	m->resume = 0;
	runs_clear(&m->yes);
	runs_clear(&m->there);
	runs_clear(&m->changed);
	s = hot_walk(a, m->mailbox, &r->uids, m->uidnext, match_block, m);
	arena_done(&m->scratch);
	find_absent(m);
	if (s == STATUS_CORRUPT)
		return op_refuse(
		    op, s, "The server's records of this mailbox are damaged.", "hot block");
	return s == STATUS_AGAIN ? STATUS_OK : s;
}

static void
match_drop(struct op *op)
{
	struct match_op *m = (struct match_op *)(void *)op;

	runs_done(&m->yes);
	runs_done(&m->there);
	runs_done(&m->changed);
	runs_done(&m->absent);
}

static void
match_answer(struct op *op)
{
	struct match_op m = *(struct match_op *)(void *)op;
	struct store_match_reply reply = { .yes = m.yes,
		.absent = m.absent,
		.changed = m.changed,
		.resume = m.resume,
		.modseq = m.modseq };

	call_reply(op->in, &reply); /* the op is gone with it */
	match_drop(&m.o.op);
}

void
serve_store_match(struct call_in *in, const void *request, void *context)
{
	const struct store_match_request *r = request;
	struct match_op *m = ARENA_NEW(call_arena(in), struct match_op);

	m->o.read = match_read;
	m->o.answer = match_answer;
	m->o.drop = match_drop;
	serve_read(context, in, request, &m->o, r->token);
}
