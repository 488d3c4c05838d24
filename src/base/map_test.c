/* SPDX-License-Identifier: ISC */
/* Tests of base/map.h, at length against an array that is simply looked up. */
#include "base/map.h"

#include <stdio.h>

#include "base/random.h"
#include "base/testing.h"

#define KEYS 600

static int values[KEYS];

static struct text
key_of(size_t i, char name[static 24])
{
	return (struct text){ name, (size_t)snprintf(name, 24, "key-%zu", i) };
}

static void
text_keys(void **state)
{
	struct map m = MAP_INIT;
	char key[] = "alice";

	assert_null(map_get(&m, TEXT("alice")));
	assert_null(map_remove(&m, TEXT("alice")));
	assert_null(map_put(&m, text_of(key), &values[0]));
	key[0] = 'x'; /* the map has a copy */
	assert_ptr_equal(map_get(&m, TEXT("alice")), &values[0]);
	assert_null(map_get(&m, TEXT("Alice")));
	assert_ptr_equal(map_put(&m, TEXT("alice"), &values[1]), &values[0]);
	assert_null(map_put(&m, TEXT_EMPTY, &values[2]));
	assert_ptr_equal(map_get(&m, (struct text){ NULL, 0 }), &values[2]);
	assert_null(map_put(&m, TEXT("a\0b"), &values[3]));
	assert_null(map_get(&m, TEXT("a")));
	assert_int_equal(m.count, 3);
	assert_ptr_equal(map_remove(&m, TEXT("alice")), &values[1]);
	assert_null(map_get(&m, TEXT("alice")));
	assert_int_equal(m.count, 2);
	map_done(&m);
	assert_null(map_get(&m, TEXT_EMPTY));
}

static void
check_walk(const struct map *m, int *const model[KEYS])
{
	size_t at = 0, seen = 0;
	struct text key;
	uint64_t number;
	void *value;

	while (map_each(m, &at, &key, &number, &value)) {
		seen++;
		assert_int_equal(number, 0);
		assert_ptr_equal(model[(int *)value - values], value);
	}
	assert_int_equal(seen, m->count);
}

static void
step(struct map *m, int *model[KEYS])
{
	char name[24];
	size_t i = random_below(KEYS);
	struct text key = key_of(i, name);

	if (random_below(2) == 0) {
		assert_ptr_equal(map_put(m, key, &values[i]), model[i]);
		model[i] = &values[i];
	} else {
		assert_ptr_equal(map_remove(m, key), model[i]);
		model[i] = NULL;
	}
	i = random_below(KEYS);
	assert_ptr_equal(map_get(m, key_of(i, name)), model[i]);
}

static void
many_changes_agree_with_a_model(void **state)
{
	struct map m = MAP_INIT;
	int *model[KEYS] = { NULL };

	random_seed_for_test(5);
	for (int round = 0; round < 20000; round++) {
		step(&m, model);
		assert_true(m.count + m.dead < m.cap);
		if (round % 1000 == 0)
			check_walk(&m, model);
	}
	assert_true(m.cap <= 4096);
	random_seed_for_test(0);
	map_done(&m);
}

static void
number_keys(void **state)
{
	struct map m = MAP_INIT;
	size_t at = 0;
	uint64_t number, sum = 0;
	struct text key;

	for (uint64_t i = 0; i < KEYS; i++)
		assert_null(map_put_u64(&m, i << 40, &values[i]));
	for (uint64_t i = 0; i < KEYS; i++)
		assert_ptr_equal(map_get_u64(&m, i << 40), &values[i]);
	assert_null(map_get_u64(&m, 1));
	while (map_each(&m, &at, &key, &number, NULL)) {
		sum += number >> 40;
		assert_int_equal(key.len, 0);
	}
	assert_int_equal(sum, KEYS * (KEYS - 1) / 2);
	assert_ptr_equal(map_remove_u64(&m, UINT64_C(7) << 40), &values[7]);
	assert_null(map_get_u64(&m, UINT64_C(7) << 40));
	map_done(&m);
}

static void
a_walk_may_remove_what_it_stands_on(void **state)
{
	struct map m = MAP_INIT;
	size_t at = 0, seen = 0;
	uint64_t number;

	for (uint64_t i = 0; i < KEYS; i++)
		assert_null(map_put_u64(&m, i, &values[i]));
	while (map_each(&m, &at, NULL, &number, NULL)) {
		seen++;
		assert_non_null(map_remove_u64(&m, number));
	}
	assert_int_equal(seen, KEYS);
	assert_int_equal(m.count, 0);
	map_done(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_keys),
		cmocka_unit_test(many_changes_agree_with_a_model),
		cmocka_unit_test(number_keys),
		cmocka_unit_test(a_walk_may_remove_what_it_stands_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
