/* SPDX-License-Identifier: ISC */
/* Which messages of a set are so, told as runs (store_match). */
#include "store/box_test_helper.h"

static const char *
printed(const struct runs *r)
{
	static struct buffer b;
	static char copy[100];

	runs_print(&b, r);
	(void)snprintf(copy, sizeof(copy), "%s", buffer_string(&b));
	buffer_done(&b);
	return copy;
}

static void
match_all(struct box *b, uint32_t last, const struct store_question *q, size_t count,
    const char *want, const char *absent)
{
	struct runs uids = world_uids(1, last);
	struct buffer questions = BUFFER_INIT;
	struct store_match_reply reply;

	for (size_t i = 0; i < count; i++)
		store_question_pack(&questions, &q[i]);
	assert_ok(ASK(b->w, access, store_match, &reply, .token = b->token, .mailbox = b->inbox,
	    .uids = uids, .questions = buffer_text(&questions)));
	buffer_done(&questions);
	runs_done(&uids);
	assert_int_equal(reply.resume, 0);
	assert_string_equal(printed(&reply.yes), want);
	assert_string_equal(printed(&reply.absent), absent);
}

static void
match(struct box *b, uint32_t last, enum match_what what, int64_t low, int64_t high, bool negate,
    const char *want, const char *absent)
{
	const struct store_question q = { what, low, high, negate };

	match_all(b, last, &q, 1, want, absent);
}

static void
by_flags_and_keywords(void **state)
{
	struct box *b = *state;

	box_set_flags(b, 2, 3, FLAGS_ADD, FLAG_SEEN, "");
	box_set_flags(b, 5, 5, FLAGS_ADD, FLAG_SEEN | FLAG_DELETED, "Label");
	match(b, 5, MATCH_FLAG, FLAG_SEEN, 0, false, "2:3,5", "");
	match(b, 5, MATCH_FLAG, FLAG_SEEN, 0, true, "1,4", "");
	match(b, 4, MATCH_FLAG, FLAG_DELETED, 0, false, "", "");
	match(b, 5, MATCH_KEYWORD, 0, 0, false, "5", "");
	match(b, 5, MATCH_KEYWORD, 0, 0, true, "1:4", "");
	match(b, 5, MATCH_KEYWORD, 9, 0, false, "", "");
}

static void
by_date_and_size(void **state)
{
	struct box *b = *state;
	struct runs uids = world_uids(1, 5);
	struct store_fetch_reply rows;
	struct store_row row;
	struct unpack u;

	assert_ok(ASK(b->w, access, store_fetch, &rows, .token = b->token, .mailbox = b->inbox,
	    .uids = uids));
	u = unpack_of(rows.rows);
	store_row_unpack(&u, 0, &row);
	runs_done(&uids);
	match(b, 5, MATCH_DATE, row.date, INT64_MAX, false, "1:5", "");
	match(b, 5, MATCH_DATE, INT64_MIN, row.date - 1, false, "", "");
	match(b, 5, MATCH_DATE, INT64_MIN, row.date - 1, true, "1:5", "");
	match(b, 5, MATCH_SIZE, (int64_t)row.size, (int64_t)row.size, false, "1:5", "");
	match(b, 5, MATCH_SIZE, (int64_t)row.size + 1, INT64_MAX, false, "", "");
}

/* All must be true; nothing asked is true of all that are there. */
static void
several_questions(void **state)
{
	static const struct store_question q[] = { { MATCH_FLAG, FLAG_SEEN, 0, false },
		{ MATCH_FLAG, FLAG_DELETED, 0, true }, { MATCH_KEYWORD, 0, 0, false } };
	struct box *b = *state;
	struct runs uids = world_uids(1, 5);
	struct store_match_reply reply;

	box_set_flags(b, 2, 4, FLAGS_ADD, FLAG_SEEN, "Label");
	box_set_flags(b, 3, 3, FLAGS_ADD, FLAG_DELETED, "");
	box_set_flags(b, 5, 5, FLAGS_ADD, FLAG_SEEN, "");
	match_all(b, 5, q, 0, "1:5", "");
	match_all(b, 5, q, 1, "2:5", "");
	match_all(b, 6, q, 2, "2,4:5", "6");
	match_all(b, 5, q, 3, "2,4", "");
	assert_int_equal(ASK(b->w, access, store_match, &reply, .token = b->token,
			     .mailbox = b->inbox, .uids = uids, .questions = TEXT("\xff")),
	    STATUS_INVALID);
	runs_done(&uids);
}

/* A request asks so much and no more. */
static void
too_many_questions(void **state)
{
	static const struct store_question q = { MATCH_FLAG, FLAG_SEEN, 0, true };
	struct box *b = *state;
	struct runs uids = world_uids(1, 5);
	struct buffer questions = BUFFER_INIT;
	struct store_match_reply reply;

	for (int i = 0; i < STORE_QUESTIONS_MAX; i++)
		store_question_pack(&questions, &q);
	assert_ok(ASK(b->w, access, store_match, &reply, .token = b->token, .mailbox = b->inbox,
	    .uids = uids, .questions = buffer_text(&questions)));
	assert_string_equal(printed(&reply.yes), "1:5");
	store_question_pack(&questions, &q);
	assert_int_equal(
	    ASK(b->w, access, store_match, &reply, .token = b->token, .mailbox = b->inbox,
		.uids = uids, .questions = buffer_text(&questions)),
	    STATUS_INVALID);
	buffer_done(&questions);
	runs_done(&uids);
}

/* What is not there is neither so nor otherwise. */
static void
absent_messages(void **state)
{
	struct box *b = *state;
	struct runs uids = world_uids(2, 3);
	struct store_expunge_reply reply;

	assert_ok(ASK(b->w, access, store_expunge, &reply, .token = b->token, .op = random_u64(),
	    .mailbox = b->inbox, .uids = uids, .force = 1));
	runs_done(&uids);
	match(b, 7, MATCH_FLAG, FLAG_SEEN, 0, true, "1,4:5", "2:3,6:7");
	match(b, 7, MATCH_FLAG, FLAG_SEEN, 0, false, "", "2:3,6:7");
}

/* What changed since an earlier answer is told, whatever is asked. */
static void
changed_since(void **state)
{
	static const struct store_question q = { MATCH_FLAG, FLAG_DRAFT, 0, false };
	struct box *b = *state;
	struct runs uids = world_uids(2, 5);
	struct buffer question = BUFFER_INIT;
	struct store_match_reply first, then;

	store_question_pack(&question, &q);
	box_set_flags(b, 2, 2, FLAGS_ADD, FLAG_SEEN, "");
	assert_ok(ASK(b->w, access, store_match, &first, .token = b->token, .mailbox = b->inbox,
	    .uids = uids, .questions = buffer_text(&question)));
	assert_string_equal(printed(&first.changed), "");
	box_set_flags(b, 1, 1, FLAGS_ADD, FLAG_SEEN, "");
	box_set_flags(b, 4, 5, FLAGS_ADD, FLAG_DRAFT, "");
	assert_ok(ASK(b->w, access, store_match, &then, .token = b->token, .mailbox = b->inbox,
	    .uids = uids, .questions = buffer_text(&question), .since = first.modseq));
	assert_string_equal(printed(&then.yes), "4:5");
	assert_string_equal(printed(&then.changed), "4:5");
	buffer_done(&question);
	runs_done(&uids);
}

/* More runs than a reply takes: what is left is told by resume. */
static void
many_runs(void **state)
{
	struct box *b = *state;
	struct store_copy_reply copied;
	struct store_match_reply reply;
	struct runs all = RUNS_INIT, yes = RUNS_INIT, left = world_uids(1, 5u << 11);
	const struct store_question q = { MATCH_FLAG, FLAG_SEEN, 0, false };
	struct buffer question = BUFFER_INIT;
	unsigned replies = 0;

	store_question_pack(&question, &q);
	box_set_flags(b, 2, 2, FLAGS_ADD, FLAG_SEEN, "");
	box_set_flags(b, 4, 4, FLAGS_ADD, FLAG_SEEN, "");
	for (uint32_t n = 5; n < 5u << 11; n *= 2) {
		all = world_uids(1, n);
		assert_ok(ASK(b->w, access, store_copy, &copied, .token = b->token,
		    .op = random_u64(), .mailbox = b->inbox, .uids = all, .to = TEXT("INBOX")));
		runs_done(&all);
	}
	do {
		assert_ok(ASK(b->w, access, store_match, &reply, .token = b->token,
		    .mailbox = b->inbox, .uids = left, .questions = buffer_text(&question)));
		assert_true(runs_empty(&reply.absent));
		runs_add_all(&yes, &reply.yes);
		if (reply.resume != 0)
			runs_remove(&left, 1, (uint32_t)reply.resume - 1);
		replies++;
	} while (reply.resume != 0);
	assert_int_equal(replies, 2); /* of 4,096 runs */
	assert_int_equal(runs_total(&yes), 2u << 11);
	for (uint32_t i = 0; i < yes.count; i++)
		assert_int_equal(yes.at[i].first, i / 2 * 5 + (i % 2 == 0 ? 2 : 4));
	buffer_done(&question);
	runs_done(&yes);
	runs_done(&left);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(by_flags_and_keywords, box_filled, box_done),
		cmocka_unit_test_setup_teardown(by_date_and_size, box_filled, box_done),
		cmocka_unit_test_setup_teardown(several_questions, box_filled, box_done),
		cmocka_unit_test_setup_teardown(too_many_questions, box_filled, box_done),
		cmocka_unit_test_setup_teardown(absent_messages, box_filled, box_done),
		cmocka_unit_test_setup_teardown(changed_since, box_filled, box_done),
		cmocka_unit_test_setup_teardown(many_runs, box_filled, box_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
