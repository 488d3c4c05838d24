/* SPDX-License-Identifier: ISC */
/*
 * Starting a thread. Signals are blocked before it exists, since it inherits
 * the mask, and given back to the caller afterwards.
 */
#include "runtime/thread.h"

#include <signal.h>
#include <stdio.h>

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
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	char word[16];
	int error;

	CHECK(pthread_attr_init(&attr) == 0);
	CHECK(pthread_attr_setstacksize(&attr, stack_size(stack)) == 0);
	(void)sigfillset(&all);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	error = pthread_create(&thread, &attr, run, arg);
	CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	(void)pthread_attr_destroy(&attr);
	if (error != 0)
		return STATUS_LIMIT;
	(void)snprintf(word, sizeof(word), "%.15s", name);
	(void)pthread_setname_np(thread, word);
	*out = thread;
	return STATUS_OK;
}
