/* SPDX-License-Identifier: ISC */
/*
 * The end of a message (RFC 5321 4.1.1.4, 6.1): its faults, then role intake,
 * which answers when the store has it for good, then the reply or, for LMTP,
 * one reply a recipient (RFC 2033 4.2).
 *
 * SMTP has one reply for all recipients. All of them kept: 250. None: the
 * reason, of those that ask for another try the first. Some: the store commits
 * a message for several recipients as a whole, so that this can only be an
 * address that was taken away, or filled up, between RCPT and here. If trying
 * again may help, 451 (those who have it may get it twice, nobody loses it);
 * else 554 with the addresses that were not served, so that the sender learns
 * of it, and does not send the same again and again to those who have it.
 *
 * A call that ends in AMBIGUOUS or UNAVAILABLE is a 451: the client comes
 * back. Within one call the op makes repetitions harmless.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "intake/calls.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "smtp/session.h"

#define OUTCOME_TABLE(X)                        \
	X(STATUS_OK, REPLY_DELIVERED)           \
	X(STATUS_NOT_FOUND, REPLY_NO_SUCH_USER) \
	X(STATUS_EXISTS, REPLY_LOOP)            \
	X(STATUS_QUOTA, REPLY_MAILBOX_FULL)     \
	X(STATUS_DENIED, REPLY_NOT_FOR_YOU)     \
	X(STATUS_LIMIT, REPLY_TOO_LARGE)        \
	X(STATUS_INVALID, REPLY_BAD_MESSAGE)    \
	X(STATUS_FULL, REPLY_DISK_FULL)         \
	X(STATUS_AMBIGUOUS, REPLY_UNSURE)

enum smtp_reply
smtp_reply_of_status(uint64_t status)
{
	switch (status) {
#define X(s, reply) \
	case s:     \
		return reply;
		OUTCOME_TABLE(X)
#undef X
	}
	return REPLY_TROUBLE;
}

static void
count(enum smtp_reply id)
{
	unsigned code = smtp_reply_row(id)->code;

	metric_add(code >= 500	 ? METRIC_SMTP_REFUSED
		   : code >= 400 ? METRIC_SMTP_DEFERRED
				 : METRIC_SMTP_MESSAGES,
	    1);
}

static enum smtp_reply
outcome_of(const struct smtp_result *o, uint32_t i)
{
	return o->all != REPLY_NONE ? o->all : smtp_reply_of_status(o->verdicts.at[i]);
}

static struct text
words_of(const struct smtp_result *o, uint32_t i)
{
	if (o->all != REPLY_NONE)
		return o->words;
	return i < o->texts.count ? o->texts.at[i] : TEXT_EMPTY;
}

/* What "{}" stands for in the replies that end a message. */
static struct text
detail_of(struct smtp_session *x, const struct smtp_result *o, enum smtp_reply id)
{
	if (id == REPLY_TOO_LARGE)
		return arena_printf(
		    &x->scratch, "%lld", (long long)setting(SET_SMTP_MESSAGE_SIZE_MAX));
	return o->id;
}

static void
answer_each(struct smtp_session *x, const struct smtp_result *o)
{
	for (uint32_t i = 0; i < x->tx.recipients.count; i++) {
		enum smtp_reply id = outcome_of(o, i);

		count(id);
		smtp_say_to(x, id,
		    &(struct smtp_reply_parts){
			.recipient = x->tx.recipients.at[i],
			.detail = detail_of(x, o, id),
			.words = words_of(o, i),
		    });
	}
}

/* The one recipient whose outcome speaks for all: the first that may be tried
 * again, else the first that failed, else the first. */
static uint32_t
spokesman(const struct smtp_session *x, const struct smtp_result *o, uint32_t *failed)
{
	uint32_t chosen = 0, n = 0;
	unsigned chosen_code = 200;

	for (uint32_t i = 0; i < x->tx.recipients.count; i++) {
		unsigned code = smtp_reply_row(outcome_of(o, i))->code;

		if (code < 400)
			continue;
		n++;
		if (chosen_code < 400 || (code < 500 && chosen_code >= 500)) {
			chosen = i;
			chosen_code = code;
		}
	}
	*failed = n;
	return chosen;
}

static struct text
failed_list(struct smtp_session *x, const struct smtp_result *o)
{
	struct text list = TEXT_EMPTY;

	for (uint32_t i = 0; i < x->tx.recipients.count && list.len < REPLY_LINE_MAX; i++)
		if (smtp_reply_row(outcome_of(o, i))->code >= 400)
			list = arena_printf(&x->scratch, "%.*s%s<%.*s>", TEXT_ARG(list),
			    list.len > 0 ? ", " : "", TEXT_ARG(x->tx.recipients.at[i]));
	return list;
}

static void
answer_once(struct smtp_session *x, const struct smtp_result *o)
{
	uint32_t failed, i = spokesman(x, o, &failed);
	enum smtp_reply id = outcome_of(o, i);
	struct smtp_reply_parts parts = { .detail = detail_of(x, o, id), .words = words_of(o, i) };

	if (failed > 0 && failed < x->tx.recipients.count) {
		id = smtp_reply_row(id)->code < 500 ? REPLY_SOME_FAILED : REPLY_PARTLY_DELIVERED;
		parts = (struct smtp_reply_parts){ .detail = failed_list(x, o) };
		LOG_WARN("smtp.partly-delivered", FIELD_TEXT("id", o->id),
		    FIELD_TEXT("not", parts.detail));
	}
	count(id);
	smtp_say_to(x, id, &parts);
}

static struct smtp_result
refused(struct text id, enum smtp_reply why, const char *words)
{
	return (struct smtp_result){ .id = id, .all = why, .words = text_of(words) };
}

void
smtp_mx_message(
    struct smtp_session *x, uint64_t op, const struct payload *message, struct smtp_result *o)
{
	char space[64];
	const struct intake_deliver_request request = {
		.op = op,
		.id = o->id,
		.sender = x->tx.sender,
		.recipients = x->tx.recipients,
		.came = smtp_came(x),
		.needs = x->tx.needs,
		.ret = x->tx.ret,
		.envid = x->tx.envid,
		.orcpts = x->tx.orcpts,
		.notify = x->tx.notify,
		.forwards = x->tx.forwards,
		.trace = smtp_trace(x, o->id),
		.message = *message,
		.helo = smtp_helo(x),
		.remote = session_peer_text(&x->session, space),
		.tls = x->session.tls,
	};
	struct intake_deliver_reply reply;
	struct failure f;
	enum status s = intake_deliver(x->server->calls, &request, &x->scratch, &reply, &f);

	if (s == STATUS_OK && reply.verdicts.count != x->tx.recipients.count)
		s = fail(&f, STATUS_CORRUPT, "", "%u verdicts for %u recipients",
		    reply.verdicts.count, x->tx.recipients.count);
	if (s == STATUS_OK) {
		o->verdicts = reply.verdicts;
		o->texts = reply.texts;
		return;
	}
	LOG_WARN("smtp.intake-failed", FIELD_TEXT("id", o->id), FIELD_STATUS(s),
	    FIELD_STRING("why", f.log));
	o->all = smtp_reply_of_status(s);
}

static void
log_outcome(const struct smtp_session *x, const struct smtp_result *o, uint64_t octets)
{
	char space[64];
	uint32_t failed;
	uint32_t i = spokesman(x, o, &failed);

	LOG_INFO("smtp.message", FIELD_TEXT("id", o->id),
	    FIELD_TEXT("peer", session_peer_text(&x->session, space)),
	    FIELD_TEXT("helo", smtp_helo(x)), FIELD_TEXT("from", x->tx.sender),
	    FIELD_TEXT("to", x->tx.recipients.at[i]),
	    FIELD_U64("recipients", x->tx.recipients.count), FIELD_U64("octets", octets),
	    FIELD_U64("code", smtp_reply_row(outcome_of(o, i))->code));
}

static struct smtp_result
settle(struct smtp_session *x, struct smtp_message *m)
{
	uint64_t op = random_by_time();
	struct smtp_result o = { .id = smtp_id(&x->scratch, op), .all = REPLY_NONE };
	enum smtp_reply fault;
	struct payload message;

	if (smtp_way(x)->mends)
		smtp_message_mend(m);
	fault = smtp_message_fault(m, true);
	if (fault != REPLY_NONE)
		return refused(o.id, fault, "");
	if (smtp_message_payload(m, &message) != STATUS_OK)
		return refused(o.id, REPLY_TROUBLE, ""); /* the system's memory, no disk */
	if (smtp_message_hops(message.bytes) > (uint32_t)setting(SET_SMTP_HOPS_MAX))
		return refused(o.id, REPLY_LOOP, "");
	smtp_way(x)->hand_over(x, op, &message, &o);
	return o;
}

/* Those who are refused now, by what they are told. */
static void
tell_trace(struct smtp_session *x, const struct smtp_result *o, uint64_t octets)
{
	uint32_t n = x->tx.recipients.count, count = 0;
	struct smtp_told *at = NULL;

	for (uint32_t i = 0; i < n; i++) {
		enum smtp_reply id = outcome_of(o, i);

		if (smtp_reply_row(id)->code < 400)
			continue;
		if (at == NULL)
			at = ARENA_ARRAY(&x->scratch, struct smtp_told, n);
		if (count == 0 || at[count - 1].reply != id ||
		    at[count - 1].recipients.at + at[count - 1].recipients.count !=
			&x->tx.recipients.at[i])
			at[count++] = (struct smtp_told){ .reply = id,
				.detail = detail_of(x, o, id),
				.words = words_of(o, i),
				.recipients = { &x->tx.recipients.at[i], 0 } };
		at[count - 1].recipients.count++;
	}
	smtp_tell_refused(x, o->id, at, count, octets);
}

void
smtp_deliver(struct smtp_session *x, struct smtp_message *m)
{
	struct smtp_result o = settle(x, m);

	log_outcome(x, &o, m->octets);
	tell_trace(x, &o, m->octets);
	if (x->profile->reply_each)
		answer_each(x, &o);
	else
		answer_once(x, &o);
	x->messages++;
	x->idle_commands = 0;
	if (smtp_reply_row(outcome_of(&o, 0))->code < 400)
		x->errors = 0;
	smtp_transaction_reset(x);
}
