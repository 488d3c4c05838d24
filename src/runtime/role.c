/* SPDX-License-Identifier: ISC */
/*
 * A role's process. The main thread goes through the steps of its life and
 * runs what the monitor asks for, one thing after the other; a control thread
 * reads descriptor 3 all the time, so that links arrive also while begin or
 * certificates wait for a call. Order: prepare, sandbox, serve, READY, links,
 * begin, requests, STOP, stop.
 */
#include "runtime/role.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/call_links.h"
#include "runtime/control.h"
#include "runtime/sandbox.h"
#include "runtime/thread.h"

/* For peers that start at the same time: a store may have to replay its log. */
#define BEGIN_PATIENCE (10 * CLOCK_MINUTE)

/* What the main thread is to do. */
struct order {
	struct list node;
	enum { ORDER_CERTIFICATES, ORDER_RELINKED, ORDER_STOP } what;
	struct control_message message; /* not of ORDER_RELINKED */
	enum role peer;
};

struct role_process {
	const struct role_ops *ops;
	struct role_start start;
	struct control_message start_message; /* start points into it */
	struct sandbox_config sandbox;
	void *context;
	struct call_server_config server;
	struct calls *calls;
	_Atomic unsigned lost_roles; /* enum role_bit */
	pthread_t control;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list orders;
};

/* ---- START ---- */

static void
read_listeners(struct role_start *s, const struct control_START *m, int *fds, struct arena *a)
{
	s->listener_count = m->listeners.count;
	s->listeners = ARENA_ARRAY(a, struct role_listener, s->listener_count);
	for (uint32_t i = 0; i < s->listener_count; i++) {
		s->listeners[i] = (struct role_listener){
			.name = m->listeners.at[i],
			.tls = (enum listener_tls)m->listener_tls.at[i],
			.plain_auth = (m->listener_flags.at[i] & CONTROL_PLAIN_AUTH) != 0,
			.proxy = (m->listener_flags.at[i] & CONTROL_PROXY) != 0,
			.fd = fds[i],
			.port = (uint16_t)m->listener_ports.at[i],
		};
		fds[i] = -1;
	}
}

static enum status
read_start(struct role_process *p)
{
	struct control_message *cm = &p->start_message;
	const struct control_START *m;
	struct role_start *s = &p->start;
	enum status st = control_receive(CONTROL_FD, cm);

	if (st != STATUS_OK || cm->type != CONTROL_START)
		return STATUS_INVALID;
	m = cm->record;
	if (m->role != p->ops->role || m->secrets.count != SECRET_COUNT || m->has_notes > 1 ||
	    m->has_board > 1 || m->listeners.count + m->has_notes + m->has_board != cm->fd_count ||
	    m->listener_tls.count != m->listeners.count ||
	    m->listener_flags.count != m->listeners.count ||
	    m->listener_ports.count != m->listeners.count)
		return STATUS_INVALID;
	*s = (struct role_start){
		.role = p->ops->role,
		.instance = (uint32_t)m->instance,
		.hostname = m->hostname,
		.dir = m->dir,
		.engine = m->engine,
		.resolver = m->resolver,
		.trust_anchor = m->trust_anchor,
		.ca_file = m->ca_file,
		.own = m->own,
		.routes = m->routes,
		.sources = m->sources,
		.uid = (uint32_t)m->uid,
		.gid = (uint32_t)m->gid,
		.sandbox_off = m->sandbox_off != 0,
		.log_format = (uint32_t)m->log_format,
		.log_level = (uint32_t)m->log_level,
		.threads = (uint32_t)m->threads,
		.proxy_peers = m->proxy_peers,
		.notes = -1,
		.board = -1,
	};
	for (unsigned i = 0; i < SECRET_COUNT; i++)
		s->secret[i] = m->secrets.at[i];
	read_listeners(s, m, cm->fds, &cm->arena);
	if (m->has_notes) {
		s->notes = cm->fds[s->listener_count];
		cm->fds[s->listener_count] = -1;
	}
	if (m->has_board) {
		s->board = cm->fds[s->listener_count + m->has_notes];
		cm->fds[s->listener_count + m->has_notes] = -1;
	}
	return control_unpack_certificates(
	    m->certificates.bytes, &cm->arena, &s->certificates, &s->certificate_count);
}

/* ---- the control thread ---- */

static void
give_order(struct role_process *p, const struct order *order)
{
	struct order *o = MEM_NEW(struct order);

	*o = *order;
	pthread_mutex_lock(&p->lock);
	list_add_last(&p->orders, &o->node);
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
}

static struct order *
await_order(struct role_process *p)
{
	struct list *node;

	pthread_mutex_lock(&p->lock);
	while ((node = list_take_first(&p->orders)) == NULL)
		pthread_cond_wait(&p->changed, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return LIST_OWNER(node, struct order, node);
}

static void
order_done(struct order *o)
{
	control_done(&o->message);
	mem_free(o);
}

static void
tell(enum control_type type, const void *record)
{
	enum status st = control_send(CONTROL_FD, type, record, NULL, 0);

	if (st != STATUS_OK)
		LOG_WARN("role.monitor_does_not_listen", FIELD_STATUS(st));
}

static void
on_link(struct role_process *p, struct control_message *m)
{
	const struct control_LINK *link = m->record;
	enum role peer = (enum role)link->role;
	unsigned bit = 1u << peer;
	enum status st;

	if (m->fd_count != 1 || link->role >= ROLE_COUNT) {
		LOG_WARN("role.bad_link");
		return;
	}
	st = calls_link_tagged(p->calls, m->fds[0], peer, (unsigned)link->instance, link->number);
	m->fds[0] = -1;
	if (st != STATUS_OK) {
		LOG_ALARM(
		    "role.link_failed", FIELD_STRING("peer", role_word(peer)), FIELD_STATUS(st));
		return;
	}
	if ((atomic_fetch_and(&p->lost_roles, ~bit) & bit) != 0 && p->ops->relinked != NULL)
		give_order(p, &(struct order){ .what = ORDER_RELINKED, .peer = peer });
}

/* The monitor is gone, and with it everybody's keeper: so are we. */
_Noreturn static void
monitor_gone(void)
{
	LOG_WARN("role.monitor_gone");
	_exit(1);
}

static void *
control_main(void *arg)
{
	struct role_process *p = arg;
	struct control_message m;
	enum control_type type;

	do {
		enum status st = control_receive(CONTROL_FD, &m);

		if (st != STATUS_OK)
			monitor_gone();
		type = m.type;
		if (type == CONTROL_CERTIFICATES || type == CONTROL_STOP) {
			give_order(
			    p, &(struct order){
				   .what = type == CONTROL_STOP ? ORDER_STOP : ORDER_CERTIFICATES,
				   .message = m });
			continue;
		}
		if (type == CONTROL_LINK)
			on_link(p, &m);
		control_done(&m);
	} while (type != CONTROL_STOP);
	return NULL;
}

/* On the reader's thread of a link. */
static void
on_lost(void *arg, enum role peer, uint64_t number)
{
	struct role_process *p = arg;
	const struct control_LOST m = { .number = number };

	if (peer == ROLE_ADMIN)
		return;
	atomic_fetch_or(&p->lost_roles, 1u << peer);
	tell(CONTROL_LOST, &m);
}

/* ---- the steps ---- */

static int
give_up(const struct role_process *p, const char *step, const struct failure *f)
{
	const struct control_FAILED m = { .words = text_of(f->log) };

	LOG_ALARM("role.cannot_start", FIELD_STRING("step", step), FIELD_STRING("reason", f->log));
	tell(CONTROL_FAILED, &m);
	return 1;
}

/* Signals are the monitor's business: a terminal or a service manager sends
 * them to everybody, and the monitor then stops us in order. */
static void
leave_signals(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
}

static void
set_up(struct role_process *p)
{
	const struct role_start *s = &p->start;

	leave_signals();
	(void)prctl(PR_SET_NAME, "mailstead"); /* not "exe", as it was executed */
	log_set_role(role_word(s->role));
	log_set_format((enum log_format)s->log_format);
	log_set_level((enum log_level)s->log_level);
	p->sandbox = (struct sandbox_config){
		.role = s->role, .uid = s->uid, .gid = s->gid, .off = s->sandbox_off
	};
	if (s->dir.len > 0)
		p->sandbox.writable = arena_string(&p->start_message.arena, s->dir);
#ifdef MAILSTEAD_SANITIZED
	p->sandbox.off = true;
#endif
	runtime_calls_prepare();
}

static enum status
confine(struct role_process *p, struct failure *f)
{
	unsigned active = 0;
	char words[128];
	enum status st = sandbox_enter(&p->sandbox, &active, f);

	if (st != STATUS_OK)
		return st;
	sandbox_words(active, words, sizeof(words));
	LOG_INFO("role.confined", FIELD_U64("instance", p->start.instance),
	    FIELD_STRING("protections", words));
	return STATUS_OK;
}

static enum status
make_calls(struct role_process *p, struct failure *f)
{
	struct calls_config config = {
		.self = p->start.role,
		.instance = p->start.instance,
		.server = &p->server,
		.lost = on_lost,
		.arg = p,
	};
	enum status st = p->ops->serve(p->context, &p->server, f);

	if (st != STATUS_OK)
		return st;
	if (p->start.threads != 0)
		p->server.threads = p->start.threads;
	p->calls = calls_new(&config);
	return thread_start("control", 0, control_main, p, &p->control);
}

/* The steps up to the first request; the name of the one that failed, or NULL. */
static const char *
start(struct role_process *p, struct failure *f)
{
	if (p->ops->prepare(&p->start, &p->context, f) != STATUS_OK)
		return "prepare";
	if (confine(p, f) != STATUS_OK)
		return "sandbox";
	if (make_calls(p, f) != STATUS_OK)
		return "serve";
	tell(CONTROL_READY, &(struct control_READY){ 0 });
	calls_be_patient(p->calls, BEGIN_PATIENCE);
	if (p->ops->begin(p->context, p->calls, f) != STATUS_OK)
		return "begin";
	calls_be_patient(p->calls, 0);
	calls_open(p->calls);
	tell(CONTROL_SERVING, &(struct control_SERVING){ 0 });
	LOG_INFO("role.serving", FIELD_U64("instance", p->start.instance));
	return NULL;
}

/* Does what the monitor asks for until it is to stop; gives the deadline. */
static int64_t
work(struct role_process *p)
{
	int64_t deadline = 0;

	while (deadline == 0) {
		struct order *o = await_order(p);
		const struct control_CERTIFICATES *m = o->message.record;
		struct role_certificate *list;
		uint32_t count;

		if (o->what == ORDER_STOP) {
			const struct control_STOP *stop = o->message.record;

			deadline = clock_mono() + (int64_t)stop->within;
		} else if (o->what == ORDER_RELINKED) {
			p->ops->relinked(p->context, o->peer);
		} else if (p->ops->certificates != NULL &&
			   control_unpack_certificates(m->certificates.bytes, &o->message.arena,
			       &list, &count) == STATUS_OK) {
			p->ops->certificates(p->context, list, count);
			tell(CONTROL_TAKEN, &(struct control_TAKEN){ 0 });
		}
		order_done(o);
	}
	return deadline;
}

static void
finish(struct role_process *p, int64_t deadline)
{
	struct list *node;

	LOG_INFO("role.stopping");
	calls_quiesce(p->calls, deadline);
	if (p->ops->stop != NULL)
		p->ops->stop(p->context, deadline);
	(void)pthread_join(p->control, NULL); /* ended with STOP */
	while ((node = list_take_first(&p->orders)) != NULL)
		order_done(LIST_OWNER(node, struct order, node));
	calls_free(p->calls);
	LOG_INFO("role.stopped");
}

int
role_run(const struct role_ops *ops)
{
	static struct role_process process;
	struct role_process *p = &process;
	struct failure f = { .log = "no reason given" };
	const char *step;

	p->ops = ops;
	list_init(&p->orders);
	CHECK(pthread_mutex_init(&p->lock, NULL) == 0);
	CHECK(pthread_cond_init(&p->changed, NULL) == 0);
	if (read_start(p) != STATUS_OK) {
		LOG_WARN(
		    "role.no_start", FIELD_STRING("reason", "a role is started by the monitor"));
		return 2;
	}
	set_up(p);
	step = start(p, &f);
	if (step != NULL)
		return give_up(p, step, &f);
	finish(p, work(p));
	return 0;
}
