/* SPDX-License-Identifier: ISC */
/*
 * See smtp/greet.h. A map from address keys to entries, and a list of them in
 * order of last use; both bounded, so that a flood of addresses costs a
 * stranger's memory of us and nothing else.
 */
#include "smtp/greet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "runtime/limits.h"

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

/* An address as octets; one of IPv4 that came over an IPv6 socket counts as
 * IPv4. */
struct octets {
	uint8_t at[16];
	unsigned len;
};

static struct octets
octets_of_v6(const struct in6_addr *a)
{
	struct octets o = { .len = 16 };

	memcpy(o.at, a, 16);
	if (IN6_IS_ADDR_V4MAPPED(a)) {
		memcpy(o.at, a->s6_addr + 12, 4);
		o.len = 4;
	}
	return o;
}

static struct octets
octets_of_peer(const struct sockaddr_storage *peer)
{
	struct octets o = { .len = 0 };

	if (peer->ss_family == AF_INET6)
		return octets_of_v6(&((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr);
	if (peer->ss_family == AF_INET) {
		memcpy(o.at, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
		o.len = 4;
	}
	return o;
}

static struct octets
octets_of_text(struct text t)
{
	struct octets o = { .len = 0 };
	struct in6_addr six;
	char s[64];

	if (text_to_string(t, s, sizeof(s)) != STATUS_OK)
		return o;
	if (inet_pton(AF_INET, s, o.at) == 1)
		o.len = 4;
	else if (inet_pton(AF_INET6, s, &six) == 1)
		o = octets_of_v6(&six);
	return o;
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

static bool
network_has(struct text network, const struct octets *peer)
{
	size_t slash = text_find_byte(network, '/', 0);
	struct octets base = octets_of_text(text_part(network, 0, slash));
	uint32_t bits = base.len * 8;

	if (base.len == 0 || base.len != peer->len)
		return false;
	if (slash < network.len &&
	    (text_to_u32(text_part(network, slash + 1, network.len), &bits) != STATUS_OK ||
		bits > base.len * 8))
		return false;
	return same_bits(base.at, peer->at, bits);
}

bool
smtp_peer_allowed(const struct sockaddr_storage *peer, struct text networks)
{
	struct octets o = octets_of_peer(peer);
	struct text one;

	while (text_split(&networks, ' ', &one))
		if (network_has(one, &o))
			return true;
	return false;
}
