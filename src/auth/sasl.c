/* SPDX-License-Identifier: ISC */
/*
 * The table of mechanisms, and the two that are hardly more than a line of
 * grammar: PLAIN (RFC 4616 2) and LOGIN (no RFC; what Outlook speaks).
 */
#include "auth/sasl.h"

#include <string.h>

static const struct sasl_mechanism mechanisms[] = {
	{ "SCRAM-SHA-256-PLUS", false, true, true, sasl_scram_step, sasl_scram_proceed },
	{ "SCRAM-SHA-256", false, true, false, sasl_scram_step, sasl_scram_proceed },
	{ "PLAIN", true, false, false, sasl_plain_step, NULL },
	{ "LOGIN", true, false, false, sasl_login_step, NULL },
};

const struct sasl_mechanism *
sasl_at(size_t i)
{
	return i < ARRAY_LEN(mechanisms) ? &mechanisms[i] : NULL;
}

const struct sasl_mechanism *
sasl_find(struct text name)
{
	for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++)
		if (text_equal_ci(name, text_of(mechanisms[i].name)))
			return &mechanisms[i];
	return NULL;
}

/* RFC 4616 2: message = [authzid] UTF8NUL authcid UTF8NUL passwd. Acting for
 * somebody else is not offered: authzid is empty or the same. */
enum sasl_step
sasl_plain_step(struct sasl *s, struct text in, struct buffer *out)
{
	struct text authzid, authcid, password;

	if (s->round++ == 0 && in.ptr == NULL)
		return SASL_CHALLENGE;
	if (s->round > 2)
		return SASL_MALFORMED;
	password = in;
	if (!text_split(&password, '\0', &authzid) || !text_split(&password, '\0', &authcid) ||
	    authcid.len == 0 || memchr(password.ptr, 0, password.len) != NULL)
		return SASL_MALFORMED;
	if (authzid.len > 0 && !text_equal_ci(authzid, authcid))
		return SASL_WRONG;
	s->user = arena_copy(&s->arena, authcid);
	s->password = arena_copy(&s->arena, password);
	return SASL_PASSWORD;
}

enum sasl_step
sasl_login_step(struct sasl *s, struct text in, struct buffer *out)
{
	if (in.ptr == NULL) {
		buffer_add_string(out, "Username:");
		return s->round == 0 ? SASL_CHALLENGE : SASL_MALFORMED;
	}
	if (s->round++ == 0) {
		if (in.len == 0)
			return SASL_MALFORMED;
		s->user = arena_copy(&s->arena, in);
		buffer_add_string(out, "Password:");
		return SASL_CHALLENGE;
	}
	s->password = arena_copy(&s->arena, in);
	return SASL_PASSWORD;
}
