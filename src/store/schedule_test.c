/* SPDX-License-Identifier: ISC */
/* Tests of store/schedule.h, on a clock that the tests move. */
#include "store/schedule.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/testing.h"

#define START (1000 * CLOCK_DAY)

struct rig {
	struct schedule_limits limits;
	struct schedule *s;
	int64_t now;
};

static int
setup(void **state)
{
	struct rig *r = MEM_NEW(struct rig);

	r->limits = (struct schedule_limits){
		.leases = 1000,
		.window_first = 2,
		.window_max = 4,
		.rest_first = CLOCK_MINUTE,
		.rest_max = CLOCK_HOUR,
	};
	r->s = schedule_new(&r->limits);
	r->now = START;
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *r = *state;

	schedule_free(r->s);
	mem_free(r);
	return 0;
}

static void
add(struct rig *r, const char *destination, uint64_t message, uint64_t sender, int64_t after)
{
	struct schedule_run run = { .message = message, .sender = sender, .count = 1 };

	schedule_add(r->s, text_of(destination), &run, r->now + after, r->now);
}

/* The number of the message whose turn it is, 0: none. */
static uint64_t
lease_of(struct rig *r, const char *prefer, const char *destination)
{
	struct schedule_run run;
	struct text of;

	if (!schedule_lease(r->s, text_of(prefer), r->now, &of, &run))
		return 0;
	assert_true(text_equal(of, text_of(destination)));
	return run.message;
}

static void
end(struct rig *r, const char *destination, enum schedule_end how)
{
	schedule_end(r->s, text_of(destination), how, r->now, 0);
}

static struct schedule_facts
facts(struct rig *r, const char *destination)
{
	struct schedule_facts f;

	assert_true(schedule_facts(r->s, text_of(destination), &f));
	return f;
}

static void
nothing_before_its_time(void **state)
{
	struct rig *r = *state;

	assert_int_equal(schedule_next(r->s), INT64_MAX);
	assert_int_equal(lease_of(r, "", ""), 0);
	add(r, "a.example", 1, 1, 10 * CLOCK_SECOND);
	add(r, "a.example", 2, 1, 5 * CLOCK_SECOND);
	assert_int_equal(schedule_next(r->s), r->now + 5 * CLOCK_SECOND);
	assert_int_equal(lease_of(r, "", ""), 0);
	r->now += 5 * CLOCK_SECOND;
	assert_int_equal(lease_of(r, "", "a.example"), 2);
	assert_int_equal(lease_of(r, "", ""), 0);
	assert_int_equal(schedule_next(r->s), r->now + 5 * CLOCK_SECOND);
	r->now += 6 * CLOCK_SECOND;
	assert_int_equal(lease_of(r, "", "a.example"), 1);
	assert_int_equal(facts(r, "a.example").waiting, 0);
	assert_int_equal(facts(r, "a.example").leased, 2);
}

/* Eight at a destination take along what comes, as long as it is not more than they
 * are. */
static void
several_are_enough(void **state)
{
	struct rig *r = *state;

	r->limits.window_first = r->limits.window_max = 100;
	assert_false(schedule_wants(r->s, r->now));
	for (uint64_t i = 1; i <= 8; i++) {
		add(r, "a.example", i, 1, 0);
		assert_true(schedule_wants(r->s, r->now));
		assert_int_equal(lease_of(r, "", "a.example"), i);
		assert_false(schedule_wants(r->s, r->now));
	}
	for (uint64_t i = 9; i <= 16; i++) {
		add(r, "a.example", i, 1, 0);
		assert_false(schedule_wants(r->s, r->now));
	}
	add(r, "b.example", 30, 1, 0);
	assert_true(schedule_wants(r->s, r->now));
	assert_int_equal(lease_of(r, "b.example", "b.example"), 30);
	assert_false(schedule_wants(r->s, r->now));
	add(r, "a.example", 17, 1, 0);
	assert_true(schedule_wants(r->s, r->now));
	assert_int_equal(lease_of(r, "", "a.example"), 9);
	assert_false(schedule_wants(r->s, r->now));
	end(r, "a.example", SCHEDULE_WELL);
	end(r, "a.example", SCHEDULE_WELL);
	assert_true(schedule_wants(r->s, r->now)); /* seven */
}

/* Who sends to thousands does not hold up who sends to one. */
static void
senders_take_turns(void **state)
{
	struct rig *r = *state;
	struct schedule_run many = { .message = 1, .sender = 7, .count = SCHEDULE_RUN_MAX };

	for (uint32_t i = 0; i < 20; i++) {
		many.first = i * SCHEDULE_RUN_MAX;
		schedule_add(r->s, TEXT("a.example"), &many, r->now, r->now);
	}
	assert_int_equal(lease_of(r, "", "a.example"), 1);
	end(r, "a.example", SCHEDULE_WELL);
	add(r, "a.example", 2, 8, 0);
	add(r, "a.example", 3, 9, 0);
	assert_int_equal(lease_of(r, "", "a.example") + lease_of(r, "", "a.example"), 2 + 3);
	end(r, "a.example", SCHEDULE_WELL);
	end(r, "a.example", SCHEDULE_WELL);
	assert_int_equal(lease_of(r, "", "a.example"), 1);
	end(r, "a.example", SCHEDULE_WELL);
	many.message = 4;
	many.priority = SCHEDULE_PRIORITY_MAX;
	schedule_add(r->s, TEXT("a.example"), &many, r->now, r->now);
	assert_int_equal(lease_of(r, "", "a.example"), 4);
}

static void
runs_of_a_sender_keep_their_order(void **state)
{
	struct rig *r = *state;

	for (uint64_t m = 1; m <= 50; m++)
		add(r, "a.example", m, 1, 0);
	for (uint64_t m = 1; m <= 50; m++) {
		assert_int_equal(lease_of(r, "", "a.example"), m);
		end(r, "a.example", SCHEDULE_NEITHER);
	}
}

/* A destination that does not answer has its deliveries, and the others go on. */
static void
one_that_hangs_holds_up_nobody(void **state)
{
	struct rig *r = *state;

	for (uint64_t m = 1; m <= 10; m++)
		add(r, "hangs.example", m, m, 0);
	assert_int_equal(lease_of(r, "", "hangs.example"), 1);
	assert_int_equal(lease_of(r, "", "hangs.example"), 2);
	for (uint64_t m = 100; m < 150; m++) {
		add(r, "b.example", m, 1, 0);
		assert_int_equal(lease_of(r, "", "b.example"), m);
		end(r, "b.example", SCHEDULE_WELL);
	}
	assert_int_equal(lease_of(r, "", ""), 0);
	assert_int_equal(schedule_next(r->s), INT64_MAX);
	end(r, "hangs.example", SCHEDULE_NEITHER);
	assert_int_equal(lease_of(r, "", "hangs.example"), 3);
}

static void
destinations_take_turns_and_connections_go_on(void **state)
{
	struct rig *r = *state;

	for (uint64_t m = 1; m <= 3; m++) {
		add(r, "a.example", m, 1, 0);
		add(r, "b.example", m + 10, 1, 0);
	}
	assert_int_equal(lease_of(r, "", "a.example"), 1);
	assert_int_equal(lease_of(r, "", "b.example"), 11);
	assert_int_equal(lease_of(r, "", "a.example"), 2);
	end(r, "a.example", SCHEDULE_WELL);
	assert_int_equal(lease_of(r, "a.example", "a.example"), 3);
	assert_int_equal(lease_of(r, "a.example", "b.example"), 12);
}

static void
the_window_grows_and_shrinks(void **state)
{
	struct rig *r = *state;

	for (uint64_t m = 1; m <= 100; m++)
		add(r, "a.example", m, 1, 0);
	for (uint64_t m = 1; m <= 20; m++) {
		assert_int_equal(lease_of(r, "", "a.example"), m);
		end(r, "a.example", SCHEDULE_WELL);
	}
	assert_int_equal(facts(r, "a.example").window, 4);
	for (uint64_t m = 21; m <= 24; m++)
		assert_int_equal(lease_of(r, "", "a.example"), m);
	assert_int_equal(lease_of(r, "", ""), 0);
	end(r, "a.example", SCHEDULE_BUSY);
	assert_int_equal(facts(r, "a.example").window, 2);
	for (int i = 0; i < 3; i++)
		end(r, "a.example", SCHEDULE_NEITHER);
	/* It has its pause, which ends by itself. */
	assert_int_equal(lease_of(r, "", ""), 0);
	assert_in_range(schedule_next(r->s), r->now + 1, r->now + CLOCK_SECOND);
	r->now = schedule_next(r->s);
	assert_int_equal(lease_of(r, "", "a.example"), 25);
	assert_int_equal(lease_of(r, "", ""), 0);
	for (uint64_t m = 26; m <= 60; m++) {
		end(r, "a.example", SCHEDULE_WELL);
		if (schedule_next(r->s) > r->now)
			r->now = schedule_next(r->s);
		assert_int_equal(lease_of(r, "", "a.example"), m);
	}
	end(r, "a.example", SCHEDULE_WELL);
	assert_int_equal(facts(r, "a.example").window, 4);
	assert_int_equal(schedule_next(r->s), 0);
}

static void
who_is_not_reached_is_left_in_peace(void **state)
{
	struct rig *r = *state;
	int64_t rest = CLOCK_MINUTE;

	for (uint64_t m = 1; m <= 40; m++)
		add(r, "a.example", m, 1, 0);
	assert_int_equal(lease_of(r, "", "a.example"), 1);
	assert_int_equal(lease_of(r, "", "a.example"), 2);
	end(r, "a.example", SCHEDULE_DOWN);
	end(r, "a.example", SCHEDULE_DOWN);
	assert_int_equal(facts(r, "a.example").failures, 1);
	for (uint64_t m = 3; m < 12; m++) {
		assert_int_equal(facts(r, "a.example").rest, r->now + rest);
		assert_int_equal(schedule_next(r->s), r->now + rest);
		r->now += rest - 1;
		assert_int_equal(lease_of(r, "", ""), 0);
		r->now++;
		assert_int_equal(lease_of(r, "", "a.example"), m);
		assert_int_equal(lease_of(r, "", ""), 0); /* one tries it for all */
		end(r, "a.example", SCHEDULE_DOWN);
		rest = rest * 2 > CLOCK_HOUR ? CLOCK_HOUR : rest * 2;
	}
	schedule_wake(r->s, TEXT("a.example"), r->now);
	assert_int_equal(lease_of(r, "", "a.example"), 12);
	assert_int_equal(lease_of(r, "", "a.example"), 13);
	end(r, "a.example", SCHEDULE_WELL);
	assert_int_equal(facts(r, "a.example").failures, 0);
	schedule_wake(r->s, TEXT("unknown.example"), r->now);
}

static void
no_more_leases_than_there_may_be(void **state)
{
	struct rig *r = *state;

	r->limits.leases = 2;
	add(r, "a.example", 1, 1, 0);
	add(r, "b.example", 2, 1, 0);
	add(r, "c.example", 3, 1, 0);
	assert_int_equal(lease_of(r, "", "a.example"), 1);
	assert_int_equal(lease_of(r, "", "b.example"), 2);
	assert_int_equal(lease_of(r, "", ""), 0);
	assert_int_equal(schedule_next(r->s), INT64_MAX);
	end(r, "a.example", SCHEDULE_WELL);
	assert_int_equal(schedule_next(r->s), 0);
	assert_int_equal(lease_of(r, "", "c.example"), 3);
}

/* What nobody sends to any more is not remembered for ever. */
static void
idle_destinations_are_forgotten(void **state)
{
	struct rig *r = *state;
	struct schedule_facts f;
	char name[32];

	for (uint64_t m = 1; m <= 50; m++) {
		(void)snprintf(name, sizeof(name), "d%d.example", (int)m);
		add(r, name, m, 1, 0);
		assert_int_equal(lease_of(r, "", name), m);
		end(r, name, m == 50 ? SCHEDULE_DOWN : SCHEDULE_WELL);
	}
	add(r, "d1.example", 100, 1, CLOCK_DAY);
	r->now += CLOCK_HOUR;
	for (uint64_t m = 1; m <= 50; m++)
		add(r, "now.example", m, 1, 0);
	assert_false(schedule_facts(r->s, TEXT("d2.example"), &f));
	assert_false(schedule_facts(r->s, TEXT("d50.example"), &f));
	assert_int_equal(facts(r, "d1.example").waiting, 1);
}

/* Whatever happens, each is tried once for each time that it was added, not
 * before its time, and no destination has more at once than its window. */
static void
nothing_is_lost(void **state)
{
	struct rig *r = *state;
	uint64_t added = 0, tried = 0, sum = 0;
	uint32_t at_work[8] = { 0 };
	int64_t due[2001] = { 0 };

	for (int step = 0; step < 20000 || tried < added; step++) {
		char name[] = "a.example";
		struct schedule_facts f;
		struct schedule_run run;
		struct text of;
		uint64_t which = random_below(8);

		name[0] = (char)('a' + which);
		if (added < 2000 && random_below(3) == 0) {
			int64_t after = (int64_t)random_below(3 * CLOCK_MINUTE);

			due[++added] = r->now + after;
			sum += added;
			add(r, name, added, random_below(5), after);
		} else if (at_work[which] > 0 && random_below(2) == 0) {
			schedule_end(r->s, text_of(name), (enum schedule_end)random_below(4),
			    r->now, (uint32_t)random_u64());
			at_work[which]--;
		} else if (schedule_lease(r->s, TEXT_EMPTY, r->now, &of, &run)) {
			assert_true(due[run.message] <= r->now);
			sum -= run.message;
			tried++;
			at_work[of.ptr[0] - 'a']++;
			assert_true(schedule_facts(r->s, of, &f));
			assert_int_equal(f.leased, at_work[of.ptr[0] - 'a']);
			assert_in_range(f.leased, 1, 4);
		} else {
			r->now += (int64_t)random_below(CLOCK_MINUTE);
		}
		assert_true(step < 2000000);
	}
	assert_int_equal(added, 2000);
	assert_int_equal(sum, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_before_its_time),
		CASE(several_are_enough),
		CASE(senders_take_turns),
		CASE(runs_of_a_sender_keep_their_order),
		CASE(one_that_hangs_holds_up_nobody),
		CASE(destinations_take_turns_and_connections_go_on),
		CASE(the_window_grows_and_shrinks),
		CASE(who_is_not_reached_is_left_in_peace),
		CASE(no_more_leases_than_there_may_be),
		CASE(idle_destinations_are_forgotten),
		CASE(nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
