/* SPDX-License-Identifier: ISC */
/*
 * A certificate authority for one demo folder, by OpenSSL. Its key is thrown
 * away once the one certificate is signed, so that trusting the demo's ca.pem
 * trusts nothing else.
 */
#include "command/demo_tls.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "command/secrets.h"

#define TEN_YEARS (60L * 60 * 24 * 3650)

struct extension {
	int nid;
	const char *value;
};

static void
add_extension(X509 *c, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *e;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, c, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	CHECK(e != NULL && X509_add_ext(c, e, -1));
	X509_EXTENSION_free(e);
}

static X509 *
certificate(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key,
    const struct extension *extensions, size_t count)
{
	X509 *c = X509_new();
	X509_NAME *subject = X509_NAME_new();

	CHECK(c != NULL && subject != NULL);
	CHECK(X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0));
	CHECK(X509_set_version(c, 2) && X509_set_subject_name(c, subject));
	CHECK(ASN1_INTEGER_set_uint64(X509_get_serialNumber(c), random_u64() >> 1));
	CHECK(X509_set_issuer_name(c, issuer != NULL ? X509_get_subject_name(issuer) : subject));
	CHECK(X509_gmtime_adj(X509_getm_notBefore(c), -3600) != NULL);
	CHECK(X509_gmtime_adj(X509_getm_notAfter(c), TEN_YEARS) != NULL);
	CHECK(X509_set_pubkey(c, key));
	for (size_t i = 0; i < count; i++)
		add_extension(
		    c, issuer != NULL ? issuer : c, extensions[i].nid, extensions[i].value);
	CHECK(X509_sign(c, issuer_key, EVP_sha256()));
	X509_NAME_free(subject);
	return c;
}

static enum status
write_bio(const char *dir, const char *name, BIO *bio, unsigned mode, struct failure *f)
{
	char path[4096], *bytes;
	long len = BIO_get_mem_data(bio, &bytes);

	snprintf(path, sizeof(path), "%s/tls/%s", dir, name);
	return file_write(path, (struct text){ bytes, (size_t)len }, mode, f);
}

static enum status
write_files(const char *dir, X509 *ca, X509 *leaf, EVP_PKEY *key, struct failure *f)
{
	BIO *ca_pem = BIO_new(BIO_s_mem()), *leaf_pem = BIO_new(BIO_s_mem());
	BIO *key_pem = BIO_new(BIO_s_mem());
	enum status s;

	CHECK(PEM_write_bio_X509(ca_pem, ca) && PEM_write_bio_X509(leaf_pem, leaf));
	CHECK(PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL));
	s = write_bio(dir, "key.pem", key_pem, 0600, f);
	if (s == STATUS_OK)
		s = write_bio(dir, "cert.pem", leaf_pem, 0644, f);
	if (s == STATUS_OK)
		s = write_bio(dir, "ca.pem", ca_pem, 0644, f);
	BIO_free(ca_pem);
	BIO_free(leaf_pem);
	BIO_free(key_pem);
	return s;
}

static bool
all_there(const char *dir)
{
	static const char *const names[] = { "ca.pem", "cert.pem", "key.pem" };
	char path[4096];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/tls/%s", dir, names[i]);
		if (access(path, R_OK) != 0)
			return false;
	}
	return true;
}

enum status
demo_tls_make(const char *dir, const char *hostname, struct failure *f)
{
	static const struct extension ca_extensions[] = {
		{ NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
		{ NID_key_usage, "critical,keyCertSign,cRLSign" },
		{ NID_subject_key_identifier, "hash" },
	};
	char names[400], path[4096];
	const struct extension leaf_extensions[] = {
		{ NID_basic_constraints, "critical,CA:FALSE" },
		{ NID_key_usage, "critical,digitalSignature" },
		{ NID_ext_key_usage, "serverAuth" },
		{ NID_subject_alt_name, names },
		{ NID_authority_key_identifier, "keyid" },
	};
	EVP_PKEY *ca_key, *key;
	X509 *ca, *leaf;
	enum status s;

	snprintf(path, sizeof(path), "%s/tls", dir);
	if (all_there(dir))
		return STATUS_OK;
	if (mkdir(path, 0755) != 0 && access(path, W_OK) != 0)
		return fail(f, STATUS_IO, "cannot make the folder tls", "cannot make %s", path);
	snprintf(names, sizeof(names), "DNS:%s,DNS:localhost,IP:127.0.0.1,IP:::1", hostname);
	ca_key = EVP_EC_gen("P-256");
	key = EVP_EC_gen("P-256");
	CHECK(ca_key != NULL && key != NULL);
	ca = certificate(
	    ca_key, "Mailstead demo CA", NULL, ca_key, ca_extensions, ARRAY_LEN(ca_extensions));
	leaf = certificate(key, hostname, ca, ca_key, leaf_extensions, ARRAY_LEN(leaf_extensions));
	s = write_files(dir, ca, leaf, key, f);
	X509_free(ca);
	X509_free(leaf);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	return s;
}
