/* SPDX-License-Identifier: ISC */
/*
 * RocksDB's options and errors. Debian's librocksdb carries its asserts: every
 * column family handle must be destroyed before the database is closed, and a
 * process must not exit() with the database open.
 */
#include "store/engine/database.h"

#include <string.h>
#include <sys/resource.h>

#include "base/log.h"

#define MIB ((size_t)1 << 20)
#define DEFAULT_CACHE (128 * MIB)
#define DEFAULT_WRITE_BUFFER (64 * MIB)
#define MOST_FILES 4096
#define MAX_WAL (256 * MIB)
#define ROCKSDB_LOG_FATAL 4
/* Kind and id of an entity and the kind of a row; the part of a blob's id that
 * a run of the server has in common. */
#define META_HINT "memtable_insert_with_hint_prefix_extractor=fixed:10"
#define BLOB_HINT "memtable_insert_with_hint_prefix_extractor=fixed:8"

enum { FAMILIES = 3 };

struct opening {
	rocksdb_options_t *db, *meta, *blob;
	rocksdb_block_based_table_options_t *table;
	rocksdb_cache_t *cache;
};

/* Rows are read one at a time (bloom filter: files without the key are not
 * touched) and scanned (8 KiB blocks). Index and filter blocks count against
 * the cache, so that memory stays bounded as the store grows. They are cut into
 * small parts: the filter of a file with millions of rows, as one block, is more
 * than a shard of the cache holds, and would be read from the file each time. */
static rocksdb_block_based_table_options_t *
table_options(rocksdb_cache_t *cache)
{
	rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();

	rocksdb_block_based_options_set_block_cache(t, cache);
	rocksdb_block_based_options_set_block_size(t, 8 << 10);
	rocksdb_block_based_options_set_format_version(t, 5);
	rocksdb_block_based_options_set_filter_policy(
	    t, rocksdb_filterpolicy_create_bloom_full(10));
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
	rocksdb_block_based_options_set_index_type(
	    t, rocksdb_block_based_table_index_type_two_level_index_search);
	rocksdb_block_based_options_set_partition_filters(t, 1);
	rocksdb_block_based_options_set_metadata_block_size(t, 8 << 10);
	rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
	return t;
}

/* Rows of an account mostly come in the order of their keys: an insertion that
 * begins where the last one with the same prefix ended costs a fraction of one
 * from the top of the list. The C interface has no function for this option. */
static rocksdb_options_t *
with_hints(rocksdb_options_t *o, const char *option)
{
	rocksdb_options_t *hinted = rocksdb_options_create();
	char *error = NULL;

	rocksdb_get_options_from_string(o, option, hinted, &error);
	rocksdb_options_destroy(o);
	if (error != NULL)
		die("RocksDB does not know %s: %s", option, error);
	return hinted;
}

static rocksdb_options_t *
family_options(rocksdb_block_based_table_options_t *table, size_t write_buffer)
{
	rocksdb_options_t *o = rocksdb_options_create();

	rocksdb_options_set_block_based_table_factory(o, table);
	rocksdb_options_set_write_buffer_size(o, write_buffer);
	rocksdb_options_set_max_write_buffer_number(o, 3);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
	/* Most deliveries ask for message-ids that nobody has seen. */
	rocksdb_options_set_memtable_prefix_bloom_size_ratio(o, 0.02);
	rocksdb_options_set_memtable_whole_key_filtering(o, 1);
	rocksdb_options_set_compression(o, rocksdb_no_compression);
	return o;
}

/* Pieces are compressed already. Ids grow within a run of the server, so that
 * compactions rarely meet old blobs; engine_compact collects them. */
static rocksdb_options_t *
blob_options(rocksdb_block_based_table_options_t *table, size_t write_buffer)
{
	rocksdb_options_t *o = family_options(table, write_buffer);

	rocksdb_options_set_enable_blob_files(o, 1);
	rocksdb_options_set_min_blob_size(o, 1024);
	rocksdb_options_set_blob_compression_type(o, rocksdb_no_compression);
	rocksdb_options_set_enable_blob_gc(o, 1);
	rocksdb_options_set_blob_gc_age_cutoff(o, 0.25);
	return o;
}

/* Half of what the process may open is for others. */
static int
open_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur / 2 > MOST_FILES)
		return MOST_FILES;
	return r.rlim_cur / 2 < 64 ? 64 : (int)(r.rlim_cur / 2);
}

static rocksdb_options_t *
db_options(void)
{
	rocksdb_options_t *o = rocksdb_options_create();

	rocksdb_options_set_create_if_missing(o, 1);
	rocksdb_options_set_create_missing_column_families(o, 1);
	rocksdb_options_set_max_total_wal_size(o, MAX_WAL);
	rocksdb_options_set_bytes_per_sync(o, MIB);
	rocksdb_options_set_max_background_jobs(o, 3);
	rocksdb_options_set_max_open_files(o, open_files());
	rocksdb_options_set_max_manifest_file_size(o, 16 * MIB);
	/* RocksDB's own log must stay empty: where its asserts are compiled in, it
	 * ends the process when it cannot write a line to a full disk. Without
	 * a size limit even the headers heed the level. */
	rocksdb_options_set_info_log_level(o, ROCKSDB_LOG_FATAL);
	rocksdb_options_set_max_log_file_size(o, 0);
	rocksdb_options_set_keep_log_file_num(o, 2);
	rocksdb_options_set_stats_dump_period_sec(o, 0);
	rocksdb_options_set_stats_persist_period_sec(o, 0);
	rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
	/* One thread writes: nobody to yield to. */
	rocksdb_options_set_enable_write_thread_adaptive_yield(o, 0);
	rocksdb_options_set_allow_concurrent_memtable_write(o, 0);
	return o;
}

static void
opening_init(struct opening *o, const struct engine_rocksdb_settings *how)
{
	size_t write_buffer = how->write_buffer > 0 ? how->write_buffer : DEFAULT_WRITE_BUFFER;

	o->cache = rocksdb_cache_create_lru(how->cache > 0 ? how->cache : DEFAULT_CACHE);
	o->table = table_options(o->cache);
	o->db = db_options();
	o->meta = with_hints(family_options(o->table, write_buffer), META_HINT);
	o->blob = with_hints(blob_options(o->table, write_buffer), BLOB_HINT);
}

static void
opening_done(struct opening *o)
{
	rocksdb_options_destroy(o->blob);
	rocksdb_options_destroy(o->meta);
	rocksdb_options_destroy(o->db);
	rocksdb_block_based_options_destroy(o->table);
	rocksdb_cache_destroy(o->cache);
}

static char *
try_open(const char *path, const struct opening *o, struct database *out)
{
	static const char *const names[FAMILIES] = { "default", "meta", "blob" };
	const rocksdb_options_t *options[FAMILIES] = { o->db, o->meta, o->blob };
	rocksdb_column_family_handle_t *handles[FAMILIES] = { NULL };
	char *error = NULL;
	rocksdb_t *db =
	    rocksdb_open_column_families(o->db, path, FAMILIES, names, options, handles, &error);

	if (error == NULL)
		*out = (struct database){ db, handles[0], handles[1], handles[2] };
	return error;
}

/* RocksDB may be built without this or that compression. */
static char *
open_compressed(const char *path, const struct opening *o, struct database *out)
{
	static const int kinds[] = { rocksdb_lz4_compression, rocksdb_zstd_compression,
		rocksdb_no_compression };
	char *error = NULL;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		rocksdb_free(error);
		rocksdb_options_set_compression(o->meta, kinds[i]);
		error = try_open(path, o, out);
		if (error == NULL || strstr(error, "not linked") == NULL)
			break;
	}
	return error;
}

static bool
says_no_room(const char *error)
{
	return strstr(error, "No space left") != NULL || strstr(error, "quota exceeded") != NULL ||
	       strstr(error, "File too large") != NULL;
}

static enum status
open_error(char *error, const char *path, struct failure *f)
{
	enum status s = STATUS_IO;

	if (says_no_room(error))
		s = STATUS_FULL;
	else if (strncmp(error, "Corruption", 10) == 0)
		s = STATUS_CORRUPT;
	else if (strstr(error, "lock") != NULL)
		s = STATUS_UNAVAILABLE;
	s = fail(f, s, "The store cannot be opened", "%s: %s%s", path, error,
	    s == STATUS_UNAVAILABLE ? " (is another server running on this folder?)" : "");
	rocksdb_free(error);
	return s;
}

enum status
database_open(const char *path, const struct engine_rocksdb_settings *how, struct database *out,
    struct failure *f)
{
	struct opening o;
	char *error;

	opening_init(&o, how);
	error = open_compressed(path, &o, out);
	opening_done(&o);
	return error == NULL ? STATUS_OK : open_error(error, path, f);
}

void
database_close(struct database *d)
{
	if (d->db == NULL)
		return;
	rocksdb_column_family_handle_destroy(d->blob);
	rocksdb_column_family_handle_destroy(d->meta);
	rocksdb_column_family_handle_destroy(d->none);
	rocksdb_close(d->db);
	*d = (struct database){ .db = NULL };
}

/* A record that could not be appended whole is not read when the log is
 * replayed, and RocksDB refuses writes after a failure with other files. What
 * else may go wrong (a sync of the log or of its folder) comes after the record
 * reached the log. */
static bool
was_not_written(const char *error)
{
	static const char *const before[] = { "While append", "While open", ".sst", ".blob",
		"MANIFEST" };

	for (size_t i = 0; i < ARRAY_LEN(before); i++)
		if (strstr(error, before[i]) != NULL)
			return true;
	return false;
}

enum status
database_write_error(char *error, struct buffer *log)
{
	enum status s = STATUS_IO;

	buffer_add_string(log, error);
	if (!was_not_written(error))
		s = STATUS_AMBIGUOUS;
	else if (says_no_room(error))
		s = STATUS_FULL;
	rocksdb_free(error);
	return s;
}

enum status
database_read_error(char *error)
{
	enum status s = strncmp(error, "Corruption", 10) == 0 ? STATUS_CORRUPT : STATUS_IO;

	LOG_ALARM("store.read_failed", FIELD_STATUS(s), FIELD_STRING("reason", error));
	rocksdb_free(error);
	return s;
}
