/* SPDX-License-Identifier: ISC */
/* Filing a batch of messages; see imap/append.h. */
#include "imap/append.h"

void
append_batch_init(struct append_batch *b, struct imap *im)
{
	*b = (struct append_batch){ .im = im, .room = UINT64_MAX };
	spool_init(&b->spool, 0);
}

void
append_batch_done(struct append_batch *b)
{
	append_ahead_done(b);
	spool_done(&b->spool);
	mem_free(b->flags);
	mem_free(b->keyword_counts);
	mem_free(b->dates);
	mem_free(b->sizes);
	mem_free(b->keywords);
}

static struct append_command *
in_hand(struct append_batch *b)
{
	return &b->at[b->commands - 1];
}

uint64_t
append_octets(const struct append_batch *b)
{
	return b->ahead.octets + b->spool.len;
}

void
append_begin(struct append_batch *b, struct command *c)
{
	b->at[b->commands++] =
	    (struct append_command){ .c = c, .from = b->count, .octets_from = append_octets(b) };
}

static void
grow(struct append_batch *b)
{
	if (b->count < b->cap)
		return;
	b->cap = b->cap == 0 ? 16 : 2 * b->cap;
	b->flags = mem_resize(b->flags, b->cap, sizeof(*b->flags));
	b->keyword_counts = mem_resize(b->keyword_counts, b->cap, sizeof(*b->keyword_counts));
	b->dates = mem_resize(b->dates, b->cap, sizeof(*b->dates));
	b->sizes = mem_resize(b->sizes, b->cap, sizeof(*b->sizes));
}

static void
add_keyword(struct append_batch *b, struct text keyword)
{
	if (b->keyword_count == b->keyword_cap) {
		b->keyword_cap = b->keyword_cap == 0 ? 16 : 2 * b->keyword_cap;
		b->keywords = mem_resize(b->keywords, b->keyword_cap, sizeof(*b->keywords));
	}
	b->keywords[b->keyword_count++] = keyword;
}

void
append_add(struct append_batch *b, const struct append_args *args, uint64_t octets)
{
	struct append_command *a = in_hand(b);

	grow(b);
	b->flags[b->count] = args->flags.flags;
	b->keyword_counts[b->count] = args->flags.keywords.count;
	b->dates[b->count] = (uint64_t)args->date;
	b->sizes[b->count] = octets;
	b->count++;
	for (uint32_t i = 0; i < args->flags.keywords.count; i++)
		add_keyword(b, args->flags.keywords.at[i]);
	a->count++;
	a->octets += octets;
}

void
append_drop(struct append_batch *b)
{
	struct append_command *a = in_hand(b);

	for (uint32_t i = a->from; i < b->count; i++)
		b->keyword_count -= (uint32_t)b->keyword_counts[i];
	b->count = a->from;
	a->count = 0;
	a->octets = 0;
	/* What was handed over is of the first command, and forgotten with that. */
	spool_cut(&b->spool, a->from == 0 ? 0 : (size_t)(a->octets_from - b->ahead.octets));
}

/* Messages of a batch that go by one call. */
struct part {
	uint64_t op; /* the same for each try: the store files it once */
	uint32_t from, count;
	uint32_t prepared; /* the first ones, whose octets are not in octets */
	struct payload octets;
};

struct filed {
	uint64_t uidvalidity, uid;
};

static struct texts
keywords_of(const struct append_batch *b, const struct part *p)
{
	uint32_t from = 0, count = 0;

	for (uint32_t i = 0; i < p->from; i++)
		from += (uint32_t)b->keyword_counts[i];
	for (uint32_t i = p->from; i < p->from + p->count; i++)
		count += (uint32_t)b->keyword_counts[i];
	return count == 0 ? (struct texts){ NULL, 0 } : (struct texts){ b->keywords + from, count };
}

static enum status
file_one(struct append_batch *b, const struct part *p, struct arena *a, struct filed *out,
    struct failure *f)
{
	const struct intake_append_request q = { .token = b->im->token,
		.op = p->op,
		.mailbox = b->mailbox,
		.name = b->mailbox == 0 ? b->name : TEXT_EMPTY,
		.flags = b->flags[p->from],
		.keywords = keywords_of(b, p),
		.date = (int64_t)b->dates[p->from],
		.message = p->octets };
	struct intake_append_reply r = { 0 };
	enum status st = intake_append(b->im->server->calls, &q, a, &r, f);

	*out = (struct filed){ r.uidvalidity, r.uid };
	return st;
}

static enum status
file_several(struct append_batch *b, const struct part *p, struct arena *a, struct filed *out,
    struct failure *f)
{
	const struct intake_append_all_request q = { .token = b->im->token,
		.op = p->op,
		.prepared = p->prepared,
		.mailbox = b->mailbox,
		.name = b->mailbox == 0 ? b->name : TEXT_EMPTY,
		.flags = { b->flags + p->from, p->count },
		.keyword_counts = { b->keyword_counts + p->from, p->count },
		.keywords = keywords_of(b, p),
		.dates = { b->dates + p->from, p->count },
		.sizes = { b->sizes + p->from, p->count },
		.messages = p->octets };
	struct intake_append_all_reply r = { 0 };
	enum status st = call_do_at(b->im->server->calls,
	    p->prepared > 0 ? b->ahead.instance : CALLS_ANY_INSTANCE, &intake_append_all_call, &q,
	    a, &r, f);

	*out = (struct filed){ r.uidvalidity, r.uid };
	return st;
}

static enum status
file_part(struct append_batch *b, const struct part *p, struct arena *a, struct filed *out,
    struct failure *f)
{
	return p->count == 1 ? file_one(b, p, a, out, f) : file_several(b, p, a, out, f);
}

/* With what intake has already. AGAIN: it has not, or not any more; that says nothing
 * of the mailbox, since a call that was sent twice finds so what it filed itself. */
static enum status
file_prepared(struct append_batch *b, struct part *all, struct filed *out, struct failure *f)
{
	enum status st;

	append_ahead_wait(b);
	if (b->ahead.failed || b->ahead.count == 0)
		return STATUS_AGAIN;
	st = spool_payload(&b->spool, &all->octets);
	if (st != STATUS_OK)
		return st;
	all->prepared = b->ahead.count;
	b->ahead.filed = true;
	st = file_part(b, all, &b->at[0].c->arena, out, f);
	all->prepared = 0;
	return st;
}

/* So, or all anew. */
static enum status
file_all(struct append_batch *b, struct filed *out, struct failure *f)
{
	struct part all = { .op = b->ahead.op != 0 ? b->ahead.op : imap_op(), .count = b->count };
	enum status st = file_prepared(b, &all, out, f);

	if (st != STATUS_AGAIN)
		return st;
	st = append_whole(b, &all.octets);
	return st == STATUS_OK ? file_part(b, &all, &b->at[0].c->arena, out, f) : st;
}

/* The reply of a command whose messages were filed, the first by that UID; or
 * were not. */
static void
reply(const struct append_command *a, enum status st, const struct failure *f, uint64_t uidvalidity,
    uint64_t uid)
{
	unsigned v = (unsigned)uidvalidity, u = (unsigned)uid;

	if (st == STATUS_NOT_FOUND) {
		(void)imap_no(a->c, "TRYCREATE", "There is no such mailbox");
		return;
	}
	if (st != STATUS_OK) {
		(void)imap_failed(a->c, st, f);
		return;
	}
	if (a->count == 1)
		imap_code(a->c, "APPENDUID %u %u", v, u);
	else
		imap_code(a->c, "APPENDUID %u %u:%u", v, u, u + a->count - 1);
	(void)imap_ok(a->c, NULL);
}

/* Each by itself, in their order. */
static void
file_each(struct append_batch *b, struct text octets)
{
	for (unsigned i = 0; i < b->commands; i++) {
		const struct append_command *a = &b->at[i];
		struct part p = { imap_op(), a->from, a->count, 0,
			PAYLOAD_OF(text_part(octets, a->octets_from, a->octets_from + a->octets)) };
		struct failure f = { 0 };
		struct filed filed = { 0 };
		enum status st;

		if (a->count == 0)
			continue;
		st = file_part(b, &p, &a->c->arena, &filed, &f);
		reply(a, st, &f, filed.uidvalidity, filed.uid);
	}
}

/* What concerns one of them alone, and left no trace. */
static bool
may_go_alone(const struct append_batch *b, enum status st)
{
	return b->commands > 1 &&
	       (st == STATUS_QUOTA || st == STATUS_LIMIT || st == STATUS_INVALID);
}

void
append_file(struct append_batch *b)
{
	struct payload whole;
	struct failure f = { 0 };
	struct filed filed = { 0 };
	enum status st;

	if (b->count == 0)
		return;
	st = file_all(b, &filed, &f);
	if (may_go_alone(b, st) && append_whole(b, &whole) == STATUS_OK) {
		file_each(b, whole.bytes);
		return;
	}
	for (unsigned i = 0; i < b->commands; i++)
		if (b->at[i].count > 0)
			reply(&b->at[i], st, &f, filed.uidvalidity, filed.uid + b->at[i].from);
}
