/* SPDX-License-Identifier: ISC */
/*
 * Tests of runtime/tls.h and of TLS streams: whole handshakes with a verifying
 * client in another thread, for both versions and every type of key, none of
 * which is in the context that serves.
 */
#include "runtime/tls_testing.h"

#include <pthread.h>
#include <sys/socket.h>

#include "runtime/metrics.h"
#include "runtime/tls_private.h"

/* What a client does: handshake, say a line, hear one, go. */
struct client {
	SSL_CTX *context;
	const char *name;
	SSL_SESSION *resume; /* to take up; then the one to take up next */
	int fd;
	/* what it saw */
	bool connected, reused;
	X509 *peer;
	char heard[64];
	uint8_t exporter[32], finished[64];
	size_t finished_len;
};

static void *
client_main(void *arg)
{
	struct client *c = arg;
	SSL *ssl = client_on(c->context, c->fd, c->name);
	int n;

	if (c->resume != NULL)
		SSL_set_session(ssl, c->resume);
	SSL_SESSION_free(c->resume);
	c->resume = NULL;
	c->connected = SSL_connect(ssl) == 1;
	if (c->connected) {
		c->reused = SSL_session_reused(ssl);
		c->peer = SSL_get1_peer_certificate(ssl);
		(void)SSL_export_keying_material(ssl, c->exporter, 32, "EXPORTER-Channel-Binding",
		    24, (const uint8_t *)"", 0, 1);
		c->finished_len = c->reused
				      ? SSL_get_peer_finished(ssl, c->finished, sizeof(c->finished))
				      : SSL_get_finished(ssl, c->finished, sizeof(c->finished));
		(void)SSL_write(ssl, "hello\r\n", 7);
		n = SSL_read(ssl, c->heard, sizeof(c->heard) - 1);
		c->heard[n > 0 ? n : 0] = '\0';
		c->resume = SSL_get1_session(ssl);
		(void)SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	close(c->fd);
	ERR_clear_error();
	return NULL;
}

struct served {
	struct stream stream;
	pthread_t thread;
	enum status st;
	struct failure f;
};

/* Begins the client and does the server's side of the handshake. */
static void
serve(struct served *v, struct client *c, struct tls_context *context)
{
	int ends[2];

	X509_free(c->peer);
	c->peer = NULL;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	c->fd = ends[1];
	stream_init_fd(&v->stream, ends[0]);
	assert_int_equal(pthread_create(&v->thread, NULL, client_main, c), 0);
	v->st = stream_start_tls(&v->stream, context, &v->f);
}

/* Hears the client's line, answers, waits for its end. */
static void
converse(struct served *v, struct client *c)
{
	struct text line;

	if (v->st != STATUS_OK)
		fail_msg("%s", v->f.log);
	while (stream_line(&v->stream, 100, &line) == STATUS_AGAIN)
		assert_ok(stream_fill(&v->stream));
	assert_text(line, "hello");
	stream_consume(&v->stream, line.len + 2);
	stream_print(&v->stream, "good %s", "day");
	assert_ok(stream_flush(&v->stream));
	assert_int_equal(stream_fill(&v->stream), STATUS_CLOSED);
	assert_false(stream_pending(&v->stream));
	pthread_join(v->thread, NULL);
	assert_true(c->connected);
	assert_string_equal(c->heard, "good day");
}

static void
client_done(struct client *c)
{
	X509_free(c->peer);
	SSL_SESSION_free(c->resume);
	SSL_CTX_free(c->context);
}

static void
assert_peer(const struct client *c, const struct authority *a, size_t place)
{
	assert_int_equal(X509_cmp(c->peer, a->issued[place].leaf), 0);
}

static void
assert_end_point(const struct stream *s, X509 *leaf)
{
	struct arena arena = ARENA_INIT;
	uint8_t hash[EVP_MAX_MD_SIZE];
	struct text binding;
	unsigned len;

	assert_int_equal(X509_digest(leaf, EVP_sha384(), hash, &len), 1);
	assert_ok(tls_binding_end_point(s, &arena, &binding));
	assert_int_equal(binding.len, len);
	assert_memory_equal(binding.ptr, hash, len);
	arena_done(&arena);
}

static void
assert_bindings(const struct stream *s, const struct client *c, int version)
{
	struct arena arena = ARENA_INIT;
	uint8_t exporter[32];
	struct text unique;

	if (version == TLS1_3_VERSION) {
		assert_ok(tls_binding_exporter(s, exporter));
		assert_memory_equal(exporter, c->exporter, 32);
		assert_int_equal(tls_binding_unique(s, &arena, &unique), STATUS_NOT_FOUND);
	} else {
		assert_int_equal(tls_binding_exporter(s, exporter), STATUS_NOT_FOUND);
		assert_ok(tls_binding_unique(s, &arena, &unique));
		assert_int_equal(unique.len, c->finished_len);
		assert_memory_equal(unique.ptr, c->finished, unique.len);
	}
	arena_done(&arena);
}

static void
every_key_in_both_versions(void **state)
{
	static const struct {
		const char *type;
		uint16_t schemes[2]; /* for TLS 1.2 and 1.3; 0: several */
	} keys[] = { { "P-256", { 0x0403, 0x0403 } }, { "P-384", { 0, 0x0503 } },
		{ "P-521", { 0, 0x0603 } }, { "RSA", { 0, 0x0804 } },
		{ "ED25519", { 0x0807, 0x0807 } } };
	struct authority a;

	authority_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct choice choice = { authority_issue(&a, keys[i].type, "mail.test"),
			"mail.test" };
		struct tls_context *context = authority_context(&a, &choice, 1, TEXT_EMPTY);

		for (int v = 0; v < 2; v++) {
			int version = v == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
			struct client c = { .context = client_context(&a, version),
				.name = "mail.test" };
			unsigned before = a.signatures;
			struct tls_facts facts;
			struct served s;

			serve(&s, &c, context);
			converse(&s, &c);
			assert_int_equal(a.signatures, before + 1);
			if (keys[i].schemes[v] != 0)
				assert_int_equal(a.last_scheme, keys[i].schemes[v]);
			assert_peer(&c, &a, choice.place);
			assert_bindings(&s.stream, &c, version);
			assert_end_point(&s.stream, c.peer);
			tls_facts_of(&s.stream, &facts);
			assert_string_equal(facts.version, v == 0 ? "TLSv1.2" : "TLSv1.3");
			assert_text(facts.sni, "mail.test");
			if (v == 0)
				assert_true(strlen(facts.cipher) > 0);
			else
				assert_string_equal(facts.cipher, "TLS_AES_128_GCM_SHA256");
			stream_done(&s.stream);
			client_done(&c);
		}
		tls_context_unref(context);
	}
	authority_done(&a);
}

/* TLS 1.2 clients name the older RSA padding too. */
static void
rsa_by_both_paddings(void **state)
{
	static const char *const lists[] = { "RSA+SHA256", "RSA+SHA512", "rsa_pss_rsae_sha384" };
	static const uint16_t schemes[] = { 0x0401, 0x0601, 0x0805 };
	struct authority a;
	struct choice choice;
	struct tls_context *context;

	authority_init(&a);
	choice = (struct choice){ authority_issue(&a, "RSA", "mail.test"), "mail.test" };
	context = authority_context(&a, &choice, 1, TEXT_EMPTY);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct client c = { .context = client_context(&a, TLS1_2_VERSION),
			.name = "mail.test" };
		struct served s;
		char list[100];

		(void)snprintf(list, sizeof(list), "%s:ECDSA+SHA384", lists[i]);
		assert_int_equal(SSL_CTX_set1_sigalgs_list(c.context, list), 1);
		assert_int_equal(
		    SSL_CTX_set_cipher_list(c.context, "ECDHE-RSA-AES128-GCM-SHA256"), 1);
		serve(&s, &c, context);
		converse(&s, &c);
		assert_int_equal(a.last_scheme, schemes[i]);
		stream_done(&s.stream);
		client_done(&c);
	}
	tls_context_unref(context);
	authority_done(&a);
}

static void
the_name_chooses(void **state)
{
	static const struct {
		const char *name;
		size_t place;
		bool sni;
	} cases[] = { { "one.test", 0, true }, { "two.test", 1, true }, { "ONE.test", 0, true },
		{ "a.wild.test", 2, true }, { NULL, 0, false } };
	struct authority a;
	struct tls_context *context;

	authority_init(&a);
	const struct choice choices[] = { { authority_issue(&a, "P-256", "one.test"), "one.test" },
		{ authority_issue(&a, "RSA", "two.test"), "two.test  www.two.test" },
		{ authority_issue(&a, "P-256", "*.wild.test"), "*.wild.test" } };

	context = authority_context(&a, choices, 3, TEXT_EMPTY);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client c = { .context = client_context(&a, TLS1_3_VERSION),
			.name = cases[i].name };
		struct served s;

		serve(&s, &c, context);
		converse(&s, &c);
		assert_peer(&c, &a, cases[i].place);
		assert_end_point(&s.stream, c.peer);
		stream_done(&s.stream);
		client_done(&c);
	}
	tls_context_unref(context);
	authority_done(&a);
}

static void
the_client_chooses_the_type(void **state)
{
	static const char *const lists[] = { "ECDSA+SHA256:ECDSA+SHA384",
		"rsa_pss_rsae_sha256:ECDSA+SHA384" };
	struct authority a;
	struct tls_context *context;

	authority_init(&a);
	const struct choice choices[] = { { authority_issue(&a, "P-256", "mail.test"),
					      "mail.test" },
		{ authority_issue(&a, "RSA", "mail.test"), "mail.test" } };

	context = authority_context(&a, choices, 2, TEXT_EMPTY);
	for (size_t i = 0; i < 2; i++) {
		struct client c = { .context = client_context(&a, TLS1_3_VERSION),
			.name = "mail.test" };
		struct served s;

		assert_int_equal(SSL_CTX_set1_sigalgs_list(c.context, lists[i]), 1);
		serve(&s, &c, context);
		converse(&s, &c);
		assert_peer(&c, &a, choices[i].place);
		stream_done(&s.stream);
		client_done(&c);
	}
	tls_context_unref(context);
	authority_done(&a);
}

/* Another context, made with another certificate but the same ticket key, as
 * another process after a renewal would have. */
static void
a_ticket_resumes_elsewhere(void **state)
{
	struct authority a;
	char ticket_key[80];

	memset(ticket_key, 'k', sizeof(ticket_key));
	authority_init(&a);
	const struct choice before = { authority_issue(&a, "P-256", "mail.test"), "mail.test" };
	const struct choice after = { authority_issue(&a, "P-256", "mail.test"), "mail.test" };

	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct text key = { ticket_key, sizeof(ticket_key) };
		struct tls_context *context = authority_context(&a, &before, 1, key);
		struct tls_context *renewed = authority_context(&a, &after, 1, key);
		struct client c = { .context = client_context(&a, version), .name = "mail.test" };
		unsigned signatures = a.signatures;

		for (int round = 0; round < 3; round++) {
			struct served s;

			serve(&s, &c, round == 0 ? context : renewed);
			converse(&s, &c);
			assert_int_equal(c.reused, round > 0);
			assert_bindings(&s.stream, &c, version);
			assert_end_point(&s.stream, a.issued[before.place].leaf);
			stream_done(&s.stream);
		}
		assert_int_equal(a.signatures, signatures + 1);
		tls_context_unref(context);
		tls_context_unref(renewed);
		client_done(&c);
	}
	authority_done(&a);
}

static enum status
refuse_to_sign(void *arg, uint64_t key, uint16_t scheme, struct text input, struct arena *arena,
    struct text *signature)
{
	return STATUS_UNAVAILABLE;
}

static void
a_signer_that_is_away_fails_the_handshake(void **state)
{
	struct authority a;
	struct tls_context *context;
	struct served s;
	int64_t failures = metric_get(METRIC_TLS_FAILURES);

	authority_init(&a);
	struct tls_certificate certificate = { 7,
		buffer_text(&a.issued[authority_issue(&a, "P-256", "mail.test")].chain),
		TEXT("mail.test") };
	const struct tls_config config = { &certificate, 1, TEXT_EMPTY, refuse_to_sign, NULL };
	struct client c = { .context = client_context(&a, TLS1_3_VERSION), .name = "mail.test" };

	assert_ok(tls_context_new(&config, &context, NULL));
	serve(&s, &c, context);
	assert_int_equal(s.st, STATUS_IO);
	assert_int_equal(metric_get(METRIC_TLS_FAILURES), failures + 1);
	stream_write(&s.stream, TEXT("in clear?"));
	assert_int_equal(stream_flush(&s.stream), STATUS_IO);
	stream_done(&s.stream);
	pthread_join(s.thread, NULL);
	assert_false(c.connected);
	client_done(&c);
	tls_context_unref(context);
	authority_done(&a);
}

static void
nonsense_and_silence(void **state)
{
	struct authority a;
	struct tls_context *context;
	struct stream s;
	struct failure f;
	int ends[2];

	authority_init(&a);
	struct choice choice = { authority_issue(&a, "P-256", "mail.test"), "mail.test" };

	context = authority_context(&a, &choice, 1, TEXT_EMPTY);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		stream_init_fd(&s, ends[0]);
		if (i == 0) { /* no TLS */
			assert_int_equal(send(ends[1], "EHLO example.org\r\n", 18, 0), 18);
			assert_int_equal(stream_start_tls(&s, context, &f), STATUS_IO);
		} else if (i == 1) { /* the deadline has passed */
			stream_set_deadline(&s, 1);
			assert_int_equal(stream_start_tls(&s, context, &f), STATUS_TIMEOUT);
		} else { /* something stands in front */
			assert_int_equal(send(ends[1], "NOOP\r\n", 6, 0), 6);
			assert_ok(stream_fill(&s));
			assert_int_equal(stream_start_tls(&s, context, &f), STATUS_INVALID);
			assert_null(s.tls);
		}
		stream_done(&s);
		close(ends[1]);
	}
	tls_context_unref(context);
	authority_done(&a);
}

static void
bad_certificates_are_refused(void **state)
{
	struct tls_context *context = NULL;
	struct authority a;
	struct buffer cut = BUFFER_INIT;
	struct failure f = { 0 };

	authority_init(&a);
	struct issued *i = &a.issued[authority_issue(&a, "P-256", "mail.test")];
	struct tls_certificate certificate = { 0, TEXT("nothing"), TEXT("mail.test") };
	struct tls_config config = { &certificate, 1, TEXT_EMPTY, authority_sign, &a };

	assert_int_equal(tls_context_new(&config, &context, &f), STATUS_INVALID);
	assert_true(strlen(f.log) > 0);
	certificate.chain = buffer_text(&i->key_pem);
	assert_int_equal(tls_context_new(&config, &context, NULL), STATUS_INVALID);
	buffer_add_text(&cut, text_part(buffer_text(&i->chain), 0, i->chain.len - 60));
	certificate.chain = buffer_text(&cut);
	assert_int_equal(tls_context_new(&config, &context, NULL), STATUS_INVALID);
	certificate.chain = buffer_text(&i->chain);
	config.ticket_key = TEXT("short");
	assert_int_equal(tls_context_new(&config, &context, NULL), STATUS_INVALID);
	config.count = 0;
	assert_int_equal(tls_context_new(&config, &context, NULL), STATUS_INVALID);
	assert_null(context);
	buffer_done(&cut);
	authority_done(&a);
}

/* ---- octet by octet ---- */

/* Between the two: what the server said as it comes, and of what the client
 * says one octet. */
static void
relay(int to_client, int to_server)
{
	char said[4096], octet;
	ssize_t n;

	while ((n = recv(to_server, said, sizeof(said), MSG_DONTWAIT)) > 0)
		assert_int_equal(send(to_client, said, (size_t)n, 0), n);
	assert_int_equal(recv(to_client, &octet, 1, 0), 1);
	assert_int_equal(send(to_server, &octet, 1, 0), 1);
}

/* Hears the line; gives how often it had to wait within a record. */
static unsigned
hear_slowly(struct stream *s, int to_client, int to_server)
{
	struct text line;
	unsigned waits = 0;
	enum status st;

	while (stream_line(s, 100, &line) == STATUS_AGAIN) {
		st = stream_fill_now(s);
		if (st == STATUS_AGAIN) /* after a read that took all it looks only then */
			st = stream_fill_now(s);
		if (st == STATUS_OK)
			continue;
		assert_int_equal(st, STATUS_AGAIN);
		assert_int_equal(SSL_has_pending(stream_tls_ssl(s)), 0);
		assert_false(stream_pending(s));
		waits++;
		relay(to_client, to_server);
	}
	assert_text(line, "hello");
	return waits;
}

/* A client that stops in the midst of a record costs what it sent: OpenSSL,
 * which would keep 16 KiB for it, does not know of it yet. */
static void
a_record_comes_octet_by_octet(void **state)
{
	const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct authority a;
	struct choice choice;
	struct tls_context *context;

	authority_init(&a);
	choice = (struct choice){ authority_issue(&a, "P-256", "mail.test"), "mail.test" };
	context = authority_context(&a, &choice, 1, TEXT_EMPTY);
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		struct client c = { .context = client_context(&a, versions[v]),
			.name = "mail.test" };
		int near[2], far[2];
		struct stream s;
		pthread_t thread;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, near), 0);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, far), 0);
		c.fd = far[1];
		stream_init_fd(&s, near[0]);
		assert_int_equal(pthread_create(&thread, NULL, client_main, &c), 0);
		stream_tls_begin(&s, context);
		while (stream_tls_step(&s, NULL) == STATUS_AGAIN)
			relay(far[0], near[1]);
		assert_true(hear_slowly(&s, far[0], near[1]) > 20);
		stream_done(&s);
		close(far[0]);
		close(near[1]);
		pthread_join(thread, NULL);
		assert_true(c.connected);
		client_done(&c);
	}
	tls_context_unref(context);
	authority_done(&a);
}

static void
keys(void **state)
{
	struct arena arena = ARENA_INIT;
	struct buffer pem = BUFFER_INIT;
	struct tls_key *none = NULL;
	struct authority a;
	struct text out = TEXT("same");
	EVP_PKEY *weak;
	char digest[32] = { 0 };
	struct text input = { digest, sizeof(digest) };

	authority_init(&a);
	struct issued *ec = &a.issued[authority_issue(&a, "P-256", "one.test")];
	struct issued *rsa = &a.issued[authority_issue(&a, "RSA", "two.test")];

	assert_ok(tls_key_matches(ec->key, buffer_text(&ec->chain)));
	assert_int_equal(tls_key_matches(ec->key, buffer_text(&rsa->chain)), STATUS_INVALID);
	assert_int_equal(tls_key_matches(ec->key, TEXT("")), STATUS_INVALID);
	assert_int_equal(tls_key_sign(ec->key, 0x0804, input, &arena, &out), STATUS_INVALID);
	assert_int_equal(tls_key_sign(rsa->key, 0x0403, input, &arena, &out), STATUS_INVALID);
	assert_int_equal(tls_key_sign(rsa->key, 0x0201, input, &arena, &out), STATUS_INVALID);
	input.len = 31;
	assert_int_equal(tls_key_sign(rsa->key, 0x0804, input, &arena, &out), STATUS_INVALID);
	assert_text(out, "same");
	input.len = 32;
	assert_ok(tls_key_sign(rsa->key, 0x0804, input, &arena, &out));
	assert_int_equal(out.len, 256);
	weak = EVP_RSA_gen(1024);
	pem_of(&pem, NULL, weak);
	assert_int_equal(tls_key_load(buffer_text(&pem), &none, NULL), STATUS_INVALID);
	assert_int_equal(tls_key_load(TEXT("garbage"), &none, NULL), STATUS_INVALID);
	assert_int_equal(tls_key_load(buffer_text(&ec->chain), &none, NULL), STATUS_INVALID);
	assert_null(none);
	EVP_PKEY_free(weak);
	buffer_done(&pem);
	arena_done(&arena);
	authority_done(&a);
}

static void
plain_streams_have_no_facts(void **state)
{
	struct arena arena = ARENA_INIT;
	struct buffer out = BUFFER_INIT;
	struct tls_facts facts;
	struct stream s;
	struct text t;
	uint8_t exporter[32];

	stream_init_memory(&s, TEXT(""), &out);
	tls_facts_of(&s, &facts);
	assert_string_equal(facts.version, "");
	assert_int_equal(tls_binding_exporter(&s, exporter), STATUS_NOT_FOUND);
	assert_int_equal(tls_binding_unique(&s, &arena, &t), STATUS_NOT_FOUND);
	assert_int_equal(tls_binding_end_point(&s, &arena, &t), STATUS_NOT_FOUND);
	stream_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_in_both_versions),
		cmocka_unit_test(rsa_by_both_paddings),
		cmocka_unit_test(the_name_chooses),
		cmocka_unit_test(the_client_chooses_the_type),
		cmocka_unit_test(a_ticket_resumes_elsewhere),
		cmocka_unit_test(a_signer_that_is_away_fails_the_handshake),
		cmocka_unit_test(nonsense_and_silence),
		cmocka_unit_test(bad_certificates_are_refused),
		cmocka_unit_test(a_record_comes_octet_by_octet),
		cmocka_unit_test(keys),
		cmocka_unit_test(plain_streams_have_no_facts),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* for the client's side */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
