/* SPDX-License-Identifier: ISC */
/* Writing large content in steps; see store/stage.h. */
#include "store/stage.h"

#include "store/core.h"
#include "store/serve.h"

void
staging_init(struct staging *g)
{
	CHECK(pthread_mutex_init(&g->lock, NULL) == 0);
}

void
staging_done(struct staging *g)
{
	map_done(&g->blobs);
	(void)pthread_mutex_destroy(&g->lock);
}

static void
begin(struct store *s, struct blob_id blob)
{
	pthread_mutex_lock(&s->staging.lock);
	(void)map_put(&s->staging.blobs, blob_id_text(&blob), s);
	pthread_mutex_unlock(&s->staging.lock);
}

void
stage_end(struct store *s, uint64_t account, struct blob_id blob, bool gone)
{
	pthread_mutex_lock(&s->staging.lock);
	(void)map_remove(&s->staging.blobs, blob_id_text(&blob));
	pthread_mutex_unlock(&s->staging.lock);
	if (gone)
		tend_account(s, account, false);
}

bool
stage_busy(struct store *s, struct blob_id blob)
{
	bool busy;

	pthread_mutex_lock(&s->staging.lock);
	busy = map_get(&s->staging.blobs, blob_id_text(&blob)) != NULL;
	pthread_mutex_unlock(&s->staging.lock);
	return busy;
}

/* ---- rows ---- */

enum status
staged_unpack(struct text key, struct text value, struct staged *out)
{
	struct unpack k = unpack_of(text_part(key, 1, key.len)), u = unpack_of(value);
	struct staged g;

	g.blob = blob_id_unpack(&k);
	g.pieces = (uint32_t)unpack_varint_max(&u, UINT16_MAX);
	g.written = (uint32_t)unpack_varint_max(&u, UINT16_MAX);
	if (!unpack_end(&k) || !unpack_end(&u) || g.written == 0 || g.written >= g.pieces)
		return STATUS_CORRUPT;
	*out = g;
	return STATUS_OK;
}

static void
staged_put(struct account_txn *t, struct text key, uint32_t pieces, uint32_t written)
{
	struct buffer value = BUFFER_INIT;

	pack_varint(&value, pieces);
	pack_varint(&value, written);
	txn_put(&t->txn, key, buffer_text(&value));
	buffer_done(&value);
}

/* ---- steps ---- */

uint32_t
stage_fit(const struct text *piece, uint32_t pieces, uint32_t from)
{
	size_t octets = 0;
	uint32_t i = from;

	do
		octets += piece[i++].len;
	while (i < pieces && octets + piece[i].len <= STAGE_STEP);
	return i;
}

enum status
stage_step(struct account_txn *t, struct new_message *m)
{
	struct key key = key_named(KEY_STAGED, blob_id_text(&m->blob));
	struct staged g = { .written = 0 };
	struct text value;
	enum status s;
	uint32_t behind;

	if (!m->staged)
		return STATUS_OK;
	s = txn_get(&t->txn, key_text(&key), txn_arena(&t->txn), &value);
	if (s == STATUS_OK)
		s = staged_unpack(key_text(&key), value, &g);
	if (s != STATUS_OK && s != STATUS_NOT_FOUND)
		return s;
	behind = stage_fit(m->piece, m->pieces, g.written);
	if (behind == m->pieces) {
		m->first = g.written;
		if (s == STATUS_OK)
			txn_delete(&t->txn, key_text(&key));
		return STATUS_OK;
	}
	begin(t->txn.store, m->blob);
	for (uint32_t i = g.written; i < behind; i++)
		txn_blob_put(&t->txn, m->blob, (uint16_t)i, m->piece[i]);
	staged_put(t, key_text(&key), m->pieces, behind);
	return STATUS_AGAIN;
}
