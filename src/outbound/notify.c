/* SPDX-License-Identifier: ISC */
/* See outbound/notify.h. */
#include "outbound/notify.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "codec/trace_id.h"
#include "intake/calls.h"
#include "outbound/notice.h"
#include "runtime/settings.h"
#include "runtime/thread.h"
#include "store/content.h"

#define HEADER_MAX (64u << 10) /* octets of a header that are returned */
#define UNSAID_MAX (64u << 10) /* of a message whose sender did not say what to return */
#define STORE_AWAY CLOCK_SECOND
#define TOGETHER (20 * CLOCK_MS)

struct notify {
	struct calls *calls;
	struct text hostname;
	pthread_t thread;
	bool started;
	_Atomic uint32_t rung; /* grows */
	_Atomic bool stopping;
	_Atomic uint32_t ended; /* the thread */
};

struct notify *
notify_new(struct calls *calls, struct text hostname)
{
	struct notify *n = MEM_NEW(struct notify);

	n->calls = calls;
	n->hostname = hostname;
	return n;
}

void
notify_free(struct notify *n)
{
	mem_free(n);
}

/* ---- what is returned ---- */

struct returning {
	struct notify *n;
	const struct queue_owed_reply *o;
	struct content content;
};

static enum status
fetch(void *arg, uint32_t piece, struct arena *a, struct text *bytes)
{
	struct returning *r = arg;
	struct queue_piece_request request = { .message = r->o->message, .piece = piece };
	struct queue_piece_reply reply;
	struct failure f;
	enum status how = queue_piece(r->n->calls, &request, a, &reply, &f);

	if (how == STATUS_OK)
		*bytes = reply.bytes.bytes;
	return how;
}

/* Whole fields of the header, without its empty line. */
static void
cut_header(struct buffer *b, bool whole)
{
	struct text t = buffer_text(b);
	size_t end = text_find(t, TEXT("\r\n\r\n"), 0);

	if (end < t.len)
		b->len = end + 2;
	else if (!whole)
		while (b->len > 0 && b->ptr[b->len - 1] != '\n')
			b->len--;
}

static enum status
read_returned(struct notify *n, const struct queue_owed_reply *o, enum report_returned kind,
    struct buffer *out)
{
	struct returning r = { .n = n, .o = o };
	enum status how = content_open(o->piece0, &r.content);
	uint64_t len = kind == REPORT_MESSAGE ? UINT64_MAX : HEADER_MAX;

	if (how != STATUS_OK)
		return how;
	r.content.fetch = fetch;
	r.content.arg = &r;
	if (kind == REPORT_HEADER && r.content.header_len < len)
		len = r.content.header_len;
	buffer_add_text(out, o->prefix);
	how = content_read_buffer(&r.content, 0, len, out);
	if (how == STATUS_NOT_FOUND) /* a piece that is lost */
		how = STATUS_CORRUPT;
	if (how == STATUS_OK && kind == REPORT_HEADER)
		cut_header(out, len >= r.content.header_len);
	return how;
}

/* ---- one notice ---- */

static struct text
token(char out[32])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char bytes[32];

	random_bytes(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		out[i] = letters[bytes[i] % 32];
	return (struct text){ out, 32 };
}

/* Whether it can never be taken in, as it is. */
static bool
is_hopeless(enum status how)
{
	return how == STATUS_INVALID || how == STATUS_LIMIT || how == STATUS_NOT_FOUND ||
	       how == STATUS_CORRUPT;
}

/* As the queue and the trace name it. */
static struct text
notice_id(const struct queue_owed_reply *o, struct arena *a)
{
	char id[TRACE_ID_LENGTH];

	trace_id_print(o->notice_op, id);
	return arena_copy(a, (struct text){ id, sizeof(id) });
}

static enum status
hand_in_with(struct notify *n, const struct queue_owed_reply *o, enum report_returned kind,
    struct arena *a, struct failure *f)
{
	struct buffer returned = BUFFER_INIT, message = BUFFER_INIT;
	struct intake_notice_request request = { .op = o->notice_op,
		.recipient = o->sender,
		.needs = o->needs & QUEUE_REQUIRETLS /* RFC 8689 5 */ };
	struct intake_notice_reply reply;
	enum status how = read_returned(n, o, kind, &returned);
	char unique[32];

	if (how == STATUS_CORRUPT) {
		/* who sent it is told all the same */
		LOG_ALARM("outbound.unreadable", FIELD_U64("message", o->message));
		buffer_clear(&returned);
		kind = REPORT_NOTHING;
		how = STATUS_OK;
	}
	if (how == STATUS_OK) {
		notice_build(o, n->hostname, token(unique), clock_wall() / CLOCK_SECOND, kind,
		    buffer_text(&returned), &message);
		request.id = notice_id(o, a);
		request.message = PAYLOAD_OF(buffer_text(&message));
		how = intake_notice(n->calls, &request, a, &reply, f);
	}
	buffer_done(&returned);
	buffer_done(&message);
	return how;
}

/* With what is around it, a message that was just small enough is too large. */
static enum status
hand_in(struct notify *n, const struct queue_owed_reply *o, struct arena *a, struct failure *f)
{
	enum report_returned kind =
	    notice_returns(o, UNSAID_MAX, (uint64_t)setting(SET_QUEUE_RETURN_MAX));
	enum status how = hand_in_with(n, o, kind, a, f);

	if (how == STATUS_LIMIT && kind == REPORT_MESSAGE)
		how = hand_in_with(n, o, REPORT_HEADER, a, f);
	return how;
}

static void
say(const struct queue_owed_reply *o, enum status how, const struct failure *f)
{
	static const char *const kinds[] = { [QUEUE_OWED_SUCCESS] = "success",
		[QUEUE_OWED_DELAY] = "delay",
		[QUEUE_OWED_FAILURE] = "failure" };
	const char *kind = o->kind < ARRAY_LEN(kinds) ? kinds[o->kind] : NULL;

	if (how == STATUS_OK)
		LOG_INFO("outbound.notified", FIELD_TEXT("id", o->id), FIELD_TEXT("to", o->sender),
		    FIELD_STRING("kind", kind), FIELD_U64("recipients", o->recipients.count));
	else
		LOG_WARN("outbound.not_notified", FIELD_TEXT("id", o->id),
		    FIELD_TEXT("to", o->sender), FIELD_STRING("kind", kind), FIELD_STATUS(how),
		    FIELD_STRING("reason", f->log));
}

/* Lists of one length, and somebody to tell. */
static bool
well_formed(const struct queue_owed_reply *o)
{
	uint32_t n = o->numbers.count;

	return n > 0 && o->notice_op != 0 && o->sender.len > 0 && o->recipients.count == n &&
	       o->firsts.count == n && o->orcpts.count == n && o->states.count == n &&
	       o->attempts.count == n && o->lasts.count == n && o->replies.count == n &&
	       o->servers.count == n;
}

static enum status
settle(struct notify *n, const struct queue_owed_reply *o, bool told, struct text notice,
    struct arena *a)
{
	struct queue_told_request request = { .op = random_u64(),
		.message = o->message,
		.notice_op = o->notice_op,
		.kind = o->kind };
	struct queue_told_reply reply;
	struct failure f;

	if (told) {
		request.numbers = o->numbers;
		request.firsts = o->firsts;
		request.notice = notice;
	}
	return queue_told(n->calls, &request, a, &reply, &f);
}

enum status
notify_one(struct notify *n)
{
	struct arena a = ARENA_INIT;
	struct queue_owed_request request = { .none_ = 0 };
	struct queue_owed_reply o;
	struct failure f = { .status = STATUS_OK };
	enum status how = queue_owed(n->calls, &request, &a, &o, &f), settled;

	if (how == STATUS_OK && o.message == 0)
		how = STATUS_NOT_FOUND;
	else if (how == STATUS_OK) {
		how = well_formed(&o) ? hand_in(n, &o, &a, &f) : STATUS_INVALID;
		say(&o, how, &f);
		settled = settle(n, &o, how == STATUS_OK || is_hopeless(how),
		    how == STATUS_OK ? notice_id(&o, &a) : TEXT_EMPTY, &a);
		if (settled != STATUS_OK)
			how = settled;
		else if (is_hopeless(how))
			how = STATUS_OK; /* there is nothing more to do about it */
	}
	arena_done(&a);
	return how;
}

/* ---- the thread ---- */

/* A store that is away is asked again after a while; it also rings when it is
 * there. What could not be told the store puts off itself. */
static void *
run(void *arg)
{
	_Atomic uint32_t nothing = 0;
	struct notify *n = arg;

	while (!n->stopping) {
		uint32_t rung = n->rung;
		enum status how = notify_one(n);

		if (how == STATUS_OK)
			continue;
		(void)thread_sleep(&n->rung, rung,
		    how == STATUS_NOT_FOUND ? INT64_MAX : thread_time() + STORE_AWAY);
		if (!n->stopping) /* the bell rings for what goes out too, and often */
			(void)thread_sleep(&nothing, 0, thread_time() + TOGETHER);
	}
	n->ended = 1;
	thread_wake(&n->ended);
	return NULL;
}

enum status
notify_start(struct notify *n)
{
	enum status how = thread_start("notify", 0, run, n, &n->thread);

	n->started = how == STATUS_OK;
	return how;
}

void
notify_ring(struct notify *n)
{
	n->rung++;
	thread_wake(&n->rung);
}

bool
notify_stop(struct notify *n, int64_t deadline)
{
	n->stopping = true;
	if (!n->started)
		return true;
	notify_ring(n);
	while (n->ended == 0)
		if (!thread_sleep(&n->ended, 0, deadline) && n->ended == 0)
			return false;
	CHECK(pthread_join(n->thread, NULL) == 0);
	n->started = false;
	return true;
}
