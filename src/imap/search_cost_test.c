/* SPDX-License-Identifier: ISC */
/*
 * What a SEARCH reads (RFC 3501 6.4.4, RFC 4731 3.1), counted in rows of the
 * engine: nothing for what the view knows, the hot blocks for flags, dates and
 * sizes, one block for the least or the greatest that stands near its end, and
 * summaries only for those that are left; and how often it asks the store.
 */
#include "imap/session_testing.h"
#include "runtime/metrics.h"
#include "store/engine.h"

#define MESSAGES 1600u
#define BLOCKS 7u /* of 256 UIDs */

static struct talk t;

/* Every second is seen, the first of all is flagged. */
static int
begin_all(void **state)
{
	(void)open_house(state);
	sign_in(&t);
	HAS(&t, "c CREATE Cost\r\n", "c OK");
	for (int i = 0; i < 100; i++)
		append_to(&t, "Cost", i % 2 == 0 ? "" : "(\\Seen) ", i == 50 ? MAIL_B : MAIL_A);
	HAS(&t, "s SELECT Cost\r\n", "s OK");
	for (uint32_t n = 100; n < MESSAGES; n *= 2)
		HAS(&t, "m COPY 1:* Cost\r\n", "m OK");
	HAS(&t, "f STORE 1 +FLAGS.SILENT (\\Flagged)\r\n", "f OK");
	HAS(&t, "s SELECT Cost\r\n", "* 1600 EXISTS\r\n");
	return 0;
}

static int
end_all(void **state)
{
	talk_end(&t);
	return close_house(state);
}

/* How many rows the command reads, and that it finds what it should. */
static uint64_t
rows_of(const char *command, const char *want)
{
	struct engine_facts before, after;

	engine_facts_of(house.engine, &before);
	HAS(&t, command, want);
	engine_facts_of(house.engine, &after);
	return after.keys_read + after.keys_scanned - before.keys_read - before.keys_scanned;
}

static void
the_view_reads_nothing(void **state)
{
	assert_int_equal(rows_of("a SEARCH RETURN (ALL) ALL\r\n", "ALL 1:1600\r\n"), 0);
	assert_int_equal(
	    rows_of("a UID SEARCH RETURN (ALL) NOT UID 5:1000\r\n", "ALL 1:4,1001:1600\r\n"), 0);
	assert_int_equal(rows_of("a SEARCH RETURN (SAVE) OR 7 9:*\r\n", "a OK"), 0);
	assert_int_equal(rows_of("a SEARCH RETURN (COUNT) NOT $\r\n", "COUNT 7\r\n"), 0);
}

/* However many keys, the blocks are read once. */
static void
flags_read_blocks(void **state)
{
	uint64_t one = rows_of("a SEARCH RETURN (COUNT) UNSEEN\r\n", "COUNT 800\r\n");

	assert_in_range(one, BLOCKS, BLOCKS + 1);
	assert_int_equal(
	    rows_of("a SEARCH RETURN (COUNT) UNSEEN NOT FLAGGED SINCE 1-Jan-2020 LARGER 10\r\n",
		"COUNT 799\r\n"),
	    one);
	assert_in_range(rows_of("a SEARCH RETURN (ALL) 1:300 FLAGGED\r\n", "ALL 1\r\n"), 1, 3);
}

static void
ends_are_found_near_them(void **state)
{
	assert_in_range(rows_of("a SEARCH RETURN (MIN) UNSEEN\r\n", "MIN 1\r\n"), 1, 1);
	assert_in_range(rows_of("a SEARCH RETURN (MAX) UNSEEN\r\n", "MAX 1599\r\n"), 1, 1);
	assert_in_range(rows_of("a SEARCH RETURN (MIN MAX) SEEN\r\n", "MIN 2 MAX 1600\r\n"), 2, 2);
	/* 64 messages are looked at from the end, and each costs a summary. */
	assert_in_range(
	    rows_of("a SEARCH RETURN (MAX) SUBJECT second\r\n", "MAX 1551\r\n"), 64, 3 * 64);
}

/* Only messages that flags leave over cost a summary. */
static void
summaries_of_those_that_are_left(void **state)
{
	assert_in_range(
	    rows_of("a SEARCH SUBJECT first FLAGGED\r\n", "* SEARCH 1\r\n"), BLOCKS, BLOCKS + 4);
	assert_true(rows_of("a SEARCH SUBJECT nowhere\r\n", "* SEARCH\r\n") >= 100);
}

/* However many keywords are not known: the store is asked for them once. */
static void
keywords_are_asked_for_once(void **state)
{
	struct buffer b = BUFFER_INIT;
	int64_t before = metric_get(METRIC_CALLS_SENT), one;

	HAS(&t, "a SEARCH RETURN (COUNT) 1 KEYWORD nobody\r\n", "COUNT 0\r\n");
	one = metric_get(METRIC_CALLS_SENT) - before;
	buffer_add_string(&b, "a SEARCH RETURN (COUNT) 1");
	for (unsigned i = 0; i < 300; i++)
		buffer_addf(&b, " OR UNKEYWORD no%u KEYWORD none%u", i, i);
	buffer_add_string(&b, " KEYWORD nobody\r\n");
	before = metric_get(METRIC_CALLS_SENT);
	HAS(&t, buffer_string(&b), "COUNT 0\r\n");
	assert_in_range(metric_get(METRIC_CALLS_SENT) - before, 1, 2 * one);
	buffer_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_view_reads_nothing),
		cmocka_unit_test(flags_read_blocks),
		cmocka_unit_test(ends_are_found_near_them),
		cmocka_unit_test(summaries_of_those_that_are_left),
		cmocka_unit_test(keywords_are_asked_for_once),
	};

	return cmocka_run_group_tests(tests, begin_all, end_all);
}
