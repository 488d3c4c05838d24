/* SPDX-License-Identifier: ISC */
/* For tests of this folder: a world with one domain, whose time the test sets. */
#ifndef STORE_DATED_TEST_HELPER_H
#define STORE_DATED_TEST_HELPER_H

#include "store/store_test_helper.h"

#define NOW INT64_C(1700000000)
#define DAY INT64_C(86400)

static void
at(int64_t seconds)
{
	clock_set_for_test(seconds * CLOCK_SECOND, clock_mono());
}

static int
setup(void **state)
{
	struct world *w = world_new(world_memory());

	world_domain(w, "Example.COM");
	at(NOW);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	clock_set_for_test(-1, -1);
	world_check(*state, 0);
	world_free(*state);
	return 0;
}

#endif
