/* SPDX-License-Identifier: ISC */
/*
 * MAIL (RFC 5321 4.1.1.2): opens the transaction. In submission the account, or
 * the network that may relay, must have the right to the name (RFC 6409 6.1); its parameters are in
 * smtp/parameters.c.
 */
#include "codec/utf8.h"
#include "runtime/settings.h"
#include "smtp/parameters.h"
#include "smtp/path.h"
#include "smtp/session.h"

/* FROM: and what follows. False when the reply was said. */
static bool
parse(struct smtp_session *x, struct text argument, struct smtp_transaction *tx)
{
	struct cursor c = cursor_of(argument);
	uint64_t size_max = (uint64_t)setting(SET_SMTP_MESSAGE_SIZE_MAX);
	struct text detail = TEXT("MAIL FROM:<address> [NAME=value]");
	enum smtp_reply wrong;

	if (!cursor_text_ci(&c, TEXT("FROM:"))) {
		smtp_say_detail(x, REPLY_SYNTAX, TEXT("MAIL FROM:<address>"));
		return false;
	}
	if (!smtp_path_reverse(&c, &x->scratch, &tx->sender)) {
		smtp_say(x, REPLY_BAD_SENDER);
		return false;
	}
	wrong = smtp_mail_parameters(x, tx, &c, &detail);
	if (wrong != REPLY_NONE) {
		smtp_say_detail(x, wrong, detail);
		return false;
	}
	if (!(tx->needs & QUEUE_SMTPUTF8) && !utf8_is_ascii(tx->sender)) {
		smtp_say(x, REPLY_UTF8_ADDRESS);
		return false;
	}
	if (tx->size > size_max) {
		detail = arena_printf(&x->scratch, "%llu", (unsigned long long)size_max);
		smtp_say_detail(x, REPLY_TOO_LARGE, detail);
		smtp_tell_sender(x, tx->sender, REPLY_TOO_LARGE, detail, TEXT_EMPTY);
		return false;
	}
	return true;
}

/* Whether this name may send here. On port 25 everybody may; what a relaying
 * network sends as one of ours goes the way of submission, and all else of it, the
 * null sender too, comes in as from anybody. */
static enum smtp_reply
ask(struct smtp_session *x, struct smtp_transaction *tx, struct text *words)
{
	enum smtp_reply found;

	if (x->profile->sender != NULL)
		return x->profile->sender(x, tx->sender, words);
	if (!x->relays || tx->sender.len == 0)
		return REPLY_SENDER_OK;
	found = x->profile->relay->sender(x, tx->sender, words);
	tx->relayed = found == REPLY_SENDER_OK;
	if (found != REPLY_NOT_YOURS && found != REPLY_NO_RELAY)
		return found;
	*words = TEXT_EMPTY;
	return REPLY_SENDER_OK;
}

/* The transaction begins; its texts move out of the scratch arena. */
static void
open_transaction(struct smtp_session *x, struct smtp_transaction *tx)
{
	tx->sender = arena_copy(&tx->arena, tx->sender);
	tx->envid = arena_copy(&tx->arena, tx->envid);
	x->tx = *tx;
}

enum next
smtp_cmd_mail(struct smtp_session *x, struct text argument)
{
	struct smtp_transaction tx = { .open = true };
	struct text words = TEXT_EMPTY;
	enum smtp_reply found;

	if (x->profile->signs_in && !smtp_signed_in(x) && !x->relays) {
		smtp_say(x, smtp_tls_offered(x) ? REPLY_TLS_FIRST : REPLY_SIGN_IN_FIRST);
		return NEXT_PARK;
	}
	if (x->tx.open) {
		smtp_say(x, REPLY_MAIL_ALREADY);
		return NEXT_PARK;
	}
	if (x->messages >= (unsigned)setting(SET_SMTP_MESSAGES_MAX))
		return smtp_say_and_close(x, REPLY_TOO_MANY_MESSAGES);
	if (!parse(x, argument, &tx))
		return NEXT_PARK;
	found = ask(x, &tx, &words);
	if (found == REPLY_SENDER_OK)
		open_transaction(x, &tx);
	else
		smtp_tell_sender(x, tx.sender, found, TEXT_EMPTY, words);
	smtp_say_to(x, found, &(struct smtp_reply_parts){ .words = words });
	return NEXT_PARK;
}
