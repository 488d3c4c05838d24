/* SPDX-License-Identifier: ISC */
/*
 * Making DKIM-Signature fields (RFC 6376 5). The names that are signed are one
 * table. A field that is listed once more than it occurs cannot be added on
 * the way without breaking the signature; that is asked for what readers show
 * and for what decides how a body is read, and not for what mailing lists add.
 */
#include "mailauth/dkim.h"

#include "codec/base64.h"

#define LINE_MAX_COLUMNS 78 /* RFC 5322 2.1.1 */

static const struct {
	const char *name;
	bool once_more;
	bool arc_only;
} signed_names[] = {
	{ "from", true, false },
	{ "to", true, false },
	{ "cc", true, false },
	{ "subject", true, false },
	{ "date", true, false },
	{ "message-id", true, false },
	{ "reply-to", true, false },
	{ "in-reply-to", true, false },
	{ "references", true, false },
	{ "mime-version", true, false },
	{ "content-type", true, false },
	{ "content-transfer-encoding", true, false },
	{ "content-disposition", false, false },
	{ "sender", false, false },
	{ "resent-from", false, false },
	{ "resent-sender", false, false },
	{ "resent-to", false, false },
	{ "resent-cc", false, false },
	{ "resent-date", false, false },
	{ "resent-message-id", false, false },
	{ "list-id", false, false },
	{ "list-help", false, false },
	{ "list-subscribe", false, false },
	{ "list-unsubscribe", false, false },
	{ "list-unsubscribe-post", false, false }, /* RFC 8058 4 */
	{ "list-post", false, false },
	{ "list-owner", false, false },
	{ "list-archive", false, false },
	{ "tls-required", false, false }, /* RFC 8689 5 */
	{ "dkim-signature", false, true },
};

/* A message with thousands of fields of one name has its first ones signed. */
#define NAME_TIMES_MAX 64

static uint32_t
occurrences(const struct signed_message *m, struct text name)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->count; i++)
		n += text_equal_ci(m->fields[i].name, name) ? 1 : 0;
	return n;
}

void
dkim_sign_names(const struct signed_message *m, bool arc, struct buffer *out)
{
	size_t start = out->len;

	for (size_t i = 0; i < ARRAY_LEN(signed_names); i++) {
		struct text name = text_of(signed_names[i].name);
		uint32_t times = occurrences(m, name);

		if (signed_names[i].arc_only && !arc)
			continue;
		/* The next hop may well add what an ARC set does not own. */
		if (signed_names[i].once_more && !arc)
			times++;
		if (times > NAME_TIMES_MAX)
			times = NAME_TIMES_MAX;
		for (; times > 0; times--) {
			if (out->len > start)
				buffer_add_byte(out, ':');
			buffer_add_text(out, name);
		}
	}
}

void
dkim_fold(struct buffer *out, struct text value, char mark, size_t *column)
{
	while (value.len > 0) {
		size_t take =
		    mark != 0 ? text_find_byte(value, mark, 0) + 1 : LINE_MAX_COLUMNS - *column;

		take = take > value.len ? value.len : take;
		if (take == 0 || (*column > 8 && *column + take > LINE_MAX_COLUMNS)) {
			buffer_add_string(out, "\r\n\t");
			*column = 8;
			continue;
		}
		buffer_add(out, value.ptr, take);
		value = text_part(value, take, value.len);
		*column += take;
	}
}

void
dkim_sign_want(struct signed_message *m)
{
	CHECK(signed_message_want(m, CANON_RELAXED, MESSAGE_WHOLE) != MESSAGE_NO_HASH);
}

/* The field up to "b=". */
static void
build(const struct signed_message *m, const struct dkim_how *how, enum signature_kind kind,
    uint32_t instance, const uint8_t *body, struct buffer *out)
{
	bool arc = kind == SIGNATURE_ARC_MESSAGE;
	struct buffer names = BUFFER_INIT;
	size_t column = 10;

	if (arc)
		buffer_addf(out, "ARC-Message-Signature: i=%u; ", instance);
	else
		buffer_add_string(out, "DKIM-Signature: v=1; ");
	buffer_addf(out, "a=%.*s; c=relaxed/relaxed;\r\n\td=%.*s; s=%.*s;\r\n\tt=%lld;",
	    TEXT_ARG(dkim_algorithm_name(how->algorithm)), TEXT_ARG(how->domain),
	    TEXT_ARG(how->selector), (long long)how->at);
	if (how->expires != SIGNATURE_NO_TIME)
		buffer_addf(out, " x=%lld;", (long long)how->expires);
	dkim_sign_names(m, arc, &names);
	buffer_add_string(out, "\r\n\th=");
	dkim_fold(out, buffer_text(&names), ':', &column);
	buffer_add_string(out, ";\r\n\tbh=");
	base64_encode(out, (struct text){ (const char *)body, DIGEST_LENGTH });
	buffer_add_string(out, ";\r\n\tb=");
	buffer_done(&names);
}

enum status
dkim_sign_prepare_as(const struct signed_message *m, const struct dkim_how *how,
    enum signature_kind kind, uint32_t instance, struct arena *a, struct dkim_prepared *out)
{
	const struct message_hash *body = NULL;
	struct buffer field = BUFFER_INIT;
	struct signature s;
	const char *why;
	enum status st;

	if (occurrences(m, TEXT("from")) != 1)
		return STATUS_INVALID;
	for (uint32_t i = 0; i < m->hash_count; i++)
		if (m->hashes[i].canon == CANON_RELAXED && m->hashes[i].length == MESSAGE_WHOLE)
			body = signed_message_hash(m, i);
	CHECK(body != NULL);
	build(m, how, kind, instance, body->digest, &field);
	/* What others will read of it is what is signed. */
	buffer_add_string(&field, "AA==");
	st = signature_parse(kind, buffer_text(&field), a, &s, &why);
	if (st == STATUS_OK) {
		signature_digest(&s, m, out->digest);
		buffer_cut(&field, field.len - s.hole.len);
		out->field = arena_copy(a, buffer_text(&field));
	}
	buffer_done(&field);
	return st;
}

enum status
dkim_sign_prepare(const struct signed_message *m, const struct dkim_how *how, struct arena *a,
    struct dkim_prepared *out)
{
	return dkim_sign_prepare_as(m, how, SIGNATURE_DKIM, 0, a, out);
}

void
dkim_sign_finish(const struct dkim_prepared *p, struct text signature, struct buffer *out)
{
	struct buffer coded = BUFFER_INIT;
	size_t column = 10;

	base64_encode(&coded, signature);
	buffer_add_text(out, p->field);
	dkim_fold(out, buffer_text(&coded), 0, &column);
	buffer_add_string(out, "\r\n");
	buffer_done(&coded);
}
