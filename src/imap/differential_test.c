/* SPDX-License-Identifier: ISC */
/*
 * Some thousand random FETCH and SEARCH commands, the same in every run,
 * against a naive reading of the same messages (testing_random.h): what
 * differential_fuzz.c does where there is a fuzzer.
 */
#include "base/log.h"
#include "base/testing.h"
#include "imap/testing_random_fetch.h"
#include "imap/testing_random_search.h"

#define INPUTS 100
#define COMMANDS 20 /* of one input, which share what is saved and seen */

static struct random_talk r;

static int
begin(void **state)
{
	log_set_fd(-1);
	random_begin(&r);
	return 0;
}

static int
end(void **state)
{
	random_end(&r);
	return 0;
}

/* xorshift64 */
static void
fill(uint64_t seed, uint8_t *out, size_t n)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		out[i] = (uint8_t)(x >> 32);
	}
}

static void
run(void (*command)(struct random_talk *r))
{
	uint8_t data[COMMANDS * 200];

	for (uint64_t seed = 1; seed <= INPUTS; seed++) {
		random_reset(&r);
		fill(seed, data, sizeof(data));
		r.data = data;
		r.size = sizeof(data);
		r.pos = 0;
		r.rev2 = seed % 2 == 1;
		for (int i = 0; i < COMMANDS && random_left(&r); i++)
			command(&r);
	}
}

static void
fetches(void **state)
{
	run(random_fetch);
}

static void
searches(void **state)
{
	run(random_search);
}

static void
both(struct random_talk *t)
{
	if (random_pick(t, 2) == 1)
		random_fetch(t);
	else
		random_search(t);
}

static void
searches_and_fetches(void **state)
{
	run(both);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fetches),
		cmocka_unit_test(searches),
		cmocka_unit_test(searches_and_fetches),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
