/* SPDX-License-Identifier: ISC */
/*
 * Tests of calls over real sockets and threads in one process: answers from
 * any thread, failures, streams, payloads, lost links, limits, stopping. What
 * is waited for is always an event, never a time.
 */
#include "runtime/calls.h"

#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/log.h"
#include "runtime/call_toy_test_helper.h"
#include "runtime/metrics.h"

CALLS_DEFINE(toy, TOY_CALLS, CALLS_TOY, ROLE_STORE)

/* ---- answers ---- */

static enum status
echo(struct calls *c, struct text text, struct payload first, struct arena *a,
    struct toy_echo_reply *r)
{
	const struct toy_echo_request q = {
		.number = 7,
		.balance = -7,
		.text = text,
		.first = first,
		.second = PAYLOAD_OF(TEXT_EMPTY),
	};

	return toy_echo(c, &q, a, r, NULL);
}

static void
an_echo(void **state)
{
	struct toy t;
	struct toy_echo_reply r;
	struct arena a = ARENA_INIT;

	toy_start(&t, 2, 0);
	assert_ok(echo(t.calls, TEXT("hello"), PAYLOAD_OF(TEXT("small")), &a, &r));
	assert_int_equal(r.number, 7);
	assert_int_equal(r.balance, -7);
	call_pair_free(t.pair); /* the reply is the arena's */
	assert_text(r.text, "hello");
	assert_text(r.first.bytes, "small");
	arena_done(&a);
}

static void
replies_of_every_size(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 4000, 4096, 5000, 65535, 65536, 65537, 300000,
		1 << 20, 2000000 };
	struct toy t;
	struct arena a = ARENA_INIT;

	toy_start(&t, 2, 0);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const struct toy_size_request q = { .inline_octets = sizes[i],
			.payload_octets = sizes[ARRAY_LEN(sizes) - 1 - i] };
		struct toy_size_reply r;

		assert_ok(toy_size(t.calls, &q, &a, &r, NULL));
		assert_int_equal(r.text.len, q.inline_octets);
		assert_int_equal(r.payload.bytes.len, q.payload_octets);
		assert_int_equal(r.payload.fd >= 0, q.payload_octets > PAYLOAD_INLINE_MAX);
		if (r.text.len > 0)
			assert_int_equal(r.text.ptr[r.text.len - 1], 't');
		if (r.payload.bytes.len > 0)
			assert_int_equal(r.payload.bytes.ptr[q.payload_octets - 1], 'p');
		arena_done(&a);
	}
	call_pair_free(t.pair);
}

static void
what_is_too_long_is_said(void **state)
{
	const struct toy_size_request q = { .inline_octets = CALL_FRAME_MAX };
	struct toy t;
	struct toy_size_reply r;
	struct toy_echo_reply e;
	struct failure f = { 0 };
	struct arena a = ARENA_INIT;
	char *huge = arena_alloc(&a, CALL_FRAME_MAX);

	toy_start(&t, 1, 0);
	log_set_fd(-1);
	assert_int_equal(toy_size(t.calls, &q, &a, &r, &f), STATUS_LIMIT);
	log_set_fd(STDERR_FILENO);
	assert_non_null(strstr(f.log, "toy_size"));
	assert_int_equal(
	    echo(t.calls, (struct text){ huge, CALL_FRAME_MAX }, PAYLOAD_OF(TEXT_EMPTY), &a, &e),
	    STATUS_LIMIT);
	assert_ok(echo(t.calls, TEXT("still there"), PAYLOAD_OF(TEXT_EMPTY), &a, &e));
	arena_done(&a);
	call_pair_free(t.pair);
}

static void
failures_carry_their_texts(void **state)
{
	const struct toy_fail_request q = { .status = STATUS_QUOTA,
		.client = TEXT("Mailbox full"),
		.log = TEXT("account 7 is full") };
	struct toy t;
	struct toy_fail_reply r = { .none = 99 };
	struct failure f;
	struct arena a = ARENA_INIT;

	toy_start(&t, 1, 0);
	assert_int_equal(toy_fail(t.calls, &q, &a, &r, &f), STATUS_QUOTA);
	assert_int_equal(f.status, STATUS_QUOTA);
	assert_string_equal(f.client, "Mailbox full");
	assert_string_equal(f.log, "account 7 is full");
	assert_int_equal(r.none, 99);
	assert_int_equal(toy_fail(t.calls, &q, &a, &r, NULL), STATUS_QUOTA);
	arena_done(&a);
	call_pair_free(t.pair);
}

static void
answers_come_in_any_order_from_any_thread(void **state)
{
	struct toy t;
	struct caller callers[3];
	struct call_in *in[3];

	toy_start(&t, 1, 0);
	for (unsigned i = 0; i < 3; i++) {
		caller_start(&callers[i], &t, &toy_hold_call, i);
		toy_wait(&t, i + 1);
	}
	for (unsigned i = 0; i < 3; i++)
		in[i] = t.held[i];
	call_answers_hold();
	toy_answer(in[2], 102);
	toy_answer(in[0], 100);
	call_answers_send();
	assert_ok(caller_join(&callers[0]));
	assert_ok(caller_join(&callers[2]));
	assert_int_equal(callers[0].answer, 100);
	assert_int_equal(callers[2].answer, 102);
	toy_answer(in[1], 101);
	assert_ok(caller_join(&callers[1]));
	assert_int_equal(callers[1].answer, 101);
	call_pair_free(t.pair);
}

#define BUSY_THREADS 16
#define BUSY_CALLS 200

static void *
busy_main(void *arg)
{
	struct calls *c = arg;
	struct arena a = ARENA_INIT;
	struct toy_echo_reply r;
	char text[900];

	for (unsigned i = 0; i < BUSY_CALLS; i++) {
		size_t len = (i * 37) % sizeof(text);
		bool great = i % 50 == 49;
		struct payload p = PAYLOAD_OF(TEXT("p"));

		memset(text, (char)i, sizeof(text));
		if (great) {
			char *bytes = arena_alloc(&a, PAYLOAD_INLINE_MAX + 1);

			p = PAYLOAD_OF(((struct text){ bytes, PAYLOAD_INLINE_MAX + 1 }));
		}
		assert_ok(echo(c, (struct text){ text, len }, p, &a, &r));
		assert_true(text_equal(r.text, (struct text){ text, len }));
		assert_int_equal(r.first.bytes.len, p.bytes.len);
		assert_int_equal(r.first.fd >= 0, great);
		arena_reset(&a);
	}
	arena_done(&a);
	return NULL;
}

static void
many_threads_at_once(void **state)
{
	struct toy t;
	pthread_t threads[BUSY_THREADS];
	int64_t served = metric_get(METRIC_CALLS_SERVED);

	toy_start(&t, 4, 0);
	for (unsigned i = 0; i < BUSY_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, busy_main, t.calls), 0);
	for (unsigned i = 0; i < BUSY_THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	call_pair_free(t.pair);
	assert_int_equal(t.handled, BUSY_THREADS * BUSY_CALLS);
	assert_int_equal(metric_get(METRIC_CALLS_SERVED) - served, BUSY_THREADS * BUSY_CALLS);
}

/* ---- limits and times ---- */

static void
a_call_that_is_not_answered_times_out(void **state)
{
	const struct toy_hold_request q = { .number = 1 };
	struct toy t;
	struct toy_hold_reply r;
	struct toy_echo_reply e;
	struct arena a = ARENA_INIT;

	toy_start(&t, 1, 0);
	t.calls->timeout = 0;
	assert_int_equal(toy_hold(t.calls, &q, &a, &r, NULL), STATUS_TIMEOUT);
	t.calls->timeout = 60 * INT64_C(1000000);
	/* The late answer is nobody's, and the link goes on. */
	toy_answer(toy_take(&t), 1);
	assert_ok(echo(t.calls, TEXT("on"), PAYLOAD_OF(TEXT_EMPTY), &a, &e));
	arena_done(&a);
	call_pair_free(t.pair);
}

static void
more_than_in_flight_max_wait_their_turn(void **state)
{
	struct toy t;
	struct caller callers[5];

	toy_start(&t, 4, 2);
	for (unsigned i = 0; i < 5; i++)
		caller_start(&callers[i], &t, &toy_hold_call, i);
	for (unsigned i = 0; i < 5; i++) {
		toy_wait(&t, 1);
		assert_true(t.held_count <= 2);
		toy_answer(toy_take(&t), 1);
	}
	for (unsigned i = 0; i < 5; i++)
		assert_ok(caller_join(&callers[i]));
	assert_int_equal(t.handled, 5);
	call_pair_free(t.pair);
}

static void
where_no_link_is_calls_fail(void **state)
{
	const struct toy_hold_request q = { .number = 1 };
	const struct calls_config config = { .self = ROLE_MX, .no_patience = true };
	struct calls *c = calls_new(&config);
	struct toy_hold_reply r;
	struct failure f;
	struct arena a = ARENA_INIT;

	assert_int_equal(toy_hold(c, &q, &a, &r, &f), STATUS_UNAVAILABLE);
	assert_non_null(strstr(f.log, "role store is away"));
	calls_free(c);
	arena_done(&a);
}

/* ---- lost links ---- */

static void
a_call_that_may_be_repeated_survives_a_lost_link(void **state)
{
	struct toy t;
	struct caller caller;

	toy_start(&t, 1, 0);
	caller_start(&caller, &t, &toy_hold_call, 5);
	toy_wait(&t, 1);
	call_pair_break(t.pair, 0);
	pthread_mutex_lock(&t.lock);
	while (t.lost_count == 0)
		pthread_cond_wait(&t.changed, &t.lock);
	pthread_mutex_unlock(&t.lock);
	assert_int_equal(call_link(t.held[0]), t.lost_link);
	toy_answer(toy_take(&t), 1); /* goes nowhere */
	call_pair_mend(t.pair, 0);
	toy_wait(&t, 1);
	assert_int_not_equal(call_link(t.held[0]), t.lost_link);
	toy_answer(toy_take(&t), 2);
	assert_ok(caller_join(&caller));
	assert_int_equal(caller.answer, 2);
	call_pair_free(t.pair);
}

static void
other_calls_are_ambiguous_then(void **state)
{
	struct toy t;
	struct caller caller;

	toy_start(&t, 1, 0);
	caller_start(&caller, &t, &toy_once_call, 5);
	toy_wait(&t, 1);
	call_pair_break(t.pair, 0);
	assert_int_equal(caller_join(&caller), STATUS_AMBIGUOUS);
	toy_answer(toy_take(&t), 1);
	call_pair_free(t.pair);
}

static void
a_request_that_ends_its_server_is_not_sent_for_ever(void **state)
{
	struct toy t;
	struct caller caller;

	toy_start(&t, 1, 0);
	caller_start(&caller, &t, &toy_hold_call, 5);
	for (unsigned i = 0; i < 3; i++) {
		toy_wait(&t, 1);
		call_pair_break(t.pair, 0);
		toy_answer(toy_take(&t), 1);
		call_pair_mend(t.pair, 0);
	}
	assert_int_equal(caller_join(&caller), STATUS_UNAVAILABLE);
	assert_int_equal(t.handled, 3);
	call_pair_free(t.pair);
}

/* ---- calls under way ---- */

static void
begun_calls_are_finished_in_any_order(void **state)
{
	const struct toy_hold_request q[2] = { { .number = 1 }, { .number = 2 } };
	struct toy t;
	struct toy_hold_reply r;
	struct arena a = ARENA_INIT;
	struct call_ahead *one, *two;

	toy_start(&t, 2, 0);
	one = call_begin(t.calls, &toy_hold_call, &q[0]);
	toy_wait(&t, 1);
	two = call_begin(t.calls, &toy_hold_call, &q[1]);
	toy_wait(&t, 2);
	toy_answer(toy_take(&t), 22); /* the one that came last */
	toy_answer(toy_take(&t), 11);
	assert_ok(call_finish(two, &q[1], &a, &r, NULL));
	assert_int_equal(r.number, 22);
	assert_ok(call_finish(one, &q[0], &a, &r, NULL));
	assert_int_equal(r.number, 11);
	assert_int_equal(t.handled, 2);
	arena_done(&a);
	call_pair_free(t.pair);
}

static void
an_abandoned_call_is_nobodys(void **state)
{
	const struct toy_hold_request q = { .number = 1 };
	struct toy t;
	struct toy_echo_reply e;
	struct arena a = ARENA_INIT;
	struct call_ahead *h;

	toy_start(&t, 1, 0);
	call_abandon(call_begin(t.calls, &toy_hold_call, &q));
	toy_answer(toy_take(&t), 1); /* goes nowhere */
	h = call_begin(t.calls, &toy_hold_call, &q);
	toy_answer(toy_take(&t), 1);
	/* The reply is there: this one came behind it. */
	assert_ok(echo(t.calls, TEXT("on"), PAYLOAD_OF(TEXT_EMPTY), &a, &e));
	call_abandon(h);
	arena_done(&a);
	call_pair_free(t.pair);
}

static void *
answer_two(void *arg)
{
	toy_answer(toy_take(arg), 2);
	return NULL;
}

static void
a_begun_call_survives_a_lost_link(void **state)
{
	const struct toy_hold_request q = { .number = 1 };
	struct toy t;
	struct toy_hold_reply r;
	struct arena a = ARENA_INIT;
	struct call_ahead *sent, *unsent;
	pthread_t thread;

	toy_start(&t, 1, 0);
	sent = call_begin(t.calls, &toy_hold_call, &q);
	toy_wait(&t, 1);
	call_pair_break(t.pair, 0);
	pthread_mutex_lock(&t.lock);
	while (t.lost_count == 0)
		pthread_cond_wait(&t.changed, &t.lock);
	pthread_mutex_unlock(&t.lock);
	toy_answer(toy_take(&t), 1); /* goes nowhere */
	unsent = call_begin(t.calls, &toy_hold_call, &q);
	call_pair_mend(t.pair, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&thread, NULL, answer_two, &t), 0);
		assert_ok(call_finish(i == 0 ? sent : unsent, &q, &a, &r, NULL));
		assert_int_equal(r.number, 2);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	arena_done(&a);
	call_pair_free(t.pair);
}

static void
closing_ends_calls_that_wait(void **state)
{
	struct toy t;
	struct caller caller;
	struct call_in *in;

	toy_start(&t, 1, 0);
	caller_start(&caller, &t, &toy_hold_call, 5);
	in = toy_take(&t);
	call_pair_free(t.pair);
	assert_int_equal(caller_join(&caller), STATUS_UNAVAILABLE);
	toy_answer(in, 1); /* after the end of everything: harmless */
}

/* ---- streams ---- */

struct stream_seen {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t sum, last;
	unsigned ends;
	enum status end;
};

static void
on_stream(void *arg, enum status s, const void *reply)
{
	struct stream_seen *seen = arg;

	pthread_mutex_lock(&seen->lock);
	if (s == STATUS_OK) {
		const struct toy_stream_reply *r = reply;

		assert_int_equal(r->number, seen->last + 1);
		seen->last = r->number;
		seen->sum += r->number;
	} else {
		assert_null(reply);
		seen->end = s;
		seen->ends++;
	}
	pthread_cond_broadcast(&seen->changed);
	pthread_mutex_unlock(&seen->lock);
}

static void
seen_wait(struct stream_seen *seen, uint64_t last, unsigned ends)
{
	pthread_mutex_lock(&seen->lock);
	while (seen->last < last || seen->ends < ends)
		pthread_cond_wait(&seen->changed, &seen->lock);
	pthread_mutex_unlock(&seen->lock);
}

#define STREAM_SEEN                                                                    \
	{                                                                              \
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER \
	}

static void
a_stream_gives_all_and_ends(void **state)
{
	const struct toy_stream_request q = { .count = 10000 };
	struct stream_seen seen = STREAM_SEEN;
	struct toy t;

	toy_start(&t, 1, 0);
	assert_ok(call_stream(t.calls, &toy_stream_call, &q, on_stream, &seen));
	seen_wait(&seen, 10000, 1);
	assert_int_equal(seen.end, STATUS_CLOSED);
	assert_int_equal(seen.sum, 10000 * 10001 / 2);
	call_pair_free(t.pair);
	assert_int_equal(seen.ends, 1);
}

static void
a_stream_ends_with_its_link(void **state)
{
	const struct toy_stream_request q = { .count = 0 };
	const struct toy_stream_reply one = { .number = 1 };
	struct stream_seen seen = STREAM_SEEN;
	struct call_in *in;
	struct toy t;

	toy_start(&t, 1, 0);
	assert_ok(call_stream(t.calls, &toy_stream_call, &q, on_stream, &seen));
	in = toy_take(&t);
	assert_true(call_push(in, &one));
	seen_wait(&seen, 1, 0);
	call_pair_break(t.pair, 0);
	seen_wait(&seen, 1, 1);
	assert_int_equal(seen.end, STATUS_UNAVAILABLE);
	pthread_mutex_lock(&t.lock);
	while (t.lost_count == 0)
		pthread_cond_wait(&t.changed, &t.lock);
	pthread_mutex_unlock(&t.lock);
	assert_false(call_push(in, &one));
	call_end(in, STATUS_OK);
	call_pair_free(t.pair);
}

/* ---- stopping ---- */

static void *
quiesce_main(void *arg)
{
	struct toy *t = arg;

	calls_quiesce(call_pair_server(t->pair, 0), INT64_MAX / 2);
	return NULL;
}

static bool
server_is_quiet(struct toy *t)
{
	struct calls *s = call_pair_server(t->pair, 0);
	struct link *l;
	bool quiet;

	assert_ok(calls_take(s, ROLE_MX, 0, 0, &l));
	pthread_mutex_lock(&l->lock);
	quiet = l->draining;
	pthread_mutex_unlock(&l->lock);
	link_unref(l);
	return quiet;
}

static void
quiescing_finishes_what_is_in_hand(void **state)
{
	const struct toy_stream_request stream = { .count = 0 };
	struct stream_seen seen = STREAM_SEEN;
	struct toy t;
	struct caller caller, late;
	struct call_in *held_stream, *in;
	pthread_t quiescer;

	toy_start(&t, 2, 0);
	assert_ok(call_stream(t.calls, &toy_stream_call, &stream, on_stream, &seen));
	held_stream = toy_take(&t);
	caller_start(&caller, &t, &toy_hold_call, 5);
	in = toy_take(&t);
	assert_int_equal(pthread_create(&quiescer, NULL, quiesce_main, &t), 0);
	while (!server_is_quiet(&t))
		(void)sched_yield();
	caller_start(&late, &t, &toy_hold_call, 6);
	assert_int_equal(caller_join(&late), STATUS_UNAVAILABLE);
	toy_answer(in, 55);
	assert_int_equal(pthread_join(quiescer, NULL), 0);
	assert_ok(caller_join(&caller));
	assert_int_equal(caller.answer, 55);
	call_end(held_stream, STATUS_OK);
	seen_wait(&seen, 0, 1);
	call_pair_free(t.pair);
}

static void
requests_wait_until_the_server_is_open(void **state)
{
	struct toy t = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	const struct call_server_config server = {
		.rows = toy_rows, .row_count = ARRAY_LEN(toy_rows), .context = &t, .threads = 1
	};
	const struct calls_config config = { .self = ROLE_STORE, .server = &server };
	const struct calls_config asks = { .self = ROLE_MX };
	struct calls *s = calls_new(&config);
	struct caller caller;
	bool waits = false;
	int ends[2];

	t.calls = calls_new(&asks);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_ok(calls_link(s, ends[0], ROLE_MX, 0));
	assert_ok(calls_link(t.calls, ends[1], ROLE_STORE, 0));
	caller_start(&caller, &t, &toy_hold_call, 1);
	while (!waits) {
		pthread_mutex_lock(&s->lock);
		waits = !list_empty(&s->gated);
		pthread_mutex_unlock(&s->lock);
	}
	assert_int_equal(t.held_count, 0);
	calls_open(s);
	toy_answer(toy_take(&t), 9);
	assert_ok(caller_join(&caller));
	calls_free(t.calls);
	calls_free(s);
}

/* ---- calls that nobody waits for ---- */

struct begun {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned ended;
	enum status status;
	uint64_t number;
	char words[64];
};

#define BEGUN_INIT                                                                     \
	{                                                                              \
		.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER \
	}

static void
on_reply(void *arg, enum status s, const void *reply, const struct failure *f)
{
	const struct toy_hold_reply *r = reply;
	struct begun *b = arg;

	pthread_mutex_lock(&b->lock);
	b->status = s;
	if (s == STATUS_OK)
		b->number = r->number;
	else
		(void)snprintf(b->words, sizeof(b->words), "%s", f->client);
	b->ended++;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

static void
begun_wait(struct begun *b, unsigned ended)
{
	pthread_mutex_lock(&b->lock);
	while (b->ended < ended)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

static void
a_posted_call_ends_by_its_function(void **state)
{
	const struct toy_hold_request q = { .number = 3 };
	const struct toy_fail_request refused = {
		.status = STATUS_QUOTA, .client = TEXT("Mailbox full"), .log = TEXT("test")
	};
	struct begun b = BEGUN_INIT;
	struct toy t;

	toy_start(&t, 1, 0);
	assert_ok(call_post(t.calls, &toy_hold_call, &q, on_reply, &b));
	toy_wait(&t, 1);
	assert_int_equal(b.ended, 0);
	toy_answer(toy_take(&t), 8);
	begun_wait(&b, 1);
	assert_int_equal(b.status, STATUS_OK);
	assert_int_equal(b.number, 8);
	assert_ok(call_post(t.calls, &toy_fail_call, &refused, on_reply, &b));
	begun_wait(&b, 2);
	assert_int_equal(b.status, STATUS_QUOTA);
	assert_string_equal(b.words, "Mailbox full");
	call_pair_free(t.pair);
}

static void
a_posted_call_ends_with_its_link(void **state)
{
	const struct calls_config alone = { .self = ROLE_MX, .no_patience = true };
	const struct toy_hold_request q = { .number = 3 };
	struct calls *nobody = calls_new(&alone);
	struct begun b = BEGUN_INIT;
	struct toy t;

	assert_int_equal(call_post(nobody, &toy_hold_call, &q, on_reply, &b), STATUS_UNAVAILABLE);
	calls_free(nobody);
	assert_int_equal(b.ended, 0);
	toy_start(&t, 1, 0);
	assert_ok(call_post(t.calls, &toy_hold_call, &q, on_reply, &b));
	toy_wait(&t, 1);
	call_pair_break(t.pair, 0);
	begun_wait(&b, 1);
	assert_int_equal(b.status, STATUS_CLOSED);
	toy_answer(toy_take(&t), 0);
	call_pair_free(t.pair);
	assert_int_equal(b.ended, 1);
}

static uint64_t
answered_by(struct toy *t, uint64_t number)
{
	const struct toy_quick_request q = { .number = number };
	struct toy_quick_reply r = { 0 };
	struct arena a = ARENA_INIT;

	assert_ok(toy_quick(t->calls, &q, &a, &r, NULL));
	arena_done(&a);
	return r.number;
}

static void
quick_calls_run_where_they_are_read(void **state)
{
	struct toy t;
	uint64_t reader, other;

	toy_start(&t, 1, 0);
	reader = answered_by(&t, 0);
	other = answered_by(&t, 1);
	assert_int_not_equal(reader, other);
	assert_int_equal(answered_by(&t, 2), reader);
	assert_int_equal(answered_by(&t, 3), other); /* there is one thread */
	call_pair_free(t.pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_echo),
		cmocka_unit_test(replies_of_every_size),
		cmocka_unit_test(what_is_too_long_is_said),
		cmocka_unit_test(failures_carry_their_texts),
		cmocka_unit_test(answers_come_in_any_order_from_any_thread),
		cmocka_unit_test(many_threads_at_once),
		cmocka_unit_test(a_call_that_is_not_answered_times_out),
		cmocka_unit_test(more_than_in_flight_max_wait_their_turn),
		cmocka_unit_test(where_no_link_is_calls_fail),
		cmocka_unit_test(a_call_that_may_be_repeated_survives_a_lost_link),
		cmocka_unit_test(other_calls_are_ambiguous_then),
		cmocka_unit_test(a_request_that_ends_its_server_is_not_sent_for_ever),
		cmocka_unit_test(begun_calls_are_finished_in_any_order),
		cmocka_unit_test(an_abandoned_call_is_nobodys),
		cmocka_unit_test(a_begun_call_survives_a_lost_link),
		cmocka_unit_test(closing_ends_calls_that_wait),
		cmocka_unit_test(a_stream_gives_all_and_ends),
		cmocka_unit_test(a_stream_ends_with_its_link),
		cmocka_unit_test(quiescing_finishes_what_is_in_hand),
		cmocka_unit_test(requests_wait_until_the_server_is_open),
		cmocka_unit_test(a_posted_call_ends_by_its_function),
		cmocka_unit_test(a_posted_call_ends_with_its_link),
		cmocka_unit_test(quick_calls_run_where_they_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
