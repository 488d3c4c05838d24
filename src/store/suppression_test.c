/* SPDX-License-Identifier: ISC */
/* Addresses that refused mail for good are not sent to, until they take mail, or
 * time passes, or the operator says so. */
#include "store/suppression.h"

#include "store/outgoing_test_helper.h"
#include "store/queue_admin_calls.h"
#include "store/submission_calls.h"

#define BOB "Bob@example.net"

static struct submission_rcpt_reply got;
static struct queue_admin_suppressed_reply list;

static uint64_t
rcpt(struct rig *r, const char *address)
{
	assert_ok(ASK(r->w, access, submission_rcpt, &got, .token = world_token(r->w, r->alice),
	    .address = text_of(address)));
	return got.verdict;
}

static uint32_t
listed(struct rig *r)
{
	store_settle(r->w->store);
	assert_ok(ASK(r->w, admin, queue_admin_suppressed, &list));
	return list.addresses.count;
}

static void
ends(struct rig *r, enum queue_outcome outcome, const char *reply)
{
	(void)submit(r, BOB);
	assert_int_equal(take(r), 1);
	r->reply = reply;
	report(r, outcome, SCHEDULE_WELL);
	store_settle(r->w->store);
}

static uint64_t
change(struct rig *r, const char *address, bool off)
{
	struct queue_admin_suppress_reply reply;

	assert_ok(ASK(
	    r->w, admin, queue_admin_suppress, &reply, .address = text_of(address), .remove = off));
	return reply.changed;
}

/* Nobody of a domain is asked for a moment, unless somebody of it is on the list. */
static void
a_domain_is_calm_until_one_of_it_is_listed(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rcpt(r, "carol@EXAMPLE.net"), SUBMISSION_OK);
	assert_int_equal(got.calm, 1);
	assert_int_equal(change(r, BOB, false), 1);
	assert_int_equal(rcpt(r, "carol@EXAMPLE.net"), SUBMISSION_OK);
	assert_int_equal(got.calm, 0);
	assert_int_equal(rcpt(r, "carol@example.org"), SUBMISSION_OK);
	assert_int_equal(got.calm, 1);
	world_crash(r->w);
	assert_int_equal(rcpt(r, "carol@example.net"), SUBMISSION_OK);
	assert_int_equal(got.calm, 0);
}

/* Keys that the engine is asked for by a lease of mail that waited. */
static uint64_t
asked(struct rig *r, const char *address)
{
	struct engine_facts before, after;

	r->not_before = NOW + 600;
	(void)submit(r, address);
	at(NOW + 600);
	store_settle(r->w->store);
	engine_facts_of(r->w->engine, &before);
	assert_int_equal(take(r), 1);
	engine_facts_of(r->w->engine, &after);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	at(NOW);
	return after.keys_read - before.keys_read;
}

/* Mail that waited is asked about again, but if nobody of the domain is listed. */
static void
a_calm_domain_costs_no_reading(void **state)
{
	struct rig *r = *state;
	uint64_t calm = asked(r, "carol@example.net");

	assert_int_equal(change(r, BOB, false), 1);
	assert_int_equal(asked(r, "carol@EXAMPLE.net"), calm + 1);
	assert_int_equal(asked(r, "carol@example.org"), calm);
}

/* RFC 3463 3.2, 3.3, 3.8 */
static void
what_counts(void **state)
{
	static const char *const hard[] = { "550 5.1.1 no such user", "5.1.2 no such domain",
		"556 5.1.10 null MX", "550 5.2.1 disabled", "550 5.1.1" };
	static const char *const soft[] = { "550 5.7.1 spam", "552 5.2.2 full", "550 no such user",
		"450 4.1.1 later", "5.4.7 too late", "550 5.1.11 x", "" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hard); i++)
		assert_true(suppression_is_hard(text_of(hard[i])));
	for (size_t i = 0; i < ARRAY_LEN(soft); i++)
		assert_false(suppression_is_hard(text_of(soft[i])));
}

static void
who_refused_is_not_sent_to(void **state)
{
	struct rig *r = *state;

	assert_int_equal(rcpt(r, BOB), SUBMISSION_OK);
	ends(r, QUEUE_FAILED, "550 5.1.1 no such user\nreally");
	assert_int_equal(rcpt(r, "bob@EXAMPLE.net"), SUBMISSION_SUPPRESSED);
	assert_text(got.words, "bob@example.net refused mail for good on 2023-11-14: 550 5.1.1 no "
			       "such user really");
	assert_int_equal(rcpt(r, "carol@example.net"), SUBMISSION_OK);
	crash(r);
	assert_int_equal(rcpt(r, BOB), SUBMISSION_SUPPRESSED);
	assert_int_equal(listed(r), 1);
	assert_text(list.addresses.at[0], "bob@example.net");
	assert_int_equal(list.times.at[0], NOW);
	assert_int_equal(list.operators.at[0], 0);
}

static void
policies_and_later_do_not_count(void **state)
{
	struct rig *r = *state;

	ends(r, QUEUE_FAILED, "550 5.7.1 spam");
	ends(r, QUEUE_LATER, "450 4.1.1 no such user yet");
	assert_int_equal(rcpt(r, BOB), SUBMISSION_OK);
	assert_int_equal(listed(r), 0);
}

static void
a_delivery_takes_it_off(void **state)
{
	struct rig *r = *state;

	ends(r, QUEUE_FAILED, "550 5.1.1 no such user");
	assert_int_equal(listed(r), 1);
	ends(r, QUEUE_DELIVERED, "250 2.1.5 fine");
	assert_int_equal(listed(r), 0);
	assert_int_equal(rcpt(r, BOB), SUBMISSION_OK);
}

static void
time_takes_it_off(void **state)
{
	struct rig *r = *state;

	ends(r, QUEUE_FAILED, "550 5.1.1 no such user");
	at(NOW + 30 * 86400 - 1);
	assert_int_equal(listed(r), 1);
	at(NOW + 30 * 86400);
	assert_int_equal(listed(r), 0);
	assert_int_equal(rcpt(r, BOB), SUBMISSION_OK);
}

static void
it_can_be_off(void **state)
{
	struct rig *r = *state;

	assert_ok(setting_apply(SET_SUPPRESSION_KEEP, TEXT("0")));
	ends(r, QUEUE_FAILED, "550 5.1.1 no such user");
	assert_int_equal(listed(r), 0);
	assert_ok(setting_apply(SET_SUPPRESSION_KEEP, TEXT_EMPTY));
	assert_int_equal(listed(r), 0);
}

static void
the_operator_has_the_last_word(void **state)
{
	struct rig *r = *state;

	ends(r, QUEUE_FAILED, "550 5.1.1 no such user");
	assert_int_equal(change(r, BOB, true), 1);
	assert_int_equal(change(r, BOB, true), 0);
	assert_int_equal(rcpt(r, BOB), SUBMISSION_OK);
	assert_int_equal(change(r, BOB, false), 1);
	ends(r, QUEUE_DELIVERED, "250 fine");
	at(NOW + 400 * 86400);
	assert_int_equal(listed(r), 1);
	assert_int_equal(list.operators.at[0], 1);
	at(NOW);
	assert_int_equal(rcpt(r, BOB), SUBMISSION_SUPPRESSED);
	assert_text(got.words, "Bob@example.net was blocked here on 2023-11-14");
}

/* Mail that waits is not sent to who came on the list meanwhile: he fails, the
 * sender is told, the others are tried; and it says nothing new of him. */
static void
mail_that_waits_fails(void **state)
{
	struct rig *r = *state;
	uint64_t m = submit(r, BOB " carol@example.net");
	struct outgoing_run run;

	assert_int_equal(take(r), 2);
	r->reply = "450 4.2.0 later";
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	at(NOW + 10);
	(void)change(r, BOB, false);
	at(NOW + 86400);
	assert_int_equal(take(r), 1);
	assert_text(r->lease.recipients.at[0], "carol@example.net");
	run = run_of(r, m, 0);
	assert_int_equal(run.at[0].state, OUTGOING_FAILED);
	assert_text(run.at[0].reply, "5.1.1 Bob@example.net was blocked here on 2023-11-14");
	assert_true(run.at[0].owed & OWED_FAILURE);
	assert_int_equal(run.at[1].attempts, 1);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(listed(r), 1);
	assert_int_equal(list.times.at[0], NOW + 10);
}

/* All of them: there is nothing left to lease, and others are not in the way. */
static void
nobody_left_to_send_to(void **state)
{
	struct rig *r = *state;
	uint64_t m;

	r->not_before = NOW + 600;
	m = submit(r, BOB);
	r->not_before = 0;
	(void)change(r, BOB, false);
	at(NOW + 600);
	assert_int_equal(take(r), 0);
	assert_int_equal(run_of(r, m, 0).at[0].state, OUTGOING_FAILED);
	(void)change(r, BOB, true);
	(void)submit(r, BOB);
	assert_int_equal(take(r), 1);
}

/* Page by page, each once. */
static void
a_long_list_is_whole(void **state)
{
	struct rig *r = *state;
	struct text after = TEXT_EMPTY;
	uint32_t n = 0, pages = 0;

	for (int i = 0; i < 1100; i++)
		(void)change(r,
		    arena_string(&r->w->arena, arena_printf(&r->w->arena, "u%d@x.test", i)), false);
	do {
		assert_ok(ASK(r->w, admin, queue_admin_suppressed, &list, .after = after));
		n += list.addresses.count;
		after = list.resume;
		pages++;
	} while (after.len > 0);
	assert_int_equal(n, 1100);
	assert_int_equal(pages, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_domain_is_calm_until_one_of_it_is_listed),
		TEST(a_calm_domain_costs_no_reading),
		TEST(what_counts),
		TEST(who_refused_is_not_sent_to),
		TEST(policies_and_later_do_not_count),
		TEST(a_delivery_takes_it_off),
		TEST(time_takes_it_off),
		TEST(it_can_be_off),
		TEST(the_operator_has_the_last_word),
		TEST(mail_that_waits_fails),
		TEST(nobody_left_to_send_to),
		TEST(a_long_list_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
