/* SPDX-License-Identifier: ISC */
/*
 * A bounded pool of worker threads for ordinary blocking code. Tasks are
 * intrusive and run in the order they came; threads are started when all are
 * busy, up to max, and go after a minute without work, down to min. The most
 * recently idle thread is woken first, so that few stay warm.
 *
 * A pool may have a source: what a worker asks for tasks, one at a time, when
 * none are queued. So whoever finds that a client spoke serves it, and no
 * other thread has to be woken for it. While the asker is at work itself
 * nobody asks; it, or another that is awake, asks when it is done, and one that
 * is about to wait for something (thread_blocks) sees to it that somebody
 * does; if it waits by thread_await_input it watches the source meanwhile, and
 * wakes another only when there is something.
 *
 * A pool is cooperative if its tasks say when they wait for others, by what
 * they wait with (calls, streams, thread_blocks). Then no more of its threads
 * are awake at once than the machine has processors: more would only take
 * turns. With a source it always is.
 */
#ifndef RUNTIME_POOL_H
#define RUNTIME_POOL_H

#include <stdint.h>

#include "base/list.h"
#include "base/status.h"

struct pool;

struct task {
	struct list node;
	void (*run)(struct task *t); /* owns t from then on */
};

struct pool_config {
	const char *name; /* of the threads, at most 15 bytes */
	unsigned min, max;
	size_t stack; /* octets; 0: 256 KiB */
	int64_t idle; /* microseconds without work before a thread goes; 0: a minute */
	bool cooperative;
	/* The source, or NULL; with one, min is at least 1. It waits until there is
	 * something to do and submits it, or until it is interrupted, which stays
	 * so until the wait that comes next or is under way returns. */
	void (*wait)(void *source);
	void (*interrupt)(void *source);
	void *source;
	int source_fd; /* is readable when a wait would find something; 0: none */
};

struct pool *pool_new(const struct pool_config *config);
/* From any thread. A task given to the front (sign-ins, wake-ups) overtakes
 * those that were not; each kind keeps its order. */
void pool_run(struct pool *p, struct task *t);
void pool_run_front(struct pool *p, struct task *t);
/* All tasks of the list (by their nodes), which is empty afterwards. */
void pool_run_front_all(struct pool *p, struct list *tasks);
/* Waits until all tasks are done and all threads ended. */
void pool_free(struct pool *p);

struct pool_facts {
	unsigned threads, busy;
	size_t queued;
};
void pool_facts_of(struct pool *p, struct pool_facts *out);

#endif
