/* SPDX-License-Identifier: ISC */
/*
 * See outbound/hand.h. A report is never given up while there is hope: who was
 * delivered to and is not reported gets his mail twice.
 */
#include "outbound/hand.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "runtime/thread.h"

#define TRIES 5
#define PAUSE_MAX (10 * CLOCK_SECOND)

void
hand_init(struct hand *h, struct calls *calls)
{
	h->calls = calls;
	pthread_rwlock_init(&h->resuming, NULL);
	pthread_mutex_init(&h->lock, NULL);
	list_init(&h->holds);
}

void
hand_done(struct hand *h)
{
	CHECK(list_empty(&h->holds));
	pthread_rwlock_destroy(&h->resuming);
	pthread_mutex_destroy(&h->lock);
}

/* ---- a new link ---- */

/* The holds in a row; under the lock. */
static struct hold **
all_holds(struct hand *h, struct arena *a, struct queue_resume_request *q)
{
	struct hold **at;
	uint32_t n = 0;

	LIST_EACH(&h->holds, it)
	n++;
	at = ARENA_ARRAY(a, struct hold *, n + 1);
	q->messages = (struct numbers){ ARENA_ARRAY(a, uint64_t, n + 1), n };
	q->firsts = (struct numbers){ ARENA_ARRAY(a, uint64_t, n + 1), n };
	n = 0;
	LIST_EACH(&h->holds, it)
	{
		at[n] = LIST_OWNER(it, struct hold, node);
		q->messages.at[n] = at[n]->message;
		q->firsts.at[n] = at[n]->first;
		n++;
	}
	return at;
}

/* As long as resuming is held no hold comes; one that is reported about
 * meanwhile was just so found, or is gone from the store. */
static enum status
say_all(struct hand *h)
{
	struct queue_resume_request q = { .none_ = 0 };
	struct queue_resume_reply reply;
	struct arena a = ARENA_INIT;
	struct hold **at;
	enum status st;

	pthread_mutex_lock(&h->lock);
	at = all_holds(h, &a, &q);
	pthread_mutex_unlock(&h->lock);
	st = queue_resume(h->calls, &q, &a, &reply, NULL);
	pthread_mutex_lock(&h->lock);
	for (uint32_t i = 0; st == STATUS_OK && i < reply.gone.count; i++)
		LIST_EACH(&h->holds, it)
	if (reply.gone.at[i] < q.messages.count && it == &at[reply.gone.at[i]]->node)
		at[reply.gone.at[i]]->gone = true;
	pthread_mutex_unlock(&h->lock);
	if (st == STATUS_OK)
		LOG_INFO("outbound.resumed", FIELD_U64("in_hand", q.messages.count),
		    FIELD_U64("gone", reply.gone.count));
	arena_done(&a);
	return st;
}

/* epoch: in which the store said that this comes first. */
static enum status
resume(struct hand *h, uint64_t epoch)
{
	enum status st = STATUS_OK;

	thread_blocks();
	pthread_rwlock_wrlock(&h->resuming);
	thread_goes_on();
	if (h->epoch == epoch) {
		st = say_all(h);
		if (st == STATUS_OK)
			h->epoch++;
	}
	pthread_rwlock_unlock(&h->resuming);
	return st;
}

static uint64_t
enter(struct hand *h)
{
	thread_blocks();
	pthread_rwlock_rdlock(&h->resuming);
	thread_goes_on();
	return h->epoch;
}

static uint64_t
epoch_now(struct hand *h)
{
	uint64_t epoch = enter(h);

	pthread_rwlock_unlock(&h->resuming);
	return epoch;
}

/* ---- leases ---- */

static void
note(struct hand *h, const struct queue_lease_reply *reply, struct hold *hold)
{
	hold->message = reply->message;
	hold->first = (uint32_t)reply->first;
	hold->gone = false;
	pthread_mutex_lock(&h->lock);
	list_add_last(&h->holds, &hold->node);
	pthread_mutex_unlock(&h->lock);
}

static void
forget(struct hand *h, struct hold *hold)
{
	pthread_mutex_lock(&h->lock);
	list_remove(&hold->node);
	pthread_mutex_unlock(&h->lock);
}

enum status
hand_lease(struct hand *h, struct text prefer, struct arena *a, struct queue_lease_reply *reply,
    struct hold *hold)
{
	struct queue_lease_request q = { .prefer = prefer };
	enum status st = STATUS_UNAVAILABLE;

	for (int i = 0; i < TRIES; i++) {
		uint64_t epoch = enter(h);

		st = queue_lease(h->calls, &q, a, reply, NULL);
		if (st == STATUS_OK && reply->message != 0)
			note(h, reply, hold);
		pthread_rwlock_unlock(&h->resuming);
		if (st == STATUS_DENIED)
			st = resume(h, epoch);
		else
			break;
		if (st != STATUS_OK)
			return st;
		st = STATUS_UNAVAILABLE;
	}
	return st == STATUS_OK && reply->message == 0 ? STATUS_NOT_FOUND : st;
}

enum status
hand_piece(
    struct hand *h, const struct hold *hold, uint64_t piece, struct arena *a, struct text *bytes)
{
	struct queue_piece_request q = {
		.message = hold->message, .first = hold->first, .piece = piece
	};
	struct queue_piece_reply reply;
	enum status st = STATUS_DENIED;

	for (int i = 0; i < TRIES && st == STATUS_DENIED; i++) {
		uint64_t epoch = epoch_now(h);

		if (hold->gone)
			return STATUS_CLOSED;
		st = queue_piece(h->calls, &q, a, &reply, NULL);
		if (st == STATUS_DENIED && resume(h, epoch) != STATUS_OK)
			return STATUS_UNAVAILABLE;
	}
	if (st == STATUS_OK)
		*bytes = reply.bytes.bytes;
	return st;
}

/* ---- reports ---- */

void
hand_pause(const struct hand *h, unsigned tries)
{
	_Atomic uint32_t nothing = 0;
	int64_t pause = CLOCK_SECOND / 10, until;

	while (tries-- > 0 && pause < PAUSE_MAX)
		pause *= 2;
	until = thread_time() + (pause < PAUSE_MAX ? pause : PAUSE_MAX);
	thread_blocks();
	while (thread_time() < until && !h->abandoned)
		(void)thread_sleep(&nothing, 0, until);
	thread_goes_on();
}

/* Nobody resumes between the answer and the end of the hold: what the store has the
 * report of and is told of again would be a lease that nobody ends. */
static enum status
report_once(struct hand *h, struct hold *hold, const struct queue_report_request *r,
    struct arena *a, struct queue_lease_reply *next, struct hold *next_hold, struct failure *f)
{
	struct queue_report_reply reply;
	uint64_t epoch = enter(h);
	enum status st = queue_report(h->calls, r, a, &reply, f);

	if (st == STATUS_OK) {
		forget(h, hold);
		if (r->next != 0)
			QUEUE_LEASE_COPY(&reply, next);
		if (next->message != 0)
			note(h, next, next_hold);
	}
	pthread_rwlock_unlock(&h->resuming);
	if (st == STATUS_DENIED && resume(h, epoch) != STATUS_OK)
		st = STATUS_UNAVAILABLE;
	return st;
}

/* Whether asking again cannot help: what the store has cannot be read. */
static bool
is_hopeless(enum status st)
{
	return st == STATUS_INVALID || st == STATUS_CORRUPT;
}

bool
hand_report(struct hand *h, struct hold *hold, struct queue_report_request *r, struct arena *a,
    struct queue_lease_reply *next, struct hold *next_hold)
{
	enum status st = STATUS_UNAVAILABLE;
	unsigned denied = 0;

	*next = (struct queue_lease_reply){ .message = 0, .more = 1 };
	r->op = random_u64();
	r->message = hold->message;
	r->first = hold->first;
	for (unsigned tries = 0; !hold->gone; tries++) {
		struct failure f = { 0 };

		st = report_once(h, hold, r, a, next, next_hold, &f);
		if (st == STATUS_OK)
			return next->message != 0;
		LOG_WARN("outbound.report_failed", FIELD_U64("message", r->message),
		    FIELD_STATUS(st), FIELD_STRING("why", f.log));
		/* it may have brought a lease, and which is not known: the store takes
		 * it back when it hears of the report again */
		r->next = 0;
		if (is_hopeless(st) || (st == STATUS_DENIED && ++denied == TRIES) || h->abandoned)
			break;
		if (st != STATUS_DENIED)
			hand_pause(h, tries);
	}
	LOG_ALARM("outbound.unreported", FIELD_U64("message", r->message),
	    FIELD_U64("recipients", r->numbers.count), FIELD_STATUS(st));
	forget(h, hold);
	return false;
}
