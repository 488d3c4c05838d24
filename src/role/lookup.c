/* SPDX-License-Identifier: ISC */
/*
 * Role lookup: the DNS, and HTTPS to other people's servers. It holds sockets
 * to the Internet and what it was answered, and neither mail nor keys. All
 * files that resolver and TLS need are read before the sandbox closes.
 */
#include "lookup/lookup.h"

#include "base/log.h"
#include "lookup/resolver.h"
#include "role/front.h"
#include "role/roles.h"

#define RESOLV_CONF "/etc/resolv.conf"

/* Where systems keep the trust anchor of the root: Debian's dns-root-data, and
 * the one that unbound-anchor keeps. */
static const char *const anchors[] = { "/usr/share/dns/root.key", "/var/lib/unbound/root.key" };

struct lookup_role {
	const struct role_start *start;
	struct resolver *resolver;
	struct dns_source dns;
	struct https *https;
	struct https_source fetch;
	struct lookup *lookup;
};

/* The configured file, or the first that is there; none is no failure. */
static enum status
read_anchors(const struct role_start *start, struct buffer *out, struct failure *f)
{
	char path[4096];

	if (start->trust_anchor.len > 0)
		return text_to_string(start->trust_anchor, path, sizeof(path)) != STATUS_OK
			   ? STATUS_INVALID
			   : role_file(path, out, f);
	for (size_t i = 0; i < ARRAY_LEN(anchors); i++)
		if (role_file(anchors[i], out, NULL) == STATUS_OK)
			return STATUS_OK;
	LOG_WARN("lookup.no_anchor", FIELD_STRING("file", anchors[0]));
	return STATUS_OK;
}

static enum status
make_resolver(struct lookup_role *r, struct failure *f)
{
	struct buffer anchor = BUFFER_INIT, conf = BUFFER_INIT, servers = BUFFER_INIT;
	enum status s = read_anchors(r->start, &anchor, f);

	if (r->start->resolver.len > 0)
		buffer_add_text(&servers, r->start->resolver);
	else if (role_file(RESOLV_CONF, &conf, NULL) == STATUS_OK)
		resolver_servers(buffer_text(&conf), &servers);
	if (s == STATUS_OK)
		s = resolver_new(&(struct resolver_config){ .servers = buffer_text(&servers),
				     .anchors = buffer_text(&anchor) },
		    &r->resolver, f);
	if (s == STATUS_OK)
		LOG_INFO("lookup.resolvers", FIELD_TEXT("servers", buffer_text(&servers)));
	buffer_done(&anchor);
	buffer_done(&conf);
	buffer_done(&servers);
	return s;
}

static enum status
make_https(struct lookup_role *r, struct failure *f)
{
	struct buffer more = BUFFER_INIT;
	enum status s = STATUS_OK;
	char path[4096];

	if (r->start->ca_file.len > 0) {
		s = text_to_string(r->start->ca_file, path, sizeof(path));
		if (s == STATUS_OK)
			s = role_file(path, &more, f);
	}
	r->dns = resolver_source(r->resolver);
	if (s == STATUS_OK)
		s = https_new(&r->dns, buffer_text(&more), &r->https, f);
	buffer_done(&more);
	return s;
}

static enum status
lookup_prepare(const struct role_start *start, void **context, struct failure *f)
{
	struct lookup_role *r = MEM_NEW(struct lookup_role);
	enum status s;

	tls_prepare();
	r->start = start;
	*context = r;
	s = make_resolver(r, f);
	return s == STATUS_OK ? make_https(r, f) : s;
}

static enum status
lookup_role_serve(void *context, struct call_server_config *config, struct failure *f)
{
	struct lookup_role *r = context;

	if (resolver_start(r->resolver) != STATUS_OK)
		return fail(f, STATUS_LIMIT, "The resolver cannot be started.", "no thread");
	r->fetch = https_source(r->https);
	r->lookup = lookup_new(&r->dns, &r->fetch);
	config->threads = r->start->threads;
	lookup_serve(r->lookup, config);
	return STATUS_OK;
}

static enum status
lookup_begin(void *context, struct calls *calls, struct failure *f)
{
	(void)context;
	return front_settings(calls, f);
}

/* Nobody waits any more for what is under way. */
static void
lookup_stop(void *context, int64_t deadline)
{
	struct lookup_role *r = context;

	(void)deadline;
	https_stop(r->https);
	resolver_stop(r->resolver);
	lookup_free(r->lookup);
	https_free(r->https);
	resolver_free(r->resolver);
	mem_free(r);
}

const struct role_ops role_lookup_ops = {
	.role = ROLE_LOOKUP,
	.prepare = lookup_prepare,
	.serve = lookup_role_serve,
	.begin = lookup_begin,
	.stop = lookup_stop,
};
