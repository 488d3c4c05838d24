/* SPDX-License-Identifier: ISC */
/*
 * The board: whether an account may have changed, without asking the store. It
 * is a memfd of counters that the monitor makes once, for all lives of the store,
 * which alone may write; a front maps it for reading. The store raises an
 * account's counter in the same breath as it publishes a change, so before
 * anybody is told of it; and all of them when it starts, so that nothing holds
 * that was read from a store before.
 *
 * A front reads the counter, then asks the store: as long as the counter stays,
 * so does the answer. Accounts share counters, which costs a question in vain.
 * Any thread may call.
 */
#ifndef STORE_BOARD_H
#define STORE_BOARD_H

#include <stdint.h>

#define BOARD_COUNTERS 8192u

struct board;

/* The store's side; fd (-1: none) stays the caller's. NULL: it cannot be mapped;
 * the functions below take that for a board on which nothing ever stands. */
struct board *board_write(int fd);
/* A front's side, in the same way. */
struct board *board_read(int fd);
void board_close(struct board *b);

/* The account was changed, under the lock that its readers in the store take. */
void board_changed(struct board *b, uint64_t account);
/* 0: nothing is known, and what was read before may have changed. */
uint64_t board_at(const struct board *b, uint64_t account);

#endif
