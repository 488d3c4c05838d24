/* SPDX-License-Identifier: ISC */
/*
 * From a domain to its hosts in order (RFC 5321 5.1): MX records, or the domain
 * itself where there are none, or the address that a literal names; then what
 * is to be said when there is no way.
 */
#include "lookup/find.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "lookup/find_parts.h"
#include "mailauth/records.h"
#include "runtime/settings.h"

#define WARN_AGAIN CLOCK_MINUTE /* of networks inside */

static void
judge(struct finding *f, enum route_verdict v, const char *before, const char *behind)
{
	struct route *r = f->route;

	r->verdict = v;
	r->code = text_of(route_verdict_code(v));
	r->words = TEXT_EMPTY;
	if (v != ROUTE_OK)
		r->words = arena_printf(f->a, "%s%.*s%s", before, TEXT_ARG(r->domain), behind);
}

/* ---- MX records ---- */

struct candidate {
	struct text name;
	uint16_t preference;
	uint64_t lot;
};

static int
compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	return x->lot < y->lot ? -1 : x->lot > y->lot;
}

/* Readable ones, those of equal preference in random order (RFC 5321 5.1). */
static uint32_t
read_mx(struct finding *f, const struct dns_answer *answer, struct candidate *out, bool *null)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < answer->records.count; i++) {
		struct record_mx mx;

		if (record_mx(answer->records.at[i], f->a, &mx) != STATUS_OK)
			continue;
		if (mx.host.len == 0)
			*null = true;
		else
			out[n++] = (struct candidate){ mx.host, mx.preference, random_u64() };
	}
	qsort(out, n, sizeof(*out), compare);
	return n;
}

static bool
is_there(const struct route *r, struct text name)
{
	for (uint32_t i = 0; i < r->host_count; i++)
		if (text_equal(r->hosts[i].name, name))
			return true;
	return false;
}

static void
take_mx(struct finding *f, const struct dns_answer *answer)
{
	struct candidate *all = ARENA_ARRAY(f->a, struct candidate, answer->records.count + 1);
	struct route *r = f->route;
	bool null = false;
	uint32_t n = read_mx(f, answer, all, &null);

	if (n == 0 && null)
		judge(f, ROUTE_NULL_MX, "The domain ", " takes no mail.");
	else if (n == 0)
		judge(f, ROUTE_NO_ADDRESS, "No host for mail of ", " has a usable name.");
	if (n == 0)
		return;
	for (uint32_t i = 0; i < n && r->host_count < LOOKUP_HOSTS_MAX; i++)
		if (!is_there(r, all[i].name))
			r->hosts[r->host_count++] = (struct route_host){ .name = all[i].name,
				.preference = all[i].preference };
}

static void
take_mx_answer(struct finding *f, const struct dns_answer *mx)
{
	struct route *r = f->route;

	r->mx_secure = mx->secure;
	switch (mx->outcome) {
	case LOOKUP_OK:
		take_mx(f, mx);
		break;
	case LOOKUP_NODATA:
		r->implicit = true;
		r->hosts[r->host_count++] = (struct route_host){ .name = r->domain };
		break;
	case LOOKUP_NXDOMAIN:
		judge(f, ROUTE_NO_DOMAIN, "The domain ", " does not exist.");
		break;
	case LOOKUP_BOGUS:
		judge(f, ROUTE_BOGUS, "The DNS of the domain ", " is not signed correctly.");
		break;
	default:
		judge(f, ROUTE_TEMPORARY, "The DNS does not answer for the domain ", " now.");
	}
}

/* ---- what it comes to ---- */

/* A site whose own servers have such addresses must hear of the setting, and not
 * with each message. */
static void
warn_of_inside(struct text domain)
{
	static _Atomic int64_t again;
	int64_t now = clock_mono(), before = again;

	if (now >= before && atomic_compare_exchange_strong(&again, &before, now + WARN_AGAIN))
		LOG_WARN("lookup.private_addresses", FIELD_TEXT("domain", domain),
		    FIELD_STRING("why",
			"its hosts have addresses of private networks alone, of which the setting "
			"outbound.private_networks has none"));
}

static void
conclude(struct finding *f)
{
	unsigned count[ROUTE_HOST_STATE_COUNT] = { 0 };
	const struct route *r = f->route;

	for (uint32_t i = 0; i < r->host_count; i++)
		count[r->hosts[i].state]++;
	if (count[ROUTE_HOST_OK] > 0)
		judge(f, ROUTE_OK, "", "");
	else if (count[ROUTE_HOST_TEMPORARY] > 0)
		judge(f, ROUTE_TEMPORARY, "The DNS does not answer for the hosts of ", " now.");
	else if (count[ROUTE_HOST_BOGUS] > 0)
		judge(f, ROUTE_BOGUS, "The DNS of the hosts of ", " is not signed correctly.");
	else if (f->looped)
		judge(f, ROUTE_LOOP, "Mail for ", " would come back to this host.");
	else if (f->hidden)
		judge(f, ROUTE_NO_ADDRESS, "The hosts for mail of ",
		    " have addresses of private networks alone, to which nothing is sent from "
		    "here.");
	else if (r->implicit)
		judge(f, ROUTE_NO_HOST, "The domain ", " has no host for mail.");
	else
		judge(f, ROUTE_NO_ADDRESS, "No host for mail of ", " has an address.");
	if (f->hidden && r->verdict == ROUTE_NO_ADDRESS)
		warn_of_inside(r->domain);
}

static void
drop_own_names(struct finding *f)
{
	const struct texts *names = &f->request->own_names;

	for (uint32_t i = 0; i < f->route->host_count; i++)
		for (uint32_t k = 0; k < names->count; k++)
			if (text_equal_ci(f->route->hosts[i].name, names->at[k])) {
				find_drop_loop(f, i);
				return;
			}
}

/* ---- domains ---- */

static void
find_domain(struct finding *f, struct sts *sts)
{
	struct dns_question q[2] = { { .type = RECORD_MX, .asked = true }, { .type = RECORD_TXT } };
	struct sts_wait w = { .announced = false };
	struct route *r = f->route;
	int n;

	memcpy(q[0].name, r->domain.ptr, r->domain.len); /* of dns_name */
	n = snprintf(q[1].name, sizeof(q[1].name), "_mta-sts.%s", q[0].name);
	q[1].asked = n > 0 && n <= DNS_NAME_MAX;
	dns_ask_all(f->dns, q, 2, f->deadline);
	if (q[1].asked)
		w = sts_begin(sts, r->domain, &q[1].answer);
	take_mx_answer(f, &q[0].answer);
	dns_questions_done(q, 2);
	if (r->verdict == ROUTE_OK) {
		drop_own_names(f);
		find_addresses(f);
		find_tlsa(f);
		conclude(f);
	}
	if (w.sts != NULL && (r->verdict == ROUTE_OK || route_verdict_temporary(r->verdict)))
		sts_end(&w, f->deadline, f->a, r);
}

/* ---- literals: RFC 5321 4.1.3 ---- */

static bool
literal(struct text word, char octets[16], size_t *len)
{
	static const struct text tag = { "IPv6:", 5 };
	bool six = text_starts_ci(word, tag);
	char name[INET6_ADDRSTRLEN];

	*len = six ? 16 : 4;
	if (six)
		word = text_part(word, tag.len, word.len);
	return text_to_string(word, name, sizeof(name)) == STATUS_OK &&
	       inet_pton(six ? AF_INET6 : AF_INET, name, octets) == 1;
}

static void
find_literal(struct finding *f, struct text word)
{
	struct route *r = f->route;
	struct route_host *h = &r->hosts[0];
	char octets[16];
	size_t len;

	if (!literal(word, octets, &len)) {
		judge(f, ROUTE_BAD_DOMAIN, "", " is no address.");
		return;
	}
	r->implicit = true;
	r->host_count = 1;
	*h = (struct route_host){ .name = r->domain };
	h->addresses.at = ARENA_NEW(f->a, struct text);
	h->addresses.at[0] = arena_copy(f->a, (struct text){ octets, len });
	h->addresses.count = 1;
	if (find_is_own(f, &h->addresses)) {
		find_drop_loop(f, 0);
	} else if (!find_usable(f, h->addresses.at[0])) {
		h->state = ROUTE_HOST_NO_ADDRESS;
		h->addresses.count = 0;
	}
	conclude(f);
}

/* ---- all of it ---- */

static enum status
read_networks(struct finding *f)
{
	const struct texts *words = &f->request->own_networks;

	f->own = ARENA_ARRAY(f->a, struct network, words->count + 1);
	for (uint32_t i = 0; i < words->count; i++)
		if (network_parse(words->at[i], &f->own[i]) != STATUS_OK)
			return STATUS_INVALID;
	return STATUS_OK;
}

enum status
route_find(const struct dns_source *dns, struct sts *sts, const struct lookup_route_request *q,
    int64_t deadline, struct arena *a, struct route *out)
{
	struct finding f = { .dns = dns, .request = q, .deadline = deadline, .a = a, .route = out };
	struct text domain = q->domain;
	char name[DNS_NAME_MAX + 1], inside[NETWORK_LIST_MAX + 1];

	setting_text(SET_OUTBOUND_PRIVATE_NETWORKS, inside, sizeof(inside));
	guard_init(&f.inside, text_of(inside));
	*out = (struct route){ .hosts = ARENA_ARRAY(a, struct route_host, LOOKUP_HOSTS_MAX) };
	if (q->own_names.count > LOOKUP_OWN_MAX || q->own_networks.count > LOOKUP_OWN_MAX ||
	    read_networks(&f) != STATUS_OK)
		return STATUS_INVALID;
	out->domain = arena_copy(a, text_part(domain, 0, DNS_NAME_MAX));
	if (text_starts(domain, TEXT("[")) && text_ends(domain, TEXT("]"))) {
		find_literal(&f, text_part(domain, 1, domain.len - 1));
	} else if (dns_name(domain, name) != STATUS_OK || text_equal(text_of(name), TEXT("."))) {
		judge(&f, ROUTE_BAD_DOMAIN, "", " is no domain name.");
	} else {
		out->domain = arena_copy(a, text_of(name));
		find_domain(&f, sts);
	}
	if (out->verdict != ROUTE_OK && !route_verdict_temporary(out->verdict))
		out->host_count = 0;
	return STATUS_OK;
}
