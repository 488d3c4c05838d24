/* SPDX-License-Identifier: ISC */
/* The monitor from the inside: one child a role's instance; for its files. */
#ifndef RUNTIME_MONITOR_PARTS_H
#define RUNTIME_MONITOR_PARTS_H

#include <sys/types.h>

#include "runtime/control.h"
#include "runtime/monitor.h"

#define MONITOR_CHILDREN_MAX 64

enum child_state {
	CHILD_DOWN,    /* started again at restart_at, unless 0 */
	CHILD_STARTED, /* START was sent */
	CHILD_READY,   /* takes links */
	CHILD_SERVING, /* begin has returned */
};

struct child {
	const struct monitor_role *config;
	uint32_t instance;
	enum child_state state;
	bool stopping; /* STOP was sent, or worse */
	pid_t pid;
	int pidfd, control;		       /* -1 while down */
	int64_t started;		       /* monotonic */
	int64_t restart_at;		       /* monotonic; 0: never */
	int64_t back_off;		       /* of the last restart */
	uint64_t linked[MONITOR_CHILDREN_MAX]; /* number of the link; 0: none */
	int64_t link_at[MONITOR_CHILDREN_MAX]; /* not linked again before */
};

struct monitor {
	const struct monitor_config *config;
	struct child children[MONITOR_CHILDREN_MAX];
	unsigned count;
	int signals, operators; /* descriptors */
	int helper;		/* pidfd of what ready started, or -1 */
	char *operator_path;
	int notes;		  /* intake's memfd */
	int board, board_to_read; /* the store's memfd, and the same for others */
	/* certificates of now; in the arena once they were read again */
	const struct role_certificate *certificates;
	uint32_t certificate_count;
	struct arena *certificate_arena;
	uint64_t last_link;
	uint32_t last_operator;
	bool was_ready;
	bool failed; /* could not start */
	bool killed; /* one had to be, at the end */
	int stage;   /* of stopping; 0: running */
	int64_t stage_ends;
};

/* monitor_start.c: executes the role and sends START. */
enum status child_start(struct monitor *m, struct child *c) MUST_CHECK;
/* What a role may have, by one table: which secrets, and so on. */
bool monitor_grants_secret(enum role r, enum secret s);
/* Sends, and ends the child if it does not listen. */
void child_tell(
    struct child *c, enum control_type type, const void *record, const int *fds, unsigned fd_count);
void child_kill(struct child *c);

/* monitor_links.c */
/* Links every two children that trust each other, run, and are not linked.
 * Gives the moment when to come again, or INT64_MAX. */
int64_t monitor_link_all(struct monitor *m, int64_t now);
void monitor_unlink(struct monitor *m, struct child *c);
/* This child said that its link to a peer broke. */
void monitor_link_lost(
    struct monitor *m, struct child *c, const struct control_LOST *lost, int64_t now);
/* One operator waits at m->operators. */
void monitor_admit(struct monitor *m);
enum status monitor_listen_operators(struct monitor *m) MUST_CHECK;

#endif
