/* SPDX-License-Identifier: ISC */
/*
 * See intake/sign.h. d= is the domain of From or one above it, so that the
 * signature speaks for the author (RFC 7489 3.1.1). One walk over the body
 * whatever the number of keys, all of which sign at the same time.
 */
#include "intake/sign.h"

#include "auth/calls.h"
#include "base/clock.h"
#include "base/log.h"
#include "mailauth/dkim.h"
#include "runtime/settings.h"

/* A signature under way. */
struct seal {
	struct dkim_prepared prepared;
	struct auth_dkim_sign_request request;
	struct call_ahead *ahead;
};

enum status
sign_domain_find(struct intake *in, struct text domain, struct arena *a, struct sign_domain *out,
    struct failure *f)
{
	enum status s = STATUS_OK;

	out->count = 0;
	if (!setting(SET_DKIM_SIGN))
		return STATUS_OK;
	while (s == STATUS_OK && out->count == 0 && text_find_byte(domain, '.', 0) < domain.len) {
		s = sign_keys_find(in->keys, in->calls, domain, a, out, f);
		domain = text_part(domain, text_find_byte(domain, '.', 0) + 1, domain.len);
	}
	return s;
}

static enum status
begin(struct intake *in, const struct sign_domain *d, uint32_t i, const struct signed_message *m,
    struct arena *a, struct seal *out)
{
	const struct dkim_how how = { .algorithm = (enum dkim_algorithm)d->keys[i].algorithm,
		.domain = d->domain,
		.selector = d->keys[i].selector,
		.at = clock_wall() / CLOCK_SECOND,
		.expires = SIGNATURE_NO_TIME };
	enum status s = dkim_sign_prepare(m, &how, a, &out->prepared);

	if (s != STATUS_OK)
		return s;
	out->request = (struct auth_dkim_sign_request){ .domain = d->name,
		.number = d->keys[i].number,
		.digest = { (const char *)out->prepared.digest, DIGEST_LENGTH } };
	out->ahead = call_begin(in->calls, &auth_dkim_sign_call, &out->request);
	return STATUS_OK;
}

bool
sign_key_failed(
    struct intake *in, const struct sign_domain *d, const struct sign_key *key, enum status s)
{
	if (s != STATUS_NOT_FOUND && s != STATUS_CORRUPT && s != STATUS_INVALID)
		return false;
	sign_keys_forget(in->keys, d->name);
	LOG_ALARM("intake.key-not-used", FIELD_TEXT("domain", d->domain),
	    FIELD_TEXT("selector", key->selector), FIELD_STATUS(s));
	return true;
}

/* OK as well where this key is of no use. */
static enum status
finish(struct intake *in, const struct sign_domain *d, uint32_t i, struct seal *one,
    struct arena *a, struct buffer *out, struct failure *f)
{
	struct auth_dkim_sign_reply reply;
	enum status s = call_finish(one->ahead, &one->request, a, &reply, f);

	if (s == STATUS_OK) {
		dkim_sign_finish(&one->prepared, reply.signature, out);
		return s;
	}
	return sign_key_failed(in, d, &d->keys[i], s) ? STATUS_OK : s;
}

static enum status
sign_with(struct intake *in, const struct sign_domain *d, const struct signed_message *m,
    struct arena *a, struct buffer *out, struct failure *f)
{
	struct seal seals[SIGN_KEYS_MAX];
	enum status s = STATUS_OK, one;
	uint32_t count = 0;

	while (count < d->count && s == STATUS_OK) {
		s = begin(in, d, count, m, a, &seals[count]);
		count += s == STATUS_OK ? 1 : 0;
	}
	if (s == STATUS_INVALID) /* no author, none to speak for */
		s = STATUS_OK;
	for (uint32_t i = 0; i < count; i++) {
		if (s != STATUS_OK) {
			call_abandon(seals[i].ahead);
			continue;
		}
		one = finish(in, d, i, &seals[i], a, out, f);
		s = one;
	}
	return s;
}

enum status
sign_message(struct intake *in, struct text domain, struct text header, struct text body,
    struct arena *a, struct buffer *out, struct failure *f)
{
	struct signed_message m;
	struct sign_domain d;
	enum status s = sign_domain_find(in, domain, a, &d, f);

	if (s != STATUS_OK || d.count == 0)
		return s;
	signed_message_init(&m, header, a);
	dkim_sign_want(&m);
	signed_message_body(&m, body);
	signed_message_end(&m);
	return sign_with(in, &d, &m, a, out, f);
}
