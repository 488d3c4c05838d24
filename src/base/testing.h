/* SPDX-License-Identifier: ISC */
/*
 * What unit tests share: cmocka with the headers that it wants before it, and
 * the comparisons of our own types. For *_test.c files only.
 */
#ifndef BASE_TESTING_H
#define BASE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka's fail() hides ours; its fail_msg() says more anyway, and must not
 * mean ours. */
#undef fail
#undef fail_msg
#define fail_msg(...)                      \
	do {                               \
		print_error(__VA_ARGS__);  \
		print_error("\n");         \
		_fail(__FILE__, __LINE__); \
	} while (0)

#include "base/text.h"

/* The view t holds exactly the bytes of the literal. */
#define assert_text(t, literal) assert_true(text_equal((t), TEXT(literal)))
#define assert_ok(s) assert_int_equal((s), STATUS_OK)

/* True when fn ends the process by abort(3); runs it in a child, silently. */
UNUSED static bool
test_dies(void (*fn)(void))
{
	int ended = 0;
	pid_t child = fork();

	if (child == 0) {
		const struct rlimit none = { 0, 0 };

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGABRT, SIG_DFL);
		(void)close(STDERR_FILENO);
		fn();
		_exit(0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &ended, 0), child);
	return WIFSIGNALED(ended) && WTERMSIG(ended) == SIGABRT;
}

#endif
