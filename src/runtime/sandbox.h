/* SPDX-License-Identifier: ISC */
/*
 * Confinement of a role: a system-call allow-list (seccomp, by libseccomp) and
 * the file system taken away (Landlock, by system call), after no_new_privs.
 * One table says for each role what it may: see sandbox.c. Applied once, when
 * start-up has opened what the role needs.
 *
 * What is not allowed fails with EPERM (from Landlock: EACCES); it does not end
 * the process. A refused call gives an intruder nothing, while killing would
 * make each harmless call that a library adds one day into an outage; "strace
 * -f -e status=failed" shows what is refused. Refused to every role: executing, making
 * executable memory, new processes, ptrace, mounts, and making sockets except
 * where the row of the role says so.
 */
#ifndef RUNTIME_SANDBOX_H
#define RUNTIME_SANDBOX_H

#include "runtime/roles.h"

/* What is active in this process; for `mailstead doctor`. */
enum sandbox_part {
	SANDBOX_USER = 1, /* runs under a user of its own, not root */
	SANDBOX_NO_NEW_PRIVS = 2,
	SANDBOX_SECCOMP = 4,
	SANDBOX_LANDLOCK = 8,
	SANDBOX_NOT_DUMPABLE = 16,
};

struct sandbox_config {
	enum role role;
	uint32_t uid, gid;    /* to drop to; 0: keep (started without root) */
	const char *writable; /* a folder that stays usable (store), or NULL */
	bool off;	      /* sanitizer builds: only no_new_privs */
};

/* UNAVAILABLE with words if what the kernel offers could not be applied; a
 * kernel without Landlock is no failure. *active tells the parts. */
enum status sandbox_enter(
    const struct sandbox_config *config, unsigned *active, struct failure *f) MUST_CHECK;
unsigned sandbox_active(void);
void sandbox_words(unsigned active, char *out, size_t cap);

#endif
