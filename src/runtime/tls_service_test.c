/* SPDX-License-Identifier: ISC */
/*
 * Tests of TLS in services: implicit and by STARTTLS, handshakes that come in
 * pieces and park in between, silent clients, injection before the handshake,
 * certificates that change while sessions live.
 */
#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "runtime/metrics.h"
#include "runtime/network.h"
#include "runtime/session.h"
#include "runtime/tls_testing.h"

/* STARTTLS, ECHO text, BIG (a megabyte), QUIT. */
static enum next
obey(struct session *s, struct text line)
{
	static char big[1 << 20];

	if (text_equal(line, TEXT("STARTTLS"))) {
		stream_write(&s->stream, TEXT("ready\r\n"));
		return NEXT_START_TLS;
	}
	if (text_starts(line, TEXT("ECHO "))) {
		stream_write(&s->stream, text_part(line, 5, line.len));
		stream_print(&s->stream, " %d\r\n", s->tls);
		return NEXT_PARK;
	}
	if (text_equal(line, TEXT("BIG"))) {
		memset(big, 'b', sizeof(big));
		stream_write(&s->stream, (struct text){ big, sizeof(big) });
		stream_write(&s->stream, TEXT("\r\n"));
		return NEXT_PARK;
	}
	stream_write(&s->stream, TEXT("bye\r\n"));
	return NEXT_CLOSE;
}

static enum next
toy_run(struct session *s, enum wake why)
{
	enum next next = NEXT_PARK;
	struct text line;

	if (why == WAKE_START)
		stream_write(&s->stream, TEXT("hello\r\n"));
	if (why == WAKE_STOP || why == WAKE_TIMER)
		return NEXT_CLOSE;
	while (next == NEXT_PARK && stream_line(&s->stream, 1000, &line) == STATUS_OK) {
		next = obey(s, line);
		stream_consume(&s->stream, line.len + 2);
	}
	return next;
}

static const struct session_class toy_class = { "toy", sizeof(struct session), toy_run, NULL,
	NULL };

struct house {
	struct listener listener;
	struct service *service;
	struct service_config config;
	struct authority authority;
	struct tls_context *context;
};

static void
house_open(struct house *h, enum listener_tls tls)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct choice choice;

	authority_init(&h->authority);
	choice =
	    (struct choice){ authority_issue(&h->authority, "P-256", "mail.test"), "mail.test" };
	h->context = authority_context(&h->authority, &choice, 1, TEXT_EMPTY);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	h->listener.name = "toy";
	h->listener.class = &toy_class;
	h->listener.tls = tls;
	h->listener.fd = fd;
	h->listener.port = ntohs(a.sin_port);
	h->config.listeners = &h->listener;
	h->config.listener_count = 1;
	h->config.workers_max = 2;
	h->config.tls = h->context;
	h->service = service_start(&h->config);
}

static void
house_close(struct house *h)
{
	service_stop(h->service, clock_mono() + CLOCK_MINUTE);
	service_free(h->service);
	tls_context_unref(h->context);
	authority_done(&h->authority);
	close(h->listener.fd);
}

static int
dial(const struct house *h)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(h->listener.port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void
await_parked(const struct house *h, unsigned count)
{
	struct service_facts facts;

	do {
		sched_yield();
		service_facts_of(h->service, &facts);
	} while (facts.parked != count);
}

static void
say(SSL *ssl, const char *words)
{
	assert_int_equal(SSL_write(ssl, words, (int)strlen(words)), strlen(words));
}

static void
hear(SSL *ssl, const char *words)
{
	char got[100];
	int n = 0;

	while ((size_t)n < strlen(words)) {
		int r = SSL_read(ssl, got + n, (int)strlen(words) - n);

		if (r <= 0)
			fail_msg("ended in the middle of: %s", words);
		n += r;
	}
	assert_memory_equal(got, words, strlen(words));
}

static void
hear_plain(int fd, const char *words)
{
	char got[100];

	assert_int_equal(recv(fd, got, strlen(words), MSG_WAITALL), strlen(words));
	assert_memory_equal(got, words, strlen(words));
}

static void
hang_up(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	SSL_free(ssl);
	close(fd);
}

static void
hear_end(SSL *ssl)
{
	char c;

	assert_int_equal(SSL_read(ssl, &c, 1), 0);
	assert_int_equal(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN); /* a proper goodbye */
	hang_up(ssl);
}

static void
implicit(void **state)
{
	struct house h = { 0 };
	int64_t handshakes = metric_get(METRIC_TLS_HANDSHAKES);
	SSL_CTX *c;
	SSL *ssl;

	house_open(&h, TLS_IMPLICIT);
	c = client_context(&h.authority, TLS1_3_VERSION);
	ssl = client_on(c, dial(&h), "mail.test");
	await_parked(&h, 1); /* not a word yet */
	assert_int_equal(SSL_connect(ssl), 1);
	hear(ssl, "hello\r\n");
	say(ssl, "ECHO a\r\nECHO");
	hear(ssl, "a 1\r\n");
	await_parked(&h, 1);
	say(ssl, " b\r\n");
	say(ssl, "ECHO c\r\n");
	hear(ssl, "b 1\r\nc 1\r\n");
	say(ssl, "QUIT\r\n");
	hear(ssl, "bye\r\n");
	hear_end(ssl);
	assert_int_equal(metric_get(METRIC_TLS_HANDSHAKES), handshakes + 1);
	SSL_CTX_free(c);
	house_close(&h);
}

static unsigned
packets(SSL *ssl)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(SSL_get_fd(ssl), IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_data_segs_in;
}

/* The ticket goes with the greeting and the goodbye with the last words, unless we are
 * so slow that the kernel gives up waiting for the second of them. */
static void
what_goes_together(void **state)
{
	struct house h = { 0 };
	SSL_CTX *c;
	unsigned least = 100;

	house_open(&h, TLS_IMPLICIT);
	c = client_context(&h.authority, TLS1_3_VERSION);
	for (int i = 0; i < 20 && least > 3; i++) {
		SSL *ssl = client_on(c, dial(&h), "mail.test");
		char byte;
		unsigned n;

		assert_int_equal(SSL_connect(ssl), 1);
		hear(ssl, "hello\r\n");
		say(ssl, "QUIT\r\n");
		hear(ssl, "bye\r\n");
		assert_int_equal(SSL_read(ssl, &byte, 1), 0);
		n = packets(ssl);
		least = n < least ? n : least;
		hang_up(ssl);
	}
	assert_int_equal(least, 3); /* our part of the handshake is the first */
	SSL_CTX_free(c);
	house_close(&h);
}

static SSL *
start_tls(struct house *h, SSL_CTX *c)
{
	int fd = dial(h);
	SSL *ssl = client_on(c, fd, "mail.test");

	hear_plain(fd, "hello\r\n");
	assert_int_equal(send(fd, "STARTTLS\r\n", 10, 0), 10);
	hear_plain(fd, "ready\r\n");
	assert_int_equal(SSL_connect(ssl), 1);
	return ssl;
}

static void
by_command(void **state)
{
	struct house h = { 0 };

	house_open(&h, TLS_STARTTLS);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *c = client_context(&h.authority, version);
		SSL *ssl = start_tls(&h, c);

		say(ssl, "ECHO a\r\n");
		hear(ssl, "a 1\r\n");
		await_parked(&h, 1);
		say(ssl, "STARTTLS\r\n"); /* once is enough */
		hear(ssl, "ready\r\n");
		hear_end(ssl);
		SSL_CTX_free(c);
	}
	house_close(&h);
}

static void
nothing_is_injected(void **state)
{
	struct house h = { 0 };
	int fd;
	char c;

	house_open(&h, TLS_STARTTLS);
	fd = dial(&h);
	hear_plain(fd, "hello\r\n");
	assert_int_equal(send(fd, "STARTTLS\r\nECHO evil\r\n", 21, 0), 21);
	hear_plain(fd, "ready\r\n");
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	close(fd);
	house_close(&h);
}

/* Moves what the client has to say in pieces of n octets, each after the
 * session has parked again, then what the server answers. */
static void
carry(struct house *h, SSL *ssl, int fd, size_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char piece[20000];
	ssize_t got;
	int r;

	while ((r = BIO_read(SSL_get_wbio(ssl), piece, (int)n)) > 0) {
		await_parked(h, 1);
		assert_int_equal(send(fd, piece, (size_t)r, 0), r);
	}
	assert_int_equal(poll(&p, 1, -1), 1);
	got = recv(fd, piece, sizeof(piece), 0);
	assert_true(got > 0);
	assert_int_equal(BIO_write(SSL_get_rbio(ssl), piece, (int)got), got);
}

static void
in_pieces(void **state)
{
	static const size_t sizes[] = { 1, 7, 100 };
	struct house h = { 0 };

	house_open(&h, TLS_IMPLICIT);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		SSL_CTX *c = client_context(&h.authority, i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
		int fd = dial(&h);
		SSL *ssl = client_on(c, fd, "mail.test");
		char got[100];
		int n;

		SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
		while (SSL_connect(ssl) != 1) {
			assert_int_equal(SSL_get_error(ssl, -1), SSL_ERROR_WANT_READ);
			carry(&h, ssl, fd, sizes[i]);
		}
		assert_int_equal(SSL_write(ssl, "ECHO a\r\nECHO b\r\n", 16), 16);
		for (n = 0; n < 17;) {
			int r = SSL_read(ssl, got + n, (int)sizeof(got) - n);

			if (r > 0)
				n += r;
			else
				carry(&h, ssl, fd, sizes[i]);
		}
		assert_memory_equal(got, "hello\r\na 1\r\nb 1\r\n", 17);
		SSL_free(ssl);
		SSL_CTX_free(c);
		close(fd);
		await_parked(&h, 0);
	}
	house_close(&h);
}

static void
a_handshake_has_a_minute(void **state)
{
	struct house h = { 0 };
	int64_t now = CLOCK_DAY;
	int silent, half, other;
	char c;

	clock_set_for_test(now, now);
	house_open(&h, TLS_IMPLICIT);
	silent = dial(&h);
	half = dial(&h);
	assert_int_equal(send(half, "\x16\x03\x01\x02", 4, 0), 4);
	await_parked(&h, 2);
	clock_set_for_test(now, now + STREAM_TLS_MAX);
	other = dial(&h); /* makes the waiter look at the clock */
	assert_int_equal(recv(silent, &c, 1, 0), 0);
	assert_int_equal(recv(half, &c, 1, 0), 0);
	clock_set_for_test(-1, -1);
	close(silent);
	close(half);
	close(other);
	house_close(&h);
}

static void
certificates_change_while_sessions_live(void **state)
{
	struct house h = { 0 };
	struct tls_context *renewed;
	struct choice choice;
	SSL_CTX *c;
	SSL *before, *after;
	X509 *peer;

	house_open(&h, TLS_IMPLICIT);
	choice = (struct choice){ authority_issue(&h.authority, "RSA", "mail.test"), "mail.test" };
	renewed = authority_context(&h.authority, &choice, 1, TEXT_EMPTY);
	c = client_context(&h.authority, TLS1_3_VERSION);
	before = client_on(c, dial(&h), "mail.test");
	assert_int_equal(SSL_connect(before), 1);
	hear(before, "hello\r\n");
	await_parked(&h, 1);
	service_set_tls(h.service, renewed);
	tls_context_unref(renewed);
	tls_context_unref(h.context); /* the session and the house keep what they need */
	h.context = service_tls(h.service);
	assert_ptr_equal(h.context, renewed);
	after = client_on(c, dial(&h), "mail.test");
	assert_int_equal(SSL_connect(after), 1);
	hear(after, "hello\r\n");
	peer = SSL_get1_peer_certificate(after);
	assert_int_equal(X509_cmp(peer, h.authority.issued[choice.place].leaf), 0);
	X509_free(peer);
	say(before, "ECHO still\r\n");
	hear(before, "still 1\r\n");
	hang_up(before);
	hang_up(after);
	SSL_CTX_free(c);
	house_close(&h);
}

static void
behind_a_balancer(void **state)
{
	struct network balancer;
	struct house h = { .listener = { .proxy = true },
		.config = { .proxy_peers = &balancer, .proxy_peer_count = 1 } };
	static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1000 993\r\n";
	char first[4000];
	SSL_CTX *c;
	SSL *ssl;
	int fd, n;

	assert_ok(network_parse(TEXT("127.0.0.0/8"), &balancer));
	house_open(&h, TLS_IMPLICIT);
	c = client_context(&h.authority, TLS1_3_VERSION);
	fd = dial(&h);
	ssl = client_on(c, fd, "mail.test");
	/* header and ClientHello in one segment */
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	assert_int_equal(SSL_connect(ssl), -1);
	memcpy(first, header, sizeof(header) - 1);
	n = BIO_read(SSL_get_wbio(ssl), first + sizeof(header) - 1, 3000);
	assert_true(n > 0);
	n += (int)sizeof(header) - 1;
	assert_int_equal(send(fd, first, (size_t)n, 0), n);
	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	assert_int_equal(SSL_connect(ssl), 1);
	hear(ssl, "hello\r\n");
	hang_up(ssl);
	SSL_CTX_free(c);
	house_close(&h);
}

static void
a_megabyte(void **state)
{
	struct house h = { 0 };
	char block[5000];
	SSL_CTX *c;
	SSL *ssl;
	int got = 0;

	house_open(&h, TLS_IMPLICIT);
	c = client_context(&h.authority, TLS1_3_VERSION);
	ssl = client_on(c, dial(&h), "mail.test");
	assert_int_equal(SSL_connect(ssl), 1);
	hear(ssl, "hello\r\n");
	say(ssl, "BIG\r\n");
	while (got < (1 << 20)) {
		int want = (1 << 20) - got < 5000 ? (1 << 20) - got : 5000;
		int n = SSL_read(ssl, block, want);

		assert_true(n > 0);
		for (int i = 0; i < n; i++)
			assert_int_equal(block[i], 'b');
		got += n;
	}
	hear(ssl, "\r\n");
	hang_up(ssl);
	SSL_CTX_free(c);
	house_close(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(implicit),
		cmocka_unit_test(what_goes_together),
		cmocka_unit_test(by_command),
		cmocka_unit_test(nothing_is_injected),
		cmocka_unit_test(in_pieces),
		cmocka_unit_test(a_handshake_has_a_minute),
		cmocka_unit_test(certificates_change_while_sessions_live),
		cmocka_unit_test(behind_a_balancer),
		cmocka_unit_test(a_megabyte),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* for the client's side */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
