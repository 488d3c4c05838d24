/* SPDX-License-Identifier: ISC */
/*
 * The waiter. A session's state is one atomic word: PARKED, and one bit for
 * each reason that came and was not delivered. Who clears PARKED owns the
 * session (rule 1, rule 3). Parking arms epoll first and sets PARKED last, and
 * only if no reason came in between, so no wake-up is lost; an event from an
 * earlier arming costs one look in vain and no more.
 *
 * Times stand in a heap under the lock. A session's entry is left in place
 * when it wakes and moved only when it comes up, so that parking again with a
 * later time costs no sifting.
 */
#include "runtime/waiter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "runtime/metrics.h"

#define WAITER_MAGIC 0x3a17e411u
#define LISTEN_MAGIC 0x3a17e422u
#define BATCH 128
/* The dead are freed at the next event, or at once when they are so many. */
#define DEAD_MANY 64

enum { PARKED = 1 };

static uint32_t
bit(enum wake why)
{
	return 2u << why;
}

struct timer {
	int64_t at;  /* when the heap brings it up */
	int64_t due; /* when the session is to be woken: at or later */
	struct session *session;
};

struct listening {
	unsigned magic;
	const struct listener *listener;
	struct listening *next;
};

struct waiter {
	unsigned magic;
	struct waiter_config config;
	int epoll, event;
	atomic_uint parked;
	pthread_mutex_t lock; /* all below */
	struct timer *heap;
	uint32_t count, cap;
	int64_t sleeps_until; /* 0 while nobody waits: who does next looks itself */
	struct list dead;
	unsigned dead_count;
	struct listening *listening;
	int64_t paused_until; /* 0: listening */
	bool stopped;	      /* listens no more */
};

static void
kick(struct waiter *w)
{
	const uint64_t one = 1;

	while (write(w->event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* ---- the heap ---- */

static void
heap_put(struct waiter *w, uint32_t at, struct timer t)
{
	w->heap[at] = t;
	t.session->timer = at + 1;
}

static void
heap_up(struct waiter *w, uint32_t at)
{
	struct timer t = w->heap[at];

	while (at > 0 && w->heap[(at - 1) / 2].at > t.at) {
		heap_put(w, at, w->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(w, at, t);
}

static void
heap_down(struct waiter *w, uint32_t at)
{
	struct timer t = w->heap[at];

	for (;;) {
		uint32_t child = at * 2 + 1;

		if (child >= w->count)
			break;
		if (child + 1 < w->count && w->heap[child + 1].at < w->heap[child].at)
			child++;
		if (w->heap[child].at >= t.at)
			break;
		heap_put(w, at, w->heap[child]);
		at = child;
	}
	heap_put(w, at, t);
}

static void
heap_remove(struct waiter *w, struct session *s)
{
	uint32_t at = s->timer - 1;

	s->timer = 0;
	if (at == --w->count)
		return;
	heap_put(w, at, w->heap[w->count]);
	heap_down(w, at);
	heap_up(w, at);
}

static void
heap_add(struct waiter *w, struct session *s, int64_t due)
{
	if (w->count == w->cap) {
		w->cap = w->cap == 0 ? 64 : w->cap * 2;
		w->heap = mem_resize(w->heap, w->cap, sizeof(*w->heap));
	}
	w->heap[w->count] = (struct timer){ due, due, s };
	heap_up(w, w->count++);
}

/* With the lock: the session's time is due from now on. A time that came up
 * until here belonged to an earlier park. */
static void
set_timer(struct waiter *w, struct session *s, int64_t due)
{
	atomic_fetch_and(&s->state, ~bit(WAKE_TIMER));
	if (due == 0) {
		if (s->timer != 0)
			heap_remove(w, s);
		return;
	}
	if (s->timer == 0) {
		heap_add(w, s, due);
	} else {
		struct timer *t = &w->heap[s->timer - 1];

		t->due = due;
		if (due < t->at) {
			t->at = due;
			heap_up(w, s->timer - 1);
		}
	}
	if (due < w->sleeps_until) {
		w->sleeps_until = 0;
		kick(w);
	}
}

/* ---- parking and waking ---- */

/* False when the kernel's limit of watches is reached: no reason to die. */
static bool
arm(struct waiter *w, struct session *s)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT, .data.ptr = s };
	int op = s->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	s->armed = epoll_ctl(w->epoll, op, s->stream.fd, &e) == 0;
	return s->armed;
}

static void
count_parked(struct waiter *w, int by)
{
	atomic_fetch_add(&w->parked, (unsigned)by);
	metric_add(METRIC_SESSIONS_PARKED, by);
}

void
waiter_park(struct waiter *w, struct session *s, int64_t until)
{
	uint32_t none = 0;

	MAGIC_CHECK(w, WAITER_MAGIC);
	MAGIC_CHECK(s, SESSION_MAGIC);
	pthread_mutex_lock(&w->lock);
	set_timer(w, s, until);
	pthread_mutex_unlock(&w->lock);
	atomic_fetch_and(&s->state, ~bit(WAKE_INPUT)); /* what is there fires again */
	if (!arm(w, s))
		atomic_fetch_or(&s->state, bit(WAKE_STOP));
	count_parked(w, 1);
	if (atomic_compare_exchange_strong(&s->state, &none, PARKED))
		return; /* not ours any more */
	count_parked(w, -1);
	w->config.ready(w->config.arg, s);
}

bool
waiter_claim(struct waiter *w, struct session *s, enum wake why)
{
	uint32_t was = atomic_load(&s->state), is;

	do
		is = (was & ~(uint32_t)PARKED) | bit(why);
	while (!atomic_compare_exchange_weak(&s->state, &was, is));
	if ((was & PARKED) == 0)
		return false;
	count_parked(w, -1);
	return true;
}

bool
waiter_reason(struct session *s, enum wake *why)
{
	static const enum wake order[] = { WAKE_STOP, WAKE_START, WAKE_EVENT, WAKE_TIMER,
		WAKE_INPUT };
	uint32_t state = atomic_load(&s->state);

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if ((state & bit(order[i])) != 0) {
			atomic_fetch_and(&s->state, ~bit(order[i]));
			*why = order[i];
			return true;
		}
	return false;
}

void
waiter_dispose(struct waiter *w, struct session *s)
{
	pthread_mutex_lock(&w->lock);
	if (s->timer != 0)
		heap_remove(w, s);
	list_add_last(&w->dead, &s->task.node);
	if (++w->dead_count % DEAD_MANY == 0)
		kick(w);
	pthread_mutex_unlock(&w->lock);
}

/* ---- listening ---- */

static void
listen_all(struct waiter *w, int op)
{
	for (struct listening *l = w->listening; l != NULL; l = l->next) {
		struct epoll_event e = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = l };

		if (epoll_ctl(w->epoll, op, l->listener->fd, &e) != 0)
			die("epoll_ctl of listener %s: %s", l->listener->name, strerror(errno));
	}
}

void
waiter_listen(struct waiter *w, const struct listener *listener)
{
	struct listening *l = MEM_NEW(struct listening);
	struct epoll_event e = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = l };
	int flags = fcntl(listener->fd, F_GETFL);

	*l = (struct listening){ LISTEN_MAGIC, listener, NULL };
	if (flags < 0 || fcntl(listener->fd, F_SETFL, flags | O_NONBLOCK) != 0)
		die("listener %s: %s", listener->name, strerror(errno));
	pthread_mutex_lock(&w->lock);
	l->next = w->listening;
	w->listening = l;
	pthread_mutex_unlock(&w->lock);
	if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, listener->fd, &e) != 0)
		die("epoll_ctl of listener %s: %s", listener->name, strerror(errno));
}

void
waiter_pause_listening(struct waiter *w, int64_t microseconds)
{
	pthread_mutex_lock(&w->lock);
	if (w->paused_until == 0 && !w->stopped) {
		listen_all(w, EPOLL_CTL_DEL);
		w->paused_until = clock_mono() + microseconds;
	}
	pthread_mutex_unlock(&w->lock);
}

void
waiter_stop_listening(struct waiter *w)
{
	pthread_mutex_lock(&w->lock);
	if (w->paused_until == 0 && !w->stopped)
		listen_all(w, EPOLL_CTL_DEL);
	w->stopped = true;
	pthread_mutex_unlock(&w->lock);
}

/* With the lock. */
static void
resume_listening(struct waiter *w, int64_t now)
{
	if (w->paused_until == 0 || w->paused_until > now || w->stopped)
		return;
	listen_all(w, EPOLL_CTL_ADD);
	w->paused_until = 0;
}

/* ---- rounds ---- */

static void
wake(struct waiter *w, struct session *s, enum wake why)
{
	if (waiter_claim(w, s, why))
		w->config.ready(w->config.arg, s);
}

/* With the lock: claims whose time has come, into a list by their tasks. */
static void
expire(struct waiter *w, int64_t now, struct list *woken)
{
	while (w->count > 0 && w->heap[0].at <= now) {
		struct timer *t = &w->heap[0];
		struct session *s = t->session;

		if (t->due > now) {
			t->at = t->due;
			heap_down(w, 0);
			continue;
		}
		heap_remove(w, s);
		if (waiter_claim(w, s, WAKE_TIMER))
			list_add_last(woken, &s->task.node);
	}
}

/* Times and the dead of this round, and how long to sleep after it: not at all
 * if a time woke somebody. */
static int
keep_house(struct waiter *w)
{
	struct list woken = LIST_INIT(woken), dead = LIST_INIT(dead), *node;
	int64_t now = clock_mono(), until = INT64_MAX, ms;
	bool woke;

	pthread_mutex_lock(&w->lock);
	expire(w, now, &woken);
	resume_listening(w, now);
	while ((node = list_take_first(&w->dead)) != NULL)
		list_add_last(&dead, node);
	w->dead_count = 0;
	if (w->count > 0)
		until = w->heap[0].at;
	if (w->paused_until != 0 && w->paused_until < until && !w->stopped)
		until = w->paused_until;
	w->sleeps_until = until;
	pthread_mutex_unlock(&w->lock);
	woke = !list_empty(&woken);
	while ((node = list_take_first(&woken)) != NULL)
		w->config.ready(w->config.arg, LIST_OWNER(node, struct session, task.node));
	while ((node = list_take_first(&dead)) != NULL)
		mem_free(LIST_OWNER(node, struct session, task.node));
	if (woke)
		return 0;
	if (until == INT64_MAX)
		return -1;
	ms = (until - now + CLOCK_MS - 1) / CLOCK_MS;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

static void
drain_kicks(struct waiter *w)
{
	uint64_t count;

	while (read(w->event, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

static void
handle(struct waiter *w, const struct epoll_event *e)
{
	unsigned *magic = e->data.ptr;

	if (magic == NULL)
		drain_kicks(w);
	else if (*magic == LISTEN_MAGIC)
		w->config.accept(w->config.arg, ((struct listening *)e->data.ptr)->listener);
	else
		wake(w, e->data.ptr, WAKE_INPUT);
}

void
waiter_wait(struct waiter *w)
{
	struct epoll_event events[BATCH];
	int n;

	MAGIC_CHECK(w, WAITER_MAGIC);
	n = epoll_wait(w->epoll, events, BATCH, keep_house(w));
	if (n < 0 && errno != EINTR)
		die("epoll_wait: %s", strerror(errno));
	for (int i = 0; i < n; i++)
		handle(w, &events[i]);
	pthread_mutex_lock(&w->lock);
	w->sleeps_until = 0;
	pthread_mutex_unlock(&w->lock);
}

int
waiter_fd(const struct waiter *w)
{
	return w->epoll;
}

void
waiter_interrupt(struct waiter *w)
{
	MAGIC_CHECK(w, WAITER_MAGIC);
	kick(w);
}

struct waiter *
waiter_new(const struct waiter_config *config)
{
	struct waiter *w = MEM_NEW(struct waiter);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };

	w->magic = WAITER_MAGIC;
	w->config = *config;
	CHECK(pthread_mutex_init(&w->lock, NULL) == 0);
	list_init(&w->dead);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->epoll < 0 || w->event < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->event, &e) != 0)
		die("epoll: %s", strerror(errno));
	return w;
}

unsigned
waiter_parked(struct waiter *w)
{
	return atomic_load(&w->parked);
}

void
waiter_free(struct waiter *w)
{
	struct listening *l;

	MAGIC_CHECK(w, WAITER_MAGIC);
	(void)keep_house(w);
	CHECK(w->count == 0);
	while ((l = w->listening) != NULL) {
		w->listening = l->next;
		mem_free(l);
	}
	(void)close(w->epoll);
	(void)close(w->event);
	pthread_mutex_destroy(&w->lock);
	mem_free(w->heap);
	w->magic = 0;
	mem_free(w);
}
