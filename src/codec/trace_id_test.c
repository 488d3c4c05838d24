/* SPDX-License-Identifier: ISC */
/* Numbers of messages as people read them, there and back. */
#include "codec/trace_id.h"

#include "base/testing.h"

static struct text
printed(uint64_t number, char out[TRACE_ID_LENGTH])
{
	trace_id_print(number, out);
	return (struct text){ out, TRACE_ID_LENGTH };
}

static void
every_number_is_read_as_it_was_written(void **state)
{
	static const uint64_t numbers[] = { 0, 1, 31, 32, 1u << 31, UINT64_MAX, UINT64_MAX - 1,
		UINT64_C(0x8000000000000000), UINT64_C(0x0123456789abcdef) };
	char space[TRACE_ID_LENGTH];
	uint64_t back;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		back = ~numbers[i];
		assert_ok(trace_id_parse(printed(numbers[i], space), &back));
		assert_int_equal(back, numbers[i]);
	}
	assert_text(printed(0, space), "aaaaaaaaaaaaa");
	assert_text(printed(33, space), "aaaaaaaaaaabb");
}

static void
capitals_are_read_and_nothing_else_is(void **state)
{
	static const char *const wrong[] = { "", "a", "aaaaaaaaaaaa", "aaaaaaaaaaaaaa",
		"aaaaaaaaaaaal", "aaaaaaaaaaaao", "aaaaaaaaaaaa0", "aaaaaaaaaaaa1", "aaaaaaaaaaaa ",
		"9999999999999", "saaaaaaaaaaaa" };
	uint64_t n = 7;

	(void)state;
	assert_ok(trace_id_parse(TEXT("AAAAAAAAAAABB"), &n));
	assert_int_equal(n, 33);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(trace_id_parse(text_of(wrong[i]), &n), STATUS_INVALID);
	assert_int_equal(n, 33);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_is_read_as_it_was_written),
		cmocka_unit_test(capitals_are_read_and_nothing_else_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
