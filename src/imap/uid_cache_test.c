/* SPDX-License-Identifier: ISC */
/*
 * Sessions on one mailbox share its UIDs: octets are counted while 200 views
 * of a mailbox with 100,000 holes come, learn of changes, hold expunges back,
 * and go.
 */
#include "imap/uid_cache.h"

#include "base/testing.h"
#include "imap/view.h"

#define VIEWS 200u
#define HOLES 100000u
#define ALICE 1
#define INBOX TEXT("INBOX")

struct scene {
	struct uid_cache cache;
	struct store_open_reply open;
	struct view view[VIEWS];
};

static struct scene scene;

static void
select_inbox(struct view *v)
{
	struct store_open_reply r = scene.open;
	struct known_uids known;

	uid_cache_find(&scene.cache, ALICE, INBOX, &known);
	if (known.mailbox != 0) { /* nothing happened since */
		assert_int_equal(known.mailbox, r.mailbox);
		assert_int_equal(known.modseq, r.modseq);
		r.uids = (struct runs)RUNS_INIT;
		r.differs = 1;
	}
	view_init(v, &r, false, &known.uids);
	view_share(v, uid_cache_enter(&scene.cache, ALICE, INBOX, (uint32_t)r.mailbox));
	uidset_done(&known.uids);
}

static int
setup(void **state)
{
	scene.open = (struct store_open_reply){
		.mailbox = 7, .uidnext = 2 * HOLES + 1, .modseq = 12, .highest = 10
	};
	uid_cache_init(&scene.cache);
	for (uint32_t uid = 1; uid < 2 * HOLES; uid += 2)
		runs_add(&scene.open.uids, uid, uid);
	for (size_t i = 0; i < VIEWS; i++)
		select_inbox(&scene.view[i]);
	return 0;
}

static int
teardown(void **state)
{
	for (size_t i = 0; i < VIEWS; i++)
		view_done(&scene.view[i]);
	runs_done(&scene.open.uids);
	uid_cache_done(&scene.cache);
	assert_int_equal(uidset_held(), 0);
	return 0;
}

/* One message comes, another goes. */
static void
learn(
    struct view *v, uint64_t modseq, uint32_t added, uint32_t vanished, enum view_expunges expunges)
{
	struct store_changes_reply r = { .modseq = modseq, .highest = modseq };
	struct buffer out = BUFFER_INIT;

	runs_add(&r.added, added, added);
	runs_add(&r.vanished, vanished, vanished);
	view_learn(v, &r);
	view_tell(v, expunges, &out);
	view_settle(v);
	runs_done(&r.added);
	runs_done(&r.vanished);
	buffer_done(&out);
}

static size_t
one_copy(void)
{
	return uidset_cost(&scene.view[0].uids) * 5 / 4;
}

/* ---- tests ---- */

static void
all_hold_one_set(void **state)
{
	assert_true(uidset_held() <= one_copy());
	for (size_t i = 0; i < VIEWS; i++) {
		assert_int_equal(view_exists(&scene.view[i]), HOLES);
		assert_int_equal(view_seq(&scene.view[i], 2 * 777 + 1), 778);
	}
}

static void
who_learns_the_same_holds_the_same(void **state)
{
	for (unsigned round = 0; round < 20; round++)
		for (size_t i = 0; i < VIEWS; i++)
			learn(&scene.view[i], 13 + round, 2 * HOLES + 10 + round,
			    10001 + 2 * 3000 * round, EXPUNGES_BY_NUMBER);
	assert_true(uidset_held() <= one_copy());
	for (size_t i = 0; i < VIEWS; i++)
		assert_int_equal(view_exists(&scene.view[i]), HOLES);
}

/* The second to hear of an arrival makes no set of its own, not even for the
 * time being. */
static void
who_hears_later_takes_what_is_made(void **state)
{
	struct store_changes_reply r = { .modseq = 13, .highest = 13 };
	size_t held;

	runs_add(&r.added, 2 * HOLES + 10, 2 * HOLES + 10);
	view_learn(&scene.view[0], &r);
	view_settle(&scene.view[0]);
	held = uidset_held();
	view_learn(&scene.view[1], &r);
	assert_int_equal(uidset_held(), held);
	assert_int_equal(view_exists(&scene.view[1]), HOLES + 1);
	assert_int_equal(view_seq(&scene.view[1], 2 * HOLES + 10), HOLES + 1);
	runs_done(&r.added);
}

/* They share all but a root and the leaves that changed. */
static void
who_holds_back_shares_the_rest(void **state)
{
	for (size_t i = 0; i < VIEWS; i++)
		learn(&scene.view[i], 13, 2 * HOLES + 10, 10001,
		    i % 2 == 0 ? EXPUNGES_BY_NUMBER : EXPUNGES_WAIT);
	assert_int_equal(view_exists(&scene.view[0]), HOLES);
	assert_int_equal(view_exists(&scene.view[1]), HOLES + 1);
	assert_true(uidset_held() <= one_copy() * 2 + VIEWS / 2 * 20000);
	for (size_t i = 1; i < VIEWS; i += 2)
		learn(&scene.view[i], 14, 2 * HOLES + 11, 10003, EXPUNGES_BY_NUMBER);
	assert_true(uidset_held() <= one_copy() * 5 / 4);
	assert_int_equal(view_exists(&scene.view[1]), HOLES);
}

static void
another_mailbox_of_the_name(void **state)
{
	struct known_uids known;
	struct uidset one = UIDSET_INIT;
	struct uid_entry *e = uid_cache_enter(&scene.cache, ALICE, INBOX, 8);

	uid_cache_find(&scene.cache, ALICE, INBOX, &known);
	assert_int_equal(known.mailbox, 0);
	uidset_add(&one, 1, 1);
	uid_cache_meet(e, 20, 22, &one);
	uid_cache_find(&scene.cache, ALICE, INBOX, &known);
	assert_int_equal(known.mailbox, 8);
	assert_int_equal(known.modseq, 22);
	assert_int_equal(uidset_total(&known.uids), 1);
	uidset_done(&known.uids);
	uidset_done(&one);
	uid_cache_find(&scene.cache, ALICE + 1, INBOX, &known);
	assert_int_equal(known.mailbox, 0);
	assert_true(uidset_held() <= one_copy() + 1000);
	uid_cache_leave(e);
	uid_cache_find(&scene.cache, ALICE, INBOX, &known);
	assert_int_equal(known.mailbox, 0);
}

/* Sessions of one mailbox on threads of their own: they come, learn of arrivals
 * before or after the others, look what is known, and leave. */
static void *
comes_and_goes(void *arg)
{
	struct uid_cache *cache = arg;

	for (uint32_t round = 1; round <= 200; round++) {
		struct uid_entry *e = uid_cache_enter(cache, ALICE, TEXT("Threads"), 9);
		struct uidset mine = UIDSET_INIT;
		struct known_uids known;

		for (uint32_t n = 1; n <= 50; n++) {
			if (!uid_cache_take(e, n, n, &mine))
				uidset_add(&mine, 2 * n, 2 * n);
			CHECK(uidset_total(&mine) == n && uidset_last(&mine) == 2 * n);
			uid_cache_meet(e, n, n + round % 3, &mine);
		}
		uid_cache_find(cache, ALICE, TEXT("Threads"), &known);
		CHECK(known.mailbox == 9 && uidset_total(&known.uids) == 50);
		uid_cache_leave(e);
		uidset_remove(&known.uids, 2, 2);
		CHECK(uidset_total(&mine) == 50 && uidset_rank(&mine, 2) == 1);
		uidset_done(&known.uids);
		uidset_done(&mine);
	}
	return NULL;
}

static void
sessions_on_threads(void **state)
{
	struct known_uids known;
	pthread_t threads[4];

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, comes_and_goes, &scene.cache), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	uid_cache_find(&scene.cache, ALICE, TEXT("Threads"), &known);
	assert_int_equal(known.mailbox, 0);
	assert_true(uidset_held() <= one_copy());
}

/* An older set is not offered, and a differing one is not taken. */
static void
what_is_old_or_differs_stays_ones_own(void **state)
{
	struct uidset one = UIDSET_INIT;
	struct known_uids known;

	uidset_add(&one, 1, 1);
	uid_cache_meet(scene.view[0].entry, 9, 30, &one);
	uid_cache_meet(scene.view[0].entry, 10, 11, &one);
	assert_int_equal(uidset_total(&one), 1);
	uid_cache_find(&scene.cache, ALICE, INBOX, &known);
	assert_int_equal(known.modseq, 12);
	assert_int_equal(uidset_total(&known.uids), HOLES);
	uidset_done(&known.uids);
	uidset_done(&one);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_hold_one_set),
		TEST(who_learns_the_same_holds_the_same),
		TEST(who_hears_later_takes_what_is_made),
		TEST(who_holds_back_shares_the_rest),
		TEST(another_mailbox_of_the_name),
		TEST(sessions_on_threads),
		TEST(what_is_old_or_differs_stays_ones_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
