/* SPDX-License-Identifier: ISC */
/*
 * The server's half. The reader finds the row and asks whether the peer's role
 * is named in it, before anything of the request is looked at; a thread of the
 * pool decodes it and runs the handler, or the reader itself, if the row says
 * so (CALL_SHORT: and nothing else has come with it); any thread answers, once.
 * A request in hand keeps its link's memory, not the link: answers to a peer
 * that has gone are dropped.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "base/log.h"
#include "runtime/call_links.h"
#include "runtime/metrics.h"

#define CALL_IN_MAGIC 0xca11101du
#define THREADS_DEFAULT 4
#define HELD_MAX 64
#define ARENA_BLOCK 1024

#define REFUSED "The service refused an internal request"

struct served {
	struct call_row row;
	void *context;
};

struct call_in {
	unsigned magic;
	struct task task;
	struct link *link;
	const struct call *call;
	const struct served *served; /* gone when the calls are */
	struct call_frame *frame;
	void *record;	     /* the request, once it is decoded */
	call_handler handle; /* who takes it up */
	bool by_reader;	     /* its handler runs on the thread that reads the link */
	struct arena arena;
};

/* Links whose answers this thread holds back. */
struct held {
	unsigned depth;
	unsigned count;
	struct link *links[HELD_MAX];
};
static _Thread_local struct held held;

/* ---- answers ---- */

void
call_answers_hold(void)
{
	held.depth++;
}

void
call_answers_send(void)
{
	CHECK(held.depth > 0);
	if (--held.depth > 0)
		return;
	for (unsigned i = 0; i < held.count; i++) {
		link_flush_now(held.links[i]);
		link_unref(held.links[i]);
	}
	held.count = 0;
}

/* False: there are too many to remember this one as well. */
static bool
hold(struct link *l)
{
	if (held.depth == 0)
		return false;
	for (unsigned i = 0; i < held.count; i++)
		if (held.links[i] == l)
			return true;
	if (held.count == HELD_MAX)
		return false;
	held.links[held.count++] = link_ref(l);
	return true;
}

/* Sends the frame in b, whose head is not filled in yet. False: the peer went. */
static bool
send_answer(struct link *l, struct buffer *b, enum call_kind kind, uint16_t number, uint64_t id,
    enum status st, const int *fds, unsigned fd_count)
{
	uint64_t at;
	bool there;

	call_frame_end(b, 0, kind, number, id, st, fd_count);
	pthread_mutex_lock(&l->lock);
	there = link_append(l, b, fds, fd_count, &at);
	if (there && !l->reader_active && !hold(l))
		link_flush(l);
	pthread_mutex_unlock(&l->lock);
	link_release(l, b);
	return there;
}

static void
send_failure(struct link *l, uint16_t number, uint64_t id, enum status st, const struct failure *f)
{
	struct buffer b = BUFFER_INIT;

	(void)call_frame_begin(&b);
	pack_text(&b, f == NULL ? TEXT_EMPTY : text_of(f->client));
	pack_text(&b, f == NULL ? TEXT_EMPTY : text_of(f->log));
	(void)send_answer(l, &b, CALL_KIND_REPLY, number, id, st, NULL, 0);
}

/* OK: sent, or dropped because the peer went; else the encoder's reason. */
static enum status
send_record(struct call_in *in, enum call_kind kind, const void *reply, bool *there)
{
	const struct call *call = in->call;
	struct buffer b = BUFFER_INIT;
	int fds[CALL_FDS_MAX];
	unsigned fd_count = 0;
	enum status st;

	link_prepare(in->link, &b);
	(void)call_frame_begin(&b);
	st = call_encode(call->reply, call->reply_count, reply, &b, fds, &fd_count);
	if (st != STATUS_OK) {
		LOG_WARN("call.reply_refused", FIELD_STRING("call", call->name), FIELD_STATUS(st));
		link_release(in->link, &b);
		return st;
	}
	*there =
	    send_answer(in->link, &b, kind, call->number, in->frame->id, STATUS_OK, fds, fd_count);
	return STATUS_OK;
}

static bool
is_stream(const struct call_in *in)
{
	return (in->call->flags & CALL_STREAM) != 0;
}

static void
call_in_free(struct call_in *in)
{
	metric_add(METRIC_CALLS_SERVED, 1);
	arena_done(&in->arena);
	call_frame_free(in->frame);
	link_hand_give(in->link, is_stream(in));
	link_unref(in->link);
	in->magic = 0;
	mem_free(in);
}

void
call_fail(struct call_in *in, enum status s, const struct failure *f)
{
	MAGIC_CHECK(in, CALL_IN_MAGIC);
	CHECK(s != STATUS_OK);
	send_failure(in->link, in->call->number, in->frame->id, s, f);
	call_in_free(in);
}

void
call_refuse(struct call_in *in, enum status s, const char *client, const char *log, ...)
{
	struct failure f;
	char words[sizeof(f.log)];
	va_list ap;

	va_start(ap, log);
	(void)vsnprintf(words, sizeof(words), log, ap);
	va_end(ap);
	call_fail(in, fail(&f, s, client, "%s", words), &f);
}

void
call_reply(struct call_in *in, const void *reply)
{
	enum status st;
	bool there;

	MAGIC_CHECK(in, CALL_IN_MAGIC);
	CHECK(!is_stream(in));
	st = send_record(in, CALL_KIND_REPLY, reply, &there);
	if (st == STATUS_OK)
		call_in_free(in);
	else
		call_refuse(in, st, REFUSED, "the reply of %s cannot be sent: %s", in->call->name,
		    status_word(st));
}

bool
call_push(struct call_in *in, const void *reply)
{
	bool there;

	MAGIC_CHECK(in, CALL_IN_MAGIC);
	CHECK(is_stream(in));
	return send_record(in, CALL_KIND_PUSH, reply, &there) == STATUS_OK && there;
}

void
call_end(struct call_in *in, enum status s)
{
	CHECK(is_stream(in));
	call_fail(in, s == STATUS_OK ? STATUS_CLOSED : s, NULL);
}

struct arena *
call_arena(struct call_in *in)
{
	MAGIC_CHECK(in, CALL_IN_MAGIC);
	return &in->arena;
}

enum role
call_peer(const struct call_in *in)
{
	MAGIC_CHECK(in, CALL_IN_MAGIC);
	return in->link->peer;
}

uint64_t
call_link(const struct call_in *in)
{
	MAGIC_CHECK(in, CALL_IN_MAGIC);
	return in->link->number;
}

bool
call_link_alive(const struct call_in *in)
{
	bool alive;

	MAGIC_CHECK(in, CALL_IN_MAGIC);
	pthread_mutex_lock(&in->link->lock);
	alive = !in->link->broken;
	pthread_mutex_unlock(&in->link->lock);
	return alive;
}

/* ---- requests ---- */

static void
handle(struct task *t)
{
	struct call_in *in = LIST_OWNER(t, struct call_in, task);
	const struct call *call = in->call;
	unsigned fd_count = in->frame->fd_count;
	enum status st;

	in->record = arena_alloc(&in->arena, call->request_size);
	in->frame->fd_count = 0;
	st = call_decode(call->request, call->request_count, call->request_size,
	    (struct text){ in->frame->body, in->frame->len }, in->frame->fds, fd_count, &in->arena,
	    in->record);
	if (st == STATUS_OK) {
		in->served->row.handle(in, in->record, in->served->context);
		return;
	}
	metric_add(METRIC_CALLS_REFUSED, 1);
	LOG_ALARM("call.does_not_decode", FIELD_STRING("call", call->name),
	    FIELD_STRING("peer", role_word(in->link->peer)));
	call_refuse(in, st, REFUSED, "the request of %s does not decode", call->name);
}

static void
handle_on(struct task *t)
{
	struct call_in *in = LIST_OWNER(t, struct call_in, task);

	in->handle(in, in->record, in->served->context);
}

void
call_hand_on(struct call_in *in, call_handler taker)
{
	struct calls *c = in->link->owner;
	bool quiet;

	MAGIC_CHECK(in, CALL_IN_MAGIC);
	in->handle = taker;
	in->task.run = handle_on;
	pthread_mutex_lock(&c->lock);
	quiet = c->quiet;
	pthread_mutex_unlock(&c->lock);
	if (quiet) /* the context may be gone */
		call_fail(in, STATUS_UNAVAILABLE, NULL);
	else
		pool_run(c->pool, &in->task);
}

/* A peer that tries what it may not is broken or taken over. Said each time
 * that its number of tries doubles. */
static void
deny(struct link *l, struct call_frame *frame, const struct call *call)
{
	static _Atomic uint64_t denied;
	uint64_t n = atomic_fetch_add(&denied, 1) + 1;
	struct failure f;

	metric_add(METRIC_CALLS_REFUSED, 1);
	if ((n & (n - 1)) == 0)
		LOG_ALARM("call.denied", FIELD_STRING("call", call->name),
		    FIELD_STRING("peer", role_word(l->peer)), FIELD_U64("times", n));
	send_failure(l, call->number, frame->id,
	    fail(&f, STATUS_DENIED, REFUSED, "%s may not call %s", role_word(l->peer), call->name),
	    &f);
	call_frame_free(frame);
}

static void
turn_away(struct link *l, struct call_frame *frame)
{
	struct failure f;

	send_failure(l, frame->number, frame->id,
	    fail(&f, STATUS_UNAVAILABLE, "The service is stopping; try again later", "stopping"),
	    &f);
	call_frame_free(frame);
}

/* Whether the reader may run it itself when it has handled what came. */
static bool
may_be_alone(const struct link *l, const struct call_in *in)
{
	return (in->call->flags & CALL_SHORT) != 0 && in->frame->fd_count == 0 && !l->crowded &&
	       !l->caller_reads;
}

/* What came with others is shared out. */
static void
crowd(struct calls *c, struct link *l)
{
	struct call_in *alone = l->alone;

	l->crowded = true;
	l->alone = NULL;
	if (alone != NULL)
		pool_run(c->pool, &alone->task);
}

static void
dispatch(struct calls *c, struct link *l, struct call_in *in)
{
	bool open;

	pthread_mutex_lock(&c->lock);
	open = c->open;
	if (!open)
		list_add_last(&c->gated, &in->task.node);
	pthread_mutex_unlock(&c->lock);
	if (!open)
		return;
	if ((in->call->flags & CALL_QUICK) != 0) {
		handle(&in->task);
		return;
	}
	if (l->alone == NULL && may_be_alone(l, in)) {
		l->alone = in;
		return;
	}
	crowd(c, l);
	pool_run(c->pool, &in->task);
}

void
server_after(struct link *l)
{
	struct call_in *in = l->alone;

	if (in == NULL)
		return;
	if (l->in.frame != NULL || l->in.head_len > 0) { /* more is coming */
		crowd(l->owner, l);
		return;
	}
	l->alone = NULL;
	in->by_reader = true;
	handle(&in->task);
}

bool
call_by_reader(const struct call_in *in)
{
	MAGIC_CHECK(in, CALL_IN_MAGIC);
	return in->by_reader;
}

bool
call_step_aside(struct call_in *in)
{
	if (!call_by_reader(in))
		return false;
	in->by_reader = false;
	call_hand_on(in, in->served->row.handle);
	return true;
}

enum status
server_frame(struct link *l, struct call_frame *f)
{
	struct calls *c = l->owner;
	const struct served *served = map_get_u64(&c->rows, f->number);
	struct call_in *in;

	if (served == NULL) {
		call_frame_free(f);
		return STATUS_INVALID;
	}
	if ((served->row.call->allowed & (1u << l->peer)) == 0) {
		deny(l, f, served->row.call);
		return STATUS_OK;
	}
	if (!link_hand_take(l, (served->row.call->flags & CALL_STREAM) != 0)) {
		turn_away(l, f);
		return STATUS_OK;
	}
	in = MEM_NEW(struct call_in);
	in->magic = CALL_IN_MAGIC;
	in->task.run = handle;
	in->link = link_ref(l);
	in->call = served->row.call;
	in->served = served;
	in->frame = f;
	arena_init(&in->arena, ARENA_BLOCK, 0);
	dispatch(c, l, in);
	return STATUS_OK;
}

void
server_lost(struct link *l)
{
	struct calls *c = l->owner;

	if (c->server.lost == NULL || !calls_callback_begin(c))
		return;
	c->server.lost(l->number, l->peer, c->server.context);
	calls_callback_end(c);
}

/* ---- life ---- */

void
calls_open(struct calls *c)
{
	struct list *node;

	MAGIC_CHECK(c, CALLS_MAGIC);
	pthread_mutex_lock(&c->lock);
	c->open = true;
	while ((node = list_take_first(&c->gated)) != NULL)
		pool_run(c->pool, LIST_OWNER(node, struct task, node));
	pthread_mutex_unlock(&c->lock);
}

static void
serve(struct calls *c, const struct call_row *row, void *context)
{
	struct served *s = MEM_NEW(struct served);

	s->row = *row;
	s->context = context;
	CHECK(map_put_u64(&c->rows, row->call->number, s) == NULL);
}

void
server_init(struct calls *c)
{
	struct pool_config pool = { .name = "calls", .min = 1 };

	for (size_t i = 0; i < c->server.row_count; i++)
		serve(c, &c->server.rows[i], c->server.context);
	for (size_t i = 0; i < runtime_row_count; i++)
		serve(c, &runtime_rows[i], c);
	pool.cooperative = c->server.cooperative;
	pool.max = c->server.threads == 0 ? THREADS_DEFAULT : c->server.threads;
	c->pool = pool_new(&pool);
}

/* All links have ended. */
void
server_done(struct calls *c)
{
	struct list *node;
	size_t at = 0;
	void *value;

	while ((node = list_take_first(&c->gated)) != NULL)
		call_fail(LIST_OWNER(LIST_OWNER(node, struct task, node), struct call_in, task),
		    STATUS_UNAVAILABLE, NULL);
	pool_free(c->pool);
	while (map_each(&c->rows, &at, NULL, NULL, &value))
		mem_free(value);
	map_done(&c->rows);
}
