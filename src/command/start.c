/* SPDX-License-Identifier: ISC */
/*
 * The monitor's way to its start: users, folder, secrets, certificates,
 * sockets, then runtime/monitor.h takes over. As root every role must have a
 * user of its own.
 */
#include "command/start.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "command/bind.h"
#include "command/command.h"
#include "command/secrets.h"
#include "runtime/monitor.h"

#define PEM_MAX (1u << 20)

/* Which role runs what; listeners by the name of their protocol. */
static const enum role started[] = { ROLE_STORE, ROLE_AUTH, ROLE_LOOKUP, ROLE_INTAKE, ROLE_MX,
	ROLE_ACCESS, ROLE_OUTBOUND };

static const struct {
	const char *protocol;
	enum role role;
} serves[] = {
	{ "smtp", ROLE_MX },
	{ "lmtp", ROLE_MX },
	{ "submission", ROLE_ACCESS },
	{ "submissions", ROLE_ACCESS },
	{ "imap", ROLE_ACCESS },
	{ "imaps", ROLE_ACCESS },
	{ "pop3", ROLE_ACCESS },
	{ "pop3s", ROLE_ACCESS },
};

struct starting {
	const struct config *config;
	struct arena arena;
	struct failure failure;
	struct monitor_config monitor;
	struct monitor_role roles[ARRAY_LEN(started)];
	int (*ready)(void *arg);
	void *arg;
};

/* ---- users ---- */

static enum status
user_of(struct starting *s, const struct config_user *u, uint32_t *uid, uint32_t *gid)
{
	char words[200];
	struct passwd *p;

	if (text_to_u32(u->user, uid) == STATUS_OK && *uid != 0) {
		*gid = *uid;
		return STATUS_OK;
	}
	p = getpwnam(arena_string(&s->arena, u->user));
	if (p == NULL || p->pw_uid == 0) {
		snprintf(words, sizeof(words),
		    "line %u: no user %.*s on this machine (or it is root)", u->line,
		    TEXT_ARG(u->user));
		return fail(&s->failure, STATUS_INVALID, words, "%s", words);
	}
	*uid = p->pw_uid;
	*gid = p->pw_gid;
	return STATUS_OK;
}

/* Two roles of one user could have the kernel's help against each other. */
static enum status
users_differ(struct starting *s)
{
	char words[200];

	for (size_t i = 0; i < ARRAY_LEN(started); i++)
		for (size_t k = 0; k < i; k++) {
			if (s->roles[i].uid == 0 || s->roles[i].uid != s->roles[k].uid)
				continue;
			snprintf(words, sizeof(words),
			    "users: roles %s and %s have the same user; each must have its own",
			    role_word(started[k]), role_word(started[i]));
			return fail(&s->failure, STATUS_INVALID, words, "%s", words);
		}
	return STATUS_OK;
}

static enum status
choose_users(struct starting *s)
{
	const struct config *c = s->config;
	enum status status = STATUS_OK;
	char words[200];

	for (uint32_t i = 0; i < c->user_count && status == STATUS_OK && geteuid() == 0; i++)
		for (size_t k = 0; k < ARRAY_LEN(started); k++)
			if (text_equal(c->users[i].role, text_of(role_word(started[k]))))
				status =
				    user_of(s, &c->users[i], &s->roles[k].uid, &s->roles[k].gid);
	for (size_t k = 0; k < ARRAY_LEN(started) && status == STATUS_OK; k++)
		if (geteuid() == 0 && s->roles[k].uid == 0 && c->path.len > 0) {
			snprintf(words, sizeof(words),
			    "users: role %s has no user, and must not run as root",
			    role_word(started[k]));
			return fail(&s->failure, STATUS_INVALID, words, "%s", words);
		}
	return status == STATUS_OK ? users_differ(s) : status;
}

static void
choose_roles(struct starting *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	for (size_t k = 0; k < ARRAY_LEN(started); k++) {
		s->roles[k] = (struct monitor_role){ .role = started[k], .instances = 1 };
		if (started[k] == ROLE_INTAKE)
			s->roles[k].instances = s->config->intakes > 0 ? s->config->intakes
						: cores > 1	       ? (uint32_t)cores / 2
								       : 1;
	}
	s->monitor.roles = s->roles;
	s->monitor.role_count = ARRAY_LEN(started);
}

/* ---- certificates ---- */

static enum status
read_certificates(void *arg, struct arena *a, const struct role_certificate **at, uint32_t *count,
    struct failure *f)
{
	struct starting *s = arg;
	const struct config *c = s->config;
	struct role_certificate *list = ARENA_ARRAY(a, struct role_certificate, c->tls_count + 1);
	enum status status = STATUS_OK;

	for (uint32_t i = 0; i < c->tls_count && status == STATUS_OK; i++) {
		status = file_read(
		    arena_string(a, c->tls[i].certificate), PEM_MAX, a, &list[i].chain, f);
		if (status == STATUS_OK)
			status =
			    file_read(arena_string(a, c->tls[i].key), PEM_MAX, a, &list[i].key, f);
	}
	if (status == STATUS_OK) {
		*at = list;
		*count = c->tls_count;
	}
	return status;
}

/* ---- sockets ---- */

static enum status
bind_listeners(struct starting *s)
{
	struct role_listener *listeners;
	enum role *roles;
	struct bound *bound;
	uint32_t count;
	enum status status = bind_all(s->config, &s->arena, &bound, &count, &s->failure);

	if (status != STATUS_OK)
		return status;
	listeners = ARENA_ARRAY(&s->arena, struct role_listener, count);
	roles = ARENA_ARRAY(&s->arena, enum role, count);
	for (uint32_t i = 0; i < count; i++) {
		const struct config_listener *l = bound[i].listener;

		listeners[i] = (struct role_listener){
			.name = l->name,
			.tls = l->tls,
			.plain_auth = l->plain_auth,
			.proxy = l->proxy,
			.fd = bound[i].fd,
			.port = l->port,
		};
		for (size_t k = 0; k < ARRAY_LEN(serves); k++)
			if (text_equal(l->name, text_of(serves[k].protocol)))
				roles[i] = serves[k].role;
	}
	s->monitor.listeners = listeners;
	s->monitor.listener_role = roles;
	s->monitor.listener_count = count;
	return STATUS_OK;
}

/* Where the site takes mail itself: "192.0.2.1:25". */
static struct texts
own_places(struct starting *s)
{
	const struct config *c = s->config;
	struct texts t = { .count = 0 };
	uint32_t room = 0;

	for (uint32_t i = 0; i < c->listener_count; i++)
		room += c->listeners[i].address_count;
	t.at = ARENA_ARRAY(&s->arena, struct text, room + 1);
	for (uint32_t i = 0; i < c->listener_count; i++) {
		const struct config_listener *l = &c->listeners[i];

		for (uint32_t k = 0; k < l->address_count && text_equal(l->name, TEXT("smtp")); k++)
			t.at[t.count++] = arena_printf(&s->arena,
			    text_find_byte(l->addresses[k], ':', 0) < l->addresses[k].len
				? "[%.*s]:%u"
				: "%.*s:%u",
			    TEXT_ARG(l->addresses[k]), (unsigned)l->port);
	}
	return t;
}

/* As struct role_start has them. */
static struct texts
routes(struct starting *s)
{
	const struct config *c = s->config;
	struct texts t = { .count = 0 };

	t.at = ARENA_ARRAY(&s->arena, struct text, (size_t)c->route_count * ROLE_ROUTE_FIELDS + 1);
	for (uint32_t i = 0; i < c->route_count; i++) {
		const struct config_route *r = &c->routes[i];
		const struct text fields[ROLE_ROUTE_FIELDS] = { r->domain, r->host,
			arena_printf(&s->arena, "%u", r->port), r->tls, r->protocol, r->user,
			r->password };

		memcpy(&t.at[t.count], fields, sizeof(fields));
		t.count += ROLE_ROUTE_FIELDS;
	}
	return t;
}

/* ---- the start ---- */

static int
is_ready(void *arg)
{
	struct starting *s = arg;

	return s->ready != NULL ? s->ready(s->arg) : -1;
}

static enum status
prepare(struct starting *s)
{
	const struct config *c = s->config;
	const char *dir = arena_string(&s->arena, c->dir);
	struct monitor_config *m = &s->monitor;
	struct failure *f = &s->failure;
	enum status status;

	choose_roles(s);
	status = choose_users(s);
	if (status == STATUS_OK)
		status = folder_prepare(dir, s->roles[0].uid, s->roles[0].gid, f);
	if (status == STATUS_OK)
		status = secret_load(dir, "token.key", &s->arena, &m->secret[SECRET_TOKEN], f);
	if (status == STATUS_OK)
		status =
		    secret_load(dir, "verifier.key", &s->arena, &m->secret[SECRET_VERIFIER], f);
	if (status == STATUS_OK)
		status =
		    read_certificates(s, &s->arena, &m->certificates, &m->certificate_count, f);
	if (status == STATUS_OK)
		status = bind_listeners(s);
	m->hostname = c->hostname;
	m->dir = c->dir;
	m->engine = c->engine;
	m->resolver = c->resolver;
	m->trust_anchor = c->trust_anchor;
	m->ca_file = c->ca_file;
	m->own = own_places(s);
	m->routes = routes(s);
	m->sources = (struct texts){ c->sources, c->source_count };
	m->proxy_peers = (struct texts){ c->proxy_peers, c->proxy_peer_count };
	m->log_format =
	    text_equal(c->log_format, TEXT("json")) ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT;
	m->log_level = LOG_LEVEL_INFO;
	m->reload = read_certificates;
	m->ready = is_ready;
	m->arg = s;
	return status;
}

int
start_instance(const struct config *c, int (*ready)(void *arg), void *arg)
{
	struct starting s = { .config = c, .ready = ready, .arg = arg };
	int code;

	log_set_role("monitor");
	if (prepare(&s) != STATUS_OK)
		code = refused("%s", s.failure.client);
	else
		code = monitor_run(&s.monitor);
	for (int i = 0; i < SECRET_COUNT; i++)
		secret_wipe((void *)(uintptr_t)s.monitor.secret[i].ptr, s.monitor.secret[i].len);
	arena_done(&s.arena);
	return code;
}
