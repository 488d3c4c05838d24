/* SPDX-License-Identifier: ISC */
/* Clients that send by their address: the store looks at the setting itself. */
#include "store/outgoing_test_helper.h"
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

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_networks, teardown_networks)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_is_in_a_network),
		CASE(as_any_address_of_the_site),
		CASE(a_message_of_no_account),
		CASE(a_network_has_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
