/* SPDX-License-Identifier: ISC */
/*
 * The links of a process: who is linked, which instance is the least busy,
 * waiting for one that comes back, and the end. A link is in `running` until
 * its reader says that it is lost, then in `ended` until its threads are
 * joined; at[][] holds those that calls may choose.
 */
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "runtime/call_links.h"
#include "runtime/role.h"
#include "runtime/runtime_calls.h"
#include "runtime/thread.h"

#define TIMEOUT (60 * CLOCK_SECOND)
#define PATIENCE (10 * CLOCK_SECOND)
#define IN_FLIGHT_MAX 4096

void
calls_be_patient(struct calls *c, int64_t microseconds)
{
	c->timeout = microseconds != 0 ? microseconds : TIMEOUT;
	c->patience = microseconds != 0 ? microseconds : c->config.no_patience ? 0 : PATIENCE;
}

struct calls *
calls_new(const struct calls_config *config)
{
	struct calls *c = MEM_NEW(struct calls);

	c->magic = CALLS_MAGIC;
	c->refs = 1;
	c->config = *config;
	c->started = clock_wall();
	calls_be_patient(c, 0);
	CHECK(pthread_mutex_init(&c->callback, NULL) == 0);
	CHECK(pthread_mutex_init(&c->lock, NULL) == 0);
	CHECK(pthread_cond_init(&c->changed, NULL) == 0);
	list_init(&c->running);
	list_init(&c->ended);
	list_init(&c->gated);
	if (config->server != NULL) {
		c->server = *config->server;
		if (c->server.in_flight_max == 0)
			c->server.in_flight_max = IN_FLIGHT_MAX;
		server_init(c);
	}
	return c;
}

/* ---- links ---- */

static enum status
frame(struct link *l, struct call_frame *f)
{
	return f->kind == CALL_KIND_REQUEST ? server_frame(l, f) : client_frame(l, f);
}

/* With the lock held. */
static void
forget(struct calls *c, struct link *l)
{
	if (l->instance < CALLS_INSTANCES_MAX && c->at[l->peer][l->instance] == l)
		c->at[l->peer][l->instance] = NULL;
}

static void
lost(struct link *l)
{
	struct calls *c = l->owner;
	bool closing;

	pthread_mutex_lock(&c->lock);
	forget(c, l);
	closing = c->closing;
	pthread_mutex_unlock(&c->lock);
	client_lost(l);
	server_lost(l);
	if (c->config.lost != NULL && !closing)
		c->config.lost(c->config.arg, l->peer, l->tag);
	pthread_mutex_lock(&c->lock);
	list_remove(&l->node);
	list_add_last(&c->ended, &l->node);
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

/* Frames of one read may bring answers that are due on other links. */
static void
begin(struct link *l)
{
	l->crowded = false;
	call_answers_hold();
}

static void
end(struct link *l)
{
	(void)l;
	call_answers_send();
}

static const struct link_ops ops = { begin, end, server_after, frame, lost };

static void
join_ended(struct calls *c)
{
	struct list *node;

	for (;;) {
		pthread_mutex_lock(&c->lock);
		node = list_take_first(&c->ended);
		pthread_mutex_unlock(&c->lock);
		if (node == NULL)
			return;
		link_join(LIST_OWNER(node, struct link, node));
		link_unref(LIST_OWNER(node, struct link, node));
	}
}

enum status
calls_link_tagged(struct calls *c, int fd, enum role peer, unsigned instance, uint64_t tag)
{
	struct link *l = link_new(fd, peer, instance, &ops, c, c->server.in_flight_max);
	struct link *before = NULL;
	enum status st;

	MAGIC_CHECK(c, CALLS_MAGIC);
	l->tag = tag;
	/* What people type to sign in goes to auth, verifiers come from it. */
	l->secret = l->in.secret = peer == ROLE_AUTH || c->config.self == ROLE_AUTH;
	join_ended(c);
	pthread_mutex_lock(&c->lock);
	list_add_last(&c->running, &l->node);
	l->draining = c->quiet;
	/* Links of operators are many and never called. */
	if (peer != ROLE_ADMIN && instance < CALLS_INSTANCES_MAX) {
		before = c->at[peer][instance];
		c->at[peer][instance] = l;
	}
	if (before != NULL)
		link_close(before);
	st = link_run(l);
	if (st != STATUS_OK) {
		forget(c, l);
		list_remove(&l->node);
	}
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (st != STATUS_OK)
		link_unref(l);
	return st;
}

enum status
calls_link(struct calls *c, int fd, enum role peer, unsigned instance)
{
	return calls_link_tagged(c, fd, peer, instance, 0);
}

/* ---- choosing one ---- */

static struct link *
choose(struct calls *c, enum role to, unsigned instance)
{
	struct link *best = NULL;

	if (instance != CALLS_ANY_INSTANCE)
		return instance < CALLS_INSTANCES_MAX ? c->at[to][instance] : NULL;
	for (unsigned i = 0; i < CALLS_INSTANCES_MAX; i++) {
		struct link *l = c->at[to][i];

		if (l != NULL && (best == NULL || l->in_flight < best->in_flight))
			best = l;
	}
	return best;
}

unsigned
calls_instance(struct calls *c, enum role to)
{
	const struct link *l;
	unsigned instance;

	pthread_mutex_lock(&c->lock);
	l = choose(c, to, CALLS_ANY_INSTANCE);
	instance = l == NULL ? 0 : l->instance;
	pthread_mutex_unlock(&c->lock);
	return instance;
}

enum status
calls_take(struct calls *c, enum role to, unsigned instance, int64_t until, struct link **out)
{
	struct timespec then = link_timespec(until);
	struct link *l;
	int error = 0;

	CHECK((unsigned)to < ROLE_COUNT);
	pthread_mutex_lock(&c->lock);
	while ((l = choose(c, to, instance)) == NULL && !c->closing && error == 0) {
		thread_blocks();
		error = pthread_cond_clockwait(&c->changed, &c->lock, CLOCK_MONOTONIC, &then);
		thread_goes_on();
	}
	if (l == NULL || c->closing) {
		pthread_mutex_unlock(&c->lock);
		return STATUS_UNAVAILABLE;
	}
	*out = link_ref(l);
	pthread_mutex_unlock(&c->lock);
	return STATUS_OK;
}

struct calls *
calls_ref(struct calls *c)
{
	MAGIC_CHECK(c, CALLS_MAGIC);
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void
calls_unref(struct calls *c)
{
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->callback);
	c->magic = 0;
	mem_free(c);
}

unsigned
runtime_instances(struct calls *c, enum role r)
{
	unsigned n = CALLS_INSTANCES_MAX;

	pthread_mutex_lock(&c->lock);
	while (n > 0 && c->at[r][n - 1] == NULL)
		n--;
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* ---- the end ---- */

bool
calls_callback_begin(struct calls *c)
{
	pthread_mutex_lock(&c->callback);
	if (!c->muted)
		return true;
	pthread_mutex_unlock(&c->callback);
	return false;
}

void
calls_callback_end(struct calls *c)
{
	pthread_mutex_unlock(&c->callback);
}

/* A link that runs and is not drained yet, referenced, or NULL. */
static struct link *
next_to_drain(struct calls *c)
{
	struct link *found = NULL;

	pthread_mutex_lock(&c->lock);
	c->quiet = true;
	LIST_EACH(&c->running, node)
	{
		struct link *l = LIST_OWNER(node, struct link, node);

		if (found == NULL && !l->drained)
			found = link_ref(l);
	}
	if (found != NULL)
		found->drained = true;
	pthread_mutex_unlock(&c->lock);
	return found;
}

void
calls_quiesce(struct calls *c, int64_t deadline)
{
	struct link *l;

	MAGIC_CHECK(c, CALLS_MAGIC);
	while ((l = next_to_drain(c)) != NULL) {
		link_hand_drain(l, deadline);
		link_unref(l);
	}
	pthread_mutex_lock(&c->callback);
	c->muted = true;
	pthread_mutex_unlock(&c->callback);
}

void
calls_free(struct calls *c)
{
	MAGIC_CHECK(c, CALLS_MAGIC);
	pthread_mutex_lock(&c->lock);
	c->closing = c->quiet = true;
	LIST_EACH(&c->running, node)
	link_close(LIST_OWNER(node, struct link, node));
	pthread_cond_broadcast(&c->changed);
	while (!list_empty(&c->running))
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	join_ended(c);
	if (c->config.server != NULL)
		server_done(c);
	calls_unref(c);
}
