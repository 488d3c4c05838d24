/* SPDX-License-Identifier: ISC */
/*
 * Threads as this program makes them: named, with a stack of chosen size, and
 * with every signal blocked, so that signals reach the role's main thread.
 */
#ifndef RUNTIME_THREAD_H
#define RUNTIME_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define THREAD_STACK (256u << 10)

/* stack 0: THREAD_STACK; sanitizer builds take four times as much. The name
 * is cut to 15 bytes. LIMIT when the system has no room for another. */
enum status thread_start(
    const char *name, size_t stack, void *(*run)(void *arg), void *arg, pthread_t *out) MUST_CHECK;

/* CLOCK_MONOTONIC as the system has it, whatever clock a test has set: what
 * waits for another process cannot wait on a clock that stands. */
int64_t thread_time(void);
/* A bed for one thread, without a lock: sleeps while *word is value, until the
 * monotonic time (INT64_MAX: for ever); false when that has passed. May return
 * early. thread_wake() is called after *word was changed. */
bool thread_sleep(_Atomic uint32_t *word, uint32_t value, int64_t until);
void thread_wake(_Atomic uint32_t *word);

/* Who answers for this thread's share of work (a pool) hears when it is about
 * to wait for a peer or another process, and when it goes on. Everything that
 * waits so in the code of sessions says it, and so may what computes for long.
 * Pairs may be nested; on other threads they cost nothing. */
struct thread_keeper {
	void (*blocks)(void *arg);
	void (*goes_on)(void *arg);
	/* As blocks, by who can watch a descriptor for input while it waits, until
	 * it goes on: the one to watch, or -1. hears: input came there, or it
	 * will not watch any longer. */
	int (*watches)(void *arg);
	void (*hears)(void *arg);
	void *arg;
};
/* The keeper of the calling thread, or NULL; it stays the caller's. */
void thread_set_keeper(const struct thread_keeper *keeper);
void thread_blocks(void);
void thread_goes_on(void);
/* Waits by poll until there is input at fd, or so many milliseconds (-1: for
 * ever), as one that blocks; meanwhile it keeps an eye on what else its keeper
 * waits for, so that nobody has to be woken to do so. */
void thread_await_input(int fd, int milliseconds);

#endif
