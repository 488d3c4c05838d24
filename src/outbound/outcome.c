/* SPDX-License-Identifier: ISC */
/*
 * See outbound/outcome.h. For the destination the best that happened counts: a
 * host that took mail, whatever the others did; else that one was busy; else
 * that none was reached.
 */
#include "outbound/outcome.h"

#include "base/log.h"
#include "runtime/metrics.h"

void
outcome_init(struct outcome *o, struct smtp_recipient *at, size_t count, struct arena *a)
{
	*o = (struct outcome){ .at = at, .count = count, .a = a };
	o->begun = clock_mono();
	o->last = ARENA_ARRAY(a, struct smtp_fate, count + 1);
	o->done = ARENA_ARRAY(a, bool, count + 1);
	o->how = SCHEDULE_NEITHER;
}

size_t
outcome_open(const struct outcome *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->count; i++)
		n += o->at[i].fate.outcome == SMTP_UNTRIED;
	return n;
}

/* NEITHER yields to all, DOWN to what a host said, BUSY to success. */
static void
learn(struct outcome *o, const struct smtp_fate *f)
{
	static const int weight[] = { [SCHEDULE_NEITHER] = 1,
		[SCHEDULE_DOWN] = 0,
		[SCHEDULE_BUSY] = 2,
		[SCHEDULE_WELL] = 3 };
	enum schedule_end how = fate_end(f);

	if (f->outcome == SMTP_UNTRIED)
		return;
	if (!o->heard || weight[how] > weight[o->how])
		o->how = how;
	o->heard = true;
}

static void
to_next_host(struct outcome *o, size_t i, const struct smtp_fate *f)
{
	o->last[i] = *f;
	o->at[i].fate = (struct smtp_fate){ .outcome = SMTP_UNTRIED };
	o->doubt |= f->outcome == SMTP_TEMPORARY || f->stage != SMTP_AT_NEEDS;
}

/* "203.0.113.5:25 TLSv1.3 TLS_AES_256_GCM_SHA384 dane". */
static struct text
facts_of(const struct connection *c, struct arena *a)
{
	static const char *const words[] = {
		[TLS_VERIFIED_NOT] = "unverified",
		[TLS_VERIFIED_PKIX] = "pkix",
		[TLS_VERIFIED_DANE_TA] = "dane",
		[TLS_VERIFIED_DANE_EE] = "dane",
	};
	const struct tls_peer *tls = &c->client.tls;

	if (!tls->encrypted)
		return arena_printf(a, "%s clear", c->place);
	return arena_printf(
	    a, "%s %s %s %s", c->place, tls->version, tls->cipher, words[tls->verified]);
}

static void
said_by(struct outcome *o, const struct connection *c)
{
	o->server = arena_copy(o->a, c->host);
	o->facts = facts_of(c, o->a);
}

void
outcome_take(struct outcome *o, const struct connection *c, bool stale)
{
	bool said = false;

	for (size_t i = 0; i < o->count; i++) {
		struct smtp_fate f = o->at[i].fate;

		if (f.outcome == SMTP_UNTRIED || o->done[i])
			continue;
		said = true;
		if (!stale || f.outcome != SMTP_TEMPORARY)
			learn(o, &f);
		if (fate_elsewhere(&f))
			to_next_host(o, i, &f);
		else
			o->done[i] = true;
	}
	if (said)
		said_by(o, c);
	else if (!stale && c->client.fate.stage != SMTP_AT_NONE)
		outcome_unreached(o, &c->client.fate, c->host);
}

void
outcome_unreached(struct outcome *o, const struct smtp_fate *why, struct text host)
{
	learn(o, why);
	for (size_t i = 0; i < o->count; i++)
		if (o->at[i].fate.outcome == SMTP_UNTRIED)
			to_next_host(o, i, why);
	o->server = arena_copy(o->a, host);
	o->facts = TEXT_EMPTY;
}

void
outcome_all(struct outcome *o, const struct smtp_fate *fate, struct text server)
{
	learn(o, fate);
	for (size_t i = 0; i < o->count; i++)
		if (o->at[i].fate.outcome == SMTP_UNTRIED)
			o->at[i].fate = *fate;
	o->server = server;
}

/* Where every host lacks what the message needs it will never do; what a host
 * says before MAIL is its own word. */
void
outcome_no_more_hosts(struct outcome *o)
{
	for (size_t i = 0; i < o->count; i++) {
		if (o->at[i].fate.outcome != SMTP_UNTRIED || o->last[i].outcome == SMTP_UNTRIED)
			continue;
		o->at[i].fate = o->last[i];
		if (o->doubt)
			o->at[i].fate.outcome = SMTP_TEMPORARY;
	}
}

/* ---- the report ---- */

static void
tell_one(const struct outcome *o, const struct queue_lease_reply *l, size_t i,
    enum queue_outcome how, struct text reply)
{
	static const struct {
		const char *event;
		enum metric metric;
	} rows[] = {
		[QUEUE_DELIVERED] = { "outbound.delivered", METRIC_OUTBOUND_DELIVERED },
		[QUEUE_RELAYED] = { "outbound.delivered", METRIC_OUTBOUND_DELIVERED },
		[QUEUE_KEPT] = { "outbound.delivered", METRIC_OUTBOUND_DELIVERED },
		[QUEUE_LATER] = { "outbound.later", METRIC_OUTBOUND_DEFERRED },
		[QUEUE_FAILED] = { "outbound.failed", METRIC_OUTBOUND_FAILED },
	};

	if (how == QUEUE_UNTRIED)
		return;
	metric_add(rows[how].metric, 1);
	LOG_INFO(rows[how].event, FIELD_TEXT("id", l->id), FIELD_TEXT("from", l->sender),
	    FIELD_TEXT("to", l->recipients.at[i]), FIELD_TEXT("host", o->server),
	    FIELD_TEXT("facts", o->facts),
	    FIELD_U64("attempt", i < l->attempts.count ? l->attempts.at[i] + 1 : 0),
	    FIELD_STRING("stage", smtp_stage_word(o->at[i].fate.stage)),
	    FIELD_TEXT("reply", reply));
}

void
outcome_report(
    struct outcome *o, const struct queue_lease_reply *l, struct queue_report_request *out)
{
	uint32_t n = (uint32_t)o->count;

	out->numbers = l->numbers;
	out->outcomes = (struct numbers){ ARENA_ARRAY(o->a, uint64_t, n + 1), n };
	out->replies = (struct texts){ ARENA_ARRAY(o->a, struct text, n + 1), n };
	for (uint32_t i = 0; i < n; i++) {
		const struct smtp_fate *f = &o->at[i].fate;

		out->outcomes.at[i] = fate_outcome(f);
		out->replies.at[i] = f->outcome == SMTP_UNTRIED ? TEXT_EMPTY : fate_reply(f, o->a);
		tell_one(o, l, i, fate_outcome(f), out->replies.at[i]);
	}
	out->how = o->how;
	out->server = o->server;
	out->facts = o->facts;
	out->took = (uint64_t)((clock_mono() - o->begun) / CLOCK_MS);
}
