/* SPDX-License-Identifier: ISC */
/*
 * The sandbox: system calls in sets, and one row a role that says which sets
 * it has. Arguments that matter are looked at: threads but no processes, no
 * executable memory, signals to oneself alone. Landlock takes away the whole
 * file system but `writable`, binding and connecting over TCP, and signals and
 * abstract sockets beyond the process, as far as the kernel knows these.
 */
#include "runtime/sandbox.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define UNAVAILABLE_WORDS "The service cannot be confined as the kernel offers"

static _Atomic unsigned active_parts;

/* ---- system calls ---- */

enum set {
	BASE = 1,    /* threads, memory, descriptors that are there */
	CLIENTS = 2, /* accepting and serving connections */
	FILES = 4,   /* the store's folder */
	NETWORK = 8, /* making Internet sockets */
};

/* lookup and outbound alone will make sockets; nobody else has NETWORK. */
static const unsigned role_sets[ROLE_COUNT] = {
	[ROLE_STORE] = BASE | FILES,
	[ROLE_AUTH] = BASE,
	[ROLE_LOOKUP] = BASE | NETWORK,
	[ROLE_INTAKE] = BASE,
	[ROLE_SCAN] = BASE,
	[ROLE_MX] = BASE | CLIENTS,
	[ROLE_ACCESS] = BASE | CLIENTS,
	[ROLE_WEB] = BASE | CLIENTS,
	[ROLE_OUTBOUND] = BASE | NETWORK,
};

static const struct {
	enum set set;
	int number;
} whole[] = {
#define MAY(set, name) { set, SCMP_SYS(name) },
#include "runtime/sandbox.def"
#undef MAY
};

/* Allows a call whose argument, masked, has this value. */
static int
allow_if(scmp_filter_ctx filter, int number, unsigned arg, uint64_t mask, uint64_t value)
{
	const struct scmp_arg_cmp is = {
		.arg = arg,
		.op = SCMP_CMP_MASKED_EQ,
		.datum_a = mask,
		.datum_b = value,
	};

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &is);
}

/* What may be done to a descriptor that is there. Not: to have it send signals,
 * which it would to any process (F_SETOWN, F_SETSIG, O_ASYNC). */
static int
add_fcntl(scmp_filter_ctx filter, unsigned sets)
{
	static const int all[] = { F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_ADD_SEALS,
		F_GET_SEALS };
	static const int files[] = { F_GETLK, F_SETLK, F_SETLKW, F_GET_RW_HINT, F_SET_RW_HINT,
		F_GET_FILE_RW_HINT, F_SET_FILE_RW_HINT };
	const struct scmp_arg_cmp set_flags[] = {
		{ .arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = F_SETFL },
		{ .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = O_ASYNC, .datum_b = 0 },
	};
	int error = 0;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		error |= allow_if(filter, SCMP_SYS(fcntl), 1, UINT32_MAX, (uint64_t)all[i]);
	for (size_t i = 0; i < ARRAY_LEN(files) && (sets & FILES) != 0; i++)
		error |= allow_if(filter, SCMP_SYS(fcntl), 1, UINT32_MAX, (uint64_t)files[i]);
	error |= seccomp_rule_add_array(
	    filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), ARRAY_LEN(set_flags), set_flags);
	return error;
}

/* The calls of which some uses are allowed. */
static int
add_conditional(scmp_filter_ctx filter, unsigned sets)
{
	uint64_t self = (uint64_t)getpid();
	int error = 0;

	/* No memory that can be executed. */
	error |= allow_if(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	error |= allow_if(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	/* Threads, no processes. clone3 hides its flags from us; the C library
	 * uses clone where it is told that there is no clone3. */
	error |= allow_if(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);
	error |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* abort(3) signals itself. */
	error |= allow_if(filter, SCMP_SYS(tgkill), 0, UINT64_MAX, self);
	/* A thread's name; and limits are read, not set. */
	error |= allow_if(filter, SCMP_SYS(prctl), 0, UINT64_MAX, PR_SET_NAME);
	error |= allow_if(filter, SCMP_SYS(prlimit64), 2, UINT64_MAX, 0);
	/* fstat(3) is newfstatat with an empty path. */
	if ((sets & FILES) == 0)
		error |= allow_if(filter, SCMP_SYS(newfstatat), 3, AT_EMPTY_PATH, AT_EMPTY_PATH);
	if ((sets & NETWORK) != 0) {
		error |= allow_if(filter, SCMP_SYS(socket), 0, UINT64_MAX, AF_INET);
		error |= allow_if(filter, SCMP_SYS(socket), 0, UINT64_MAX, AF_INET6);
	}
	return error | add_fcntl(filter, sets);
}

static int
add_all(scmp_filter_ctx filter, unsigned sets)
{
	int error = add_conditional(filter, sets);

	for (size_t i = 0; i < ARRAY_LEN(whole); i++)
		if ((whole[i].set & sets) != 0)
			error |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, whole[i].number, 0);
	/* All threads at once; a tree instead of a list. */
	error |= seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	error |= seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return error;
}

static enum status
enter_seccomp(enum role role, struct failure *f)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int error;

	if (filter == NULL)
		return fail(f, STATUS_UNAVAILABLE, UNAVAILABLE_WORDS, "seccomp_init failed");
	error = add_all(filter, role_sets[role]);
	if (error == 0)
		error = seccomp_load(filter);
	seccomp_release(filter);
	if (error != 0)
		return fail(
		    f, STATUS_UNAVAILABLE, UNAVAILABLE_WORDS, "seccomp: %s", strerror(-error));
	active_parts |= SANDBOX_SECCOMP;
	return STATUS_OK;
}

/* ---- Landlock ---- */

/* As the kernel has it; the C library's headers may be older. */
struct landlock_attr {
	uint64_t files, network, scope;
};

/* What exists from which version of Landlock on. */
#define FILES_V1 ((1u << 13) - 1)
#define FILES_REFER (1u << 13)	   /* 2 */
#define FILES_TRUNCATE (1u << 14)  /* 3 */
#define FILES_IOCTL_DEV (1u << 15) /* 5 */
#define NETWORK_TCP 3u		   /* 4: bind, connect */
#define SCOPE_ALL 3u		   /* 6: abstract sockets, signals */

/* What the store may do below its folder. */
#define FILES_OF_STORE                                                     \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |    \
	    LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |  \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | \
	    LANDLOCK_ACCESS_FS_MAKE_REG | FILES_REFER | FILES_TRUNCATE)

static struct landlock_attr
landlock_all(long abi, enum role role, size_t *size)
{
	struct landlock_attr a = { .files = FILES_V1 };

	if (abi >= 2)
		a.files |= FILES_REFER;
	if (abi >= 3)
		a.files |= FILES_TRUNCATE;
	if (abi >= 5)
		a.files |= FILES_IOCTL_DEV;
	if (abi >= 4 && (role_sets[role] & NETWORK) == 0)
		a.network = NETWORK_TCP;
	if (abi >= 6)
		a.scope = SCOPE_ALL;
	*size = (abi >= 6 ? 3 : abi >= 4 ? 2 : 1) * sizeof(uint64_t);
	return a;
}

static int
allow_folder(int ruleset, const char *folder, uint64_t files)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = FILES_OF_STORE & files,
		.parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	long r = -1;

	if (rule.parent_fd < 0)
		return -1;
	r = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	(void)close(rule.parent_fd);
	return (int)r;
}

/* OK where the kernel has no Landlock. */
static enum status
enter_landlock(const struct sandbox_config *config, struct failure *f)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_attr attr;
	size_t size;
	int ruleset;
	bool done;

	if (abi < 1)
		return STATUS_OK;
	attr = landlock_all(abi, config->role, &size);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return fail(f, STATUS_UNAVAILABLE, UNAVAILABLE_WORDS, "landlock, version %ld: %s",
		    abi, strerror(errno));
	done = (config->writable == NULL ||
		   allow_folder(ruleset, config->writable, attr.files) == 0) &&
	       syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	if (!done)
		(void)fail(f, STATUS_UNAVAILABLE, UNAVAILABLE_WORDS, "landlock%s%s: %s",
		    config->writable == NULL ? "" : ", folder ",
		    config->writable == NULL ? "" : config->writable, strerror(errno));
	(void)close(ruleset);
	if (!done)
		return STATUS_UNAVAILABLE;
	active_parts |= SANDBOX_LANDLOCK;
	return STATUS_OK;
}

/* ---- user ---- */

static enum status
drop_user(const struct sandbox_config *config, struct failure *f)
{
	int with_parent = 0;

	if (config->uid != 0 && geteuid() == 0) {
		(void)prctl(PR_GET_PDEATHSIG, &with_parent);
		if (setgroups(0, NULL) != 0 ||
		    setresgid(config->gid, config->gid, config->gid) != 0 ||
		    setresuid(config->uid, config->uid, config->uid) != 0)
			return fail(f, STATUS_UNAVAILABLE, UNAVAILABLE_WORDS,
			    "cannot become user %u group %u: %s", config->uid, config->gid,
			    strerror(errno));
		/* The kernel forgets this with the user. */
		if (with_parent != 0)
			(void)prctl(PR_SET_PDEATHSIG, with_parent);
		if (setuid(0) == 0)
			return fail(
			    f, STATUS_UNAVAILABLE, UNAVAILABLE_WORDS, "user 0 could be taken back");
	}
	if (geteuid() != 0)
		active_parts |= SANDBOX_USER;
	return STATUS_OK;
}

/* ---- all of it ---- */

/* What the C library would open later: the time zone, and the unwinder that
 * die() prints with. */
static void
warm_up(void)
{
	void *frame[1];

	tzset();
	(void)backtrace(frame, 1);
}

static enum status
set_flags(const struct sandbox_config *config, struct failure *f)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return fail(
		    f, STATUS_UNAVAILABLE, UNAVAILABLE_WORDS, "no_new_privs: %s", strerror(errno));
	active_parts |= SANDBOX_NO_NEW_PRIVS;
	if (config->off)
		return STATUS_OK;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return fail(
		    f, STATUS_UNAVAILABLE, UNAVAILABLE_WORDS, "dumpable: %s", strerror(errno));
	active_parts |= SANDBOX_NOT_DUMPABLE;
	return STATUS_OK;
}

enum status
sandbox_enter(const struct sandbox_config *config, unsigned *active, struct failure *f)
{
	enum status st;

	CHECK((unsigned)config->role < ROLE_COUNT && (config->off || role_sets[config->role] != 0));
	warm_up();
	st = drop_user(config, f);
	if (st == STATUS_OK)
		st = set_flags(config, f);
	if (st == STATUS_OK && !config->off)
		st = enter_landlock(config, f);
	if (st == STATUS_OK && !config->off)
		st = enter_seccomp(config->role, f);
	if (st == STATUS_OK)
		*active = active_parts;
	return st;
}

unsigned
sandbox_active(void)
{
	return active_parts;
}

void
sandbox_words(unsigned active, char *out, size_t cap)
{
	static const struct {
		enum sandbox_part part;
		const char *word;
	} words[] = {
		{ SANDBOX_USER, "user" },
		{ SANDBOX_NO_NEW_PRIVS, "no-new-privs" },
		{ SANDBOX_SECCOMP, "seccomp" },
		{ SANDBOX_LANDLOCK, "landlock" },
		{ SANDBOX_NOT_DUMPABLE, "not-dumpable" },
	};
	size_t at = 0;

	CHECK(cap > 0);
	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t len = strlen(words[i].word), gap = at > 0;

		if ((active & words[i].part) == 0 || at + gap + len + 1 > cap)
			continue;
		if (gap)
			out[at++] = ' ';
		memcpy(out + at, words[i].word, len + 1);
		at += len;
	}
}
