/* SPDX-License-Identifier: ISC */
/*
 * APPEND of many messages by one command (RFC 3502 6.3.11): intake works on them
 * while the next ones come, and what is filed is the same as if it did not.
 */
#include <sched.h>

#include "imap/append.h"
#include "imap/session_testing.h"
#include "intake/piece.h"
#include "intake/prepared.h"
#include "runtime/metrics.h"
#include "runtime/thread.h"

#define MANY 80
#define OCTETS 10000 /* of each, about */

/* The n-th message; each is a text of its own. */
static void
add_mail(struct buffer *b, unsigned n)
{
	buffer_addf(b, "From: a@demo.test\r\nSubject: number %u\r\n\r\n", n);
	for (size_t from = b->len; b->len < from + OCTETS + n;)
		buffer_addf(b, "%u in line %zu\r\n", n, b->len - from);
}

static void
add_literal(struct buffer *b, unsigned n)
{
	struct buffer mail = BUFFER_INIT;

	add_mail(&mail, n);
	buffer_addf(b, " {%zu+}\r\n", mail.len);
	buffer_add_text(b, buffer_text(&mail));
	buffer_done(&mail);
}

static void
add_command(struct buffer *b, const char *begins, unsigned from, unsigned count)
{
	buffer_add_string(b, begins);
	for (unsigned n = from; n < from + count; n++)
		add_literal(b, n);
	buffer_add_string(b, "\r\n");
}

static void
answers(struct talk *t, struct buffer *b, const char *want)
{
	const char *got = talk_run(t, buffer_text(b), WAKE_INPUT);

	if (strstr(got, want) == NULL)
		fail_msg("got:\n%.500s\nwant in it:\n%s", got, want);
	buffer_clear(b);
}

/* INBOX holds these, in their order, whole. */
static void
holds(struct talk *t, const unsigned *number, unsigned count)
{
	struct buffer b = BUFFER_INIT, mail = BUFFER_INIT;

	buffer_addf(&b, "h1 EXAMINE INBOX\r\n");
	answers(t, &b, "h1 OK");
	for (unsigned i = 0; i < count; i++) {
		buffer_clear(&mail);
		add_mail(&mail, number[i]);
		buffer_addf(&b, "h2 FETCH %u (RFC822.SIZE BODY.PEEK[])\r\n", i + 1);
		answers(t, &b, buffer_string(&mail));
		buffer_addf(&b, "h3 FETCH %u ENVELOPE\r\n", i + 1);
		buffer_clear(&mail);
		buffer_addf(&mail, "(NIL \"number %u\" ", number[i]);
		answers(t, &b, buffer_string(&mail));
	}
	buffer_addf(&b, "h4 FETCH %u UID\r\n", count + 1);
	assert_null(strstr(talk_run(t, buffer_text(&b), WAKE_INPUT), " FETCH ("));
	buffer_done(&b);
	buffer_done(&mail);
}

static void
holds_many(struct talk *t)
{
	unsigned number[MANY];

	for (unsigned i = 0; i < MANY; i++)
		number[i] = i;
	holds(t, number, MANY);
}

static void
they_are_worked_on_while_others_come(void **state)
{
	struct buffer b = BUFFER_INIT;
	int64_t parsed = metric_get(METRIC_INTAKE_MESSAGES);
	int64_t ahead = metric_get(METRIC_INTAKE_PREPARED);
	uint64_t before;
	struct talk t;

	sign_in(&t);
	before = commits();
	add_command(&b, "a1 APPEND INBOX", 0, MANY);
	answers(&t, &b, " 1:80] APPEND done\r\n");
	assert_int_equal(commits() - before, 1);
	assert_int_equal(metric_get(METRIC_INTAKE_MESSAGES) - parsed, MANY);
	assert_in_range(metric_get(METRIC_INTAKE_PREPARED) - ahead, MANY / 2, MANY - 1);
	holds_many(&t);
	buffer_done(&b);
	talk_end(&t);
}

/* Puts out of the memory of intake what it has kept, when it has come so far: the
 * part before the last one is done by then. Each takes less than a share. */
static void
parse_and_lose(struct text message, const struct mime_limits *limits, struct arena *a,
    struct mime_summary *out)
{
	mime_parse(message, limits, a, out);
	if (text_find(message, TEXT("Subject: number 45\r\n"), 0) == message.len)
		return;
	for (uint64_t i = 1; i <= 8; i++) {
		struct prepared *large = prepared_new(i, 0, (struct numbers){ NULL, 0 });

		large->key = UINT64_MAX - i;
		(void)buffer_room(&large->contents, PREPARED_OCTETS / 8 - 64);
		assert_ok(prepared_keep(large));
	}
}

static void
what_intake_lost_is_made_again(void **state)
{
	struct buffer b = BUFFER_INIT;
	int64_t parsed = metric_get(METRIC_INTAKE_MESSAGES);
	uint64_t before;
	struct talk t;

	house.intake.parse = parse_and_lose;
	sign_in(&t);
	before = commits();
	add_command(&b, "a1 APPEND INBOX", 0, MANY);
	answers(&t, &b, " 1:80] APPEND done\r\n");
	assert_int_equal(commits() - before, 1);
	assert_true(metric_get(METRIC_INTAKE_MESSAGES) - parsed > MANY);
	holds_many(&t);
	buffer_done(&b);
	talk_end(&t);
}

static enum status
prepare(uint64_t op, uint64_t *sizes, uint32_t count, struct text messages)
{
	const struct intake_prepare_request q = {
		.op = op, .sizes = { sizes, count }, .messages = PAYLOAD_OF(messages)
	};
	struct intake_prepare_reply r;
	struct arena a = ARENA_INIT;
	enum status s = intake_prepare(house.calls, &q, &a, &r, NULL);

	arena_done(&a);
	return s;
}

/* Fills the account's share but for what one or two parts take. */
static void
use_up_the_share(uint64_t account)
{
	for (size_t octets = PREPARED_SHARE / 2; octets >= 2 * PREPARED_LEAST; octets /= 2) {
		struct prepared *large = prepared_new(octets, 0, (struct numbers){ NULL, 0 });

		large->key = account;
		(void)buffer_room(&large->contents, octets - 64);
		assert_ok(prepared_keep(large));
	}
}

/* One part fails: none is claimed, and all is made at the end, by one call; what was
 * kept of it is let go. */
static void
what_cannot_be_prepared_is_not_claimed(void **state)
{
	struct buffer b = BUFFER_INIT;
	int64_t ahead = metric_get(METRIC_INTAKE_PREPARED);
	unsigned filings = house_filings;
	size_t kept;
	struct talk t;

	sign_in(&t);
	use_up_the_share(((struct imap *)t.s)->account);
	kept = prepared_octets();
	add_command(&b, "a1 APPEND INBOX", 0, MANY);
	answers(&t, &b, " 1:80] APPEND done\r\n");
	assert_int_equal(house_filings - filings, 1);
	assert_int_equal(metric_get(METRIC_INTAKE_PREPARED), ahead);
	assert_ok(prepare(UINT64_MAX, NULL, 0, TEXT_EMPTY)); /* behind all others */
	assert_int_equal(prepared_octets(), kept);
	holds_many(&t);
	buffer_done(&b);
	talk_end(&t);
	prepared_end();
}

/* ---- the answer is lost ---- */

static uint64_t commits_before;

static void
until_filed(void)
{
	int64_t until = thread_time() + CLOCK_MINUTE;

	while (commits() == commits_before && thread_time() < until)
		(void)sched_yield();
	assert_int_not_equal(commits(), commits_before);
	house_before_filing = house_behind_filing = NULL;
}

static void
lose_the_store(void)
{
	commits_before = commits();
	call_pair_break(house.inner, 0);
}

static void
store_is_back(void)
{
	until_filed();
	call_pair_mend(house.inner, 0);
}

static void
lose_intake(void)
{
	commits_before = commits();
	call_pair_break(house.access, house.intake_link);
}

static void
intake_is_back(void)
{
	until_filed();
	call_pair_mend(house.access, house.intake_link);
}

/* The store has filed them, and neither intake nor the session hears of it. */
static void
is_filed_once(void (*before)(void), void (*behind)(void))
{
	struct buffer b = BUFFER_INIT;
	int64_t ahead = metric_get(METRIC_INTAKE_PREPARED);
	uint64_t all;
	struct talk t;

	sign_in(&t);
	all = commits();
	house_before_filing = before;
	house_behind_filing = behind;
	add_command(&b, "a1 APPEND INBOX", 0, MANY);
	answers(&t, &b, " 1:80] APPEND done\r\n");
	assert_true(metric_get(METRIC_INTAKE_PREPARED) - ahead >= MANY / 2);
	assert_null(house_before_filing);
	assert_int_equal(commits() - all, 1);
	holds_many(&t);
	buffer_done(&b);
	talk_end(&t);
}

static void
the_link_to_the_store_is_lost_behind_the_commit(void **state)
{
	is_filed_once(lose_the_store, store_is_back);
}

static void
intake_is_lost_behind_the_commit(void **state)
{
	is_filed_once(lose_intake, intake_is_back);
}

/* ---- bounds ---- */

static _Atomic unsigned held_most, mapped_most;

/* How many payloads are mapped into this process. */
static unsigned
mapped(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[1024];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, "memfd:payload") != NULL;
	assert_int_equal(fclose(f), 0);
	return n;
}

static void
parse_and_count(struct text message, const struct mime_limits *limits, struct arena *a,
    struct mime_summary *out)
{
	unsigned held = append_parts_held, maps = mapped();

	held_most = held > held_most ? held : held_most;
	mapped_most = maps > mapped_most ? maps : mapped_most;
	mime_parse(message, limits, a, out);
}

/* So many of them that they would make more parts than there may be. */
static void
append_very_many(unsigned count)
{
	struct buffer b = BUFFER_INIT, want = BUFFER_INIT;
	struct talk t;

	held_most = mapped_most = 0;
	house.intake.parse = parse_and_count;
	sign_in(&t);
	add_command(&b, "a1 APPEND INBOX", 0, count);
	buffer_addf(&want, " 1:%u] APPEND done\r\n", count);
	answers(&t, &b, buffer_string(&want));
	buffer_done(&b);
	buffer_done(&want);
	talk_end(&t);
}

static void
a_command_has_so_many_parts(void **state)
{
	append_very_many(1600);
	assert_int_equal(held_most, APPEND_AHEAD_PARTS);
	/* Those under way, here and on the side of intake, and the rest at the end. */
	assert_in_range(mapped_most, 1, 2 * (APPEND_AHEAD_CALLS + 2));
	assert_int_equal(append_parts_held, 0);
}

static void
all_sessions_have_so_many(void **state)
{
	append_parts_held = APPEND_AHEAD_PARTS_ALL - 2;
	append_very_many(MANY);
	assert_int_equal(held_most, APPEND_AHEAD_PARTS_ALL);
	assert_int_equal(append_parts_held, APPEND_AHEAD_PARTS_ALL - 2);
	append_parts_held = 0;
}

/* ---- large ones ---- */

static _Atomic size_t large_at_filing;

static void
note_large(void)
{
	large_at_filing = large_now();
}

/* What was prepared counts: only so many octets are in hand at a time. */
static void
prepared_ones_are_large_together(void **state)
{
	large_at_filing = 0;
	house_before_filing = note_large;
	append_very_many(140);
	house_before_filing = NULL;
	assert_in_range(large_at_filing, 140 * OCTETS, 150 * OCTETS);
}

/* A command that is refused takes what was handed over with it; those that came
 * behind it are filed as they are. */
static void
a_refused_command_leaves_nothing(void **state)
{
	static const unsigned left[] = { 101, 102, 103 };
	struct buffer b = BUFFER_INIT;
	struct talk t;

	sign_in(&t);
	add_command(&b, "a1 APPEND INBOX", 0, MANY);
	buffer_cut(&b, b.len - 2);
	buffer_add_string(&b, " nonsense\r\n");
	add_command(&b, "a2 APPEND INBOX", 101, 2);
	add_command(&b, "a3 APPEND INBOX", 103, 1);
	answers(&t, &b, "a1 BAD ");
	holds(&t, left, 3);
	buffer_done(&b);
	talk_end(&t);
}

/* Commands that came together, of which the first was handed over in part. */
static void
others_may_follow(void **state)
{
	unsigned number[43];
	struct buffer b = BUFFER_INIT;
	struct talk t;

	sign_in(&t);
	add_command(&b, "a1 APPEND INBOX", 0, 40);
	add_command(&b, "a2 APPEND INBOX", 200, 2);
	buffer_cut(&b, b.len - 2);
	buffer_add_string(&b, " nonsense\r\n");
	add_command(&b, "a3 APPEND INBOX", 300, 3);
	answers(&t, &b, "a2 BAD ");
	assert_non_null(strstr(buffer_string(&t.out), " 1:40] APPEND done\r\n"));
	for (unsigned i = 0; i < 43; i++)
		number[i] = i < 40 ? i : 260 + i;
	holds(&t, number, 43);
	buffer_done(&b);
	talk_end(&t);
}

/* ---- the calls ---- */

static enum status
file_prepared(uint64_t op, uint64_t prepared, uint64_t *sizes, uint32_t count, struct text rest)
{
	uint64_t zeros[8] = { 0 };
	const struct intake_append_all_request q = { .token = TEXT("none"),
		.op = op,
		.name = TEXT("INBOX"),
		.prepared = prepared,
		.flags = { zeros, count },
		.keyword_counts = { zeros, count },
		.dates = { zeros, count },
		.sizes = { sizes, count },
		.messages = PAYLOAD_OF(rest) };
	struct intake_append_all_reply r;
	struct arena a = ARENA_INIT;
	enum status s = intake_append_all(house.calls, &q, &a, &r, NULL);

	arena_done(&a);
	return s;
}

/* DENIED is the store's word for the token: all was there. */
static void
what_does_not_fit_is_not_used(void **state)
{
	uint64_t sizes[] = { 3, 4, 5 }, others[] = { 4, 3, 5 }, many[PREPARED_MESSAGES_MAX + 1];

	assert_int_equal(prepare(21, sizes, 2, TEXT("A:\nB:\n\n")), STATUS_OK);
	assert_int_equal(file_prepared(21, 2, sizes, 3, TEXT("C:\n\n\n")), STATUS_DENIED);
	assert_int_equal(file_prepared(21, 2, sizes, 3, TEXT("C:\n\n\n")), STATUS_AGAIN);
	assert_int_equal(prepare(22, sizes, 2, TEXT("A:\nB:\n\n")), STATUS_OK);
	assert_int_equal(file_prepared(22, 2, others, 3, TEXT("C:\n\n\n")), STATUS_AGAIN);
	assert_int_equal(prepare(23, sizes, 2, TEXT("A:\nB:\n\n")), STATUS_OK);
	assert_int_equal(file_prepared(23, 1, sizes, 2, TEXT("C:\n\n")), STATUS_AGAIN);
	assert_int_equal(prepare(24, sizes, 2, TEXT("A:\nB:\n\n")), STATUS_OK);
	assert_int_equal(prepare(24, NULL, 0, TEXT_EMPTY), STATUS_OK);
	assert_int_equal(file_prepared(24, 2, sizes, 3, TEXT("C:\n\n\n")), STATUS_AGAIN);
	/* It comes behind the word that nothing comes. */
	assert_int_equal(prepare(24, sizes, 2, TEXT("A:\nB:\n\n")), STATUS_OK);
	assert_int_equal(file_prepared(24, 2, sizes, 3, TEXT("C:\n\n\n")), STATUS_AGAIN);
	assert_int_equal(file_prepared(7, 4, sizes, 3, TEXT_EMPTY), STATUS_INVALID);
	assert_int_equal(prepare(7, sizes, 2, TEXT("A:\nB:\n")), STATUS_INVALID);
	for (unsigned i = 0; i < ARRAY_LEN(many); i++)
		many[i] = 1;
	assert_int_equal(prepare(7, many, ARRAY_LEN(many), TEXT("A:\nB:\n")), STATUS_LIMIT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(they_are_worked_on_while_others_come),
		CASE(what_intake_lost_is_made_again),
		CASE(what_cannot_be_prepared_is_not_claimed),
		CASE(the_link_to_the_store_is_lost_behind_the_commit),
		CASE(intake_is_lost_behind_the_commit),
		CASE(a_command_has_so_many_parts),
		CASE(all_sessions_have_so_many),
		CASE(prepared_ones_are_large_together),
		CASE(a_refused_command_leaves_nothing),
		CASE(others_may_follow),
		CASE(what_does_not_fit_is_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
