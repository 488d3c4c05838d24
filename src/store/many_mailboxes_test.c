/* SPDX-License-Identifier: ISC */
/*
 * Accounts of many mailboxes: the list in its order and by stretches, the
 * counters that are kept for it, and that nothing costs by the number of
 * mailboxes.
 */
#include "store/box_test_helper.h"

static void
create(struct box *b, const char *name)
{
	struct store_create_reply r;

	assert_ok(ASK(b->w, access, store_create, &r, .token = b->token, .op = random_u64(),
	    .name = text_of(name)));
}

static void
create_numbered(struct box *b, const char *below, unsigned from, unsigned to)
{
	char name[64];

	for (unsigned i = from; i < to; i++) {
		(void)snprintf(name, sizeof(name), "%s/%u", below, i);
		create(b, name);
	}
}

static void
drop(struct box *b, const char *name)
{
	struct store_remove_reply r;

	assert_ok(ASK(b->w, access, store_remove, &r, .token = b->token, .op = random_u64(),
	    .name = text_of(name)));
}

static void
rename_to(struct box *b, const char *from, const char *to)
{
	struct store_rename_reply r;

	assert_ok(ASK(b->w, access, store_rename, &r, .token = b->token, .op = random_u64(),
	    .from = text_of(from), .to = text_of(to)));
}

static void
subscribe(struct box *b, const char *name, unsigned on)
{
	struct store_subscribe_reply r;

	assert_ok(ASK(b->w, access, store_subscribe, &r, .token = b->token, .op = random_u64(),
	    .name = text_of(name), .on = on));
}

/* "name:ec " for each: e if it exists, c if there is some below it. */
static const char *
list(struct box *b, const char *prefix, unsigned most)
{
	struct buffer words = BUFFER_INIT;
	struct store_mailboxes_reply r;
	struct store_mailbox m;
	struct text after = TEXT_EMPTY, out;

	do {
		assert_ok(ASK(b->w, access, store_mailboxes, &r, .token = b->token, .after = after,
		    .prefix = text_of(prefix), .most = most));
		for (struct unpack u = unpack_of(r.rows); !unpack_end(&u);) {
			store_mailbox_unpack(&u, &m);
			assert_true(unpack_ok(&u));
			buffer_addf(&words, "%.*s:%s%s ", TEXT_ARG(m.name), m.exists ? "e" : "",
			    m.children ? "c" : "");
		}
		after = r.resume;
	} while (after.len > 0);
	out = arena_copy(&b->w->arena, buffer_text(&words));
	buffer_done(&words);
	return out.ptr;
}

static void
a_tree_is_listed_in_its_order(void **state)
{
	struct box *b = *state;

	create(b, "Li st");
	create(b, "List/b/deep");
	create(b, "List-a");
	create(b, "List/a");
	drop(b, "List/b");
	subscribe(b, "Ghost/below", 1);
	assert_string_equal(
	    list(b, "Li", 0), "Li st:e List:ec List/a:e List/b:c List/b/deep:e List-a:e ");
	assert_string_equal(list(b, "List/", 0), "List/a:e List/b:c List/b/deep:e ");
	assert_string_equal(list(b, "List", 1), "List:ec ");
	assert_string_equal(list(b, "List/b", 1), "List/b:c ");
	assert_string_equal(list(b, "Lists", 0), "");
	assert_string_equal(list(b, "Ghost", 0), "Ghost: Ghost/below: ");
	assert_string_equal(list(b, "", 2), "Archive:e Drafts:e ");
}

/* Several pages, none of them twice, whatever stands at the seam. */
static void
pages_meet(void **state)
{
	struct box *b = *state;
	struct buffer want = BUFFER_INIT;
	/* There every tenth commit waits for its retry. */
	unsigned count = world_is_strict() ? 100 : 2000;
	char name[400];

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(name, sizeof(name), "p/%04u/%0*d", i, 300, 7);
		create(b, name);
		(void)snprintf(name, sizeof(name), "p/%04u", i);
		drop(b, name);
		buffer_addf(&want, "p/%04u:c p/%04u/%0*d:e ", i, i, 300, 7);
	}
	assert_string_equal(list(b, "p/", 0), buffer_string(&want));
	buffer_done(&want);
}

static struct store_mailbox
status(struct box *b, const char *name)
{
	struct store_mailbox_reply r;
	struct store_mailbox m = { 0 };
	struct unpack u;

	assert_ok(ASK(b->w, access, store_mailbox, &r, .token = b->token, .name = text_of(name)));
	u = unpack_of(r.row);
	store_mailbox_unpack(&u, &m);
	assert_true(unpack_end(&u));
	return m;
}

static uint64_t
keys_so_far(struct box *b)
{
	struct engine_facts f;

	engine_facts_of(b->w->engine, &f);
	return f.keys_read + f.keys_scanned;
}

/* The count of what no session claimed is kept: it reads nothing. */
static void
recent_is_counted(void **state)
{
	struct box *b = *state;
	struct parcel p = world_message(b->w, "1", "one", "");
	struct store_expunge_reply gone;
	struct store_open_reply open;
	struct runs some = world_uids(100, 109);
	uint64_t keys;

	for (int i = 0; i < 600; i++)
		assert_ok(world_deliver(b->w, "alice@example.com", &p));
	world_crash(b->w);
	(void)list(b, "", 0); /* the account is in memory */
	keys = keys_so_far(b);
	assert_int_equal(status(b, "INBOX").recent, 600);
	assert_int_equal(keys_so_far(b), keys);
	assert_ok(ASK(b->w, access, store_expunge, &gone, .token = b->token, .op = random_u64(),
	    .mailbox = 1, .uids = some, .force = 1));
	runs_done(&some);
	assert_int_equal(status(b, "INBOX").recent, 590);
	assert_ok(ASK(
	    b->w, access, store_open, &open, .token = b->token, .name = TEXT("INBOX"), .claim = 1));
	assert_int_equal(status(b, "INBOX").recent, 0);
	/* The claim is written with the next change, before which a conflict may
	 * have made the store read the account anew. */
	if (world_is_strict())
		return;
	assert_ok(world_deliver(b->w, "alice@example.com", &p));
	assert_int_equal(status(b, "INBOX").recent, 1);
	world_check(b->w, b->account);
	world_crash(b->w);
	assert_int_equal(status(b, "INBOX").recent, 1);
}

/* ---- what it costs ---- */

static void
ask_status(struct box *b)
{
	(void)status(b, "Sent");
}

static void
ask_one(struct box *b)
{
	(void)list(b, "Sent", 1);
}

static void
ask_stretch(struct box *b)
{
	(void)list(b, "Family/", 0);
}

static void
ask_create(struct box *b)
{
	create(b, "Fresh");
}

static void
ask_subscribe(struct box *b)
{
	subscribe(b, "Fresh", 1);
	subscribe(b, "Fresh", 0);
}

static void
ask_delete(struct box *b)
{
	drop(b, "Fresh");
}

static void
ask_rename(struct box *b)
{
	rename_to(b, "Family", "Kin");
	rename_to(b, "Kin", "Family");
}

static const struct {
	const char *name;
	void (*ask)(struct box *b);
	unsigned keys, written; /* at most: keys read, octets written */
} asked[] = {
	{ "STATUS", ask_status, 0, 0 },
	{ "LIST of one", ask_one, 0, 0 },
	{ "LIST of a stretch", ask_stretch, 0, 0 },
	{ "CREATE", ask_create, 0, 1000 },
	{ "SUBSCRIBE", ask_subscribe, 0, 2000 },
	{ "DELETE", ask_delete, 0, 1000 },
	{ "RENAME of four", ask_rename, 0, 3000 },
};

#define ASKED ARRAY_LEN(asked)

struct cost {
	uint64_t keys, written;
};

static void
measure(struct box *b, struct cost cost[ASKED])
{
	struct engine_facts before, after;

	for (size_t i = 0; i < ASKED; i++) {
		engine_facts_of(b->w->engine, &before);
		asked[i].ask(b);
		engine_facts_of(b->w->engine, &after);
		cost[i].keys =
		    after.keys_read + after.keys_scanned - before.keys_read - before.keys_scanned;
		cost[i].written = after.bytes_written - before.bytes_written;
	}
}

static void
nothing_costs_more_among_many(void **state)
{
	struct box *b = *state;
	struct cost few[ASKED], many[ASKED];

	if (world_is_strict())
		skip(); /* what is tried again costs more */
	create_numbered(b, "Family", 0, 3);
	create_numbered(b, "m", 0, 100);
	measure(b, few);
	create_numbered(b, "m", 100, 10000);
	measure(b, many);
	for (size_t i = 0; i < ASKED; i++) {
		if (many[i].keys > asked[i].keys || many[i].written > asked[i].written)
			print_error("%s: %llu keys, %llu octets\n", asked[i].name,
			    (unsigned long long)many[i].keys, (unsigned long long)many[i].written);
		assert_int_equal(many[i].keys, few[i].keys);
		assert_true(many[i].keys <= asked[i].keys);
		assert_true(many[i].written <= asked[i].written);
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, box_empty, box_done)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_tree_is_listed_in_its_order),
		CASE(pages_meet),
		CASE(recent_is_counted),
		CASE(nothing_costs_more_among_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
