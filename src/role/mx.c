/* SPDX-License-Identifier: ISC */
/*
 * Role mx: the SMTP and LMTP sessions of strangers. It may ask the store
 * whether an address is ours, and hand a message to intake; it reads no mail.
 */
#include "role/front.h"
#include "role/roles.h"
#include "runtime/settings.h"
#include "smtp/server.h"
#include "smtp/stranger.h"

#define GREETERS 100000 /* addresses that are remembered to have waited */
#define KNOWN 10000	/* recipients that were accepted a moment ago */

struct mx {
	const struct role_start *start;
	struct arena arena;
	struct calls *calls;
	struct smtp_server server;
	struct service *service;
};

static const struct front_protocol protocols[] = {
	{ "smtp", &smtp_mx_class },
	{ "lmtp", &smtp_lmtp_class },
};

static enum status
mx_prepare(const struct role_start *start, void **context, struct failure *f)
{
	struct mx *m = MEM_NEW(struct mx);

	(void)f;
	tls_prepare();
	m->start = start;
	*context = m;
	return STATUS_OK;
}

/* Serves nothing of its own. */
static enum status
mx_serve(void *context, struct call_server_config *config, struct failure *f)
{
	(void)context;
	(void)config;
	(void)f;
	return STATUS_OK;
}

/* A new store knows no feed. */
static void
mx_relinked(void *context, enum role peer)
{
	struct mx *m = context;

	if (peer == ROLE_STORE && m->service != NULL)
		smtp_known_follow(m->server.known, m->calls);
}

static enum status
mx_begin(void *context, struct calls *calls, struct failure *f)
{
	struct mx *m = context;
	struct service_config config;
	enum status s = front_settings(calls, f);

	if (s != STATUS_OK)
		return s;
	m->calls = calls;
	config = (struct service_config){
		.workers_min = 4,
		.workers_max = 2000,
		.sessions_max = 100000,
		.per_address_max = (unsigned)setting(SET_SMTP_SESSIONS_PER_ADDRESS),
		.idle = setting(SET_SMTP_COMMAND_TIMEOUT),
		.context = &m->server,
	};
	m->server = (struct smtp_server){
		.calls = calls,
		.hostname = m->start->hostname,
		.greeters = smtp_greeters_new(GREETERS),
		.known = smtp_known_new(KNOWN),
	};
	(void)smtp_stranger_try(&m->server, &smtp_mx_class);
	m->server.telling = limits_new(SMTP_TELLING_CLIENTS);
	smtp_known_follow(m->server.known, m->calls);
	return front_start(
	    m->start, calls, protocols, ARRAY_LEN(protocols), &m->arena, &config, &m->service, f);
}

static void
mx_certificates(void *context, const struct role_certificate *at, uint32_t count)
{
	struct mx *m = context;

	(void)at;
	(void)count;
	if (m->service != NULL)
		front_tls_again(m->calls, m->service);
}

static void
mx_stop(void *context, int64_t deadline)
{
	struct mx *m = context;

	if (m->service != NULL) {
		service_stop(m->service, deadline);
		service_free(m->service);
	}
	if (m->server.greeters != NULL)
		smtp_greeters_free(m->server.greeters);
	smtp_known_free(m->server.known);
	if (m->server.telling != NULL)
		limits_free(m->server.telling);
	arena_done(&m->arena);
	mem_free(m);
}

const struct role_ops role_mx_ops = {
	.role = ROLE_MX,
	.prepare = mx_prepare,
	.serve = mx_serve,
	.begin = mx_begin,
	.certificates = mx_certificates,
	.relinked = mx_relinked,
	.stop = mx_stop,
};
