/* SPDX-License-Identifier: ISC */
/*
 * Who watches which entity inside this process. Functions are called one at a
 * time under the lock of this table: after notices_remove a function is not
 * running and will not run, unless it is itself the caller. So whoever removes
 * a watch must not hold a lock that its function takes.
 */
#ifndef STORE_ENGINE_NOTICES_H
#define STORE_ENGINE_NOTICES_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/map.h"
#include "store/engine.h"

#define NOTICE_BUCKETS 1024u

struct notices {
	pthread_mutex_t lock; /* recursive: a function may watch and unwatch */
	struct list bucket[NOTICE_BUCKETS];
	struct map by_id;
	uint64_t last_id;
	unsigned firing; /* depth */
	bool dirty;	 /* a watch was removed meanwhile */
	_Atomic size_t count;
};

void notices_init(struct notices *n);
void notices_done(struct notices *n);
uint64_t notices_add(struct notices *n, struct entity entity, engine_notice fn, void *arg);
void notices_remove(struct notices *n, uint64_t id);
void notices_fire(struct notices *n, struct entity entity);

#endif
