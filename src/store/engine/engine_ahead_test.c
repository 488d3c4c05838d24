/* SPDX-License-Identifier: ISC */
/*
 * Zeros ahead of a log: where they come, when, and that they never meet what
 * is written meanwhile. That they make no difference to what survives is shown
 * by engine_crash_test.c and engine_power_test.c, and that RocksDB's own log has
 * them by engine_rocksdb_test.c.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "store/engine/ahead.h"
#include "store/engine/engine_folder.h"

#define RECORD 5000

struct place {
	char dir[64];
	struct ahead ahead;
	int log; /* as RocksDB holds it: with a position of its own */
	size_t written;
};

static void
log_open(struct place *p, const char *name)
{
	char path[128];

	if (p->log >= 0)
		assert_int_equal(close(p->log), 0);
	(void)snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	p->log = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(p->log >= 0);
	p->written = 0;
}

static int
set_up(void **state)
{
	struct place *p = MEM_NEW(struct place);

	*state = p;
	p->log = -1;
	make_dir(p->dir);
	log_open(p, "000003.log");
	log_open(p, "LOG");
	log_open(p, "000017.log");
	ahead_start(&p->ahead, p->dir);
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;

	ahead_stop(&p->ahead);
	assert_int_equal(close(p->log), 0);
	remove_dir(p->dir);
	mem_free(p);
	return 0;
}

/* Where the folder is on a file system that gains nothing there is nothing to see. */
static struct place *
place_of(void **state)
{
	struct place *p = *state;

	if (p->ahead.path == NULL) {
		print_message("%s: not on ext4 or XFS\n", p->dir);
		skip();
	}
	return p;
}

static void
write_record(struct place *p)
{
	char record[RECORD];

	memset(record, 'a' + (int)(p->written / RECORD % 26), sizeof(record));
	assert_int_equal(write(p->log, record, sizeof(record)), sizeof(record));
	p->written += sizeof(record);
	ahead_wrote(&p->ahead, sizeof(record));
}

static void
settle(struct place *p)
{
	while (atomic_load(&p->ahead.busy))
		(void)sched_yield();
}

static size_t
log_size(const struct place *p)
{
	struct stat s;

	assert_int_equal(fstat(p->log, &s), 0);
	return (size_t)s.st_size;
}

/* All records as they were written, and nothing but zeros behind them. */
static void
check_log(const struct place *p)
{
	size_t size = log_size(p);
	char *all = mem_new(size);

	assert_true(size >= p->written);
	assert_int_equal(pread(p->log, all, size, 0), size);
	for (size_t i = 0; i < size; i++)
		if (all[i] != (i < p->written ? 'a' + (int)(i / RECORD % 26) : 0))
			fail_msg("octet %zu of %zu", i, size);
	mem_free(all);
}

static void
small_groups_get_a_step(void **state)
{
	struct place *p = place_of(state);

	write_record(p);
	settle(p);
	assert_int_equal(log_size(p), AHEAD_STEP);
	check_log(p);
	while (p->written < AHEAD_STEP / 2 - RECORD)
		write_record(p);
	settle(p);
	assert_int_equal(log_size(p), AHEAD_STEP);
	while (log_size(p) < 8 * AHEAD_STEP)
		write_record(p);
	settle(p);
	check_log(p);
}

static void
large_groups_get_none(void **state)
{
	struct place *p = place_of(state);

	for (unsigned i = 0; i < 100; i++)
		ahead_wrote(&p->ahead, AHEAD_SMALL * 8 + 8);
	settle(p);
	assert_int_equal(log_size(p), 0);
	/* A while after the last one they are small again. */
	for (unsigned i = 0; i < 100; i++)
		write_record(p);
	settle(p);
	assert_true(log_size(p) > p->written);
	check_log(p);
}

static void
the_newest_log_gets_them(void **state)
{
	struct place *p = place_of(state);

	write_record(p);
	settle(p);
	log_open(p, "000018.log");
	while (p->written < 2 * AHEAD_STEP) {
		write_record(p);
		settle(p);
	}
	assert_true(log_size(p) > p->written);
	check_log(p);
	log_open(p, "000003.log");
	assert_int_equal(log_size(p), 0);
}

/* A writer that runs past the end of the zeros while they are being added. */
static void
a_writer_that_passes_loses_nothing(void **state)
{
	struct place *p = place_of(state);

	for (unsigned i = 0; i < 20000; i++) {
		write_record(p);
		if (i % 64 == 0) /* as if there were none left */
			atomic_store(&p->ahead.left, 0);
	}
	settle(p);
	check_log(p);
}

static void
a_log_that_is_not_there_does_no_harm(void **state)
{
	struct place *p = place_of(state);
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/000017.log", p->dir);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/000003.log", p->dir);
	assert_int_equal(unlink(path), 0);
	write_record(p);
	settle(p);
	assert_int_equal(log_size(p), p->written);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_groups_get_a_step, set_up, tear_down),
		cmocka_unit_test_setup_teardown(large_groups_get_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_newest_log_gets_them, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_writer_that_passes_loses_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_log_that_is_not_there_does_no_harm, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
