/* SPDX-License-Identifier: ISC */
/*
 * Disks that fail: this program stands between RocksDB and the system's
 * write(2) and fdatasync(2) and lets chosen ones fail, on the write-ahead log
 * or on everything. What was not acknowledged is never half there; what may be
 * there is called AMBIGUOUS and decided before the version can be read again.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/engine/engine_subject.h"

#ifndef WITHOUT_ROCKSDB

/* ---- the failing disk ---- */

enum target { NOTHING, LOG_FILES, DATABASE, FOLDER, EVERYTHING };

static _Atomic int fail_write = NOTHING, fail_sync = NOTHING;
static _Atomic int fail_errno = EIO;

static bool
is_target(int fd, int target)
{
	char link[64], path[256];
	ssize_t n;

	if (target == NOTHING)
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	if (n < 0 || text_find((struct text){ path, (size_t)n }, TEXT("/engine-"), 0) == (size_t)n)
		return false;
	if (target == DATABASE)
		return text_find((struct text){ path, (size_t)n }, TEXT("/db/"), 0) < (size_t)n;
	if (target == FOLDER)
		return text_ends((struct text){ path, (size_t)n }, TEXT("/db"));
	return target == EVERYTHING || text_ends((struct text){ path, (size_t)n }, TEXT(".log"));
}

__attribute__((visibility("default"))) ssize_t write(int fd, const void *bytes, size_t n);
__attribute__((visibility("default"))) int fdatasync(int fd);
__attribute__((visibility("default"))) int fsync(int fd);

/* Half of the bytes arrive, as on a disk that fills up. */
ssize_t
write(int fd, const void *bytes, size_t n)
{
	if (!is_target(fd, atomic_load(&fail_write)))
		return syscall(SYS_write, fd, bytes, n);
	(void)syscall(SYS_write, fd, bytes, n / 2);
	errno = atomic_load(&fail_errno);
	return -1;
}

int
fdatasync(int fd)
{
	if (!is_target(fd, atomic_load(&fail_sync)))
		return (int)syscall(SYS_fdatasync, fd);
	errno = atomic_load(&fail_errno);
	return -1;
}

int
fsync(int fd)
{
	if (!is_target(fd, atomic_load(&fail_sync)))
		return (int)syscall(SYS_fsync, fd);
	errno = atomic_load(&fail_errno);
	return -1;
}

static void
disk_fails(int writes, int syncs, int error)
{
	atomic_store(&fail_errno, error);
	atomic_store(&fail_write, writes);
	atomic_store(&fail_sync, syncs);
}

/* ---- a store on it ---- */

struct disk {
	char dir[64];
	struct engine *engine;
};

static int
set_up(void **state)
{
	struct disk *d = MEM_NEW(struct disk);

	log_set_fd(-1);
	disk_fails(NOTHING, NOTHING, EIO);
	make_dir(d->dir);
	d->engine = open_rocksdb(d->dir);
	*state = d;
	return d->engine == NULL;
}

static int
tear_down(void **state)
{
	struct disk *d = *state;

	disk_fails(NOTHING, NOTHING, EIO);
	engine_free(d->engine);
	remove_dir(d->dir);
	mem_free(d);
	return 0;
}

static enum status
put(struct disk *d, uint64_t guard, const char *key)
{
	static const char bytes[2000] = "blob";
	struct engine_batch b;
	enum status s;

	engine_batch_init(&b, account, guard);
	engine_put(&b, text_of(key), TEXT("value"));
	engine_put(&b, TEXT("last"), text_of(key));
	engine_blob_put(
	    &b, (struct blob_id){ { (uint8_t)key[0] } }, 0, (struct text){ bytes, sizeof(bytes) });
	s = engine_commit_wait(d->engine, &b);
	engine_batch_done(&b);
	return s;
}

static enum status
get(struct disk *d, const char *key)
{
	struct arena a = ARENA_INIT;
	struct text value;
	enum status row = engine_get(d->engine, account, text_of(key), &a, &value);
	enum status blob =
	    engine_blob_get(d->engine, (struct blob_id){ { (uint8_t)key[0] } }, 0, &a, &value);

	arena_done(&a);
	assert_int_equal(row, blob); /* whole or not at all */
	return row;
}

static bool
read_only(struct disk *d)
{
	struct engine_facts f;

	engine_facts_of(d->engine, &f);
	return f.read_only;
}

/* The engine looks after its disk every second, asked or not. */
static void
wait_until_it_works(struct disk *d)
{
	int64_t late = clock_mono() + 60 * CLOCK_SECOND;

	while (read_only(d)) {
		assert_true(clock_mono() < late);
		(void)sched_yield();
	}
}

static uint64_t
version_of(struct disk *d)
{
	uint64_t version;

	assert_ok(engine_version(d->engine, account, &version));
	return version;
}

static void
assert_lasting(struct disk *d, const char *key, enum status there, uint64_t version)
{
	assert_int_equal(version_of(d), version);
	assert_int_equal(get(d, key), there);
	assert_ok(put(d, version, "z"));
	engine_free(d->engine);
	d->engine = open_rocksdb(d->dir);
	assert_non_null(d->engine);
	assert_int_equal(version_of(d), version + 1);
	assert_int_equal(get(d, key), there);
	assert_ok(get(d, "z"));
}

/* ---- what may befall ---- */

static void
half_a_record(struct disk *d, int error, enum status expected)
{
	uint64_t alarms = log_alarm_count();

	assert_ok(put(d, 0, "a"));
	disk_fails(LOG_FILES, NOTHING, error);
	assert_int_equal(put(d, 1, "b"), expected);
	assert_true(read_only(d));
	assert_int_equal(version_of(d), 1);
	assert_ok(get(d, "a"));
	assert_int_equal(get(d, "b"), STATUS_NOT_FOUND);
	assert_int_equal(log_alarm_count(), alarms + 1);
	disk_fails(NOTHING, NOTHING, EIO);
	wait_until_it_works(d);
	assert_lasting(d, "b", STATUS_NOT_FOUND, 1);
}

static void
a_write_that_fails(void **state)
{
	half_a_record(*state, EIO, STATUS_IO);
}

static void
a_write_without_room(void **state)
{
	half_a_record(*state, ENOSPC, STATUS_FULL);
}

static void
a_write_beyond_the_quota(void **state)
{
	half_a_record(*state, EDQUOT, STATUS_FULL);
}

/* The very first record of a database: nothing was in memory yet. */
static void
a_first_write_that_fails(void **state)
{
	struct disk *d = *state;

	disk_fails(LOG_FILES, NOTHING, ENOSPC);
	assert_int_equal(put(d, 0, "a"), STATUS_FULL);
	disk_fails(NOTHING, NOTHING, EIO);
	wait_until_it_works(d);
	assert_ok(put(d, 0, "b"));
	assert_lasting(d, "a", STATUS_NOT_FOUND, 1);
}

/* The record is in the log, and a reopening finds it. */
static void
a_sync_that_fails(void **state)
{
	struct disk *d = *state;
	uint64_t version = 99;

	assert_ok(put(d, 0, "a"));
	disk_fails(NOTHING, LOG_FILES, EIO);
	assert_int_equal(put(d, 1, "b"), STATUS_AMBIGUOUS);
	disk_fails(EVERYTHING, EVERYTHING, EIO);
	assert_ok(get(d, "a"));
	assert_int_equal(engine_version(d->engine, account, &version), STATUS_IO);
	assert_int_equal(version, 99);
	assert_int_equal(put(d, 1, "c"), STATUS_IO);
	disk_fails(NOTHING, NOTHING, EIO);
	wait_until_it_works(d);
	version = version_of(d);
	assert_int_equal(get(d, "b"), version == 2 ? STATUS_OK : STATUS_NOT_FOUND);
	assert_int_equal(version, 2); /* as it is here; both are right */
	assert_int_equal(get(d, "c"), STATUS_NOT_FOUND);
	assert_int_equal(put(d, 1, "c"), STATUS_CONFLICT);
	assert_lasting(d, "b", STATUS_OK, 2);
}

/* RocksDB may have recovered by itself in between, and dropped the record:
 * either way is right, as long as it stays. */
static void
a_sync_without_room(void **state)
{
	struct disk *d = *state;
	uint64_t version;

	assert_ok(put(d, 0, "a"));
	disk_fails(NOTHING, LOG_FILES, ENOSPC);
	assert_int_equal(put(d, 1, "b"), STATUS_AMBIGUOUS);
	disk_fails(NOTHING, NOTHING, EIO);
	wait_until_it_works(d);
	version = version_of(d);
	assert_in_range(version, 1, 2);
	assert_lasting(d, "b", version == 2 ? STATUS_OK : STATUS_NOT_FOUND, version);
}

/* The first commit after opening syncs the folder, when the log is synced. */
static void
a_folder_that_does_not_sync(void **state)
{
	struct disk *d = *state;
	uint64_t version;

	disk_fails(NOTHING, FOLDER, EIO);
	assert_int_equal(put(d, 0, "b"), STATUS_AMBIGUOUS);
	disk_fails(NOTHING, NOTHING, EIO);
	wait_until_it_works(d);
	version = version_of(d);
	assert_in_range(version, 0, 1);
	assert_lasting(d, "b", version == 1 ? STATUS_OK : STATUS_NOT_FOUND, version);
}

/* While somebody scans, the database is not closed: he reads on. */
static void
a_scan_over_a_failure(void **state)
{
	struct disk *d = *state;
	struct engine_scan *scan;
	struct text key, value;

	assert_ok(put(d, 0, "a"));
	assert_ok(engine_scan_open(d->engine, account, TEXT_EMPTY, TEXT_EMPTY, &scan));
	assert_ok(engine_scan_next(scan, &key, &value));
	assert_text(key, "a");
	disk_fails(LOG_FILES, NOTHING, ENOSPC);
	assert_int_equal(put(d, 1, "b"), STATUS_FULL);
	disk_fails(NOTHING, NOTHING, EIO);
	assert_int_equal(put(d, 1, "b"), STATUS_FULL); /* the scan keeps it from reopening */
	assert_text(key, "a");
	assert_ok(engine_scan_next(scan, &key, &value));
	assert_text(key, "last");
	assert_text(value, "a");
	assert_int_equal(engine_scan_next(scan, &key, &value), STATUS_NOT_FOUND);
	assert_true(read_only(d));
	engine_scan_close(scan);
	wait_until_it_works(d);
	assert_lasting(d, "b", STATUS_NOT_FOUND, 1);
}

/* There seems to be room, but the database cannot be opened: reads fail in
 * good order too, until it can. */
static void
a_reopening_that_fails(void **state)
{
	struct disk *d = *state;
	uint64_t alarms = log_alarm_count();

	assert_ok(put(d, 0, "a"));
	disk_fails(DATABASE, NOTHING, EIO);
	assert_int_equal(put(d, 1, "b"), STATUS_IO);
	while (get(d, "a") == STATUS_OK)
		assert_int_equal(put(d, 1, "b"), STATUS_IO);
	assert_int_equal(get(d, "a"), STATUS_IO);
	engine_compact(d->engine);
	assert_int_equal(log_alarm_count(), alarms + 2);
	disk_fails(NOTHING, NOTHING, EIO);
	wait_until_it_works(d);
	assert_lasting(d, "b", STATUS_NOT_FOUND, 1);
}

static void
count_end(struct engine_batch *b, enum status s)
{
	_Atomic unsigned *ends = b->context;

	(void)atomic_fetch_add(&ends[s], 1);
}

/* Every batch ends, and those that ended in OK are there and no others. */
static void
many_in_flight(void **state)
{
	enum { COUNT = 2000 };
	struct disk *d = *state;
	struct engine_batch *each = mem_array(COUNT, sizeof(*each));
	_Atomic unsigned ends[STATUS_COUNT] = { 0 };
	unsigned sum = 0, there = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		engine_batch_init(&each[i], (struct entity){ ENTITY_QUEUE, i }, 0);
		engine_put(&each[i], TEXT("k"), TEXT("v"));
		each[i].done = count_end;
		each[i].context = ends;
		if (i == COUNT / 2)
			disk_fails(LOG_FILES, NOTHING, ENOSPC);
		engine_commit(d->engine, &each[i]);
	}
	while (sum < COUNT)
		for (size_t s = sum = 0; s < STATUS_COUNT; s++)
			sum += atomic_load(&ends[s]);
	disk_fails(NOTHING, NOTHING, EIO);
	wait_until_it_works(d);
	for (unsigned i = 0; i < COUNT; i++) {
		uint64_t version;

		assert_ok(engine_version(d->engine, each[i].entity, &version));
		there += version == 1;
		engine_batch_done(&each[i]);
	}
	assert_int_equal(ends[STATUS_OK] + ends[STATUS_FULL], COUNT);
	assert_int_equal(there, ends[STATUS_OK]);
	assert_true(ends[STATUS_FULL] > 0);
	mem_free(each);
}

/* Freed while the disk is bad: nothing hangs, and it opens when it is good. */
static void
freed_in_trouble(void **state)
{
	struct disk *d = *state;

	assert_ok(put(d, 0, "a"));
	disk_fails(LOG_FILES, EVERYTHING, EIO);
	assert_int_equal(put(d, 1, "b"), STATUS_IO);
	engine_free(d->engine);
	disk_fails(NOTHING, NOTHING, EIO);
	d->engine = open_rocksdb(d->dir);
	assert_non_null(d->engine);
	assert_lasting(d, "b", STATUS_NOT_FOUND, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_write_that_fails),
		TEST(a_write_without_room),
		TEST(a_write_beyond_the_quota),
		TEST(a_first_write_that_fails),
		TEST(a_sync_that_fails),
		TEST(a_sync_without_room),
		TEST(a_folder_that_does_not_sync),
		TEST(a_scan_over_a_failure),
		TEST(a_reopening_that_fails),
		TEST(many_in_flight),
		TEST(freed_in_trouble),
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
