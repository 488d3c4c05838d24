/* SPDX-License-Identifier: ISC */
/*
 * The SMTP client under TLS, and on connections that break: a server in another
 * thread, which follows a script over a real socket and has certificates made
 * for the test.
 */
#include "runtime/tls_testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>

#include "runtime/connect.h"
#include "smtp/client_testing.h"

/* Steps of a script: "<" waits for a line that begins so, ">" says a text, and */
#define SHAKES "!tls"	   /* a handshake as server */
#define MESSAGE "!message" /* reads up to the final dot */
#define STUCK "!stuck"	   /* reads nothing until the client has given up */

static struct authority ca;
static struct tls_context *context; /* mx.example.org */
static struct tls_trust *trust;

struct scripted {
	int listening, fd;
	const char *const *steps;
	pthread_t thread;
	struct stream stream;
	size_t done; /* steps that went as they should */
	int gone[2]; /* a pipe that is closed when the client has given up */
};

static bool
hears(struct stream *s, struct text end)
{
	size_t at;

	while ((at = text_find(stream_buffered(s), end, 0)) == stream_buffered(s).len)
		if (stream_fill(s) != STATUS_OK)
			return false;
	stream_consume(s, at + end.len);
	return true;
}

static bool
hears_line(struct stream *s, struct text start)
{
	struct text line = TEXT_EMPTY;
	enum status st;
	bool good;

	while ((st = stream_line(s, 1000, &line)) == STATUS_AGAIN)
		if (stream_fill(s) != STATUS_OK)
			return false;
	good = st == STATUS_OK && text_starts(line, start);
	stream_consume(s, line.len + 2);
	return good;
}

static bool
step(struct scripted *v, const char *step)
{
	if (strcmp(step, SHAKES) == 0)
		return stream_start_tls(&v->stream, context, NULL) == STATUS_OK;
	if (strcmp(step, STUCK) == 0) {
		char c;

		return read(v->gone[0], &c, 1) == 0;
	}
	if (strcmp(step, MESSAGE) == 0)
		return hears(&v->stream, TEXT("\r\n.\r\n"));
	if (step[0] == '<')
		return hears_line(&v->stream, text_of(step + 1));
	stream_write(&v->stream, text_of(step + 1));
	return stream_flush(&v->stream) == STATUS_OK;
}

static void *
server_main(void *arg)
{
	struct scripted *v = arg;

	v->fd = accept(v->listening, NULL, NULL);
	stream_init_fd(&v->stream, v->fd);
	while (v->steps[v->done] != NULL && step(v, v->steps[v->done]))
		v->done++;
	stream_done(&v->stream);
	return NULL;
}

static void
scripted_start(struct scripted *v, const char *const *steps, struct play *p)
{
	struct connect_rules rules = { .deadline = INT64_MAX };
	struct sockaddr_storage at = { 0 };
	struct sockaddr_in *in = (void *)&at;
	socklen_t size = sizeof(at);
	struct connected c;

	memset(v, 0, sizeof(*v));
	v->steps = steps;
	assert_int_equal(pipe(v->gone), 0);
	v->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(v->listening, (struct sockaddr *)&at, sizeof(*in)), 0);
	assert_int_equal(listen(v->listening, 1), 0);
	assert_int_equal(getsockname(v->listening, (struct sockaddr *)&at, &size), 0);
	play_init(p, NULL);
	clock_set_for_test(-1, -1);
	assert_int_equal(pthread_create(&v->thread, NULL, server_main, v), 0);
	assert_ok(connect_any(&at, 1, &rules, &c, NULL));
	stream_init_fd(&p->stream, c.fd);
	play_recipient(p, "b@x.example");
	p->config.trust = trust;
	p->config.tls = SMTP_TLS_MUST;
}

/* The client ends; how many steps the server had left. */
static size_t
scripted_end(struct scripted *v, struct play *p)
{
	size_t left = 0;

	smtp_client_quit(&p->client);
	play_done(p);
	(void)close(v->gone[1]);
	pthread_join(v->thread, NULL);
	(void)close(v->gone[0]);
	(void)close(v->listening);
	for (; v->steps[v->done + left] != NULL; left++)
		continue;
	return left;
}

static void
want(struct play *p, enum tls_verify verify, const struct text *name)
{
	p->config.wants = (struct tls_wants){ .verify = verify, .names = name, .name_count = 1 };
}

/* ---- as it should be ---- */

static void
encrypted(void **state)
{
	static const char *const steps[] = { ">220 mx\r\n", "<EHLO",
		">250-mx\r\n250-CHUNKING\r\n250 STARTTLS\r\n", "<STARTTLS", ">220 go\r\n", SHAKES,
		"<EHLO client.example", ">250-mx\r\n250 REQUIRETLS\r\n",
		"<MAIL FROM:<from@a.example> REQUIRETLS", ">250 a\r\n", "<RCPT", ">250 b\r\n",
		"<DATA", ">354 go\r\n", MESSAGE, ">250 got it\r\n", "<QUIT", ">221 bye\r\n", NULL };
	static const struct text name = TEXT("mx.example.org");
	struct scripted v;
	struct play p;

	scripted_start(&v, steps, &p);
	want(&p, TLS_VERIFY_PKIX, &name);
	p.envelope.require_tls = true;
	assert_ok(smtp_client_open(&p.client));
	/* what was offered in clear does not count (RFC 3207 4.2) */
	assert_int_equal(p.client.offers.set, SMTP_OFFERS_REQUIRETLS);
	assert_ok(play_send(&p));
	assert_int_equal(p.recipients[0].fate.outcome, SMTP_RELAYED);
	assert_int_equal(p.client.tls.verified, TLS_VERIFIED_PKIX);
	assert_string_equal(p.client.tls.version, "TLSv1.3");
	assert_int_equal(scripted_end(&v, &p), 0);
}

/* From the first octet; who is not known for who he is does not get REQUIRETLS
 * (RFC 8689 4.2.1). */
static void
wrapped(void **state)
{
	static const char *const steps[] = { SHAKES, ">220 mx\r\n", "<EHLO",
		">250-mx\r\n250 REQUIRETLS\r\n", "<QUIT", ">221 bye\r\n", NULL };
	static const struct text name = TEXT("other.example.org");
	struct scripted v;
	struct play p;

	scripted_start(&v, steps, &p);
	p.config.tls = SMTP_TLS_WRAP;
	want(&p, TLS_VERIFY_NONE, &name);
	p.envelope.require_tls = true;
	assert_ok(smtp_client_open(&p.client));
	assert_int_equal(p.client.tls.result, TLS_RESULT_CERTIFICATE_HOST_MISMATCH);
	assert_ok(play_send(&p));
	assert_int_equal(p.recipients[0].fate.stage, SMTP_AT_NEEDS);
	assert_int_equal(p.recipients[0].fate.answer.enhanced[2], 30);
	assert_int_equal(scripted_end(&v, &p), 0);
}

/* ---- no TLS ---- */

static void
no_tls(void **state)
{
	static const char *const refused[] = { ">220 mx\r\n", "<EHLO",
		">250-mx\r\n250 STARTTLS\r\n", "<STARTTLS", ">454 4.7.0 not today\r\n", "<QUIT",
		">221 bye\r\n", NULL };
	static const char *const not_offered[] = { ">220 mx\r\n", "<EHLO", ">250 mx\r\n", "<QUIT",
		">221 bye\r\n", NULL };

	for (int round = 0; round < 4; round++) {
		struct scripted v;
		struct play p;
		bool must = round % 2 == 0;
		enum status st;

		scripted_start(&v, round < 2 ? refused : not_offered, &p);
		p.config.tls = must ? SMTP_TLS_MUST : SMTP_TLS_MAY;
		st = smtp_client_open(&p.client);
		assert_int_equal(st, must ? STATUS_DENIED : STATUS_OK);
		assert_int_equal(p.client.usable, !must);
		assert_int_equal(p.client.tls.result, TLS_RESULT_STARTTLS_NOT_SUPPORTED);
		assert_false(p.client.tls.encrypted);
		if (must) {
			assert_int_equal(p.client.fate.outcome, SMTP_TEMPORARY);
			assert_int_equal(p.client.fate.stage, SMTP_AT_STARTTLS);
			assert_int_equal(p.client.fate.answer.code, round == 0 ? 454 : 0);
		}
		assert_int_equal(scripted_end(&v, &p), 0);
	}
}

/* Each way in which a handshake comes to nothing; no word of mail is said. */
static void
handshakes(void **state)
{
	static const char *const steps[][8] = {
		/* RFC 3207 6: octets behind the answer, that would be taken for encrypted */
		{ ">220 mx\r\n", "<EHLO", ">250-mx\r\n250 STARTTLS\r\n", "<STARTTLS",
		    ">220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n", NULL },
		{ ">220 mx\r\n", "<EHLO", ">250-mx\r\n250 STARTTLS\r\n", "<STARTTLS", ">220 go\r\n",
		    NULL },
		{ ">220 mx\r\n", "<EHLO", ">250-mx\r\n250 STARTTLS\r\n", "<STARTTLS", ">220 go\r\n",
		    SHAKES, NULL },
	};
	static const struct text name = TEXT("other.example.org");

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct scripted v;
		struct play p;

		scripted_start(&v, steps[i], &p);
		want(&p, TLS_VERIFY_PKIX, &name);
		assert_int_not_equal(smtp_client_open(&p.client), STATUS_OK);
		assert_false(p.client.usable);
		assert_int_equal(p.client.fate.stage, SMTP_AT_TLS);
		assert_int_equal(p.client.fate.outcome, SMTP_TEMPORARY);
		assert_int_equal(p.client.fate.answer.code, 0);
		assert_true(p.client.fate.answer.text[0] != '\0');
		assert_false(p.client.tls.encrypted);
		if (i == 2)
			assert_int_equal(p.client.tls.result, TLS_RESULT_CERTIFICATE_HOST_MISMATCH);
		assert_int_equal(play_send(&p), STATUS_CLOSED);
		assert_int_equal(p.recipients[0].fate.outcome, SMTP_UNTRIED);
		assert_int_equal(scripted_end(&v, &p), i == 2 ? 1 : 0);
	}
}

/* ---- connections that break ---- */

/* A server that answers in the middle of a large message and goes without
 * reading the rest: the kernel says "reset", and the answer counts. */
static void
refused(const char *const *steps, enum smtp_tls_mode tls)
{
	struct buffer message = BUFFER_INIT;
	struct scripted v;
	struct play p;

	for (unsigned i = 1; i < 1000000; i++)
		buffer_addf(&message, "line %u\r\n", i);
	scripted_start(&v, steps, &p);
	p.config.tls = tls;
	play_message(&p, buffer_string(&message));
	p.piece = 65536;
	assert_ok(smtp_client_open(&p.client));
	assert_int_equal(play_send(&p), STATUS_DENIED);
	assert_int_equal(p.recipients[0].fate.outcome, SMTP_PERMANENT);
	assert_int_equal(p.recipients[0].fate.stage, SMTP_AT_MESSAGE);
	assert_int_equal(p.recipients[0].fate.answer.code, 552);
	assert_int_equal(scripted_end(&v, &p), 0);
	buffer_done(&message);
}

static void
refused_while_sending(void **state)
{
	static const char *const steps[] = { SHAKES, ">220 mx\r\n", "<EHLO", ">250 mx\r\n", "<MAIL",
		">250 a\r\n", "<RCPT", ">250 b\r\n", "<DATA", ">354 go\r\n", "<line 1",
		">552 5.3.4 enough\r\n", NULL };

	refused(steps + 1, SMTP_TLS_NEVER);
	refused(steps, SMTP_TLS_WRAP);
}

static void
gone_while_sending(void **state)
{
	static const char *const steps[] = { ">220 mx\r\n", "<EHLO", ">250-mx\r\n250 CHUNKING\r\n",
		"<MAIL", ">250 a\r\n", "<RCPT", ">250 b\r\n", "<BDAT", "<line 1", NULL };
	struct buffer message = BUFFER_INIT;
	struct scripted v;
	struct play p;

	for (unsigned i = 1; i < 1000000; i++)
		buffer_addf(&message, "line %u\r\n", i);
	scripted_start(&v, steps, &p);
	p.config.tls = SMTP_TLS_NEVER;
	play_message(&p, buffer_string(&message));
	assert_ok(smtp_client_open(&p.client));
	assert_int_equal(play_send(&p), STATUS_CLOSED);
	assert_int_equal(p.recipients[0].fate.outcome, SMTP_TEMPORARY);
	assert_int_equal(p.recipients[0].fate.stage, SMTP_AT_MESSAGE);
	assert_false(p.recipients[0].fate.perhaps);
	assert_int_equal(scripted_end(&v, &p), 0);
	buffer_done(&message);
}

/* The server takes no more of the message: it has outbound.block_timeout. */
static void
stuck(void **state)
{
	static const char *const steps[] = { ">220 mx\r\n", "<EHLO", ">250 mx\r\n", "<MAIL",
		">250 a\r\n", "<RCPT", ">250 b\r\n", "<DATA", ">354 go\r\n", STUCK, NULL };
	struct buffer message = BUFFER_INIT;
	struct scripted v;
	struct play p;

	for (unsigned i = 1; i < 1000000; i++)
		buffer_addf(&message, "line %u\r\n", i);
	scripted_start(&v, steps, &p);
	p.config.tls = SMTP_TLS_NEVER;
	p.config.times.block = 0;
	play_message(&p, buffer_string(&message));
	p.piece = 65536;
	assert_ok(smtp_client_open(&p.client));
	assert_int_equal(play_send(&p), STATUS_TIMEOUT);
	assert_int_equal(p.recipients[0].fate.outcome, SMTP_TEMPORARY);
	assert_int_equal(p.recipients[0].fate.stage, SMTP_AT_MESSAGE);
	assert_false(p.recipients[0].fate.perhaps);
	assert_int_equal(scripted_end(&v, &p), 0);
	buffer_done(&message);
}

static int
world_make(void **state)
{
	static const struct choice choice = { 0, "" };
	struct buffer roots = BUFFER_INIT;

	authority_init(&ca);
	(void)authority_issue(&ca, "P-256", "mx.example.org");
	context = authority_context(&ca, &choice, 1, TEXT_EMPTY);
	pem_of(&roots, ca.certificate, NULL);
	assert_ok(tls_trust_new(buffer_text(&roots), TEXT_EMPTY, &trust, NULL));
	buffer_done(&roots);
	return 0;
}

static int
world_end(void **state)
{
	tls_context_unref(context);
	tls_trust_free(trust);
	authority_done(&ca);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encrypted),
		cmocka_unit_test(wrapped),
		cmocka_unit_test(no_tls),
		cmocka_unit_test(handshakes),
		cmocka_unit_test(refused_while_sending),
		cmocka_unit_test(gone_while_sending),
		cmocka_unit_test(stuck),
	};

	return cmocka_run_group_tests(tests, world_make, world_end);
}
