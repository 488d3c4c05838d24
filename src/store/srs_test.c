/* SPDX-License-Identifier: ISC */
/* Senders of what goes on elsewhere: made for intake, and read again. */
#include "runtime/settings.h"
#include "store/dated_test_helper.h"
#include "store/srs.h"

static struct text
forward(struct world *w, const char *sender)
{
	const struct store_srs_request q = { .sender = text_of(sender),
		.recipient = TEXT("Alias@example.com") };
	struct store_srs_reply r;

	assert_ok(store_srs(w->intake, &q, &w->arena, &r, NULL));
	assert_text(r.domain, "example.com");
	return r.sender;
}

static void
assert_back(struct world *w, struct text address, const char *sender)
{
	struct text back;

	assert_ok(srs_target(w->store, address, &w->arena, &back));
	assert_true(text_equal(back, text_of(sender)));
}

static void
a_bounce_finds_the_sender(void **state)
{
	static const char *const senders[] = { "Bob@there.test", "\"b b\"@there.test",
		"b+c=d@there.test", "SRS0=abcd=ef=first.test=bob@there.test" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
		struct text address = forward(w, senders[i]);

		assert_true(text_ends(address, TEXT("@example.com")));
		assert_true(srs_looks(address));
		if (!text_starts(address, TEXT("SRS1")))
			assert_back(w, address, senders[i]);
	}
	assert_back(w, forward(w, senders[3]), "SRS0=abcd=ef=first.test=bob@there.test");
}

static void
what_is_not_ours_leads_nowhere(void **state)
{
	struct world *w = *state;
	struct text address = forward(w, "bob@there.test"), back;
	struct text forged = arena_copy(&w->arena, address);

	((char *)(uintptr_t)forged.ptr)[6] ^= 1;
	assert_int_equal(srs_target(w->store, forged, &w->arena, &back), STATUS_NOT_FOUND);
	assert_int_equal(
	    srs_target(w->store, TEXT("bob@example.com"), &w->arena, &back), STATUS_NOT_FOUND);
	at(NOW + 21 * DAY);
	assert_back(w, address, "bob@there.test");
	at(NOW + 23 * DAY);
	assert_int_equal(srs_target(w->store, address, &w->arena, &back), STATUS_NOT_FOUND);
}

static uint64_t
rcpt(struct world *w, struct text address, bool *forwards)
{
	const struct store_rcpt_request q = { .address = address };
	struct store_rcpt_reply r;

	assert_ok(store_rcpt(w->access, &q, &w->arena, &r, NULL));
	*forwards = r.forwards != 0;
	return r.verdict;
}

/* It goes on to the sender elsewhere; what was forged goes to nobody. */
static void
a_bounce_is_taken_at_the_address(void **state)
{
	struct world *w = *state;
	struct text address = forward(w, "bob@there.test");
	struct text forged = arena_copy(&w->arena, address);
	bool forwards;

	((char *)(uintptr_t)forged.ptr)[6] ^= 1;
	assert_int_equal(rcpt(w, address, &forwards), RCPT_OK);
	assert_true(forwards);
	assert_int_equal(rcpt(w, forged, &forwards), RCPT_NO_SUCH_USER);
}

static void
senders_that_are_not_rewritten(void **state)
{
	struct world *w = *state;
	struct store_srs_request q = { .sender = TEXT("a@b.test"), .recipient = TEXT("c@d.test") };
	struct store_srs_reply r;

	assert_int_equal(forward(w, "").len, 0);
	assert_text(forward(w, "bob@example.com"), "bob@example.com");
	/* RFC 5321 4.5.3.1.1: there is no room for it. */
	assert_text(forward(w, "a-sender-with-a-rather-long-name-of-its-own@and.a.domain.test"),
	    "alias@example.com");
	assert_int_equal(store_srs(w->intake, &q, &w->arena, &r, NULL), STATUS_NOT_FOUND);
}

/* RFC 5321 4.5.1: the name alone is a recipient too; what it leads to decides. */
static void
the_bare_postmaster_forwards(void **state)
{
	struct world *w = *state;
	struct store_srs_request q = { .sender = TEXT("bob@there.test"),
		.recipient = TEXT("Postmaster") };
	struct store_srs_reply r;

	assert_int_equal(store_srs(w->intake, &q, &w->arena, &r, NULL), STATUS_NOT_FOUND);
	assert_ok(setting_apply(SET_STORE_POSTMASTER, TEXT("alias@example.com")));
	assert_ok(store_srs(w->intake, &q, &w->arena, &r, NULL));
	assert_ok(setting_apply(SET_STORE_POSTMASTER, TEXT_EMPTY));
	assert_text(r.domain, "example.com");
	assert_back(w, r.sender, "bob@there.test");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_bounce_finds_the_sender, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_ours_leads_nowhere, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bounce_is_taken_at_the_address, setup, teardown),
		cmocka_unit_test_setup_teardown(senders_that_are_not_rewritten, setup, teardown),
		cmocka_unit_test_setup_teardown(the_bare_postmaster_forwards, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
