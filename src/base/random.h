/* SPDX-License-Identifier: ISC */
/* Random bytes from the kernel, and the care that secrets need. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/text.h"

/* Fills from getrandom(2); ends the process if the kernel refuses. */
void random_bytes(void *dst, size_t n);
/* A name or a choice, and no secret: it may have lain in memory before. */
uint64_t random_u64(void);
/* A name for something that comes now: rows named so lie together as they came,
 * which a store that sorts them rewards. Of 64 bits the upper 24 are the time in
 * 64ths of a second, which begin anew every three days; 40 are random: of what
 * is not older than that, two are the same no more often than of random_u64(). */
uint64_t random_by_time(void);
/* Uniform in [0, n); n > 0. */
uint64_t random_below(uint64_t n);

/* For tests: a repeatable sequence from this seed; 0 gives the kernel back. */
void random_seed_for_test(uint64_t seed);

/* Overwrites memory in a way that the compiler keeps; p may be NULL if n is 0. */
void secret_wipe(void *p, size_t n);
/* Compares in time that depends on the lengths only. */
bool secret_equal(struct text a, struct text b);

#endif
