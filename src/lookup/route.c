/* SPDX-License-Identifier: ISC */
/*
 * A route to the parallel lists of its call and back. Addresses and TLSA
 * records of all hosts stand in one list each; a host's are those up to its
 * end, from the end of the host before.
 */
#include "lookup/route.h"

CALLS_DEFINE(lookup, LOOKUP_CALLS, CALLS_LOOKUP, ROLE_LOOKUP)

static const struct {
	bool temporary;
	const char *code;
} verdicts[] = {
#define X(name, again, code) { again, code },
	ROUTE_VERDICTS(X)
#undef X
};

const char *
route_verdict_code(enum route_verdict v)
{
	CHECK((unsigned)v < ROUTE_VERDICT_COUNT);
	return verdicts[v].code;
}

bool
route_verdict_temporary(enum route_verdict v)
{
	CHECK((unsigned)v < ROUTE_VERDICT_COUNT);
	return verdicts[v].temporary;
}

/* ---- reading ---- */

/* The part of all that is a host's; false: its end is not between the one
 * before and the list's. */
static bool
cut(const struct texts *all, const struct numbers *ends, uint32_t i, struct texts *out)
{
	uint64_t from = i == 0 ? 0 : ends->at[i - 1], to = ends->at[i];

	if (from > to || to > all->count)
		return false;
	/* An empty list may have no memory at all, and NULL + 0 is undefined. */
	*out = (struct texts){ from == to ? NULL : all->at + from, (uint32_t)(to - from) };
	return true;
}

static bool
are_addresses(const struct texts *t)
{
	for (uint32_t i = 0; i < t->count; i++)
		if (t->at[i].len != 4 && t->at[i].len != 16)
			return false;
	return t->count <= LOOKUP_ADDRESSES_MAX;
}

static bool
read_host(const struct lookup_route_reply *r, uint32_t i, struct route_host *h)
{
	*h = (struct route_host){
		.name = r->hosts.at[i],
		.preference = (uint32_t)r->preferences.at[i],
		.state = (enum route_host_state)r->states.at[i],
		.words = r->host_words.at[i],
		.secure = r->secure.at[i] != 0,
		.tlsa_base = r->tlsa_bases.at[i],
	};
	return r->states.at[i] < ROUTE_HOST_STATE_COUNT && r->preferences.at[i] <= UINT16_MAX &&
	       cut(&r->addresses, &r->address_ends, i, &h->addresses) &&
	       cut(&r->tlsas, &r->tlsa_ends, i, &h->tlsa) && are_addresses(&h->addresses) &&
	       h->tlsa.count <= LOOKUP_TLSA_MAX &&
	       (h->state != ROUTE_HOST_OK || h->addresses.count > 0);
}

static bool
lists_fit(const struct lookup_route_reply *r)
{
	uint32_t n = r->hosts.count;

	return n <= LOOKUP_HOSTS_MAX && r->preferences.count == n && r->states.count == n &&
	       r->secure.count == n && r->host_words.count == n && r->address_ends.count == n &&
	       r->tlsa_bases.count == n && r->tlsa_ends.count == n;
}

enum status
lookup_route_read(const struct lookup_route_reply *r, struct arena *a, struct route *out)
{
	struct route_host *hosts;

	if (!lists_fit(r) || r->verdict >= ROUTE_VERDICT_COUNT || r->sts_state >= ROUTE_STS_COUNT ||
	    r->sts_mode > 2 || (r->verdict == ROUTE_OK && r->hosts.count == 0))
		return STATUS_CORRUPT;
	hosts = ARENA_ARRAY(a, struct route_host, r->hosts.count + 1);
	for (uint32_t i = 0; i < r->hosts.count; i++)
		if (!read_host(r, i, &hosts[i]))
			return STATUS_CORRUPT;
	*out = (struct route){
		.verdict = (enum route_verdict)r->verdict,
		.code = r->code,
		.words = r->words,
		.domain = r->domain,
		.implicit = r->implicit != 0,
		.mx_secure = r->mx_secure != 0,
		.hosts = hosts,
		.host_count = r->hosts.count,
		.sts = (enum route_sts)r->sts_state,
		.sts_mode = (uint32_t)r->sts_mode,
		.sts_id = r->sts_id,
		.sts_patterns = r->sts_patterns,
		.sts_words = r->sts_words,
	};
	return STATUS_OK;
}

/* ---- writing ---- */

static struct texts
texts_new(struct arena *a, size_t count)
{
	return (struct texts){ ARENA_ARRAY(a, struct text, count + 1), (uint32_t)count };
}

static struct numbers
numbers_new(struct arena *a, size_t count)
{
	return (struct numbers){ ARENA_ARRAY(a, uint64_t, count + 1), (uint32_t)count };
}

static uint64_t
append(struct texts *all, const struct texts *some)
{
	for (uint32_t i = 0; i < some->count; i++)
		all->at[all->count++] = some->at[i];
	return all->count;
}

static void
write_host(struct lookup_route_reply *out, uint32_t i, const struct route_host *h)
{
	out->hosts.at[i] = h->name;
	out->preferences.at[i] = h->preference;
	out->states.at[i] = h->state;
	out->secure.at[i] = h->secure;
	out->host_words.at[i] = h->words;
	out->tlsa_bases.at[i] = h->tlsa_base;
	out->address_ends.at[i] = append(&out->addresses, &h->addresses);
	out->tlsa_ends.at[i] = append(&out->tlsas, &h->tlsa);
}

void
lookup_route_write(const struct route *r, struct arena *a, struct lookup_route_reply *out)
{
	uint32_t n = r->host_count;

	*out = (struct lookup_route_reply){
		.verdict = r->verdict,
		.code = r->code,
		.words = r->words,
		.domain = r->domain,
		.implicit = r->implicit,
		.mx_secure = r->mx_secure,
		.hosts = texts_new(a, n),
		.preferences = numbers_new(a, n),
		.states = numbers_new(a, n),
		.secure = numbers_new(a, n),
		.host_words = texts_new(a, n),
		.address_ends = numbers_new(a, n),
		.addresses = texts_new(a, (size_t)n * LOOKUP_ADDRESSES_MAX),
		.tlsa_bases = texts_new(a, n),
		.tlsa_ends = numbers_new(a, n),
		.tlsas = texts_new(a, (size_t)n * LOOKUP_TLSA_MAX),
		.sts_state = r->sts,
		.sts_mode = r->sts_mode,
		.sts_id = r->sts_id,
		.sts_patterns = r->sts_patterns,
		.sts_words = r->sts_words,
	};
	out->addresses.count = out->tlsas.count = 0;
	for (uint32_t i = 0; i < n; i++)
		write_host(out, i, &r->hosts[i]);
}
