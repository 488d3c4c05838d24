/* SPDX-License-Identifier: ISC */
/* Accounts that forward: where their mail goes, with a copy kept and without. */
#include "store/outgoing_test_helper.h"

#define ALICE "alice@example.com"
#define BOB "bob@example.com"
#define CAROL "carol@example.com"

static int
setup_site(void **state)
{
	struct rig *r;

	(void)setup(state);
	r = *state;
	(void)world_account(r->w, BOB);
	(void)world_account(r->w, CAROL);
	return 0;
}

static enum status
forward(struct rig *r, const char *address, const char *targets, bool keep)
{
	struct store_account_forward_reply none;
	struct text rest = text_of(targets), to[4];
	uint32_t n = 0;

	while (rest.len > 0 && text_split(&rest, ' ', &to[n]))
		n++;
	return ASK(r->w, admin, store_account_forward, &none, .address = text_of(address),
	    .targets = { to, n }, .keep = keep);
}

/* been: of a Delivered-To field in the message, or "". */
static uint64_t
deliver_been(struct rig *r, const char *address, const char *been)
{
	struct text to = text_of(address), at = text_of(been);
	struct store_deliver_reply reply;

	assert_ok(ASK(r->w, intake, store_deliver, &reply, .op = random_u64(), .id = TEXT("ID2"),
	    .sender = TEXT("z@remote.example"), .recipients = { &to, 1 }, .summary = r->p.summary,
	    .content = PAYLOAD_OF(r->p.content), .size = r->p.raw.len, .received = NOW,
	    .forward_sender = TEXT("SRS0=z@example.com"), .forward_prefix = TEXT("X: 1\r\n"),
	    .been = { &at, at.len > 0 }));
	return reply.verdicts.at[0];
}

static uint64_t
deliver(struct rig *r, const char *address)
{
	return deliver_been(r, address, "");
}

static uint64_t
rcpt(struct rig *r, const char *address, uint64_t *forwards)
{
	struct store_rcpt_reply reply;

	assert_ok(ASK(r->w, access, store_rcpt, &reply, .address = text_of(address)));
	*forwards = reply.forwards;
	return reply.verdict;
}

static void
inboxes(struct rig *r, uint64_t alice, uint64_t bob, uint64_t carol)
{
	assert_int_equal(in_mailbox(r, ALICE, "INBOX"), alice);
	assert_int_equal(in_mailbox(r, BOB, "INBOX"), bob);
	assert_int_equal(in_mailbox(r, CAROL, "INBOX"), carol);
}

static void
to_accounts_here(void **state)
{
	struct rig *r = *state;
	uint64_t forwards;

	assert_ok(forward(r, ALICE, "bob@example.com Carol@Example.com", false));
	assert_int_equal(rcpt(r, ALICE, &forwards), RCPT_OK);
	assert_int_equal(forwards, 0);
	assert_int_equal(deliver(r, ALICE), STATUS_OK);
	inboxes(r, 0, 1, 1);
	assert_ok(forward(r, ALICE, BOB, true));
	assert_int_equal(deliver(r, "alice+tag@example.com"), STATUS_OK);
	inboxes(r, 1, 2, 1);
	assert_ok(forward(r, ALICE, "", false));
	assert_int_equal(deliver(r, ALICE), STATUS_OK);
	inboxes(r, 2, 2, 1);
}

static void
to_addresses_elsewhere(void **state)
{
	struct rig *r = *state;
	uint64_t forwards;

	assert_ok(forward(r, ALICE, "out@Example.ORG", false));
	assert_int_equal(rcpt(r, ALICE, &forwards), RCPT_OK);
	assert_int_equal(forwards, 1);
	assert_int_equal(deliver(r, ALICE), STATUS_OK);
	inboxes(r, 0, 0, 0);
	assert_int_equal(take(r), 1);
	assert_text(r->lease.sender, "SRS0=z@example.com");
	assert_text(r->lease.recipients.at[0], "out@example.org");
	assert_text(r->lease.orcpts.at[0], "rfc822;alice@example.com");
	assert_text(r->lease.prefix, "Delivered-To: alice@example.com\r\nX: 1\r\n");
	assert_ok(forward(r, ALICE, "out@example.org", true));
	assert_int_equal(deliver(r, ALICE), STATUS_OK);
	inboxes(r, 1, 0, 0);
	assert_int_equal(take(r), 1);
}

/* RFC 9228 2: what went on from here before. */
static void
what_comes_back_does_not_go_on(void **state)
{
	struct rig *r = *state;

	assert_ok(forward(r, ALICE, "out@example.org", true));
	assert_ok(forward(r, BOB, CAROL, false));
	assert_int_equal(deliver_been(r, "Alice@example.com", "ALICE@example.com"), STATUS_EXISTS);
	inboxes(r, 0, 0, 0);
	assert_int_equal(take(r), 0);
	assert_int_equal(deliver_been(r, ALICE, "alice@example.net"), STATUS_OK);
	assert_int_equal(deliver_been(r, ALICE, "<no address>"), STATUS_OK);
	assert_int_equal(deliver_been(r, BOB, BOB), STATUS_OK); /* as with what is resent */
	inboxes(r, 2, 0, 1);
}

/* Who gets it need not know who else does. */
static void
of_several_none_is_told(void **state)
{
	struct text to[] = { TEXT(ALICE), TEXT(BOB), TEXT(CAROL) };
	struct rig *r = *state;
	struct store_deliver_reply reply;

	assert_ok(forward(r, ALICE, "out@example.org", false));
	for (int i = 0; i < 2; i++) {
		assert_ok(ASK(r->w, intake, store_deliver, &reply, .op = random_u64(),
		    .id = TEXT("ID2"), .sender = TEXT_EMPTY, .recipients = { to, 3 },
		    .summary = r->p.summary, .content = PAYLOAD_OF(r->p.content),
		    .size = r->p.raw.len, .received = NOW));
		assert_int_equal(take(r), i + 1);
		assert_int_equal(
		    text_starts(r->lease.prefix, TEXT("Delivered-To: alice@")), i == 0);
		assert_int_equal(r->lease.prefix.len > 0, i == 0);
		assert_ok(forward(r, BOB, "else@example.org", false));
	}
}

/* What accounts of the site send to it goes on as well, under their own name. */
static void
what_is_sent_here_goes_on(void **state)
{
	struct rig *r = *state;

	assert_ok(forward(r, BOB, "out@example.org", true));
	(void)submit(r, BOB);
	inboxes(r, 0, 1, 0);
	assert_int_equal(take(r), 1);
	assert_text(r->lease.sender, ALICE);
	assert_text(r->lease.recipients.at[0], "out@example.org");
}

/* Each keeps what comes back to it; nobody gets it twice, and it is not lost. */
static void
loops_end_where_they_began(void **state)
{
	struct rig *r = *state;

	assert_ok(forward(r, ALICE, BOB, false));
	assert_ok(forward(r, BOB, ALICE, false));
	assert_int_equal(deliver(r, ALICE), STATUS_OK);
	inboxes(r, 1, 0, 0);
	assert_int_equal(deliver(r, BOB), STATUS_OK);
	inboxes(r, 1, 1, 0);
	assert_ok(forward(r, ALICE, BOB, true));
	assert_int_equal(deliver(r, BOB), STATUS_OK);
	inboxes(r, 2, 2, 0);
	assert_ok(forward(r, CAROL, CAROL, false));
	assert_int_equal(deliver(r, CAROL), STATUS_OK);
	inboxes(r, 2, 2, 1);
}

static void
set_account(struct rig *r, const char *address, enum account_change change, uint64_t value)
{
	struct store_account_set_reply none;

	assert_ok(ASK(r->w, admin, store_account_set, &none, .address = text_of(address),
	    .change = change, .value = value, .verifier = TEXT("v"), .has_scram = value));
}

/* As with aliases: a target that is suspended takes nothing, and where all are the
 * sender is told so. An account that is suspended does not forward. */
static void
suspended_ones(void **state)
{
	struct rig *r = *state;
	uint64_t forwards;

	assert_ok(forward(r, ALICE, BOB, false));
	set_account(r, BOB, ACCOUNT_SUSPENDED, 1);
	assert_int_equal(rcpt(r, ALICE, &forwards), RCPT_SUSPENDED);
	assert_int_equal(deliver(r, ALICE), STATUS_UNAVAILABLE);
	assert_ok(forward(r, ALICE, BOB, true));
	assert_int_equal(rcpt(r, ALICE, &forwards), RCPT_OK);
	assert_int_equal(deliver(r, ALICE), STATUS_OK);
	assert_int_equal(in_mailbox(r, ALICE, "INBOX"), 1);
	assert_ok(forward(r, CAROL, "out@example.org", false));
	set_account(r, CAROL, ACCOUNT_SUSPENDED, 1);
	assert_int_equal(rcpt(r, CAROL, &forwards), RCPT_SUSPENDED);
	assert_int_equal(forwards, 0);
}

/* A target that went away since leads nowhere: the mail is kept. */
static void
a_target_that_is_gone(void **state)
{
	struct rig *r = *state;
	struct store_account_remove_reply none;

	assert_ok(forward(r, ALICE, BOB, false));
	assert_ok(ASK(r->w, admin, store_account_remove, &none, .address = TEXT(BOB)));
	assert_int_equal(deliver(r, ALICE), STATUS_OK);
	assert_int_equal(in_mailbox(r, ALICE, "INBOX"), 1);
}

static void
shown(struct rig *r, const char *target, uint64_t keep)
{
	struct store_account_reply a;

	assert_ok(ASK(r->w, admin, store_account, &a, .address = TEXT(ALICE)));
	assert_int_equal(a.forwards.count, target != NULL);
	assert_int_equal(a.keep, keep);
	if (target != NULL)
		assert_true(text_equal(a.forwards.at[0], text_of(target)));
}

static void
what_is_set_stays_set(void **state)
{
	struct rig *r = *state;

	shown(r, NULL, 0);
	assert_ok(forward(r, ALICE, "out@example.org", true));
	shown(r, "out@example.org", 1);
	set_account(r, ALICE, ACCOUNT_SUSPENDED, 1);
	set_account(r, ALICE, ACCOUNT_SUSPENDED, 0);
	set_account(r, ALICE, ACCOUNT_VERIFIER, 0);
	set_account(r, ALICE, ACCOUNT_VERIFIER, 1);
	crash(r);
	shown(r, "out@example.org", 1);
	assert_ok(forward(r, ALICE, "", true));
	shown(r, NULL, 0);
}

static void
what_is_refused(void **state)
{
	static const char *const bad[] = { "x", "nobody@example.com", "x@-.org",
		"bob@example.com nobody@example.com" };
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(forward(r, ALICE, bad[i], false), STATUS_INVALID);
	shown(r, NULL, 0);
	assert_int_equal(forward(r, "nobody@example.com", BOB, false), STATUS_NOT_FOUND);
	assert_int_equal(forward(r, "x", BOB, false), STATUS_INVALID);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_site, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(to_accounts_here),
		CASE(to_addresses_elsewhere),
		CASE(what_comes_back_does_not_go_on),
		CASE(of_several_none_is_told),
		CASE(what_is_sent_here_goes_on),
		CASE(loops_end_where_they_began),
		CASE(suspended_ones),
		CASE(a_target_that_is_gone),
		CASE(what_is_set_stays_set),
		CASE(what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
