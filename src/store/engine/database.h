/* SPDX-License-Identifier: ISC */
/*
 * RocksDB opened as the store wants it: two column families, `meta` for rows
 * and versions, `blob` for pieces, whose values stand in blob files beside the
 * LSM tree. Options and their reasons are in database.c.
 */
#ifndef STORE_ENGINE_DATABASE_H
#define STORE_ENGINE_DATABASE_H

#include <rocksdb/c.h>

#include "store/engine.h"

struct database {
	rocksdb_t *db; /* NULL: not open */
	rocksdb_column_family_handle_t *none, *meta, *blob;
};

/* path: of the database itself, created if missing. */
enum status database_open(const char *path, const struct engine_rocksdb_settings *how,
    struct database *out, struct failure *f) MUST_CHECK;
/* Nothing of it may be in use. Harmless when it is not open. */
void database_close(struct database *d);

/* What RocksDB's words mean for the batches that met them first; copies them to
 * the log and frees them. FULL and IO: nothing was written. AMBIGUOUS. */
enum status database_write_error(char *error, struct buffer *log) MUST_CHECK;
/* The same for a read: CORRUPT or IO; logs. */
enum status database_read_error(char *error) MUST_CHECK;

#endif
