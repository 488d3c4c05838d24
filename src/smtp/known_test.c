/* SPDX-License-Identifier: ISC */
/* Tests of smtp/known.h: what is remembered, for how long, and what ends it. */
#include "smtp/known.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/testing.h"

#define KEEP CLOCK_SECOND

static const struct text alice = { "alice@demo.test", 15 };

static bool
knows(struct smtp_known *k, struct text address)
{
	return smtp_known_has(k, address, 0, KEEP);
}

static void
remembers_for_a_moment(void **state)
{
	struct smtp_known *k = smtp_known_new(10);

	clock_set_for_test(0, 1000);
	smtp_known_changed(k);
	assert_false(knows(k, alice));
	smtp_known_add(k, alice, 500, smtp_known_era(k));
	assert_true(knows(k, alice));
	assert_false(knows(k, TEXT("bob@demo.test")));
	assert_true(smtp_known_has(k, alice, 500, KEEP));
	assert_false(smtp_known_has(k, alice, 501, KEEP)); /* it may not fit */
	clock_set_for_test(0, 1000 + KEEP);
	assert_false(knows(k, alice));
	smtp_known_free(k);
}

static void
a_change_ends_it(void **state)
{
	struct smtp_known *k = smtp_known_new(10);
	uint64_t era;

	smtp_known_changed(k);
	era = smtp_known_era(k);
	smtp_known_add(k, alice, 0, era);
	smtp_known_changed(k);
	assert_false(knows(k, alice));
	smtp_known_add(k, alice, 0, era); /* an answer from before */
	assert_false(knows(k, alice));
	smtp_known_add(k, alice, 0, smtp_known_era(k));
	assert_true(knows(k, alice));
	smtp_known_free(k);
}

static void
without_a_feed_nothing_is_known(void **state)
{
	struct smtp_known *k = smtp_known_new(10);

	smtp_known_add(k, alice, 0, smtp_known_era(k));
	assert_false(knows(k, alice));
	smtp_known_changed(k);
	smtp_known_add(k, alice, 0, smtp_known_era(k));
	smtp_known_lost(k);
	assert_false(knows(k, alice));
	smtp_known_add(k, alice, 0, smtp_known_era(k));
	assert_false(knows(k, alice));
	smtp_known_free(k);
}

static void
it_is_bounded(void **state)
{
	struct smtp_known *k = smtp_known_new(4);
	char address[32];
	unsigned known = 0;

	smtp_known_changed(k);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(address, sizeof(address), "a%d@demo.test", i);
		smtp_known_add(k, text_of(address), 0, smtp_known_era(k));
		assert_true(knows(k, text_of(address)));
	}
	for (int i = 0; i < 100; i++) {
		(void)snprintf(address, sizeof(address), "a%d@demo.test", i);
		known += knows(k, text_of(address));
	}
	assert_in_range(known, 1, 4);
	smtp_known_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_for_a_moment),
		cmocka_unit_test(a_change_ends_it),
		cmocka_unit_test(without_a_feed_nothing_is_known),
		cmocka_unit_test(it_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
