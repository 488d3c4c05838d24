/* SPDX-License-Identifier: ISC */
/*
 * MAIL (RFC 5321 4.1.1.2) with the parameters SIZE (RFC 1870 6), BODY
 * (RFC 6152 3, RFC 3030 3) and SMTPUTF8 (RFC 6531 3.4): opens the transaction.
 * A parameter is one row and one function; each may stand once.
 */
#include "codec/utf8.h"
#include "runtime/settings.h"
#include "smtp/path.h"
#include "smtp/session.h"

/* Takes the value; false if it makes no sense. */
static bool
take_size(struct smtp_transaction *tx, struct text value)
{
	/* More digits than fit are more octets than we take. */
	enum status s = text_to_u64(value, &tx->size);

	if (s == STATUS_LIMIT)
		tx->size = UINT64_MAX;
	return s == STATUS_OK || s == STATUS_LIMIT;
}

#define BODY_TABLE(X)                \
	X("7BIT", SMTP_7BIT)         \
	X("8BITMIME", SMTP_8BITMIME) \
	X("BINARYMIME", SMTP_BINARYMIME)

static bool
take_body(struct smtp_transaction *tx, struct text value)
{
#define X(word, kind)                           \
	if (text_equal_ci(value, TEXT(word))) { \
		tx->body = kind;                \
		return true;                    \
	}
	BODY_TABLE(X)
#undef X
	return false;
}

static bool
take_utf8(struct smtp_transaction *tx, struct text value)
{
	tx->utf8 = true;
	return value.len == 0;
}

static const struct {
	const char *keyword;
	bool (*take)(struct smtp_transaction *tx, struct text value);
} parameters[] = {
	{ "SIZE", take_size },
	{ "BODY", take_body },
	{ "SMTPUTF8", take_utf8 },
};

/* False when the reply was said. */
static bool
take_parameter(struct smtp_session *x, struct smtp_transaction *tx, const struct smtp_parameter *p,
    unsigned *seen)
{
	for (unsigned i = 0; x->esmtp && i < ARRAY_LEN(parameters); i++) {
		if (!text_equal_ci(p->keyword, text_of(parameters[i].keyword)))
			continue;
		if (*seen & 1u << i || !parameters[i].take(tx, p->value)) {
			smtp_say_detail(x, REPLY_BAD_PARAMETER, p->keyword);
			return false;
		}
		*seen |= 1u << i;
		return true;
	}
	smtp_say_detail(x, REPLY_PARAMETER_UNKNOWN, p->keyword);
	return false;
}

static bool
take_parameters(struct smtp_session *x, struct smtp_transaction *tx, struct cursor *c)
{
	struct smtp_parameter p;
	unsigned seen = 0;

	while (smtp_parameter_next(c, &p))
		if (!take_parameter(x, tx, &p, &seen))
			return false;
	if (cursor_done(c))
		return true;
	smtp_say_detail(x, REPLY_SYNTAX, TEXT("MAIL FROM:<address> [NAME=value]"));
	return false;
}

/* FROM: and what follows. False when the reply was said. */
static bool
parse(struct smtp_session *x, struct text argument, struct smtp_transaction *tx)
{
	struct cursor c = cursor_of(argument);
	uint64_t size_max = (uint64_t)setting(SET_SMTP_MESSAGE_SIZE_MAX);

	if (!cursor_text_ci(&c, TEXT("FROM:"))) {
		smtp_say_detail(x, REPLY_SYNTAX, TEXT("MAIL FROM:<address>"));
		return false;
	}
	if (!smtp_path_reverse(&c, &x->scratch, &tx->sender)) {
		smtp_say(x, REPLY_BAD_SENDER);
		return false;
	}
	if (!take_parameters(x, tx, &c))
		return false;
	if (!tx->utf8 && !utf8_is_ascii(tx->sender)) {
		smtp_say(x, REPLY_UTF8_ADDRESS);
		return false;
	}
	if (tx->size > size_max) {
		smtp_say_detail(x, REPLY_TOO_LARGE,
		    arena_printf(&x->scratch, "%llu", (unsigned long long)size_max));
		return false;
	}
	return true;
}

enum next
smtp_cmd_mail(struct smtp_session *x, struct text argument)
{
	struct smtp_transaction tx = { .open = true };

	if (x->tx.open) {
		smtp_say(x, REPLY_MAIL_ALREADY);
		return NEXT_PARK;
	}
	if (x->messages >= (unsigned)setting(SET_SMTP_MESSAGES_MAX))
		return smtp_say_and_close(x, REPLY_TOO_MANY_MESSAGES);
	if (!parse(x, argument, &tx))
		return NEXT_PARK;
	tx.sender = arena_copy(&tx.arena, tx.sender);
	x->tx = tx;
	smtp_say(x, REPLY_SENDER_OK);
	return NEXT_PARK;
}
