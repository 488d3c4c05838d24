/* SPDX-License-Identifier: ISC */
/*
 * Tests of the sandbox: for each role a child enters it and tries, one after
 * the other, what no role may do, what only some may, and what all must still
 * be able to do. Sanitizers and valgrind make system calls of their own, so
 * only the other builds can tell.
 */
#include "runtime/sandbox.h"

#include <errno.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/arena.h"
#include "base/random.h"
#include "base/testing.h"
#include "runtime/payload.h"

static char folder[64];	   /* the store's */
static char outside[64];   /* not the store's */
static int listening = -1; /* made before the sandbox closed */
static int unconnected = -1;

/* ---- what is tried: 0 or an errno ---- */

static int
result(long r)
{
	return r < 0 ? errno : 0;
}

static int
open_outside(void)
{
	return result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int
make_outside(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/file", outside);
	return result(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
internet_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
internet_6_socket(void)
{
	return result(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int
local_socket(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int
netlink_socket(void)
{
	return result(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int
bind_tcp(void)
{
	const struct sockaddr_in any = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return result(bind(unconnected, (const struct sockaddr *)&any, sizeof(any)));
}

static int
make_pipe(void)
{
	int ends[2], got = result(pipe2(ends, O_CLOEXEC));

	if (got == 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
	}
	return got;
}

static int
execute(void)
{
	char *const argv[] = { (char *)(uintptr_t) "true", NULL };

	return result(execve("/bin/true", argv, NULL));
}

static int
execute_at(void)
{
	char *const argv[] = { (char *)(uintptr_t) "true", NULL };

	return result(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0));
}

static int
new_process(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return result(child);
}

static int
executable_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? errno : 0;
}

static int
memory_made_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? 0 : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
trace(void)
{
	return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
signal_parent(void)
{
	return result(kill(getppid(), 0));
}

static int
signal_parent_thread(void)
{
	return result(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

/* Signals by way of a descriptor: to whom, which, and when. */
static int
aim_signals(void)
{
	return result(fcntl(unconnected, F_SETOWN, getppid()));
}

static int
choose_signal(void)
{
	return result(fcntl(unconnected, F_SETSIG, SIGTERM));
}

static int
wish_for_signals(void)
{
	return result(fcntl(unconnected, F_SETFL, O_NONBLOCK | O_ASYNC));
}

static int
lock_file(void)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	char path[128];
	int fd, got;

	(void)snprintf(path, sizeof(path), "%s/lock", folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	got = result(fcntl(fd, F_SETLK, &lock));
	(void)close(fd);
	return got != 0 ? got : result(unlink(path));
}

static int
become_root(void)
{
	return result(setuid(0));
}

static int
undo_flags(void)
{
	return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
mount_something(void)
{
	return result(syscall(SYS_mount, "none", folder, "tmpfs", 0UL, NULL));
}

static int
raise_limit(void)
{
	const struct rlimit r = { 1 << 20, 1 << 20 };

	return result(setrlimit(RLIMIT_NOFILE, &r));
}

static int
remove_file(void)
{
	return result(unlink("/etc/mailstead-does-not-exist"));
}

static int
take_connection(void)
{
	return result(accept4(listening, NULL, NULL, SOCK_CLOEXEC));
}

static int
read_folder(void)
{
	char path[128], moved[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/a", folder);
	(void)snprintf(moved, sizeof(moved), "%s/sub/b", folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	if (write(fd, "x", 1) != 1 || fdatasync(fd) != 0 || ftruncate(fd, 0) != 0 ||
	    fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4096) != 0 || close(fd) != 0)
		return errno;
	(void)snprintf(path, sizeof(path), "%s/sub", folder);
	if (mkdir(path, 0700) != 0)
		return errno;
	(void)snprintf(path, sizeof(path), "%s/a", folder);
	if (rename(path, moved) != 0 || unlink(moved) != 0)
		return errno;
	(void)snprintf(path, sizeof(path), "%s/sub", folder);
	return result(rmdir(path));
}

/* ---- what all must be able to do ---- */

static void *
thread_main(void *arg)
{
	(void)pthread_setname_np(pthread_self(), "named");
	return malloc(100);
}

static int
ordinary_work(void)
{
	struct arena a = ARENA_INIT;
	pthread_t thread[4];
	struct payload p;
	struct stat st;
	void *made;
	char *great = arena_alloc(&a, 8 << 20);
	int fd;

	memset(great, 1, 8 << 20);
	for (int i = 0; i < 4; i++)
		if (pthread_create(&thread[i], NULL, thread_main, NULL) != 0)
			return errno;
	for (int i = 0; i < 4; i++) {
		(void)pthread_join(thread[i], &made);
		free(made);
	}
	if (payload_seal((struct text){ great, 100000 }, &fd) != STATUS_OK || fstat(fd, &st) != 0 ||
	    st.st_size != 100000 || payload_map(fd, &a, &p) != STATUS_OK)
		return errno;
	random_bytes(great, 64);
	arena_done(&a);
	return poll(NULL, 0, 0);
}

#define ALL (~0u)
#define NETWORK (BY_LOOKUP | BY_OUTBOUND)
#define FRONTS (BY_MX | BY_ACCESS | BY_WEB)

static const struct {
	const char *name;
	int (*try)(void);
	unsigned allowed; /* to these roles */
	int otherwise;	  /* errno, or 0: any */
} probes[] = {
	{ "open a file", open_outside, 0, 0 },
	{ "make a file", make_outside, 0, 0 },
	{ "make an Internet socket", internet_socket, NETWORK, EPERM },
	{ "make an IPv6 socket", internet_6_socket, NETWORK, EPERM },
	{ "make a local socket", local_socket, 0, EPERM },
	{ "make a netlink socket", netlink_socket, 0, EPERM },
	{ "bind to a port", bind_tcp, NETWORK, EPERM },
	{ "make a pipe", make_pipe, NETWORK, EPERM },
	{ "execute", execute, 0, EPERM },
	{ "execute otherwise", execute_at, 0, EPERM },
	{ "make a process", new_process, 0, EPERM },
	{ "map executable memory", executable_memory, 0, EPERM },
	{ "make memory executable", memory_made_executable, 0, EPERM },
	{ "trace", trace, 0, EPERM },
	{ "signal the parent", signal_parent, 0, EPERM },
	{ "signal its thread", signal_parent_thread, 0, EPERM },
	{ "aim signals of a descriptor", aim_signals, 0, EPERM },
	{ "choose the signal of a descriptor", choose_signal, 0, EPERM },
	{ "wish for signals of a descriptor", wish_for_signals, 0, EPERM },
	{ "lock a file", lock_file, BY_STORE, EPERM },
	{ "become root", become_root, 0, EPERM },
	{ "undo flags", undo_flags, 0, EPERM },
	{ "mount", mount_something, 0, EPERM },
	{ "raise a limit", raise_limit, 0, EPERM },
	{ "remove a file", remove_file, 0, 0 },
	{ "take a connection", take_connection, FRONTS, EPERM },
	{ "work in the folder", read_folder, BY_STORE, EPERM },
	{ "ordinary work", ordinary_work, ALL, 0 },
};

/* In the child: the number of probes that came out wrong. */
static int
try_all(enum role r, uint32_t uid)
{
	const struct sandbox_config config = {
		.role = r, .uid = uid, .gid = uid, .writable = r == ROLE_STORE ? folder : NULL
	};
	struct failure f = { 0 };
	unsigned active = 0;
	int wrong = 0;

	unconnected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sandbox_enter(&config, &active, &f) != STATUS_OK) {
		dprintf(STDERR_FILENO, "%s: %s\n", role_word(r), f.log);
		return 100;
	}
	for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
		bool may = (probes[i].allowed & (1u << r)) != 0;
		int got = probes[i].try();
		bool right =
		    may ? got == 0 || got == EAGAIN
			: got != 0 && (probes[i].otherwise == 0 || got == probes[i].otherwise);

		if (right)
			continue;
		dprintf(STDERR_FILENO, "%s, to %s: %s\n", role_word(r), probes[i].name,
		    got == 0 ? "done" : strerror(got));
		wrong++;
	}
	if ((active & SANDBOX_SECCOMP) == 0 || (active & SANDBOX_NO_NEW_PRIVS) == 0 ||
	    (active & SANDBOX_NOT_DUMPABLE) == 0 || active != sandbox_active())
		wrong++;
	if (((active & SANDBOX_USER) != 0) != (geteuid() != 0))
		wrong++;
	return wrong;
}

static bool
cannot_be_tried(void)
{
	const char *preload = getenv("LD_PRELOAD");

#ifdef MAILSTEAD_SANITIZED
	print_message("a sanitizer makes calls of its own: the sandbox is not tried\n");
	return true;
#endif
	if (preload != NULL && strstr(preload, "vgpreload") != NULL) {
		print_message("under valgrind the sandbox is not tried\n");
		return true;
	}
	return false;
}

static void
tries(enum role r, uint32_t uid)
{
	int ended;
	pid_t child = fork();

	if (child == 0)
		_exit(try_all(r, uid));
	assert_int_equal(waitpid(child, &ended, 0), child);
	if (ended != 0)
		print_error("%s: ended with %#x\n", role_word(r), ended);
	assert_int_equal(ended, 0);
}

static void
what_roles_may_and_may_not(void **state)
{
	if (cannot_be_tried())
		skip();
	for (unsigned r = 0; r < ROLE_COUNT; r++)
		if (r != ROLE_MONITOR && r != ROLE_ADMIN)
			tries((enum role)r, 0);
}

static void
under_a_user_of_its_own(void **state)
{
	if (cannot_be_tried())
		skip();
	if (geteuid() != 0) {
		print_message("not root: no other user can be taken\n");
		skip();
	}
	assert_int_equal(chown(folder, 65534, 65534), 0);
	tries(ROLE_STORE, 65534);
	tries(ROLE_MX, 65534);
}

/* Landlock by itself: the store may open files, but only its own. */
static void
landlock_is_used_where_the_kernel_has_it(void **state)
{
	const struct sandbox_config config = { .role = ROLE_MX };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int ended;
	pid_t child;

	if (cannot_be_tried())
		skip();
	child = fork();
	if (child == 0) {
		unsigned active = 0;

		if (sandbox_enter(&config, &active, NULL) != STATUS_OK)
			_exit(1);
		_exit(((active & SANDBOX_LANDLOCK) != 0) == (abi >= 1) ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &ended, 0), child);
	assert_int_equal(ended, 0);
}

static void
abort_still_ends_the_process(void **state)
{
	const struct sandbox_config config = { .role = ROLE_ACCESS };
	int ended;
	pid_t child;

	if (cannot_be_tried())
		skip();
	child = fork();
	if (child == 0) {
		const struct rlimit none = { 0, 0 };
		unsigned active = 0;

		(void)setrlimit(RLIMIT_CORE, &none);
		if (sandbox_enter(&config, &active, NULL) != STATUS_OK)
			_exit(1);
		(void)close(STDERR_FILENO);
		die("a bug");
	}
	assert_int_equal(waitpid(child, &ended, 0), child);
	assert_true(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGABRT);
}

static void
off_is_only_no_new_privs(void **state)
{
	const struct sandbox_config config = { .role = ROLE_MX, .off = true };
	int ended;
	pid_t child = fork();

	if (child == 0) {
		unsigned active = 0;

		if (sandbox_enter(&config, &active, NULL) != STATUS_OK)
			_exit(1);
		if ((active & ~(unsigned)SANDBOX_USER) != SANDBOX_NO_NEW_PRIVS)
			_exit(2);
		_exit(open_outside() == 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(child, &ended, 0), child);
	assert_int_equal(ended, 0);
}

/* A role ends with its monitor also after it took another user. */
static void
the_end_of_the_parent_is_still_awaited(void **state)
{
	const struct sandbox_config config = {
		.role = ROLE_MX, .uid = 65534, .gid = 65534, .off = true
	};
	int ended;
	pid_t child;

	if (geteuid() != 0) {
		print_message("not root: no other user can be taken\n");
		skip();
	}
	child = fork();
	if (child == 0) {
		unsigned active = 0;
		int sign = 0;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sandbox_enter(&config, &active, NULL) != STATUS_OK)
			_exit(1);
		_exit(prctl(PR_GET_PDEATHSIG, &sign) == 0 && sign == SIGKILL ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &ended, 0), child);
	assert_int_equal(ended, 0);
}

static void
words(void **state)
{
	char out[64], small[10];

	sandbox_words(0, out, sizeof(out));
	assert_string_equal(out, "");
	sandbox_words(SANDBOX_SECCOMP | SANDBOX_USER, out, sizeof(out));
	assert_string_equal(out, "user seccomp");
	sandbox_words(31, out, sizeof(out));
	assert_string_equal(out, "user no-new-privs seccomp landlock not-dumpable");
	sandbox_words(31, small, sizeof(small));
	assert_string_equal(small, "user");
}

static int
set_up(void **state)
{
	const struct sockaddr_in any = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)snprintf(folder, sizeof(folder), "/tmp/mailstead-sandbox-XXXXXX");
	(void)snprintf(outside, sizeof(outside), "/tmp/mailstead-outside-XXXXXX");
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (mkdtemp(folder) == NULL || mkdtemp(outside) == NULL || listening < 0 ||
	    chmod(outside, 0777) != 0)
		return -1;
	return bind(listening, (const struct sockaddr *)&any, sizeof(any)) == 0
		   ? listen(listening, 1)
		   : -1;
}

static int
tear_down(void **state)
{
	(void)close(listening);
	return rmdir(folder) | rmdir(outside);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_roles_may_and_may_not),
		cmocka_unit_test(under_a_user_of_its_own),
		cmocka_unit_test(landlock_is_used_where_the_kernel_has_it),
		cmocka_unit_test(abort_still_ends_the_process),
		cmocka_unit_test(off_is_only_no_new_privs),
		cmocka_unit_test(the_end_of_the_parent_is_still_awaited),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
