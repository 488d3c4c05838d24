/* SPDX-License-Identifier: ISC */
/*
 * Tests of who reads a link and what is done there: callers that read for
 * themselves (runtime/link.h), and requests that the reader runs (CALL_SHORT).
 */
#include <sched.h>
#include <semaphore.h>

#include "runtime/call_toy_test_helper.h"
#include "runtime/thread.h"

CALLS_DEFINE(toy, TOY_CALLS, CALLS_TOY, ROLE_STORE)

#define HOUR (3600 * CLOCK_SECOND)

/* ---- callers that read ---- */

static uint64_t
answered_by(struct toy *t, uint64_t number)
{
	const struct toy_short_request q = { .number = number };
	struct toy_short_reply r = { 0 };
	struct arena a = ARENA_INIT;

	assert_ok(toy_short(t->calls, &q, &a, &r, NULL));
	arena_done(&a);
	return r.number;
}

static struct link *
link_of(struct toy *t)
{
	struct link *l;

	assert_ok(calls_take(t->calls, ROLE_STORE, 0, 0, &l));
	return l;
}

/* Until the client's link is left to callers for an hour. The link, referenced. */
static struct link *
leave_to_callers(struct toy *t)
{
	struct link *l = link_of(t);
	bool left = false;

	while (!left) {
		(void)answered_by(t, 0);
		pthread_mutex_lock(&l->lock);
		left = !l->reading;
		if (left)
			l->replied = thread_time() + HOUR;
		pthread_mutex_unlock(&l->lock);
	}
	return l;
}

static void
await_wanted(struct link *l, unsigned wanted)
{
	unsigned now;

	do {
		pthread_mutex_lock(&l->lock);
		now = l->wanted;
		pthread_mutex_unlock(&l->lock);
		(void)sched_yield();
	} while (now < wanted);
}

static void
note_thread(void *arg, enum status s, const void *reply)
{
	if (s == STATUS_OK)
		*(pthread_t *)arg = pthread_self();
}

static void
a_caller_reads_for_itself(void **state)
{
	const struct toy_stream_request q = { .count = 0 };
	const struct toy_stream_reply pushed = { .number = 1 };
	pthread_t by = { 0 };
	struct call_in *stream;
	struct link *l;
	struct toy t;

	toy_start(&t, 1, 0);
	assert_ok(call_stream(t.calls, &toy_stream_call, &q, note_thread, &by));
	stream = toy_take(&t);
	l = leave_to_callers(&t);
	assert_true(call_push(stream, &pushed)); /* nobody reads it */
	(void)answered_by(&t, 0);
	assert_true(pthread_equal(by, pthread_self()));
	call_end(stream, STATUS_OK);
	link_unref(l);
	call_pair_free(t.pair);
}

static void
others_are_read_for_when_it_goes(void **state)
{
	struct caller first, second;
	struct call_in *in;
	struct link *l;
	struct toy t;

	toy_start(&t, 2, 0);
	l = leave_to_callers(&t);
	caller_start(&first, &t, &toy_hold_call, 1);
	toy_wait(&t, 1);
	caller_start(&second, &t, &toy_hold_call, 2);
	await_wanted(l, 1);
	toy_wait(&t, 2);
	in = t.held[0];
	t.held[0] = t.held[1];
	t.held_count = 1;
	toy_answer(in, 11);
	assert_ok(caller_join(&first));
	assert_int_equal(first.answer, 11);
	toy_answer(toy_take(&t), 12);
	assert_ok(caller_join(&second));
	assert_int_equal(second.answer, 12);
	assert_int_equal(l->wanted, 0);
	link_unref(l);
	call_pair_free(t.pair);
}

static void
note_reply(void *arg, enum status s, const void *reply, const struct failure *f)
{
	assert_ok(s);
	sem_post(arg);
}

static void
a_posted_call_is_read_for(void **state)
{
	const struct toy_hold_request q = { .number = 1 };
	struct link *l;
	struct toy t;
	sem_t came;

	sem_init(&came, 0, 0);
	toy_start(&t, 1, 0);
	l = leave_to_callers(&t);
	assert_ok(call_post(t.calls, &toy_hold_call, &q, note_reply, &came));
	toy_answer(toy_take(&t), 1);
	while (sem_wait(&came) != 0)
		;
	link_unref(l);
	call_pair_free(t.pair);
}

static void
a_caller_that_reads_meets_the_end(void **state)
{
	struct caller c;
	struct link *l;
	struct toy t;

	toy_start(&t, 1, 0);
	l = leave_to_callers(&t);
	caller_start(&c, &t, &toy_once_call, 1);
	toy_wait(&t, 1);
	call_pair_break(t.pair, 0);
	assert_int_equal(caller_join(&c), STATUS_AMBIGUOUS);
	toy_answer(toy_take(&t), 0);
	link_unref(l);
	call_pair_free(t.pair);
}

static void
a_caller_that_reads_is_patient_so_long(void **state)
{
	const struct toy_hold_request q = { .number = 1 };
	struct toy_hold_reply r;
	struct arena a = ARENA_INIT;
	struct link *l;
	struct toy t;

	toy_start(&t, 1, 0);
	l = leave_to_callers(&t);
	calls_be_patient(t.calls, 10 * CLOCK_MS);
	assert_int_equal(toy_hold(t.calls, &q, &a, &r, NULL), STATUS_TIMEOUT);
	calls_be_patient(t.calls, 0);
	toy_answer(toy_take(&t), 0);
	(void)answered_by(&t, 0); /* reads both */
	arena_done(&a);
	link_unref(l);
	call_pair_free(t.pair);
}

/* ---- what the reader runs ---- */

/* A server whose reader stands at a gate. */
struct gated {
	struct toy toy; /* first */
	sem_t entered, leave;
};

static void
handle_gate(struct call_in *in, const void *request, void *context)
{
	struct gated *g = context;

	sem_post(&g->entered);
	while (sem_wait(&g->leave) != 0)
		;
	answer_by(in, request, context);
}

static const struct call_row gated_rows[] = {
	{ &toy_quick_call, handle_gate },
	{ &toy_short_call, handle_short },
};

static void
gated_start(struct gated *g)
{
	const struct call_server_config config = {
		.rows = gated_rows,
		.row_count = ARRAY_LEN(gated_rows),
		.context = g,
		.threads = 1,
	};

	sem_init(&g->entered, 0, 0);
	sem_init(&g->leave, 0, 0);
	g->toy.pair = call_pair_new(ROLE_MX, &config, ROLE_STORE, &g->toy.calls);
}

static uint64_t
finish(struct call_ahead *h, const void *request)
{
	struct toy_short_reply r = { 0 };
	struct arena a = ARENA_INIT;

	assert_ok(call_finish(h, request, &a, &r, NULL));
	arena_done(&a);
	return r.number;
}

static void
what_comes_alone_is_run_by_the_reader(void **state)
{
	const struct toy_quick_request gate = { .number = 0 };
	const struct toy_short_request q = { .number = 2 };
	struct call_ahead *at_gate, *two[2];
	struct gated g;
	uint64_t reader, other;

	gated_start(&g);
	at_gate = call_begin(g.toy.calls, &toy_quick_call, &gate);
	while (sem_wait(&g.entered) != 0)
		;
	for (int i = 0; i < 2; i++) /* these wait in the socket, to be read at once */
		two[i] = call_begin(g.toy.calls, &toy_short_call, &q);
	sem_post(&g.leave);
	reader = finish(at_gate, &gate);
	other = finish(two[0], &q);
	assert_int_not_equal(other, reader);
	assert_int_equal(finish(two[1], &q), other); /* there is one thread */
	assert_int_equal(answered_by(&g.toy, 2), reader);
	assert_int_equal(answered_by(&g.toy, 3), other); /* steps aside */
	assert_int_equal(answered_by(&g.toy, 4), reader);
	call_pair_free(g.toy.pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_caller_reads_for_itself),
		cmocka_unit_test(others_are_read_for_when_it_goes),
		cmocka_unit_test(a_posted_call_is_read_for),
		cmocka_unit_test(a_caller_that_reads_meets_the_end),
		cmocka_unit_test(a_caller_that_reads_is_patient_so_long),
		cmocka_unit_test(what_comes_alone_is_run_by_the_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
