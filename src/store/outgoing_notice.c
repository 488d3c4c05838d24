/* SPDX-License-Identifier: ISC */
/*
 * What a sender is being told, while more may come to be told (RFC 3461 6): it
 * is written down before anybody is given it, and given again as it is until it
 * was told, so that its op stays the same and a notice that was handed in before
 * a crash is known for what it is:
 *
 *	owed -> written down -> given, any number of times -> told: the row goes
 *	          ^--- none of it is owed any more: another takes its place ---'
 *
 * Of a message that nobody is tried for any more nothing can come: what the runs
 * say is the same each time, and no row is needed.
 */
#include <openssl/evp.h>
#include <string.h>

#include "store/core.h"
#include "store/outgoing.h"

uint64_t
outgoing_notice_op(uint64_t message, const struct queue_owed_reply *o)
{
	struct buffer b = BUFFER_INIT;
	unsigned char hash[EVP_MAX_MD_SIZE];
	size_t len = 0;
	uint64_t op;

	buffer_add_string(&b, "dsn");
	pack_be64(&b, message);
	pack_be64(&b, o->kind);
	pack_be64(&b, o->late);
	for (uint32_t i = 0; i < o->numbers.count; i++)
		pack_be64(&b, o->numbers.at[i]);
	CHECK(EVP_Q_digest(NULL, "SHA256", NULL, b.ptr, b.len, hash, &len) == 1);
	buffer_done(&b);
	memcpy(&op, hash, sizeof(op));
	return op == 0 ? 1 : op;
}

enum status
outgoing_notice_read(
    struct store *s, uint64_t message, struct arena *a, struct outgoing_notice *out)
{
	struct entity e = { ENTITY_QUEUE, message % QUEUE_SHARDS };
	struct key key = key_u64(KEY_Q_NOTICE, message);
	struct text value;
	enum status how = engine_get(s->engine, e, key_text(&key), a, &value);

	return how == STATUS_OK ? outgoing_notice_unpack(value, out) : how;
}

/* The message and its notice, as the transaction has them. NOT_FOUND: the
 * message is gone. op 0: there is no notice. */
static enum status
read_both(struct txn *t, struct arena *a, uint64_t message, struct outgoing_message *m,
    uint64_t *op, uint32_t *late)
{
	struct key row = key_u64(KEY_Q_MESSAGE, message), key = key_u64(KEY_Q_NOTICE, message);
	struct outgoing_notice n;
	struct text value;
	enum status how = txn_get(t, key_text(&row), a, &value);

	if (how == STATUS_OK)
		how = outgoing_message_unpack(value, m);
	*op = 0;
	*late = 0;
	if (how != STATUS_OK || !m->noticed)
		return how;
	how = txn_get(t, key_text(&key), a, &value);
	if (how == STATUS_OK)
		how = outgoing_notice_unpack(value, &n);
	if (how != STATUS_OK)
		return STATUS_CORRUPT;
	*op = n.op;
	*late = n.late;
	runs_done(&n.numbers);
	return STATUS_OK;
}

/* Nothing that is owed changes by it, so nothing is planned. */
static void
put_message(struct txn *t, uint64_t message, const struct outgoing_message *m)
{
	struct key row = key_u64(KEY_Q_MESSAGE, message);
	struct buffer value = BUFFER_INIT;

	outgoing_message_pack(&value, m);
	txn_put(t, key_text(&row), buffer_text(&value));
	buffer_done(&value);
}

struct noting {
	struct op op; /* first */
	uint64_t message, instead;
	const struct outgoing_notice *notice;
};

/* Who was given it before, on a link that is lost, may write it down later than
 * the one after him: the first row stands. */
static enum status
note_apply(struct txn *t, struct op *op)
{
	const struct noting *k = (const struct noting *)(const void *)op;
	struct key key = key_u64(KEY_Q_NOTICE, k->message);
	struct buffer value = BUFFER_INIT;
	struct outgoing_message m;
	uint64_t there;
	uint32_t late;
	enum status how = read_both(t, op->arena, k->message, &m, &there, &late);

	if (how != STATUS_OK)
		return how;
	if (there != k->instead)
		return STATUS_EXISTS;
	outgoing_notice_pack(&value, k->notice);
	txn_put(t, key_text(&key), buffer_text(&value));
	buffer_done(&value);
	m.noticed = true;
	put_message(t, k->message, &m);
	return STATUS_OK;
}

enum status
outgoing_notice_write(struct store *s, uint64_t message, const struct outgoing_notice *n,
    uint64_t instead, struct arena *a)
{
	struct noting k = { .message = message, .instead = instead, .notice = n };

	k.op.apply = note_apply;
	k.op.arena = a;
	return owner_wait(&s->queue.shard[message % QUEUE_SHARDS].owner, &k.op);
}

enum status
outgoing_notice_told(struct txn *t, uint64_t message, uint64_t op, struct arena *a, uint32_t *late)
{
	struct key key = key_u64(KEY_Q_NOTICE, message);
	struct outgoing_message m;
	uint64_t there;
	uint32_t noted;
	enum status how = read_both(t, a, message, &m, &there, &noted);

	*late = WARNED | WARNED_BY;
	if (how != STATUS_OK || there == 0 || there != op)
		return how == STATUS_NOT_FOUND ? STATUS_OK : how;
	*late = noted;
	txn_delete(t, key_text(&key));
	m.noticed = false;
	put_message(t, message, &m);
	return STATUS_OK;
}
