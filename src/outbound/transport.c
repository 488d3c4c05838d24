/* SPDX-License-Identifier: ISC */
/* See outbound/transport.h. */
#include "outbound/transport.h"

#include <arpa/inet.h>

#include "mailauth/records.h"
#include "outbound/fate.h"
#include "runtime/role.h"

const char *const transport_tls_words[] = {
#define X(id, word) word,
	TRANSPORT_TLS(X)
#undef X
	    NULL
};

static bool
tls_of_word(struct text word, enum transport_tls *out)
{
	for (unsigned i = 0; i < TRANSPORT_TLS_COUNT; i++)
		if (text_equal(word, text_of(transport_tls_words[i]))) {
			*out = (enum transport_tls)i;
			return true;
		}
	return false;
}

enum status
transports_of_words(
    const struct texts *words, struct arena *a, struct transport **out, size_t *count)
{
	size_t n = words->count / ROLE_ROUTE_FIELDS;
	struct transport *at = ARENA_ARRAY(a, struct transport, n + 1);

	if (words->count % ROLE_ROUTE_FIELDS != 0)
		return STATUS_INVALID;
	for (size_t i = 0; i < n; i++) {
		const struct text *f = &words->at[i * ROLE_ROUTE_FIELDS];
		uint32_t port;

		if (text_to_u32(f[2], &port) != STATUS_OK || port == 0 || port > 65535 ||
		    !tls_of_word(f[3], &at[i].tls))
			return STATUS_INVALID;
		at[i].domain = f[0];
		at[i].host = f[1];
		at[i].port = (uint16_t)port;
		at[i].lmtp = text_equal(f[4], TEXT("lmtp"));
		at[i].user = f[5];
		at[i].password = f[6];
	}
	*out = at;
	*count = n;
	return STATUS_OK;
}

/* How well it fits: 0 not at all. */
static size_t
fit(struct text pattern, struct text domain)
{
	if (text_equal(pattern, domain))
		return SIZE_MAX;
	if (text_equal(pattern, TEXT("*")))
		return 1;
	if (text_starts(pattern, TEXT("*.")) && domain.len > pattern.len - 1 &&
	    text_ends(domain, text_part(pattern, 1, pattern.len)))
		return pattern.len;
	return 0;
}

const struct transport *
transport_find(const struct transport *at, size_t count, struct text domain)
{
	const struct transport *best = NULL;

	for (size_t i = 0; i < count; i++)
		if (fit(at[i].domain, domain) > (best == NULL ? 0 : fit(best->domain, domain)))
			best = &at[i];
	return best;
}

/* ---- its host ---- */

static bool
by_address(const struct transport *t, struct arena *a, struct route_host *h)
{
	const char *word = arena_string(a, t->host);
	struct text *octets = ARENA_NEW(a, struct text);
	char *bytes = arena_alloc(a, 16);

	if (inet_pton(AF_INET, word, bytes) == 1)
		*octets = (struct text){ bytes, 4 };
	else if (inet_pton(AF_INET6, word, bytes) == 1)
		*octets = (struct text){ bytes, 16 };
	else
		return false;
	h->addresses = (struct texts){ octets, 1 };
	return true;
}

static enum status
ask(struct calls *calls, struct text name, unsigned type, struct arena *a,
    struct lookup_dns_reply *reply)
{
	const struct lookup_dns_request q = { .name = name, .type = type };

	return lookup_dns(calls, &q, a, reply, NULL);
}

/* IPv6 first, the families by turns. */
static void
interleave(const struct texts *six, const struct texts *four, struct arena *a, struct texts *out)
{
	uint32_t most = six->count > four->count ? six->count : four->count;

	out->at = ARENA_ARRAY(a, struct text, six->count + four->count + 1);
	for (uint32_t i = 0; i < most; i++) {
		if (i < six->count && six->at[i].len == 16)
			out->at[out->count++] = six->at[i];
		if (i < four->count && four->at[i].len == 4)
			out->at[out->count++] = four->at[i];
	}
}

static enum status
by_name(const struct transport *t, struct calls *calls, struct arena *a, struct route_host *h)
{
	struct lookup_dns_reply six, four;
	enum status st = ask(calls, t->host, RECORD_AAAA, a, &six);

	if (st == STATUS_OK)
		st = ask(calls, t->host, RECORD_A, a, &four);
	if (st != STATUS_OK)
		return st;
	interleave(&six.records, &four.records, a, &h->addresses);
	return h->addresses.count > 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

/* RFC 7672 2.2.3, at the host's own name. */
static enum status
find_tlsa(const struct transport *t, struct calls *calls, struct arena *a, struct route_host *h)
{
	struct text name = arena_printf(a, "_%u._tcp.%.*s", t->port, TEXT_ARG(t->host));
	struct lookup_dns_reply reply;
	enum status st = ask(calls, name, RECORD_TLSA, a, &reply);

	if (st != STATUS_OK || !reply.secure || reply.records.count == 0)
		return st != STATUS_OK ? st : STATUS_NOT_FOUND;
	h->tlsa_base = t->host;
	h->tlsa = reply.records;
	return STATUS_OK;
}

enum status
transport_route(const struct transport *t, struct calls *calls, struct text domain, struct arena *a,
    struct route *out, struct smtp_fate *why)
{
	struct route_host *h = ARENA_NEW(a, struct route_host);
	enum status st = STATUS_OK;

	h->name = t->host;
	if (!by_address(t, a, h))
		st = by_name(t, calls, a, h);
	if (st != STATUS_OK) {
		*why = fate_ours(SMTP_AT_CONNECT, "4.4.3",
		    "The route's host %.*s has no address now", TEXT_ARG(t->host));
		return st;
	}
	if (t->tls == TRANSPORT_DANE)
		st = find_tlsa(t, calls, a, h);
	if (st != STATUS_OK) {
		*why = fate_ours(SMTP_AT_STARTTLS, "4.7.5",
		    "The route's host %.*s has no TLSA records that are signed", TEXT_ARG(t->host));
		return st;
	}
	*out = (struct route){ .domain = domain, .implicit = true, .hosts = h, .host_count = 1 };
	return STATUS_OK;
}

/* Records that cannot be used are no proof, and one was asked for. */
static void
demand_proof(struct policy *p)
{
	if (p->strict)
		return;
	p->forbidden = true;
	p->enhanced = "4.7.5";
	p->words = "None of the TLSA records of the route's host can be used";
}

void
transport_policy(const struct transport *t, const struct route *r, bool requires, struct arena *a,
    struct policy *out)
{
	static const enum smtp_tls_mode modes[] = {
		[TRANSPORT_NONE] = SMTP_TLS_NEVER,
		[TRANSPORT_MAY] = SMTP_TLS_MAY,
		[TRANSPORT_MUST] = SMTP_TLS_MUST,
		[TRANSPORT_VERIFY] = SMTP_TLS_MUST,
		[TRANSPORT_DANE] = SMTP_TLS_MUST,
		[TRANSPORT_IMPLICIT] = SMTP_TLS_WRAP,
	};
	struct route named = *r;

	named.mx_secure = true; /* the operator's word */
	policy_of(&named, &r->hosts[0], false, a, out);
	out->tls = modes[t->tls];
	if (t->tls == TRANSPORT_DANE)
		demand_proof(out);
	out->strict = t->tls >= TRANSPORT_VERIFY;
	if (t->tls == TRANSPORT_VERIFY || t->tls == TRANSPORT_IMPLICIT)
		out->wants.verify = TLS_VERIFY_PKIX;
	if (requires && !out->strict) {
		out->forbidden = true;
		out->enhanced = "5.7.30";
		out->words = "REQUIRETLS: the route's host need not prove who it is";
	}
}
