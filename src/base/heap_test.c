/* SPDX-License-Identifier: ISC */
/* Tests of base/heap.h. */
#include "base/heap.h"

#include "base/random.h"
#include "base/testing.h"

struct item {
	int64_t key;
	uint32_t value;
};

static void
an_empty_heap(void **state)
{
	struct heap h = HEAP_OF(struct item);

	assert_null(heap_first(&h));
	heap_done(&h);
	heap_push(&h, &(struct item){ -5, 1 });
	assert_int_equal(((const struct item *)heap_first(&h))->key, -5);
	heap_done(&h);
	assert_null(heap_first(&h));
}

/* Whatever goes in and out in between, the least comes first and none is lost. */
static void
least_first(void **state)
{
	struct heap h = HEAP_OF(struct item);
	uint32_t in = 0, out = 0;
	uint64_t sum_in = 0, sum_out = 0;
	struct item got;

	for (int round = 0; round < 50; round++) {
		int64_t before = INT64_MIN;

		for (uint64_t n = random_below(200); n > 0; n--, in++) {
			struct item i = { (int64_t)random_below(100) - 50, in };

			heap_push(&h, &i);
			sum_in += in;
		}
		for (uint64_t n = random_below(200); n > 0 && h.count > 0; n--, out++) {
			assert_int_equal(
			    ((const struct item *)heap_first(&h))->key >= before, true);
			heap_pop(&h, &got);
			assert_true(got.key >= before);
			before = got.key;
			sum_out += got.value;
		}
	}
	for (; h.count > 0; out++) {
		heap_pop(&h, &got);
		sum_out += got.value;
	}
	assert_int_equal(in, out);
	assert_int_equal(sum_in, sum_out);
	heap_done(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_heap),
		cmocka_unit_test(least_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
