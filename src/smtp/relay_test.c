/* SPDX-License-Identifier: ISC */
/*
 * Networks that may relay by their address: what they may on 587 without signing
 * in, on 25 as one of ours, and what stays as for everybody.
 */
#include "smtp/test_house.h"

#define FROM_ALICE "MAIL FROM:<alice@demo.test>\r\n"
#define TO_FAR "RCPT TO:<x@far.test>\r\n"
#define RELAY HELO FROM_ALICE TO_FAR
#define RELAY_CODES "250 250:2.1.0 250:2.1.5 "

static void
check(struct house *h, enum test_class class, const struct dialogue *rows, size_t count)
{
	house_set("submission.relay_networks", "10.0.0.0/8 127.0.0.0/24");
	house_check(h, class, rows, count);
	house_set("submission.relay_networks", "");
}

static void
submission_needs_no_sign_in(void **state)
{
	static const struct dialogue rows[] = {
		{ RELAY "DATA\r\n" MESSAGE, RELAY_CODES "354 250:2.0.0" },
		{ HELO "MAIL FROM:<x@y.test>\r\n", "250 550:5.7.1" },
		{ HELO "MAIL FROM:<>\r\n" TO_FAR, "250 250:2.1.0 250:2.1.5" },
		{ HELO FROM_ALICE TO("nobody"), "250 250:2.1.0 550:5.1.1" },
		{ HELO "AUTH PLAIN AGFsaWNlQGRlbW8udGVzdABub3Bl\r\n" FROM_ALICE,
		    "250 535:5.7.8 250:2.1.0" },
	};
	struct house *h = *state;

	h->listener.plain_auth = true;
	check(h, TEST_SUBMISSION, rows, ARRAY_LEN(rows));
	h->listener.plain_auth = false;
	assert_string_equal(
	    house_codes(h, TEST_SUBMISSION, TEXT(HELO FROM_ALICE)), "250 530:5.7.0");
}

/* Who signs in sends as the account, from wherever. */
static void
an_account_is_an_account(void **state)
{
	struct house *h = *state;

	h->listener.plain_auth = true;
	house_set("submission.relay_networks", "127.0.0.0/24");
	assert_string_equal(
	    house_codes(h, TEST_SUBMISSION,
		TEXT(HELO "AUTH PLAIN AGFsaWNlQGRlbW8udGVzdABkZW1v\r\n" FROM_ALICE TO_FAR
			  "DATA\r\n" MESSAGE)),
	    "250 235:2.7.0 250:2.1.0 250:2.1.5 354 250:2.0.0");
	assert_int_equal(
	    text_find(buffer_text(&h->desk.fields), TEXT("network="), 0), h->desk.fields.len);
	house_set("submission.relay_networks", "");
	h->listener.plain_auth = false;
}

static void
port_25_passes_on_what_is_ours(void **state)
{
	static const struct dialogue rows[] = {
		{ RELAY TO("bob") "DATA\r\n" MESSAGE, RELAY_CODES "250:2.1.5 354 250:2.0.0" },
		{ HELO "AUTH PLAIN AGFsaWNlQGRlbW8udGVzdABkZW1v\r\n", "250 500:5.5.1" },
		{ HELO "MAIL FROM:<frozen@demo.test>\r\n", "250 550:5.7.1" },
		{ HELO "MAIL FROM:<limited@demo.test>\r\n", "250 450:4.7.1" },
		/* All else comes in as from anybody. */
		{ HELO MAIL TO_FAR, "250 250:2.1.0 550:5.7.1" },
		{ HELO "MAIL FROM:<>\r\n" TO_FAR, "250 250:2.1.0 550:5.7.1" },
		{ HELO MAIL RCPT "DATA\r\n" MESSAGE, "250 250:2.1.0 250:2.1.5 354 250:2.0.0" },
		/* One after the other, each goes its own way. */
		{ RELAY "RSET\r\n" MAIL TO_FAR "RSET\r\n" FROM_ALICE TO_FAR,
		    RELAY_CODES "250:2.0.0 250:2.1.0 550:5.7.1 250:2.0.0 250:2.1.0 250:2.1.5" },
	};
	struct house *h = *state;
	unsigned submitted = atomic_load(&h->desk.submitted), delivered = house_delivered(h);

	check(h, TEST_MX, rows, ARRAY_LEN(rows));
	assert_int_equal(atomic_load(&h->desk.submitted), submitted + 1);
	assert_int_equal(house_delivered(h), delivered + 1);
	assert_string_equal(house_codes(h, TEST_MX, TEXT(RELAY)), "250 250:2.1.0 550:5.7.1");
	house_set("submission.relay_networks", "10.0.0.0/8");
	assert_string_equal(house_codes(h, TEST_MX, TEXT(RELAY)), "250 250:2.1.0 550:5.7.1");
	house_set("submission.relay_networks", "");
}

/* What a printer does to line ends is mended, its address is told inside alone. */
static void
intake_is_told_the_address(void **state)
{
	struct house *h = *state;
	const enum test_class both[] = { TEST_MX, TEST_SUBMISSION };

	house_set("submission.relay_networks", "127.0.0.1");
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		buffer_clear(&h->desk.message);
		assert_string_equal(
		    house_codes(h, both[i], TEXT(RELAY "DATA\r\nSubject: x\n\nscan\r\n.\r\n")),
		    RELAY_CODES "354 250:2.0.0");
		assert_text(buffer_text(&h->desk.message), "Subject: x\r\n\r\nscan\r\n");
		assert_true(text_starts(
		    buffer_text(&h->desk.fields), TEXT("network=127.0.0.1 from=alice@demo.test ")));
		assert_true(text_starts(buffer_text(&h->desk.trace),
		    TEXT("Received: by mail.demo.test with ESMTP id ")));
		assert_text(buffer_text(&h->desk.came), "ESMTP from client.test [127.0.0.1]");
	}
	house_set("submission.relay_networks", "");
}

/* The store has the last word: the setting changes while a session goes on. */
static void
the_store_may_know_better(void **state)
{
	struct house *h = *state;

	house_set("submission.relay_networks", "127.0.0.1");
	h->desk.token_status = STATUS_DENIED;
	assert_string_equal(
	    house_codes(h, TEST_SUBMISSION, TEXT(HELO FROM_ALICE)), "250 550:5.7.1");
	assert_string_equal(house_codes(h, TEST_MX, TEXT(RELAY)), "250 250:2.1.0 550:5.7.1");
	h->desk.token_status = STATUS_UNAVAILABLE;
	assert_string_equal(house_codes(h, TEST_MX, TEXT(HELO FROM_ALICE)), "250 451:4.3.0");
	h->desk.token_status = STATUS_OK;
	house_set("submission.relay_networks", "");
}

static void
they_do_not_wait_for_the_greeting(void **state)
{
	struct house *h = *state;
	struct smtp_session *x = house_socket_session(h, TEST_MX, "10.1.2.3");

	house_set("submission.relay_networks", "10.0.0.0/8");
	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	assert_int_equal(x->phase, SMTP_COMMANDS);
	house_end(h, x);
	house_set("submission.relay_networks", "");
	x = house_socket_session(h, TEST_MX, "10.1.2.3");
	assert_int_equal(house_wake(h, x, WAKE_START), NEXT_PARK);
	assert_int_equal(x->phase, SMTP_GREETING);
	house_end(h, x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(submission_needs_no_sign_in),
		cmocka_unit_test(an_account_is_an_account),
		cmocka_unit_test(port_25_passes_on_what_is_ours),
		cmocka_unit_test(intake_is_told_the_address),
		cmocka_unit_test(the_store_may_know_better),
		cmocka_unit_test(they_do_not_wait_for_the_greeting),
	};

	return cmocka_run_group_tests(tests, house_setup, house_teardown);
}
