/* SPDX-License-Identifier: ISC */
/* Domains: adding, removing, listing, and their catch-alls. */
#include <stdlib.h>

#include "store/core.h"
#include "store/directory_dkim.h"
#include "store/directory_op.h"

void
directory_finish(struct op *op, enum status s)
{
	uint8_t none = 0;

	if (s == STATUS_OK)
		call_reply(op->in, &none);
	else
		call_fail(op->in, s, &op->failure);
}

struct directory_op *
directory_op_new(struct call_in *in, const void *request)
{
	struct directory_op *o = ARENA_NEW(call_arena(in), struct directory_op);

	o->op.in = in;
	o->op.request = request;
	o->op.arena = call_arena(in);
	o->op.finish = directory_finish;
	return o;
}

/* False when the call was refused. */
static bool
domain_named(struct call_in *in, struct text name, struct directory_op *o)
{
	if (domain_key(name, call_arena(in), &o->key.domain) == STATUS_OK)
		return true;
	call_refuse(in, STATUS_INVALID, "Not a domain name.", "bad domain");
	return false;
}

/* ---- adding and removing ---- */

static enum status
add_apply(struct txn *txn, struct op *op)
{
	struct shard_txn *t = shard_txn_of(txn);
	struct directory_op *o = directory_op_of(op);

	if (shard_domain(t, o->key.domain, false) != NULL)
		return op->maybe ? STATUS_OK
				 : op_refuse(op, STATUS_EXISTS, "The domain exists already.",
				       "domain exists");
	(void)shard_domain_new(t, o->key.domain);
	return STATUS_OK;
}

void
serve_store_domain_add(struct call_in *in, const void *request, void *context)
{
	const struct store_domain_add_request *r = request;
	struct store *s = context;
	struct directory_op *o = directory_op_new(in, request);

	if (!domain_named(in, r->name, o))
		return;
	o->op.apply = add_apply;
	owner_submit(&directory_shard(&s->directory, o->key.domain)->owner, &o->op);
}

static enum status
remove_apply(struct txn *txn, struct op *op)
{
	struct shard_txn *t = shard_txn_of(txn);
	struct directory_op *o = directory_op_of(op);
	const struct domain *d = shard_domain(t, o->key.domain, false);

	if (d == NULL)
		return op->maybe ? STATUS_OK
				 : op_refuse(op, STATUS_NOT_FOUND, "No such domain.", "no domain");
	if (d->accounts > 0 || d->aliases > 0)
		return op_refuse(op, STATUS_DENIED,
		    "The domain still has accounts or aliases: remove them first.",
		    "%llu accounts, %llu aliases", (unsigned long long)d->accounts,
		    (unsigned long long)d->aliases);
	shard_domain_remove(t, o->key.domain);
	return dkim_rows_drop(t, o->key.domain, op->arena);
}

void
serve_store_domain_remove(struct call_in *in, const void *request, void *context)
{
	const struct store_domain_remove_request *r = request;
	struct store *s = context;
	struct directory_op *o = directory_op_new(in, request);

	if (!domain_named(in, r->name, o))
		return;
	o->op.apply = remove_apply;
	owner_submit(&directory_shard(&s->directory, o->key.domain)->owner, &o->op);
}

static enum status
catch_all_apply(struct txn *txn, struct op *op)
{
	const struct store_catch_all_request *r = op->request;
	struct shard_txn *t = shard_txn_of(txn);
	struct directory_op *o = directory_op_of(op);
	struct domain *d = shard_domain(t, o->key.domain, true);
	struct address_key k;

	if (d == NULL)
		return op_refuse(op, STATUS_NOT_FOUND, "No such domain.", "no domain");
	if (r->address.len == 0) {
		d->catch_all = TEXT_EMPTY;
		return STATUS_OK;
	}
	if (address_key(r->address, op->arena, &k) != STATUS_OK)
		return op_refuse(op, STATUS_INVALID, "Not an address.", "bad catch-all");
	d->catch_all = arena_copy(txn_arena(txn), k.whole);
	return STATUS_OK;
}

void
serve_store_catch_all(struct call_in *in, const void *request, void *context)
{
	const struct store_catch_all_request *r = request;
	struct store *s = context;
	struct directory_op *o = directory_op_new(in, request);
	struct targets targets;

	if (!domain_named(in, r->domain, o))
		return;
	if (r->address.len > 0 &&
	    directory_resolve(s, r->address, call_arena(in), &targets) != STATUS_OK) {
		call_refuse(in, STATUS_INVALID, "A catch-all must be an address of this site.",
		    "catch-all does not resolve");
		return;
	}
	o->op.apply = catch_all_apply;
	owner_submit(&directory_shard(&s->directory, o->key.domain)->owner, &o->op);
}

/* ---- listing ---- */

static int
by_name(const void *x, const void *y)
{
	const struct domain *a = x, *b = y;

	return text_compare(a->name, b->name);
}

static enum status
copy_shard(struct shard *sh, struct text after, struct arena *a, struct buffer *out)
{
	enum status s = owner_wait_loaded(&sh->owner);
	size_t at = 0;
	void *p;

	if (s != STATUS_OK)
		return s;
	pthread_mutex_lock(&sh->owner.lock);
	while (map_each(&sh->domains, &at, NULL, NULL, &p)) {
		struct domain d = *(const struct domain *)p;

		if (text_compare(d.name, after) <= 0)
			continue;
		d.name = arena_copy(a, d.name);
		d.catch_all = arena_copy(a, d.catch_all);
		buffer_add(out, &d, sizeof(d));
	}
	pthread_mutex_unlock(&sh->owner.lock);
	return STATUS_OK;
}

enum status
directory_domains(
    struct store *s, struct text after, struct arena *a, struct domain **out, size_t *count)
{
	struct buffer all = BUFFER_INIT;
	enum status how = STATUS_OK;

	for (uint32_t i = 0; i < SHARDS && how == STATUS_OK; i++)
		how = copy_shard(&s->directory.shard[i], after, a, &all);
	if (how == STATUS_OK) {
		*count = all.len / sizeof(**out);
		*out = ARENA_ARRAY(a, struct domain, *count);
		if (*count > 0) {
			memcpy(*out, all.ptr, all.len);
			qsort(*out, *count, sizeof(**out), by_name);
		}
	}
	buffer_done(&all);
	return how;
}

void
serve_store_domains(struct call_in *in, const void *request, void *context)
{
	const struct store_domains_request *r = request;
	struct store_domains_reply reply = { .resume = TEXT_EMPTY };
	struct arena *a = call_arena(in);
	struct domain *d = NULL;
	size_t count = 0;
	enum status s = directory_domains(context, r->after, a, &d, &count);

	if (s != STATUS_OK) {
		call_refuse(in, s, "The directory cannot be read now.", "domains");
		return;
	}
	if (count > DIRECTORY_PAGE) {
		count = DIRECTORY_PAGE;
		reply.resume = d[count - 1].name;
	}
	reply.names = (struct texts){ ARENA_ARRAY(a, struct text, count), (uint32_t)count };
	reply.accounts = (struct numbers){ ARENA_ARRAY(a, uint64_t, count), (uint32_t)count };
	reply.aliases = (struct numbers){ ARENA_ARRAY(a, uint64_t, count), (uint32_t)count };
	reply.catch_all = (struct texts){ ARENA_ARRAY(a, struct text, count), (uint32_t)count };
	for (size_t i = 0; i < count; i++) {
		reply.names.at[i] = d[i].name;
		reply.accounts.at[i] = d[i].accounts;
		reply.aliases.at[i] = d[i].aliases;
		reply.catch_all.at[i] = d[i].catch_all;
	}
	call_reply(in, &reply);
}
