/* SPDX-License-Identifier: ISC */
/*
 * For the tests of calls: a server of the toy table whose calls are answered
 * when the test says so, and callers in threads of their own.
 */
#ifndef RUNTIME_CALL_TOY_TEST_HELPER_H
#define RUNTIME_CALL_TOY_TEST_HELPER_H

#include <pthread.h>
#include <unistd.h>

#include "base/testing.h"
#include "runtime/call_links.h"
#include "runtime/call_toy.h"
#include "runtime/role.h"

#define HELD_MOST 64

/* The server's side of the tests. */
struct toy {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct call_in *held[HELD_MOST];
	unsigned held_count;
	unsigned handled;
	uint64_t lost_link;
	unsigned lost_count;
	struct call_pair *pair;
	struct calls *calls;
};

UNUSED static void
note(struct toy *t)
{
	t->handled++;
	pthread_cond_broadcast(&t->changed);
}

UNUSED static void
handle_echo(struct call_in *in, const void *request, void *context)
{
	struct toy *t = context;

	pthread_mutex_lock(&t->lock);
	note(t);
	pthread_mutex_unlock(&t->lock);
	call_reply(in, request); /* the reply has the same fields */
}

UNUSED static void
handle_hold(struct call_in *in, const void *request, void *context)
{
	struct toy *t = context;

	pthread_mutex_lock(&t->lock);
	assert_true(t->held_count < HELD_MOST);
	t->held[t->held_count++] = in;
	note(t);
	pthread_mutex_unlock(&t->lock);
}

UNUSED static void
handle_fail(struct call_in *in, const void *request, void *context)
{
	const struct toy_fail_request *q = request;
	char client[64];

	assert_ok(text_to_string(q->client, client, sizeof(client)));
	call_refuse(in, (enum status)q->status, client, "%.*s", TEXT_ARG(q->log));
}

UNUSED static void
handle_size(struct call_in *in, const void *request, void *context)
{
	const struct toy_size_request *q = request;
	struct arena *a = call_arena(in);
	struct toy_size_reply r = { .payload = PAYLOAD_OF(TEXT_EMPTY) };
	char *text = arena_alloc(a, q->inline_octets + 1);
	char *bytes = arena_alloc(a, q->payload_octets + 1);

	memset(text, 't', q->inline_octets);
	memset(bytes, 'p', q->payload_octets);
	r.text = (struct text){ text, q->inline_octets };
	r.payload.bytes = (struct text){ bytes, q->payload_octets };
	call_reply(in, &r);
}

UNUSED static void
handle_stream(struct call_in *in, const void *request, void *context)
{
	const struct toy_stream_request *q = request;

	if (q->count == 0) {
		handle_hold(in, request, context);
		return;
	}
	for (uint64_t i = 1; i <= q->count; i++) {
		const struct toy_stream_reply r = { .number = i };

		if (!call_push(in, &r))
			break;
	}
	call_end(in, STATUS_OK);
}

/* Numbers of threads: who answered. */
UNUSED static void
answer_by(struct call_in *in, const void *request, void *context)
{
	const struct toy_quick_reply r = { .number = (uint64_t)gettid() };

	call_reply(in, &r);
}

UNUSED static void
handle_quick(struct call_in *in, const void *request, void *context)
{
	const struct toy_quick_request *q = request;

	if (q->number % 2 == 1)
		call_hand_on(in, answer_by);
	else
		answer_by(in, request, context);
}

UNUSED static void
handle_short(struct call_in *in, const void *request, void *context)
{
	const struct toy_short_request *q = request;

	if (q->number % 2 == 1 && call_step_aside(in))
		return;
	answer_by(in, request, context);
}

static const struct call_row toy_rows[] = {
	{ &toy_echo_call, handle_echo },
	{ &toy_hold_call, handle_hold },
	{ &toy_once_call, handle_hold },
	{ &toy_fail_call, handle_fail },
	{ &toy_size_call, handle_size },
	{ &toy_stream_call, handle_stream },
	{ &toy_nobody_call, handle_hold },
	{ &toy_quick_call, handle_quick },
	{ &toy_short_call, handle_short },
};

UNUSED static void
on_lost(uint64_t link, enum role peer, void *context)
{
	struct toy *t = context;

	assert_int_equal(peer, ROLE_MX);
	pthread_mutex_lock(&t->lock);
	t->lost_link = link;
	t->lost_count++;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

UNUSED static void
toy_start(struct toy *t, unsigned threads, unsigned in_flight_max)
{
	const struct call_server_config config = {
		.rows = toy_rows,
		.row_count = ARRAY_LEN(toy_rows),
		.context = t,
		.lost = on_lost,
		.threads = threads,
		.in_flight_max = in_flight_max,
	};

	*t = (struct toy){ .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	t->pair = call_pair_new(ROLE_MX, &config, ROLE_STORE, &t->calls);
}

UNUSED static void
toy_wait(struct toy *t, unsigned held)
{
	pthread_mutex_lock(&t->lock);
	while (t->held_count < held)
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

UNUSED static struct call_in *
toy_take(struct toy *t)
{
	struct call_in *in;

	pthread_mutex_lock(&t->lock);
	while (t->held_count == 0)
		pthread_cond_wait(&t->changed, &t->lock);
	in = t->held[--t->held_count];
	pthread_mutex_unlock(&t->lock);
	return in;
}

UNUSED static void
toy_answer(struct call_in *in, uint64_t number)
{
	const struct toy_hold_reply r = { .number = number };

	call_reply(in, &r);
}

/* A call in a thread of its own. */
struct caller {
	pthread_t thread;
	struct calls *calls;
	const struct call *call;
	uint64_t number;
	enum status status;
	uint64_t answer;
	struct failure failure;
};

UNUSED static void *
caller_main(void *arg)
{
	struct caller *c = arg;
	const struct toy_hold_request q = { .number = c->number };
	struct toy_hold_reply r = { 0 };
	struct arena a = ARENA_INIT;

	c->status = call_do(c->calls, c->call, &q, &a, &r, &c->failure);
	c->answer = r.number;
	arena_done(&a);
	return NULL;
}

UNUSED static void
caller_start(struct caller *c, struct toy *t, const struct call *call, uint64_t number)
{
	*c = (struct caller){ .calls = t->calls, .call = call, .number = number };
	assert_int_equal(pthread_create(&c->thread, NULL, caller_main, c), 0);
}

UNUSED static enum status
caller_join(struct caller *c)
{
	assert_int_equal(pthread_join(c->thread, NULL), 0);
	return c->status;
}

#endif
