/* SPDX-License-Identifier: ISC */
/* Limits against abuse of sending: up to where mail is taken, what is said at
 * the line, and when an account is stopped and goes on. */
#include "store/sending.h"

#include <string.h>

#include "store/limits_calls.h"
#include "store/outgoing_test_helper.h"
#include "store/queue_admin_calls.h"
#include "store/scan.h"
#include "store/sending_known.h"

#define ALICE "alice@example.com"
#define POSTMASTER "postmaster@example.com"

static const char *const names[] = { "sending.messages_hour", "sending.messages_day",
	"sending.recipients_hour", "sending.recipients_day", "sending.first_hour",
	"sending.first_day", "sending.freeze_refused", "sending.freeze_bounces" };

static int
setup_sending(void **state)
{
	(void)setup(state);
	(void)world_account(((struct rig *)*state)->w, POSTMASTER);
	return 0;
}

static int
teardown_sending(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		set(*state, names[i], "");
	return teardown(state);
}

/* So many seconds after NOW, signed in anew. */
static void
later(struct rig *r, int64_t seconds)
{
	at(NOW + seconds);
	r->token = world_token(r->w, r->alice);
}

static uint64_t
begin(struct rig *r, struct text *words)
{
	struct submission_sender_reply reply;

	assert_ok(ASK(
	    r->w, access, submission_sender, &reply, .token = r->token, .address = TEXT(ALICE)));
	*words = reply.words;
	return reply.verdict;
}

static bool
calm(struct rig *r)
{
	struct submission_sender_reply reply;

	assert_ok(ASK(
	    r->w, access, submission_sender, &reply, .token = r->token, .address = TEXT(ALICE)));
	return reply.calm != 0;
}

static uint64_t
rcpt(struct rig *r, const char *address, uint64_t before)
{
	struct submission_rcpt_reply reply;

	assert_ok(ASK(r->w, access, submission_rcpt, &reply, .token = r->token,
	    .address = text_of(address), .before = before));
	return reply.verdict;
}

/* What a submission to these, apart by spaces, is answered. */
static uint64_t
verdict_op(struct rig *r, const char *to, uint64_t op)
{
	struct submission_commit_reply reply;
	struct text rest = text_of(to), one, address[64], none[64];
	uint64_t notify[64] = { 0 };
	uint32_t n = 0;

	while (text_split(&rest, ' ', &one)) {
		address[n] = one;
		none[n++] = TEXT_EMPTY;
	}
	assert_ok(ASK(r->w, intake, submission_commit, &reply, .token = r->token, .op = op,
	    .id = TEXT("ID1"), .sender = TEXT(ALICE), .received = clock_wall() / CLOCK_SECOND,
	    .size = r->p.raw.len, .summary = r->p.summary, .recipients = { address, n },
	    .orcpts = { none, n }, .notify = { notify, n }, .content = PAYLOAD_OF(r->p.content)));
	return reply.verdict;
}

static uint64_t
verdict(struct rig *r, const char *to)
{
	return verdict_op(r, to, random_u64());
}

static struct limits_show_reply
shown(struct rig *r)
{
	struct limits_show_reply reply;

	assert_ok(ASK(r->w, admin, limits_show, &reply, .address = TEXT(ALICE)));
	assert_int_equal(reply.used.count, SENDING_LIMITS);
	return reply;
}

static uint64_t
used(struct rig *r, enum sending_what what, enum sending_span span)
{
	return shown(r).used.at[what * SENDING_SPANS + span];
}

static void
tend(struct rig *r)
{
	store_tend(r->w->store);
	store_settle(r->w->store);
	store_tend(r->w->store);
	store_settle(r->w->store);
}

static uint64_t
in_inbox(struct rig *r, const char *address)
{
	struct store_account_reply reply;

	assert_ok(ASK(r->w, admin, store_account, &reply, .address = text_of(address)));
	return reply.messages;
}

static uint64_t
change(struct rig *r, enum limits_change what, const char *why)
{
	struct limits_change_reply reply;

	assert_ok(ASK(r->w, admin, limits_change, &reply, .address = TEXT(ALICE), .change = what,
	    .why = text_of(why)));
	return reply.changed;
}

static void
limit(struct rig *r, unsigned which, bool own, uint64_t value)
{
	struct limits_change_reply reply;

	assert_ok(ASK(r->w, admin, limits_change, &reply, .address = TEXT(ALICE),
	    .change = LIMITS_SET, .which = which, .own = own, .value = value));
}

static bool
has(struct text words, const char *part)
{
	return memmem(words.ptr, words.len, part, strlen(part)) != NULL;
}

/* ---- limits ---- */

static void
messages_in_an_hour(void **state)
{
	struct rig *r = *state;
	struct text words;

	set(r, "sending.messages_hour", "2");
	assert_int_equal(verdict(r, "x@example.org"), SUBMISSION_OK);
	assert_int_equal(begin(r, &words), SUBMISSION_OK);
	later(r, 600);
	assert_int_equal(verdict(r, "x@example.org"), SUBMISSION_OK);
	assert_int_equal(begin(r, &words), SUBMISSION_LIMITED);
	assert_true(has(words, "You have sent 2 messages in the last hour, and 2 are allowed"));
	assert_true(has(words, "try again after 2023-11-14 23:15 UTC"));
	assert_true(has(words, "postmaster@example.com"));
	assert_int_equal(verdict(r, "x@example.org"), SUBMISSION_LIMITED);
	assert_int_equal(used(r, SENDING_MESSAGES, SENDING_HOUR), 2);
	later(r, 3600);
	assert_int_equal(begin(r, &words), SUBMISSION_LIMITED);
	later(r, 3700); /* 23:15 */
	assert_int_equal(begin(r, &words), SUBMISSION_OK);
	assert_int_equal(verdict(r, "x@example.org"), SUBMISSION_OK);
	assert_int_equal(verdict(r, "x@example.org"), SUBMISSION_LIMITED);
}

/* Only who is far from every line may be remembered, and not who is stopped. */
static void
who_is_far_from_the_lines_is_calm(void **state)
{
	struct rig *r = *state;

	set(r, "sending.messages_hour", "101");
	assert_true(calm(r));
	assert_int_equal(verdict(r, "x@example.org"), SUBMISSION_OK);
	assert_true(calm(r));
	assert_int_equal(verdict(r, "x@example.org"), SUBMISSION_OK);
	assert_false(calm(r));
	set(r, "sending.messages_hour", "0");
	assert_true(calm(r));
	set(r, "sending.first_day", "100");
	assert_false(calm(r));
	set(r, "sending.first_day", "0");
	assert_int_equal(change(r, LIMITS_FREEZE, "because"), 1);
	assert_false(calm(r));
}

static void
recipients_in_a_day(void **state)
{
	struct rig *r = *state;

	set(r, "sending.recipients_day", "3");
	assert_int_equal(rcpt(r, "a@example.org", 2), SUBMISSION_OK);
	assert_int_equal(rcpt(r, "a@example.org", 3), SUBMISSION_LIMITED);
	assert_int_equal(verdict(r, "a@example.org b@example.org c@example.org d@example.org"),
	    SUBMISSION_LIMITED);
	assert_int_equal(used(r, SENDING_RECIPIENTS, SENDING_DAY), 0);
	assert_int_equal(verdict(r, "a@example.org b@example.org"), SUBMISSION_OK);
	assert_int_equal(rcpt(r, "a@example.org", 0), SUBMISSION_OK);
	assert_int_equal(rcpt(r, "a@example.org", 1), SUBMISSION_LIMITED);
	/* It survives the end of the process, and a call made again counts once. */
	assert_int_equal(verdict_op(r, ALICE, 77), SUBMISSION_OK);
	assert_int_equal(verdict_op(r, ALICE, 77), SUBMISSION_OK);
	assert_int_equal(used(r, SENDING_RECIPIENTS, SENDING_DAY), 3);
	crash(r);
	assert_int_equal(verdict_op(r, ALICE, 77), SUBMISSION_OK);
	assert_int_equal(used(r, SENDING_RECIPIENTS, SENDING_DAY), 3);
	assert_int_equal(used(r, SENDING_MESSAGES, SENDING_HOUR), 2);
	later(r, 7200);
	assert_int_equal(used(r, SENDING_MESSAGES, SENDING_HOUR), 0);
	assert_int_equal(verdict(r, "a@example.org"), SUBMISSION_LIMITED);
	later(r, 86400 + 3600);
	assert_int_equal(verdict(r, "a@example.org"), SUBMISSION_OK);
}

static void
recipients_for_the_first_time(void **state)
{
	struct rig *r = *state;

	set(r, "sending.first_hour", "2");
	assert_int_equal(verdict(r, "a@example.org A@Example.org b@example.org"), SUBMISSION_OK);
	assert_int_equal(used(r, SENDING_FIRST, SENDING_HOUR), 2);
	assert_int_equal(rcpt(r, "c@example.org", 0), SUBMISSION_LIMITED);
	assert_int_equal(rcpt(r, "B@EXAMPLE.ORG", 0), SUBMISSION_OK);
	assert_int_equal(verdict(r, "a@example.org b@example.org"), SUBMISSION_OK);
	assert_int_equal(verdict(r, "a@example.org c@example.org"), SUBMISSION_LIMITED);
	crash(r);
	assert_int_equal(used(r, SENDING_FIRST, SENDING_HOUR), 2);
	assert_int_equal(verdict(r, "b@example.org a@example.org"), SUBMISSION_OK);
	assert_int_equal(rcpt(r, "c@example.org", 0), SUBMISSION_LIMITED);
	later(r, 7200);
	assert_int_equal(verdict(r, "a@example.org c@example.org"), SUBMISSION_OK);
	assert_int_equal(used(r, SENDING_FIRST, SENDING_HOUR), 1);
}

static void
an_account_has_limits_of_its_own(void **state)
{
	struct rig *r = *state;
	struct text words;

	set(r, "sending.messages_hour", "1");
	assert_int_equal(verdict(r, "a@example.org"), SUBMISSION_OK);
	assert_int_equal(begin(r, &words), SUBMISSION_LIMITED);
	limit(r, 0, true, 2);
	assert_int_equal(shown(r).limits.at[0], 2);
	assert_int_equal(shown(r).own.at[0], 1);
	assert_int_equal(begin(r, &words), SUBMISSION_OK);
	assert_int_equal(verdict(r, "a@example.org"), SUBMISSION_OK);
	assert_int_equal(begin(r, &words), SUBMISSION_LIMITED);
	limit(r, 0, true, 0);
	crash(r);
	assert_int_equal(begin(r, &words), SUBMISSION_OK);
	limit(r, 0, false, 0);
	assert_int_equal(shown(r).limits.at[0], 1);
	assert_int_equal(begin(r, &words), SUBMISSION_LIMITED);
}

static enum status
count_known(void *arg, struct text key, struct text value)
{
	assert_ok(sending_row_check(key, value));
	*(size_t *)arg += value.len / 4;
	assert_in_range(value.len, 1, 1 + 4 * SENDING_SLOT_MAX);
	return STATUS_OK;
}

/* What a shard remembers is bounded: the oldest are forgotten. */
static void
the_memory_is_bounded(void **state)
{
	struct rig *r = *state;
	size_t n = 0;

	for (unsigned i = 0; i < 12; i++) {
		struct buffer to = BUFFER_INIT;

		for (unsigned k = 0; k < 60; k++)
			buffer_addf(&to, "%su%u.%u@example.org", k > 0 ? " " : "", i, k);
		assert_int_equal(
		    verdict_op(r, buffer_string(&to), 16 * (uint64_t)(i + 1)), SUBMISSION_OK);
		buffer_done(&to);
	}
	assert_int_equal(used(r, SENDING_FIRST, SENDING_DAY), 720);
	assert_ok(scan_kind(r->w->store, (struct entity){ ENTITY_QUEUE, 16 % QUEUE_SHARDS },
	    KEY_Q_KNOWN, count_known, &n));
	assert_in_range(n, SENDING_KNOWN_MAX / 2, SENDING_KNOWN_MAX);
	crash(r);
	set(r, "sending.first_day", "720");
	assert_int_equal(rcpt(r, "u11.59@example.org", 0), SUBMISSION_OK);
}

/* One of before there were slots, that knows old@example.org. */
static void
put_row_without_a_slot(struct rig *r, uint64_t shard)
{
	struct key key = key_of(KEY_Q_KNOWN);
	struct buffer value = BUFFER_INIT;

	key_add(&key, SENDING_ACCOUNT, 1);
	key_add(&key, r->alice, 8);
	pack_u8(&value, 1);
	pack_be32(&value, known_hash(TEXT("old@example.org"), &r->w->arena));
	world_damage(
	    r->w, (struct entity){ ENTITY_QUEUE, shard }, key_text(&key), buffer_text(&value));
	buffer_done(&value);
}

static void
rows_without_a_slot_are_read(void **state)
{
	struct rig *r = *state;

	assert_int_equal(verdict_op(r, "a@example.org", 5), SUBMISSION_OK);
	put_row_without_a_slot(r, 5);
	crash(r);
	set(r, "sending.first_day", "1");
	assert_int_equal(rcpt(r, "a@example.org", 0), SUBMISSION_OK);
	assert_int_equal(rcpt(r, "OLD@example.org", 0), SUBMISSION_OK);
	assert_int_equal(rcpt(r, "new@example.org", 0), SUBMISSION_LIMITED);
}

/* ---- stopped ---- */

static void
who_goes_on_is_stopped(void **state)
{
	struct rig *r = *state;
	struct text words;

	set(r, "sending.messages_hour", "2");
	set(r, "sending.freeze_refused", "3");
	(void)submit(r, "a@example.org b@example.net");
	(void)submit(r, "c@example.org");
	assert_int_equal(take(r), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(begin(r, &words), SUBMISSION_LIMITED);
	tend(r);
	assert_int_equal(begin(r, &words), SUBMISSION_FROZEN);
	assert_true(has(words, "Sending is stopped for alice@example.com since 2023-11-14 22:13"));
	assert_true(has(words, "3 messages in the last hour were refused"));
	assert_true(has(words, "Change your password and ask postmaster@example.com"));
	assert_int_equal(rcpt(r, "a@example.org", 0), SUBMISSION_FROZEN);
	assert_int_equal(verdict(r, "a@example.org"), SUBMISSION_FROZEN);
	assert_int_equal(in_inbox(r, ALICE), 1);
	assert_int_equal(in_inbox(r, POSTMASTER), 1);
	assert_int_equal(shown(r).since, NOW);
	/* What was under way comes back, and is held then. */
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	later(r, 40);
	tend(r);
	assert_int_equal(shown(r).following, 1);
	later(r, 50);
	tend(r);
	assert_int_equal(shown(r).following, 0);
	later(r, 7200);
	assert_int_equal(take(r), 0);
	crash(r);
	tend(r);
	assert_int_equal(take(r), 0);
	assert_int_equal(begin(r, &words), SUBMISSION_FROZEN);
	assert_int_equal(in_inbox(r, ALICE), 1);
	assert_int_equal(change(r, LIMITS_RESUME, ""), 1);
	assert_int_equal(change(r, LIMITS_RESUME, ""), 0);
	tend(r);
	assert_int_equal(take(r), 1);
	assert_int_equal(take(r), 1);
	assert_int_equal(take(r), 1);
	assert_int_equal(begin(r, &words), SUBMISSION_OK);
}

/* What the operator held by hand stays so. */
static void
what_was_held_by_hand_stays(void **state)
{
	struct rig *r = *state;
	struct queue_admin_change_reply reply;
	uint64_t mine = submit(r, "a@example.org");
	struct text words;

	assert_ok(ASK(r->w, admin, queue_admin_change, &reply, .change = QUEUE_ADMIN_HOLD,
	    .messages = { &mine, 1 }));
	assert_int_equal(reply.changed, 1);
	r->not_before = NOW + 5000;
	(void)submit(r, "b@example.net");
	assert_int_equal(change(r, LIMITS_FREEZE, "a test"), 1);
	assert_int_equal(change(r, LIMITS_FREEZE, "another"), 0);
	assert_int_equal(begin(r, &words), SUBMISSION_FROZEN);
	assert_true(has(words, ": a test. Change"));
	tend(r);
	assert_int_equal(in_inbox(r, ALICE), 0);
	later(r, 60);
	tend(r);
	assert_int_equal(change(r, LIMITS_RESUME, ""), 1);
	tend(r);
	later(r, 70);
	tend(r);
	assert_int_equal(take(r), 0);
	assert_int_equal(shown(r).following, 0);
	later(r, 5001);
	assert_int_equal(take(r), 1);
	assert_text(r->lease.recipients.at[0], "b@example.net");
	assert_int_equal(take(r), 0);
}

/* It is not given out before it is held, not after a restart either. */
static void
what_is_to_be_held_stays(void **state)
{
	struct rig *r = *state;

	(void)submit(r, "a@example.org");
	assert_int_equal(change(r, LIMITS_FREEZE, "a test"), 1);
	assert_int_equal(take(r), 0);
	crash(r);
	assert_int_equal(take(r), 0);
	assert_int_equal(shown(r).following, 1);
	assert_int_equal(change(r, LIMITS_RESUME, ""), 1);
	later(r, 61);
	tend(r);
	assert_int_equal(take(r), 1);
}

static void
bounce(struct rig *r, enum queue_outcome outcome)
{
	(void)submit(r, "a@example.org");
	assert_int_equal(take(r), 1);
	report(r, outcome, SCHEDULE_WELL);
	tend(r);
}

/* Bounces in a row are written down by fours, and forgotten when they are a week old. */
static void
bounces_in_a_row_outlive_the_process(void **state)
{
	struct rig *r = *state;
	const int64_t week = SENDING_BOUNCES_SECONDS;

	set(r, "sending.freeze_bounces", "6");
	set(r, "suppression.keep", "0");
	r->reply = "550 5.1.1 no such user";
	for (int i = 0; i < 5; i++)
		bounce(r, QUEUE_FAILED);
	crash(r);
	bounce(r, QUEUE_FAILED);
	assert_int_equal(shown(r).since, 0);
	bounce(r, QUEUE_FAILED);
	assert_int_equal(shown(r).since, NOW);
	assert_int_equal(change(r, LIMITS_RESUME, ""), 1);
	tend(r);
	for (int i = 0; i < 5; i++)
		bounce(r, QUEUE_FAILED);
	bounce(r, QUEUE_DELIVERED);
	crash(r);
	for (int i = 0; i < 5; i++)
		bounce(r, QUEUE_FAILED);
	assert_int_equal(shown(r).since, 0);
	later(r, week + 1);
	tend(r);
	bounce(r, QUEUE_FAILED);
	crash(r);
	assert_int_equal(shown(r).since, 0);
	for (int i = 0; i < 5; i++)
		bounce(r, QUEUE_FAILED);
	assert_int_equal(shown(r).since, 0);
	bounce(r, QUEUE_FAILED);
	assert_int_equal(shown(r).since, NOW + week + 1);
	set(r, "suppression.keep", "");
}

/* Each round in the background does a part of a long queue; meanwhile nothing is given
 * out, and other accounts' mail waits for no more than a round. */
static void
a_long_queue_is_held_in_parts(void **state)
{
	struct rig *r = *state;
	unsigned rounds = 0;

	set(r, "sending.recipients_hour", "0");
	set(r, "sending.first_hour", "0");
	set(r, "sending.first_day", "0");
	for (unsigned i = 0; i < 160; i++) {
		struct buffer to = BUFFER_INIT;

		for (unsigned k = 0; k < 60; k++)
			buffer_addf(&to, "%su@d%u.example", k > 0 ? " " : "", k);
		assert_int_equal(verdict_op(r, buffer_string(&to), 16 + i), SUBMISSION_OK);
		buffer_done(&to);
	}
	assert_int_equal(change(r, LIMITS_FREEZE, "a test"), 1);
	later(r, 60);
	while (shown(r).following != 0) {
		store_tend(r->w->store);
		store_settle(r->w->store);
		if (rounds == 0)
			assert_int_equal(r->w->store->sending.pass.sender, r->alice);
		assert_int_equal(take(r), 0);
		assert_in_range(++rounds, 1, 20);
		later(r, 60 + 6 * rounds);
	}
	assert_in_range(rounds, 3, 20);
	assert_int_equal(change(r, LIMITS_RESUME, ""), 1);
	later(r, 500);
	tend(r);
	assert_int_equal(take(r), 1);
}

/* Who was on the way through the queue and has nothing to be done any more holds
 * up nobody. */
static void
a_way_of_nobody_is_forgotten(void **state)
{
	struct rig *r = *state;

	(void)submit(r, "a@example.org");
	r->w->store->sending.pass = (struct sending_pass){ .sender = 12345, .since = 1 };
	assert_int_equal(change(r, LIMITS_FREEZE, "a test"), 1);
	later(r, 60);
	tend(r);
	assert_int_equal(r->w->store->sending.pass.sender, 0);
	later(r, 120);
	tend(r);
	assert_int_equal(shown(r).following, 0);
}

static void
who_writes_to_nobody_is_stopped(void **state)
{
	struct rig *r = *state;
	struct text words;

	set(r, "sending.freeze_bounces", "3");
	r->reply = "550 5.1.1 no such user";
	for (int i = 0; i < 5; i++) {
		(void)submit(r, "a@example.org");
		assert_int_equal(take(r), 1);
		report(r, i == 2 ? QUEUE_DELIVERED : QUEUE_FAILED, SCHEDULE_WELL);
	}
	tend(r);
	assert_int_equal(begin(r, &words), SUBMISSION_OK);
	(void)submit(r, "a@example.org");
	assert_int_equal(take(r), 1);
	report(r, QUEUE_FAILED, SCHEDULE_WELL);
	tend(r);
	assert_int_equal(begin(r, &words), SUBMISSION_FROZEN);
	assert_true(has(words, "the last 3 recipients do not exist"));
	assert_int_equal(in_inbox(r, ALICE), 1);
}

/* ---- removed ---- */

static enum status
count_row(void *arg, struct text key, struct text value)
{
	(void)key;
	(void)value;
	++*(unsigned *)arg;
	return STATUS_OK;
}

/* Rows in which the account is counted, or has a rule. */
static unsigned
rows_of(struct rig *r, uint64_t account)
{
	static const enum key_kind kinds[] = { KEY_Q_SENT, KEY_Q_KNOWN };
	struct key rule = key_u64(KEY_S_RULE, account);
	struct text value;
	unsigned n = engine_get(r->w->engine, (struct entity){ ENTITY_SITE, 1 }, key_text(&rule),
			 &r->w->arena, &value) == STATUS_OK;

	for (uint64_t i = 0; i < QUEUE_SHARDS; i++)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			struct key from = key_of(kinds[k]), until;

			key_add(&from, SENDING_ACCOUNT, 1);
			key_add(&from, account, 8);
			until = key_behind(from);
			assert_ok(scan_rows(r->w->store, (struct entity){ ENTITY_QUEUE, i },
			    key_text(&from), key_text(&until), count_row, &n));
		}
	return n;
}

static void
remove_alice(struct rig *r)
{
	struct store_account_remove_reply none;

	assert_ok(ASK(r->w, admin, store_account_remove, &none, .address = TEXT(ALICE)));
}

/* A new account of the name begins with nothing. */
static void
what_is_removed_is_forgotten(void **state)
{
	struct rig *r = *state;
	uint64_t before = r->alice;

	set(r, "sending.messages_hour", "8");
	for (uint64_t op = 1; op <= 8; op++)
		assert_int_equal(
		    verdict_op(r, "a@example.org b@example.net", 16 + op), SUBMISSION_OK);
	limit(r, 1, true, 9);
	put_row_without_a_slot(r, 5);
	assert_in_range(rows_of(r, before), 11, 18);
	remove_alice(r);
	tend(r);
	assert_int_equal(rows_of(r, before), 0);
	r->alice = world_account(r->w, ALICE);
	assert_int_not_equal(r->alice, before);
	r->token = world_token(r->w, r->alice);
	assert_int_equal(used(r, SENDING_MESSAGES, SENDING_DAY), 0);
	assert_int_equal(shown(r).own.at[1], 0);
	assert_int_equal(verdict(r, "a@example.org"), SUBMISSION_OK);
	assert_int_equal(used(r, SENDING_FIRST, SENDING_DAY), 1);
}

/* A crash in the middle of it leaves it to the next start. */
static void
a_crash_while_it_is_forgotten(void **state)
{
	struct rig *r = *state;
	uint64_t before = r->alice;

	for (uint64_t op = 1; op <= 8; op++)
		assert_int_equal(verdict_op(r, "a@example.org", 16 + op), SUBMISSION_OK);
	remove_alice(r);
	crash(r);
	tend(r);
	assert_int_equal(rows_of(r, before), 0);
}

/* What waits is held even so, and stays for the operator. */
static void
who_is_removed_while_stopped(void **state)
{
	struct rig *r = *state;
	uint64_t before = r->alice;

	(void)submit(r, "a@example.org");
	assert_int_equal(change(r, LIMITS_FREEZE, "a test"), 1);
	remove_alice(r);
	tend(r);
	assert_int_equal(take(r), 0);
	crash(r);
	assert_int_equal(take(r), 0);
	later(r, 60);
	tend(r);
	later(r, 70);
	tend(r);
	assert_int_equal(rows_of(r, before), 0);
	later(r, 7200);
	assert_int_equal(take(r), 0);
}

/* Its bounces come when it is gone already. */
static void
put_counts_row(struct rig *r, uint64_t shard)
{
	struct key key = key_of(KEY_Q_SENT);

	key_add(&key, SENDING_ACCOUNT, 1);
	key_add(&key, r->alice, 8);
	world_damage(r->w, (struct entity){ ENTITY_QUEUE, shard }, key_text(&key), TEXT("\1\0\0"));
}

/* Its message was counted when it was removed, and brings its row afterwards. */
static void
who_is_removed_while_a_message_comes(void **state)
{
	struct rig *r = *state;
	struct sending_who who = { { SENDING_ACCOUNT, r->alice }, TEXT(ALICE), TEXT_EMPTY };
	struct text to = TEXT("a@example.org");
	struct texts one = { &to, 1 };
	struct sending_answer answer;
	struct sending_share share;

	assert_ok(sending_count(r->w->store, &who, &one, &r->w->arena, &share, &answer));
	assert_int_equal(answer.verdict, SUBMISSION_OK);
	remove_alice(r);
	tend(r);
	put_counts_row(r, 5);
	later(r, 120);
	tend(r);
	assert_int_equal(rows_of(r, who.key.id), 1);
	sending_counted(r->w->store, &share, true);
	tend(r);
	assert_int_equal(rows_of(r, who.key.id), 0);
}

static void
who_is_stopped_after_removal(void **state)
{
	struct rig *r = *state;
	uint64_t before = r->alice;

	set(r, "sending.freeze_bounces", "1");
	r->reply = "550 5.1.1 no such user";
	(void)submit(r, "a@example.org");
	assert_int_equal(take(r), 1);
	remove_alice(r);
	tend(r);
	report(r, QUEUE_FAILED, SCHEDULE_WELL);
	store_settle(r->w->store);
	assert_int_equal(rows_of(r, before), 1);
	tend(r);
	later(r, 60);
	tend(r);
	assert_int_equal(rows_of(r, before), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_sending, teardown_sending)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(messages_in_an_hour),
		CASE(who_is_far_from_the_lines_is_calm),
		CASE(recipients_in_a_day),
		CASE(recipients_for_the_first_time),
		CASE(an_account_has_limits_of_its_own),
		CASE(the_memory_is_bounded),
		CASE(rows_without_a_slot_are_read),
		CASE(who_goes_on_is_stopped),
		CASE(what_was_held_by_hand_stays),
		CASE(what_is_to_be_held_stays),
		CASE(a_way_of_nobody_is_forgotten),
		CASE(who_writes_to_nobody_is_stopped),
		CASE(bounces_in_a_row_outlive_the_process),
		CASE(a_long_queue_is_held_in_parts),
		CASE(what_is_removed_is_forgotten),
		CASE(a_crash_while_it_is_forgotten),
		CASE(who_is_removed_while_stopped),
		CASE(who_is_removed_while_a_message_comes),
		CASE(who_is_stopped_after_removal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
