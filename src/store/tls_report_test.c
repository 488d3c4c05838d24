/* SPDX-License-Identifier: ISC */
/* Counts of TLS sessions are added up by day and domain, and come back when the
 * day is over, until they were reported. */
#include "store/tls_report.h"

#include <stdio.h>

#include "store/outgoing_test_helper.h"

#define DAY INT64_C(86400)
#define TODAY ((uint64_t)(NOW / DAY))

static struct tls_report_next_reply next;
static struct tls_day facts;

static struct text
packed(struct rig *r, const struct tls_count *c)
{
	struct buffer b = BUFFER_INIT;
	struct text t;

	tls_count_pack(&b, c);
	t = arena_copy(&r->w->arena, buffer_text(&b));
	buffer_done(&b);
	return t;
}

static enum status
add_op(struct rig *r, uint64_t op, const char *domain, enum tls_policy_type type, unsigned good,
    unsigned failed)
{
	struct tls_failure f = { .result = TLS_RESULT_CERTIFICATE_EXPIRED,
		.mx = TEXT("mx.example.org"),
		.local = TEXT("192.0.2.1"),
		.remote = TEXT("192.0.2.2"),
		.reason = TEXT("expired"),
		.sessions = failed };
	struct tls_count c = { .type = type,
		.policy = TEXT("version: STSv1\n"),
		.good = good,
		.failed = failed,
		.failures = &f,
		.failure_count = failed > 0 };
	struct text name = text_of(domain), count = packed(r, &c);
	struct tls_report_add_reply reply;

	return ASK(r->w, outbound, tls_report_add, &reply, .op = op, .day = TODAY,
	    .domains = { &name, 1 }, .counts = { &count, 1 });
}

static void
add(struct rig *r, const char *domain, enum tls_policy_type type, unsigned good, unsigned failed)
{
	assert_ok(add_op(r, random_u64(), domain, type, good, failed));
}

/* Whether there is one. */
static bool
ask(struct rig *r)
{
	assert_ok(ASK(r->w, outbound, tls_report_next, &next));
	if (next.domain.len == 0)
		return false;
	assert_ok(tls_day_unpack(next.facts, &r->w->arena, &facts));
	return true;
}

static void
step(struct rig *r, enum tls_report_step how, int64_t due)
{
	struct tls_report_step_reply reply;

	assert_ok(ASK(r->w, outbound, tls_report_step, &reply, .op = random_u64(), .day = next.day,
	    .domain = next.domain, .until = next.until, .step = how, .due = due));
}

/* How many reports are due when it is wanted; the seed of the op is given, to make
 * the call again. */
static uint64_t
wanted_op(struct rig *r, const char *domain, bool today, uint64_t op)
{
	struct tls_report_now_reply reply;

	assert_ok(ASK(r->w, outbound, tls_report_now, &reply, .op = op, .domain = text_of(domain),
	    .today = today));
	return reply.reports;
}

static uint64_t
wanted(struct rig *r, const char *domain, bool today)
{
	return wanted_op(r, domain, today, random_u64());
}

/* How many rows are shown, and what the last one is. */
static uint32_t
listed(struct rig *r, const char *domain, struct tls_day *last)
{
	struct tls_report_list_request q = { .domain = text_of(domain) };
	struct tls_report_list_reply reply;
	uint32_t n = 0;

	do {
		assert_ok(tls_report_list(r->w->admin, &q, &r->w->arena, &reply, NULL));
		for (uint32_t i = 0; i < reply.days.count; i++, n++)
			assert_ok(tls_day_unpack(reply.facts.at[i], &r->w->arena, last));
		q.after = reply.resume;
	} while (reply.resume.len > 0);
	return n;
}

static void
after_the_day(void)
{
	at((int64_t)(TODAY + 1) * DAY + TLS_REPORT_DELAY);
}

/* RFC 8460 4.1, 4.4 */
static void
counts_are_added_up(void **state)
{
	struct rig *r = *state;

	add(r, "example.org", TLS_POLICY_STS, 5, 1);
	add(r, "example.org", TLS_POLICY_STS, 2, 2);
	add(r, "example.org", TLS_POLICY_TLSA, 1, 0);
	assert_false(ask(r)); /* the day is not over */
	crash(r);
	after_the_day();
	assert_true(ask(r));
	assert_int_equal(next.day, TODAY);
	assert_text(next.domain, "example.org");
	assert_int_equal(facts.count, 2);
	assert_int_equal(facts.at[0].type, TLS_POLICY_STS);
	assert_int_equal(facts.at[0].good, 7);
	assert_int_equal(facts.at[0].failed, 3);
	assert_text(facts.at[0].policy, "version: STSv1\n");
	assert_int_equal(facts.at[0].failure_count, 1);
	assert_int_equal(facts.at[0].failures[0].sessions, 3);
	assert_text(facts.at[0].failures[0].mx, "mx.example.org");
	assert_int_equal(facts.at[1].good, 1);
	assert_false(facts.sending);
}

/* RFC 8460 4.1: not all at midnight. */
static void
reports_are_spread(void **state)
{
	struct rig *r = *state;
	int64_t midnight = (int64_t)(TODAY + 1) * DAY;
	char name[32];

	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "d%d.example", i);
		add(r, name, TLS_POLICY_NONE, 1, 0);
	}
	at(midnight);
	while (ask(r)) /* one chance in 14,400 each */
		step(r, TLS_REPORT_DONE, 0);
	assert_in_range(next.due, midnight, midnight + TLS_REPORT_DELAY / 2);
	at(next.due);
	assert_true(ask(r));
}

static void
a_call_made_again_adds_nothing(void **state)
{
	struct rig *r = *state;
	uint64_t op = random_u64();

	assert_ok(add_op(r, op, "example.org", TLS_POLICY_NONE, 1, 0));
	assert_ok(add_op(r, op, "example.org", TLS_POLICY_NONE, 1, 0));
	after_the_day();
	assert_true(ask(r));
	assert_int_equal(facts.at[0].good, 1);
}

static void
a_report_ends_once(void **state)
{
	struct rig *r = *state;

	add(r, "a.example", TLS_POLICY_NONE, 1, 0);
	add(r, "b.example", TLS_POLICY_NONE, 1, 0);
	after_the_day();
	assert_true(ask(r));
	assert_text(next.domain, "a.example");
	step(r, TLS_REPORT_SENDING, 0);
	crash(r); /* it is known that it may have been sent */
	assert_true(ask(r));
	assert_text(next.domain, "a.example");
	assert_true(facts.sending);
	step(r, TLS_REPORT_LATER, clock_wall() / CLOCK_SECOND + 100);
	assert_true(ask(r));
	assert_text(next.domain, "b.example");
	step(r, TLS_REPORT_DONE, 0);
	assert_false(ask(r));
	assert_int_equal(next.due, clock_wall() / CLOCK_SECOND + 100);
	at(next.due);
	assert_true(ask(r));
	assert_false(facts.sending);
	step(r, TLS_REPORT_DONE, 0);
	step(r, TLS_REPORT_DONE, 0);
	assert_false(ask(r));
	assert_int_equal(rows(r), 0);
}

/* The day is over, and its time has not come yet. */
static void
a_report_is_wanted_before_its_time(void **state)
{
	struct rig *r = *state;

	add(r, "a.example", TLS_POLICY_NONE, 1, 0);
	add(r, "b.example", TLS_POLICY_NONE, 1, 0);
	assert_int_equal(wanted(r, "", false), 0);
	at((int64_t)(TODAY + 1) * DAY);
	assert_int_equal(wanted(r, "b.example", false), 1);
	assert_true(ask(r));
	assert_text(next.domain, "b.example");
	assert_int_equal(next.until, 0);
	step(r, TLS_REPORT_LATER, clock_wall() / CLOCK_SECOND + 3600);
	assert_int_equal(wanted(r, "", false), 2);
	crash(r);
	for (int i = 0; i < 2; i++) {
		assert_true(ask(r));
		step(r, TLS_REPORT_DONE, 0);
	}
	assert_int_equal(rows(r), 0);
}

/* Each session is in one report, however often one is asked for. */
static void
a_day_is_reported_in_parts(void **state)
{
	struct rig *r = *state;
	struct tls_day last;

	add(r, "a.example", TLS_POLICY_NONE, 3, 0);
	add(r, "b.example", TLS_POLICY_NONE, 1, 0);
	assert_int_equal(wanted(r, "a.example", true), 1);
	add(r, "a.example", TLS_POLICY_NONE, 4, 0);
	assert_int_equal(wanted(r, "a.example", true), 1); /* in the same second: later */
	crash(r);
	assert_true(ask(r));
	assert_text(next.domain, "a.example");
	assert_true(next.day == TODAY && next.until == NOW);
	assert_true(facts.from == 0 && facts.until == NOW && facts.at[0].good == 3);
	step(r, TLS_REPORT_SENDING, 0);
	step(r, TLS_REPORT_DONE, 0);
	assert_false(ask(r));
	at(NOW + 100);
	assert_int_equal(wanted(r, "a.example", true), 1);
	assert_true(ask(r));
	assert_true(facts.from == NOW && facts.until == NOW + 100 && facts.at[0].good == 4);
	step(r, TLS_REPORT_DONE, 0);
	assert_int_equal(wanted(r, "a.example", true), 0); /* nothing since */
	assert_int_equal(listed(r, "", &last), 2);
	assert_int_equal(listed(r, "b.example", &last), 1);
	assert_true(last.at[0].good == 1 && last.from == 0);
	assert_int_equal(listed(r, "c.example", &last), 0);
	after_the_day();
	assert_true(ask(r));
	assert_text(next.domain, "a.example");
	assert_true(facts.from == NOW + 100 && facts.until == 0 && facts.count == 0);
}

/* A report of no time at all would have the name of the one before, and be taken
 * for it. */
static void
a_second_is_closed_once(void **state)
{
	struct rig *r = *state;

	add(r, "a.example", TLS_POLICY_NONE, 3, 0);
	assert_int_equal(wanted(r, "", true), 1);
	assert_true(ask(r));
	step(r, TLS_REPORT_DONE, 0);
	add(r, "a.example", TLS_POLICY_NONE, 4, 0);
	assert_int_equal(wanted(r, "", true), 0);
	assert_false(ask(r));
	at(NOW + 1);
	assert_int_equal(wanted(r, "", true), 1);
	assert_true(ask(r));
	assert_true(facts.from == NOW && facts.until == NOW + 1 && facts.at[0].good == 4);
}

static void
a_want_made_again_closes_nothing(void **state)
{
	struct rig *r = *state;

	add(r, "a.example", TLS_POLICY_NONE, 3, 0);
	(void)wanted_op(r, "", true, 77);
	at(NOW + 10);
	add(r, "a.example", TLS_POLICY_NONE, 1, 0);
	(void)wanted_op(r, "", true, 77);
	assert_true(ask(r));
	step(r, TLS_REPORT_DONE, 0);
	assert_false(ask(r));
}

/* More than one batch, and more than one page. */
static void
many_are_wanted(void **state)
{
	struct rig *r = *state;
	struct tls_day last;
	char name[32];
	uint64_t due;

	for (int i = 0; i < 450; i++) {
		(void)snprintf(name, sizeof(name), "d%03d.example", i);
		add(r, name, TLS_POLICY_NONE, 1, 0);
	}
	assert_int_equal(listed(r, "", &last), 450);
	due = wanted(r, "", true);
	assert_int_equal(due, 450);
	assert_int_equal(listed(r, "", &last), 900);
	assert_int_equal(wanted(r, "", true), 450);
	for (int i = 0; i < 450; i++) {
		assert_true(ask(r));
		step(r, TLS_REPORT_DONE, 0);
	}
	assert_false(ask(r));
}

static void
kinds_of_failure_are_bounded(void **state)
{
	struct rig *r = *state;
	struct tls_day d = { .count = 0 };
	struct tls_failure f = { .result = TLS_RESULT_TLSA_INVALID, .sessions = 1 };
	struct tls_count c = { .type = TLS_POLICY_TLSA, .failed = 1, .failures = &f };
	struct buffer b = BUFFER_INIT;

	c.failure_count = 1;
	for (int i = 0; i < 80; i++) {
		f.mx = arena_printf(&r->w->arena, "mx%d.example", i);
		tls_day_add(&d, &c, &r->w->arena);
	}
	assert_int_equal(d.at[0].failed, 80);
	assert_int_equal(d.at[0].failure_count, TLS_COUNT_FAILURES);
	tls_day_pack(&b, &d);
	assert_ok(tls_day_unpack(buffer_text(&b), &r->w->arena, &facts));
	assert_int_equal(facts.at[0].failure_count, TLS_COUNT_FAILURES);
	buffer_done(&b);
}

static void
bad_counts_are_refused(void **state)
{
	struct rig *r = *state;
	struct text name = TEXT("example.org"), none = TEXT_EMPTY, bad = TEXT("\1\7");
	struct tls_report_add_reply reply;

	assert_int_equal(ASK(r->w, outbound, tls_report_add, &reply, .op = 1, .day = TODAY,
			     .domains = { &name, 1 }, .counts = { &bad, 1 }),
	    STATUS_INVALID);
	assert_int_equal(ASK(r->w, outbound, tls_report_add, &reply, .op = 2, .day = TODAY,
			     .domains = { &name, 1 }),
	    STATUS_INVALID);
	assert_int_equal(ASK(r->w, outbound, tls_report_add, &reply, .op = 3, .day = TODAY,
			     .domains = { &none, 1 }, .counts = { &bad, 1 }),
	    STATUS_INVALID);
	after_the_day();
	assert_false(ask(r));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counts_are_added_up),
		TEST(reports_are_spread),
		TEST(a_call_made_again_adds_nothing),
		TEST(a_report_ends_once),
		TEST(a_report_is_wanted_before_its_time),
		TEST(a_day_is_reported_in_parts),
		TEST(a_second_is_closed_once),
		TEST(a_want_made_again_closes_nothing),
		TEST(many_are_wanted),
		TEST(kinds_of_failure_are_bounded),
		TEST(bad_counts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
