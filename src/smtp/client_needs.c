/* SPDX-License-Identifier: ISC */
/*
 * What a server offers (RFC 5321 4.1.1.1, RFC 9422), what a message needs, and
 * the parameters that say so. A parameter is sent only where its extension is
 * offered; what must not be lost on the way (8-bit text, REQUIRETLS, a time to
 * deliver by) stops the message instead.
 */
#include "smtp/client_private.h"

#include <stdio.h>

#include "base/cursor.h"
#include "codec/idna.h"
#include "codec/utf8.h"

#define ORCPT_MAX 500 /* RFC 3461 4.2 */
#define ENVID_MAX 100 /* RFC 3461 4.4 */

/* ---- what is offered ---- */

static void
size_read(struct text rest, struct smtp_offers *o)
{
	(void)!text_to_u64(text_trim(rest), &o->size);
}

static void
by_read(struct text rest, struct smtp_offers *o)
{
	(void)!text_to_u64(text_trim(rest), &o->by_min);
}

static void
hold_read(struct text rest, struct smtp_offers *o)
{
	struct text first;

	rest = text_trim(rest);
	if (text_split(&rest, ' ', &first))
		(void)!text_to_u64(first, &o->hold_max);
}

/* RFC 9422 3: NAME=value, and nobody knows all names. */
static void
limits_read(struct text rest, struct smtp_offers *o)
{
	struct text one;

	while (text_split(&rest, ' ', &one)) {
		size_t is = text_find_byte(one, '=', 0);
		struct text name = text_part(one, 0, is), value = text_part(one, is + 1, one.len);

		if (text_equal_ci(name, TEXT("MAILMAX")))
			(void)!text_to_u64(value, &o->mail_max);
		else if (text_equal_ci(name, TEXT("RCPTMAX")))
			(void)!text_to_u64(value, &o->rcpt_max);
		else if (text_equal_ci(name, TEXT("RCPTDOMAINMAX")))
			(void)!text_to_u64(value, &o->rcpt_domain_max);
	}
}

static void
auth_read(struct text rest, struct smtp_offers *o)
{
	struct text one;

	while (text_split(&rest, ' ', &one)) {
		if (text_equal_ci(one, TEXT("PLAIN")))
			o->set |= SMTP_OFFERS_PLAIN;
		else if (text_equal_ci(one, TEXT("LOGIN")))
			o->set |= SMTP_OFFERS_LOGIN;
		else if (text_equal_ci(one, TEXT("SCRAM-SHA-256")))
			o->set |= SMTP_OFFERS_SCRAM;
	}
}

static const struct {
	const char *keyword;
	enum smtp_offer offer;
	void (*read)(struct text rest, struct smtp_offers *o);
} extensions[] = {
	{ "PIPELINING", SMTP_OFFERS_PIPELINING, NULL },
	{ "8BITMIME", SMTP_OFFERS_8BITMIME, NULL },
	{ "SIZE", SMTP_OFFERS_SIZE, size_read },
	{ "STARTTLS", SMTP_OFFERS_STARTTLS, NULL },
	{ "CHUNKING", SMTP_OFFERS_CHUNKING, NULL },
	{ "BINARYMIME", SMTP_OFFERS_BINARYMIME, NULL },
	{ "DSN", SMTP_OFFERS_DSN, NULL },
	{ "SMTPUTF8", SMTP_OFFERS_SMTPUTF8, NULL },
	{ "REQUIRETLS", SMTP_OFFERS_REQUIRETLS, NULL },
	{ "MT-PRIORITY", SMTP_OFFERS_MT_PRIORITY, NULL },
	{ "DELIVERBY", SMTP_OFFERS_DELIVERBY, by_read },
	{ "FUTURERELEASE", SMTP_OFFERS_FUTURERELEASE, hold_read },
	{ "LIMITS", SMTP_OFFERS_LIMITS, limits_read },
	{ "AUTH", SMTP_OFFERS_AUTH, auth_read },
	{ "ENHANCEDSTATUSCODES", SMTP_OFFERS_ENHANCED, NULL },
};

/* "AUTH=LOGIN" is how servers of old said it. */
static void
extension_read(struct text line, struct smtp_offers *out)
{
	size_t end = text_find_byte(line, ' ', 0), is = text_find_byte(line, '=', 0);
	struct text keyword = text_part(line, 0, end < is ? end : is);

	for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
		if (!text_equal_ci(keyword, text_of(extensions[i].keyword)))
			continue;
		out->set |= extensions[i].offer;
		if (extensions[i].read != NULL)
			extensions[i].read(text_part(line, keyword.len + 1, line.len), out);
	}
}

void
client_offers_read(struct text lines, struct smtp_offers *out)
{
	struct text line;

	(void)text_split(&lines, '\n', &line); /* its name */
	while (text_split(&lines, '\n', &line))
		extension_read(text_trim(line), out);
}

/* ---- what is needed ---- */

static bool
offers(const struct smtp_client *c, enum smtp_offer offer)
{
	return (c->offers.set & offer) != 0;
}

static struct text
domain_of(struct text address)
{
	return text_part(address, text_find_last(address, '@') + 1, address.len);
}

static struct text
local_of(struct text address)
{
	return text_part(address, 0, text_find_last(address, '@'));
}

bool
client_needs_utf8(struct text address)
{
	return !utf8_is_ascii(local_of(address));
}

/* Nothing that could end a command, and a domain that has A-labels. */
static bool
address_good(struct text address)
{
	struct buffer ascii = BUFFER_INIT;
	bool good = utf8_valid(address);

	for (size_t i = 0; i < address.len; i++)
		if ((unsigned char)address.ptr[i] < ' ' || address.ptr[i] == 0x7f)
			good = false;
	if (good && !utf8_is_ascii(domain_of(address)))
		good = idna_to_ascii(domain_of(address), &ascii) == STATUS_OK;
	buffer_done(&ascii);
	return good;
}

static enum smtp_lack
body_lacks(const struct smtp_client *c, const struct smtp_envelope *e)
{
	if (e->body == SMTP_CONTENT_BINARY &&
	    (!offers(c, SMTP_OFFERS_BINARYMIME) || !offers(c, SMTP_OFFERS_CHUNKING) ||
		c->config->no_chunking))
		return SMTP_LACKS_BINARYMIME;
	if (e->body == SMTP_CONTENT_8BIT && !offers(c, SMTP_OFFERS_8BITMIME))
		return SMTP_LACKS_8BITMIME;
	return SMTP_LACKS_NONE;
}

/* RFC 8689 4.2.1: nothing less than a connection to who was meant. A bounce had
 * better be read by others than by nobody (RFC 8689 5). */
static bool
tls_lacks(const struct smtp_client *c, const struct smtp_envelope *e)
{
	return e->require_tls && e->sender.len > 0 &&
	       (!c->tls.encrypted || c->tls.verified == TLS_VERIFIED_NOT ||
		   !offers(c, SMTP_OFFERS_REQUIRETLS));
}

/* RFC 2852 4.1.4: with R, who cannot promise the time does not get the mail. */
static bool
by_lacks(const struct smtp_client *c, const struct smtp_envelope *e)
{
	return e->by_mode == 'R' && (!offers(c, SMTP_OFFERS_DELIVERBY) || e->by_seconds <= 0 ||
					(uint64_t)e->by_seconds < c->offers.by_min);
}

static bool
hold_lacks(const struct smtp_client *c, const struct smtp_envelope *e)
{
	return e->hold_seconds > 0 &&
	       (!offers(c, SMTP_OFFERS_FUTURERELEASE) || e->hold_seconds > c->offers.hold_max);
}

enum smtp_lack
smtp_client_lacks(const struct smtp_client *c, const struct smtp_envelope *e)
{
	if (!address_good(e->sender))
		return SMTP_LACKS_ADDRESS;
	if (!offers(c, SMTP_OFFERS_SMTPUTF8) && client_needs_utf8(e->sender))
		return SMTP_LACKS_SENDER_UTF8;
	if (!offers(c, SMTP_OFFERS_SMTPUTF8) && e->header_utf8)
		return SMTP_LACKS_HEADER_UTF8;
	if (c->offers.size > 0 && e->size > c->offers.size)
		return SMTP_LACKS_SIZE;
	if (tls_lacks(c, e))
		return SMTP_LACKS_REQUIRETLS;
	if (by_lacks(c, e))
		return SMTP_LACKS_DELIVERBY;
	if (hold_lacks(c, e))
		return SMTP_LACKS_HOLDFOR;
	return body_lacks(c, e);
}

enum smtp_lack
client_rcpt_lacks(const struct smtp_client *c, const struct smtp_recipient *r)
{
	if (r->address.len == 0 || !address_good(r->address))
		return SMTP_LACKS_ADDRESS;
	if (!offers(c, SMTP_OFFERS_SMTPUTF8) && client_needs_utf8(r->address))
		return SMTP_LACKS_RCPT_UTF8;
	return SMTP_LACKS_NONE;
}

struct smtp_fate
client_lack_fate(enum smtp_lack lack)
{
	static const struct {
		unsigned code;
		const char *enhanced, *words;
	} rows[SMTP_LACK_COUNT] = {
#define X(id, code, enhanced, words) [SMTP_LACKS_##id] = { code, enhanced, words },
		SMTP_LACKS(X)
#undef X
	};
	struct smtp_fate fate = { .outcome = SMTP_PERMANENT, .stage = SMTP_AT_NEEDS };
	struct cursor c = cursor_of(text_of(rows[lack].enhanced));

	fate.answer.code = rows[lack].code;
	for (size_t i = 0; i < 3; i++) {
		(void)cursor_u32(&c, &fate.answer.enhanced[i]);
		(void)cursor_byte(&c, '.');
	}
	(void)snprintf(fate.answer.text, sizeof(fate.answer.text), "%s", rows[lack].words);
	return fate;
}

/* ---- the commands ---- */

static void
add_path(struct text address, const struct client_form *form, struct buffer *out)
{
	struct text domain = domain_of(address);

	buffer_add_byte(out, '<');
	if (form->utf8 || utf8_is_ascii(domain)) {
		buffer_add_text(out, address);
	} else {
		buffer_addf(out, "%.*s@", TEXT_ARG(local_of(address)));
		if (idna_to_ascii(domain, out) != STATUS_OK)
			die("a domain was not looked at");
	}
	buffer_add_byte(out, '>');
}

/* A value that may stand in a command (RFC 5321 4.1.2 esmtp-value). */
static bool
value_good(struct text t, size_t max)
{
	if (t.len == 0 || t.len > max || !utf8_valid(t))
		return false;
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] <= ' ' || t.ptr[i] == 0x7f || t.ptr[i] == '=')
			return false;
	return true;
}

/* RFC 2852 4: by-time ";" mode. */
static void
add_by(const struct smtp_client *c, const struct smtp_envelope *e, struct buffer *out)
{
	if (e->by_mode != 0 && offers(c, SMTP_OFFERS_DELIVERBY))
		buffer_addf(out, " BY=%lld;%c%s", (long long)e->by_seconds, e->by_mode,
		    e->by_trace ? "T" : "");
}

static void
add_mail_dsn(const struct smtp_envelope *e, struct buffer *out)
{
	if (e->ret != SMTP_RET_NONE)
		buffer_add_string(out, e->ret == SMTP_RET_FULL ? " RET=FULL" : " RET=HDRS");
	if (value_good(e->envid, ENVID_MAX) && utf8_is_ascii(e->envid))
		buffer_addf(out, " ENVID=%.*s", TEXT_ARG(e->envid));
}

void
client_mail_print(const struct smtp_client *c, const struct smtp_envelope *e,
    const struct client_form *form, struct buffer *out)
{
	buffer_add_string(out, "MAIL FROM:");
	add_path(e->sender, form, out);
	if (offers(c, SMTP_OFFERS_SIZE))
		buffer_addf(out, " SIZE=%llu", (unsigned long long)e->size);
	/* an international header is 8-bit as well (RFC 6531 3.6) */
	if (e->body == SMTP_CONTENT_8BIT ||
	    (e->body == SMTP_CONTENT_7BIT && e->header_utf8 && offers(c, SMTP_OFFERS_8BITMIME)))
		buffer_add_string(out, " BODY=8BITMIME");
	else if (e->body == SMTP_CONTENT_BINARY)
		buffer_add_string(out, " BODY=BINARYMIME");
	if (form->utf8)
		buffer_add_string(out, " SMTPUTF8");
	if (offers(c, SMTP_OFFERS_DSN))
		add_mail_dsn(e, out);
	if (e->require_tls && offers(c, SMTP_OFFERS_REQUIRETLS))
		buffer_add_string(out, " REQUIRETLS");
	if (e->has_priority && offers(c, SMTP_OFFERS_MT_PRIORITY))
		buffer_addf(out, " MT-PRIORITY=%d", e->priority);
	add_by(c, e, out);
	if (e->hold_seconds > 0)
		buffer_addf(out, " HOLDFOR=%llu", (unsigned long long)e->hold_seconds);
	buffer_add_string(out, "\r\n");
}

/* utf-8-addr-xtext (RFC 6533 3) for who did not ask for SMTPUTF8. */
static void
add_orcpt(struct text orcpt, const struct client_form *form, struct buffer *out)
{
	struct cursor c = cursor_of(orcpt);

	if (!value_good(orcpt, ORCPT_MAX))
		return;
	buffer_add_string(out, " ORCPT=");
	while (!cursor_done(&c)) {
		int32_t character = utf8_next(&c);

		if (character < 0x80 || form->utf8)
			utf8_add(out, character);
		else
			buffer_addf(out, "\\x{%X}", (unsigned)character);
	}
}

static void
add_notify(unsigned notify, struct buffer *out)
{
	static const char *const words[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
	const char *before = " NOTIFY=";

	if ((notify & SMTP_NOTIFY_NEVER) != 0)
		notify = SMTP_NOTIFY_NEVER; /* stands alone (RFC 3461 4.1) */
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if ((notify & 1u << i) == 0)
			continue;
		buffer_addf(out, "%s%s", before, words[i]);
		before = ",";
	}
}

void
client_rcpt_print(const struct smtp_client *c, const struct smtp_recipient *r,
    const struct client_form *form, struct buffer *out)
{
	buffer_add_string(out, "RCPT TO:");
	add_path(r->address, form, out);
	if (offers(c, SMTP_OFFERS_DSN)) {
		add_notify(r->notify, out);
		add_orcpt(r->orcpt, form, out);
	}
	buffer_add_string(out, "\r\n");
}
