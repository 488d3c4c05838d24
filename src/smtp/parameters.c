/* SPDX-License-Identifier: ISC */
/*
 * See smtp/parameters.h: a parameter is one row and one function, with the
 * grammar of its RFC: SIZE (RFC 1870 6), BODY (RFC 6152 3, RFC 3030 3),
 * SMTPUTF8 (RFC 6531 3.4), RET and ENVID (RFC 3461 4.3, 4.4), NOTIFY and ORCPT
 * (RFC 3461 4.1, 4.2, RFC 6533 3), REQUIRETLS (RFC 8689 2), AUTH (RFC 4954 5),
 * HOLDFOR and HOLDUNTIL (RFC 4865 3), BY (RFC 2852 4), MT-PRIORITY (RFC 6710 3).
 */
#include "smtp/parameters.h"

#include <string.h>

#include "base/clock.h"
#include "codec/date.h"
#include "codec/utf8.h"
#include "mime/xtext.h"

#define ENVID_MAX 100 /* RFC 3461 4.4 */
#define ORCPT_MAX 500 /* RFC 3461 4.2 */
#define AUTH_MAX 500  /* RFC 4954 5 */
#define DIGITS_MAX 9  /* of seconds: RFC 4865 3, RFC 2852 4 */

/* What a row may need to know and to change. */
struct taking {
	struct smtp_session *x;
	struct smtp_transaction *tx;	  /* of MAIL; of RCPT the one that is open */
	struct smtp_recipient_wish *wish; /* of RCPT */
};

typedef enum smtp_reply (*take_fn)(struct taking *t, struct text value);

static enum smtp_reply
good_if(bool good)
{
	return good ? REPLY_NONE : REPLY_BAD_PARAMETER;
}

/* ---- MAIL ---- */

static enum smtp_reply
take_size(struct taking *t, struct text value)
{
	/* More digits than fit are more octets than we take. */
	enum status s = text_to_u64(value, &t->tx->size);

	if (s == STATUS_LIMIT)
		t->tx->size = UINT64_MAX;
	return good_if(s == STATUS_OK || s == STATUS_LIMIT);
}

#define BODY_TABLE(X)                 \
	X("7BIT", QUEUE_7BIT)         \
	X("8BITMIME", QUEUE_8BITMIME) \
	X("BINARYMIME", QUEUE_BINARYMIME)

static enum smtp_reply
take_body(struct taking *t, struct text value)
{
#define X(word, kind)                           \
	if (text_equal_ci(value, TEXT(word))) { \
		t->tx->body = kind;             \
		return REPLY_NONE;              \
	}
	BODY_TABLE(X)
#undef X
	return REPLY_BAD_PARAMETER;
}

static enum smtp_reply
take_utf8(struct taking *t, struct text value)
{
	t->tx->needs |= QUEUE_SMTPUTF8;
	return good_if(value.len == 0);
}

static enum smtp_reply
take_requiretls(struct taking *t, struct text value)
{
	if (!t->x->session.tls)
		return REPLY_PARAMETER_NEEDS_TLS;
	t->tx->needs |= QUEUE_REQUIRETLS;
	return good_if(value.len == 0);
}

static enum smtp_reply
take_ret(struct taking *t, struct text value)
{
	if (text_equal_ci(value, TEXT("FULL")))
		t->tx->ret = QUEUE_RET_FULL;
	else if (text_equal_ci(value, TEXT("HDRS")))
		t->tx->ret = QUEUE_RET_HDRS;
	return good_if(t->tx->ret != QUEUE_RET_UNSAID);
}

static bool
printable(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] < ' ' || t.ptr[i] == 127)
			return false;
	return t.len > 0 && utf8_valid(t);
}

/* The value decoded, in the scratch arena: printable, or it would end up in
 * fields where it does harm. utf8: octets over 127 stand for themselves. */
static bool
take_xtext(struct taking *t, struct text value, bool utf8, struct text *out)
{
	struct buffer b = BUFFER_INIT;
	bool good = xtext_decode(&b, value, utf8) == STATUS_OK && printable(buffer_text(&b));

	if (good)
		*out = arena_copy(&t->x->scratch, buffer_text(&b));
	buffer_done(&b);
	return good;
}

static enum smtp_reply
take_envid(struct taking *t, struct text value)
{
	return good_if(value.len <= ENVID_MAX && take_xtext(t, value, false, &t->tx->envid) &&
		       utf8_is_ascii(t->tx->envid));
}

/* Who wrote the message, as another server believes: read and not believed, as
 * RFC 4954 5 lets us; the account is who signed in. */
static enum smtp_reply
take_auth(struct taking *t, struct text value)
{
	struct text who;

	return good_if(
	    value.len <= AUTH_MAX && take_xtext(t, value, t->tx->needs & QUEUE_SMTPUTF8, &who));
}

static bool
seconds(struct cursor *c, int64_t *out)
{
	const char *from = c->at;
	uint64_t n;

	if (!cursor_u64(c, &n) || c->at - from > DIGITS_MAX)
		return false;
	*out = (int64_t)n;
	return true;
}

static enum smtp_reply
hold(struct taking *t, int64_t at)
{
	int64_t now = clock_wall() / CLOCK_SECOND;

	if (t->tx->not_before != 0) /* one of the two (RFC 4865 3) */
		return REPLY_BAD_PARAMETER;
	if (at <= now || at > now + SMTP_HOLD_MAX)
		return REPLY_HOLD_RANGE;
	t->tx->not_before = at;
	return REPLY_NONE;
}

static enum smtp_reply
take_holdfor(struct taking *t, struct text value)
{
	struct cursor c = cursor_of(value);
	int64_t wait = 0;

	if (!seconds(&c, &wait) || !cursor_done(&c))
		return REPLY_BAD_PARAMETER;
	return hold(t, clock_wall() / CLOCK_SECOND + wait);
}

static enum smtp_reply
take_holduntil(struct taking *t, struct text value)
{
	struct date at;

	if (date_parse_rfc3339(value, &at) != STATUS_OK)
		return REPLY_BAD_PARAMETER;
	return hold(t, at.at);
}

/* by-time ";" by-mode [by-trace]; the time is counted from when the message
 * may go out, see smtp_mail_complete. */
static enum smtp_reply
take_by(struct taking *t, struct text value)
{
	struct cursor c = cursor_of(value);
	bool past = cursor_byte(&c, '-');
	int64_t wait = 0;

	if (!seconds(&c, &wait) || !cursor_byte(&c, ';'))
		return REPLY_BAD_PARAMETER;
	if (cursor_text_ci(&c, TEXT("R")))
		t->tx->by = QUEUE_BY_RETURN;
	else if (cursor_text_ci(&c, TEXT("N")))
		t->tx->by = QUEUE_BY_NOTIFY;
	else
		return REPLY_BAD_PARAMETER;
	if (t->tx->by == QUEUE_BY_RETURN && (past || wait < SMTP_BY_MIN))
		return REPLY_BY_TOO_SOON;
	if (cursor_text_ci(&c, TEXT("T")))
		t->tx->by |= QUEUE_BY_TRACE;
	t->tx->by_time = past ? -wait : wait;
	return good_if(cursor_done(&c));
}

/* (["-"] NZDIGIT) / "0" */
static enum smtp_reply
take_priority(struct taking *t, struct text value)
{
	struct cursor c = cursor_of(value);
	bool minus = cursor_byte(&c, '-');
	int digit = cursor_next(&c);

	if (digit < (minus ? '1' : '0') || digit > '9')
		return REPLY_BAD_PARAMETER;
	t->tx->priority = minus ? '0' - digit : digit - '0';
	return good_if(cursor_done(&c));
}

/* ---- RCPT ---- */

#define NOTIFY_TABLE(X)                    \
	X("SUCCESS", QUEUE_NOTIFY_SUCCESS) \
	X("FAILURE", QUEUE_NOTIFY_FAILURE) \
	X("DELAY", QUEUE_NOTIFY_DELAY)

static uint64_t
notify_word(struct text word)
{
#define X(name, bit)                         \
	if (text_equal_ci(word, TEXT(name))) \
		return bit;
	NOTIFY_TABLE(X)
#undef X
	return 0;
}

/* "NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" ) */
static enum smtp_reply
take_notify(struct taking *t, struct text value)
{
	struct cursor c = cursor_of(value);

	if (text_equal_ci(value, TEXT("NEVER"))) {
		t->wish->notify = QUEUE_NOTIFY_NEVER;
		return REPLY_NONE;
	}
	do {
		uint64_t bit = notify_word(cursor_until(&c, ','));

		if (bit == 0)
			return REPLY_BAD_PARAMETER;
		t->wish->notify |= bit;
	} while (cursor_byte(&c, ','));
	return REPLY_NONE;
}

/* atom (RFC 5322 3.2.3), of printable octets. */
static bool
is_atom(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] > 126 || strchr("()<>[]:;@\\,.\" ", t.ptr[i]) != NULL)
			return false;
	return t.len > 0;
}

/* addr-type ";" xtext, or for the type utf-8 one of the forms of RFC 6533 3. */
static enum smtp_reply
take_orcpt(struct taking *t, struct text value)
{
	struct text type = text_part(value, 0, text_find_byte(value, ';', 0));
	struct text coded = text_part(value, type.len + 1, value.len), address;
	bool utf8 = text_equal_ci(type, TEXT("utf-8"));
	struct buffer b = BUFFER_INIT;
	bool good = value.len <= ORCPT_MAX && is_atom(type) &&
		    take_xtext(t, coded, utf8 && t->tx->needs & QUEUE_SMTPUTF8, &address);

	if (good && utf8) {
		good = unitext_decode(&b, address) == STATUS_OK && printable(buffer_text(&b));
		address = buffer_text(&b);
	}
	if (good)
		t->wish->orcpt =
		    arena_printf(&t->x->scratch, "%.*s;%.*s", TEXT_ARG(type), TEXT_ARG(address));
	buffer_done(&b);
	return good_if(good);
}

/* ---- the tables ---- */

struct row {
	const char *keyword;
	unsigned kinds; /* enum smtp_kind: where it is known */
	take_fn take;
};

static const struct row of_mail[] = {
	{ "SIZE", EVERYWHERE, take_size },
	{ "BODY", EVERYWHERE, take_body },
	{ "SMTPUTF8", EVERYWHERE, take_utf8 },
	{ "RET", SMTP_ONLY, take_ret },
	{ "ENVID", SMTP_ONLY, take_envid },
	{ "REQUIRETLS", SMTP_ONLY, take_requiretls },
	{ "AUTH", SMTP_SUBMISSION, take_auth },
	{ "HOLDFOR", SMTP_SUBMISSION, take_holdfor },
	{ "HOLDUNTIL", SMTP_SUBMISSION, take_holduntil },
	{ "BY", SMTP_SUBMISSION, take_by },
	{ "MT-PRIORITY", SMTP_SUBMISSION, take_priority },
};

static const struct row of_rcpt[] = {
	{ "NOTIFY", SMTP_ONLY, take_notify },
	{ "ORCPT", SMTP_ONLY, take_orcpt },
};

static enum smtp_reply
take_one(struct taking *t, const struct row *rows, size_t count, const struct smtp_parameter *p,
    unsigned *seen)
{
	for (unsigned i = 0; t->x->esmtp && i < count; i++) {
		if (!(rows[i].kinds & t->x->profile->kind) ||
		    !text_equal_ci(p->keyword, text_of(rows[i].keyword)))
			continue;
		if (*seen & 1u << i)
			return REPLY_PARAMETER_TWICE;
		*seen |= 1u << i;
		return rows[i].take(t, p->value);
	}
	return REPLY_PARAMETER_UNKNOWN;
}

static enum smtp_reply
take_all(
    struct taking *t, const struct row *rows, size_t count, struct cursor *c, struct text *keyword)
{
	struct smtp_parameter p;
	unsigned seen = 0;

	while (smtp_parameter_next(c, &p)) {
		enum smtp_reply wrong = take_one(t, rows, count, &p, &seen);

		*keyword = p.keyword;
		if (wrong != REPLY_NONE)
			return wrong;
	}
	return cursor_done(c) ? REPLY_NONE : REPLY_SYNTAX;
}

/* Given back by then at the latest, counted from when it may go out. */
static void
settle_by_time(struct smtp_transaction *tx)
{
	int64_t from = clock_wall() / CLOCK_SECOND;

	if (tx->by == QUEUE_BY_NONE)
		return;
	tx->by_time += tx->not_before > from ? tx->not_before : from;
}

enum smtp_reply
smtp_mail_parameters(
    struct smtp_session *x, struct smtp_transaction *tx, struct cursor *c, struct text *keyword)
{
	struct taking t = { .x = x, .tx = tx };
	enum smtp_reply wrong = take_all(&t, of_mail, ARRAY_LEN(of_mail), c, keyword);

	if (wrong == REPLY_NONE)
		settle_by_time(tx);
	return wrong;
}

enum smtp_reply
smtp_rcpt_parameters(struct smtp_session *x, struct cursor *c, struct smtp_recipient_wish *wish,
    struct text *keyword)
{
	struct taking t = { .x = x, .tx = &x->tx, .wish = wish };

	return take_all(&t, of_rcpt, ARRAY_LEN(of_rcpt), c, keyword);
}
