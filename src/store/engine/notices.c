/* SPDX-License-Identifier: ISC */
/* Watches inside this process; see store/engine/notices.h. */
#include "store/engine/notices.h"

#include "base/arena.h"

struct watch {
	struct list in_bucket;
	struct entity entity;
	engine_notice fn; /* NULL: removed while functions are being called */
	void *arg;
};

static struct list *
bucket_of(struct notices *n, struct entity e)
{
	uint64_t h = (e.id ^ (uint64_t)e.kind << 56) * UINT64_C(0x9e3779b97f4a7c15);

	return &n->bucket[(h >> 32) % NOTICE_BUCKETS];
}

void
notices_init(struct notices *n)
{
	pthread_mutexattr_t attr;

	*n = (struct notices){ .last_id = 0 };
	CHECK(pthread_mutexattr_init(&attr) == 0);
	CHECK(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE) == 0);
	CHECK(pthread_mutex_init(&n->lock, &attr) == 0);
	(void)pthread_mutexattr_destroy(&attr);
	for (size_t i = 0; i < NOTICE_BUCKETS; i++)
		list_init(&n->bucket[i]);
}

static void
watch_free(struct watch *w)
{
	list_remove(&w->in_bucket);
	mem_free(w);
}

void
notices_done(struct notices *n)
{
	for (size_t i = 0; i < NOTICE_BUCKETS; i++)
		LIST_EACH_SAFE(&n->bucket[i], it)
	watch_free(LIST_OWNER(it, struct watch, in_bucket));
	map_done(&n->by_id);
	(void)pthread_mutex_destroy(&n->lock);
}

uint64_t
notices_add(struct notices *n, struct entity entity, engine_notice fn, void *arg)
{
	struct watch *w = MEM_NEW(struct watch);
	uint64_t id;

	w->entity = entity;
	w->fn = fn;
	w->arg = arg;
	pthread_mutex_lock(&n->lock);
	id = ++n->last_id;
	(void)map_put_u64(&n->by_id, id, w);
	list_add_last(bucket_of(n, entity), &w->in_bucket);
	(void)atomic_fetch_add(&n->count, 1);
	pthread_mutex_unlock(&n->lock);
	return id;
}

void
notices_remove(struct notices *n, uint64_t id)
{
	struct watch *w;

	pthread_mutex_lock(&n->lock);
	w = map_remove_u64(&n->by_id, id);
	if (w != NULL) {
		(void)atomic_fetch_sub(&n->count, 1);
		w->fn = NULL;
		if (n->firing == 0)
			watch_free(w);
		else
			n->dirty = true;
	}
	pthread_mutex_unlock(&n->lock);
}

static void
sweep(struct list *bucket)
{
	LIST_EACH_SAFE(bucket, it)
	{
		struct watch *w = LIST_OWNER(it, struct watch, in_bucket);

		if (w->fn == NULL)
			watch_free(w);
	}
}

/* Watches are only marked while functions run, so that the walk stays on its
 * feet; what was added meanwhile may be called too. */
static void
fire_bucket(struct list *bucket, struct entity entity)
{
	LIST_EACH(bucket, it)
	{
		struct watch *w = LIST_OWNER(it, struct watch, in_bucket);

		if (w->fn != NULL && w->entity.kind == entity.kind && w->entity.id == entity.id)
			w->fn(w->arg, entity);
	}
}

static void
sweep_all(struct notices *n)
{
	n->dirty = false;
	for (size_t i = 0; i < NOTICE_BUCKETS; i++)
		sweep(&n->bucket[i]);
}

void
notices_fire(struct notices *n, struct entity entity)
{
	if (atomic_load(&n->count) == 0)
		return;
	pthread_mutex_lock(&n->lock);
	n->firing++;
	fire_bucket(bucket_of(n, entity), entity);
	if (--n->firing == 0 && n->dirty)
		sweep_all(n);
	pthread_mutex_unlock(&n->lock);
}
