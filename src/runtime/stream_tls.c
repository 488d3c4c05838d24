/* SPDX-License-Identifier: ISC */
/*
 * TLS streams. Between OpenSSL and the socket stands a BIO of ours, which
 * reads whole flights at once (OpenSSL by itself reads each record in two
 * calls) into a buffer that exists only while it holds something, never waits
 * and never raises SIGPIPE. OpenSSL gets whole records only: for the first
 * octets of one it would keep a buffer of the largest size as long as the
 * peer pleases, and here they cost what they are. OpenSSL's error queue is per thread: it is
 * emptied before each call and read right after it.
 */
#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "runtime/metrics.h"
#include "runtime/stream_private.h"
#include "runtime/tls_private.h"

#define RECORD_HEADER 5
/* A record of the largest size, with its header and its expansion. */
#define AHEAD_SIZE (RECORD_HEADER + 16384 + 256)

struct tls {
	SSL *ssl;
	struct tls_context *context;
	char *ahead; /* received, not taken by OpenSSL; NULL when empty */
	size_t ahead_at, ahead_len;
	size_t record_left; /* of the record that OpenSSL is taking */
	enum status io;	    /* how the socket failed, if it did */
	bool dead;	    /* the connection may not even say goodbye */
};

static BIO_METHOD *method;

/* ---- the BIO ---- */

static void
ahead_free(struct tls *t)
{
	mem_free(t->ahead);
	t->ahead = NULL;
	t->ahead_at = t->ahead_len = 0;
}

/* The size of the record that stands in front, if it is there as a whole; or 0.
 * What cannot be a record is handed on as it is: OpenSSL knows how to refuse. */
static size_t
record_size(const struct tls *t)
{
	const uint8_t *p = (const uint8_t *)t->ahead + t->ahead_at;
	size_t have = t->ahead_len - t->ahead_at, size;

	if (have == 0)
		return 0;
	if (p[0] < SSL3_RT_CHANGE_CIPHER_SPEC || p[0] > SSL3_RT_APPLICATION_DATA)
		return have;
	if (have < RECORD_HEADER)
		return 0;
	size = RECORD_HEADER + ((size_t)p[3] << 8 | p[4]);
	if (size > AHEAD_SIZE)
		return have;
	return size <= have ? size : 0;
}

/* Something that OpenSSL may have. */
static bool
ahead_ready(const struct tls *t)
{
	return t->ahead != NULL && (t->record_left > 0 || record_size(t) > 0);
}

/* What is left is the beginning of a record, or nothing: keeps no more room
 * than it needs, in another place, so that the large one is whole for the next
 * who needs one. */
static void
ahead_shrink(struct tls *t)
{
	size_t have = t->ahead_len - t->ahead_at;

	char *rest = NULL;

	if (have > 0) {
		rest = mem_array(have, 1);
		memcpy(rest, t->ahead + t->ahead_at, have);
	}
	ahead_free(t);
	t->ahead = rest;
	t->ahead_len = have;
}

/* Reads what is there, behind the beginning of a record if there is one. */
static enum status
ahead_fill(struct stream *s)
{
	struct tls *t = s->tls;
	enum status st;
	size_t got = 0;

	t->ahead = mem_resize(t->ahead, AHEAD_SIZE, 1);
	st = stream_receive(s, t->ahead + t->ahead_len, AHEAD_SIZE - t->ahead_len, &got);
	if (st == STATUS_OK && got == 0)
		st = STATUS_CLOSED;
	t->ahead_len += got;
	if (st != STATUS_OK)
		ahead_shrink(t);
	return st;
}

static int
bio_read(BIO *b, char *to, size_t n, size_t *got)
{
	struct stream *s = BIO_get_data(b);
	struct tls *t = s->tls;
	enum status st = STATUS_OK;
	size_t part;

	BIO_clear_retry_flags(b);
	while (st == STATUS_OK && !ahead_ready(t))
		st = ahead_fill(s);
	if (st == STATUS_AGAIN)
		BIO_set_retry_read(b);
	else if (st != STATUS_OK)
		t->io = st;
	if (st != STATUS_OK)
		return 0;
	if (t->record_left == 0)
		t->record_left = record_size(t);
	part = t->record_left < n ? t->record_left : n;
	memcpy(to, t->ahead + t->ahead_at, part);
	t->ahead_at += part;
	t->record_left -= part;
	if (!ahead_ready(t))
		ahead_shrink(t);
	*got = part;
	return 1;
}

/* A session ticket (RFC 8446 4.6.1) stands in front of what is said next, and the last
 * words in front of the goodbye (RFC 8446 6.1). */
static bool
is_followed(const struct stream *s)
{
	const SSL *ssl = s->tls->ssl;

	return s->last || (SSL_is_server(ssl) && SSL_get_state(ssl) == TLS_ST_SW_SESSION_TICKET);
}

static int
bio_write(BIO *b, const char *from, size_t n, size_t *put)
{
	struct stream *s = BIO_get_data(b);
	struct text t = { from, n };
	enum status st = stream_send(s, &t, is_followed(s));

	BIO_clear_retry_flags(b);
	*put = n - t.len;
	if (st == STATUS_AGAIN || (st == STATUS_OK && *put == 0))
		BIO_set_retry_write(b);
	else if (st != STATUS_OK)
		s->tls->io = st;
	return *put > 0;
}

static long
bio_ctrl(BIO *b, int command, long number, void *pointer)
{
	const struct stream *s = BIO_get_data(b);

	if (command == BIO_CTRL_EOF)
		return s->tls->io == STATUS_CLOSED;
	return command == BIO_CTRL_FLUSH;
}

static void
method_make(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
	if (method == NULL || BIO_meth_set_read_ex(method, bio_read) != 1 ||
	    BIO_meth_set_write_ex(method, bio_write) != 1 ||
	    BIO_meth_set_ctrl(method, bio_ctrl) != 1)
		die("OpenSSL does not take our BIO");
}

static BIO *
bio_new(struct stream *s)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *b;

	(void)pthread_once(&once, method_make);
	b = BIO_new(method);
	if (b == NULL)
		die("out of memory: a TLS connection");
	BIO_set_data(b, s);
	BIO_set_init(b, 1);
	return b;
}

/* ---- the stream ---- */

/* What a call that did not succeed means; CLOSED is the peer's end. */
static enum status
outcome(struct tls *t, int result, short *events)
{
	int error = SSL_get_error(t->ssl, result);

	if (error == SSL_ERROR_WANT_READ) {
		*events = POLLIN;
		return STATUS_AGAIN;
	}
	if (error == SSL_ERROR_WANT_WRITE) {
		*events = POLLOUT;
		return STATUS_AGAIN;
	}
	if (error == SSL_ERROR_ZERO_RETURN)
		return STATUS_CLOSED;
	t->dead = true;
	return error == SSL_ERROR_SYSCALL && t->io != STATUS_OK ? t->io : STATUS_IO;
}

static enum status
tls_read(struct stream *s, char *to, size_t n, size_t *got, short *events)
{
	struct tls *t = s->tls;
	enum status st;
	int result;

	ERR_clear_error();
	result = SSL_read_ex(t->ssl, to, n, got);
	if (result == 1)
		return STATUS_OK;
	st = outcome(t, result, events);
	ERR_clear_error();
	if (st != STATUS_CLOSED || t->dead)
		return st;
	*got = 0;
	return STATUS_OK;
}

static enum status
tls_write(struct stream *s, struct text *text, short *events)
{
	struct tls *t = s->tls;
	enum status st;
	size_t put = 0;
	int result;

	ERR_clear_error();
	result = SSL_write_ex(t->ssl, text->ptr, text->len, &put);
	if (result == 1) {
		*text = text_part(*text, put, text->len);
		return STATUS_OK;
	}
	st = outcome(t, result, events);
	ERR_clear_error();
	return st;
}

static bool
tls_pending(const struct stream *s)
{
	return ahead_ready(s->tls) || SSL_has_pending(s->tls->ssl) == 1;
}

static void
tls_done(struct stream *s)
{
	struct tls *t = s->tls;

	if (!t->dead && SSL_is_init_finished(t->ssl) && (s->broken == STATUS_OK || s->ended))
		(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	SSL_free(t->ssl);
	tls_context_unref(t->context);
	ahead_free(t);
	mem_free(t);
	s->tls = NULL;
}

static const struct stream_kind tls_kind = { tls_read, tls_write, tls_pending, tls_done };

SSL *
stream_tls_ssl(const struct stream *s)
{
	return s->tls == NULL ? NULL : s->tls->ssl;
}

/* ---- the handshake ---- */

/* Input that stands in the stream's buffer came in front of the handshake
 * (behind a PROXY header) and belongs to it. */
static void
begin(struct stream *s, struct tls_context *context, SSL *ssl)
{
	struct tls *t = MEM_NEW(struct tls);
	struct text early = stream_buffered(s);
	BIO *b;

	MAGIC_CHECK(s, STREAM_MAGIC);
	CHECK(s->tls == NULL && s->fd >= 0 && s->out.len == 0);
	t->context = context;
	t->ssl = ssl;
	s->tls = t;
	s->kind = &tls_kind;
	b = bio_new(s);
	SSL_set_bio(t->ssl, b, b);
	if (early.len == 0)
		return;
	t->ahead = mem_resize(NULL, early.len, 1);
	memcpy(t->ahead, early.ptr, early.len);
	t->ahead_len = early.len;
	stream_consume(s, early.len);
}

void
stream_tls_begin(struct stream *s, struct tls_context *context)
{
	begin(s, tls_context_ref(context), tls_context_ssl(context));
}

enum status
stream_tls_step(struct stream *s, struct failure *f)
{
	struct tls *t = s->tls;
	char words[256];
	enum status st;
	short events;
	int result;

	if (s->broken != STATUS_OK)
		return s->broken;
	for (;;) {
		ERR_clear_error();
		result = SSL_do_handshake(t->ssl);
		if (result == 1) {
			metric_add(METRIC_TLS_HANDSHAKES, 1);
			return STATUS_OK;
		}
		st = outcome(t, result, &events);
		if (st != STATUS_AGAIN)
			break;
		if (events == POLLIN)
			return STATUS_AGAIN;
		st = stream_poll(s, events);
		if (st != STATUS_OK)
			break;
	}
	metric_add(METRIC_TLS_FAILURES, 1);
	t->dead = true;
	(void)stream_break(s, st);
	return fail(f, st, "TLS handshake failed", "%s",
	    st == STATUS_IO ? tls_error_words(words) : status_word(st));
}

/* Steps to the end, within the deadline. */
static enum status
steps(struct stream *s, struct failure *f)
{
	enum status st;

	while ((st = stream_tls_step(s, f)) == STATUS_AGAIN) {
		st = stream_poll(s, POLLIN);
		if (st != STATUS_OK) {
			metric_add(METRIC_TLS_FAILURES, 1);
			s->tls->dead = true;
			(void)stream_break(s, st);
			return fail(f, st, "TLS handshake failed", "%s", status_word(st));
		}
	}
	return st;
}

/* A plain stream on which nobody has said anything of TLS yet. */
static enum status
fit_for_tls(struct stream *s, struct failure *f)
{
	if (s->broken != STATUS_OK)
		return fail(f, s->broken, "TLS handshake failed", "%s", status_word(s->broken));
	if (stream_buffered(s).len > 0)
		return fail(f, STATUS_INVALID, "No data may follow the command",
		    "octets stand before the handshake");
	if (stream_flush(s) != STATUS_OK)
		return fail(f, s->broken, "TLS handshake failed", "%s", status_word(s->broken));
	return STATUS_OK;
}

enum status
stream_tls_run(struct stream *s, struct tls_context *context, SSL *ssl, struct failure *f)
{
	int64_t before = s->deadline, end = clock_mono() + STREAM_TLS_MAX;
	enum status st = fit_for_tls(s, f);

	if (st != STATUS_OK) {
		SSL_free(ssl);
		tls_context_unref(context);
		return st;
	}
	if (before == 0 || end < before)
		stream_set_deadline(s, end);
	begin(s, context, ssl);
	st = steps(s, f);
	if (st == STATUS_OK)
		stream_set_deadline(s, before);
	return st;
}

enum status
stream_start_tls(struct stream *s, struct tls_context *context, struct failure *f)
{
	return stream_tls_run(s, tls_context_ref(context), tls_context_ssl(context), f);
}
