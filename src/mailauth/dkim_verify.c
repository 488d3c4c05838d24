/* SPDX-License-Identifier: ISC */
/* Verifying DKIM signatures (RFC 6376 6): see mailauth/dkim.h. */
#include <string.h>

#include "mailauth/dkim.h"

const char *
dkim_result_word(enum dkim_result r)
{
	static const char *const words[] = {
#define X(name, word) word,
		DKIM_RESULT_TABLE(X)
#undef X
	};

	return words[r];
}

static void
settle(struct dkim_verdict *v, enum dkim_result result, const char *why)
{
	v->result = result;
	v->why = why;
}

static void
begin_one(struct dkim_verdict *v, struct signed_message *m, struct text field, int64_t now)
{
	const char *why;

	*v = (struct dkim_verdict){ .why = "", .hash = MESSAGE_NO_HASH };
	if (signature_parse(SIGNATURE_DKIM, field, m->arena, &v->signature, &why) != STATUS_OK) {
		settle(v, DKIM_PERMERROR, why);
		return;
	}
	if (v->signature.expires != SIGNATURE_NO_TIME && v->signature.expires < now) {
		settle(v, DKIM_FAIL, "the signature has expired"); /* RFC 6376 3.5 */
		return;
	}
	v->hash = signed_message_want(m, v->signature.body_canon, v->signature.length);
	if (v->hash == MESSAGE_NO_HASH)
		settle(v, DKIM_POLICY, "too many different body hashes");
}

void
dkim_check_begin(struct dkim_check *c, struct signed_message *m, int64_t now)
{
	*c = (struct dkim_check){ .message = m };
	for (uint32_t i = 0; i < m->count; i++) {
		if (!text_equal_ci(m->fields[i].name, TEXT("dkim-signature")))
			continue;
		if (c->count == DKIM_SIGNATURES_MAX) {
			c->cut = true;
			return;
		}
		begin_one(&c->at[c->count++], m, m->fields[i].raw, now);
	}
}

/* The first record that is one; else what was wrong with the first. */
static bool
choose_key(
    const struct text *records, uint32_t count, struct arena *a, struct signature_judgement *out)
{
	const char *first = NULL, *why;

	for (uint32_t i = 0; i < count; i++) {
		if (dkim_record_parse(records[i], a, &out->key, &why) == STATUS_OK)
			return true;
		first = first == NULL ? why : first;
	}
	out->result = DKIM_PERMERROR;
	out->why = first == NULL ? "there is no key" : first;
	return false;
}

void
signature_judge(const struct signature *s, const uint8_t digest[DIGEST_LENGTH], enum status found,
    const struct text *records, uint32_t count, struct arena *a, struct signature_judgement *out)
{
	*out = (struct signature_judgement){ .result = DKIM_PERMERROR, .why = "there is no key" };
	if (found == STATUS_NOT_FOUND)
		return;
	if (found != STATUS_OK) {
		out->result = DKIM_TEMPERROR;
		out->why = "the key could not be looked up";
		return;
	}
	if (!choose_key(records, count, a, out))
		return;
	if (out->key.revoked)
		out->why = "the key is revoked";
	else if (out->key.algorithm != s->algorithm)
		out->why = "the key is of another type";
	else if (out->key.strict && s->identity.len > 0 &&
		 !text_equal_ci(
		     text_part(s->identity, text_find_last(s->identity, '@') + 1, s->identity.len),
		     s->domain))
		out->why = "the key is not for subdomains"; /* RFC 6376 3.6.1 t=s */
	else if (!dkim_public_verify(&out->key, digest, s->octets)) {
		out->result = DKIM_FAIL;
		out->why = "the signature does not verify";
	} else {
		out->result = DKIM_PASS;
		out->why = "";
	}
}

void
dkim_check_key(
    struct dkim_check *c, uint32_t i, enum status found, const struct text *records, uint32_t count)
{
	const struct signed_message *m = c->message;
	struct dkim_verdict *v = &c->at[i];
	const struct message_hash *body;
	struct signature_judgement j;
	uint8_t digest[DIGEST_LENGTH];

	CHECK(i < c->count);
	if (v->result != DKIM_NONE)
		return;
	body = signed_message_hash(m, v->hash);
	v->partial = body->partial;
	signature_digest(&v->signature, m, digest);
	signature_judge(&v->signature, digest, found, records, count, m->arena, &j);
	v->bits = j.key.bits;
	v->testing = j.key.testing;
	if (j.result != DKIM_PASS)
		settle(v, j.result, j.why);
	else if (!body->known)
		settle(v, DKIM_FAIL, "the body is shorter than was signed");
	else if (memcmp(body->digest, v->signature.body_hash, DIGEST_LENGTH) != 0)
		settle(v, DKIM_FAIL, "the body was changed");
	else
		settle(v, DKIM_PASS, "");
}
