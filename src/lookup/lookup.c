/* SPDX-License-Identifier: ISC */
/*
 * The handlers. A question to the DNS holds no thread while it waits; routes
 * and HTTPS requests are linear code in pools of their own, so that none of
 * them waits behind another kind.
 */
#include "lookup/lookup.h"

#include "base/clock.h"
#include "lookup/find.h"
#include "lookup/sts.h"
#include "runtime/metrics.h"
#include "runtime/pool.h"
#include "runtime/settings.h"

#define MAGIC 0x100c0b01u

struct lookup {
	unsigned magic;
	const struct dns_source *dns;
	const struct https_source *https;
	struct pool *routes, *fetches;
	struct sts *sts;
};

/* ---- DNS ---- */

static void
dns_answered(void *arg, const struct dns_answer *a)
{
	const struct lookup_dns_reply reply = {
		.outcome = a->outcome,
		.secure = a->secure,
		.ttl = a->ttl,
		.canonical = a->canonical,
		.records = a->records,
		.why = a->why,
	};

	call_reply(arg, &reply);
}

static void
serve_dns(struct call_in *in, const void *request, void *context)
{
	const struct lookup_dns_request *q = request;
	struct lookup *l = context;
	char name[DNS_NAME_MAX + 1];

	MAGIC_CHECK(l, MAGIC);
	if (dns_name(q->name, name) != STATUS_OK || q->type == 0 || q->type > UINT16_MAX) {
		call_refuse(in, STATUS_INVALID, "This is no name or type of the DNS.",
		    "%.*s, type %llu", TEXT_ARG(q->name), (unsigned long long)q->type);
		return;
	}
	l->dns->ask(l->dns->source, name, (uint16_t)q->type, INT64_MAX, dns_answered, in);
}

/* ---- what has a thread of its own ---- */

struct work {
	struct task task;
	struct lookup *lookup;
	struct call_in *in;
	const void *request;
};

static void
hand_to(struct pool *pool, void (*run)(struct task *t), struct lookup *l, struct call_in *in,
    const void *request)
{
	struct work *w = ARENA_NEW(call_arena(in), struct work);

	*w = (struct work){ .task.run = run, .lookup = l, .in = in, .request = request };
	pool_run(pool, &w->task);
}

static void
run_route(struct task *t)
{
	struct work *w = LIST_OWNER(t, struct work, task);
	struct lookup *l = w->lookup;
	struct arena *a = call_arena(w->in);
	struct lookup_route_reply reply;
	struct route r;

	if (route_find(l->dns, l->sts, w->request, clock_mono() + setting(SET_LOOKUP_ROUTE_TIMEOUT),
		a, &r) != STATUS_OK) {
		call_refuse(w->in, STATUS_INVALID, "This is no question for a route.",
		    "own networks that cannot be read, or too many");
		return;
	}
	metric_add(METRIC_LOOKUP_ROUTES, 1);
	lookup_route_write(&r, a, &reply);
	call_reply(w->in, &reply);
}

static void
serve_route(struct call_in *in, const void *request, void *context)
{
	const struct lookup_route_request *q = request;
	struct lookup *l = context;

	MAGIC_CHECK(l, MAGIC);
	if (q->port == 0 || q->port > UINT16_MAX)
		call_refuse(in, STATUS_INVALID, "This is no port.", "port %llu",
		    (unsigned long long)q->port);
	else
		hand_to(l->routes, run_route, l, in, request);
}

static void
run_https(struct task *t)
{
	struct work *w = LIST_OWNER(t, struct work, task);
	const struct lookup_https_request *q = w->request;
	const struct https_request ask = {
		.post = text_equal(q->method, TEXT("POST")),
		.url = q->url,
		.type = q->type,
		.body = q->body.bytes,
		.most = q->most,
		.timeout = (int64_t)q->timeout,
		.redirects = (unsigned)q->redirects,
	};
	struct lookup_https_reply reply;
	struct https_answer a;

	w->lookup->https->fetch(w->lookup->https->source, &ask, call_arena(w->in), &a);
	reply = (struct lookup_https_reply){
		.outcome = a.outcome,
		.why = a.why,
		.status = a.status,
		.content = a.content,
		.body = PAYLOAD_OF(a.body),
	};
	call_reply(w->in, &reply);
}

static void
serve_https(struct call_in *in, const void *request, void *context)
{
	const struct lookup_https_request *q = request;
	struct lookup *l = context;
	bool post = text_equal(q->method, TEXT("POST")), get = text_equal(q->method, TEXT("GET"));

	MAGIC_CHECK(l, MAGIC);
	if ((!post && !get) || q->url.len > LOOKUP_URL_MAX || q->body.bytes.len > LOOKUP_BODY_MAX ||
	    q->most > LOOKUP_BODY_MAX || q->timeout > INT64_MAX ||
	    q->redirects > LOOKUP_REDIRECTS_MAX || (get && q->body.bytes.len > 0))
		call_refuse(in, STATUS_INVALID, "This is no request that can be made.",
		    "method %.*s, url of %zu octets", TEXT_ARG(q->method), q->url.len);
	else
		hand_to(l->fetches, run_https, l, in, request);
}

/* ---- life ---- */

static const struct call_row rows[] = {
	{ &lookup_dns_call, serve_dns },
	{ &lookup_route_call, serve_route },
	{ &lookup_https_call, serve_https },
};

void
lookup_serve(struct lookup *l, struct call_server_config *config)
{
	MAGIC_CHECK(l, MAGIC);
	config->rows = rows;
	config->row_count = ARRAY_LEN(rows);
	config->context = l;
	if (config->threads == 0)
		config->threads = 4; /* none of them waits */
}

struct lookup *
lookup_new(const struct dns_source *dns, const struct https_source *https)
{
	struct lookup *l = MEM_NEW(struct lookup);

	l->magic = MAGIC;
	l->dns = dns;
	l->https = https;
	l->routes =
	    pool_new(&(struct pool_config){ .name = "route", .max = LOOKUP_ROUTES_AT_ONCE });
	l->fetches =
	    pool_new(&(struct pool_config){ .name = "https", .max = LOOKUP_HTTPS_AT_ONCE });
	l->sts = sts_new(https, l->fetches);
	return l;
}

void
lookup_free(struct lookup *l)
{
	MAGIC_CHECK(l, MAGIC);
	pool_free(l->routes);
	pool_free(l->fetches);
	sts_free(l->sts);
	mem_free(l);
}
