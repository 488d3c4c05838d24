/* SPDX-License-Identifier: ISC */
/* Clients that send by their address: the store looks at the setting itself. */
#include "store/limits_calls.h"
#include "store/outgoing_test_helper.h"
#include "store/queue_admin_calls.h"
#include "store/trace_calls.h"

static int
setup_networks(void **state)
{
	(void)setup(state);
	set(*state, "submission.relay_networks", "10.0.0.0/8 192.0.2.0/24");
	return 0;
}

static int
teardown_networks(void **state)
{
	set(*state, "submission.relay_networks", "");
	return teardown(state);
}

static enum status
sender(
    struct rig *r, struct text token, const char *network, const char *address, uint64_t *verdict)
{
	struct submission_sender_reply reply = { .verdict = SUBMISSION_VERDICTS };
	enum status how = ASK(r->w, access, submission_sender, &reply, .token = token,
	    .network = text_of(network), .address = text_of(address));

	*verdict = reply.verdict;
	assert_true(how != STATUS_OK || reply.verdict == SUBMISSION_OK || reply.words.len > 0);
	return how;
}

static void
who_is_in_a_network(void **state)
{
	static const char *const in[] = { "10.1.2.3", "192.0.2.200" };
	static const char *const out[] = { "11.1.2.3", "192.0.3.1", "127.0.0.1", "::1", "local",
		"10.0.0.0/8", "" };
	struct rig *r = *state;
	uint64_t verdict;

	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		assert_ok(sender(r, TEXT_EMPTY, in[i], r->sender, &verdict));
		assert_int_equal(verdict, SUBMISSION_OK);
	}
	for (size_t i = 0; i < ARRAY_LEN(out); i++)
		assert_int_equal(sender(r, TEXT_EMPTY, out[i], r->sender, &verdict), STATUS_DENIED);
	/* It is one or the other. */
	assert_int_equal(sender(r, r->token, in[0], r->sender, &verdict), STATUS_DENIED);
	set(r, "submission.relay_networks", "");
	assert_int_equal(sender(r, TEXT_EMPTY, in[0], r->sender, &verdict), STATUS_DENIED);
}

static void
as_any_address_of_the_site(void **state)
{
	static const char *const good[] = { "", "scanner@example.com", "alice@EXAMPLE.com" };
	static const char *const bad[] = { "x@example.org", "x@sub.example.com", "scanner", "@" };
	struct rig *r = *state;
	uint64_t verdict;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_ok(sender(r, TEXT_EMPTY, "10.0.0.1", good[i], &verdict));
		assert_int_equal(verdict, SUBMISSION_OK);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_ok(sender(r, TEXT_EMPTY, "10.0.0.1", bad[i], &verdict));
		assert_int_equal(verdict, SUBMISSION_NOT_YOURS);
	}
}

static enum status
commit(struct rig *r, const char *network, const char *author, struct submission_commit_reply *out)
{
	struct text to[] = { TEXT("x@example.org"), TEXT("alice@example.com") };
	struct text orcpt[] = { TEXT_EMPTY, TEXT_EMPTY }, from = text_of(author);
	uint64_t notify[] = { 0, 0 };

	return ASK(r->w, intake, submission_commit, out, .network = text_of(network),
	    .op = random_u64(), .id = TEXT("aaaaaaaaaaaaa"), .sender = TEXT("scanner@example.com"),
	    .authors = { &from, 1 }, .copy = 1, .came = TEXT("ESMTP from printer [10.0.0.1]"),
	    .received = NOW, .size = r->p.raw.len, .summary = r->p.summary, .recipients = { to, 2 },
	    .orcpts = { orcpt, 2 }, .notify = { notify, 2 }, .content = PAYLOAD_OF(r->p.content));
}

static void
a_message_of_no_account(void **state)
{
	struct rig *r = *state;
	struct submission_commit_reply reply;
	struct submission_rcpt_reply rcpt;

	assert_ok(ASK(r->w, access, submission_rcpt, &rcpt, .network = TEXT("10.0.0.1"),
	    .address = TEXT("x@example.org")));
	assert_int_equal(rcpt.verdict, SUBMISSION_OK);
	assert_int_equal(commit(r, "11.0.0.1", r->sender, &reply), STATUS_DENIED);
	assert_ok(commit(r, "10.0.0.1", "ceo@example.org", &reply));
	assert_int_equal(reply.verdict, SUBMISSION_NOT_YOURS);
	assert_int_equal(take(r), 0);
	assert_ok(commit(r, "10.0.0.1", "scanner@example.com", &reply));
	assert_int_equal(reply.verdict, SUBMISSION_OK);
	assert_int_equal(in_mailbox(r, r->sender, "INBOX"), 1);
	assert_int_equal(in_mailbox(r, r->sender, "Sent"), 0);
	assert_int_equal(take(r), 1);
	assert_text(r->lease.sender, "scanner@example.com");
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
}

/* As many times the limit of an account, of all its hosts together. */
static void
a_network_has_limits(void **state)
{
	struct rig *r = *state;
	struct submission_commit_reply reply;
	struct submission_rcpt_reply rcpt;

	set(r, "sending.messages_hour", "1");
	set(r, "sending.network_times", "2");
	for (int i = 0; i < 2; i++) {
		assert_ok(commit(r, i == 0 ? "10.0.0.1" : "10.0.0.2", r->sender, &reply));
		assert_int_equal(reply.verdict, SUBMISSION_OK);
	}
	assert_ok(commit(r, "10.0.0.1", r->sender, &reply));
	assert_int_equal(reply.verdict, SUBMISSION_LIMITED);
	assert_ok(ASK(r->w, access, submission_rcpt, &rcpt, .network = TEXT("10.0.0.1"),
	    .address = TEXT("x@example.org")));
	assert_int_equal(rcpt.verdict, SUBMISSION_OK); /* that is not a limit of recipients */
	set(r, "sending.messages_hour", "");
	set(r, "sending.network_times", "");
}

/* ---- stopped ---- */

#define POSTMASTER "postmaster@example.com"

static void
tend(struct rig *r)
{
	for (int i = 0; i < 2; i++) {
		store_tend(r->w->store);
		store_settle(r->w->store);
	}
}

static struct limits_show_reply
shown(struct rig *r, const char *network)
{
	struct limits_show_reply reply;

	assert_ok(ASK(r->w, admin, limits_show, &reply, .address = text_of(network)));
	return reply;
}

static uint64_t
change(struct rig *r, enum limits_change what, const char *network)
{
	struct limits_change_reply reply;

	assert_ok(ASK(r->w, admin, limits_change, &reply, .address = text_of(network),
	    .change = what, .why = TEXT("a test"), .which = 0, .own = 1, .value = 7));
	return reply.changed;
}

static uint64_t
held(struct rig *r, const char *network)
{
	struct queue_admin_list_reply reply;
	uint64_t account = network[0] == 0 ? 0 : shown(r, network).number;

	assert_ok(ASK(r->w, admin, queue_admin_list, &reply, .account = account));
	for (uint32_t i = 0; i < reply.messages.count; i++) {
		assert_int_equal(reply.accounts.at[i], 0);
		assert_true(text_equal(reply.networks.at[i], text_of(network)));
	}
	return reply.held;
}

static uint64_t
sent(struct rig *r, const char *client)
{
	struct submission_commit_reply reply;

	assert_ok(commit(r, client, r->sender, &reply));
	return reply.verdict;
}

static void
setup_stop(struct rig *r)
{
	(void)world_account(r->w, POSTMASTER);
	set(r, "store.postmaster", POSTMASTER);
	set(r, "sending.network_times", "2");
}

static void
end_stop(struct rig *r)
{
	static const char *const names[] = { "store.postmaster", "sending.network_times",
		"sending.messages_hour", "sending.freeze_refused", "sending.freeze_bounces" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		set(r, names[i], "");
}

static void
a_network_that_goes_on_is_stopped(void **state)
{
	struct rig *r = *state;
	struct submission_sender_reply said;

	setup_stop(r);
	set(r, "sending.messages_hour", "1");
	set(r, "sending.freeze_refused", "2");
	assert_int_equal(sent(r, "10.0.0.1"), SUBMISSION_OK);
	assert_int_equal(sent(r, "10.0.0.2"), SUBMISSION_OK);
	assert_int_equal(sent(r, "192.0.2.1"), SUBMISSION_OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(sent(r, "10.0.0.2"), SUBMISSION_LIMITED);
	tend(r);
	assert_ok(ASK(r->w, access, submission_sender, &said, .network = TEXT("10.9.9.9"),
	    .address = text_of(r->sender)));
	assert_int_equal(said.verdict, SUBMISSION_FROZEN);
	assert_text(said.words,
	    "Sending is stopped for the network 10.0.0.0/8 since 2023-11-14 22:13 UTC: 4 messages "
	    "in the last hour were refused because they were too many, or had too many "
	    "recipients, the last of 10.0.0.2. See which host there sends what it should not, "
	    "and ask postmaster to let it go on.");
	assert_int_equal(sent(r, "10.0.0.1"), SUBMISSION_FROZEN);
	assert_int_equal(held(r, "10.0.0.0/8"), 2);
	assert_int_equal(in_mailbox(r, POSTMASTER, "INBOX"), 1);
	assert_int_equal(take(r), 1); /* of the other one */
	assert_int_equal(take(r), 0);
	crash(r);
	assert_int_equal(sent(r, "10.0.0.1"), SUBMISSION_FROZEN);
	assert_int_equal(shown(r, "10.1.2.3").since, NOW);
	set(r, "sending.messages_hour", "0");
	assert_int_equal(change(r, LIMITS_RESUME, "10.0.0.0/8"), 1);
	assert_int_equal(change(r, LIMITS_RESUME, "10.0.0.0/8"), 0);
	tend(r);
	assert_int_equal(held(r, "10.0.0.0/8"), 0);
	assert_int_equal(take(r), 1);
	assert_int_equal(take(r), 1);
	assert_int_equal(sent(r, "10.0.0.1"), SUBMISSION_OK);
	assert_int_equal(in_mailbox(r, POSTMASTER, "INBOX"), 1);
	end_stop(r);
}

static void
a_network_that_writes_to_nobody_is_stopped(void **state)
{
	struct rig *r = *state;

	setup_stop(r);
	set(r, "sending.freeze_bounces", "1");
	r->reply = "550 5.1.1 no such user";
	for (int i = 0; i < 2; i++) {
		assert_int_equal(shown(r, "10.0.0.0/8").since, 0);
		assert_int_equal(sent(r, "10.0.0.1"), SUBMISSION_OK);
		assert_int_equal(take(r), 1);
		report(r, QUEUE_FAILED, SCHEDULE_WELL);
		tend(r);
	}
	assert_text(
	    shown(r, "10.0.0.0/8").why, "the last 2 recipients do not exist, as their servers say");
	end_stop(r);
}

/* What may relay no more and is stopped is there still, and can go on. */
static void
a_stopped_network_is_taken_out(void **state)
{
	struct rig *r = *state;
	struct limits_networks_reply all;
	struct limits_show_reply none;

	assert_int_equal(sent(r, "10.0.0.1"), SUBMISSION_OK);
	assert_int_equal(change(r, LIMITS_FREEZE, "10.0.0.0/8"), 1);
	assert_int_equal(change(r, LIMITS_SET, "192.0.2.0/24"), 1);
	assert_int_equal(shown(r, "192.0.2.0/24").limits.at[0], 7);
	assert_int_equal(shown(r, "192.0.2.0/24").own.at[0], 1);
	assert_int_equal(shown(r, "192.0.2.0/24").own.at[1], 0);
	set(r, "submission.relay_networks", "192.0.2.0/24");
	crash(r);
	assert_ok(ASK(r->w, admin, limits_networks, &all));
	assert_int_equal(all.listed, 1);
	assert_int_equal(all.names.count, 2);
	assert_text(all.names.at[0], "192.0.2.0/24");
	assert_int_equal(all.since.at[0], 0);
	assert_text(all.names.at[1], "10.0.0.0/8");
	assert_int_equal(all.since.at[1], NOW);
	assert_text(all.whys.at[1], "a test");
	assert_int_equal(take(r), 0);
	tend(r);
	assert_int_equal(held(r, "10.0.0.0/8"), 1);
	assert_int_equal(change(r, LIMITS_RESUME, "10.0.0.0/8"), 1);
	tend(r);
	assert_int_equal(take(r), 1);
	assert_int_equal(
	    ASK(r->w, admin, limits_show, &none, .address = TEXT("10.0.0.0/9")), STATUS_NOT_FOUND);
	assert_int_equal(
	    ASK(r->w, admin, limits_show, &none, .address = TEXT_EMPTY), STATUS_NOT_FOUND);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_networks, teardown_networks)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_is_in_a_network),
		CASE(as_any_address_of_the_site),
		CASE(a_message_of_no_account),
		CASE(a_network_has_limits),
		CASE(a_network_that_goes_on_is_stopped),
		CASE(a_network_that_writes_to_nobody_is_stopped),
		CASE(a_stopped_network_is_taken_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
