/* SPDX-License-Identifier: ISC */
/*
 * The caller's half: requests that wait in their link's map, by id, for the
 * reader to bring the reply. Who takes an entry out of the map, under the
 * link's lock, decides how the call ends: the reader with a reply or a loss,
 * or the caller that waited too long. A caller sleeps on a futex in its own
 * frame of the stack; the reader touches it last with the exchange of state.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "runtime/call_links.h"
#include "runtime/metrics.h"
#include "runtime/runtime_calls.h"
#include "runtime/thread.h"

/* A request that ends its server each time is not sent for ever. */
#define SENDS_MOST 3
/* Replies up to here are copied into the arena, longer ones adopted. */
#define COPY_MOST 4096

#define AWAY "The service is not available right now; try again later"

enum { RUNNING, SLEEPING, REPLIED, LOST };

struct pending {
	const struct call *call;
	/* a stream, or a call that nobody waits for: of the heap, freed by the
	 * reader */
	call_stream_fn fn;
	call_reply_fn once;
	void *arg;
	/* a plain call: of the caller's stack */
	_Atomic uint32_t state;
	struct call_frame *frame;
	uint64_t id;
	uint64_t at;   /* octet of the link at which it begins */
	bool was_sent; /* perhaps; valid when LOST */
	bool wanted;   /* counted by the link */
};

/* ---- sleeping and waking ---- */

static void
wake(struct pending *p, uint32_t state)
{
	_Atomic uint32_t *word = &p->state;

	if (atomic_exchange_explicit(word, state, memory_order_acq_rel) == SLEEPING)
		thread_wake(word);
}

/* RUNNING when the deadline passed. */
static uint32_t
sleep_until(struct pending *p, int64_t deadline)
{
	uint32_t state = RUNNING;

	if (atomic_compare_exchange_strong_explicit(
		&p->state, &state, SLEEPING, memory_order_acq_rel, memory_order_acquire))
		state = SLEEPING;
	while (state == SLEEPING) {
		bool woken;

		thread_blocks();
		woken = thread_sleep(&p->state, SLEEPING, deadline);
		thread_goes_on();
		if (!woken)
			return RUNNING;
		state = atomic_load_explicit(&p->state, memory_order_acquire);
	}
	return state;
}

/* ---- sending ---- */

/* With the lock. */
static void
want(struct link *l, struct pending *p)
{
	p->wanted = true;
	link_want(l);
}

/* With the lock. */
static void
unwant(struct link *l, struct pending *p)
{
	l->wanted -= p->wanted;
	p->wanted = false;
}

/* Encodes, enters p into the map and sends. CLOSED: the link is broken. */
static enum status
send_request(struct link *l, struct pending *p, const void *request)
{
	const struct call *call = p->call;
	struct buffer b = BUFFER_INIT;
	int fds[CALL_FDS_MAX];
	unsigned fd_count = 0;
	enum status st;
	uint64_t id;

	link_prepare(l, &b);
	(void)call_frame_begin(&b);
	st = call_encode(call->request, call->request_count, request, &b, fds, &fd_count);
	if (st != STATUS_OK) {
		link_release(l, &b);
		return st;
	}
	pthread_mutex_lock(&l->lock);
	id = ++l->last_id;
	call_frame_end(&b, 0, CALL_KIND_REQUEST, call->number, id, STATUS_OK, fd_count);
	if (link_append(l, &b, fds, fd_count, &p->at)) {
		p->id = id;
		(void)map_put_u64(&l->pending, id, p);
		metric_add(METRIC_CALLS_SENT, 1); /* before anybody can answer */
		if (p->once != NULL)
			want(l, p);
		if (!l->reader_active)
			link_flush(l);
	} else {
		st = STATUS_CLOSED;
	}
	pthread_mutex_unlock(&l->lock);
	link_release(l, &b);
	return st;
}

/* Reads the link until the reply is there. RUNNING: the deadline passed, or the
 * link ends and p will be told so. */
static uint32_t
read_until(struct link *l, struct pending *p, int64_t deadline)
{
	enum status st = STATUS_OK;
	uint32_t state;

	while ((state = atomic_load_explicit(&p->state, memory_order_acquire)) == RUNNING &&
	       st == STATUS_OK)
		st = link_read(l, deadline);
	link_read_give(l, st);
	return state;
}

/* Waits for the reply, by reading if nobody does: REPLIED, LOST, or RUNNING for
 * a call that took too long; after that nobody else knows of p. */
static uint32_t
await(struct link *l, struct pending *p, int64_t deadline)
{
	uint32_t state = atomic_load_explicit(&p->state, memory_order_acquire);
	bool reads, mine;

	if (state != RUNNING)
		return state;
	pthread_mutex_lock(&l->lock);
	reads = link_read_take(l);
	if (!reads && map_get_u64(&l->pending, p->id) == p)
		want(l, p);
	pthread_mutex_unlock(&l->lock);
	if (reads)
		state = read_until(l, p, deadline);
	if (state == RUNNING)
		state = sleep_until(p, deadline);
	if (state != RUNNING)
		return state;
	pthread_mutex_lock(&l->lock);
	mine = map_remove_u64(&l->pending, p->id) != NULL;
	unwant(l, p);
	pthread_mutex_unlock(&l->lock);
	/* The reader has it in its hand: it will be told at once. */
	return mine ? RUNNING : sleep_until(p, INT64_MAX);
}

/* ---- replies ---- */

static enum status
take_failure(struct call_frame *frame, struct failure *f)
{
	struct unpack u = unpack_of((struct text){ frame->body, frame->len });
	struct text client = unpack_text(&u), log = unpack_text(&u);
	enum status st = frame->status;
	char words[sizeof(f->client)];

	if (!unpack_end(&u))
		return fail(f, STATUS_CORRUPT, AWAY, "a failure that does not decode");
	(void)snprintf(words, sizeof(words), "%.*s", TEXT_ARG(client));
	return fail(f, st, words, "%.*s", TEXT_ARG(log));
}

static enum status
take_reply(const struct call *call, struct call_frame *frame, struct arena *a, void *reply,
    struct failure *f)
{
	struct text body = { frame->body, frame->len };
	unsigned fd_count = frame->fd_count;
	enum status st;

	if (frame->status != STATUS_OK) {
		st = take_failure(frame, f);
		call_frame_free(frame);
		return st;
	}
	frame->fd_count = 0;
	if (body.len <= COPY_MOST && !frame->secret)
		body = arena_copy(a, body);
	st = call_decode(
	    call->reply, call->reply_count, call->reply_size, body, frame->fds, fd_count, a, reply);
	if (body.ptr == frame->body)
		call_frame_adopt(frame, a);
	else
		call_frame_free(frame);
	if (st != STATUS_OK)
		return fail(f, STATUS_CORRUPT, AWAY, "the reply of %s does not decode", call->name);
	return STATUS_OK;
}

/* ---- calls ---- */

/* CLOSED: the link was lost; *sent says whether the server may have it. */
static enum status
attempt(struct link *l, const struct call *call, const void *request, struct arena *a, void *reply,
    struct failure *f, int64_t deadline, bool *sent)
{
	struct pending p = { .call = call };
	enum status st = send_request(l, &p, request);

	if (st == STATUS_CLOSED)
		return st;
	if (st != STATUS_OK)
		return fail(f, st, "The request is too large or cannot be sent",
		    "%s: request refused by the encoder: %s", call->name, status_word(st));
	atomic_fetch_add_explicit(&l->in_flight, 1, memory_order_relaxed);
	switch (await(l, &p, deadline)) {
	case REPLIED:
		st = take_reply(call, p.frame, a, reply, f);
		break;
	case LOST:
		*sent = p.was_sent;
		st = STATUS_CLOSED;
		break;
	default:
		st = fail(f, STATUS_TIMEOUT, AWAY, "no answer to %s in time", call->name);
	}
	atomic_fetch_sub_explicit(&l->in_flight, 1, memory_order_relaxed);
	return st;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Who is asked. */
struct target {
	enum role to;
	unsigned instance;
	bool alone; /* no other instance will do */
};

static enum status
take_link(struct calls *c, const struct target *t, int64_t until, struct link **l)
{
	if (!t->alone && t->instance != CALLS_ANY_INSTANCE &&
	    calls_take(c, t->to, t->instance, 0, l) == STATUS_OK)
		return STATUS_OK;
	return calls_take(c, t->to, t->alone ? t->instance : CALLS_ANY_INSTANCE, until, l);
}

static enum status
try_call(struct calls *c, struct target t, const struct call *call, const void *request,
    struct arena *a, void *reply, struct failure *f)
{
	int64_t deadline = thread_time() + c->timeout;
	const char *role = role_word(t.to);

	CHECK((call->flags & CALL_STREAM) == 0);
	for (unsigned sends = 0;;) {
		bool sent = false;
		struct link *l;
		enum status st;

		st = take_link(c, &t, sooner(deadline, thread_time() + c->patience), &l);
		if (st != STATUS_OK)
			return fail(f, st, AWAY, "%s: role %s is away", call->name, role);
		st = attempt(l, call, request, a, reply, f, deadline, &sent);
		link_unref(l);
		if (st != STATUS_CLOSED)
			return st;
		if (!t.alone)
			t.instance = CALLS_ANY_INSTANCE;
		sends += sent;
		if (sent && (call->flags & CALL_AGAIN) == 0)
			return fail(f, STATUS_AMBIGUOUS, AWAY,
			    "%s: role %s went away before it answered", call->name, role);
		if (sends == SENDS_MOST)
			return fail(f, STATUS_UNAVAILABLE, AWAY,
			    "%s: role %s went away each time it was asked", call->name, role);
	}
}

static enum status
do_call(struct calls *c, struct target t, const struct call *call, const void *request,
    struct arena *a, void *reply, struct failure *f)
{
	enum status st;

	(void)calls_ref(c);
	st = try_call(c, t, call, request, a, reply, f);
	calls_unref(c);
	return st;
}

enum status
call_do(struct calls *c, const struct call *call, const void *request, struct arena *a, void *reply,
    struct failure *f)
{
	return call_do_at(c, CALLS_ANY_INSTANCE, call, request, a, reply, f);
}

static bool
is_there(struct calls *c, enum role to, unsigned instance)
{
	bool there;

	CHECK(instance < CALLS_INSTANCES_MAX);
	pthread_mutex_lock(&c->lock);
	there = c->at[to][instance] != NULL;
	pthread_mutex_unlock(&c->lock);
	return there;
}

enum status
call_do_at(struct calls *c, unsigned instance, const struct call *call, const void *request,
    struct arena *a, void *reply, struct failure *f)
{
	const struct target t = { call->server, instance, false };

	CHECK(instance == CALLS_ANY_INSTANCE || instance < CALLS_INSTANCES_MAX);
	return do_call(c, t, call, request, a, reply, f);
}

enum status
runtime_call_to(struct calls *c, enum role to, unsigned instance, const struct call *call,
    const void *request, struct arena *a, void *reply, struct failure *f)
{
	const struct target t = { to, instance, true };

	if (!is_there(c, to, instance))
		return fail(f, STATUS_NOT_FOUND, AWAY, "no link to %s %u", role_word(to), instance);
	return do_call(c, t, call, request, a, reply, f);
}

/* ---- a call under way ---- */

struct call_ahead {
	struct calls *calls; /* referenced */
	struct link *link;   /* NULL: it was not sent */
	bool alone;	     /* and goes to no other instance */
	struct pending pending;
	int64_t deadline;
};

struct call_ahead *
call_begin(struct calls *c, const struct call *call, const void *request)
{
	return call_begin_at(c, CALLS_ANY_INSTANCE, call, request);
}

struct call_ahead *
call_begin_at(struct calls *c, unsigned instance, const struct call *call, const void *request)
{
	struct call_ahead *h = MEM_NEW(struct call_ahead);

	CHECK((call->flags & (CALL_STREAM | CALL_AGAIN)) == CALL_AGAIN);
	h->calls = calls_ref(c);
	h->alone = instance != CALLS_ANY_INSTANCE;
	h->pending.call = call;
	h->deadline = thread_time() + c->timeout;
	if (calls_take(c, call->server, instance, 0, &h->link) != STATUS_OK)
		return h;
	if (send_request(h->link, &h->pending, request) == STATUS_OK) {
		atomic_fetch_add_explicit(&h->link->in_flight, 1, memory_order_relaxed);
	} else {
		link_unref(h->link);
		h->link = NULL;
	}
	return h;
}

static void
free_ahead(struct call_ahead *h)
{
	if (h->link != NULL) {
		atomic_fetch_sub_explicit(&h->link->in_flight, 1, memory_order_relaxed);
		link_unref(h->link);
	}
	calls_unref(h->calls);
	mem_free(h);
}

enum status
call_finish(
    struct call_ahead *h, const void *request, struct arena *a, void *reply, struct failure *f)
{
	const struct call *call = h->pending.call;
	uint32_t end = h->link == NULL ? LOST : await(h->link, &h->pending, h->deadline);
	enum status st;

	if (end == REPLIED)
		st = take_reply(call, h->pending.frame, a, reply, f);
	else if (end == LOST && h->alone)
		st = fail(f, STATUS_UNAVAILABLE, AWAY, "%s: that instance went away", call->name);
	else if (end == LOST)
		st = call_do(h->calls, call, request, a, reply, f);
	else
		st = fail(f, STATUS_TIMEOUT, AWAY, "no answer to %s in time", call->name);
	free_ahead(h);
	return st;
}

void
call_abandon(struct call_ahead *h)
{
	/* A deadline that has passed: the reply that is there already, or none. */
	if (h->link != NULL && await(h->link, &h->pending, 0) == REPLIED)
		call_frame_free(h->pending.frame);
	free_ahead(h);
}

static enum status
post_call(
    struct calls *c, const struct call *call, const void *request, call_reply_fn fn, void *arg)
{
	struct pending *p;
	struct link *l;
	enum status st;

	st = calls_take(c, call->server, CALLS_ANY_INSTANCE, 0, &l);
	if (st != STATUS_OK)
		return st;
	p = MEM_NEW(struct pending);
	p->call = call;
	p->once = fn;
	p->arg = arg;
	atomic_fetch_add_explicit(&l->in_flight, 1, memory_order_relaxed);
	st = send_request(l, p, request);
	if (st != STATUS_OK) {
		atomic_fetch_sub_explicit(&l->in_flight, 1, memory_order_relaxed);
		mem_free(p);
	}
	link_unref(l);
	return st == STATUS_CLOSED ? STATUS_UNAVAILABLE : st;
}

enum status
call_post(
    struct calls *c, const struct call *call, const void *request, call_reply_fn fn, void *arg)
{
	enum status st;

	CHECK((call->flags & CALL_STREAM) == 0);
	(void)calls_ref(c);
	st = post_call(c, call, request, fn, arg);
	calls_unref(c);
	return st;
}

static enum status
open_stream(
    struct calls *c, const struct call *call, const void *request, call_stream_fn fn, void *arg)
{
	struct pending *p;
	struct link *l;
	enum status st;

	st = calls_take(c, call->server, CALLS_ANY_INSTANCE, thread_time() + c->patience, &l);
	if (st != STATUS_OK)
		return st;
	p = MEM_NEW(struct pending);
	p->call = call;
	p->fn = fn;
	p->arg = arg;
	st = send_request(l, p, request);
	if (st != STATUS_OK)
		mem_free(p);
	link_unref(l);
	return st == STATUS_CLOSED ? STATUS_UNAVAILABLE : st;
}

enum status
call_stream(
    struct calls *c, const struct call *call, const void *request, call_stream_fn fn, void *arg)
{
	enum status st;

	CHECK((call->flags & CALL_STREAM) != 0);
	(void)calls_ref(c);
	st = open_stream(c, call, request, fn, arg);
	calls_unref(c);
	return st;
}

/* ---- by who reads the link ---- */

static void
stream_push(struct calls *c, struct pending *p, struct call_frame *f)
{
	_Alignas(max_align_t) char record[1024];
	const struct call *call = p->call;
	struct arena a = ARENA_INIT;
	enum status st;

	CHECK(call->reply_size <= sizeof(record));
	st = take_reply(call, f, &a, record, NULL);
	if (st != STATUS_OK) {
		LOG_WARN("call.push_does_not_decode", FIELD_STRING("call", call->name));
	} else if (calls_callback_begin(c)) {
		p->fn(p->arg, STATUS_OK, record);
		calls_callback_end(c);
	}
	arena_done(&a);
}

static void
stream_end(struct calls *c, struct pending *p, enum status st)
{
	if (calls_callback_begin(c)) {
		p->fn(p->arg, st == STATUS_OK ? STATUS_CLOSED : st, NULL);
		calls_callback_end(c);
	}
	mem_free(p);
}

/* frame NULL: the link was lost. */
static void
answer_once(struct link *l, struct pending *p, struct call_frame *frame)
{
	_Alignas(max_align_t) char record[1024];
	struct failure f = { .status = STATUS_CLOSED };
	struct arena a = ARENA_INIT;
	enum status st = STATUS_CLOSED;

	CHECK(p->call->reply_size <= sizeof(record));
	atomic_fetch_sub_explicit(&l->in_flight, 1, memory_order_relaxed);
	if (frame != NULL)
		st = take_reply(p->call, frame, &a, record, &f);
	else
		(void)fail(&f, st, AWAY, "%s: the link was lost", p->call->name);
	p->once(p->arg, st, st == STATUS_OK ? record : NULL, &f);
	arena_done(&a);
	mem_free(p);
}

static bool
may_answer(const struct pending *p, const struct call_frame *f)
{
	return f->number == p->call->number && (f->kind == CALL_KIND_REPLY || p->fn != NULL);
}

/* With the lock. */
static void
take_out(struct link *l, struct pending *p)
{
	(void)map_remove_u64(&l->pending, p->id);
	unwant(l, p);
	if (p->fn == NULL && p->once == NULL)
		l->replied = thread_time();
}

/* The entry that this frame answers, taken out unless more will come. OK and
 * NULL: the caller has gone since. */
static enum status
find_pending(struct link *l, const struct call_frame *f, struct pending **out)
{
	enum status st = STATUS_OK;
	struct pending *p;

	pthread_mutex_lock(&l->lock);
	p = map_get_u64(&l->pending, f->id);
	if (p == NULL ? f->id > l->last_id : !may_answer(p, f))
		st = STATUS_INVALID;
	else if (p != NULL && f->kind == CALL_KIND_REPLY)
		take_out(l, p);
	pthread_mutex_unlock(&l->lock);
	*out = p;
	return st;
}

enum status
client_frame(struct link *l, struct call_frame *f)
{
	struct pending *p;
	enum status st = find_pending(l, f, &p);

	if (st != STATUS_OK || p == NULL) {
		call_frame_free(f);
		return st;
	}
	if (p->once != NULL) {
		answer_once(l, p, f);
	} else if (p->fn == NULL) {
		p->frame = f;
		wake(p, REPLIED);
	} else if (f->kind == CALL_KIND_PUSH) {
		stream_push(l->owner, p, f);
	} else {
		st = f->status;
		call_frame_free(f);
		stream_end(l->owner, p, st);
	}
	return STATUS_OK;
}

void
client_lost(struct link *l)
{
	struct map pending;
	size_t at = 0;
	void *value;

	pthread_mutex_lock(&l->lock);
	pending = l->pending;
	l->pending = (struct map)MAP_INIT;
	while (map_each(&pending, &at, NULL, NULL, &value))
		((struct pending *)value)->was_sent = ((struct pending *)value)->at < l->handed;
	pthread_mutex_unlock(&l->lock);
	at = 0;
	while (map_each(&pending, &at, NULL, NULL, &value)) {
		struct pending *p = value;

		if (p->once != NULL)
			answer_once(l, p, NULL);
		else if (p->fn == NULL)
			wake(p, LOST);
		else
			stream_end(l->owner, p, STATUS_UNAVAILABLE);
	}
	map_done(&pending);
}
