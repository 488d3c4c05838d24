/* SPDX-License-Identifier: ISC */
/*
 * A gate that many threads pass freely until one must have the place to
 * itself: readers of RocksDB enter and leave; the writer closes the gate to
 * reopen the database after a failed write. A user may leave on another thread
 * than it entered on, which a rwlock does not allow. Passing costs two atomics.
 */
#ifndef STORE_ENGINE_GATE_H
#define STORE_ENGINE_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct gate {
	_Atomic uint32_t users;
	_Atomic bool closed;
	pthread_mutex_t lock;
	pthread_cond_t opened, left; /* on CLOCK_MONOTONIC */
};

void gate_init(struct gate *g);
void gate_done(struct gate *g);
/* Waits while the gate is closed, which lasts as long as one reopening. */
void gate_enter(struct gate *g);
void gate_leave(struct gate *g);
/* Keeps new users out and waits at most so long for those inside to leave;
 * false, and open again, if they do not: one may be waiting for the closer. */
bool gate_close(struct gate *g, int64_t microseconds) MUST_CHECK;
void gate_open(struct gate *g);

#endif
