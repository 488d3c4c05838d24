/* SPDX-License-Identifier: ISC */
/*
 * The provider: key management that holds a public key, a number and a signer,
 * and one signature operation (digest_sign, all that a TLS 1.2 or 1.3 server
 * asks for) that hashes here and has the digest signed there. Keys cannot be
 * exported, so that OpenSSL finds no other provider to sign with.
 */
#include "runtime/tls_remote.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <string.h>

#define PARAM_KEY "mailstead-key" /* pointer to a struct remote that is to be copied */

enum kind { KIND_EC, KIND_RSA, KIND_ED25519 };

struct remote {
	enum kind kind;
	EVP_PKEY *public; /* of the default provider */
	uint64_t key;
	tls_signer sign; /* NULL: a public key that was imported for comparing */
	void *arg;
};

static const struct {
	const char *name; /* as EVP_PKEY_fromdata wants it */
	const char *names, *operation;
} kinds[] = {
	[KIND_EC] = { "EC", "EC:id-ecPublicKey:1.2.840.10045.2.1", "ECDSA" },
	[KIND_RSA] = { "RSA", "RSA:rsaEncryption:1.2.840.113549.1.1.1", "RSA" },
	[KIND_ED25519] = { "ED25519", "ED25519:1.3.101.112", "ED25519" },
};

static OSSL_LIB_CTX *library;

/* ---- key management ---- */

static void *
key_new(enum kind kind)
{
	struct remote *r = MEM_NEW(struct remote);

	r->kind = kind;
	return r;
}

static void *
key_new_ec(void *provider)
{
	(void)provider;
	return key_new(KIND_EC);
}

static void *
key_new_rsa(void *provider)
{
	(void)provider;
	return key_new(KIND_RSA);
}

static void *
key_new_ed25519(void *provider)
{
	(void)provider;
	return key_new(KIND_ED25519);
}

static void
key_free(void *key)
{
	struct remote *r = key;

	if (r == NULL)
		return;
	EVP_PKEY_free(r->public);
	mem_free(r);
}

static int
key_has(const void *key, int selection)
{
	const struct remote *r = key;

	if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
		return r->sign != NULL;
	return r->public != NULL;
}

static int
key_match(const void *a, const void *b, int selection)
{
	const struct remote *x = a, *y = b;

	(void)selection;
	return x->public != NULL && y->public != NULL && EVP_PKEY_eq(x->public, y->public) == 1;
}

/* Ours by pointer, or the public key of a certificate to compare with. */
static int
key_import(void *key, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_KEY);
	struct remote *r = key;
	const struct remote *from;
	const void *pointer;
	size_t len;
	EVP_PKEY_CTX *c;
	int good;

	(void)selection;
	if (p != NULL) {
		if (!OSSL_PARAM_get_octet_ptr(p, &pointer, &len) || len != sizeof(*from))
			return 0;
		from = pointer;
		if (from->kind != r->kind || !EVP_PKEY_up_ref(from->public))
			return 0;
		*r = *from;
		return 1;
	}
	c = EVP_PKEY_CTX_new_from_name(NULL, kinds[r->kind].name, NULL);
	good = c != NULL && EVP_PKEY_fromdata_init(c) > 0 &&
	       EVP_PKEY_fromdata(
		   c, &r->public, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)(uintptr_t)params) > 0;
	EVP_PKEY_CTX_free(c);
	return good;
}

/* No private parts are named, so that nobody hands us one. */
static const OSSL_PARAM *
key_import_types(int selection)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_DEFN(PARAM_KEY, OSSL_PARAM_OCTET_PTR, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)selection;
	return types;
}

static int
key_get_params(void *key, OSSL_PARAM params[])
{
	struct remote *r = key;

	return r->public != NULL && EVP_PKEY_get_params(r->public, params);
}

static const OSSL_PARAM *
key_gettable(void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)provider;
	return types;
}

static const char *
key_operation_ec(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? kinds[KIND_EC].operation : NULL;
}

static const char *
key_operation_rsa(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? kinds[KIND_RSA].operation : NULL;
}

static const char *
key_operation_ed25519(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? kinds[KIND_ED25519].operation : NULL;
}

#define FN(id, fn)                       \
	{                                \
		id, (void (*)(void))(fn) \
	}
#define KEY_FUNCTIONS(kind)                                                                        \
	{                                                                                          \
		FN(OSSL_FUNC_KEYMGMT_NEW, key_new_##kind), FN(OSSL_FUNC_KEYMGMT_FREE, key_free),   \
		    FN(OSSL_FUNC_KEYMGMT_HAS, key_has), FN(OSSL_FUNC_KEYMGMT_MATCH, key_match),    \
		    FN(OSSL_FUNC_KEYMGMT_IMPORT, key_import),                                      \
		    FN(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),                          \
		    FN(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                              \
		    FN(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),                           \
		    FN(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_operation_##kind), { 0, NULL }, \
	}

static const OSSL_DISPATCH key_functions[][10] = {
	[KIND_EC] = KEY_FUNCTIONS(ec),
	[KIND_RSA] = KEY_FUNCTIONS(rsa),
	[KIND_ED25519] = KEY_FUNCTIONS(ed25519),
};

/* ---- signatures ---- */

struct signing {
	const struct remote *key; /* lives as long as the EVP_PKEY that is in use */
	char digest[32];
	int padding;
};

static void *
signing_new(void *provider, const char *properties)
{
	struct signing *s = MEM_NEW(struct signing);

	(void)provider;
	(void)properties;
	s->padding = RSA_PKCS1_PADDING;
	return s;
}

static void
signing_free(void *context)
{
	mem_free(context);
}

static int
signing_set_params(void *context, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	struct signing *s = context;

	if (p == NULL)
		return 1;
	if (p->data_type == OSSL_PARAM_UTF8_STRING) {
		s->padding = strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0
				 ? RSA_PKCS1_PSS_PADDING
				 : RSA_PKCS1_PADDING;
		return 1;
	}
	return OSSL_PARAM_get_int(p, &s->padding);
}

/* The salt of PSS is always as long as the digest: what TLS prescribes. */
static const OSSL_PARAM *
signing_settable(void *context, void *provider)
{
	static const OSSL_PARAM types[] = {
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)context;
	(void)provider;
	return types;
}

static int
signing_init(void *context, const char *digest, void *key, const OSSL_PARAM params[])
{
	struct signing *s = context;
	struct text name = text_of(digest);

	s->key = key;
	if (s->key == NULL || s->key->sign == NULL ||
	    text_to_string(name, s->digest, sizeof(s->digest)) != STATUS_OK)
		return 0;
	return params == NULL || signing_set_params(context, params);
}

/* SignatureScheme (RFC 8446 4.2.3); 0: none of ours. */
static uint16_t
scheme_of(const struct signing *s, const EVP_MD *md)
{
	static const int digests[] = { NID_sha256, NID_sha384, NID_sha512 };
	uint16_t i = 0;

	if (s->key->kind == KIND_ED25519)
		return 0x0807;
	while (i < ARRAY_LEN(digests) && (md == NULL || EVP_MD_get_type(md) != digests[i]))
		i++;
	if (i == ARRAY_LEN(digests))
		return 0;
	if (s->key->kind == KIND_EC)
		return (uint16_t)(0x0403 + 0x0100 * i);
	if (s->padding == RSA_PKCS1_PSS_PADDING)
		return (uint16_t)(0x0804 + i);
	return s->padding == RSA_PKCS1_PADDING ? (uint16_t)(0x0401 + 0x0100 * i) : 0;
}

static int
sign_there(const struct signing *s, uint16_t scheme, struct text input, uint8_t *out, size_t *len,
    size_t room)
{
	struct arena a = ARENA_INIT;
	struct text signature;
	int good = 0;

	if (s->key->sign(s->key->arg, s->key->key, scheme, input, &a, &signature) == STATUS_OK &&
	    signature.len <= room) {
		memcpy(out, signature.ptr, signature.len);
		*len = signature.len;
		good = 1;
	}
	arena_done(&a);
	return good;
}

static int
signing_digest_sign(void *context, uint8_t *out, size_t *len, size_t room, const uint8_t *message,
    size_t message_len)
{
	struct signing *s = context;
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned hash_len = 0;
	const EVP_MD *md = EVP_get_digestbyname(s->digest);
	uint16_t scheme = scheme_of(s, md);

	if (out == NULL) {
		*len = (size_t)EVP_PKEY_get_size(s->key->public);
		return 1;
	}
	if (scheme == 0)
		return 0;
	if (s->key->kind == KIND_ED25519)
		return sign_there(
		    s, scheme, (struct text){ (const char *)message, message_len }, out, len, room);
	return EVP_Digest(message, message_len, hash, &hash_len, md, NULL) &&
	       sign_there(s, scheme, (struct text){ (const char *)hash, hash_len }, out, len, room);
}

static const OSSL_DISPATCH signing_functions[] = {
	FN(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
	FN(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_init),
	FN(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signing_digest_sign),
	FN(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set_params),
	FN(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable),
	{ 0, NULL },
};

/* ---- the provider ---- */

#define PROPERTIES "provider=mailstead"

static const OSSL_ALGORITHM *
provider_query(void *provider, int operation, int *no_cache)
{
	static OSSL_ALGORITHM keys[ARRAY_LEN(kinds) + 1], signatures[ARRAY_LEN(kinds) + 1];

	(void)provider;
	*no_cache = 0;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		keys[i] = (OSSL_ALGORITHM){ kinds[i].names, PROPERTIES, key_functions[i], NULL };
		signatures[i] =
		    (OSSL_ALGORITHM){ kinds[i].operation, PROPERTIES, signing_functions, NULL };
	}
	if (operation == OSSL_OP_KEYMGMT)
		return keys;
	return operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
    void **context)
{
	static const OSSL_DISPATCH functions[] = {
		FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query),
		{ 0, NULL },
	};

	(void)in;
	*out = functions;
	*context = (void *)(uintptr_t)handle;
	return 1;
}

static void
library_make(void)
{
	library = OSSL_LIB_CTX_new();
	CHECK(library != NULL);
	CHECK(OSSL_PROVIDER_add_builtin(library, "mailstead", provider_init));
	CHECK(OSSL_PROVIDER_load(library, "default") != NULL);
	CHECK(OSSL_PROVIDER_load(library, "mailstead") != NULL);
	/* Ordinary keys are not ours: only keys made in tls_remote_key. */
	CHECK(EVP_set_default_properties(library, "?provider=default"));
}

OSSL_LIB_CTX *
tls_library(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	CHECK(pthread_once(&once, library_make) == 0);
	return library;
}

static bool
kind_of(EVP_PKEY *public, enum kind *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (EVP_PKEY_is_a(public, kinds[i].name)) {
			*out = (enum kind)i;
			return true;
		}
	return false;
}

EVP_PKEY *
tls_remote_key(X509 *leaf, uint64_t key, tls_signer sign, void *arg)
{
	struct remote r = {
		.public = X509_get0_pubkey(leaf), .key = key, .sign = sign, .arg = arg
	};
	struct remote *pointer = &r;
	OSSL_PARAM params[] = { OSSL_PARAM_DEFN(
				    PARAM_KEY, OSSL_PARAM_OCTET_PTR, &pointer, sizeof(r)),
		OSSL_PARAM_END };
	EVP_PKEY *made = NULL;
	EVP_PKEY_CTX *c;

	if (r.public == NULL || !kind_of(r.public, &r.kind))
		return NULL;
	c = EVP_PKEY_CTX_new_from_name(tls_library(), kinds[r.kind].name, PROPERTIES);
	if (c == NULL || EVP_PKEY_fromdata_init(c) <= 0 ||
	    EVP_PKEY_fromdata(c, &made, EVP_PKEY_KEYPAIR, params) <= 0)
		made = NULL;
	EVP_PKEY_CTX_free(c);
	return made;
}
