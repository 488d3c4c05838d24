/* SPDX-License-Identifier: ISC */
/*
 * TLS private keys: loaded from what the monitor read, never given out. A
 * certificate is told by a number made of its own octets, so that the fronts'
 * certificates stay good when this process is a new one, and a front with
 * yesterday's certificate gets an error, not a wrong signature.
 */
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "auth/serve.h"
#include "base/log.h"
#include "base/random.h"
#include "runtime/tls.h"

#define CERTIFICATES_MAX 1000
#define TICKET_KEY 80
#define INPUT_MAX 4096 /* a TLS 1.3 ed25519 input is below 200 */

struct key {
	uint64_t number;
	struct tls_key *key;
	struct text chain, names;
};

struct keys {
	pthread_rwlock_t lock;
	struct arena arena;
	struct key *at;
	uint32_t count;
	/* Replaced ones, for handshakes that are under way. */
	struct key *old;
	uint32_t old_count;
	struct arena old_arena;
	uint8_t ticket_key[TICKET_KEY];
};

struct keys *
keys_new(void)
{
	struct keys *k = MEM_NEW(struct keys);

	pthread_rwlock_init(&k->lock, NULL);
	random_bytes(k->ticket_key, sizeof(k->ticket_key));
	return k;
}

static void
drop(struct key *at, uint32_t count, struct arena *arena)
{
	for (uint32_t i = 0; i < count; i++)
		tls_key_free(at[i].key);
	arena_done(arena);
}

void
keys_free(struct keys *k)
{
	drop(k->at, k->count, &k->arena);
	drop(k->old, k->old_count, &k->old_arena);
	secret_wipe(k->ticket_key, sizeof(k->ticket_key));
	pthread_rwlock_destroy(&k->lock);
	mem_free(k);
}

/* DNS names of the leaf, the first subjectAltName first (RFC 9525 6.3). */
static struct text
leaf_names(struct text chain, struct arena *a)
{
	BIO *bio = BIO_new_mem_buf(chain.ptr, (int)chain.len);
	X509 *leaf = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	GENERAL_NAMES *names;
	struct buffer out = BUFFER_INIT;
	struct text list;

	names = leaf == NULL ? NULL : X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		if (n->type != GEN_DNS)
			continue;
		if (out.len > 0)
			buffer_add_byte(&out, ' ');
		buffer_add(&out, ASN1_STRING_get0_data(n->d.dNSName),
		    (size_t)ASN1_STRING_length(n->d.dNSName));
	}
	list = arena_lower(a, buffer_text(&out));
	buffer_done(&out);
	GENERAL_NAMES_free(names);
	X509_free(leaf);
	BIO_free(bio);
	return list;
}

static uint64_t
number_of(struct text chain)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	uint64_t number;

	SHA256((const uint8_t *)chain.ptr, chain.len, hash);
	memcpy(&number, hash, sizeof(number));
	return number;
}

static enum status
load(struct key *out, const struct role_certificate *c, struct arena *a, struct failure *f)
{
	uint64_t number = number_of(c->chain);
	struct tls_key *key;
	enum status s = tls_key_load(c->key, &key, f);

	if (s != STATUS_OK)
		return s;
	if (tls_key_matches(key, c->chain) != STATUS_OK) {
		tls_key_free(key);
		return fail(f, STATUS_INVALID,
		    "The private key does not belong to the certificate.",
		    "certificate %llu: key does not match", (unsigned long long)number);
	}
	*out = (struct key){ number, key, arena_copy(a, c->chain), leaf_names(c->chain, a) };
	return STATUS_OK;
}

enum status
keys_set(struct keys *k, const struct role_certificate *at, uint32_t count, struct failure *f)
{
	struct arena arena = ARENA_INIT;
	enum status s = STATUS_OK;
	struct key *fresh;
	uint32_t i;

	if (count > CERTIFICATES_MAX)
		return fail(f, STATUS_LIMIT, "Too many certificates.", "%u certificates", count);
	fresh = ARENA_ARRAY(&arena, struct key, count + 1);
	for (i = 0; i < count && s == STATUS_OK; i++)
		s = load(&fresh[i], &at[i], &arena, f);
	if (s != STATUS_OK) {
		drop(fresh, i - 1, &arena);
		return s;
	}
	pthread_rwlock_wrlock(&k->lock);
	drop(k->old, k->old_count, &k->old_arena);
	k->old = k->at;
	k->old_count = k->count;
	k->old_arena = k->arena;
	k->at = fresh;
	k->count = count;
	k->arena = arena;
	pthread_rwlock_unlock(&k->lock);
	LOG_INFO("auth.certificates", FIELD_U64("count", count));
	return STATUS_OK;
}

/* Each role has tickets of its own: who holds their key can read what they
 * protect, and a role shall not read another's connections. */
static struct text
ticket_key_of(const struct keys *k, enum role r, struct arena *a)
{
	uint8_t *out = arena_alloc(a, 2 * SHA512_DIGEST_LENGTH);

	for (uint8_t half = 0; half < 2; half++) {
		const uint8_t whose[] = { half, (uint8_t)r };

		CHECK(HMAC(EVP_sha512(), k->ticket_key, TICKET_KEY, whose, sizeof(whose),
			  out + half * SHA512_DIGEST_LENGTH, NULL) != NULL);
	}
	return (struct text){ (const char *)out, TICKET_KEY };
}

void
serve_certificates(struct call_in *in, const void *request, void *context)
{
	struct auth *auth = context;
	struct keys *k = auth->keys;
	struct arena *a = call_arena(in);
	struct auth_certificates_reply reply = { 0 };

	pthread_rwlock_rdlock(&k->lock);
	reply.keys.at = ARENA_ARRAY(a, uint64_t, k->count + 1);
	reply.chains.at = ARENA_ARRAY(a, struct text, k->count + 1);
	reply.names.at = ARENA_ARRAY(a, struct text, k->count + 1);
	for (uint32_t i = 0; i < k->count; i++) {
		reply.keys.at[i] = k->at[i].number;
		reply.chains.at[i] = arena_copy(a, k->at[i].chain);
		reply.names.at[i] = arena_copy(a, k->at[i].names);
	}
	reply.keys.count = reply.chains.count = reply.names.count = k->count;
	pthread_rwlock_unlock(&k->lock);
	reply.ticket_key = ticket_key_of(k, call_peer(in), a);
	call_reply(in, &reply);
}

static struct tls_key *
find(struct keys *k, uint64_t number)
{
	for (uint32_t i = 0; i < k->count; i++)
		if (k->at[i].number == number)
			return k->at[i].key;
	for (uint32_t i = 0; i < k->old_count; i++)
		if (k->old[i].number == number)
			return k->old[i].key;
	return NULL;
}

void
serve_tls_sign(struct call_in *in, const void *request, void *context)
{
	const struct auth_tls_sign_request *q = request;
	struct auth *auth = context;
	struct auth_tls_sign_reply reply = { 0 };
	enum status s = STATUS_NOT_FOUND;
	struct tls_key *key;

	if (q->input.len > INPUT_MAX || q->scheme > UINT16_MAX) {
		call_refuse(in, STATUS_INVALID, "Not a signature input.", "input of %zu octets",
		    q->input.len);
		return;
	}
	pthread_rwlock_rdlock(&auth->keys->lock);
	key = find(auth->keys, q->key);
	if (key != NULL)
		s = tls_key_sign(
		    key, (uint16_t)q->scheme, q->input, call_arena(in), &reply.signature);
	pthread_rwlock_unlock(&auth->keys->lock);
	if (s != STATUS_OK)
		call_refuse(in, s, "This key cannot sign that.", "key %llu scheme %llx",
		    (unsigned long long)q->key, (unsigned long long)q->scheme);
	else
		call_reply(in, &reply);
}
