/* SPDX-License-Identifier: ISC */
/*
 * Private keys, in role auth alone: loaded from PEM, used for the signatures
 * of a TLS handshake by SignatureScheme (RFC 8446 4.2.3), never given out.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "runtime/tls.h"

#define SIGNATURE_MAX 1024 /* octets: RSA of 8,192 bits */

struct tls_key {
	EVP_PKEY *key;
};

/* What a scheme means; digest NULL: the key signs the message itself. */
static const struct scheme {
	uint16_t number;
	int kind; /* EVP_PKEY_* */
	int padding;
	const EVP_MD *(*digest)(void);
} schemes[] = {
	{ 0x0403, EVP_PKEY_EC, 0, EVP_sha256 },
	{ 0x0503, EVP_PKEY_EC, 0, EVP_sha384 },
	{ 0x0603, EVP_PKEY_EC, 0, EVP_sha512 },
	{ 0x0804, EVP_PKEY_RSA, RSA_PKCS1_PSS_PADDING, EVP_sha256 },
	{ 0x0805, EVP_PKEY_RSA, RSA_PKCS1_PSS_PADDING, EVP_sha384 },
	{ 0x0806, EVP_PKEY_RSA, RSA_PKCS1_PSS_PADDING, EVP_sha512 },
	{ 0x0401, EVP_PKEY_RSA, RSA_PKCS1_PADDING, EVP_sha256 },
	{ 0x0501, EVP_PKEY_RSA, RSA_PKCS1_PADDING, EVP_sha384 },
	{ 0x0601, EVP_PKEY_RSA, RSA_PKCS1_PADDING, EVP_sha512 },
	{ 0x0807, EVP_PKEY_ED25519, 0, NULL },
};

/* A key file may be encrypted; nobody is there to ask. */
static int
no_password(char *buffer, int size, int writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

enum status
tls_key_load(struct text pem, struct tls_key **out, struct failure *f)
{
	BIO *bio = pem.len > INT32_MAX ? NULL : BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	struct tls_key *k;

	BIO_free(bio);
	ERR_clear_error();
	if (key == NULL)
		return fail(f, STATUS_INVALID,
		    "A key file is no unencrypted private key in PEM form.", "PEM key unreadable");
	k = MEM_NEW(struct tls_key);
	k->key = key;
	*out = k;
	return STATUS_OK;
}

void
tls_key_free(struct tls_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->key);
	mem_free(k);
}

enum status
tls_key_matches(struct tls_key *k, struct text chain)
{
	BIO *bio = chain.len > INT32_MAX ? NULL : BIO_new_mem_buf(chain.ptr, (int)chain.len);
	X509 *leaf = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	bool same = leaf != NULL && X509_check_private_key(leaf, k->key) == 1;

	X509_free(leaf);
	BIO_free(bio);
	ERR_clear_error();
	return same ? STATUS_OK : STATUS_INVALID;
}

/* A digest that was made by the front is signed as it is. */
static bool
sign_digest(EVP_PKEY *key, const struct scheme *s, struct text digest, uint8_t *out, size_t *len)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	bool good;

	good = c != NULL && (size_t)EVP_MD_get_size(s->digest()) == digest.len &&
	       EVP_PKEY_sign_init(c) > 0 && EVP_PKEY_CTX_set_signature_md(c, s->digest()) > 0;
	if (good && s->padding != 0)
		good = EVP_PKEY_CTX_set_rsa_padding(c, s->padding) > 0;
	if (good && s->padding == RSA_PKCS1_PSS_PADDING)
		good = EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) > 0;
	good = good && EVP_PKEY_sign(c, out, len, (const uint8_t *)digest.ptr, digest.len) > 0;
	EVP_PKEY_CTX_free(c);
	return good;
}

static bool
sign_message(EVP_PKEY *key, struct text message, uint8_t *out, size_t *len)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = c != NULL && EVP_DigestSignInit(c, NULL, NULL, NULL, key) > 0 &&
		    EVP_DigestSign(c, out, len, (const uint8_t *)message.ptr, message.len) > 0;

	EVP_MD_CTX_free(c);
	return good;
}

enum status
tls_key_sign(
    struct tls_key *k, uint16_t scheme, struct text input, struct arena *a, struct text *signature)
{
	const struct scheme *s = NULL;
	uint8_t out[SIGNATURE_MAX];
	size_t len = sizeof(out);
	bool good;

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		if (schemes[i].number == scheme)
			s = &schemes[i];
	if (s == NULL || EVP_PKEY_get_base_id(k->key) != s->kind ||
	    (size_t)EVP_PKEY_get_size(k->key) > sizeof(out))
		return STATUS_INVALID;
	good = s->digest != NULL ? sign_digest(k->key, s, input, out, &len)
				 : sign_message(k->key, input, out, &len);
	ERR_clear_error();
	if (!good)
		return STATUS_INVALID;
	*signature = arena_copy(a, (struct text){ (const char *)out, len });
	return STATUS_OK;
}
