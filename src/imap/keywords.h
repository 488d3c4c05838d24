/* SPDX-License-Identifier: ISC */
/*
 * The keyword names of accounts, held once a process and shared by the
 * sessions of an account: messages carry positions in the account's list,
 * which only grows. Any thread may use it.
 */
#ifndef IMAP_KEYWORDS_H
#define IMAP_KEYWORDS_H

#include <pthread.h>

#include "base/map.h"
#include "runtime/calls.h"

struct keywords;

struct keyword_cache {
	pthread_mutex_t lock;
	struct map by_account;
};

void keyword_cache_init(struct keyword_cache *cache);
/* All were put back. */
void keyword_cache_done(struct keyword_cache *cache);

/* The account's list, to be put back; the names live until then. */
struct keywords *keywords_get(struct keyword_cache *cache, uint64_t account);
void keywords_put(struct keywords *k);

uint32_t keywords_count(struct keywords *k);
/* The names from position `from` on, as the store told them. */
void keywords_learn(struct keywords *k, uint32_t from, struct texts names);
/* All names of now; the array in the arena, the names in the list. */
struct texts keywords_names(struct keywords *k, struct arena *a);
/* The position of a name whatever its case, or UINT32_MAX. */
uint32_t keywords_find(struct keywords *k, struct text name);

#endif
