/* SPDX-License-Identifier: ISC */
/* What was made ahead: it comes back in order, once, and the oldest goes first. */
#include "intake/prepared.h"

#include "base/clock.h"
#include "base/testing.h"

static void
keep(uint64_t op, uint32_t first, size_t octets)
{
	uint64_t sizes[] = { first + 1, first + 2 };
	struct prepared *p = prepared_new(op, first, (struct numbers){ sizes, 2 });

	(void)buffer_room(&p->contents, octets);
	buffer_addf(&p->contents, "content from %u", first);
	prepared_keep(p);
}

/* How many there are for that op, the first from number want on. */
static unsigned
taken(uint64_t op, uint32_t want)
{
	struct list all;
	unsigned n = 0;

	prepared_take(op, &all);
	LIST_EACH(&all, it)
	{
		struct prepared *p = LIST_OWNER(it, struct prepared, node);

		assert_true(p->op == op);
		assert_int_equal(p->first, want + 2 * n++);
		assert_true(p->sizes[0] == p->first + 1 && p->sizes[1] == p->first + 2);
	}
	prepared_free_all(&all);
	return n;
}

static void
comes_back_in_order_and_once(void **state)
{
	keep(7, 5, 10);
	keep(7, 1, 10);
	keep(8, 2, 10);
	keep(7, 3, 10);
	assert_int_equal(taken(7, 1), 3);
	assert_int_equal(taken(7, 1), 0);
	assert_int_equal(taken(8, 2), 1);
}

static void
the_oldest_makes_room(void **state)
{
	const struct prepared *p;
	struct list all;
	unsigned n = 0;

	for (uint32_t i = 0; i < 10; i++)
		keep(7, i, PREPARED_OCTETS / 8);
	prepared_take(7, &all);
	LIST_EACH(&all, it)
	{
		n++;
	}
	/* A buffer takes up to twice of what it was asked for. */
	assert_in_range(n, 3, 8);
	p = LIST_OWNER(all.next, struct prepared, node);
	assert_int_equal(p->first, 10 - n);
	prepared_free_all(&all);
}

static void
old_ones_go(void **state)
{
	clock_set_for_test(CLOCK_HOUR, CLOCK_HOUR);
	keep(7, 1, 10);
	clock_set_for_test(CLOCK_HOUR, CLOCK_HOUR + PREPARED_MINUTES * CLOCK_MINUTE + 1);
	keep(8, 1, 10);
	assert_int_equal(taken(7, 1), 0);
	assert_int_equal(taken(8, 1), 1);
	clock_set_for_test(-1, -1);
}

static void
fits_by_sizes_and_place(void **state)
{
	uint64_t sizes[] = { 1, 2, 3, 4, 5 }, two[] = { 2, 3 };
	const struct numbers all = { sizes, 5 }, cut = { sizes, 2 };
	struct prepared *p = prepared_new(1, 1, (struct numbers){ two, 2 });

	assert_true(prepared_fits(p, 1, all));
	assert_false(prepared_fits(p, 2, all));
	assert_false(prepared_fits(p, 1, cut));
	p->first = 4;
	assert_false(prepared_fits(p, 4, all));
	p->first = 5;
	assert_false(prepared_fits(p, 5, all));
	p->first = 2;
	assert_false(prepared_fits(p, 2, all));
	prepared_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_in_order_and_once),
		cmocka_unit_test(the_oldest_makes_room),
		cmocka_unit_test(old_ones_go),
		cmocka_unit_test(fits_by_sizes_and_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
