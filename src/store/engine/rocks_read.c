/* SPDX-License-Identifier: ISC */
/*
 * Reading from RocksDB, on the thread that asks. A scan stays inside the gate
 * from open to close: an iterator must not outlive the database. RocksDB's
 * iterators see one moment by themselves.
 */
#include <string.h>

#include "store/engine/keys.h"
#include "store/engine/rocks.h"

struct rocks_scan {
	struct engine_scan base;
	rocksdb_readoptions_t *options;
	rocksdb_iterator_t *it;
	bool begun;
	struct row_key end; /* the options point at it */
};

/* The database may be away for good after a failed reopening. */
static enum status
enter(struct rocks *r)
{
	gate_enter(&r->gate);
	if (r->database.db != NULL)
		return STATUS_OK;
	gate_leave(&r->gate);
	return STATUS_IO;
}

/* NULL in *slice when there is no such key. */
static enum status
pin(struct rocks *r, rocksdb_column_family_handle_t *family, struct text key,
    rocksdb_pinnableslice_t **slice)
{
	char *error = NULL;
	rocksdb_pinnableslice_t *p =
	    rocksdb_get_pinned_cf(r->database.db, r->reading, family, key.ptr, key.len, &error);

	if (error != NULL)
		return database_read_error(error);
	*slice = p;
	return STATUS_OK;
}

static struct text
slice_text(const rocksdb_pinnableslice_t *slice)
{
	struct text t;

	t.ptr = rocksdb_pinnableslice_value(slice, &t.len);
	return t;
}

static enum status
copy_value(struct rocks *r, rocksdb_column_family_handle_t *family, struct text key,
    struct arena *a, struct text *value)
{
	rocksdb_pinnableslice_t *slice;
	enum status s = pin(r, family, key, &slice);

	if (s != STATUS_OK)
		return s;
	if (slice == NULL)
		return STATUS_NOT_FOUND;
	*value = arena_copy(a, slice_text(slice));
	rocksdb_pinnableslice_destroy(slice);
	return STATUS_OK;
}

enum status
rocks_read_version(struct rocks *r, struct entity entity, uint64_t *version)
{
	rocksdb_pinnableslice_t *slice;
	struct row_key k;
	enum status s;

	row_key_make(&k, entity, TEXT_EMPTY);
	s = pin(r, r->database.meta, row_key_text(&k), &slice);
	if (s != STATUS_OK)
		return s;
	if (slice == NULL) {
		*version = 0;
		return STATUS_OK;
	}
	s = version_decode(slice_text(slice), version);
	rocksdb_pinnableslice_destroy(slice);
	return s;
}

enum status
rocks_version(struct engine *e, struct entity entity, uint64_t *version)
{
	struct rocks *r = rocks_of(e);
	enum status s;

	/* Whoever asks may want to know what became of an AMBIGUOUS batch. */
	if (atomic_load(&r->undecided))
		return STATUS_IO;
	s = enter(r);
	if (s != STATUS_OK)
		return s;
	s = rocks_read_version(r, entity, version);
	gate_leave(&r->gate);
	return s;
}

enum status
rocks_get(
    struct engine *e, struct entity entity, struct text key, struct arena *a, struct text *value)
{
	struct rocks *r = rocks_of(e);
	struct row_key k;
	enum status s = enter(r);

	if (s != STATUS_OK)
		return s;
	row_key_make(&k, entity, key);
	s = copy_value(r, r->database.meta, row_key_text(&k), a, value);
	gate_leave(&r->gate);
	return s;
}

enum status
rocks_blob_get(
    struct engine *e, struct blob_id id, uint16_t piece, struct arena *a, struct text *bytes)
{
	struct rocks *r = rocks_of(e);
	struct piece_key k;
	enum status s = enter(r);

	if (s != STATUS_OK)
		return s;
	piece_key_make(&k, id, piece);
	s = copy_value(r, r->database.blob, piece_key_text(&k), a, bytes);
	gate_leave(&r->gate);
	return s;
}

/* ---- scans ---- */

enum status
rocks_scan_open(struct engine *e, struct entity entity, struct text from, struct text until,
    struct engine_scan **out)
{
	struct rocks *r = rocks_of(e);
	struct rocks_scan *scan;
	struct row_key start;
	enum status s = enter(r);

	if (s != STATUS_OK)
		return s;
	scan = MEM_NEW(struct rocks_scan);
	scan->base.engine = e;
	if (until.len > 0)
		row_key_make(&scan->end, entity, until);
	else
		row_key_end(&scan->end, entity);
	row_key_make(&start, entity, from.len > 0 ? from : TEXT("\0"));
	scan->options = rocksdb_readoptions_create();
	rocksdb_readoptions_set_iterate_upper_bound(scan->options, scan->end.byte, scan->end.len);
	scan->it = rocksdb_create_iterator_cf(r->database.db, scan->options, r->database.meta);
	rocksdb_iter_seek(scan->it, start.byte, start.len);
	*out = &scan->base;
	return STATUS_OK;
}

/* OK: the iterator stands on a row. */
static enum status
iterator_status(rocksdb_iterator_t *it)
{
	char *error = NULL;

	if (rocksdb_iter_valid(it))
		return STATUS_OK;
	rocksdb_iter_get_error(it, &error);
	return error == NULL ? STATUS_NOT_FOUND : database_read_error(error);
}

static struct text
iterator_key(const rocksdb_iterator_t *it)
{
	struct text t;

	t.ptr = rocksdb_iter_key(it, &t.len);
	return t;
}

enum status
rocks_scan_next(struct engine_scan *s, struct text *key, struct text *value)
{
	struct rocks_scan *scan = (struct rocks_scan *)(void *)s;
	enum status status;

	if (scan->begun && rocksdb_iter_valid(scan->it))
		rocksdb_iter_next(scan->it);
	scan->begun = true;
	status = iterator_status(scan->it);
	if (status != STATUS_OK)
		return status;
	*key = text_part(iterator_key(scan->it), ENTITY_PREFIX, SIZE_MAX);
	value->ptr = rocksdb_iter_value(scan->it, &value->len);
	return STATUS_OK;
}

void
rocks_scan_close(struct engine_scan *s)
{
	struct rocks_scan *scan = (struct rocks_scan *)(void *)s;
	struct rocks *r = rocks_of(s->engine);

	rocksdb_iter_destroy(scan->it);
	rocksdb_readoptions_destroy(scan->options);
	mem_free(scan);
	gate_leave(&r->gate);
}

/* ---- everything there is ---- */

/* Entities of which only the version is left have no rows. */
static enum status
first_entity(rocksdb_iterator_t *it, struct entity from, uint64_t *id)
{
	struct entity entity;
	struct row_key start;
	struct text key;
	enum status s;

	row_key_make(&start, from, TEXT_EMPTY);
	rocksdb_iter_seek(it, start.byte, start.len);
	for (; (s = iterator_status(it)) == STATUS_OK; rocksdb_iter_next(it)) {
		s = row_key_parse(iterator_key(it), &entity, &key);
		if (s != STATUS_OK)
			return s;
		if (entity.kind != from.kind)
			return STATUS_NOT_FOUND;
		if (key.len == 0)
			continue;
		*id = entity.id;
		return STATUS_OK;
	}
	return s;
}

enum status
rocks_next_entity(struct engine *e, enum entity_kind kind, uint64_t after, bool first, uint64_t *id)
{
	struct rocks *r = rocks_of(e);
	rocksdb_iterator_t *it;
	enum status s = enter(r);

	if (s != STATUS_OK)
		return s;
	it = rocksdb_create_iterator_cf(r->database.db, r->reading, r->database.meta);
	s = first_entity(it, (struct entity){ kind, first ? 0 : after + 1 }, id);
	rocksdb_iter_destroy(it);
	gate_leave(&r->gate);
	return s;
}

/* An iterator reads the piece that it stands on, so the pieces of a blob are
 * not walked: the last one is sought. */
static enum status
first_blob(rocksdb_iterator_t *it, struct blob_id after, struct blob_id *id, uint32_t *pieces)
{
	struct piece_key k;
	struct blob_id found;
	uint16_t piece;
	enum status s;

	piece_key_make(&k, after, UINT16_MAX);
	rocksdb_iter_seek(it, k.byte, sizeof(k.byte));
	s = iterator_status(it);
	if (s == STATUS_OK)
		s = piece_key_parse(iterator_key(it), &found, &piece);
	if (s != STATUS_OK)
		return s;
	piece_key_make(&k, found, UINT16_MAX);
	rocksdb_iter_seek_for_prev(it, k.byte, sizeof(k.byte));
	s = iterator_status(it);
	if (s == STATUS_OK)
		s = piece_key_parse(iterator_key(it), &found, &piece);
	if (s != STATUS_OK)
		return s == STATUS_NOT_FOUND ? STATUS_CORRUPT : s;
	*id = found;
	*pieces = (uint32_t)piece + 1;
	return STATUS_OK;
}

enum status
rocks_next_blob(struct engine *e, struct blob_id after, struct blob_id *id, uint32_t *pieces)
{
	struct rocks *r = rocks_of(e);
	rocksdb_iterator_t *it;
	enum status s = enter(r);

	if (s != STATUS_OK)
		return s;
	it = rocksdb_create_iterator_cf(r->database.db, r->reading, r->database.blob);
	s = first_blob(it, after, id, pieces);
	rocksdb_iter_destroy(it);
	gate_leave(&r->gate);
	return s;
}
