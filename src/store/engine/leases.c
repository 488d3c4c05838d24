/* SPDX-License-Identifier: ISC */
/* Leases on one machine; see store/engine/leases.h. */
#include "store/engine/leases.h"

#include "base/arena.h"
#include "base/clock.h"
#include "store/engine/keys.h"

struct lease {
	char *owner;
	int64_t until;
};

static void
lease_free(struct lease *lease)
{
	if (lease == NULL)
		return;
	mem_free(lease->owner);
	mem_free(lease);
}

void
leases_init(struct leases *l)
{
	*l = (struct leases){ .held = MAP_INIT };
	CHECK(pthread_mutex_init(&l->lock, NULL) == 0);
}

void
leases_done(struct leases *l)
{
	size_t at = 0;
	void *lease;

	while (map_each(&l->held, &at, NULL, NULL, &lease))
		lease_free(lease);
	map_done(&l->held);
	(void)pthread_mutex_destroy(&l->lock);
}

static enum status
take_locked(struct leases *l, struct text key, struct text owner, int64_t microseconds)
{
	struct lease *lease = map_get(&l->held, key);
	int64_t now = clock_mono();

	if (lease != NULL && lease->until > now && !text_equal(text_of(lease->owner), owner))
		return STATUS_DENIED;
	lease_free(map_remove(&l->held, key));
	if (microseconds <= 0)
		return STATUS_OK;
	lease = MEM_NEW(struct lease);
	lease->owner = mem_string(owner);
	if (__builtin_add_overflow(now, microseconds, &lease->until))
		lease->until = INT64_MAX;
	(void)map_put(&l->held, key, lease);
	return STATUS_OK;
}

enum status
leases_take(struct leases *l, struct entity entity, struct text owner, int64_t microseconds)
{
	struct row_key k;
	enum status s;

	row_key_make(&k, entity, TEXT_EMPTY);
	pthread_mutex_lock(&l->lock);
	s = take_locked(l, row_key_text(&k), owner, microseconds);
	pthread_mutex_unlock(&l->lock);
	return s;
}
