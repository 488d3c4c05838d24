/* SPDX-License-Identifier: ISC */
/*
 * Many messages go (RFC 9051 6.4.3): what clients see is so at once, and their
 * emails are told afterwards; see store/leaving.h. What a crash leaves between
 * the commits is in paths_test.c, random ones are in model_test.c.
 */
#include "store/box_test_helper.h"
#include "store/core.h"
#include "store/leaving.h"

#define MANY 20u

static struct entity
entity_of(struct box *b)
{
	return (struct entity){ ENTITY_ACCOUNT, b->account };
}

static uint32_t
rows(struct box *b, enum key_kind kind)
{
	struct key from = key_of(kind), until = key_behind(from);
	struct engine_scan *scan;
	struct text key, value;
	uint32_t count = 0;

	assert_ok(
	    engine_scan_open(b->w->engine, entity_of(b), key_text(&from), key_text(&until), &scan));
	while (engine_scan_next(scan, &key, &value) == STATUS_OK)
		count++;
	engine_scan_close(scan);
	return count;
}

static int
box_of_many(void **state)
{
	struct box *b;

	(void)box_filled(state);
	b = *state;
	for (uint32_t i = 5; i < MANY; i++) {
		char id[8];
		struct parcel p;

		(void)snprintf(id, sizeof(id), "m%u", i);
		p = world_message(b->w, id, id, i % 3 == 0 ? "<m1@example.org>" : "");
		assert_ok(world_deliver(b->w, "alice@example.com", &p));
	}
	return 0;
}

/* Of a box that was damaged. */
static int
box_dropped(void **state)
{
	struct box *b = *state;

	world_free(b->w);
	mem_free(b);
	return 0;
}

static void
copy_all(struct box *b, const char *to)
{
	struct runs all = world_uids(1, UINT32_MAX);
	struct store_copy_reply r;

	assert_ok(ASK(b->w, access, store_copy, &r, .token = b->token, .op = random_u64(),
	    .mailbox = b->inbox, .uids = all, .to = text_of(to)));
	runs_done(&all);
}

/* Some of a mailbox, whether they have the flag or not; gives how many went. */
static uint32_t
expunge(struct box *b, const char *name, uint32_t first, uint32_t last)
{
	uint64_t mailbox = world_open_mailbox(b->w, b->token, name).mailbox;
	struct runs some = world_uids(first, last);
	struct store_expunge_reply r;

	assert_ok(ASK(b->w, access, store_expunge, &r, .token = b->token, .op = random_u64(),
	    .mailbox = mailbox, .uids = some, .force = 1));
	runs_done(&some);
	return runs_total(&r.gone);
}

static uint64_t
octets(struct box *b)
{
	struct store_quota_reply r;

	assert_ok(ASK(b->w, access, store_quota, &r, .token = b->token));
	return r.octets;
}

/* RFC 9208 3.1: what is gone does not count any more. */
static void
emails_are_told_afterwards(void **state)
{
	struct box *b = *state;
	uint64_t all;

	copy_all(b, "Archive");
	all = octets(b);
	assert_int_equal(expunge(b, "INBOX", 1, MANY), MANY);
	assert_int_equal(octets(b), all / 2);
	assert_int_equal(rows(b, KEY_LEAVING), 1);
	world_check(b->w, b->account);
	store_tend(b->w->store);
	assert_int_equal(rows(b, KEY_LEAVING), 0);
	assert_int_equal(rows(b, KEY_EMAIL), MANY);
	world_check(b->w, b->account);
	assert_int_equal(expunge(b, "Archive", 1, MANY), MANY);
	assert_int_equal(octets(b), 0);
	assert_int_equal(rows(b, KEY_EMAIL), MANY);
	world_check(b->w, b->account);
	store_tend(b->w->store);
	assert_int_equal(rows(b, KEY_LEAVING), 0);
	assert_int_equal(rows(b, KEY_EMAIL), 0);
	assert_int_equal(rows(b, KEY_SUMMARY), 0);
	assert_int_equal(rows(b, KEY_THREAD), 0);
	assert_int_equal(rows(b, KEY_MESSAGE_ID), 0);
	assert_int_equal(rows(b, KEY_GARBAGE), MANY);
}

static void
a_few_leave_at_once(void **state)
{
	struct box *b = *state;

	assert_int_equal(expunge(b, "INBOX", 3, 10), 8);
	assert_int_equal(rows(b, KEY_LEAVING), 0);
	assert_int_equal(rows(b, KEY_EMAIL), MANY - 8);
}

static void
the_next_start_finds_them(void **state)
{
	struct box *b = *state;

	assert_int_equal(expunge(b, "INBOX", 1, 15), 15);
	world_crash(b->w);
	assert_int_equal(rows(b, KEY_EMAIL), MANY);
	world_check(b->w, b->account);
	store_tend(b->w->store);
	assert_int_equal(rows(b, KEY_LEAVING), 0);
	assert_int_equal(rows(b, KEY_EMAIL), MANY - 15);
}

/* Several places of an email, which go by one command and by several, and which
 * come while others are being left. */
static void
copies_come_and_go(void **state)
{
	struct box *b = *state;

	copy_all(b, "INBOX");
	copy_all(b, "INBOX"); /* 1..80: every email four times */
	copy_all(b, "Archive");
	assert_int_equal(expunge(b, "INBOX", 1, 30), 30);
	assert_int_equal(expunge(b, "Archive", 11, 40), 30);
	world_check(b->w, b->account);
	copy_all(b, "Trash");
	assert_int_equal(expunge(b, "INBOX", 31, 34), 4); /* at once */
	world_check(b->w, b->account);
	store_tend(b->w->store);
	assert_int_equal(rows(b, KEY_LEAVING), 0);
	assert_int_equal(rows(b, KEY_EMAIL), MANY);
	world_check(b->w, b->account);
	assert_int_equal(expunge(b, "INBOX", 1, 80), 46);
	assert_int_equal(expunge(b, "Archive", 1, 80), 50);
	assert_int_equal(expunge(b, "Trash", 1, 80), 50);
	world_check(b->w, b->account);
	store_tend(b->w->store);
	assert_int_equal(rows(b, KEY_EMAIL), 0);
}

/* RFC 9051 6.3.5. */
static void
a_removed_mailbox(void **state)
{
	struct box *b = *state;
	struct store_create_reply made;
	struct store_remove_reply gone;

	assert_ok(ASK(
	    b->w, access, store_create, &made, .token = b->token, .op = 1, .name = TEXT("Box")));
	copy_all(b, "Box");
	assert_int_equal(expunge(b, "Box", 1, 10), 10);
	assert_int_equal(expunge(b, "INBOX", 1, MANY), MANY);
	assert_ok(ASK(
	    b->w, access, store_remove, &gone, .token = b->token, .op = 2, .name = TEXT("Box")));
	assert_int_equal(octets(b), 0);
	world_check(b->w, b->account);
	store_tend(b->w->store);
	assert_int_equal(rows(b, KEY_LEAVING), 0);
	assert_int_equal(rows(b, KEY_EMAIL), 0);
}

static void
a_removed_account(void **state)
{
	struct box *b = *state;
	struct store_account_remove_reply none;

	assert_int_equal(expunge(b, "INBOX", 1, 15), 15);
	assert_ok(
	    ASK(b->w, admin, store_account_remove, &none, .address = TEXT("alice@example.com")));
	store_settle(b->w->store);
	store_tend(b->w->store);
	assert_int_equal(rows(b, KEY_LEAVING), 0);
	assert_int_equal(rows(b, KEY_EMAIL), 0);
	world_check(b->w, 0);
}

/* What is damaged goes too, and does not stand in the way of the rest. */
static void
damaged_emails(void **state)
{
	struct box *b = *state;
	struct key missing = key_u64(KEY_EMAIL, 2), broken = key_u64(KEY_EMAIL, 4);
	struct key alone = key_u64_u64(KEY_THREAD, 5, 5);

	world_damage(b->w, entity_of(b), key_text(&missing), (struct text){ NULL, 0 });
	world_damage(b->w, entity_of(b), key_text(&broken), TEXT("?"));
	world_damage(b->w, entity_of(b), key_text(&alone), TEXT("?"));
	assert_int_equal(expunge(b, "INBOX", 1, MANY), MANY);
	store_tend(b->w->store);
	assert_int_equal(rows(b, KEY_LEAVING), 0);
	assert_int_equal(rows(b, KEY_EMAIL), 1);
	assert_int_equal(rows(b, KEY_GARBAGE), MANY - 2);
}

/* ---- an email that stands at as many places as it may ---- */

static uint64_t
first_email(struct box *b)
{
	struct key from = key_of(KEY_EMAIL), until = key_behind(from);
	struct engine_scan *scan;
	struct text key, value;
	uint64_t id;

	assert_ok(
	    engine_scan_open(b->w->engine, entity_of(b), key_text(&from), key_text(&until), &scan));
	assert_ok(engine_scan_next(scan, &key, &value));
	id = key_number(key, 1, 8);
	engine_scan_close(scan);
	return id;
}

/* Of a mailbox that is no more: 77. */
static void
put_places(struct box *b, uint64_t id)
{
	struct key key = key_u64(KEY_EMAIL, id);
	struct buffer row = BUFFER_INIT;
	struct place *at = ARENA_ARRAY(&b->w->arena, struct place, PLACES_MAX);
	struct text value;
	struct email e;

	assert_ok(engine_get(b->w->engine, entity_of(b), key_text(&key), &b->w->arena, &value));
	assert_ok(email_unpack(value, &b->w->arena, &e));
	at[0] = e.at[0];
	for (uint32_t i = 1; i < PLACES_MAX; i++)
		at[i] = (struct place){ 77, i };
	e.at = at;
	e.count = PLACES_MAX;
	email_pack(&row, &e);
	world_damage(b->w, entity_of(b), key_text(&key), buffer_text(&row));
	buffer_done(&row);
}

static void
put_leaving(struct box *b, uint64_t id)
{
	for (uint32_t uid = 1; uid < PLACES_MAX; uid += 256) {
		struct key key = key_u64(KEY_LEAVING, id);
		struct buffer row = BUFFER_INIT;

		key_add(&key, 77, 4);
		key_add(&key, uid, 4);
		pack_u8(&row, 1);
		for (uint32_t i = 1; i < 256 && uid + i < PLACES_MAX; i++) {
			pack_varint(&row, 0);
			pack_signed(&row, 1);
		}
		world_damage(b->w, entity_of(b), key_text(&key), buffer_text(&row));
		buffer_done(&row);
	}
}

static enum status
copy_first(struct box *b)
{
	struct runs one = world_uids(1, 1);
	struct store_copy_reply r;
	enum status s = ASK(b->w, access, store_copy, &r, .token = b->token, .op = random_u64(),
	    .mailbox = b->inbox, .uids = one, .to = TEXT("Archive"));

	runs_done(&one);
	return s;
}

/* Places that are being left do not count. */
static void
as_many_places_as_may_be(void **state)
{
	struct box *b = *state;
	uint64_t id = first_email(b);

	world_close(b->w);
	put_places(b, id);
	world_open(b->w);
	assert_int_equal(copy_first(b), STATUS_LIMIT);
	world_close(b->w);
	put_leaving(b, id);
	world_open(b->w);
	world_check(b->w, b->account);
	assert_ok(copy_first(b));
	assert_int_equal(rows(b, KEY_LEAVING), 0);
}

/* ---- rows ---- */

static void
says_corrupt(struct text key, struct text value)
{
	struct arena a = ARENA_INIT;
	struct leavings l = { .count = 0 };

	leaving_add(&l, &a, 1, (struct place){ 1, 1 });
	assert_int_equal(leaving_unpack(key, value, &a, &l), STATUS_CORRUPT);
	assert_int_equal(l.count, 1);
	arena_done(&a);
}

static void
rows_that_are_none(void **state)
{
	struct key key = key_u64(KEY_LEAVING, 7);
	struct buffer many = BUFFER_INIT;
	struct arena a = ARENA_INIT;
	struct leavings l = { .count = 0 };

	key_add(&key, 3, 4);
	says_corrupt(key_text(&key), TEXT("\1"));
	key_add(&key, 9, 4);
	says_corrupt(key_text(&key), TEXT_EMPTY);
	says_corrupt(key_text(&key), TEXT("\2"));
	says_corrupt(key_text(&key), TEXT("\1\1"));
	pack_u8(&many, 1);
	for (int i = 0; i < 256; i++)
		buffer_add_text(&many, TEXT("\1\2"));
	says_corrupt(key_text(&key), buffer_text(&many));
	assert_ok(leaving_unpack(key_text(&key), TEXT("\1\0\3\2\2"), &a, &l));
	assert_int_equal(l.count, 3);
	assert_int_equal(l.at[0].email, 7);
	assert_int_equal(l.at[0].at.mailbox, 3);
	assert_int_equal(l.at[0].at.uid, 9);
	assert_int_equal(l.at[1].email, 7);
	assert_int_equal(l.at[1].at.uid, 7);
	assert_int_equal(l.at[2].email, 9);
	assert_int_equal(l.at[2].at.mailbox, 3);
	assert_int_equal(l.at[2].at.uid, 8);
	buffer_done(&many);
	arena_done(&a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, box_of_many, box_done)
#define DAMAGED(name) cmocka_unit_test_setup_teardown(name, box_of_many, box_dropped)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(emails_are_told_afterwards),
		TEST(a_few_leave_at_once),
		TEST(the_next_start_finds_them),
		TEST(copies_come_and_go),
		TEST(a_removed_mailbox),
		DAMAGED(a_removed_account),
		DAMAGED(damaged_emails),
		TEST(as_many_places_as_may_be),
		cmocka_unit_test(rows_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
