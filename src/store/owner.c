/* SPDX-License-Identifier: ISC */
/*
 * The owner's round: take what waits, apply, commit, publish, answer; see
 * store/owner.h for the rules. A commit ends in one of these ways:
 *
 *	OK		publish and answer
 *	CONFLICT	another node wrote, or an earlier try of this very
 *	AMBIGUOUS	transaction was applied after all: look for its id in the
 *			head row. There: as OK. Else load again and apply again.
 *	FULL, IO, ...	nothing is published, everybody is answered so; what the
 *			engine really holds is read again before the next round
 */
#include "store/owner.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/metrics.h"
#include "store/core.h"

static void owner_task(struct task *t);

void
owner_init(struct owner *o, const struct owner_class *class, struct store *s, struct entity entity)
{
	*o = (struct owner){ .magic = OWNER_MAGIC, .class = class, .store = s, .entity = entity };
	CHECK(pthread_mutex_init(&o->lock, NULL) == 0);
	list_init(&o->waiting);
	o->task.run = owner_task;
	list_init(&o->task.node);
}

void
owner_done(struct owner *o)
{
	MAGIC_CHECK(o, OWNER_MAGIC);
	CHECK(list_empty(&o->waiting) && !o->busy);
	if (o->loaded)
		o->class->unload(o);
	(void)pthread_mutex_destroy(&o->lock);
	o->magic = 0;
}

static void
hold(struct owner *o)
{
	core_busy(o->store, 1);
	if (o->class->hold != NULL)
		o->class->hold(o);
}

static void
release(struct owner *o)
{
	struct store *s = o->store;

	if (o->class->release != NULL)
		o->class->release(o);
	core_busy(s, -1);
}

static void
finish(struct op *op, enum status s)
{
	op->failure.status = s;
	op->finish(op, s);
}

enum status
op_refuse(struct op *op, enum status s, const char *client, const char *log, ...)
{
	char words[sizeof(op->failure.log)];
	va_list ap;

	va_start(ap, log);
	(void)vsnprintf(words, sizeof(words), log, ap);
	va_end(ap);
	return fail(&op->failure, s, client, "%s", words);
}

/* ---- the transaction ---- */

static struct txn *
txn_new(struct owner *o)
{
	struct txn *t = mem_new(o->class->txn_size);

	t->owner = o;
	t->store = o->store;
	t->now = clock_wall();
	list_init(&t->ops);
	list_init(&t->failed);
	return t;
}

static void
txn_begin(struct txn *t)
{
	engine_batch_init(&t->batch, t->owner->entity, t->owner->version);
	t->changes = 0;
	t->id = atomic_fetch_add_explicit(&t->store->batch_id, 1, memory_order_relaxed);
	t->begun = true;
	t->owner->class->begin(t);
}

/* Forgets what was written; the operations stay. */
static void
txn_discard(struct txn *t)
{
	if (!t->begun)
		return;
	t->begun = false;
	t->owner->class->discard(t);
	map_done(&t->rows);
	t->rows = (struct map)MAP_INIT;
	engine_batch_done(&t->batch);
}

static struct engine_write *
txn_find(struct txn *t, struct text key)
{
	void *at = map_get(&t->rows, key);

	return at == NULL ? NULL : &t->batch.writes[(uintptr_t)at - 1];
}

void
txn_put(struct txn *t, struct text key, struct text value)
{
	txn_put_kept(t, key, arena_copy(&t->batch.arena, value));
}

void
txn_put_kept(struct txn *t, struct text key, struct text value)
{
	struct engine_write *w = txn_find(t, key);

	t->changes++;
	if (w == NULL) {
		engine_put_kept(&t->batch, key, value);
		(void)map_put(&t->rows, key, (void *)(uintptr_t)t->batch.count);
		return;
	}
	w->kind = ENGINE_PUT;
	w->value = value;
	t->batch.bytes += value.len;
}

void
txn_put_new(struct txn *t, struct text key, struct text value)
{
	t->changes++;
	engine_put_kept(&t->batch, key, value);
}

void
txn_delete(struct txn *t, struct text key)
{
	struct engine_write *w = txn_find(t, key);

	t->changes++;
	if (w == NULL) {
		engine_delete(&t->batch, key);
		(void)map_put(&t->rows, key, (void *)(uintptr_t)t->batch.count);
		return;
	}
	w->kind = ENGINE_DELETE;
	w->value = TEXT_EMPTY;
}

enum status
txn_own(struct txn *t, struct text key, struct text *value)
{
	const struct engine_write *w = txn_find(t, key);

	if (w == NULL)
		return STATUS_AGAIN;
	if (w->kind == ENGINE_DELETE)
		return STATUS_NOT_FOUND;
	*value = w->value;
	return STATUS_OK;
}

enum status
txn_get(struct txn *t, struct text key, struct arena *a, struct text *value)
{
	enum status s = txn_own(t, key, value);

	if (s != STATUS_AGAIN)
		return s;
	if (t->owner->class->fresh != NULL && t->owner->class->fresh(t->owner, key, a, value))
		return STATUS_OK;
	return engine_get(t->store->engine, t->owner->entity, key, a, value);
}

enum status
txn_scan(struct txn *t, struct text from, struct text until, txn_row_fn fn, void *arg)
{
	struct engine_scan *scan;
	enum status s = engine_scan_open(t->store->engine, t->owner->entity, from, until, &scan);
	struct text key, value;

	if (s != STATUS_OK)
		return s;
	while ((s = engine_scan_next(scan, &key, &value)) == STATUS_OK) {
		struct engine_write *w = txn_find(t, key);

		if (w != NULL && w->kind == ENGINE_DELETE)
			continue;
		s = fn(arg, key, w == NULL ? value : w->value);
		if (s != STATUS_OK)
			break;
	}
	engine_scan_close(scan);
	return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

void
txn_blob_put(struct txn *t, struct blob_id id, uint16_t piece, struct text bytes)
{
	t->changes++;
	engine_blob_put(&t->batch, id, piece, bytes);
}

void
txn_blob_delete(struct txn *t, struct blob_id id, uint16_t pieces)
{
	t->changes++;
	engine_blob_delete(&t->batch, id, pieces);
}

struct text
txn_written(struct txn *t, struct text key)
{
	struct engine_write *w = txn_find(t, key);

	return w == NULL || w->kind != ENGINE_PUT ? TEXT_EMPTY : w->value;
}

struct arena *
txn_arena(struct txn *t)
{
	return &t->batch.arena;
}

/* ---- applying ---- */

static enum status
apply_one(struct txn *t, struct op *op)
{
	enum status s;

	op->failure.client[0] = op->failure.log[0] = 0;
	op->repeated = op->again = false;
	s = t->owner->class->op_begin(t, op);
	if (s == STATUS_OK)
		s = op->apply(t, op);
	if (s == STATUS_AGAIN) {
		op->again = true;
		s = STATUS_OK;
	}
	if (s == STATUS_OK)
		t->owner->class->op_end(t, op);
	if (s == STATUS_OK && t->batch.bytes > TXN_HARD_MAX)
		s = op_refuse(op, STATUS_LIMIT, "Too much for one command.",
		    "%s: batch over %u octets", t->owner->class->name, TXN_HARD_MAX);
	op->status = s;
	return s;
}

/* Applies all of t->ops from the first on. Operations that fail go to failed;
 * one that fails after a change makes all begin again. */
static void
apply_all(struct txn *t)
{
again:
	txn_begin(t);
	LIST_EACH_SAFE(&t->ops, it)
	{
		struct op *op = LIST_OWNER(it, struct op, node);
		uint64_t before = t->changes;

		if (apply_one(t, op) == STATUS_OK)
			continue;
		list_remove(it);
		list_add_last(&t->failed, it);
		if (t->changes != before) {
			txn_discard(t);
			goto again;
		}
	}
	if (t->changes > 0)
		t->owner->class->seal(t);
}

static bool
same_id(struct list *ops, uint64_t id)
{
	LIST_EACH(ops, it)
	{
		if (id != 0 && LIST_OWNER(it, struct op, node)->id == id)
			return true;
	}
	return false;
}

/* Moves what may go into one transaction from the queue into it: not more
 * than fits, and no call twice, so that the second finds what the first
 * left behind. Sizes are those that the calls brought. */
static void
take_waiting(struct owner *o, struct txn *t)
{
	unsigned taken = 0;
	size_t bytes = 0;

	pthread_mutex_lock(&o->lock);
	while (!list_empty(&o->waiting) && taken < TXN_OPS_MAX && bytes < TXN_BYTES_MAX) {
		struct op *op = LIST_OWNER(o->waiting.next, struct op, node);

		if (op->id != 0 && taken > 0 && same_id(&t->ops, op->id))
			break;
		if (taken > 0 && op->bytes > TXN_BYTES_MAX)
			break;
		list_remove(&op->node);
		list_add_last(&t->ops, &op->node);
		o->waiting_count--;
		taken++;
		bytes += op->bytes;
	}
	pthread_mutex_unlock(&o->lock);
}

/* ---- ends ---- */

static void
finish_list(struct list *ops, enum status s)
{
	struct list *it;

	while ((it = list_take_first(ops)) != NULL) {
		struct op *op = LIST_OWNER(it, struct op, node);

		finish(op, s == STATUS_COUNT ? op->status : s);
	}
}

/* Operations that go on in another commit: to the front of the queue. */
static void
requeue(struct owner *o, struct list *ops)
{
	LIST_EACH_SAFE(ops, it)
	{
		struct op *op = LIST_OWNER(it, struct op, node);

		if (!op->again)
			continue;
		list_remove(it);
		pthread_mutex_lock(&o->lock);
		list_add_first(&o->waiting, it);
		o->waiting_count++;
		pthread_mutex_unlock(&o->lock);
	}
}

/* Answers everything with the operations' own status. */
static void
end_well(struct txn *t)
{
	requeue(t->owner, &t->ops);
	call_answers_hold();
	finish_list(&t->failed, STATUS_COUNT);
	finish_list(&t->ops, STATUS_COUNT);
	call_answers_send();
	txn_discard(t);
	mem_free(t);
}

static const char *
words_for(enum status s)
{
	if (s == STATUS_FULL)
		return "The server has no space left; try again later.";
	if (s == STATUS_LIMIT)
		return "Too much for one command.";
	return "The server cannot write now; try again later.";
}

/* Answers everything with s. */
static void
end_badly(struct txn *t, enum status s)
{
	struct list *it;

	while ((it = list_take_first(&t->failed)) != NULL)
		list_add_last(&t->ops, it);
	LIST_EACH(&t->ops, at)
	{
		struct op *op = LIST_OWNER(at, struct op, node);

		(void)fail(&op->failure, s, words_for(s), "%s %llu: %s", t->owner->class->name,
		    (unsigned long long)t->owner->entity.id, status_word(s));
	}
	call_answers_hold();
	finish_list(&t->ops, s);
	call_answers_send();
	txn_discard(t);
	mem_free(t);
}

/* What a front is told: the disk's troubles are all the same to it. */
static enum status
outward(enum status s)
{
	switch (s) {
	case STATUS_FULL:
	case STATUS_LIMIT:
	case STATUS_AMBIGUOUS:
	case STATUS_NOT_FOUND:
	case STATUS_DENIED:
	case STATUS_CORRUPT:
		return s;
	default:
		return STATUS_UNAVAILABLE;
	}
}

static void
unload(struct owner *o)
{
	pthread_mutex_lock(&o->lock);
	if (o->loaded)
		o->class->unload(o);
	o->loaded = false;
	pthread_mutex_unlock(&o->lock);
}

static void
publish(struct txn *t, uint64_t version)
{
	struct owner *o = t->owner;

	pthread_mutex_lock(&o->lock);
	o->class->publish(t);
	o->version = version;
	pthread_mutex_unlock(&o->lock);
	core_wrote(o->store, STATUS_OK);
	o->class->told(t);
	metric_add(METRIC_STORE_COMMITS, 1);
	end_well(t);
}

/* ---- the round ---- */

/* True when the round goes on at once: nothing had to be committed. Else t may
 * be gone already, and its owner be somebody else's. */
static bool
commit(struct txn *t)
{
	if (t->changes == 0) {
		end_well(t);
		return true;
	}
	engine_commit(t->store->engine, &t->batch);
	return false;
}

static enum status
load(struct owner *o)
{
	enum status s;

	if (o->loaded)
		return STATUS_OK;
	s = o->class->load(o);
	pthread_mutex_lock(&o->lock);
	o->loaded = s == STATUS_OK;
	pthread_mutex_unlock(&o->lock);
	if (s != STATUS_OK && s != STATUS_NOT_FOUND)
		core_wrote(o->store, s);
	return s;
}

/* Whether something waits; else the owner is idle from here on. */
static bool
owner_more(struct owner *o)
{
	bool more;

	pthread_mutex_lock(&o->lock);
	more = !list_empty(&o->waiting);
	if (!more)
		o->busy = false;
	pthread_mutex_unlock(&o->lock);
	if (!more)
		release(o);
	return more;
}

/* On the engine's thread, or within commit(). */
static void
committed(struct engine_batch *b, enum status s)
{
	struct txn *t = b->context;
	struct owner *o = t->owner;

	t->ended = s;
	if (s == STATUS_OK)
		publish(t, t->batch.guard + 1);
	else
		o->txn = t;
	if (s != STATUS_OK || owner_more(o))
		pool_run(o->store->pool, &o->task);
}

/* Loads if need be, applies and commits t->ops. */
static bool
start(struct txn *t)
{
	enum status s = load(t->owner);

	if (s != STATUS_OK) {
		end_badly(t, outward(s));
		return true;
	}
	apply_all(t);
	t->batch.done = committed;
	t->batch.context = t;
	t->batch.may_lead = true;
	return commit(t);
}

/* Whether a batch of this transaction is the last that was applied: the one in
 * hand, or one of an earlier try. */
enum applied { APPLIED_NOT, APPLIED_NOW, APPLIED_BEFORE };

static enum applied
which_applied(const struct txn *t, struct text head)
{
	struct unpack u = unpack_of(head);
	uint64_t id = unpack_be64(&u);

	if (!unpack_ok(&u))
		return APPLIED_NOT;
	if (id == t->id)
		return APPLIED_NOW;
	for (unsigned i = 0; i < t->tries; i++)
		if (id == t->tried[i])
			return APPLIED_BEFORE;
	return APPLIED_NOT;
}

static enum status
find_applied(struct txn *t, uint64_t *version, enum applied *applied)
{
	struct owner *o = t->owner;
	struct arena a = ARENA_INIT;
	struct key head = key_of(o->class->head);
	struct text value = TEXT_EMPTY;
	enum status s = engine_version(o->store->engine, o->entity, version);

	if (s == STATUS_OK)
		s = engine_get(o->store->engine, o->entity, key_text(&head), &a, &value);
	if (s == STATUS_NOT_FOUND)
		s = STATUS_OK;
	if (s == STATUS_OK)
		*applied = which_applied(t, value);
	arena_done(&a);
	return s;
}

/* An earlier try took effect after all: what has no op to be known by must
 * take for its own doing what it finds done. */
static void
mark_maybe(struct txn *t)
{
	LIST_EACH(&t->ops, it)
	{
		LIST_OWNER(it, struct op, node)->maybe = true;
	}
}

/* A transaction that was not simply committed; true when the round goes on. */
static bool
decide(struct txn *t)
{
	struct owner *o = t->owner;
	uint64_t version = 0;
	enum applied applied = APPLIED_NOT;
	enum status s;

	if (t->ended != STATUS_CONFLICT && t->ended != STATUS_AMBIGUOUS) {
		core_wrote(o->store, t->ended);
		unload(o);
		end_badly(t, outward(t->ended));
		return true;
	}
	metric_add(METRIC_STORE_CONFLICTS, 1);
	s = find_applied(t, &version, &applied);
	if (s == STATUS_OK && applied == APPLIED_NOW) {
		publish(t, version);
		return true;
	}
	unload(o);
	if (applied == APPLIED_BEFORE)
		mark_maybe(t);
	if (s != STATUS_OK || t->tries == OWNER_TRIES_MAX) {
		end_badly(t, t->ended == STATUS_AMBIGUOUS ? STATUS_AMBIGUOUS : STATUS_UNAVAILABLE);
		return true;
	}
	t->tried[t->tries++] = t->id;
	txn_discard(t);
	return start(t);
}

static void
work(struct owner *o)
{
	struct txn *t = o->txn;

	o->txn = NULL;
	if (t != NULL && !decide(t))
		return;
	while (t == NULL || owner_more(o)) {
		t = txn_new(o);
		take_waiting(o, t);
		if (!start(t))
			return;
	}
}

static void
owner_task(struct task *task)
{
	work(LIST_OWNER(task, struct owner, task));
}

static bool
enqueue(struct owner *o, struct op *op)
{
	bool mine, full;

	MAGIC_CHECK(o, OWNER_MAGIC);
	list_init(&op->node);
	pthread_mutex_lock(&o->lock);
	full = o->waiting_count >= OWNER_WAITING_MAX;
	mine = !full && !o->busy;
	if (!full) {
		list_add_last(&o->waiting, &op->node);
		o->waiting_count++;
		o->busy = true;
	}
	pthread_mutex_unlock(&o->lock);
	if (full) {
		(void)fail(&op->failure, STATUS_UNAVAILABLE, "Too busy; try again later.",
		    "%s %llu: %u operations wait", o->class->name, (unsigned long long)o->entity.id,
		    OWNER_WAITING_MAX);
		finish(op, STATUS_UNAVAILABLE);
	}
	return mine;
}

void
owner_submit(struct owner *o, struct op *op)
{
	if (enqueue(o, op)) {
		hold(o);
		work(o);
	}
}

void
owner_submit_later(struct owner *o, struct op *op)
{
	if (enqueue(o, op)) {
		hold(o);
		pool_run(o->store->pool, &o->task);
	}
}

/* ---- waiting ---- */

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool over;
	enum status status;
};

static void
wake(struct op *op, enum status s)
{
	struct waiting *w = op->arg;

	pthread_mutex_lock(&w->lock);
	w->over = true;
	w->status = s;
	pthread_cond_signal(&w->ended);
	pthread_mutex_unlock(&w->lock);
}

enum status
owner_wait(struct owner *o, struct op *op)
{
	struct waiting w = { .over = false };

	CHECK(pthread_mutex_init(&w.lock, NULL) == 0 && pthread_cond_init(&w.ended, NULL) == 0);
	op->finish = wake;
	op->arg = &w;
	owner_submit(o, op);
	pthread_mutex_lock(&w.lock);
	while (!w.over)
		pthread_cond_wait(&w.ended, &w.lock);
	pthread_mutex_unlock(&w.lock);
	(void)pthread_cond_destroy(&w.ended);
	(void)pthread_mutex_destroy(&w.lock);
	return w.status;
}

static enum status
apply_nothing(struct txn *t, struct op *op)
{
	return STATUS_OK;
}

enum status
owner_wait_loaded(struct owner *o)
{
	struct arena a = ARENA_INIT;
	struct op op = { .apply = apply_nothing, .arena = &a };
	enum status s = STATUS_OK;
	bool loaded;

	pthread_mutex_lock(&o->lock);
	loaded = o->loaded;
	pthread_mutex_unlock(&o->lock);
	if (!loaded)
		s = owner_wait(o, &op);
	arena_done(&a);
	return s;
}
