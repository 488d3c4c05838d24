/* SPDX-License-Identifier: ISC */
/*
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), with the channel
 * bindings tls-exporter (RFC 9266), tls-server-end-point and tls-unique
 * (RFC 5929). For an account that does not exist the caller sets a made-up
 * verifier, and the exchange goes on to its end like any other.
 */
#include "auth/sasl.h"

#include "base/cursor.h"
#include "base/random.h"
#include "codec/base64.h"

#define NONCE_LENGTH 18
#define NONCE_MAX 512

/* RFC 5802 5.1: "=2C" for "," and "=3D" for "="; any other "=" is an error. */
static bool
saslname(struct text in, struct arena *a, struct text *out)
{
	struct buffer name = BUFFER_INIT;
	struct cursor c = cursor_of(in);
	bool good = in.len > 0;

	while (good && !cursor_done(&c)) {
		if (cursor_text(&c, TEXT("=2C")))
			buffer_add_byte(&name, ',');
		else if (cursor_text(&c, TEXT("=3D")))
			buffer_add_byte(&name, '=');
		else if (cursor_peek(&c) == '=' || cursor_peek(&c) == 0)
			good = false;
		else
			buffer_add_byte(&name, (char)cursor_next(&c));
	}
	if (good)
		*out = arena_copy(a, buffer_text(&name));
	buffer_done(&name);
	return good;
}

/* One attribute "x=value", up to the next comma, which is consumed too. */
static bool
attribute(struct cursor *c, char letter, struct text *value)
{
	char head[2] = { letter, '=' };

	if (!cursor_text(c, (struct text){ head, 2 }))
		return false;
	*value = cursor_until(c, ',');
	(void)cursor_byte(c, ',');
	return true;
}

/* RFC 5802 7 gs2-cbind-flag. The client's word must fit what was offered:
 * "y" where -PLUS was advertised is a downgrade by somebody in between. */
static enum sasl_step
channel_flag(struct sasl *s, struct cursor *c)
{
	struct text kind;

	if (cursor_text(c, TEXT("n,")))
		return s->mechanism->binds ? SASL_MALFORMED : SASL_CHALLENGE;
	if (cursor_text(c, TEXT("y,"))) {
		if (s->mechanism->binds)
			return SASL_MALFORMED;
		return s->offers_plus ? SASL_WRONG : SASL_CHALLENGE;
	}
	if (!attribute(c, 'p', &kind) || !s->mechanism->binds)
		return SASL_MALFORMED;
	if (text_equal(kind, TEXT("tls-exporter")))
		s->binding = s->exporter;
	else if (text_equal(kind, TEXT("tls-server-end-point")))
		s->binding = s->end_point;
	else if (text_equal(kind, TEXT("tls-unique")))
		s->binding = s->unique;
	return s->binding.len > 0 ? SASL_CHALLENGE : SASL_WRONG;
}

/* client-first-message = gs2-header client-first-message-bare (RFC 5802 7). */
static enum sasl_step
client_first(struct sasl *s, struct text in)
{
	struct cursor c = cursor_of(in);
	enum sasl_step flag = channel_flag(s, &c);
	struct text authzid = TEXT_EMPTY, user, nonce;

	if (flag != SASL_CHALLENGE)
		return flag;
	if (!cursor_byte(&c, ',')) {
		if (!attribute(&c, 'a', &authzid) || !saslname(authzid, &s->arena, &authzid))
			return SASL_MALFORMED;
	}
	s->gs2 = arena_copy(&s->arena, (struct text){ in.ptr, (size_t)(c.at - in.ptr) });
	s->client_first = arena_copy(&s->arena, cursor_rest(&c));
	/* "m=" is a mandatory extension that nobody defined: refused. */
	if (!attribute(&c, 'n', &user) || !saslname(user, &s->arena, &s->user) ||
	    !attribute(&c, 'r', &nonce) || nonce.len == 0 || nonce.len > NONCE_MAX)
		return SASL_MALFORMED;
	if (authzid.len > 0 && !text_equal_ci(authzid, s->user))
		return SASL_WRONG;
	s->nonce = arena_copy(&s->arena, nonce);
	return SASL_LOOKUP;
}

/* server-first-message, once the verifier is known. */
enum sasl_step
sasl_scram_proceed(struct sasl *s, struct buffer *out)
{
	struct buffer nonce = BUFFER_INIT;
	uint8_t own[NONCE_LENGTH];

	random_bytes(own, sizeof(own));
	buffer_add_text(&nonce, s->nonce);
	base64_encode(&nonce, (struct text){ (const char *)own, sizeof(own) });
	s->nonce = arena_copy(&s->arena, buffer_text(&nonce));
	buffer_done(&nonce);
	buffer_addf(out, "r=%.*s,s=", TEXT_ARG(s->nonce));
	base64_encode(out, s->verifier.salt);
	buffer_addf(out, ",i=%u", s->verifier.iterations);
	s->server_first = arena_copy(&s->arena, buffer_text(out));
	return SASL_CHALLENGE;
}

/* "c=" must be the gs2 header and the binding that this side sees. */
static bool
binding_holds(struct sasl *s, struct text c)
{
	struct buffer want = BUFFER_INIT, got = BUFFER_INIT;
	bool same;

	buffer_add_text(&want, s->gs2);
	buffer_add_text(&want, s->binding);
	same = base64_decode(&got, c) == STATUS_OK &&
	       secret_equal(buffer_text(&want), buffer_text(&got));
	buffer_done(&want);
	buffer_done(&got);
	return same;
}

/* RFC 5802 3: H(ClientProof XOR HMAC(StoredKey, AuthMessage)) = StoredKey. */
static bool
proof_holds(struct sasl *s, struct text message, struct text proof)
{
	uint8_t signature[SCRAM_KEY], key[SCRAM_KEY], hash[SCRAM_KEY];
	bool same;

	scram_hmac(s->verifier.stored_key, message, signature);
	for (size_t i = 0; i < SCRAM_KEY; i++)
		key[i] = (uint8_t)((uint8_t)proof.ptr[i] ^ signature[i]);
	scram_hash(key, hash);
	same = secret_equal((struct text){ (const char *)hash, SCRAM_KEY },
	    (struct text){ (const char *)s->verifier.stored_key, SCRAM_KEY });
	secret_wipe(key, sizeof(key));
	return same;
}

static enum sasl_step
judge(struct sasl *s, struct text without_proof, struct text proof, struct buffer *out)
{
	uint8_t signature[SCRAM_KEY];
	struct buffer message = BUFFER_INIT;
	bool good;

	buffer_addf(&message, "%.*s,%.*s,%.*s", TEXT_ARG(s->client_first),
	    TEXT_ARG(s->server_first), TEXT_ARG(without_proof));
	good = proof_holds(s, buffer_text(&message), proof);
	if (good) {
		scram_hmac(s->verifier.server_key, buffer_text(&message), signature);
		buffer_add_string(out, "v=");
		base64_encode(out, (struct text){ (const char *)signature, SCRAM_KEY });
	}
	buffer_done(&message);
	return good ? SASL_DONE : SASL_WRONG;
}

/* client-final-message = channel-binding "," nonce ["," extensions] "," proof */
static enum sasl_step
client_final(struct sasl *s, struct text in, struct buffer *out)
{
	struct cursor c = cursor_of(in);
	struct text binding, nonce, proof, without_proof;
	struct buffer raw = BUFFER_INIT;
	enum sasl_step verdict = SASL_MALFORMED;
	size_t at = 0, next;

	/* The proof is last: RFC 5802 7. */
	while ((next = text_find(in, TEXT(",p="), at)) < in.len)
		at = next + 1;
	if (at == 0 || !attribute(&c, 'c', &binding) || !attribute(&c, 'r', &nonce))
		return SASL_MALFORMED;
	without_proof = text_part(in, 0, at - 1);
	proof = text_part(in, at + 2, in.len);
	if (!text_equal(nonce, s->nonce) || base64_decode(&raw, proof) != STATUS_OK ||
	    raw.len != SCRAM_KEY)
		verdict = SASL_MALFORMED;
	else if (!binding_holds(s, binding))
		verdict = SASL_WRONG;
	else
		verdict = judge(s, without_proof, buffer_text(&raw), out);
	buffer_done(&raw);
	return verdict;
}

enum sasl_step
sasl_scram_step(struct sasl *s, struct text in, struct buffer *out)
{
	if (in.ptr == NULL)
		return s->round == 0 ? SASL_CHALLENGE : SASL_MALFORMED;
	switch (s->round++) {
	case 0:
		return client_first(s, in);
	case 1:
		return client_final(s, in, out);
	default:
		return SASL_MALFORMED;
	}
}
