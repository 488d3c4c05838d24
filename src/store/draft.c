/* SPDX-License-Identifier: ISC */
/* Messages that are to go out; see store/draft.h. */
#include "store/draft.h"

#include <stdlib.h>

#include "codec/utf8.h"
#include "store/core.h"

#define DESTINATION_MAX 255u
#define RECIPIENT_COST 20u /* octets in a row beside the addresses, about */

struct draft_recipient {
	struct text destination;
	uint32_t number; /* in order of coming */
	struct outgoing_recipient r;
};

static void
add(struct draft *d, const struct outgoing_recipient *r, struct text destination)
{
	if (d->count == d->cap) {
		uint32_t cap = d->cap == 0 ? 4 : d->cap * 2;
		struct draft_recipient *at = ARENA_ARRAY(d->arena, struct draft_recipient, cap);

		if (d->count > 0)
			memcpy(at, d->at, d->count * sizeof(*at));
		d->at = at;
		d->cap = cap;
	}
	d->at[d->count] = (struct draft_recipient){ destination, d->count, *r };
	d->count++;
}

/* Nobody is told of what has no sender, a bounce least of all (RFC 5321 6.1). */
static uint32_t
notify_of(const struct draft *d, const struct draft_wish *w)
{
	return d->envelope.sender.len == 0 ? QUEUE_NOTIFY_NEVER : w->notify;
}

void
draft_waits(struct draft *d, const struct draft_wish *w, struct text destination)
{
	struct outgoing_recipient r = {
		.address = w->address, .orcpt = w->orcpt, .notify = notify_of(d, w)
	};

	if (map_put(&d->known, w->address, d) == NULL)
		add(d, &r, destination);
}

void
draft_ends(
    struct draft *d, const struct draft_wish *w, enum outgoing_state state, const char *words)
{
	uint32_t notify = notify_of(d, w);
	bool failed = state == OUTGOING_FAILED;
	struct outgoing_recipient r = { .address = w->address,
		.orcpt = w->orcpt,
		.notify = notify,
		.state = state,
		.owed = failed ? OWED_FAILURE : OWED_SUCCESS,
		.last = d->received,
		.reply = text_of(words) };
	size_t at = text_find_last(w->address, '@');
	struct text domain =
	    text_part(text_part(w->address, at + 1, w->address.len), 0, DESTINATION_MAX);

	if (outgoing_wants(&r, failed ? QUEUE_NOTIFY_FAILURE : QUEUE_NOTIFY_SUCCESS))
		add(d, &r, domain.len > 0 ? domain : TEXT("invalid"));
}

/* ---- forwards ---- */

/* Of several, the last word about success is said here: what goes on asks for no
 * other (RFC 3461 5.2.7). */
static uint32_t
without_success(uint32_t notify)
{
	uint32_t rest = notify & ~(uint32_t)QUEUE_NOTIFY_SUCCESS;

	return notify != 0 && rest == 0 ? QUEUE_NOTIFY_NEVER : rest;
}

/* An alias of one address hands the wish on as it is (RFC 3461 5.2.7); of
 * several, or where a copy stays, success is told of here. */
static void
forward(struct draft *d, const struct draft_wish *w, const struct targets *to)
{
	bool one = to->count == 0 && to->outside.count == 1;
	struct draft_wish on = { .orcpt = w->orcpt,
		.notify = one ? w->notify : without_success(w->notify) };

	if (on.orcpt.len == 0)
		on.orcpt = arena_join(d->arena,
		    utf8_is_ascii(w->address) ? TEXT("rfc822;") : TEXT("utf-8;"), w->address);
	for (uint32_t i = 0; i < to->outside.count; i++) {
		struct text domain;

		if (address_elsewhere(to->outside.at[i], d->arena, &on.address, &domain) ==
		    STATUS_OK)
			draft_waits(d, &on, domain);
	}
	if (!one)
		draft_ends(d, w, to->count > 0 ? OUTGOING_DELIVERED : OUTGOING_RELAYED,
		    to->count > 0 ? "250 2.1.5 Delivered, and forwarded" : "250 2.1.5 Forwarded");
}

void
draft_leads(struct draft *d, const struct draft_wish *w, const struct targets *to)
{
	if (to->outside.count > 0)
		forward(d, w, to);
	else
		draft_ends(d, w, OUTGOING_DELIVERED, "250 2.1.5 Delivered");
}

/* ---- rows ---- */

bool
draft_is_good(const struct draft *d)
{
	const struct outgoing_envelope *e = &d->envelope;

	for (uint32_t i = 0; i < d->count; i++) {
		const struct draft_recipient *r = &d->at[i];

		if (r->r.address.len == 0 || r->r.address.len > QUEUE_ADDRESS_MAX ||
		    r->r.orcpt.len > QUEUE_ADDRESS_MAX || r->r.notify > QUEUE_NOTIFY_ALL ||
		    r->destination.len == 0 || r->destination.len > DESTINATION_MAX)
			return false;
	}
	return d->count <= QUEUE_RECIPIENTS_MAX && e->sender.len <= QUEUE_ADDRESS_MAX &&
	       e->forward_sender.len <= QUEUE_ADDRESS_MAX && e->id.len <= 255 &&
	       e->envid.len <= 100 && e->body <= QUEUE_BINARYMIME && e->needs <= QUEUE_NEEDS_ALL &&
	       e->by <= (QUEUE_BY_NOTIFY | QUEUE_BY_TRACE) &&
	       e->prefix.len <= OUTGOING_PREFIX_MAX && e->ret <= QUEUE_RET_HDRS &&
	       d->priority >= -SCHEDULE_PRIORITY_MAX && d->priority <= SCHEDULE_PRIORITY_MAX &&
	       e->summary.len <= SUMMARY_MAX && d->received >= 0;
}

static int
by_destination(const void *a, const void *b)
{
	const struct draft_recipient *r = a, *s = b;
	int order = text_compare(r->destination, s->destination);

	return order != 0 ? order : (r->number > s->number) - (r->number < s->number);
}

void
draft_ready(struct draft *d)
{
	if (d->count > 1)
		qsort(d->at, d->count, sizeof(*d->at), by_destination);
	draft_done(d);
}

/* Recipients of one destination from there on, as many as a run may have; at: room
 * for them. */
static struct outgoing_run
run_from(const struct draft *d, uint32_t first, const struct outgoing_message *m,
    struct outgoing_recipient *at)
{
	struct outgoing_run run = { .destination = d->at[first].destination,
		.due = m->released,
		.account = d->account,
		.priority = d->priority,
		.at = at };

	for (uint32_t i = first; i < d->count && run.count < SCHEDULE_RUN_MAX; i++) {
		if (!text_equal(d->at[i].destination, run.destination))
			break;
		at[run.count++] = d->at[i].r;
	}
	return run;
}

/* As much as is good for one row, which may be written and gone in a moment. */
static bool
is_small(struct text envelope, const struct outgoing_run *r)
{
	size_t octets = envelope.len;

	for (uint32_t i = 0; i < r->count; i++)
		octets += RECIPIENT_COST + r->at[i].address.len + r->at[i].orcpt.len;
	return octets <= OUTGOING_WHOLE_MAX;
}

static void
put_rows(struct txn *t, const struct draft *d, uint64_t message, const struct outgoing_message *m,
    struct text envelope)
{
	struct key key = key_u64(KEY_Q_ENVELOPE, message);
	struct outgoing_recipient at[SCHEDULE_RUN_MAX];
	struct outgoing_run run = run_from(d, 0, m, at);

	if (run.count == d->count && m->owed == 0 && is_small(envelope, &run)) {
		outgoing_put_whole(t, message, envelope, m, &run);
		return;
	}
	outgoing_put_message(t, message, m);
	txn_put(t, key_text(&key), envelope);
	for (uint32_t first = 0; first < d->count; first += run.count) {
		run = run_from(d, first, m, at);
		outgoing_put_run(t, message, first, m, &run);
	}
}

/* Whoever made two calls with one op, and the second so late that the first is
 * not remembered, loses neither message. */
static enum status
is_new(struct txn *t, struct op *op, uint64_t message)
{
	struct key key = key_u64(KEY_Q_MESSAGE, message);
	struct text value;
	enum status how = txn_get(t, key_text(&key), op->arena, &value);

	if (how == STATUS_OK)
		return op_refuse(op, STATUS_INVALID, "The message cannot be queued.",
		    "there is an outgoing message %llu already", (unsigned long long)message);
	return how == STATUS_NOT_FOUND ? STATUS_OK : how;
}

/* RFC 2852 4: given up when the sender's time has passed, or he is told of the
 * delay then. */
enum status
draft_put(struct txn *t, struct op *op, const struct draft *d, uint64_t message,
    struct blob_id blob, uint32_t pieces, bool shared, uint64_t record)
{
	uint32_t by = d->envelope.by & ~(uint32_t)QUEUE_BY_TRACE;
	enum status how = is_new(t, op, message);
	struct outgoing_message m = { .blob = blob,
		.pieces = pieces,
		.shared = shared,
		.record = record,
		.account = d->account,
		.received = d->received,
		.expires =
		    d->expires == 0 && by == QUEUE_BY_RETURN ? d->envelope.by_time : d->expires,
		.released = d->due > d->received ? d->due : d->received,
		.notify_at = by == QUEUE_BY_NOTIFY ? d->envelope.by_time : 0,
		.recipients = d->count };
	struct buffer envelope = BUFFER_INIT;

	if (how != STATUS_OK)
		return how;
	for (uint32_t i = 0; i < d->count; i++) {
		m.open += outgoing_is_open(&d->at[i].r);
		m.owed += outgoing_is_owed(&d->at[i].r);
	}
	outgoing_envelope_pack(&envelope, &d->envelope);
	put_rows(t, d, message, &m, buffer_text(&envelope));
	buffer_done(&envelope);
	return STATUS_OK;
}

struct texts
draft_waiting(const struct draft *d)
{
	struct texts out = { ARENA_ARRAY(d->arena, struct text, d->count), 0 };

	for (uint32_t i = 0; i < d->count; i++)
		if (d->at[i].r.state == OUTGOING_WAITING)
			out.at[out.count++] = d->at[i].r.address;
	return out;
}

void
draft_done(struct draft *d)
{
	map_done(&d->known);
}
