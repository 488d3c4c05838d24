/* SPDX-License-Identifier: ISC */
/*
 * The two clocks in microseconds, and the place where a test puts its own.
 * Reading costs one vDSO call and one relaxed load.
 */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

#include "base/status.h"

static _Atomic int64_t test_wall = -1;
static _Atomic int64_t test_mono = -1;

static int64_t
read_clock(clockid_t id, _Atomic int64_t *test)
{
	int64_t set = atomic_load_explicit(test, memory_order_relaxed);
	struct timespec now;

	if (set >= 0)
		return set;
	CHECK(clock_gettime(id, &now) == 0);
	return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

int64_t
clock_wall(void)
{
	return read_clock(CLOCK_REALTIME, &test_wall);
}

int64_t
clock_mono(void)
{
	return read_clock(CLOCK_MONOTONIC, &test_mono);
}

void
clock_set_for_test(int64_t wall, int64_t mono)
{
	atomic_store(&test_wall, wall);
	atomic_store(&test_mono, mono);
}
