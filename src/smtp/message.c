/* SPDX-License-Identifier: ISC */
/*
 * See smtp/message.h. Reading blocks: a worker belongs to the transfer until
 * its end, which is why every wait has a deadline and the whole a minimum rate
 * (smtp.data_timeout, smtp.min_rate; RFC 5321 4.5.3.2.5).
 */
#include "smtp/message.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "runtime/settings.h"

/* A message beyond the limit is read to its end, so that the client gets its
 * 552; but no further than this many times the limit. */
#define SWALLOW_TIMES 4

/* Octets that all messages of this process hold: a session may park in the
 * middle of its chunks, so the number of workers does not bound them. */
static _Atomic uint64_t in_hand;

struct smtp_message *
smtp_message_new(uint64_t limit, bool binary)
{
	struct smtp_message *m = MEM_NEW(struct smtp_message);

	spool_init(&m->spool, (size_t)limit);
	m->limit = limit;
	m->binary = binary;
	return m;
}

void
smtp_message_free(struct smtp_message *m)
{
	if (m == NULL)
		return;
	atomic_fetch_sub(&in_hand, m->held);
	spool_done(&m->spool);
	mem_free(m);
}

static void
keep(void *arg, struct text part)
{
	struct smtp_message *m = arg;

	m->octets += part.len;
	if (m->failed != STATUS_OK || m->spool.overflow)
		return;
	m->held += part.len;
	if (atomic_fetch_add(&in_hand, part.len) + part.len >
	    (uint64_t)setting(SET_SMTP_IN_HAND_MAX))
		m->failed = STATUS_FULL;
	else
		m->failed = spool_add(&m->spool, part);
}

static enum status
fill(struct stream *s)
{
	stream_set_deadline(s, clock_mono() + setting(SET_SMTP_DATA_TIMEOUT));
	return stream_fill(s);
}

static void
transfer_begin(struct stream *s)
{
	stream_set_min_rate(s, (uint32_t)setting(SET_SMTP_MIN_RATE));
}

static void
transfer_end(struct stream *s)
{
	stream_set_min_rate(s, 0);
	stream_set_deadline(s, 0);
}

static enum status
read_data(struct smtp_message *m, struct stream *s, struct dots *d)
{
	while (d->state != DOTS_ENDED) {
		struct text in = stream_buffered(s);
		enum status got = STATUS_OK;

		if (m->octets / SWALLOW_TIMES > m->limit)
			return STATUS_LIMIT;
		if (in.len == 0)
			got = fill(s);
		if (got != STATUS_OK)
			return got;
		in = stream_buffered(s);
		stream_consume(s, dots_take(d, in, keep, m));
	}
	return STATUS_OK;
}

enum status
smtp_message_data(struct smtp_message *m, struct stream *s)
{
	struct dots d = { .state = DOTS_START };

	transfer_begin(s);
	enum status got = read_data(m, s, &d);
	transfer_end(s);
	m->lines = d.lines;
	return got;
}

/* m NULL: forgotten. */
static enum status
read_chunk(struct smtp_message *m, struct stream *s, uint64_t n)
{
	while (n > 0) {
		struct text in = stream_buffered(s);
		enum status got = STATUS_OK;

		if (in.len == 0)
			got = fill(s);
		if (got != STATUS_OK)
			return got;
		in = text_part(stream_buffered(s), 0, n);
		if (m != NULL && !m->binary)
			lines_all(&m->lines, in);
		if (m != NULL)
			keep(m, in);
		stream_consume(s, in.len);
		n -= in.len;
	}
	return STATUS_OK;
}

enum status
smtp_message_chunk(struct smtp_message *m, struct stream *s, uint64_t n)
{
	transfer_begin(s);
	enum status got = read_chunk(m, s, n);
	transfer_end(s);
	return got;
}

enum status
smtp_chunk_drop(struct stream *s, uint64_t n)
{
	transfer_begin(s);
	enum status got = read_chunk(NULL, s, n);
	transfer_end(s);
	return got;
}

enum smtp_reply
smtp_message_fault(struct smtp_message *m, bool last)
{
	if (last)
		lines_end(&m->lines);
	if (m->spool.overflow || m->octets > m->limit)
		return REPLY_TOO_LARGE;
	if (m->failed == STATUS_FULL)
		return REPLY_DISK_FULL; /* of messages that come in at the moment */
	if (m->failed != STATUS_OK)
		return REPLY_TROUBLE;
	if (m->lines.bare)
		return REPLY_BARE_NEWLINE;
	if (m->lines.longest > (uint64_t)setting(SET_SMTP_TEXT_LINE_MAX))
		return REPLY_TEXT_LINE_TOO_LONG;
	return REPLY_NONE;
}

enum status
smtp_message_payload(struct smtp_message *m, struct payload *out)
{
	return spool_payload(&m->spool, out);
}

uint32_t
smtp_message_hops(struct text message)
{
	struct cursor c = cursor_of(message);
	uint32_t hops = 0;

	/* Line by line up to the empty one: a field's name stands at the start. */
	while (!cursor_done(&c) && cursor_peek(&c) != '\r') {
		if (cursor_text_ci(&c, TEXT("received:")))
			hops++;
		(void)cursor_until(&c, '\n');
		(void)cursor_byte(&c, '\n');
	}
	return hops;
}
