/* SPDX-License-Identifier: ISC */
/*
 * Sessions: a client's connection from accept to close. Protocol code is
 * linear and blocking: run() reads what is there, acts, answers, and returns
 * NEXT_PARK when it needs more input than has come, or NEXT_CLOSE. Around it,
 * the runtime flushes and parks the session: the stream gives its buffers
 * back, the session sleeps in the waiter (runtime/waiter.h has the rules), and
 * the thread takes up the next one whose client spoke.
 */
#ifndef RUNTIME_SESSION_H
#define RUNTIME_SESSION_H

#include <sys/socket.h>

#include "base/list.h"
#include "runtime/pool.h"
#include "runtime/stream.h"

struct service;
struct listener;
struct network;
struct tls_context;

enum next {
	NEXT_PARK,
	NEXT_CLOSE,
	/* Flush, then shake hands for TLS with the service's context, parked
	 * while the client is silent (stream_start_tls would hold a thread).
	 * Then s->tls is set and run() comes with WAKE_INPUT as usual; a failure
	 * closes. Buffered input at this point closes too (RFC 3207 6): refuse
	 * it before. Any protocol state from before is yours to forget. */
	NEXT_START_TLS,
};

/* Why run() is called. Several may hold at once: EVENT and TIMER win over
 * INPUT, and input that came meanwhile is in the stream all the same. Before
 * WAKE_INPUT the runtime has read what was there (or met the end, which the
 * next stream_fill tells), so a run that takes all whole lines out of the
 * buffer and then returns NEXT_PARK costs no further read. */
enum wake {
	WAKE_START, /* first call: send the greeting */
	WAKE_INPUT, /* more octets (or the end) can be read */
	WAKE_EVENT, /* a topic this session watches was published */
	WAKE_TIMER, /* park_until passed */
	WAKE_STOP,  /* the service stops: say goodbye, return NEXT_CLOSE */
};

struct session;

struct session_class {
	const char *name; /* "imap", in logs and metrics */
	size_t size;	  /* of the protocol's struct, which begins with struct session */
	enum next (*run)(struct session *s, enum wake why);
	void (*done)(struct session *s); /* frees what the protocol holds; or NULL */
	const char *busy;		 /* said to who is refused at the door; or NULL */
};

/* Where clients connect; one row of the configuration. */
enum listener_tls { TLS_NONE, TLS_STARTTLS, TLS_IMPLICIT };
struct listener {
	const char *name; /* "imaps" */
	const struct session_class *class;
	enum listener_tls tls;
	bool plain_auth; /* sign-in without TLS is allowed */
	bool proxy;	 /* PROXY protocol from the configured peers */
	int fd;
	uint16_t port;
};

#define SESSION_MAGIC 0x5e551011u

struct session {
	unsigned magic;
	const struct session_class *class;
	const struct listener *listener;
	struct service *service;
	struct stream stream;
	struct sockaddr_storage peer; /* after PROXY, the real client */
	bool tls;		      /* the stream is encrypted */
	int64_t park_until; /* 0 at each run; set before NEXT_PARK: monotonic; 0: service default */
	uint64_t id;	    /* unique in this process; in logs */
	int64_t began;	    /* wall clock */
	/* the runtime's own */
	struct task task;
	struct list in_service;
	uint64_t topic;
	struct list in_topic;
	_Atomic uint32_t state; /* see waiter.c */
	uint32_t timer;		/* position in the waiter's heap, +1 */
	uint64_t limit_key;	/* 0: not counted */
	uint8_t phase;		/* see session.c */
	bool armed;		/* known to epoll */
};

/* Deadline and minimum rate of the stream end with the run that set them: the
 * flush that follows has a minute. */

/* The peer's address as text, without port: "192.0.2.1", "2001:db8::1"; "local"
 * for a Unix socket. */
struct text session_peer_text(const struct session *s, char out[64]);
bool session_peer_loopback(const struct session *s);
/* Our end of the connection; behind a balancer, its link to us. */
void session_local(const struct session *s, struct sockaddr_storage *out);

/* At most one topic (an account) a session: publishing it wakes the session
 * with WAKE_EVENT, at once if it is parked, else when it would park. 0: none. */
void session_watch(struct session *s, uint64_t topic);
/* From any thread; never blocks on a session. */
void service_publish(struct service *v, uint64_t topic);
/* Wakes every session that watches anything (after a lost link). */
void service_publish_all(struct service *v);
/* Whether some session of this service watches the topic. */
bool service_watched(struct service *v, uint64_t topic);

/* A service is the sessions of one process: a pool, a waiter, listeners. */
struct service_config {
	const struct listener *listeners; /* stay the caller's, as do their sockets */
	size_t listener_count;
	unsigned workers_min, workers_max;
	unsigned sessions_max;	  /* beyond: answered by the class's busy text and closed */
	unsigned per_address_max; /* sessions of one address (IPv6: one /64); 0: none.
				   * Loopback is not counted */
	int64_t idle;		  /* parked without input, microseconds; 0: for ever */
	struct tls_context *tls;  /* may be NULL */
	void *context;		  /* the protocol's: service_context() */
	/* Who may speak the PROXY protocol on listeners with proxy set; they
	 * must, all others must not. The caller keeps them. */
	const struct network *proxy_peers;
	size_t proxy_peer_count;
};
struct service *service_start(const struct service_config *config);
void *service_context(struct service *v);
/* New handshakes get the new context; the old one lives while it is used. The
 * service takes a reference of its own. */
void service_set_tls(struct service *v, struct tls_context *tls);
/* Takes the context of now for a handshake (NULL if there is none); unref it
 * afterwards. */
struct tls_context *service_tls(struct service *v);
/* Stops accepting, wakes every session with WAKE_STOP, waits until all are
 * gone or the deadline (monotonic) passed, then closes the connections of the
 * rest and waits until their code has noticed. Publishing stays harmless. */
void service_stop(struct service *v, int64_t deadline);
/* After service_stop, when nobody publishes any more. */
void service_free(struct service *v);

struct service_facts {
	unsigned sessions, parked, threads;
};
void service_facts_of(struct service *v, struct service_facts *out);

#endif
