/* SPDX-License-Identifier: ISC */
/* A notice that was given is given again as it was, whoever ended in between and
 * whatever came meanwhile, until it was told: so no sender is told anything twice. */
#include <stdio.h>

#include "store/core.h"
#include "store/engine/backend.h"
#include "store/outgoing_owed_test_helper.h"

#define THREE "ann@a.org ben@b.org cid@c.org"

static int64_t now;

/* What becomes of several goes into one notice: that time is over. */
static void
later(void)
{
	now += 10;
	at(now);
}

/* The next lease ends so. */
static void
next(struct rig *r, enum queue_outcome outcome)
{
	assert_int_equal(take(r), 1);
	report(r, outcome, SCHEDULE_WELL);
	later();
}

static void
is_about(const struct queue_owed_reply *o, enum queue_owed_kind kind, const char *recipient)
{
	assert_int_equal(o->kind, kind);
	assert_int_equal(o->recipients.count, 1);
	assert_true(text_equal(o->recipients.at[0], text_of(recipient)));
}

static uint64_t
three(struct rig *r)
{
	uint64_t message;

	now = NOW;
	message = submit(r, THREE);
	next(r, QUEUE_FAILED);
	return message;
}

/* The first is refused and told of; who does it is killed, and two more are. */
static void
more_fail_before_it_is_known_to_be_told(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply first, again, rest;

	(void)three(r);
	assert_int_equal(owed(r, &first), 1);
	assert_true(first.notice_op != 0);
	is_about(&first, QUEUE_OWED_FAILURE, "ann@a.org");
	cut(r);
	call_pair_mend(r->w->pair[4], 0);
	resume(r);
	next(r, QUEUE_FAILED);
	assert_int_equal(owed(r, &again), 1);
	assert_true(again.notice_op == first.notice_op);
	is_about(&again, QUEUE_OWED_FAILURE, "ann@a.org");
	crash(r);
	next(r, QUEUE_FAILED);
	assert_int_equal(owed(r, &again), 1);
	assert_true(again.notice_op == first.notice_op);
	is_about(&again, QUEUE_OWED_FAILURE, "ann@a.org");
	world_check(r->w, 0);
	told(r, &again);
	assert_int_equal(owed(r, &rest), 2);
	assert_true(rest.notice_op != first.notice_op);
	assert_text(rest.recipients.at[0], "ben@b.org");
	assert_text(rest.recipients.at[1], "cid@c.org");
	told(r, &rest);
	assert_int_equal(rows(r), 0);
}

/* It could not be told for a while: it is what it was. */
static void
what_was_put_off_does_not_grow(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply first, again;
	uint64_t message = three(r);

	assert_int_equal(owed(r, &first), 1);
	not_told(r, message);
	next(r, QUEUE_FAILED);
	nothing_is_owed(r);
	now += 60;
	at(now);
	assert_int_equal(owed(r, &again), 1);
	assert_true(again.notice_op == first.notice_op);
	is_about(&again, QUEUE_OWED_FAILURE, "ann@a.org");
	told(r, &again);
	assert_int_equal(owed(r, &again), 1);
	is_about(&again, QUEUE_OWED_FAILURE, "ben@b.org");
}

/* Nothing can be added when nobody is tried any more: no batch is written for it,
 * and it is the same each time. */
static void
the_last_needs_no_row(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply o, again;
	unsigned before;

	(void)one_with(r, "ann@a.org ben@b.org", QUEUE_FAILED);
	before = rows(r);
	assert_int_equal(owed(r, &o), 2);
	assert_int_equal(rows(r), before);
	crash(r);
	assert_int_equal(owed(r, &again), 2);
	assert_true(again.notice_op == o.notice_op);
	told(r, &again);
	assert_int_equal(rows(r), 0);
}

/* Told once, the row is gone, and so is its mark: what comes is another notice. */
static void
the_row_goes_with_what_was_told(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply first, second;
	unsigned before;

	(void)three(r);
	before = rows(r);
	assert_int_equal(owed(r, &first), 1);
	assert_int_equal(rows(r), before + 1);
	told(r, &first);
	assert_int_equal(rows(r), before);
	next(r, QUEUE_FAILED);
	assert_int_equal(owed(r, &second), 1);
	is_about(&second, QUEUE_OWED_FAILURE, "ben@b.org");
	/* and what was said of the first is no word about the second */
	assert_ok(told_op(r, &first, random_u64()));
	crash(r);
	next(r, QUEUE_FAILED);
	assert_int_equal(owed(r, &second), 1);
	is_about(&second, QUEUE_OWED_FAILURE, "ben@b.org");
}

/* Two are late, and it is not known whether that was told. One is delivered, who
 * is not told of again; then the other, too, and nothing is left of it. */
static void
who_was_late_came_to_his_end(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply late, again;

	now = NOW;
	(void)submit(r, THREE);
	now += 4 * 3600;
	at(now);
	tend(r);
	later();
	assert_int_equal(owed(r, &late), 3);
	assert_int_equal(late.kind, QUEUE_OWED_DELAY);
	crash(r);
	next(r, QUEUE_DELIVERED);
	next(r, QUEUE_DELIVERED);
	assert_int_equal(owed(r, &again), 1);
	is_about(&again, QUEUE_OWED_DELAY, "cid@c.org");
	assert_true(again.notice_op == late.notice_op && again.late == late.late);
	crash(r);
	next(r, QUEUE_FAILED);
	assert_int_equal(owed(r, &again), 1);
	is_about(&again, QUEUE_OWED_FAILURE, "cid@c.org");
	assert_true(again.notice_op != late.notice_op);
	told(r, &again);
	assert_int_equal(rows(r), 0);
}

/* A notice of which nothing is left gives way while others wait. */
static void
another_takes_its_place(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply late, end, again;

	now = NOW;
	r->notify = QUEUE_NOTIFY_FAILURE;
	r->by = QUEUE_BY_NOTIFY;
	r->by_time = NOW + 600;
	(void)submit(r, "ann@a.org");
	r->notify = 0;
	now += 600;
	at(now);
	tend(r);
	later();
	assert_int_equal(owed(r, &late), 1);
	assert_int_equal(late.kind, QUEUE_OWED_DELAY);
	told(r, &late);
	next(r, QUEUE_DELIVERED);
	r->by = 0;
	(void)submit(r, THREE);
	now += 4 * 3600;
	at(now);
	tend(r);
	later();
	assert_int_equal(owed(r, &late), 3);
	crash(r);
	next(r, QUEUE_FAILED);
	assert_int_equal(owed(r, &again), 2);
	assert_true(again.notice_op == late.notice_op);
	told(r, &again);
	assert_int_equal(owed(r, &end), 1);
	is_about(&end, QUEUE_OWED_FAILURE, "ann@a.org");
	crash(r);
	next(r, QUEUE_FAILED);
	assert_int_equal(owed(r, &again), 1);
	assert_true(again.notice_op == end.notice_op);
}

/* Who was given it on a link that is lost may write it down late. */
static void
the_first_row_stands(void **state)
{
	struct rig *r = *state;
	uint64_t message = three(r);
	struct queue_owed_reply o;
	struct outgoing_notice n = { .op = 7, .kind = QUEUE_OWED_FAILURE }, there = { .op = 0 };
	struct store *s = r->w->store;

	assert_int_equal(owed(r, &o), 1);
	runs_add(&n.numbers, 3, 3);
	assert_int_equal(outgoing_notice_write(s, message, &n, 0, &r->w->arena), STATUS_EXISTS);
	assert_int_equal(
	    outgoing_notice_write(s, message, &n, o.notice_op + 1, &r->w->arena), STATUS_EXISTS);
	assert_int_equal(
	    outgoing_notice_write(s, message + 16, &n, 0, &r->w->arena), STATUS_NOT_FOUND);
	assert_ok(outgoing_notice_write(s, message, &n, o.notice_op, &r->w->arena));
	assert_ok(outgoing_notice_read(s, message, &r->w->arena, &there));
	assert_true(there.op == 7 && there.kind == QUEUE_OWED_FAILURE && there.late == 0);
	assert_int_equal(runs_total(&there.numbers), 1);
	runs_done(&there.numbers);
	runs_done(&n.numbers);
}

static struct {
	const struct engine_ops *plain;
	struct engine_ops ops;
	struct rig *r;
	uint64_t message; /* 0: it was done */
} meanwhile;

static enum status
scan_meanwhile(struct engine *e, struct entity entity, struct text from, struct text until,
    struct engine_scan **out)
{
	struct outgoing_notice n = { .op = 7, .kind = QUEUE_OWED_FAILURE };
	uint64_t message = meanwhile.message;
	struct arena a = ARENA_INIT;

	if (message != 0 && from.ptr[0] == KEY_Q_RUN) {
		meanwhile.message = 0;
		runs_add(&n.numbers, 1, 1);
		assert_ok(outgoing_notice_write(meanwhile.r->w->store, message, &n, 0, &a));
		runs_done(&n.numbers);
	}
	arena_done(&a);
	return meanwhile.plain->scan_open(e, entity, from, until, out);
}

/* While what is owed is looked at, another writes down what he was given: that is
 * what is given, once, and not both. */
static void
another_row_comes_meanwhile(void **state)
{
	struct rig *r = *state;
	struct engine *e = r->w->engine;
	struct queue_owed_reply o;

	meanwhile.message = three(r);
	meanwhile.r = r;
	meanwhile.plain = e->ops;
	meanwhile.ops = *e->ops;
	meanwhile.ops.scan_open = scan_meanwhile;
	e->ops = &meanwhile.ops;
	assert_int_equal(owed(r, &o), 1);
	e->ops = meanwhile.plain;
	assert_true(meanwhile.message == 0);
	assert_true(o.notice_op == 7);
	is_about(&o, QUEUE_OWED_FAILURE, "ann@a.org");
	told(r, &o);
}

/* It is late for the time of BY, too, before it is known whether the first delay
 * was told: that is given again as it was, and the other is told by itself. */
static void
late_for_two_reasons(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply first, again, second;

	now = NOW;
	r->by = QUEUE_BY_NOTIFY;
	r->by_time = NOW + 5 * 3600;
	(void)submit(r, "ann@a.org");
	r->by = 0;
	now += 4 * 3600;
	at(now);
	tend(r);
	later();
	assert_int_equal(owed(r, &first), 1);
	is_about(&first, QUEUE_OWED_DELAY, "ann@a.org");
	assert_int_equal(first.late, WARNED);
	crash(r);
	now = NOW + 5 * 3600;
	at(now);
	tend(r);
	later();
	assert_int_equal(owed(r, &again), 1);
	assert_true(again.notice_op == first.notice_op);
	assert_int_equal(again.late, WARNED);
	told(r, &again);
	later();
	assert_int_equal(owed(r, &second), 1);
	is_about(&second, QUEUE_OWED_DELAY, "ann@a.org");
	assert_true(second.notice_op != first.notice_op);
	assert_int_equal(second.late, WARNED | WARNED_BY);
	told(r, &second);
	later();
	nothing_is_owed(r);
}

/* 500 of a host were told that they are late; their server says more about each of
 * them now than one reply has room for: all are told of again, and no word is
 * better than another notice. */
static void
longer_words_leave_nobody_out(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply late, again;
	struct buffer to = BUFFER_INIT, words = BUFFER_INIT;

	now = NOW;
	for (uint32_t i = 0; i < QUEUE_OWED_MAX; i++)
		buffer_addf(&to, "%s%064u@a.org", i > 0 ? " " : "", i);
	buffer_add_string(&words, "451 4.3.0 ");
	while (words.len < 1000)
		buffer_add_byte(&words, 'x');
	(void)submit(r, buffer_string(&to));
	now += 4 * 3600;
	at(now);
	tend(r);
	later();
	assert_int_equal(owed(r, &late), QUEUE_OWED_MAX);
	crash(r);
	r->reply = buffer_string(&words);
	while (take(r) > 0)
		report(r, QUEUE_LATER, SCHEDULE_WELL);
	assert_int_equal(owed(r, &again), QUEUE_OWED_MAX);
	assert_true(again.notice_op == late.notice_op);
	assert_int_equal(again.replies.at[0].len, words.len);
	assert_int_equal(again.replies.at[QUEUE_OWED_MAX - 1].len, 0);
	told(r, &again);
	buffer_done(&to);
	buffer_done(&words);
}

static struct store_check_reply
checked(struct rig *r)
{
	struct store_check_reply reply;

	assert_ok(ASK(r->w, admin, store_check, &reply, .account = 0));
	return reply;
}

/* A row without its mark, a mark without its row, and a row of nonsense. */
static void
the_check_notices(void **state)
{
	struct rig *r = *state;
	uint64_t message = three(r);
	struct entity e = { ENTITY_QUEUE, message % QUEUE_SHARDS };
	struct key key = key_u64(KEY_Q_NOTICE, message);
	struct queue_owed_reply o;
	struct text row;

	assert_int_equal(owed(r, &o), 1);
	assert_ok(engine_get(r->w->engine, e, key_text(&key), &r->w->arena, &row));
	assert_int_equal(checked(r).problems.count, 0);
	world_damage(r->w, e, key_text(&key), TEXT("x"));
	assert_true(checked(r).problems.count > 0);
	world_damage(r->w, e, key_text(&key), (struct text){ NULL, 0 });
	assert_true(checked(r).problems.count > 0);
	world_damage(r->w, e, key_text(&key), row);
	assert_int_equal(checked(r).problems.count, 0);
	key = key_u64(KEY_Q_NOTICE, message + QUEUE_SHARDS);
	world_damage(r->w, e, key_text(&key), row);
	assert_true(checked(r).problems.count > 0);
	world_damage(r->w, e, key_text(&key), (struct text){ NULL, 0 });
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(more_fail_before_it_is_known_to_be_told),
		CASE(what_was_put_off_does_not_grow),
		CASE(the_last_needs_no_row),
		CASE(the_row_goes_with_what_was_told),
		CASE(who_was_late_came_to_his_end),
		CASE(another_takes_its_place),
		CASE(the_first_row_stands),
		CASE(another_row_comes_meanwhile),
		CASE(late_for_two_reasons),
		CASE(longer_words_leave_nobody_out),
		CASE(the_check_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
