/* SPDX-License-Identifier: ISC */
/* Key records and checking of signatures: see mailauth/key.h. */
#include "mailauth/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "mailauth/tags.h"

#define ED25519_LENGTH 32

static const struct {
	struct text name, key_type;
} algorithms[] = {
	[DKIM_RSA_SHA256] = { { "rsa-sha256", 10 }, { "rsa", 3 } },
	[DKIM_ED25519_SHA256] = { { "ed25519-sha256", 14 }, { "ed25519", 7 } },
};

struct text
dkim_algorithm_name(enum dkim_algorithm algorithm)
{
	return algorithms[algorithm].name;
}

enum status
dkim_algorithm_parse(struct text name, enum dkim_algorithm *out)
{
	for (unsigned i = 0; i < ARRAY_LEN(algorithms); i++)
		if (text_equal(algorithms[i].name, name)) {
			*out = (enum dkim_algorithm)i;
			return STATUS_OK;
		}
	return STATUS_NOT_FOUND;
}

/* ---- the record ---- */

static EVP_PKEY *
rsa_decode(struct text der)
{
	const unsigned char *at = (const unsigned char *)der.ptr;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)der.len);

	if (key == NULL) { /* RSAPublicKey, as the text of RFC 6376 3.6.1 has it */
		at = (const unsigned char *)der.ptr;
		key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)der.len);
	}
	if (key != NULL && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

static EVP_PKEY *
public_decode(enum dkim_algorithm algorithm, struct text key)
{
	if (algorithm == DKIM_RSA_SHA256)
		return rsa_decode(key);
	if (key.len != ED25519_LENGTH)
		return NULL;
	return EVP_PKEY_new_raw_public_key(
	    EVP_PKEY_ED25519, NULL, (const unsigned char *)key.ptr, key.len);
}

/* NULL, or why this RSA key must not be used. */
static const char *
rsa_unfit(const EVP_PKEY *key, unsigned bits)
{
	BIGNUM *e = NULL;
	bool long_exponent;

	if (bits < DKIM_RSA_BITS_MIN)
		return "the key is too short";
	if (bits > DKIM_RSA_BITS_MAX)
		return "the key is too long";
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
		return "the key does not decode";
	long_exponent = BN_num_bits(e) > DKIM_RSA_EXPONENT_BITS_MAX;
	BN_free(e);
	return long_exponent ? "the key's exponent is too long" : NULL;
}

static void
decoded_free(void *key)
{
	EVP_PKEY_free(key);
}

static const char *
take_key(struct text p, struct arena *a, struct dkim_public *out)
{
	const char *why = NULL;
	EVP_PKEY *key;

	if (p.len == 0) {
		out->revoked = true; /* RFC 6376 3.6.1 */
		return NULL;
	}
	if (tags_base64(p, a, &out->key) != STATUS_OK)
		return "the key is not base64";
	key = public_decode(out->algorithm, out->key);
	if (key == NULL)
		return "the key does not decode";
	out->decoded = key;
	arena_on_done(a, decoded_free, key);
	out->bits = (unsigned)EVP_PKEY_get_bits(key);
	if (out->algorithm == DKIM_RSA_SHA256)
		why = rsa_unfit(key, out->bits);
	else
		out->bits = 256;
	return why;
}

static const char *
take_tags(const struct tags *tags, struct arena *a, struct dkim_public *out)
{
	const struct tag *v = tags_get(tags, TEXT("v")), *k = tags_get(tags, TEXT("k")),
			 *h = tags_get(tags, TEXT("h")), *s = tags_get(tags, TEXT("s")),
			 *p = tags_get(tags, TEXT("p"));

	if (v != NULL && (v != &tags->at[0] || !text_equal(v->value, TEXT("DKIM1"))))
		return "the record is of another version"; /* RFC 6376 3.6.1: first, and so */
	if (p == NULL)
		return "the record has no key";
	if (k != NULL && text_equal(k->value, TEXT("ed25519")))
		out->algorithm = DKIM_ED25519_SHA256;
	else if (k != NULL && !text_equal(k->value, TEXT("rsa")))
		return "the key is of an unknown type";
	if (h != NULL && !tags_list_has(h->value, TEXT("sha256")))
		return "the key does not allow sha256";
	if (s != NULL && !tags_list_has(s->value, TEXT("*")) &&
	    !tags_list_has(s->value, TEXT("email")))
		return "the key is not for mail";
	out->testing = tags_list_has(tags_value(tags, TEXT("t")), TEXT("y"));
	out->strict = tags_list_has(tags_value(tags, TEXT("t")), TEXT("s"));
	return take_key(p->value, a, out);
}

enum status
dkim_record_parse(struct text record, struct arena *a, struct dkim_public *out, const char **why)
{
	struct dkim_public found = { .algorithm = DKIM_RSA_SHA256 };
	struct tags tags;

	if (record.len > DKIM_RECORD_MAX) {
		*why = "the record is too long";
		return STATUS_LIMIT;
	}
	if (tags_parse(record, &tags) != STATUS_OK) {
		*why = "the record is malformed";
		return STATUS_INVALID;
	}
	*why = take_tags(&tags, a, &found);
	if (*why != NULL)
		return STATUS_INVALID;
	*out = found;
	return STATUS_OK;
}

/* ---- checking ---- */

static bool
rsa_verify(EVP_PKEY *key, const uint8_t digest[DIGEST_LENGTH], struct text signature)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key, NULL);
	bool good;

	CHECK(c != NULL);
	good = EVP_PKEY_verify_init(c) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 &&
	       EVP_PKEY_verify(c, (const unsigned char *)signature.ptr, signature.len, digest,
		   DIGEST_LENGTH) == 1;
	EVP_PKEY_CTX_free(c);
	return good;
}

static bool
ed25519_verify(EVP_PKEY *key, const uint8_t digest[DIGEST_LENGTH], struct text signature)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good;

	CHECK(c != NULL);
	good = EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestVerify(c, (const unsigned char *)signature.ptr, signature.len, digest,
		   DIGEST_LENGTH) == 1;
	EVP_MD_CTX_free(c);
	return good;
}

bool
dkim_public_verify(
    const struct dkim_public *key, const uint8_t digest[DIGEST_LENGTH], struct text signature)
{
	if (key->revoked)
		return false;
	return key->algorithm == DKIM_RSA_SHA256 ? rsa_verify(key->decoded, digest, signature)
						 : ed25519_verify(key->decoded, digest, signature);
}
