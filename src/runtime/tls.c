/* SPDX-License-Identifier: ISC */
/*
 * TLS contexts: one SSL_CTX for each set of names, chosen by SNI (RFC 6066 3),
 * all with the same rules: TLS 1.2 with forward secrecy and AEAD only, and
 * 1.3; no renegotiation, no session cache, one ticket (RFC 8446 4.6.1). Nothing
 * here is changed once made, so any number of threads may use a context.
 *
 * A ticket carries the hash of the certificate that its connection began with,
 * so that tls-server-end-point is right after a resumption too, whichever
 * certificate we would choose by then.
 */
#include "runtime/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/map.h"
#include "runtime/tls_private.h"

#define CONTEXT_MAGIC 0x715c0411u
#define TICKET_KEY_LEN 80

static const char ciphers_12[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL";
/* AES-128 first, which all implementations know (RFC 8446 9.1): X25519 and P-256 have
 * the strength of 128 bits, so that a longer key would secure nothing, and SHA-384
 * makes a handshake dearer. */
static const char ciphers_13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384:P-521";

/* The certificates for one set of names. */
struct group {
	struct group *next;
	SSL_CTX *ssl;
	struct text names; /* the configuration's, while the context is made */
};

struct tls_context {
	unsigned magic;
	atomic_uint refs;
	struct group *groups; /* the first is the default */
	struct map names;     /* lower case -> SSL_CTX of a group */
};

/* ---- the library ---- */

static void
prepare(void)
{
	uint8_t some[16];
	SSL_CTX *ssl;

	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
				 OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
		NULL) != 1)
		die("OpenSSL cannot be used");
	tzset(); /* OpenSSL compares dates; the C library reads a file for that, once */
	if (RAND_bytes(some, sizeof(some)) != 1)
		die("OpenSSL has no random numbers");
	ssl = SSL_CTX_new(TLS_server_method()); /* fetches what a handshake needs */
	if (ssl == NULL)
		die("OpenSSL cannot do TLS");
	SSL_CTX_free(ssl);
	tls_provider_prepare();
	ERR_clear_error();
}

void
tls_prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, prepare);
}

const char *
tls_error_words(char out[256])
{
	unsigned long code = ERR_get_error();

	if (code == 0)
		return "no reason given";
	ERR_error_string_n(code, out, 256);
	ERR_clear_error();
	return out;
}

X509 *
tls_pem_next(BIO *in)
{
	return PEM_read_bio_X509(in, NULL, NULL, NULL);
}

/* ---- which certificate ---- */

/* The SSL_CTX for a name: the name itself, or a wildcard in place of its first
 * label (RFC 6125 6.4.3). NULL if there is none. */
static SSL_CTX *
find_name(const struct tls_context *c, struct text name)
{
	char lower[256], wild[256];
	size_t dot;
	SSL_CTX *found;

	if (name.len == 0 || name.len >= sizeof(lower))
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = byte_lower(name.ptr[i]);
	found = map_get(&c->names, (struct text){ lower, name.len });
	dot = text_find_byte(name, '.', 0);
	if (found != NULL || dot == 0 || dot == name.len)
		return found;
	wild[0] = '*';
	memcpy(wild + 1, lower + dot, name.len - dot);
	return map_get(&c->names, (struct text){ wild, name.len - dot + 1 });
}

static int
choose_by_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_context *c = arg;
	SSL_CTX *found = find_name(c, text_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)));

	if (found == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_SSL_CTX(ssl, found);
	return SSL_TLSEXT_ERR_OK;
}

/* ---- tls-server-end-point ---- */

/* The hash of the certificate's own signature, or SHA-256 where that is older
 * (RFC 5929 4.1). False for signatures without one hash. */
static bool
hash_leaf(const SSL *ssl, uint8_t out[EVP_MAX_MD_SIZE], unsigned *len)
{
	X509 *leaf = SSL_get_certificate(ssl);
	const EVP_MD *md;
	int digest;

	if (leaf == NULL || X509_get_signature_info(leaf, &digest, NULL, NULL, NULL) != 1 ||
	    digest == NID_undef)
		return false;
	md = digest == NID_md5 || digest == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(digest);
	return md != NULL && X509_digest(leaf, md, out, len) == 1;
}

static int
fill_ticket(SSL *ssl, void *arg)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!SSL_session_reused(ssl) && hash_leaf(ssl, hash, &len))
		return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), hash, len);
	return 1;
}

static SSL_TICKET_RETURN
open_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_len,
    SSL_TICKET_STATUS status, void *arg)
{
	if (status == SSL_TICKET_SUCCESS)
		return SSL_TICKET_RETURN_USE;
	if (status == SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_USE_RENEW;
	return SSL_TICKET_RETURN_IGNORE_RENEW;
}

enum status
tls_binding_end_point(const struct stream *s, struct arena *a, struct text *out)
{
	SSL *ssl = stream_tls_ssl(s);
	uint8_t hash[EVP_MAX_MD_SIZE];
	void *kept;
	unsigned len;
	size_t size;

	if (ssl == NULL)
		return STATUS_NOT_FOUND;
	if (SSL_session_reused(ssl)) {
		if (SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &kept, &size) != 1 ||
		    size == 0)
			return STATUS_NOT_FOUND;
		*out = arena_copy(a, (struct text){ kept, size });
		return STATUS_OK;
	}
	if (!hash_leaf(ssl, hash, &len))
		return STATUS_NOT_FOUND;
	*out = arena_copy(a, (struct text){ (const char *)hash, len });
	return STATUS_OK;
}

/* ---- the other bindings, facts ---- */

enum status
tls_binding_exporter(const struct stream *s, uint8_t out[32])
{
	static const char label[] = "EXPORTER-Channel-Binding";
	SSL *ssl = stream_tls_ssl(s);

	if (ssl == NULL || SSL_version(ssl) != TLS1_3_VERSION)
		return STATUS_NOT_FOUND;
	if (SSL_export_keying_material(
		ssl, out, 32, label, sizeof(label) - 1, (const uint8_t *)"", 0, 1) != 1)
		return STATUS_NOT_FOUND;
	return STATUS_OK;
}

/* The first Finished: the client's, or ours after a resumption. Safe only with
 * the extended master secret (RFC 7627 1). */
enum status
tls_binding_unique(const struct stream *s, struct arena *a, struct text *out)
{
	SSL *ssl = stream_tls_ssl(s);
	char finished[EVP_MAX_MD_SIZE];
	size_t len;

	if (ssl == NULL || SSL_version(ssl) != TLS1_2_VERSION || SSL_get_extms_support(ssl) != 1)
		return STATUS_NOT_FOUND;
	len = SSL_session_reused(ssl) ? SSL_get_finished(ssl, finished, sizeof(finished))
				      : SSL_get_peer_finished(ssl, finished, sizeof(finished));
	*out = arena_copy(a, (struct text){ finished, len });
	return STATUS_OK;
}

void
tls_facts_of(const struct stream *s, struct tls_facts *out)
{
	SSL *ssl = stream_tls_ssl(s);

	*out = (struct tls_facts){ "", "", TEXT_EMPTY };
	if (ssl == NULL)
		return;
	out->version = SSL_get_version(ssl);
	out->cipher = SSL_get_cipher_name(ssl);
	out->sni = text_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
}

/* ---- making a context ---- */

bool
tls_common_rules(SSL_CTX *ssl)
{
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				     SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CLEANSE_PLAINTEXT);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(ssl, 0);
	return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ssl, ciphers_12) == 1 &&
	       SSL_CTX_set_ciphersuites(ssl, ciphers_13) == 1 &&
	       SSL_CTX_set1_groups_list(ssl, groups) == 1;
}

static bool
set_rules(SSL_CTX *ssl, struct tls_context *c, struct text ticket_key)
{
	SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_tlsext_servername_callback(ssl, choose_by_name);
	SSL_CTX_set_tlsext_servername_arg(ssl, c);
	if (ticket_key.len > 0 && SSL_CTX_set_tlsext_ticket_keys(ssl,
				      (void *)(uintptr_t)ticket_key.ptr, (long)ticket_key.len) != 1)
		return false;
	return tls_common_rules(ssl) && SSL_CTX_set_num_tickets(ssl, 1) == 1 &&
	       SSL_CTX_set_session_id_context(ssl, (const uint8_t *)"mailstead", 9) == 1 &&
	       SSL_CTX_set_session_ticket_cb(ssl, fill_ticket, open_ticket, NULL) == 1;
}

/* The chain behind the leaf; what follows the last certificate is nonsense
 * only if it is not the end. */
static bool
add_chain(SSL_CTX *ssl, BIO *in)
{
	X509 *next;

	while ((next = tls_pem_next(in)) != NULL) {
		int ok = SSL_CTX_add1_chain_cert(ssl, next) == 1;

		X509_free(next);
		if (!ok)
			return false;
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

static bool
add_certificate(SSL_CTX *ssl, const struct tls_config *config, const struct tls_certificate *cert)
{
	BIO *in = BIO_new_mem_buf(
	    cert->chain.ptr, cert->chain.len > INT32_MAX ? 0 : (int)cert->chain.len);
	X509 *leaf = in == NULL ? NULL : tls_pem_next(in);
	EVP_PKEY *key = NULL;
	bool ok = false;

	if (leaf != NULL && X509_get0_pubkey(leaf) != NULL)
		key = tls_provider_key(
		    X509_get0_pubkey(leaf), cert->key, config->sign, config->sign_arg);
	if (key != NULL)
		ok = SSL_CTX_use_certificate(ssl, leaf) == 1 &&
		     SSL_CTX_use_PrivateKey(ssl, key) == 1 && add_chain(ssl, in);
	EVP_PKEY_free(key);
	X509_free(leaf);
	BIO_free(in);
	return ok;
}

/* The group of these names, made if it is new; NULL if OpenSSL refuses. */
static struct group *
group_of(struct tls_context *c, struct text names, struct text ticket_key)
{
	struct group **at = &c->groups, *g;

	for (; *at != NULL; at = &(*at)->next)
		if (text_equal((*at)->names, names))
			return *at;
	g = MEM_NEW(struct group);
	g->names = names;
	g->ssl = SSL_CTX_new(TLS_server_method());
	*at = g;
	return g->ssl != NULL && set_rules(g->ssl, c, ticket_key) ? g : NULL;
}

/* Who comes first keeps a name that two groups claim. */
static void
map_names(struct tls_context *c, const struct group *g)
{
	struct text rest = g->names, name;
	struct arena a = ARENA_INIT;

	while (text_split(&rest, ' ', &name)) {
		struct text lower = arena_lower(&a, name);

		if (name.len > 0 && map_get(&c->names, lower) == NULL)
			(void)map_put(&c->names, lower, g->ssl);
	}
	arena_done(&a);
}

static enum status
build(struct tls_context *c, const struct tls_config *config, struct failure *f)
{
	char words[256];

	for (size_t i = 0; i < config->count; i++) {
		const struct tls_certificate *cert = &config->certificates[i];
		struct group *g = group_of(c, cert->names, config->ticket_key);

		if (g == NULL || !add_certificate(g->ssl, config, cert))
			return fail(f, STATUS_INVALID, "A certificate cannot be used",
			    "certificate %zu (%.*s): %s", i + 1, TEXT_ARG(cert->names),
			    tls_error_words(words));
		map_names(c, g);
	}
	return STATUS_OK;
}

enum status
tls_context_new(const struct tls_config *config, struct tls_context **out, struct failure *f)
{
	struct tls_context *c;
	enum status st;

	tls_prepare();
	if (config->count == 0)
		return fail(f, STATUS_INVALID, "No certificate", "no certificate is configured");
	if (config->ticket_key.len != 0 && config->ticket_key.len != TICKET_KEY_LEN)
		return fail(f, STATUS_INVALID, "The ticket key is damaged",
		    "ticket key of %zu octets", config->ticket_key.len);
	c = MEM_NEW(struct tls_context);
	c->magic = CONTEXT_MAGIC;
	c->refs = 1;
	st = build(c, config, f);
	ERR_clear_error();
	if (st != STATUS_OK) {
		tls_context_unref(c);
		return st;
	}
	for (struct group *g = c->groups; g != NULL; g = g->next)
		g->names = TEXT_EMPTY;
	*out = c;
	return STATUS_OK;
}

struct tls_context *
tls_context_ref(struct tls_context *c)
{
	MAGIC_CHECK(c, CONTEXT_MAGIC);
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void
tls_context_unref(struct tls_context *c)
{
	struct group *g;

	if (c == NULL)
		return;
	MAGIC_CHECK(c, CONTEXT_MAGIC);
	if (atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	while ((g = c->groups) != NULL) {
		c->groups = g->next;
		SSL_CTX_free(g->ssl);
		mem_free(g);
	}
	map_done(&c->names);
	c->magic = 0;
	mem_free(c);
}

SSL *
tls_context_ssl(struct tls_context *c)
{
	SSL *ssl;

	MAGIC_CHECK(c, CONTEXT_MAGIC);
	ssl = SSL_new(c->groups->ssl);
	if (ssl == NULL)
		die("out of memory: a TLS connection");
	SSL_set_accept_state(ssl);
	return ssl;
}
