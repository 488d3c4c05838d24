/* SPDX-License-Identifier: ISC */
/*
 * Tests of the monitor and of a role's life with real processes: this program is also the
 * monitor ("monitor SCENARIO DIR") and the roles ("role NAME"), which are toys that tell what
 * they were given, die when asked, and say when they stop. The tests come in over operator.sock.
 */
#include "runtime/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/testing.h"
#include "runtime/call_links.h"
#include "runtime/call_toy.h"
#include "runtime/runtime_calls.h"
#include "runtime/sandbox.h"

CALLS_DEFINE(toy, TOY_CALLS, CALLS_TOY, ROLE_STORE)

static char self_path[4096];

/* ---- the roles ---- */

struct toy_role {
	const struct role_start *start;
	struct calls *calls;
	_Atomic uint64_t relinked, certificates, hints;
};

static void
say(const char *word, enum role r)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s %s\n", word, role_word(r));

	assert_int_equal(write(STDOUT_FILENO, line, (size_t)n), n);
}

static enum status
toy_prepare(const struct role_start *start, void **context, struct failure *f)
{
	struct toy_role *r = MEM_NEW(struct toy_role);

	r->start = start;
	*context = r;
	if (start->role == ROLE_AUTH && text_equal(start->hostname, TEXT("cannot-prepare")))
		return fail(f, STATUS_IO, "", "no key today");
	if (start->role == ROLE_AUTH && text_equal(start->hostname, TEXT("dies")))
		_exit(3);
	return STATUS_OK;
}

/* 0: it has none; 1: to read; 2: to write; 3: and nobody can change its size. */
static uint64_t
board_access(int fd)
{
	if (fd < 0)
		return 0;
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return 1;
	return ftruncate(fd, 0) != 0 && ftruncate(fd, BOARD_SIZE + 1) != 0 ? 3 : 2;
}

/* What this role was given, and what happened to it. */
static void
handle_tell(struct call_in *in, const void *request, void *context)
{
	struct toy_role *r = context;
	const struct role_start *s = r->start;
	const char *told = getenv("GLIBC_TUNABLES");
	uint64_t numbers[] = { s->listener_count, s->certificate_count, s->notes >= 0,
		s->proxy_peers.count, r->relinked, r->certificates, r->hints, s->instance,
		board_access(s->board) };
	struct text texts[] = { s->hostname, s->dir, s->engine, s->secret[SECRET_TOKEN],
		s->secret[SECRET_VERIFIER], text_of(told != NULL ? told : "") };
	struct toy_echo_reply reply = {
		.texts = { texts, ARRAY_LEN(texts) },
		.numbers = { numbers, ARRAY_LEN(numbers) },
		.first = PAYLOAD_OF(TEXT_EMPTY),
		.second = PAYLOAD_OF(TEXT_EMPTY),
	};

	call_reply(in, &reply);
}

/* mx asks the store, the store answers itself. */
static void
handle_ask(struct call_in *in, const void *request, void *context)
{
	const struct toy_hold_request *q = request;
	struct toy_role *r = context;
	struct toy_hold_reply reply = { .number = q->number + 1 };
	struct failure f;
	enum status st = STATUS_OK;

	if (r->start->role == ROLE_MX)
		st = toy_hold(r->calls, q, call_arena(in), &reply, &f);
	if (st == STATUS_OK)
		call_reply(in, &reply);
	else
		call_fail(in, st, &f);
}

enum { DIE_EXIT, DIE_CLOSE_LINK };

/* Dies, or breaks its link to the store and lives on. */
static void
handle_die(struct call_in *in, const void *request, void *context)
{
	const struct toy_once_request *q = request;
	struct toy_role *r = context;
	const struct toy_once_reply reply = { .number = 1 };
	struct link *l;

	if (q->number == DIE_EXIT)
		_exit(9);
	assert_ok(calls_take(r->calls, ROLE_STORE, 0, 0, &l));
	link_close(l);
	link_unref(l);
	call_reply(in, &reply);
}

static enum status
toy_serve(void *context, struct call_server_config *config, struct failure *f)
{
	static const struct call_row rows[] = {
		{ &toy_echo_call, handle_tell },
		{ &toy_hold_call, handle_ask },
		{ &toy_once_call, handle_die },
	};

	config->rows = rows;
	config->row_count = ARRAY_LEN(rows);
	config->context = context;
	config->threads = 2;
	return STATUS_OK;
}

static enum status
toy_begin(void *context, struct calls *calls, struct failure *f)
{
	const struct toy_hold_request q = { .number = 1 };
	struct toy_role *r = context;
	struct toy_hold_reply reply;
	struct arena a = ARENA_INIT;
	enum status st = STATUS_OK;

	r->calls = calls;
	if (r->start->role == ROLE_MX) /* links work from here on */
		st = toy_hold(calls, &q, &a, &reply, f);
	arena_done(&a);
	return st;
}

static void
toy_certificates(void *context, const struct role_certificate *at, uint32_t count)
{
	struct toy_role *r = context;

	if (count == 0)
		r->hints++;
	else if (text_equal(at[count - 1].key, TEXT("new key")))
		r->certificates += count;
}

static void
toy_relinked(void *context, enum role peer)
{
	struct toy_role *r = context;

	if (peer == ROLE_STORE)
		r->relinked++;
}

static void
toy_stop(void *context, int64_t deadline)
{
	struct toy_role *r = context;

	if (r->start->role == ROLE_AUTH && text_equal(r->start->hostname, TEXT("lingers")))
		while (clock_mono() < deadline) /* what is under way may last until then */
			(void)poll(NULL, 0, (int)((deadline - clock_mono()) / CLOCK_MS) + 1);
	say("stop", r->start->role);
	mem_free(r);
}

static int
role_main(const char *word)
{
	struct role_ops ops = {
		.prepare = toy_prepare,
		.serve = toy_serve,
		.begin = toy_begin,
		.certificates = toy_certificates,
		.relinked = toy_relinked,
		.stop = toy_stop,
	};

	return role_of_word(text_of(word), &ops.role) == STATUS_OK ? role_run(&ops) : 2;
}

/* ---- the monitor ---- */

static int
say_ready(void *arg)
{
	say("ready", ROLE_MONITOR);
	return -1;
}

static enum status
reload(void *arg, struct arena *a, const struct role_certificate **at, uint32_t *count,
    struct failure *f)
{
	struct role_certificate *list = ARENA_ARRAY(a, struct role_certificate, 2);
	char *great = arena_alloc(a, 100000); /* more than a packet holds */

	memset(great, 'c', 100000);
	for (unsigned i = 0; i < 2; i++)
		list[i] = (struct role_certificate){ { great, 100000 }, TEXT("new key") };
	*at = list;
	*count = 2;
	return STATUS_OK;
}

static int
monitor_main(const char *scenario, const char *dir)
{
	static const struct monitor_role roles[] = {
		{ .role = ROLE_MX, .instances = 2 },
		{ .role = ROLE_AUTH, .instances = 1 },
		{ .role = ROLE_STORE, .instances = 1 },
		{ .role = ROLE_INTAKE, .instances = 1 },
	};
	static const struct role_certificate old = { TEXT("chain"), TEXT("key") };
	const enum role listener_role[] = { ROLE_MX, ROLE_ACCESS };
	const struct role_listener listeners[] = {
		{ .name = TEXT("smtp"),
		    .tls = TLS_STARTTLS,
		    .proxy = true,
		    .fd = STDIN_FILENO,
		    .port = 25 },
		{ .name = TEXT("imap"), .fd = STDIN_FILENO, .port = 143 },
	};
	struct text peer = TEXT("192.0.2.0/24");
	const struct monitor_config config = {
		.hostname = text_of(scenario),
		.dir = text_of(dir),
		.engine = TEXT("memory"),
		.roles = roles,
		.role_count = ARRAY_LEN(roles),
		.listeners = listeners,
		.listener_role = listener_role,
		.listener_count = 2,
		.certificates = &old,
		.certificate_count = 1,
		.secret = { TEXT("token key"), TEXT("verifier key") },
		.proxy_peers = { &peer, 1 },
		.log_level = LOG_LEVEL_ALARM,
		.reload = reload,
		.ready = say_ready,
		.binary = self_path,
	};

	log_set_role("monitor");
	log_set_level(LOG_LEVEL_ALARM);
	if (strcmp(scenario, "no-board") == 0) {
		const struct rlimit small = { BOARD_SIZE / 2, BOARD_SIZE / 2 };

		(void)signal(SIGXFSZ, SIG_IGN);
		CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	}
	return monitor_run(&config);
}

/* ---- the tests' side ---- */

struct running {
	pid_t pid;
	int out; /* what monitor and roles say */
	char dir[64];
	char socket[96];
	struct calls *calls;
};

static void
monitor_start(struct running *r, const char *scenario, bool errors_too)
{
	int ends[2];

	*r = (struct running){ .dir = "/tmp/mailstead-monitor-XXXXXX" };
	assert_non_null(mkdtemp(r->dir));
	(void)snprintf(r->socket, sizeof(r->socket), "%s/operator.sock", r->dir);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	r->pid = fork();
	if (r->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* when a test fails */
		(void)dup2(ends[1], STDOUT_FILENO);
		if (errors_too)
			(void)dup2(ends[1], STDERR_FILENO);
		(void)execl(self_path, self_path, "monitor", scenario, r->dir, (char *)NULL);
		_exit(127);
	}
	assert_true(r->pid > 0);
	(void)close(ends[1]);
	r->out = ends[0];
}

/* One line without its end, or the empty text at the end of output. */
static struct text
next_line(struct running *r, char line[512])
{
	size_t n = 0;

	while (n < 511 && read(r->out, &line[n], 1) == 1 && line[n] != '\n')
		n++;
	return (struct text){ line, n };
}

static void
expect_line(struct running *r, const char *want)
{
	char line[512];
	struct text got = next_line(r, line);

	if (!text_equal(got, text_of(want)))
		print_error("\"%.*s\" instead of \"%s\"\n", TEXT_ARG(got), want);
	assert_true(text_equal(got, text_of(want)));
}

static void
join(struct running *r)
{
	struct failure f = { 0 };

	if (r->calls != NULL)
		calls_free(r->calls);
	r->calls = NULL;
	if (role_join_as_admin(r->socket, &r->calls, &f) != STATUS_OK)
		print_error("%s\n", f.log);
	assert_non_null(r->calls);
}

static int
monitor_wait(struct running *r)
{
	int ended = 0;

	if (r->calls != NULL)
		calls_free(r->calls);
	assert_int_equal(waitpid(r->pid, &ended, 0), r->pid);
	(void)close(r->out);
	(void)unlink(r->socket);
	assert_int_equal(rmdir(r->dir), 0);
	return WIFEXITED(ended) ? WEXITSTATUS(ended) : -WTERMSIG(ended);
}

static void
expect_stops(struct running *r)
{
	expect_line(r, "stop mx");
	expect_line(r, "stop mx");
	expect_line(r, "stop intake");
	expect_line(r, "stop auth");
	expect_line(r, "stop store");
	expect_line(r, "");
}

static void
stop_in_order(struct running *r)
{
	assert_int_equal(kill(r->pid, SIGTERM), 0);
	expect_stops(r);
	assert_int_equal(monitor_wait(r), 0);
}

static void
tell_me(struct running *r, enum role role, unsigned instance, struct arena *a,
    struct toy_echo_reply *reply)
{
	const struct toy_echo_request q = { .first = PAYLOAD_OF(TEXT_EMPTY),
		.second = PAYLOAD_OF(TEXT_EMPTY) };

	assert_ok(runtime_call_to(r->calls, role, instance, &toy_echo_call, &q, a, reply, NULL));
	assert_int_equal(reply->texts.count, 6);
	assert_int_equal(reply->numbers.count, 9);
}

static enum status
try_ping(struct running *r, enum role role, unsigned instance, struct runtime_ping_reply *reply)
{
	const struct runtime_ping_request q = { 0 };
	struct arena a = ARENA_INIT;
	enum status st =
	    runtime_call_to(r->calls, role, instance, &runtime_ping_call, &q, &a, reply, NULL);

	arena_done(&a);
	return st;
}

static struct runtime_ping_reply
ping(struct running *r, enum role role, unsigned instance)
{
	struct runtime_ping_reply reply;

	assert_ok(try_ping(r, role, instance, &reply));
	return reply;
}

/* Until this role has a new life; the monitor may let us in before it saw the old one end. */
static void
join_when_back(struct running *r, enum role role, uint64_t old_pid)
{
	struct runtime_ping_reply reply;

	do
		join(r);
	while (try_ping(r, role, 0, &reply) != STATUS_OK || reply.pid == old_pid);
}

static enum status
ask(struct running *r, enum role role, uint64_t number, uint64_t *answer)
{
	const struct toy_hold_request q = { .number = number };
	struct toy_hold_reply reply = { 0 };
	struct arena a = ARENA_INIT;
	enum status st = runtime_call_to(r->calls, role, 0, &toy_hold_call, &q, &a, &reply, NULL);

	*answer = reply.number;
	arena_done(&a);
	return st;
}

static enum status
die_now(struct running *r, enum role role, uint64_t how)
{
	const struct toy_once_request q = { .number = how };
	struct toy_once_reply reply;
	struct arena a = ARENA_INIT;
	enum status st = runtime_call_to(r->calls, role, 0, &toy_once_call, &q, &a, &reply, NULL);

	arena_done(&a);
	return st;
}

static void
all_are_started_linked_and_stopped_in_order(void **state)
{
	struct running r;
	uint64_t answer;

	monitor_start(&r, "host", false);
	expect_line(&r, "ready monitor");
	join(&r);
	assert_int_equal(runtime_instances(r.calls, ROLE_MX), 2);
	assert_int_equal(runtime_instances(r.calls, ROLE_STORE), 1);
	assert_int_equal(runtime_instances(r.calls, ROLE_ACCESS), 0);
	assert_int_equal(ping(&r, ROLE_MX, 1).instance, 1);
	assert_int_not_equal(ping(&r, ROLE_MX, 0).pid, ping(&r, ROLE_MX, 1).pid);
	assert_ok(ask(&r, ROLE_MX, 41, &answer));
	assert_int_equal(answer, 42);
	stop_in_order(&r);
}

static void
who_works_until_the_deadline_is_not_killed(void **state)
{
	struct running r;

	monitor_start(&r, "lingers", false);
	expect_line(&r, "ready monitor");
	stop_in_order(&r);
}

static void
each_role_gets_what_it_needs_and_no_more(void **state)
{
	struct running r;
	struct toy_echo_reply mx, auth, store, intake;
	struct arena a = ARENA_INIT;

	assert_int_equal(unsetenv("GLIBC_TUNABLES"), 0);
	monitor_start(&r, "host", false);
	expect_line(&r, "ready monitor");
	join(&r);
	tell_me(&r, ROLE_MX, 0, &a, &mx);
	tell_me(&r, ROLE_AUTH, 0, &a, &auth);
	tell_me(&r, ROLE_STORE, 0, &a, &store);
	tell_me(&r, ROLE_INTAKE, 0, &a, &intake);
	assert_text(mx.texts.at[0], "host");
	/* dir, engine, token, verifier */
	assert_true(text_equal(store.texts.at[1], text_of(r.dir)));
	assert_text(store.texts.at[2], "memory");
	assert_text(store.texts.at[3], "token key");
	assert_text(store.texts.at[4], "");
	assert_text(store.texts.at[5], "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1");
	assert_text(mx.texts.at[5], "");
	assert_text(auth.texts.at[1], "");
	assert_text(auth.texts.at[3], "token key");
	assert_text(auth.texts.at[4], "verifier key");
	for (unsigned i = 1; i < 5; i++) {
		assert_text(mx.texts.at[i], "");
		assert_text(intake.texts.at[i], "");
	}
	/* listeners, certificates, notes, proxy_peers */
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(mx.numbers.at[i], i == 0 || i == 3);
		assert_int_equal(auth.numbers.at[i], i == 1);
		assert_int_equal(store.numbers.at[i], 0);
		assert_int_equal(intake.numbers.at[i], i == 2);
	}
	/* the board; access gets it to read: tests/test_roles.py */
	assert_int_equal(store.numbers.at[8], 3);
	assert_int_equal(mx.numbers.at[8] + auth.numbers.at[8] + intake.numbers.at[8], 0);
	arena_done(&a);
	stop_in_order(&r);
}

/* The system has no room for it: nobody gets half of one. */
static void
without_a_board_all_goes_on(void **state)
{
	struct running r;
	struct toy_echo_reply store;
	struct arena a = ARENA_INIT;

	monitor_start(&r, "no-board", false);
	expect_line(&r, "ready monitor");
	join(&r);
	tell_me(&r, ROLE_STORE, 0, &a, &store);
	assert_int_equal(store.numbers.at[8], 0);
	arena_done(&a);
	stop_in_order(&r);
}

static void
roles_are_confined(void **state)
{
	struct running r;
	uint64_t expected = SANDBOX_NO_NEW_PRIVS | SANDBOX_SECCOMP | SANDBOX_NOT_DUMPABLE;

#ifdef MAILSTEAD_SANITIZED
	expected = SANDBOX_NO_NEW_PRIVS;
#endif
	monitor_start(&r, "host", false);
	expect_line(&r, "ready monitor");
	join(&r);
	assert_int_equal(ping(&r, ROLE_MX, 0).sandbox & expected, expected);
	assert_int_equal(ping(&r, ROLE_STORE, 0).sandbox & expected, expected);
	stop_in_order(&r);
}

static void
a_role_that_dies_comes_back(void **state)
{
	struct running r;
	struct toy_echo_reply mx;
	struct arena a = ARENA_INIT;
	int64_t until = clock_mono() + CLOCK_MINUTE;
	uint64_t pid, answer;

	monitor_start(&r, "host", false);
	expect_line(&r, "ready monitor");
	join(&r);
	pid = ping(&r, ROLE_STORE, 0).pid;
	assert_int_equal(die_now(&r, ROLE_STORE, DIE_EXIT), STATUS_AMBIGUOUS);
	/* mx waits for the new one; it need not be told. */
	assert_ok(ask(&r, ROLE_MX, 1, &answer));
	assert_int_equal(answer, 2);
	join_when_back(&r, ROLE_STORE, pid);
	do /* relinked is called once the link serves */
		tell_me(&r, ROLE_MX, 0, &a, &mx);
	while (mx.numbers.at[4] == 0 && clock_mono() < until);
	assert_int_equal(mx.numbers.at[4], 1);
	arena_done(&a);
	stop_in_order(&r);
}

static void
a_link_that_breaks_is_made_again(void **state)
{
	struct running r;
	uint64_t answer, pid;

	monitor_start(&r, "host", false);
	expect_line(&r, "ready monitor");
	join(&r);
	pid = ping(&r, ROLE_STORE, 0).pid;
	assert_ok(die_now(&r, ROLE_MX, DIE_CLOSE_LINK));
	assert_ok(ask(&r, ROLE_MX, 1, &answer));
	assert_int_equal(answer, 2);
	assert_int_equal(ping(&r, ROLE_STORE, 0).pid, pid); /* nobody died for it */
	stop_in_order(&r);
}

/* Auth has them before the fronts are told to ask. */
static void
certificates_are_read_again(void **state)
{
	struct running r;
	struct toy_echo_reply mx, auth;
	struct arena a = ARENA_INIT;
	uint64_t pid;

	monitor_start(&r, "host", false);
	expect_line(&r, "ready monitor");
	join(&r);
	assert_int_equal(kill(r.pid, SIGHUP), 0);
	do
		tell_me(&r, ROLE_MX, 0, &a, &mx);
	while (mx.numbers.at[6] == 0);
	tell_me(&r, ROLE_AUTH, 0, &a, &auth);
	assert_int_equal(auth.numbers.at[5], 2);
	assert_int_equal(auth.numbers.at[6], 0);
	assert_int_equal(mx.numbers.at[5], 0);
	/* A new life of auth starts with them. */
	pid = ping(&r, ROLE_AUTH, 0).pid;
	assert_int_equal(die_now(&r, ROLE_AUTH, DIE_EXIT), STATUS_AMBIGUOUS);
	join_when_back(&r, ROLE_AUTH, pid);
	tell_me(&r, ROLE_AUTH, 0, &a, &auth);
	assert_int_equal(auth.numbers.at[1], 2);
	arena_done(&a);
	stop_in_order(&r);
}

static void
fails_to_start(const char *scenario, const char *words)
{
	struct running r;
	char line[512];
	struct text got;
	bool found = false;

	monitor_start(&r, scenario, true);
	while ((got = next_line(&r, line)).len > 0)
		found |= text_find(got, text_of(words), 0) < got.len;
	assert_true(found);
	assert_int_equal(monitor_wait(&r), 1);
}

static void
a_role_that_cannot_start_fails_the_start(void **state)
{
	fails_to_start("cannot-prepare", "mailstead: role auth cannot start: no key today");
	fails_to_start("dies", "mailstead: role auth cannot start: it ended while it started");
}

/* They share its output: it ends when the last of them is gone. */
static void
roles_die_with_the_monitor(void **state)
{
	struct running r;

	monitor_start(&r, "host", false);
	expect_line(&r, "ready monitor");
	assert_int_equal(kill(r.pid, SIGKILL), 0);
	expect_line(&r, "");
	assert_int_equal(monitor_wait(&r), -SIGKILL);
}

static void
strangers_are_not_operators(void **state)
{
	struct running r;
	int ended;
	pid_t child;

	if (geteuid() != 0) {
		print_message("not root: another user cannot be tried\n");
		skip();
	}
	monitor_start(&r, "host", false);
	expect_line(&r, "ready monitor");
	/* Even where the folder and the socket let everybody in. */
	assert_int_equal(chmod(r.dir, 0777), 0);
	assert_int_equal(chmod(r.socket, 0777), 0);
	child = fork();
	if (child == 0) {
		struct calls *c;

		_exit(
		    setuid(65534) != 0 || role_join_as_admin(r.socket, &c, NULL) != STATUS_DENIED);
	}
	assert_int_equal(waitpid(child, &ended, 0), child);
	assert_int_equal(ended, 0);
	stop_in_order(&r);
}

static void
nobody_there(void **state)
{
	struct calls *c;
	struct failure f;

	assert_int_equal(
	    role_join_as_admin("/nonexistent/operator.sock", &c, &f), STATUS_UNAVAILABLE);
	assert_non_null(strstr(f.client, "not running"));
}

/* Times one role dies after each other. */
static int64_t
back_off_after(unsigned deaths, int64_t lifetime, bool served, int64_t *sum)
{
	int64_t last = 0;

	for (unsigned i = 0; i < deaths; i++) {
		last = monitor_back_off(last, lifetime, served);
		*sum += last;
	}
	return last;
}

static void
backing_off(void **state)
{
	int64_t sum = 0;

	assert_int_equal(back_off_after(1, 0, false, &sum), 100 * CLOCK_MS);
	assert_int_equal(back_off_after(2, 0, false, &sum), 200 * CLOCK_MS);
	assert_int_equal(back_off_after(9, 0, false, &sum), 25600 * CLOCK_MS);
	assert_int_equal(back_off_after(10, 0, false, &sum), 30 * CLOCK_SECOND);
	sum = 0;
	assert_int_equal(back_off_after(22, CLOCK_SECOND, false, &sum), 30 * CLOCK_SECOND);
	assert_true(sum > CLOCK_MINUTE);
	/* After a quiet time it is as at first. */
	assert_int_equal(monitor_back_off(30 * CLOCK_SECOND, CLOCK_MINUTE, false), 100 * CLOCK_MS);
	assert_int_equal(
	    monitor_back_off(30 * CLOCK_SECOND, CLOCK_MINUTE - 1, false), 30 * CLOCK_SECOND);
}

/* Who can end a role by what they send, again and again, does not keep the
 * others from it for half a minute each time. */
static void
one_that_served_is_soon_back(void **state)
{
	int64_t sum = 0;

	assert_int_equal(back_off_after(1, 0, true, &sum), 100 * CLOCK_MS);
	assert_int_equal(back_off_after(50, 0, true, &sum), 2 * CLOCK_SECOND);
	assert_int_equal(monitor_back_off(30 * CLOCK_SECOND, 0, true), 2 * CLOCK_SECOND);
	assert_int_equal(monitor_back_off(2 * CLOCK_SECOND, 0, false), 4 * CLOCK_SECOND);
	assert_int_equal(monitor_back_off(2 * CLOCK_SECOND, CLOCK_MINUTE, true), 100 * CLOCK_MS);
}

/* What the design wants most: strangers' parsers never reach each other, and
 * nobody but the store's clients reaches it. */
static void
trust(void **state)
{
	for (unsigned a = 0; a < ROLE_COUNT; a++) {
		assert_false(monitor_trusts((enum role)a, (enum role)a));
		assert_false(monitor_trusts((enum role)a, ROLE_ADMIN));
		assert_false(monitor_trusts((enum role)a, ROLE_MONITOR));
		for (unsigned b = 0; b < ROLE_COUNT; b++)
			assert_int_equal(monitor_trusts((enum role)a, (enum role)b),
			    monitor_trusts((enum role)b, (enum role)a));
	}
	assert_true(monitor_trusts(ROLE_MX, ROLE_INTAKE));
	assert_false(monitor_trusts(ROLE_MX, ROLE_ACCESS));
	assert_false(monitor_trusts(ROLE_MX, ROLE_OUTBOUND));
	assert_false(monitor_trusts(ROLE_SCAN, ROLE_AUTH));
	assert_false(monitor_trusts(ROLE_LOOKUP, ROLE_AUTH));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backing_off),
		cmocka_unit_test(one_that_served_is_soon_back),
		cmocka_unit_test(trust),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(all_are_started_linked_and_stopped_in_order),
		cmocka_unit_test(who_works_until_the_deadline_is_not_killed),
		cmocka_unit_test(each_role_gets_what_it_needs_and_no_more),
		cmocka_unit_test(without_a_board_all_goes_on),
		cmocka_unit_test(roles_are_confined),
		cmocka_unit_test(a_role_that_dies_comes_back),
		cmocka_unit_test(a_link_that_breaks_is_made_again),
		cmocka_unit_test(certificates_are_read_again),
		cmocka_unit_test(a_role_that_cannot_start_fails_the_start),
		cmocka_unit_test(roles_die_with_the_monitor),
		cmocka_unit_test(strangers_are_not_operators),
	};
	ssize_t n = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);

	if (n <= 0)
		return 1;
	if (argc == 3 && strcmp(argv[1], "role") == 0)
		return role_main(argv[2]);
	if (argc == 4 && strcmp(argv[1], "monitor") == 0)
		return monitor_main(argv[2], argv[3]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
