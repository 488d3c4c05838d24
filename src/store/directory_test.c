/* SPDX-License-Identifier: ISC */
/* Domains, accounts and aliases: what an address leads to, and that making and
 * removing accounts survives every failure on the way. */
#include <pthread.h>
#include <stdio.h>

#include "runtime/call_permission_test_helper.h"
#include "store/engine/engine_breaking.h"
#include "store/keys.h"
#include "store/store_test_helper.h"

static int
setup(void **state)
{
	struct world *w = world_new(world_memory());

	world_domain(w, "Example.COM");
	world_domain(w, "example.net");
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	world_check(*state, 0);
	world_free(*state);
	return 0;
}

static uint64_t
rcpt(struct world *w, const char *address)
{
	struct store_rcpt_reply reply;
	enum status s;
	struct call_server_config server = { .threads = 1 };
	struct call_pair *pair;
	struct calls *mx;

	store_serve(w->store, &server);
	pair = call_pair_new(ROLE_MX, &server, ROLE_STORE, &mx);
	do
		s = store_rcpt(mx, &(struct store_rcpt_request){ .address = text_of(address) },
		    &w->arena, &reply, NULL);
	while (world_for_now(s));
	call_pair_free(pair);
	assert_ok(s);
	return reply.verdict;
}

static enum status
alias(struct world *w, const char *address, const char *target)
{
	struct store_alias_add_reply reply;
	struct text to = text_of(target);

	return ASK(
	    w, admin, store_alias_add, &reply, .address = text_of(address), .targets = { &to, 1 });
}

static void
addresses_lead_to_accounts(void **state)
{
	struct world *w = *state;
	uint64_t alice = world_account(w, "alice@example.com");
	struct store_catch_all_reply none;
	struct store_account_add_reply twice;
	struct store_account_set_reply set;

	assert_int_equal(rcpt(w, "alice@example.com"), RCPT_OK);
	assert_int_equal(rcpt(w, "ALICE+lists@EXAMPLE.com"), RCPT_OK);
	assert_int_equal(rcpt(w, "bob@example.com"), RCPT_NO_SUCH_USER);
	assert_int_equal(rcpt(w, "alice@example.org"), RCPT_NOT_OURS);
	assert_int_equal(rcpt(w, "not an address"), RCPT_NO_SUCH_USER);
	assert_int_equal(ASK(w, admin, store_account_add, &twice,
			     .address = TEXT("Alice@example.com"), .verifier = TEXT("x")),
	    STATUS_EXISTS);
	assert_int_equal(ASK(w, admin, store_account_add, &twice,
			     .address = TEXT("a@elsewhere.org"), .verifier = TEXT("x")),
	    STATUS_NOT_FOUND);
	assert_ok(alias(w, "info@example.com", "sales@example.com") == STATUS_INVALID
		      ? STATUS_OK
		      : STATUS_INVALID);
	assert_ok(alias(w, "sales@example.com", "alice@example.com"));
	assert_ok(alias(w, "info@example.net", "sales@example.com"));
	assert_int_equal(rcpt(w, "info@example.net"), RCPT_OK);
	assert_ok(ASK(w, admin, store_catch_all, &none, .domain = TEXT("example.net"),
	    .address = TEXT("alice@example.com")));
	assert_int_equal(rcpt(w, "anybody@example.net"), RCPT_OK);
	assert_ok(ASK(w, admin, store_account_set, &set, .address = TEXT("alice@example.com"),
	    .change = ACCOUNT_SUSPENDED, .value = 1));
	assert_int_equal(rcpt(w, "anybody@example.net"), RCPT_SUSPENDED);
	assert_ok(ASK(w, admin, store_account_set, &set, .address = TEXT("alice@example.com"),
	    .change = ACCOUNT_QUOTA, .value = 1));
	assert_ok(ASK(w, admin, store_account_set, &set, .address = TEXT("alice@example.com"),
	    .change = ACCOUNT_SUSPENDED, .value = 0));
	world_check(w, alice);
}

/* An alias that leads to itself, through others, ends. */
static void
loops_end(void **state)
{
	struct world *w = *state;

	(void)world_account(w, "alice@example.com");
	assert_ok(alias(w, "a@example.com", "alice@example.com"));
	assert_ok(alias(w, "b@example.com", "a@example.com"));
	assert_ok(alias(w, "a@example.com", "b@example.com"));
	assert_int_equal(rcpt(w, "a@example.com"), RCPT_NO_SUCH_USER);
}

static void
an_account_reached_twice_gets_one(void **state)
{
	struct world *w = *state;
	uint64_t alice = world_account(w, "alice@example.com");
	struct parcel p = world_message(w, "1", "one", "");
	struct store_open_reply open;

	assert_ok(alias(w, "a@example.com", "alice@example.com"));
	assert_ok(world_deliver(w, "alice@example.com a@example.com alice+x@example.com", &p));
	open = world_open_mailbox(w, world_token(w, alice), "INBOX");
	assert_int_equal(runs_total(&open.uids), 1);
}

static void
removed_accounts_leave_nothing(void **state)
{
	struct world *w = *state;
	uint64_t alice = world_account(w, "alice@example.com"), again;
	struct text token = world_token(w, alice);
	struct parcel p = world_message(w, "1", "one", "");
	struct store_account_remove_reply none;
	struct store_domain_remove_reply gone;
	struct store_quota_reply quota;
	struct blob_id id = { { 0 } };
	uint32_t pieces;

	for (int i = 0; i < 10; i++)
		assert_ok(world_deliver(w, "alice@example.com", &p));
	assert_int_equal(
	    ASK(w, admin, store_domain_remove, &gone, .name = TEXT("example.com")), STATUS_DENIED);
	assert_ok(ASK(w, admin, store_account_remove, &none, .address = TEXT("alice@example.com")));
	assert_int_equal(rcpt(w, "alice@example.com"), RCPT_NO_SUCH_USER);
	store_settle(w->store);
	assert_int_equal(ASK(w, access, store_quota, &quota, .token = token), STATUS_DENIED);
	assert_int_equal(engine_next_blob(w->engine, id, &id, &pieces), STATUS_NOT_FOUND);
	again = world_account(w, "alice@example.com");
	assert_int_not_equal(again, alice);
	assert_ok(ASK(w, admin, store_account_remove, &none, .address = TEXT("alice@example.com")));
	assert_ok(ASK(w, admin, store_domain_remove, &gone, .name = TEXT("example.com")));
}

/* Adds and removes on a disk that is full at every third commit, with crashes:
 * what was answered OK is so, what was not is not. */
static void
failures_leave_no_halves(void **state)
{
	const struct engine_strictness how = { .seed = 5, .full = 300 };
	struct world *w = world_new(engine_memory_strict_new(&how));
	struct store_account_add_reply added;
	struct store_account_remove_reply removed;
	bool there = false;
	enum status s;

	world_domain(w, "example.com");
	for (unsigned i = 0; i < 150; i++) {
		if (there)
			s = ASK(w, admin, store_account_remove, &removed,
			    .address = TEXT("x@example.com"));
		else
			s = ASK(w, admin, store_account_add, &added,
			    .address = TEXT("x@example.com"), .verifier = TEXT("v"));
		if (s == STATUS_OK)
			there = !there;
		else
			assert_true(world_for_now(s));
		if (i % 10 == 0)
			world_crash(w);
		assert_int_equal(rcpt(w, "x@example.com"), there ? RCPT_OK : RCPT_NO_SUCH_USER);
		store_settle(w->store);
		world_check(w, 0);
	}
	world_free(w);
}

/* Calls without an op: an ambiguous commit is not taken for somebody else's. */
static void
ambiguity_is_resolved(void **state)
{
	const struct engine_strictness how = { .seed = 3, .ambiguous_done = 500, .conflict = 100 };
	struct world *w = world_new(engine_memory_strict_new(&how));
	struct store_domain_add_reply reply;

	for (int i = 0; i < 50; i++) {
		char name[40];

		(void)snprintf(name, sizeof(name), "d%d.example", i);
		assert_ok(ASK(w, admin, store_domain_add, &reply, .name = text_of(name)));
		(void)snprintf(name, sizeof(name), "a@d%d.example", i);
		(void)world_account(w, name);
	}
	store_settle(w->store);
	world_check(w, 0);
	world_free(w);
}

static void
lists_come_in_pages(void **state)
{
	struct world *w = *state;
	struct text after = TEXT_EMPTY, last = TEXT_EMPTY;
	struct store_accounts_reply r;
	unsigned seen = 0;

	for (int i = 0; i < 1205; i++) {
		char name[40];

		(void)snprintf(name, sizeof(name), "n%d@example.%s", i, i % 2 ? "com" : "net");
		(void)world_account(w, name);
	}
	do {
		assert_ok(ASK(w, admin, store_accounts, &r, .after = after));
		for (uint32_t i = 0; i < r.addresses.count; i++) {
			struct text next = r.addresses.at[i];
			size_t x = text_find_byte(last, '@', 0);
			size_t y = text_find_byte(next, '@', 0);
			int order = text_compare(
			    text_part(last, x, last.len), text_part(next, y, next.len));

			if (order == 0)
				order = text_compare(text_part(last, 0, x), text_part(next, 0, y));
			assert_true(order < 0);
			last = next;
			seen++;
		}
		after = r.resume;
	} while (after.len > 0);
	assert_int_equal(seen, 1205);
	assert_ok(ASK(w, admin, store_accounts, &r, .domain = TEXT("example.net")));
	assert_int_equal(r.addresses.count, 603);
}

static uint64_t
without_scram(struct world *w)
{
	struct store_verifier_census_reply r;

	assert_ok(ASK(w, auth, store_verifier_census, &r));
	return r.without_scram;
}

static void
the_census_follows(void **state)
{
	struct world *w = *state;
	struct store_account_add_reply added;
	struct store_verifier_reply v;
	struct store_verifier_set_reply none;
	struct store_account_set_reply set;

	assert_ok(ASK(w, admin, store_account_add, &added, .address = TEXT("a@example.com"),
	    .verifier = TEXT("old")));
	assert_int_equal(without_scram(w), 1);
	assert_ok(ASK(w, auth, store_verifier, &v, .address = TEXT("A@example.com")));
	assert_text(v.verifier, "old");
	assert_text(v.canonical, "a@example.com");
	assert_int_equal(ASK(w, auth, store_verifier_set, &none, .account = v.account,
			     .old = TEXT("other"), .verifier = TEXT("new"), .has_scram = 1),
	    STATUS_CONFLICT);
	assert_ok(ASK(w, auth, store_verifier_set, &none, .account = v.account, .old = TEXT("old"),
	    .verifier = TEXT("new"), .has_scram = 1));
	assert_int_equal(without_scram(w), 0);
	assert_ok(ASK(w, admin, store_account_set, &set, .address = TEXT("a@example.com"),
	    .change = ACCOUNT_VERIFIER, .verifier = TEXT("third")));
	assert_int_equal(without_scram(w), 1);
	assert_ok(ASK(w, auth, store_verifier, &v, .address = TEXT("a@example.com")));
	assert_int_equal(v.generation, 2);
	assert_int_equal(
	    ASK(w, auth, store_verifier, &v, .address = TEXT("b@example.com")), STATUS_NOT_FOUND);
}

/* ---- who is told ---- */

struct ear {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned told, heard;
	bool ended;
};

static void
hear(void *arg, enum status s, const void *reply)
{
	struct ear *e = arg;

	(void)reply;
	pthread_mutex_lock(&e->lock);
	e->told += s == STATUS_OK;
	e->ended |= s != STATUS_OK;
	pthread_cond_signal(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

/* Once more than until now. */
static void
await_told(struct ear *e)
{
	pthread_mutex_lock(&e->lock);
	while (e->told == e->heard)
		pthread_cond_wait(&e->changed, &e->lock);
	e->heard = e->told;
	pthread_mutex_unlock(&e->lock);
}

static void
changes_are_told(void **state)
{
	struct ear e = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	const struct store_directory_feed_request q = { .none_ = 0 };
	struct call_server_config server = { .threads = 1 };
	struct store_account_set_reply set;
	struct store_alias_remove_reply removed;
	struct world *w = *state;
	struct call_pair *pair;
	struct calls *mx;

	store_serve(w->store, &server);
	pair = call_pair_new(ROLE_MX, &server, ROLE_STORE, &mx);
	assert_ok(call_stream(mx, &store_directory_feed_call, &q, hear, &e));
	await_told(&e); /* the feed stands */
	assert_int_equal(rcpt(w, "team@example.com"), RCPT_NO_SUCH_USER);
	world_account(w, "a@example.com");
	await_told(&e);
	assert_ok(alias(w, "team@example.com", "a@example.com"));
	await_told(&e);
	assert_ok(ASK(w, admin, store_account_set, &set, .address = TEXT("a@example.com"),
	    .change = ACCOUNT_SUSPENDED, .value = 1));
	await_told(&e);
	assert_ok(ASK(w, admin, store_alias_remove, &removed, .address = TEXT("team@example.com")));
	await_told(&e);
	call_pair_free(pair);
	assert_true(e.ended);
}

static void
permissions(void **state)
{
	call_permissions_hold(store_call_list, store_call_count, ROLE_STORE);
}

static unsigned
intents(struct world *w)
{
	struct key from = key_of(KEY_D_INTENT), until = key_behind(from);
	unsigned n = 0;

	for (uint64_t shard = 0; shard < 16; shard++) {
		struct engine_scan *scan;
		struct text key, value;

		assert_ok(engine_scan_open(w->engine, (struct entity){ ENTITY_DIRECTORY, shard },
		    key_text(&from), key_text(&until), &scan));
		while (engine_scan_next(scan, &key, &value) == STATUS_OK)
			n++;
		engine_scan_close(scan);
	}
	return n;
}

/* An account goes in one round, what was counted of it in the next. */
static void
tend_to_the_end(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		store_tend(w->store);
		store_settle(w->store);
	}
}

/* The disk fails after so many commits of a removal and then works again: the
 * same process brings it to its end. */
static void
a_removal_goes_on_when_the_disk_does(void **state)
{
	struct engine *inner = world_memory();
	struct world *w = world_new(breaking_new(inner));
	enum status s = STATUS_IO;

	world_domain(w, "example.com");
	for (unsigned after = 0; after < 6; after++) {
		struct store_account_remove_reply none;

		if (s != STATUS_UNAVAILABLE)
			(void)world_account(w, "a@example.com");
		atomic_store(&breaking_of(w->engine)->left, after);
		s = ASK(w, admin, store_account_remove, &none, .address = TEXT("a@example.com"));
		assert_int_equal(s, after == 0 ? STATUS_UNAVAILABLE : STATUS_OK);
		store_settle(w->store);
		atomic_store(&breaking_of(w->engine)->left, NEVER_BREAKS);
		tend_to_the_end(w);
		assert_int_equal(intents(w), 0);
		world_check(w, 0);
	}
	world_free(w);
	engine_free(inner);
}

/* An account that could not be made leaves nothing either. */
static void
a_making_that_failed_is_taken_back(void **state)
{
	struct engine *inner = world_memory();
	struct world *w = world_new(breaking_new(inner));
	struct store_account_add_reply none;

	world_domain(w, "example.com");
	atomic_store(&breaking_of(w->engine)->left, 1);
	assert_int_equal(ASK(w, admin, store_account_add, &none, .address = TEXT("a@example.com"),
			     .verifier = TEXT("v")),
	    STATUS_UNAVAILABLE);
	atomic_store(&breaking_of(w->engine)->left, NEVER_BREAKS);
	assert_int_equal(intents(w), 1);
	tend_to_the_end(w);
	assert_int_equal(intents(w), 0);
	world_check(w, 0);
	(void)world_account(w, "a@example.com");
	world_free(w);
	engine_free(inner);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(addresses_lead_to_accounts),
		CASE(loops_end),
		CASE(an_account_reached_twice_gets_one),
		CASE(removed_accounts_leave_nothing),
		CASE(failures_leave_no_halves),
		cmocka_unit_test(ambiguity_is_resolved),
		cmocka_unit_test(a_removal_goes_on_when_the_disk_does),
		cmocka_unit_test(a_making_that_failed_is_taken_back),
		CASE(lists_come_in_pages),
		CASE(the_census_follows),
		CASE(changes_are_told),
		cmocka_unit_test(permissions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
