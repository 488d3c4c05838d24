/* SPDX-License-Identifier: ISC */
/* Whose turn it is; see store/schedule.h. */
#include "store/schedule.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"

/* Places are counted in recipients; between two there is room for an order of
 * arrival. */
#define PLACE INT64_C(65536)
/* A priority is worth so many recipients of a head start. */
#define PRIORITY_WORTH (1000 * PLACE)
/* Pauses between deliveries after "busy". */
#define PAUSE_FIRST (100 * CLOCK_MS)
#define PAUSE_MAX CLOCK_MINUTE
#define REMEMBER_IDLE (10 * CLOCK_MINUTE)
/* So many at a destination take along what comes meanwhile. */
#define SEVERAL 8

struct entry {
	int64_t key; /* due time; then the place among those that are due */
	struct schedule_run run;
};

struct destination {
	struct text name; /* owned */
	struct heap later, ready;
	struct map finish;   /* sender -> where his last one in ready ends */
	uint64_t recipients; /* of all entries */
	int64_t turn;	     /* the place of the one that was taken last */
	uint16_t arrivals;
	uint32_t leased, failures, window;
	uint32_t well;	    /* since the window grew */
	int64_t pause;	    /* between deliveries */
	int64_t not_before; /* end of pause or rest */
	int64_t rest;	    /* end of a rest, else 0 */
	int64_t used;
	int64_t timer;	  /* the earliest of those in the heap, or INT64_MAX */
	uint32_t timers;  /* in the heap */
	struct list open; /* in the ring of those that may be tried */
	struct list age;  /* by last use */
};

struct timer {
	int64_t at;
	struct destination *destination;
};

struct schedule {
	const struct schedule_limits *limits;
	struct map destinations;
	struct heap timers;
	struct list open;
	struct list age;
	uint32_t leased;
};

struct schedule *
schedule_new(const struct schedule_limits *limits)
{
	struct schedule *s = MEM_NEW(struct schedule);

	s->limits = limits;
	s->timers = (struct heap)HEAP_OF(struct timer);
	list_init(&s->open);
	list_init(&s->age);
	return s;
}

static void
destination_free(struct destination *d)
{
	list_remove(&d->open);
	list_remove(&d->age);
	heap_done(&d->later);
	heap_done(&d->ready);
	map_done(&d->finish);
	mem_free((void *)(uintptr_t)d->name.ptr);
	mem_free(d);
}

void
schedule_free(struct schedule *s)
{
	struct list *node;

	while ((node = s->age.next) != &s->age)
		destination_free(LIST_OWNER(node, struct destination, age));
	map_done(&s->destinations);
	heap_done(&s->timers);
	mem_free(s);
}

/* What was not used for long, and of the rest the oldest beyond the limit, if
 * nothing waits there. A few each time, so that the cost is spread. */
static void
forget_some(struct schedule *s, int64_t now)
{
	for (int i = 0; i < 2; i++) {
		struct destination *d;

		if (list_empty(&s->age))
			return;
		d = LIST_OWNER(s->age.next, struct destination, age);
		if (s->destinations.count <= SCHEDULE_IDLE_MAX && now - d->used < REMEMBER_IDLE)
			return;
		if (d->later.count + d->ready.count + d->leased + d->timers == 0 &&
		    d->rest <= now) {
			(void)map_remove(&s->destinations, d->name);
			destination_free(d);
			continue;
		}
		d->used = now;
		list_remove(&d->age);
		list_add_last(&s->age, &d->age);
	}
}

static struct destination *
destination_of(struct schedule *s, struct text name, int64_t now)
{
	struct destination *d = map_get(&s->destinations, name);

	if (d == NULL) {
		d = MEM_NEW(struct destination);
		d->name = text_of(mem_string(name));
		d->later = d->ready = (struct heap)HEAP_OF(struct entry);
		d->window = s->limits->window_first;
		d->timer = INT64_MAX;
		list_init(&d->open);
		list_init(&d->age);
		(void)map_put(&s->destinations, name, d);
	}
	d->used = now;
	list_remove(&d->age);
	list_add_last(&s->age, &d->age);
	return d;
}

/* ---- places and times ---- */

/* Where it stands among what is due: behind its sender's last one, and not
 * before the one that was taken last. */
static void
take_place(struct destination *d, struct entry e)
{
	int64_t last = (int64_t)(uintptr_t)map_get_u64(&d->finish, e.run.sender);
	int64_t start = last > d->turn ? last : d->turn;

	(void)map_put_u64(&d->finish, e.run.sender, (void *)(uintptr_t)(start + e.run.count));
	e.key = start * PLACE + d->arrivals++ - e.run.priority * PRIORITY_WORTH;
	heap_push(&d->ready, &e);
}

static void
set_timer(struct schedule *s, struct destination *d, int64_t at)
{
	struct timer t = { at, d };

	if (at >= d->timer)
		return;
	d->timer = at;
	d->timers++;
	heap_push(&s->timers, &t);
}

/* Brings what is due to its place, and the destination into the ring or out of
 * it. */
static void
settle(struct schedule *s, struct destination *d, int64_t now)
{
	const struct entry *first;
	struct entry e;
	bool open;

	while ((first = heap_first(&d->later)) != NULL && first->key <= now) {
		heap_pop(&d->later, &e);
		take_place(d, e);
	}
	if (first != NULL)
		set_timer(s, d, first->key);
	open = d->ready.count > 0 && d->leased < (d->failures > 0 ? 1 : d->window);
	if (open && d->not_before > now) {
		set_timer(s, d, d->not_before);
		open = false;
	}
	if (!open)
		list_remove(&d->open);
	else if (list_empty(&d->open))
		list_add_last(&s->open, &d->open);
}

static void
advance(struct schedule *s, int64_t now)
{
	const struct timer *first;
	struct timer t;

	while ((first = heap_first(&s->timers)) != NULL && first->at <= now) {
		heap_pop(&s->timers, &t);
		t.destination->timers--;
		if (t.at != t.destination->timer)
			continue; /* an earlier one was set after it */
		t.destination->timer = INT64_MAX;
		settle(s, t.destination, now);
	}
}

/* ---- the functions ---- */

void
schedule_add(struct schedule *s, struct text destination, const struct schedule_run *run,
    int64_t due, int64_t now)
{
	struct entry e = { due, *run };
	struct destination *d;

	CHECK(run->count > 0 && run->count <= SCHEDULE_RUN_MAX);
	forget_some(s, now);
	d = destination_of(s, destination, now);
	heap_push(&d->later, &e);
	d->recipients += run->count;
	settle(s, d, now);
}

bool
schedule_lease(struct schedule *s, struct text prefer, int64_t now, struct text *destination,
    struct schedule_run *run)
{
	struct destination *d = NULL;
	struct entry e;
	int64_t place;

	advance(s, now);
	if (s->leased >= s->limits->leases || list_empty(&s->open))
		return false;
	if (prefer.len > 0)
		d = map_get(&s->destinations, prefer);
	if (d == NULL || list_empty(&d->open))
		d = LIST_OWNER(s->open.next, struct destination, open);
	list_remove(&d->open);
	heap_pop(&d->ready, &e);
	d->recipients -= e.run.count;
	place = (e.key + e.run.priority * PRIORITY_WORTH) / PLACE;
	d->turn = place > d->turn ? place : d->turn;
	if (d->ready.count == 0) {
		map_done(&d->finish);
		d->turn = 0;
	}
	d->leased++;
	s->leased++;
	if (d->pause > 0)
		d->not_before = now + d->pause;
	settle(s, d, now);
	*destination = d->name;
	*run = e.run;
	return true;
}

static void
went_well(struct schedule *s, struct destination *d)
{
	d->failures = 0;
	d->rest = 0;
	d->pause = d->pause > CLOCK_MS ? d->pause * 3 / 4 : 0;
	if (++d->well >= d->window && d->window < s->limits->window_max) {
		d->window++;
		d->well = 0;
	}
}

static void
is_busy(struct destination *d, int64_t now)
{
	d->window = d->window > 1 ? d->window / 2 : 1;
	d->well = 0;
	d->pause = d->pause == 0 ? PAUSE_FIRST : d->pause * 2;
	if (d->pause > PAUSE_MAX)
		d->pause = PAUSE_MAX;
	d->not_before = now + d->pause;
}

static void
is_down(struct schedule *s, struct destination *d, int64_t now, uint32_t dice)
{
	int64_t rest = s->limits->rest_first;

	if (d->rest > now)
		return; /* one of several that were under way: told already */
	for (uint32_t i = 0; i < d->failures && rest < s->limits->rest_max; i++)
		rest *= 2;
	if (rest > s->limits->rest_max)
		rest = s->limits->rest_max;
	d->failures++;
	d->window = s->limits->window_first;
	d->well = 0;
	d->rest = d->not_before = now + rest - (int64_t)(dice % (uint64_t)(rest / 4 + 1));
}

void
schedule_end(
    struct schedule *s, struct text destination, enum schedule_end how, int64_t now, uint32_t dice)
{
	struct destination *d = destination_of(s, destination, now);

	CHECK(d->leased > 0 && s->leased > 0);
	d->leased--;
	s->leased--;
	switch (how) {
	case SCHEDULE_WELL:
		went_well(s, d);
		break;
	case SCHEDULE_NEITHER:
		break;
	case SCHEDULE_BUSY:
		is_busy(d, now);
		break;
	case SCHEDULE_DOWN:
		is_down(s, d, now, dice);
		break;
	}
	settle(s, d, now);
}

void
schedule_wake(struct schedule *s, struct text destination, int64_t now)
{
	struct destination *d = map_get(&s->destinations, destination);

	if (d == NULL)
		return;
	d->rest = d->not_before = 0;
	d->failures = 0;
	d->pause = 0;
	settle(s, d, now);
}

int64_t
schedule_next(const struct schedule *s)
{
	const struct timer *first = heap_first(&s->timers);

	if (s->leased >= s->limits->leases)
		return INT64_MAX; /* until one ends */
	if (!list_empty(&s->open))
		return 0;
	return first == NULL ? INT64_MAX : first->at;
}

/* Few destinations are passed over, for each has SEVERAL leases, and whoever ends
 * one of those takes the next along; what waits there for one that hangs is found
 * by whoever asks after the next tick (outgoing_tend). */
bool
schedule_wants(const struct schedule *s, int64_t now)
{
	if (schedule_next(s) > now)
		return false;
	LIST_EACH(&s->open, it)
	{
		const struct destination *d = LIST_OWNER(it, struct destination, open);

		if (d->leased < SEVERAL || d->ready.count > d->leased)
			return true;
	}
	return list_empty(&s->open);
}

static struct schedule_facts
facts_of(const struct destination *d)
{
	return (struct schedule_facts){
		.waiting = d->later.count + d->ready.count,
		.recipients = d->recipients,
		.leased = d->leased,
		.window = d->failures > 0 ? 1 : d->window,
		.failures = d->failures,
		.rest = d->rest,
	};
}

bool
schedule_facts(struct schedule *s, struct text destination, struct schedule_facts *out)
{
	const struct destination *d = map_get(&s->destinations, destination);

	if (d == NULL)
		return false;
	*out = facts_of(d);
	return true;
}

bool
schedule_each(
    const struct schedule *s, size_t *at, struct text *destination, struct schedule_facts *out)
{
	const struct destination *d;
	void *p;

	if (!map_each(&s->destinations, at, NULL, NULL, &p))
		return false;
	d = p;
	*destination = d->name;
	*out = facts_of(d);
	return true;
}

size_t
schedule_count(const struct schedule *s)
{
	return s->destinations.count;
}
