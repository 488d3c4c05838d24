/* SPDX-License-Identifier: ISC */
/*
 * What crashes leave in reference entities: holders that were written for a
 * record that never came to be, records that are done, accounts that are gone.
 * Looked at once after every start, in the background, and again when a holder
 * could not be dropped. A blob whose record
 * this process still has is left alone.
 */
#include "base/log.h"
#include "store/cold.h"
#include "store/core.h"
#include "store/reference.h"

#define HOLDERS_STEP 256u /* of one entity in one go */

struct stale {
	struct blob_id blob;
	struct holder holder;
};

static bool
parse(struct text key, struct stale *out)
{
	struct unpack u = unpack_of(text_part(key, 1, key.len));

	out->blob = blob_id_unpack(&u);
	out->holder.kind = (enum holder_kind)unpack_u8(&u);
	out->holder.id = unpack_be64(&u);
	return unpack_end(&u);
}

static bool
blob_there(struct store *s, struct blob_id blob)
{
	struct arena a = ARENA_INIT;
	struct text bytes;
	bool there = engine_blob_get(s->engine, blob, 0, &a, &bytes) != STATUS_NOT_FOUND;

	arena_done(&a);
	return there;
}

static bool
account_there(struct store *s, uint64_t account)
{
	struct key key = key_of(KEY_FACTS);
	struct arena a = ARENA_INIT;
	struct text value;
	bool there = engine_get(s->engine, (struct entity){ ENTITY_ACCOUNT, account },
			 key_text(&key), &a, &value) != STATUS_NOT_FOUND;

	arena_done(&a);
	return there;
}

static bool
is_stale(struct store *s, const struct stale *h)
{
	if (queue_has_blob(s, h->blob))
		return false;
	if (!blob_there(s, h->blob))
		return true;
	if (h->holder.kind == HOLDER_RECORD)
		return true;
	if (h->holder.kind == HOLDER_MESSAGE)
		return !outgoing_has(s, h->holder.id, h->blob);
	return !account_there(s, h->holder.id);
}

/* The stale holders of an entity, as many as fit. */
static uint32_t
find_stale(struct store *s, struct entity e, struct stale *out)
{
	struct key from = key_of(KEY_R_USER), until = key_behind(from);
	struct engine_scan *scan;
	struct text key, value;
	uint32_t n = 0;

	if (engine_scan_open(s->engine, e, key_text(&from), key_text(&until), &scan) != STATUS_OK)
		return 0;
	while (n < HOLDERS_STEP && engine_scan_next(scan, &key, &value) == STATUS_OK)
		if (parse(key, &out[n]) && is_stale(s, &out[n]))
			n++;
	engine_scan_close(scan);
	return n;
}

void
reference_walk_one(struct store *s, uint64_t entity)
{
	struct stale *stale = mem_array(HOLDERS_STEP, sizeof(*stale));
	uint32_t n = HOLDERS_STEP;

	while (n == HOLDERS_STEP) {
		n = find_stale(s, (struct entity){ ENTITY_REFERENCE, entity }, stale);
		for (uint32_t i = 0; i < n; i++)
			if (reference_drop(s, stale[i].blob, stale[i].holder) != STATUS_OK) {
				tend_references(s);
				n = 0;
			}
	}
	mem_free(stale);
}
