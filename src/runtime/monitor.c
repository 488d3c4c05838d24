/* SPDX-License-Identifier: ISC */
/*
 * The monitor's loop: signals, operators, children that speak and children
 * that end, and times at which something is to be done again. Stopping goes in
 * stages, those first who take work from outside, the store last.
 */
#include "runtime/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/monitor_parts.h"

#define BACK_OFF_LEAST (100 * CLOCK_MS)
#define BACK_OFF_MOST (30 * CLOCK_SECOND)
/* One that had come so far as to serve was ended by what somebody sent, and
 * its others shall not be without it for long. */
#define BACK_OFF_SERVED (2 * CLOCK_SECOND)
#define OPERATORS_WAIT CLOCK_SECOND
#define NOTES_SIZE 4096

/* A role may work until the deadline that it was told; then it needs a while to
 * end, longer on a busy machine. */
#define STAGE_GRACE (8 * CLOCK_SECOND)
/* Stages of stopping and how long each may go on with what is under way; ten
 * seconds in all. */
static const struct {
	unsigned roles;
	int64_t within;
} stages[] = {
	{ 0, 0 },
	{ BY_MX | BY_ACCESS | BY_WEB | BY_OUTBOUND, 5 * CLOCK_SECOND },
	{ BY_INTAKE | BY_SCAN, 2 * CLOCK_SECOND },
	{ BY_AUTH | BY_LOOKUP, 1 * CLOCK_SECOND },
	{ BY_STORE, 2 * CLOCK_SECOND },
};
#define STAGE_LAST ((int)ARRAY_LEN(stages) - 1)

int64_t
monitor_back_off(int64_t last, int64_t lifetime, bool served)
{
	int64_t most = served ? BACK_OFF_SERVED : BACK_OFF_MOST;

	if (last == 0 || lifetime >= CLOCK_MINUTE)
		return BACK_OFF_LEAST;
	return last > most / 2 ? most : last * 2;
}

/* ---- stopping ---- */

static bool
in_stage(const struct monitor *m, const struct child *c)
{
	return (stages[m->stage].roles & (1u << c->config->role)) != 0;
}

/* Tells those of the next stage that has any left to stop. */
static void
next_stage(struct monitor *m, int64_t now)
{
	unsigned left = 0;

	while (left == 0 && m->stage < STAGE_LAST) {
		const struct control_STOP stop = { .within = (uint64_t)stages[++m->stage].within };

		m->stage_ends = now + stages[m->stage].within + STAGE_GRACE;
		for (unsigned i = 0; i < m->count; i++) {
			struct child *c = &m->children[i];

			if (!in_stage(m, c))
				continue;
			c->restart_at = 0;
			if (c->state == CHILD_DOWN)
				continue;
			left++;
			if (c->state == CHILD_SERVING)
				child_tell(c, CONTROL_STOP, &stop, NULL, 0);
			else
				child_kill(c); /* has nothing to finish */
			c->stopping = true;
		}
	}
	if (left == 0)
		m->stage++; /* beyond the last: all are down */
}

static void
begin_stop(struct monitor *m, int64_t now)
{
	if (m->stage != 0) {
		for (unsigned i = 0; i < m->count; i++)
			child_kill(&m->children[i]);
		m->killed = true;
		return;
	}
	LOG_INFO("monitor.stopping");
	next_stage(m, now);
}

static void
check_stage(struct monitor *m, int64_t now)
{
	bool left = false;

	if (m->stage == 0 || m->stage > STAGE_LAST)
		return;
	for (unsigned i = 0; i < m->count; i++) {
		struct child *c = &m->children[i];

		if (!in_stage(m, c) || c->state == CHILD_DOWN)
			continue;
		left = true;
		if (now < m->stage_ends)
			continue;
		LOG_WARN("monitor.did_not_stop", FIELD_STRING("what", role_word(c->config->role)),
		    FIELD_U64("instance", c->instance));
		child_kill(c);
		m->killed = true;
	}
	if (now >= m->stage_ends)
		m->stage_ends = INT64_MAX; /* said once */
	if (!left)
		next_stage(m, now);
}

/* ---- children ---- */

static void
start_failed(struct monitor *m, const struct child *c, struct text words)
{
	if (!m->failed)
		(void)fprintf(stderr, "mailstead: role %s cannot start: %.*s\n",
		    role_word(c->config->role), TEXT_ARG(words));
	m->failed = true;
}

static void
check_ready(struct monitor *m)
{
	for (unsigned i = 0; i < m->count; i++)
		if (m->children[i].state != CHILD_SERVING)
			return;
	if (m->was_ready || m->stage != 0)
		return;
	m->was_ready = true;
	LOG_INFO("monitor.ready");
	if (m->config->ready != NULL)
		m->helper = m->config->ready(m->config->arg);
}

/* Auth has them: now the fronts may ask for them. */
static void
tell_fronts(struct monitor *m)
{
	const struct control_CERTIFICATES ask = { .certificates = PAYLOAD_OF(TEXT_EMPTY) };

	for (unsigned i = 0; i < m->count; i++) {
		struct child *c = &m->children[i];
		unsigned bit = 1u << c->config->role;

		if (c->state == CHILD_SERVING && (bit & (BY_MX | BY_ACCESS | BY_WEB)) != 0)
			child_tell(c, CONTROL_CERTIFICATES, &ask, NULL, 0);
	}
}

static void
handle_message(struct monitor *m, struct child *c, const struct control_message *cm)
{
	const struct control_FAILED *failed = cm->record;

	switch (cm->type) {
	case CONTROL_READY:
		if (c->state == CHILD_STARTED)
			c->state = CHILD_READY;
		break;
	case CONTROL_SERVING:
		if (c->state == CHILD_READY)
			c->state = CHILD_SERVING;
		check_ready(m);
		break;
	case CONTROL_TAKEN:
		if (c->config->role == ROLE_AUTH)
			tell_fronts(m);
		break;
	case CONTROL_LOST:
		monitor_link_lost(m, c, cm->record, clock_mono());
		break;
	case CONTROL_FAILED:
		if (!m->was_ready)
			start_failed(m, c, failed->words);
		break;
	default:
		LOG_WARN("monitor.unexpected", FIELD_U64("type", cm->type));
	}
}

static void
read_control(struct monitor *m, struct child *c)
{
	struct control_message cm;
	enum status st = control_receive(c->control, &cm);

	if (st == STATUS_OK) {
		handle_message(m, c, &cm);
		control_done(&cm);
		return;
	}
	/* It ends (pidfd will say so), or says what no role of ours says. */
	(void)close(c->control);
	c->control = -1;
	if (st == STATUS_INVALID) {
		LOG_ALARM(
		    "monitor.not_our_words", FIELD_STRING("what", role_word(c->config->role)));
		child_kill(c);
	}
}

static void
say_how_it_ended(const struct monitor *m, const struct child *c, const siginfo_t *how)
{
	bool by_signal = how->si_code != CLD_EXITED;
	struct log_field fields[] = {
		FIELD_STRING("what", role_word(c->config->role)),
		FIELD_U64("instance", c->instance),
		FIELD_I64("pid", c->pid),
		FIELD_I64(by_signal ? "signal" : "exit", how->si_status),
		FIELD_I64("restart_ms", c->restart_at == 0 ? -1 : c->back_off / CLOCK_MS),
	};

	/* An end that nobody asked for is for a person to look at. */
	if (c->stopping && !by_signal && how->si_status == 0)
		log_event(LOG_LEVEL_INFO, "monitor.ended", fields, ARRAY_LEN(fields));
	else if (m->stage != 0)
		log_event(LOG_LEVEL_WARN, "monitor.ended", fields, ARRAY_LEN(fields));
	else
		log_event(LOG_LEVEL_ALARM, "monitor.role_died", fields, ARRAY_LEN(fields));
}

static void
child_ended(struct monitor *m, struct child *c, int64_t now)
{
	siginfo_t how = { .si_status = 0 };
	bool last_words = c->control >= 0, served;

	/* What it said before it went, so that its reason is not lost. */
	while (last_words && c->control >= 0) {
		struct pollfd p = { c->control, POLLIN, 0 };

		last_words = poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0;
		if (last_words)
			read_control(m, c);
	}
	(void)waitid(P_PIDFD, (id_t)c->pidfd, &how, WEXITED);
	(void)close(c->pidfd);
	if (c->control >= 0)
		(void)close(c->control);
	c->pidfd = c->control = -1;
	served = c->state == CHILD_SERVING;
	c->state = CHILD_DOWN;
	monitor_unlink(m, c);
	if (!m->was_ready && m->stage == 0)
		start_failed(m, c, TEXT("it ended while it started; see the log"));
	if (m->stage == 0 && !m->failed) {
		c->back_off = monitor_back_off(c->back_off, now - c->started, served);
		c->restart_at = now + c->back_off;
	}
	say_how_it_ended(m, c, &how);
}

static void
start_due(struct monitor *m, int64_t now)
{
	for (unsigned i = 0; i < m->count; i++) {
		struct child *c = &m->children[i];

		if (c->state != CHILD_DOWN || c->restart_at == 0 || c->restart_at > now)
			continue;
		if (child_start(m, c) == STATUS_OK)
			continue;
		LOG_ALARM("monitor.cannot_fork", FIELD_STRING("what", role_word(c->config->role)));
		c->back_off = monitor_back_off(c->back_off, 0, false);
		c->restart_at = now + c->back_off;
	}
}

/* ---- certificates ---- */

static void
reload(struct monitor *m)
{
	struct arena *a = MEM_NEW(struct arena);
	const struct role_certificate *at;
	struct buffer b = BUFFER_INIT;
	struct control_CERTIFICATES message;
	struct failure f = { 0 };
	uint32_t count;

	if (m->config->reload == NULL ||
	    m->config->reload(m->config->arg, a, &at, &count, &f) != STATUS_OK) {
		LOG_ALARM("monitor.certificates_kept", FIELD_STRING("reason", f.log));
		arena_done(a);
		mem_free(a);
		return;
	}
	if (m->certificate_arena != NULL) {
		arena_done(m->certificate_arena);
		mem_free(m->certificate_arena);
	}
	m->certificate_arena = a;
	m->certificates = at;
	m->certificate_count = count;
	LOG_INFO("monitor.certificates_read", FIELD_U64("count", count));
	control_pack_certificates(&b, at, count);
	message = (struct control_CERTIFICATES){ .certificates = PAYLOAD_OF(buffer_text(&b)) };
	for (unsigned i = 0; i < m->count; i++)
		if (m->children[i].config->role == ROLE_AUTH &&
		    m->children[i].state == CHILD_SERVING)
			child_tell(&m->children[i], CONTROL_CERTIFICATES, &message, NULL, 0);
	buffer_done_secret(&b);
}

static void
read_signal(struct monitor *m, int64_t now)
{
	struct signalfd_siginfo s;

	if (read(m->signals, &s, sizeof(s)) != (ssize_t)sizeof(s))
		return;
	if (s.ssi_signo == SIGHUP)
		reload(m);
	else
		begin_stop(m, now);
}

/* ---- the loop ---- */

static int
wait_ms(const struct monitor *m, int64_t links_at, int64_t now)
{
	int64_t next = links_at;

	if (m->stage != 0 && m->stage_ends < next)
		next = m->stage_ends;
	for (unsigned i = 0; i < m->count; i++) {
		const struct child *c = &m->children[i];

		if (c->state == CHILD_DOWN && c->restart_at != 0 && c->restart_at < next)
			next = c->restart_at;
	}
	if (next == INT64_MAX)
		return -1;
	return next <= now ? 0 : (int)((next - now + CLOCK_MS - 1) / CLOCK_MS);
}

/* Operators wait while a role is being started, so that a command meets all of
 * them; but not for one that dies again and again. */
static bool
admits(const struct monitor *m)
{
	for (unsigned i = 0; i < m->count; i++)
		if (m->children[i].state < CHILD_READY && m->children[i].back_off <= OPERATORS_WAIT)
			return false;
	return m->stage == 0;
}

static void
helper_ended(struct monitor *m)
{
	siginfo_t how;

	(void)waitid(P_PIDFD, (id_t)m->helper, &how, WEXITED);
	(void)close(m->helper);
	m->helper = -1;
}

static void
wait_and_handle(struct monitor *m, int timeout)
{
	struct pollfd p[3 + 2 * MONITOR_CHILDREN_MAX] = {
		{ m->signals, POLLIN, 0 },
		{ admits(m) ? m->operators : -1, POLLIN, 0 },
		{ m->helper, POLLIN, 0 },
	};

	for (unsigned i = 0; i < m->count; i++) {
		p[3 + 2 * i] = (struct pollfd){ m->children[i].control, POLLIN, 0 };
		p[4 + 2 * i] = (struct pollfd){ m->children[i].pidfd, POLLIN, 0 };
	}
	if (poll(p, 3 + 2 * m->count, timeout) <= 0)
		return;
	for (unsigned i = 0; i < m->count; i++) {
		struct child *c = &m->children[i];

		if (p[3 + 2 * i].revents != 0)
			read_control(m, c);
		if (p[4 + 2 * i].revents != 0)
			child_ended(m, c, clock_mono());
	}
	if (p[0].revents != 0)
		read_signal(m, clock_mono());
	if (p[1].revents != 0)
		monitor_admit(m);
	if (p[2].revents != 0)
		helper_ended(m);
}

static void
loop(struct monitor *m)
{
	while (m->stage <= STAGE_LAST) {
		int64_t now = clock_mono(), links_at;

		if (m->failed && m->stage == 0)
			begin_stop(m, now);
		check_stage(m, now);
		if (m->stage == 0)
			start_due(m, now);
		if (m->stage > STAGE_LAST)
			break;
		links_at = monitor_link_all(m, now);
		wait_and_handle(m, wait_ms(m, links_at, now));
	}
}

/* ---- life ---- */

static enum status
take_signals(struct monitor *m)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return STATUS_IO;
	m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return m->signals < 0 ? STATUS_IO : STATUS_OK;
}

static enum status
make_notes(struct monitor *m)
{
	m->notes = memfd_create("notes", MFD_CLOEXEC);
	return m->notes >= 0 && ftruncate(m->notes, NOTES_SIZE) == 0 ? STATUS_OK : STATUS_IO;
}

/* Sealed, so that who maps it can rely on its size, whoever else has it. */
static int
board_file(void)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fd = memfd_create("board", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (ftruncate(fd, BOARD_SIZE) != 0 || fchmod(fd, 0600) != 0 ||
			   fcntl(fd, F_ADD_SEALS, seals) != 0)) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

/* Who has the second descriptor cannot write. Without a board all is as true,
 * and asked more often. */
static void
make_board(struct monitor *m)
{
	char path[64];

	m->board = board_file();
	if (m->board < 0) {
		LOG_WARN("monitor.no-board", FIELD_STRING("why", strerror(errno)));
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", m->board);
	m->board_to_read = open(path, O_RDONLY | O_CLOEXEC);
}

static void
close_board(struct monitor *m)
{
	if (m->board >= 0)
		(void)close(m->board);
	if (m->board_to_read >= 0)
		(void)close(m->board_to_read);
}

/* Sessions are descriptors: as many as the system lets us have. */
static void
raise_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void
plan_children(struct monitor *m)
{
	for (size_t i = 0; i < m->config->role_count; i++)
		for (uint32_t k = 0; k < m->config->roles[i].instances; k++) {
			CHECK(m->count < MONITOR_CHILDREN_MAX);
			m->children[m->count++] = (struct child){
				.config = &m->config->roles[i],
				.instance = k,
				.pidfd = -1,
				.control = -1,
				.restart_at = 1, /* at once */
			};
		}
}

static void
done(struct monitor *m)
{
	if (m->operators >= 0) {
		(void)unlink(m->operator_path);
		(void)close(m->operators);
	}
	if (m->signals >= 0)
		(void)close(m->signals);
	if (m->helper >= 0)
		(void)close(m->helper);
	if (m->notes >= 0)
		(void)close(m->notes);
	close_board(m);
	if (m->certificate_arena != NULL)
		arena_done(m->certificate_arena);
	mem_free(m->certificate_arena);
	mem_free(m->operator_path);
}

int
monitor_run(const struct monitor_config *config)
{
	struct monitor m = {
		.config = config,
		.signals = -1,
		.helper = -1,
		.operators = -1,
		.notes = -1,
		.board = -1,
		.board_to_read = -1,
		.certificates = config->certificates,
		.certificate_count = config->certificate_count,
	};

	raise_limits();
	plan_children(&m);
	make_board(&m);
	if (take_signals(&m) != STATUS_OK || make_notes(&m) != STATUS_OK ||
	    monitor_listen_operators(&m) != STATUS_OK) {
		(void)fprintf(stderr, "mailstead: cannot start: %.*s: %s\n", TEXT_ARG(config->dir),
		    strerror(errno));
		m.failed = true;
	} else {
		loop(&m);
		LOG_INFO("monitor.stopped");
	}
	done(&m);
	return m.failed || m.killed ? 1 : 0;
}
