/* SPDX-License-Identifier: ISC */
/* Aliases: an address that leads to others. */
#include "store/core.h"
#include "store/directory_op.h"

/* ---- adding ---- */

static enum status
add_apply(struct txn *txn, struct op *op)
{
	const struct store_alias_add_request *r = op->request;
	struct directory_op *o = directory_op_of(op);
	struct shard_txn *t = shard_txn_of(txn);
	struct domain *d = shard_domain(t, o->key.domain, false);
	struct address old, new = { .kind = ADDRESS_ALIAS, .targets = r->targets };
	enum status s;

	if (d == NULL)
		return op_refuse(
		    op, STATUS_NOT_FOUND, "No such domain: add it first.", "no domain");
	s = shard_address(t, &o->key, op->arena, &old);
	if (s == STATUS_OK && old.kind != ADDRESS_ALIAS)
		return op_refuse(op, STATUS_EXISTS, "The address is an account.", "exists");
	if (s != STATUS_OK && s != STATUS_NOT_FOUND)
		return s;
	if (s == STATUS_NOT_FOUND)
		shard_domain(t, o->key.domain, true)->aliases++;
	shard_address_put(t, &o->key, &new);
	return STATUS_OK;
}

bool
directory_targets_good(struct store *s, struct call_in *in, struct texts targets)
{
	if (targets.count == 0 || targets.count > ALIAS_TARGETS_MAX) {
		call_refuse(in, STATUS_INVALID, "An address leads to 1 to 1000 targets.",
		    "%u targets", targets.count);
		return false;
	}
	for (uint32_t i = 0; i < targets.count; i++) {
		struct targets to;
		struct text elsewhere, domain;
		enum status how = directory_resolve(s, targets.at[i], call_arena(in), &to);

		if (how == STATUS_DENIED)
			how = address_elsewhere(targets.at[i], call_arena(in), &elsewhere, &domain);
		if (how == STATUS_OK)
			continue;
		if (how == STATUS_DENIED || how == STATUS_NOT_FOUND || how == STATUS_INVALID)
			call_refuse(in, STATUS_INVALID,
			    "A target leads nowhere: it is no address, or nobody's at this site.",
			    "bad target %.*s", TEXT_ARG(targets.at[i]));
		else
			call_refuse(in, how, "The directory cannot be read now.", "targets");
		return false;
	}
	return true;
}

bool
directory_named(struct call_in *in, struct text address, struct directory_op *o)
{
	if (address_key(address, call_arena(in), &o->key) == STATUS_OK)
		return true;
	call_refuse(in, STATUS_INVALID, "Not an address.", "bad address");
	return false;
}

void
serve_store_alias_add(struct call_in *in, const void *request, void *context)
{
	const struct store_alias_add_request *r = request;
	struct store *s = context;
	struct directory_op *o = directory_op_new(in, request);

	if (!directory_named(in, r->address, o) || !directory_targets_good(s, in, r->targets))
		return;
	o->op.apply = add_apply;
	owner_submit(&directory_shard(&s->directory, o->key.domain)->owner, &o->op);
}

/* ---- removing ---- */

static enum status
remove_apply(struct txn *txn, struct op *op)
{
	struct directory_op *o = directory_op_of(op);
	struct shard_txn *t = shard_txn_of(txn);
	struct address old;
	enum status s = shard_address(t, &o->key, op->arena, &old);

	if (s == STATUS_NOT_FOUND || (s == STATUS_OK && old.kind != ADDRESS_ALIAS))
		return op->maybe ? STATUS_OK
				 : op_refuse(op, STATUS_NOT_FOUND, "No such alias.", "no alias");
	if (s != STATUS_OK)
		return s;
	shard_address_delete(t, &o->key);
	if (shard_domain(t, o->key.domain, true) != NULL)
		shard_domain(t, o->key.domain, true)->aliases--;
	return STATUS_OK;
}

void
serve_store_alias_remove(struct call_in *in, const void *request, void *context)
{
	const struct store_alias_remove_request *r = request;
	struct store *s = context;
	struct directory_op *o = directory_op_new(in, request);

	if (!directory_named(in, r->address, o))
		return;
	o->op.apply = remove_apply;
	owner_submit(&directory_shard(&s->directory, o->key.domain)->owner, &o->op);
}
