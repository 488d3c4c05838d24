/* SPDX-License-Identifier: ISC */
/* Where outgoing mail goes, as the schedule has it, for the operator. */
#include <stdlib.h>

#include "store/core.h"
#include "store/queue_walk.h"

#define DESTINATIONS_MAX 5000u

struct row {
	struct text name; /* in the call's arena */
	struct schedule_facts facts;
};

static int
by_waiting(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t p = x->facts.recipients, q = y->facts.recipients;

	return p != q ? (p < q) - (p > q) : text_compare(x->name, y->name);
}

/* Others are remembered only for their windows. */
static bool
is_of_interest(const struct schedule_facts *f)
{
	return f->recipients > 0 || f->leased > 0 || f->failures > 0;
}

/* A copy, so that sorting is done without the lock. */
static struct row *
destinations(struct outgoing *o, struct text only, struct arena *a, size_t *count)
{
	struct row *rows;
	struct text name;
	size_t n = 0, at = 0;

	pthread_mutex_lock(&o->lock);
	rows = ARENA_ARRAY(a, struct row, schedule_count(o->schedule) + 1);
	if (only.len > 0) {
		rows[0].name = only;
		n = schedule_facts(o->schedule, only, &rows[0].facts) ? 1 : 0;
	} else {
		while (schedule_each(o->schedule, &at, &name, &rows[n].facts))
			if (is_of_interest(&rows[n].facts))
				rows[n++].name = arena_copy(a, name);
	}
	pthread_mutex_unlock(&o->lock);
	*count = n;
	return rows;
}

static void
tell_destinations(struct queue_admin_destinations_reply *r, const struct row *rows, size_t n,
    uint32_t most, struct arena *a)
{
	struct numbers *lists[] = { &r->waiting, &r->leased, &r->windows, &r->failures, &r->rests };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		*lists[i] = (struct numbers){ ARENA_ARRAY(a, uint64_t, most), most };
	r->destinations = (struct texts){ ARENA_ARRAY(a, struct text, most), most };
	for (size_t i = 0; i < n; i++) {
		const struct schedule_facts *f = &rows[i].facts;

		r->total_waiting += f->recipients;
		r->total_leased += f->leased;
		if (i >= most)
			continue;
		r->destinations.at[i] = rows[i].name;
		r->waiting.at[i] = f->recipients;
		r->leased.at[i] = f->leased;
		r->windows.at[i] = f->window;
		r->failures.at[i] = f->failures;
		r->rests.at[i] = f->rest > clock_wall() ? (uint64_t)(f->rest / CLOCK_SECOND) : 0;
	}
	r->total = n;
}

void
serve_queue_admin_destinations(struct call_in *in, const void *request, void *context)
{
	const struct queue_admin_destinations_request *r = request;
	struct outgoing *o = &((struct store *)context)->queue.outgoing;
	struct queue_admin_destinations_reply reply = { .none_ = 0 };
	struct arena *a = call_arena(in);
	size_t n;
	struct row *rows = destinations(o, r->destination, a, &n);
	uint64_t most = r->most == 0 || r->most > DESTINATIONS_MAX ? DESTINATIONS_MAX : r->most;

	qsort(rows, n, sizeof(*rows), by_waiting);
	tell_destinations(&reply, rows, n, (uint32_t)(n < most ? n : most), a);
	call_reply(in, &reply);
}
