/* SPDX-License-Identifier: ISC */
/* Holders of shared content; see store/reference.h. */
#include "store/reference.h"

#include "base/pack.h"
#include "store/cold.h"
#include "store/core.h"

#define TRIES 20

struct entity
reference_entity(struct blob_id blob)
{
	return (struct entity){ ENTITY_REFERENCE, text_hash_stable(blob_id_text(&blob)) };
}

struct key
reference_key(struct blob_id blob, struct holder h)
{
	struct key k = key_named(KEY_R_USER, blob_id_text(&blob));

	key_add(&k, (uint64_t)h.kind, 1);
	key_add(&k, h.id, 8);
	return k;
}

/* Builds a batch on the entity as it is now and commits it, until its guard
 * holds; what may have been applied is simply done again. */
struct change_reference {
	struct blob_id blob;
	uint32_t pieces;
	const struct holder *holders;
	uint32_t count;
	const struct text *piece; /* build_write: [from, behind) of them */
	uint32_t from, behind;
	enum status (*build)(
	    struct store *s, const struct change_reference *c, struct engine_batch *b);
};

static enum status
commit(struct store *s, const struct change_reference *c)
{
	struct entity entity = reference_entity(c->blob);
	enum status how = STATUS_CONFLICT;

	for (unsigned i = 0; i < TRIES && (how == STATUS_CONFLICT || how == STATUS_AMBIGUOUS);
	     i++) {
		struct engine_batch b;
		uint64_t version;

		how = engine_version(s->engine, entity, &version);
		if (how != STATUS_OK)
			break;
		engine_batch_init(&b, entity, version);
		how = c->build(s, c, &b);
		if (how == STATUS_OK && b.count > 0)
			how = engine_commit_wait(s->engine, &b);
		engine_batch_done(&b);
	}
	core_wrote(s, how == STATUS_CONFLICT ? STATUS_OK : how);
	return how;
}

static enum status
build_add(struct store *s, const struct change_reference *c, struct engine_batch *b)
{
	struct key head = key_named(KEY_R_HEAD, blob_id_text(&c->blob));
	struct buffer value = BUFFER_INIT;

	pack_varint(&value, c->pieces);
	engine_put(b, key_text(&head), buffer_text(&value));
	buffer_done(&value);
	for (uint32_t i = 0; i < c->count; i++) {
		struct key k = reference_key(c->blob, c->holders[i]);

		engine_put(b, key_text(&k), TEXT("1"));
	}
	return STATUS_OK;
}

enum status
reference_add(struct store *s, struct blob_id blob, uint32_t pieces, const struct holder *holders,
    uint32_t count)
{
	struct change_reference c = { .blob = blob,
		.pieces = pieces,
		.holders = holders,
		.count = count,
		.build = build_add };

	return commit(s, &c);
}

static enum status
build_write(struct store *s, const struct change_reference *c, struct engine_batch *b)
{
	for (uint32_t i = c->from; i < c->behind; i++)
		engine_blob_put(b, c->blob, (uint16_t)i, c->piece[i]);
	return STATUS_OK;
}

enum status
reference_write(
    struct store *s, struct blob_id blob, const struct text *piece, uint32_t from, uint32_t pieces)
{
	struct change_reference c = {
		.blob = blob, .piece = piece, .behind = from, .build = build_write
	};
	enum status how = STATUS_OK;

	while (how == STATUS_OK && c.behind < pieces) {
		c.from = c.behind;
		c.behind = stage_fit(piece, pieces, c.from);
		how = commit(s, &c);
	}
	return how;
}

/* Whether others hold the blob. */
static enum status
others(struct store *s, struct blob_id blob, struct holder h, bool *out)
{
	struct key from = key_named(KEY_R_USER, blob_id_text(&blob)), until = key_behind(from);
	struct key ours = reference_key(blob, h);
	struct engine_scan *scan;
	struct text key, value;
	enum status how = engine_scan_open(
	    s->engine, reference_entity(blob), key_text(&from), key_text(&until), &scan);

	if (how != STATUS_OK)
		return how;
	*out = false;
	while (!*out && (how = engine_scan_next(scan, &key, &value)) == STATUS_OK)
		*out = !text_equal(key, key_text(&ours));
	engine_scan_close(scan);
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}

static enum status
build_drop(struct store *s, const struct change_reference *c, struct engine_batch *b)
{
	struct key head = key_named(KEY_R_HEAD, blob_id_text(&c->blob));
	struct key ours = reference_key(c->blob, c->holders[0]);
	struct unpack u;
	struct text value;
	uint64_t pieces;
	bool held = true;
	enum status how =
	    engine_get(s->engine, reference_entity(c->blob), key_text(&head), &b->arena, &value);

	if (how == STATUS_NOT_FOUND)
		return STATUS_OK; /* it is gone already */
	if (how == STATUS_OK)
		how = others(s, c->blob, c->holders[0], &held);
	if (how != STATUS_OK)
		return how;
	engine_delete(b, key_text(&ours));
	if (held)
		return STATUS_OK;
	u = unpack_of(value);
	pieces = unpack_varint_max(&u, UINT16_MAX);
	if (!unpack_end(&u) || pieces == 0)
		return STATUS_CORRUPT;
	engine_delete(b, key_text(&head));
	engine_blob_delete(b, c->blob, (uint16_t)pieces);
	return STATUS_OK;
}

enum status
reference_drop(struct store *s, struct blob_id blob, struct holder h)
{
	struct change_reference c = {
		.blob = blob, .holders = &h, .count = 1, .build = build_drop
	};

	return commit(s, &c);
}
