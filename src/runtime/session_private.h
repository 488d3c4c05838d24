/* SPDX-License-Identifier: ISC */
/*
 * What session.c (one session on a worker) and service.c (all of them) share.
 * Nobody else includes this.
 */
#ifndef RUNTIME_SESSION_PRIVATE_H
#define RUNTIME_SESSION_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "runtime/limits.h"
#include "runtime/session.h"
#include "runtime/waiter.h"

#define SERVICE_MAGIC 0x5e2f1ceu

/* What a session is at: before START the protocol knows nothing of it. */
enum phase {
	PHASE_START,	  /* the next run is the first */
	PHASE_PROXY,	  /* a PROXY header comes first */
	PHASE_TLS,	  /* shaking hands on an implicit-TLS port; then START */
	PHASE_TLS_WITHIN, /* shaking hands after STARTTLS; then RUN */
	PHASE_RUN,	  /* the protocol runs */
};

/* The sessions that watch one topic. */
struct topic {
	uint64_t number;
	struct list sessions; /* by in_topic */
};

struct service {
	unsigned magic;
	struct service_config config;
	struct pool *pool; /* NULL after service_stop, like the waiter */
	struct waiter *waiter;
	struct limits *limits;
	atomic_uint_fast64_t next_id;
	uint64_t refused; /* since the last line of the log; the own of who waits */
	int64_t refused_logged;
	pthread_mutex_t lock; /* all below, and sessions' topic and lists */
	pthread_cond_t empty;
	struct list sessions; /* by in_service */
	unsigned count;
	struct map topics;
	struct tls_context *tls;
	bool stopping;
};

/* Takes the session out of all that knows it: topic, list, limits. */
void service_forget(struct service *v, struct session *s);
/* Counts the session for its peer's address; false if that has enough. */
bool service_admit(struct service *v, struct session *s);

/* A task's run: one turn of a session on a worker. */
void session_work(struct task *t);
/* Sets the first phase of a connection by its listener and peer, and until
 * when it may last. */
void session_begin(struct session *s);

#endif
