/* SPDX-License-Identifier: ISC */
/*
 * An SMTP session from connect to close (RFC 5321 3.1 to 3.8): the pause
 * before the greeting, lines in, commands out to their files, and all that
 * ends a session. Between lines the session parks; nothing here waits. Replies
 * stay in the stream until the input is used up, so that a pipelined group is
 * answered at once (RFC 2920 3.2).
 */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "smtp/session.h"

/* A line that is longer was never meant as one. */
#define SKIP_MAX (1u << 20)

/* On port 25, of hosts that may relay. */
static const struct smtp_profile profile_relay = {
	.kind = SMTP_MX,
	.mends = true,
	.with = { "ESMTP", "UTF8SMTP" },
	.sender = smtp_submit_sender,
	.recipient = smtp_submit_recipient,
	.hand_over = smtp_submit_message,
};

static const struct smtp_profile profile_mx = {
	.kind = SMTP_MX,
	.greeting = REPLY_GREETING,
	.greet_delay = true,
	.count_recipients = true,
	.relay = &profile_relay,
	.with = { "ESMTP", "UTF8SMTP" },
	.recipient = smtp_mx_recipient,
	.hand_over = smtp_mx_message,
};

static const struct smtp_profile profile_lmtp = {
	.kind = SMTP_LMTP,
	.greeting = REPLY_GREETING_LMTP,
	.reply_each = true,
	.peers_listed = true,
	.with = { "LMTP", "UTF8LMTP" },
	.recipient = smtp_mx_recipient,
	.hand_over = smtp_mx_message,
};

static const struct smtp_profile profile_submission = {
	.kind = SMTP_SUBMISSION,
	.greeting = REPLY_GREETING,
	.signs_in = true,
	.mends = true,
	.with = { "ESMTP", "UTF8SMTP" },
	.sender = smtp_submit_sender,
	.recipient = smtp_submit_recipient,
	.hand_over = smtp_submit_message,
};

void
smtp_say_to(struct smtp_session *x, enum smtp_reply id, const struct smtp_reply_parts *parts)
{
	unsigned code = smtp_reply_row(id)->code;

	if (code >= 500)
		x->errors++;
	smtp_reply_write(&x->session.stream, id, parts);
}

void
smtp_say_detail(struct smtp_session *x, enum smtp_reply id, struct text detail)
{
	smtp_say_to(x, id, &(struct smtp_reply_parts){ .detail = detail });
}

void
smtp_say(struct smtp_session *x, enum smtp_reply id)
{
	smtp_say_detail(x, id, x->server->hostname);
}

enum next
smtp_say_and_close(struct smtp_session *x, enum smtp_reply id)
{
	smtp_say(x, id);
	(void)stream_flush_last(&x->session.stream);
	return NEXT_CLOSE;
}

void
smtp_transaction_reset(struct smtp_session *x)
{
	struct smtp_transaction *tx = &x->tx;

	smtp_tell_recipients(x);
	smtp_message_free(tx->message);
	arena_done(&tx->arena);
	*tx = (struct smtp_transaction){ .open = false };
}

void
smtp_session_reset(struct smtp_session *x)
{
	smtp_transaction_reset(x);
	smtp_sign_out(x);
	x->esmtp = false;
	x->helo[0] = '\0';
}

struct text
smtp_helo(const struct smtp_session *x)
{
	return text_of(x->helo);
}

const struct smtp_profile *
smtp_way(const struct smtp_session *x)
{
	return x->tx.relayed ? x->profile->relay : x->profile;
}

uint32_t
smtp_recipients_max(const struct smtp_session *x)
{
	return (uint32_t)setting(
	    smtp_way(x)->sender != NULL ? SET_SUBMISSION_RECIPIENTS_MAX : SET_SMTP_RECIPIENTS_MAX);
}

bool
smtp_tls_offered(const struct smtp_session *x)
{
	return x->session.listener->tls == TLS_STARTTLS && !x->session.tls;
}

/* ---- before the first command ---- */

static bool
peer_among(const struct smtp_session *x, enum setting list)
{
	char networks[1024];

	setting_text(list, networks, sizeof(networks));
	return smtp_peer_allowed(&x->session.peer, text_of(networks));
}

static bool
peer_allowed(const struct smtp_session *x)
{
	return !x->profile->peers_listed || session_peer_loopback(&x->session) ||
	       peer_among(x, SET_SMTP_LMTP_PEERS);
}

/* Who may send without signing in; the store is asked again for each message. */
static bool
may_relay(const struct smtp_session *x)
{
	return (x->profile->signs_in || x->profile->relay != NULL) &&
	       peer_among(x, SET_SUBMISSION_RELAY_NETWORKS);
}

static bool
must_wait(const struct smtp_session *x)
{
	if (!x->profile->greet_delay || x->server->greeters == NULL ||
	    setting(SET_SMTP_GREET_DELAY) == 0 || session_peer_loopback(&x->session) || x->relays)
		return false;
	return !smtp_greeters_know(
	    x->server->greeters, &x->session.peer, setting(SET_SMTP_GREET_REMEMBER));
}

static void
await_command(struct smtp_session *x)
{
	x->command_by = clock_mono() + setting(SET_SMTP_COMMAND_TIMEOUT);
	if (x->profile->signs_in && !smtp_signed_in(x) && !x->relays &&
	    x->sign_in_by < x->command_by)
		x->command_by = x->sign_in_by;
}

static enum next
park(struct smtp_session *x)
{
	arena_done(&x->scratch);
	x->session.park_until = x->command_by;
	return NEXT_PARK;
}

static enum next
greet(struct smtp_session *x)
{
	x->phase = SMTP_COMMANDS;
	smtp_say(x, x->profile->greeting);
	await_command(x);
	return park(x);
}

static enum next
begin(struct smtp_session *x)
{
	x->sign_in_by = clock_mono() + setting(SET_ACCESS_SIGN_IN_TIMEOUT);
	if (!peer_allowed(x))
		return smtp_say_and_close(x, REPLY_PEER_NOT_ALLOWED);
	x->relays = may_relay(x);
	if (!must_wait(x))
		return greet(x);
	x->phase = SMTP_GREETING;
	x->command_by = clock_mono() + setting(SET_SMTP_GREET_DELAY);
	return park(x);
}

static enum next
talked_first(struct smtp_session *x)
{
	char peer[64];

	metric_add(METRIC_SMTP_PREGREET, 1);
	LOG_INFO("smtp.talked-first", FIELD_TEXT("peer", session_peer_text(&x->session, peer)),
	    FIELD_TEXT("said", text_part(stream_buffered(&x->session.stream), 0, 80)));
	return smtp_say_and_close(x, REPLY_TALKED_FIRST);
}

/* The pause is over, or was broken. */
static enum next
greeting(struct smtp_session *x)
{
	enum status got = STATUS_OK;

	if (stream_buffered(&x->session.stream).len == 0)
		got = stream_fill_now(&x->session.stream);
	if (got == STATUS_OK)
		return talked_first(x);
	if (got != STATUS_AGAIN)
		return NEXT_CLOSE;
	if (clock_mono() < x->command_by)
		return park(x);
	smtp_greeters_remember(x->server->greeters, &x->session.peer);
	return greet(x);
}

/* ---- lines ---- */

/* A session that goes on doing nothing useful is ended (RFC 5321 3.8). */
static enum next
tired(struct smtp_session *x)
{
	if (x->errors >= (unsigned)setting(SET_SMTP_ERRORS_MAX))
		return smtp_say_and_close(x, REPLY_TOO_MANY_ERRORS);
	if (x->idle_commands >= (unsigned)setting(SET_SMTP_IDLE_COMMANDS_MAX))
		return smtp_say_and_close(x, REPLY_TOO_MUCH_TALK);
	return NEXT_PARK;
}

/* Drops what is buffered of a bad line; true when its CRLF was found. */
static bool
skip_line(struct smtp_session *x)
{
	struct stream *s = &x->session.stream;
	struct text in = stream_buffered(s);
	size_t end = text_find(in, TEXT("\r\n"), 0);

	if (end < in.len) {
		stream_consume(s, end + 2);
		x->skipping = false;
		await_command(x);
		return true;
	}
	/* A CR at the end may be the first half. */
	if (in.len > 0 && in.ptr[in.len - 1] == '\r')
		in.len--;
	stream_consume(s, in.len);
	x->skipped += in.len;
	return false;
}

/* It ends a sign-in that goes on: it was its answer. */
static enum next
bad_line(struct smtp_session *x, enum smtp_reply why)
{
	smtp_auth_end(x);
	x->skipping = true;
	x->skipped = 0;
	smtp_say(x, why);
	return tired(x);
}

/* How long the next line may be. An initial response stands in the line of its
 * AUTH, and clients put there what would fit behind a challenge. */
static size_t
line_max(const struct smtp_session *x)
{
	size_t most = (size_t)setting(SET_SMTP_LINE_MAX);

	if (!x->profile->signs_in || smtp_signed_in(x) || most > SMTP_AUTH_LINE_MAX)
		return most;
	return SMTP_AUTH_LINE_MAX;
}

static enum next
command_over(struct smtp_session *x, enum next next)
{
	arena_reset(&x->scratch);
	await_command(x);
	return next == NEXT_PARK ? tired(x) : next;
}

/* Until the client signed in, whatever it says may be its password. */
static enum next
good_line(struct smtp_session *x, struct text line)
{
	struct text kept = arena_copy(&x->scratch, line);
	bool secret = x->profile->signs_in && !smtp_signed_in(x);
	enum next next;

	if (secret)
		stream_consume_secret(&x->session.stream, line.len + 2);
	else
		stream_consume(&x->session.stream, line.len + 2);
	next = x->auth != NULL ? smtp_auth_line(x, kept) : smtp_command_line(x, kept);
	if (secret)
		secret_wipe((void *)(uintptr_t)kept.ptr, kept.len);
	return command_over(x, next);
}

/* Waits for more: parks, or ends the session if nothing more will come. */
static enum next
no_line(struct smtp_session *x, bool *more)
{
	enum status got = stream_fill_now(&x->session.stream);

	*more = got == STATUS_OK;
	if (got == STATUS_OK)
		return NEXT_PARK;
	if (got != STATUS_AGAIN) { /* it sends no more, but may still read */
		(void)stream_flush(&x->session.stream);
		return NEXT_CLOSE;
	}
	if (clock_mono() >= x->command_by)
		return smtp_say_and_close(x, REPLY_IDLE);
	if ((x->transfer.kind != TRANSFER_NONE && x->transfer.moved > 0) ||
	    stream_buffered(&x->session.stream).len > 0)
		stream_acknowledge(&x->session.stream); /* of what it began */
	return park(x);
}

/* A message is on its way in. */
static enum next
receive(struct smtp_session *x, bool *more)
{
	enum next next;

	if (smtp_transfer_go_on(x, &next) == STATUS_OK)
		return command_over(x, next);
	x->command_by = smtp_transfer_deadline(&x->transfer);
	return no_line(x, more);
}

/* The service stops: who has begun to send a message may still end it, as long
 * as the connection is left to us. */
static enum next
stop(struct smtp_session *x)
{
	struct stream *s = &x->session.stream;
	enum status got = STATUS_OK;
	enum next next;

	while (x->transfer.kind != TRANSFER_NONE && got == STATUS_OK &&
	       smtp_transfer_go_on(x, &next) == STATUS_AGAIN) {
		stream_set_deadline(s, smtp_transfer_deadline(&x->transfer));
		got = stream_fill(s);
	}
	return smtp_say_and_close(x, REPLY_STOPPING);
}

static enum next
commands(struct smtp_session *x)
{
	enum next next = NEXT_PARK;
	bool more = true;

	while (next == NEXT_PARK && more) {
		struct text line;

		if (x->transfer.kind != TRANSFER_NONE) {
			next = receive(x, &more);
			continue;
		}
		if (x->skipping && !skip_line(x)) {
			next = x->skipped > SKIP_MAX ? smtp_say_and_close(x, REPLY_TOO_MANY_ERRORS)
						     : no_line(x, &more);
			continue;
		}
		switch (stream_line(&x->session.stream, line_max(x), &line)) {
		case STATUS_OK:
			next = good_line(x, line);
			break;
		case STATUS_LIMIT:
			next = bad_line(
			    x, x->auth != NULL ? REPLY_SIGN_IN_TOO_LONG : REPLY_LINE_TOO_LONG);
			break;
		case STATUS_INVALID:
			next = bad_line(x, REPLY_LINE_END);
			break;
		default:
			next = no_line(x, &more);
		}
	}
	return next;
}

static enum next
run(struct session *s, enum wake why, const struct smtp_profile *profile)
{
	struct smtp_session *x = (struct smtp_session *)(void *)s;

	if (x->server == NULL)
		x->server = service_context(s->service);
	x->profile = profile;
	if (why == WAKE_STOP)
		return stop(x);
	switch (x->phase) {
	case SMTP_NEW:
		return begin(x);
	case SMTP_GREETING:
		return greeting(x);
	case SMTP_COMMANDS:
		break;
	}
	return commands(x);
}

static enum next
run_mx(struct session *s, enum wake why)
{
	return run(s, why, &profile_mx);
}

static enum next
run_lmtp(struct session *s, enum wake why)
{
	return run(s, why, &profile_lmtp);
}

static enum next
run_submission(struct session *s, enum wake why)
{
	return run(s, why, &profile_submission);
}

static void
done(struct session *s)
{
	struct smtp_session *x = (struct smtp_session *)(void *)s;

	smtp_transaction_reset(x);
	smtp_sign_out(x);
	arena_done(&x->scratch);
}

/* Said at the door, before there is a session (runtime/session.h): the one
 * reply that is not of the table's making. */
#define BUSY "421 4.3.2 Too many connections; try again later\r\n"

const struct session_class smtp_mx_class = {
	.name = "smtp",
	.size = sizeof(struct smtp_session),
	.run = run_mx,
	.done = done,
	.busy = BUSY,
};

const struct session_class smtp_lmtp_class = {
	.name = "lmtp",
	.size = sizeof(struct smtp_session),
	.run = run_lmtp,
	.done = done,
	.busy = BUSY,
};

const struct session_class smtp_submission_class = {
	.name = "submission",
	.size = sizeof(struct smtp_session),
	.run = run_submission,
	.done = done,
	.busy = BUSY,
};
