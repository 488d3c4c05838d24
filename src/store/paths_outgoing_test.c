/* SPDX-License-Identifier: ISC */
/* What becomes of outgoing mail, broken off after each commit: reports, the
 * operator's changes, limits, the suppression list, counts of TLS sessions. */
#include "store/limits_calls.h"
#include "store/outgoing.h"
#include "store/paths_test_helper.h"
#include "store/queue_admin_calls.h"
#include "store/suppression.h"
#include "store/tls_report.h"

/* Taken in (perhaps at an earlier try), and outbound has nothing in hand. */
static enum status
is_out(uint64_t *message)
{
	struct queue_resume_reply resumed;
	enum status s = submit_to(&scene.small, message);

	return s == STATUS_OK ? ASK(scene.w, outbound, queue_resume, &resumed) : s;
}

static uint32_t
to_lease(struct queue_lease_reply *lease)
{
	assert_ok(ASK(scene.w, outbound, queue_lease, lease));
	return lease->message == 0 ? 0 : lease->numbers.count;
}

/* ---- the operator ---- */

static enum status
change_out(enum queue_admin_change change)
{
	struct queue_admin_change_reply r;
	uint64_t message;
	enum status s = is_out(&message);

	if (s == STATUS_OK)
		s = ASK(scene.w, admin, queue_admin_change, &r, .change = change,
		    .messages = { &message, 1 }, .silent = change == QUEUE_ADMIN_DROP);
	return s;
}

static enum status
hold_out(void)
{
	struct queue_lease_reply lease;
	enum status s = change_out(QUEUE_ADMIN_HOLD);

	if (s == STATUS_OK) {
		assert_int_equal(messages_out(), 1);
		assert_int_equal(to_lease(&lease), 0);
	}
	return s;
}

static enum status
release_out(void)
{
	struct queue_lease_reply lease;
	enum status s = change_out(QUEUE_ADMIN_HOLD);

	if (s == STATUS_OK)
		s = change_out(QUEUE_ADMIN_RELEASE);
	if (s == STATUS_OK)
		assert_int_equal(to_lease(&lease), 1);
	return s;
}

static enum status
drop_out(void)
{
	enum status s = change_out(QUEUE_ADMIN_DROP);

	if (s == STATUS_OK)
		assert_int_equal(messages_out(), 0);
	return s;
}

static enum status
suppress(bool off)
{
	struct queue_admin_suppress_reply r;
	struct suppressed x;
	enum status s = ASK(scene.w, admin, queue_admin_suppress, &r,
	    .address = TEXT("x@example.org"), .remove = off);

	if (s == STATUS_OK)
		assert_int_equal(
		    suppression_find(scene.w->store, TEXT("x@example.org"), &scene.w->arena, &x),
		    off ? STATUS_NOT_FOUND : STATUS_OK);
	return s;
}

static enum status
suppress_one(void)
{
	return suppress(false);
}

static enum status
suppress_and_not(void)
{
	enum status s = suppress(false);

	return s == STATUS_OK ? suppress(true) : s;
}

/* ---- reports ---- */

static enum status
report(enum queue_outcome outcome, const char *reply)
{
	uint64_t message, outcomes[] = { outcome };
	struct text words = text_of(reply);
	struct queue_report_reply r;
	struct queue_lease_reply lease;
	enum status s = is_out(&message);

	if (s != STATUS_OK || to_lease(&lease) == 0)
		return s;
	s = ASK(scene.w, outbound, queue_report, &r, .op = OP + 1, .message = lease.message,
	    .first = lease.first, .how = SCHEDULE_WELL, .numbers = lease.numbers,
	    .outcomes = { outcomes, 1 }, .replies = { &words, 1 }, .server = TEXT("mx"));
	store_settle(scene.w->store); /* the suppression list, with a batch of its own */
	return and_collect(s);	      /* the trace */
}

static enum status
delivered(void)
{
	enum status s = report(QUEUE_DELIVERED, "250 fine");

	if (s == STATUS_OK)
		assert_int_equal(messages_out(), 0);
	return s;
}

/* The sender is still to be told. */
static enum status
refused(void)
{
	struct queue_lease_reply lease;
	enum status s = report(QUEUE_FAILED, "550 5.1.1 nobody");

	if (s == STATUS_OK) {
		assert_int_equal(to_lease(&lease), 0);
		assert_int_equal(messages_out(), 1);
	}
	return s;
}

/* ---- what the sender is told ---- */

/* To two, of whom one is refused and the other waits. */
static enum status
one_of_two_fails(uint64_t *message)
{
	struct text to[] = { TEXT("x@example.org"), TEXT("y@example.net") };
	struct text orcpts[] = { TEXT_EMPTY, TEXT_EMPTY }, words = TEXT("450 4.2.0 busy");
	uint64_t notify[] = { 0, 0 }, outcome;
	struct submission_commit_reply r;
	struct queue_resume_reply resumed;
	struct queue_report_reply reported;
	struct queue_lease_reply lease;
	enum status s = ASK(scene.w, intake, submission_commit, &r, .token = scene.token, .op = OP,
	    .id = TEXT("ID"), .sender = TEXT("alice@example.com"),
	    .received = clock_wall() / CLOCK_SECOND, .size = scene.small.raw.len,
	    .summary = scene.small.summary, .recipients = { to, 2 }, .orcpts = { orcpts, 2 },
	    .notify = { notify, 2 }, .content = PAYLOAD_OF(scene.small.content));

	if (s == STATUS_OK)
		s = ASK(scene.w, outbound, queue_resume, &resumed);
	while (s == STATUS_OK && to_lease(&lease) > 0) {
		outcome = text_equal(lease.recipients.at[0], to[0]) ? QUEUE_FAILED : QUEUE_LATER;
		s = ASK(scene.w, outbound, queue_report, &reported, .op = OP + 1 + outcome,
		    .message = lease.message, .first = lease.first, .how = SCHEDULE_WELL,
		    .numbers = lease.numbers, .outcomes = { &outcome, 1 }, .replies = { &words, 1 },
		    .server = TEXT("mx"));
	}
	*message = r.message;
	return and_collect(s);
}

/* What is given is the same after each end. */
static enum status
told_of_one(void)
{
	struct queue_owed_reply o;
	struct queue_told_reply told;
	struct outgoing_notice n;
	uint64_t message;
	enum status s = one_of_two_fails(&message);

	if (s != STATUS_OK)
		return s;
	clock_set_for_test(clock_wall() + CLOCK_MINUTE, clock_mono() + CLOCK_MINUTE);
	assert_ok(ASK(scene.w, outbound, queue_owed, &o));
	if (o.message != 0) {
		assert_int_equal(o.numbers.count, 1);
		assert_ok(outgoing_notice_read(scene.w->store, message, &scene.w->arena, &n));
		assert_true(n.op == o.notice_op);
		runs_done(&n.numbers);
		s = ASK(scene.w, outbound, queue_told, &told, .op = OP + 9, .message = o.message,
		    .notice_op = o.notice_op, .kind = o.kind, .numbers = o.numbers,
		    .firsts = o.firsts, .notice = TEXT("n"));
	}
	clock_set_for_test(-1, -1);
	s = and_collect(s);
	if (s == STATUS_OK)
		assert_int_equal(outgoing_notice_read(scene.w->store, message, &scene.w->arena, &n),
		    STATUS_NOT_FOUND);
	return s;
}

/* ---- limits ---- */

static enum status
limit(enum limits_change change)
{
	struct limits_change_reply r;

	enum status s = ASK(scene.w, admin, limits_change, &r, .address = TEXT("alice@example.com"),
	    .change = change, .why = TEXT("a test"), .own = 1, .value = 77);

	store_settle(scene.w->store); /* what follows was heard of */
	return s;
}

static struct limits_show_reply
limits(void)
{
	struct limits_show_reply r;

	assert_ok(ASK(scene.w, admin, limits_show, &r, .address = TEXT("alice@example.com")));
	return r;
}

static enum status
own_limit(void)
{
	enum status s = limit(LIMITS_SET);

	if (s == STATUS_OK)
		assert_int_equal(limits().limits.at[0], 77);
	return s;
}

/* What is taken in once is counted once, and held with its sender. */
static enum status
freeze(void)
{
	uint64_t message;
	enum status s = is_out(&message);

	if (s == STATUS_OK)
		s = limit(LIMITS_FREEZE);
	if (s == STATUS_OK)
		s = and_collect(s);
	return s;
}

static enum status
frozen(void)
{
	struct queue_lease_reply lease;
	enum status s = freeze();

	if (s == STATUS_OK) {
		assert_true(limits().since != 0);
		assert_int_equal(limits().used.at[0], 1);
		assert_int_equal(to_lease(&lease), 0);
	}
	return s;
}

static enum status
resumed(void)
{
	struct queue_lease_reply lease;
	enum status s = freeze();

	if (s == STATUS_OK)
		s = limit(LIMITS_RESUME);
	if (s == STATUS_OK)
		s = and_collect(s);
	if (s == STATUS_OK) {
		assert_int_equal(limits().since, 0);
		assert_int_equal(to_lease(&lease), 1);
	}
	return s;
}

/* ---- counts of TLS sessions, of a day that is long over ---- */

#define LONG_AGO 19000

static enum status
count_tls(void)
{
	struct tls_count c = { .type = TLS_POLICY_NONE, .good = 5 };
	struct text name = TEXT("example.org"), count;
	struct buffer b = BUFFER_INIT;
	struct tls_report_add_reply r;

	tls_count_pack(&b, &c);
	count = arena_copy(&scene.w->arena, buffer_text(&b));
	buffer_done(&b);
	return ASK(scene.w, outbound, tls_report_add, &r, .op = OP, .day = LONG_AGO,
	    .domains = { &name, 1 }, .counts = { &count, 1 });
}

static enum status
tls_counted(void)
{
	struct tls_report_next_reply next;
	struct tls_day day;
	enum status s = count_tls();

	if (s != STATUS_OK)
		return s;
	assert_ok(ASK(scene.w, outbound, tls_report_next, &next));
	assert_ok(tls_day_unpack(next.facts, &scene.w->arena, &day));
	assert_int_equal(day.at[0].good, 5);
	return s;
}

static enum status
tls_reported(void)
{
	static const enum tls_report_step steps[] = { TLS_REPORT_SENDING, TLS_REPORT_DONE };
	struct tls_report_step_reply r;
	struct tls_report_next_reply next;
	enum status s = count_tls();

	for (uint64_t i = 0; i < ARRAY_LEN(steps) && s == STATUS_OK; i++)
		s = ASK(scene.w, outbound, tls_report_step, &r, .op = OP + 1 + i, .day = LONG_AGO,
		    .domain = TEXT("example.org"), .step = steps[i]);
	if (s != STATUS_OK)
		return s;
	assert_ok(ASK(scene.w, outbound, tls_report_next, &next));
	assert_int_equal(next.domain.len, 0);
	return s;
}

/* Counted today, and a report of it is wanted now. */
static enum status
tls_wanted(void)
{
	struct tls_count c = { .type = TLS_POLICY_NONE, .good = 5 };
	struct text name = TEXT("example.org"), count;
	struct buffer b = BUFFER_INIT;
	struct tls_report_add_reply added;
	struct tls_report_now_reply wanted;
	struct tls_report_next_reply next;
	enum status s;

	tls_count_pack(&b, &c);
	count = arena_copy(&scene.w->arena, buffer_text(&b));
	buffer_done(&b);
	s = ASK(scene.w, outbound, tls_report_add, &added, .op = OP,
	    .day = (uint64_t)(clock_wall() / CLOCK_SECOND / TLS_REPORT_DAY),
	    .domains = { &name, 1 }, .counts = { &count, 1 });
	if (s == STATUS_OK)
		s = ASK(scene.w, outbound, tls_report_now, &wanted, .op = OP + 1, .today = 1);
	if (s != STATUS_OK)
		return s;
	assert_ok(ASK(scene.w, outbound, tls_report_next, &next));
	assert_true(next.domain.len > 0);
	return s;
}

#define WAYS(X)                \
	X(hold_out, 4)         \
	X(release_out, 4)      \
	X(drop_out, 4)         \
	X(suppress_one, 3)     \
	X(suppress_and_not, 3) \
	X(delivered, 4)        \
	X(refused, 4)          \
	X(told_of_one, 3)      \
	X(own_limit, 3)        \
	X(frozen, 4)           \
	X(resumed, 4)          \
	X(tls_counted, 3)      \
	X(tls_wanted, 3)       \
	X(tls_reported, 3)

WAYS(WAY_TEST)

static int
settings_back(void **state)
{
	enum setting which;

	(void)state;
	assert_ok(setting_find(TEXT("store.blob_keep"), &which));
	assert_ok(setting_apply(which, TEXT_EMPTY));
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = { WAYS(WAY_ROW) };

	return cmocka_run_group_tests(tests, NULL, settings_back);
}
