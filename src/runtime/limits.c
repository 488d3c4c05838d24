/* SPDX-License-Identifier: ISC */
/*
 * The table of limits: a map from keys to entries under one lock. Entries that
 * count nothing alive stand in a list by last use, from whose end room is made
 * when the table is full; entries with something inside stand in no list and
 * stay. Buckets and failures are brought up to date when they are looked at.
 */
#include "runtime/limits.h"

#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"

#define LIMITS_MAGIC 0x11317500u
#define DELAY_FIRST CLOCK_SECOND
#define DELAY_DOUBLINGS_MAX 30

struct entry {
	struct list unused; /* by last use, oldest first; in none while inside > 0 */
	uint64_t key;
	unsigned inside;
	double spent; /* tokens missing from the full bucket */
	int64_t spent_at;
	double failures;
	int64_t failed_at;
};

struct limits {
	unsigned magic;
	size_t max;
	pthread_mutex_t lock;
	struct map map;
	struct list unused;
};

struct limits *
limits_new(size_t max_entries)
{
	struct limits *l = MEM_NEW(struct limits);

	CHECK(max_entries > 0);
	l->magic = LIMITS_MAGIC;
	l->max = max_entries;
	CHECK(pthread_mutex_init(&l->lock, NULL) == 0);
	list_init(&l->unused);
	return l;
}

void
limits_free(struct limits *l)
{
	size_t at = 0;
	void *value;

	MAGIC_CHECK(l, LIMITS_MAGIC);
	while (map_each(&l->map, &at, NULL, NULL, &value))
		mem_free(value);
	map_done(&l->map);
	pthread_mutex_destroy(&l->lock);
	l->magic = 0;
	mem_free(l);
}

static uint64_t
key_of_bytes(const void *bytes, size_t n)
{
	uint64_t key = text_hash((struct text){ bytes, n });

	return key == 0 ? 1 : key;
}

/* The octets that count: a whole IPv4 address, the /64 of an IPv6 one. */
uint64_t
limits_key_address(const struct sockaddr_storage *a)
{
	const struct sockaddr_in *in = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;

	if (a->ss_family == AF_INET)
		return key_of_bytes(&in->sin_addr, 4);
	if (a->ss_family != AF_INET6)
		return key_of_bytes(&a->ss_family, sizeof(a->ss_family));
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return key_of_bytes(&in6->sin6_addr.s6_addr[12], 4);
	return key_of_bytes(&in6->sin6_addr, 8);
}

uint64_t
limits_key_text(struct text t)
{
	return key_of_bytes(t.ptr, t.len);
}

/* Makes room by dropping what was unused longest; false if all count. */
static bool
make_room(struct limits *l)
{
	struct list *node;
	struct entry *e;

	if (l->map.count < l->max)
		return true;
	node = list_take_first(&l->unused);
	if (node == NULL)
		return false;
	e = LIST_OWNER(node, struct entry, unused);
	(void)map_remove_u64(&l->map, e->key);
	mem_free(e);
	return true;
}

/* The entry of a key, as most recently used; NULL when there is no room. */
static struct entry *
entry_of(struct limits *l, uint64_t key)
{
	struct entry *e = map_get_u64(&l->map, key);

	if (e == NULL) {
		if (!make_room(l))
			return NULL;
		e = MEM_NEW(struct entry);
		e->key = key;
		list_init(&e->unused);
		(void)map_put_u64(&l->map, key, e);
	}
	list_remove(&e->unused);
	if (e->inside == 0)
		list_add_last(&l->unused, &e->unused);
	return e;
}

bool
limits_enter(struct limits *l, uint64_t key, unsigned max)
{
	struct entry *e;
	bool entered;

	MAGIC_CHECK(l, LIMITS_MAGIC);
	pthread_mutex_lock(&l->lock);
	e = entry_of(l, key);
	entered = e != NULL && (max == 0 || e->inside < max);
	if (entered) {
		e->inside++;
		list_remove(&e->unused);
	}
	pthread_mutex_unlock(&l->lock);
	return entered;
}

void
limits_leave(struct limits *l, uint64_t key)
{
	struct entry *e;

	pthread_mutex_lock(&l->lock);
	e = map_get_u64(&l->map, key);
	CHECK(e != NULL && e->inside > 0);
	if (--e->inside == 0)
		list_add_last(&l->unused, &e->unused);
	pthread_mutex_unlock(&l->lock);
}

unsigned
limits_inside(struct limits *l, uint64_t key)
{
	const struct entry *e;
	unsigned inside;

	pthread_mutex_lock(&l->lock);
	e = map_get_u64(&l->map, key);
	inside = e == NULL ? 0 : e->inside;
	pthread_mutex_unlock(&l->lock);
	return inside;
}

/* A cost above burst is let through by a full bucket and paid off later. */
static int64_t
take(struct entry *e, double rate, double burst, double cost)
{
	int64_t now = clock_mono();
	double room = cost < burst ? cost : burst, wait;

	e->spent -= rate * (double)(now - e->spent_at) / (double)CLOCK_SECOND;
	if (e->spent < 0)
		e->spent = 0;
	e->spent_at = now;
	if (e->spent + room <= burst) {
		e->spent += cost;
		return 0;
	}
	wait = rate <= 0 ? (double)CLOCK_DAY
			 : ceil((e->spent + room - burst) / rate * (double)CLOCK_SECOND);
	return wait < (double)CLOCK_DAY ? (int64_t)wait : CLOCK_DAY;
}

int64_t
limits_take(struct limits *l, uint64_t key, double rate, double burst, double cost)
{
	struct entry *e;
	int64_t wait;

	MAGIC_CHECK(l, LIMITS_MAGIC);
	pthread_mutex_lock(&l->lock);
	e = entry_of(l, key);
	wait = e == NULL ? CLOCK_SECOND : take(e, rate, burst, cost);
	pthread_mutex_unlock(&l->lock);
	return wait;
}

static void
fade(struct entry *e)
{
	int64_t now = clock_mono();

	e->failures *= exp2(-(double)(now - e->failed_at) / (double)LIMITS_HALF_LIFE);
	e->failed_at = now;
}

void
limits_failed(struct limits *l, uint64_t key)
{
	struct entry *e;

	pthread_mutex_lock(&l->lock);
	e = entry_of(l, key);
	if (e != NULL) {
		fade(e);
		e->failures += 1;
	}
	pthread_mutex_unlock(&l->lock);
}

void
limits_forgive(struct limits *l, uint64_t key)
{
	struct entry *e;

	pthread_mutex_lock(&l->lock);
	e = map_get_u64(&l->map, key);
	if (e != NULL)
		e->failures = 0;
	pthread_mutex_unlock(&l->lock);
}

int64_t
limits_delay(struct limits *l, uint64_t key, int64_t max_delay)
{
	struct entry *e;
	long count = 0;
	int64_t delay;

	pthread_mutex_lock(&l->lock);
	e = map_get_u64(&l->map, key);
	if (e != NULL) {
		fade(e);
		count =
		    e->failures < DELAY_DOUBLINGS_MAX ? lround(e->failures) : DELAY_DOUBLINGS_MAX;
	}
	pthread_mutex_unlock(&l->lock);
	if (count == 0)
		return 0;
	delay = DELAY_FIRST << (count - 1);
	return delay < max_delay ? delay : max_delay;
}
