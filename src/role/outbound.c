/* SPDX-License-Identifier: ISC */
/*
 * Role outbound: mail on its way to other servers. It holds sockets to the
 * Internet and the deliveries it has leased, and neither mailboxes nor keys.
 * Roots of TLS and the addresses of this host are read before the sandbox
 * closes. It steps back behind the other roles where processors are short:
 * somebody waits for the answer to what he submits, nobody by the millisecond
 * for a delivery.
 */
#include "outbound/outbound.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "outbound/own.h"
#include "outbound/transport.h"
#include "role/front.h"
#include "role/roles.h"

/* Of nice(2): about a third of the processor that another role gets, where both
 * want all of it, and all of it where nobody else wants any. */
#define STEPS_BACK 5

struct outbound_role {
	const struct role_start *start;
	struct outbound_config config;
	struct outbound *outbound;
	struct arena arena;
};

/* Before there are threads, which inherit it. */
static void
step_back(void)
{
	errno = 0;
	if (nice(STEPS_BACK) == -1 && errno != 0)
		LOG_WARN("outbound.not_behind", FIELD_STRING("why", strerror(errno)));
}

/* The system's roots, and those of the operator. */
static enum status
make_trust(struct outbound_role *r, struct failure *f)
{
	struct buffer roots = BUFFER_INIT, more = BUFFER_INIT;
	enum status s = STATUS_OK;

	if (tls_trust_system(&roots) != STATUS_OK)
		LOG_WARN("outbound.no_roots");
	if (r->start->ca_file.len > 0)
		s = role_file(arena_string(&r->arena, r->start->ca_file), &more, f);
	if (s == STATUS_OK)
		s = tls_trust_new(buffer_text(&roots), buffer_text(&more), &r->config.trust, f);
	buffer_done(&roots);
	buffer_done(&more);
	return s;
}

static enum status
outbound_prepare(const struct role_start *start, void **context, struct failure *f)
{
	struct outbound_role *r = MEM_NEW(struct outbound_role);
	struct sockaddr_storage *own, *sources;
	struct transport *transports;

	step_back();
	tls_prepare();
	r->start = start;
	r->config.hostname = start->hostname;
	r->config.own_count = own_of_words(&start->own, &r->arena, &own);
	r->config.own = own;
	*context = r;
	r->config.source_count = sources_of_words(&start->sources, &r->arena, &sources);
	r->config.sources = sources;
	if (transports_of_words(
		&start->routes, &r->arena, &transports, &r->config.transport_count) != STATUS_OK)
		return fail(f, STATUS_INVALID, "A route cannot be read.", "routes");
	r->config.transports = transports;
	return make_trust(r, f);
}

static enum status
outbound_role_serve(void *context, struct call_server_config *config, struct failure *f)
{
	struct outbound_role *r = context;

	(void)f;
	outbound_serve(&r->outbound, config);
	return STATUS_OK;
}

static enum status
outbound_begin(void *context, struct calls *calls, struct failure *f)
{
	struct outbound_role *r = context;
	enum status s = front_settings(calls, f);

	if (s != STATUS_OK)
		return s;
	r->config.calls = calls;
	r->outbound = outbound_new(&r->config);
	if (outbound_start(r->outbound) != STATUS_OK)
		return fail(f, STATUS_LIMIT, "Outgoing mail cannot be started.", "no thread");
	return STATUS_OK;
}

static void
outbound_relink(void *context, enum role peer)
{
	struct outbound_role *r = context;

	if (peer == ROLE_STORE && r->outbound != NULL)
		outbound_relinked(r->outbound);
}

/* A worker that waits where nothing can end it (for a connection, for a role
 * that hangs) ends with the process; so does all it uses. */
static void
outbound_role_stop(void *context, int64_t deadline)
{
	struct outbound_role *r = context;

	if (r->outbound != NULL) {
		if (!outbound_stop(r->outbound, deadline)) {
			LOG_INFO("outbound.stopped_short");
			_exit(0);
		}
		outbound_free(r->outbound);
	}
	tls_trust_free(r->config.trust);
	arena_done(&r->arena);
	mem_free(r);
}

const struct role_ops role_outbound_ops = {
	.role = ROLE_OUTBOUND,
	.prepare = outbound_prepare,
	.serve = outbound_role_serve,
	.begin = outbound_begin,
	.relinked = outbound_relink,
	.stop = outbound_role_stop,
};
