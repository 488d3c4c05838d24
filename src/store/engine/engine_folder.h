/* SPDX-License-Identifier: ISC */
/*
 * RocksDB in folders of their own, for *_test.c files only.
 */
#ifndef STORE_ENGINE_FOLDER_H
#define STORE_ENGINE_FOLDER_H

#include <ftw.h>
#include <stdio.h>

#include "base/testing.h"
#include "store/engine.h"

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

UNUSED static void
remove_dir(const char *dir)
{
	if (dir[0] != 0)
		(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

UNUSED static void
make_dir(char dir[static 64])
{
	const char *tmp = getenv("TMPDIR");

	assert_true(snprintf(dir, 64, "%s/engine-XXXXXX", tmp == NULL ? "/tmp" : tmp) < 64);
	assert_non_null(mkdtemp(dir));
}

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITHOUT_ROCKSDB "RocksDB is not built with TSan: its engine is left out"
#endif
#endif

/* A small write buffer, so that tests see files and not only memory. */
static const struct engine_rocksdb_settings small_buffers = { .cache = 1 << 20,
	.write_buffer = 256 << 10 };

UNUSED static struct engine *
open_rocksdb(const char *dir)
{
	struct engine *e = NULL;
	struct failure f;

	if (engine_rocksdb_open_with(dir, &small_buffers, &e, &f) != STATUS_OK)
		print_error("%s\n", f.log);
	return e;
}

#endif
