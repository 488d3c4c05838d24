/* SPDX-License-Identifier: ISC */
/*
 * What submission asks of the store and hands to intake (RFC 6409): may the
 * account write under this name, to this recipient, and here is the message.
 * What they answer becomes a reply with their words.
 */
#include "base/log.h"
#include "intake/calls.h"
#include "mime/address.h"
#include "runtime/settings.h"
#include "smtp/session.h"
#include "store/submission_calls.h"

/* verdict, reply */
#define VERDICT_TABLE(X)                                  \
	X(SUBMISSION_NOT_YOURS, REPLY_NOT_YOURS)          \
	X(SUBMISSION_NO_SUCH_USER, REPLY_NO_SUCH_USER)    \
	X(SUBMISSION_BAD_ADDRESS, REPLY_BAD_ADDRESS)      \
	X(SUBMISSION_SUSPENDED, REPLY_SUSPENDED)          \
	X(SUBMISSION_FULL, REPLY_MAILBOX_FULL)            \
	X(SUBMISSION_SUPPRESSED, REPLY_SUPPRESSED)        \
	X(SUBMISSION_LIMITED, REPLY_LIMITED)              \
	X(SUBMISSION_FROZEN, REPLY_FROZEN)                \
	X(SUBMISSION_TOO_MANY, REPLY_TOO_MANY_RECIPIENTS) \
	X(SUBMISSION_BAD_MESSAGE, REPLY_BAD_MESSAGE)

static enum smtp_reply
reply_of_verdict(uint64_t verdict, enum smtp_reply good)
{
	switch (verdict) {
	case SUBMISSION_OK:
		return good;
#define X(v, reply) \
	case v:     \
		return reply;
		VERDICT_TABLE(X)
#undef X
	}
	return REPLY_TROUBLE;
}

/* A call that failed. The store refuses a token that is not good any more
 * (expired, the password was changed, the account suspended): the client must
 * sign in again. */
static enum smtp_reply
failed(struct smtp_session *x, const char *what, enum status s, const struct failure *f)
{
	LOG_WARN("smtp.submission-failed", FIELD_STRING("at", what), FIELD_STATUS(s),
	    FIELD_TEXT("account", x->address), FIELD_STRING("why", f->log));
	if (s == STATUS_DENIED)
		return smtp_signed_in(x) ? REPLY_SIGN_IN_AGAIN : REPLY_NO_RELAY;
	return smtp_reply_of_status(s);
}

/* Who did not sign in sends by the address, which goes into 64 octets of room. */
static struct text
network_of(const struct smtp_session *x, char room[64])
{
	return smtp_signed_in(x) ? TEXT_EMPTY : session_peer_text(&x->session, room);
}

/* ---- what was answered a moment ago ---- */

/* An account of a calm sender goes on as him, and to domains elsewhere, without
 * being asked about (smtp/known.h); intake and the store look at all of it again at
 * the end of the message. */
static struct smtp_known *
memory(const struct smtp_session *x)
{
	bool remembers = smtp_signed_in(x) && setting(SET_SMTP_RECIPIENT_REMEMBER) != 0;

	return remembers ? x->server->known : NULL;
}

static bool
has(const struct smtp_session *x, struct text key)
{
	return smtp_known_has(memory(x), key, 0, setting(SET_SMTP_RECIPIENT_REMEMBER));
}

static struct text
sender_key(struct smtp_session *x, struct text address)
{
	return arena_printf(&x->scratch, "%.*s as %.*s", TEXT_ARG(x->address), TEXT_ARG(address));
}

/* Empty: no plain address. */
static struct text
domain_key(struct smtp_session *x, struct text address)
{
	struct buffer b = BUFFER_INIT;
	struct text key = TEXT_EMPTY;

	if (address.ptr[0] != '"' && smtp_address_key(address, &b) == STATUS_OK) {
		key = buffer_text(&b);
		key = arena_copy(&x->scratch, text_part(key, text_find_last(key, '@'), key.len));
	}
	buffer_done(&b);
	return key;
}

static bool
recipient_known(struct smtp_session *x, struct text address)
{
	struct text domain;

	if (memory(x) == NULL || address.len == 0 || !has(x, sender_key(x, x->tx.sender)))
		return false;
	domain = domain_key(x, address);
	return domain.len > 0 && has(x, domain);
}

/* Whether all go to domains elsewhere and no copy stays. What is not remembered may be
 * of this site. */
static bool
passes(struct smtp_session *x)
{
	const struct texts *to = &x->tx.recipients;

	if (memory(x) == NULL || setting(SET_SUBMISSION_COPY_TO_SENT) != 0)
		return false;
	for (size_t i = 0; i < to->count; i++) {
		struct text domain = domain_key(x, to->at[i]);

		if (domain.len == 0 || !has(x, domain))
			return false;
	}
	return true;
}

/* ---- questions ---- */

enum smtp_reply
smtp_submit_sender(struct smtp_session *x, struct text address, struct text *words)
{
	char room[64];
	const struct submission_sender_request request = {
		.token = x->token, .network = network_of(x, room), .address = address
	};
	struct submission_sender_reply reply;
	struct failure f;
	struct smtp_known *known = memory(x);
	uint64_t era = 0;
	enum status s;

	if (known != NULL && has(x, sender_key(x, address)))
		return REPLY_SENDER_OK;
	if (known != NULL)
		era = smtp_known_era(known);
	s = submission_sender(x->server->calls, &request, &x->scratch, &reply, &f);
	if (s != STATUS_OK)
		return failed(x, "sender", s, &f);
	if (known != NULL && reply.verdict == SUBMISSION_OK && reply.calm != 0)
		smtp_known_add(known, sender_key(x, address), 0, era);
	*words = reply.words;
	return reply_of_verdict(reply.verdict, REPLY_SENDER_OK);
}

enum smtp_reply
smtp_submit_recipient(struct smtp_session *x, struct text address, struct text *words)
{
	char room[64];
	const struct submission_rcpt_request request = {
		.token = x->token,
		.network = network_of(x, room),
		.address = address,
		.size = x->tx.size,
		.before = x->tx.recipients.count,
	};
	struct submission_rcpt_reply reply;
	struct failure f;
	struct smtp_known *known = memory(x);
	uint64_t era = 0;
	struct text domain;
	enum status s;

	if (recipient_known(x, address))
		return REPLY_RECIPIENT_OK;
	if (known != NULL)
		era = smtp_known_era(known);
	s = submission_rcpt(x->server->calls, &request, &x->scratch, &reply, &f);
	if (s == STATUS_INVALID)
		return REPLY_BAD_ADDRESS;
	if (s != STATUS_OK)
		return failed(x, "recipient", s, &f);
	if (known != NULL && reply.verdict == SUBMISSION_OK && reply.calm != 0) {
		domain = domain_key(x, address);
		if (domain.len > 0)
			smtp_known_add(known, domain, 0, era);
	}
	*words = reply.words;
	return reply_of_verdict(reply.verdict, REPLY_RECIPIENT_OK);
}

void
smtp_submit_message(
    struct smtp_session *x, uint64_t op, const struct payload *message, struct smtp_result *o)
{
	const struct smtp_transaction *tx = &x->tx;
	char space[64], room[64];
	const struct intake_submit_request request = {
		.token = x->token,
		.network = network_of(x, room),
		.op = op,
		.id = o->id,
		.sender = tx->sender,
		.body = tx->body,
		.needs = tx->needs,
		.ret = tx->ret,
		.envid = tx->envid,
		.priority = tx->priority,
		.by = tx->by,
		.by_time = tx->by_time,
		.not_before = tx->not_before,
		.recipients = tx->recipients,
		.orcpts = tx->orcpts,
		.notify = tx->notify,
		.copy = setting(SET_SUBMISSION_COPY_TO_SENT) != 0,
		.passes = passes(x),
		.came = smtp_came(x),
		.trace = smtp_trace(x, o->id),
		.message = *message,
		.helo = smtp_helo(x),
		.remote = session_peer_text(&x->session, space),
		.tls = x->session.tls,
	};
	struct intake_submit_reply reply;
	struct failure f;
	enum status s = intake_submit(x->server->calls, &request, &x->scratch, &reply, &f);

	if (s != STATUS_OK) {
		o->all = failed(x, "message", s, &f);
		return;
	}
	o->all = reply_of_verdict(reply.verdict, REPLY_SUBMITTED);
	o->words = reply.verdict == SUBMISSION_OK ? TEXT_EMPTY : reply.words;
}
