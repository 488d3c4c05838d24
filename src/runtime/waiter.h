/* SPDX-License-Identifier: ISC */
/*
 * The waiter: an epoll set and a heap of times, in which parked sessions
 * sleep. It is the source of the pool: a worker that has nothing to do waits
 * there for all sessions, takes up those that input or time wakes, and serves
 * the first of them itself. Whoever publishes hands what it woke to the pool
 * directly. The rules of parking:
 *
 * 1. A session is in exactly one place: on a worker, in the pool's queue, or
 *    parked. Whoever parks it does not touch it afterwards.
 * 2. Parking happens only where run() returns NEXT_PARK: never with a lock, a
 *    command's arena or a snapshot held, never in the middle of a parse.
 * 3. A session is woken at most once a park; a publish that comes while it
 *    runs sets a flag that parking looks at (no lost wake-up).
 * 4. Only who waits here frees a session's memory, after the epoll batch in
 *    hand (there is one such worker at a time), so that no event points at
 *    freed memory. Publishers hold a topic number, not a pointer.
 * 5. A TLS stream is flushed before parking, and is not parked while OpenSSL
 *    holds octets that poll cannot see (stream_pending).
 * 6. A half-received line stays in the session's own stream buffer and parks
 *    too: a slow client costs a struct, not a thread.
 * 7. Transfers inside a command have a deadline and a minimum rate
 *    (runtime/stream.h).
 *
 * Used by session.c alone; protocols see session.h.
 */
#ifndef RUNTIME_WAITER_H
#define RUNTIME_WAITER_H

#include "runtime/session.h"

struct waiter;

struct waiter_config {
	/* Hands a session that was woken to the pool; on any thread. */
	void (*ready)(void *arg, struct session *s);
	/* A listening socket has connections; from waiter_wait. */
	void (*accept)(void *arg, const struct listener *l);
	void *arg;
};

struct waiter *waiter_new(const struct waiter_config *config);
/* One round: waits until sessions wake or connections come, hands them to
 * ready() and accept(), and frees who was disposed of before it. At most one
 * thread at a time. */
void waiter_wait(struct waiter *w);
/* The round under way, or the next one, ends at once. */
void waiter_interrupt(struct waiter *w);
/* A descriptor that is readable when a round would find input, connections or
 * an interruption (times it does not tell). */
int waiter_fd(const struct waiter *w);
/* The listener's socket becomes non-blocking. */
void waiter_listen(struct waiter *w, const struct listener *l);
/* No accept() for this long: the process has no descriptors left. */
void waiter_pause_listening(struct waiter *w, int64_t microseconds);
void waiter_stop_listening(struct waiter *w);

/* Parks until input, a claim, or the monotonic time until (0: none). If a
 * reason is pending already, ready() is called at once. */
void waiter_park(struct waiter *w, struct session *s, int64_t until);
/* Notes the reason; true if the session was parked and is the caller's now,
 * to be given to ready() (or kept in a list by its task's node until then).
 * The caller makes sure that the session is not disposed of meanwhile. */
bool waiter_claim(struct waiter *w, struct session *s, enum wake why) MUST_CHECK;
/* Takes the most important pending reason; false if there is none. */
bool waiter_reason(struct session *s, enum wake *why) MUST_CHECK;
/* Has the memory freed by who waits next. The session's socket is closed and
 * nobody else knows of it any more. */
void waiter_dispose(struct waiter *w, struct session *s);

unsigned waiter_parked(struct waiter *w);
/* When no session is left and nobody waits. */
void waiter_free(struct waiter *w);

#endif
