/* SPDX-License-Identifier: ISC */
/*
 * Sets of UIDs, counted by the sessions that have the mailbox selected; see
 * uid_cache.h. One lock for all: it is held to find an entry and to take a
 * reference, when a mailbox is selected and when it has changed. A mailbox
 * that was renamed keeps its entry under the old name until its sessions have
 * left, or until another comes by that name.
 */
#include "imap/uid_cache.h"

#include "base/arena.h"

struct uid_entry {
	struct uid_cache *cache;
	struct text key; /* owned */
	unsigned holders;
	bool listed; /* it stands in by_name */
	uint32_t mailbox;
	uint64_t highest; /* 0: no set yet */
	uint64_t modseq;
	struct uidset uids;
	struct known_open open;
};

void
uid_cache_init(struct uid_cache *cache)
{
	*cache = (struct uid_cache){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

void
uid_cache_done(struct uid_cache *cache)
{
	CHECK(cache->by_name.count == 0);
	map_done(&cache->by_name);
	(void)pthread_mutex_destroy(&cache->lock);
}

static struct text
key_of(struct arena *a, uint64_t account, struct text name)
{
	return arena_printf(a, "%016llx%.*s", (unsigned long long)account, TEXT_ARG(name));
}

void
uid_cache_find(struct uid_cache *cache, uint64_t account, struct text name, struct known_uids *out)
{
	struct arena a = ARENA_INIT;
	struct text key = key_of(&a, account, name);
	struct uid_entry *e;

	*out = (struct known_uids){ .mailbox = 0 };
	(void)pthread_mutex_lock(&cache->lock);
	e = map_get(&cache->by_name, key);
	if (e != NULL && e->highest > 0) {
		out->mailbox = e->mailbox;
		out->highest = e->highest;
		out->modseq = e->modseq;
		out->open = e->open;
		uidset_share(&out->uids, &e->uids);
	}
	(void)pthread_mutex_unlock(&cache->lock);
	arena_done(&a);
}

/* Under the lock. */
static void
unlist(struct uid_entry *e)
{
	if (e->listed)
		(void)map_remove(&e->cache->by_name, e->key);
	e->listed = false;
}

struct uid_entry *
uid_cache_enter(struct uid_cache *cache, uint64_t account, struct text name, uint32_t mailbox)
{
	struct arena a = ARENA_INIT;
	struct text key = key_of(&a, account, name);
	struct uid_entry *e;

	(void)pthread_mutex_lock(&cache->lock);
	e = map_get(&cache->by_name, key);
	if (e != NULL && e->mailbox != mailbox) {
		unlist(e);
		e = NULL;
	}
	if (e == NULL) {
		e = MEM_NEW(struct uid_entry);
		e->cache = cache;
		e->key = (struct text){ mem_string(key), key.len };
		e->mailbox = mailbox;
		e->listed = true;
		(void)map_put(&cache->by_name, e->key, e);
	}
	e->holders++;
	(void)pthread_mutex_unlock(&cache->lock);
	arena_done(&a);
	return e;
}

void
uid_cache_leave(struct uid_entry *e)
{
	struct uid_cache *cache = e->cache;
	bool last;

	(void)pthread_mutex_lock(&cache->lock);
	last = --e->holders == 0;
	if (last)
		unlist(e);
	(void)pthread_mutex_unlock(&cache->lock);
	if (!last)
		return;
	uidset_done(&e->uids);
	mem_free((char *)(uintptr_t)e->key.ptr);
	mem_free(e);
}

void
uid_cache_opened(struct uid_entry *e, const struct known_open *open)
{
	(void)pthread_mutex_lock(&e->cache->lock);
	e->open = *open;
	(void)pthread_mutex_unlock(&e->cache->lock);
}

void
uid_cache_meet(struct uid_entry *e, uint64_t highest, uint64_t modseq, struct uidset *uids)
{
	struct uidset old = UIDSET_INIT;

	(void)pthread_mutex_lock(&e->cache->lock);
	if (highest > e->highest) {
		old = e->uids; /* freed without the lock */
		e->uids = (struct uidset)UIDSET_INIT;
		uidset_share(&e->uids, uids);
		e->highest = highest;
	} else if (highest == e->highest && uidset_total(uids) == uidset_total(&e->uids) &&
		   uidset_runs(uids) == uidset_runs(&e->uids)) {
		old = *uids;
		*uids = (struct uidset)UIDSET_INIT;
		uidset_share(uids, &e->uids);
	}
	if (highest == e->highest && modseq > e->modseq)
		e->modseq = modseq;
	(void)pthread_mutex_unlock(&e->cache->lock);
	uidset_done(&old);
}

bool
uid_cache_take(struct uid_entry *e, uint64_t highest, uint32_t total, struct uidset *uids)
{
	struct uidset old = UIDSET_INIT;
	bool there;

	(void)pthread_mutex_lock(&e->cache->lock);
	there = e->highest == highest && uidset_total(&e->uids) == total;
	if (there) {
		old = *uids;
		*uids = (struct uidset)UIDSET_INIT;
		uidset_share(uids, &e->uids);
	}
	(void)pthread_mutex_unlock(&e->cache->lock);
	uidset_done(&old);
	return there;
}
