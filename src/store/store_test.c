/* SPDX-License-Identifier: ISC */
/* The store by its calls: directory, deliveries, mailboxes, reading. */
#include "store/store_test_helper.h"

static int
setup(void **state)
{
	struct world *w = world_new(world_memory());

	world_domain(w, "example.com");
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	world_free(*state);
	return 0;
}

static void
delivers_and_reads(void **state)
{
	struct world *w = *state;
	uint64_t account = world_account(w, "Alice@Example.com");
	struct text token = world_token(w, account);
	struct parcel p = world_message(w, "1", "hello", "");
	struct store_open_reply open;
	struct store_fetch_reply fetch;
	struct store_piece_reply piece;
	struct store_row row;
	struct unpack u;
	struct content c = { .fetch = NULL };
	struct buffer out = BUFFER_INIT;
	struct runs all = world_uids(1, UINT32_MAX);

	assert_ok(world_deliver(w, "alice+tag@example.com", &p));
	open = world_open_mailbox(w, token, "inbox");
	assert_int_equal(runs_total(&open.uids), 1);
	assert_int_equal(open.uidnext, 2);
	assert_int_equal(open.unseen, 1);
	assert_int_equal(open.first_unseen, 1);
	assert_ok(ASK(w, access, store_fetch, &fetch, .token = token, .mailbox = open.mailbox,
	    .uids = all, .items = FETCH_SUMMARY | FETCH_PIECE0));
	u = unpack_of(fetch.rows);
	store_row_unpack(&u, FETCH_SUMMARY | FETCH_PIECE0, &row);
	assert_true(unpack_end(&u));
	assert_int_equal(row.uid, 1);
	assert_int_equal(row.date, 1700000000);
	assert_text(row.prefix, "Return-Path: <sender@example.org>\r\n"
				"Delivered-To: alice@example.com\r\n");
	assert_int_equal(row.size, row.prefix.len + p.raw.len);
	assert_true(text_equal(row.summary, p.summary));
	assert_ok(content_open(row.piece0, &c));
	assert_ok(content_read_buffer(&c, 0, UINT64_MAX, &out));
	assert_true(text_equal(buffer_text(&out), p.raw));
	assert_ok(
	    ASK(w, access, store_piece, &piece, .token = token, .mailbox = open.mailbox, .uid = 1));
	assert_true(text_equal(piece.bytes.bytes, row.piece0));
	buffer_done(&out);
	runs_done(&all);
	world_check(w, account);
}

static void
refuses_bad_tokens(void **state)
{
	struct world *w = *state;
	uint64_t account = world_account(w, "bob@example.com");
	struct text token = world_token(w, account);
	struct store_quota_reply reply;
	struct store_account_set_reply none;

	assert_ok(ASK(w, access, store_quota, &reply, .token = token));
	assert_int_equal(
	    ASK(w, access, store_quota, &reply, .token = TEXT("nonsense")), STATUS_DENIED);
	assert_ok(ASK(w, admin, store_account_set, &none, .address = TEXT("bob@example.com"),
	    .change = ACCOUNT_VERIFIER, .verifier = TEXT("new"), .has_scram = 1));
	assert_int_equal(ASK(w, access, store_quota, &reply, .token = token), STATUS_DENIED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(delivers_and_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_bad_tokens, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
