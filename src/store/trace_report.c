/* SPDX-License-Identifier: ISC */
/* What a report tells the trace: each attempt with the server's exact words,
 * recipients who heard the same from it together. */
#include "store/core.h"

/* The events of one report, made as it is applied and noted when it is durable. */
struct trace_report {
	struct text id;
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

static struct text
id_of(struct txn *t, struct arena *a, uint64_t message)
{
	struct key key = key_u64(KEY_Q_ENVELOPE, message);
	struct outgoing_envelope e;
	struct text value;

	if (txn_get(t, key_text(&key), a, &value) != STATUS_OK ||
	    outgoing_envelope_unpack(value, &e) != STATUS_OK)
		return TEXT_EMPTY;
	return arena_copy(a, e.id);
}

static void
add(struct trace_report *out, struct arena *a, const struct trace_event *e, struct text recipient,
    uint32_t room)
{
	struct trace_event *last = out->count == 0 ? NULL : &out->at[out->count - 1];

	if (last == NULL || !same(last, e)) {
		last = &out->at[out->count++];
		*last = *e;
		last->recipients.at = ARENA_ARRAY(a, struct text, room);
	}
	last->recipients.at[last->recipients.count++] = arena_copy(a, recipient);
}

/* run: as the report left it, due included. */
struct trace_report *
trace_report_make(struct txn *t, struct arena *a, const struct queue_report_request *r,
    const struct outgoing_run *run)
{
	struct trace_report *out = ARENA_NEW(a, struct trace_report);
	uint32_t n = r->numbers.count;

	if (!trace_wanted())
		return out;
	out->id = id_of(t, a, r->message);
	out->at = ARENA_ARRAY(a, struct trace_event, n);
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
		add(out, a, &e, run->at[at].address, n - i);
	}
	return out;
}

void
trace_reported(struct store *s, const struct trace_report *r)
{
	if (r != NULL)
		trace_note(s, r->id, r->at, r->count);
}
