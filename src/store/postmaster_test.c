/* SPDX-License-Identifier: ISC */
/* Mail for postmaster is taken for every domain of this site (RFC 5321 4.5.1). */
#include "store/store_test_helper.h"

static enum rcpt_verdict
verdict(struct world *w, const char *address)
{
	struct store_rcpt_reply reply;

	assert_ok(ASK(w, access, store_rcpt, &reply, .address = text_of(address)));
	return (enum rcpt_verdict)reply.verdict;
}

static void
name_postmaster(struct world *w, const char *address)
{
	struct store_setting_set_reply none;

	assert_ok(ASK(w, admin, store_setting_set, &none, .name = TEXT("store.postmaster"),
	    .value = text_of(address)));
}

static void
who_has_none_falls_to_the_one_who_is_named(void **state)
{
	struct world *w = world_new(world_memory());
	struct parcel p = world_message(w, "1", "hello", "");

	world_domain(w, "example.com");
	world_domain(w, "example.net");
	(void)world_account(w, "boss@example.com");
	assert_int_equal(verdict(w, "postmaster@example.com"), RCPT_NO_SUCH_USER);
	assert_int_not_equal(verdict(w, "postmaster"), RCPT_OK);
	name_postmaster(w, "boss@example.com");
	assert_int_equal(verdict(w, "postmaster@example.com"), RCPT_OK);
	assert_int_equal(verdict(w, "Postmaster@example.net"), RCPT_OK);
	assert_int_equal(verdict(w, "Postmaster"), RCPT_OK);
	assert_int_equal(verdict(w, "postmaster+x@example.net"), RCPT_NO_SUCH_USER);
	assert_int_equal(verdict(w, "postmaster@elsewhere.test"), RCPT_NOT_OURS);
	assert_ok(world_deliver(w, "postmaster@example.net", &p));
	assert_ok(world_deliver(w, "postmaster", &p));
	/* One of its own comes first. */
	(void)world_account(w, "postmaster@example.net");
	assert_int_equal(verdict(w, "postmaster@example.net"), RCPT_OK);
	/* A name that leads nowhere, or round in a circle. */
	name_postmaster(w, "nobody@example.com");
	assert_int_equal(verdict(w, "postmaster@example.com"), RCPT_NO_SUCH_USER);
	name_postmaster(w, "postmaster@example.com");
	assert_int_equal(verdict(w, "postmaster@example.com"), RCPT_NO_SUCH_USER);
	name_postmaster(w, "");
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_none_falls_to_the_one_who_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
