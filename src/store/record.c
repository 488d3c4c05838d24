/* SPDX-License-Identifier: ISC */
/*
 * Applying a queue record: first the holders of shared content are written,
 * then some accounts at a time get the message, then the record goes. A
 * failure leaves the record to a later try (queue_retry); nothing that was
 * done is done twice, because each account remembers the record by a mark.
 */
#include "base/log.h"
#include "store/core.h"
#include "store/reference.h"
#include "store/sent.h"
#include "store/serve.h"

struct apply_op {
	struct account_op a; /* first */
	struct record *r;
	uint32_t i;
	const struct text *piece;
	bool missing;
	struct arena arena;
};

/* ---- one account ---- */

static enum status
apply_inbox(struct account_txn *t, struct apply_op *o)
{
	struct record *r = o->r;
	struct delivery d = { .sender = r->sender,
		.prefix = r->prefix,
		.summary = r->summary,
		.received = r->received,
		.size = r->size,
		.piece = o->piece,
		.pieces = r->pieces,
		.shared = r->shared,
		.blob = r->blob,
		.over_quota = true };

	return deliver_into(t, &o->a.op, &d);
}

static enum status
apply_sent(struct account_txn *t, struct apply_op *o)
{
	struct record *r = o->r;
	struct new_message m = { .summary = r->sent_summary.len > 0 ? r->sent_summary : r->summary,
		.prefix = r->sent,
		.piece = o->piece,
		.pieces = r->pieces,
		.shared = r->shared ? HOLDER_SENT : 0,
		.stored = r->shared,
		.blob = r->shared ? r->blob : core_blob_id(t->txn.store),
		.size = r->size,
		.flags = FLAG_SEEN,
		.date = r->received };

	return sent_copy(t, &o->a.op, &m);
}

static enum status
apply_run(struct account_txn *t, struct op *op)
{
	struct apply_op *o = (struct apply_op *)(void *)op;
	struct record *r = o->r;
	uint32_t what = r->place[o->i].what;
	enum status s = STATUS_OK;

	o->missing = t->a->missing || t->gone;
	if (o->missing)
		return STATUS_OK; /* nobody is there any more to get it */
	if (map_get_u64(&t->a->marks, r->id) != NULL || map_get_u64(&t->new_marks, r->id) != NULL)
		return STATUS_OK;
	if (what & PLACE_INBOX)
		s = apply_inbox(t, o);
	if (s == STATUS_OK && (what & PLACE_SENT))
		s = apply_sent(t, o);
	if (s == STATUS_OK)
		(void)map_put_u64(&t->new_marks, r->id, r);
	return s;
}

static void
apply_finish(struct op *op, enum status s)
{
	struct apply_op *o = (struct apply_op *)(void *)op;
	struct record *r = o->r;
	struct account *a = o->a.a;
	bool queue;

	if (s != STATUS_OK)
		LOG_WARN("store.record_waits", FIELD_U64("record", r->id),
		    FIELD_U64("account", a->id), FIELD_STATUS(s));
	pthread_mutex_lock(&r->lock);
	r->place[o->i].done = s == STATUS_OK;
	r->place[o->i].missing = o->missing;
	r->undone -= s == STATUS_OK;
	r->at_work--;
	queue = !r->queued; /* else the record is not ours to touch any more */
	r->queued = true;
	pthread_mutex_unlock(&r->lock);
	account_put(a);
	arena_done(&o->arena);
	mem_free(o);
	if (queue)
		pool_run(r->store->pool, &r->task);
}

/* Content that is not shared is read from the record's blob. */
static enum status
read_pieces(struct apply_op *o)
{
	struct record *r = o->r;
	struct text *piece = ARENA_ARRAY(&o->arena, struct text, r->pieces);
	enum status s = STATUS_OK;

	for (uint32_t i = 0; i < r->pieces && s == STATUS_OK && !r->shared; i++)
		s = engine_blob_get(r->store->engine, r->blob, (uint16_t)i, &o->arena, &piece[i]);
	o->piece = piece;
	return s;
}

static void
apply_start(struct record *r, uint32_t i)
{
	struct apply_op *o = MEM_NEW(struct apply_op);
	enum status s;

	o->r = r;
	o->i = i;
	o->a.run = apply_run;
	o->a.op.arena = &o->arena;
	o->a.op.finish = apply_finish;
	s = read_pieces(o);
	if (s == STATUS_OK) {
		serve_trusted_later(r->store, r->place[i].account, &o->a);
		return;
	}
	o->a.a = account_get(r->store, r->place[i].account);
	apply_finish(&o->a.op, s);
}

/* ---- the record's end ---- */

struct remove_op {
	struct op op; /* first */
	struct record *r;
	struct arena arena;
};

/* Content that the message which came with it still needs is left to that. */
static enum status
remove_apply(struct txn *t, struct op *op)
{
	struct record *r = ((struct remove_op *)(void *)op)->r;
	struct key key = key_u64(KEY_Q_RECORD, r->id), message = key_u64(KEY_Q_MESSAGE, r->message);
	struct text value;
	enum status s = STATUS_NOT_FOUND;

	if (r->message != 0 && !r->shared)
		s = txn_get(t, key_text(&message), op->arena, &value);
	if (s != STATUS_OK && s != STATUS_NOT_FOUND)
		return s;
	txn_delete(t, key_text(&key));
	if (!r->shared && s == STATUS_NOT_FOUND)
		txn_blob_delete(t, r->blob, (uint16_t)r->pieces);
	return STATUS_OK;
}

static enum status
give_back_place(struct record *r, const struct record_place *p)
{
	enum status how = STATUS_OK;

	if (p->what & PLACE_INBOX)
		how = reference_drop(
		    r->store, r->blob, (struct holder){ HOLDER_ACCOUNT, p->account });
	if (how == STATUS_OK && (p->what & PLACE_SENT))
		how = reference_drop(r->store, r->blob, (struct holder){ HOLDER_SENT, p->account });
	return how;
}

void
record_give_back(struct record *r, bool all)
{
	struct store *s = r->store;
	enum status how = STATUS_OK;

	for (uint32_t i = 0; i < r->count && r->shared && how == STATUS_OK; i++)
		if (all || r->place[i].missing)
			how = give_back_place(r, &r->place[i]);
	if (r->shared && all && r->message != 0 && how == STATUS_OK)
		how = reference_drop(s, r->blob, (struct holder){ HOLDER_MESSAGE, r->message });
	if (r->shared && how == STATUS_OK)
		how = reference_drop(s, r->blob, (struct holder){ HOLDER_RECORD, r->id });
	if (how != STATUS_OK)
		LOG_WARN("store.reference_left", FIELD_U64("record", r->id));
	queue_forget(r);
	if (how != STATUS_OK)
		tend_references(s); /* which leaves alone what the queue has */
}

/* On a thread of the pool, since it waits. */
static void
give_back(struct task *task)
{
	struct record *r = LIST_OWNER(task, struct record, task);
	struct store *s = r->store;

	record_give_back(r, false);
	core_busy(s, -1);
}

static void
stand_still(struct record *r)
{
	struct store *s = r->store;

	pthread_mutex_lock(&r->lock);
	r->active = false;
	pthread_mutex_unlock(&r->lock);
	core_busy(s, -1);
}

static void
remove_finish(struct op *op, enum status s)
{
	struct remove_op *o = (struct remove_op *)(void *)op;
	struct record *r = o->r;

	arena_done(&o->arena);
	mem_free(o);
	if (s != STATUS_OK) {
		stand_still(r);
		return;
	}
	r->task.run = give_back;
	pool_run(r->store->pool, &r->task);
}

static void
record_remove(struct record *r)
{
	struct remove_op *o = MEM_NEW(struct remove_op);

	o->r = r;
	o->op.arena = &o->arena;
	o->op.apply = remove_apply;
	o->op.finish = remove_finish;
	owner_submit_later(&r->store->queue.shard[r->shard].owner, &o->op);
}

/* ---- the course of a record ---- */

/* Starts accounts while there is room in the window. */
static void
advance(struct task *task)
{
	struct record *r = LIST_OWNER(task, struct record, task);
	bool over, failed;
	uint32_t i;

	for (;;) {
		pthread_mutex_lock(&r->lock);
		while (r->next < r->count && r->place[r->next].done)
			r->next++;
		if (r->next == r->count || r->at_work >= RECORD_WINDOW)
			break;
		i = r->next++;
		r->at_work++;
		pthread_mutex_unlock(&r->lock);
		apply_start(r, i);
	}
	r->queued = false;
	over = r->next == r->count && r->at_work == 0;
	failed = r->undone > 0;
	pthread_mutex_unlock(&r->lock);
	if (over && failed)
		stand_still(r);
	else if (over)
		record_remove(r);
}

/* Of what only goes out there is nothing to apply. */
static void
found(struct record *r)
{
	struct store *s = r->store;

	atomic_store(&r->committed, true);
	atomic_store(&r->doubtful, false);
	if (r->count > 0) {
		r->task.run = advance;
		advance(&r->task);
	} else {
		queue_forget(r);
		core_busy(s, -1);
	}
}

/* Whether the record is there, once the engine can tell. If it is, a call that
 * is made again is answered from what the shard remembers, so it must be
 * applied; if not, that call brings a record of its own. */
static enum status
is_there(struct record *r)
{
	struct store *store = r->store;
	struct entity shard = store->queue.shard[r->shard].owner.entity;
	struct key key = key_u64(KEY_Q_RECORD, r->id);
	struct arena a = ARENA_INIT;
	struct text value;
	uint64_t version;
	enum status s = engine_version(store->engine, shard, &version);

	if (s == STATUS_OK && r->count > 0)
		s = engine_get(store->engine, shard, key_text(&key), &a, &value);
	else if (s == STATUS_OK)
		s = outgoing_has(store, r->message, r->blob) ? STATUS_OK : STATUS_NOT_FOUND;
	arena_done(&a);
	return s;
}

static void
find_out(struct task *task)
{
	struct record *r = LIST_OWNER(task, struct record, task);
	struct store *store = r->store;
	enum status s = is_there(r);

	if (s == STATUS_OK) {
		found(r);
	} else if (s == STATUS_NOT_FOUND) {
		record_give_back(r, true);
		core_busy(store, -1);
	} else {
		stand_still(r);
	}
}

/* Holders go before the record, so that a crash leaves none behind. */
static void
give_up(struct task *task)
{
	struct record *r = LIST_OWNER(task, struct record, task);
	enum status how = STATUS_OK;

	for (uint32_t i = 0; i < r->count && r->shared && how == STATUS_OK; i++)
		how = give_back_place(r, &r->place[i]);
	if (how == STATUS_OK)
		record_remove(r);
	else
		stand_still(r);
}

void
record_start(struct record *r)
{
	bool start;

	pthread_mutex_lock(&r->lock);
	start = !r->active &&
		(atomic_load(&r->doubtful) || r->dropped || r->due * CLOCK_SECOND <= clock_wall());
	if (start) {
		r->active = r->queued = true;
		r->next = 0;
		r->task.run = atomic_load(&r->doubtful) ? find_out : r->dropped ? give_up : advance;
	}
	pthread_mutex_unlock(&r->lock);
	if (start) {
		core_busy(r->store, 1);
		pool_run(r->store->pool, &r->task);
	}
}

void
queue_retry(struct store *s)
{
	size_t at = 0;
	void *p;

	/* Under the lock of the list no record can end. */
	pthread_mutex_lock(&s->queue.lock);
	while (map_each(&s->queue.records, &at, NULL, NULL, &p))
		if (((struct record *)p)->committed || ((struct record *)p)->doubtful)
			record_start(p);
	pthread_mutex_unlock(&s->queue.lock);
}

/* ---- dropped before its time ---- */

struct record *
record_claim(struct store *s, uint64_t record)
{
	bool claimed = false;
	struct record *r;

	pthread_mutex_lock(&s->queue.lock);
	r = map_get_u64(&s->queue.records, record);
	if (r != NULL) {
		pthread_mutex_lock(&r->lock);
		claimed = !r->active && atomic_load(&r->committed) && !r->dropped &&
			  r->due * CLOCK_SECOND > clock_wall();
		r->active |= claimed;
		pthread_mutex_unlock(&r->lock);
	}
	pthread_mutex_unlock(&s->queue.lock);
	return claimed ? r : NULL;
}

void
record_drop(struct txn *t, struct record *r)
{
	struct key key = key_u64(KEY_Q_RECORD, r->id);
	struct buffer value = BUFFER_INIT;

	r->dropped = true;
	record_pack(&value, r);
	txn_put(t, key_text(&key), buffer_text(&value));
	buffer_done(&value);
}

/* Under the lock of the list nobody else can start it, and it end. */
void
record_let(struct record *r, bool dropped)
{
	struct store *s = r->store;

	pthread_mutex_lock(&s->queue.lock);
	pthread_mutex_lock(&r->lock);
	r->active = false;
	r->dropped = dropped;
	pthread_mutex_unlock(&r->lock);
	if (dropped)
		record_start(r);
	pthread_mutex_unlock(&s->queue.lock);
}
