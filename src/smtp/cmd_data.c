/* SPDX-License-Identifier: ISC */
/*
 * DATA (RFC 5321 4.1.1.4) and BDAT (RFC 3030 2): the ways a message comes in.
 * With BDAT the chunk is read whatever the answer will be: its octets are
 * never looked at as commands. The commands begin a transfer; server.c brings
 * it what comes, and at its end it is answered here.
 */
#include "runtime/limits.h"
#include "runtime/settings.h"
#include "smtp/session.h"

static uint64_t
size_max(void)
{
	return (uint64_t)setting(SET_SMTP_MESSAGE_SIZE_MAX);
}

/* Loopback and the peers of LMTP send for many. */
static struct smtp_message *
new_message(const struct smtp_session *x, bool binary)
{
	struct smtp_message *m = smtp_message_new(size_max(), binary);

	m->mends = smtp_way(x)->mends;
	if (!x->profile->peers_listed && !session_peer_loopback(&x->session))
		m->peer = limits_key_address(&x->session.peer);
	return m;
}

static enum smtp_reply
no_recipients(const struct smtp_session *x)
{
	if (!x->tx.open)
		return REPLY_MAIL_FIRST;
	if (x->tx.recipients.count > 0)
		return REPLY_NONE;
	/* RFC 2033 4.2 asks LMTP for 503 in either case. */
	return x->tx.refused_any && !x->profile->reply_each ? REPLY_NO_VALID_RECIPIENTS
							    : REPLY_RECIPIENT_FIRST;
}

/* The session ends inside a message: the client sends far more than may be. */
static enum next
too_much(struct smtp_session *x)
{
	smtp_say_detail(
	    x, REPLY_TOO_LARGE, arena_printf(&x->scratch, "%llu", (unsigned long long)size_max()));
	(void)stream_flush(&x->session.stream);
	return NEXT_CLOSE;
}

enum next
smtp_cmd_data(struct smtp_session *x, struct text argument)
{
	enum smtp_reply wrong = no_recipients(x);

	if (wrong == REPLY_NONE && x->tx.chunks != CHUNKS_NONE)
		wrong = REPLY_CHUNKS_BEGUN;
	if (wrong == REPLY_NONE && x->tx.body == QUEUE_BINARYMIME)
		wrong = REPLY_BINARY_WANTS_BDAT;
	if (wrong != REPLY_NONE) {
		smtp_say(x, wrong);
		return NEXT_PARK;
	}
	smtp_say(x, REPLY_DATA_GO);
	x->tx.message = new_message(x, false);
	smtp_transfer_begin(&x->transfer, TRANSFER_DATA, 0);
	return NEXT_PARK;
}

/* chunk-size [ SP "LAST" ] */
static bool
parse_chunk(struct text argument, uint64_t *octets, bool *last)
{
	struct cursor c = cursor_of(argument);
	bool is_last = false;

	if (!cursor_u64(&c, octets))
		return false;
	if (cursor_peek(&c) == ' ') {
		cursor_wsp(&c);
		is_last = cursor_text_ci(&c, TEXT("LAST"));
	}
	*last = is_last;
	return cursor_done(&c);
}

static enum smtp_reply
chunk_wrong(const struct smtp_session *x)
{
	if (x->helo[0] == '\0')
		return REPLY_HELLO_FIRST;
	if (x->tx.chunks == CHUNKS_FAILED)
		return REPLY_CHUNKS_BROKEN;
	return no_recipients(x);
}

static void
drop_message(struct smtp_session *x)
{
	smtp_message_free(x->tx.message);
	x->tx.message = NULL;
}

/* A chunk that comes at the wrong time, or too much of it. After a failure the
 * client must send RSET (RFC 3030 2): more chunks are refused until then. */
static enum next
refuse_chunk(struct smtp_session *x, enum smtp_reply wrong, uint64_t octets)
{
	if (octets > size_max())
		return too_much(x);
	smtp_transfer_begin(&x->transfer, TRANSFER_DROP, octets);
	x->transfer.wrong = wrong;
	return NEXT_PARK;
}

static void
chunk_dropped(struct smtp_session *x)
{
	if (x->tx.open && x->tx.chunks != CHUNKS_NONE)
		x->tx.chunks = CHUNKS_FAILED;
	drop_message(x);
	smtp_say(x, x->transfer.wrong);
}

/* The chunk is in; what now. */
static void
chunk_taken(struct smtp_session *x)
{
	enum smtp_reply fault;

	if (x->transfer.last) {
		smtp_deliver(x, x->tx.message);
		return;
	}
	fault = smtp_message_fault(x->tx.message, false);
	if (fault == REPLY_NONE) {
		smtp_say_detail(x, REPLY_CHUNK_OK,
		    arena_printf(&x->scratch, "%llu", (unsigned long long)x->transfer.octets));
		return;
	}
	x->tx.chunks = CHUNKS_FAILED;
	drop_message(x);
	smtp_say_detail(
	    x, fault, arena_printf(&x->scratch, "%llu", (unsigned long long)size_max()));
}

enum next
smtp_cmd_bdat(struct smtp_session *x, struct text argument)
{
	uint64_t octets = 0;
	bool last = false;
	enum smtp_reply wrong;

	/* What follows cannot be told from commands any more: end of session. */
	if (!parse_chunk(argument, &octets, &last))
		return smtp_say_and_close(x, REPLY_BAD_CHUNK);
	wrong = chunk_wrong(x);
	if (wrong != REPLY_NONE)
		return refuse_chunk(x, wrong, octets);
	if (x->tx.message == NULL)
		x->tx.message = new_message(x, x->tx.body == QUEUE_BINARYMIME);
	x->tx.chunks = CHUNKS_BEGUN;
	if (octets > size_max())
		return too_much(x);
	smtp_transfer_begin(&x->transfer, TRANSFER_CHUNK, octets);
	x->transfer.last = last;
	return NEXT_PARK;
}

enum status
smtp_transfer_go_on(struct smtp_session *x, enum next *next)
{
	enum status got = smtp_transfer_take(&x->transfer, x->tx.message, &x->session.stream);

	*next = NEXT_PARK;
	if (got == STATUS_AGAIN)
		return got;
	if (got != STATUS_OK)
		*next = too_much(x);
	else if (x->transfer.kind == TRANSFER_DATA)
		smtp_deliver(x, x->tx.message);
	else if (x->transfer.kind == TRANSFER_CHUNK)
		chunk_taken(x);
	else
		chunk_dropped(x);
	x->transfer.kind = TRANSFER_NONE;
	return STATUS_OK;
}
