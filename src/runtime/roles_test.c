/* SPDX-License-Identifier: ISC */
/* Tests of runtime/roles.h: words and roles go both ways, one bit a role. */
#include "runtime/roles.h"

#include "base/testing.h"

static void
words_go_both_ways(void **state)
{
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		enum role r = ROLE_COUNT;

		assert_int_equal(role_of_word(text_of(role_word((enum role)i)), &r), STATUS_OK);
		assert_int_equal(r, i);
	}
	assert_string_equal(role_word(ROLE_OUTBOUND), "outbound");
	assert_string_equal(role_word((enum role)77), "unknown");
}

static void
others_are_not_found(void **state)
{
	enum role r = ROLE_AUTH;

	assert_int_equal(role_of_word(TEXT("Store"), &r), STATUS_NOT_FOUND);
	assert_int_equal(role_of_word(TEXT_EMPTY, &r), STATUS_NOT_FOUND);
	assert_int_equal(r, ROLE_AUTH);
}

static void
bits_are_distinct(void **state)
{
	unsigned seen = 0, count = 0;

#define X(name, word)                            \
	assert_int_equal(seen &BY_##name, 0);    \
	assert_int_equal(BY_##name, 1 << count); \
	seen |= BY_##name;                       \
	count++;
	ROLE_TABLE(X)
#undef X
	assert_int_equal(count, ROLE_COUNT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_go_both_ways),
		cmocka_unit_test(others_are_not_found),
		cmocka_unit_test(bits_are_distinct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
