/* SPDX-License-Identifier: ISC */
/*
 * DATA (RFC 5321 4.1.1.4) and BDAT (RFC 3030 2): the ways a message comes in.
 * With BDAT the chunk is read whatever the answer will be: its octets are
 * never looked at as commands.
 */
#include "runtime/settings.h"
#include "smtp/session.h"

static uint64_t
size_max(void)
{
	return (uint64_t)setting(SET_SMTP_MESSAGE_SIZE_MAX);
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

/* The session ends inside a message: the client is gone, too slow, or sends
 * far more than may be. */
static enum next
broken(struct smtp_session *x, enum status why)
{
	if (why == STATUS_TIMEOUT)
		return smtp_say_and_close(x, REPLY_IDLE);
	if (why != STATUS_LIMIT)
		return NEXT_CLOSE;
	smtp_say_detail(
	    x, REPLY_TOO_LARGE, arena_printf(&x->scratch, "%llu", (unsigned long long)size_max()));
	(void)stream_flush(&x->session.stream);
	return NEXT_CLOSE;
}

enum next
smtp_cmd_data(struct smtp_session *x, struct text argument)
{
	enum smtp_reply wrong = no_recipients(x);
	struct smtp_message *m;
	enum status got;

	if (wrong == REPLY_NONE && x->tx.chunks != CHUNKS_NONE)
		wrong = REPLY_CHUNKS_BEGUN;
	if (wrong == REPLY_NONE && x->tx.body == SMTP_BINARYMIME)
		wrong = REPLY_BINARY_WANTS_BDAT;
	if (wrong != REPLY_NONE) {
		smtp_say(x, wrong);
		return NEXT_PARK;
	}
	smtp_say(x, REPLY_DATA_GO);
	(void)stream_flush(&x->session.stream);
	m = smtp_message_new(size_max(), false);
	got = smtp_message_data(m, &x->session.stream);
	if (got == STATUS_OK)
		smtp_deliver(x, m);
	smtp_message_free(m);
	return got == STATUS_OK ? NEXT_PARK : broken(x, got);
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

/* A chunk that comes at the wrong time, or too much of it. After a failure the
 * client must send RSET (RFC 3030 2): more chunks are refused until then. */
static enum next
refuse_chunk(struct smtp_session *x, enum smtp_reply wrong, uint64_t octets)
{
	if (octets > size_max())
		return broken(x, STATUS_LIMIT);
	enum status got = smtp_chunk_drop(&x->session.stream, octets);

	if (got != STATUS_OK)
		return broken(x, got);
	if (x->tx.open && x->tx.chunks != CHUNKS_NONE)
		x->tx.chunks = CHUNKS_FAILED;
	smtp_message_free(x->tx.message);
	x->tx.message = NULL;
	smtp_say(x, wrong);
	return NEXT_PARK;
}

/* The chunk is in; what now. */
static void
chunk_taken(struct smtp_session *x, uint64_t octets, bool last)
{
	enum smtp_reply fault;

	if (last) {
		smtp_deliver(x, x->tx.message);
		return;
	}
	fault = smtp_message_fault(x->tx.message, false);
	if (fault == REPLY_NONE) {
		smtp_say_detail(x, REPLY_CHUNK_OK,
		    arena_printf(&x->scratch, "%llu", (unsigned long long)octets));
		return;
	}
	x->tx.chunks = CHUNKS_FAILED;
	smtp_message_free(x->tx.message);
	x->tx.message = NULL;
	smtp_say_detail(
	    x, fault, arena_printf(&x->scratch, "%llu", (unsigned long long)size_max()));
}

enum next
smtp_cmd_bdat(struct smtp_session *x, struct text argument)
{
	uint64_t octets = 0;
	bool last = false;
	enum smtp_reply wrong;
	enum status got;

	/* What follows cannot be told from commands any more: end of session. */
	if (!parse_chunk(argument, &octets, &last))
		return smtp_say_and_close(x, REPLY_BAD_CHUNK);
	wrong = chunk_wrong(x);
	if (wrong != REPLY_NONE)
		return refuse_chunk(x, wrong, octets);
	if (x->tx.message == NULL)
		x->tx.message = smtp_message_new(size_max(), x->tx.body == SMTP_BINARYMIME);
	x->tx.chunks = CHUNKS_BEGUN;
	if (octets > size_max())
		return broken(x, STATUS_LIMIT);
	got = smtp_message_chunk(x->tx.message, &x->session.stream, octets);
	if (got != STATUS_OK)
		return broken(x, got);
	chunk_taken(x, octets, last);
	return NEXT_PARK;
}
