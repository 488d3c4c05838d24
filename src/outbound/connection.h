/* SPDX-License-Identifier: ISC */
/*
 * Connections to other servers: made, kept a while for the next message to the
 * same destination, and ended. A connection is in the hands of one worker, or
 * idle in the shelf; each is known to the shelf, so that a stop can break off
 * what a server holds up.
 */
#ifndef OUTBOUND_CONNECTION_H
#define OUTBOUND_CONNECTION_H

#include <pthread.h>

#include "base/list.h"
#include "lookup/route.h"
#include "outbound/policy.h"
#include "outbound/tls_results.h"
#include "outbound/transport.h"
#include "smtp/client.h"

struct connection {
	struct list node;	 /* of idle ones, the oldest first */
	struct list open;	 /* of all */
	struct text destination; /* of the queue */
	struct text host;	 /* its name in the DNS */
	char address[64];	 /* of the host */
	char place[80];		 /* the same with its port */
	bool reused;		 /* since it was last taken from the shelf */
	bool strict;		 /* struct policy, and the handshake said so too */
	bool tls_optional;	 /* for one message alone, which does not ask for the policy */
	unsigned messages;
	int64_t opened, since; /* monotonic; when it became idle */
	struct stream stream;
	struct smtp_client_config config;
	struct smtp_client client;
	struct arena arena; /* of all texts */
};

struct shelf {
	pthread_mutex_t lock;
	struct list idle, open;
	size_t idle_count;
	bool closed, broken_off;
};

void shelf_init(struct shelf *s);
void shelf_done(struct shelf *s);
/* An idle connection to the destination which still answers, or NULL. strict:
 * fit for REQUIRETLS. */
struct connection *shelf_take(struct shelf *s, struct text destination, bool strict);
/* Gives it up, for others to use while it is young; else it ends. */
void shelf_put(struct shelf *s, struct connection *c);
/* Takes one off that was idle for too long; NULL: none, and *next is when there
 * may be one (monotonic, INT64_MAX: never). It is to be ended. */
struct connection *shelf_expired(struct shelf *s, int64_t *next);
/* Idle ones are not given out any more but end; break_off: all others too, at
 * once. */
void shelf_close(struct shelf *s, bool break_off);

/* All that a connection needs to know. */
struct connection_wish {
	struct shelf *shelf;
	struct tls_results *results;
	struct tls_trust *trust;
	struct text hostname;
	struct text destination;
	const struct route *route;
	const struct route_host *host;
	bool require_tls, tls_optional; /* RFC 8689; at most one of them */
	uint16_t port;
	const struct transport *transport; /* or NULL: policies are those of the route */
	const struct sockaddr_storage *sources;
	size_t source_count;
};

/* A session in which mail may be sent; or why not. */
enum status connection_open(
    const struct connection_wish *w, struct connection **out, struct smtp_fate *why) MUST_CHECK;
/* Says QUIT where that makes sense. */
void connection_end(struct shelf *s, struct connection *c);
/* Whether another message may be sent over it. */
bool connection_good(const struct connection *c);

#endif
