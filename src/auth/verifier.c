/* SPDX-License-Identifier: ISC */
/*
 * Password verifiers: made, read from other systems, packed, checked.
 * Comparisons of secrets take the same time whatever they find.
 */
#include "auth/verifier.h"

#include <argon2.h>
#include <crypt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "auth/prep.h"
#include "base/pack.h"
#include "base/random.h"
#include "codec/base64.h"
#include "runtime/metrics.h"

#define VERIFIER_VERSION 1
#define ARGON2_MEMORY 19456 /* KiB */
#define ARGON2_PASSES 2
#define ARGON2_LANES 1
#define SALT_LENGTH 16
#define HASH_LENGTH 32
#define HASH_TEXT_MAX 512
/* What a verifier from elsewhere may cost us at most for each sign-in. */
#define ITERATIONS_MAX 1000000
#define FOREIGN_MEMORY_MAX (256 * 1024) /* KiB */

void
scram_hmac(const uint8_t key[SCRAM_KEY], struct text data, uint8_t out[SCRAM_KEY])
{
	unsigned n = SCRAM_KEY;

	CHECK(HMAC(EVP_sha256(), key, SCRAM_KEY, (const uint8_t *)data.ptr, data.len, out, &n) !=
	      NULL);
}

void
scram_hash(const uint8_t in[SCRAM_KEY], uint8_t out[SCRAM_KEY])
{
	SHA256(in, SCRAM_KEY, out);
}

void
scram_salted_password(
    struct text password, struct text salt, uint32_t iterations, uint8_t out[SCRAM_KEY])
{
	CHECK(PKCS5_PBKDF2_HMAC(password.ptr, (int)password.len, (const uint8_t *)salt.ptr,
	    (int)salt.len, (int)iterations, EVP_sha256(), SCRAM_KEY, out));
}

static void
scram_keys(struct text password, struct verifier *v)
{
	uint8_t salted[SCRAM_KEY], client[SCRAM_KEY];

	scram_salted_password(password, v->salt, v->iterations, salted);
	scram_hmac(salted, TEXT("Client Key"), client);
	scram_hash(client, v->stored_key);
	scram_hmac(salted, TEXT("Server Key"), v->server_key);
	secret_wipe(salted, sizeof(salted));
	secret_wipe(client, sizeof(client));
}

enum status
verifier_of_password(struct text password, struct arena *a, struct verifier *out, struct failure *f)
{
	struct buffer ready = BUFFER_INIT;
	struct verifier v = { 0 };
	char phc[HASH_TEXT_MAX];
	uint8_t salt[SALT_LENGTH];

	if (password.len == 0)
		return fail(f, STATUS_INVALID, "The password is empty.", "empty password");
	if (prep_password(password, &ready) != STATUS_OK)
		return fail(
		    f, STATUS_LIMIT, "The password is longer than 1,024 octets.", "long password");
	random_bytes(salt, sizeof(salt));
	metric_add(METRIC_PASSWORDS_HASHED, 1);
	CHECK(argon2id_hash_encoded(ARGON2_PASSES, ARGON2_MEMORY, ARGON2_LANES, ready.ptr,
		  ready.len, salt, sizeof(salt), HASH_LENGTH, phc, sizeof(phc)) == ARGON2_OK);
	v.hash = arena_copy(a, text_of(phc));
	random_bytes(salt, sizeof(salt));
	v.salt = arena_copy(a, (struct text){ (const char *)salt, sizeof(salt) });
	v.iterations = SCRAM_ITERATIONS;
	v.has_scram = true;
	scram_keys(buffer_text(&ready), &v);
	buffer_done_secret(&ready);
	*out = v;
	return STATUS_OK;
}

static bool
is_argon2(struct text hash)
{
	return text_starts(hash, TEXT("$argon2id$"));
}

/* $y$ yescrypt, $6$ SHA-512, $2b$ bcrypt and its older letters, each with the
 * length of what stands behind the last "$" of a whole one. */
static bool
is_crypt(struct text hash)
{
	static const struct {
		struct text prefix;
		size_t tail;
	} kinds[] = {
		{ { "$y$", 3 }, 43 },
		{ { "$6$", 3 }, 86 },
		{ { "$2b$", 4 }, 53 },
		{ { "$2a$", 4 }, 53 },
		{ { "$2y$", 4 }, 53 },
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (text_starts(hash, kinds[i].prefix))
			return hash.len - text_find_last(hash, '$') - 1 == kinds[i].tail;
	return false;
}

/* "SCRAM-SHA-256$4096:c2FsdA==$stored:server", as other servers keep it. */
static enum status
read_scram(struct text hash, struct arena *a, struct verifier *v)
{
	struct text rest = text_part(hash, sizeof("SCRAM-SHA-256$") - 1, hash.len);
	struct text iterations, salt, stored, keys;
	struct buffer raw = BUFFER_INIT;
	enum status s = STATUS_INVALID;

	if (!text_split(&rest, ':', &iterations) || !text_split(&rest, '$', &salt) ||
	    !text_split(&rest, ':', &stored))
		return STATUS_INVALID;
	keys = rest;
	if (text_to_u32(iterations, &v->iterations) != STATUS_OK || v->iterations < 1000 ||
	    v->iterations > ITERATIONS_MAX || base64_decode(&raw, salt) != STATUS_OK ||
	    raw.len < 4 || raw.len > 64)
		goto out;
	v->salt = arena_copy(a, buffer_text(&raw));
	buffer_clear(&raw);
	if (base64_decode(&raw, stored) != STATUS_OK || base64_decode(&raw, keys) != STATUS_OK ||
	    raw.len != 2 * SCRAM_KEY)
		goto out;
	for (size_t i = 0; i < SCRAM_KEY; i++) {
		v->stored_key[i] = (uint8_t)raw.ptr[i];
		v->server_key[i] = (uint8_t)raw.ptr[SCRAM_KEY + i];
	}
	v->has_scram = true;
	s = STATUS_OK;
out:
	buffer_done_secret(&raw);
	return s;
}

/* The "m=" of an Argon2 string, so that one sign-in cannot eat the machine. */
static bool
argon2_affordable(struct text hash)
{
	size_t at = text_find(hash, TEXT("$m="), 0);
	struct cursor c = cursor_of(text_part(hash, at + 3, hash.len));
	uint32_t memory;

	return at < hash.len && cursor_u32(&c, &memory) && memory <= FOREIGN_MEMORY_MAX;
}

enum status
verifier_of_hash(struct text hash, struct arena *a, struct verifier *out, struct failure *f)
{
	struct verifier v = { 0 };
	bool good;

	if (hash.len >= HASH_TEXT_MAX || memchr(hash.ptr, 0, hash.len) != NULL)
		return fail(
		    f, STATUS_INVALID, "The hash is too long.", "hash of %zu octets", hash.len);
	if (text_starts(hash, TEXT("SCRAM-SHA-256$"))) {
		good = read_scram(hash, a, &v) == STATUS_OK;
	} else {
		v.hash = arena_copy(a, hash);
		good = (is_argon2(hash) && argon2_affordable(hash)) ||
		       (is_crypt(hash) && crypt_checksalt(v.hash.ptr) == CRYPT_SALT_OK);
	}
	if (!good)
		return fail(f, STATUS_INVALID,
		    "Not a hash this server reads: $argon2id$, $y$, $6$, $2b$ or SCRAM-SHA-256$.",
		    "unreadable hash");
	*out = v;
	return STATUS_OK;
}

void
verifier_pack(const struct verifier *v, struct buffer *out)
{
	pack_u8(out, VERIFIER_VERSION);
	pack_text(out, v->hash);
	pack_u8(out, v->has_scram);
	if (!v->has_scram)
		return;
	pack_varint(out, v->iterations);
	pack_text(out, v->salt);
	buffer_add(out, v->stored_key, SCRAM_KEY);
	buffer_add(out, v->server_key, SCRAM_KEY);
}

enum status
verifier_unpack(struct text bytes, struct arena *a, struct verifier *out)
{
	struct unpack u = unpack_of(bytes);
	struct verifier v = { 0 };
	struct text keys;

	if (unpack_u8(&u) != VERIFIER_VERSION)
		return STATUS_CORRUPT;
	v.hash = arena_copy(a, unpack_text(&u));
	v.has_scram = unpack_u8(&u) == 1;
	if (v.has_scram) {
		v.iterations = (uint32_t)unpack_varint_max(&u, ITERATIONS_MAX);
		v.salt = arena_copy(a, unpack_text(&u));
		keys = unpack_bytes(&u, 2 * SCRAM_KEY);
		if (!unpack_ok(&u))
			return STATUS_CORRUPT;
		memcpy(v.stored_key, keys.ptr, SCRAM_KEY);
		memcpy(v.server_key, keys.ptr + SCRAM_KEY, SCRAM_KEY);
	}
	if (!unpack_end(&u))
		return STATUS_CORRUPT;
	*out = v;
	return STATUS_OK;
}

static bool
matches_crypt(const char *hash, struct text password)
{
	struct crypt_data *data = mem_new(sizeof(*data));
	char typed[PREP_MAX + 1];
	const char *made;
	bool same = false;

	if (text_to_string(password, typed, sizeof(typed)) == STATUS_OK) {
		made = crypt_r(typed, hash, data);
		same = made != NULL && made[0] != '*' && secret_equal(text_of(made), text_of(hash));
	}
	secret_wipe(typed, sizeof(typed));
	secret_wipe(data, sizeof(*data));
	mem_free(data);
	return same;
}

static bool
matches_scram(const struct verifier *v, struct text password)
{
	struct verifier made = { .salt = v->salt, .iterations = v->iterations };
	bool same;

	scram_keys(password, &made);
	same = secret_equal((struct text){ (const char *)made.stored_key, SCRAM_KEY },
	    (struct text){ (const char *)v->stored_key, SCRAM_KEY });
	secret_wipe(&made, sizeof(made));
	return same;
}

static bool
matches(const struct verifier *v, struct text password)
{
	metric_add(METRIC_PASSWORDS_HASHED, 1);
	if (is_argon2(v->hash))
		return argon2id_verify(v->hash.ptr, password.ptr, password.len) == ARGON2_OK;
	if (v->hash.len > 0)
		return matches_crypt(v->hash.ptr, password);
	return v->has_scram && matches_scram(v, password);
}

/* A hash from elsewhere was made of the octets as they were typed. */
static bool
tried_as_typed(struct text ready, struct text password)
{
	return !text_equal(ready, password);
}

bool
verifier_matches(const struct verifier *v, struct text password)
{
	struct buffer ready = BUFFER_INIT;
	bool same;

	if (password.len == 0 || prep_password(password, &ready) != STATUS_OK) {
		verifier_pretend(password);
		return false;
	}
	same = matches(v, buffer_text(&ready));
	if (!same && tried_as_typed(buffer_text(&ready), password))
		same = matches(v, password);
	buffer_done_secret(&ready);
	return same;
}

bool
verifier_is_old(const struct verifier *v)
{
	char today[64];

	snprintf(today, sizeof(today), "$argon2id$v=19$m=%d,t=%d,p=%d$", ARGON2_MEMORY,
	    ARGON2_PASSES, ARGON2_LANES);
	return !v->has_scram || !text_starts(v->hash, text_of(today));
}

static void
pretend(struct text password)
{
	uint8_t salt[SALT_LENGTH] = { 0 }, out[HASH_LENGTH];

	metric_add(METRIC_PASSWORDS_HASHED, 1);
	argon2id_hash_raw(ARGON2_PASSES, ARGON2_MEMORY, ARGON2_LANES, password.ptr, password.len,
	    salt, sizeof(salt), out, sizeof(out));
	secret_wipe(out, sizeof(out));
}

/* As often as verifier_matches would compare this one. */
void
verifier_pretend(struct text password)
{
	struct buffer ready = BUFFER_INIT;

	if (prep_password(password, &ready) != STATUS_OK) {
		pretend(text_part(password, 0, PREP_MAX));
		return;
	}
	pretend(buffer_text(&ready));
	if (tried_as_typed(buffer_text(&ready), password))
		pretend(password);
	buffer_done_secret(&ready);
}
