/* SPDX-License-Identifier: ISC */
/*
 * SELECT of a mailbox that did not change asks the store nothing (store/board.h),
 * and is answered as if it had been asked (RFC 3501 6.3.1, RFC 9051 6.3.2).
 */
#include "imap/session_testing.h"
#include "runtime/metrics.h"

/* Of the same house, without a board: it asks each time. */
static struct imap_server *asking;

static int
open_both(void **state)
{
	(void)open_house(state);
	asking = imap_server_new(house.calls, TEXT("mail.demo.test"));
	return 0;
}

static int
close_both(void **state)
{
	imap_server_free(asking);
	return close_house(state);
}

static void
sign_in_asking(struct talk *t)
{
	((struct imap *)talk_begin(t, &imap_session_class, &plain))->server = asking;
	(void)talk_run(t, TEXT_EMPTY, WAKE_START);
	HAS(t, "l LOGIN alice@demo.test demo\r\n", "l OK ");
}

/* Says it, and gives how many calls it cost. */
static int64_t
cost(struct talk *t, const char *command)
{
	int64_t before = metric_get(METRIC_CALLS_SENT);

	ok(t, command);
	return metric_get(METRIC_CALLS_SENT) - before;
}

static void
nothing_is_asked_about_what_did_not_change(void **state)
{
	struct buffer first = BUFFER_INIT;
	struct talk t;

	begin_with(&t, "box", 3);
	ok(&t, "SELECT box");
	buffer_add_string(&first, talk_say(&t, "a SELECT box\r\n"));
	assert_int_equal(cost(&t, "SELECT box"), 0);
	SAYS(&t, "a SELECT box\r\n", buffer_string(&first));
	assert_int_equal(cost(&t, "EXAMINE box"), 0);
	/* What is read meanwhile changes nothing; what is left is forgotten. */
	ok(&t, "FETCH 1:* (FLAGS BODY.PEEK[])");
	assert_int_equal(cost(&t, "SELECT box"), 0);
	ok(&t, "CLOSE");
	assert_int_equal(cost(&t, "SELECT box"), 1);
	buffer_done(&first);
	talk_end(&t);
}

/* Each of these is done by another session, and seen. */
static void
every_change_is_seen(void **state)
{
	static const char *const done[] = {
		"STORE 1 +FLAGS (\\Seen)",
		"STORE 2 +FLAGS.SILENT ($Work)",
		"STORE 1:* +FLAGS.SILENT (\\Seen)",
		"STORE 3 -FLAGS.SILENT (\\Seen)",
		"COPY 1 box",
		"STORE 2 +FLAGS (\\Deleted)",
		"EXPUNGE",
		"CREATE other",
		"MOVE 1 other",
		"RENAME other another",
		"SUBSCRIBE box",
		"RENAME box gone",
		"CREATE box",
		"DELETE gone",
	};
	struct talk t, doing, fresh;

	begin_with(&doing, "box", 4);
	sign_in(&t);
	sign_in_asking(&fresh);
	ok(&t, "EXAMINE box");
	ok(&fresh, "EXAMINE box");
	for (size_t i = 0; i < ARRAY_LEN(done); i++) {
		ok(&doing, done[i]);
		SAYS(&t, "a EXAMINE box\r\n", talk_say(&fresh, "a EXAMINE box\r\n"));
		SAYS(&t, "a EXAMINE box\r\n", talk_say(&fresh, "a EXAMINE box\r\n"));
	}
	talk_end(&t);
	talk_end(&doing);
	talk_end(&fresh);
}

/* RFC 3501 2.3.2: recent messages are one session's, which the store must hear of. */
static void
recent_messages_are_claimed(void **state)
{
	struct talk t, other;

	begin_with(&t, "box", 1);
	sign_in(&other);
	append_to(&other, "box", "", MAIL_B);
	HAS(&other, "a EXAMINE box\r\n", "* 1 RECENT\r\n");
	HAS(&other, "a EXAMINE box\r\n", "* 1 RECENT\r\n");
	assert_int_equal(cost(&other, "EXAMINE box"), 0);
	HAS(&other, "a SELECT box\r\n", "* 1 RECENT\r\n");
	HAS(&other, "a SELECT box\r\n", "* 0 RECENT\r\n");
	assert_int_equal(cost(&other, "SELECT box"), 0);
	HAS(&t, "a SELECT box\r\n", "* 0 RECENT\r\n");
	ok(&other, "UNSELECT");
	append_to(&other, "box", "", MAIL_B);
	HAS(&t, "a SELECT box\r\n", "* 1 RECENT\r\n");
	HAS(&other, "a EXAMINE box\r\n", "* 0 RECENT\r\n");
	talk_end(&t);
	talk_end(&other);
}

static void
suspend(uint64_t value)
{
	struct arena a = ARENA_INIT;
	const struct store_account_set_request req = {
		.address = TEXT("alice@demo.test"), .change = ACCOUNT_SUSPENDED, .value = value
	};
	struct store_account_set_reply reply;

	assert_ok(store_account_set(house.admin, &req, &a, &reply, NULL));
	arena_done(&a);
}

/* Who may not read is not answered from what others were told. */
static void
a_token_must_hold(void **state)
{
	struct talk t, other;
	struct imap *im;

	begin_with(&t, "box", 1);
	ok(&t, "SELECT box");
	im = (struct imap *)t.s;
	assert_int_equal(im->rights.account, im->account);
	assert_int_equal(im->rights.scope, SCOPE_ALL);
	im->rights.expires = clock_wall() / CLOCK_SECOND;
	assert_int_equal(cost(&t, "SELECT box"), 1);
	im->rights.expires += 3600;
	assert_int_equal(cost(&t, "SELECT box"), 0);
	sign_in(&other);
	assert_int_equal(cost(&other, "SELECT box"), 0);
	((struct imap *)other.s)->rights.generation++;
	assert_int_equal(cost(&other, "SELECT box"), 1);
	((struct imap *)other.s)->rights.generation--;
	((struct imap *)other.s)->rights.scope = SCOPE_MAIL_READ;
	assert_int_equal(cost(&other, "SELECT box"), 1);
	assert_int_equal(cost(&other, "SELECT box"), 0);
	suspend(1);
	HAS(&t, "a SELECT box\r\n", "a NO [");
	talk_end(&t);
	talk_end(&other);
}

/* What was read from a store before holds no more. */
static void
a_new_store_is_asked(void **state)
{
	struct talk t;

	begin_with(&t, "box", 1);
	ok(&t, "SELECT box");
	assert_int_equal(cost(&t, "SELECT box"), 0);
	board_close(board_write(house.board_file));
	assert_int_equal(cost(&t, "SELECT box"), 1);
	assert_int_equal(cost(&t, "SELECT box"), 0);
	talk_end(&t);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_both, close_both)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_asked_about_what_did_not_change),
		CASE(every_change_is_seen),
		CASE(recent_messages_are_claimed),
		CASE(a_token_must_hold),
		CASE(a_new_store_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
