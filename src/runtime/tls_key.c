/* SPDX-License-Identifier: ISC */
/*
 * Private keys in role auth: loading, and signing as a tls_signer is asked to
 * (RFC 8446 4.2.3). RSA from 2048 bits, ECDSA on P-256, P-384 and P-521, and
 * Ed25519. Only the schemes of the table are served; RSA-PSS salts are as
 * long as the digest.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/arena.h"
#include "runtime/tls_private.h"

#define KEY_MAGIC 0x715cea11u
#define RSA_BITS_MIN 2048

struct tls_key {
	unsigned magic;
	enum tls_key_type type;
	EVP_PKEY *key;
};

static const struct tls_scheme schemes[] = {
#define X(number, key, padding, digest) { number, TLS_KEY_##key, TLS_##padding, digest },
	TLS_SCHEMES(X)
#undef X
};

const struct tls_scheme *
tls_scheme_of(uint16_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (schemes[i].number == number)
			return &schemes[i];
	return NULL;
}

static bool
same_digest(const char *a, const char *b)
{
	EVP_MD *md;
	bool same;

	if (a == NULL || *b == '\0')
		return a == NULL && *b == '\0';
	if (strcmp(a, b) == 0)
		return true;
	md = EVP_MD_fetch(NULL, b, NULL);
	same = md != NULL && EVP_MD_is_a(md, a);
	EVP_MD_free(md);
	return same;
}

const struct tls_scheme *
tls_scheme_find(enum tls_key_type key, enum tls_padding padding, const char *digest)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (schemes[i].key == key && schemes[i].padding == padding &&
		    same_digest(schemes[i].digest, digest))
			return &schemes[i];
	return NULL;
}

bool
tls_key_type_of(const EVP_PKEY *key, enum tls_key_type *out)
{
	if (EVP_PKEY_is_a(key, "RSA"))
		*out = TLS_KEY_RSA;
	else if (EVP_PKEY_is_a(key, "EC"))
		*out = TLS_KEY_EC;
	else if (EVP_PKEY_is_a(key, "ED25519"))
		*out = TLS_KEY_ED25519;
	else
		return false;
	return true;
}

/* Nobody is there to type a passphrase. */
static int
no_passphrase(char *buf, int size, int writing, void *arg)
{
	return -1;
}

static EVP_PKEY *
read_key(struct text pem)
{
	BIO *in = BIO_new_mem_buf(pem.ptr, pem.len > INT32_MAX ? 0 : (int)pem.len);
	EVP_PKEY *key = in == NULL ? NULL : PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);

	BIO_free(in);
	return key;
}

enum status
tls_key_load(struct text pem, struct tls_key **out, struct failure *f)
{
	struct tls_key *k;
	enum tls_key_type type;
	EVP_PKEY *key;
	char words[256];

	tls_prepare();
	key = read_key(pem);
	if (key == NULL)
		return fail(f, STATUS_INVALID, "The private key cannot be read", "%s",
		    tls_error_words(words));
	if (!tls_key_type_of(key, &type) ||
	    (type == TLS_KEY_RSA && EVP_PKEY_get_bits(key) < RSA_BITS_MIN)) {
		EVP_PKEY_free(key);
		return fail(f, STATUS_INVALID, "This type or size of private key is not supported",
		    "use RSA from %d bits, ECDSA or Ed25519", RSA_BITS_MIN);
	}
	k = MEM_NEW(struct tls_key);
	*k = (struct tls_key){ KEY_MAGIC, type, key };
	*out = k;
	return STATUS_OK;
}

void
tls_key_free(struct tls_key *k)
{
	if (k == NULL)
		return;
	MAGIC_CHECK(k, KEY_MAGIC);
	EVP_PKEY_free(k->key);
	k->magic = 0;
	mem_free(k);
}

static bool
set_padding(EVP_PKEY_CTX *ctx, enum tls_padding padding)
{
	if (padding == TLS_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
	if (padding == TLS_PSS)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	return true;
}

/* An ECDSA or RSA signature of a digest that is already made. */
static bool
sign_digest(struct tls_key *k, const struct tls_scheme *scheme, struct text input,
    unsigned char *room, size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(k->key, NULL);
	EVP_MD *md = EVP_MD_fetch(NULL, scheme->digest, NULL);
	bool ok = ctx != NULL && md != NULL && input.len == (size_t)EVP_MD_get_size(md) &&
		  EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1 &&
		  set_padding(ctx, scheme->padding) &&
		  EVP_PKEY_sign(ctx, room, len, (const unsigned char *)input.ptr, input.len) == 1;

	EVP_MD_free(md);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static bool
sign_message(struct tls_key *k, struct text input, unsigned char *room, size_t *len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->key) == 1 &&
		  EVP_DigestSign(ctx, room, len, (const unsigned char *)input.ptr, input.len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

enum status
tls_key_sign(struct tls_key *k, uint16_t scheme_number, struct text input, struct arena *a,
    struct text *signature)
{
	const struct tls_scheme *scheme = tls_scheme_of(scheme_number);
	size_t len = (size_t)EVP_PKEY_get_size(k->key);
	unsigned char *room;
	bool ok;

	MAGIC_CHECK(k, KEY_MAGIC);
	if (scheme == NULL || scheme->key != k->type)
		return STATUS_INVALID;
	room = arena_alloc(a, len);
	ok = scheme->digest == NULL ? sign_message(k, input, room, &len)
				    : sign_digest(k, scheme, input, room, &len);
	ERR_clear_error();
	if (!ok)
		return STATUS_INVALID;
	*signature = (struct text){ (const char *)room, len };
	return STATUS_OK;
}

enum status
tls_key_matches(struct tls_key *k, struct text chain)
{
	BIO *in = BIO_new_mem_buf(chain.ptr, chain.len > INT32_MAX ? 0 : (int)chain.len);
	X509 *leaf = in == NULL ? NULL : tls_pem_next(in);
	bool matches = leaf != NULL && X509_check_private_key(leaf, k->key) == 1;

	X509_free(leaf);
	BIO_free(in);
	ERR_clear_error();
	return matches ? STATUS_OK : STATUS_INVALID;
}
