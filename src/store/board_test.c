/* SPDX-License-Identifier: ISC */
/* The board by itself (store/board.h): who may write, and what a start raises. What
 * the store writes on it is seen by imap/select_test.c. */
#include "base/testing.h"

#include <fcntl.h>
#include <stdio.h>

#include "runtime/role.h"
#include "store/board_testing.h"

/* The same file, to be read alone; as the monitor gives it to fronts. */
static int
to_read(int file)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
a_change_is_seen_by_who_reads(void **state)
{
	int file = board_file(), fd = to_read(file);
	struct board *store = board_write(file), *front = board_read(fd);
	uint64_t before = board_at(front, 17), other = board_at(front, 33);

	assert_int_not_equal(before, 0);
	assert_int_equal(board_at(front, 17), before);
	board_changed(store, 17);
	assert_int_not_equal(board_at(front, 17), before);
	assert_int_equal(board_at(front, 33), other);
	board_close(front);
	board_close(store);
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(file), 0);
}

static void
the_next_life_of_the_store_raises_all(void **state)
{
	int file = board_file();
	struct board *front = board_read(file), *store;
	uint64_t before[BOARD_COUNTERS];

	assert_int_equal(board_at(front, 1), 0); /* no store has begun */
	store = board_write(file);
	for (uint32_t i = 0; i < BOARD_COUNTERS; i++)
		before[i] = board_at(front, i);
	board_close(store);
	store = board_write(file);
	for (uint32_t i = 0; i < BOARD_COUNTERS; i++)
		assert_int_not_equal(board_at(front, i), before[i]);
	board_close(store);
	board_close(front);
	assert_int_equal(close(file), 0);
}

static void
who_reads_cannot_write(void **state)
{
	int file = board_file(), fd = to_read(file);

	assert_null(board_write(fd));
	assert_int_not_equal(ftruncate(fd, 0), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(file), 0);
}

static void
without_a_board_nothing_is_known(void **state)
{
	assert_null(board_write(-1));
	board_changed(NULL, 1);
	assert_int_equal(board_at(board_read(-1), 1), 0);
	board_close(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_seen_by_who_reads),
		cmocka_unit_test(the_next_life_of_the_store_raises_all),
		cmocka_unit_test(who_reads_cannot_write),
		cmocka_unit_test(without_a_board_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
