/* SPDX-License-Identifier: ISC */
/* Every way of writing, broken off after each of its commits; what becomes of mail
 * that goes out is in paths_outgoing_test.c, messages in many pieces are in
 * stage_test.c. */
#include "store/paths_test_helper.h"

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

static enum status
submit(const struct parcel *p)
{
	uint64_t message;
	enum status s = submit_to(p, &message);

	if (s == STATUS_OK)
		assert_int_equal(messages_out(), 1);
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

WAYS(WAY_TEST)

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
