/* SPDX-License-Identifier: ISC */
/* Reports of what is in hand, while the store comes anew: a store of three calls. */
#include "outbound/hand.h"

#include "base/testing.h"
#include "runtime/role.h"
#include "runtime/thread.h"

static struct house {
	struct call_pair *pair;
	struct calls *calls;
	struct hand hand;
	struct arena arena;
	_Atomic bool anew;		/* nobody said to this store what is in hand */
	bool comes_anew;		/* while it has the first report */
	bool loses_one;			/* the answer to the first report */
	uint64_t next_wanted;		/* of the last report */
	_Atomic unsigned reports, said; /* reports; how often the lease was named */
	pthread_t other;
	_Atomic uint32_t denied; /* leases */
} house;

static void
give_lease(struct call_in *in, const void *request, void *context)
{
	struct queue_lease_reply reply = { .message = house.reports == 0 ? 7 : 0 };

	(void)request, (void)context;
	if (!house.anew) {
		call_reply(in, &reply);
		return;
	}
	call_refuse(in, STATUS_DENIED, "Say first.", "a new store");
	house.denied++;
	thread_wake(&house.denied);
}

static void
take_resume(struct call_in *in, const void *request, void *context)
{
	const struct queue_resume_request *q = request;

	(void)context;
	for (uint32_t i = 0; i < q->messages.count; i++)
		house.said += q->messages.at[i] == 7;
	house.anew = false;
	call_reply(in, &(struct queue_resume_reply){ .gone = { 0 } });
}

static void *
other_worker(void *arg)
{
	struct queue_lease_reply lease;
	struct arena a = ARENA_INIT;
	struct hold hold;

	(void)arg;
	CHECK(hand_lease(&house.hand, TEXT_EMPTY, &a, &lease, &hold) == STATUS_NOT_FOUND);
	arena_done(&a);
	return NULL;
}

static void
take_report(struct call_in *in, const void *request, void *context)
{
	const struct queue_report_request *q = request;

	(void)context;
	house.reports++;
	house.next_wanted = q->next;
	if (house.loses_one && house.reports == 1) {
		call_refuse(in, STATUS_TIMEOUT, "Too slow.", "the answer was lost");
		return;
	}
	if (house.comes_anew) {
		house.anew = true;
		CHECK(thread_start("other", 0, other_worker, NULL, &house.other) == STATUS_OK);
		while (house.denied == 0)
			(void)thread_sleep(&house.denied, 0, INT64_MAX);
	}
	call_reply(in, &(struct queue_report_reply){ .more = 1 });
}

static int
setup(void **state)
{
	static const struct call_row rows[] = {
		{ &queue_lease_call, give_lease },
		{ &queue_resume_call, take_resume },
		{ &queue_report_call, take_report },
	};
	static const struct call_server_config config = {
		.rows = rows, .row_count = ARRAY_LEN(rows), .threads = 3
	};

	(void)state;
	house = (struct house){ .arena = ARENA_INIT };
	house.pair = call_pair_new(ROLE_OUTBOUND, &config, ROLE_STORE, &house.calls);
	hand_init(&house.hand, house.calls);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	hand_done(&house.hand);
	call_pair_free(house.pair);
	arena_done(&house.arena);
	return 0;
}

static void
lease_and_report(void)
{
	struct queue_lease_reply lease, next;
	struct queue_report_request report = { .next = 1 };
	struct hold hold, next_hold;

	assert_ok(hand_lease(&house.hand, TEXT_EMPTY, &house.arena, &lease, &hold));
	assert_int_equal(lease.message, 7);
	assert_false(hand_report(&house.hand, &hold, &report, &house.arena, &next, &next_hold));
}

static void
a_report_is_made_once(void **state)
{
	(void)state;
	lease_and_report();
	assert_int_equal(house.reports, 1);
	assert_int_equal(house.next_wanted, 1);
	assert_int_equal(house.said, 0);
}

/* The lease that came with the lost answer is nobody's; a second would be one more. */
static void
a_report_made_again_asks_for_no_lease(void **state)
{
	(void)state;
	house.loses_one = true;
	lease_and_report();
	assert_int_equal(house.reports, 2);
	assert_int_equal(house.next_wanted, 0);
}

/* The report is in the store, its answer is not here yet, and another worker wants
 * to tell a store that comes anew what is in hand: it waits, and does not name it. */
static void
what_is_reported_is_not_in_hand(void **state)
{
	(void)state;
	house.comes_anew = true;
	lease_and_report();
	assert_int_equal(pthread_join(house.other, NULL), 0);
	assert_false(house.anew);
	assert_int_equal(house.said, 0);
	assert_int_equal(house.reports, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_report_is_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_report_made_again_asks_for_no_lease, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_reported_is_not_in_hand, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
