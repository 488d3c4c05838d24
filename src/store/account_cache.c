/* SPDX-License-Identifier: ISC */
/*
 * Which accounts are in memory. An account that somebody holds stays; the
 * others stand in a list, least recently used first, and go from there when
 * all together take more than ACCOUNT_CACHE_MAX. Watching an account does not
 * hold it.
 */
#include "store/core.h"

#define ACCOUNT_BASE 600u /* octets beside the struct: maps, allocator */

static struct account *
account_new(struct store *s, uint64_t id)
{
	struct account *a = MEM_NEW(struct account);

	owner_init(&a->owner, &account_class, s, (struct entity){ ENTITY_ACCOUNT, id });
	a->id = id;
	list_init(&a->lru);
	atomic_store(&a->weight, sizeof(*a) + ACCOUNT_BASE);
	return a;
}

static void
account_free(struct account *a)
{
	owner_done(&a->owner);
	mem_free(a);
}

struct account *
account_get(struct store *s, uint64_t id)
{
	struct account *a;

	pthread_mutex_lock(&s->lock);
	a = map_get_u64(&s->accounts, id);
	if (a == NULL) {
		a = account_new(s, id);
		(void)map_put_u64(&s->accounts, id, a);
	}
	a->refs++;
	list_remove(&a->lru);
	pthread_mutex_unlock(&s->lock);
	return a;
}

static void
recount(struct store *s, struct account *a)
{
	size_t weight = atomic_load_explicit(&a->weight, memory_order_relaxed);

	s->cost += weight - a->cost;
	a->cost = weight;
}

/* Takes the least recently used out of the cache, to be freed by the caller. */
static struct account *
evict(struct store *s)
{
	struct list *it;
	struct account *a;

	if (s->cost <= ACCOUNT_CACHE_MAX)
		return NULL;
	it = list_take_first(&s->lru);
	if (it == NULL)
		return NULL;
	a = LIST_OWNER(it, struct account, lru);
	s->cost -= a->cost;
	(void)map_remove_u64(&s->accounts, a->id);
	return a;
}

void
account_put(struct account *a)
{
	struct store *s = a->owner.store;

	pthread_mutex_lock(&s->lock);
	recount(s, a);
	if (--a->refs == 0)
		list_add_last(&s->lru, &a->lru);
	while ((a = evict(s)) != NULL)
		account_free(a);
	pthread_mutex_unlock(&s->lock);
}

void
account_weigh_mailbox(struct account *a, struct kept_mailbox *k)
{
	size_t cost = sizeof(*k) + k->m.name.len + 120 + index_cost(&k->index) + k->tail_bytes.cap;

	a->mailbox_weight += cost - k->cost;
	k->cost = cost;
}

void
account_weigh(struct account *a)
{
	size_t weight = sizeof(*a) + ACCOUNT_BASE + a->mailbox_weight +
			remembered_cost(&a->remembered) + a->head.keywords * (size_t)150;

	atomic_store_explicit(&a->weight, weight, memory_order_relaxed);
}

void
account_cache_free(struct store *s)
{
	struct list *it;

	while ((it = list_take_first(&s->lru)) != NULL)
		account_free(LIST_OWNER(it, struct account, lru));
	map_done(&s->accounts);
}
