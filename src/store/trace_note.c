/* SPDX-License-Identifier: ISC */
/* What the store itself tells the trace: called where a commit has ended well. */
#include "codec/trace_id.h"
#include "mime/summary.h"
#include "store/calls.h"
#include "store/core.h"
#include "store/submission_calls.h"

static struct text
message_id_of(struct text summary)
{
	struct mime_summary s;

	return mime_summary_peek(summary, &s) == STATUS_OK ? s.message_id : TEXT_EMPTY;
}

/* Those that are kept, in memory of the caller's; room for as many as there are. */
static struct texts
kept_of(const struct store_deliver_request *r, const uint64_t *verdicts, struct text *room)
{
	struct texts kept = { room, 0 };

	for (uint32_t i = 0; i < r->recipients.count; i++)
		if (verdicts[i] == STATUS_OK)
			kept.at[kept.count++] = r->recipients.at[i];
	return kept;
}

void
trace_delivered(struct store *s, const struct store_deliver_request *r, const uint64_t *verdicts,
    struct texts here)
{
	struct text one, *room = &one;
	struct texts kept;
	int64_t now = clock_wall();

	if (r->recipients.count > 1)
		room = mem_array(r->recipients.count, sizeof(*room));
	kept = kept_of(r, verdicts, room);
	if (kept.count > 0) {
		const struct trace_event at[] = {
			{ .what = TRACE_ACCEPTED,
			    .at = now,
			    .has_sender = true,
			    .sender = r->sender,
			    .recipients = kept,
			    .message_id = message_id_of(r->summary),
			    .facts = r->came,
			    .size = r->size },
			{ .what = TRACE_DELIVERED, .at = now, .recipients = here },
		};

		trace_note(s, r->id, at, here.count > 0 ? 2 : 1);
	}
	if (room != &one)
		mem_free(room);
}

void
trace_sent(struct store *s, const struct submission_commit_request *r, struct text came,
    uint64_t account, struct texts here, struct texts elsewhere)
{
	int64_t now = clock_wall();
	struct trace_event at[3] = { { .what = TRACE_ACCEPTED,
	    .at = now,
	    .has_sender = true,
	    .sender = r->sender,
	    .recipients = r->recipients,
	    .message_id = message_id_of(r->summary),
	    .facts = came,
	    .account = account,
	    .size = r->size } };
	uint32_t n = 1;

	if (here.count > 0)
		at[n++] =
		    (struct trace_event){ .what = TRACE_DELIVERED, .at = now, .recipients = here };
	if (elsewhere.count > 0)
		at[n++] = (struct trace_event){ .what = TRACE_QUEUED,
			.at = now,
			.recipients = elsewhere,
			.until = r->not_before };
	trace_note(s, r->id, at, n);
}

/* ---- within transactions of the queue ---- */

struct trace_plan {
	struct trace_plan *older;
	uint64_t message;
	struct trace_event *at;
	uint32_t count;
};

void
trace_plan(struct txn *t, uint64_t message, const struct trace_event *at, uint32_t count)
{
	struct trace_plan **newest = queue_tales(t), *p;

	if (!trace_wanted() || count == 0)
		return;
	p = ARENA_NEW(txn_arena(t), struct trace_plan);
	p->older = *newest;
	p->message = message;
	p->count = count;
	p->at = ARENA_ARRAY(txn_arena(t), struct trace_event, count);
	memcpy(p->at, at, count * sizeof(*at));
	*newest = p;
}

void
trace_publish(struct store *s, const struct trace_plan *newest)
{
	for (; newest != NULL; newest = newest->older) {
		char id[TRACE_ID_LENGTH];

		trace_id_print(newest->message, id);
		trace_note(s, (struct text){ id, sizeof(id) }, newest->at, newest->count);
	}
}
