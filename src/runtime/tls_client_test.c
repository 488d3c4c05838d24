/* SPDX-License-Identifier: ISC */
/*
 * Tests of runtime/tls_client.h against servers of runtime/tls.h in another
 * thread: whom it believes by a chain, by names and by TLSA records, and what
 * it calls the reasons where it does not (RFC 8460 4.3).
 */
#include "runtime/tls_client.h"

#include <pthread.h>
#include <sys/socket.h>

#include "runtime/tls_testing.h"

/* The certificates, by their place. */
enum { MX, WILD, EXPIRED, DEEP };

struct world {
	struct authority ca, other;
	struct tls_context *contexts[4];
	struct tls_trust *trust;
};

static struct world w;

struct server {
	struct tls_context *context; /* NULL: says so many words instead */
	struct text words;
	SSL_CTX *old; /* instead of the two: a server of OpenSSL's own */
	int fd;
	pthread_t thread;
	enum status st;
	char sni[256];
};

static void *
old_server(struct server *v)
{
	SSL *ssl = SSL_new(v->old);
	char c;

	SSL_set_fd(ssl, v->fd);
	if (SSL_accept(ssl) == 1)
		(void)SSL_read(ssl, &c, 1);
	SSL_free(ssl);
	close(v->fd);
	ERR_clear_error();
	return NULL;
}

static void *
server_main(void *arg)
{
	struct server *v = arg;
	struct tls_facts facts;
	struct stream s;

	if (v->old != NULL)
		return old_server(v);
	stream_init_fd(&s, v->fd);
	if (v->context == NULL) {
		stream_write(&s, v->words);
		(void)stream_flush(&s);
		if (v->words.len > 0)
			(void)!stream_fill(&s);
	} else {
		v->st = stream_start_tls(&s, v->context, NULL);
		tls_facts_of(&s, &facts);
		(void)!text_to_string(facts.sni, v->sni, sizeof(v->sni));
		if (v->st == STATUS_OK)
			(void)!stream_fill(&s);
	}
	stream_done(&s);
	return NULL;
}

static enum status
meet(struct server *v, const struct tls_wants *wants, struct tls_peer *peer)
{
	struct failure f = { 0 };
	struct stream s;
	enum status st;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	v->fd = ends[1];
	stream_init_fd(&s, ends[0]);
	assert_int_equal(pthread_create(&v->thread, NULL, server_main, v), 0);
	st = stream_start_tls_client(&s, w.trust, wants, peer, &f);
	if (st == STATUS_OK) {
		stream_write(&s, TEXT("x"));
		assert_ok(stream_flush(&s));
	} else {
		assert_int_not_equal(s.broken, STATUS_OK);
		assert_true(f.log[0] != '\0');
	}
	stream_done(&s);
	pthread_join(v->thread, NULL);
	return st;
}

static void
make_expired(struct authority *a, size_t place)
{
	struct issued *i = &a->issued[place];

	X509_gmtime_adj(X509_getm_notBefore(i->leaf), -7200);
	X509_gmtime_adj(X509_getm_notAfter(i->leaf), -3600);
	assert_true(X509_sign(i->leaf, a->key, EVP_sha384()) > 0);
	buffer_clear(&i->chain);
	pem_of(&i->chain, i->leaf, NULL);
	pem_of(&i->chain, a->certificate, NULL);
}

static int
world_make(void **state)
{
	struct buffer roots = BUFFER_INIT;

	authority_init(&w.ca);
	authority_init(&w.other);
	(void)authority_issue(&w.ca, "P-256", "mx.example.org");
	(void)authority_issue(&w.ca, "P-256", "*.example.org");
	(void)authority_issue(&w.ca, "P-256", "mx.example.org");
	(void)authority_issue(&w.ca, "RSA", "a.b.example.org");
	make_expired(&w.ca, EXPIRED);
	for (size_t i = 0; i < 4; i++) {
		const struct choice choice = { i, "" };

		w.contexts[i] = authority_context(&w.ca, &choice, 1, TEXT_EMPTY);
	}
	pem_of(&roots, w.ca.certificate, NULL);
	assert_ok(tls_trust_new(TEXT_EMPTY, buffer_text(&roots), &w.trust, NULL));
	buffer_done(&roots);
	return 0;
}

static int
world_end(void **state)
{
	for (size_t i = 0; i < 4; i++)
		tls_context_unref(w.contexts[i]);
	tls_trust_free(w.trust);
	authority_done(&w.ca);
	authority_done(&w.other);
	return 0;
}

/* ---- chains and names ---- */

static void
names(void **state)
{
	static const struct {
		int place;
		enum tls_verify verify;
		const char *name, *second;
		enum status st;
		enum tls_result result;
	} rows[] = {
		{ MX, TLS_VERIFY_PKIX, "mx.example.org", NULL, STATUS_OK, TLS_RESULT_GOOD },
		{ MX, TLS_VERIFY_PKIX, "MX.example.org.", NULL, STATUS_OK, TLS_RESULT_GOOD },
		{ MX, TLS_VERIFY_PKIX, "other.example.org", NULL, STATUS_DENIED,
		    TLS_RESULT_CERTIFICATE_HOST_MISMATCH },
		{ MX, TLS_VERIFY_PKIX, "other.example.org", "mx.example.org", STATUS_OK,
		    TLS_RESULT_GOOD },
		{ MX, TLS_VERIFY_PKIX, "*.example.org", NULL, STATUS_OK, TLS_RESULT_GOOD },
		{ DEEP, TLS_VERIFY_PKIX, "*.example.org", NULL, STATUS_DENIED,
		    TLS_RESULT_CERTIFICATE_HOST_MISMATCH },
		{ DEEP, TLS_VERIFY_PKIX, "a.b.example.org", NULL, STATUS_OK, TLS_RESULT_GOOD },
		/* RFC 6125 6.4.3 */
		{ WILD, TLS_VERIFY_PKIX, "x.example.org", NULL, STATUS_OK, TLS_RESULT_GOOD },
		{ WILD, TLS_VERIFY_PKIX, "x.y.example.org", NULL, STATUS_DENIED,
		    TLS_RESULT_CERTIFICATE_HOST_MISMATCH },
		{ WILD, TLS_VERIFY_PKIX, "example.org", NULL, STATUS_DENIED,
		    TLS_RESULT_CERTIFICATE_HOST_MISMATCH },
		{ EXPIRED, TLS_VERIFY_PKIX, "mx.example.org", NULL, STATUS_DENIED,
		    TLS_RESULT_CERTIFICATE_EXPIRED },
		/* nothing is demanded, all is told */
		{ EXPIRED, TLS_VERIFY_NONE, "mx.example.org", NULL, STATUS_OK,
		    TLS_RESULT_CERTIFICATE_EXPIRED },
		{ MX, TLS_VERIFY_NONE, "other.example.org", NULL, STATUS_OK,
		    TLS_RESULT_CERTIFICATE_HOST_MISMATCH },
		{ MX, TLS_VERIFY_NONE, "mx.example.org", NULL, STATUS_OK, TLS_RESULT_GOOD },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct text list[] = { text_of(rows[i].name), text_of(rows[i].second) };
		struct tls_wants wants = { .verify = rows[i].verify,
			.names = list,
			.name_count = rows[i].second == NULL ? 1 : 2 };
		struct server v = { .context = w.contexts[rows[i].place] };
		struct tls_peer peer;
		enum status st = meet(&v, &wants, &peer);

		if (st != rows[i].st || peer.result != rows[i].result)
			fail_msg("row %zu: %s, %s (%s)", i, status_word(st),
			    tls_result_word(peer.result), peer.reason);
		assert_int_equal(peer.encrypted, st == STATUS_OK);
		assert_int_equal(peer.reason[0] == '\0', peer.result == TLS_RESULT_GOOD);
		assert_int_equal(peer.verified,
		    peer.result == TLS_RESULT_GOOD ? TLS_VERIFIED_PKIX : TLS_VERIFIED_NOT);
		assert_string_equal(peer.issuer, "Test authority");
		assert_true(text_ends(text_of(peer.name), TEXT("example.org")));
		assert_string_equal(peer.version, st == STATUS_OK ? "TLSv1.3" : "");
		assert_int_equal(peer.cipher[0] != '\0', st == STATUS_OK);
	}
}

static void
unknown_authority(void **state)
{
	struct text name = TEXT("mx.example.org");
	struct tls_wants wants = { .verify = TLS_VERIFY_PKIX, .names = &name, .name_count = 1 };
	const struct choice choice = { 0, "" };
	struct server v = { 0 };
	struct tls_peer peer;

	(void)authority_issue(&w.other, "P-256", "mx.example.org");
	v.context = authority_context(&w.other, &choice, 1, TEXT_EMPTY);
	assert_int_equal(meet(&v, &wants, &peer), STATUS_DENIED);
	assert_int_equal(peer.result, TLS_RESULT_CERTIFICATE_NOT_TRUSTED);
	assert_string_equal(peer.name, "mx.example.org");
	wants.verify = TLS_VERIFY_NONE;
	assert_ok(meet(&v, &wants, &peer));
	assert_int_equal(peer.result, TLS_RESULT_CERTIFICATE_NOT_TRUSTED);
	assert_int_equal(peer.verified, TLS_VERIFIED_NOT);
	wants.name_count = 0;
	assert_ok(meet(&v, &wants, &peer));
	assert_string_equal(v.sni, "");
	tls_context_unref(v.context);
}

/* A name goes out, an address and a pattern do not (RFC 6066 3). */
static void
sni(void **state)
{
	static const struct {
		const char *name, *sni;
	} rows[] = {
		{ "mx.example.org", "mx.example.org" },
		{ "mx.example.org.", "mx.example.org" },
		{ "*.example.org", "" },
		{ "192.0.2.1", "" },
		{ "2001:db8::1", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct text name = text_of(rows[i].name);
		struct tls_wants wants = { .names = &name, .name_count = 1 };
		struct server v = { .context = w.contexts[MX] };
		struct tls_peer peer;

		assert_ok(meet(&v, &wants, &peer));
		assert_string_equal(v.sni, rows[i].sni);
	}
}

/* ---- DANE ---- */

/* The association of a certificate (RFC 6698 2.1), in out. */
static struct text
association(X509 *x, unsigned selector, unsigned matching, struct buffer *out)
{
	uint8_t hash[EVP_MAX_MD_SIZE], *der = NULL;
	int n = selector == 0 ? i2d_X509(x, &der) : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	unsigned len = 0;

	assert_true(n > 0);
	buffer_clear(out);
	if (matching == 0) {
		buffer_add(out, der, (size_t)n);
	} else {
		assert_int_equal(EVP_Digest(der, (size_t)n, hash, &len,
				     matching == 1 ? EVP_sha256() : EVP_sha512(), NULL),
		    1);
		buffer_add(out, hash, len);
	}
	OPENSSL_free(der);
	return buffer_text(out);
}

static void
dane(void **state)
{
	static const struct {
		int place;  /* whose certificate is shown */
		int record; /* whose is in the record; -1: the authority's */
		uint8_t usage, selector, matching;
		size_t cut; /* octets that are missing */
		const char *name;
		enum status st;
		enum tls_result result;
		enum tls_verified verified;
	} rows[] = {
		{ MX, MX, 3, 1, 1, 0, "mx.example.org", STATUS_OK, TLS_RESULT_GOOD,
		    TLS_VERIFIED_DANE_EE },
		{ MX, MX, 3, 0, 2, 0, "mx.example.org", STATUS_OK, TLS_RESULT_GOOD,
		    TLS_VERIFIED_DANE_EE },
		{ MX, MX, 3, 1, 0, 0, "mx.example.org", STATUS_OK, TLS_RESULT_GOOD,
		    TLS_VERIFIED_DANE_EE },
		/* RFC 7672 3.1.1: neither name nor date count with usage 3 */
		{ MX, MX, 3, 1, 1, 0, "mx.example.net", STATUS_OK, TLS_RESULT_GOOD,
		    TLS_VERIFIED_DANE_EE },
		{ EXPIRED, EXPIRED, 3, 1, 1, 0, "mx.example.net", STATUS_OK, TLS_RESULT_GOOD,
		    TLS_VERIFIED_DANE_EE },
		{ MX, WILD, 3, 1, 1, 0, "mx.example.org", STATUS_DENIED,
		    TLS_RESULT_VALIDATION_FAILURE, TLS_VERIFIED_NOT },
		/* RFC 7672 3.1.2: they count with usage 2 */
		{ MX, -1, 2, 0, 1, 0, "mx.example.org", STATUS_OK, TLS_RESULT_GOOD,
		    TLS_VERIFIED_DANE_TA },
		{ MX, -1, 2, 1, 2, 0, "mx.example.org", STATUS_OK, TLS_RESULT_GOOD,
		    TLS_VERIFIED_DANE_TA },
		{ MX, -1, 2, 0, 1, 0, "mx.example.net", STATUS_DENIED,
		    TLS_RESULT_CERTIFICATE_HOST_MISMATCH, TLS_VERIFIED_NOT },
		{ EXPIRED, -1, 2, 0, 1, 0, "mx.example.org", STATUS_DENIED,
		    TLS_RESULT_CERTIFICATE_EXPIRED, TLS_VERIFIED_NOT },
		/* RFC 7672 3.1.3, 2.2: no record can be used: encrypted all the same */
		{ MX, MX, 1, 1, 1, 0, "mx.example.org", STATUS_OK, TLS_RESULT_TLSA_INVALID,
		    TLS_VERIFIED_NOT },
		{ MX, MX, 0, 1, 1, 0, "mx.example.org", STATUS_OK, TLS_RESULT_TLSA_INVALID,
		    TLS_VERIFIED_NOT },
		{ MX, MX, 3, 1, 1, 1, "mx.example.org", STATUS_OK, TLS_RESULT_TLSA_INVALID,
		    TLS_VERIFIED_NOT },
		{ MX, MX, 3, 9, 1, 0, "mx.example.org", STATUS_OK, TLS_RESULT_TLSA_INVALID,
		    TLS_VERIFIED_NOT },
		{ MX, MX, 3, 1, 9, 0, "mx.example.org", STATUS_OK, TLS_RESULT_TLSA_INVALID,
		    TLS_VERIFIED_NOT },
	};
	struct buffer data = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		X509 *x = rows[i].record < 0 ? w.ca.certificate : w.ca.issued[rows[i].record].leaf;
		struct text name = text_of(rows[i].name);
		struct tls_tlsa tlsa = { rows[i].usage, rows[i].selector, rows[i].matching,
			association(x, rows[i].selector % 2, rows[i].matching % 8, &data) };
		struct tls_wants wants = { TLS_VERIFY_DANE, &name, 1, &tlsa, 1 };
		struct server v = { .context = w.contexts[rows[i].place] };
		struct tls_peer peer;
		enum status st;

		tlsa.data.len -= rows[i].cut;
		st = meet(&v, &wants, &peer);
		if (st != rows[i].st || peer.result != rows[i].result ||
		    peer.verified != rows[i].verified)
			fail_msg("row %zu: %s, %s (%s), %d", i, status_word(st),
			    tls_result_word(peer.result), peer.reason, peer.verified);
	}
	buffer_done(&data);
}

/* One that fits is enough, beside others that do not or cannot; a name of the
 * next hop counts as well as the base domain (RFC 7672 3.2.3). */
static void
dane_several(void **state)
{
	struct buffer data[3] = { 0 };
	struct text names[] = { TEXT("other.example.net"), TEXT("mx.example.org") };
	struct tls_tlsa tlsa[] = {
		{ 1, 1, 1, association(w.ca.issued[MX].leaf, 1, 1, &data[0]) },
		{ 3, 1, 1, association(w.ca.issued[WILD].leaf, 1, 1, &data[1]) },
		{ 2, 1, 1, association(w.ca.certificate, 1, 1, &data[2]) },
	};
	struct tls_wants wants = { TLS_VERIFY_DANE, names, 2, tlsa, 3 };
	struct server v = { .context = w.contexts[MX] };
	struct tls_peer peer;

	assert_ok(meet(&v, &wants, &peer));
	assert_int_equal(peer.verified, TLS_VERIFIED_DANE_TA);
	assert_string_equal(peer.name, "mx.example.org");
	assert_string_equal(v.sni, "other.example.net");
	for (size_t i = 0; i < 3; i++)
		buffer_done(&data[i]);
}

/* ---- handshakes that come to nothing ---- */

static void
no_handshake(void **state)
{
	struct tls_wants wants = { 0 };
	struct server talks = { .words = TEXT("500 what is this?\r\n") }, closes = { 0 };
	struct tls_peer peer;

	assert_int_equal(meet(&talks, &wants, &peer), STATUS_IO);
	assert_int_equal(peer.result, TLS_RESULT_VALIDATION_FAILURE);
	assert_true(peer.reason[0] != '\0' && !peer.encrypted);
	assert_int_equal(meet(&closes, &wants, &peer), STATUS_CLOSED);
	assert_int_equal(peer.result, TLS_RESULT_VALIDATION_FAILURE);
}

/* Who has grown old, with ciphers and keys of then, is better than clear text;
 * before TLS 1.2 there is nothing. */
static void
old_servers(void **state)
{
	static const struct {
		const char *ciphers;
		int version;
		unsigned bits;
		enum tls_verify verify;
		bool met;
	} rows[] = {
		{ "ECDHE-RSA-AES256-SHA384", TLS1_2_VERSION, 2048, TLS_VERIFY_PKIX, true },
		{ "AES128-SHA", TLS1_2_VERSION, 2048, TLS_VERIFY_PKIX, true },
		{ "AES128-SHA", TLS1_2_VERSION, 1024, TLS_VERIFY_NONE, true },
		{ "AES128-SHA", TLS1_2_VERSION, 1024, TLS_VERIFY_PKIX, false },
		{ "AES128-SHA", TLS1_1_VERSION, 2048, TLS_VERIFY_NONE, false },
		{ "NULL-SHA256", TLS1_2_VERSION, 2048, TLS_VERIFY_NONE, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		EVP_PKEY *key = EVP_RSA_gen(rows[i].bits);
		X509 *x = certificate_of(key, "mx.example.org", w.ca.certificate, w.ca.key, 90);
		struct text name = TEXT("mx.example.org");
		struct tls_wants wants = {
			.verify = rows[i].verify, .names = &name, .name_count = 1
		};
		struct server v = { .old = SSL_CTX_new(TLS_server_method()) };
		struct tls_peer peer;

		SSL_CTX_set_security_level(v.old, 0);
		SSL_CTX_set_min_proto_version(v.old, TLS1_VERSION);
		SSL_CTX_set_max_proto_version(v.old, rows[i].version);
		assert_int_equal(SSL_CTX_set_cipher_list(v.old, rows[i].ciphers), 1);
		assert_int_equal(SSL_CTX_use_certificate(v.old, x), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(v.old, key), 1);
		if ((meet(&v, &wants, &peer) == STATUS_OK) != rows[i].met)
			fail_msg("row %zu: %s", i, peer.reason);
		if (rows[i].met)
			assert_string_equal(peer.cipher, rows[i].ciphers);
		SSL_CTX_free(v.old);
		X509_free(x);
		EVP_PKEY_free(key);
	}
}

/* RFC 3207 6: what came behind the answer to STARTTLS was not encrypted. */
static void
octets_before(void **state)
{
	struct tls_wants wants = { 0 };
	struct tls_peer peer;
	struct stream s;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	stream_init_fd(&s, ends[0]);
	assert_int_equal(write(ends[1], "250 x\r\n", 7), 7);
	assert_ok(stream_fill(&s));
	assert_int_equal(stream_start_tls_client(&s, w.trust, &wants, &peer, NULL), STATUS_INVALID);
	stream_done(&s);
	/* a server that says nothing: the stream's deadline holds */
	close(ends[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	stream_init_fd(&s, ends[0]);
	stream_set_deadline(&s, clock_mono() - 1);
	assert_int_equal(stream_start_tls_client(&s, w.trust, &wants, &peer, NULL), STATUS_TIMEOUT);
	stream_done(&s);
	close(ends[1]);
}

static void
roots(void **state)
{
	struct buffer system = BUFFER_INIT;
	struct tls_trust *t = NULL;
	struct failure f = { 0 };
	struct text bad = TEXT("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");

	assert_int_equal(tls_trust_new(bad, TEXT_EMPTY, &t, &f), STATUS_INVALID);
	assert_null(t);
	assert_true(f.log[0] != '\0');
	if (tls_trust_system(&system) == STATUS_OK)
		assert_true(system.len > 1000);
	assert_ok(tls_trust_new(buffer_text(&system), TEXT_EMPTY, &t, NULL));
	tls_trust_free(t);
	buffer_done(&system);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(unknown_authority),
		cmocka_unit_test(sni),
		cmocka_unit_test(dane),
		cmocka_unit_test(dane_several),
		cmocka_unit_test(no_handshake),
		cmocka_unit_test(old_servers),
		cmocka_unit_test(octets_before),
		cmocka_unit_test(roots),
	};

	return cmocka_run_group_tests(tests, world_make, world_end);
}
