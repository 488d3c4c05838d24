/* SPDX-License-Identifier: ISC */
/*
 * One session on a worker: the phases before the protocol's first run (PROXY
 * header, TLS handshake), the runs, and what follows each: flush, look whether
 * somebody called meanwhile, park. A handshake or
 * header that is not whole parks like a half line, so that a silent client
 * costs no thread at any point.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/log.h"
#include "runtime/network.h"
#include "runtime/proxy.h"
#include "runtime/session_private.h"
#include "runtime/tls.h"

#define FLUSH_MAX CLOCK_MINUTE
#define PROXY_MAX (10 * CLOCK_SECOND)

struct text
session_peer_text(const struct session *s, char out[64])
{
	const uint8_t *octets;
	size_t n = network_octets(&s->peer, &octets);

	if (n == 0 || inet_ntop(n == 4 ? AF_INET : AF_INET6, octets, out, 64) == NULL)
		return TEXT("local");
	return text_of(out);
}

bool
session_peer_loopback(const struct session *s)
{
	return s->peer.ss_family == AF_UNIX || network_loopback(&s->peer);
}

void
session_local(const struct session *s, struct sockaddr_storage *out)
{
	socklen_t len = sizeof(*out);

	memset(out, 0, sizeof(*out));
	(void)getsockname(s->stream.fd, (struct sockaddr *)out, &len); /* none if it failed */
}

static void
log_failure(const struct session *s, const char *event, const char *why)
{
	char peer[64];

	LOG_INFO(event, FIELD_STRING("class", s->class->name), FIELD_U64("session", s->id),
	    FIELD_TEXT("peer", session_peer_text(s, peer)), FIELD_STRING("why", why));
}

/* ---- the phases ---- */

static void
begin_tls(struct session *s, enum phase phase)
{
	s->phase = (uint8_t)phase;
	s->park_until = clock_mono() + STREAM_TLS_MAX;
}

void
session_begin(struct session *s)
{
	const struct service_config *c = &s->service->config;

	if (s->listener->proxy && networks_have(c->proxy_peers, c->proxy_peer_count, &s->peer)) {
		s->phase = PHASE_PROXY;
		s->park_until = clock_mono() + PROXY_MAX;
	} else if (s->listener->tls == TLS_IMPLICIT) {
		begin_tls(s, PHASE_TLS);
	} else {
		s->phase = PHASE_START;
	}
}

static enum next
refuse_header(struct session *s)
{
	log_failure(s, "proxy.refused", "no valid PROXY header");
	return NEXT_CLOSE;
}

/* The real client counts against the limits only from here on. */
static enum next
accept_header(struct session *s, const struct proxy_header *h)
{
	if (!h->own)
		s->peer = h->peer;
	if (!service_admit(s->service, s)) {
		stream_write(&s->stream, text_of(s->class->busy));
		return NEXT_CLOSE;
	}
	if (s->listener->tls == TLS_IMPLICIT)
		begin_tls(s, PHASE_TLS);
	else
		s->phase = PHASE_START;
	return NEXT_PARK;
}

static enum next
read_header(struct session *s)
{
	struct proxy_header h;
	enum status st;
	size_t used;

	st = stream_fill_now(&s->stream);
	if (st == STATUS_AGAIN)
		return NEXT_PARK;
	if (st != STATUS_OK)
		return refuse_header(s);
	st = proxy_parse(stream_buffered(&s->stream), &h, &used);
	if (st == STATUS_AGAIN)
		return NEXT_PARK;
	if (st != STATUS_OK)
		return refuse_header(s);
	stream_consume(&s->stream, used);
	return accept_header(s, &h);
}

static bool
take_context(struct session *s)
{
	struct tls_context *context = service_tls(s->service);

	if (context == NULL)
		return false;
	stream_tls_begin(&s->stream, context);
	tls_context_unref(context);
	return true;
}

/* The connection takes memory for TLS when the client speaks, not before. */
static enum next
shake_hands(struct session *s)
{
	struct failure f;
	enum status st;

	if (s->stream.tls == NULL && !take_context(s)) {
		log_failure(s, "tls.failed", "there is no certificate");
		return NEXT_CLOSE;
	}
	st = stream_tls_step(&s->stream, &f);
	if (st == STATUS_AGAIN)
		return NEXT_PARK;
	if (st != STATUS_OK) {
		log_failure(s, "tls.failed", f.log);
		return NEXT_CLOSE;
	}
	s->tls = true;
	s->phase = s->phase == PHASE_TLS ? PHASE_START : PHASE_RUN;
	return NEXT_PARK;
}

static enum next
run(struct session *s, enum wake why)
{
	enum next next;

	s->park_until = 0;
	next = s->class->run(s, why);
	stream_set_deadline(&s->stream, 0);
	stream_set_min_rate(&s->stream, 0);
	return why == WAKE_STOP ? NEXT_CLOSE : next;
}

/* Runs the protocol for this reason; input is read before. */
static enum next
run_protocol(struct session *s, enum wake why, bool filled)
{
	if (s->phase == PHASE_START) {
		s->phase = PHASE_RUN;
		return why == WAKE_STOP ? NEXT_CLOSE : run(s, WAKE_START);
	}
	if (why == WAKE_INPUT && !filled && stream_fill_now(&s->stream) == STATUS_AGAIN)
		return NEXT_PARK;
	return run(s, why);
}

/* One step for this reason. Before the protocol runs, nobody waits for ever
 * and a stop is the end. */
static enum next
step(struct session *s, enum wake why, bool filled)
{
	if (s->phase == PHASE_RUN || s->phase == PHASE_START)
		return run_protocol(s, why, filled);
	if (why == WAKE_STOP || why == WAKE_TIMER)
		return NEXT_CLOSE;
	return s->phase == PHASE_PROXY ? read_header(s) : shake_hands(s);
}

/* ---- what follows a step ---- */

static void
flush(struct session *s, bool last)
{
	if (s->stream.out.len == 0)
		return;
	stream_set_deadline(&s->stream, clock_mono() + FLUSH_MAX);
	(void)(last ? stream_flush_last(&s->stream) : stream_flush(&s->stream)); /* sticky */
	stream_set_deadline(&s->stream, 0);
}

/* Octets that poll cannot see are found here, so that parking is safe after
 * AGAIN; what poll can see wakes the session when it is parked. */
static enum status
look_again(struct session *s)
{
	return stream_pending(&s->stream) ? stream_fill_now(&s->stream) : STATUS_AGAIN;
}

static void
park(struct session *s)
{
	struct service *v = s->service;
	int64_t idle = v->config.idle;

	if (s->park_until == 0 && idle != 0)
		s->park_until = clock_mono() + idle;
	(void)stream_idle(&s->stream);
	waiter_park(v->waiter, s, s->park_until);
}

static void
finish(struct session *s)
{
	struct service *v = s->service;

	service_forget(v, s);
	if (s->class->done != NULL)
		s->class->done(s);
	stream_done(&s->stream);
	waiter_dispose(v->waiter, s);
}

/* After the flush of the answer to STARTTLS. Octets in front of the handshake
 * were sent by whoever sat in between (RFC 3207 6). */
static bool
may_start_tls(struct session *s)
{
	if (s->tls || stream_buffered(&s->stream).len > 0) {
		log_failure(s, "tls.failed", "octets stand before the handshake");
		return false;
	}
	begin_tls(s, PHASE_TLS_WITHIN);
	return true;
}

/* A reason that came during the run. A time that came up meanwhile was the end
 * of the park before; parking sets the next. */
static bool
called(struct session *s, enum wake *why)
{
	while (waiter_reason(s, why))
		if (*why != WAKE_TIMER)
			return true;
	return false;
}

/* The reason to go on at once, if there is one. *filled: input was read. What
 * came together with a PROXY header is input for the run after the first. */
static bool
goes_on(struct session *s, enum phase before, enum wake *why, bool *filled)
{
	*filled = false;
	if (s->phase == PHASE_START || (s->phase == PHASE_TLS && before == PHASE_PROXY))
		return true;
	if (called(s, why))
		return true;
	if (s->phase != PHASE_RUN)
		return false;
	if (before == PHASE_RUN || stream_buffered(&s->stream).len == 0) {
		if (look_again(s) == STATUS_AGAIN)
			return called(s, why);
	}
	*why = WAKE_INPUT;
	*filled = true;
	return true;
}

void
session_work(struct task *t)
{
	struct session *s = LIST_OWNER(t, struct session, task);
	enum wake why = WAKE_INPUT;
	enum phase before;
	enum next next;
	bool filled = false, over;

	MAGIC_CHECK(s, SESSION_MAGIC);
	if (!waiter_reason(s, &why))
		why = WAKE_INPUT;
	do {
		before = s->phase;
		over = s->stream.broken != STATUS_OK; /* this run only hears of it */
		next = step(s, why, filled);
		flush(s, next == NEXT_CLOSE || over);
		if (next == NEXT_CLOSE || over || (next == NEXT_START_TLS && !may_start_tls(s))) {
			finish(s);
			return;
		}
	} while (goes_on(s, before, &why, &filled));
	park(s);
}
