/* SPDX-License-Identifier: ISC */
/* DKIM keys in the directory: see store/directory_dkim.h. */
#include "store/directory_dkim.h"

#include "store/core.h"
#include "store/directory_op.h"

#define ROW_VERSION 1
#define SECONDS(microseconds) ((microseconds) / CLOCK_SECOND)
#define ALGORITHMS 2
#define SELECTOR_MAX 63
#define RECORD_MAX 4096
#define SEALED_MAX 8192

void
dkim_rows_pack(struct buffer *out, const struct dkim_rows *rows)
{
	pack_u8(out, ROW_VERSION);
	pack_varint(out, rows->count);
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct dkim_row *k = &rows->at[i];

		pack_be64(out, k->number);
		pack_u8(out, k->algorithm);
		pack_text(out, k->selector);
		pack_text(out, k->record);
		pack_text(out, k->sealed);
		pack_signed(out, k->created);
		pack_signed(out, k->active);
		pack_signed(out, k->retired);
	}
}

enum status
dkim_rows_unpack(struct text value, struct dkim_rows *out)
{
	struct unpack u = unpack_of(value);
	struct dkim_rows rows = { .count = 0 };

	if (unpack_u8(&u) != ROW_VERSION)
		return STATUS_CORRUPT;
	rows.count = (uint32_t)unpack_varint_max(&u, DKIM_KEYS_MAX);
	for (uint32_t i = 0; i < rows.count; i++) {
		struct dkim_row *k = &rows.at[i];

		k->number = unpack_be64(&u);
		k->algorithm = unpack_u8(&u);
		k->selector = unpack_text(&u);
		k->record = unpack_text(&u);
		k->sealed = unpack_text(&u);
		k->created = unpack_signed(&u);
		k->active = unpack_signed(&u);
		k->retired = unpack_signed(&u);
		if (k->algorithm >= ALGORITHMS)
			return STATUS_CORRUPT;
	}
	if (!unpack_end(&u))
		return STATUS_CORRUPT;
	*out = rows;
	return STATUS_OK;
}

bool
dkim_row_signs(const struct dkim_row *row, int64_t now)
{
	return row->active <= now && (row->retired == 0 || row->retired > now);
}

/* ---- writing ---- */

static enum status
rows_of(struct shard_txn *t, struct text domain, struct arena *a, struct dkim_rows *out)
{
	struct key key = key_named(KEY_D_DKIM, domain);
	struct text value;
	enum status s = txn_get(&t->txn, key_text(&key), a, &value);

	if (s == STATUS_NOT_FOUND) {
		*out = (struct dkim_rows){ .count = 0 };
		return STATUS_OK;
	}
	return s == STATUS_OK ? dkim_rows_unpack(value, out) : s;
}

static void
rows_put(struct shard_txn *t, struct text domain, const struct dkim_rows *rows)
{
	struct key key = key_named(KEY_D_DKIM, domain);
	struct buffer value = BUFFER_INIT;

	if (rows->count == 0) {
		txn_delete(&t->txn, key_text(&key));
		return;
	}
	dkim_rows_pack(&value, rows);
	txn_put(&t->txn, key_text(&key), buffer_text(&value));
	buffer_done(&value);
}

enum status
dkim_rows_drop(struct shard_txn *t, struct text domain, struct arena *a)
{
	struct dkim_rows rows;
	enum status s = rows_of(t, domain, a, &rows);

	if (s == STATUS_OK && rows.count > 0) {
		rows.count = 0;
		rows_put(t, domain, &rows);
	}
	return s;
}

/* Those of the same kind that would sign beside the new key stop when it
 * begins (RFC 6376 3.1: selectors exist so that keys can be replaced). */
static void
retire(struct dkim_rows *rows, uint64_t algorithm, int64_t when)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		struct dkim_row *k = &rows->at[i];

		if (k->algorithm == algorithm && (k->retired == 0 || k->retired > when))
			k->retired = when;
	}
}

static enum status
add_apply(struct txn *txn, struct op *op)
{
	const struct store_dkim_add_request *r = op->request;
	struct shard_txn *t = shard_txn_of(txn);
	struct directory_op *o = directory_op_of(op);
	struct dkim_rows rows;
	enum status s;

	if (shard_domain(t, o->key.domain, false) == NULL)
		return op_refuse(
		    op, STATUS_NOT_FOUND, "No such domain: add it first.", "no domain");
	s = rows_of(t, o->key.domain, op->arena, &rows);
	if (s != STATUS_OK)
		return s;
	for (uint32_t i = 0; i < rows.count; i++) {
		if (rows.at[i].number == r->number)
			return STATUS_OK; /* the same call again */
		if (text_equal(rows.at[i].selector, r->selector))
			return op_refuse(op, STATUS_EXISTS,
			    "The domain has a key of that selector.", "selector exists");
	}
	if (rows.count == DKIM_KEYS_MAX)
		return op_refuse(op, STATUS_LIMIT,
		    "The domain has 16 keys: remove those that sign no more.", "16 keys");
	if (r->retire != 0)
		retire(&rows, r->algorithm, r->active);
	rows.at[rows.count++] = (struct dkim_row){
		.number = r->number,
		.algorithm = (uint8_t)r->algorithm,
		.selector = r->selector,
		.record = r->record,
		.sealed = r->sealed,
		.created = SECONDS(txn->now),
		.active = r->active,
	};
	rows_put(t, o->key.domain, &rows);
	return STATUS_OK;
}

/* The domain into o; false when the call was refused. */
static bool
named(struct call_in *in, struct text domain, struct directory_op *o)
{
	if (domain_key(domain, call_arena(in), &o->key.domain) == STATUS_OK)
		return true;
	call_refuse(in, STATUS_INVALID, "Not a domain name.", "bad domain");
	return false;
}

void
serve_store_dkim_add(struct call_in *in, const void *request, void *context)
{
	const struct store_dkim_add_request *r = request;
	struct directory_op *o = directory_op_new(in, request);
	struct store *s = context;

	if (!named(in, r->domain, o))
		return;
	if (r->algorithm >= ALGORITHMS || r->selector.len == 0 || r->selector.len > SELECTOR_MAX ||
	    r->record.len > RECORD_MAX || r->sealed.len == 0 || r->sealed.len > SEALED_MAX) {
		call_refuse(in, STATUS_INVALID, "Not a key.", "bad dkim key");
		return;
	}
	o->op.apply = add_apply;
	owner_submit(&directory_shard(&s->directory, o->key.domain)->owner, &o->op);
}

static enum status
remove_apply(struct txn *txn, struct op *op)
{
	const struct store_dkim_remove_request *r = op->request;
	struct shard_txn *t = shard_txn_of(txn);
	struct directory_op *o = directory_op_of(op);
	struct dkim_rows rows;
	enum status s = rows_of(t, o->key.domain, op->arena, &rows);
	uint32_t i = 0;

	if (s != STATUS_OK)
		return s;
	while (i < rows.count && !text_equal(rows.at[i].selector, r->selector))
		i++;
	if (i == rows.count)
		return op->maybe ? STATUS_OK
				 : op_refuse(op, STATUS_NOT_FOUND, "No such key.", "no key");
	rows.count--;
	memmove(&rows.at[i], &rows.at[i + 1], (rows.count - i) * sizeof(rows.at[0]));
	rows_put(t, o->key.domain, &rows);
	return STATUS_OK;
}

void
serve_store_dkim_remove(struct call_in *in, const void *request, void *context)
{
	const struct store_dkim_remove_request *r = request;
	struct directory_op *o = directory_op_new(in, request);
	struct store *s = context;

	if (!named(in, r->domain, o))
		return;
	o->op.apply = remove_apply;
	owner_submit(&directory_shard(&s->directory, o->key.domain)->owner, &o->op);
}

/* ---- reading ---- */

/* The keys of a domain as they are committed; false when the call was refused.
 * *name: in the directory's spelling. */
static bool
read_rows(struct store *s, struct call_in *in, struct text domain, struct text *name,
    struct dkim_rows *out)
{
	struct directory_op o;
	struct text value;
	struct key key;
	enum status how;

	if (!named(in, domain, &o))
		return false;
	if (!directory_has_domain(s, o.key.domain)) {
		call_refuse(in, STATUS_NOT_FOUND, "No such domain.", "no domain");
		return false;
	}
	key = key_named(KEY_D_DKIM, o.key.domain);
	*out = (struct dkim_rows){ .count = 0 };
	*name = o.key.domain;
	how = engine_get(s->engine, directory_shard(&s->directory, o.key.domain)->owner.entity,
	    key_text(&key), call_arena(in), &value);
	if (how == STATUS_OK)
		how = dkim_rows_unpack(value, out);
	if (how == STATUS_OK || how == STATUS_NOT_FOUND)
		return true;
	call_refuse(in, how, "The directory cannot be read now.", "dkim keys");
	return false;
}

static struct numbers
numbers_of(struct call_in *in, uint32_t count)
{
	return (struct numbers){ ARENA_ARRAY(call_arena(in), uint64_t, count + 1), count };
}

static struct texts
texts_of(struct call_in *in, uint32_t count)
{
	return (struct texts){ ARENA_ARRAY(call_arena(in), struct text, count + 1), count };
}

void
serve_store_dkim_keys(struct call_in *in, const void *request, void *context)
{
	const struct store_dkim_keys_request *r = request;
	struct store *s = context;
	struct store_dkim_keys_reply reply = { 0 };
	struct dkim_rows rows;

	if (!read_rows(s, in, r->domain, &reply.domain, &rows))
		return;
	reply.hostname = s->config.hostname;
	reply.numbers = numbers_of(in, rows.count);
	reply.selectors = texts_of(in, rows.count);
	reply.algorithms = numbers_of(in, rows.count);
	reply.records = texts_of(in, rows.count);
	reply.created = numbers_of(in, rows.count);
	reply.active = numbers_of(in, rows.count);
	reply.retired = numbers_of(in, rows.count);
	for (uint32_t i = 0; i < rows.count; i++) {
		reply.numbers.at[i] = rows.at[i].number;
		reply.selectors.at[i] = rows.at[i].selector;
		reply.algorithms.at[i] = rows.at[i].algorithm;
		reply.records.at[i] = rows.at[i].record;
		reply.created.at[i] = (uint64_t)rows.at[i].created;
		reply.active.at[i] = (uint64_t)rows.at[i].active;
		reply.retired.at[i] = (uint64_t)rows.at[i].retired;
	}
	call_reply(in, &reply);
}

void
serve_store_dkim_active(struct call_in *in, const void *request, void *context)
{
	const struct store_dkim_active_request *r = request;
	struct store_dkim_active_reply reply = { 0 };
	int64_t now = SECONDS(clock_wall());
	struct dkim_rows rows;

	if (!read_rows(context, in, r->domain, &reply.domain, &rows))
		return;
	reply.numbers = numbers_of(in, rows.count);
	reply.selectors = texts_of(in, rows.count);
	reply.algorithms = numbers_of(in, rows.count);
	reply.numbers.count = 0;
	for (uint32_t i = 0; i < rows.count; i++) {
		uint32_t n = reply.numbers.count;

		if (!dkim_row_signs(&rows.at[i], now))
			continue;
		reply.numbers.at[n] = rows.at[i].number;
		reply.selectors.at[n] = rows.at[i].selector;
		reply.algorithms.at[n] = rows.at[i].algorithm;
		reply.numbers.count++;
	}
	reply.selectors.count = reply.algorithms.count = reply.numbers.count;
	call_reply(in, &reply);
}

void
serve_store_dkim_sealed(struct call_in *in, const void *request, void *context)
{
	const struct store_dkim_sealed_request *r = request;
	struct store_dkim_sealed_reply reply = { 0 };
	struct dkim_rows rows;
	struct text name;

	if (!read_rows(context, in, r->domain, &name, &rows))
		return;
	for (uint32_t i = 0; i < rows.count; i++) {
		if (rows.at[i].number != r->number)
			continue;
		reply.selector = rows.at[i].selector;
		reply.sealed = rows.at[i].sealed;
		call_reply(in, &reply);
		return;
	}
	call_refuse(in, STATUS_NOT_FOUND, "No such key.", "no dkim key");
}
