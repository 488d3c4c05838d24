/* SPDX-License-Identifier: ISC */
/* Reports of what is in hand, while the store comes anew: a store of three calls. */
#include "outbound/hand.h"

#include "base/testing.h"
#include "runtime/role.h"

static struct house {
	struct call_pair *pair;
	struct calls *calls;
	struct hand hand;
	struct arena arena;
	_Atomic bool anew;		/* nobody said to this store what is in hand */
	bool comes_anew;		/* while it has the first report */
	_Atomic unsigned reports, said; /* reports; how often the lease was named */
	uint64_t op;
} house;

static void
give_lease(struct call_in *in, const void *request, void *context)
{
	struct queue_lease_reply reply = { .message = house.said == 0 ? 7 : 0 };

	(void)request, (void)context;
	if (house.anew)
		call_refuse(in, STATUS_DENIED, "Say first.", "a new store");
	else
		call_reply(in, &reply);
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

static void
take_report(struct call_in *in, const void *request, void *context)
{
	const struct queue_report_request *q = request;
	struct queue_lease_reply lease;
	struct hold other;

	(void)context;
	if (house.reports++ == 0)
		house.op = q->op;
	CHECK(q->op == house.op);
	if (house.comes_anew) {
		house.comes_anew = false;
		house.anew = true;
		CHECK(hand_lease(&house.hand, TEXT_EMPTY, &house.arena, &lease, &other) ==
		      STATUS_NOT_FOUND);
	}
	call_reply(in, &(struct queue_report_reply){ 0 });
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
	struct queue_lease_reply lease;
	struct queue_report_request report = { .none_ = 0 };
	struct hold hold;

	assert_ok(hand_lease(&house.hand, TEXT_EMPTY, &house.arena, &lease, &hold));
	assert_int_equal(lease.message, 7);
	hand_report(&house.hand, &hold, &report);
}

static void
a_report_is_made_once(void **state)
{
	(void)state;
	lease_and_report();
	assert_int_equal(house.reports, 1);
	assert_int_equal(house.said, 0);
}

/* The report is in the store, its answer is not here yet, and another worker tells
 * a store that comes anew what is in hand: this ends as a lease again. */
static void
what_was_said_meanwhile_is_reported_again(void **state)
{
	(void)state;
	house.comes_anew = true;
	lease_and_report();
	assert_int_equal(house.said, 1);
	assert_int_equal(house.reports, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_report_is_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    what_was_said_meanwhile_is_reported_again, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
