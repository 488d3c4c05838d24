/* SPDX-License-Identifier: ISC */
/*
 * The self-test against relaying: it finds a store that says yes to a stranger's
 * recipient elsewhere, in whichever form, and is not content with one that says
 * nothing.
 */
#include "smtp/stranger.h"

#include "runtime/metrics.h"
#include "smtp/test_house.h"

static void
expect(struct house *h, enum smtp_stranger wanted)
{
	assert_int_equal(smtp_stranger_try(&h->server, &smtp_mx_class), wanted);
	assert_int_equal(metric_get(METRIC_SMTP_STRANGER), wanted);
}

static void
strangers_are_refused(void **state)
{
	struct house *h = *state;
	int64_t refused = metric_get(METRIC_SMTP_REFUSED);

	expect(h, STRANGER_REFUSED);
	assert_int_equal(
	    smtp_stranger_try(&h->submission, &smtp_submission_class), STRANGER_REFUSED);
	assert_int_equal(house_delivered(h), 0);
	assert_int_equal(metric_get(METRIC_SMTP_REFUSED), refused);
}

static void
a_relay_is_found(void **state)
{
	struct house *h = *state;
	static const char *const open[] = { "a@far.invalid", "a@[192.0.2.2]",
		"\xc3\xa4@far.invalid" };

	for (size_t i = 0; i < ARRAY_LEN(open); i++) {
		h->opens = open[i];
		expect(h, STRANGER_RELAYS);
	}
	h->opens = "a%far.invalid@mail.demo.test"; /* ours, whatever it looks like */
	expect(h, STRANGER_REFUSED);
}

/* Networks that may relay and that anybody may be of. */
static void
a_rule_for_everybody_is_found(void **state)
{
	struct house *h = *state;

	house_set("submission.relay_networks", "10.0.0.0/8 192.0.0.0/8");
	assert_int_equal(
	    smtp_stranger_try(&h->submission, &smtp_submission_class), STRANGER_RELAYS);
	house_set("submission.relay_networks", "10.0.0.0/8");
	assert_int_equal(
	    smtp_stranger_try(&h->submission, &smtp_submission_class), STRANGER_REFUSED);
	house_set("submission.relay_networks", "");
}

static void
who_does_not_answer_proves_nothing(void **state)
{
	struct house *h = *state;

	h->silent = true;
	expect(h, STRANGER_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strangers_are_refused, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(a_relay_is_found, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(
		    a_rule_for_everybody_is_found, house_setup, house_teardown),
		cmocka_unit_test_setup_teardown(
		    who_does_not_answer_proves_nothing, house_setup, house_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
