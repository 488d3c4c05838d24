/* SPDX-License-Identifier: ISC */
/* Whom a sender wrote to; see store/sending_known.h. */
#include "store/sending_known.h"

#include "store/core.h"
#include "store/scan.h"

#define KNOWN_VERSION 1

/* ---- in memory ---- */

void
known_done(struct known *k)
{
	mem_free(k->slots);
	*k = (struct known){ .slots = NULL };
}

/* Where it is, or where it would be. */
static size_t
place(const uint32_t *slots, size_t cap, uint32_t hash)
{
	size_t at = hash & (cap - 1);

	while (slots[at] != 0 && slots[at] != hash)
		at = (at + 1) & (cap - 1);
	return at;
}

static void
grow(struct known *k)
{
	size_t cap = k->cap == 0 ? 32 : 2 * k->cap;
	uint32_t *slots = mem_new(cap * sizeof(*slots));

	for (size_t i = 0; i < k->cap; i++)
		if (k->slots[i] != 0)
			slots[place(slots, cap, k->slots[i])] = k->slots[i];
	mem_free(k->slots);
	k->slots = slots;
	k->cap = cap;
}

bool
known_has(const struct known *k, uint32_t hash)
{
	if (hash == 0)
		return k->zero;
	return k->cap > 0 && k->slots[place(k->slots, k->cap, hash)] != 0;
}

void
known_add(struct known *k, uint32_t hash)
{
	if (known_has(k, hash))
		return;
	k->count++;
	if (hash == 0) {
		k->zero = true;
		return;
	}
	if (2 * k->count >= k->cap)
		grow(k);
	k->slots[place(k->slots, k->cap, hash)] = hash;
}

uint32_t
known_hash(struct text address, struct arena *a)
{
	char *low = arena_alloc(a, address.len + 1);

	for (size_t i = 0; i < address.len; i++)
		low[i] = (char)(address.ptr[i] >= 'A' && address.ptr[i] <= 'Z'
				    ? address.ptr[i] + ('a' - 'A')
				    : address.ptr[i]);
	return (uint32_t)text_hash_stable((struct text){ low, address.len });
}

/* ---- rows ---- */

static struct key
sender_rows(struct sending_key who)
{
	struct key k = key_of(KEY_Q_KNOWN);

	key_add(&k, who.kind, 1);
	key_add(&k, who.id, 8);
	return k;
}

static enum status
unpack(struct text value, struct text *hashes)
{
	struct unpack u = unpack_of(value);

	if (unpack_u8(&u) != KNOWN_VERSION || cursor_left(&u.in) % 4 != 0 ||
	    cursor_left(&u.in) > 4 * SENDING_KNOWN_MAX)
		return STATUS_CORRUPT;
	*hashes = text_part(value, 1, value.len);
	return STATUS_OK;
}

/* Rows of before there were slots have none in their key. */
enum status
known_row_check(struct text key, struct text value)
{
	struct text hashes;

	if (key.len != 10 && (key.len != 11 || (uint8_t)key.ptr[10] >= SENDING_SLOTS))
		return STATUS_CORRUPT;
	return unpack(value, &hashes);
}

/* The oldest go when there are too many. */
static enum status
put_slot(struct txn *t, struct sending_key who, uint32_t slot, const uint32_t *hash, uint32_t n)
{
	struct key key = sender_rows(who);
	struct text value, old = TEXT_EMPTY;
	struct buffer b = BUFFER_INIT;
	enum status how;

	key_add(&key, slot % SENDING_SLOTS, 1);
	how = txn_get(t, key_text(&key), txn_arena(t), &value);
	if (how == STATUS_OK)
		how = unpack(value, &old);
	if (how != STATUS_OK && how != STATUS_NOT_FOUND)
		return how;
	if (old.len / 4 + n > SENDING_SLOT_MAX)
		old = text_part(old, old.len - 4 * (size_t)(SENDING_SLOT_MAX - n), old.len);
	pack_u8(&b, KNOWN_VERSION);
	buffer_add_text(&b, old);
	for (uint32_t i = 0; i < n; i++)
		pack_be32(&b, hash[i]);
	txn_put(t, key_text(&key), buffer_text(&b));
	buffer_done(&b);
	return STATUS_OK;
}

enum status
known_put(struct txn *t, const struct sending_share *share)
{
	uint32_t all = share->n[SENDING_FIRST], n;
	uint32_t from = all > SENDING_KNOWN_MAX ? all - SENDING_KNOWN_MAX : 0;
	uint32_t slot = share->first[from] % SENDING_SLOTS;
	enum status how = STATUS_OK;

	for (; how == STATUS_OK && from < all; from += n, slot++) {
		n = all - from < SENDING_SLOT_MAX ? all - from : SENDING_SLOT_MAX;
		how = put_slot(t, share->key, slot, share->first + from, n);
	}
	return how;
}

void
known_delete(struct txn *t, struct sending_key who)
{
	struct key key = sender_rows(who);

	txn_delete(t, key_text(&key)); /* of before there were slots */
	for (uint32_t slot = 0; slot < SENDING_SLOTS; slot++) {
		key = sender_rows(who);
		key_add(&key, slot, 1);
		txn_delete(t, key_text(&key));
	}
}

static enum status
add_row(void *arg, struct text key, struct text value)
{
	struct text hashes;
	enum status how = unpack(value, &hashes);

	(void)key;
	for (size_t i = 0; how == STATUS_OK && i + 4 <= hashes.len; i += 4)
		known_add(arg, (uint32_t)key_number(hashes, i, 4));
	return how;
}

enum status
known_read(struct store *s, uint32_t shard, struct sending_key who, struct known *out)
{
	struct key from = sender_rows(who), until = key_behind(from);

	return scan_rows(s, (struct entity){ ENTITY_QUEUE, shard }, key_text(&from),
	    key_text(&until), add_row, out);
}
