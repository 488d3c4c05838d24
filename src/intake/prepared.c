/* SPDX-License-Identifier: ISC */
/* What was made ahead of the call that files it; see intake/prepared.h. */
#include "intake/prepared.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list kept = LIST_INIT(kept); /* the oldest first */
static size_t kept_octets;

struct prepared *
prepared_new(uint64_t op, uint32_t first, struct numbers sizes)
{
	struct prepared *p = MEM_NEW(struct prepared);

	*p = (struct prepared){ .op = op, .first = first, .count = sizes.count };
	list_init(&p->node);
	p->sizes = mem_array(3 * (size_t)sizes.count, sizeof(*p->sizes));
	p->summary_sizes = p->sizes + sizes.count;
	p->content_sizes = p->summary_sizes + sizes.count;
	if (sizes.count > 0)
		memcpy(p->sizes, sizes.at, sizes.count * sizeof(*p->sizes));
	return p;
}

void
prepared_free(struct prepared *p)
{
	buffer_done(&p->summaries);
	buffer_done(&p->contents);
	mem_free(p->sizes);
	mem_free(p);
}

static struct prepared *
of_node(struct list *node)
{
	return LIST_OWNER(node, struct prepared, node);
}

static size_t
octets_of(const struct prepared *p)
{
	return p->summaries.cap + p->contents.cap + 3 * p->count * sizeof(*p->sizes);
}

/* With the lock. */
static void
leave(struct prepared *p)
{
	list_remove(&p->node);
	kept_octets -= octets_of(p);
}

/* With the lock: what is too old, or too much, comes out. */
static void
make_room(struct list *out)
{
	int64_t since = clock_mono() - PREPARED_MINUTES * CLOCK_MINUTE;

	while (!list_empty(&kept) &&
	       (kept_octets > PREPARED_OCTETS || of_node(kept.next)->came < since)) {
		struct prepared *p = of_node(kept.next);

		leave(p);
		list_add_last(out, &p->node);
	}
}

void
prepared_free_all(struct list *all)
{
	struct list *node;

	while ((node = list_take_first(all)) != NULL)
		prepared_free(of_node(node));
}

void
prepared_keep(struct prepared *p)
{
	struct list old;

	list_init(&old);
	pthread_mutex_lock(&lock);
	p->came = clock_mono();
	list_add_last(&kept, &p->node);
	kept_octets += octets_of(p);
	make_room(&old);
	pthread_mutex_unlock(&lock);
	prepared_free_all(&old);
}

/* Before the first that begins behind it. */
static void
add_by_first(struct list *to, struct prepared *p)
{
	struct list *at = to;

	while (at->prev != to && of_node(at->prev)->first > p->first)
		at = at->prev;
	list_add_last(at, &p->node);
}

void
prepared_take(uint64_t op, struct list *out)
{
	list_init(out);
	pthread_mutex_lock(&lock);
	LIST_EACH_SAFE(&kept, it)
	{
		struct prepared *p = of_node(it);

		if (p->op != op)
			continue;
		leave(p);
		add_by_first(out, p);
	}
	pthread_mutex_unlock(&lock);
}

bool
prepared_fits(const struct prepared *p, uint32_t i, struct numbers sizes)
{
	return p->first == i && i < sizes.count && p->count > 0 && p->count <= sizes.count - i &&
	       memcmp(p->sizes, sizes.at + i, p->count * sizeof(*p->sizes)) == 0;
}
