/* SPDX-License-Identifier: ISC */
/*
 * Every way of writing, broken off after each of its commits: the disk takes
 * nothing more, the process ends, the next one opens what is there, finds
 * nothing wrong once it looked at what was left, and is asked again, as the
 * caller of a call does. docs/store-format.md has the states; messages in many
 * pieces are in stage_test.c.
 */
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

static struct parcel
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

static void
find_alice(void)
{
	scene.token = world_token(scene.w, scene.alice);
	scene.inbox = world_open_mailbox(scene.w, scene.token, "INBOX").mailbox;
}

static void
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
static void
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
static void
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

static void
break_after(unsigned commits)
{
	atomic_store(&breaking_of(scene.w->engine)->left, commits);
}

static void
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

static void
site_close(void)
{
	world_free(scene.w);
	engine_free(scene.under);
}

static void
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

/* ---- the ways: each asks and gives the answer's status ---- */

static enum status
deliver_one(void)
{
	return world_deliver_op(scene.w, "alice@example.com", &scene.small, OP);
}

static enum status
deliver_copies(void)
{
	return world_deliver_op(scene.w, "alice@example.com bob@example.com", &scene.small, OP);
}

static enum status
deliver_shared(void)
{
	return world_deliver_op(scene.w, "alice@example.com bob@example.com", &scene.large, OP);
}

/* ---- what goes out ---- */

static unsigned
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

static enum status
submit(const struct parcel *p)
{
	struct text to[] = { TEXT("alice@example.com"), TEXT("x@example.org") };
	struct text orcpts[] = { TEXT_EMPTY, TEXT_EMPTY };
	uint64_t notify[] = { 0, 0 };
	struct submission_commit_reply r;
	enum status s = ASK(scene.w, intake, submission_commit, &r, .token = scene.token, .op = OP,
	    .id = TEXT("ID"), .sender = TEXT("alice@example.com"), .copy = 1, .received = 1,
	    .size = p->raw.len, .summary = p->summary, .recipients = { to, 2 },
	    .orcpts = { orcpts, 2 }, .notify = { notify, 2 }, .content = PAYLOAD_OF(p->content));

	if (s == STATUS_OK) {
		assert_true(r.message != 0);
		assert_int_equal(messages_out(), 1);
	}
	return s;
}

static enum status
submit_small(void)
{
	return submit(&scene.small);
}

static enum status
submit_shared(void)
{
	return submit(&scene.large);
}

/* To an alias of alice and somebody elsewhere. */
static enum status
deliver_on(const struct parcel *p)
{
	struct text to = TEXT("far@example.com");
	struct store_deliver_reply r;
	enum status s = ASK(scene.w, intake, store_deliver, &r, .op = OP, .id = TEXT("ID"),
	    .recipients = { &to, 1 }, .summary = p->summary, .content = PAYLOAD_OF(p->content),
	    .size = p->raw.len, .received = 1);

	if (s != STATUS_OK)
		return s;
	assert_int_equal(r.verdicts.at[0], STATUS_OK);
	assert_int_equal(messages_out(), 1);
	return s;
}

static enum status
deliver_on_small(void)
{
	return deliver_on(&scene.small);
}

static enum status
deliver_on_shared(void)
{
	return deliver_on(&scene.large);
}

/* ---- what is filed and changed ---- */

static enum status
append(void)
{
	struct text word = TEXT("Label");
	struct store_append_reply r;

	return ASK(scene.w, intake, store_append, &r, .token = scene.token, .op = OP,
	    .mailbox = scene.inbox, .keywords = { &word, 1 }, .summary = scene.small.summary,
	    .content = PAYLOAD_OF(scene.small.content), .size = scene.small.raw.len);
}

/* Two messages in one commit. */
static enum status
append_all(void)
{
	const struct parcel *p = &scene.small;
	struct text both[2] = { arena_join(&scene.w->arena, p->summary, p->summary),
		arena_join(&scene.w->arena, p->content, p->content) };
	uint64_t flags[] = { 0, FLAG_SEEN }, counts[] = { 1, 0 }, dates[] = { 1, 2 };
	uint64_t sizes[] = { p->raw.len, p->raw.len };
	uint64_t summaries[] = { p->summary.len, p->summary.len };
	uint64_t contents[] = { p->content.len, p->content.len };
	struct text word = TEXT("Label");
	struct store_append_all_reply r;
	enum status s = ASK(scene.w, intake, store_append_all, &r, .token = scene.token, .op = OP,
	    .mailbox = scene.inbox, .flags = { flags, 2 }, .keyword_counts = { counts, 2 },
	    .keywords = { &word, 1 }, .dates = { dates, 2 }, .sizes = { sizes, 2 },
	    .summary_sizes = { summaries, 2 }, .summaries = PAYLOAD_OF(both[0]),
	    .content_sizes = { contents, 2 }, .contents = PAYLOAD_OF(both[1]));

	if (s == STATUS_OK)
		assert_int_equal(r.uid, 4);
	return s;
}

static enum status
flags(void)
{
	struct runs all = world_uids(1, 3);
	struct text word = TEXT("Label");
	struct store_flags_reply r;
	enum status s = ASK(scene.w, access, store_flags, &r, .token = scene.token, .op = OP,
	    .mailbox = scene.inbox, .uids = all, .mode = FLAGS_ADD, .flags = FLAG_SEEN,
	    .keywords = { &word, 1 }, .unchanged_since = UINT64_MAX);

	runs_done(&all);
	return s;
}

static enum status
copy(bool move)
{
	struct runs all = world_uids(1, 3);
	struct store_copy_reply r;
	enum status s = ASK(scene.w, access, store_copy, &r, .token = scene.token, .op = OP,
	    .mailbox = scene.inbox, .uids = all, .to = TEXT("Trash"), .move = move);

	if (s == STATUS_OK)
		assert_int_equal(runs_total(&r.from), 3);
	runs_done(&all);
	return s;
}

static enum status
copy_them(void)
{
	return copy(false);
}

static enum status
move_them(void)
{
	return copy(true);
}

static enum status
empty(uint64_t mailbox)
{
	struct store_expunge_reply r;

	return ASK(scene.w, access, store_expunge, &r, .token = scene.token, .op = OP,
	    .mailbox = mailbox, .all = 1, .force = 1);
}

/* What is in the background fails quietly, and goes on at the next start. */
static enum status
and_collect(enum status s)
{
	store_tend(scene.w->store);
	return s == STATUS_OK && atomic_load(&breaking_of(scene.w->engine)->left) == 0
		   ? STATUS_UNAVAILABLE
		   : s;
}

static enum status
expunge(void)
{
	return empty(scene.inbox);
}

static enum status
expunge_and_collect(void)
{
	return and_collect(empty(scene.inbox));
}

static enum status
expunge_many(void)
{
	return and_collect(empty(scene.many));
}

static enum status
make_mailbox(void)
{
	struct store_create_reply r;

	return ASK(scene.w, access, store_create, &r, .token = scene.token, .op = OP,
	    .name = TEXT("A/B/C"));
}

static enum status
rename_mailbox(void)
{
	struct store_rename_reply r;

	return ASK(scene.w, access, store_rename, &r, .token = scene.token, .op = OP,
	    .from = TEXT("Archive"), .to = TEXT("Old/Archive"));
}

static enum status
rename_inbox(void)
{
	struct store_rename_reply r;

	return ASK(scene.w, access, store_rename, &r, .token = scene.token, .op = OP,
	    .from = TEXT("INBOX"), .to = TEXT("Before"));
}

static enum status
remove_named(const char *name)
{
	struct store_remove_reply r;

	return and_collect(ASK(scene.w, access, store_remove, &r, .token = scene.token, .op = OP,
	    .name = text_of(name)));
}

static enum status
remove_mailbox(void)
{
	return remove_named("Archive");
}

static enum status
remove_many(void)
{
	return remove_named("Many");
}

static enum status
subscribe(void)
{
	struct store_subscribe_reply r;

	return ASK(scene.w, access, store_subscribe, &r, .token = scene.token, .op = OP,
	    .name = TEXT("Elsewhere"), .on = 1);
}

static enum status
make_account(void)
{
	struct store_account_add_reply r;
	enum status s = ASK(scene.w, admin, store_account_add, &r,
	    .address = TEXT("carol@example.com"), .verifier = TEXT("v"), .has_scram = 1);

	return s == STATUS_EXISTS ? STATUS_OK : s; /* it was made, and not told */
}

static enum status
remove_account(void)
{
	struct store_account_remove_reply r;
	enum status s =
	    ASK(scene.w, admin, store_account_remove, &r, .address = TEXT("bob@example.com"));

	store_settle(scene.w->store);
	if (s == STATUS_OK && atomic_load(&breaking_of(scene.w->engine)->left) == 0)
		return STATUS_UNAVAILABLE; /* of what follows, something failed */
	return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

static enum status
set_account(enum account_change change, uint64_t value)
{
	struct store_account_set_reply r;

	return ASK(scene.w, admin, store_account_set, &r, .address = TEXT("bob@example.com"),
	    .change = change, .verifier = TEXT("other"), .has_scram = value, .value = value);
}

static enum status
password_without_scram(void)
{
	return set_account(ACCOUNT_VERIFIER, 0);
}

static enum status
password_with_scram(void)
{
	return set_account(ACCOUNT_VERIFIER, 1);
}

static enum status
suspend(void)
{
	return set_account(ACCOUNT_SUSPENDED, 1);
}

static enum status
quota(void)
{
	return set_account(ACCOUNT_QUOTA, 1 << 30);
}

static enum status
make_domain(void)
{
	struct store_domain_add_reply r;
	enum status s = ASK(scene.w, admin, store_domain_add, &r, .name = TEXT("example.org"));

	return s == STATUS_EXISTS ? STATUS_OK : s;
}

static enum status
make_alias(void)
{
	struct text to[] = { TEXT("alice@example.com"), TEXT("bob@example.com") };
	struct store_alias_add_reply r;

	return ASK(scene.w, admin, store_alias_add, &r, .address = TEXT("all@example.com"),
	    .targets = { to, 2 });
}

static enum status
forward(void)
{
	struct text to = TEXT("bob@example.com");
	struct store_account_forward_reply r;

	return ASK(scene.w, admin, store_account_forward, &r, .address = TEXT("alice@example.com"),
	    .targets = { &to, 1 }, .keep = 1);
}

static enum status
catch_all(void)
{
	struct store_catch_all_reply r;

	return ASK(scene.w, admin, store_catch_all, &r, .domain = TEXT("example.com"),
	    .address = TEXT("bob@example.com"));
}

static enum status
set_setting(void)
{
	struct store_setting_set_reply r;

	return ASK(scene.w, admin, store_setting_set, &r, .name = TEXT("store.log_keep"),
	    .value = TEXT("5000"));
}

/* ---- each of them, broken off after each commit ---- */

static uint64_t
in_inbox(void)
{
	struct store_open_reply open = world_open_mailbox(scene.w, scene.token, "INBOX");

	return runs_total(&open.uids);
}

/* messages: in alice's inbox when it is done. */
static void
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

#define WAYS(X)                      \
	X(deliver_one, 4)            \
	X(deliver_copies, 4)         \
	X(deliver_shared, 4)         \
	X(submit_small, 4)           \
	X(submit_shared, 4)          \
	X(deliver_on_small, 4)       \
	X(deliver_on_shared, 4)      \
	X(append, 4)                 \
	X(append_all, 5)             \
	X(flags, 3)                  \
	X(copy_them, 3)              \
	X(move_them, 0)              \
	X(expunge, 0)                \
	X(expunge_and_collect, 0)    \
	X(expunge_many, 3)           \
	X(make_mailbox, 3)           \
	X(rename_mailbox, 3)         \
	X(rename_inbox, 0)           \
	X(remove_mailbox, 3)         \
	X(remove_many, 3)            \
	X(subscribe, 3)              \
	X(make_account, 3)           \
	X(remove_account, 3)         \
	X(password_without_scram, 3) \
	X(password_with_scram, 3)    \
	X(suspend, 3)                \
	X(quota, 3)                  \
	X(make_domain, 3)            \
	X(make_alias, 3)             \
	X(forward, 3)                \
	X(catch_all, 3)              \
	X(set_setting, 3)

#define WAY_TEST(name, messages)                    \
	static void name##_broken_off(void **state) \
	{                                           \
		broken_off(name, messages);         \
	}
WAYS(WAY_TEST)

#define WAY_ROW(name, messages) cmocka_unit_test(name##_broken_off),

static int
settings_back(void **state)
{
	enum setting which;

	assert_ok(setting_find(TEXT("store.log_keep"), &which));
	assert_ok(setting_apply(which, TEXT_EMPTY));
	assert_ok(setting_find(TEXT("store.blob_keep"), &which));
	assert_ok(setting_apply(which, TEXT_EMPTY));
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = { WAYS(WAY_ROW) };

	return cmocka_run_group_tests(tests, NULL, settings_back);
}
