/* SPDX-License-Identifier: ISC */
/*
 * Outbound: takes recipients from the queue (store/queue_calls.h), asks where
 * they live (lookup/route.h), speaks to the server there (smtp/client.h), and
 * reports. The queue knows no SMTP and the client no queue; here they meet.
 *
 * A worker is linear code: it leases, delivers, reports, and asks for more at
 * the destination to which its connection stands. There are as many as there
 * is to do, up to outbound.workers, so that a server which hangs costs one of
 * them for the times of the settings and nobody else waits for it. Nothing of
 * a message is kept here but what is being sent.
 */
#ifndef OUTBOUND_OUTBOUND_H
#define OUTBOUND_OUTBOUND_H

#include <sys/socket.h>

#include "outbound/tls_results.h"
#include "runtime/calls.h"
#include "runtime/tls_client.h"

struct outbound;
struct transport;

/* What it points at outlives the outbound. own: addresses, with ports, at which
 * this host takes mail itself: a domain that leads there is a loop. */
struct outbound_config {
	struct calls *calls; /* to store and lookup */
	struct text hostname;
	struct tls_trust *trust;
	const struct sockaddr_storage *own;
	size_t own_count;
	const struct transport *transports;
	size_t transport_count;
	const struct sockaddr_storage *sources; /* where connections come from; may be none */
	size_t source_count;
};

struct outbound *outbound_new(const struct outbound_config *config);
/* Opens the feed and begins to work; LIMIT: no threads. */
enum status outbound_start(struct outbound *o) MUST_CHECK;
/* There is a new link to the store: what it has is asked for at once. */
void outbound_relinked(struct outbound *o);
/* Nothing more is leased, and what is under way is finished, or broken off by
 * the deadline (monotonic). False: some worker still waits where nothing can
 * end its wait; then nothing may be freed before the process ends, and what it
 * has in hand goes back to the queue by the loss of its link. */
bool outbound_stop(struct outbound *o, int64_t deadline);
void outbound_free(struct outbound *o);

/* What sessions with other servers came to, for reports about TLS. */
struct tls_results *outbound_tls_results(struct outbound *o);

/* Serves outbound/calls.h; requests come when *o is there. */
void outbound_serve(struct outbound **o, struct call_server_config *config);

/* Waits until nobody works, for tests: what was due is reported. */
void outbound_settle(struct outbound *o);

#endif
