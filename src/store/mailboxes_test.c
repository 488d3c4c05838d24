/* SPDX-License-Identifier: ISC */
/* Mailboxes by calls: names, trees, subscriptions, the list; the feed and the
 * maildrop; and what a delivery costs. */
#include <pthread.h>

#include "store/box_test_helper.h"

static enum status
create(struct box *b, const char *name, unsigned use)
{
	struct store_create_reply r;

	return ASK(b->w, access, store_create, &r, .token = b->token, .op = random_u64(),
	    .name = text_of(name), .use = use);
}

static enum status
delete_box(struct box *b, const char *name)
{
	struct store_remove_reply r;

	return ASK(b->w, access, store_remove, &r, .token = b->token, .op = random_u64(),
	    .name = text_of(name));
}

static enum status
rename_to(struct box *b, const char *from, const char *to)
{
	struct store_rename_reply r;

	return ASK(b->w, access, store_rename, &r, .token = b->token, .op = random_u64(),
	    .from = text_of(from), .to = text_of(to));
}

static enum status
subscribe(struct box *b, const char *name, unsigned on)
{
	struct store_subscribe_reply r;

	return ASK(b->w, access, store_subscribe, &r, .token = b->token, .op = random_u64(),
	    .name = text_of(name), .on = on);
}

/* "name:es " for each: e if it exists, s if subscribed. */
static const char *
list(struct box *b)
{
	struct buffer words = BUFFER_INIT;
	struct store_mailboxes_reply r;
	struct store_mailbox m;
	struct text after = TEXT_EMPTY, out;

	do {
		assert_ok(
		    ASK(b->w, access, store_mailboxes, &r, .token = b->token, .after = after));
		for (struct unpack u = unpack_of(r.rows); !unpack_end(&u);) {
			store_mailbox_unpack(&u, &m);
			assert_true(unpack_ok(&u));
			buffer_addf(&words, "%.*s:%s%s ", TEXT_ARG(m.name), m.exists ? "e" : "",
			    m.subscribed ? "s" : "");
		}
		after = r.resume;
	} while (after.len > 0);
	out = arena_copy(&b->w->arena, buffer_text(&words));
	buffer_done(&words);
	return out.ptr;
}

#define FIRST "Archive:es Drafts:es INBOX:es "
#define LAST "Junk:es Sent:es Trash:es "

static void
a_new_account_has_its_mailboxes(void **state)
{
	assert_string_equal(list(*state), FIRST LAST);
}

static void
parents_are_made_and_stay(void **state)
{
	struct box *b = *state;

	assert_ok(create(b, "A/b/c", 0));
	assert_string_equal(list(b), "A:e A/b:e A/b/c:e " FIRST LAST);
	assert_int_equal(create(b, "A/b", 0), STATUS_EXISTS);
	assert_ok(delete_box(b, "A"));
	assert_string_equal(list(b), "A: A/b:e A/b/c:e " FIRST LAST);
	assert_int_equal(delete_box(b, "A"), STATUS_NOT_FOUND);
	assert_ok(rename_to(b, "A", "Q/r"));
	assert_string_equal(list(b), FIRST "Junk:es Q:e Q/r: Q/r/b:e Q/r/b/c:e Sent:es Trash:es ");
	assert_ok(delete_box(b, "Q/r/b/c"));
	assert_ok(delete_box(b, "Q/r/b"));
	assert_ok(delete_box(b, "Q"));
	assert_string_equal(list(b), FIRST LAST);
}

static void
names_are_checked(void **state)
{
	struct box *b = *state;
	char deep[2 * MAILBOX_DEPTH_MAX + 8] = "a", longest[MAILBOX_NAME_MAX + 2];

	for (int i = 0; i < MAILBOX_DEPTH_MAX; i++)
		memcpy(deep + 1 + 2 * i, "/a", 3);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(create(b, "", 0), STATUS_INVALID);
	assert_int_equal(create(b, "a//b", 0), STATUS_INVALID);
	assert_int_equal(create(b, "/a", 0), STATUS_INVALID);
	assert_int_equal(create(b, "a/", 0), STATUS_INVALID);
	assert_int_equal(create(b, "a\tb", 0), STATUS_INVALID);
	assert_int_equal(create(b, "a\xff", 0), STATUS_INVALID);
	assert_int_equal(create(b, deep, 0), STATUS_LIMIT);
	assert_int_equal(create(b, longest, 0), STATUS_LIMIT);
	longest[MAILBOX_NAME_MAX] = 0;
	assert_ok(create(b, longest, 0));
	assert_int_equal(create(b, "InBox", 0), STATUS_EXISTS);
	assert_int_equal(create(b, "More", USE_SENT), STATUS_INVALID);
	assert_ok(create(b, "Everything", USE_ALL));
	assert_int_equal(delete_box(b, "inbox"), STATUS_DENIED);
	assert_int_equal(rename_to(b, "Sent", "Sent/below"), STATUS_INVALID);
	assert_int_equal(rename_to(b, "Sent", "Trash"), STATUS_EXISTS);
	assert_int_equal(rename_to(b, "Nothing", "New"), STATUS_NOT_FOUND);
	/* A subscription is no mailbox. */
	assert_ok(subscribe(b, "Ghost/below", 1));
	assert_int_equal(rename_to(b, "Ghost/below", "New"), STATUS_NOT_FOUND);
	assert_int_equal(rename_to(b, "Ghost", "New"), STATUS_NOT_FOUND);
}

static void
subscriptions_outlive_mailboxes(void **state)
{
	struct box *b = *state;

	assert_ok(subscribe(b, "Later", 1));
	assert_string_equal(list(b), FIRST "Junk:es Later:s Sent:es Trash:es ");
	assert_ok(create(b, "Later", 0));
	assert_string_equal(list(b), FIRST "Junk:es Later:es Sent:es Trash:es ");
	assert_ok(delete_box(b, "Later"));
	assert_string_equal(list(b), FIRST "Junk:es Later:s Sent:es Trash:es ");
	world_crash(b->w);
	assert_ok(subscribe(b, "Later", 0));
	assert_ok(subscribe(b, "Sent", 0));
	assert_string_equal(list(b), FIRST "Junk:es Sent:e Trash:es ");
}

/* RFC 9051 6.3.6: names are subscribed to, not mailboxes. */
static void
subscriptions_stay_when_a_mailbox_is_renamed(void **state)
{
	struct box *b = *state;

	assert_ok(create(b, "A/b", 0));
	assert_ok(subscribe(b, "A/b", 1));
	assert_ok(subscribe(b, "A/ghost", 1));
	assert_ok(subscribe(b, "Q/b", 1));
	assert_ok(rename_to(b, "A", "P"));
	assert_string_equal(
	    list(b), "A: A/b:s A/ghost:s " FIRST "Junk:es P:e P/b:e Q: Q/b:s Sent:es Trash:es ");
	assert_ok(rename_to(b, "P", "Q"));
	assert_string_equal(
	    list(b), "A: A/b:s A/ghost:s " FIRST "Junk:es Q:e Q/b:es Sent:es Trash:es ");
	assert_ok(rename_to(b, "Q", "A"));
	assert_string_equal(
	    list(b), "A:e A/b:es A/ghost:s " FIRST "Junk:es Q: Q/b:s Sent:es Trash:es ");
	world_crash(b->w);
	assert_string_equal(
	    list(b), "A:e A/b:es A/ghost:s " FIRST "Junk:es Q: Q/b:s Sent:es Trash:es ");
}

static void
renaming_inbox_moves_its_messages(void **state)
{
	struct box *b = *state;
	struct parcel p = world_message(b->w, "1", "one", "");
	struct store_open_reply open;

	assert_ok(world_deliver(b->w, "alice@example.com", &p));
	assert_ok(rename_to(b, "INBOX", "Old/mail"));
	open = world_open_mailbox(b->w, b->token, "INBOX");
	assert_int_equal(runs_total(&open.uids), 0);
	open = world_open_mailbox(b->w, b->token, "Old/mail");
	assert_int_equal(runs_total(&open.uids), 1);
}

static void
removed_messages_go_in_the_background(void **state)
{
	struct box *b = *state;
	struct parcel p = world_message(b->w, "1", "one", "");
	struct store_quota_reply quota;
	struct store_copy_reply copy;
	struct runs all = world_uids(1, 100000);
	uint64_t inbox = world_open_mailbox(b->w, b->token, "INBOX").mailbox;

	for (int i = 0; i < 40; i++)
		assert_ok(world_deliver(b->w, "alice@example.com", &p));
	assert_ok(create(b, "Big", 0));
	for (int i = 0; i < 80; i++)
		assert_ok(ASK(b->w, access, store_copy, &copy, .token = b->token,
		    .op = random_u64(), .mailbox = inbox, .uids = all, .to = TEXT("Big")));
	assert_ok(delete_box(b, "Big"));
	assert_ok(ASK(b->w, access, store_quota, &quota, .token = b->token));
	assert_int_equal(quota.messages, 40);
	world_check(b->w, b->account);
	world_crash(b->w);
	store_tend(b->w->store);
	world_check(b->w, b->account);
	world_check(b->w, 0);
	runs_done(&all);
}

static void
recent_is_claimed_once(void **state)
{
	struct box *b = *state;
	struct parcel p = world_message(b->w, "1", "one", "");
	struct store_open_reply open;

	assert_ok(world_deliver(b->w, "alice@example.com", &p));
	assert_ok(ASK(b->w, access, store_open, &open, .token = b->token, .name = TEXT("INBOX")));
	assert_int_equal(open.recent_from, 1);
	assert_ok(ASK(
	    b->w, access, store_open, &open, .token = b->token, .name = TEXT("INBOX"), .claim = 1));
	assert_int_equal(open.recent_from, 1);
	assert_ok(world_deliver(b->w, "alice@example.com", &p));
	assert_ok(ASK(
	    b->w, access, store_open, &open, .token = b->token, .name = TEXT("INBOX"), .claim = 1));
	assert_int_equal(open.recent_from, 2);
}

/* ---- the feed and the maildrop ---- */

struct ear {
	pthread_mutex_t lock;
	pthread_cond_t told;
	uint64_t account, modseq;
	bool ended;
};

static void
hear(void *arg, enum status s, const void *reply)
{
	struct ear *l = arg;
	const struct store_feed_reply *r = reply;

	pthread_mutex_lock(&l->lock);
	if (s == STATUS_OK) {
		l->account = r->account;
		l->modseq = r->modseq;
	} else {
		l->ended = true;
	}
	pthread_cond_signal(&l->told);
	pthread_mutex_unlock(&l->lock);
}

static void
the_feed_tells(void **state)
{
	struct box *b = *state;
	struct ear l = { .lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER };
	const struct store_feed_request q = { .none_ = 0 };
	struct parcel p = world_message(b->w, "1", "one", "");
	struct store_watch_reply watch;

	assert_ok(call_stream(b->w->access, &store_feed_call, &q, hear, &l));
	assert_ok(ASK(b->w, access, store_watch, &watch, .token = b->token, .on = 1));
	assert_ok(world_deliver(b->w, "alice@example.com", &p));
	pthread_mutex_lock(&l.lock);
	while (l.account == 0)
		pthread_cond_wait(&l.told, &l.lock);
	assert_int_equal(l.account, b->account);
	assert_true(l.modseq > watch.modseq);
	pthread_mutex_unlock(&l.lock);
	assert_ok(ASK(b->w, access, store_watch, &watch, .token = b->token, .on = 0));
	world_close(b->w); /* ends the stream */
	world_open(b->w);
	pthread_mutex_lock(&l.lock);
	while (!l.ended)
		pthread_cond_wait(&l.told, &l.lock);
	pthread_mutex_unlock(&l.lock);
}

static enum status
maildrop(struct box *b, uint64_t holder, bool take)
{
	struct store_maildrop_reply r;

	return ASK(
	    b->w, access, store_maildrop, &r, .token = b->token, .holder = holder, .take = take);
}

static void
a_maildrop_is_for_one(void **state)
{
	struct box *b = *state;
	enum status s;

	assert_ok(maildrop(b, 1, true));
	assert_int_equal(maildrop(b, 2, true), STATUS_CONFLICT);
	assert_ok(maildrop(b, 1, true));  /* again, by the one who has it */
	assert_ok(maildrop(b, 2, false)); /* not his to give back */
	assert_int_equal(maildrop(b, 2, true), STATUS_CONFLICT);
	assert_ok(maildrop(b, 1, false));
	assert_ok(maildrop(b, 2, true));
	call_pair_break(b->w->pair[2], 0);
	call_pair_mend(b->w->pair[2], 0);
	assert_ok(maildrop(b, 2, true)); /* whether the old link is known to be lost or not */
	call_pair_break(b->w->pair[2], 0);
	call_pair_mend(b->w->pair[2], 0);
	do /* the store learns of the lost link on that link's own thread */
		s = maildrop(b, 3, true);
	while (s == STATUS_CONFLICT);
	assert_ok(s);
	assert_int_equal(maildrop(b, 2, true), STATUS_CONFLICT);
}

/* ---- what a delivery costs ---- */

static uint64_t
keys_touched(struct box *b, const struct parcel *p, uint64_t *written)
{
	struct engine_facts before, after;

	engine_facts_of(b->w->engine, &before);
	assert_ok(world_deliver(b->w, "alice@example.com", p));
	engine_facts_of(b->w->engine, &after);
	assert_int_equal(after.commits - before.commits, 1);
	*written = after.bytes_written - before.bytes_written;
	return after.keys_read + after.keys_scanned - before.keys_read - before.keys_scanned;
}

/* The same number of keys whatever the size of the mailbox: at most those of
 * the message-ids that it names. */
static void
a_delivery_costs_the_same_in_a_large_mailbox(void **state)
{
	struct box *b = *state;
	struct parcel p = world_message(b->w, "1", "one", "");
	uint64_t small, large, first_bytes, last_bytes;

	if (world_is_strict())
		skip(); /* there it costs what the conflicts cost */
	assert_ok(world_deliver(b->w, "alice@example.com", &p));
	small = keys_touched(b, &p, &first_bytes);
	for (int i = 0; i < 2559; i++)
		assert_ok(world_deliver(b->w, "alice@example.com", &p));
	large = keys_touched(b, &p, &last_bytes);
	assert_int_equal(small, large);
	assert_true(small <= 2);
	assert_true(last_bytes < first_bytes + 4096);
}

/* ---- what everything else costs ---- */

#define ONE_UID 10 /* in a block that is not the last one, which is in memory */

static void
ask_status(struct box *b, const struct parcel *p)
{
	struct store_mailbox_reply reply;

	assert_ok(
	    ASK(b->w, access, store_mailbox, &reply, .token = b->token, .name = TEXT("INBOX")));
}

static void
ask_list(struct box *b, const struct parcel *p)
{
	struct store_mailboxes_reply reply;

	assert_ok(ASK(b->w, access, store_mailboxes, &reply, .token = b->token));
}

static void
ask_select(struct box *b, const struct parcel *p)
{
	(void)world_open_mailbox(b->w, b->token, "INBOX");
}

static void
ask_append(struct box *b, const struct parcel *p)
{
	struct store_append_reply reply;

	assert_ok(ASK(b->w, intake, store_append, &reply, .token = b->token, .op = random_u64(),
	    .mailbox = 1, .date = 1700000000, .summary = p->summary,
	    .content = PAYLOAD_OF(p->content), .size = p->raw.len));
}

static void
ask_fetch(struct box *b, const struct parcel *p)
{
	struct runs one = world_uids(ONE_UID, ONE_UID);
	struct store_fetch_reply reply;

	assert_ok(ASK(b->w, access, store_fetch, &reply, .token = b->token, .mailbox = 1,
	    .uids = one, .items = FETCH_SUMMARY | FETCH_PIECE0));
	runs_done(&one);
}

static void
ask_store(struct box *b, const struct parcel *p)
{
	struct runs one = world_uids(ONE_UID, ONE_UID);
	struct store_flags_reply reply;

	assert_ok(ASK(b->w, access, store_flags, &reply, .token = b->token, .op = random_u64(),
	    .mailbox = 1, .uids = one, .mode = FLAGS_ADD, .flags = FLAG_FLAGGED,
	    .unchanged_since = UINT64_MAX));
	assert_ok(ASK(b->w, access, store_flags, &reply, .token = b->token, .op = random_u64(),
	    .mailbox = 1, .uids = one, .mode = FLAGS_REMOVE, .flags = FLAG_FLAGGED,
	    .unchanged_since = UINT64_MAX));
	runs_done(&one);
}

/* What the last STORE did, as an idle session learns of it. */
static void
ask_changes(struct box *b, const struct parcel *p)
{
	uint64_t modseq = world_open_mailbox(b->w, b->token, "INBOX").modseq;
	struct store_changes_reply reply;

	assert_ok(ASK(b->w, access, store_changes, &reply, .token = b->token, .mailbox = 1,
	    .since = modseq - 1));
	assert_false(reply.full);
}

static void
ask_copy(struct box *b, const struct parcel *p)
{
	struct runs one = world_uids(ONE_UID, ONE_UID);
	struct store_copy_reply reply;

	assert_ok(ASK(b->w, access, store_copy, &reply, .token = b->token, .op = random_u64(),
	    .mailbox = 1, .uids = one, .to = TEXT("Archive")));
	runs_done(&one);
}

static void
ask_expunge(struct box *b, const struct parcel *p)
{
	struct store_open_reply open = world_open_mailbox(b->w, b->token, "INBOX");
	uint32_t uid = runs_next(&open.uids, ONE_UID + 1);
	struct runs one = world_uids(uid, uid);
	struct store_expunge_reply reply;

	assert_ok(ASK(b->w, access, store_expunge, &reply, .token = b->token, .op = random_u64(),
	    .mailbox = 1, .uids = one, .force = 1));
	assert_int_equal(runs_total(&reply.gone), 1);
	runs_done(&one);
}

static const struct {
	const char *name;
	void (*ask)(struct box *b, const struct parcel *p);
	unsigned most; /* keys */
} asked[] = {
	{ "STATUS", ask_status, 0 },
	{ "LIST", ask_list, 0 },
	{ "SELECT", ask_select, 0 },
	{ "APPEND", ask_append, 2 },
	{ "FETCH", ask_fetch, 3 },
	{ "STORE", ask_store, 2 },
	{ "what changed", ask_changes, 4 },
	{ "COPY", ask_copy, 3 },
	{ "EXPUNGE", ask_expunge, 6 },
};

#define ASKED ARRAY_LEN(asked)

struct cost {
	uint64_t keys, bytes;
};

static void
measure(struct box *b, const struct parcel *p, struct cost cost[ASKED])
{
	struct engine_facts before, after;

	ask_copy(b, p); /* Archive is known from here on */
	ask_select(b, p);
	for (size_t i = 0; i < ASKED; i++) {
		engine_facts_of(b->w->engine, &before);
		asked[i].ask(b, p);
		engine_facts_of(b->w->engine, &after);
		cost[i].keys =
		    after.keys_read + after.keys_scanned - before.keys_read - before.keys_scanned;
		cost[i].bytes = after.bytes_written - before.bytes_written;
	}
}

static void
fill(struct box *b, const struct parcel *p, int count)
{
	for (int i = 0; i < count; i++)
		assert_ok(world_deliver(b->w, "alice@example.com", p));
}

/* The same number of keys whatever the size of the mailbox, and so many octets
 * as a block and a row take. */
static void
nothing_costs_more_in_a_large_mailbox(void **state)
{
	struct box *b = *state;
	struct parcel p = world_message(b->w, "1", "one", "");
	struct cost small[ASKED], large[ASKED];

	if (world_is_strict())
		skip();
	fill(b, &p, 300);
	measure(b, &p, small);
	fill(b, &p, 2300);
	measure(b, &p, large);
	for (size_t i = 0; i < ASKED; i++) {
		if (large[i].keys != small[i].keys || large[i].keys > asked[i].most)
			print_error("%s: %llu keys, then %llu\n", asked[i].name,
			    (unsigned long long)small[i].keys, (unsigned long long)large[i].keys);
		assert_int_equal(large[i].keys, small[i].keys);
		assert_true(large[i].keys <= asked[i].most);
		assert_true(large[i].bytes < small[i].bytes + 4096);
	}
}

/* Only the first opening after a start reads the blocks: a key for 256 messages. */
static void
the_first_opening_reads_the_blocks(void **state)
{
	struct box *b = *state;
	struct parcel p = world_message(b->w, "1", "one", "");
	struct engine_facts before, after;

	if (world_is_strict())
		skip();
	fill(b, &p, 1024);
	world_crash(b->w);
	ask_list(b, &p); /* the account is in memory */
	engine_facts_of(b->w->engine, &before);
	ask_select(b, &p);
	engine_facts_of(b->w->engine, &after);
	assert_in_range(
	    after.keys_read + after.keys_scanned - before.keys_read - before.keys_scanned,
	    1024 / 256, 1024 / 256 + 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, box_empty, box_done)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_new_account_has_its_mailboxes),
		CASE(parents_are_made_and_stay),
		CASE(names_are_checked),
		CASE(subscriptions_outlive_mailboxes),
		CASE(subscriptions_stay_when_a_mailbox_is_renamed),
		CASE(renaming_inbox_moves_its_messages),
		CASE(removed_messages_go_in_the_background),
		CASE(recent_is_claimed_once),
		CASE(the_feed_tells),
		CASE(a_maildrop_is_for_one),
		CASE(a_delivery_costs_the_same_in_a_large_mailbox),
		CASE(nothing_costs_more_in_a_large_mailbox),
		CASE(the_first_opening_reads_the_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
