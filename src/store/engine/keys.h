/* SPDX-License-Identifier: ISC */
/*
 * How entities and blobs become keys of one ordered space, the same in memory
 * and in RocksDB:
 *
 *     row      kind, be64 id, key          value as given
 *     version  kind, be64 id               be64 version, of an entity that was
 *                                          ever committed
 *     piece    16 octets of the blob's id, be16 number
 *
 * User keys are never empty, so the version stands before all rows of its
 * entity and cannot be mistaken for one.
 */
#ifndef STORE_ENGINE_KEYS_H
#define STORE_ENGINE_KEYS_H

#include "store/engine.h"

#define ENTITY_PREFIX 9u
#define PIECE_KEY 18u

struct row_key {
	uint16_t len;
	char byte[ENTITY_PREFIX + 255];
};

/* With an empty key: of the version. The key has at most 255 octets. */
void row_key_make(struct row_key *k, struct entity e, struct text key);
/* The first key behind everything of the entity. */
void row_key_end(struct row_key *k, struct entity e);
struct text row_key_text(const struct row_key *k);
/* CORRUPT when it is shorter than a prefix. */
enum status row_key_parse(struct text raw, struct entity *e, struct text *key) MUST_CHECK;

struct piece_key {
	char byte[PIECE_KEY];
};

void piece_key_make(struct piece_key *k, struct blob_id id, uint16_t piece);
struct text piece_key_text(const struct piece_key *k);
enum status piece_key_parse(struct text raw, struct blob_id *id, uint16_t *piece) MUST_CHECK;

void version_encode(uint64_t version, char out[static 8]);
enum status version_decode(struct text value, uint64_t *version) MUST_CHECK;

#endif
