/* SPDX-License-Identifier: ISC */
/*
 * A site for tests that break ways of writing off after each of their commits: the
 * disk takes nothing more, the process ends, the next one opens what is there, finds
 * nothing wrong once it looked at what was left, and is asked again, as the caller
 * of a call does. docs/store-format.md has the states.
 */
#ifndef STORE_PATHS_TEST_HELPER_H
#define STORE_PATHS_TEST_HELPER_H

#include "runtime/settings.h"
#include "store/core.h"
#include "store/engine/engine_breaking.h"
#include "store/queue.h"
#include "store/store_test_helper.h"
#include "store/submission_calls.h"

#define STEPS_MOST 30u
#define OP 99

struct scene {
	struct world *w;
	struct engine *under;
	uint64_t alice, bob;
	struct text token; /* of alice */
	uint64_t inbox, many;
	struct parcel small, large;
};

static struct scene scene;

UNUSED static struct parcel
noise(struct world *w)
{
	struct buffer raw = BUFFER_INIT;
	struct parcel p;

	buffer_add_string(&raw, "Subject: large\r\n\r\n");
	while (raw.len < 200000)
		buffer_addf(&raw, "%016llx\r\n", (unsigned long long)random_u64());
	p = world_parcel(w, arena_copy(&w->arena, buffer_text(&raw)));
	buffer_done(&raw);
	return p;
}

UNUSED static void
find_alice(void)
{
	scene.token = world_token(scene.w, scene.alice);
	scene.inbox = world_open_mailbox(scene.w, scene.token, "INBOX").mailbox;
}

UNUSED static void
copy_to_archive(void)
{
	struct runs one = world_uids(1, 1);
	struct store_copy_reply r;

	assert_ok(ASK(scene.w, access, store_copy, &r, .token = scene.token, .op = 1,
	    .mailbox = scene.inbox, .uids = one, .to = TEXT("Archive")));
	runs_done(&one);
}

/* A mailbox of messages of its own, some of them twice: so many that their emails
 * are told of their end afterwards (store/leaving.h). */
UNUSED static void
fill_many(void)
{
	struct runs some = world_uids(1, 3);
	struct store_create_reply made;
	struct store_append_reply a;
	struct store_copy_reply r;

	assert_ok(ASK(scene.w, access, store_create, &made, .token = scene.token, .op = 2,
	    .name = TEXT("Many")));
	scene.many = world_open_mailbox(scene.w, scene.token, "Many").mailbox;
	for (uint64_t op = 3; op < 12; op++)
		assert_ok(ASK(scene.w, intake, store_append, &a, .token = scene.token, .op = op,
		    .mailbox = scene.many, .summary = scene.small.summary,
		    .content = PAYLOAD_OF(scene.small.content), .size = scene.small.raw.len));
	assert_ok(ASK(scene.w, access, store_copy, &r, .token = scene.token, .op = 12,
	    .mailbox = scene.many, .uids = some, .to = TEXT("Many")));
	runs_done(&some);
}

/* Alice has three messages in her inbox, one of them shared with bob and one in
 * Archive. */
UNUSED static void
site_open(void)
{
	struct text far[] = { TEXT("alice@example.com"), TEXT("y@example.org") };
	struct store_setting_set_reply none;
	struct store_alias_add_reply made;

	scene.under = world_memory();
	scene.w = world_new(breaking_new(scene.under));
	world_domain(scene.w, "example.com");
	scene.alice = world_account(scene.w, "alice@example.com");
	scene.bob = world_account(scene.w, "bob@example.com");
	assert_ok(ASK(scene.w, admin, store_alias_add, &made, .address = TEXT("far@example.com"),
	    .targets = { far, 2 }));
	find_alice();
	scene.small = world_message(scene.w, "1", "one", "");
	scene.large = noise(scene.w);
	assert_ok(world_deliver(scene.w, "alice@example.com", &scene.small));
	assert_ok(world_deliver(scene.w, "alice@example.com bob@example.com", &scene.small));
	store_settle(scene.w->store);
	assert_ok(world_deliver(scene.w, "alice@example.com bob@example.com", &scene.large));
	store_settle(scene.w->store);
	copy_to_archive();
	fill_many();
	assert_ok(ASK(scene.w, admin, store_setting_set, &none, .name = TEXT("store.blob_keep"),
	    .value = TEXT("0")));
}

UNUSED static void
break_after(unsigned commits)
{
	atomic_store(&breaking_of(scene.w->engine)->left, commits);
}

UNUSED static void
crash(void)
{
	struct engine *old = scene.under;
	struct world *w = scene.w;

	break_after(0);
	scene.under = engine_memory_reopen(old);
	world_close(w);
	engine_free(w->engine);
	engine_free(old);
	w->engine = breaking_new(scene.under);
	world_open(w);
}

UNUSED static void
site_close(void)
{
	world_free(scene.w);
	engine_free(scene.under);
}

UNUSED static void
all_is_well(void)
{
	uint64_t account = 0;

	store_settle(scene.w->store);
	for (int i = 0; i < 3; i++)
		store_tend(scene.w->store);
	store_settle(scene.w->store);
	do {
		struct store_check_reply r;

		assert_ok(ASK(scene.w, admin, store_check, &r, .account = account));
		world_check(scene.w, account);
		account = r.next;
	} while (account != 0);
}

UNUSED static unsigned
messages_out(void)
{
	unsigned n = 0;

	for (uint64_t i = 0; i < QUEUE_SHARDS; i++) {
		struct key from = key_of(KEY_Q_MESSAGE), until = key_behind(from);
		struct engine_scan *scan;
		struct text key, value;

		assert_ok(engine_scan_open(scene.under, (struct entity){ ENTITY_QUEUE, i },
		    key_text(&from), key_text(&until), &scan));
		while (engine_scan_next(scan, &key, &value) == STATUS_OK)
			n++;
		engine_scan_close(scan);
	}
	return n;
}

/* To herself and somebody elsewhere, with a copy in Sent. */
UNUSED static enum status
submit_to(const struct parcel *p, uint64_t *message)
{
	struct text to[] = { TEXT("alice@example.com"), TEXT("x@example.org") };
	struct text orcpts[] = { TEXT_EMPTY, TEXT_EMPTY };
	uint64_t notify[] = { 0, 0 };
	struct submission_commit_reply r;
	enum status s = ASK(scene.w, intake, submission_commit, &r, .token = scene.token, .op = OP,
	    .id = TEXT("ID"), .sender = TEXT("alice@example.com"), .copy = 1,
	    .received = clock_wall() / CLOCK_SECOND, .size = p->raw.len, .summary = p->summary,
	    .recipients = { to, 2 }, .orcpts = { orcpts, 2 }, .notify = { notify, 2 },
	    .content = PAYLOAD_OF(p->content));

	if (s == STATUS_OK) {
		assert_true(r.message != 0);
		*message = r.message;
	}
	return s;
}

/* What is in the background fails quietly, and goes on at the next start. */
UNUSED static enum status
and_collect(enum status s)
{
	store_tend(scene.w->store);
	return s == STATUS_OK && atomic_load(&breaking_of(scene.w->engine)->left) == 0
		   ? STATUS_UNAVAILABLE
		   : s;
}

/* ---- each of them, broken off after each commit ---- */

UNUSED static uint64_t
in_inbox(void)
{
	struct store_open_reply open = world_open_mailbox(scene.w, scene.token, "INBOX");

	return runs_total(&open.uids);
}

/* messages: in alice's inbox when it is done. */
UNUSED static void
broken_off(enum status (*way)(void), uint64_t messages)
{
	enum status s = STATUS_IO;
	unsigned step;

	for (step = 0; s != STATUS_OK && step < STEPS_MOST; step++) {
		site_open();
		break_after(step);
		s = way();
		crash();
		all_is_well();
		assert_ok(way());
		all_is_well();
		assert_int_equal(in_inbox(), messages);
		site_close();
	}
	assert_ok(s);
	assert_true(step > 1); /* it wrote something */
}

/* X(way, messages) */
#define WAY_TEST(name, messages)                    \
	static void name##_broken_off(void **state) \
	{                                           \
		broken_off(name, messages);         \
	}

#define WAY_ROW(name, messages) cmocka_unit_test(name##_broken_off),

#endif
