/* SPDX-License-Identifier: ISC */
/*
 * See outbound/deliver.h. Hosts are tried in order (RFC 5321 5.1). Who got a
 * lasting answer to his address, or whose message a server may have, is done;
 * all others go to the next host, and what the last one said is kept for them.
 * A connection that was used before and is found closed is no attempt.
 */
#include "outbound/deliver.h"

#include "base/log.h"
#include "outbound/fate.h"
#include "outbound/message.h"
#include "outbound/outcome.h"
#include "outbound/own.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"

#define AWAY_TRIES 4 /* for hand_pause, when the lookup is away: some seconds */

struct delivery {
	struct house *house;
	const struct queue_lease_reply *lease;
	struct hold *hold;
	struct arena *a;
	struct message message;
	struct smtp_envelope envelope;
	struct outcome outcome;
	struct connection **via;
};

static bool
all_done(const struct delivery *d)
{
	return d->hold->gone || outcome_open(&d->outcome) == 0;
}

/* ---- over a connection ---- */

/* The message as this server takes it. */
static struct smtp_envelope
envelope_for(struct delivery *d, const struct smtp_client *c)
{
	struct smtp_envelope e = d->envelope;
	enum smtp_lack lack = smtp_client_lacks(c, &e);

	/* what has lines too long for text arrives whole only if it is encoded */
	if (lack == SMTP_LACKS_8BITMIME || lack == SMTP_LACKS_BINARYMIME ||
	    (e.rough && e.body != SMTP_CONTENT_BINARY))
		(void)!message_seven(&d->message, &e);
	return e;
}

/* OK: it can take another message. */
static enum status
send_all(struct delivery *d, struct connection *c)
{
	struct smtp_envelope e = envelope_for(d, &c->client);
	enum status st;

	c->messages++;
	do
		st = smtp_client_send(&c->client, &e, d->outcome.at, d->outcome.count);
	while (st == STATUS_AGAIN);
	return st;
}

/* Takes the connection's place among those that stand, or ends it. */
static void
keep(struct delivery *d, struct connection *c, enum status st)
{
	if (*d->via != NULL) /* to a host that did not do */
		connection_end(&d->house->shelf, *d->via);
	*d->via = NULL;
	if (st == STATUS_OK && connection_good(c))
		*d->via = c;
	else
		connection_end(&d->house->shelf, c);
}

/* True: the server wants a new connection for the rest (RFC 9422 4.1). */
static bool
try_over(struct delivery *d, struct connection *c)
{
	size_t open = outcome_open(&d->outcome);
	enum status st = send_all(d, c);
	bool anew = st == STATUS_LIMIT && c->client.fate.stage == SMTP_AT_NONE;

	outcome_take(&d->outcome, c, st != STATUS_OK && c->reused);
	keep(d, c, st);
	return anew && outcome_open(&d->outcome) < open;
}

/* The connection in hand, then idle ones. */
static void
try_standing(struct delivery *d)
{
	struct shelf *shelf = &d->house->shelf;
	struct connection *c = *d->via;

	*d->via = NULL;
	if (c != NULL && d->envelope.require_tls && !c->strict) {
		shelf_put(shelf, c);
		c = NULL;
	}
	if (c != NULL)
		c->reused = true;
	while (c != NULL || !all_done(d)) {
		if (c == NULL)
			c = shelf_take(shelf, d->lease->destination, d->envelope.require_tls);
		if (c == NULL)
			return;
		metric_add(METRIC_OUTBOUND_REUSED, 1);
		(void)try_over(d, c);
		if (*d->via != NULL)
			return;
		c = NULL;
	}
}

/* ---- by the route ---- */

static enum status
ask_route(struct delivery *d, struct route *out)
{
	const struct outbound_config *c = &d->house->config;
	struct lookup_route_request q = {
		.domain = d->lease->destination,
		.port = (uint64_t)setting(SET_OUTBOUND_PORT),
	};
	struct lookup_route_reply reply;
	struct text *own_name = ARENA_NEW(d->a, struct text);
	enum status st;

	*own_name = c->hostname;
	q.own_names = (struct texts){ own_name, 1 };
	q.own_networks = own_networks(c->own, c->own_count, d->a);
	st = lookup_route(c->calls, &q, d->a, &reply, NULL);
	return st == STATUS_OK ? lookup_route_read(&reply, d->a, out) : st;
}

/* RFC 8689 3; REQUIRETLS is the stronger. */
static bool
tls_optional(const struct queue_lease_reply *l)
{
	return (l->needs & (QUEUE_TLS_OPTIONAL | QUEUE_REQUIRETLS)) == QUEUE_TLS_OPTIONAL;
}

static void
try_host(struct delivery *d, const struct transport *t, const struct route *r,
    const struct route_host *host)
{
	const struct outbound_config *config = &d->house->config;
	const struct connection_wish w = {
		.shelf = &d->house->shelf,
		.results = d->house->results,
		.trust = config->trust,
		.hostname = config->hostname,
		.destination = d->lease->destination,
		.route = r,
		.host = host,
		/* a bounce is not lost by it (RFC 8689 5) */
		.require_tls = d->envelope.require_tls && d->envelope.sender.len > 0,
		.tls_optional = t == NULL && tls_optional(d->lease),
		.port = t != NULL ? t->port : (uint16_t)setting(SET_OUTBOUND_PORT),
		.transport = t,
		.sources = config->sources,
		.source_count = config->source_count,
	};
	struct connection *c;
	struct smtp_fate why;
	bool anew = true;

	if (host->state != ROUTE_HOST_OK) {
		why = fate_ours(SMTP_AT_CONNECT, "4.4.4", "%.*s", TEXT_ARG(host->words));
		outcome_unreached(&d->outcome, &why, host->name);
		return;
	}
	while (anew && !all_done(d)) {
		anew = connection_open(&w, &c, &why) == STATUS_OK;
		if (anew)
			anew = try_over(d, c);
		else
			outcome_unreached(&d->outcome, &why, host->name);
	}
}

static void
try_hosts(struct delivery *d, const struct route *r)
{
	uint32_t most = (uint32_t)setting(SET_OUTBOUND_HOSTS_MAX);

	for (uint32_t i = 0; i < r->host_count && i < most && !all_done(d); i++)
		try_host(d, NULL, r, &r->hosts[i]);
	outcome_no_more_hosts(&d->outcome);
}

/* As the operator says. */
static void
try_transport(struct delivery *d, const struct transport *t)
{
	struct smtp_fate why;
	struct route r;

	if (transport_route(t, d->house->config.calls, d->lease->destination, d->a, &r, &why) ==
	    STATUS_OK)
		try_host(d, t, &r, &r.hosts[0]);
	else
		outcome_unreached(&d->outcome, &why, t->host);
	outcome_no_more_hosts(&d->outcome);
}

/* The lookup is away: nothing is known, and nothing was tried. */
static void
try_route(struct delivery *d)
{
	struct route r;
	struct smtp_fate why;
	enum status st = ask_route(d, &r);

	if (st != STATUS_OK) {
		LOG_WARN("outbound.no_lookup", FIELD_TEXT("destination", d->lease->destination),
		    FIELD_STATUS(st));
		hand_pause(&d->house->hand, AWAY_TRIES);
		return;
	}
	if (r.verdict == ROUTE_OK) {
		try_hosts(d, &r);
		return;
	}
	why = fate_of_route(&r);
	outcome_all(&d->outcome, &why, TEXT_EMPTY);
}

/* ---- the whole ---- */

/* RFC 2852 4.1.4: too late is too late. */
static bool
time_is_up(const struct delivery *d)
{
	return d->envelope.by_mode == 'R' && d->envelope.by_seconds <= 0;
}

/* Who has a connection that works goes on with it, if he may now: a delivery takes
 * long, and it may have been told to stop meanwhile. */
static bool
tell(struct delivery *d, struct turn *next)
{
	struct queue_report_request report = { .none_ = 0 };
	struct house *h = d->house;

	outcome_report(&d->outcome, d->lease, &report);
	next->wanted =
	    *d->via != NULL && report.how == SCHEDULE_WELL && h->goes_on(h->arg, &next->rings);
	report.next = next->wanted;
	return hand_report(&h->hand, d->hold, &report, &next->arena, &next->lease, &next->hold);
}

bool
deliver(struct house *h, struct turn *turn, struct connection **via, struct turn *next)
{
	const struct queue_lease_reply *lease = &turn->lease;
	struct arena *a = &turn->arena;
	struct delivery d = { .house = h, .lease = lease, .hold = &turn->hold, .a = a, .via = via };
	bool came;
	const struct transport *t;
	struct smtp_fate why;

	message_init(&d.message, &h->hand, d.hold, lease, a);
	message_envelope(&d.message, clock_wall(), &d.envelope);
	outcome_init(&d.outcome, message_recipients(lease, a), lease->recipients.count, a);
	if (time_is_up(&d)) {
		why = fate_ours(SMTP_AT_NONE, "5.4.7", "The time to deliver by has passed");
		outcome_all(&d.outcome, &why, TEXT_EMPTY);
	} else if (!d.message.readable) {
		LOG_ALARM("outbound.unreadable", FIELD_U64("message", lease->message));
		why = fate_ours(SMTP_AT_MESSAGE, "4.3.0", "The message cannot be read here now");
		outcome_all(&d.outcome, &why, TEXT_EMPTY);
	} else {
		try_standing(&d);
	}
	t = transport_find(h->config.transports, h->config.transport_count, lease->destination);
	if (!all_done(&d) && t != NULL)
		try_transport(&d, t);
	else if (!all_done(&d))
		try_route(&d);
	came = tell(&d, next);
	message_done(&d.message);
	return came;
}
