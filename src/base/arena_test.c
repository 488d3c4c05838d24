/* SPDX-License-Identifier: ISC */
/*
 * Tests of base/arena.h. They run on the block arena in plain builds and on
 * its malloc twin under sanitizers; what only one of them can show is marked.
 */
#include "base/arena.h"

#include "base/buffer.h"
#include "base/random.h"
#include "base/testing.h"

static void
memory_is_zeroed_and_aligned(void **state)
{
	struct arena a = ARENA_INIT;

	random_seed_for_test(3);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 2000; i++) {
			size_t n = random_below(i % 100 == 0 ? 9000 : 100);
			unsigned char *p = arena_alloc(&a, n);

			assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
			for (size_t k = 0; k < n; k++)
				assert_int_equal(p[k], 0);
			memset(p, 0xee, n);
			(void)arena_copy(&a, text_part(TEXT("odd"), 0, random_below(4)));
		}
		arena_reset(&a);
		assert_int_equal(a.used, 0);
	}
	random_seed_for_test(0);
	arena_done(&a);
	assert_null(a.blocks);
}

static void
objects_do_not_overlap(void **state)
{
	struct arena a = ARENA_INIT;
	uint32_t *kept[500];

	for (uint32_t i = 0; i < 500; i++) {
		kept[i] = ARENA_ARRAY(&a, uint32_t, 1 + (i * 37) % 900);
		kept[i][0] = i;
		kept[i][(i * 37) % 900] = i;
	}
	for (uint32_t i = 0; i < 500; i++) {
		assert_int_equal(kept[i][0], i);
		assert_int_equal(kept[i][(i * 37) % 900], i);
	}
	arena_done(&a);
}

static void
the_limit_is_an_answer(void **state)
{
	struct arena a;

	arena_init(&a, 0, 10000);
	assert_non_null(arena_try_alloc(&a, 6000));
	assert_null(arena_try_alloc(&a, 6000));
	assert_null(arena_try_alloc(&a, SIZE_MAX));
	assert_null(arena_try_alloc(&a, SIZE_MAX - 8));
	assert_non_null(arena_try_alloc(&a, 3000));
	arena_reset(&a);
	assert_non_null(arena_try_alloc(&a, 10000));
	arena_done(&a);
	assert_int_equal(a.limit, 10000);
}

static void
pass_the_limit(void)
{
	struct arena a;

	arena_init(&a, 0, 100);
	(void)arena_alloc(&a, 101);
}

static void
overflow_a_product(void)
{
	struct arena a = ARENA_INIT;

	(void)arena_array(&a, SIZE_MAX / 2, 4);
}

static void
overflow_a_resize(void)
{
	(void)mem_resize(NULL, SIZE_MAX / 2, 4);
}

static void
ask_for_the_moon(void)
{
	(void)mem_new(SIZE_MAX / 4);
}

static void
what_cannot_be_had_ends_the_process(void **state)
{
	assert_true(test_dies(pass_the_limit));
	assert_true(test_dies(overflow_a_product));
	assert_true(test_dies(overflow_a_resize));
#ifndef MAILSTEAD_SANITIZED /* the sanitizer ends it in its own way */
	assert_true(test_dies(ask_for_the_moon));
#else
	(void)ask_for_the_moon;
#endif
}

static void
texts(void **state)
{
	struct arena a = ARENA_INIT;
	struct text t = arena_copy(&a, TEXT("Ab\0c"));

	assert_text(t, "Ab\0c");
	assert_int_equal(t.ptr[t.len], 0);
	assert_text(arena_copy(&a, TEXT_EMPTY), "");
	assert_text(arena_copy(&a, (struct text){ NULL, 0 }), "");
	assert_text(arena_lower(&a, TEXT("MiXed 7[")), "mixed 7[");
	assert_text(arena_join(&a, TEXT("a"), TEXT("bc")), "abc");
	assert_text(arena_join(&a, TEXT_EMPTY, TEXT("bc")), "bc");
	assert_text(arena_printf(&a, "%d-%s", 5, "x"), "5-x");
	for (int n = 250; n < 260; n++) {
		t = arena_printf(&a, "%0*d", n, 3);
		assert_int_equal(t.len, n);
		assert_int_equal(t.ptr[n - 1], '3');
		assert_int_equal(t.ptr[n], 0);
	}
	assert_string_equal(arena_string(&a, TEXT("str")), "str");
	arena_done(&a);
}

static void
a_reset_arena_uses_its_block_again(void **state)
{
	struct arena a;
	void *first;

	arena_init(&a, 1024, 0);
	first = arena_alloc(&a, 100);
	for (int i = 0; i < 100; i++)
		(void)arena_alloc(&a, 1000);
	arena_reset(&a);
#ifndef MAILSTEAD_ARENA_MALLOC
	assert_ptr_equal(arena_alloc(&a, 100), first);
#else
	assert_non_null(first);
	assert_null(a.blocks);
#endif
	arena_done(&a);
}

static void
plain_memory(void **state)
{
	uint64_t *p = mem_array(10, sizeof(*p));
	char *s = mem_string(TEXT("abc"));

	for (int i = 0; i < 10; i++)
		assert_true(p[i] == 0);
	p[9] = 9;
	p = mem_resize(p, 1000, sizeof(*p));
	assert_true(p[9] == 9);
	assert_string_equal(s, "abc");
	mem_free(p);
	mem_free(s);
	mem_free(NULL);
	s = mem_new(0);
	assert_non_null(s);
	mem_free(s);
}

struct noted {
	struct buffer *into;
	char letter;
};

static void
note(void *arg)
{
	struct noted *n = arg;

	buffer_add_byte(n->into, n->letter);
}

static void
cleanups_run_last_first_and_once(void **state)
{
	struct buffer order = BUFFER_INIT;
	struct arena a = ARENA_INIT;

	for (char c = 'a'; c < 'e'; c++) {
		struct noted *n = ARENA_NEW(&a, struct noted); /* still there when note runs */

		*n = (struct noted){ &order, c };
		arena_on_done(&a, note, n);
		if (c == 'b')
			arena_reset(&a);
	}
	assert_string_equal(buffer_string(&order), "ba");
	arena_done(&a);
	assert_string_equal(buffer_string(&order), "badc");
	arena_done(&a);
	assert_string_equal(buffer_string(&order), "badc");
	buffer_done(&order);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(objects_do_not_overlap),
		cmocka_unit_test(the_limit_is_an_answer),
		cmocka_unit_test(what_cannot_be_had_ends_the_process),
		cmocka_unit_test(texts),
		cmocka_unit_test(a_reset_arena_uses_its_block_again),
		cmocka_unit_test(plain_memory),
		cmocka_unit_test(cleanups_run_last_first_and_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
