/* SPDX-License-Identifier: ISC */
/* What was made ahead: it comes back in order, once, and the oldest goes first. */
#include "intake/prepared.h"

#include <poll.h>

#include "base/clock.h"
#include "base/testing.h"

static struct prepared *
piece(uint64_t op, uint32_t first, size_t octets)
{
	uint64_t sizes[] = { first + 1, first + 2 };
	struct prepared *p = prepared_new(op, first, (struct numbers){ sizes, 2 });

	(void)buffer_room(&p->contents, octets);
	buffer_addf(&p->contents, "content from %u", first);
	return p;
}

static void
keep(uint64_t op, uint32_t first, size_t octets)
{
	assert_ok(prepared_keep(piece(op, first, octets)));
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
	struct prepared *p;
	struct list all;
	unsigned n = 0;

	for (uint32_t i = 0; i < 10; i++) {
		p = piece(17, i, PREPARED_OCTETS / 8 - 64);
		p->key = i;
		assert_ok(prepared_keep(p));
	}
	prepared_take(17, &all);
	LIST_EACH(&all, it)
	{
		n++;
	}
	/* A buffer takes up to twice of what it was asked for. */
	assert_in_range(n, 3, 8);
	p = LIST_OWNER(all.next, struct prepared, node);
	assert_int_equal(p->first, 10 - n);
	assert_int_equal(prepared_octets(), 0);
	prepared_free_all(&all);
}

static void
old_ones_go(void **state)
{
	clock_set_for_test(CLOCK_HOUR, CLOCK_HOUR);
	keep(27, 1, 10);
	clock_set_for_test(CLOCK_HOUR, CLOCK_HOUR + PREPARED_MINUTES * CLOCK_MINUTE + 1);
	keep(28, 1, 10);
	assert_int_equal(taken(27, 1), 0);
	assert_int_equal(taken(28, 1), 1);
	clock_set_for_test(-1, -1);
}

/* Nobody calls; the thread waits for its age. */
static void
old_ones_go_by_themselves(void **state)
{
	int64_t later = CLOCK_HOUR + PREPARED_MINUTES * CLOCK_MINUTE;
	struct failure f;

	clock_set_for_test(CLOCK_HOUR, CLOCK_HOUR);
	assert_ok(prepared_tend(&f));
	keep(37, 1, 10);
	clock_set_for_test(CLOCK_HOUR, later);
	keep(38, 1, 10); /* the thread looks at the clock again */
	assert_int_equal(prepared_octets(), 2 * PREPARED_LEAST);
	clock_set_for_test(CLOCK_HOUR, later + 1);
	for (int i = 0; prepared_octets() > PREPARED_LEAST && i < 60000; i++)
		(void)poll(NULL, 0, 1);
	assert_int_equal(prepared_octets(), PREPARED_LEAST);
	prepared_end();
	assert_int_equal(prepared_octets(), 0);
	assert_int_equal(taken(38, 1), 0);
	clock_set_for_test(-1, -1);
}

/* What another thread still worked on when its op was done with. */
static void
what_comes_too_late_is_not_kept(void **state)
{
	keep(47, 1, 10);
	assert_int_equal(taken(47, 1), 1);
	keep(47, 3, 10);
	assert_int_equal(taken(48, 1), 0);
	keep(48, 1, 10);
	assert_int_equal(prepared_octets(), 0);
}

/* However many sessions an account has, others keep theirs. */
static void
a_key_has_a_share(void **state)
{
	struct prepared *p = piece(57, 1, 10);
	enum status s = STATUS_OK;

	p->key = 2;
	assert_ok(prepared_keep(p));
	for (uint32_t i = 0; i < 100 && s == STATUS_OK; i++) {
		p = piece(60 + i, 1, 1u << 20);
		p->key = 1;
		s = prepared_keep(p);
	}
	assert_int_equal(s, STATUS_LIMIT);
	assert_in_range(prepared_octets(), PREPARED_SHARE / 2, PREPARED_SHARE + PREPARED_LEAST);
	assert_int_equal(taken(57, 1), 1);
	prepared_end();
}

/* Small ones cost memory beside their octets. */
static void
there_are_so_many_of_them(void **state)
{
	enum status s = STATUS_OK;
	unsigned n = 0;

	while (s == STATUS_OK) {
		s = prepared_keep(piece(200 + n, 1, 10));
		n++;
	}
	assert_int_equal(n, PREPARED_SHARE / PREPARED_LEAST + 1);
	prepared_end();
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
		cmocka_unit_test(old_ones_go_by_themselves),
		cmocka_unit_test(what_comes_too_late_is_not_kept),
		cmocka_unit_test(a_key_has_a_share),
		cmocka_unit_test(there_are_so_many_of_them),
		cmocka_unit_test(fits_by_sizes_and_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
