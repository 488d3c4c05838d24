/* SPDX-License-Identifier: ISC */
/*
 * Threads as this program makes them: named, with a stack of chosen size, and
 * with every signal blocked, so that signals reach the role's main thread.
 */
#ifndef RUNTIME_THREAD_H
#define RUNTIME_THREAD_H

#include <pthread.h>
#include <stddef.h>

#include "base/status.h"

#define THREAD_STACK (256u << 10)

/* stack 0: THREAD_STACK; sanitizer builds take four times as much. The name
 * is cut to 15 bytes. LIMIT when the system has no room for another. */
enum status thread_start(
    const char *name, size_t stack, void *(*run)(void *arg), void *arg, pthread_t *out) MUST_CHECK;

#endif
