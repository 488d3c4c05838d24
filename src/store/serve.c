/* SPDX-License-Identifier: ISC */
/* From calls to operations and back; see store/serve.h. */
#include "store/serve.h"

#include "base/clock.h"
#include "store/core.h"

static struct account_op *
op_of(struct op *op)
{
	return (struct account_op *)(void *)op;
}

enum status
serve_token(
    struct store *s, struct text bytes, unsigned scope, struct token *out, struct failure *f)
{
	struct text key = { s->token_key, sizeof(s->token_key) };
	struct token t;

	if (token_check(key, bytes, clock_wall() / CLOCK_SECOND, &t) != STATUS_OK)
		return fail(f, STATUS_DENIED, "Please sign in again.", "bad or expired token");
	if ((t.scope & scope) != scope)
		return fail(f, STATUS_DENIED, "This sign-in does not allow that.",
		    "token of account %llu lacks scope", (unsigned long long)t.account);
	*out = t;
	return STATUS_OK;
}

/* Whether the token still holds for the account as it is now. */
static enum status
admit(struct account *a, struct account_op *o)
{
	if (o->token.account == 0)
		return STATUS_OK;
	if (a->missing || a->facts.suspended || a->facts.generation != o->token.generation)
		return fail(&o->op.failure, STATUS_DENIED, "Please sign in again.",
		    "account %llu: token outdated", (unsigned long long)a->id);
	return STATUS_OK;
}

static void
finish(struct op *op, enum status s)
{
	struct account_op *o = op_of(op);
	struct account *a = o->a;

	if (s == STATUS_OK) {
		o->answer(op); /* the operation is gone with its request */
	} else {
		if (o->drop != NULL)
			o->drop(op);
		call_fail(op->in, s, &op->failure);
	}
	account_put(a);
}

static enum status
apply_write(struct txn *txn, struct op *op)
{
	struct account_op *o = op_of(op);
	enum status s = admit(o->a, o);

	if (s != STATUS_OK)
		return s;
	if (op->repeated)
		return o->again == NULL ? STATUS_OK : o->again(account_txn_of(txn), op);
	return o->run(account_txn_of(txn), op);
}

static enum status
apply_read(struct txn *txn, struct op *op)
{
	struct account_op *o = op_of(op);
	enum status s = admit(o->a, o);

	if (s == STATUS_OK && o->prepare != NULL)
		s = o->prepare(account_txn_of(txn), op);
	if (s == STATUS_OK)
		s = o->read(o->a, op);
	CHECK(s != STATUS_AGAIN);
	return s;
}

static bool
enter(struct store *s, struct call_in *in, const void *request, struct account_op *o,
    struct text token, unsigned scope)
{
	enum status how;

	o->op.in = in;
	o->op.request = request;
	o->op.arena = call_arena(in);
	o->op.finish = finish;
	how = serve_token(s, token, scope, &o->token, &o->op.failure);
	if (how != STATUS_OK) {
		call_fail(in, how, &o->op.failure);
		return false;
	}
	o->a = account_get(s, o->token.account);
	return true;
}

/* What must be loaded first is not for the thread that reads the link. True: in
 * is not ours any more. */
static bool
step_aside(struct account *a, struct call_in *in)
{
	bool aside = call_step_aside(in);

	if (aside)
		account_put(a);
	return aside;
}

static bool
is_loaded(struct account *a)
{
	bool loaded;

	pthread_mutex_lock(&a->owner.lock);
	loaded = a->owner.loaded;
	pthread_mutex_unlock(&a->owner.lock);
	return loaded;
}

bool
serve_steps_aside(struct store *s, uint64_t account, struct call_in *in)
{
	struct account *a = account_get(s, account);
	bool aside = !is_loaded(a) && call_step_aside(in);

	account_put(a);
	return aside;
}

void
serve_write(struct store *s, struct call_in *in, const void *request, struct account_op *o,
    struct text token, uint64_t op)
{
	if (!enter(s, in, request, o, token, SCOPE_MAIL_WRITE))
		return;
	if (!is_loaded(o->a) && step_aside(o->a, in))
		return;
	o->op.id = op;
	o->op.apply = apply_write;
	owner_submit(&o->a->owner, &o->op);
}

void
serve_write_plain(struct store *s, struct call_in *in, const void *request,
    enum status (*run)(struct account_txn *t, struct op *op), void (*answer)(struct op *op),
    struct text token, uint64_t op)
{
	struct account_op *o = ARENA_NEW(call_arena(in), struct account_op);

	o->run = run;
	o->answer = answer;
	serve_write(s, in, request, o, token, op);
}

/* True when the read was done. */
static bool
read_now(struct account_op *o)
{
	struct account *a = o->a;
	enum status s = STATUS_AGAIN;

	pthread_mutex_lock(&a->owner.lock);
	if (a->owner.loaded)
		s = admit(a, o);
	pthread_mutex_unlock(&a->owner.lock);
	if (s == STATUS_OK)
		s = o->read(a, &o->op);
	if (s == STATUS_AGAIN)
		return false;
	finish(&o->op, s);
	return true;
}

void
serve_read(struct store *s, struct call_in *in, const void *request, struct account_op *o,
    struct text token)
{
	if (!enter(s, in, request, o, token, SCOPE_MAIL_READ) || read_now(o))
		return;
	if (step_aside(o->a, in))
		return;
	o->op.apply = apply_read;
	owner_submit(&o->a->owner, &o->op);
}

static void
prepare_trusted(struct store *s, uint64_t account, struct account_op *o)
{
	o->a = account_get(s, account);
	o->token.account = 0;
	if (o->op.finish == NULL)
		o->op.finish = finish;
	o->op.apply = o->run != NULL ? apply_write : apply_read;
}

bool
serve_find_account(struct store *s, struct call_in *in, struct text address, struct address_key *k,
    struct address *out)
{
	enum status how = address_key(address, call_arena(in), k);

	if (how == STATUS_OK)
		how = directory_lookup(s, k, call_arena(in), out);
	if (how == STATUS_OK && out->kind == ADDRESS_ACCOUNT)
		return true;
	if (how == STATUS_OK || how == STATUS_NOT_FOUND || how == STATUS_INVALID)
		call_refuse(in, STATUS_NOT_FOUND, "No such account.", "no account");
	else
		call_refuse(in, how, "The directory cannot be read now.", "account");
	return false;
}

void
serve_trusted(struct store *s, uint64_t account, struct account_op *o)
{
	prepare_trusted(s, account, o);
	owner_submit(&o->a->owner, &o->op);
}

void
serve_read_trusted(struct store *s, uint64_t account, struct account_op *o)
{
	prepare_trusted(s, account, o);
	if (!read_now(o))
		owner_submit(&o->a->owner, &o->op);
}

bool
serve_read_now(struct store *s, uint64_t account, struct account_op *o)
{
	prepare_trusted(s, account, o);
	if (read_now(o))
		return true;
	account_put(o->a);
	return false;
}

void
serve_trusted_later(struct store *s, uint64_t account, struct account_op *o)
{
	prepare_trusted(s, account, o);
	owner_submit_later(&o->a->owner, &o->op);
}

enum status
serve_wait(struct store *s, uint64_t account, struct account_op *o)
{
	enum status how;

	prepare_trusted(s, account, o);
	how = owner_wait(&o->a->owner, &o->op);
	account_put(o->a);
	return how;
}

struct kept_mailbox *
serve_mailbox(struct account *a, uint64_t id)
{
	struct kept_mailbox *k = id > UINT32_MAX ? NULL : map_get_u64(&a->by_id, id);

	return k == NULL || !k->m.exists ? NULL : k;
}

struct kept_mailbox *
serve_named(struct account *a, struct text name)
{
	struct kept_mailbox *k = map_get(&a->by_name, name);

	return k == NULL || !k->m.exists ? NULL : k;
}

void
serve_done(struct op *op)
{
	uint8_t none = 0;

	call_reply(op->in, &none);
}
