/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes are made, removed, renamed and subscribed to (RFC 9051 6.3.4 to
 * 6.3.8). A name that is only subscribed has a row of its own that does not
 * "exist". Removing is one commit whatever the size: the messages go later,
 * in bounded steps (dying.c).
 */
#include "codec/utf8.h"
#include "runtime/settings.h"
#include "store/core.h"
#include "store/serve.h"

/* ---- names ---- */

static enum status
check_levels(struct op *op, struct text name)
{
	unsigned depth = 0;
	struct text rest = name, level;

	if (name.len == 0 || name.ptr[name.len - 1] == '/')
		return op_refuse(op, STATUS_INVALID, "Empty level in mailbox name.", "empty level");
	while (text_split(&rest, '/', &level)) {
		if (level.len == 0)
			return op_refuse(
			    op, STATUS_INVALID, "Empty level in mailbox name.", "empty level");
		if (++depth > MAILBOX_DEPTH_MAX)
			return op_refuse(op, STATUS_LIMIT, "Mailbox name has too many levels.",
			    "more than %d levels", MAILBOX_DEPTH_MAX);
	}
	return STATUS_OK;
}

enum status
mailbox_name(struct op *op, struct text in, struct arena *a, struct text *out)
{
	size_t first = text_find_byte(in, '/', 0);
	enum status s;

	if (in.len > MAILBOX_NAME_MAX)
		return op_refuse(op, STATUS_LIMIT, "Mailbox name too long.", "%zu octets", in.len);
	if (!utf8_valid(in))
		return op_refuse(op, STATUS_INVALID, "Mailbox name is not UTF-8.", "not UTF-8");
	for (size_t i = 0; i < in.len; i++)
		if ((unsigned char)in.ptr[i] < 0x20 || in.ptr[i] == 0x7f)
			return op_refuse(op, STATUS_INVALID,
			    "Mailbox name with control characters.", "control character");
	s = check_levels(op, in);
	if (s != STATUS_OK)
		return s;
	*out = in;
	if (text_equal_ci(text_part(in, 0, first), NAME_INBOX))
		*out = arena_join(a, NAME_INBOX, text_part(in, first, in.len));
	return STATUS_OK;
}

bool
mailbox_name_below(struct text name, struct text parent)
{
	return name.len > parent.len && name.ptr[parent.len] == '/' && text_starts(name, parent);
}

/* ---- making ---- */

static bool
use_taken(struct account_txn *t, uint32_t use)
{
	size_t at = 0;
	uint64_t id;
	void *p;

	for (size_t i = 0; i < t->a->mailboxes; i++) {
		const struct mailbox *m = &t->a->sorted[i]->m;

		if (m->use != use || !m->exists)
			continue;
		m = account_mailbox(t, m->id); /* what has become of it */
		if (m != NULL && m->exists && m->use == use)
			return true;
	}
	while (map_each(&t->edits, &at, NULL, &id, &p)) {
		const struct edit *e = p;

		if (!e->gone && e->now.exists && e->now.use == use)
			return true;
	}
	return false;
}

/* A mailbox of that name, in the place of a mere subscription. */
static enum status
make_one(struct account_txn *t, struct op *op, struct text name, uint32_t use, struct edit **out)
{
	const struct mailbox *m = account_find(t, name);
	bool subscribed = m != NULL;
	struct edit *e;

	if (t->a->mailboxes + t->edits.count >= (uint64_t)setting(SET_STORE_MAILBOXES_MAX))
		return op_refuse(op, STATUS_LIMIT, "Too many mailboxes in this account.",
		    "%zu mailboxes", t->a->mailboxes);
	if (subscribed)
		account_remove_mailbox(t, account_edit(t, m->id));
	e = account_new_mailbox(t, name, use);
	e->now.subscribed = subscribed;
	account_touch(t, e);
	change_mailbox(t, e->now.id, MAILBOX_MADE);
	*out = e;
	return STATUS_OK;
}

enum status
mailbox_make(
    struct account_txn *t, struct op *op, struct text name, uint32_t use, struct edit **out)
{
	struct edit *e = NULL;
	enum status s;

	for (size_t at = text_find_byte(name, '/', 0); at < name.len;
	     at = text_find_byte(name, '/', at + 1)) {
		const struct mailbox *m = account_find(t, text_part(name, 0, at));

		if (m != NULL && m->exists)
			continue;
		s = make_one(t, op, text_part(name, 0, at), USE_NONE, &e);
		if (s != STATUS_OK)
			return s;
	}
	return make_one(t, op, name, use, out);
}

static enum status
create_run(struct account_txn *t, struct op *op)
{
	const struct store_create_request *r = op->request;
	struct buffer result = BUFFER_INIT;
	const struct mailbox *m;
	struct text name;
	struct edit *e;
	enum status s = mailbox_name(op, r->name, op->arena, &name);

	if (s != STATUS_OK)
		return s;
	m = account_find(t, name);
	if (m != NULL && m->exists)
		return op_refuse(op, STATUS_EXISTS, "Mailbox exists already.", "exists");
	if (r->use >= USE_COUNT || (r->use != USE_NONE && use_taken(t, (uint32_t)r->use)))
		return op_refuse(op, STATUS_INVALID, "Another mailbox has this use.", "use taken");
	s = mailbox_make(t, op, name, (uint32_t)r->use, &e);
	if (s != STATUS_OK)
		return s;
	pack_varint(&result, e->now.id);
	pack_varint(&result, e->now.uidvalidity);
	op->result = arena_copy(op->arena, buffer_text(&result));
	buffer_done(&result);
	return STATUS_OK;
}

static void
create_answer(struct op *op)
{
	struct store_create_reply reply = { 0 };
	struct unpack u = unpack_of(op->result);

	reply.mailbox = unpack_varint(&u);
	reply.uidvalidity = unpack_varint(&u);
	call_reply(op->in, &reply);
}

void
serve_store_create(struct call_in *in, const void *request, void *context)
{
	const struct store_create_request *r = request;

	serve_write_plain(context, in, request, create_run, create_answer, r->token, r->op);
}

/* ---- removing ---- */

/* A name that is subscribed to without being there (RFC 9051 6.3.7). */
static void
keep_subscription(struct account_txn *t, struct text name)
{
	struct edit *e = account_new_mailbox(t, name, USE_NONE);

	e->now.exists = false;
	e->now.subscribed = true;
}

static bool
is_full(const struct account_txn *t)
{
	return t->a->mailboxes + t->edits.count >= (uint64_t)setting(SET_STORE_MAILBOXES_MAX);
}

static enum status
remove_run(struct account_txn *t, struct op *op)
{
	const struct store_remove_request *r = op->request;
	const struct mailbox *m;
	struct text name;
	struct edit *e;
	enum status s = mailbox_name(op, r->name, op->arena, &name);

	if (s != STATUS_OK)
		return s;
	if (text_equal(name, NAME_INBOX))
		return op_refuse(op, STATUS_DENIED, "INBOX cannot be deleted.", "INBOX");
	m = account_find(t, name);
	if (m == NULL || !m->exists)
		return op_refuse(op, STATUS_NOT_FOUND, "No such mailbox.", "no mailbox");
	e = account_edit(t, m->id);
	account_remove_mailbox(t, e);
	t->head.octets -= e->now.octets;
	t->head.messages -= e->now.messages;
	if (e->now.messages > 0 || e->now.indexed > 0) {
		struct key key = key_u32(KEY_DYING, e->now.id);

		txn_put(&t->txn, key_text(&key), TEXT("1"));
		runs_add(&t->new_dying, e->now.id, e->now.id);
	}
	if (e->now.subscribed)
		keep_subscription(t, name);
	change_mailbox(t, e->now.id, MAILBOX_REMOVED);
	return STATUS_OK;
}

void
serve_store_remove(struct call_in *in, const void *request, void *context)
{
	const struct store_remove_request *r = request;

	serve_write_plain(context, in, request, remove_run, serve_done, r->token, r->op);
}

/* ---- renaming ---- */

struct family {
	uint32_t *id;
	uint32_t count, cap;
};

static void
family_add(struct family *f, struct arena *a, uint32_t id)
{
	if (f->count == f->cap) {
		uint32_t cap = f->cap == 0 ? 16 : f->cap * 2;
		uint32_t *more = ARENA_ARRAY(a, uint32_t, cap);

		if (f->count > 0)
			memcpy(more, f->id, f->count * sizeof(*more));
		f->id = more;
		f->cap = cap;
	}
	f->id[f->count++] = id;
}

/* The mailbox of that name, if it is there, and all below it. What is only
 * subscribed to stays. */
static void
find_family(struct account_txn *t, struct text name, struct arena *arena, struct family *out)
{
	const struct account *a = t->a;
	const struct mailbox *m = account_find(t, name);
	size_t at = 0;
	uint64_t id;
	void *p;

	if (m != NULL && m->exists)
		family_add(out, arena, m->id);
	for (size_t i = account_position(a, arena_join(arena, name, TEXT("/"))); i < a->mailboxes;
	     i++) {
		if (!mailbox_name_below(a->sorted[i]->m.name, name))
			break;
		m = account_mailbox(t, a->sorted[i]->m.id);
		if (m != NULL && m->exists && mailbox_name_below(m->name, name))
			family_add(out, arena, m->id);
	}
	while (map_each(&t->edits, &at, NULL, &id, &p)) {
		const struct edit *e = p;
		bool seen = e->old != NULL && mailbox_name_below(e->old->m.name, name);

		if (!e->gone && !seen && e->now.exists && mailbox_name_below(e->now.name, name))
			family_add(out, arena, e->now.id);
	}
}

/* Subscriptions stay with their names (RFC 9051 6.3.6). */
static enum status
rename_one(struct account_txn *t, struct op *op, uint32_t id, struct text from, struct text to)
{
	struct edit *e = account_edit(t, id);
	struct text name =
	    arena_join(op->arena, to, text_part(e->now.name, from.len, e->now.name.len));
	const struct mailbox *other = account_find(t, name);
	enum status s;

	if (other != NULL && other->exists)
		return op_refuse(op, STATUS_EXISTS, "Mailbox exists already.", "exists");
	s = mailbox_name(op, name, op->arena, &name);
	if (s != STATUS_OK)
		return s;
	if (other != NULL)
		account_remove_mailbox(t, account_edit(t, other->id));
	if (e->now.subscribed && is_full(t))
		return op_refuse(op, STATUS_LIMIT, "Too many subscriptions.", "mailboxes");
	if (e->now.subscribed)
		keep_subscription(t, e->now.name);
	e->now.subscribed = other != NULL;
	account_rename_mailbox(t, e, name);
	account_touch(t, e);
	change_mailbox(t, id, MAILBOX_RENAMED);
	return STATUS_OK;
}

/* RFC 9051 6.3.6: INBOX stays, its messages go; what is below it stays. */
static enum status
rename_inbox(struct account_txn *t, struct op *op, struct text to)
{
	const struct mailbox *inbox = account_find(t, NAME_INBOX);
	struct runs all = RUNS_INIT, from = RUNS_INIT;
	struct edit *e;
	uint32_t first;
	enum status s;

	if (inbox == NULL)
		return STATUS_NOT_FOUND;
	s = mailbox_make(t, op, to, USE_NONE, &e);
	runs_add(&all, 1, UINT32_MAX);
	if (s == STATUS_OK && inbox->messages > 0)
		s = messages_copy(t, op, account_edit(t, inbox->id), e, &all, true, &from, &first);
	runs_done(&all);
	runs_done(&from);
	return s;
}

static enum status
make_parent(struct account_txn *t, struct op *op, struct text name)
{
	size_t at = text_find_last(name, '/');
	const struct mailbox *m;
	struct edit *e;

	if (at == name.len)
		return STATUS_OK;
	m = account_find(t, text_part(name, 0, at));
	if (m != NULL && m->exists)
		return STATUS_OK;
	return mailbox_make(t, op, text_part(name, 0, at), USE_NONE, &e);
}

static enum status
rename_run(struct account_txn *t, struct op *op)
{
	const struct store_rename_request *r = op->request;
	struct family family = { .count = 0 };
	const struct mailbox *m;
	struct text from, to;
	enum status s = mailbox_name(op, r->from, op->arena, &from);

	if (s == STATUS_OK)
		s = mailbox_name(op, r->to, op->arena, &to);
	if (s != STATUS_OK)
		return s;
	m = account_find(t, to);
	if (m != NULL && m->exists)
		return op_refuse(op, STATUS_EXISTS, "Mailbox exists already.", "exists");
	if (text_equal(from, NAME_INBOX))
		return rename_inbox(t, op, to);
	if (mailbox_name_below(to, from))
		return op_refuse(op, STATUS_INVALID, "A mailbox cannot move below itself.", "loop");
	find_family(t, from, op->arena, &family);
	if (family.count == 0)
		return op_refuse(op, STATUS_NOT_FOUND, "No such mailbox.", "no mailbox");
	s = make_parent(t, op, to);
	for (uint32_t i = 0; s == STATUS_OK && i < family.count; i++)
		s = rename_one(t, op, family.id[i], from, to);
	return s;
}

void
serve_store_rename(struct call_in *in, const void *request, void *context)
{
	const struct store_rename_request *r = request;

	serve_write_plain(context, in, request, rename_run, serve_done, r->token, r->op);
}

/* ---- subscribing ---- */

static enum status
subscribe_run(struct account_txn *t, struct op *op)
{
	const struct store_subscribe_request *r = op->request;
	const struct mailbox *m;
	struct text name;
	struct edit *e;
	enum status s = mailbox_name(op, r->name, op->arena, &name);

	if (s != STATUS_OK)
		return s;
	m = account_find(t, name);
	if (m == NULL ? r->on == 0 : m->subscribed == (r->on != 0))
		return STATUS_OK;
	if (m == NULL) {
		if (is_full(t))
			return op_refuse(op, STATUS_LIMIT, "Too many subscriptions.", "mailboxes");
		keep_subscription(t, name);
		m = account_find(t, name);
	} else {
		e = account_edit(t, m->id);
		e->now.subscribed = r->on != 0;
		if (!e->now.exists)
			account_remove_mailbox(t, e);
	}
	change_mailbox(t, m->id, MAILBOX_SUBSCRIBED);
	return STATUS_OK;
}

void
serve_store_subscribe(struct call_in *in, const void *request, void *context)
{
	const struct store_subscribe_request *r = request;

	serve_write_plain(context, in, request, subscribe_run, serve_done, r->token, r->op);
}
