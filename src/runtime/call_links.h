/* SPDX-License-Identifier: ISC */
/*
 * struct calls from the inside: the links of a process, what it serves, and
 * the steps of its life, for role.c, the tests' pairs and the two halves
 * call_client.c and call_server.c. Everybody else includes runtime/calls.h.
 */
#ifndef RUNTIME_CALL_LINKS_H
#define RUNTIME_CALL_LINKS_H

#include "runtime/link.h"
#include "runtime/pool.h"

#define CALLS_MAGIC 0xca115001u
#define CALLS_INSTANCES_MAX 64

struct calls_config {
	enum role self;
	unsigned instance;
	const struct call_server_config *server; /* NULL: serves nothing */
	/* A link to a peer was lost; on its reader's thread. May be NULL. */
	void (*lost)(void *arg, enum role peer, uint64_t tag);
	void *arg;
	bool no_patience; /* calls fail at once where there is no link */
};

struct calls {
	unsigned magic;
	_Atomic unsigned refs;
	struct calls_config config;
	struct call_server_config server;
	struct map rows; /* number -> struct served */
	struct pool *pool;
	int64_t started; /* wall clock */
	_Atomic int64_t timeout, patience;

	pthread_mutex_t callback; /* held around functions of the role */
	bool muted;		  /* with callback: they are not called */

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t changed;
	struct link *at[ROLE_COUNT][CALLS_INSTANCES_MAX];
	struct list running, ended; /* links; the second are to be joined */
	struct list gated;	    /* requests that came before calls_open */
	bool open;
	bool quiet; /* no new requests, no callbacks */
	bool closing;
};

/* The rows of server and its context must live as long as the calls. Requests
 * that come before calls_open wait for it. */
struct calls *calls_new(const struct calls_config *config);
/* Takes fd: one end of a connected AF_UNIX stream pair. A link to the same
 * instance that is there already is closed. */
enum status calls_link(struct calls *c, int fd, enum role peer, unsigned instance) MUST_CHECK;
/* The same, with a tag that is given to config.lost. */
enum status calls_link_tagged(
    struct calls *c, int fd, enum role peer, unsigned instance, uint64_t tag) MUST_CHECK;
void calls_open(struct calls *c);
/* How long calls wait for a peer and its answer; 0: as usual. */
void calls_be_patient(struct calls *c, int64_t microseconds);
/* Refuses new requests and waits for those in hand, streams excepted. Then no
 * handler, no `lost` and no function of a stream is called any more; calls to
 * others can still be made. */
void calls_quiesce(struct calls *c, int64_t deadline);

/* ---- between the halves ---- */

/* A caller holds the memory while it calls: calls_free may come meanwhile. */
struct calls *calls_ref(struct calls *c);
void calls_unref(struct calls *c);
/* A link to this role, referenced. Waits for one until then. UNAVAILABLE: none
 * came. */
enum status calls_take(
    struct calls *c, enum role to, unsigned instance, int64_t until, struct link **out) MUST_CHECK;

/* Around functions of the role that readers call. False: not any more. */
bool calls_callback_begin(struct calls *c) MUST_CHECK;
void calls_callback_end(struct calls *c);

enum status client_frame(struct link *l, struct call_frame *f) MUST_CHECK;
void client_lost(struct link *l);

void server_init(struct calls *c);
void server_done(struct calls *c);
enum status server_frame(struct link *l, struct call_frame *f) MUST_CHECK;
/* Behind the frames of one read. */
void server_after(struct link *l);
void server_lost(struct link *l);

/* Opens what the handlers of runtime/runtime_calls.h read, which a sandbox
 * would refuse; harmless the second time. */
void runtime_calls_prepare(void);
/* Their rows. */
extern const struct call_row runtime_rows[];
extern const size_t runtime_row_count;

#endif
