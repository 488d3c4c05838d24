/* SPDX-License-Identifier: ISC */
/* Calls to one of several instances of a role, and what becomes of them when it goes
 * away: call_do_at asks another, call_begin_at does not. */
#include <sys/socket.h>

#include "runtime/call_toy_test_helper.h"

CALLS_DEFINE(toy, TOY_CALLS, CALLS_TOY, ROLE_STORE)

/* Instance 0 is a.pair's server; instance 1 has b for its context. */
struct two {
	struct toy a, b;
	struct call_server_config config;
	struct calls *second;
};

static void
two_open(struct two *t)
{
	struct calls_config config = { .self = ROLE_STORE, .server = &t->config };
	int ends[2];

	toy_start(&t->a, 1, 0);
	t->b =
	    (struct toy){ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	t->config = (struct call_server_config){
		.rows = toy_rows, .row_count = ARRAY_LEN(toy_rows), .context = &t->b, .threads = 1
	};
	t->second = calls_new(&config);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_ok(calls_link(t->second, ends[0], ROLE_MX, 0));
	assert_ok(calls_link(t->a.calls, ends[1], ROLE_STORE, 1));
	calls_open(t->second);
}

static void
two_close(struct two *t)
{
	call_pair_free(t->a.pair);
	calls_free(t->second);
}

static void
lose_second(struct two *t)
{
	struct link *l;

	assert_ok(calls_take(t->a.calls, ROLE_STORE, 1, 0, &l));
	link_close(l);
	link_unref(l);
}

/* The second gets the call and goes away; the first answers. */
static void *
second_goes(void *arg)
{
	struct two *t = arg;
	struct call_in *in = toy_take(&t->b);

	lose_second(t);
	toy_answer(toy_take(&t->a), 1);
	toy_answer(in, 2); /* goes nowhere */
	return NULL;
}

static void
one_that_goes_away_is_replaced(void **state)
{
	const struct toy_hold_request q = { .number = 7 };
	struct toy_hold_reply r;
	struct arena a = ARENA_INIT;
	pthread_t thread;
	struct two t;

	two_open(&t);
	assert_int_equal(pthread_create(&thread, NULL, second_goes, &t), 0);
	assert_ok(call_do_at(t.a.calls, 1, &toy_hold_call, &q, &a, &r, NULL));
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(r.number, 1);
	arena_done(&a);
	two_close(&t);
}

static void
a_call_begun_at_one_goes_to_no_other(void **state)
{
	const struct toy_hold_request q = { .number = 7 };
	struct toy_hold_reply r;
	struct arena a = ARENA_INIT;
	struct call_ahead *h;
	struct two t;

	two_open(&t);
	h = call_begin_at(t.a.calls, 1, &toy_hold_call, &q);
	toy_wait(&t.b, 1);
	lose_second(&t);
	assert_int_equal(call_finish(h, NULL, &a, &r, NULL), STATUS_UNAVAILABLE);
	h = call_begin_at(t.a.calls, 1, &toy_hold_call, &q);
	assert_int_equal(call_finish(h, NULL, &a, &r, NULL), STATUS_UNAVAILABLE);
	assert_int_equal(t.a.handled, 0);
	toy_answer(toy_take(&t.b), 1); /* goes nowhere */
	arena_done(&a);
	two_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_goes_away_is_replaced),
		cmocka_unit_test(a_call_begun_at_one_goes_to_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
