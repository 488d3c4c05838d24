/* SPDX-License-Identifier: ISC */
/*
 * See smtp/known.h. An era is the time between two changes of the directory:
 * an answer that was asked for in an earlier era is not added. When the map is
 * full it is emptied: those who matter come again at once.
 */
#include "smtp/known.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "store/calls.h"

struct accepted {
	int64_t at; /* monotonic */
	uint64_t size;
};

struct smtp_known {
	pthread_mutex_t lock;
	struct map accepted; /* address -> struct accepted */
	size_t max;
	uint64_t era;
	bool told; /* of changes */
};

struct smtp_known *
smtp_known_new(size_t max)
{
	struct smtp_known *k = MEM_NEW(struct smtp_known);

	CHECK(pthread_mutex_init(&k->lock, NULL) == 0);
	k->max = max;
	return k;
}

/* With the lock. */
static void
forget(struct smtp_known *k)
{
	size_t at = 0;
	void *one;

	while (map_each(&k->accepted, &at, NULL, NULL, &one))
		mem_free(one);
	map_done(&k->accepted);
}

void
smtp_known_free(struct smtp_known *k)
{
	if (k == NULL)
		return;
	forget(k);
	(void)pthread_mutex_destroy(&k->lock);
	mem_free(k);
}

bool
smtp_known_has(struct smtp_known *k, struct text address, uint64_t size, int64_t keep)
{
	const struct accepted *one;
	bool known;

	(void)pthread_mutex_lock(&k->lock);
	one = map_get(&k->accepted, address);
	known = one != NULL && size <= one->size && clock_mono() - one->at < keep;
	(void)pthread_mutex_unlock(&k->lock);
	return known;
}

uint64_t
smtp_known_era(struct smtp_known *k)
{
	uint64_t era;

	(void)pthread_mutex_lock(&k->lock);
	era = k->era;
	(void)pthread_mutex_unlock(&k->lock);
	return era;
}

static struct accepted *
entry_of(struct smtp_known *k, struct text address)
{
	struct accepted *one = map_get(&k->accepted, address);

	if (one != NULL)
		return one;
	if (k->accepted.count >= k->max)
		forget(k);
	one = MEM_NEW(struct accepted);
	(void)map_put(&k->accepted, address, one);
	return one;
}

void
smtp_known_add(struct smtp_known *k, struct text address, uint64_t size, uint64_t era)
{
	(void)pthread_mutex_lock(&k->lock);
	if (k->told && k->era == era)
		*entry_of(k, address) = (struct accepted){ clock_mono(), size };
	(void)pthread_mutex_unlock(&k->lock);
}

static void
begin_era(struct smtp_known *k, bool told)
{
	(void)pthread_mutex_lock(&k->lock);
	k->era++;
	k->told = told;
	forget(k);
	(void)pthread_mutex_unlock(&k->lock);
}

void
smtp_known_changed(struct smtp_known *k)
{
	begin_era(k, true);
}

void
smtp_known_lost(struct smtp_known *k)
{
	begin_era(k, false);
}

/* By who reads the link. */
static void
fed(void *arg, enum status s, const void *reply)
{
	(void)reply;
	if (s == STATUS_OK)
		smtp_known_changed(arg);
	else
		smtp_known_lost(arg);
}

void
smtp_known_follow(struct smtp_known *k, struct calls *calls)
{
	const struct store_directory_feed_request request = { 0 };
	enum status s = call_stream(calls, &store_directory_feed_call, &request, fed, k);

	if (s != STATUS_OK) /* then it is asked each time */
		LOG_WARN("smtp.no-directory-feed", FIELD_STATUS(s));
}
