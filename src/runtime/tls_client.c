/* SPDX-License-Identifier: ISC */
/*
 * See runtime/tls_client.h. OpenSSL does the verification, DANE included; here
 * is only what it is asked, and what its answers are called. Without demands it
 * verifies as well and goes on whatever comes out, so that the facts are known.
 *
 * Servers that have grown old speak TLS 1.2 without AEAD or without forward
 * secrecy. To refuse them would send the mail in clear, or never: they come last
 * in the list of ciphers. Where nobody is demanded, weak keys do as well.
 */
#include "runtime/tls_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include "runtime/tls_private.h"

#define TRUST_MAGIC 0x7125711u
#define ROOTS_MAX (16u << 20)
#define NAME_MAX_LEN 255

static const char ciphers_old[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:"
				  "DHE+AES:RSA+AESGCM:RSA+AES:!aNULL";

struct tls_trust {
	unsigned magic;
	SSL_CTX *ssl;
};

static const char *const result_words[TLS_RESULT_COUNT] = {
#define X(id, word) [TLS_RESULT_##id] = word,
	TLS_RESULTS(X)
#undef X
};

const char *
tls_result_word(enum tls_result r)
{
	return r < TLS_RESULT_COUNT ? result_words[r] : "unknown";
}

/* ---- trust ---- */

static bool
add_roots(X509_STORE *store, struct text pem)
{
	BIO *in = BIO_new_mem_buf(pem.ptr, pem.len > INT32_MAX ? 0 : (int)pem.len);
	X509 *x;
	bool good = in != NULL;

	while (good && (x = tls_pem_next(in)) != NULL) {
		good = X509_STORE_add_cert(store, x) == 1;
		X509_free(x);
	}
	/* The end of the text is the only good reason to stop. */
	good =
	    good && (pem.len == 0 || ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE);
	BIO_free(in);
	return good;
}

enum status
tls_trust_new(struct text roots, struct text more, struct tls_trust **out, struct failure *f)
{
	struct tls_trust *t;
	char words[256];
	SSL_CTX *ssl;

	tls_prepare();
	ERR_clear_error();
	ssl = SSL_CTX_new(TLS_client_method());
	if (ssl == NULL || !tls_common_rules(ssl) ||
	    SSL_CTX_set_cipher_list(ssl, ciphers_old) != 1 || SSL_CTX_dane_enable(ssl) != 1)
		die("OpenSSL cannot do TLS");
	if (!add_roots(SSL_CTX_get_cert_store(ssl), roots) ||
	    !add_roots(SSL_CTX_get_cert_store(ssl), more)) {
		SSL_CTX_free(ssl);
		return fail(f, STATUS_INVALID, "A trusted certificate cannot be read", "roots: %s",
		    tls_error_words(words));
	}
	ERR_clear_error();
	t = MEM_NEW(struct tls_trust);
	t->magic = TRUST_MAGIC;
	t->ssl = ssl;
	*out = t;
	return STATUS_OK;
}

void
tls_trust_free(struct tls_trust *t)
{
	if (t == NULL)
		return;
	MAGIC_CHECK(t, TRUST_MAGIC);
	SSL_CTX_free(t->ssl);
	t->magic = 0;
	mem_free(t);
}

static bool
read_bundle(const char *path, struct buffer *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t before = out->len;
	ssize_t n = -1;

	if (fd < 0)
		return false;
	while (out->len - before < ROOTS_MAX && (n = read(fd, buffer_room(out, 65536), 65536)) > 0)
		buffer_added(out, (size_t)n);
	(void)close(fd);
	if (n == 0 && out->len > before)
		return true;
	buffer_cut(out, before);
	return false;
}

enum status
tls_trust_system(struct buffer *out)
{
	static const char *const places[] = {
		"/etc/ssl/certs/ca-certificates.crt", /* Debian */
		"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
		"/etc/ssl/cert.pem",
	};

	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (read_bundle(places[i], out))
			return STATUS_OK;
	return STATUS_NOT_FOUND;
}

/* ---- what is asked for ---- */

/* As OpenSSL wants it: "*.example.org" is ".example.org", a final dot is none. */
static bool
reference_name(struct text name, char out[NAME_MAX_LEN + 1])
{
	if (text_ends(name, TEXT(".")))
		name.len--;
	if (text_starts(name, TEXT("*.")))
		name = text_part(name, 1, name.len);
	return name.len > 0 && text_to_string(name, out, NAME_MAX_LEN + 1) == STATUS_OK;
}

static bool
is_address(const char *name)
{
	uint8_t octets[16];

	return inet_pton(AF_INET, name, octets) == 1 || inet_pton(AF_INET6, name, octets) == 1 ||
	       name[0] == '[';
}

static bool
set_names(SSL *ssl, const struct tls_wants *w)
{
	char name[NAME_MAX_LEN + 1];

	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
				   X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
				   X509_CHECK_FLAG_SINGLE_LABEL_SUBDOMAINS);
	for (size_t i = 0; i < w->name_count; i++) {
		if (!reference_name(w->names[i], name))
			return false;
		if (i == 0 && name[0] != '.' && !is_address(name) &&
		    SSL_set_tlsext_host_name(ssl, name) != 1)
			return false;
		if (SSL_add1_host(ssl, name) != 1)
			return false;
	}
	return true;
}

/* How many of the records can be used; fewer than none: OpenSSL gave up. */
static int
set_dane(SSL *ssl, const struct tls_wants *w)
{
	char name[NAME_MAX_LEN + 1];
	int usable = 0;

	if (w->name_count == 0 || !reference_name(w->names[0], name) ||
	    SSL_dane_enable(ssl, name) != 1)
		return -1;
	/* RFC 7672 3.1.1: with usage 3 the record alone says who it is. */
	(void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (size_t i = 0; i < w->tlsa_count; i++) {
		const struct tls_tlsa *r = &w->tlsa[i];

		if (r->usage != 2 && r->usage != 3)
			continue;
		if (SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching,
			(const unsigned char *)r->data.ptr, r->data.len) > 0)
			usable++;
	}
	return usable;
}

/* ---- what was found ---- */

static enum tls_result
result_of(long verified)
{
	switch (verified) {
	case X509_V_OK:
		return TLS_RESULT_GOOD;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return TLS_RESULT_CERTIFICATE_HOST_MISMATCH;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return TLS_RESULT_CERTIFICATE_EXPIRED;
	case X509_V_ERR_DANE_NO_MATCH:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TLS_RESULT_VALIDATION_FAILURE;
	default:
		return TLS_RESULT_CERTIFICATE_NOT_TRUSTED;
	}
}

/* A text of the certificate; what is not printable is '?'. */
static void
keep(char *to, size_t size, const char *from, size_t len)
{
	size_t n = 0;

	for (; n < len && n + 1 < size; n++)
		to[n] = from[n] > ' ' - 1 && from[n] <= '~' ? from[n] : '?';
	to[n] = '\0';
}

static void
keep_common_name(const X509_NAME *name, char to[256])
{
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	const ASN1_STRING *s =
	    at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));

	if (s != NULL)
		keep(
		    to, 256, (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

/* The first DNS name of a certificate, or its common name. */
static void
keep_first_name(const X509 *x, char to[256])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

	keep_common_name(X509_get_subject_name(x), to);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type != GEN_DNS)
			continue;
		keep(to, 256, (const char *)ASN1_STRING_get0_data(g->d.dNSName),
		    (size_t)ASN1_STRING_length(g->d.dNSName));
		break;
	}
	GENERAL_NAMES_free(names);
}

/* Sees the certificate even where it ends the handshake. */
static int
on_verify(int good, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const X509 *x = X509_STORE_CTX_get0_cert(store);
	struct tls_peer *peer = SSL_get_app_data(ssl);

	if (x != NULL && peer->name[0] == '\0') {
		keep_first_name(x, peer->name);
		keep_common_name(X509_get_issuer_name(x), peer->issuer);
	}
	return good;
}

static enum tls_verified
verified_how(SSL *ssl, const struct tls_wants *w)
{
	uint8_t usage = 0;

	if (SSL_get_verify_result(ssl) != X509_V_OK || w->name_count == 0)
		return TLS_VERIFIED_NOT;
	if (w->verify != TLS_VERIFY_DANE)
		return TLS_VERIFIED_PKIX;
	if (SSL_get0_dane_authority(ssl, NULL, NULL) < 0 ||
	    SSL_get0_dane_tlsa(ssl, &usage, NULL, NULL, NULL, NULL) < 0)
		return TLS_VERIFIED_NOT;
	return usage == 3 ? TLS_VERIFIED_DANE_EE : TLS_VERIFIED_DANE_TA;
}

static void
facts(SSL *ssl, const struct tls_wants *w, struct tls_peer *peer)
{
	const char *name = SSL_get0_peername(ssl);
	const char *cipher = SSL_get_cipher_name(ssl);

	peer->encrypted = SSL_is_init_finished(ssl) == 1;
	if (peer->encrypted) {
		peer->version = SSL_get_version(ssl);
		keep(peer->cipher, sizeof(peer->cipher), cipher, strlen(cipher));
	}
	if (name != NULL)
		keep(peer->name, sizeof(peer->name), name, strlen(name));
	if (peer->encrypted)
		peer->verified = verified_how(ssl, w);
}

/* The verdict on the certificate, or on a handshake that came to none. False:
 * it is the certificate that was not good enough. */
static bool
judge(SSL *ssl, enum status st, const struct failure *f, struct tls_peer *peer)
{
	long verified = SSL_get_verify_result(ssl);
	const char *words;

	if (peer->result != TLS_RESULT_GOOD)
		return true;
	if (verified != X509_V_OK) {
		peer->result = result_of(verified);
		words = X509_verify_cert_error_string(verified);
	} else if (st != STATUS_OK) {
		peer->result = TLS_RESULT_VALIDATION_FAILURE;
		words = f->log;
	} else {
		return true;
	}
	keep(peer->reason, sizeof(peer->reason), words, strlen(words));
	return verified == X509_V_OK;
}

/* ---- the connection ---- */

/* Sets up what is wanted; the records of DANE may be worth nothing. */
static bool
set_wants(SSL *ssl, const struct tls_wants *w, struct tls_peer *peer)
{
	static const char useless[] = "No TLSA record can be used";
	bool demands = w->verify == TLS_VERIFY_PKIX;

	SSL_set_connect_state(ssl);
	if (w->verify == TLS_VERIFY_DANE) {
		int usable = set_dane(ssl, w);

		if (usable < 0)
			return false;
		demands = usable > 0;
		if (!demands) {
			peer->result = TLS_RESULT_TLSA_INVALID;
			memcpy(peer->reason, useless, sizeof(useless));
		}
	}
	if (demands && w->name_count == 0)
		return false;
	if (w->verify == TLS_VERIFY_NONE)
		SSL_set_security_level(ssl, 0);
	SSL_set_app_data(ssl, peer);
	SSL_set_verify(ssl, demands ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, on_verify);
	return set_names(ssl, w);
}

enum status
stream_start_tls_client(struct stream *s, struct tls_trust *trust, const struct tls_wants *wants,
    struct tls_peer *peer, struct failure *f)
{
	struct failure own = { 0 };
	enum status st;
	SSL *ssl;
	bool good;

	MAGIC_CHECK(trust, TRUST_MAGIC);
	memset(peer, 0, sizeof(*peer));
	peer->version = "";
	ERR_clear_error();
	ssl = SSL_new(trust->ssl);
	if (ssl == NULL)
		die("out of memory: a TLS connection");
	if (!set_wants(ssl, wants, peer)) {
		SSL_free(ssl);
		ERR_clear_error();
		peer->result = TLS_RESULT_VALIDATION_FAILURE;
		return fail(f, STATUS_INVALID, "TLS handshake failed",
		    "what is wanted of the certificate makes no sense");
	}
	SSL_up_ref(ssl);
	st = stream_tls_run(s, NULL, ssl, &own);
	facts(ssl, wants, peer);
	good = judge(ssl, st, &own, peer);
	SSL_set_app_data(ssl, NULL);
	SSL_free(ssl);
	if (st == STATUS_OK)
		return STATUS_OK;
	if (st == STATUS_IO && !good)
		st = STATUS_DENIED;
	return fail(f, st, own.client, "%s", peer->reason[0] != '\0' ? peer->reason : own.log);
}
