/* SPDX-License-Identifier: ISC */
/* What a report tells the trace: each attempt with the server's exact words,
 * recipients who heard the same from it together. */
#include "store/core.h"

/* The events of one report. */
struct attempts {
	struct trace_event *at;
	uint32_t count;
};

static enum trace_what
what_of(const struct outgoing_recipient *r, uint64_t outcome)
{
	switch (r->state) {
	case OUTGOING_DELIVERED:
		return TRACE_SENT;
	case OUTGOING_RELAYED:
		return TRACE_RELAYED;
	case OUTGOING_FAILED:
		return outcome == QUEUE_FAILED ? TRACE_FAILED : TRACE_EXPIRED;
	default:
		return TRACE_DEFERRED;
	}
}

static bool
same(const struct trace_event *e, const struct trace_event *next)
{
	return e->what == next->what && e->tries == next->tries &&
	       text_equal(e->words, next->words);
}

static void
add(struct attempts *out, struct arena *a, const struct trace_event *e, struct text recipient,
    uint32_t room)
{
	struct trace_event *last = out->count == 0 ? NULL : &out->at[out->count - 1];

	if (last == NULL || !same(last, e)) {
		last = &out->at[out->count++];
		*last = *e;
		last->recipients.at = ARENA_ARRAY(a, struct text, room);
	}
	last->recipients.at[last->recipients.count++] = recipient;
}

void
trace_attempts(struct txn *t, struct arena *a, const struct queue_report_request *r,
    const struct outgoing_run *run)
{
	uint32_t n = r->numbers.count;
	struct attempts out = { .count = 0 };

	if (!trace_wanted())
		return;
	out.at = ARENA_ARRAY(a, struct trace_event, n);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = r->numbers.at[i] - r->first;
		struct trace_event e = { .at = t->now,
			.server = r->server,
			.facts = r->facts,
			.took = r->took,
			.words = r->replies.at[i] };

		if (at >= run->count || r->outcomes.at[i] == QUEUE_UNTRIED)
			continue;
		e.what = what_of(&run->at[at], r->outcomes.at[i]);
		e.tries = run->at[at].attempts;
		e.until = e.what == TRACE_DEFERRED ? run->due : 0;
		add(&out, a, &e, run->at[at].address, n - i);
	}
	trace_plan(t, r->message, out.at, out.count);
}
