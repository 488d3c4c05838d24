/* SPDX-License-Identifier: ISC */
/* See smtp/message.h. */
#include "smtp/message.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "runtime/limits.h"
#include "runtime/settings.h"

/* A message beyond the limit is read to its end, so that the client gets its
 * 552; but no further than this many times the limit. */
#define SWALLOW_TIMES 4

/* Octets that all messages of this process hold: a session may park in the
 * middle of its chunks, so the number of workers does not bound them. */
static _Atomic uint64_t in_hand;

/* What one peer may have of them: a quarter, or one message, in shares of a
 * mebibyte, of which the first of each message is free. */
#define PEER_PART 4
#define SHARE (1u << 20)
#define PEERS_MAX 100000

static struct limits *shares_of_peers;
static pthread_once_t shares_once = PTHREAD_ONCE_INIT;

static void
shares_begin(void)
{
	shares_of_peers = limits_new(PEERS_MAX);
}

static bool
peer_may(struct smtp_message *m)
{
	int64_t part = setting(SET_SMTP_IN_HAND_MAX) / PEER_PART;
	int64_t one = setting(SET_SMTP_MESSAGE_SIZE_MAX);
	unsigned most = (unsigned)((part > one ? part : one) / SHARE) + 1;

	(void)pthread_once(&shares_once, shares_begin);
	for (; m->shares < m->held / SHARE; m->shares++)
		if (!limits_enter(shares_of_peers, m->peer, most))
			return false;
	return true;
}

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
	for (; m->shares > 0; m->shares--)
		limits_leave(shares_of_peers, m->peer);
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
	else if (m->peer != 0 && m->held >= SHARE && !peer_may(m))
		m->failed = STATUS_FULL;
	else
		m->failed = spool_add(&m->spool, part);
}

/* ---- transfers ---- */

void
smtp_transfer_begin(struct smtp_transfer *t, enum smtp_transfer_kind kind, uint64_t octets)
{
	*t = (struct smtp_transfer){
		.kind = kind,
		.octets = octets,
		.left = octets,
		.dots = { .state = DOTS_START },
		.began = clock_mono(),
	};
}

int64_t
smtp_transfer_deadline(const struct smtp_transfer *t)
{
	int64_t wait = clock_mono() + setting(SET_SMTP_DATA_TIMEOUT);
	int64_t rate =
	    stream_rate_deadline(t->began, t->moved, (uint32_t)setting(SET_SMTP_MIN_RATE));

	return rate < wait ? rate : wait;
}

static enum status
take_data(struct smtp_transfer *t, struct smtp_message *m, struct stream *s)
{
	struct text in = stream_buffered(s);
	size_t taken = dots_take(&t->dots, in, keep, m);

	stream_consume(s, taken);
	t->moved += taken;
	if (t->dots.state == DOTS_ENDED) {
		m->lines = t->dots.lines;
		return STATUS_OK;
	}
	return m->octets / SWALLOW_TIMES > m->limit ? STATUS_LIMIT : STATUS_AGAIN;
}

static enum status
take_chunk(struct smtp_transfer *t, struct smtp_message *m, struct stream *s)
{
	struct text in = text_part(stream_buffered(s), 0, t->left);

	if (t->kind == TRANSFER_CHUNK && !m->binary)
		lines_all(&m->lines, in);
	if (t->kind == TRANSFER_CHUNK)
		keep(m, in);
	stream_consume(s, in.len);
	t->moved += in.len;
	t->left -= in.len;
	return t->left == 0 ? STATUS_OK : STATUS_AGAIN;
}

enum status
smtp_transfer_take(struct smtp_transfer *t, struct smtp_message *m, struct stream *s)
{
	return t->kind == TRANSFER_DATA ? take_data(t, m, s) : take_chunk(t, m, s);
}

/* ---- the message as a whole ---- */

/* What is mended, piece by piece. */
struct mend {
	struct spool spool;
	struct lines lines;
	enum status failed;
};

static void
mend_add(struct mend *d, struct text part)
{
	lines_all(&d->lines, part);
	if (d->failed == STATUS_OK)
		d->failed = spool_add(&d->spool, part);
}

static struct text
up_to_break(struct cursor *c)
{
	const char *from = c->at;

	while (!cursor_done(c) && *c->at != '\r' && *c->at != '\n')
		c->at++;
	return (struct text){ from, (size_t)(c->at - from) };
}

/* CRs in front of an LF are one line end with it, else one each. */
static void
mend_break(struct mend *d, struct cursor *c)
{
	size_t ends = 0;

	while (cursor_byte(c, '\r'))
		ends++;
	if (cursor_byte(c, '\n') || ends == 0)
		ends = 1;
	while (ends-- > 0)
		mend_add(d, TEXT("\r\n"));
}

static void
mend_all(struct mend *d, struct text message)
{
	struct cursor c = cursor_of(message);

	while (!cursor_done(&c) && d->failed == STATUS_OK && !d->spool.overflow) {
		mend_add(d, up_to_break(&c));
		if (!cursor_done(&c))
			mend_break(d, &c);
	}
}

void
smtp_message_mend(struct smtp_message *m)
{
	struct mend d = { .failed = STATUS_OK };
	struct payload message;

	lines_end(&m->lines);
	if (!m->lines.bare || m->failed != STATUS_OK || m->spool.overflow)
		return;
	m->failed = spool_payload(&m->spool, &message);
	if (m->failed != STATUS_OK)
		return;
	spool_init(&d.spool, (size_t)m->limit);
	mend_all(&d, message.bytes);
	spool_done(&m->spool);
	m->spool = d.spool;
	m->lines = d.lines;
	m->failed = d.failed;
}

enum smtp_reply
smtp_message_fault(struct smtp_message *m, bool last)
{
	bool mended_later = m->mends && !last && m->lines.bare;

	if (last)
		lines_end(&m->lines);
	if (m->spool.overflow || m->octets > m->limit)
		return REPLY_TOO_LARGE;
	if (m->failed == STATUS_FULL)
		return REPLY_DISK_FULL; /* of messages that come in at the moment */
	if (m->failed != STATUS_OK)
		return REPLY_TROUBLE;
	if (mended_later)
		return REPLY_NONE;
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
