/* SPDX-License-Identifier: ISC */
/*
 * A walk over the outgoing mail that an operator selected, in bounded steps, for
 * the files that serve store/queue_admin_calls.h. It goes through the runs of
 * one shard after the other, or of the messages that are named; of a message it
 * reads more only if it must. A step sees the rows of its moment.
 */
#ifndef STORE_QUEUE_WALK_H
#define STORE_QUEUE_WALK_H

#include "store/outgoing.h"
#include "store/queue_admin_calls.h"

#define QUEUE_WALK_RUNS 4096u	       /* that a step looks at, at most */
#define QUEUE_WALK_OCTETS (512u << 10) /* of runs that a step hands on, about */

/* The fields of QUEUE_ADMIN_SELECTION, of whichever call; time: now. */
struct queue_selection {
	QUEUE_ADMIN_SELECTION(CALL_MEMBER_, )
	int64_t now; /* seconds */
};
#define QUEUE_SELECTION_FIELD(S, type, field) .field = (S)->field,
#define QUEUE_SELECTION_OF(request, time)                                           \
	(struct queue_selection)                                                    \
	{                                                                           \
		QUEUE_ADMIN_SELECTION(QUEUE_SELECTION_FIELD, request).now = (time), \
	}

/* The run in hand; its texts live in the arena. */
struct queue_found {
	struct arena *arena;
	uint64_t message;
	uint32_t first;
	struct outgoing_run run;
};

/* INVALID: there is no such selection. */
enum status queue_selection_check(const struct queue_selection *q) MUST_CHECK;
/* Whether the recipient, of a run that was handed on, is meant. */
bool queue_selects(const struct queue_selection *q, const struct outgoing_run *run, uint32_t i);
/* enum queue_admin_state, without BUSY. */
uint64_t queue_states(
    const struct outgoing_run *run, const struct outgoing_recipient *r, int64_t now);

/* Calls fn for runs of which a recipient is meant, and stops when the step is
 * long enough, when fn gives NOT_FOUND (this run is the next step's) or, with
 * one_shard, at the end of the shard in which it found something. resume: where
 * the next begins, in the arena, empty at the end. */
typedef enum status (*queue_walk_fn)(void *arg, const struct queue_found *found);
enum status queue_walk(struct store *s, struct arena *a, const struct queue_selection *q,
    bool one_shard, queue_walk_fn fn, void *arg, struct text *resume) MUST_CHECK;
/* Parallel lists of a reply that is not more than a page, in its arena. */
#define QUEUE_PAGE_RECIPIENTS 2000u    /* and those of one run more, at most */
#define QUEUE_PAGE_OCTETS (256u << 10) /* of texts, and those of one run more */

struct queue_page {
	size_t octets;
};
/* Makes room in all lists. */
void queue_page_init(struct queue_page *p, struct arena *a, struct numbers *const numbers[],
    size_t number_count, struct texts *const texts[], size_t text_count);

static inline bool
queue_page_full(const struct queue_page *p, uint32_t recipients)
{
	return recipients >= QUEUE_PAGE_RECIPIENTS || p->octets >= QUEUE_PAGE_OCTETS;
}

static inline void
page_number(struct numbers *n, uint64_t v)
{
	n->at[n->count++] = v;
}

static inline void
page_text(struct queue_page *p, struct texts *t, struct text v)
{
	p->octets += v.len;
	t->at[t->count++] = v;
}

struct queue_change_done {
	uint64_t changed, busy; /* recipients */
	struct text resume;
};
/* One step of HOLD for an account whose sending is stopped, or of RELEASE of what
 * was held so; waits. For the background thread. AGAIN: too early. */
enum status queue_change_step(struct store *s, struct arena *a,
    const struct queue_admin_change_request *r, struct queue_change_done *out) MUST_CHECK;

/* Every call has a handler of this name. */
QUEUE_ADMIN_CALLS(OUTGOING_SERVE)

#endif
