/* SPDX-License-Identifier: ISC */
/*
 * Transactions (RFC 5321 3.3). MAIL, RCPT and DATA go out in groups where the
 * server pipelines (RFC 2920), else one by one; a group is small enough that
 * neither side ever waits for the other to read. Every recipient gets a fate of
 * its own: from its RCPT, from what hit the whole message, or by LMTP from its
 * own reply behind the data (RFC 2033 4.2).
 */
#include <string.h>

#include "smtp/client_private.h"

/* Of commands that wait for their answers. */
#define GROUP_OCTETS 8192
#define GROUP_COMMANDS 100

/* A transaction in hand. Commands are numbered: 0 is MAIL, i is RCPT of
 * list[i - 1], count + 1 is DATA. */
struct transaction {
	struct smtp_client *c;
	const struct smtp_envelope *e;
	struct client_form form;
	struct smtp_recipient **list; /* those that are tried */
	bool *taken;		      /* 250 to its RCPT */
	size_t count, accepted;
	bool chunk;
	bool refused;		 /* MAIL was */
	bool more;		 /* somebody is left for another transaction */
	struct smtp_answer data; /* the answer to DATA; code 0: not asked yet */
};

/* The same for all that have none yet and, of those, only the taken. */
static void
fate_all(struct transaction *t, const struct smtp_fate *fate, bool taken)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->list[i]->fate.outcome == SMTP_UNTRIED && (t->taken[i] || !taken))
			t->list[i]->fate = *fate;
}

/* The session is over: so it is for all. */
static enum status
broken(struct transaction *t, enum status why, bool perhaps)
{
	struct smtp_fate fate = t->c->fate;

	fate.perhaps = perhaps && fate.outcome == SMTP_TEMPORARY && fate.answer.code == 0;
	fate_all(t, &fate, false);
	return why;
}

/* ---- who is tried ---- */

/* Whether the domain is among those of the first n. */
static bool
domain_known(const struct transaction *t, size_t n, struct text domain)
{
	for (size_t i = 0; i < n; i++) {
		struct text a = t->list[i]->address;

		if (text_equal_ci(text_part(a, text_find_last(a, '@') + 1, a.len), domain))
			return true;
	}
	return false;
}

/* RFC 9422 4: what the server takes of recipients and of their domains. */
static bool
fits(struct transaction *t, const struct smtp_recipient *r, uint64_t *domains)
{
	const struct smtp_offers *o = &t->c->offers;
	struct text a = r->address;

	if (o->rcpt_max > 0 && t->count >= o->rcpt_max)
		return false;
	if (o->rcpt_domain_max == 0 ||
	    domain_known(t, t->count, text_part(a, text_find_last(a, '@') + 1, a.len)))
		return true;
	return ++*domains <= o->rcpt_domain_max;
}

static void
choose(struct transaction *t, struct smtp_recipient *recipients, size_t count)
{
	uint64_t domains = 0;

	t->list = ARENA_ARRAY(&t->c->arena, struct smtp_recipient *, count);
	t->taken = ARENA_ARRAY(&t->c->arena, bool, count);
	for (size_t i = 0; i < count; i++) {
		struct smtp_recipient *r = &recipients[i];
		enum smtp_lack lack;

		if (r->fate.outcome != SMTP_UNTRIED)
			continue;
		lack = client_rcpt_lacks(t->c, r);
		if (lack != SMTP_LACKS_NONE) {
			r->fate = client_lack_fate(lack);
		} else if (!t->more && fits(t, r, &domains)) {
			t->list[t->count++] = r;
			t->form.utf8 = t->form.utf8 || client_needs_utf8(r->address);
		} else {
			t->more = true;
		}
	}
}

/* ---- the envelope ---- */

static void
print(const struct transaction *t, size_t command, struct buffer *out)
{
	if (command == 0)
		client_mail_print(t->c, t->e, &t->form, out);
	else if (command <= t->count)
		client_rcpt_print(t->c, t->list[command - 1], &t->form, out);
	else
		buffer_add_string(out, "DATA\r\n");
}

/* RFC 5321 4.5.3.1.10: "too many recipients" is said as 452, or by mistake as
 * 552, and means another transaction once somebody was accepted. */
static bool
too_many(const struct transaction *t, const struct smtp_answer *a)
{
	if ((a->code != 452 && a->code != 552) || t->accepted == 0)
		return false;
	return a->enhanced[0] == 0 || (a->enhanced[1] == 5 && a->enhanced[2] == 3);
}

static enum status
take_rcpt(struct transaction *t, size_t i, const struct smtp_answer *a)
{
	struct smtp_recipient *r = t->list[i];

	if (a->code / 100 == 3)
		return client_fail(t->c, SMTP_AT_RCPT, STATUS_INVALID,
		    "The server's answer to RCPT makes no sense");
	if (t->refused)
		return STATUS_OK;
	if (a->code / 100 == 2) {
		t->taken[i] = true;
		t->accepted++;
	} else if (too_many(t, a)) {
		t->more = true;
	} else {
		r->fate = client_fate(SMTP_AT_RCPT, a);
		if (a->code == 552)
			r->fate.outcome = SMTP_TEMPORARY;
	}
	return STATUS_OK;
}

static enum status
take_mail(struct transaction *t, const struct smtp_answer *a)
{
	struct smtp_fate fate;

	if (a->code / 100 == 3)
		return client_fail(t->c, SMTP_AT_MAIL, STATUS_INVALID,
		    "The server's answer to MAIL makes no sense");
	t->refused = a->code / 100 != 2;
	t->c->started = !t->refused;
	if (t->refused) {
		fate = client_fate(SMTP_AT_MAIL, a);
		fate_all(t, &fate, false);
	}
	return STATUS_OK;
}

/* The answer to one command. */
static enum status
take(struct transaction *t, size_t command)
{
	const struct smtp_client_times *times = &t->c->config->times;
	struct smtp_answer a;
	enum status st;

	if (command == 0) {
		st = client_answer(t->c, SMTP_AT_MAIL, times->mail, &a, NULL);
		return st == STATUS_OK ? take_mail(t, &a) : st;
	}
	if (command <= t->count) {
		st = client_answer(t->c, SMTP_AT_RCPT, times->rcpt, &a, NULL);
		return st == STATUS_OK ? take_rcpt(t, command - 1, &a) : st;
	}
	return client_answer(t->c, SMTP_AT_DATA, times->data, &t->data, NULL);
}

/* Sends what fits into a group of commands from first on; gives the one behind. */
static size_t
send_group(struct transaction *t, size_t first, size_t end, bool pipelining)
{
	struct buffer out = BUFFER_INIT;
	size_t next = first;

	do
		print(t, next++, &out);
	while (pipelining && next < end && out.len < GROUP_OCTETS && next - first < GROUP_COMMANDS);
	client_patience(t->c, t->c->config->times.mail);
	stream_write(t->c->stream, buffer_text(&out));
	buffer_done(&out);
	return next;
}

static enum smtp_stage
stage_of(const struct transaction *t, size_t command)
{
	if (command == 0)
		return SMTP_AT_MAIL;
	return command <= t->count ? SMTP_AT_RCPT : SMTP_AT_DATA;
}

/* DATA alone, with nobody to send to. */
static bool
in_vain(const struct transaction *t, size_t next)
{
	return next > t->count && t->accepted == 0;
}

/* MAIL, all RCPT and, where DATA may stand in a group (RFC 2920 3.1), DATA. */
static enum status
envelope(struct transaction *t)
{
	const struct smtp_client *c = t->c;
	bool pipelining =
	    (c->offers.set & SMTP_OFFERS_PIPELINING) != 0 && !c->config->no_pipelining;
	size_t end = t->count + (pipelining && !t->chunk ? 2 : 1);
	enum status st = STATUS_OK;

	for (size_t next = 0, asked = 0;
	     st == STATUS_OK && next < end && !t->refused && !in_vain(t, next);) {
		if (client_heard(t->c))
			return client_out_of_turn(t->c, stage_of(t, next));
		asked = next;
		next = send_group(t, asked, end, pipelining);
		while (st == STATUS_OK && asked < next)
			st = take(t, asked++);
	}
	return st;
}

/* ---- the message ---- */

static enum smtp_outcome
success(const struct smtp_client *c)
{
	if (c->config->lmtp)
		return SMTP_DELIVERED;
	return (c->offers.set & SMTP_OFFERS_DSN) != 0 ? SMTP_PASSED_ON : SMTP_RELAYED;
}

/* One answer behind the message, for a recipient or for all. */
static enum status
take_dot(struct transaction *t, struct smtp_fate *out)
{
	struct smtp_answer a;
	enum status st = client_answer(t->c, SMTP_AT_DOT, t->c->config->times.dot, &a, NULL);

	if (st != STATUS_OK)
		return st;
	if (a.code / 100 == 3)
		return client_fail(t->c, SMTP_AT_DOT, STATUS_INVALID,
		    "The server's answer to the message makes no sense");
	*out = client_fate(SMTP_AT_DOT, &a);
	if (a.code / 100 == 2)
		out->outcome = success(t->c);
	return STATUS_OK;
}

static enum status
take_dots(struct transaction *t)
{
	struct smtp_fate fate;
	enum status st = STATUS_OK;

	if (!t->c->config->lmtp) {
		st = take_dot(t, &fate);
		if (st == STATUS_OK)
			fate_all(t, &fate, true);
		return st;
	}
	for (size_t i = 0; i < t->count && st == STATUS_OK; i++)
		if (t->taken[i])
			st = take_dot(t, &t->list[i]->fate);
	return st;
}

/* However long the message took: who has all of it gets the time to say so,
 * for an answer that is not waited for is mail that comes twice. */
static void
give_time(struct smtp_client *c)
{
	int64_t end = clock_mono() + c->config->times.dot;

	if (c->patience < end)
		c->patience = end;
}

static enum status
message(struct transaction *t)
{
	enum status st = client_message(t->c, t->e, t->chunk);

	if (st != STATUS_OK)
		return broken(t, st, false);
	give_time(t->c);
	st = take_dots(t);
	if (st != STATUS_OK)
		return broken(t, st, true);
	t->c->started = false;
	return STATUS_OK;
}

/* Nobody is left, but the server waits for a message: it gets an empty one,
 * and what it says of that is nobody's (RFC 2920 3.1). */
static enum status
empty_message(struct transaction *t)
{
	struct smtp_answer a;
	enum status st =
	    client_command(t->c, SMTP_AT_DOT, t->c->config->times.dot, TEXT(".\r\n"), &a, NULL);

	return st == STATUS_OK ? STATUS_OK : broken(t, st, false);
}

static enum status
content(struct transaction *t)
{
	struct smtp_fate fate;
	enum status st;

	if (t->accepted == 0)
		return t->data.code == 354 ? empty_message(t) : STATUS_OK;
	if (!t->chunk && t->data.code == 0) {
		st = client_command(
		    t->c, SMTP_AT_DATA, t->c->config->times.data, TEXT("DATA\r\n"), &t->data, NULL);
		if (st != STATUS_OK)
			return broken(t, st, false);
	}
	if (t->chunk || t->data.code == 354)
		return message(t);
	if (t->data.code < 400) {
		st = client_fail(t->c, SMTP_AT_DATA, STATUS_INVALID,
		    "The server's answer to DATA makes no sense");
		return broken(t, st, false);
	}
	fate = client_fate(SMTP_AT_DATA, &t->data);
	fate_all(t, &fate, true);
	return STATUS_OK;
}

/* ---- all together ---- */

static enum status
transact(struct transaction *t)
{
	enum status st = t->c->started ? smtp_client_reset(t->c) : STATUS_OK;

	if (st != STATUS_OK)
		return broken(t, st, false);
	t->c->mails++;
	st = envelope(t);
	if (st != STATUS_OK)
		return broken(t, st, false);
	return content(t);
}

static enum status
lacking(enum smtp_lack lack, struct smtp_recipient *recipients, size_t count)
{
	struct smtp_fate fate = client_lack_fate(lack);

	for (size_t i = 0; i < count; i++)
		if (recipients[i].fate.outcome == SMTP_UNTRIED)
			recipients[i].fate = fate;
	return STATUS_OK;
}

/* Between two messages the server may have said farewell, or nothing: then
 * nobody was tried. */
static enum status
still_there(struct smtp_client *c)
{
	if (c->mails == 0)
		return STATUS_OK;
	if (client_heard(c))
		return client_out_of_turn(c, SMTP_AT_RESET);
	if (c->stream->broken != STATUS_OK)
		return client_fail(
		    c, SMTP_AT_RESET, STATUS_CLOSED, "The server closed the connection");
	return STATUS_OK;
}

enum status
smtp_client_send(struct smtp_client *c, const struct smtp_envelope *e,
    struct smtp_recipient *recipients, size_t count)
{
	struct transaction t = { .c = c, .e = e };
	enum smtp_lack lack;
	enum status st;

	MAGIC_CHECK(c, CLIENT_MAGIC);
	if (!c->usable)
		return STATUS_CLOSED;
	st = still_there(c);
	if (st != STATUS_OK)
		return st;
	lack = smtp_client_lacks(c, e);
	if (lack != SMTP_LACKS_NONE)
		return lacking(lack, recipients, count);
	t.form.utf8 = e->header_utf8 || client_needs_utf8(e->sender);
	t.chunk = (c->offers.set & SMTP_OFFERS_CHUNKING) != 0 && !c->config->no_chunking &&
		  (!e->rough || e->body == SMTP_CONTENT_BINARY);
	choose(&t, recipients, count);
	if (t.count == 0) {
		arena_reset(&c->arena);
		return STATUS_OK;
	}
	if (c->offers.mail_max > 0 && c->mails >= c->offers.mail_max) {
		arena_reset(&c->arena);
		c->usable = false;
		return STATUS_LIMIT;
	}
	c->patience = clock_mono() + c->config->times.transaction;
	st = transact(&t);
	c->patience = 0;
	arena_reset(&c->arena);
	if (st == STATUS_OK && t.more)
		return STATUS_AGAIN;
	return st;
}
