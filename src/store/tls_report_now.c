/* SPDX-License-Identifier: ISC */
/*
 * Reports about TLS that somebody wants to see, or to go out now (RFC 8460 4.1).
 * What was counted of a day that goes on is closed: its row moves to a key with
 * the time, and what is counted from then on comes into a row of its own:
 *
 *	row of today -> closed, due | row of today, since then, empty
 *
 * in one batch. So each session is in one report, however often one is asked for.
 */
#include "store/core.h"
#include "store/scan.h"
#include "store/tls_report.h"

#define ROWS_A_BATCH 200u
#define LIST_ROWS 100u
#define LIST_OCTETS (256u << 10)

struct hurry {
	struct op op; /* first */
	const struct tls_report_now_request *r;
	struct txn *t;
	uint64_t today;
	int64_t now;
	uint32_t changed, due;
};

static bool
is_meant(struct text wanted, struct text domain)
{
	return wanted.len == 0 || text_equal(wanted, domain);
}

/* Nothing was counted since the last time, or that was in this second: nothing to
 * close. */
static enum status
close_today(struct hurry *h, struct text key, struct text domain, struct tls_day *d)
{
	struct key closed = tls_report_key(h->today, domain, h->now);
	struct tls_day rest = { .due = tls_report_due(h->today), .from = h->now };
	struct text value;
	enum status how;

	if (d->count == 0 || d->from == h->now)
		return STATUS_OK;
	how = txn_get(h->t, key_text(&closed), h->op.arena, &value);
	if (how != STATUS_NOT_FOUND)
		return how;
	d->until = d->due = h->now;
	tls_report_put(h->t, key_text(&closed), d);
	tls_report_put(h->t, key, &rest);
	h->changed++;
	h->due++;
	return STATUS_OK;
}

static enum status
hurry_row(void *arg, struct text key, struct text value)
{
	struct hurry *h = arg;
	struct tls_day d;
	struct text domain;
	uint64_t day;
	enum status how = tls_report_of_key(key, &day, &domain) ? STATUS_OK : STATUS_CORRUPT;

	if (how == STATUS_OK)
		how = tls_day_unpack(value, h->op.arena, &d);
	if (how != STATUS_OK || !is_meant(h->r->domain, domain))
		return how;
	if (h->changed == ROWS_A_BATCH)
		return STATUS_AGAIN;
	if (d.until == 0 && day >= h->today)
		return h->r->today && day == h->today ? close_today(h, key, domain, &d) : STATUS_OK;
	h->due++;
	if (d.due <= h->now)
		return STATUS_OK;
	d.due = h->now;
	h->changed++;
	tls_report_put(h->t, key, &d);
	return STATUS_OK;
}

static enum status
hurry_apply(struct txn *t, struct op *op)
{
	struct hurry *h = (struct hurry *)(void *)op;
	struct key from = key_of(KEY_Q_TLS), behind = key_behind(from);

	h->t = t;
	h->changed = h->due = 0;
	return op->repeated ? STATUS_OK
			    : txn_scan(t, key_text(&from), key_text(&behind), hurry_row, h);
}

static void
hurry_finish(struct op *op, enum status how)
{
	struct hurry *h = (struct hurry *)(void *)op;
	struct tls_report_now_reply reply = { .reports = h->due };

	if (how == STATUS_OK)
		call_reply(op->in, &reply);
	else
		call_fail(op->in, how, &op->failure);
}

void
serve_tls_report_now(struct call_in *in, const void *request, void *context)
{
	struct store *s = context;
	struct hurry *h = ARENA_NEW(call_arena(in), struct hurry);

	h->r = request;
	h->now = clock_wall() / CLOCK_SECOND;
	h->today = (uint64_t)(h->now / TLS_REPORT_DAY);
	h->op.in = in;
	h->op.arena = call_arena(in);
	h->op.id = h->r->op;
	h->op.apply = hurry_apply;
	h->op.finish = hurry_finish;
	owner_submit(&s->queue.shard[TLS_REPORT_SHARD].owner, &h->op);
}

/* ---- what there is ---- */

struct listing {
	struct tls_report_list_reply reply;
	struct arena *a;
	struct text domain, last;
	size_t octets;
};

static enum status
list_row(void *arg, struct text key, struct text value)
{
	struct listing *l = arg;
	struct tls_report_list_reply *reply = &l->reply;
	uint32_t i = reply->days.count;
	struct text domain;
	uint64_t day;

	if (!tls_report_of_key(key, &day, &domain))
		return STATUS_CORRUPT;
	if (!is_meant(l->domain, domain))
		return STATUS_OK;
	if (i == LIST_ROWS || (i > 0 && l->octets + value.len > LIST_OCTETS)) {
		reply->resume = l->last;
		return STATUS_NOT_FOUND; /* the end */
	}
	l->octets += value.len;
	reply->days.at[i] = day;
	reply->domains.at[i] = arena_copy(l->a, domain);
	reply->facts.at[i] = arena_copy(l->a, value);
	l->last = arena_copy(l->a, key);
	reply->days.count = reply->domains.count = reply->facts.count = i + 1;
	return STATUS_OK;
}

void
serve_tls_report_list(struct call_in *in, const void *request, void *context)
{
	const struct tls_report_list_request *r = request;
	struct store *s = context;
	struct listing l = { .a = call_arena(in), .domain = r->domain };
	struct key from = key_of(KEY_Q_TLS), behind = key_behind(from);
	enum status how;

	l.reply.days.at = ARENA_ARRAY(l.a, uint64_t, LIST_ROWS);
	l.reply.domains.at = ARENA_ARRAY(l.a, struct text, LIST_ROWS);
	l.reply.facts.at = ARENA_ARRAY(l.a, struct text, LIST_ROWS);
	if (r->after.len > KEY_MAX - 1) {
		call_refuse(in, STATUS_INVALID, "Bad request.", "tls_report_list: bad key");
		return;
	}
	if (r->after.len > 0) {
		from.len = 0;
		key_add_text(&from, r->after);
		key_add(&from, 0, 1);
	}
	how = scan_rows(s, s->queue.shard[TLS_REPORT_SHARD].owner.entity, key_text(&from),
	    key_text(&behind), list_row, &l);
	if (how == STATUS_OK)
		call_reply(in, &l.reply);
	else
		call_refuse(in, how, "Counts of TLS cannot be read now.", "tls_report_list");
}
