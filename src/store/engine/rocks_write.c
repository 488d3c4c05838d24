/* SPDX-License-Identifier: ISC */
/*
 * The group writer: one thread takes every batch that is ready, holds guards
 * against versions, builds one WriteBatch, syncs once and tells the ends.
 * Meanwhile the next batches queue up; the slower the disk, the larger the
 * groups. A batch that comes while it sleeps is written by who brings it, so
 * that no thread has to be woken for one that is alone.
 *
 * When a write fails, every batch of the group ends in FULL, IO or AMBIGUOUS
 * and nothing is written until the database was closed and opened again:
 * RocksDB refuses further writes anyway, and replaying the log is what decides
 * a batch that reached the log without being synced. That is done once the
 * disk takes bytes again, looked at when batches come and every second.
 */
#include "base/log.h"
#include "store/engine/files.h"
#include "store/engine/keys.h"
#include "store/engine/rocks.h"

#define RETRY_US 200000
#define PATIENCE_US 1000000
#define GATE_US 500000

/* ---- building a group ---- */

static void
add_version(struct rocks *r, struct entity entity, uint64_t version)
{
	struct row_key k;
	char value[8];

	row_key_make(&k, entity, TEXT_EMPTY);
	version_encode(version, value);
	rocksdb_writebatch_put_cf(
	    r->group.writes, r->database.meta, k.byte, k.len, value, sizeof(value));
	versions_pend(&r->versions, entity, version);
}

static void
add_row(struct rocks *r, struct entity entity, const struct engine_write *w)
{
	struct row_key k;

	row_key_make(&k, entity, w->key);
	if (w->kind == ENGINE_PUT)
		rocksdb_writebatch_put_cf(
		    r->group.writes, r->database.meta, k.byte, k.len, w->value.ptr, w->value.len);
	else
		rocksdb_writebatch_delete_cf(r->group.writes, r->database.meta, k.byte, k.len);
}

static void
add_blob(struct rocks *r, const struct engine_write *w)
{
	struct piece_key k;

	if (w->kind == ENGINE_BLOB_PUT) {
		piece_key_make(&k, w->blob, w->piece);
		rocksdb_writebatch_put_cf(r->group.writes, r->database.blob, k.byte, sizeof(k.byte),
		    w->value.ptr, w->value.len);
		return;
	}
	for (uint16_t piece = 0; piece < w->piece; piece++) {
		piece_key_make(&k, w->blob, piece);
		rocksdb_writebatch_delete_cf(
		    r->group.writes, r->database.blob, k.byte, sizeof(k.byte));
	}
}

static enum status
known_version(struct rocks *r, struct entity entity, uint64_t *version)
{
	enum status s;

	if (versions_find(&r->versions, entity, version))
		return STATUS_OK;
	s = rocks_read_version(r, entity, version);
	if (s == STATUS_OK)
		versions_learn(&r->versions, entity, *version);
	return s;
}

static enum status
admit(struct rocks *r, const struct engine_batch *b)
{
	uint64_t version;
	enum status s;

	if (b->bytes > ENGINE_BATCH_MAX)
		return STATUS_LIMIT;
	s = known_version(r, b->entity, &version);
	if (s != STATUS_OK)
		return STATUS_IO;
	if (version != b->guard)
		return STATUS_CONFLICT;
	for (size_t i = 0; i < b->count; i++) {
		const struct engine_write *w = &b->writes[i];

		if (w->kind == ENGINE_PUT || w->kind == ENGINE_DELETE)
			add_row(r, b->entity, w);
		else
			add_blob(r, w);
	}
	add_version(r, b->entity, version + 1);
	r->group.admitted++;
	r->group.bytes += b->bytes;
	return STATUS_OK;
}

/* Takes the first batch off the queue into the group. */
static struct member *
take(struct rocks *r)
{
	struct member *m = &r->group.members[r->group.count++];

	m->batch = r->queue;
	m->entity = m->batch->entity;
	r->queue = m->batch->next;
	return m;
}

static void
form_group(struct rocks *r)
{
	r->group.count = r->group.admitted = r->group.bytes = 0;
	rocksdb_writebatch_clear(r->group.writes);
	while (r->queue != NULL && r->group.count < GROUP_MOST && r->group.bytes < GROUP_BYTES) {
		struct member *m = take(r);

		m->status = admit(r, m->batch);
	}
}

/* ---- ending it ---- */

static void
tell(struct rocks *r)
{
	for (size_t i = 0; i < r->group.count; i++) {
		struct member *m = &r->group.members[i];

		m->batch->done(m->batch, m->status); /* the batch is gone now */
	}
	for (size_t i = 0; i < r->group.count; i++)
		if (r->group.members[i].status == STATUS_OK)
			notices_fire(&r->base.notices, r->group.members[i].entity);
}

static void
count_group(struct rocks *r)
{
	size_t size;

	(void)rocksdb_writebatch_data(r->group.writes, &size);
	engine_count(&r->base.counts.groups, 1);
	engine_count(&r->base.counts.commits, r->group.admitted);
	engine_count(&r->base.counts.bytes_written, size);
	ahead_wrote(&r->ahead, size);
}

/* The admitted ones end in s. */
static void
fail_group(struct rocks *r, enum status s)
{
	for (size_t i = 0; i < r->group.count; i++)
		if (r->group.members[i].status == STATUS_OK)
			r->group.members[i].status = s;
}

static enum status
fall_into_trouble(struct rocks *r, char *error)
{
	struct buffer reason = BUFFER_INIT;
	enum status s = database_write_error(error, &reason);

	r->trouble = (struct trouble){ .failed = true };
	r->trouble.status = s == STATUS_FULL ? STATUS_FULL : STATUS_IO; /* of what comes after */
	atomic_store(&r->base.read_only, true);
	if (s == STATUS_AMBIGUOUS)
		atomic_store(&r->undecided, true);
	LOG_ALARM("store.write_failed", FIELD_STATUS(s),
	    FIELD_STRING("reason", buffer_string(&reason)), FIELD_STRING("dir", r->dir));
	buffer_done(&reason);
	return s;
}

static void
write_group(struct rocks *r)
{
	char *error = NULL;

	form_group(r);
	if (r->group.admitted > 0)
		rocksdb_write(r->database.db, r->synced, r->group.writes, &error);
	versions_settle(&r->versions, error == NULL);
	if (error != NULL)
		fail_group(r, fall_into_trouble(r, error));
	else if (r->group.admitted > 0)
		count_group(r);
	tell(r);
}

void
rocks_write_one(struct rocks *r, struct engine_batch *b)
{
	b->next = NULL;
	r->queue = b;
	write_group(r);
}

/* ---- after a failure ---- */

static void
refuse_all(struct rocks *r)
{
	while (r->queue != NULL) {
		r->group.count = 0;
		while (r->queue != NULL && r->group.count < GROUP_MOST)
			take(r)->status = r->trouble.status;
		tell(r);
	}
}

static void
out_of_trouble(struct rocks *r)
{
	r->trouble = (struct trouble){ .failed = false };
	versions_forget(&r->versions);
	atomic_store(&r->undecided, false);
	atomic_store(&r->base.read_only, false);
	LOG_WARN("store.writes_again", FIELD_STRING("dir", r->dir));
}

/* Readers are kept out. */
static void
reopen(struct rocks *r)
{
	struct failure f;

	database_close(&r->database);
	if (database_open(r->path, &r->how, &r->database, &f) == STATUS_OK) {
		out_of_trouble(r);
		return;
	}
	if (!r->trouble.alarmed)
		LOG_ALARM("store.reopen_failed", FIELD_STRING("reason", f.log));
	r->trouble.alarmed = true;
}

static void
try_again(struct rocks *r)
{
	if (inbox_now() < r->trouble.next_try)
		return;
	if (files_have_room(r->dir) && gate_close(&r->gate, GATE_US)) {
		reopen(r);
		gate_open(&r->gate);
	}
	r->trouble.next_try = inbox_now() + RETRY_US;
}

void *
rocks_write_run(void *arg)
{
	struct rocks *r = arg;

	while (r->queue != NULL || !inbox_ended(&r->inbox)) {
		if (r->queue == NULL)
			r->queue = inbox_take(&r->inbox, r->trouble.failed ? PATIENCE_US : -1);
		if (r->trouble.failed)
			try_again(r);
		if (r->trouble.failed)
			refuse_all(r);
		else if (r->queue != NULL)
			write_group(r);
	}
	return NULL;
}
