/* SPDX-License-Identifier: ISC */
/*
 * Starting a thread. Signals are blocked before it exists, since it inherits
 * the mask, and given back to the caller afterwards. A thread names itself:
 * naming another one opens a file, which no sandboxed role may.
 */
#include "runtime/thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#include "base/arena.h"

struct start {
	void *(*run)(void *arg);
	void *arg;
	char name[16];
};

static void *
begin(void *arg)
{
	struct start s = *(struct start *)arg;

	mem_free(arg);
	(void)pthread_setname_np(pthread_self(), s.name);
	return s.run(s.arg);
}

static size_t
stack_size(size_t wanted)
{
	size_t size = wanted == 0 ? THREAD_STACK : wanted;

#ifdef MAILSTEAD_SANITIZED
	size *= 4;
#endif
	return size;
}

enum status
thread_start(const char *name, size_t stack, void *(*run)(void *arg), void *arg, pthread_t *out)
{
	struct start *s = MEM_NEW(struct start);
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int error;

	s->run = run;
	s->arg = arg;
	(void)snprintf(s->name, sizeof(s->name), "%.15s", name);
	CHECK(pthread_attr_init(&attr) == 0);
	CHECK(pthread_attr_setstacksize(&attr, stack_size(stack)) == 0);
	(void)sigfillset(&all);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	error = pthread_create(&thread, &attr, begin, s);
	CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	(void)pthread_attr_destroy(&attr);
	if (error != 0) {
		mem_free(s);
		return STATUS_LIMIT;
	}
	*out = thread;
	return STATUS_OK;
}

int64_t
thread_time(void)
{
	struct timespec now;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

bool
thread_sleep(_Atomic uint32_t *word, uint32_t value, int64_t until)
{
	const struct timespec at = { until / CLOCK_SECOND, until % CLOCK_SECOND * 1000 };
	long r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
	    until == INT64_MAX ? NULL : &at, NULL, FUTEX_BITSET_MATCH_ANY);

	return r == 0 || errno != ETIMEDOUT;
}

void
thread_wake(_Atomic uint32_t *word)
{
	(void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* ---- keepers ---- */

static _Thread_local const struct thread_keeper *keeper_of_this;

void
thread_set_keeper(const struct thread_keeper *keeper)
{
	keeper_of_this = keeper;
}

void
thread_blocks(void)
{
	if (keeper_of_this != NULL)
		keeper_of_this->blocks(keeper_of_this->arg);
}

void
thread_goes_on(void)
{
	if (keeper_of_this != NULL)
		keeper_of_this->goes_on(keeper_of_this->arg);
}

/* How long who waits for one thing watches another as well. */
#define WATCH_MS 20

void
thread_await_input(int fd, int milliseconds)
{
	const struct thread_keeper *k = keeper_of_this;
	struct pollfd p[2] = { { fd, POLLIN, 0 }, { -1, POLLIN, 0 } };
	bool brief = milliseconds >= 0 && milliseconds <= WATCH_MS;
	int n;

	if (k == NULL) {
		(void)poll(p, 1, milliseconds);
		return;
	}
	p[1].fd = k->watches(k->arg);
	n = poll(p, 2, p[1].fd < 0 || brief ? milliseconds : WATCH_MS);
	if (p[1].fd >= 0 && p[0].revents == 0 && (n != 0 || !brief)) {
		k->hears(k->arg);
		(void)poll(p, 1, milliseconds);
	}
	k->goes_on(k->arg);
}
