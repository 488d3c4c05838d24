/* SPDX-License-Identifier: ISC */
/* Windows of an hour and a day: what counts, until when, and what rows keep. */
#include "store/sending_counts.h"

#include "base/testing.h"

#define NOW INT64_C(1700000100) /* seconds; a slot of five minutes begins here */

static void
add(struct sending_counts *c, int64_t at, uint32_t messages)
{
	sending_counts_add(c, at, (uint32_t[SENDING_WHATS + 1]){ messages, 2 * messages, 1, 0 });
}

static uint64_t
sum(const struct sending_counts *c, enum sending_span span, unsigned what, int64_t at)
{
	return sending_counts_sum(c, span, what, at);
}

static void
an_hour_is_never_cut_short(void **state)
{
	struct sending_counts c = { .at = { { { 0 } } } };

	add(&c, NOW + 299, 3);
	assert_int_equal(sum(&c, SENDING_HOUR, SENDING_MESSAGES, NOW + 299), 3);
	assert_int_equal(sum(&c, SENDING_HOUR, SENDING_RECIPIENTS, NOW + 299), 6);
	assert_int_equal(sum(&c, SENDING_HOUR, SENDING_MESSAGES, NOW + 299 + 3600), 3);
	assert_int_equal(sum(&c, SENDING_HOUR, SENDING_MESSAGES, NOW + 3600 + 300), 0);
	assert_int_equal(sum(&c, SENDING_DAY, SENDING_MESSAGES, NOW + 86400), 3);
	assert_int_equal(sum(&c, SENDING_DAY, SENDING_MESSAGES, NOW + 86400 + 3600), 0);
	assert_int_equal(sum(&c, SENDING_DAY, SENDING_FIRST, NOW + 86400), 1);
}

static void
it_opens_when_it_says(void **state)
{
	struct sending_counts c = { .at = { { { 0 } } } };
	int64_t opens;

	add(&c, NOW, 3);
	add(&c, NOW + 900, 2);
	opens = sending_counts_opens(&c, SENDING_HOUR, SENDING_MESSAGES, 5, 1, NOW + 1000);
	assert_int_equal(opens, NOW + 3900);
	assert_int_equal(sum(&c, SENDING_HOUR, SENDING_MESSAGES, opens - 1), 5);
	assert_int_equal(sum(&c, SENDING_HOUR, SENDING_MESSAGES, opens), 2);
	opens = sending_counts_opens(&c, SENDING_HOUR, SENDING_MESSAGES, 5, 4, NOW + 1000);
	assert_int_equal(opens, NOW + 900 + 3900);
	assert_int_equal(
	    sending_counts_opens(&c, SENDING_HOUR, SENDING_MESSAGES, 5, 6, NOW + 1000), 0);
}

static void
what_came_to_nothing_is_taken_away(void **state)
{
	struct sending_counts c = { .at = { { { 0 } } } };

	add(&c, NOW, 3);
	add(&c, NOW, 1);
	sending_counts_take(&c, NOW, (uint32_t[SENDING_WHATS + 1]){ 3, 6, 1, 0 });
	assert_int_equal(sum(&c, SENDING_HOUR, SENDING_MESSAGES, NOW), 1);
	assert_int_equal(sum(&c, SENDING_DAY, SENDING_RECIPIENTS, NOW), 2);
	/* Its slot is another's by now. */
	add(&c, NOW + 3900, 5);
	sending_counts_take(&c, NOW, (uint32_t[SENDING_WHATS + 1]){ 1, 2, 1, 0 });
	assert_int_equal(sum(&c, SENDING_HOUR, SENDING_MESSAGES, NOW + 3900), 5);
}

static void
rows_keep_what_counts(void **state)
{
	struct sending_counts c = { .at = { { { 0 } } } }, back;
	struct buffer b = BUFFER_INIT;
	struct text row;

	add(&c, NOW - 90000, 9);
	for (int64_t i = 0; i < 40; i++)
		add(&c, NOW - i * 300, 1);
	sending_counts_pack(&b, &c, NOW);
	row = buffer_text(&b);
	assert_ok(sending_counts_unpack(row, &back));
	for (unsigned what = 0; what < SENDING_WHATS; what++) {
		assert_int_equal(
		    sum(&back, SENDING_HOUR, what, NOW), sum(&c, SENDING_HOUR, what, NOW));
		assert_int_equal(
		    sum(&back, SENDING_DAY, what, NOW), sum(&c, SENDING_DAY, what, NOW));
	}
	assert_int_equal(sum(&back, SENDING_DAY, SENDING_MESSAGES, NOW), 40);
	sending_counts_merge(&back, &c);
	assert_int_equal(sum(&back, SENDING_DAY, SENDING_MESSAGES, NOW), 80);
	for (size_t n = 0; n < row.len; n++)
		assert_int_equal(
		    sending_counts_unpack(text_part(row, 0, n), &back), STATUS_CORRUPT);
	buffer_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_hour_is_never_cut_short),
		cmocka_unit_test(it_opens_when_it_says),
		cmocka_unit_test(what_came_to_nothing_is_taken_away),
		cmocka_unit_test(rows_keep_what_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
