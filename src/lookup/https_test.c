/* SPDX-License-Identifier: ISC */
/*
 * Outgoing HTTPS against a server of the test's own: what is let through, what
 * is refused before and after a connection, and how answers are judged.
 */
#include "lookup/https.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "lookup/lookup_testing.h"
#include "runtime/settings.h"
#include "runtime/tls_testing.h"

static const struct script_record records[] = {
	{ "good.test", 1, .rdata = { "\x7f\0\0\1", 4 } },
	{ "other.test", 1, .rdata = { "\x7f\0\0\1", 4 } },
	{ "closed.test", 1, .rdata = { "\x7f\0\0\2", 4 } },
	{ "inside.test", 1, .rdata = { "\x0a\0\0\1", 4 } },
	{ "mixed.test", 1, .rdata = { "\x7f\0\0\1", 4 } },
	{ "mixed.test", 28, .rdata = { "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16 } },
};
static struct script script = { .records = records, .record_count = ARRAY_LEN(records) };

static struct authority authority;
static struct dns_source dns;
static struct https *https;
static struct arena arena;
static int listening, quit[2];
static uint16_t port;
static pthread_t thread;
static _Atomic unsigned connections;

/* ---- the server ---- */

static const struct {
	const char *path, *answer;
} pages[] = {
	{ "/ok", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello" },
	{ "/gone", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" },
	{ "/near", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n" },
	{ "/round", "HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n" },
	{ "/inside", "HTTP/1.1 302 Found\r\nLocation: https://inside.test/ok\r\n"
		     "Content-Length: 0\r\n\r\n" },
	{ "/plain", "HTTP/1.1 302 Found\r\nLocation: http://good.test/ok\r\n"
		    "Content-Length: 0\r\n\r\n" },
	{ "/file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
		   "Content-Length: 0\r\n\r\n" },
	{ "/six", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsixsix" },
	{ "/unsaid", "HTTP/1.1 200 OK\r\n\r\nsixsix" },
	{ "/cut", "HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\nsixsix" },
	{ "/nonsense", "220 mail.test ESMTP\r\n" },
	{ "/bad", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" },
};

/* The request with its body. */
static size_t
read_request(SSL *ssl, char *q, size_t cap)
{
	size_t n = 0, head = 0, want = 0;
	int got;

	while ((head == 0 || n < head + want) && n < cap - 1 &&
	       (got = SSL_read(ssl, q + n, (int)(cap - 1 - n))) > 0) {
		const char *end, *length;

		n += (size_t)got;
		q[n] = '\0';
		end = strstr(q, "\r\n\r\n");
		length = strcasestr(q, "\r\nContent-Length: ");
		head = end == NULL ? 0 : (size_t)(end - q) + 4;
		want = end != NULL && length != NULL ? (size_t)strtoul(length + 18, NULL, 10) : 0;
	}
	return n;
}

static void
answer(SSL *ssl)
{
	char q[4096] = "", echo[5000], path[100] = "";
	size_t n = read_request(ssl, q, sizeof(q));
	int len;

	if (sscanf(q, "%*s %99s", path) == 1 && strcmp(path, "/echo") == 0) {
		len = snprintf(
		    echo, sizeof(echo), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", n, q);
		(void)SSL_write(ssl, echo, len);
	}
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (strcmp(path, pages[i].path) == 0)
			(void)SSL_write(ssl, pages[i].answer, (int)strlen(pages[i].answer));
	if (strcmp(path, "/silent") == 0)
		(void)SSL_read(ssl, q, sizeof(q)); /* until the client goes */
	(void)SSL_shutdown(ssl);
}

static void *
server_main(void *arg)
{
	struct pollfd p[] = { { quit[0], POLLIN, 0 }, { listening, POLLIN, 0 } };
	SSL_CTX *ctx = arg;

	while (poll(p, 2, -1) > 0 && p[0].revents == 0) {
		int c = accept(listening, NULL, NULL);
		SSL *ssl = SSL_new(ctx);

		connections++;
		SSL_set_fd(ssl, c);
		if (SSL_accept(ssl) == 1)
			answer(ssl);
		SSL_free(ssl);
		(void)close(c);
	}
	SSL_CTX_free(ctx);
	return NULL;
}

static SSL_CTX *
server_context(size_t issued)
{
	struct text pem = buffer_text(&authority.issued[issued].key_pem);
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert_int_equal(SSL_CTX_use_certificate(ctx, authority.issued[issued].leaf), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ctx;
}

static int
set_up(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct buffer ca = BUFFER_INIT;
	socklen_t len = sizeof(a);
	struct failure f;
	char word[16];

	(void)signal(SIGPIPE, SIG_IGN);
	authority_init(&authority);
	pem_of(&ca, authority.certificate, NULL);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listening, 10), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&a, &len), 0);
	port = ntohs(a.sin_port);
	(void)snprintf(word, sizeof(word), "%u", port);
	assert_ok(setting_apply(SET_LOOKUP_HTTPS_PORT, text_of(word)));
	assert_int_equal(pipe(quit), 0);
	assert_int_equal(pthread_create(&thread, NULL, server_main,
			     server_context(authority_issue(&authority, "P-256", "good.test"))),
	    0);
	dns = script_dns(&script);
	if (https_new(&dns, buffer_text(&ca), &https, &f) != STATUS_OK)
		fail_msg("%s", f.log);
	buffer_done(&ca);
	return 0;
}

static int
tear_down(void **state)
{
	assert_int_equal(write(quit[1], "", 1), 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(quit[0]);
	(void)close(quit[1]);
	(void)close(listening);
	https_free(https);
	authority_done(&authority);
	arena_done(&arena);
	return 0;
}

/* ---- requests ---- */

static struct https_answer
ask(struct https_request q, const char *networks)
{
	struct https_source s = https_source(https);
	struct https_answer a;

	assert_ok(setting_apply(SET_LOOKUP_HTTPS_NETWORKS, text_of(networks)));
	s.fetch(s.source, &q, &arena, &a);
	assert_int_equal(a.why.len > 0, a.outcome != LOOKUP_HTTPS_ANSWERED);
	return a;
}

static void
expect(const char *url, unsigned redirects, enum lookup_https_outcome outcome, unsigned status)
{
	struct https_answer a =
	    ask((struct https_request){ .url = text_of(url), .most = 5, .redirects = redirects },
		"127.0.0.1");

	if (a.outcome != outcome || a.status != status)
		fail_msg(
		    "%s: outcome %u, status %u, %.*s", url, a.outcome, a.status, TEXT_ARG(a.why));
}

static void
answers(void **state)
{
	struct https_answer a = ask(
	    (struct https_request){ .url = TEXT("https://Good.test/ok"), .most = 5 }, "127.0.0.1");

	assert_int_equal(a.outcome, LOOKUP_HTTPS_ANSWERED);
	assert_int_equal(a.status, 200);
	assert_text(a.content, "text/plain");
	assert_text(a.body, "hello");
	expect("https://good.test/gone", 0, LOOKUP_HTTPS_ANSWERED, 404);
	expect("https://good.test./ok", 0, LOOKUP_HTTPS_ANSWERED, 200);
}

static void
posts(void **state)
{
	struct https_answer a = ask((struct https_request){ .url = TEXT("https://good.test/echo"),
					.post = true,
					.type = TEXT("application/tlsrpt+gzip"),
					.body = TEXT("octets more"),
					.most = 4096 },
	    "127.0.0.1");

	assert_int_equal(a.outcome, LOOKUP_HTTPS_ANSWERED);
	assert_true(text_starts(a.body, TEXT("POST /echo HTTP/1.1\r\n")));
	assert_true(text_find(a.body, TEXT("\r\nContent-Type: application/tlsrpt+gzip\r\n"), 0) <
		    a.body.len);
	assert_true(text_find(a.body, TEXT("\r\nContent-Length: 11\r\n"), 0) < a.body.len);
	assert_true(text_find(a.body, TEXT("Cookie"), 0) == a.body.len);
}

static void
redirects(void **state)
{
	expect("https://good.test/near", 0, LOOKUP_HTTPS_ANSWERED, 302);
	expect("https://good.test/near", 1, LOOKUP_HTTPS_ANSWERED, 200);
	expect("https://good.test/round", 5, LOOKUP_HTTPS_ANSWERED, 302);
	expect("https://good.test/inside", 1, LOOKUP_HTTPS_FORBIDDEN, 0);
	expect("https://good.test/plain", 1, LOOKUP_HTTPS_FORBIDDEN, 0);
	expect("https://good.test/file", 1, LOOKUP_HTTPS_FORBIDDEN, 0);
}

static void
sizes(void **state)
{
	expect("https://good.test/six", 0, LOOKUP_HTTPS_TOO_LARGE, 0);
	expect("https://good.test/unsaid", 0, LOOKUP_HTTPS_TOO_LARGE, 0);
	expect("https://good.test/cut", 0, LOOKUP_HTTPS_TOO_LARGE, 0);
	assert_int_equal(
	    ask((struct https_request){ .url = TEXT("https://good.test/unsaid"), .most = 6 },
		"127.0.0.1")
		.body.len,
	    6);
}

static void
servers_that_misbehave(void **state)
{
	struct https_answer a;

	expect("https://good.test/nothing", 0, LOOKUP_HTTPS_UNREACHABLE, 0);
	expect("https://good.test/nonsense", 0, LOOKUP_HTTPS_UNREACHABLE, 0);
	expect("https://good.test/bad", 0, LOOKUP_HTTPS_UNREACHABLE, 0);
	expect("https://none.test/ok", 0, LOOKUP_HTTPS_UNRESOLVED, 0);
	a = ask((struct https_request){ .url = TEXT("https://good.test/cut"), .most = 1000 },
	    "127.0.0.1");
	assert_int_equal(a.outcome, LOOKUP_HTTPS_UNREACHABLE);
	a = ask((struct https_request){ .url = TEXT("https://closed.test/ok"), .most = 5 },
	    "127.0.0.0/8");
	assert_int_equal(a.outcome, LOOKUP_HTTPS_UNREACHABLE);
	a = ask(
	    (struct https_request){
		.url = TEXT("https://good.test/silent"), .most = 5, .timeout = 300 * CLOCK_MS },
	    "127.0.0.1");
	assert_int_equal(a.outcome, LOOKUP_HTTPS_TIMEOUT);
}

/* The certificate is for good.test, of an authority that we name. */
static void
certificates(void **state)
{
	struct https *stranger;
	struct https_source s;
	struct https_answer a;
	struct failure f;

	expect("https://other.test/ok", 0, LOOKUP_HTTPS_UNTRUSTED, 0);
	expect("https://127.0.0.1/ok", 0, LOOKUP_HTTPS_UNTRUSTED, 0);
	assert_ok(https_new(&dns, TEXT_EMPTY, &stranger, &f));
	s = https_source(stranger);
	s.fetch(s.source, &(struct https_request){ .url = TEXT("https://good.test/ok"), .most = 5 },
	    &arena, &a);
	assert_int_equal(a.outcome, LOOKUP_HTTPS_UNTRUSTED);
	https_free(stranger);
	assert_int_equal(https_new(&dns, TEXT("no certificate"), &stranger, &f), STATUS_INVALID);
}

/* Nothing of this leads to a connection. */
static void
forbidden(void **state)
{
	static const char *const urls[] = {
		"http://good.test/ok",
		"ftp://good.test/ok",
		"file:///etc/passwd",
		"good.test/ok",
		"https://good.test:1/ok",
		"https://user@good.test/ok",
		"https://user:secret@good.test/ok",
		"https://good.test/ok\r\nHost: x",
		"https://a b.test/",
		"https://",
		"https://inside.test/ok",
		"https://mixed.test/ok",
		"https://10.0.0.1/ok",
		"https://169.254.169.254/latest/meta-data",
		"https://127.0.0.2/ok",
		"https://127.2/ok",
		"https://0177.0.0.2/ok",
		"https://2130706434/ok",
		"https://0x7f000002/ok",
		"https://[::1]/ok",
		"https://[::ffff:127.0.0.2]/ok",
		"https://[fe80::1%25eth0]/ok",
		"https://[64:ff9b::7f00:2]/ok",
		"gopher://good.test/",
		"",
	};
	unsigned before = connections;

	for (size_t i = 0; i < ARRAY_LEN(urls); i++)
		expect(urls[i], 5, LOOKUP_HTTPS_FORBIDDEN, 0);
	assert_int_equal(
	    ask((struct https_request){ .url = TEXT("https://good.test/ok"), .most = 5 }, "")
		.outcome,
	    LOOKUP_HTTPS_FORBIDDEN);
	assert_int_equal(connections, before);
}

/* What the environment says of proxies and certificates does not count. */
static void
the_environment_says_nothing(void **state)
{
	static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy",
		"SSL_CERT_FILE", "CURL_CA_BUNDLE" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(setenv(names[i], "http://127.0.0.1:1/", 1), 0);
	expect("https://good.test/ok", 0, LOOKUP_HTTPS_ANSWERED, 200);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unsetenv(names[i]);
}

static void *
ask_silent(void *arg)
{
	struct https_source s = https_source(https);
	struct arena a = ARENA_INIT;

	s.fetch(s.source,
	    &(struct https_request){ .url = TEXT("https://good.test/silent"), .most = 5 }, &a, arg);
	arena_done(&a);
	return NULL;
}

/* The last test: nothing is answered afterwards. */
static void
a_stop_ends_what_is_under_way(void **state)
{
	struct https_answer a = { .outcome = LOOKUP_HTTPS_ANSWERED };
	unsigned before = connections;
	pthread_t asker;

	assert_ok(setting_apply(SET_LOOKUP_HTTPS_NETWORKS, TEXT("127.0.0.1")));
	assert_ok(setting_apply(SET_LOOKUP_HTTPS_TIMEOUT, TEXT("10 min")));
	assert_int_equal(pthread_create(&asker, NULL, ask_silent, &a), 0);
	while (connections == before)
		(void)sched_yield();
	https_stop(https);
	assert_int_equal(pthread_join(asker, NULL), 0);
	assert_int_equal(a.outcome, LOOKUP_HTTPS_UNREACHABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(posts),
		cmocka_unit_test(redirects),
		cmocka_unit_test(sizes),
		cmocka_unit_test(servers_that_misbehave),
		cmocka_unit_test(certificates),
		cmocka_unit_test(forbidden),
		cmocka_unit_test(the_environment_says_nothing),
		cmocka_unit_test(a_stop_ends_what_is_under_way),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
