/* SPDX-License-Identifier: ISC */
/* Tests of store/fresh.h. */
#include "store/fresh.h"

#include <string.h>

#include "base/testing.h"
#include "store/keys.h"

#define LONGEST (FRESH_ROW_COST + 2 * 9 + FRESH_ROW_MAX) /* what the longest row costs */

static struct fresh fresh;

static int
setup(void **state)
{
	(void)state;
	fresh_init(&fresh);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fresh_done(&fresh);
	return 0;
}

/* value NULL: the row is deleted. */
static void
write_row(struct key key, const char *value, size_t len)
{
	struct engine_batch b;

	engine_batch_init(&b, (struct entity){ ENTITY_QUEUE, 1 }, 0);
	if (value == NULL)
		engine_delete(&b, key_text(&key));
	else
		engine_put(&b, key_text(&key), (struct text){ value, len });
	fresh_follow(&fresh, &b);
	engine_batch_done(&b);
}

static void
put(struct key key, const char *value)
{
	write_row(key, value, strlen(value));
}

/* "" if it is not there. */
static bool
is(struct key key, const char *value)
{
	struct arena a = ARENA_INIT;
	struct text got = TEXT_EMPTY;
	bool same;

	if (!fresh_get(&fresh, key_text(&key), &a, &got))
		got = TEXT_EMPTY;
	same = text_equal(got, text_of(value));
	arena_done(&a);
	return same;
}

static struct key
message(uint64_t number)
{
	return key_u64(KEY_Q_MESSAGE, number);
}

static void
what_was_written_last_is_there(void **state)
{
	(void)state;
	assert_true(is(message(1), ""));
	put(message(1), "one");
	put(message(2), "two");
	assert_true(is(message(1), "one"));
	assert_true(is(message(2), "two"));
	put(message(1), "three");
	assert_true(is(message(1), "three"));
	write_row(message(1), NULL, 0);
	assert_true(is(message(1), ""));
	assert_true(is(message(2), "two"));
	fresh_clear(&fresh);
	assert_true(is(message(2), ""));
	assert_int_equal(fresh.bytes, 0);
}

static void
what_nobody_reads_soon_is_not_kept(void **state)
{
	(void)state;
	put(key_of(KEY_Q_HEAD), "head");
	assert_true(is(key_of(KEY_Q_HEAD), ""));
	assert_int_equal(fresh.rows.count, 0);
}

/* The row that was there is gone, too. */
static void
a_long_row_stays_in_the_engine(void **state)
{
	static char value[FRESH_ROW_MAX + 1];

	(void)state;
	put(message(1), "short");
	write_row(message(1), value, sizeof(value));
	assert_true(is(message(1), ""));
	assert_int_equal(fresh.bytes, 0);
	write_row(message(1), value, sizeof(value) - 1);
	assert_int_equal(fresh.bytes, LONGEST);
}

static void
the_oldest_go(void **state)
{
	static char value[FRESH_ROW_MAX];
	uint64_t most = FRESH_BYTES_MAX / LONGEST;

	(void)state;
	put(message(1), "first");
	put(message(2), "second");
	put(message(1), "first again");
	for (uint64_t i = 3; i < 2 + most; i++)
		write_row(message(i), value, sizeof(value));
	assert_true(is(message(1), "first again"));
	for (uint64_t i = 0; i < 2 && is(message(1), "first again"); i++) {
		assert_true(fresh.bytes <= FRESH_BYTES_MAX);
		write_row(message(1000 + i), value, sizeof(value));
	}
	assert_true(is(message(2), ""));
	assert_true(is(message(1), ""));
	assert_true(fresh.bytes <= FRESH_BYTES_MAX);
	assert_true(fresh.bytes > FRESH_BYTES_MAX - LONGEST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_written_last_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_nobody_reads_soon_is_not_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_row_stays_in_the_engine, setup, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_go, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
