/* SPDX-License-Identifier: ISC */
/*
 * Role access: submission, IMAP and POP3 for those who sign in. It holds their
 * sessions and what they type; the right to an account is the token that auth made and
 * the store checks. One stream of the store tells which accounts changed.
 */
#include <pthread.h>
#include <unistd.h>

#include "base/log.h"
#include "imap/imap.h"
#include "pop3/pop3.h"
#include "role/front.h"
#include "role/roles.h"
#include "runtime/settings.h"
#include "smtp/server.h"
#include "smtp/stranger.h"
#include "store/board.h"
#include "store/calls.h"

#define KNOWN 10000 /* of what was accepted a moment ago */

/* One a process, and never freed: the feed may bring its last word when the
 * rest is gone. */
struct access {
	const struct role_start *start;
	struct arena arena;
	struct calls *calls;
	struct imap_server *imap;
	struct board *board;
	struct pop3_server *pop3;
	struct smtp_server smtp;
	struct service *imap_service, *pop3_service, *smtp_service;
	pthread_mutex_t feeding; /* of fed_service */
	struct service *fed_service;
};

static struct access the_access = { .feeding = PTHREAD_MUTEX_INITIALIZER };

static const struct front_protocol imap_protocols[] = {
	{ "imap", &imap_session_class },
	{ "imaps", &imap_session_class },
};
static const struct front_protocol pop3_protocols[] = {
	{ "pop3", &pop3_session_class },
	{ "pop3s", &pop3_session_class },
};
static const struct front_protocol smtp_protocols[] = {
	{ "submission", &smtp_submission_class },
	{ "submissions", &smtp_submission_class },
};

static enum status
access_prepare(const struct role_start *start, void **context, struct failure *f)
{
	struct access *x = &the_access;

	(void)f;
	tls_prepare();
	x->start = start;
	*context = x;
	return STATUS_OK;
}

/* Serves nothing of its own. */
static enum status
access_serve(void *context, struct call_server_config *config, struct failure *f)
{
	(void)context;
	(void)config;
	(void)f;
	return STATUS_OK;
}

/* By who reads the link: wakes the sessions, which ask for themselves. */
static void
fed(void *arg, enum status s, const void *reply)
{
	const struct store_feed_reply *r = reply;
	struct access *x = arg;

	pthread_mutex_lock(&x->feeding);
	if (s == STATUS_OK && r != NULL && x->fed_service != NULL)
		service_publish(x->fed_service, r->account);
	else if (s != STATUS_OK && x->fed_service != NULL)
		LOG_WARN("access.feed-lost", FIELD_STATUS(s));
	pthread_mutex_unlock(&x->feeding);
}

static void
set_fed(struct access *x, struct service *v)
{
	pthread_mutex_lock(&x->feeding);
	x->fed_service = v;
	pthread_mutex_unlock(&x->feeding);
}

static void
open_feed(struct access *x)
{
	enum status s =
	    call_stream(x->calls, &store_feed_call, &(struct store_feed_request){ 0 }, fed, x);

	if (s != STATUS_OK)
		LOG_ALARM("access.no-feed", FIELD_STATUS(s));
}

static struct service_config
service_defaults(void *context, enum setting idle)
{
	return (struct service_config){
		.workers_min = 4,
		.workers_max = 2000,
		.sessions_max = 200000,
		.per_address_max = (unsigned)setting(SET_ACCESS_SESSIONS_PER_ADDRESS),
		.idle = setting(idle),
		.context = context,
	};
}

static enum status
access_begin(void *context, struct calls *calls, struct failure *f)
{
	struct access *x = context;
	struct service_config config;
	enum status s = front_settings(calls, f);

	if (s != STATUS_OK)
		return s;
	x->calls = calls;
	x->imap = imap_server_new(calls, x->start->hostname);
	x->board = board_read(x->start->board);
	if (x->start->board >= 0)
		(void)close(x->start->board);
	imap_server_board(x->imap, x->board);
	x->pop3 = pop3_server_new(calls, x->start->hostname);
	x->smtp = (struct smtp_server){
		.calls = calls, .hostname = x->start->hostname, .known = smtp_known_new(KNOWN)
	};
	auth_offer_init(&x->smtp.offer);
	(void)smtp_stranger_try(&x->smtp, &smtp_submission_class);
	x->smtp.telling = limits_new(SMTP_TELLING_CLIENTS);
	config = service_defaults(x->imap, SET_IMAP_IDLE_TIMEOUT);
	s = front_start(x->start, calls, imap_protocols, ARRAY_LEN(imap_protocols), &x->arena,
	    &config, &x->imap_service, f);
	if (s != STATUS_OK)
		return s;
	set_fed(x, x->imap_service);
	open_feed(x);
	smtp_known_follow(x->smtp.known, x->calls);
	config = service_defaults(x->pop3, SET_POP3_IDLE_TIMEOUT);
	s = front_start(x->start, calls, pop3_protocols, ARRAY_LEN(pop3_protocols), &x->arena,
	    &config, &x->pop3_service, f);
	if (s != STATUS_OK)
		return s;
	config = service_defaults(&x->smtp, SET_SMTP_COMMAND_TIMEOUT);
	return front_start(x->start, calls, smtp_protocols, ARRAY_LEN(smtp_protocols), &x->arena,
	    &config, &x->smtp_service, f);
}

static void
access_certificates(void *context, const struct role_certificate *at, uint32_t count)
{
	struct access *x = context;

	(void)at;
	(void)count;
	if (x->imap_service != NULL)
		front_tls_again(x->calls, x->imap_service);
	if (x->pop3_service != NULL)
		front_tls_again(x->calls, x->pop3_service);
	if (x->smtp_service != NULL)
		front_tls_again(x->calls, x->smtp_service);
}

/* A new store knows no feed, no watched account and no lock of a maildrop; and what happened while
 * it was away, every session must look up for itself. */
static void
access_relinked(void *context, enum role peer)
{
	struct access *x = context;

	if (peer != ROLE_STORE || x->imap_service == NULL)
		return;
	pop3_server_relinked(x->pop3);
	open_feed(x);
	smtp_known_follow(x->smtp.known, x->calls);
	imap_server_relinked(x->imap);
	service_publish_all(x->imap_service);
	if (x->pop3_service != NULL)
		service_publish_all(x->pop3_service);
}

static void
access_stop(void *context, int64_t deadline)
{
	struct access *x = context;

	if (x->smtp_service != NULL)
		service_stop(x->smtp_service, deadline);
	if (x->pop3_service != NULL)
		service_stop(x->pop3_service, deadline);
	if (x->imap_service != NULL)
		service_stop(x->imap_service, deadline);
	set_fed(x, NULL);
	if (x->smtp_service != NULL) {
		service_free(x->smtp_service);
		auth_offer_done(&x->smtp.offer);
		limits_free(x->smtp.telling);
	}
	if (x->pop3_service != NULL)
		service_free(x->pop3_service);
	if (x->imap_service != NULL)
		service_free(x->imap_service);
	if (x->pop3 != NULL)
		pop3_server_free(x->pop3);
	if (x->imap != NULL)
		imap_server_free(x->imap);
	board_close(x->board);
	arena_done(&x->arena);
}

const struct role_ops role_access_ops = {
	.role = ROLE_ACCESS,
	.prepare = access_prepare,
	.serve = access_serve,
	.begin = access_begin,
	.certificates = access_certificates,
	.relinked = access_relinked,
	.stop = access_stop,
};
