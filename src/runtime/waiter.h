/* SPDX-License-Identifier: ISC */
/*
 * The waiter: one thread with an epoll set and a heap of times, in which
 * parked sessions sleep. The rules of parking:
 *
 * 1. A session is in exactly one place: on a worker, in the pool's queue, or
 *    parked. Whoever parks it does not touch it afterwards.
 * 2. Parking happens only where run() returns NEXT_PARK: never with a lock, a
 *    command's arena or a snapshot held, never in the middle of a parse.
 * 3. A session is woken at most once a park; a publish that comes while it
 *    runs sets a flag that parking looks at (no lost wake-up).
 * 4. Only the waiter frees a session, after the epoll batch in hand, so that
 *    no event points at freed memory. Publishers hold a topic number, not a
 *    pointer.
 * 5. A TLS stream is flushed before parking, and is not parked while OpenSSL
 *    holds octets that poll cannot see (stream_pending).
 * 6. A worker lingers for the next command before it parks the session.
 * 7. A half-received line stays in the session's own stream buffer and parks
 *    too: a slow client costs a struct, not a thread.
 * 8. Transfers inside a command have a deadline and a minimum rate
 *    (runtime/stream.h).
 *
 * Used by session.c alone; protocols see session.h.
 */
#ifndef RUNTIME_WAITER_H
#define RUNTIME_WAITER_H

#include "runtime/session.h"

struct waiter;

/* ready() is called on the waiter's thread with the reason; it hands the
 * session to the pool. accept() for a listening socket that has connections. */
struct waiter_config {
	void (*ready)(void *arg, struct session *s, enum wake why);
	void (*accept)(void *arg, const struct listener *l);
	void *arg;
};

struct waiter *waiter_new(const struct waiter_config *config);
void waiter_listen(struct waiter *w, const struct listener *l);
/* Parks until input, wake, or s->park_until. */
void waiter_park(struct waiter *w, struct session *s);
/* Wakes a parked session for this reason; harmless if it is not parked. */
void waiter_wake(struct waiter *w, struct session *s, enum wake why);
/* Frees the session (class->done, stream_done, memory) on the waiter's thread. */
void waiter_dispose(struct waiter *w, struct session *s);
void waiter_stop_listening(struct waiter *w);
void waiter_free(struct waiter *w);

#endif
