/* SPDX-License-Identifier: ISC */
/* The counters of the board; see store/board.h. Raising one is a release, reading
 * one an acquire; between the two lies a message that told of the change. */
#include "store/board.h"

#include <stdatomic.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/status.h"
#include "runtime/role.h"

struct board {
	_Atomic uint64_t *counters;
};

_Static_assert(BOARD_COUNTERS * sizeof(uint64_t) == BOARD_SIZE, "the monitor makes it");

static struct board *
map_board(int fd, int protection)
{
	struct board *b;
	void *map;

	if (fd < 0)
		return NULL;
	map = mmap(NULL, BOARD_SIZE, protection, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	b = MEM_NEW(struct board);
	b->counters = map;
	return b;
}

struct board *
board_write(int fd)
{
	struct board *b = map_board(fd, PROT_READ | PROT_WRITE);

	for (uint32_t i = 0; b != NULL && i < BOARD_COUNTERS; i++)
		atomic_fetch_add_explicit(&b->counters[i], 1, memory_order_release);
	return b;
}

struct board *
board_read(int fd)
{
	return map_board(fd, PROT_READ);
}

void
board_close(struct board *b)
{
	if (b == NULL)
		return;
	(void)munmap(b->counters, BOARD_SIZE);
	mem_free(b);
}

/* Numbers of accounts are counter * 16 + shard. */
static uint32_t
counter_of(uint64_t account)
{
	return (uint32_t)((account ^ account >> 32) % BOARD_COUNTERS);
}

void
board_changed(struct board *b, uint64_t account)
{
	if (b != NULL)
		atomic_fetch_add_explicit(
		    &b->counters[counter_of(account)], 1, memory_order_release);
}

uint64_t
board_at(const struct board *b, uint64_t account)
{
	return b == NULL
		   ? 0
		   : atomic_load_explicit(&b->counters[counter_of(account)], memory_order_acquire);
}
