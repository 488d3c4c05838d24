/* SPDX-License-Identifier: ISC */
/*
 * A store with one of everything, for check_test.c: how it is made, how its
 * rows are got at behind its back, and an engine that cannot read some.
 */
#ifndef STORE_CHECK_TEST_HELPER_H
#define STORE_CHECK_TEST_HELPER_H

#include <stdio.h>

#include "store/cold.h"
#include "store/core.h"
#include "store/engine/engine_breaking.h"
#include "store/queue.h"
#include "store/reference.h"
#include "store/serve.h"
#include "store/store_test_helper.h"
#include "store/thread.h"

struct bench {
	struct world *w;
	struct engine *under;
	uint64_t alice, bob;
	uint32_t inbox, archive; /* of alice */
	char fail_scan;		 /* rows of this kind: */
	enum { FAIL_NOT, FAIL_OPEN, FAIL_NEXT } fail;
	struct engine_ops ops;
};

static struct bench bench;

/* ---- an engine that cannot read some rows ---- */

UNUSED static enum status
failing_scan_open(struct engine *e, struct entity entity, struct text from, struct text until,
    struct engine_scan **out)
{
	bool fails = from.len > 0 && from.ptr[0] == bench.fail_scan;

	if (fails && bench.fail == FAIL_OPEN)
		return STATUS_IO;
	if (!fails || bench.fail != FAIL_NEXT)
		return breaking_scan_open(e, entity, from, until, out);
	*out = MEM_NEW(struct engine_scan);
	(*out)->engine = e;
	return STATUS_OK;
}

UNUSED static enum status
failing_scan_next(struct engine_scan *s, struct text *key, struct text *value)
{
	return STATUS_IO;
}

UNUSED static void
failing_scan_close(struct engine_scan *s)
{
	mem_free(s);
}

/* ---- a store with one of everything ---- */

UNUSED static struct text
token(uint64_t account)
{
	return world_token(bench.w, account);
}

UNUSED static void
expunge(uint64_t account, uint32_t mailbox, uint32_t uid)
{
	struct runs one = world_uids(uid, uid);
	struct store_expunge_reply r;

	assert_ok(ASK(bench.w, access, store_expunge, &r, .token = token(account),
	    .op = random_u64(), .mailbox = mailbox, .uids = one, .force = 1));
	runs_done(&one);
}

UNUSED static void
fill(void)
{
	struct runs first = world_uids(1, 1);
	struct text word = TEXT("Label");
	struct store_copy_reply copy;
	struct store_flags_reply flags;
	struct parcel p;

	p = world_message(bench.w, "1", "one", "");
	assert_ok(world_deliver(bench.w, "alice@example.com", &p));
	p = world_message(bench.w, "2", "Re: one", "<1@example.org>");
	assert_ok(world_deliver(bench.w, "alice@example.com", &p));
	p = world_message(bench.w, "3", "three", "");
	p.content = world_parcel(bench.w, arena_printf(&bench.w->arena, "%070000d", 1)).content;
	while (p.content.len < SHARE_FROM) { /* zeros shrink: noise does not */
		struct buffer b = BUFFER_INIT;

		buffer_add_string(&b, "Subject: three\r\n\r\n");
		while (b.len < SHARE_FROM * 3)
			buffer_addf(&b, "%016llx", (unsigned long long)random_u64());
		p = world_parcel(bench.w, arena_copy(&bench.w->arena, buffer_text(&b)));
		buffer_done(&b);
	}
	assert_ok(world_deliver(bench.w, "alice@example.com bob@example.com", &p));
	store_settle(bench.w->store);
	p = world_message(bench.w, "4", "four", "");
	assert_ok(world_deliver(bench.w, "alice@example.com", &p));
	bench.inbox = (uint32_t)world_open_mailbox(bench.w, token(bench.alice), "INBOX").mailbox;
	bench.archive =
	    (uint32_t)world_open_mailbox(bench.w, token(bench.alice), "Archive").mailbox;
	assert_ok(ASK(bench.w, access, store_copy, &copy, .token = token(bench.alice), .op = 1,
	    .mailbox = bench.inbox, .uids = first, .to = TEXT("Archive")));
	assert_ok(ASK(bench.w, access, store_flags, &flags, .token = token(bench.alice), .op = 2,
	    .mailbox = bench.inbox, .uids = first, .mode = FLAGS_ADD, .flags = FLAG_SEEN,
	    .keywords = { &word, 1 }, .unchanged_since = UINT64_MAX));
	expunge(bench.alice, bench.inbox, 4); /* garbage */
	runs_done(&first);
}

UNUSED static int
setup(void **state)
{
	bench = (struct bench){ .under = world_memory(), .ops = breaking_ops };
	bench.ops.scan_open = failing_scan_open;
	bench.ops.scan_next = failing_scan_next;
	bench.ops.scan_close = failing_scan_close;
	bench.w = world_new(breaking_new(bench.under));
	bench.w->engine->ops = &bench.ops;
	world_domain(bench.w, "example.com");
	bench.alice = world_account(bench.w, "alice@example.com");
	bench.bob = world_account(bench.w, "bob@example.com");
	fill();
	world_check(bench.w, bench.alice);
	world_check(bench.w, bench.bob);
	world_check(bench.w, 0);
	return 0;
}

UNUSED static int
teardown(void **state)
{
	world_free(bench.w);
	engine_free(bench.under);
	return 0;
}

/* What the check must say; *extra: of which account. */
UNUSED static void
says(uint64_t account, const char *words)
{
	struct store_check_reply r;

	assert_ok(ASK(bench.w, admin, store_check, &r, .account = account));
	for (uint32_t i = 0; i < r.problems.count; i++)
		if (text_find(r.problems.at[i], text_of(words), 0) < r.problems.at[i].len)
			return;
	for (uint32_t i = 0; i < r.problems.count; i++)
		print_error("it says: %.*s\n", TEXT_ARG(r.problems.at[i]));
	fail_msg("it does not say: %s", words);
}

/* ---- rows, behind the store's back ---- */

UNUSED static struct entity
entity_of(uint64_t account)
{
	return (struct entity){ ENTITY_ACCOUNT, account };
}

UNUSED static struct entity
shard(void)
{
	return (struct entity){ ENTITY_DIRECTORY, (bench.alice - 1) % SHARDS };
}

UNUSED static void
commit(struct engine_batch *b)
{
	enum status s;

	do {
		assert_ok(engine_version(bench.under, b->entity, &b->guard));
		s = engine_commit_wait(bench.under, b);
	} while (s == STATUS_CONFLICT || s == STATUS_AMBIGUOUS);
	assert_ok(s);
	engine_batch_done(b);
}

UNUSED static void
put(struct entity e, struct key key, struct text value)
{
	struct engine_batch b;

	engine_batch_init(&b, e, 0);
	engine_put(&b, key_text(&key), value);
	commit(&b);
}

UNUSED static void
take(struct entity e, struct key key)
{
	struct engine_batch b;

	engine_batch_init(&b, e, 0);
	engine_delete(&b, key_text(&key));
	commit(&b);
}

UNUSED static struct text
get(struct entity e, struct key key)
{
	struct text value;

	assert_ok(engine_get(bench.under, e, key_text(&key), &bench.w->arena, &value));
	return value;
}

/* The first row of a kind, and its value. */
UNUSED static struct key
first_row(struct entity e, enum key_kind kind, struct text *value)
{
	struct key from = key_of(kind), until = key_behind(from), found = { 0 };
	struct engine_scan *scan;
	struct text key, at;

	assert_ok(engine_scan_open(bench.under, e, key_text(&from), key_text(&until), &scan));
	assert_ok(engine_scan_next(scan, &key, &at));
	key_add_text(&found, key);
	if (value != NULL)
		*value = arena_copy(&bench.w->arena, at);
	engine_scan_close(scan);
	return found;
}

UNUSED static void
take_first(struct entity e, enum key_kind kind)
{
	take(e, first_row(e, kind, NULL));
}

#endif
