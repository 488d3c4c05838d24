/* SPDX-License-Identifier: ISC */
/*
 * Counts for reports on TLS (RFC 8460): a row for each UTC day and policy domain
 *
 *	added to, all day -> due -> sending -> gone
 *			      ^--- later <--'
 *
 * Rows stand in the order of their days, so that what is due is found by reading
 * no more than the days that are over. What was closed before its day was over
 * (store/tls_report_now.c) stands before all of them.
 */
#include "store/tls_report.h"

#include "base/random.h"
#include "store/core.h"
#include "store/scan.h"

#define DAY TLS_REPORT_DAY
#define DOMAIN_MAX 240u
#define CLOSED_OCTETS 6u /* behind a domain: 0, and be40 of the time */

struct key
tls_report_key(uint64_t day, struct text domain, int64_t until)
{
	struct key k = key_u32(KEY_Q_TLS, until == 0 ? (uint32_t)day : 0);

	key_add_text(&k, domain);
	if (until != 0) {
		key_add(&k, 0, 1);
		key_add(&k, (uint64_t)until, CLOSED_OCTETS - 1);
	}
	return k;
}

bool
tls_report_of_key(struct text key, uint64_t *day, struct text *domain)
{
	*day = key.len > 5 ? key_number(key, 1, 4) : 0;
	*domain = text_part(key, 5, key.len);
	if (key.len > 5 && *day == 0) {
		if (domain->len <= CLOSED_OCTETS)
			return false;
		*day = key_number(key, key.len - CLOSED_OCTETS + 1, CLOSED_OCTETS - 1) / DAY;
		*domain = text_part(*domain, 0, domain->len - CLOSED_OCTETS);
	}
	return domain->len > 0;
}

static struct owner *
shard(struct store *s)
{
	return &s->queue.shard[TLS_REPORT_SHARD].owner;
}

static enum status
read_day(struct txn *t, struct arena *a, struct text key, struct tls_day *out)
{
	struct text value;
	enum status how = txn_get(t, key, a, &value);

	return how == STATUS_OK ? tls_day_unpack(value, a, out) : how;
}

void
tls_report_put(struct txn *t, struct text key, const struct tls_day *d)
{
	struct buffer value = BUFFER_INIT;

	tls_day_pack(&value, d);
	txn_put(t, key, buffer_text(&value));
	buffer_done(&value);
}

/* ---- adding ---- */

static enum status
count_row(void *arg, struct text key, struct text value)
{
	(void)key;
	(void)value;
	++*(uint32_t *)arg;
	return STATUS_OK;
}

/* Committed rows of the day; what this transaction adds comes on top. */
static enum status
count_rows(struct txn *t, uint64_t day, uint32_t *out)
{
	struct key from = key_u32(KEY_Q_TLS, (uint32_t)day), behind = key_behind(from);

	*out = 0;
	return txn_scan(t, key_text(&from), key_text(&behind), count_row, out);
}

/* Reports of one day do not all go out at once (RFC 8460 4.1). */
int64_t
tls_report_due(uint64_t day)
{
	return (int64_t)(day + 1) * DAY + (int64_t)random_below(TLS_REPORT_DELAY);
}

struct adding {
	uint32_t rows;
	bool counted;
};

static enum status
add_one(struct txn *t, struct arena *a, struct adding *n, uint64_t day, struct text domain,
    const struct tls_count *more)
{
	struct key key = tls_report_key(day, domain, 0);
	struct tls_day d = { .count = 0 };
	enum status how = read_day(t, a, key_text(&key), &d);

	if (how == STATUS_NOT_FOUND) {
		how = n->counted ? STATUS_OK : count_rows(t, day, &n->rows);
		n->counted = true;
		if (how == STATUS_OK && n->rows >= TLS_REPORT_DOMAINS)
			return STATUS_OK;
		n->rows++;
		d.due = tls_report_due(day);
	}
	if (how != STATUS_OK)
		return how;
	tls_day_add(&d, more, a);
	tls_report_put(t, key_text(&key), &d);
	return STATUS_OK;
}

static enum status
add_apply(struct txn *t, struct op *op)
{
	const struct tls_report_add_request *r = op->request;
	struct adding n = { .rows = 0 };
	enum status how = STATUS_OK;

	if (op->repeated)
		return STATUS_OK;
	for (uint32_t i = 0; how == STATUS_OK && i < r->domains.count; i++) {
		struct tls_count c;

		if (tls_count_unpack(r->counts.at[i], op->arena, &c) != STATUS_OK)
			return op_refuse(op, STATUS_INVALID, "Bad counts.", "tls_report_add");
		how = add_one(t, op->arena, &n, r->day, r->domains.at[i], &c);
	}
	return how;
}

static void
finish(struct op *op, enum status how)
{
	static const struct tls_report_add_reply nothing = { .none_ = 0 };

	if (how == STATUS_OK)
		call_reply(op->in, &nothing);
	else
		call_fail(op->in, how, &op->failure);
}

static void
change(struct call_in *in, struct store *s, const void *request, uint64_t id,
    enum status (*apply)(struct txn *t, struct op *op))
{
	struct op *op = ARENA_NEW(call_arena(in), struct op);

	op->in = in;
	op->arena = call_arena(in);
	op->request = request;
	op->id = id;
	op->apply = apply;
	op->finish = finish;
	owner_submit(shard(s), op);
}

static bool
is_domain(struct text t)
{
	return t.len > 0 && t.len <= DOMAIN_MAX;
}

void
serve_tls_report_add(struct call_in *in, const void *request, void *context)
{
	const struct tls_report_add_request *r = request;
	bool good = r->domains.count == r->counts.count && r->day <= UINT32_MAX &&
		    r->domains.count <= TLS_REPORT_BATCH;

	for (uint32_t i = 0; good && i < r->domains.count; i++)
		good = is_domain(r->domains.at[i]);
	if (good)
		change(in, context, request, r->op, add_apply);
	else
		call_refuse(in, STATUS_INVALID, "Bad counts.", "tls_report_add: bad lists");
}

/* ---- what is due ---- */

struct looking {
	struct tls_report_next_reply reply;
	struct arena *a;
	int64_t now;
};

static enum status
look(void *arg, struct text key, struct text value)
{
	struct looking *l = arg;
	struct arena a = ARENA_INIT;
	struct tls_day d;
	struct text domain;
	enum status how = tls_day_unpack(value, &a, &d);

	if (how == STATUS_OK && d.due <= l->now) {
		if (!tls_report_of_key(key, &l->reply.day, &domain))
			how = STATUS_CORRUPT;
		l->reply.domain = arena_copy(l->a, domain);
		l->reply.until = d.until;
		l->reply.facts = arena_copy(l->a, value);
		how = how == STATUS_OK ? STATUS_NOT_FOUND : how; /* the end */
	} else if (how == STATUS_OK && (l->reply.due == 0 || d.due < l->reply.due)) {
		l->reply.due = d.due;
	}
	arena_done(&a);
	return how;
}

void
serve_tls_report_next(struct call_in *in, const void *request, void *context)
{
	struct store *s = context;
	struct looking l = { .a = call_arena(in), .now = clock_wall() / CLOCK_SECOND };
	struct key from = key_of(KEY_Q_TLS), today = key_u32(KEY_Q_TLS, (uint32_t)(l.now / DAY));
	enum status how =
	    scan_rows(s, shard(s)->entity, key_text(&from), key_text(&today), look, &l);

	(void)request;
	if (how == STATUS_OK)
		call_reply(in, &l.reply);
	else
		call_refuse(in, how, "Counts of TLS cannot be read now.", "tls_report_next");
}

static enum status
step_apply(struct txn *t, struct op *op)
{
	const struct tls_report_step_request *r = op->request;
	struct key key = tls_report_key(r->day, r->domain, r->until);
	struct tls_day d;
	enum status how;

	if (op->repeated)
		return STATUS_OK;
	how = read_day(t, op->arena, key_text(&key), &d);
	if (how == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (how != STATUS_OK)
		return how;
	if (r->step == TLS_REPORT_DONE) {
		txn_delete(t, key_text(&key));
		return STATUS_OK;
	}
	d.sending = r->step == TLS_REPORT_SENDING;
	if (r->step == TLS_REPORT_LATER)
		d.due = r->due;
	tls_report_put(t, key_text(&key), &d);
	return STATUS_OK;
}

void
serve_tls_report_step(struct call_in *in, const void *request, void *context)
{
	const struct tls_report_step_request *r = request;

	if (is_domain(r->domain) && r->day <= UINT32_MAX && r->step < TLS_REPORT_STEPS)
		change(in, context, request, r->op, step_apply);
	else
		call_refuse(in, STATUS_INVALID, "Bad step.", "tls_report_step");
}
