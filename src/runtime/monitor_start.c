/* SPDX-License-Identifier: ISC */
/*
 * Starting a role: a new process of the same binary with one descriptor, and
 * the START message with what the table below grants to the role. Between
 * fork and exec only what is safe there is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/monitor_parts.h"

enum grant {
	GRANT_DIR = 1, /* the data folder and the engine's name */
	GRANT_CERTIFICATES = 2,
	GRANT_TOKEN = 4,
	GRANT_VERIFIER = 8,
	GRANT_PROXY_PEERS = 16,
	GRANT_NOTES = 32,
	GRANT_NETWORK = 64, /* what is trusted out there, and whom to ask */
	GRANT_WORLD = 128,  /* what is trusted out there, and where we are ourselves */
	GRANT_BOARD = 256,  /* to write on, */
	GRANT_BOARD_READ = 512,
};

/* All that is ever handed to a role, besides its name, host and listeners. */
static const unsigned grants[ROLE_COUNT] = {
	[ROLE_STORE] = GRANT_DIR | GRANT_TOKEN | GRANT_BOARD,
	[ROLE_AUTH] = GRANT_CERTIFICATES | GRANT_TOKEN | GRANT_VERIFIER,
	[ROLE_LOOKUP] = GRANT_NETWORK,
	[ROLE_INTAKE] = GRANT_NOTES,
	[ROLE_MX] = GRANT_PROXY_PEERS,
	[ROLE_ACCESS] = GRANT_PROXY_PEERS | GRANT_BOARD_READ,
	[ROLE_WEB] = GRANT_PROXY_PEERS,
	[ROLE_OUTBOUND] = GRANT_WORLD,
};

/* What the C library is told for a role's sake, where the operator tells it
 * nothing. The store touches a hundred megabytes, which are tables in memory and
 * cached blocks: one heap in huge pages takes fewer faults, and less memory than
 * a heap for each thread. */
#define TUNABLES "GLIBC_TUNABLES"
static const char *const tunables[ROLE_COUNT] = {
	[ROLE_STORE] = TUNABLES "=glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1",
};

bool
monitor_grants_secret(enum role r, enum secret s)
{
	static const enum grant needed[SECRET_COUNT] = {
		[SECRET_TOKEN] = GRANT_TOKEN,
		[SECRET_VERIFIER] = GRANT_VERIFIER,
	};

	return (grants[r] & needed[s]) != 0;
}

/* ---- START ---- */

static unsigned
add_listeners(const struct monitor *m, enum role r, struct arena *a, struct control_START *s,
    int fds[CONTROL_FDS_MAX])
{
	const struct monitor_config *c = m->config;
	unsigned n = 0;

	s->listeners.at = ARENA_ARRAY(a, struct text, c->listener_count + 1);
	s->listener_tls.at = ARENA_ARRAY(a, uint64_t, c->listener_count + 1);
	s->listener_flags.at = ARENA_ARRAY(a, uint64_t, c->listener_count + 1);
	s->listener_ports.at = ARENA_ARRAY(a, uint64_t, c->listener_count + 1);
	for (uint32_t i = 0; i < c->listener_count && n < CONTROL_FDS_MAX - 3; i++) {
		const struct role_listener *l = &c->listeners[i];

		if (c->listener_role[i] != r)
			continue;
		s->listeners.at[n] = l->name;
		s->listener_tls.at[n] = l->tls;
		s->listener_flags.at[n] =
		    (l->plain_auth ? CONTROL_PLAIN_AUTH : 0u) | (l->proxy ? CONTROL_PROXY : 0u);
		s->listener_ports.at[n] = l->port;
		fds[n++] = l->fd;
	}
	s->listeners.count = s->listener_tls.count = s->listener_flags.count =
	    s->listener_ports.count = n;
	return n;
}

static struct texts
granted_secrets(const struct monitor_config *c, enum role r, struct arena *a)
{
	struct texts t = { ARENA_ARRAY(a, struct text, SECRET_COUNT), SECRET_COUNT };

	for (unsigned i = 0; i < SECRET_COUNT; i++)
		t.at[i] = monitor_grants_secret(r, (enum secret)i) ? c->secret[i] : TEXT_EMPTY;
	return t;
}

static int
board_of(const struct monitor *m, enum role r)
{
	if ((grants[r] & GRANT_BOARD) != 0)
		return m->board;
	return (grants[r] & GRANT_BOARD_READ) != 0 ? m->board_to_read : -1;
}

static enum status
send_start(struct monitor *m, struct child *child)
{
	const struct monitor_config *c = m->config;
	enum role r = child->config->role;
	struct arena a = ARENA_INIT;
	struct buffer certificates = BUFFER_INIT;
	int fds[CONTROL_FDS_MAX];
	unsigned fd_count;
	enum status st;
	struct control_START s = {
		.role = r,
		.instance = child->instance,
		.hostname = c->hostname,
		.dir = (grants[r] & GRANT_DIR) != 0 ? c->dir : TEXT_EMPTY,
		.engine = (grants[r] & GRANT_DIR) != 0 ? c->engine : TEXT_EMPTY,
		.uid = child->config->uid,
		.gid = child->config->gid,
		.sandbox_off = c->sandbox_off,
		.log_format = c->log_format,
		.log_level = c->log_level,
		.threads = child->config->threads,
		.secrets = granted_secrets(c, r, &a),
		.has_notes = (grants[r] & GRANT_NOTES) != 0,
		.has_board = board_of(m, r) >= 0,
	};

	if ((grants[r] & GRANT_NETWORK) != 0) {
		s.resolver = c->resolver;
		s.trust_anchor = c->trust_anchor;
	}
	if ((grants[r] & (GRANT_NETWORK | GRANT_WORLD)) != 0)
		s.ca_file = c->ca_file;
	if ((grants[r] & GRANT_WORLD) != 0) {
		s.own = c->own;
		s.routes = c->routes;
		s.sources = c->sources;
	}
	if ((grants[r] & GRANT_PROXY_PEERS) != 0)
		s.proxy_peers = c->proxy_peers;
	if ((grants[r] & GRANT_CERTIFICATES) != 0)
		control_pack_certificates(&certificates, m->certificates, m->certificate_count);
	s.certificates = PAYLOAD_OF(buffer_text(&certificates));
	fd_count = add_listeners(m, r, &a, &s, fds);
	if (s.has_notes)
		fds[fd_count++] = m->notes;
	if (s.has_board)
		fds[fd_count++] = board_of(m, r);
	st = control_send(child->control, CONTROL_START, &s, fds, fd_count);
	buffer_done_secret(&certificates);
	arena_done(&a);
	return st;
}

/* ---- the process ---- */

/* The monitor's own, with what is told to the role. */
static char **
environment_of(enum role r, struct arena *a)
{
	size_t count = 0;
	char **e;

	while (environ[count] != NULL)
		count++;
	e = ARENA_ARRAY(a, char *, count + 2);
	memcpy(e, environ, count * sizeof(*e));
	if (tunables[r] != NULL && getenv(TUNABLES) == NULL)
		e[count++] = (char *)(uintptr_t)tunables[r];
	e[count] = NULL;
	return e;
}

/* In the child. Everything but standard input, output, error and the control
 * socket is closed, whatever the caller's descriptors are like. */
_Noreturn static void
become(const char *binary, const char *role, char *const *environment, int control, pid_t monitor)
{
	char *const argv[] = { (char *)(uintptr_t) "mailstead", (char *)(uintptr_t) "role",
		(char *)(uintptr_t)role, NULL };
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != monitor)
		_exit(1);
	if (control == CONTROL_FD)
		(void)fcntl(control, F_SETFD, 0);
	else if (dup2(control, CONTROL_FD) < 0)
		_exit(1);
	(void)close_range(CONTROL_FD + 1, ~0u, 0);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execve(binary, argv, environment);
	_exit(127);
}

enum status
child_start(struct monitor *m, struct child *c)
{
	const char *binary = m->config->binary == NULL ? "/proc/self/exe" : m->config->binary;
	const char *word = role_word(c->config->role);
	struct arena a = ARENA_INIT;
	pid_t self = getpid();
	char **environment;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return STATUS_LIMIT;
	environment = environment_of(c->config->role, &a);
	c->pid = fork();
	if (c->pid == 0)
		become(binary, word, environment, ends[1], self);
	arena_done(&a);
	(void)close(ends[1]);
	c->pidfd = c->pid < 0 ? -1 : pidfd_open(c->pid, 0);
	if (c->pidfd < 0) {
		(void)close(ends[0]);
		return STATUS_LIMIT;
	}
	c->control = ends[0];
	c->state = CHILD_STARTED;
	c->stopping = false;
	c->started = clock_mono();
	c->restart_at = 0;
	LOG_INFO("monitor.started", FIELD_STRING("what", word), FIELD_U64("instance", c->instance),
	    FIELD_I64("pid", c->pid));
	if (send_start(m, c) != STATUS_OK)
		child_kill(c);
	return STATUS_OK;
}

void
child_kill(struct child *c)
{
	c->stopping = true;
	if (c->pidfd >= 0)
		(void)pidfd_send_signal(c->pidfd, SIGKILL, NULL, 0);
}

void
child_tell(
    struct child *c, enum control_type type, const void *record, const int *fds, unsigned fd_count)
{
	enum status st = control_send(c->control, type, record, fds, fd_count);

	/* One that has just died is found by its pidfd. */
	if (st == STATUS_OK || st == STATUS_CLOSED)
		return;
	LOG_ALARM("monitor.role_cannot_be_told", FIELD_STRING("what", role_word(c->config->role)),
	    FIELD_U64("instance", c->instance), FIELD_STATUS(st));
	child_kill(c);
}
