/* SPDX-License-Identifier: ISC */
/* How the store begins: with a board that it can write on, without any, and not with
 * one that it cannot write on. */
#include "base/testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "role/roles.h"
#include "store/board_testing.h"

static enum status
begins(int board, struct failure *f)
{
	const struct role_start start = { .role = ROLE_STORE,
		.engine = TEXT("memory"),
		.hostname = TEXT("mail.demo.test"),
		.secret = { [SECRET_TOKEN] = TEXT("0123456789abcdef0123456789abcdef") },
		.notes = -1,
		.board = board };
	struct call_server_config config = { 0 };
	void *context;
	enum status s;

	assert_ok(role_store_ops.prepare(&start, &context, f));
	s = role_store_ops.serve(context, &config, f);
	role_store_ops.stop(context, 0);
	return s;
}

static void
it_raises_the_counters_of_its_board(void **state)
{
	int file = board_file();
	struct board *front = board_read(file);
	struct failure f;

	assert_int_equal(board_at(front, 1), 0);
	assert_ok(begins(dup(file), &f));
	assert_int_not_equal(board_at(front, 1), 0);
	board_close(front);
	assert_int_equal(close(file), 0);
}

static void
it_does_without_one(void **state)
{
	struct failure f;

	assert_ok(begins(-1, &f));
}

static void
one_that_it_cannot_write_on_is_a_failure(void **state)
{
	int file = board_file();
	char path[64];
	struct failure f = { 0 };

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	assert_int_equal(begins(open(path, O_RDONLY | O_CLOEXEC), &f), STATUS_UNAVAILABLE);
	assert_non_null(strstr(f.log, "board"));
	assert_int_equal(close(file), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_raises_the_counters_of_its_board),
		cmocka_unit_test(it_does_without_one),
		cmocka_unit_test(one_that_it_cannot_write_on_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
