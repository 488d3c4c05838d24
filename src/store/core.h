/* SPDX-License-Identifier: ISC */
/* The store itself, for the files of src/store only; see store/store.h. */
#ifndef STORE_CORE_H
#define STORE_CORE_H

#include <stdatomic.h>

#include "store/account.h"
#include "store/bell.h"
#include "store/board.h"
#include "store/directory.h"
#include "store/feed.h"
#include "store/queue.h"
#include "store/sending.h"
#include "store/site.h"
#include "store/stage.h"
#include "store/store.h"
#include "store/tend.h"
#include "store/trace.h"

#define STORE_MAGIC 0x570e0000u
#define ACCOUNT_CACHE_MAX (256u << 20) /* octets that cached accounts may take */

struct store {
	unsigned magic;
	struct engine *engine;
	struct store_config config;
	char token_key[32];
	struct pool *pool;
	_Atomic uint64_t blob_count;
	_Atomic uint64_t batch_id; /* of the next batch; the first is random */
	char blob_seed[8];
	_Atomic bool alarmed; /* the disk's trouble was told */
	_Atomic bool closing;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t idle;
	unsigned busy; /* owners at work */
	struct map accounts;
	struct list lru; /* least recently used first */
	size_t cost;

	struct directory directory;
	struct queue queue;
	struct sending sending;
	struct site site;
	struct feed feed;
	struct bell directory_bell;
	struct tender tender;
	struct staging staging;
	struct trace trace;
};

/* An owner begins or ends work: store_free waits for all. */
void core_busy(struct store *s, int change);
/* How a commit or a load ended: raises the alarm once, and takes it back. */
void core_wrote(struct store *s, enum status how);
struct blob_id core_blob_id(struct store *s);

/* A copy that somebody owns, and its end. */
static inline struct text
text_own(struct text t)
{
	return (struct text){ mem_string(t), t.len };
}

static inline void
text_disown(struct text t)
{
	mem_free((char *)(uintptr_t)t.ptr);
}

#endif
