/* SPDX-License-Identifier: ISC */
/* The set of whom a sender wrote to. Its rows: sending_test.c. */
#include "store/sending_known.h"

#include "base/testing.h"

static void
a_set_has_what_was_added(void **state)
{
	struct known k = { .slots = NULL };

	(void)state;
	assert_false(known_has(&k, 0));
	assert_false(known_has(&k, 1));
	for (uint32_t i = 0; i < 10000; i++)
		known_add(&k, i * 2654435761u);
	known_add(&k, 2654435761u);
	known_add(&k, 0);
	assert_int_equal(k.count, 10000);
	for (uint32_t i = 0; i < 20000; i++)
		assert_int_equal(known_has(&k, i * 2654435761u), i < 10000);
	known_done(&k);
	assert_false(known_has(&k, 0));
}

static void
case_of_an_address_is_nothing(void **state)
{
	struct arena a = ARENA_INIT;

	(void)state;
	assert_int_equal(
	    known_hash(TEXT("Ann@Example.ORG"), &a), known_hash(TEXT("ann@example.org"), &a));
	assert_int_not_equal(
	    known_hash(TEXT("ann@example.org"), &a), known_hash(TEXT("anm@example.org"), &a));
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_has_what_was_added),
		cmocka_unit_test(case_of_an_address_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
