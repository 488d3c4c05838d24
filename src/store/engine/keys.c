/* SPDX-License-Identifier: ISC */
/* Keys of rows, versions and pieces; see store/engine/keys.h. */
#include "store/engine/keys.h"

#include <endian.h>
#include <string.h>

static void
put_prefix(struct row_key *k, enum entity_kind kind, uint64_t id)
{
	uint64_t be = htobe64(id);

	k->byte[0] = (char)kind;
	memcpy(k->byte + 1, &be, sizeof(be));
	k->len = ENTITY_PREFIX;
}

void
row_key_make(struct row_key *k, struct entity e, struct text key)
{
	CHECK(key.len <= sizeof(k->byte) - ENTITY_PREFIX);
	put_prefix(k, e.kind, e.id);
	if (key.len > 0)
		memcpy(k->byte + ENTITY_PREFIX, key.ptr, key.len);
	k->len = (uint16_t)(ENTITY_PREFIX + key.len);
}

void
row_key_end(struct row_key *k, struct entity e)
{
	if (e.id < UINT64_MAX)
		put_prefix(k, e.kind, e.id + 1);
	else
		put_prefix(k, (enum entity_kind)((int)e.kind + 1), 0);
}

struct text
row_key_text(const struct row_key *k)
{
	return (struct text){ k->byte, k->len };
}

enum status
row_key_parse(struct text raw, struct entity *e, struct text *key)
{
	uint64_t be;

	if (raw.len < ENTITY_PREFIX)
		return STATUS_CORRUPT;
	memcpy(&be, raw.ptr + 1, sizeof(be));
	*e = (struct entity){ (enum entity_kind)(uint8_t)raw.ptr[0], be64toh(be) };
	*key = text_part(raw, ENTITY_PREFIX, raw.len);
	return STATUS_OK;
}

void
piece_key_make(struct piece_key *k, struct blob_id id, uint16_t piece)
{
	uint16_t be = htobe16(piece);

	memcpy(k->byte, id.byte, sizeof(id.byte));
	memcpy(k->byte + sizeof(id.byte), &be, sizeof(be));
}

struct text
piece_key_text(const struct piece_key *k)
{
	return (struct text){ k->byte, sizeof(k->byte) };
}

enum status
piece_key_parse(struct text raw, struct blob_id *id, uint16_t *piece)
{
	uint16_t be;

	if (raw.len != PIECE_KEY)
		return STATUS_CORRUPT;
	memcpy(id->byte, raw.ptr, sizeof(id->byte));
	memcpy(&be, raw.ptr + sizeof(id->byte), sizeof(be));
	*piece = be16toh(be);
	return STATUS_OK;
}

void
version_encode(uint64_t version, char out[static 8])
{
	uint64_t be = htobe64(version);

	memcpy(out, &be, sizeof(be));
}

enum status
version_decode(struct text value, uint64_t *version)
{
	uint64_t be;

	if (value.len != sizeof(be))
		return STATUS_CORRUPT;
	memcpy(&be, value.ptr, sizeof(be));
	*version = be64toh(be);
	return STATUS_OK;
}
