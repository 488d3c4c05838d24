/* SPDX-License-Identifier: ISC */
/*
 * Accounts of the directory. What spans the directory and the account is cut
 * into commits whose order makes a crash harmless:
 *
 *	add	1 shard: the address is reserved, an intent names the account
 *		2 account: facts, head, the first mailboxes
 *		3 shard: the address leads to the account; the intent goes
 *	remove	1 shard: the address is free; an intent names the account
 *		2 account: rows and content, in bounded steps
 *		3 queue, site: what is counted of its sending, and its rule
 *		4 shard: the intent goes
 *
 * The account is there from add 3 until remove 1. What an intent still names
 * at the next start is removed (directory_finish_intents); what failed while this
 * process goes on is tried again (tend_left).
 */
#include "store/directory_op.h"

#include "base/log.h"
#include "store/core.h"
#include "store/scan.h"

/* Steps on a shard, then on an account, then on the shard. */
struct account_work {
	struct account_op a; /* first */
	struct directory_op d;
	struct store *store;
	uint64_t account;
	bool has_scram;
	struct arena own; /* where there is no request */
};

static struct account_work *
work_of_shard(struct op *op)
{
	return (struct account_work *)(void *)((char *)op - offsetof(struct account_work, d));
}

static struct account_work *
work_of_account(struct op *op)
{
	return (struct account_work *)(void *)op;
}

/* Refuses the call itself when the address is none. */
static struct account_work *
work_new(struct store *s, struct call_in *in, const void *request, struct text address)
{
	struct account_work *w = ARENA_NEW(call_arena(in), struct account_work);

	if (address_key(address, call_arena(in), &w->d.key) != STATUS_OK) {
		call_refuse(in, STATUS_INVALID, "Not an address.", "bad address");
		return NULL;
	}
	w->store = s;
	w->d.op.in = w->a.op.in = in;
	w->d.op.request = w->a.op.request = request;
	w->d.op.arena = w->a.op.arena = call_arena(in);
	w->d.op.finish = directory_finish;
	return w;
}

static struct owner *
shard_owner(struct account_work *w)
{
	return &directory_shard(&w->store->directory, w->d.key.domain)->owner;
}

static void
told_change(struct store *s, uint64_t account)
{
	if (s->config.account_changed != NULL)
		s->config.account_changed(s->config.arg, account);
}

static void
put_intent(struct txn *t, uint64_t account, enum intent what, struct text address)
{
	struct key key = key_u64(KEY_D_INTENT, account);
	struct buffer value = BUFFER_INIT;

	pack_u8(&value, (uint8_t)what);
	pack_text(&value, address);
	txn_put(t, key_text(&key), buffer_text(&value));
	buffer_done(&value);
}

static void
delete_intent(struct txn *t, uint64_t account)
{
	struct key key = key_u64(KEY_D_INTENT, account);

	txn_delete(t, key_text(&key));
}

/* ---- adding ---- */

static enum status
add_reserve(struct txn *txn, struct op *op)
{
	struct shard_txn *t = shard_txn_of(txn);
	struct account_work *w = work_of_shard(op);
	struct address d;
	enum status s;

	if (shard_domain(t, w->d.key.domain, false) == NULL)
		return op_refuse(
		    op, STATUS_NOT_FOUND, "No such domain: add it first.", "no domain");
	if (text_find_byte(w->d.key.local, '+', 0) < w->d.key.local.len)
		return op_refuse(op, STATUS_INVALID,
		    "An account's name has no \"+\": that begins a tag.", "plus in local part");
	s = shard_address(t, &w->d.key, op->arena, &d);
	if (s == STATUS_OK && d.kind != ADDRESS_RESERVED)
		return op_refuse(op, STATUS_EXISTS, "The address exists already.", "exists");
	if (s != STATUS_OK && s != STATUS_NOT_FOUND)
		return s;
	/* A reservation that came to nothing gives way to a new account. */
	w->account = t->counts.next++ * SHARDS + txn->owner->entity.id + 1;
	d = (struct address){ .kind = ADDRESS_RESERVED, .account = w->account };
	shard_address_put(t, &w->d.key, &d);
	put_intent(txn, w->account, INTENT_MAKE, w->d.key.whole);
	return STATUS_OK;
}

static void
first_mailboxes(struct account_txn *t)
{
	static const struct {
		const char *name;
		uint32_t use;
	} row[] = { { "INBOX", USE_NONE }, { "Drafts", USE_DRAFTS }, { "Sent", USE_SENT },
		{ "Archive", USE_ARCHIVE }, { "Junk", USE_JUNK }, { "Trash", USE_TRASH } };

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct edit *e = account_new_mailbox(t, text_of(row[i].name), row[i].use);

		e->now.subscribed = true;
		account_touch(t, e);
		change_mailbox(t, e->now.id, MAILBOX_MADE);
	}
}

static enum status
add_account(struct account_txn *t, struct op *op)
{
	const struct store_account_add_request *r = op->request;
	struct account_work *w = work_of_account(op);

	if (!t->a->missing)
		return STATUS_OK; /* an earlier try */
	t->facts = (struct facts){ .address = w->d.key.whole,
		.verifier = r->verifier,
		.generation = 1,
		.admin = r->admin != 0,
		.has_scram = r->has_scram != 0,
		.quota = r->quota,
		.created = t->txn.now };
	t->facts_changed = true;
	t->head = (struct head){ .next_mailbox = 1, .next_email = 1, .log_low = 1 };
	t->txn.changes++;
	first_mailboxes(t);
	return STATUS_OK;
}

static enum status
add_publish(struct txn *txn, struct op *op)
{
	const struct store_account_add_request *r = op->request;
	struct shard_txn *t = shard_txn_of(txn);
	struct account_work *w = work_of_shard(op);
	struct address d = {
		.kind = ADDRESS_ACCOUNT, .account = w->account, .has_scram = r->has_scram != 0
	};
	struct domain *domain;
	struct address was;
	enum status s = shard_address(t, &w->d.key, op->arena, &was);

	if (s == STATUS_OK && was.account == w->account && was.kind == ADDRESS_ACCOUNT && op->maybe)
		return STATUS_OK;
	if (s == STATUS_NOT_FOUND ||
	    (s == STATUS_OK && (was.account != w->account || was.kind != ADDRESS_RESERVED)))
		return op_refuse(op, STATUS_EXISTS, "The address exists already.", "exists");
	if (s != STATUS_OK)
		return s;
	domain = shard_domain(t, w->d.key.domain, true);
	if (domain == NULL) /* removed meanwhile: it had no accounts yet */
		return op_refuse(op, STATUS_NOT_FOUND, "No such domain.", "domain went away");
	shard_address_put(t, &w->d.key, &d);
	delete_intent(txn, w->account);
	domain->accounts++;
	t->counts.accounts++;
	t->counts.without_scram += r->has_scram == 0;
	return STATUS_OK;
}

static void
add_done(struct op *op, enum status s)
{
	struct account_work *w = work_of_shard(op);
	struct store_account_add_reply reply = { .account = w->account };

	if (s == STATUS_EXISTS || s == STATUS_NOT_FOUND)
		directory_remove_later(w->store, w->account, w->d.key.whole);
	if (s == STATUS_OK)
		call_reply(op->in, &reply);
	else
		call_fail(op->in, s, &op->failure);
}

/* If the account could not be made, what there is of it goes later. */
static void
add_made(struct op *op, enum status s)
{
	struct account_work *w = work_of_account(op);
	struct account *a = w->a.a;

	if (s == STATUS_OK) {
		w->d.op.apply = add_publish;
		w->d.op.finish = add_done;
		owner_submit_later(shard_owner(w), &w->d.op);
	} else {
		tend_left(w->store, w->account, w->d.key.whole);
		call_fail(op->in, s, &op->failure);
	}
	account_put(a);
}

static void
add_reserved(struct op *op, enum status s)
{
	struct account_work *w = work_of_shard(op);

	if (s != STATUS_OK) {
		call_fail(op->in, s, &op->failure);
		return;
	}
	w->a.run = add_account;
	w->a.op.finish = add_made;
	serve_trusted_later(w->store, w->account, &w->a);
}

void
serve_store_account_add(struct call_in *in, const void *request, void *context)
{
	const struct store_account_add_request *r = request;
	struct account_work *w = work_new(context, in, request, r->address);

	if (w == NULL)
		return;
	w->d.op.apply = add_reserve;
	w->d.op.finish = add_reserved;
	owner_submit(shard_owner(w), &w->d.op);
}

/* ---- removing ---- */

static enum status
remove_address(struct txn *txn, struct op *op)
{
	struct shard_txn *t = shard_txn_of(txn);
	struct account_work *w = work_of_shard(op);
	struct domain *domain;
	struct address d;
	enum status s = shard_address(t, &w->d.key, op->arena, &d);

	if (s == STATUS_NOT_FOUND || (s == STATUS_OK && d.kind != ADDRESS_ACCOUNT))
		return op->maybe
			   ? STATUS_OK
			   : op_refuse(op, STATUS_NOT_FOUND, "No such account.", "no account");
	if (s != STATUS_OK)
		return s;
	domain = shard_domain(t, w->d.key.domain, true);
	if (domain == NULL)
		return STATUS_CORRUPT;
	w->account = d.account;
	shard_address_delete(t, &w->d.key);
	put_intent(txn, d.account, INTENT_REMOVE, w->d.key.whole);
	domain->accounts--;
	t->counts.accounts--;
	t->counts.without_scram -= !d.has_scram;
	return STATUS_OK;
}

static void
remove_done(struct op *op, enum status s)
{
	struct account_work *w = work_of_shard(op);
	struct store *store = w->store;
	uint64_t account = w->account;
	struct text address = w->d.key.whole;

	if (s == STATUS_OK) {
		directory_remove_later(store, account, address);
		told_change(store, account);
	}
	directory_finish(op, s);
}

void
serve_store_account_remove(struct call_in *in, const void *request, void *context)
{
	const struct store_account_remove_request *r = request;
	struct account_work *w = work_new(context, in, request, r->address);

	if (w == NULL)
		return;
	w->d.op.apply = remove_address;
	w->d.op.finish = remove_done;
	owner_submit(shard_owner(w), &w->d.op);
}

/* ---- what is left of an account ---- */

static void
left_free(struct account_work *w)
{
	arena_done(&w->own);
	mem_free(w);
}

static enum status
left_forget(struct txn *txn, struct op *op)
{
	struct account_work *w = work_of_shard(op);
	struct shard_txn *t = shard_txn_of(txn);
	struct address d;
	enum status s = shard_address(t, &w->d.key, op->arena, &d);

	if (s == STATUS_OK && d.kind == ADDRESS_RESERVED && d.account == w->account)
		shard_address_delete(t, &w->d.key);
	else if (s != STATUS_OK && s != STATUS_NOT_FOUND)
		return s;
	delete_intent(txn, w->account);
	return STATUS_OK;
}

static void
left_forgotten(struct op *op, enum status s)
{
	struct account_work *w = work_of_shard(op);

	if (s != STATUS_OK)
		tend_left(w->store, w->account, w->d.key.whole);
	left_free(w);
}

static void
left_purged(struct op *op, enum status s)
{
	struct account_work *w = work_of_account(op);
	struct account *a = w->a.a;

	if (s == STATUS_OK) {
		tend_account(w->store, w->account, false); /* shared content is still to go */
		tend_sender(w->store, w->account, w->d.key.whole);
	} else {
		tend_left(w->store, w->account, w->d.key.whole);
	}
	left_free(w);
	account_put(a);
}

/* NULL: no such address. */
static struct account_work *
left_new(struct store *s, uint64_t account, struct text address)
{
	struct account_work *w = MEM_NEW(struct account_work);

	w->store = s;
	w->account = account;
	w->a.op.arena = w->d.op.arena = &w->own;
	if (address_key(address, &w->own, &w->d.key) == STATUS_OK)
		return w;
	LOG_ALARM("store.intent_corrupt", FIELD_U64("account", account));
	left_free(w);
	return NULL;
}

void
directory_forget_intent(struct store *s, uint64_t account, struct text address)
{
	struct account_work *w = left_new(s, account, address);

	if (w == NULL)
		return;
	w->d.op.apply = left_forget;
	w->d.op.finish = left_forgotten;
	owner_submit_later(shard_owner(w), &w->d.op);
}

void
directory_remove_later(struct store *s, uint64_t account, struct text address)
{
	struct account_work *w = left_new(s, account, address);

	if (w == NULL)
		return;
	w->a.run = account_purge;
	w->a.op.finish = left_purged;
	serve_trusted_later(s, account, &w->a);
}

static enum status
finish_intent(void *arg, struct text key, struct text value)
{
	struct unpack u = unpack_of(value);
	uint8_t what = unpack_u8(&u);
	struct text address = unpack_text(&u);

	if (key.len != 9 || !unpack_end(&u) || (what != INTENT_MAKE && what != INTENT_REMOVE))
		return STATUS_CORRUPT;
	directory_remove_later(arg, key_number(key, 1, 8), address);
	return STATUS_OK;
}

enum status
directory_finish_intents(struct store *s)
{
	enum status how = STATUS_OK;

	for (uint32_t i = 0; i < SHARDS && how == STATUS_OK; i++)
		how = scan_kind(
		    s, s->directory.shard[i].owner.entity, KEY_D_INTENT, finish_intent, s);
	return how;
}
