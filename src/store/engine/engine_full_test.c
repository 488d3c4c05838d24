/* SPDX-License-Identifier: ISC */
/*
 * A disk that is full, twice: a small tmpfs (in a mount namespace of its own;
 * needs the right to make one), and a limit on the size of files. A commit
 * ends in FULL and leaves nothing, reading goes on, and when there is room
 * again writing works without a restart.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/engine/engine_child.h"
#include "store/engine/engine_subject.h"

#define BLOB ((size_t)60 << 10)

struct disk {
	char dir[64], store[80];
	struct engine *engine;
	uint32_t count; /* commits that were acknowledged */
};

static struct blob_id
blob_of(uint32_t n)
{
	struct blob_id id = { { 1 } };

	memcpy(id.byte + 8, &n, sizeof(n));
	return id;
}

static enum status
write_one(struct disk *d)
{
	static char bytes[BLOB];
	struct engine_batch b;
	uint32_t n = d->count + 1;
	enum status s;

	memset(bytes, (int)n, sizeof(bytes));
	engine_batch_init(&b, account, d->count);
	engine_put(&b, TEXT("count"), (struct text){ (char *)&n, sizeof(n) });
	engine_blob_put(&b, blob_of(n), 0, (struct text){ bytes, sizeof(bytes) });
	s = engine_commit_wait(d->engine, &b);
	engine_batch_done(&b);
	if (s == STATUS_OK)
		d->count = n;
	return s;
}

static void
check_all(struct disk *d)
{
	struct arena a = ARENA_INIT;
	struct text value;
	uint64_t version;

	CHECK(engine_version(d->engine, account, &version) == STATUS_OK);
	CHECK(version == d->count);
	CHECK(engine_get(d->engine, account, TEXT("count"), &a, &value) == STATUS_OK);
	CHECK(memcmp(value.ptr, &d->count, sizeof(d->count)) == 0);
	for (uint32_t n = 1; n <= d->count; n++) {
		CHECK(engine_blob_get(d->engine, blob_of(n), 0, &a, &value) == STATUS_OK);
		CHECK(value.len == BLOB && value.ptr[BLOB - 1] == (char)n);
		arena_reset(&a);
	}
	CHECK(engine_blob_get(d->engine, blob_of(d->count + 1), 0, &a, &value) == STATUS_NOT_FOUND);
	arena_done(&a);
}

static bool
read_only(struct disk *d)
{
	struct engine_facts f;

	engine_facts_of(d->engine, &f);
	return f.read_only;
}

static void
fill(struct disk *d)
{
	uint64_t alarms = log_alarm_count();
	enum status s;

	while ((s = write_one(d)) == STATUS_OK)
		CHECK(d->count < 100000);
	CHECK(s == STATUS_FULL);
	CHECK(read_only(d));
	check_all(d);
	for (int i = 0; i < 20; i++)
		CHECK(write_one(d) == STATUS_FULL);
	check_all(d);
	CHECK(log_alarm_count() == alarms + 1);
}

/* The engine looks for room by itself and when commits come. */
static void
write_again(struct disk *d)
{
	int64_t late = clock_mono() + 60 * CLOCK_SECOND;
	uint32_t before = d->count;
	enum status s;

	while ((s = write_one(d)) != STATUS_OK) {
		CHECK(s == STATUS_FULL && clock_mono() < late);
		(void)sched_yield();
	}
	CHECK(!read_only(d));
	while (d->count < before + 10)
		CHECK(write_one(d) == STATUS_OK);
	check_all(d);
}

static void
store_open(struct disk *d)
{
	log_set_fd(-1);
	CHECK(snprintf(d->store, sizeof(d->store), "%s/store", d->dir) > 0);
	d->engine = open_rocksdb(d->store);
	CHECK(d->engine != NULL);
}

static void
store_close(struct disk *d)
{
	engine_free(d->engine);
	d->engine = open_rocksdb(d->store);
	CHECK(d->engine != NULL);
	check_all(d);
	engine_free(d->engine);
}

static void
limit_files(rlim_t most)
{
	struct rlimit r;

	CHECK(getrlimit(RLIMIT_FSIZE, &r) == 0);
	r.rlim_cur = most < r.rlim_max ? most : r.rlim_max;
	CHECK(setrlimit(RLIMIT_FSIZE, &r) == 0);
}

static int
limited(void *arg)
{
	struct disk *d = arg;
	rlim_t limit = (rlim_t)200 << 10; /* below the write buffer: the log meets it */

	(void)signal(SIGXFSZ, SIG_IGN);
	store_open(d);
	for (int i = 0; i < 3; i++) {
		limit_files(limit);
		fill(d);
		limit_files(RLIM_INFINITY);
		write_again(d);
	}
	store_close(d);
	return 0;
}

/* In a namespace of this process alone, gone with it. */
static bool
mount_small(const char *dir)
{
	if (unshare(CLONE_NEWNS) != 0)
		return false;
	(void)mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return mount("tmpfs", dir, "tmpfs", 0, "size=64m") == 0;
}

static void
ballast(const struct disk *d, bool there)
{
	char path[80];
	int fd;

	CHECK(snprintf(path, sizeof(path), "%s/ballast", d->dir) > 0);
	if (!there) {
		CHECK(unlink(path) == 0);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	CHECK(fd >= 0 && posix_fallocate(fd, 0, 40 << 20) == 0 && close(fd) == 0);
}

static int
on_small_disk(void *arg)
{
	struct disk *d = arg;

	if (!mount_small(d->dir)) {
		print_message("no tmpfs can be mounted here: %s\n", strerror(errno));
		return CHILD_SKIP;
	}
	ballast(d, true);
	store_open(d);
	fill(d);
	ballast(d, false);
	write_again(d);
	fill(d);
	/* A start on a full disk fails in good order, if it fails. */
	engine_free(d->engine);
	d->engine = open_rocksdb(d->store);
	engine_free(d->engine);
	CHECK(mount(NULL, d->dir, NULL, MS_REMOUNT, "size=128m") == 0);
	d->engine = open_rocksdb(d->store);
	CHECK(d->engine != NULL);
	write_again(d);
	store_close(d);
	return 0;
}

static void
run(int (*test)(void *arg))
{
	struct disk d = { .count = 0 };

#ifdef WITHOUT_ROCKSDB
	print_message("%s\n", WITHOUT_ROCKSDB);
	skip();
#endif
	make_dir(d.dir);
	child_run(test, &d);
	remove_dir(d.dir);
}

static void
a_limit_on_files(void **state)
{
	run(limited);
}

static void
a_small_disk(void **state)
{
	run(on_small_disk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_limit_on_files),
		cmocka_unit_test(a_small_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
