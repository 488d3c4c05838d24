/* SPDX-License-Identifier: ISC */
/*
 * What the RocksDB engine has beyond the others: its folder, who may open it,
 * and disk space that comes back.
 */
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/log.h"
#include "store/engine/ahead.h"
#include "store/engine/engine_subject.h"
#include "store/engine/files.h"

#ifndef WITHOUT_ROCKSDB

static void
path_of(char out[static 128], const char *dir, const char *name)
{
	assert_true(snprintf(out, 128, "%s/%s", dir, name) < 128);
}

static void
write_file(const char *dir, const char *name, struct text t)
{
	char path[128];
	int fd;

	path_of(path, dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, t.ptr, t.len), t.len);
	assert_int_equal(close(fd), 0);
}

static enum status
try_open(const char *dir, struct failure *f)
{
	struct engine *e;
	enum status s = engine_rocksdb_open_with(dir, &small_buffers, &e, f);

	if (s == STATUS_OK)
		engine_free(e);
	return s;
}

static int
only_owner(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return (st->st_mode & 077) != 0;
}

static void
the_folder_is_made(void **state)
{
	char base[64], dir[128], path[128], line[64] = "";
	struct failure f;
	int fd;

	make_dir(base);
	path_of(dir, base, "store");
	assert_ok(try_open(dir, &f));
	assert_ok(try_open(dir, &f));
	assert_int_equal(nftw(dir, only_owner, 16, FTW_PHYS), 0);
	path_of(path, dir, "format");
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, line, sizeof(line)), strlen(FILES_FORMAT));
	assert_string_equal(line, FILES_FORMAT);
	assert_int_equal(close(fd), 0);
	remove_dir(base);
}

static void
other_folders_are_refused(void **state)
{
	char base[64], dir[128];
	struct failure f;

	make_dir(base);
	path_of(dir, base, "store");
	assert_ok(try_open(dir, &f));
	write_file(dir, "format", TEXT("mailstead store 2\n"));
	assert_int_equal(try_open(dir, &f), STATUS_INVALID);
	assert_non_null(strstr(f.log, "mailstead store 2"));
	assert_non_null(strstr(f.log, "\"mailstead store 1\""));
	write_file(dir, "format", TEXT(""));
	assert_int_equal(try_open(dir, &f), STATUS_INVALID);
	write_file(dir, "format", TEXT("mailstead store 1\nmore"));
	assert_int_equal(try_open(dir, &f), STATUS_INVALID);
	path_of(dir, base, "store/format");
	assert_int_equal(unlink(dir), 0);
	path_of(dir, base, "store");
	assert_int_equal(try_open(dir, &f), STATUS_INVALID); /* a database without its format */
	write_file(dir, "format", TEXT(FILES_FORMAT));
	assert_ok(try_open(dir, &f));
	path_of(dir, base, "no/store");
	assert_int_equal(try_open(dir, &f), STATUS_IO);
	remove_dir(base);
}

static void
one_opens_it_at_a_time(void **state)
{
	struct engine *e;
	struct failure f;
	char dir[64];

	make_dir(dir);
	assert_ok(engine_rocksdb_open_with(dir, &small_buffers, &e, &f));
	assert_int_equal(try_open(dir, &f), STATUS_UNAVAILABLE);
	put_now(e, account, TEXT("k"), TEXT("v"));
	engine_free(e);
	assert_ok(try_open(dir, &f));
	remove_dir(dir);
}

static void
a_damaged_database_is_refused(void **state)
{
	struct failure f;
	char dir[64];

	make_dir(dir);
	assert_ok(try_open(dir, &f));
	write_file(dir, "db/CURRENT", TEXT("MANIFEST-999999\n"));
	assert_int_not_equal(try_open(dir, &f), STATUS_OK);
	assert_true(strlen(f.log) > 0);
	remove_dir(dir);
}

/* ---- space ---- */

#define BLOBS 600
#define BLOB ((size_t)20 << 10)

static uint64_t found;

static int
add_blob_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (text_ends(text_of(path), TEXT(".blob")))
		found += (uint64_t)st->st_size;
	return 0;
}

static uint64_t
blob_files(const char *dir)
{
	found = 0;
	(void)nftw(dir, add_blob_file, 16, FTW_PHYS);
	return found;
}

static struct blob_id
blob_of(uint32_t n)
{
	struct blob_id id = { { 5 } };

	memcpy(id.byte + 8, &n, sizeof(n));
	return id;
}

static void
each_blob(struct engine *e, bool puts, uint32_t step)
{
	static char bytes[BLOB];

	for (uint32_t n = 0; n < BLOBS; n += step) {
		struct engine_batch b;

		begin_batch(e, &b, account);
		memset(bytes, (int)n, sizeof(bytes));
		if (puts)
			engine_blob_put(&b, blob_of(n), 0, (struct text){ bytes, sizeof(bytes) });
		else
			engine_blob_delete(&b, blob_of(n), 1);
		(void)commit_surely(e, &b);
	}
}

static void
check_blobs(struct engine *e, uint32_t step)
{
	struct arena a = ARENA_INIT;
	struct text bytes;

	for (uint32_t n = 0; n < BLOBS; n++) {
		enum status s = engine_blob_get(e, blob_of(n), 0, &a, &bytes);

		assert_int_equal(s, n % step == 0 ? STATUS_NOT_FOUND : STATUS_OK);
		if (s == STATUS_OK)
			assert_true(bytes.len == BLOB && bytes.ptr[BLOB / 2] == (char)n);
		arena_reset(&a);
	}
	arena_done(&a);
}

static void
space_comes_back(void **state)
{
	struct engine *e;
	struct failure f;
	uint64_t all, less;
	char dir[64];

	make_dir(dir);
	assert_ok(engine_rocksdb_open_with(dir, &small_buffers, &e, &f));
	each_blob(e, true, 1);
	engine_compact(e);
	all = blob_files(dir);
	assert_in_range(all, BLOBS * BLOB * 9 / 10, BLOBS * BLOB * 11 / 10);
	each_blob(e, false, 10);
	engine_compact(e); /* a tenth is not worth writing the rest anew */
	check_blobs(e, 10);
	each_blob(e, false, 2);
	engine_compact(e);
	check_blobs(e, 2);
	less = blob_files(dir);
	assert_true(less < all * 6 / 10);
	assert_true(less >= all * 4 / 10);
	engine_free(e);
	assert_ok(engine_rocksdb_open_with(dir, &small_buffers, &e, &f));
	check_blobs(e, 2);
	engine_free(e);
	remove_dir(dir);
}

/* Octets of all logs, as long as they are. */
static size_t logged;

static int
add_log(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (text_ends(text_of(path), TEXT(".log")))
		logged += (size_t)st->st_size;
	return 0;
}

static size_t
log_sizes(const char *dir)
{
	logged = 0;
	assert_int_equal(nftw(dir, add_log, 16, FTW_PHYS), 0);
	return logged;
}

/* While commits are small the log is longer than what was written to it; closed,
 * it is not, and all is there. */
static void
zeros_lie_ahead_of_small_commits(void **state)
{
	const struct entity entity = { ENTITY_ACCOUNT, 1 };
	struct statfs fs;
	struct engine *e;
	struct failure f;
	char dir[64];
	uint64_t version = 0, there;

	make_dir(dir);
	assert_int_equal(statfs(dir, &fs), 0);
	assert_ok(engine_rocksdb_open_with(dir, &small_buffers, &e, &f));
	do {
		struct engine_batch b;

		engine_batch_init(&b, entity, version);
		engine_put(&b, TEXT("key"), TEXT("value"));
		version = commit_surely(e, &b);
	} while (log_sizes(dir) < AHEAD_STEP && version < 100000 && fs.f_type == EXT4_SUPER_MAGIC);
	assert_true(fs.f_type != EXT4_SUPER_MAGIC || log_sizes(dir) >= AHEAD_STEP);
	engine_free(e);
	assert_true(log_sizes(dir) < version * 200 + 1000);
	assert_ok(engine_rocksdb_open_with(dir, &small_buffers, &e, &f));
	assert_ok(engine_version(e, entity, &there));
	assert_int_equal(there, version);
	engine_free(e);
	remove_dir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_folder_is_made),
		cmocka_unit_test(other_folders_are_refused),
		cmocka_unit_test(one_opens_it_at_a_time),
		cmocka_unit_test(a_damaged_database_is_refused),
		cmocka_unit_test(space_comes_back),
		cmocka_unit_test(zeros_lie_ahead_of_small_commits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int
main(void)
{
	print_message("%s\n", WITHOUT_ROCKSDB);
	return 77;
}

#endif
