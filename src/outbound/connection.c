/* SPDX-License-Identifier: ISC */
/*
 * Making a connection of outbound/connection.h: to the first of the host's
 * addresses that answers, with the TLS that its policy wants. Where the policy
 * wants none, and the handshake fails, there is a second one without TLS (RFC
 * 7435 3).
 */
#include "outbound/connection.h"

#include <stdio.h>

#include "base/log.h"
#include "lookup/guard.h"
#include "outbound/fate.h"
#include "runtime/connect.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"

static size_t
addresses_of(const struct connection_wish *w, struct sockaddr_storage *out)
{
	size_t n = 0;

	for (uint32_t i = 0; i < w->host->addresses.count && n < CONNECT_ADDRESSES_MAX; i++)
		out[n++] = guard_address(w->host->addresses.at[i], w->port);
	return n;
}

/* A destination has always the same one, as long as they are the same. */
static void
choose_source(const struct connection_wish *w, sa_family_t family, struct sockaddr_storage *out)
{
	size_t n = 0, chosen;

	for (size_t i = 0; i < w->source_count; i++)
		n += w->sources[i].ss_family == family;
	if (n == 0)
		return;
	chosen = text_hash_stable(w->destination) % n;
	for (size_t i = 0; i < w->source_count; i++)
		if (w->sources[i].ss_family == family && chosen-- == 0)
			*out = w->sources[i];
}

static enum status
connect_host(const struct connection_wish *w, struct connected *out, struct sockaddr_storage *to,
    struct smtp_fate *why)
{
	struct sockaddr_storage at[CONNECT_ADDRESSES_MAX];
	struct connect_rules rules = {
		.deadline = clock_mono() + setting(SET_OUTBOUND_CONNECT_TIMEOUT),
		.stagger = setting(SET_OUTBOUND_CONNECT_STAGGER),
	};
	struct failure f = { 0 };
	enum status st;

	choose_source(w, AF_INET, &rules.source4);
	choose_source(w, AF_INET6, &rules.source6);
	st = connect_any(at, addresses_of(w, at), &rules, out, &f);
	if (st != STATUS_OK) {
		metric_add(METRIC_OUTBOUND_UNREACHED, 1);
		*why = fate_ours(SMTP_AT_CONNECT, "4.4.1", "No connection to %.*s (%s)",
		    TEXT_ARG(w->host->name), f.log);
		return st;
	}
	metric_add(METRIC_OUTBOUND_CONNECTIONS, 1);
	*to = at[out->which];
	return STATUS_OK;
}

static void
print(const struct sockaddr_storage *a, bool port, char *out, size_t cap)
{
	struct buffer b = BUFFER_INIT;

	connect_print(a, port, &b);
	(void)snprintf(out, cap, "%s", buffer_string(&b));
	buffer_done(&b);
}

/* Texts that must live as long as the connection. */
static void
wants_copy(const struct tls_wants *from, struct arena *a, struct tls_wants *out)
{
	struct text *names = ARENA_ARRAY(a, struct text, from->name_count + 1);
	struct tls_tlsa *tlsa = ARENA_ARRAY(a, struct tls_tlsa, from->tlsa_count + 1);

	for (size_t i = 0; i < from->name_count; i++)
		names[i] = arena_copy(a, from->names[i]);
	for (size_t i = 0; i < from->tlsa_count; i++) {
		tlsa[i] = from->tlsa[i];
		tlsa[i].data = arena_copy(a, from->tlsa[i].data);
	}
	*out = *from;
	out->names = names;
	out->tlsa = tlsa;
}

static struct connection *
connection_new(const struct connection_wish *w, const struct policy *p, int fd)
{
	struct connection *c = MEM_NEW(struct connection);

	list_init(&c->node);
	list_init(&c->open);
	c->destination = arena_copy(&c->arena, w->destination);
	c->host = arena_copy(&c->arena, w->host->name);
	c->strict = p->strict;
	c->tls_optional = w->tls_optional;
	c->opened = clock_mono();
	c->config = (struct smtp_client_config){
		.helo = arena_copy(&c->arena, w->hostname),
		.tls = p->tls,
		.trust = w->trust,
	};
	if (w->transport != NULL) {
		c->config.lmtp = w->transport->lmtp;
		c->config.user = w->transport->user; /* live as long as the house */
		c->config.password = w->transport->password;
	}
	wants_copy(&p->wants, &c->arena, &c->config.wants);
	smtp_client_times_set(&c->config.times);
	stream_init_fd(&c->stream, fd);
	smtp_client_init(&c->client, &c->stream, &c->config);
	pthread_mutex_lock(&w->shelf->lock);
	list_add_last(&w->shelf->open, &c->open);
	if (w->shelf->broken_off)
		(void)shutdown(fd, SHUT_RDWR);
	pthread_mutex_unlock(&w->shelf->lock);
	return c;
}

void
connection_end(struct shelf *s, struct connection *c)
{
	smtp_client_quit(&c->client);
	pthread_mutex_lock(&s->lock);
	list_remove(&c->open);
	pthread_mutex_unlock(&s->lock);
	smtp_client_done(&c->client);
	stream_done(&c->stream);
	arena_done(&c->arena);
	mem_free(c);
}

/* ---- what is told of TLS ---- */

static bool
about_tls(const struct connection *c, enum status st)
{
	return st == STATUS_OK || c->client.fate.stage == SMTP_AT_TLS ||
	       c->client.fate.stage == SMTP_AT_STARTTLS;
}

/* A policy that is announced and cannot be had counts for itself (RFC 8460
 * 4.3.2.2). */
static enum tls_result
result_of(const struct connection_wish *w, const struct policy *p, const struct tls_peer *peer)
{
	if (p->type != TLS_POLICY_NONE)
		return peer->result;
	switch (w->route->sts) {
	case ROUTE_STS_UNFETCHED:
		return TLS_RESULT_STS_POLICY_FETCH_ERROR;
	case ROUTE_STS_INVALID:
		return TLS_RESULT_STS_POLICY_INVALID;
	case ROUTE_STS_UNTRUSTED:
		return TLS_RESULT_STS_WEBPKI_INVALID;
	default:
		break;
	}
	/* where no policy asks who it is, encryption is a success */
	return peer->encrypted ? TLS_RESULT_GOOD : peer->result;
}

static void
tell(const struct connection_wish *w, const struct policy *p, const struct tls_peer *peer,
    struct text local, const char *remote)
{
	struct arena a = ARENA_INIT;
	enum tls_result result = result_of(w, p, peer);

	tls_results_add(w->results,
	    &(struct tls_session){ .domain = w->route->domain,
		.type = p->type,
		.policy = policy_lines(p, w->route, w->host, &a),
		.result = result,
		.mx = w->host->name,
		.local = local,
		.remote = text_of(remote),
		.reason = result == TLS_RESULT_GOOD ? TEXT_EMPTY : text_of(peer->reason) });
	metric_add(peer->encrypted ? METRIC_OUTBOUND_TLS : METRIC_OUTBOUND_CLEAR, 1);
	arena_done(&a);
}

static void
tell_session(const struct connection_wish *w, const struct policy *p, const struct connection *c,
    const struct connected *via, enum status st)
{
	struct buffer local = BUFFER_INIT;

	if (!about_tls(c, st))
		return;
	connect_print(&via->local, false, &local);
	tell(w, p, &c->client.tls, buffer_text(&local), c->address);
	buffer_done(&local);
}

/* ---- the whole ---- */

static enum status
open_once(const struct connection_wish *w, const struct policy *p, struct connection **out,
    struct smtp_fate *why)
{
	struct connected via;
	struct connection *c;
	struct sockaddr_storage to;
	enum status st = connect_host(w, &via, &to, why);

	if (st != STATUS_OK)
		return st;
	c = connection_new(w, p, via.fd);
	print(&to, false, c->address, sizeof(c->address));
	print(&to, true, c->place, sizeof(c->place));
	st = smtp_client_open(&c->client);
	if (p->tls != SMTP_TLS_NEVER && w->transport == NULL && !w->tls_optional)
		tell_session(w, p, c, &via, st);
	if (st == STATUS_OK) {
		c->strict = c->strict && c->client.tls.verified != TLS_VERIFIED_NOT;
		*out = c;
		return STATUS_OK;
	}
	*why = c->client.fate;
	connection_end(w->shelf, c);
	return st;
}

enum status
connection_open(const struct connection_wish *w, struct connection **out, struct smtp_fate *why)
{
	struct arena a = ARENA_INIT;
	struct policy p;
	enum status st;

	if (w->transport != NULL)
		transport_policy(w->transport, w->route, w->require_tls, &a, &p);
	else if (w->tls_optional)
		policy_opportunistic(w->host, &a, &p);
	else
		policy_of(w->route, w->host, w->require_tls, &a, &p);
	if (p.forbidden) {
		*why = fate_ours(p.enhanced[0] == '5' ? SMTP_AT_NEEDS : SMTP_AT_STARTTLS,
		    p.enhanced, "%s", p.words);
		if (w->transport == NULL)
			tell(w, &p, &(struct tls_peer){ .result = p.result, .reason = "" },
			    TEXT_EMPTY, "");
		arena_done(&a);
		return STATUS_DENIED;
	}
	st = open_once(w, &p, out, why);
	if (st != STATUS_OK && why->stage == SMTP_AT_TLS && p.tls == SMTP_TLS_MAY) {
		LOG_INFO("outbound.tls_failed", FIELD_TEXT("host", w->host->name),
		    FIELD_STRING("why", why->answer.text));
		p.tls = SMTP_TLS_NEVER;
		st = open_once(w, &p, out, why);
	}
	arena_done(&a);
	return st;
}
