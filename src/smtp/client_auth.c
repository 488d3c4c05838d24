/* SPDX-License-Identifier: ISC */
/*
 * AUTH towards a smarthost (RFC 4954): SCRAM-SHA-256 (RFC 5802, RFC 7677),
 * which shows no password and knows whether the server knows it; else PLAIN
 * (RFC 4616) or LOGIN, which do show it.
 */
#include <string.h>

#include "auth/prep.h"
#include "auth/verifier.h"
#include "base/cursor.h"
#include "base/random.h"
#include "codec/base64.h"
#include "smtp/client_private.h"

#define NONCE_LEN 24
/* A server that asks for more wants to keep us busy. */
#define ITERATIONS_MAX 1000000

/* verb (may be empty) and the octets in base64, as one line; the octets are
 * wiped. */
static enum status
say(struct smtp_client *c, const char *verb, struct buffer *octets, struct smtp_answer *answer)
{
	struct buffer line = BUFFER_INIT;
	enum status st;

	buffer_add_string(&line, verb);
	base64_encode(&line, buffer_text(octets));
	buffer_add_string(&line, "\r\n");
	st = client_command(
	    c, SMTP_AT_AUTH, c->config->times.hello, buffer_text(&line), answer, NULL);
	buffer_done_secret(&line);
	buffer_done_secret(octets);
	return st;
}

/* The end of the exchange. */
static enum status
verdict(struct smtp_client *c, const struct smtp_answer *answer)
{
	if (answer->code / 100 != 2)
		return client_refused(c, SMTP_AT_AUTH, answer);
	c->signed_in = true;
	return STATUS_OK;
}

static enum status
plain(struct smtp_client *c)
{
	struct buffer octets = BUFFER_INIT;
	struct smtp_answer answer;
	enum status st;

	buffer_add_byte(&octets, '\0');
	buffer_add_text(&octets, c->config->user);
	buffer_add_byte(&octets, '\0');
	buffer_add_text(&octets, c->config->password);
	st = say(c, "AUTH PLAIN ", &octets, &answer);
	return st == STATUS_OK ? verdict(c, &answer) : st;
}

static enum status
login(struct smtp_client *c)
{
	struct buffer octets = BUFFER_INIT;
	struct smtp_answer answer;
	enum status st = client_command(
	    c, SMTP_AT_AUTH, c->config->times.hello, TEXT("AUTH LOGIN\r\n"), &answer, NULL);

	if (st == STATUS_OK && answer.code == 334) {
		buffer_add_text(&octets, c->config->user);
		st = say(c, "", &octets, &answer);
	}
	if (st == STATUS_OK && answer.code == 334) {
		buffer_add_text(&octets, c->config->password);
		st = say(c, "", &octets, &answer);
	}
	return st == STATUS_OK ? verdict(c, &answer) : st;
}

/* ---- SCRAM (RFC 5802 5) ---- */

struct scram {
	struct buffer first; /* client-first-message-bare */
	struct buffer auth;  /* AuthMessage */
	uint8_t server_key[SCRAM_KEY];
};

static void
add_saslname(struct buffer *out, struct text name)
{
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == ',' || name.ptr[i] == '=')
			buffer_add_string(out, name.ptr[i] == ',' ? "=2C" : "=3D");
		else
			buffer_add_byte(out, name.ptr[i]);
	}
}

static void
scram_first(struct smtp_client *c, struct scram *s, struct buffer *out)
{
	struct buffer user = BUFFER_INIT;
	uint8_t nonce[NONCE_LEN];

	random_bytes(nonce, sizeof(nonce));
	if (prep_password(c->config->user, &user) != STATUS_OK)
		buffer_add_text(&user, c->config->user);
	buffer_add_string(&s->first, "n=");
	add_saslname(&s->first, buffer_text(&user));
	buffer_add_string(&s->first, ",r=");
	base64_encode(&s->first, (struct text){ (const char *)nonce, sizeof(nonce) });
	buffer_add_string(out, "n,,");
	buffer_add_text(out, buffer_text(&s->first));
	buffer_done(&user);
}

/* server-first-message: a nonce that begins with ours, salt, iterations. */
static bool
server_first(struct text said, struct text first, struct text *nonce, struct buffer *salt,
    uint32_t *iterations)
{
	struct text ours = text_part(first, text_find(first, TEXT(",r="), 0) + 3, first.len);
	struct cursor c = cursor_of(said);

	if (!cursor_text(&c, TEXT("r=")))
		return false;
	*nonce = cursor_until(&c, ',');
	if (!text_starts(*nonce, ours) || nonce->len == ours.len || !cursor_text(&c, TEXT(",s=")) ||
	    base64_decode(salt, cursor_until(&c, ',')) != STATUS_OK ||
	    !cursor_text(&c, TEXT(",i=")) || !cursor_u32(&c, iterations))
		return false;
	return salt->len > 0 && *iterations > 0 && *iterations <= ITERATIONS_MAX;
}

/* client-final-message; false if what the server said makes no sense. */
static bool
scram_final(struct smtp_client *c, struct scram *s, struct text said, struct buffer *out)
{
	struct buffer salt = BUFFER_INIT, password = BUFFER_INIT;
	uint8_t salted[SCRAM_KEY], client[SCRAM_KEY], stored[SCRAM_KEY], proof[SCRAM_KEY];
	uint32_t iterations;
	struct text nonce;
	bool good = server_first(said, buffer_text(&s->first), &nonce, &salt, &iterations) &&
		    prep_password(c->config->password, &password) == STATUS_OK;

	if (good) {
		scram_salted_password(
		    buffer_text(&password), buffer_text(&salt), iterations, salted);
		scram_hmac(salted, TEXT("Client Key"), client);
		scram_hmac(salted, TEXT("Server Key"), s->server_key);
		scram_hash(client, stored);
		buffer_addf(out, "c=biws,r=%.*s", TEXT_ARG(nonce));
		buffer_add_text(&s->auth, buffer_text(&s->first));
		buffer_addf(&s->auth, ",%.*s,", TEXT_ARG(said));
		buffer_add_text(&s->auth, buffer_text(out));
		scram_hmac(stored, buffer_text(&s->auth), proof);
		for (size_t i = 0; i < SCRAM_KEY; i++)
			proof[i] ^= client[i];
		buffer_add_string(out, ",p=");
		base64_encode(out, (struct text){ (const char *)proof, SCRAM_KEY });
		secret_wipe(salted, sizeof(salted));
		secret_wipe(client, sizeof(client));
	}
	buffer_done(&salt);
	buffer_done_secret(&password);
	return good;
}

/* server-final-message: it knows the password too. */
static bool
scram_signature(const struct scram *s, struct text said)
{
	struct buffer signature = BUFFER_INIT;
	uint8_t own[SCRAM_KEY];
	bool good = text_starts(said, TEXT("v=")) &&
		    base64_decode(&signature, text_part(said, 2, said.len)) == STATUS_OK;

	scram_hmac(s->server_key, buffer_text(&s->auth), own);
	good = good && secret_equal(buffer_text(&signature),
			   (struct text){ (const char *)own, sizeof(own) });
	buffer_done(&signature);
	return good;
}

/* The octets of a challenge. */
static bool
challenge(const struct smtp_answer *answer, struct buffer *out)
{
	buffer_clear(out);
	return answer->code == 334 && base64_decode(out, text_of(answer->text)) == STATUS_OK;
}

static enum status
scram_steps(struct smtp_client *c, struct scram *s, struct buffer *said)
{
	struct buffer out = BUFFER_INIT;
	struct smtp_answer answer;
	enum status st;

	scram_first(c, s, &out);
	st = say(c, "AUTH SCRAM-SHA-256 ", &out, &answer);
	if (st != STATUS_OK || answer.code != 334)
		return st == STATUS_OK ? client_refused(c, SMTP_AT_AUTH, &answer) : st;
	if (!challenge(&answer, said) || !scram_final(c, s, buffer_text(said), &out)) {
		buffer_done(&out);
		return client_fail(c, SMTP_AT_AUTH, STATUS_INVALID,
		    "The server's part of SCRAM-SHA-256 makes no sense");
	}
	st = say(c, "", &out, &answer);
	if (st != STATUS_OK || answer.code >= 400)
		return st == STATUS_OK ? client_refused(c, SMTP_AT_AUTH, &answer) : st;
	if (!challenge(&answer, said) || !scram_signature(s, buffer_text(said)))
		return client_fail(
		    c, SMTP_AT_AUTH, STATUS_DENIED, "The server does not know the password");
	st = say(c, "", &out, &answer);
	return st == STATUS_OK ? verdict(c, &answer) : st;
}

static enum status
scram(struct smtp_client *c)
{
	struct scram s = { 0 };
	struct buffer said = BUFFER_INIT;
	enum status st = scram_steps(c, &s, &said);

	buffer_done(&s.first);
	buffer_done_secret(&s.auth);
	buffer_done(&said);
	secret_wipe(s.server_key, sizeof(s.server_key));
	return st;
}

enum status
client_auth(struct smtp_client *c)
{
	struct smtp_fate fate = { .outcome = SMTP_TEMPORARY,
		.stage = SMTP_AT_AUTH,
		.answer.text = "The server offers no way to sign in that may be used" };
	bool shown = c->tls.encrypted || c->config->plain_allowed;

	if ((c->offers.set & SMTP_OFFERS_SCRAM) != 0)
		return scram(c);
	if (shown && (c->offers.set & SMTP_OFFERS_PLAIN) != 0)
		return plain(c);
	if (shown && (c->offers.set & SMTP_OFFERS_LOGIN) != 0)
		return login(c);
	c->fate = fate;
	return STATUS_DENIED;
}
