/* SPDX-License-Identifier: ISC */
/*
 * See smtp/greet.h. A map from address keys to entries, and a list of them in
 * order of last use; both bounded, so that a flood of addresses costs a
 * stranger's memory of us and nothing else.
 */
#include "smtp/greet.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "runtime/limits.h"
#include "runtime/network.h"

struct greeter {
	struct list by_use; /* in smtp_greeters.by_use, the latest first */
	uint64_t key;
	int64_t seen; /* monotonic */
};

struct smtp_greeters {
	pthread_mutex_t lock;
	struct map by_key;
	struct list by_use;
	size_t max;
};

struct smtp_greeters *
smtp_greeters_new(size_t max)
{
	struct smtp_greeters *g = MEM_NEW(struct smtp_greeters);

	(void)pthread_mutex_init(&g->lock, NULL);
	list_init(&g->by_use);
	g->max = max;
	return g;
}

static void
forget(struct smtp_greeters *g, struct greeter *one)
{
	(void)map_remove_u64(&g->by_key, one->key);
	list_remove(&one->by_use);
	mem_free(one);
}

void
smtp_greeters_free(struct smtp_greeters *g)
{
	if (g == NULL)
		return;
	while (!list_empty(&g->by_use))
		forget(g, LIST_OWNER(g->by_use.next, struct greeter, by_use));
	map_done(&g->by_key);
	(void)pthread_mutex_destroy(&g->lock);
	mem_free(g);
}

static void
touch(struct smtp_greeters *g, struct greeter *one)
{
	one->seen = clock_mono();
	list_remove(&one->by_use);
	list_add_first(&g->by_use, &one->by_use);
}

bool
smtp_greeters_know(struct smtp_greeters *g, const struct sockaddr_storage *peer, int64_t keep)
{
	bool known = false;

	(void)pthread_mutex_lock(&g->lock);
	struct greeter *one = map_get_u64(&g->by_key, limits_key_address(peer));

	if (one != NULL && clock_mono() - one->seen < keep) {
		touch(g, one);
		known = true;
	}
	(void)pthread_mutex_unlock(&g->lock);
	return known;
}

void
smtp_greeters_remember(struct smtp_greeters *g, const struct sockaddr_storage *peer)
{
	uint64_t key = limits_key_address(peer);

	(void)pthread_mutex_lock(&g->lock);
	struct greeter *one = map_get_u64(&g->by_key, key);

	if (one == NULL) {
		if (g->by_key.count >= g->max)
			forget(g, LIST_OWNER(g->by_use.prev, struct greeter, by_use));
		one = MEM_NEW(struct greeter);
		one->key = key;
		list_init(&one->by_use);
		(void)map_put_u64(&g->by_key, key, one);
	}
	touch(g, one);
	(void)pthread_mutex_unlock(&g->lock);
}

bool
smtp_peer_allowed(const struct sockaddr_storage *peer, struct text networks)
{
	struct text which;

	return network_list_has(networks, peer, &which);
}
