/* SPDX-License-Identifier: ISC */
/*
 * Doubles for the tests and the fuzzer of submission: an auth that knows
 * alice@demo.test with the password "demo", a store that judges by the address,
 * an intake that writes down what it was given. Part of smtp/test_house.h.
 */
#ifndef SMTP_TESTING_SUBMISSION_H
#define SMTP_TESTING_SUBMISSION_H

#include "auth/calls.h"
#include "intake/calls.h"
#include "store/submission_calls.h"
#include "store/trace_calls.h"

#define DESK_TOKEN "alices-token"

/* What intake was given last, and what it shall answer. */
struct desk {
	struct buffer fields; /* of the envelope, "name=value ", where there is a value */
	struct buffer message, trace, came;
	_Atomic unsigned submitted, questions;
	enum submission_verdict verdict;
	enum status status;
	enum status token_status; /* what the store says of the token */
};

/* ---- auth ---- */

static void
desk_mechanisms(struct call_in *in, const void *request, void *context)
{
	const struct auth_mechanisms_request *q = request;
	struct text names[] = { TEXT("X-TALK"), TEXT("PLAIN") };
	const struct auth_mechanisms_reply r = { .names = {
						     names, q->flags & AUTH_MAY_PLAIN ? 2 : 1 } };

	call_reply(in, &r);
}

static const struct {
	const char *name;
	enum auth_refusal code;
	const char *words;
} desk_refusals[] = {
	{ "away", AUTH_UNAVAILABLE, "" },
	{ "private", AUTH_NEEDS_TLS, "" },
	{ "suspended", AUTH_SUSPENDED, "" },
	{ "hasty", AUTH_TOO_MANY, "Wait a minute" },
	{ "stopped", AUTH_STOPPED, "Sending is stopped" },
};

static struct auth_start_reply
desk_answer(struct text name, struct text password, struct text last_word)
{
	struct auth_start_reply r = { .state = AUTH_NO, .code = AUTH_BAD_CREDENTIALS };

	for (size_t i = 0; i < ARRAY_LEN(desk_refusals); i++)
		if (text_equal(name, text_of(desk_refusals[i].name))) {
			r.code = desk_refusals[i].code;
			r.text = text_of(desk_refusals[i].words);
		}
	if (text_equal(name, TEXT("alice@demo.test")) && text_equal(password, TEXT("demo")))
		r = (struct auth_start_reply){ .state = AUTH_DONE,
			.token = TEXT(DESK_TOKEN),
			.account = 1,
			.address = name,
			.challenge = last_word };
	return r;
}

static struct auth_start_reply
desk_plain(struct text message)
{
	struct text part[3] = { TEXT_EMPTY, TEXT_EMPTY, TEXT_EMPTY };

	for (int i = 0; i < 3 && text_split(&message, '\0', &part[i]); i++)
		continue;
	return desk_answer(part[1], part[2], TEXT_EMPTY);
}

/* X-TALK asks "name?" and has the last word. */
static void
desk_start(struct call_in *in, const void *request, void *context)
{
	const struct auth_start_request *q = request;
	struct auth_start_reply r = { .state = AUTH_NO, .code = AUTH_BAD_MECHANISM };

	if (!text_equal(q->service, TEXT("smtp")))
		r.code = AUTH_UNAVAILABLE;
	else if (text_equal_ci(q->mechanism, TEXT("X-TALK")))
		r = (struct auth_start_reply){
			.state = AUTH_MORE, .exchange = 77, .challenge = TEXT("name?")
		};
	else if (text_equal_ci(q->mechanism, TEXT("PLAIN")) && !(q->flags & AUTH_MAY_PLAIN))
		r.code = AUTH_NEEDS_TLS;
	else if (text_equal_ci(q->mechanism, TEXT("PLAIN")) && q->has_initial)
		r = desk_plain(q->initial);
	else if (text_equal_ci(q->mechanism, TEXT("PLAIN")))
		r = (struct auth_start_reply){ .state = AUTH_MORE, .exchange = 78 };
	call_reply(in, &r);
}

static void
desk_step(struct call_in *in, const void *request, void *context)
{
	const struct auth_step_request *q = request;
	struct auth_start_reply r = { .state = AUTH_NO, .code = AUTH_BAD_MESSAGE };

	if (!q->cancelled)
		r = q->exchange == 77 ? desk_answer(q->response, TEXT("demo"), TEXT("welcome"))
				      : desk_plain(q->response);
	call_reply(in, &r);
}

/* ---- the store ---- */

static const struct {
	const char *address;
	enum submission_verdict verdict;
} desk_senders[] = {
	{ "", SUBMISSION_OK },
	{ "alice@demo.test", SUBMISSION_OK },
	{ "alice+tag@demo.test", SUBMISSION_OK },
	{ "\xc3\xa4@demo.test", SUBMISSION_OK },
	{ "frozen@demo.test", SUBMISSION_FROZEN },
	{ "limited@demo.test", SUBMISSION_LIMITED },
	{ "strange@demo.test", SUBMISSION_VERDICTS },
}, desk_recipients[] = {
	{ "alice@demo.test", SUBMISSION_OK },
	{ "bob@demo.test", SUBMISSION_OK },
	{ "postmaster@demo.test", SUBMISSION_OK },
	{ "suspended@demo.test", SUBMISSION_SUSPENDED },
	{ "full@demo.test", SUBMISSION_FULL },
	{ "bad@far.test", SUBMISSION_BAD_ADDRESS },
	{ "suppressed@far.test", SUBMISSION_SUPPRESSED },
	{ "limited@far.test", SUBMISSION_LIMITED },
	{ "frozen@far.test", SUBMISSION_FROZEN },
	{ "many@far.test", SUBMISSION_TOO_MANY },
};

static bool
desk_token(struct call_in *in, const struct desk *d, struct text token, struct text network)
{
	bool known = network.len == 0
			 ? text_equal(token, TEXT(DESK_TOKEN))
			 : token.len == 0 && (text_equal(network, TEXT("127.0.0.1")) ||
						 text_equal(network, TEXT("192.0.2.1")));
	enum status s = known ? d->token_status : STATUS_DENIED;

	if (s != STATUS_OK)
		call_refuse(in, s, "As the test wants it", "test");
	return s == STATUS_OK;
}

static void
desk_sender(struct call_in *in, const void *request, void *context)
{
	const struct submission_sender_request *q = request;
	struct submission_sender_reply r = { .verdict = SUBMISSION_NOT_YOURS };

	((struct desk *)context)->questions++;
	r.calm = !text_equal(q->address, TEXT("alice+tag@demo.test"));
	if (!desk_token(in, context, q->token, q->network))
		return;
	for (size_t i = 0; i < ARRAY_LEN(desk_senders); i++)
		if (text_equal(q->address, text_of(desk_senders[i].address)))
			r.verdict = desk_senders[i].verdict;
	if (r.verdict == SUBMISSION_FROZEN)
		r.words = TEXT("Change your password, then sending works again");
	call_reply(in, &r);
}

static void
desk_rcpt(struct call_in *in, const void *request, void *context)
{
	const struct submission_rcpt_request *q = request;
	struct submission_rcpt_reply r = { .verdict = SUBMISSION_OK, .canonical = q->address };

	((struct desk *)context)->questions++;
	r.calm = text_ends(q->address, TEXT("@far.test"));
	if (!desk_token(in, context, q->token, q->network))
		return;
	if (text_ends(q->address, TEXT("@demo.test")))
		r.verdict = SUBMISSION_NO_SUCH_USER;
	for (size_t i = 0; i < ARRAY_LEN(desk_recipients); i++)
		if (text_equal(q->address, text_of(desk_recipients[i].address)))
			r.verdict = desk_recipients[i].verdict;
	call_reply(in, &r);
}

/* ---- intake ---- */

static void
desk_note(struct buffer *b, const char *name, struct text value)
{
	if (value.len > 0)
		buffer_addf(b, "%s=%.*s ", name, TEXT_ARG(value));
}

static void
desk_note_number(struct buffer *b, const char *name, int64_t value)
{
	if (value != 0)
		buffer_addf(b, "%s=%lld ", name, (long long)value);
}

static void
desk_remember(struct desk *d, const struct intake_submit_request *q)
{
	struct buffer *b = &d->fields;

	buffer_clear(b);
	desk_note(b, "network", q->network);
	desk_note(b, "from", q->sender);
	desk_note_number(b, "body", (int64_t)q->body);
	desk_note_number(b, "needs", (int64_t)q->needs);
	desk_note_number(b, "ret", (int64_t)q->ret);
	desk_note(b, "envid", q->envid);
	desk_note_number(b, "priority", q->priority);
	desk_note_number(b, "by", (int64_t)q->by);
	desk_note_number(b, "by_time", q->by_time);
	desk_note_number(b, "not_before", q->not_before);
	for (uint32_t i = 0; i < q->recipients.count; i++) {
		desk_note(b, "to", q->recipients.at[i]);
		desk_note(b, "orcpt", q->orcpts.at[i]);
		desk_note_number(b, "notify", (int64_t)q->notify.at[i]);
	}
	desk_note_number(b, "copy", (int64_t)q->copy);
	desk_note_number(b, "passes", (int64_t)q->passes);
	buffer_clear(&d->message);
	buffer_add_text(&d->message, q->message.bytes);
	buffer_clear(&d->trace);
	buffer_add_text(&d->trace, q->trace);
	buffer_clear(&d->came);
	buffer_add_text(&d->came, q->came);
	atomic_fetch_add(&d->submitted, 1);
}

static void
desk_submit(struct call_in *in, const void *request, void *context)
{
	const struct intake_submit_request *q = request;
	struct desk *d = context;
	struct intake_submit_reply r = { .verdict = d->verdict };

	if (!desk_token(in, d, q->token, q->network))
		return;
	desk_remember(d, q);
	if (d->status != STATUS_OK) {
		call_refuse(in, d->status, "As the test wants it", "test");
		return;
	}
	if (r.verdict == SUBMISSION_LIMITED)
		r.words = TEXT("That was enough for today");
	call_reply(in, &r);
}

UNUSED static void
desk_done(struct desk *d)
{
	buffer_done(&d->fields);
	buffer_done(&d->message);
	buffer_done(&d->trace);
	buffer_done(&d->came);
}

static const struct call_row desk_auth_rows[] = {
	{ &auth_mechanisms_call, desk_mechanisms },
	{ &auth_start_call, desk_start },
	{ &auth_step_call, desk_step },
};
static void
desk_told(struct call_in *in, const void *request, void *context)
{
	call_reply(in, &(struct trace_add_reply){ .none_ = 0 });
}

static const struct call_row desk_store_rows[] = {
	{ &trace_add_call, desk_told },
	{ &submission_sender_call, desk_sender },
	{ &submission_rcpt_call, desk_rcpt },
};
static const struct call_row desk_intake_rows[] = { { &intake_submit_call, desk_submit } };

#endif
