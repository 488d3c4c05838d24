/* SPDX-License-Identifier: ISC */
/*
 * RocksDB starts threads that live as long as the process, so a process that
 * opened it cannot be forked any more. Tests that need processes of their own
 * (to be killed, or to live under other limits) fork first and open then; in a
 * child a CHECK that fails is the test's failure. For *_test.c files only.
 */
#ifndef STORE_ENGINE_CHILD_H
#define STORE_ENGINE_CHILD_H

#include <sys/wait.h>
#include <unistd.h>

#include "store/engine/engine_folder.h"

#define CHILD_SKIP 77

/* The child's pid; fn returns its exit status. */
UNUSED static pid_t
child_start(int (*fn)(void *arg), void *arg)
{
	pid_t child = fork();

	if (child == 0)
		_exit(fn(arg));
	assert_true(child > 0);
	return child;
}

UNUSED static void
child_run(int (*fn)(void *arg), void *arg)
{
	pid_t child = child_start(fn, arg);
	int ended;

	assert_int_equal(waitpid(child, &ended, 0), child);
	if (WIFEXITED(ended) && WEXITSTATUS(ended) == CHILD_SKIP)
		skip();
	if (WIFSIGNALED(ended))
		print_error("the child was ended by signal %d\n", WTERMSIG(ended));
	assert_true(WIFEXITED(ended));
	assert_int_equal(WEXITSTATUS(ended), 0);
}

#endif
