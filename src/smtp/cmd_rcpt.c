/* SPDX-License-Identifier: ISC */
/*
 * RCPT (RFC 5321 4.1.1.3): asks whether the address can be sent to. On port 25
 * that is the directory's to say, and mail for other domains is never taken
 * from strangers (RFC 5321 3.6.1). A refused recipient leaves the transaction
 * as it was.
 */
#include "base/log.h"
#include "codec/utf8.h"
#include "mailauth/srs.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "smtp/parameters.h"
#include "smtp/path.h"
#include "smtp/session.h"
#include "store/calls.h"

#define VERDICT_TABLE(X)                         \
	X(RCPT_OK, REPLY_RECIPIENT_OK)           \
	X(RCPT_NO_SUCH_USER, REPLY_NO_SUCH_USER) \
	X(RCPT_NOT_OURS, REPLY_NO_RELAY)         \
	X(RCPT_SUSPENDED, REPLY_SUSPENDED)       \
	X(RCPT_FULL, REPLY_MAILBOX_FULL)

static enum smtp_reply
reply_of_verdict(uint64_t verdict)
{
	switch (verdict) {
#define X(v, reply) \
	case v:     \
		return reply;
		VERDICT_TABLE(X)
#undef X
	}
	return REPLY_TROUBLE;
}

static enum smtp_reply
ask(struct smtp_session *x, struct text address, bool *forwards)
{
	const struct store_rcpt_request request = { .address = address, .size = x->tx.size };
	struct store_rcpt_reply reply;
	struct failure f;

	switch (store_rcpt(x->server->calls, &request, &x->scratch, &reply, &f)) {
	case STATUS_OK:
		*forwards = reply.forwards != 0;
		return reply_of_verdict(reply.verdict);
	case STATUS_INVALID:
		return REPLY_BAD_RECIPIENT;
	case STATUS_QUOTA: /* could never fit */
		return REPLY_MAILBOX_TOO_SMALL;
	default:
		LOG_WARN("smtp.rcpt-failed", FIELD_TEXT("to", address), FIELD_STRING("why", f.log));
		return REPLY_TROUBLE;
	}
}

/* The sender of what went on elsewhere gets bounces alone, whoever else may have
 * come to know it. */
static bool
is_rewritten(struct text address)
{
	bool quoted = text_starts(address, TEXT("\""));

	return srs_is(text_part(address, quoted ? 1 : 0, text_find_last(address, '@')));
}

/* As ask(), for an address that may have been accepted a moment ago. What leads
 * elsewhere is asked for each time: intake must know. */
enum smtp_reply
smtp_mx_recipient(struct smtp_session *x, struct text address, struct text *words)
{
	struct smtp_known *known = x->server->known;
	int64_t keep = setting(SET_SMTP_RECIPIENT_REMEMBER);
	bool remembers = known != NULL && keep != 0, forwards = false;
	enum smtp_reply found;
	uint64_t era = 0;

	if (x->tx.sender.len > 0 && is_rewritten(address))
		return REPLY_NO_SUCH_USER;
	if (remembers && smtp_known_has(known, address, x->tx.size, keep))
		return REPLY_RECIPIENT_OK;
	if (remembers)
		era = smtp_known_era(known);
	found = ask(x, address, &forwards);
	if (forwards)
		x->tx.forwards = true;
	else if (remembers && found == REPLY_RECIPIENT_OK)
		smtp_known_add(known, address, x->tx.size, era);
	return found;
}

static bool
not_there(enum smtp_reply r)
{
	return r == REPLY_NO_SUCH_USER || r == REPLY_NO_RELAY || r == REPLY_BAD_RECIPIENT;
}

/* "<postmaster>" without a domain must be accepted (RFC 5321 4.5.1): it is the
 * postmaster of this host, or else of the domain that the host is in. The bare
 * word comes last, so that the directory can give it to whom it likes. */
static enum smtp_reply
ask_postmaster(struct smtp_session *x, struct text *address, struct text *words)
{
	struct text host = x->server->hostname;
	size_t dot = text_find_byte(host, '.', 0);
	const struct text tries[] = {
		arena_join(&x->scratch, TEXT("postmaster@"), host),
		arena_join(&x->scratch, TEXT("postmaster@"), text_part(host, dot + 1, host.len)),
		TEXT("postmaster"),
	};
	enum smtp_reply found = REPLY_NO_SUCH_USER;

	for (size_t i = 0; i < ARRAY_LEN(tries) && not_there(found); i++) {
		*address = tries[i];
		found = smtp_way(x)->recipient(x, *address, words);
	}
	return not_there(found) ? REPLY_NO_SUCH_USER : found;
}

/* Room for one more in the three parallel lists. */
static void
make_room(struct smtp_transaction *tx)
{
	uint32_t n = tx->recipients.count, room = n == 0 ? 4 : n * 2;
	struct text *recipients, *orcpts;
	uint64_t *notify;

	if (n < tx->recipient_room)
		return;
	recipients = ARENA_ARRAY(&tx->arena, struct text, room);
	orcpts = ARENA_ARRAY(&tx->arena, struct text, room);
	notify = ARENA_ARRAY(&tx->arena, uint64_t, room);
	for (uint32_t i = 0; i < n; i++) {
		recipients[i] = tx->recipients.at[i];
		orcpts[i] = tx->orcpts.at[i];
		notify[i] = tx->notify.at[i];
	}
	tx->recipients.at = recipients;
	tx->orcpts.at = orcpts;
	tx->notify.at = notify;
	tx->recipient_room = room;
}

static void
keep(struct smtp_transaction *tx, struct text address, const struct smtp_recipient_wish *wish)
{
	make_room(tx);
	tx->recipients.at[tx->recipients.count++] = arena_copy(&tx->arena, address);
	tx->orcpts.at[tx->orcpts.count++] = arena_copy(&tx->arena, wish->orcpt);
	tx->notify.at[tx->notify.count++] = wish->notify;
}

/* The syntax; address and wish in scratch. REPLY_NONE if all is well. */
static enum smtp_reply
parse(struct smtp_session *x, struct text argument, struct text *address,
    struct smtp_recipient_wish *wish, struct text *detail)
{
	struct cursor c = cursor_of(argument);
	enum smtp_reply wrong;

	if (!cursor_text_ci(&c, TEXT("TO:")))
		return REPLY_SYNTAX;
	if (!smtp_path_forward(&c, &x->scratch, address))
		return REPLY_BAD_RECIPIENT;
	wrong = smtp_rcpt_parameters(x, &c, wish, detail);
	if (wrong != REPLY_NONE)
		return wrong;
	if (!(x->tx.needs & QUEUE_SMTPUTF8) && !utf8_is_ascii(*address))
		return REPLY_UTF8_ADDRESS;
	return REPLY_NONE;
}

/* Whether he may be sent to. */
static enum smtp_reply
find(struct smtp_session *x, struct text *address, struct text *words)
{
	if (x->tx.recipients.count >= smtp_recipients_max(x))
		return REPLY_TOO_MANY_RECIPIENTS;
	if (text_find_byte(*address, '@', 0) == address->len)
		return ask_postmaster(x, address, words);
	return smtp_way(x)->recipient(x, *address, words);
}

static enum smtp_reply
take(struct smtp_session *x, struct text argument, struct smtp_reply_parts *said)
{
	struct smtp_recipient_wish wish = { .notify = 0 };
	struct text address = TEXT_EMPTY;
	enum smtp_reply found;

	said->detail = TEXT("RCPT TO:<address>");
	if (!x->tx.open)
		return REPLY_MAIL_FIRST;
	if (x->tx.chunks != CHUNKS_NONE)
		return REPLY_CHUNKS_BEGUN;
	found = parse(x, argument, &address, &wish, &said->detail);
	if (found != REPLY_NONE)
		return found;
	found = find(x, &address, &said->words);
	if (found == REPLY_RECIPIENT_OK)
		keep(&x->tx, address, &wish);
	else
		smtp_note_recipient(x, address, found, said->detail, said->words);
	return found;
}

enum next
smtp_cmd_rcpt(struct smtp_session *x, struct text argument)
{
	struct smtp_reply_parts said = { .detail = TEXT_EMPTY };
	unsigned errors = x->errors;
	enum smtp_reply found = take(x, argument, &said);
	unsigned code = smtp_reply_row(found)->code;

	smtp_say_to(x, found, &said);
	if (!x->profile->count_recipients)
		x->errors = errors;
	if (code >= 400)
		x->tx.refused_any = true;
	if (code >= 500)
		metric_add(METRIC_SMTP_REFUSED, 1);
	else if (code >= 400)
		metric_add(METRIC_SMTP_DEFERRED, 1);
	return NEXT_PARK;
}
