/* SPDX-License-Identifier: ISC */
/* What was made ahead of the call that files it; see intake/prepared.h. */
#include "intake/prepared.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "runtime/thread.h"

#define KEPT_FOR (PREPARED_MINUTES * CLOCK_MINUTE)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list kept = LIST_INIT(kept); /* the oldest first */
static size_t kept_octets;
static uint64_t over[PREPARED_OVER]; /* the next one is written at over_at */
static unsigned over_at;

static pthread_t tender;
static pthread_cond_t tender_wakes = PTHREAD_COND_INITIALIZER; /* there is something, or it ends */
static bool tended, tender_ends;

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
	size_t octets = p->summaries.cap + p->contents.cap + 3 * p->count * sizeof(*p->sizes);

	return octets < PREPARED_LEAST ? PREPARED_LEAST : octets;
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
	int64_t since = clock_mono() - KEPT_FOR;

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

/* With the lock. */
static bool
is_over(uint64_t op)
{
	for (unsigned i = 0; i < PREPARED_OVER; i++)
		if (over[i] == op)
			return op != 0;
	return false;
}

/* With the lock. */
static size_t
octets_with(uint64_t key)
{
	size_t octets = 0;

	LIST_EACH(&kept, it)
	{
		octets += of_node(it)->key == key ? octets_of(of_node(it)) : 0;
	}
	return octets;
}

enum status
prepared_keep(struct prepared *p)
{
	enum status s = STATUS_OK;
	struct list old;

	list_init(&old);
	pthread_mutex_lock(&lock);
	make_room(&old);
	if (is_over(p->op)) {
		list_add_last(&old, &p->node);
	} else if (octets_of(p) > PREPARED_SHARE - octets_with(p->key)) {
		list_add_last(&old, &p->node);
		s = STATUS_LIMIT;
	} else {
		p->came = clock_mono();
		list_add_last(&kept, &p->node);
		kept_octets += octets_of(p);
		make_room(&old);
		pthread_cond_signal(&tender_wakes);
	}
	pthread_mutex_unlock(&lock);
	prepared_free_all(&old);
	return s;
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
	if (!is_over(op))
		over[over_at++ % PREPARED_OVER] = op;
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

size_t
prepared_octets(void)
{
	size_t octets;

	pthread_mutex_lock(&lock);
	octets = kept_octets;
	pthread_mutex_unlock(&lock);
	return octets;
}

/* ---- letting go ---- */

/* With the lock: until the oldest is too old, or something comes. */
static void
wait_for_age(void)
{
	int64_t until;
	struct timespec then;

	if (list_empty(&kept)) {
		(void)pthread_cond_wait(&tender_wakes, &lock);
		return;
	}
	until = thread_time() + of_node(kept.next)->came + KEPT_FOR + 1 - clock_mono();
	then = (struct timespec){ until / CLOCK_SECOND, until % CLOCK_SECOND * 1000 };
	(void)pthread_cond_clockwait(&tender_wakes, &lock, CLOCK_MONOTONIC, &then);
}

static void *
tender_main(void *arg)
{
	struct list old;

	(void)arg;
	list_init(&old);
	pthread_mutex_lock(&lock);
	while (!tender_ends) {
		make_room(&old);
		if (list_empty(&old)) {
			wait_for_age();
			continue;
		}
		pthread_mutex_unlock(&lock);
		prepared_free_all(&old);
		pthread_mutex_lock(&lock);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

enum status
prepared_tend(struct failure *f)
{
	tender_ends = false;
	if (thread_start("prepared", 0, tender_main, NULL, &tender) != STATUS_OK)
		return fail(f, STATUS_UNAVAILABLE, "The system has no room for another thread",
		    "no thread for what is prepared");
	tended = true;
	return STATUS_OK;
}

void
prepared_end(void)
{
	struct list all;

	list_init(&all);
	pthread_mutex_lock(&lock);
	tender_ends = true;
	pthread_cond_signal(&tender_wakes);
	LIST_EACH_SAFE(&kept, it)
	{
		leave(of_node(it));
		list_add_last(&all, it);
	}
	pthread_mutex_unlock(&lock);
	prepared_free_all(&all);
	if (tended)
		(void)pthread_join(tender, NULL);
	tended = false;
}
