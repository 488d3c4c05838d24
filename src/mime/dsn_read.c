/* SPDX-License-Identifier: ISC */
/*
 * Reading DSNs (RFC 3464 2, RFC 6533 3) as they come: with groups of fields
 * that no empty line keeps apart, with comments behind values, without types.
 */
#include "codec/date.h"
#include "codec/utf8.h"
#include "mime/decode.h"
#include "mime/dsn.h"
#include "mime/header.h"
#include "mime/lexical.h"
#include "mime/params.h"
#include "mime/xtext.h"

#define BODY_MAX (1U << 20)
#define FIELDS_MAX 20000

struct reader {
	struct arena *arena;
	struct dsn_found *to;
	struct dsn_recipient *open; /* of the group in hand, or NULL */
	uint32_t cap;
};

/* A value as people may see it: unfolded, clean UTF-8, bounded. */
static struct text
tidy(struct reader *r, struct text value)
{
	struct buffer clean = BUFFER_INIT;
	struct text whole;
	size_t kept = 0;
	char *at;

	utf8_clean(&clean, utf8_cut(text_trim(value), REPORT_VALUE_MAX));
	whole = utf8_cut(buffer_text(&clean), REPORT_VALUE_MAX);
	at = arena_string(r->arena, whole);
	for (size_t i = 0; i < whole.len; i++) {
		char c = at[i];

		if ((unsigned char)c <= ' ' || c == 0x7f)
			c = ' ';
		if (c != ' ' || kept == 0 || at[kept - 1] != ' ')
			at[kept++] = c;
	}
	buffer_done(&clean);
	return text_trim((struct text){ at, kept });
}

/* "type; value": what stands before the ";" is the type; without one there is
 * the value alone. */
static void
typed(struct reader *r, struct text value, struct text *type, struct text *out)
{
	struct text whole = tidy(r, value);
	size_t mark = text_find_byte(whole, ';', 0);

	*type = mark == whole.len ? TEXT_EMPTY : text_trim(text_part(whole, 0, mark));
	*out = mark == whole.len ? whole : text_trim(text_part(whole, mark + 1, whole.len));
}

static void
address(struct reader *r, struct text value, struct text *type, struct text *out)
{
	struct buffer decoded = BUFFER_INIT;

	typed(r, value, type, out);
	if (text_equal_ci(*type, TEXT("utf-8")) && unitext_decode(&decoded, *out) == STATUS_OK)
		*out = tidy(r, arena_copy(r->arena, buffer_text(&decoded)));
	while (text_starts(*out, TEXT("<")) && text_ends(*out, TEXT(">")))
		*out = text_trim(text_part(*out, 1, out->len - 1));
	buffer_done(&decoded);
}

static void
read_date(struct text value, int64_t *out)
{
	struct date d;

	if (date_parse_mail(value, &d) == STATUS_OK)
		*out = d.at;
}

/* The status code, without comments behind it (RFC 3463 2). */
static struct text
status_code(struct text value)
{
	size_t n = 0;

	value = text_trim(value);
	while (n < value.len && n < 9 && (byte_digit(value.ptr[n]) || value.ptr[n] == '.'))
		n++;
	return text_part(value, 0, n);
}

static enum dsn_action
action_of(struct text value)
{
	struct lexical l = lexical_of(value);
	struct text word;
	size_t n = 0;

	lexical_skip(&l);
	word = cursor_rest(&l.in);
	while (n < word.len && byte_alpha(word.ptr[n]))
		n++;
	for (unsigned i = 0; i < DSN_UNKNOWN; i++)
		if (text_equal_ci(
			text_part(word, 0, n), text_of(dsn_action_word((enum dsn_action)i))))
			return (enum dsn_action)i;
	return DSN_UNKNOWN;
}

static struct dsn_recipient *
recipient(struct reader *r)
{
	struct dsn_found *to = r->to;

	if (r->open != NULL)
		return r->open;
	if (to->count == DSN_RECIPIENTS_MAX) {
		to->cut = true;
		return NULL;
	}
	if (to->count == r->cap) {
		struct dsn_recipient *more;

		r->cap = r->cap == 0 ? 4 : r->cap * 2;
		more = ARENA_ARRAY(r->arena, struct dsn_recipient, r->cap);
		if (to->count > 0)
			memcpy(more, to->recipients, to->count * sizeof(*more));
		to->recipients = more;
	}
	r->open = &to->recipients[to->count++];
	*r->open = (struct dsn_recipient){ .action = DSN_UNKNOWN };
	return r->open;
}

static void
take_original(struct reader *r, struct dsn_recipient *to, struct text v)
{
	address(r, v, &to->original_type, &to->original);
}

static void
take_final(struct reader *r, struct dsn_recipient *to, struct text v)
{
	struct text type;

	address(r, v, &type, &to->final);
}

static void
take_action(struct reader *r, struct dsn_recipient *to, struct text v)
{
	to->action = action_of(v);
}

static void
take_status(struct reader *r, struct dsn_recipient *to, struct text v)
{
	to->status = status_code(tidy(r, v));
}

static void
take_remote(struct reader *r, struct dsn_recipient *to, struct text v)
{
	struct text type;

	typed(r, v, &type, &to->remote);
}

static void
take_diagnostic(struct reader *r, struct dsn_recipient *to, struct text v)
{
	struct text type, value;

	typed(r, v, &type, &value);
	if (type.len == 0 || text_equal_ci(type, TEXT("smtp")))
		to->diagnostic = value;
	else
		to->words = value;
}

static void
take_attempt(struct reader *r, struct dsn_recipient *to, struct text v)
{
	read_date(v, &to->last_attempt);
}

static void
take_until(struct reader *r, struct dsn_recipient *to, struct text v)
{
	read_date(v, &to->retry_until);
}

static const struct {
	const char *name;
	void (*take)(struct reader *r, struct dsn_recipient *to, struct text value);
} recipient_fields[] = {
	{ "original-recipient", take_original },
	{ "final-recipient", take_final },
	{ "action", take_action },
	{ "status", take_status },
	{ "remote-mta", take_remote },
	{ "diagnostic-code", take_diagnostic },
	{ "last-attempt-date", take_attempt },
	{ "will-retry-until", take_until },
};

/* True when it is a field of the message as a whole. */
static bool
message_field(struct reader *r, struct text name, struct text value)
{
	struct text type;

	if (text_equal_ci(name, TEXT("reporting-mta")))
		typed(r, value, &type, &r->to->reporting_mta);
	else if (text_equal_ci(name, TEXT("original-envelope-id")))
		r->to->envelope_id = tidy(r, value);
	else if (text_equal_ci(name, TEXT("arrival-date")))
		read_date(value, &r->to->arrived);
	else
		return false;
	return true;
}

static void
take_field(struct reader *r, struct text name, struct text field)
{
	struct text value = text_part(field, text_find_byte(field, ':', 0) + 1, field.len);
	struct dsn_recipient *to;

	if (message_field(r, name, value))
		return;
	for (size_t i = 0; i < ARRAY_LEN(recipient_fields); i++) {
		if (!text_equal_ci(name, text_of(recipient_fields[i].name)))
			continue;
		/* A second address: the empty line between was forgotten. */
		if (recipient_fields[i].take == take_final && r->open != NULL &&
		    r->open->final.len > 0)
			r->open = NULL;
		to = recipient(r);
		if (to != NULL)
			recipient_fields[i].take(r, to, value);
	}
}

/* Those without an address are none. */
static void
drop_nameless(struct dsn_found *to)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < to->count; i++)
		if (to->recipients[i].final.len > 0 || to->recipients[i].original.len > 0)
			to->recipients[kept++] = to->recipients[i];
	to->count = kept;
}

enum status
dsn_read_fields(struct text body, struct arena *a, struct dsn_found *out)
{
	struct dsn_found found = { 0 };
	struct reader r = { .arena = a, .to = &found };
	struct cursor c = cursor_of(body);
	struct text name, field;
	uint32_t fields = 0;

	while (!cursor_done(&c) && fields++ < FIELDS_MAX) {
		if (header_blank_line(c.at, c.end)) {
			c.at = header_line_end(c.at, c.end);
			r.open = NULL;
		} else if (mime_header_next(&c, &name, &field)) {
			take_field(&r, name, field);
		}
	}
	if (fields > FIELDS_MAX)
		found.cut = true;
	drop_nameless(&found);
	if (found.count == 0)
		return STATUS_INVALID;
	*out = found;
	return STATUS_OK;
}

/* ---- the message around it ---- */

static bool
subtype_is(const struct mime_part *p, const char *type, const char *one, const char *other)
{
	return text_equal(p->type, text_of(type)) &&
	       (text_equal(p->subtype, text_of(one)) || text_equal(p->subtype, text_of(other)));
}

/* The Message-ID of what is returned. */
static struct text
returned_id(struct text message, const struct mime_part *p, struct arena *a)
{
	struct text id = TEXT_EMPTY, body;

	if (p->envelope != NULL)
		return p->envelope->message_id;
	if (!subtype_is(p, "text", "rfc822-headers", "rfc822-headers") &&
	    !subtype_is(p, "message", "global-headers", "rfc822-headers"))
		return id;
	body = text_part(message, p->body_at, p->body_at + p->body_len);
	if (p->encoding == MIME_BASE64 || p->encoding == MIME_QP) {
		struct buffer decoded = BUFFER_INIT;

		mime_decode_body(p->encoding, body, BODY_MAX, &decoded);
		body = arena_copy(a, buffer_text(&decoded));
		buffer_done(&decoded);
	}
	if (!mime_header_get(body, TEXT("message-id"), 0, a, &id))
		return TEXT_EMPTY;
	return id;
}

static enum status
read_part(struct text message, const struct mime_part *p, struct arena *a, struct dsn_found *out)
{
	struct text body = text_part(message, p->body_at, p->body_at + p->body_len);
	struct buffer decoded = BUFFER_INIT;

	mime_decode_body(p->encoding, body, BODY_MAX, &decoded);
	body = arena_copy(a, buffer_text(&decoded));
	buffer_done(&decoded);
	return dsn_read_fields(body, a, out);
}

enum status
dsn_read(struct text message, struct arena *a, struct dsn_found *out)
{
	const struct mime_limits limits = { .max_depth = 5, .max_parts = 100 };
	struct mime_summary s;
	const struct mime_part *status = NULL;
	struct dsn_found found;
	struct text id = TEXT_EMPTY;
	enum status st;

	mime_parse(message, &limits, a, &s);
	if (!subtype_is(&s.root, "multipart", "report", "report"))
		return STATUS_NOT_FOUND;
	for (const struct mime_part *p = s.root.child; p != NULL; p = p->next) {
		if (status == NULL &&
		    subtype_is(p, "message", "delivery-status", "global-delivery-status"))
			status = p;
		else if (id.len == 0)
			id = returned_id(message, p, a);
	}
	if (status == NULL)
		return STATUS_NOT_FOUND;
	st = read_part(message, status, a, &found);
	if (st == STATUS_OK) {
		struct reader r = { .arena = a };

		found.message_id = tidy(&r, id);
		*out = found;
	}
	return st;
}
