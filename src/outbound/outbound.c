/* SPDX-License-Identifier: ISC */
/*
 * See outbound/outbound.h. Who asks the store for a lease and hears that there
 * are more has the next worker ask before he delivers; so there are as many as
 * there is to do. The feed rings when the store may have something: then somebody
 * asks, unless somebody is about to. Who is done with a lease does not ask when
 * the store had nothing more and has not rung since.
 *
 * One thread more, the keeper, opens the feed again when it broke, and ends
 * connections that are idle for too long; and one that tells senders what became
 * of their mail (outbound/notify.h), which the same feed rings for.
 */
#include "outbound/outbound.h"

#include "base/log.h"
#include "outbound/deliver.h"
#include "outbound/notify.h"
#include "outbound/tls_reporter.h"
#include "runtime/metrics.h"
#include "runtime/pool.h"
#include "runtime/settings.h"
#include "runtime/thread.h"

#define MAGIC 0x0b07b07d
#define FEED_AGAIN CLOCK_SECOND

struct outbound {
	unsigned magic;
	struct house house;
	struct pool *pool;
	struct notify *notify;
	struct tls_reporter *reporter;
	pthread_t keeper;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* workers, for who stops; monotonic */
	pthread_cond_t tick;	/* for the keeper; monotonic */
	unsigned workers;	/* that run or were started */
	unsigned asking;	/* of them, those who ask for a lease or will soon */
	unsigned rings;		/* of the feed; grows */
	bool dry;		/* the store had nothing more at the last of them */
	bool shelved;		/* the keeper is to look at the shelf */
	int64_t wakes;		/* when he looks in any case */
	bool feeding;		/* the feed stands */
	bool again;		/* somebody asked in vain because the store was away */
	bool stopping;
};

struct worker {
	struct task task;
	struct outbound *o;
};

/* ---- workers ---- */

static void work(struct task *t);

/* Under the lock: has one more ask, if there may be one more. */
static void
more(struct outbound *o)
{
	struct worker *w;

	if (o->stopping || o->asking > 0 || o->workers >= (unsigned)setting(SET_OUTBOUND_WORKERS))
		return;
	o->asking++;
	o->workers++;
	metric_set(METRIC_OUTBOUND_WORKERS, o->workers);
	w = MEM_NEW(struct worker);
	w->o = o;
	w->task.run = work;
	pool_run(o->pool, &w->task);
}

static void
ring(struct outbound *o)
{
	pthread_mutex_lock(&o->lock);
	o->rings++;
	o->dry = false;
	more(o);
	pthread_mutex_unlock(&o->lock);
	notify_ring(o->notify);
}

/* What came of asking, begun after so many rings: whether to ask again, or to go
 * on with the lease (OK). */
static bool
asked(struct outbound *o, enum status st, bool are_more, unsigned rings)
{
	bool again;

	pthread_mutex_lock(&o->lock);
	o->asking--;
	if (rings == o->rings)
		o->dry = st == STATUS_NOT_FOUND || (st == STATUS_OK && !are_more);
	if (st == STATUS_OK && !o->dry)
		more(o);
	else if (st != STATUS_OK && st != STATUS_NOT_FOUND)
		o->again = true;
	again = st == STATUS_NOT_FOUND && rings != o->rings && o->asking == 0 && !o->stopping;
	if (again)
		o->asking++;
	if (o->again)
		pthread_cond_signal(&o->tick);
	pthread_mutex_unlock(&o->lock);
	return again;
}

/* Another round for a worker that is done with a lease. */
static bool
ask_more(struct outbound *o)
{
	bool go;

	pthread_mutex_lock(&o->lock);
	go = !o->stopping && !o->dry && o->workers <= (unsigned)setting(SET_OUTBOUND_WORKERS);
	if (go)
		o->asking++;
	pthread_mutex_unlock(&o->lock);
	return go;
}

static unsigned
rings_now(struct outbound *o)
{
	unsigned rings;

	pthread_mutex_lock(&o->lock);
	rings = o->rings;
	pthread_mutex_unlock(&o->lock);
	return rings;
}

/* False: there is nothing to do. */
static bool
ask(struct outbound *o, const struct connection *via, struct turn *t)
{
	unsigned rings;
	enum status st;

	do {
		rings = rings_now(o);
		st = hand_lease(&o->house.hand, via != NULL ? via->destination : TEXT_EMPTY,
		    &t->arena, &t->lease, &t->hold);
	} while (asked(o, st, t->lease.more != 0, rings));
	return st == STATUS_OK;
}

/* What the answer to a report told of the next lease, which was wanted. */
static void
came_along(struct outbound *o, const struct turn *next)
{
	pthread_mutex_lock(&o->lock);
	if (next->rings == o->rings)
		o->dry = next->lease.more == 0;
	if (next->lease.message != 0 && !o->dry)
		more(o);
	pthread_mutex_unlock(&o->lock);
}

/* Whether who is done may go on with another lease at once. */
static bool
goes_on(void *arg, unsigned *rings)
{
	struct outbound *o = arg;
	bool on;

	pthread_mutex_lock(&o->lock);
	on = !o->stopping && o->workers <= (unsigned)setting(SET_OUTBOUND_WORKERS);
	*rings = o->rings;
	pthread_mutex_unlock(&o->lock);
	return on;
}

/* True: another came along. */
static bool
one_lease(struct outbound *o, struct turn *t, struct connection **via, struct turn *next)
{
	bool came;

	if (*via != NULL && !text_equal((*via)->destination, t->lease.destination)) {
		shelf_put(&o->house.shelf, *via);
		*via = NULL;
	}
	came = deliver(&o->house, t, via, next);
	arena_reset(&t->arena);
	if (next->wanted)
		came_along(o, next);
	return came;
}

static void
work(struct task *t)
{
	struct worker *w = (struct worker *)(void *)t;
	struct outbound *o = w->o;
	struct connection *via = NULL;
	struct turn turns[2] = { { .arena = ARENA_INIT }, { .arena = ARENA_INIT } };
	struct turn *now = &turns[0], *next = &turns[1], *done;
	bool have;

	mem_free(w);
	have = ask(o, NULL, now);
	while (have) {
		have = one_lease(o, now, &via, next);
		done = now;
		now = next;
		next = done;
		if (!have && ask_more(o))
			have = ask(o, via, now);
	}
	arena_done(&turns[0].arena);
	arena_done(&turns[1].arena);
	if (via != NULL)
		shelf_put(&o->house.shelf, via);
	pthread_mutex_lock(&o->lock);
	o->workers--;
	metric_set(METRIC_OUTBOUND_WORKERS, o->workers);
	if (!o->dry && !o->again) /* all others may have seen too many of them, and gone too */
		more(o);
	pthread_cond_broadcast(&o->changed);
	if (o->wakes > thread_time() + setting(SET_OUTBOUND_IDLE_TIME)) {
		o->shelved = true;
		pthread_cond_signal(&o->tick);
	}
	pthread_mutex_unlock(&o->lock);
}

/* ---- the feed ---- */

static void
fed(void *arg, enum status st, const void *reply)
{
	struct outbound *o = arg;

	if (st == STATUS_OK) {
		ring(o);
		return;
	}
	pthread_mutex_lock(&o->lock);
	o->feeding = false;
	pthread_cond_signal(&o->tick);
	pthread_mutex_unlock(&o->lock);
}

static void
feed(struct outbound *o)
{
	static const struct queue_feed_request nothing = { .none_ = 0 };

	pthread_mutex_lock(&o->lock);
	o->feeding = true;
	pthread_mutex_unlock(&o->lock);
	if (call_stream(o->house.config.calls, &queue_feed_call, &nothing, fed, o) != STATUS_OK)
		fed(o, STATUS_UNAVAILABLE, NULL);
}

/* ---- the keeper ---- */

struct ending {
	struct task task;
	struct outbound *o;
	struct connection *c;
};

static void
end_one(struct task *t)
{
	struct ending *e = (struct ending *)(void *)t;

	connection_end(&e->o->house.shelf, e->c);
	mem_free(e);
}

/* Saying QUIT may take some seconds. Gives when to come again. */
static int64_t
end_expired(struct outbound *o)
{
	struct connection *c;
	int64_t next;

	while ((c = shelf_expired(&o->house.shelf, &next)) != NULL) {
		struct ending *e = MEM_NEW(struct ending);

		*e = (struct ending){ .task.run = end_one, .o = o, .c = c };
		pool_run(o->pool, &e->task);
	}
	return next;
}

/* Under the lock. */
static void
sleep_until(struct outbound *o, int64_t until)
{
	const struct timespec at = { until / CLOCK_SECOND, until % CLOCK_SECOND * 1000 };

	o->wakes = until;
	if (until == INT64_MAX)
		pthread_cond_wait(&o->tick, &o->lock);
	else
		(void)pthread_cond_timedwait(&o->tick, &o->lock, &at);
}

static void *
keep(void *arg)
{
	struct outbound *o = arg;
	int64_t feed_at = 0;

	pthread_mutex_lock(&o->lock);
	while (!o->stopping) {
		int64_t next, now = thread_time();
		bool must = !o->feeding || o->again;

		o->shelved = false;
		o->wakes = INT64_MAX;
		if (must && now >= feed_at) {
			feed_at = now + FEED_AGAIN;
			o->again = false;
			must = !o->feeding;
			pthread_mutex_unlock(&o->lock);
			if (must)
				feed(o);
			ring(o);
		} else {
			pthread_mutex_unlock(&o->lock);
		}
		next = end_expired(o);
		pthread_mutex_lock(&o->lock);
		if ((!o->feeding || o->again) && feed_at < next)
			next = feed_at;
		if (next == INT64_MAX && o->workers > 0) /* their connections come to the shelf */
			next = now + setting(SET_OUTBOUND_IDLE_TIME);
		if (!o->stopping && !o->shelved && next > thread_time())
			sleep_until(o, next);
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

/* ---- calls ---- */

static void
serve_tls_reports(struct call_in *in, const void *request, void *context)
{
	const struct outbound_tls_reports_request *q = request;
	struct outbound *o = *(struct outbound **)context;
	struct outbound_tls_reports_reply reply = { .reports = 0 };
	struct failure f = { .status = STATUS_OK };
	enum status how;

	if (q->want >= OUTBOUND_TLS_WANTS) {
		call_refuse(in, STATUS_INVALID, "Bad request.", "outbound_tls_reports");
		return;
	}
	how = tls_reporter_want(o->reporter, (enum outbound_tls_want)q->want, q->domain,
	    call_arena(in), &reply.reports, &f);
	if (how == STATUS_OK)
		call_reply(in, &reply);
	else
		call_fail(in, how, &f);
}

void
outbound_serve(struct outbound **o, struct call_server_config *config)
{
	static const struct call_row rows[] = { { &outbound_tls_reports_call, serve_tls_reports } };

	config->rows = rows;
	config->row_count = ARRAY_LEN(rows);
	config->context = o;
	config->threads = 2;
}

/* ---- life ---- */

static void
cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	CHECK(pthread_condattr_init(&attr) == 0 &&
	      pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	      pthread_cond_init(c, &attr) == 0);
	pthread_condattr_destroy(&attr);
}

struct outbound *
outbound_new(const struct outbound_config *config)
{
	struct outbound *o = MEM_NEW(struct outbound);

	o->magic = MAGIC;
	o->house.config = *config;
	o->house.goes_on = goes_on;
	o->house.arg = o;
	hand_init(&o->house.hand, config->calls);
	o->notify = notify_new(config->calls, config->hostname);
	shelf_init(&o->house.shelf);
	o->house.results = tls_results_new();
	o->reporter = tls_reporter_new(config->calls, o->house.results, config->hostname);
	pthread_mutex_init(&o->lock, NULL);
	cond_init(&o->changed);
	cond_init(&o->tick);
	return o;
}

enum status
outbound_start(struct outbound *o)
{
	enum status st;

	MAGIC_CHECK(o, MAGIC);
	o->pool = pool_new(&(struct pool_config){ .name = "outbound",
	    .min = 1,
	    .max = (unsigned)setting_row(SET_OUTBOUND_WORKERS)->high,
	    .cooperative = true });
	st = thread_start("keeper", 0, keep, o, &o->keeper);
	o->started = st == STATUS_OK;
	if (st == STATUS_OK)
		st = notify_start(o->notify);
	return st == STATUS_OK ? tls_reporter_start(o->reporter) : st;
}

void
outbound_relinked(struct outbound *o)
{
	ring(o);
}

struct tls_results *
outbound_tls_results(struct outbound *o)
{
	return o->house.results;
}

void
outbound_settle(struct outbound *o)
{
	pthread_mutex_lock(&o->lock);
	while (o->workers > 0)
		pthread_cond_wait(&o->changed, &o->lock);
	pthread_mutex_unlock(&o->lock);
}

/* Whether all workers ended by then. */
static bool
await_workers(struct outbound *o, int64_t until)
{
	const struct timespec at = { until / CLOCK_SECOND, until % CLOCK_SECOND * 1000 };
	bool none;

	pthread_mutex_lock(&o->lock);
	while (o->workers > 0 && thread_time() < until)
		(void)pthread_cond_timedwait(&o->changed, &o->lock, &at);
	none = o->workers == 0;
	pthread_mutex_unlock(&o->lock);
	return none;
}

bool
outbound_stop(struct outbound *o, int64_t deadline)
{
	struct shelf *shelf = &o->house.shelf;
	struct connection *c;
	int64_t next;

	pthread_mutex_lock(&o->lock);
	o->stopping = true;
	pthread_cond_signal(&o->tick);
	pthread_mutex_unlock(&o->lock);
	if (o->started)
		pthread_join(o->keeper, NULL);
	o->started = false;
	(void)notify_stop(o->notify, 0); /* takes no more; awaited below */
	shelf_close(shelf, false);
	if (!await_workers(o, thread_time() + (deadline - thread_time()) / 2)) {
		shelf_close(shelf, true);
		o->house.hand.abandoned = true;
		if (!await_workers(o, deadline))
			return false;
	}
	while ((c = shelf_expired(shelf, &next)) != NULL)
		connection_end(shelf, c);
	return notify_stop(o->notify, deadline) && tls_reporter_stop(o->reporter, deadline);
}

void
outbound_free(struct outbound *o)
{
	MAGIC_CHECK(o, MAGIC);
	if (o->pool != NULL)
		pool_free(o->pool);
	hand_done(&o->house.hand);
	notify_free(o->notify);
	tls_reporter_free(o->reporter);
	shelf_done(&o->house.shelf);
	tls_results_free(o->house.results);
	pthread_cond_destroy(&o->changed);
	pthread_cond_destroy(&o->tick);
	pthread_mutex_destroy(&o->lock);
	mem_free(o);
}
