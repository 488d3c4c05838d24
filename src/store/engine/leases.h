/* SPDX-License-Identifier: ISC */
/*
 * Leases of entities for an engine that lives on one machine, where they end
 * with the process anyway. Times are those of clock_mono().
 */
#ifndef STORE_ENGINE_LEASES_H
#define STORE_ENGINE_LEASES_H

#include <pthread.h>

#include "base/map.h"
#include "store/engine.h"

struct leases {
	pthread_mutex_t lock;
	struct map held; /* entity's key -> struct lease */
};

void leases_init(struct leases *l);
void leases_done(struct leases *l);
/* As engine_lease. */
enum status leases_take(
    struct leases *l, struct entity entity, struct text owner, int64_t microseconds) MUST_CHECK;

#endif
