/* SPDX-License-Identifier: ISC */
/* Where an account forwards to: it stands in the row of its address. */
#include "store/core.h"
#include "store/directory_op.h"

static enum status
forward_apply(struct txn *txn, struct op *op)
{
	const struct store_account_forward_request *r = op->request;
	struct directory_op *o = directory_op_of(op);
	struct shard_txn *t = shard_txn_of(txn);
	struct address d;
	enum status s = shard_address(t, &o->key, op->arena, &d);

	if (s == STATUS_NOT_FOUND || (s == STATUS_OK && d.kind != ADDRESS_ACCOUNT))
		return op_refuse(op, STATUS_NOT_FOUND, "No such account.", "no account");
	if (s != STATUS_OK)
		return s;
	d.targets = r->targets;
	d.keep = r->targets.count > 0 && r->keep != 0;
	shard_address_put(t, &o->key, &d);
	return STATUS_OK;
}

void
serve_store_account_forward(struct call_in *in, const void *request, void *context)
{
	const struct store_account_forward_request *r = request;
	struct store *s = context;
	struct directory_op *o = directory_op_new(in, request);

	if (!directory_named(in, r->address, o) ||
	    (r->targets.count > 0 && !directory_targets_good(s, in, r->targets)))
		return;
	o->op.apply = forward_apply;
	owner_submit(&directory_shard(&s->directory, o->key.domain)->owner, &o->op);
}
