/* SPDX-License-Identifier: ISC */
/*
 * The monitor: starts the roles, makes the links between them, starts again
 * what ended, and stops all in order. It parses nothing but its own start and
 * its children's exit. What each role gets at start is in a table of
 * monitor_start.c: nothing that its job does not need. Which roles are linked is
 * in a table of monitor_links.c. An operator who may (root, or the monitor's own
 * user) gets links to all by operator.sock. SIGHUP reads the certificates
 * again; a second SIGTERM or SIGINT ends everything at once.
 */
#ifndef RUNTIME_MONITOR_H
#define RUNTIME_MONITOR_H

#include "runtime/role.h"

struct monitor_role {
	enum role role;
	uint32_t instances;
	uint32_t uid, gid; /* to run as; 0: as the monitor */
	uint32_t threads;  /* 0: the role's default */
};

struct monitor_config {
	struct text hostname;
	struct text dir;			     /* operator.sock is made in it */
	struct text engine;			     /* "rocksdb", "memory" */
	struct text resolver, trust_anchor, ca_file; /* as in struct role_start */
	struct texts own, routes, sources;
	const struct monitor_role *roles;
	uint32_t role_count;
	/* Bound sockets; the monitor hands each to the role of listener_role and
	 * keeps it open for the role's next life. */
	const struct role_listener *listeners;
	const enum role *listener_role;
	uint32_t listener_count;
	const struct role_certificate *certificates;
	uint32_t certificate_count;
	struct text secret[SECRET_COUNT];
	struct texts proxy_peers;
	uint32_t log_format, log_level;
	bool sandbox_off;   /* for tests */
	const char *binary; /* executed as "mailstead role NAME"; NULL: this program */
	/* SIGHUP: reads the certificates' files again, into the arena. */
	enum status (*reload)(void *arg, struct arena *a, const struct role_certificate **at,
	    uint32_t *count, struct failure *f);
	/* Once, when every role is linked and serves. Must not block for long. Gives
	 * the pidfd of a child that does the rest, for the monitor to wait for and
	 * to close; or -1. */
	int (*ready)(void *arg);
	void *arg;
};

/* Runs until SIGTERM or SIGINT, then stops all roles, fronts first. The exit
 * code: 0 after a clean stop, 1 with the reason on standard error if a role
 * could not be started at first or had to be killed at the end. Signals are
 * blocked and read by this function; call it before threads are started. */
int monitor_run(const struct monitor_config *config);

/* How long to wait before a role is started again: 100 ms, doubled each time
 * up to 30 s, or up to 2 s if it had served; and 100 ms again after a life of a
 * minute. */
int64_t monitor_back_off(int64_t last, int64_t lifetime, bool served);
/* Whether these two roles are linked: the trust diagram. */
bool monitor_trusts(enum role a, enum role b);

#endif
