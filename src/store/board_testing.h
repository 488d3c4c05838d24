/* SPDX-License-Identifier: ISC */
/* For tests: the file of a board, as the monitor makes it (store/board.h). */
#ifndef STORE_BOARD_TESTING_H
#define STORE_BOARD_TESTING_H

#include <sys/mman.h>
#include <unistd.h>

#include "base/testing.h"
#include "store/board.h"

static int
board_file(void)
{
	int fd = memfd_create("board", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BOARD_SIZE), 0);
	return fd;
}

#endif
