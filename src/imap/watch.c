/* SPDX-License-Identifier: ISC */
/*
 * Which accounts the store tells this process of: those with a session that
 * has been in IDLE, counted. store_watch is called for the first such session
 * of an account and taken back with the last. On and off of one account reach
 * the store in order, since an account that is busy with a call is waited for;
 * no lock is held while the store is.
 */
#include <pthread.h>

#include "base/map.h"
#include "base/random.h"
#include "imap/session.h"
#include "runtime/thread.h"

#define STRIPES 64

struct watched {
	unsigned sessions; /* those that wait for the busy one included */
	bool busy;	   /* somebody talks to the store about it */
	bool on;	   /* the store knows, */
	uint64_t epoch;	   /* over the link of this epoch */
};

struct stripe {
	pthread_mutex_t lock;
	pthread_cond_t idle; /* some account is not busy any more */
	struct map accounts; /* number to struct watched */
};

struct imap_watch {
	_Atomic uint64_t epoch; /* raised whenever the store has forgotten */
	struct stripe stripes[STRIPES];
};

struct imap_watch *
imap_watch_new(void)
{
	struct imap_watch *w = MEM_NEW(struct imap_watch);

	for (size_t i = 0; i < STRIPES; i++)
		CHECK(pthread_mutex_init(&w->stripes[i].lock, NULL) == 0 &&
		      pthread_cond_init(&w->stripes[i].idle, NULL) == 0);
	return w;
}

void
imap_watch_free(struct imap_watch *w)
{
	for (size_t i = 0; i < STRIPES; i++) {
		CHECK(w->stripes[i].accounts.count == 0);
		map_done(&w->stripes[i].accounts);
		(void)pthread_mutex_destroy(&w->stripes[i].lock);
		(void)pthread_cond_destroy(&w->stripes[i].idle);
	}
	mem_free(w);
}

void
imap_watch_forget(struct imap_watch *w)
{
	w->epoch++;
}

static struct stripe *
stripe_of(struct imap *im)
{
	return &im->server->watch->stripes[im->account % STRIPES];
}

static enum status
tell_store(struct imap *im, struct arena *a, bool on)
{
	const struct store_watch_request req = { .token = im->token, .on = on };
	struct store_watch_reply r;

	return store_watch(im->server->calls, &req, a, &r, NULL);
}

/* The account's entry, made if it is not there, when nobody else talks to the
 * store about it. With the lock. */
static struct watched *
enter(struct stripe *s, uint64_t account, bool count)
{
	struct watched *w = map_get_u64(&s->accounts, account);

	if (w == NULL) {
		w = MEM_NEW(struct watched);
		(void)map_put_u64(&s->accounts, account, w);
	}
	if (count)
		w->sessions++;
	while (w->busy) {
		thread_blocks();
		(void)pthread_cond_wait(&s->idle, &s->lock);
		thread_goes_on();
	}
	return w;
}

/* Calls the store with the account busy and the lock released. */
static enum status
switch_watch(struct imap *im, struct stripe *s, struct watched *w, struct arena *a, bool on)
{
	uint64_t epoch = im->server->watch->epoch;
	enum status st;

	w->busy = true;
	(void)pthread_mutex_unlock(&s->lock);
	st = tell_store(im, a, on);
	(void)pthread_mutex_lock(&s->lock);
	w->busy = false;
	w->on = on && st == STATUS_OK;
	w->epoch = epoch;
	(void)pthread_cond_broadcast(&s->idle);
	return st;
}

enum status
imap_watch_enter(struct imap *im, struct arena *a)
{
	struct stripe *s = stripe_of(im);
	enum status st = STATUS_OK;
	struct watched *w;

	(void)pthread_mutex_lock(&s->lock);
	w = enter(s, im->account, !im->watching);
	im->watching = true;
	if (!w->on || w->epoch != im->server->watch->epoch)
		st = switch_watch(im, s, w, a, true);
	(void)pthread_mutex_unlock(&s->lock);
	if (im->session.service != NULL)
		session_watch(&im->session, im->account);
	return st;
}

void
imap_watch_leave(struct imap *im)
{
	struct stripe *s = stripe_of(im);
	struct arena a = ARENA_INIT;
	struct watched *w;

	if (!im->watching)
		return;
	im->watching = false;
	if (im->session.service != NULL)
		session_watch(&im->session, 0);
	(void)pthread_mutex_lock(&s->lock);
	w = enter(s, im->account, false);
	w->sessions--;
	/* A link that is gone has forgotten; an error changes nothing. */
	if (w->sessions == 0 && w->on && w->epoch == im->server->watch->epoch &&
	    switch_watch(im, s, w, &a, false) != STATUS_OK)
		w->on = false;
	if (w->sessions == 0 && !w->busy) {
		(void)map_remove_u64(&s->accounts, im->account);
		mem_free(w);
	}
	(void)pthread_mutex_unlock(&s->lock);
	arena_done(&a);
}
