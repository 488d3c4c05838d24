/* SPDX-License-Identifier: ISC */
/* What senders are to be told: each thing once, by one at a time, whatever ends
 * in between, and in time, though nothing is sent. */
#include <stdio.h>

#include "store/core.h"
#include "store/outgoing_owed_test_helper.h"

static void
of_a_failure(void **state)
{
	struct rig *r = *state;
	struct queue_piece_reply piece;
	struct queue_owed_reply o;
	uint64_t message;

	r->ret = QUEUE_RET_FULL;
	message = one_with(r, "bob@example.org", QUEUE_FAILED);
	assert_int_equal(owed(r, &o), 1);
	assert_int_equal(o.message, message);
	assert_int_equal(o.kind, QUEUE_OWED_FAILURE);
	assert_text(o.sender, "alice@example.com");
	assert_text(o.envid, "env");
	assert_int_equal(o.ret, QUEUE_RET_FULL);
	assert_text(o.recipients.at[0], "bob@example.org");
	assert_text(o.orcpts.at[0], "rfc822;x@example.net");
	assert_text(o.replies.at[0], "450 4.2.0 later");
	assert_text(o.servers.at[0], "mx.example.org");
	assert_int_equal(o.states.at[0], OUTGOING_FAILED);
	assert_int_equal(o.attempts.at[0], 1);
	assert_int_equal(o.lasts.at[0], NOW);
	assert_true(o.piece0.len > 0);
	assert_ok(ASK(r->w, outbound, queue_piece, &piece, .message = message, .piece = 0));
	assert_true(text_equal(piece.bytes.bytes, o.piece0));
	nothing_is_owed(r);
	told(r, &o);
	assert_int_equal(rows(r), 0);
	nothing_is_owed(r);
	assert_int_equal(
	    ASK(r->w, outbound, queue_piece, &piece, .message = message), STATUS_DENIED);
}

/* RFC 3461 5.2.2: relayed to a server that will not tell, and success is wanted; or delivered, by
 * LMTP, where nobody else will. */
static void
of_a_success_that_is_wanted(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply o;

	(void)one_with(r, "bob@example.org", QUEUE_RELAYED);
	assert_int_equal(rows(r), 0);
	r->notify = QUEUE_NOTIFY_SUCCESS;
	(void)one_with(r, "bob@example.org", QUEUE_DELIVERED);
	assert_int_equal(rows(r), 0);
	(void)one_with(r, "bob@example.org", QUEUE_FAILED);
	assert_int_equal(rows(r), 0);
	nothing_is_owed(r);
	(void)one_with(r, "bob@example.org", QUEUE_RELAYED);
	assert_int_equal(owed(r, &o), 1);
	assert_int_equal(o.kind, QUEUE_OWED_SUCCESS);
	assert_int_equal(o.states.at[0], OUTGOING_RELAYED);
	told(r, &o);
	(void)one_with(r, "bob@example.org", QUEUE_KEPT);
	assert_int_equal(owed(r, &o), 1);
	assert_int_equal(o.kind, QUEUE_OWED_SUCCESS);
	assert_int_equal(o.states.at[0], OUTGOING_DELIVERED);
	told(r, &o);
	assert_int_equal(rows(r), 0);
}

/* Hours of mail that went at once leave nothing in memory, nor do attempts. */
static void
deadlines_are_as_many_as_who_waits(void **state)
{
	struct rig *r = *state;
	const struct heap *deadlines = &r->w->store->queue.outgoing.deadlines;

	for (int i = 0; i < 20; i++)
		(void)one_with(r, "bob@example.org", QUEUE_DELIVERED);
	(void)one_with(r, "carol@example.net", QUEUE_LATER);
	at(NOW + 61);
	tend(r);
	assert_int_equal(deadlines->count, 1);
	for (int i = 1; i < 4; i++) {
		at(NOW + i * 1800);
		assert_int_equal(take(r), 1);
		report(r, QUEUE_LATER, SCHEDULE_WELL);
	}
	tend(r);
	assert_int_equal(deadlines->count, 1);
	assert_int_equal(((const struct outgoing_deadline *)heap_first(deadlines))->at,
	    (NOW + 4 * 3600) * CLOCK_SECOND);
}

/* RFC 3461 4.1. */
static void
never_is_never(void **state)
{
	struct rig *r = *state;
	struct outgoing_run run;
	uint64_t message;

	r->notify = QUEUE_NOTIFY_NEVER;
	r->by = QUEUE_BY_NOTIFY;
	r->by_time = NOW + 60;
	message = one_with(r, "bob@example.org", QUEUE_LATER);
	at(NOW + 5 * 3600);
	tend(r);
	run = run_of(r, message, 0);
	assert_int_equal(run.at[0].owed, WARNED | WARNED_BY);
	assert_int_equal(run.deadline, NOW + 5 * 86400);
	nothing_is_owed(r);
	at(NOW + 5 * 86400);
	tend(r);
	assert_int_equal(rows(r), 0);
	nothing_is_owed(r);
}

/* Nobody tries it; the sender is warned, and told of the end, all the same. */
static void
time_passes_without_attempts(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply o;

	(void)submit(r, "bob@example.org carol@example.net");
	at(NOW + 4 * 3600 - 1);
	tend(r);
	at(NOW + 4 * 3600 + 20);
	nothing_is_owed(r);
	tend(r);
	at(NOW + 4 * 3600 + 29);
	nothing_is_owed(r); /* others may be late too in these seconds */
	at(NOW + 4 * 3600 + 30);
	assert_int_equal(owed(r, &o), 2);
	assert_int_equal(o.kind, QUEUE_OWED_DELAY);
	assert_int_equal(o.states.at[1], OUTGOING_WAITING);
	assert_int_equal(o.attempts.at[1], 0);
	assert_int_equal(o.expires, NOW + 5 * 86400);
	told(r, &o);
	world_check(r->w, 0);
	at(NOW + 4 * 86400);
	tend(r);
	nothing_is_owed(r);
	at(NOW + 5 * 86400);
	tend(r);
	assert_int_equal(owed(r, &o), 2);
	assert_int_equal(o.kind, QUEUE_OWED_FAILURE);
	assert_int_equal(take(r), 0);
	told(r, &o);
	assert_int_equal(rows(r), 0);
}

/* What is under way may still arrive: its report decides. */
static void
what_is_in_hand_is_not_given_up(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org");

	assert_int_equal(take(r), 1);
	at(NOW + 5 * 86400);
	tend(r);
	assert_int_equal(run_of(r, message, 0).at[0].state, OUTGOING_WAITING);
	cut(r);
	call_pair_mend(r->w->pair[4], 0);
	resume(r);
	tend(r);
	assert_int_equal(run_of(r, message, 0).at[0].state, OUTGOING_WAITING);
	at(NOW + 5 * 86400 + 61);
	tend(r);
	assert_int_equal(run_of(r, message, 0).at[0].state, OUTGOING_FAILED);
	assert_int_equal(take(r), 0);
}

/* A started store waits until outbound had time to say what it has in hand. */
static void
deadlines_outlive_the_store(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply o;
	uint64_t message = submit(r, "bob@example.org");

	at(NOW + 4 * 3600);
	crash(r);
	tend(r);
	assert_int_equal(run_of(r, message, 0).at[0].owed, 0);
	at(NOW + 4 * 3600 + 60);
	tend(r);
	at(NOW + 4 * 3600 + 70);
	assert_int_equal(owed(r, &o), 1);
	assert_int_equal(o.kind, QUEUE_OWED_DELAY);
}

/* RFC 2852 4: given back when its time has passed, or told of the delay then,
 * asked for or not; and later of the site's own, but once. */
static void
the_time_that_a_sender_set(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply o;

	r->by = QUEUE_BY_RETURN;
	r->by_time = NOW + 600;
	(void)submit(r, "bob@example.org");
	at(NOW + 600);
	tend(r);
	assert_int_equal(owed(r, &o), 1);
	assert_int_equal(o.kind, QUEUE_OWED_FAILURE);
	told(r, &o);
	assert_int_equal(rows(r), 0);
	at(NOW);
	r->by = QUEUE_BY_NOTIFY | QUEUE_BY_TRACE;
	r->notify = QUEUE_NOTIFY_FAILURE;
	(void)submit(r, "bob@example.org");
	for (int i = 1; i < 30; i++) {
		at(NOW + i * 3600);
		tend(r);
		at(NOW + i * 3600 + 10);
		assert_int_equal(owed(r, &o), i == 1 ? 1 : 0);
		if (i == 1) {
			assert_int_equal(o.kind, QUEUE_OWED_DELAY);
			told(r, &o);
		}
	}
}

/* RFC 4865: it is not late before it may go. */
static void
what_was_held_for_later_is_not_late(void **state)
{
	struct rig *r = *state;
	uint64_t message;

	r->not_before = NOW + 30 * 86400;
	message = submit(r, "bob@example.org");
	at(r->not_before);
	tend(r);
	assert_int_equal(take(r), 1);
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	assert_int_equal(run_of(r, message, 0).at[0].owed, 0);
	assert_int_equal(run_of(r, message, 0).deadline, r->not_before + 4 * 3600);
}

/* Told, and the answer was lost; told twice; and things that were never owed. */
static void
told_twice(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply o, none;

	(void)one_with(r, "bob@example.org", QUEUE_FAILED);
	(void)submit(r, "carol@example.org");
	assert_int_equal(owed(r, &o), 1);
	assert_ok(told_op(r, &o, 55));
	assert_ok(told_op(r, &o, 55));
	assert_ok(told_op(r, &o, 56));
	o.message++;
	assert_ok(told_op(r, &o, 57));
	assert_int_equal(owed(r, &none), 0);
	o.firsts.count = 0;
	assert_int_equal(told_op(r, &o, 58), STATUS_INVALID);
	assert_int_equal(rows(r), 2);
	world_check(r->w, 0);
}

/* Who was to tell it ended: the next one does, at once. */
static void
who_was_to_tell_it_is_gone(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply o;

	(void)one_with(r, "bob@example.org", QUEUE_FAILED);
	assert_int_equal(owed(r, &o), 1);
	cut(r);
	call_pair_mend(r->w->pair[4], 0);
	assert_int_equal(owed(r, &o), 1);
	crash(r);
	assert_int_equal(owed(r, &o), 1);
	told(r, &o);
	assert_int_equal(rows(r), 0);
	crash(r);
	nothing_is_owed(r);
}

/* It could not be told: not at once again, each time after twice as long. */
static void
what_cannot_be_told_waits(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply o;
	int64_t now = NOW;
	uint64_t message = one_with(r, "bob@example.org", QUEUE_FAILED);

	for (int64_t pause = 60; pause < 20000; pause *= 2) {
		assert_int_equal(owed(r, &o), 1);
		not_told(r, message);
		now += (pause < 3600 ? pause : 3600) - 1;
		at(now);
		nothing_is_owed(r);
		at(++now);
	}
	assert_int_equal(owed(r, &o), 1);
	told(r, &o);
	assert_int_equal(rows(r), 0);
}

/* Several hosts refuse, one after the other: one word about all of them; more
 * than one can hold in several. */
static void
of_many_together(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply o;
	struct buffer to = BUFFER_INIT;
	uint32_t seen = 0;

	for (uint32_t i = 0; i < QUEUE_OWED_MAX + 100; i++)
		buffer_addf(&to, "%sp%u@%s.org", i > 0 ? " " : "", i, i % 2 ? "a" : "b");
	(void)submit(r, buffer_string(&to));
	buffer_done(&to);
	assert_int_equal(take(r), 100);
	report(r, QUEUE_FAILED, SCHEDULE_WELL);
	nothing_is_owed(r);
	while (take(r) > 0)
		report(r, QUEUE_FAILED, SCHEDULE_WELL);
	assert_int_equal(owed(r, &o), QUEUE_OWED_MAX);
	seen = (uint32_t)o.numbers.at[QUEUE_OWED_MAX - 1];
	told(r, &o);
	world_check(r->w, 0);
	assert_int_equal(owed(r, &o), 100);
	assert_int_equal(o.numbers.at[0], seen + 1);
	told(r, &o);
	assert_int_equal(rows(r), 0);
}

/* A recipient came to his end while the sender was told of his delay. */
static void
the_end_comes_while_the_delay_is_told(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply o, end;

	(void)submit(r, "bob@example.org");
	at(NOW + 4 * 3600);
	tend(r);
	at(NOW + 4 * 3600 + 10);
	assert_int_equal(owed(r, &o), 1);
	assert_int_equal(take(r), 1);
	report(r, QUEUE_FAILED, SCHEDULE_WELL);
	nothing_is_owed(r);
	told(r, &o);
	assert_int_equal(owed(r, &end), 1);
	assert_int_equal(end.kind, QUEUE_OWED_FAILURE);
	told(r, &end);
	assert_int_equal(rows(r), 0);
}

static void
heard(void *arg, enum status s, const void *reply)
{
	(void)reply;
	if (s == STATUS_OK)
		CHECK(write(*(int *)arg, "x", 1) == 1);
}

/* Who waits for work is woken for this too. */
static void
the_bell_rings_for_it(void **state)
{
	struct rig *r = *state;
	struct queue_feed_request request = { .none_ = 0 };
	struct queue_owed_reply o;
	int ends[2];
	char x;

	(void)submit(r, "bob@example.org");
	assert_int_equal(take(r), 1);
	assert_int_equal(pipe(ends), 0);
	assert_ok(call_stream(r->w->outbound, &queue_feed_call, &request, heard, &ends[1]));
	assert_int_equal(read(ends[0], &x, 1), 1);
	report(r, QUEUE_FAILED, SCHEDULE_WELL);
	assert_int_equal(read(ends[0], &x, 1), 1);
	assert_int_equal(owed(r, &o), 1);
	not_told(r, o.message);
	at(NOW + 60);
	store_tend(r->w->store);
	assert_int_equal(read(ends[0], &x, 1), 1);
	assert_int_equal(owed(r, &o), 1);
	world_close(r->w);
	world_open(r->w);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(of_a_failure),
		CASE(of_a_success_that_is_wanted),
		CASE(deadlines_are_as_many_as_who_waits),
		CASE(never_is_never),
		CASE(time_passes_without_attempts),
		CASE(what_is_in_hand_is_not_given_up),
		CASE(deadlines_outlive_the_store),
		CASE(the_time_that_a_sender_set),
		CASE(what_was_held_for_later_is_not_late),
		CASE(told_twice),
		CASE(who_was_to_tell_it_is_gone),
		CASE(what_cannot_be_told_waits),
		CASE(of_many_together),
		CASE(the_end_comes_while_the_delay_is_told),
		CASE(the_bell_rings_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
