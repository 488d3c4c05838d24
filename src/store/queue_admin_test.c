/* SPDX-License-Identifier: ISC */
/* The operator at the queue: he sees what is there, by what he asks for, and what
 * he changes is so for outbound, for the sender and after a crash. */
#include "store/queue_admin_calls.h"

#include "store/outgoing_test_helper.h"

/* What was answered last. */
static struct queue_admin_list_reply list;
static uint64_t changed, busy;
static uint32_t steps;

/* ---- mail in ---- */

static uint64_t
send_many(struct rig *r, const char *sender, const char *domain, uint32_t n)
{
	struct arena *a = &r->w->arena;
	struct submission_commit_request q = { .token = world_token(
						   r->w, world_account_of(r->w, sender)),
		.op = random_u64(),
		.id = TEXT("ID1"),
		.sender = text_of(sender),
		.received = clock_wall() / CLOCK_SECOND,
		.size = r->p.raw.len,
		.summary = r->p.summary,
		.recipients = { ARENA_ARRAY(a, struct text, n), n },
		.orcpts = { ARENA_ARRAY(a, struct text, n), n },
		.notify = { ARENA_ARRAY(a, uint64_t, n), n },
		.content = PAYLOAD_OF(r->p.content) };
	struct submission_commit_reply reply;

	for (uint32_t i = 0; i < n; i++) {
		q.recipients.at[i] = arena_printf(a, "User%u@%s", i, domain);
		q.orcpts.at[i] = TEXT_EMPTY;
		q.notify.at[i] = 0;
	}
	assert_ok(submission_commit(r->w->intake, &q, a, &reply, &r->w->failure));
	return reply.message;
}

static uint64_t
sent(struct rig *r, const char *sender, const char *domain)
{
	return send_many(r, sender, domain, 1);
}

static void
bounced(struct rig *r, const char *to)
{
	struct submission_notice_reply none;

	assert_ok(ASK(r->w, intake, submission_notice, &none, .op = random_u64(), .id = TEXT("ID1"),
	    .recipient = text_of(to), .size = r->p.raw.len, .summary = r->p.summary,
	    .content = PAYLOAD_OF(r->p.content)));
}

static uint64_t
number(struct rig *r, const char *address)
{
	return world_account_of(r->w, address);
}

/* ---- asking ---- */

/* LIST(r, .sender = ...): how many recipients the first page has. */
#define LIST(r, ...)                                                           \
	(ASK((r)->w, admin, queue_admin_list, &list, __VA_ARGS__) == STATUS_OK \
		? list.recipients.count                                        \
		: UINT32_MAX)

/* All steps of a change. */
static enum status
change_all(struct rig *r, struct queue_admin_change_request q)
{
	struct queue_admin_change_reply reply;
	enum status how;

	changed = busy = steps = 0;
	do {
		how = queue_admin_change(r->w->admin, &q, &r->w->arena, &reply, &r->w->failure);
		if (how != STATUS_OK)
			return how;
		changed += reply.changed;
		busy += reply.busy;
		steps++;
		q.after = reply.resume;
	} while (reply.resume.len > 0);
	return STATUS_OK;
}

/* CHANGE(r, HOLD, .sender = ...): how many recipients were changed. */
#define CHANGE(r, what, ...)                                                                \
	(change_all((r), (struct queue_admin_change_request){ .change = QUEUE_ADMIN_##what, \
			     __VA_ARGS__ }) == STATUS_OK                                    \
		? changed                                                                   \
		: UINT64_MAX)

static struct numbers
only(uint64_t *message)
{
	return (struct numbers){ message, 1 };
}

/* ---- tests ---- */

static void
a_list_tells_what_is_there(void **state)
{
	struct rig *r = *state;
	uint64_t message = send_many(r, "alice@demo.test", "example.org", 2);

	at(NOW + 60);
	assert_int_equal(LIST(r, .most = 0), 2);
	assert_int_equal(list.messages.count, 1);
	assert_int_equal(list.messages.at[0], message);
	assert_text(list.senders.at[0], "alice@demo.test");
	assert_int_equal(list.accounts.at[0], number(r, "alice@demo.test"));
	assert_int_equal(list.sizes.at[0], r->p.raw.len);
	assert_int_equal(list.received.at[0], NOW);
	assert_int_equal(list.counts.at[0], 2);
	assert_text(list.recipients.at[1], "User1@example.org");
	assert_text(list.destinations.at[1], "example.org");
	assert_int_equal(list.states.at[0], QUEUE_ADMIN_WAITING | QUEUE_ADMIN_DUE);
	assert_int_equal(list.dues.at[0], NOW);
	assert_int_equal(list.waiting, 2);
	assert_int_equal(take(r), 2);
	assert_int_equal(LIST(r, .most = 0), 2);
	assert_int_equal(
	    list.states.at[0], QUEUE_ADMIN_WAITING | QUEUE_ADMIN_DUE | QUEUE_ADMIN_BUSY);
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	assert_int_equal(LIST(r, .most = 0), 2);
	assert_int_equal(list.states.at[0], QUEUE_ADMIN_WAITING);
	assert_int_equal(list.attempts.at[0], 1);
	assert_text(list.replies.at[0], "450 4.2.0 later");
	assert_true(list.dues.at[0] > NOW + 60);
}

static void
a_list_has_what_was_asked_for(void **state)
{
	struct rig *r = *state;
	uint64_t first = sent(r, "alice@demo.test", "example.org");
	uint64_t none;

	at(NOW + 100);
	(void)sent(r, "bob@demo.test", "example.net");
	bounced(r, "User0@sub.example.net");
	none = first + 1;
	assert_int_equal(LIST(r, .most = 0), 3);
	assert_int_equal(LIST(r, .messages = only(&first)), 1);
	assert_text(list.senders.at[0], "alice@demo.test");
	assert_int_equal(LIST(r, .messages = only(&none)), 0);
	assert_int_equal(LIST(r, .sender = TEXT("Bob@DEMO.test")), 1);
	assert_int_equal(LIST(r, .sender = TEXT("@demo.test")), 2);
	assert_int_equal(LIST(r, .sender = TEXT("ob@demo.test")), 0);
	assert_int_equal(LIST(r, .sender = TEXT("<>")), 1);
	assert_text(list.destinations.at[0], "sub.example.net");
	assert_int_equal(LIST(r, .recipient = TEXT("user0@example.net")), 1);
	assert_int_equal(LIST(r, .recipient = TEXT("@example.net")), 1);
	assert_int_equal(LIST(r, .destination = TEXT("EXAMPLE.org")), 1);
	assert_int_equal(LIST(r, .account = number(r, "bob@demo.test")), 1);
	assert_int_equal(LIST(r, .since = NOW + 100), 2);
	assert_int_equal(LIST(r, .until = NOW + 100), 1);
	assert_int_equal(
	    LIST(r, .since = NOW, .until = NOW + 100, .account = number(r, "bob@demo.test")), 0);
	assert_int_equal(LIST(r, .states = QUEUE_ADMIN_HELD), 0);
	assert_int_equal(LIST(r, .states = QUEUE_ADMIN_HELD | QUEUE_ADMIN_DUE), 3);
	assert_int_equal(LIST(r, .states = QUEUE_ADMIN_BUSY), UINT32_MAX);
	assert_int_equal(LIST(r, .after = TEXT("x")), UINT32_MAX);
}

/* Page by page, each recipient once. */
static void
pages_leave_nobody_out(void **state)
{
	struct rig *r = *state;
	struct text after = TEXT_EMPTY;
	uint32_t recipients = 0, pages = 0;

	for (int i = 0; i < 5; i++)
		(void)send_many(r, "alice@demo.test", "example.org", 930);
	do {
		uint32_t told = LIST(r, .after = after);
		uint64_t counted = 0;

		assert_in_range(told, 1, 2100);
		for (uint32_t i = 0; i < list.counts.count; i++)
			counted += list.counts.at[i];
		assert_int_equal(counted, told);
		recipients += told;
		after = list.resume;
		pages++;
	} while (after.len > 0);
	assert_int_equal(recipients, 5 * 930);
	assert_int_equal(pages, 3);
	assert_int_equal(LIST(r, .most = 10), 100);
	assert_int_equal(LIST(r, .count_only = 1), 0);
	assert_int_equal(list.waiting, 5 * 930);
	assert_int_equal(list.message_count, 5);
	assert_int_equal(list.octets, 5 * r->p.raw.len);
	assert_int_equal(list.resume.len, 0);
}

static void
a_message_is_shown_whole(void **state)
{
	struct rig *r = *state;
	uint64_t message = send_many(r, "alice@demo.test", "example.org", 2500);
	struct queue_admin_show_reply reply;
	uint64_t first = 0, seen = 0;

	assert_int_equal(take(r), 100);
	report(r, QUEUE_LATER, SCHEDULE_DOWN);
	do {
		assert_ok(
		    ASK(r->w, admin, queue_admin_show, &reply, .message = message, .first = first));
		assert_int_equal(reply.recipient_count, 2500);
		assert_text(reply.id, "ID1");
		assert_text(reply.sender, "alice@demo.test");
		assert_int_equal(reply.expires, NOW + 5 * 86400);
		assert_int_equal(reply.recipients.count, reply.states.count);
		for (uint32_t i = 0; i < reply.recipients.count; i++)
			assert_int_equal(reply.states.at[i], OUTGOING_WAITING);
		assert_true(reply.rests.at[0] > NOW);
		if (first == 0) {
			assert_int_equal(reply.attempts.at[0], 1);
			assert_int_equal(reply.lasts.at[0], NOW);
			assert_text(reply.replies.at[0], "450 4.2.0 later");
			assert_text(reply.servers.at[0], "mx.example.org");
			assert_int_equal(reply.attempts.at[100], 0);
		}
		seen += reply.recipients.count;
		first = reply.next;
	} while (first != 0);
	assert_int_equal(seen, 2500);
	assert_int_equal(
	    ASK(r->w, admin, queue_admin_show, &reply, .message = message + 1), STATUS_NOT_FOUND);
}

static void
who_is_held_is_not_tried(void **state)
{
	struct rig *r = *state;
	struct queue_admin_show_reply reply;
	uint64_t message = sent(r, "spammer@demo.test", "example.org");

	(void)sent(r, "alice@demo.test", "example.net");
	assert_int_equal(CHANGE(r, HOLD, .account = number(r, "spammer@demo.test")), 1);
	assert_int_equal(CHANGE(r, HOLD, .account = number(r, "spammer@demo.test")), 0);
	assert_int_equal(LIST(r, .states = QUEUE_ADMIN_HELD), 1);
	assert_text(list.senders.at[0], "spammer@demo.test");
	world_crash(r->w);
	resume(r);
	assert_int_equal(take(r), 1);
	assert_text(r->lease.sender, "alice@demo.test");
	assert_int_equal(take(r), 0);
	at(NOW + 10 * 86400); /* time passes, and it is held all the same */
	assert_int_equal(take(r), 0);
	assert_int_equal(CHANGE(r, RELEASE, .sender = TEXT("spammer@demo.test")), 1);
	assert_int_equal(take(r), 1);
	assert_text(r->lease.sender, "spammer@demo.test");
	assert_ok(ASK(r->w, admin, queue_admin_show, &reply, .message = message));
	assert_int_equal(reply.expires, NOW + 15 * 86400); /* or it were given up at once */
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(LIST(r, .account = number(r, "spammer@demo.test")), 0);
}

static void
who_is_dropped_goes(void **state)
{
	struct rig *r = *state;
	uint64_t message = send_many(r, "alice@demo.test", "example.org", 150);
	struct queue_admin_show_reply reply;

	assert_int_equal(CHANGE(r, DROP, .recipient = TEXT("user3@example.org"), .silent = 1), 1);
	assert_int_equal(LIST(r, .count_only = 1), 0);
	assert_int_equal(list.waiting, 149);
	assert_int_equal(list.owed, 0);
	assert_int_equal(CHANGE(r, DROP, .recipient = TEXT("user4@example.org")), 1);
	assert_int_equal(LIST(r, .states = QUEUE_ADMIN_OWED), 1);
	assert_text(list.recipients.at[0], "User4@example.org");
	assert_ok(ASK(r->w, admin, queue_admin_show, &reply, .message = message));
	assert_int_equal(reply.states.at[3], OUTGOING_DROPPED);
	assert_int_equal(reply.owed.at[3], 0);
	assert_int_equal(reply.states.at[4], OUTGOING_DROPPED);
	assert_int_equal(reply.owed.at[4], OWED_FAILURE);
	assert_int_equal(take(r), 98);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(take(r), 50);
}

/* The last recipient takes the message with it. */
static void
a_message_that_is_dropped_is_gone(void **state)
{
	struct rig *r = *state;
	uint64_t message = send_many(r, "alice@demo.test", "example.org", 250);
	struct queue_admin_show_reply reply;

	assert_int_equal(CHANGE(r, DROP, .messages = only(&message), .silent = 1), 250);
	assert_int_equal(
	    ASK(r->w, admin, queue_admin_show, &reply, .message = message), STATUS_NOT_FOUND);
	assert_int_equal(take(r), 0);
	bounced(r, "User0@example.org"); /* nobody is told of a bounce (RFC 5321 6.1) */
	assert_int_equal(CHANGE(r, DROP, .sender = TEXT("<>")), 1);
	assert_int_equal(LIST(r, .most = 0), 0);
}

/* What outbound has in hand is left, and the operator is told. */
static void
what_is_under_way_is_left(void **state)
{
	struct rig *r = *state;

	(void)send_many(r, "alice@demo.test", "example.org", 150);
	assert_int_equal(take(r), 100);
	assert_int_equal(CHANGE(r, DROP, .account = number(r, "alice@demo.test"), .silent = 1), 50);
	assert_int_equal(busy, 100);
	assert_int_equal(CHANGE(r, HOLD, .account = number(r, "alice@demo.test")), 0);
	assert_int_equal(busy, 100);
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	assert_int_equal(
	    CHANGE(r, DROP, .account = number(r, "alice@demo.test"), .silent = 1), 100);
	assert_int_equal(busy, 0);
	assert_int_equal(LIST(r, .most = 0), 0);
}

/* After a start it is not known what is under way, until outbound has said so. */
static void
a_change_waits_for_outbound(void **state)
{
	struct rig *r = *state;
	struct queue_admin_change_request q = { .change = QUEUE_ADMIN_DROP, .silent = 1 };

	(void)sent(r, "alice@demo.test", "example.org");
	world_crash(r->w);
	assert_int_equal(change_all(r, q), STATUS_AGAIN);
	assert_int_equal(LIST(r, .most = 0), 1);
	at(NOW + 11); /* there is none */
	assert_ok(change_all(r, q));
	assert_int_equal(changed, 1);
}

static void
a_retry_is_at_once(void **state)
{
	struct rig *r = *state;
	struct queue_admin_destinations_reply d;

	(void)sent(r, "alice@demo.test", "example.org");
	assert_int_equal(take(r), 1);
	report(r, QUEUE_LATER, SCHEDULE_DOWN);
	assert_int_equal(take(r), 0);
	assert_ok(ASK(r->w, admin, queue_admin_destinations, &d));
	assert_int_equal(d.total, 1);
	assert_text(d.destinations.at[0], "example.org");
	assert_int_equal(d.waiting.at[0], 1);
	assert_int_equal(d.failures.at[0], 1);
	assert_true(d.rests.at[0] > NOW);
	assert_int_equal(CHANGE(r, RETRY, .destination = TEXT("example.org")), 1);
	assert_int_equal(take(r), 1);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(LIST(r, .most = 0), 0);
}

static void
destinations_are_in_order(void **state)
{
	struct rig *r = *state;
	struct queue_admin_destinations_reply d;

	(void)send_many(r, "alice@demo.test", "few.example", 3);
	(void)send_many(r, "alice@demo.test", "many.example", 150);
	(void)send_many(r, "alice@demo.test", "some.example", 30);
	assert_ok(ASK(r->w, admin, queue_admin_destinations, &d, .most = 2));
	assert_int_equal(d.total, 3);
	assert_int_equal(d.total_waiting, 183);
	assert_int_equal(d.destinations.count, 2);
	assert_text(d.destinations.at[0], "many.example");
	assert_int_equal(d.waiting.at[0], 150);
	assert_text(d.destinations.at[1], "some.example");
	assert_ok(ASK(r->w, outbound, queue_lease, &r->lease, .prefer = TEXT("few.example")));
	assert_ok(
	    ASK(r->w, admin, queue_admin_destinations, &d, .destination = TEXT("few.example")));
	assert_int_equal(d.total, 1);
	assert_int_equal(d.leased.at[0], 1);
	assert_int_equal(d.waiting.at[0], 0);
	assert_ok(
	    ASK(r->w, admin, queue_admin_destinations, &d, .destination = TEXT("none.example")));
	assert_int_equal(d.total, 0);
}

/* Many are changed in several batches, and each once. */
static void
a_large_change_is_made_in_steps(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 3; i++)
		(void)send_many(r, "alice@demo.test", "example.org", 20000);
	assert_int_equal(CHANGE(r, HOLD, .destination = TEXT("example.org")), 60000);
	assert_true(steps > 3);
	assert_int_equal(CHANGE(r, HOLD, .destination = TEXT("example.org")), 0);
	assert_int_equal(take(r), 0);
	assert_int_equal(CHANGE(r, DROP, .states = QUEUE_ADMIN_HELD, .silent = 1), 60000);
	assert_int_equal(LIST(r, .most = 0), 0);
}

static int
set_recipients(const char *most)
{
	enum setting which;

	assert_ok(setting_find(TEXT("submission.recipients_max"), &which));
	assert_ok(setting_apply(which, text_of(most)));
	return 0;
}

static int
many_recipients(void **state)
{
	return set_recipients("50000");
}

static int
usual_recipients(void **state)
{
	return set_recipients("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_tells_what_is_there),
		TEST(a_list_has_what_was_asked_for),
		TEST(pages_leave_nobody_out),
		TEST(a_message_is_shown_whole),
		TEST(who_is_held_is_not_tried),
		TEST(who_is_dropped_goes),
		TEST(a_message_that_is_dropped_is_gone),
		TEST(what_is_under_way_is_left),
		TEST(a_change_waits_for_outbound),
		TEST(a_retry_is_at_once),
		TEST(destinations_are_in_order),
		TEST(a_large_change_is_made_in_steps),
	};

	return cmocka_run_group_tests(tests, many_recipients, usual_recipients);
}
