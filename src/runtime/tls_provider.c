/* SPDX-License-Identifier: ISC */
/*
 * An OpenSSL 3 provider inside this program whose keys are public keys with a
 * number: what they sign is signed by the tls_signer, in another process.
 * Such a key answers for itself (size, curve, comparison) through the public
 * key it wraps, and knows one operation, EVP_DigestSign (RFC 8446 4.4.3).
 *
 * The provider lives in a library context of its own, so that nobody who asks
 * OpenSSL for "RSA" meets it by accident; a key finds its provider again
 * through its key management, whatever context a connection uses. The names
 * of its signature algorithms are its own for the same reason: with "RSA",
 * OpenSSL would first try to move the key to the default provider.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "runtime/tls_private.h"

/* Carries a pointer to struct remote_key into key_import. */
#define PARAM_REMOTE "mailstead-remote"

struct remote_key {
	enum tls_key_type type;
	EVP_PKEY *public;
	uint64_t number;
	tls_signer sign;
	void *arg;
};

static OSSL_LIB_CTX *library;

/* What the dispatch tables want: any function, called by its number. */
#define ROW(id, function)                    \
	{                                    \
		id, (void (*)(void))function \
	}

/* ---- keys ---- */

static struct remote_key *
key_new(enum tls_key_type type)
{
	struct remote_key *k = MEM_NEW(struct remote_key);

	k->type = type;
	return k;
}

static void *
key_new_rsa(void *provider)
{
	return key_new(TLS_KEY_RSA);
}

static void *
key_new_ec(void *provider)
{
	return key_new(TLS_KEY_EC);
}

static void *
key_new_ed25519(void *provider)
{
	return key_new(TLS_KEY_ED25519);
}

static void
key_free(void *keydata)
{
	struct remote_key *k = keydata;

	if (k == NULL)
		return;
	EVP_PKEY_free(k->public);
	mem_free(k);
}

static int
key_has(const void *keydata, int selection)
{
	const struct remote_key *k = keydata;

	return k->public != NULL;
}

/* Takes a whole struct remote_key, and nothing that others export. */
static int
key_import(void *keydata, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_REMOTE);
	struct remote_key *k = keydata;
	const struct remote_key *from;

	if (p == NULL || p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size != sizeof(from))
		return 0;
	memcpy(&from, p->data, sizeof(from));
	if (from->type != k->type || !EVP_PKEY_up_ref(from->public))
		return 0;
	*k = *from;
	return 1;
}

static const OSSL_PARAM *
key_import_types(int selection)
{
	static const OSSL_PARAM types[] = { OSSL_PARAM_octet_string(PARAM_REMOTE, NULL, 0),
		OSSL_PARAM_END };

	return types;
}

/* The public part: OpenSSL compares the key with the certificate's by it. */
static int
key_export(void *keydata, int selection, OSSL_CALLBACK *callback, void *arg)
{
	const struct remote_key *k = keydata;
	OSSL_PARAM *params = NULL;
	int ok;

	if (EVP_PKEY_todata(k->public, EVP_PKEY_PUBLIC_KEY, &params) != 1)
		return 0;
	ok = callback(params, arg);
	OSSL_PARAM_free(params);
	return ok;
}

static const OSSL_PARAM *
key_export_types(int selection)
{
	static const OSSL_PARAM types[] = { OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0), OSSL_PARAM_END };

	return types;
}

static int
key_match(const void *a, const void *b, int selection)
{
	const struct remote_key *x = a, *y = b;

	return EVP_PKEY_eq(x->public, y->public) == 1;
}

static int
key_get_params(void *keydata, OSSL_PARAM params[])
{
	const struct remote_key *k = keydata;

	return EVP_PKEY_get_params(k->public, params);
}

static const OSSL_PARAM *
key_gettable_params(void *provider)
{
	static const OSSL_PARAM names[] = { OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0), OSSL_PARAM_END };

	return names;
}

static const char *
key_operation(int operation)
{
	return operation == OSSL_OP_SIGNATURE ? "MAILSTEAD-REMOTE" : NULL;
}

#define KEY_TABLE(new_function)                                                                  \
	{                                                                                        \
		ROW(OSSL_FUNC_KEYMGMT_NEW, new_function), ROW(OSSL_FUNC_KEYMGMT_FREE, key_free), \
		    ROW(OSSL_FUNC_KEYMGMT_HAS, key_has),                                         \
		    ROW(OSSL_FUNC_KEYMGMT_IMPORT, key_import),                                   \
		    ROW(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),                       \
		    ROW(OSSL_FUNC_KEYMGMT_EXPORT, key_export),                                   \
		    ROW(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_export_types),                       \
		    ROW(OSSL_FUNC_KEYMGMT_MATCH, key_match),                                     \
		    ROW(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                           \
		    ROW(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params),                 \
		    ROW(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_operation),                  \
		{                                                                                \
			0, NULL                                                                  \
		}                                                                                \
	}

static const OSSL_DISPATCH rsa_table[] = KEY_TABLE(key_new_rsa);
static const OSSL_DISPATCH ec_table[] = KEY_TABLE(key_new_ec);
static const OSSL_DISPATCH ed25519_table[] = KEY_TABLE(key_new_ed25519);

/* ---- signing ---- */

struct signing {
	const struct remote_key *key; /* held by OpenSSL while it signs */
	enum tls_padding padding;
	char digest[32]; /* "" for keys that sign the message itself */
};

static void *
signing_new(void *provider, const char *properties)
{
	return MEM_NEW(struct signing);
}

static void
signing_free(void *context)
{
	mem_free(context);
}

/* RSA padding as OpenSSL says it: by word, or by the old number. */
static int
signing_set_params(void *context, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p =
	    params == NULL ? NULL : OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	struct signing *s = context;
	const char *word;
	int mode;

	if (p == NULL)
		return 1;
	if (p->data_type == OSSL_PARAM_UTF8_STRING) {
		if (!OSSL_PARAM_get_utf8_string_ptr(p, &word))
			return 0;
		mode = strcmp(word, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0 ? RSA_PKCS1_PSS_PADDING
								     : RSA_PKCS1_PADDING;
	} else if (!OSSL_PARAM_get_int(p, &mode)) {
		return 0;
	}
	if (mode != RSA_PKCS1_PSS_PADDING && mode != RSA_PKCS1_PADDING)
		return 0;
	s->padding = mode == RSA_PKCS1_PSS_PADDING ? TLS_PSS : TLS_PKCS1;
	return 1;
}

static const OSSL_PARAM *
signing_settable_params(void *context, void *provider)
{
	static const OSSL_PARAM names[] = { OSSL_PARAM_utf8_string(
						OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0), OSSL_PARAM_END };

	return names;
}

static int
signing_init(void *context, const char *digest, void *keydata, const OSSL_PARAM params[])
{
	struct signing *s = context;

	if (keydata != NULL)
		s->key = keydata;
	if (s->key == NULL || s->key->sign == NULL)
		return 0;
	s->padding = s->key->type == TLS_KEY_RSA ? TLS_PKCS1 : TLS_NO_PADDING;
	s->digest[0] = '\0';
	if (s->key->type != TLS_KEY_ED25519 &&
	    text_to_string(text_of(digest), s->digest, sizeof(s->digest)) != STATUS_OK)
		return 0;
	return signing_set_params(context, params);
}

/* What the signer gets: the digest, or the message where there is none. */
static bool
signing_input(const struct tls_scheme *scheme, struct text message, uint8_t *room, struct text *out)
{
	size_t len = EVP_MAX_MD_SIZE;

	if (scheme->digest == NULL) {
		*out = message;
		return true;
	}
	if (!EVP_Q_digest(NULL, scheme->digest, NULL, message.ptr, message.len, room, &len))
		return false;
	*out = (struct text){ (const char *)room, len };
	return true;
}

static int
signing_sign(void *context, unsigned char *signature, size_t *len, size_t size,
    const unsigned char *message, size_t message_len)
{
	struct signing *s = context;
	const struct tls_scheme *scheme = tls_scheme_find(s->key->type, s->padding, s->digest);
	size_t most = (size_t)EVP_PKEY_get_size(s->key->public);
	uint8_t digest[EVP_MAX_MD_SIZE];
	struct arena a = ARENA_INIT;
	struct text input, made;
	int ok = 0;

	if (scheme == NULL)
		return 0;
	if (signature == NULL) {
		*len = most;
		return 1;
	}
	if (!signing_input(
		scheme, (struct text){ (const char *)message, message_len }, digest, &input))
		return 0;
	if (s->key->sign(s->key->arg, s->key->number, scheme->number, input, &a, &made) ==
		STATUS_OK &&
	    made.len <= most && made.len <= size) {
		memcpy(signature, made.ptr, made.len);
		*len = made.len;
		ok = 1;
	}
	arena_done(&a);
	return ok;
}

static const OSSL_DISPATCH signing_table[] = { ROW(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
	ROW(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
	ROW(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_init),
	ROW(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signing_sign),
	ROW(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signing_set_params),
	ROW(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signing_settable_params), { 0, NULL } };

/* ---- the provider ---- */

static const OSSL_ALGORITHM key_algorithms[] = {
	{ "RSA:rsaEncryption", "provider=mailstead", rsa_table, NULL },
	{ "EC:id-ecPublicKey", "provider=mailstead", ec_table, NULL },
	{ "ED25519", "provider=mailstead", ed25519_table, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM signature_algorithms[] = {
	{ "MAILSTEAD-REMOTE", "provider=mailstead", signing_table, NULL },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *
provider_query(void *provider, int operation, int *no_cache)
{
	*no_cache = 0;
	if (operation == OSSL_OP_KEYMGMT)
		return key_algorithms;
	return operation == OSSL_OP_SIGNATURE ? signature_algorithms : NULL;
}

static const OSSL_DISPATCH provider_table[] = {
	ROW(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query), { 0, NULL }
};

static int
provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
    void **provider)
{
	*out = provider_table;
	*provider = library;
	return 1;
}

void
tls_provider_prepare(void)
{
	library = OSSL_LIB_CTX_new();
	if (library == NULL ||
	    OSSL_PROVIDER_add_builtin(library, "mailstead", provider_init) != 1 ||
	    OSSL_PROVIDER_load(library, "mailstead") == NULL)
		die("OpenSSL does not take our provider");
}

EVP_PKEY *
tls_provider_key(EVP_PKEY *public, uint64_t number, tls_signer sign, void *arg)
{
	static const char *const names[TLS_KEY_TYPES] = { "RSA", "EC", "ED25519" };
	struct remote_key key = { .public = public, .number = number, .sign = sign, .arg = arg };
	struct remote_key *pointer = &key;
	OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(
				    PARAM_REMOTE, &pointer, sizeof(pointer)),
		OSSL_PARAM_END };
	EVP_PKEY *made = NULL;
	EVP_PKEY_CTX *ctx;

	if (!tls_key_type_of(public, &key.type))
		return NULL;
	ctx = EVP_PKEY_CTX_new_from_name(library, names[key.type], NULL);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_KEYPAIR, params) != 1)
		made = NULL;
	EVP_PKEY_CTX_free(ctx);
	return made;
}
