/* SPDX-License-Identifier: ISC */
/*
 * store_open by a process that knows the mailbox's UIDs as of a modseq: it gets
 * what happened since, and everything where that is not to be had.
 */
#include "store/size_test_helper.h"

#define MESSAGES 400u /* with a hole behind each */

struct house {
	struct world *w;
	struct text token;
	struct size_box box;
	struct store_open_reply first;
};

static struct house house;

static struct store_open_reply
open_again(uint64_t have, uint64_t since)
{
	struct store_open_reply r;

	assert_ok(ASK(house.w, access, store_open, &r, .token = house.token, .name = TEXT("INBOX"),
	    .have = have, .since = since));
	return r;
}

static int
setup(void **state)
{
	house = (struct house){ .w = world_new(world_memory()) };
	world_domain(house.w, "example.com");
	house.box = (struct size_box){ .account = world_account(house.w, "alice@example.com"),
		.messages = MESSAGES,
		.hole = 2 };
	house.token = world_token(house.w, house.box.account);
	house.box.mailbox = (uint32_t)world_open_mailbox(house.w, house.token, "INBOX").mailbox;
	world_close(house.w);
	size_fill(house.w, &house.box);
	world_open(house.w);
	house.first = open_again(0, 0);
	return 0;
}

static int
teardown(void **state)
{
	world_free(house.w);
	return 0;
}

static void
deliver(unsigned count)
{
	struct parcel p = world_message(house.w, "1", "one", "");

	while (count-- > 0)
		assert_ok(world_deliver(house.w, "alice@example.com", &p));
}

static void
expunge(uint32_t first, uint32_t last)
{
	struct runs some = world_uids(first, last);
	struct store_expunge_reply r;

	assert_ok(ASK(house.w, access, store_expunge, &r, .token = house.token, .op = random_u64(),
	    .mailbox = house.box.mailbox, .uids = some, .force = 1));
	runs_done(&some);
}

static void
assert_whole(const struct store_open_reply *r, uint32_t count)
{
	struct runs uids = r->uids;

	assert_int_equal(r->differs, 0);
	assert_int_equal(runs_total(&uids), count);
	assert_true(runs_empty(&r->added) && runs_empty(&r->vanished));
}

/* ---- tests ---- */

static void
who_knows_nothing_gets_all(void **state)
{
	assert_whole(&house.first, MESSAGES);
}

static void
nothing_happened(void **state)
{
	struct store_open_reply r = open_again(house.box.mailbox, house.first.modseq);

	assert_int_equal(r.differs, 1);
	assert_true(runs_empty(&r.uids) && runs_empty(&r.added) && runs_empty(&r.vanished));
	assert_int_equal(r.uidnext, house.box.uidnext);
}

static void
what_happened_since(void **state)
{
	uint32_t next = house.box.uidnext;
	struct store_open_reply r;

	deliver(3);
	expunge(next + 1, next + 1);
	expunge(house.box.window + 1, house.box.window + 3);
	r = open_again(house.box.mailbox, house.first.modseq);
	assert_int_equal(r.differs, 1);
	assert_true(runs_empty(&r.uids));
	assert_int_equal(runs_total(&r.added), 2);
	assert_true(runs_has(&r.added, next) && runs_has(&r.added, next + 2));
	assert_int_equal(runs_total(&r.vanished), 2);
	assert_true(runs_has(&r.vanished, house.box.window + 1));
	assert_int_equal(r.uidnext, next + 3);
	r = open_again(house.box.mailbox, r.modseq);
	assert_true(r.differs == 1 && runs_empty(&r.added) && runs_empty(&r.vanished));
}

static void
another_mailbox_or_a_modseq_to_come(void **state)
{
	struct store_open_reply r = open_again(house.box.mailbox + 1, house.first.modseq);

	assert_whole(&r, MESSAGES);
	r = open_again(house.box.mailbox, house.first.modseq + 1);
	assert_whole(&r, MESSAGES);
}

/* An answer about few runs is no longer than one about changes. */
static void
few_runs_are_told_whole(void **state)
{
	struct store_open_reply r;

	assert_ok(ASK(house.w, access, store_open, &r, .token = house.token, .name = TEXT("Sent")));
	assert_ok(ASK(house.w, access, store_open, &r, .token = house.token, .name = TEXT("Sent"),
	    .have = r.mailbox, .since = r.modseq));
	assert_whole(&r, 0);
}

static void
the_log_does_not_reach_back(void **state)
{
	struct store_setting_set_reply none;
	struct store_open_reply r;

	assert_ok(ASK(house.w, admin, store_setting_set, &none, .name = TEXT("store.log_keep"),
	    .value = TEXT("100")));
	deliver(110);
	r = open_again(house.box.mailbox, house.first.modseq);
	assert_whole(&r, MESSAGES + 110);
	assert_ok(ASK(house.w, admin, store_setting_set, &none, .name = TEXT("store.log_keep"),
	    .value = TEXT("")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_knows_nothing_gets_all),
		TEST(nothing_happened),
		TEST(what_happened_since),
		TEST(another_mailbox_or_a_modseq_to_come),
		TEST(few_runs_are_told_whole),
		TEST(the_log_does_not_reach_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
