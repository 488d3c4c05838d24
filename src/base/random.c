/* SPDX-License-Identifier: ISC */
/*
 * Random bytes straight from getrandom(2). Numbers, of which each message takes
 * some, come from there in stocks of a thread: what was given is wiped, and a
 * child of fork(2) begins a stock of its own. A test may put a repeatable
 * sequence (SplitMix64) in its place.
 */
#include "base/random.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

#define STOCK 32 /* numbers: 256 octets, which getrandom(2) gives whole */

struct stock {
	uint64_t number[STOCK];
	size_t left;
	uint32_t forks; /* when it was filled */
};
static _Thread_local struct stock stock;
static _Atomic uint32_t forks;

static _Atomic bool seeded;
static _Atomic uint64_t sequence;

static uint64_t
sequence_next(void)
{
	uint64_t step = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = atomic_fetch_add(&sequence, step) + step;

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void
sequence_bytes(char *dst, size_t n)
{
	while (n > 0) {
		uint64_t word = sequence_next();
		size_t part = n < sizeof(word) ? n : sizeof(word);

		memcpy(dst, &word, part);
		dst += part;
		n -= part;
	}
}

void
random_bytes(void *dst, size_t n)
{
	char *p = dst;

	if (atomic_load_explicit(&seeded, memory_order_relaxed)) {
		sequence_bytes(p, n);
		return;
	}
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			die("getrandom: %s", strerror(errno));
		p += got;
		n -= (size_t)got;
	}
}

static void
forked(void)
{
	atomic_fetch_add(&forks, 1);
}

static void
watch_forks(void)
{
	CHECK(pthread_atfork(NULL, NULL, forked) == 0);
}

static void
stock_fill(struct stock *k, uint32_t now)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, watch_forks);
	random_bytes(k->number, sizeof(k->number));
	k->left = STOCK;
	k->forks = now;
}

uint64_t
random_u64(void)
{
	uint32_t now = atomic_load_explicit(&forks, memory_order_relaxed);
	uint64_t v;

	if (atomic_load_explicit(&seeded, memory_order_relaxed))
		return sequence_next();
	if (stock.left == 0 || stock.forks != now)
		stock_fill(&stock, now);
	v = stock.number[--stock.left];
	stock.number[stock.left] = 0;
	return v;
}

uint64_t
random_by_time(void)
{
	return (uint64_t)(clock_wall() / (CLOCK_SECOND / 64)) << 40 | random_u64() >> 24;
}

/* Draws again what falls into the last, incomplete stretch of n values. */
uint64_t
random_below(uint64_t n)
{
	uint64_t reject, v;

	CHECK(n > 0);
	reject = (0 - n) % n; /* 2^64 mod n */
	do
		v = random_u64();
	while (v < reject);
	return v % n;
}

void
random_seed_for_test(uint64_t seed)
{
	atomic_store(&sequence, seed);
	atomic_store(&seeded, seed != 0);
}

void
secret_wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}

bool
secret_equal(struct text a, struct text b)
{
	volatile unsigned char differ = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		differ = (unsigned char)(differ | (a.ptr[i] ^ b.ptr[i]));
	return differ == 0;
}
