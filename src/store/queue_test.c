/* SPDX-License-Identifier: ISC */
/* Messages for several accounts: each gets one, once, whatever happens on the
 * way; small content is copied and large content shared. */
#include <stdio.h>

#include "store/engine/engine_breaking.h"
#include "store/queue.h"
#include "store/store_test_helper.h"

#define PEOPLE 20

struct site {
	struct world *w;
	uint64_t account[PEOPLE];
	struct text everybody;
};

static int
setup(void **state)
{
	struct site *s = MEM_NEW(struct site);
	struct buffer all = BUFFER_INIT;

	s->w = world_new(world_memory());
	world_domain(s->w, "example.com");
	for (int i = 0; i < PEOPLE; i++) {
		char name[40];

		(void)snprintf(name, sizeof(name), "p%d@example.com", i);
		s->account[i] = world_account(s->w, name);
		buffer_addf(&all, "%s%s", i > 0 ? " " : "", name);
	}
	s->everybody = arena_copy(&s->w->arena, (struct text){ buffer_string(&all), all.len });
	buffer_done(&all);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct site *s = *state;

	world_free(s->w);
	mem_free(s);
	return 0;
}

static struct parcel
large(struct world *w)
{
	struct buffer raw = BUFFER_INIT;
	struct parcel p;

	buffer_add_string(&raw, "Subject: large\r\nMessage-ID: <large@example.org>\r\n\r\n");
	while (raw.len < 400000)
		buffer_addf(&raw, "%016llx%016llx\r\n", (unsigned long long)random_u64(),
		    (unsigned long long)random_u64());
	p = world_parcel(w, arena_copy(&w->arena, buffer_text(&raw)));
	buffer_done(&raw);
	assert_true(p.content.len > 65536);
	return p;
}

static void
everybody_has(struct site *s, uint32_t count)
{
	store_settle(s->w->store);
	for (int i = 0; i < PEOPLE; i++) {
		struct text token = world_token(s->w, s->account[i]);
		struct store_open_reply open = world_open_mailbox(s->w, token, "INBOX");

		assert_int_equal(runs_total(&open.uids), count);
		world_check(s->w, s->account[i]);
	}
	world_check(s->w, 0);
}

static unsigned
blobs(struct world *w)
{
	struct blob_id id = { { 0 } };
	uint32_t pieces;
	unsigned n = 0;

	while (engine_next_blob(w->engine, id, &id, &pieces) == STATUS_OK)
		n++;
	return n;
}

static void
small_content_is_copied(void **state)
{
	struct site *s = *state;
	struct parcel p = world_message(s->w, "1", "all", "");

	assert_ok(world_deliver_op(s->w, s->everybody.ptr, &p, 5));
	assert_ok(world_deliver_op(s->w, s->everybody.ptr, &p, 5));
	everybody_has(s, 1);
	assert_int_equal(blobs(s->w), PEOPLE);
}

static void
expunge_all(struct site *s, int i)
{
	struct text token = world_token(s->w, s->account[i]);
	struct store_open_reply open = world_open_mailbox(s->w, token, "INBOX");
	struct store_expunge_reply gone;

	assert_ok(ASK(s->w, access, store_expunge, &gone, .token = token, .op = random_u64(),
	    .mailbox = open.mailbox, .all = 1, .force = 1));
}

static void
large_content_is_shared(void **state)
{
	struct site *s = *state;
	struct parcel p = large(s->w);
	struct store_setting_set_reply none;

	assert_ok(world_deliver_op(s->w, s->everybody.ptr, &p, 6));
	assert_ok(world_deliver_op(s->w, s->everybody.ptr, &p, 6));
	everybody_has(s, 1);
	assert_int_equal(blobs(s->w), 1);
	assert_ok(ASK(s->w, admin, store_setting_set, &none, .name = TEXT("store.blob_keep"),
	    .value = TEXT("0")));
	for (int i = 0; i < PEOPLE; i++) {
		assert_int_equal(blobs(s->w), 1);
		expunge_all(s, i);
		store_tend(s->w->store);
	}
	assert_int_equal(blobs(s->w), 0);
	world_check(s->w, 0);
	assert_ok(ASK(s->w, admin, store_setting_set, &none, .name = TEXT("store.blob_keep"),
	    .value = TEXT("")));
}

/* Fails every commit after the record's own, and goes on after a restart. */
static void
goes_on_after_a_crash(void **state)
{
	struct site *s = *state;

	for (unsigned i = 0; i < 12; i++) {
		struct parcel p = i % 2 ? large(s->w) : world_message(s->w, "c", "crash", "");

		assert_ok(world_deliver(s->w, s->everybody.ptr, &p));
		if (i % 3 == 0)
			engine_memory_fail(s->w->engine, 1 + i * 2, STATUS_IO);
		world_crash(s->w);
	}
	everybody_has(s, 12);
}

static void
failures_are_tried_again(void **state)
{
	struct site *s = *state;
	struct parcel p = world_message(s->w, "f", "full", "");

	/* The accounts are in memory: the record is the first commit. */
	assert_ok(world_deliver(s->w, s->everybody.ptr, &p));
	store_settle(s->w->store);
	assert_ok(world_deliver(s->w, s->everybody.ptr, &p));
	engine_memory_fail(s->w->engine, 5, STATUS_FULL);
	store_settle(s->w->store);
	engine_memory_fail(s->w->engine, 0, STATUS_OK);
	store_tend(s->w->store);
	everybody_has(s, 2);
}

static void
the_full_are_refused_and_the_removed_left_out(void **state)
{
	struct site *s = *state;
	struct parcel p = large(s->w);
	struct store_account_set_reply none;
	struct store_account_remove_reply removed;
	struct store_deliver_reply reply;
	struct text to[3] = { TEXT("p0@example.com"), TEXT("p1@example.com"),
		TEXT("p2@example.com") };

	assert_ok(ASK(s->w, admin, store_account_set, &none, .address = to[0],
	    .change = ACCOUNT_QUOTA, .value = 1000));
	assert_ok(ASK(s->w, intake, store_deliver, &reply, .op = 1, .recipients = { to, 3 },
	    .summary = p.summary, .content = PAYLOAD_OF(p.content), .size = p.raw.len));
	assert_int_equal(reply.verdicts.at[0], STATUS_QUOTA);
	assert_int_equal(reply.verdicts.at[1], STATUS_OK);
	assert_int_equal(reply.verdicts.at[2], STATUS_OK);
	assert_ok(ASK(s->w, admin, store_account_remove, &removed, .address = to[1]));
	store_settle(s->w->store);
	store_tend(s->w->store);
	store_tend(s->w->store);
	assert_ok(ASK(s->w, admin, store_account_remove, &removed, .address = to[2]));
	store_settle(s->w->store);
	store_tend(s->w->store);
	store_tend(s->w->store);
	assert_int_equal(blobs(s->w), 0);
	world_check(s->w, 0);
}

static void
set_quota(struct world *w, struct text address, uint64_t octets)
{
	struct store_account_set_reply none;

	assert_ok(ASK(w, admin, store_account_set, &none, .address = address,
	    .change = ACCOUNT_QUOTA, .value = octets));
}

static uint64_t
verdict_of_p0(struct world *w, const struct parcel *p, uint64_t op)
{
	struct text to[2] = { TEXT("p0@example.com"), TEXT("p1@example.com") };
	struct store_deliver_reply reply;

	assert_ok(ASK(w, intake, store_deliver, &reply, .op = op, .recipients = { to, 2 },
	    .summary = p->summary, .content = PAYLOAD_OF(p->content), .size = p->raw.len));
	assert_int_equal(reply.verdicts.at[1], STATUS_OK);
	store_settle(w->store);
	return reply.verdicts.at[0];
}

static void
each_has(struct site *s, uint32_t first, uint32_t second)
{
	for (int i = 0; i < 2; i++) {
		struct store_open_reply open =
		    world_open_mailbox(s->w, world_token(s->w, s->account[i]), "INBOX");

		assert_int_equal(runs_total(&open.uids), i == 0 ? first : second);
	}
}

/* A call that is made again gets the first answer, though by now there is no
 * room (its own message took it), or there is room that there was not. */
static void
room_does_not_change_an_answer(void **state)
{
	struct site *s = *state;
	struct parcel p = world_message(s->w, "q", "room", "");

	set_quota(s->w, TEXT("p0@example.com"), p.raw.len + 1);
	assert_int_equal(verdict_of_p0(s->w, &p, 7), STATUS_OK);
	assert_int_equal(verdict_of_p0(s->w, &p, 7), STATUS_OK);
	each_has(s, 1, 1);
	assert_int_equal(verdict_of_p0(s->w, &p, 8), STATUS_QUOTA);
	each_has(s, 1, 2);
	set_quota(s->w, TEXT("p0@example.com"), 0);
	assert_int_equal(verdict_of_p0(s->w, &p, 8), STATUS_QUOTA);
	each_has(s, 1, 2);
}

/* The sender is told that nobody knows, and asks again: before the store found
 * out what became of the record, or afterwards. */
static void
in_doubt(enum doubt doubt, bool sized, bool found_out)
{
	struct engine *inner = world_memory(), *e = breaking_new(inner);
	struct world *w = world_new(e);
	const char *to = "p0@example.com p1@example.com";
	uint64_t account[2];
	struct parcel p;

	world_domain(w, "example.com");
	account[0] = world_account(w, "p0@example.com");
	account[1] = world_account(w, "p1@example.com");
	p = sized ? large(w) : world_message(w, "d", "doubt", "");
	assert_ok(world_deliver_op(w, to, &p, 9 + 16)); /* the shard is in memory */
	store_settle(w->store);
	breaking_of(e)->doubted = ENTITY_QUEUE;
	atomic_store(&breaking_of(e)->doubt, doubt);
	assert_int_equal(world_deliver_op(w, to, &p, 9), STATUS_AMBIGUOUS);
	store_tend(w->store); /* it still cannot know */
	store_settle(w->store);
	atomic_store(&breaking_of(e)->doubt, NO_DOUBT);
	for (int i = 0; i < (found_out ? 2 : 1); i++) {
		assert_ok(i == 0 && found_out ? STATUS_OK : world_deliver_op(w, to, &p, 9));
		store_tend(w->store);
		store_settle(w->store);
	}
	for (int i = 0; i < 2; i++) {
		struct store_open_reply open =
		    world_open_mailbox(w, world_token(w, account[i]), "INBOX");

		assert_int_equal(runs_total(&open.uids), 2);
		world_check(w, account[i]);
	}
	world_check(w, 0);
	assert_int_equal(blobs(w), sized ? 2 : 4);
	world_free(w);
	engine_free(inner);
}

static void
what_may_be_there_is_found_out(void **state)
{
	for (int i = 0; i < 8; i++)
		in_doubt(i & 1 ? DOUBT_MADE : DOUBT_LOST, (i & 2) != 0, (i & 4) != 0);
}

/* Shared content of accounts that were removed goes, whichever commit of the
 * removal took effect without anybody being told. */
static void
removals_in_doubt_give_content_back(void **state)
{
	static const char *const to[] = { "p0@example.com", "p1@example.com" };

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct engine_strictness how = { .seed = seed, .ambiguous_done = 300 };
		struct world *w = world_new(engine_memory_strict_new(&how));
		struct parcel p = large(w);

		world_domain(w, "example.com");
		(void)world_account(w, to[0]);
		(void)world_account(w, to[1]);
		store_tend(w->store); /* the walk after a start would find what was forgotten */
		assert_ok(world_deliver(w, "p0@example.com p1@example.com", &p));
		store_settle(w->store);
		for (int i = 0; i < 2; i++) {
			struct store_account_remove_reply none;

			assert_ok(
			    ASK(w, admin, store_account_remove, &none, .address = text_of(to[i])));
		}
		store_settle(w->store);
		store_tend(w->store);
		assert_int_equal(blobs(w), 0);
		world_check(w, 0);
		world_free(w);
	}
}

/* As it was written before mail went out. */
static void
records_of_the_first_version_are_read(void **state)
{
	struct record r = { .id = 0 };
	struct buffer b = BUFFER_INIT;

	pack_u8(&b, 1);
	pack_u8(&b, 1); /* shared */
	for (uint8_t i = 0; i < 16; i++)
		pack_u8(&b, i);
	pack_varint(&b, 3);   /* pieces */
	pack_varint(&b, 300); /* octets */
	pack_signed(&b, 1700000000);
	pack_text(&b, TEXT("a@example.org"));
	pack_text(&b, TEXT("summary"));
	pack_varint(&b, 2);
	pack_varint(&b, 17);
	pack_varint(&b, 33);
	assert_ok(record_unpack(buffer_text(&b), &r));
	assert_true(r.shared);
	assert_int_equal(r.blob.byte[15], 15);
	assert_int_equal(r.pieces, 3);
	assert_int_equal(r.size, 300);
	assert_int_equal(r.received, 1700000000);
	assert_text(r.sender, "a@example.org");
	assert_text(r.summary, "summary");
	assert_int_equal(r.prefix.len + r.sent.len + r.sent_summary.len, 0);
	assert_int_equal(r.due, 0);
	assert_int_equal(r.message, 0);
	assert_int_equal(r.count, 2);
	assert_int_equal(r.place[0].account, 17);
	assert_int_equal(r.place[1].account, 33);
	assert_int_equal(r.place[0].what, PLACE_INBOX);
	assert_int_equal(r.place[1].what, PLACE_INBOX);
	arena_done(&r.arena);
	buffer_done(&b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(small_content_is_copied),
		CASE(large_content_is_shared),
		CASE(goes_on_after_a_crash),
		CASE(failures_are_tried_again),
		CASE(the_full_are_refused_and_the_removed_left_out),
		CASE(room_does_not_change_an_answer),
		cmocka_unit_test(records_of_the_first_version_are_read),
		cmocka_unit_test(what_may_be_there_is_found_out),
		cmocka_unit_test(removals_in_doubt_give_content_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
