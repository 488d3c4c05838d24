/* SPDX-License-Identifier: ISC */
/*
 * An account's facts: shown, and changed by the operator or by auth. What the
 * directory's row repeats (suspension; whether there is a SCRAM verifier, for
 * the census) is written there too: before the account where the change takes
 * something away, after it where it adds, so that a crash in between errs to
 * the safe side. A row that errs is put right when the verifier is next read.
 */
#include "store/core.h"
#include "store/directory_op.h"

struct facts_work {
	struct account_op a; /* first */
	struct directory_op d;
	struct store *store;
	uint64_t account;
	/* What becomes of the account, */
	bool set_verifier, set_suspended, set_admin, set_quota, new_generation;
	struct text old, verifier; /* old: must be it, if guarded */
	bool guarded, suspended, admin, has_scram;
	uint64_t quota;
	bool told_scram; /* and whether the directory is told afterwards */
	struct arena own;
};

static struct facts_work *
work_of_shard(struct op *op)
{
	return (struct facts_work *)(void *)((char *)op - offsetof(struct facts_work, d));
}

static struct facts_work *
work_of_account(struct op *op)
{
	return (struct facts_work *)(void *)op;
}

static void
end(struct facts_work *w, enum status s, struct failure *f)
{
	uint8_t none = 0;
	struct call_in *in = w->a.op.in;

	if (s == STATUS_OK && w->new_generation && w->store->config.account_changed != NULL)
		w->store->config.account_changed(w->store->config.arg, w->account);
	if (in == NULL) {
		arena_done(&w->own);
		mem_free(w);
	} else if (s == STATUS_OK) {
		call_reply(in, &none);
	} else {
		call_fail(in, s, f);
	}
}

/* ---- the directory's row ---- */

static enum status
row_apply(struct txn *txn, struct op *op)
{
	struct facts_work *w = work_of_shard(op);
	struct shard_txn *t = shard_txn_of(txn);
	struct address d;
	enum status s = shard_address(t, &w->d.key, op->arena, &d);

	if (s == STATUS_NOT_FOUND ||
	    (s == STATUS_OK && (d.kind != ADDRESS_ACCOUNT || d.account != w->account)))
		return op_refuse(op, STATUS_NOT_FOUND, "No such account.", "no account");
	if (s != STATUS_OK)
		return s;
	if (w->set_verifier && d.has_scram != w->has_scram) {
		t->counts.without_scram += w->has_scram ? UINT64_MAX : 1;
		d.has_scram = w->has_scram;
	}
	if (w->set_suspended)
		d.suspended = w->suspended;
	shard_address_put(t, &w->d.key, &d);
	return STATUS_OK;
}

static struct owner *
shard_owner(struct facts_work *w)
{
	return &directory_shard(&w->store->directory, w->d.key.domain)->owner;
}

static void
row_last(struct op *op, enum status s)
{
	end(work_of_shard(op), s, &op->failure);
}

/* ---- the account ---- */

static enum status
facts_run(struct account_txn *t, struct op *op)
{
	struct facts_work *w = work_of_account(op);

	if (t->a->missing || t->gone)
		return op_refuse(op, STATUS_NOT_FOUND, "No such account.", "no account");
	if (w->guarded && !text_equal(t->facts.verifier, w->old)) {
		if (text_equal(t->facts.verifier, w->verifier))
			return STATUS_OK; /* an earlier try */
		return op_refuse(
		    op, STATUS_CONFLICT, "The password was changed meanwhile.", "another verifier");
	}
	if (w->set_verifier) {
		t->facts.verifier = w->verifier;
		t->facts.has_scram = w->has_scram;
	}
	if (w->set_suspended)
		t->facts.suspended = w->suspended;
	if (w->set_admin)
		t->facts.admin = w->admin;
	if (w->set_quota)
		t->facts.quota = w->quota;
	t->facts.generation += w->new_generation;
	t->facts_changed = true;
	t->txn.changes++;
	return STATUS_OK;
}

static enum status
address_of(struct facts_work *w, struct account *a)
{
	enum status s;

	pthread_mutex_lock(&a->owner.lock);
	s = address_key(a->facts.address, w->a.op.arena, &w->d.key);
	pthread_mutex_unlock(&a->owner.lock);
	return s;
}

static void
facts_finish(struct op *op, enum status s)
{
	struct facts_work *w = work_of_account(op);
	struct account *a = w->a.a;

	if (s == STATUS_OK && w->told_scram && address_of(w, a) == STATUS_OK) {
		w->d.op.apply = row_apply;
		w->d.op.finish = row_last;
		owner_submit_later(shard_owner(w), &w->d.op);
	} else {
		end(w, s, &op->failure);
	}
	account_put(a);
}

static void
row_first(struct op *op, enum status s)
{
	struct facts_work *w = work_of_shard(op);

	if (s == STATUS_OK)
		serve_trusted_later(w->store, w->account, &w->a);
	else
		end(w, s, &op->failure);
}

static struct facts_work *
work_new(struct store *s, struct call_in *in, const void *request)
{
	struct facts_work *w = ARENA_NEW(call_arena(in), struct facts_work);

	w->store = s;
	w->a.op.in = w->d.op.in = in;
	w->a.op.request = w->d.op.request = request;
	w->a.op.arena = w->d.op.arena = call_arena(in);
	w->a.op.finish = facts_finish;
	w->a.run = facts_run;
	return w;
}

void
serve_store_account_set(struct call_in *in, const void *request, void *context)
{
	const struct store_account_set_request *r = request;
	struct facts_work *w = work_new(context, in, request);
	struct address d;

	if (!serve_find_account(context, in, r->address, &w->d.key, &d))
		return;
	w->account = d.account;
	w->set_verifier = r->change == ACCOUNT_VERIFIER;
	w->set_suspended = r->change == ACCOUNT_SUSPENDED;
	w->set_admin = r->change == ACCOUNT_ADMIN;
	w->set_quota = r->change == ACCOUNT_QUOTA;
	w->new_generation = r->change != ACCOUNT_QUOTA;
	w->verifier = r->verifier;
	w->has_scram = r->has_scram != 0;
	w->suspended = w->admin = r->value != 0;
	w->quota = r->value;
	if (r->change > ACCOUNT_QUOTA) {
		call_refuse(in, STATUS_INVALID, "No such change.", "account change");
		return;
	}
	w->told_scram = w->set_verifier && w->has_scram;
	if ((w->set_verifier && !w->has_scram) || w->set_suspended) {
		w->d.op.apply = row_apply;
		w->d.op.finish = row_first;
		owner_submit(shard_owner(w), &w->d.op);
	} else {
		serve_trusted(context, w->account, &w->a);
	}
}

/* ---- for auth ---- */

void
serve_store_verifier_set(struct call_in *in, const void *request, void *context)
{
	const struct store_verifier_set_request *r = request;
	struct facts_work *w = work_new(context, in, request);

	w->account = r->account;
	w->set_verifier = w->guarded = true;
	w->old = r->old;
	w->verifier = r->verifier;
	w->has_scram = r->has_scram != 0;
	w->told_scram = true;
	serve_trusted(context, w->account, &w->a);
}

struct verifier_op {
	struct account_op a; /* first */
	struct address_key key;
	struct address row;
	struct store_verifier_reply reply;
	bool has_scram;
};

static enum status
verifier_read(struct account *a, struct op *op)
{
	struct verifier_op *v = (struct verifier_op *)(void *)op;
	enum status s = STATUS_OK;

	pthread_mutex_lock(&a->owner.lock);
	if (a->missing) {
		s = STATUS_NOT_FOUND;
	} else {
		v->reply.account = a->id;
		v->reply.canonical = arena_copy(op->arena, a->facts.address);
		v->reply.verifier = arena_copy(op->arena, a->facts.verifier);
		v->reply.generation = a->facts.generation;
		v->reply.suspended = a->facts.suspended;
		v->reply.admin = a->facts.admin;
		v->has_scram = a->facts.has_scram;
	}
	pthread_mutex_unlock(&a->owner.lock);
	return s;
}

/* A crash came between the account and the directory. */
static void
put_right(struct store *s, const struct verifier_op *v)
{
	struct facts_work *w = MEM_NEW(struct facts_work);

	w->store = s;
	w->account = v->reply.account;
	w->set_verifier = true;
	w->has_scram = v->has_scram;
	w->d.op.arena = w->a.op.arena = &w->own;
	w->d.op.apply = row_apply;
	w->d.op.finish = row_last;
	CHECK(address_key(v->key.whole, &w->own, &w->d.key) == STATUS_OK);
	owner_submit_later(shard_owner(w), &w->d.op);
}

static void
verifier_answer(struct op *op)
{
	struct verifier_op *v = (struct verifier_op *)(void *)op;

	if (v->has_scram != v->row.has_scram)
		put_right(v->a.a->owner.store, v);
	v->reply.stopped =
	    sending_stopped(v->a.a->owner.store, v->reply.account, v->reply.canonical, op->arena);
	call_reply(op->in, &v->reply);
}

void
serve_store_verifier(struct call_in *in, const void *request, void *context)
{
	const struct store_verifier_request *r = request;
	struct verifier_op *v = ARENA_NEW(call_arena(in), struct verifier_op);

	if (!serve_find_account(context, in, r->address, &v->key, &v->row))
		return;
	v->a.op.in = in;
	v->a.op.request = request;
	v->a.op.arena = call_arena(in);
	v->a.read = verifier_read;
	v->a.answer = verifier_answer;
	serve_read_trusted(context, v->row.account, &v->a);
}

void
serve_store_verifier_census(struct call_in *in, const void *request, void *context)
{
	struct store *s = context;
	struct store_verifier_census_reply reply = { 0 };

	for (uint32_t i = 0; i < SHARDS; i++) {
		struct shard *sh = &s->directory.shard[i];
		enum status how = owner_wait_loaded(&sh->owner);

		if (how != STATUS_OK) {
			call_refuse(in, how, "The directory cannot be read now.", "census");
			return;
		}
		pthread_mutex_lock(&sh->owner.lock);
		reply.accounts += sh->counts.accounts;
		reply.without_scram += sh->counts.without_scram;
		pthread_mutex_unlock(&sh->owner.lock);
	}
	call_reply(in, &reply);
}

/* ---- shown ---- */

struct show_op {
	struct account_op a; /* first */
	struct address_key key;
	struct address row;
	struct store_account_reply reply;
};

static enum status
show_read(struct account *a, struct op *op)
{
	struct store_account_reply *out = &((struct show_op *)(void *)op)->reply;

	pthread_mutex_lock(&a->owner.lock);
	out->account = a->id;
	out->address = arena_copy(op->arena, a->facts.address);
	out->suspended = a->facts.suspended;
	out->admin = a->facts.admin;
	out->quota = account_quota(&a->facts);
	out->octets = a->head.octets;
	out->messages = a->head.messages;
	for (size_t i = 0; i < a->mailboxes; i++)
		out->mailboxes += a->sorted[i]->m.exists;
	out->created = a->facts.created / CLOCK_SECOND;
	out->has_scram = a->facts.has_scram;
	pthread_mutex_unlock(&a->owner.lock);
	return STATUS_OK;
}

static void
show_answer(struct op *op)
{
	call_reply(op->in, &((struct show_op *)(void *)op)->reply);
}

void
serve_store_account(struct call_in *in, const void *request, void *context)
{
	const struct store_account_request *r = request;
	struct show_op *o = ARENA_NEW(call_arena(in), struct show_op);

	if (!serve_find_account(context, in, r->address, &o->key, &o->row))
		return;
	o->a.op.in = in;
	o->a.op.request = request;
	o->a.op.arena = call_arena(in);
	o->reply.forwards = o->row.targets;
	o->reply.keep = o->row.keep;
	o->a.read = show_read;
	o->a.answer = show_answer;
	serve_read_trusted(context, o->row.account, &o->a);
}

/* ---- quota, for its owner ---- */

struct quota_op {
	struct account_op a; /* first */
	struct store_quota_reply reply;
};

static enum status
quota_read(struct account *a, struct op *op)
{
	struct store_quota_reply *out = &((struct quota_op *)(void *)op)->reply;

	pthread_mutex_lock(&a->owner.lock);
	out->octets = a->head.octets;
	out->octets_max = account_quota(&a->facts);
	out->messages = a->head.messages;
	pthread_mutex_unlock(&a->owner.lock);
	return STATUS_OK;
}

static void
quota_answer(struct op *op)
{
	call_reply(op->in, &((struct quota_op *)(void *)op)->reply);
}

void
serve_store_quota(struct call_in *in, const void *request, void *context)
{
	const struct store_quota_request *r = request;
	struct quota_op *o = ARENA_NEW(call_arena(in), struct quota_op);

	o->a.read = quota_read;
	o->a.answer = quota_answer;
	serve_read(context, in, request, &o->a, r->token);
}
