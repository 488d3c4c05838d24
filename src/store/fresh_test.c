/* SPDX-License-Identifier: ISC */
/* Tests of store/fresh.h. */
#include "store/fresh.h"

#include <string.h>

#include "base/random.h"
#include "base/testing.h"
#include "store/keys.h"

#define SIZE (256u << 10)
#define LONGEST (FRESH_ROW_COST + 9 + 7 + FRESH_ROW_MAX) /* what the longest row costs */

static const char kinds[] = { KEY_Q_MESSAGE, KEY_Q_RUN, 0 };
static const struct entity shard = { ENTITY_QUEUE, 1 };
static char longest[FRESH_ROW_MAX + 1];

static struct fresh fresh;

static int
setup(void **state)
{
	(void)state;
	fresh_init(&fresh, kinds, SIZE);
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

	engine_batch_init(&b, shard, 0);
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

static void
learn(uint64_t moment, struct key key, const char *value)
{
	fresh_learn(&fresh, moment, key_text(&key), text_of(value), false);
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
	put(message(2), "four");
	assert_true(is(message(2), "four"));
}

static void
what_nobody_reads_soon_is_not_kept(void **state)
{
	(void)state;
	put(key_of(KEY_Q_HEAD), "head");
	learn(fresh_moment(&fresh), key_of(KEY_Q_HEAD), "head");
	assert_true(is(key_of(KEY_Q_HEAD), ""));
	assert_null(fresh.ring);
}

/* The row that was there is gone, too. */
static void
a_long_row_stays_in_the_engine(void **state)
{
	(void)state;
	put(message(1), "short");
	write_row(message(1), longest, FRESH_ROW_MAX + 1);
	assert_true(is(message(1), ""));
	write_row(message(1), longest, FRESH_ROW_MAX);
	assert_false(is(message(1), ""));
}

static void
the_oldest_go(void **state)
{
	uint64_t most = SIZE / LONGEST;

	(void)state;
	for (uint64_t round = 0; round < 5; round++) {
		put(message(1), "first");
		put(message(2), "second");
		put(message(1), "first again");
		for (uint64_t i = 3; i < 2 + most; i++)
			write_row(message(i), longest, FRESH_ROW_MAX);
		assert_true(is(message(1), "first again"));
		for (uint64_t i = 0; i < 2; i++)
			write_row(message(1000 + i), longest, FRESH_ROW_MAX);
		assert_true(is(message(1), ""));
		assert_true(is(message(2), ""));
		assert_true(fresh.head - fresh.tail <= SIZE);
		assert_true(fresh.head - fresh.tail > SIZE - 2 * LONGEST);
	}
}

static void
what_was_read_is_there(void **state)
{
	uint64_t moment = fresh_moment(&fresh);

	(void)state;
	learn(moment, message(1), "one");
	learn(moment, message(1), "one");
	assert_true(is(message(1), "one"));
	put(message(1), "two");
	learn(moment, message(1), "one");
	assert_true(is(message(1), "two"));
}

/* It was deleted, or is too long by now, since somebody began to read it. */
static void
what_is_old_is_not_kept(void **state)
{
	uint64_t moment = fresh_moment(&fresh);

	(void)state;
	put(message(1), "one");
	write_row(message(1), NULL, 0);
	write_row(message(2), NULL, 0);
	write_row(message(3), longest, FRESH_ROW_MAX + 1);
	for (uint64_t i = 1; i <= 4; i++)
		learn(moment, message(i), "old");
	assert_true(is(message(1), ""));
	assert_true(is(message(2), ""));
	assert_true(is(message(3), ""));
	assert_true(is(message(4), "old"));
}

/* Nobody knows what was written since. */
static void
what_was_read_long_ago_is_not_kept(void **state)
{
	uint64_t moment = fresh_moment(&fresh);

	(void)state;
	write_row(message(1), NULL, 0);
	for (uint64_t i = 0; i < SIZE / FRESH_ROW_MAX; i++)
		write_row(message(100 + i), longest, FRESH_ROW_MAX);
	learn(moment, message(1), "old");
	learn(moment, message(2), "perhaps");
	assert_true(is(message(1), ""));
	assert_true(is(message(2), ""));
	moment = fresh_moment(&fresh);
	learn(moment, message(2), "new");
	assert_true(is(message(2), "new"));
	moment = fresh_moment(&fresh);
	fresh_clear(&fresh);
	learn(moment, message(3), "unknown");
	assert_true(is(message(3), ""));
}

/* ---- reading ahead ---- */

static struct key
run(uint32_t i)
{
	struct key k = key_u64(KEY_Q_RUN, i);

	key_add(&k, 0, 4);
	return k;
}

/* Keys that were asked for, and rows that were scanned. */
static struct engine_facts
read_each(struct engine *e, uint32_t from, uint32_t until, uint32_t step)
{
	struct engine_facts facts, before;

	engine_facts_of(e, &before);
	for (uint32_t i = from; i < until; i += step) {
		struct arena a = ARENA_INIT;
		struct key k = run(i);
		struct text value;

		assert_int_equal(fresh_read(&fresh, e, shard, key_text(&k), &a, &value), STATUS_OK);
		assert_int_equal(value.len, i % 100 + 1);
		arena_done(&a);
	}
	engine_facts_of(e, &facts);
	facts.keys_read -= before.keys_read;
	facts.keys_scanned -= before.keys_scanned;
	return facts;
}

static struct engine *
engine_with(uint32_t rows)
{
	struct engine *e = engine_memory_new();
	struct engine_batch b;

	engine_batch_init(&b, shard, 0);
	for (uint32_t i = 0; i < rows; i++) {
		struct key k = run(i);

		engine_put(&b, key_text(&k), (struct text){ longest, i % 100 + 1 });
	}
	assert_int_equal(engine_commit_wait(e, &b), STATUS_OK);
	engine_batch_done(&b);
	return e;
}

static void
what_lies_behind_is_read_along(void **state)
{
	struct engine *e = engine_with(3000);
	struct engine_facts f = read_each(e, 0, 3000, 1);

	(void)state;
	assert_int_equal(f.keys_read, 0);
	assert_true(f.keys_scanned < 3100);
	f = read_each(e, 2990, 3000, 1);
	assert_int_equal(f.keys_read + f.keys_scanned, 0);
	engine_free(e);
}

/* Reading ahead in vain is given up, but for a try now and then, and taken up. */
static void
reading_in_vain_is_given_up(void **state)
{
	struct engine *e = engine_with(60000);
	struct engine_facts f;

	(void)state;
	(void)read_each(e, 0, 10000, 100);
	f = read_each(e, 10000, 42000, 100);
	assert_in_range(f.keys_read, 290, 310);
	assert_in_range(f.keys_scanned, 160, 400);
	(void)read_each(e, 42000, 46000, 1);
	f = read_each(e, 46000, 48000, 1);
	assert_int_equal(f.keys_read, 0);
	engine_free(e);
}

static void
what_is_not_there_is_not_found(void **state)
{
	struct engine *e = engine_with(10);
	struct arena a = ARENA_INIT;
	struct key k = run(10), deleted = run(5);
	struct text value;

	(void)state;
	assert_int_equal(fresh_read(&fresh, e, shard, key_text(&k), &a, &value), STATUS_NOT_FOUND);
	write_row(deleted, longest, FRESH_ROW_MAX + 1);
	assert_int_equal(fresh_read(&fresh, e, shard, key_text(&deleted), &a, &value), STATUS_OK);
	assert_int_equal(value.len, 6);
	arena_done(&a);
	engine_free(e);
}

/* ---- a model ---- */

#define ROWS 300u
#define READERS 4u

/* What the engine has: lengths, 0 for a row that is not there; a row's octets are its
 * version. A commit is followed a little later, readers keep what they read later. */
static struct {
	struct {
		uint32_t len, version;
	} row[ROWS];
	struct {
		uint64_t moment;
		uint32_t key, len, version;
		bool reading;
	} reader[READERS];
	struct engine_batch batch;
	bool committed;
} model;

static struct key
model_key(uint32_t i)
{
	return i % 2 == 0 ? message(i) : run(i);
}

static struct text
model_value(uint32_t len, uint32_t version, struct arena *a)
{
	char *at = arena_alloc(a, len);

	memset(at, (int)(version % 251), len);
	return (struct text){ at, len };
}

static void
model_commit(void)
{
	uint32_t n = (uint32_t)random_below(6) + 1;

	engine_batch_init(&model.batch, shard, 0);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (uint32_t)random_below(ROWS);
		struct key k = model_key(at);

		model.row[at].version++;
		model.row[at].len = 0;
		if (random_below(3) > 0)
			model.row[at].len =
			    (uint32_t)random_below(random_below(20) == 0 ? 9000 : 900);
		if (model.row[at].len == 0)
			engine_delete(&model.batch, key_text(&k));
		else
			engine_put(&model.batch, key_text(&k),
			    model_value(
				model.row[at].len, model.row[at].version, &model.batch.arena));
	}
	model.committed = true;
}

static void
model_followed(void)
{
	fresh_follow(&fresh, &model.batch);
	engine_batch_done(&model.batch);
	model.committed = false;
}

static void
model_read(uint32_t i)
{
	uint32_t at = (uint32_t)random_below(ROWS);

	model.reader[i].moment = fresh_moment(&fresh);
	model.reader[i].key = at;
	model.reader[i].len = model.row[at].len;
	model.reader[i].version = model.row[at].version;
	model.reader[i].reading = true;
}

static void
model_learn(uint32_t i)
{
	struct arena a = ARENA_INIT;
	struct key k = model_key(model.reader[i].key);

	if (model.reader[i].len > 0)
		fresh_learn(&fresh, model.reader[i].moment, key_text(&k),
		    model_value(model.reader[i].len, model.reader[i].version, &a),
		    random_below(2) == 0);
	model.reader[i].reading = false;
	arena_done(&a);
}

static uint32_t
model_check(void)
{
	uint32_t here = 0;

	for (uint32_t i = 0; i < ROWS; i++) {
		struct arena a = ARENA_INIT;
		struct key k = model_key(i);
		struct text got;

		if (fresh_get(&fresh, key_text(&k), &a, &got)) {
			here++;
			assert_true(model.row[i].len > 0);
			assert_true(text_equal(
			    got, model_value(model.row[i].len, model.row[i].version, &a)));
		}
		arena_done(&a);
	}
	return here;
}

/* Whatever is here is what the engine has, in whichever order batches are committed
 * and followed, and rows read and kept. */
static void
nothing_old_is_ever_here(void **state)
{
	uint64_t here = 0;

	(void)state;
	for (uint32_t step = 0; step < 30000; step++) {
		uint32_t i = (uint32_t)random_below(READERS);

		if (model.committed && random_below(2) == 0)
			model_followed();
		else if (!model.committed && random_below(3) == 0)
			model_commit();
		else if (model.reader[i].reading && random_below(40) > 0)
			model_learn(i);
		else if (!model.reader[i].reading)
			model_read(i);
		if (random_below(2000) == 0)
			fresh_clear(&fresh);
		if (!model.committed && step % 20 == 0)
			here += model_check();
	}
	assert_true(here > 50000); /* of 450,000 times that a row was looked for */
	assert_true(fresh.head > 8 * SIZE);
	if (model.committed)
		model_followed();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_last_is_there),
		TEST(what_nobody_reads_soon_is_not_kept),
		TEST(a_long_row_stays_in_the_engine),
		TEST(the_oldest_go),
		TEST(what_was_read_is_there),
		TEST(what_is_old_is_not_kept),
		TEST(what_was_read_long_ago_is_not_kept),
		TEST(what_lies_behind_is_read_along),
		TEST(reading_in_vain_is_given_up),
		TEST(what_is_not_there_is_not_found),
		TEST(nothing_old_is_ever_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
