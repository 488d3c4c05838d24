/* SPDX-License-Identifier: ISC */
/*
 * Lists of keyword names, counted by the sessions that hold them. One lock for
 * all: it is held for a few copies of pointers, once a command at most.
 */
#include "imap/keywords.h"

#include <string.h>

#include "base/arena.h"
#include "store/calls.h"

struct keywords {
	struct keyword_cache *cache;
	uint64_t account;
	unsigned holders;
	struct texts names; /* each owned */
	uint32_t cap;
};

void
keyword_cache_init(struct keyword_cache *cache)
{
	*cache = (struct keyword_cache){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

void
keyword_cache_done(struct keyword_cache *cache)
{
	CHECK(cache->by_account.count == 0);
	map_done(&cache->by_account);
	(void)pthread_mutex_destroy(&cache->lock);
}

struct keywords *
keywords_get(struct keyword_cache *cache, uint64_t account)
{
	struct keywords *k;

	(void)pthread_mutex_lock(&cache->lock);
	k = map_get_u64(&cache->by_account, account);
	if (k == NULL) {
		k = MEM_NEW(struct keywords);
		k->cache = cache;
		k->account = account;
		(void)map_put_u64(&cache->by_account, account, k);
	}
	k->holders++;
	(void)pthread_mutex_unlock(&cache->lock);
	return k;
}

static void
keywords_free(struct keywords *k)
{
	for (uint32_t i = 0; i < k->names.count; i++)
		mem_free((void *)(uintptr_t)k->names.at[i].ptr);
	mem_free(k->names.at);
	mem_free(k);
}

void
keywords_put(struct keywords *k)
{
	struct keyword_cache *cache = k->cache;
	bool last;

	(void)pthread_mutex_lock(&cache->lock);
	last = --k->holders == 0;
	if (last)
		(void)map_remove_u64(&cache->by_account, k->account);
	(void)pthread_mutex_unlock(&cache->lock);
	if (last)
		keywords_free(k);
}

uint32_t
keywords_count(struct keywords *k)
{
	uint32_t count;

	(void)pthread_mutex_lock(&k->cache->lock);
	count = k->names.count;
	(void)pthread_mutex_unlock(&k->cache->lock);
	return count;
}

static void
append(struct keywords *k, struct text name)
{
	if (k->names.count == k->cap) {
		k->cap = k->cap == 0 ? 8 : 2 * k->cap;
		k->names.at = mem_resize(k->names.at, k->cap, sizeof(*k->names.at));
	}
	k->names.at[k->names.count++] = (struct text){ mem_string(name), name.len };
}

void
keywords_learn(struct keywords *k, uint32_t from, struct texts names)
{
	(void)pthread_mutex_lock(&k->cache->lock);
	/* Others may have learnt them meanwhile; a gap is never made. */
	for (uint32_t i = 0; i < names.count && from + i < KEYWORDS_PER_ACCOUNT; i++)
		if (from + i == k->names.count)
			append(k, names.at[i]);
	(void)pthread_mutex_unlock(&k->cache->lock);
}

struct texts
keywords_names(struct keywords *k, struct arena *a)
{
	struct texts names;

	(void)pthread_mutex_lock(&k->cache->lock);
	names.count = k->names.count;
	names.at = ARENA_ARRAY(a, struct text, names.count + 1);
	if (names.count > 0)
		memcpy(names.at, k->names.at, names.count * sizeof(*names.at));
	(void)pthread_mutex_unlock(&k->cache->lock);
	return names;
}

uint32_t
keywords_find(struct keywords *k, struct text name)
{
	uint32_t found = UINT32_MAX;

	(void)pthread_mutex_lock(&k->cache->lock);
	for (uint32_t i = 0; i < k->names.count && found == UINT32_MAX; i++)
		if (text_equal_ci(k->names.at[i], name))
			found = i;
	(void)pthread_mutex_unlock(&k->cache->lock);
	return found;
}
