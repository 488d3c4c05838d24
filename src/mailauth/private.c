/* SPDX-License-Identifier: ISC */
/* Private keys of DKIM and ARC: see mailauth/key.h. */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/random.h"
#include "codec/base64.h"
#include "mailauth/key.h"

#define RSA_BITS_NEW_MIN 2048

struct dkim_private {
	enum dkim_algorithm algorithm;
	EVP_PKEY *key;
};

/* What an i2d function wrote, which is wiped if it is a secret. */
static void
take_der(struct buffer *out, unsigned char *der, int len)
{
	CHECK(len > 0);
	buffer_add(out, der, (size_t)len);
	secret_wipe(der, (size_t)len);
	OPENSSL_free(der);
}

void
dkim_private_generate(enum dkim_algorithm algorithm, unsigned bits, struct buffer *out)
{
	EVP_PKEY *key;
	PKCS8_PRIV_KEY_INFO *info;
	unsigned char *der = NULL;
	int len;

	CHECK(algorithm == DKIM_ED25519_SHA256 ||
	      (bits >= RSA_BITS_NEW_MIN && bits <= DKIM_RSA_BITS_MAX));
	key = algorithm == DKIM_RSA_SHA256 ? EVP_RSA_gen(bits)
					   : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	CHECK(key != NULL);
	info = EVP_PKEY2PKCS8(key);
	CHECK(info != NULL);
	len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	take_der(out, der, len);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
}

enum status
dkim_private_load(struct text pkcs8, struct dkim_private **out)
{
	const unsigned char *at = (const unsigned char *)pkcs8.ptr;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8.len);
	EVP_PKEY *key = info == NULL ? NULL : EVP_PKCS82PKEY(info);
	int kind = key == NULL ? EVP_PKEY_NONE : EVP_PKEY_get_base_id(key);

	PKCS8_PRIV_KEY_INFO_free(info);
	if (kind != EVP_PKEY_RSA && kind != EVP_PKEY_ED25519) {
		EVP_PKEY_free(key);
		return STATUS_CORRUPT;
	}
	*out = MEM_NEW(struct dkim_private);
	(*out)->algorithm = kind == EVP_PKEY_RSA ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256;
	(*out)->key = key;
	return STATUS_OK;
}

void
dkim_private_free(struct dkim_private *key)
{
	if (key != NULL)
		EVP_PKEY_free(key->key);
	mem_free(key);
}

enum dkim_algorithm
dkim_private_algorithm(const struct dkim_private *key)
{
	return key->algorithm;
}

void
dkim_private_record(const struct dkim_private *key, struct buffer *out)
{
	struct buffer raw = BUFFER_INIT;

	if (key->algorithm == DKIM_RSA_SHA256) {
		unsigned char *der = NULL;
		int len = i2d_PUBKEY(key->key, &der);

		take_der(&raw, der, len);
	} else {
		uint8_t octets[32];
		size_t len = sizeof(octets);

		CHECK(EVP_PKEY_get_raw_public_key(key->key, octets, &len) == 1);
		buffer_add(&raw, octets, len);
	}
	buffer_add_string(out,
	    key->algorithm == DKIM_RSA_SHA256 ? "v=DKIM1; k=rsa; p=" : "v=DKIM1; k=ed25519; p=");
	base64_encode(out, buffer_text(&raw));
	buffer_done(&raw);
}

static void
rsa_sign(EVP_PKEY *key, const uint8_t *digest, uint8_t *signature, size_t *len)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);

	CHECK(c != NULL && EVP_PKEY_sign_init(c) == 1 &&
	      EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
	      EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 &&
	      EVP_PKEY_sign(c, signature, len, digest, DIGEST_LENGTH) == 1);
	EVP_PKEY_CTX_free(c);
}

static void
ed25519_sign(EVP_PKEY *key, const uint8_t *digest, uint8_t *signature, size_t *len)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	CHECK(c != NULL && EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1 &&
	      EVP_DigestSign(c, signature, len, digest, DIGEST_LENGTH) == 1);
	EVP_MD_CTX_free(c);
}

void
dkim_private_sign(
    const struct dkim_private *key, const uint8_t digest[DIGEST_LENGTH], struct buffer *out)
{
	size_t len = (size_t)EVP_PKEY_get_size(key->key);
	char *room = buffer_room(out, len);

	CHECK(room != NULL);
	if (key->algorithm == DKIM_RSA_SHA256)
		rsa_sign(key->key, digest, (uint8_t *)room, &len);
	else
		ed25519_sign(key->key, digest, (uint8_t *)room, &len);
	buffer_added(out, len);
}
