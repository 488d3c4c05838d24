/* SPDX-License-Identifier: ISC */
/*
 * See outbound/policy.h. Where a host has TLSA records MTA-STS does not count:
 * it must never weaken what DANE demands (RFC 8461 2).
 */
#include "outbound/policy.h"

#include "mailauth/mta_sts.h"
#include "mailauth/records.h"

/* RFC 7672 3.2.2: the base domain of the records, the name of the host, and the
 * domain itself, whose MX was validated. */
static void
name_all(const struct route *r, const struct route_host *h, struct arena *a, struct tls_wants *w)
{
	struct text *names = ARENA_ARRAY(a, struct text, 3);

	w->names = names;
	names[w->name_count++] = h->tlsa_base;
	if (!text_equal(h->name, h->tlsa_base))
		names[w->name_count++] = h->name;
	if (r->mx_secure && !text_equal(r->domain, h->tlsa_base) && !text_equal(r->domain, h->name))
		names[w->name_count++] = r->domain;
}

static void
by_dane(const struct route *r, const struct route_host *h, struct arena *a, struct policy *p)
{
	struct tls_tlsa *at = ARENA_ARRAY(a, struct tls_tlsa, h->tlsa.count + 1);
	bool usable = false;

	p->type = TLS_POLICY_TLSA;
	p->tls = SMTP_TLS_MUST;
	p->wants.verify = TLS_VERIFY_DANE;
	for (uint32_t i = 0; i < h->tlsa.count; i++) {
		struct record_tlsa t;

		if (record_tlsa(h->tlsa.at[i], &t) != STATUS_OK)
			continue;
		at[p->wants.tlsa_count++] =
		    (struct tls_tlsa){ t.usage, t.selector, t.matching, t.data };
		usable |= record_tlsa_usable(&t);
	}
	p->wants.tlsa = at;
	name_all(r, h, a, &p->wants);
	p->strict = usable && r->mx_secure;
}

static void
by_name(const struct route_host *h, struct arena *a, struct policy *p)
{
	struct text *name = ARENA_NEW(a, struct text);

	*name = h->name;
	p->tls = SMTP_TLS_MUST;
	p->wants = (struct tls_wants){ .verify = TLS_VERIFY_PKIX, .names = name, .name_count = 1 };
}

static void
opportunistic(const struct route_host *h, struct arena *a, struct policy *p)
{
	by_name(h, a, p);
	p->tls = SMTP_TLS_MAY;
	p->wants.verify = TLS_VERIFY_NONE; /* the result says what PKIX would have */
}

static void
forbid(struct policy *p, const char *enhanced, const char *words)
{
	p->forbidden = true;
	p->result = TLS_RESULT_VALIDATION_FAILURE;
	p->enhanced = enhanced;
	p->words = words;
}

static void
by_sts(const struct route *r, const struct route_host *h, struct arena *a, struct policy *p)
{
	bool fits = mta_sts_matches(r->sts_patterns.at, r->sts_patterns.count, h->name);

	p->type = TLS_POLICY_STS;
	if (r->sts_mode == MTA_STS_MODE_ENFORCE) {
		by_name(h, a, p);
		p->strict = true;
		if (!fits)
			forbid(p, "4.7.5", "The domain's MTA-STS policy does not name the host");
		return;
	}
	opportunistic(h, a, p);
	p->strict = fits;
}

/* RFC 8689 4.2.1: the host is known from DNSSEC or a policy, and proves that it
 * is the one. */
static void
demand(const struct route *r, const struct route_host *h, struct arena *a, struct policy *p)
{
	if (p->type == TLS_POLICY_NONE)
		p->strict = r->mx_secure && h->name.len > 0 && h->name.ptr[0] != '[';
	if (!p->strict)
		forbid(p, "5.7.30", "REQUIRETLS: the host's name is known from no trusted source");
	else if (p->wants.verify == TLS_VERIFY_NONE)
		by_name(h, a, p);
}

void
policy_of(const struct route *r, const struct route_host *h, bool requires, struct arena *a,
    struct policy *out)
{
	struct policy p = { .type = TLS_POLICY_NONE };

	if (h->tlsa_base.len > 0)
		by_dane(r, h, a, &p);
	else if (r->sts == ROUTE_STS_POLICY && r->sts_mode != MTA_STS_MODE_NONE)
		by_sts(r, h, a, &p);
	else
		opportunistic(h, a, &p);
	if (requires && !p.forbidden)
		demand(r, h, a, &p);
	*out = p;
}

void
policy_opportunistic(const struct route_host *h, struct arena *a, struct policy *out)
{
	*out = (struct policy){ .type = TLS_POLICY_NONE };
	opportunistic(h, a, out);
}

static void
sts_lines(const struct route *r, struct buffer *b)
{
	buffer_addf(b, "version: STSv1\nmode: %s\n",
	    r->sts_mode == MTA_STS_MODE_ENFORCE ? "enforce" : "testing");
	for (uint32_t i = 0; i < r->sts_patterns.count; i++)
		buffer_addf(b, "mx: %.*s\n", TEXT_ARG(r->sts_patterns.at[i]));
}

static void
tlsa_lines(const struct policy *p, const struct route_host *h, struct buffer *b)
{
	for (size_t i = 0; i < p->wants.tlsa_count; i++) {
		const struct tls_tlsa *t = &p->wants.tlsa[i];

		buffer_addf(b, "_25._tcp.%.*s TLSA %u %u %u ", TEXT_ARG(h->tlsa_base), t->usage,
		    t->selector, t->matching);
		for (size_t k = 0; k < t->data.len; k++)
			buffer_addf(b, "%02x", (unsigned char)t->data.ptr[k]);
		buffer_add_byte(b, '\n');
	}
}

struct text
policy_lines(
    const struct policy *p, const struct route *r, const struct route_host *h, struct arena *a)
{
	struct buffer b = BUFFER_INIT;
	struct text out;

	if (p->type == TLS_POLICY_STS)
		sts_lines(r, &b);
	else if (p->type == TLS_POLICY_TLSA)
		tlsa_lines(p, h, &b);
	out = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	return out;
}
