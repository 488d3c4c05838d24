/* SPDX-License-Identifier: ISC */
/*
 * TLSA records (RFC 7672 2.2.3): asked for where the host's addresses are
 * secure, at the name at the end of its aliases and else at its own; where only
 * the first alias is secure, at its own alone (RFC 7672 2.2.2). A look-up that
 * fails makes the host unusable now (RFC 7672 2.1.2), never a host without
 * records.
 */
#include <stdio.h>

#include "lookup/find_parts.h"
#include "mailauth/records.h"

enum { BASES = 2 };

/* The names at which records may stand, in order; empty: none. */
struct bases {
	struct text at[BASES];
};

static bool
is_alias(const struct finding *f, uint32_t i)
{
	return f->canonical[i].len > 0 && !text_equal_ci(f->canonical[i], f->route->hosts[i].name);
}

/* Hosts whose own name is a secure alias of an insecure one. */
static void
ask_aliases(struct finding *f, struct bases *bases)
{
	struct dns_question q[LOOKUP_HOSTS_MAX] = { { .asked = false } };
	struct route *r = f->route;

	for (uint32_t i = 0; i < r->host_count; i++) {
		const struct route_host *h = &r->hosts[i];

		q[i].type = RECORD_CNAME;
		q[i].asked = h->state == ROUTE_HOST_OK && !h->secure && is_alias(f, i) &&
			     text_to_string(h->name, q[i].name, sizeof(q[i].name)) == STATUS_OK;
	}
	dns_ask_all(f->dns, q, r->host_count, f->deadline);
	for (uint32_t i = 0; i < r->host_count; i++) {
		const struct dns_answer *answer = &q[i].answer;

		if (!q[i].asked)
			continue;
		if (answer->outcome == LOOKUP_TEMPORARY || answer->outcome == LOOKUP_BOGUS)
			find_fails(f, &r->hosts[i], answer, "the alias");
		else if (answer->outcome == LOOKUP_OK && answer->secure)
			bases[i].at[0] = r->hosts[i].name;
	}
	dns_questions_done(q, r->host_count);
}

static void
choose_bases(struct finding *f, struct bases *bases)
{
	for (uint32_t i = 0; i < f->route->host_count; i++) {
		const struct route_host *h = &f->route->hosts[i];

		if (h->state != ROUTE_HOST_OK || !h->secure)
			continue;
		bases[i].at[0] = is_alias(f, i) ? f->canonical[i] : h->name;
		if (is_alias(f, i))
			bases[i].at[1] = h->name;
	}
}

static void
take_records(
    struct finding *f, struct route_host *h, struct text base, const struct dns_answer *answer)
{
	struct record_tlsa record;

	if (answer->outcome == LOOKUP_TEMPORARY || answer->outcome == LOOKUP_BOGUS) {
		find_fails(f, h, answer, "the TLSA records");
		return;
	}
	if (answer->outcome != LOOKUP_OK || !answer->secure)
		return;
	h->tlsa_base = base;
	h->tlsa.at = ARENA_ARRAY(f->a, struct text, LOOKUP_TLSA_MAX);
	for (uint32_t i = 0; i < answer->records.count && h->tlsa.count < LOOKUP_TLSA_MAX; i++)
		if (record_tlsa(answer->records.at[i], &record) == STATUS_OK)
			h->tlsa.at[h->tlsa.count++] = arena_copy(f->a, answer->records.at[i]);
}

/* A name that is too long for the prefix has no records. */
static void
ask_records(struct finding *f, const struct bases *bases, unsigned which)
{
	struct dns_question q[LOOKUP_HOSTS_MAX] = { { .asked = false } };
	struct route *r = f->route;

	for (uint32_t i = 0; i < r->host_count; i++) {
		const struct route_host *h = &r->hosts[i];
		struct text base = bases[i].at[which];
		int n = snprintf(q[i].name, sizeof(q[i].name), "_%u._tcp.%.*s",
		    (unsigned)f->request->port, TEXT_ARG(base));

		q[i].type = RECORD_TLSA;
		q[i].asked = base.len > 0 && h->state == ROUTE_HOST_OK && h->tlsa_base.len == 0 &&
			     n > 0 && n <= DNS_NAME_MAX;
	}
	dns_ask_all(f->dns, q, r->host_count, f->deadline);
	for (uint32_t i = 0; i < r->host_count; i++)
		if (q[i].asked)
			take_records(f, &r->hosts[i], bases[i].at[which], &q[i].answer);
	dns_questions_done(q, r->host_count);
}

void
find_tlsa(struct finding *f)
{
	struct bases bases[LOOKUP_HOSTS_MAX] = { { { { NULL, 0 } } } };

	ask_aliases(f, bases);
	choose_bases(f, bases);
	for (unsigned i = 0; i < BASES; i++)
		ask_records(f, bases, i);
}
