/* SPDX-License-Identifier: ISC */
/* The rows of outgoing messages; see store/outgoing_rows.h. */
#include "store/outgoing_rows.h"

#include "store/cold.h"

#define VERSION 1
#define WHOLE 2 /* version of the row of a whole message */
#define SHARED 1
#define NOTICED 2
#define OWED_ALL 63

void
outgoing_message_pack(struct buffer *out, const struct outgoing_message *m)
{
	pack_u8(out, m->whole ? WHOLE : VERSION);
	blob_id_pack(out, m->blob);
	pack_varint(out, m->pieces);
	pack_u8(out, (m->shared ? SHARED : 0) | (m->noticed ? NOTICED : 0));
	pack_varint(out, m->record);
	pack_varint(out, m->account);
	pack_signed(out, m->received);
	pack_signed(out, m->expires);
	pack_signed(out, m->released);
	pack_signed(out, m->notify_at);
	pack_varint(out, m->recipients);
	pack_varint(out, m->open);
	pack_varint(out, m->owed);
	if (m->whole) {
		pack_text(out, m->envelope);
		pack_text(out, m->run);
	}
}

bool
outgoing_is_whole(struct text value)
{
	return value.len > 0 && value.ptr[0] == WHOLE;
}

enum status
outgoing_message_unpack(struct text value, struct outgoing_message *out)
{
	struct unpack u = unpack_of(value);
	uint8_t version = unpack_u8(&u);
	struct outgoing_message m = { .blob = blob_id_unpack(&u) };
	uint8_t bits;

	m.pieces = (uint32_t)unpack_varint_max(&u, UINT16_MAX);
	bits = unpack_u8(&u);
	m.shared = (bits & SHARED) != 0;
	m.noticed = (bits & NOTICED) != 0;
	m.record = unpack_varint(&u);
	m.account = unpack_varint(&u);
	m.received = unpack_signed(&u);
	m.expires = unpack_signed(&u);
	m.released = unpack_signed(&u);
	m.notify_at = unpack_signed(&u);
	m.recipients = (uint32_t)unpack_varint_max(&u, QUEUE_RECIPIENTS_MAX);
	m.open = (uint32_t)unpack_varint_max(&u, m.recipients);
	m.owed = (uint32_t)unpack_varint_max(&u, m.recipients);
	m.whole = version == WHOLE;
	if (m.whole) {
		m.envelope = unpack_text(&u);
		m.run = unpack_text(&u);
	}
	if (!unpack_end(&u) || (version != VERSION && !m.whole) || m.pieces == 0 ||
	    (bits & ~(SHARED | NOTICED)) != 0)
		return STATUS_CORRUPT;
	*out = m;
	return STATUS_OK;
}

void
outgoing_envelope_pack(struct buffer *out, const struct outgoing_envelope *e)
{
	pack_u8(out, VERSION);
	pack_text(out, e->id);
	pack_text(out, e->sender);
	pack_text(out, e->forward_sender);
	pack_text(out, e->envid);
	pack_varint(out, e->body);
	pack_varint(out, e->needs);
	pack_varint(out, e->ret);
	pack_varint(out, e->by);
	pack_signed(out, e->by_time);
	pack_varint(out, e->size);
	pack_text(out, e->prefix);
	pack_text(out, e->summary);
}

enum status
outgoing_envelope_unpack(struct text value, struct outgoing_envelope *out)
{
	struct unpack u = unpack_of(value);
	uint8_t version = unpack_u8(&u);
	struct outgoing_envelope e = { .id = unpack_text(&u) };

	e.sender = unpack_text(&u);
	e.forward_sender = unpack_text(&u);
	e.envid = unpack_text(&u);
	e.body = (uint32_t)unpack_varint_max(&u, QUEUE_BINARYMIME);
	e.needs = (uint32_t)unpack_varint_max(&u, QUEUE_NEEDS_ALL);
	e.ret = (uint32_t)unpack_varint_max(&u, QUEUE_RET_HDRS);
	e.by = (uint32_t)unpack_varint_max(&u, QUEUE_BY_NOTIFY | QUEUE_BY_TRACE);
	e.by_time = unpack_signed(&u);
	e.size = unpack_varint(&u);
	e.prefix = unpack_text(&u);
	e.summary = unpack_text(&u);
	if (!unpack_end(&u) || version != VERSION)
		return STATUS_CORRUPT;
	*out = e;
	return STATUS_OK;
}

static void
pack_recipient(struct buffer *out, const struct outgoing_recipient *r)
{
	pack_text(out, r->address);
	pack_text(out, r->orcpt);
	pack_varint(out, r->notify);
	pack_varint(out, r->state);
	pack_varint(out, r->owed);
	pack_varint(out, r->attempts);
	pack_signed(out, r->last);
	pack_text(out, r->reply);
	pack_text(out, r->server);
}

static struct outgoing_recipient
unpack_recipient(struct unpack *u)
{
	struct outgoing_recipient r = { .address = unpack_text(u) };

	r.orcpt = unpack_text(u);
	r.notify = (uint32_t)unpack_varint_max(u, QUEUE_NOTIFY_ALL);
	r.state = (enum outgoing_state)unpack_varint_max(u, OUTGOING_STATES - 1);
	r.owed = (uint32_t)unpack_varint_max(u, OWED_ALL);
	r.attempts = (uint32_t)unpack_varint_max(u, UINT32_MAX);
	r.last = unpack_signed(u);
	r.reply = unpack_text(u);
	r.server = unpack_text(u);
	return r;
}

void
outgoing_run_pack(struct buffer *out, const struct outgoing_run *r)
{
	pack_u8(out, VERSION);
	pack_text(out, r->destination);
	pack_signed(out, r->due);
	pack_signed(out, r->deadline);
	pack_varint(out, r->account);
	pack_signed(out, r->priority);
	pack_varint(out, r->count);
	for (uint32_t i = 0; i < r->count; i++)
		pack_recipient(out, &r->at[i]);
}

enum status
outgoing_run_unpack(struct text value, struct arena *a, struct outgoing_run *out)
{
	struct unpack u = unpack_of(value);
	uint8_t version = unpack_u8(&u);
	struct outgoing_run r = { .destination = unpack_text(&u) };

	r.due = unpack_signed(&u);
	r.deadline = unpack_signed(&u);
	r.account = unpack_varint(&u);
	r.priority = unpack_signed(&u);
	r.count = (uint32_t)unpack_varint_max(&u, SCHEDULE_RUN_MAX);
	if (!unpack_ok(&u) || version != VERSION || r.count == 0 ||
	    r.priority < -SCHEDULE_PRIORITY_MAX || r.priority > SCHEDULE_PRIORITY_MAX)
		return STATUS_CORRUPT;
	r.at = ARENA_ARRAY(a, struct outgoing_recipient, r.count);
	for (uint32_t i = 0; i < r.count; i++)
		r.at[i] = unpack_recipient(&u);
	if (!unpack_end(&u))
		return STATUS_CORRUPT;
	*out = r;
	return STATUS_OK;
}

void
outgoing_notice_pack(struct buffer *out, const struct outgoing_notice *n)
{
	pack_u8(out, VERSION);
	pack_be64(out, n->op);
	pack_varint(out, n->kind);
	pack_varint(out, n->late);
	runs_pack(out, &n->numbers);
}

static bool
is_kind(uint32_t kind)
{
	return kind == QUEUE_OWED_SUCCESS || kind == QUEUE_OWED_DELAY || kind == QUEUE_OWED_FAILURE;
}

enum status
outgoing_notice_unpack(struct text value, struct outgoing_notice *out)
{
	struct unpack u = unpack_of(value);
	uint8_t version = unpack_u8(&u);
	struct outgoing_notice n = { .op = unpack_be64(&u) };
	enum status how;

	n.kind = (uint32_t)unpack_varint_max(&u, QUEUE_OWED_FAILURE);
	n.late = (uint32_t)unpack_varint_max(&u, OWED_ALL);
	how = runs_unpack(&u, QUEUE_OWED_MAX, &n.numbers);
	if (how == STATUS_OK && (!unpack_end(&u) || version != VERSION || n.op == 0 ||
				    !is_kind(n.kind) || runs_empty(&n.numbers))) {
		runs_done(&n.numbers);
		how = STATUS_CORRUPT;
	}
	if (how != STATUS_OK)
		return STATUS_CORRUPT;
	*out = n;
	return STATUS_OK;
}
