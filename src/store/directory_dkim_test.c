/* SPDX-License-Identifier: ISC */
/* DKIM keys of domains: what is published, what signs and when, and that the
 * sealed ones are for auth alone. */
#include <stdio.h>

#include "store/dated_test_helper.h"
#include "store/keys.h"

static enum status
add(struct world *w, uint64_t number, uint64_t algorithm, const char *selector, int64_t active,
    bool retire)
{
	struct store_dkim_add_reply reply;
	enum status s;

	do
		s = ASK(w, admin, store_dkim_add, &reply, .domain = TEXT("EXAMPLE.com"),
		    .selector = text_of(selector), .number = number, .algorithm = algorithm,
		    .record = TEXT("v=DKIM1; p=x"), .sealed = TEXT("sealed"), .active = active,
		    .retire = retire);
	while (world_for_now(s));
	return s;
}

/* "1 3 ": the numbers of those that sign at this time. */
static const char *
signing(struct world *w, int64_t when)
{
	static char words[200];
	const struct store_dkim_active_request q = { .domain = TEXT("example.com") };
	struct store_dkim_active_reply r;
	size_t n = 0;

	at(when);
	assert_ok(store_dkim_active(w->intake, &q, &w->arena, &r, NULL));
	assert_int_equal(r.selectors.count, r.numbers.count);
	assert_int_equal(r.algorithms.count, r.numbers.count);
	words[0] = '\0';
	for (uint32_t i = 0; i < r.numbers.count; i++)
		n += (size_t)snprintf(
		    words + n, sizeof(words) - n, "%llu ", (unsigned long long)r.numbers.at[i]);
	at(NOW);
	return words;
}

static void
rotation_publishes_before_it_signs(void **state)
{
	struct world *w = *state;
	struct store_dkim_keys_reply r;

	assert_string_equal(signing(w, NOW), "");
	assert_ok(add(w, 1, 0, "r1", NOW, true));
	assert_ok(add(w, 2, 1, "e1", NOW, true));
	assert_string_equal(signing(w, NOW), "1 2 ");
	assert_ok(add(w, 3, 0, "r2", NOW + 2 * DAY, true));
	assert_string_equal(signing(w, NOW), "1 2 ");
	assert_string_equal(signing(w, NOW + 2 * DAY - 1), "1 2 ");
	assert_string_equal(signing(w, NOW + 2 * DAY), "2 3 ");
	assert_ok(ASK(w, admin, store_dkim_keys, &r, .domain = TEXT("Example.com")));
	assert_text(r.domain, "example.com");
	assert_int_equal(r.numbers.count, 3);
	assert_text(r.selectors.at[2], "r2");
	assert_text(r.records.at[0], "v=DKIM1; p=x");
	assert_int_equal(r.created.at[0], NOW);
	assert_int_equal(r.retired.at[0], NOW + 2 * DAY);
	assert_int_equal(r.retired.at[1], 0);
	assert_int_equal(r.active.at[2], NOW + 2 * DAY);
	/* A second rotation before the first one took effect. */
	assert_ok(add(w, 4, 0, "r3", NOW + DAY, true));
	assert_string_equal(signing(w, NOW + 3 * DAY), "2 4 ");
	assert_string_equal(signing(w, NOW + DAY), "2 4 ");
	assert_string_equal(signing(w, NOW + DAY - 1), "1 2 ");
}

static void
refused(void **state)
{
	struct world *w = *state;
	struct store_dkim_add_reply added;
	struct store_dkim_remove_reply removed;
	struct store_dkim_keys_reply keys;

	assert_ok(add(w, 1, 0, "r1", NOW, false));
	assert_ok(add(w, 1, 0, "r1", NOW, false)); /* the same again */
	assert_int_equal(add(w, 2, 0, "r1", NOW, false), STATUS_EXISTS);
	assert_int_equal(add(w, 2, 7, "r2", NOW, false), STATUS_INVALID);
	assert_int_equal(add(w, 2, 0, "", NOW, false), STATUS_INVALID);
	for (uint64_t i = 2; i <= 16; i++) {
		char selector[8];

		(void)snprintf(selector, sizeof(selector), "x%u", (unsigned)i);
		assert_ok(add(w, i, 0, selector, NOW, false));
	}
	assert_int_equal(add(w, 17, 0, "r17", NOW, false), STATUS_LIMIT);
	assert_int_equal(ASK(w, admin, store_dkim_add, &added, .domain = TEXT("example.org"),
			     .selector = TEXT("s"), .sealed = TEXT("x")),
	    STATUS_NOT_FOUND);
	assert_int_equal(
	    ASK(w, admin, store_dkim_keys, &keys, .domain = TEXT("example.org")), STATUS_NOT_FOUND);
	assert_int_equal(ASK(w, admin, store_dkim_remove, &removed, .domain = TEXT("example.com"),
			     .selector = TEXT("none")),
	    STATUS_NOT_FOUND);
}

static void
sealed_keys_are_for_auth(void **state)
{
	struct world *w = *state;
	struct store_dkim_sealed_request q = { .domain = TEXT("example.com"), .number = 9 };
	struct store_dkim_sealed_reply r;

	assert_ok(add(w, 9, 1, "e9", NOW, false));
	assert_ok(store_dkim_sealed(w->auth, &q, &w->arena, &r, NULL));
	assert_text(r.selector, "e9");
	assert_text(r.sealed, "sealed");
	assert_int_equal(store_dkim_sealed(w->intake, &q, &w->arena, &r, NULL), STATUS_DENIED);
	q.number = 8;
	assert_int_equal(store_dkim_sealed(w->auth, &q, &w->arena, &r, NULL), STATUS_NOT_FOUND);
}

static void
keys_go(void **state)
{
	struct world *w = *state;
	struct store_dkim_remove_reply removed;
	struct store_domain_remove_reply gone;
	struct store_dkim_keys_reply keys;

	assert_ok(add(w, 1, 0, "r1", NOW, false));
	assert_ok(add(w, 2, 1, "e1", NOW, false));
	assert_ok(ASK(w, admin, store_dkim_remove, &removed, .domain = TEXT("example.com"),
	    .selector = TEXT("r1")));
	assert_string_equal(signing(w, NOW), "2 ");
	assert_ok(ASK(w, admin, store_domain_remove, &gone, .name = TEXT("example.com")));
	world_check(w, 0);
	world_domain(w, "example.com"); /* nothing of the old one comes back */
	assert_ok(ASK(w, admin, store_dkim_keys, &keys, .domain = TEXT("example.com")));
	assert_int_equal(keys.numbers.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    rotation_publishes_before_it_signs, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(sealed_keys_are_for_auth, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_go, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
