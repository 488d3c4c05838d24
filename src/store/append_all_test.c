/* SPDX-License-Identifier: ISC */
/* Several messages by one call: all of them or none, in one commit. */
#include "store/store_test_helper.h"

#define MOST 4

struct box {
	struct world *w;
	uint64_t account;
	struct text token;
	/* the request's lists */
	uint64_t flags[MOST], keyword_counts[MOST], dates[MOST], sizes[MOST], summary_sizes[MOST],
	    content_sizes[MOST];
	struct text keywords[MOST];
	struct buffer summaries, contents;
	struct store_append_all_request q;
};

static int
setup(void **state)
{
	struct box *b = MEM_NEW(struct box);

	b->w = world_new(world_memory());
	world_domain(b->w, "example.com");
	b->account = world_account(b->w, "alice@example.com");
	b->token = world_token(b->w, b->account);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct box *b = *state;

	world_check(b->w, b->account);
	buffer_done(&b->summaries);
	buffer_done(&b->contents);
	world_free(b->w);
	mem_free(b);
	return 0;
}

/* Three messages; the second is an answer to the first, the third has flags
 * and keywords. */
static void
three(struct box *b)
{
	const struct parcel p[3] = { world_message(b->w, "1", "one", ""),
		world_message(b->w, "2", "Re: one", "<1@example.org>"),
		world_message(b->w, "3", "three", "") };

	buffer_clear(&b->summaries);
	buffer_clear(&b->contents);
	for (int i = 0; i < 3; i++) {
		b->flags[i] = i == 2 ? FLAG_SEEN | FLAG_DELETED : 0;
		b->keyword_counts[i] = i == 0 ? 0 : 1;
		b->dates[i] = 1700000000 + (uint64_t)i;
		b->sizes[i] = p[i].raw.len;
		b->summary_sizes[i] = p[i].summary.len;
		b->content_sizes[i] = p[i].content.len;
		buffer_add_text(&b->summaries, p[i].summary);
		buffer_add_text(&b->contents, p[i].content);
	}
	b->keywords[0] = TEXT("Same");
	b->keywords[1] = TEXT("same");
	b->q = (struct store_append_all_request){ .token = b->token,
		.op = random_u64(),
		.mailbox = 1,
		.flags = { b->flags, 3 },
		.keyword_counts = { b->keyword_counts, 3 },
		.keywords = { b->keywords, 2 },
		.dates = { b->dates, 3 },
		.sizes = { b->sizes, 3 },
		.summary_sizes = { b->summary_sizes, 3 },
		.summaries = PAYLOAD_OF(buffer_text(&b->summaries)),
		.content_sizes = { b->content_sizes, 3 },
		.contents = PAYLOAD_OF(buffer_text(&b->contents)) };
}

static enum status
append_all(struct box *b, struct store_append_all_reply *r)
{
	return store_append_all(b->w->intake, &b->q, &b->w->arena, r, &b->w->failure);
}

static struct store_mailbox
inbox(struct box *b)
{
	struct store_mailbox_reply r;
	struct store_mailbox m = { 0 };
	struct unpack u;

	assert_ok(ASK(b->w, access, store_mailbox, &r, .token = b->token, .name = TEXT("INBOX")));
	u = unpack_of(r.row);
	store_mailbox_unpack(&u, &m);
	assert_true(unpack_end(&u));
	return m;
}

static void
three_come_together(void **state)
{
	struct box *b = *state;
	struct store_append_all_reply first, again;
	struct store_fetch_reply fetched;
	struct store_row row[3];
	struct runs all = world_uids(1, 10);
	struct unpack u;
	struct engine_facts before, after;

	three(b);
	engine_facts_of(b->w->engine, &before);
	assert_ok(append_all(b, &first));
	engine_facts_of(b->w->engine, &after);
	if (!world_is_strict())
		assert_int_equal(after.commits - before.commits, 1);
	assert_int_equal(first.uid, 1);
	/* The same call again changes nothing and has the same answer. */
	assert_ok(append_all(b, &again));
	assert_int_equal(again.uid, 1);
	assert_int_equal(again.modseq, first.modseq);
	assert_int_equal(inbox(b).messages, 3);
	assert_int_equal(inbox(b).unseen, 2);
	assert_int_equal(inbox(b).deleted, 1);
	assert_int_equal(inbox(b).recent, 3);
	assert_int_equal(inbox(b).octets, b->sizes[0] + b->sizes[1] + b->sizes[2]);
	assert_ok(ASK(b->w, access, store_fetch, &fetched, .token = b->token, .mailbox = 1,
	    .uids = all, .items = FETCH_SUMMARY));
	u = unpack_of(fetched.rows);
	for (int i = 0; i < 3; i++) {
		store_row_unpack(&u, FETCH_SUMMARY, &row[i]);
		assert_int_equal(row[i].uid, i + 1);
		assert_int_equal(row[i].modseq, first.modseq);
		assert_int_equal(row[i].date, 1700000000 + i);
		assert_int_equal(row[i].size, b->sizes[i]);
		assert_int_equal(row[i].keyword_count, i == 0 ? 0 : 1);
	}
	assert_true(unpack_end(&u));
	assert_int_equal(row[0].thread, row[1].thread);
	assert_int_not_equal(row[0].thread, row[2].thread);
	assert_int_equal(row[1].keywords[0], row[2].keywords[0]);
	runs_done(&all);
}

/* What changed is one event of the log, for a session that looks on. */
static void
they_are_told_together(void **state)
{
	struct box *b = *state;
	struct store_append_all_reply r;
	struct store_changes_reply c;
	uint64_t since = world_open_mailbox(b->w, b->token, "INBOX").modseq;

	three(b);
	assert_ok(append_all(b, &r));
	assert_int_equal(r.modseq, since + 1);
	assert_ok(
	    ASK(b->w, access, store_changes, &c, .token = b->token, .mailbox = 1, .since = since));
	assert_int_equal(c.full, 0);
	assert_int_equal(runs_total(&c.added), 3);
}

static void
all_or_none(void **state)
{
	struct box *b = *state;
	struct store_append_all_reply r;
	struct store_account_set_reply set;
	char dull[KEYWORD_MAX + 2];
	enum status s;

	do
		s = ASK(b->w, admin, store_account_set, &set, .address = TEXT("alice@example.com"),
		    .change = ACCOUNT_QUOTA, .value = 300);
	while (world_for_now(s));
	assert_ok(s);
	three(b);
	assert_true(b->sizes[0] + b->sizes[1] < 300);
	assert_int_equal(append_all(b, &r), STATUS_QUOTA);
	assert_int_equal(inbox(b).messages, 0);
	assert_int_equal(inbox(b).uidnext, 1);
	do
		s = ASK(b->w, admin, store_account_set, &set, .address = TEXT("alice@example.com"),
		    .change = ACCOUNT_QUOTA, .value = 0);
	while (world_for_now(s));
	/* The last one has a keyword that cannot be. */
	memset(dull, 'x', sizeof(dull));
	three(b);
	b->keywords[1] = (struct text){ dull, sizeof(dull) };
	assert_int_not_equal(append_all(b, &r), STATUS_OK);
	assert_int_equal(inbox(b).messages, 0);
	three(b);
	b->q.mailbox = 77;
	assert_int_equal(append_all(b, &r), STATUS_NOT_FOUND);
}

/* Lists that do not fit each other, or what they describe. */
static void
bad_requests(void **state)
{
	struct box *b = *state;
	struct store_append_all_reply r;
	uint64_t many[APPEND_ALL_MAX + 1] = { 0 };

	three(b);
	b->q.sizes.count = 2;
	assert_int_equal(append_all(b, &r), STATUS_INVALID);
	three(b);
	b->q.dates.count = 0;
	assert_int_equal(append_all(b, &r), STATUS_INVALID);
	three(b);
	b->summary_sizes[1] = b->summaries.len;
	assert_int_equal(append_all(b, &r), STATUS_INVALID);
	three(b);
	b->content_sizes[2]++;
	assert_int_equal(append_all(b, &r), STATUS_INVALID);
	three(b);
	b->content_sizes[0]--;
	assert_int_equal(append_all(b, &r), STATUS_INVALID);
	three(b);
	b->keyword_counts[0] = UINT64_MAX;
	assert_int_equal(append_all(b, &r), STATUS_INVALID);
	three(b);
	b->flags[1] = FLAG_ALL + 1;
	assert_int_equal(append_all(b, &r), STATUS_INVALID);
	three(b);
	b->q.flags = b->q.keyword_counts = b->q.dates = b->q.sizes = b->q.summary_sizes =
	    b->q.content_sizes = (struct numbers){ many, ARRAY_LEN(many) };
	assert_int_equal(append_all(b, &r), STATUS_LIMIT);
	three(b);
	b->sizes[0] = UINT64_MAX; /* all together would be few */
	assert_int_equal(append_all(b, &r), STATUS_INVALID);
	assert_int_equal(inbox(b).messages, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(three_come_together),
		CASE(they_are_told_together),
		CASE(all_or_none),
		CASE(bad_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
