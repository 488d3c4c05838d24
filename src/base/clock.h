/* SPDX-License-Identifier: ISC */
/*
 * Time. Wall time for what people see (dates, expiry), monotonic time for
 * deadlines; both in microseconds. Tests put a clock of their own in place.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_MS INT64_C(1000)
#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_MINUTE (60 * CLOCK_SECOND)
#define CLOCK_HOUR (60 * CLOCK_MINUTE)
#define CLOCK_DAY (24 * CLOCK_HOUR)

/* Microseconds since 1970-01-01 00:00 UTC. */
int64_t clock_wall(void);
/* Microseconds since some fixed moment; never goes back. */
int64_t clock_mono(void);

/* For tests: both clocks stand at these values until set again; negative
 * values give the real clocks back. */
void clock_set_for_test(int64_t wall, int64_t mono);

#endif
