/* SPDX-License-Identifier: ISC */
/* Messages into the queue; see store/post.h. */
#include "store/post.h"

#include "base/random.h"
#include "store/core.h"
#include "store/reference.h"

static enum status
post_apply(struct txn *t, struct op *op)
{
	struct post *p = op->arg;
	const struct record *r = p->kept;
	struct key key = key_u64(KEY_Q_RECORD, r->id);
	struct buffer value = BUFFER_INIT;
	enum status how = STATUS_OK;

	if (op->repeated)
		return STATUS_OK;
	if (r->count > 0) {
		record_pack(&value, r);
		txn_put(t, key_text(&key), buffer_text(&value));
		buffer_done(&value);
	}
	if (r->message != 0)
		how = draft_put(t, op, p->draft, r->message, r->blob, r->pieces, r->shared,
		    r->count > 0 ? r->id : 0);
	if (how == STATUS_OK && p->share != NULL)
		how = sending_put(t, p->share);
	if (how != STATUS_OK)
		return how;
	for (uint32_t i = 0; i < p->pieces; i++)
		txn_blob_put(t, r->blob, (uint16_t)i, p->piece[i]);
	op->result = p->result;
	return STATUS_OK;
}

/* It came to nothing, or the call is a repeated one. */
static void
take_back(struct task *task)
{
	struct record *r = LIST_OWNER(task, struct record, task);
	struct store *s = r->store;

	record_give_back(r, true);
	core_busy(s, -1);
}

static void
post_finish(struct op *op, enum status how)
{
	struct post *p = op->arg;
	struct record *r = p->kept;
	bool ours = how == STATUS_OK && !op->repeated;
	bool back = !ours && r->shared && how != STATUS_AMBIGUOUS;

	if (p->share != NULL)
		sending_counted(r->store, p->share, ours || how == STATUS_AMBIGUOUS);
	if (back)
		core_busy(r->store, 1); /* before the answer: who has it may settle */
	if (how == STATUS_OK)
		p->answer(op);
	else
		call_fail(op->in, how, &op->failure);
	if (ours && r->count > 0) {
		atomic_store(&r->committed, true);
		record_start(r);
	} else if (how == STATUS_AMBIGUOUS) {
		atomic_store(&r->doubtful, true); /* queue_retry finds out */
	} else if (back) {
		r->task.run = take_back;
		pool_run(r->store->pool, &r->task);
	} else {
		queue_forget(r);
	}
}

/* Large content gets its holders before the batch that needs them. */
static enum status
hold_content(struct store *s, struct record *r, struct arena *a)
{
	struct holder *h = ARENA_ARRAY(a, struct holder, (size_t)r->count * 2 + 2);
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->count; i++) {
		if (r->place[i].what & PLACE_INBOX)
			h[n++] = (struct holder){ HOLDER_ACCOUNT, r->place[i].account };
		if (r->place[i].what & PLACE_SENT)
			h[n++] = (struct holder){ HOLDER_SENT, r->place[i].account };
	}
	if (r->message != 0)
		h[n++] = (struct holder){ HOLDER_MESSAGE, r->message };
	if (r->count > 0)
		h[n++] = (struct holder){ HOLDER_RECORD, r->id };
	return reference_add(s, r->blob, r->pieces, h, n);
}

/* A copy that outlives the call. */
static struct record *
record_copy(struct store *s, const struct record *r, uint64_t number)
{
	struct record *kept = record_new(s, random_by_time(), (uint32_t)(number % QUEUE_SHARDS));
	struct buffer value = BUFFER_INIT;

	record_pack(&value, r);
	CHECK(record_unpack(buffer_text(&value), kept) == STATUS_OK);
	buffer_done(&value);
	kept->undone = kept->count;
	return kept;
}

void
post_submit(struct store *s, struct op *op, struct post *p)
{
	struct record *kept = record_copy(s, p->record, p->number);
	bool nobody = kept->count == 0 && p->draft->count == 0;
	bool staged = !nobody && stage_needed(op->bytes, op->id);
	enum status how = STATUS_OK;

	kept->message = p->draft->count > 0 ? p->number : 0;
	kept->shared = staged || (kept->count > 0 && op->bytes >= SHARE_FROM);
	p->kept = kept;
	p->pieces = nobody ? 0 : kept->pieces;
	op->arg = p;
	op->apply = post_apply;
	op->finish = post_finish;
	queue_keep(s, kept);
	if (kept->shared)
		how = hold_content(s, kept, op->arena);
	if (how == STATUS_OK && staged) {
		p->pieces = 1;
		op->bytes = p->piece[0].len;
		how = reference_write(s, kept->blob, p->piece, 1, kept->pieces);
	}
	if (how == STATUS_OK) {
		owner_submit(&s->queue.shard[kept->shard].owner, op);
		return;
	}
	(void)fail(&op->failure, how, "The server cannot write now; try again later.",
	    "references: %s", status_word(how));
	post_finish(op, how == STATUS_FULL ? STATUS_FULL : STATUS_UNAVAILABLE);
}
