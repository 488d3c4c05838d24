/* SPDX-License-Identifier: ISC */
/*
 * The index rows of a mailbox: the first opening after a start takes from them
 * and from the change log what the blocks would say, and does without them
 * when they are missing, damaged, older than the log, or of a store that was
 * written before there were such rows.
 */
#include "store/core.h"
#include "store/store_test_helper.h"

struct house {
	struct world *w;
	struct text token;
	struct entity entity;
	uint32_t inbox;
};

static struct house house;

static void
deliver(unsigned count)
{
	struct parcel p = world_message(house.w, "1", "one", "");

	while (count-- > 0)
		assert_ok(world_deliver(house.w, "alice@example.com", &p));
}

static void
flag(uint32_t first, uint32_t last, uint64_t flags)
{
	struct runs some = world_uids(first, last);
	struct store_flags_reply r;

	assert_ok(ASK(house.w, access, store_flags, &r, .token = house.token, .op = random_u64(),
	    .mailbox = house.inbox, .uids = some, .mode = FLAGS_ADD, .flags = flags,
	    .unchanged_since = UINT64_MAX));
	runs_done(&some);
}

static void
expunge(void)
{
	struct store_expunge_reply r;

	assert_ok(ASK(house.w, access, store_expunge, &r, .token = house.token, .op = random_u64(),
	    .mailbox = house.inbox, .all = 1));
}

static void
restart(void)
{
	world_close(house.w);
	world_open(house.w);
}

/* UIDs 1:20 without 5:7; seen up to 9; 12 is deleted. */
static int
setup(void **state)
{
	house = (struct house){ .w = world_new(world_memory()) };
	world_domain(house.w, "example.com");
	house.entity.kind = ENTITY_ACCOUNT;
	house.entity.id = world_account(house.w, "alice@example.com");
	house.token = world_token(house.w, house.entity.id);
	house.inbox = (uint32_t)world_open_mailbox(house.w, house.token, "INBOX").mailbox;
	deliver(20);
	flag(1, 9, FLAG_SEEN);
	flag(5, 7, FLAG_DELETED);
	expunge();
	flag(12, 12, FLAG_DELETED);
	world_check(house.w, house.entity.id);
	return 0;
}

static int
teardown(void **state)
{
	world_free(house.w);
	return 0;
}

static void
assert_uids(uint32_t count, uint32_t last, uint32_t unseen)
{
	struct store_open_reply r = world_open_mailbox(house.w, house.token, "INBOX");

	assert_int_equal(runs_total(&r.uids), count);
	assert_int_equal(runs_last(&r.uids), last);
	assert_false(runs_has(&r.uids, 6));
	assert_int_equal(r.first_unseen, unseen);
	world_check(house.w, house.entity.id);
}

static uint64_t
index_rows(void)
{
	struct key from = key_of(KEY_INDEX), until = key_behind(from);
	struct engine_scan *scan;
	struct text key, value;
	uint64_t count = 0;

	assert_ok(engine_scan_open(
	    house.w->engine, house.entity, key_text(&from), key_text(&until), &scan));
	while (engine_scan_next(scan, &key, &value) == STATUS_OK)
		count++;
	engine_scan_close(scan);
	return count;
}

static void
edit_inbox(void (*change)(struct mailbox *m), size_t cut)
{
	struct key key = key_u32(KEY_MAILBOX, house.inbox);
	struct mailbox m = { .id = house.inbox };
	struct buffer value = BUFFER_INIT;
	struct text row;

	assert_ok(engine_get(house.w->engine, house.entity, key_text(&key), &house.w->arena, &row));
	assert_ok(mailbox_unpack(row, &m));
	change(&m);
	mailbox_pack(&value, &m);
	world_damage(house.w, house.entity, key_text(&key),
	    text_part(buffer_text(&value), 0, value.len - cut));
	buffer_done(&value);
}

/* ---- tests ---- */

static void
a_start_knows_what_was_there(void **state)
{
	assert_int_equal(index_rows(), 1);
	restart();
	assert_uids(17, 20, 10);
	expunge();
	assert_uids(16, 20, 10);
	for (unsigned i = 0; i < 7; i++) { /* at every distance from the index */
		restart();
		deliver(1);
		assert_uids(17 + i, 21 + i, 10);
		restart();
		assert_uids(17 + i, 21 + i, 10);
	}
}

/* A delivery to an account that nobody opened writes the index too. */
static void
deliveries_alone_write_it(void **state)
{
	restart();
	deliver(10);
	restart();
	assert_uids(27, 30, 10);
	flag(10, 30, FLAG_SEEN);
	restart();
	assert_uids(27, 30, 0);
}

static void
damaged_rows_are_not_believed(void **state)
{
	static const char many[3 + 2 * 128 + 2] = "\1\x80\1";
	static const struct text bad[] = {
		{ NULL, 0 },			      /* missing */
		TEXT("?"), TEXT("\1\1\0\20\1\0\0\0"), /* UID 0 */
		TEXT("\1\1\1\2\1\0\0\0"),	      /* fewer */
		TEXT("\1\1\1\1\1\2\0\0\0"),
		TEXT("\1\1\xff\xff\xff\1\0\1\0\0\0"), /* beyond the row */
		{ many, sizeof(many) },		      /* UID 0 with many runs */
	};
	struct key key = key_index(house.inbox, 0);
	struct store_open_reply r;

	for (uint32_t i = 0; i < ARRAY_LEN(bad); i++) {
		world_close(house.w);
		world_damage(house.w, house.entity, key_text(&key), bad[i]);
		world_open(house.w);
		r = world_open_mailbox(house.w, house.token, "INBOX");
		assert_int_equal(runs_total(&r.uids), 17 + 3 * i);
		deliver(3); /* which writes it again */
		restart();
		assert_uids(20 + 3 * i, 23 + 3 * i, 10);
	}
}

static void
leave(struct mailbox *m)
{
	m->indexed = 0;
}

/* The row ended before the modseq of the index, and there was none. */
static void
a_store_of_before_opens(void **state)
{
	struct key key = key_index(house.inbox, 0);

	world_close(house.w);
	world_damage(house.w, house.entity, key_text(&key), (struct text){ NULL, 0 });
	edit_inbox(leave, 1);
	world_open(house.w);
	assert_uids(17, 20, 10);
	assert_int_equal(index_rows(), 0);
	deliver(1);
	assert_int_equal(index_rows(), 1);
	restart();
	assert_uids(18, 21, 10);
}

static void
make_old(struct mailbox *m)
{
	m->indexed = 1;
}

/* The log begins after the modseq of the index. */
static void
an_index_that_the_log_does_not_reach(void **state)
{
	struct store_setting_set_reply none;

	assert_ok(ASK(house.w, admin, store_setting_set, &none, .name = TEXT("store.log_keep"),
	    .value = TEXT("100")));
	deliver(120);
	world_close(house.w);
	edit_inbox(make_old, 0);
	world_open(house.w);
	assert_uids(137, 140, 10);
	assert_ok(ASK(house.w, admin, store_setting_set, &none, .name = TEXT("store.log_keep"),
	    .value = TEXT("")));
}

static void
copy_to_archive(uint32_t first, uint32_t last, unsigned times)
{
	struct runs some = world_uids(first, last);
	struct store_copy_reply copy;

	while (times-- > 0)
		assert_ok(ASK(house.w, access, store_copy, &copy, .token = house.token,
		    .op = random_u64(), .mailbox = house.inbox, .uids = some,
		    .to = TEXT("Archive")));
	runs_done(&some);
}

/* With its index row; that of INBOX stays. */
static void
archive_goes(void)
{
	struct store_remove_reply none;

	assert_ok(ASK(house.w, access, store_remove, &none, .token = house.token,
	    .op = random_u64(), .name = TEXT("Archive")));
	store_settle(house.w->store);
	store_tend(house.w->store);
	assert_int_equal(index_rows(), 1);
	world_check(house.w, house.entity.id);
}

static void
it_goes_with_its_mailbox(void **state)
{
	copy_to_archive(1, 4, 4);
	assert_int_equal(index_rows(), 2);
	archive_goes();
}

/* Empty, but its index was not written since. */
static void
it_goes_with_an_empty_mailbox(void **state)
{
	struct runs some = world_uids(1, 100);
	uint32_t archive = (uint32_t)world_open_mailbox(house.w, house.token, "Archive").mailbox;
	struct store_expunge_reply gone;

	copy_to_archive(1, 100, 3);
	assert_int_equal(index_rows(), 2);
	assert_ok(ASK(house.w, access, store_expunge, &gone, .token = house.token,
	    .op = random_u64(), .mailbox = archive, .uids = some, .force = 1));
	assert_int_equal(index_rows(), 2);
	runs_done(&some);
	archive_goes();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_start_knows_what_was_there),
		TEST(deliveries_alone_write_it),
		TEST(damaged_rows_are_not_believed),
		TEST(a_store_of_before_opens),
		TEST(an_index_that_the_log_does_not_reach),
		TEST(it_goes_with_its_mailbox),
		TEST(it_goes_with_an_empty_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
