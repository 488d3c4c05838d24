/* SPDX-License-Identifier: ISC */
/* Ops that were done; see store/remembered.h. */
#include "store/remembered.h"

#include <string.h>

#include "base/clock.h"
#include "store/core.h"
#include "store/scan.h"

#define PURGE_PER_BATCH 4u
#define ROW_OPS_MAX 100000u
#define ROW_BYTES_MAX (3u << 20)

static struct remembered_row *
row_at(struct remembered *r, uint64_t number)
{
	return &r->row[(r->head + (size_t)(number - r->first)) % r->cap];
}

static void
grow(struct remembered *r)
{
	size_t count = (size_t)(r->next - r->first), cap = r->cap == 0 ? 8 : r->cap * 2;
	struct remembered_row *row = mem_array(cap, sizeof(*row));

	for (size_t i = 0; i < count; i++)
		row[i] = r->row[(r->head + i) % r->cap];
	mem_free(r->row);
	r->row = row;
	r->cap = cap;
	r->head = 0;
}

/* Takes ops. */
static void
add_row(struct remembered *r, int64_t time, uint64_t *ops, uint32_t count)
{
	struct remembered_row *row;

	if (r->next - r->first == r->cap)
		grow(r);
	r->next++;
	row = row_at(r, r->next - 1);
	*row = (struct remembered_row){ .time = time, .ops = ops, .count = count };
	for (uint32_t i = 0; i < count; i++)
		(void)map_put_u64(&r->by_op, ops[i], (void *)(uintptr_t)r->next);
	r->ops += count;
}

static void
drop_first(struct remembered *r)
{
	struct remembered_row *row = row_at(r, r->first);

	for (uint32_t i = 0; i < row->count; i++)
		if ((uintptr_t)map_get_u64(&r->by_op, row->ops[i]) == r->first + 1)
			(void)map_remove_u64(&r->by_op, row->ops[i]);
	r->ops -= row->count;
	mem_free(row->ops);
	r->head = (r->head + 1) % r->cap;
	r->first++;
}

static enum status
load_row(void *arg, struct text key, struct text value)
{
	struct remembered *r = arg;
	struct unpack u = unpack_of(value);
	int64_t time = unpack_signed(&u);
	uint64_t count = unpack_varint_max(&u, ROW_OPS_MAX), number;
	uint64_t *ops;

	if (!unpack_ok(&u) || key.len != 9 || count > cursor_left(&u.in))
		return STATUS_CORRUPT;
	number = key_number(key, 1, 8);
	if (r->next == r->first)
		r->first = r->next = number;
	if (number != r->next)
		return STATUS_CORRUPT;
	ops = mem_array(count, sizeof(*ops));
	for (uint64_t i = 0; i < count; i++) {
		ops[i] = unpack_be64(&u);
		(void)unpack_text(&u);
	}
	if (!unpack_end(&u)) {
		mem_free(ops);
		return STATUS_CORRUPT;
	}
	add_row(r, time, ops, (uint32_t)count);
	return STATUS_OK;
}

enum status
remembered_load(struct remembered *r, struct owner *o)
{
	enum status s;

	*r = (struct remembered){ .first = 0 };
	s = scan_kind(o->store, o->entity, KEY_OPS, load_row, r);
	if (s != STATUS_OK)
		remembered_free(r);
	return s;
}

void
remembered_free(struct remembered *r)
{
	while (r->first < r->next)
		drop_first(r);
	map_done(&r->by_op);
	mem_free(r->row);
	*r = (struct remembered){ .first = 0 };
}

size_t
remembered_cost(const struct remembered *r)
{
	return r->cap * sizeof(*r->row) + r->ops * 56;
}

static enum status
result_of(struct text row, const struct op *op, struct text *result)
{
	struct unpack u = unpack_of(row);
	uint64_t count;

	(void)unpack_signed(&u);
	count = unpack_varint(&u);
	for (uint64_t i = 0; i < count && unpack_ok(&u); i++) {
		uint64_t id = unpack_be64(&u);
		struct text t = unpack_text(&u);

		if (unpack_ok(&u) && id == op->id) {
			*result = t;
			return STATUS_OK;
		}
	}
	return STATUS_CORRUPT;
}

bool
remembered_has(const struct remembered *r, uint64_t op)
{
	return op != 0 && map_get_u64(&r->by_op, op) != NULL;
}

enum status
remembered_find(struct remembered *r, struct txn *t, struct op *op)
{
	uintptr_t at = op->id == 0 ? 0 : (uintptr_t)map_get_u64(&r->by_op, op->id);
	struct text row;
	struct key key;
	enum status s;

	if (at == 0)
		return STATUS_OK;
	key = key_u64(KEY_OPS, at - 1);
	s = engine_get(t->store->engine, t->owner->entity, key_text(&key), op->arena, &row);
	if (s != STATUS_OK)
		return s;
	s = result_of(row, op, &op->result);
	if (s == STATUS_OK)
		op->repeated = true;
	return s;
}

void
remembering_begin(struct remembering *m)
{
	*m = (struct remembering){ .count = 0 };
}

void
remembering_add(struct remembering *m, const struct op *op)
{
	if (op->id == 0 || op->repeated || op->again || m->count == ROW_OPS_MAX)
		return;
	if (op->result.len > ROW_BYTES_MAX - m->packed.len - 32)
		return; /* a monstrous set of UIDs: it is done again instead */
	if (m->count == m->cap) {
		m->cap = m->cap == 0 ? 4 : m->cap * 2;
		m->ops = mem_resize(m->ops, m->cap, sizeof(*m->ops));
	}
	m->ops[m->count++] = op->id;
	pack_be64(&m->packed, op->id);
	pack_text(&m->packed, op->result);
}

void
remembering_seal(struct remembering *m, struct remembered *r, struct txn *t)
{
	struct buffer value = BUFFER_INIT;
	struct key key = key_u64(KEY_OPS, r->next);
	size_t ops = r->ops;

	if (m->count > 0) {
		pack_signed(&value, t->now);
		pack_varint(&value, m->count);
		buffer_add_text(&value, buffer_text(&m->packed));
		txn_put(t, key_text(&key), buffer_text(&value));
		buffer_done(&value);
	}
	for (m->purged = 0; m->purged < PURGE_PER_BATCH; m->purged++) {
		struct remembered_row *row;

		if (r->first + m->purged >= r->next)
			break;
		row = row_at(r, r->first + m->purged);
		if (row->time > t->now - REMEMBER_FOR && ops <= REMEMBER_MAX)
			break;
		ops -= row->count;
		key = key_u64(KEY_OPS, r->first + m->purged);
		txn_delete(t, key_text(&key));
	}
	m->sealed = true;
}

void
remembering_publish(struct remembering *m, struct remembered *r, struct txn *t)
{
	if (!m->sealed)
		return;
	for (uint32_t i = 0; i < m->purged; i++)
		drop_first(r);
	if (m->count > 0)
		add_row(r, t->now, m->ops, m->count);
	else
		mem_free(m->ops);
	m->ops = NULL;
}

void
remembering_discard(struct remembering *m)
{
	buffer_done(&m->packed);
	mem_free(m->ops);
	*m = (struct remembering){ .count = 0 };
}
