/* SPDX-License-Identifier: ISC */
/* Tests of store/engine/tree.h against a sorted array, old roots included. */
#include "store/engine/tree.h"

#include <stdio.h>

#include "base/random.h"
#include "base/testing.h"

#define KEYS 300
#define MOMENTS 8

static struct text
key_of(unsigned i, char name[static 16])
{
	return (struct text){ name, (size_t)snprintf(name, 16, "k%04u", i) };
}

struct model {
	struct tree *tree;
	unsigned value[KEYS]; /* 0: not there */
};

static void
model_put(struct model *m, unsigned i, unsigned value)
{
	char name[16], digits[16];
	int n = snprintf(digits, sizeof(digits), "%u", value);

	m->tree = tree_put(m->tree, key_of(i, name), (struct text){ digits, (size_t)n });
	m->value[i] = value;
}

static void
model_remove(struct model *m, unsigned i)
{
	char name[16];

	m->tree = tree_remove(m->tree, key_of(i, name));
	m->value[i] = 0;
}

static void
assert_row(const struct model *m, unsigned i, const struct tree_row *row)
{
	uint32_t value;
	char name[16];

	assert_non_null(row);
	assert_true(text_equal(tree_row_key(row), key_of(i, name)));
	assert_ok(text_to_u32(tree_row_value(row), &value));
	assert_int_equal(value, m->value[i]);
}

static void
assert_model(const struct model *m, unsigned from)
{
	struct tree_walk walk;
	char name[16];

	tree_walk_from(&walk, m->tree, key_of(from, name));
	for (unsigned i = 0; i < KEYS; i++) {
		if (m->value[i] == 0)
			assert_null(tree_find(m->tree, key_of(i, name)));
		else
			assert_row(m, i, tree_find(m->tree, key_of(i, name)));
		if (m->value[i] != 0 && i >= from)
			assert_row(m, i, tree_walk_next(&walk));
	}
	assert_null(tree_walk_next(&walk));
	assert_null(tree_walk_next(&walk));
}

static size_t
rows_of(const struct model *m)
{
	size_t n = 0;

	for (unsigned i = 0; i < KEYS; i++)
		n += m->value[i] != 0;
	return n;
}

static void
a_held_moment_never_changes(void **state)
{
	struct model now = { .tree = NULL }, past[MOMENTS] = { { .tree = NULL } };

	random_seed_for_test(7);
	for (unsigned round = 1; round <= 20000; round++) {
		unsigned i = (unsigned)random_below(KEYS);

		if (random_below(100) < (round / 2500 % 2 == 0 ? 70 : 30))
			model_put(&now, i, round);
		else
			model_remove(&now, i);
		if (random_below(50) == 0) {
			struct model *p = &past[random_below(MOMENTS)];

			assert_model(p, (unsigned)random_below(KEYS));
			tree_release(p->tree);
			*p = now;
			(void)tree_hold(p->tree);
			assert_int_equal(tree_check(now.tree), rows_of(&now));
		}
	}
	random_seed_for_test(0);
	assert_model(&now, 0);
	for (unsigned i = 0; i < MOMENTS; i++)
		tree_release(past[i].tree);
	tree_release(now.tree);
}

static void
an_empty_tree(void **state)
{
	struct tree_walk walk;

	assert_null(tree_find(NULL, TEXT("a")));
	assert_null(tree_remove(NULL, TEXT("a")));
	tree_walk_from(&walk, NULL, TEXT_EMPTY);
	assert_null(tree_walk_next(&walk));
	assert_null(tree_hold(NULL));
	tree_release(NULL);
}

static void
a_row_outlives_its_tree(void **state)
{
	struct tree *t = tree_put(NULL, TEXT("key"), TEXT("value"));
	struct tree_row *row = tree_row_hold(tree_find(t, TEXT("key")));

	t = tree_put(t, TEXT("key"), TEXT("other"));
	assert_text(tree_row_value(tree_find(t, TEXT("key"))), "other");
	tree_release(t);
	assert_text(tree_row_value(row), "value");
	tree_row_release(row);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_held_moment_never_changes),
		cmocka_unit_test(an_empty_tree),
		cmocka_unit_test(a_row_outlives_its_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
