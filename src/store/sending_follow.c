/* SPDX-License-Identifier: ISC */
/*
 * What follows when sending of an account or a network is stopped or goes on, in
 * the background: its mail that waits is held, or released again, in bounded steps;
 * the account's owner and the postmaster are told by a message. A step that was done
 * before a crash finds nothing to do afterwards; a message may come again.
 */
#include "base/log.h"
#include "codec/date.h"
#include "mime/parse.h"
#include "runtime/metrics.h"
#include "store/content.h"
#include "store/core.h"
#include "store/queue_walk.h"
#include "store/sending.h"
#include "store/serve.h"

#define AGAIN_SECONDS 5
#define STEPS_A_ROUND 16u /* each at most QUEUE_WALK_RUNS runs looked at, and 512 changed */
/* What was counted when the account was stopped is in the queue by then. */
#define SETTLED_SECONDS 30

/* ---- mail that waits ---- */

/* Goes on through the queue for the sender, a bounded number of steps a round, so that
 * nothing else in the background waits for it. AGAIN: not at the end yet. left: recipients
 * that were changed since its beginning, or are busy. */
static enum status
change_some(struct store *s, uint64_t sender, const struct sending_rule *r, uint64_t *left)
{
	enum queue_admin_change change =
	    (r->todo & SENDING_HOLD) != 0 ? QUEUE_ADMIN_HOLD : QUEUE_ADMIN_RELEASE;
	struct sending_pass *p = &s->sending.pass;
	struct arena a = ARENA_INIT;
	enum status how = STATUS_AGAIN;

	if (p->sender != 0 && p->sender != sender)
		return STATUS_AGAIN; /* one after the other */
	if (p->sender == 0 || p->since != r->since)
		*p = (struct sending_pass){ .sender = sender, .since = r->since };
	for (unsigned i = 0; i < STEPS_A_ROUND && how == STATUS_AGAIN; i++) {
		struct queue_admin_change_request q = {
			.account = sender, .change = change, .after = { p->after, p->after_len }
		};
		struct queue_change_done done = { .changed = 0 };

		how =
		    atomic_load(&s->closing) ? STATUS_CLOSED : queue_change_step(s, &a, &q, &done);
		if (how != STATUS_OK)
			break;
		p->left += done.changed + done.busy;
		CHECK(done.resume.len <= sizeof(p->after));
		memcpy(p->after, done.resume.ptr, done.resume.len);
		p->after_len = done.resume.len;
		how = p->after_len > 0 ? STATUS_AGAIN : STATUS_OK;
		arena_reset(&a);
	}
	arena_done(&a);
	*left = p->left;
	if (how != STATUS_AGAIN)
		*p = (struct sending_pass){ .sender = 0 };
	return how;
}

/* ---- telling ---- */

struct tell {
	struct account_op a; /* first */
	struct delivery what;
	struct text address; /* filled in, if there is nothing to deliver */
};

static enum status
tell_run(struct account_txn *t, struct op *op)
{
	struct tell *k = (struct tell *)(void *)op;

	if (t->a->missing || t->gone)
		return STATUS_NOT_FOUND;
	k->address = arena_copy(op->arena, t->facts.address);
	return k->what.pieces == 0 ? STATUS_OK : deliver_into(t, op, &k->what);
}

/* thing: that is stopped. */
static void
compose_head(struct buffer *b, struct text to, struct text thing, const struct sending_rule *r)
{
	struct text site = text_part(to, text_find_last(to, '@'), to.len);

	buffer_addf(b, "From: Mail service <postmaster%.*s>\r\nTo: %.*s\r\nDate: ", TEXT_ARG(site),
	    TEXT_ARG(to));
	date_print_mail(b, (struct date){ .at = r->since });
	buffer_addf(b,
	    "\r\nSubject: Sending is stopped for %.*s\r\n"
	    "Message-ID: <stopped.%lld.%llx%.*s>\r\n"
	    "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
	    "No more mail is taken from %.*s, and what waited to be sent is held:\r\n"
	    "%.*s.\r\n\r\n",
	    TEXT_ARG(thing), (long long)r->since, (unsigned long long)text_hash_stable(thing),
	    TEXT_ARG(site), TEXT_ARG(thing), TEXT_ARG(r->why));
}

static struct text
compose(struct text address, const struct sending_rule *r, struct arena *a)
{
	struct buffer b = BUFFER_INIT;
	struct text out;

	compose_head(&b, address, address, r);
	buffer_addf(&b,
	    "Perhaps somebody else knows the password. Mail can be read as before.\r\n\r\n"
	    "What to do: change the password, see that no device sends on its own,\r\n"
	    "and ask the people who run this mail service to let sending go on.\r\n\r\n"
	    "For them: mailstead account show %.*s\r\n"
	    "          mailstead queue list --account %.*s\r\n"
	    "          mailstead account resume %.*s\r\n",
	    TEXT_ARG(address), TEXT_ARG(address), TEXT_ARG(address));
	out = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	return out;
}

static struct text
compose_of_network(struct text to, const struct sending_rule *r, struct arena *a)
{
	struct buffer b = BUFFER_INIT;
	struct text out;

	compose_head(&b, to, arena_printf(a, "the network %.*s", TEXT_ARG(r->name)), r);
	buffer_addf(&b,
	    "What to do: see which host there sends what it should not. The trace names the\r\n"
	    "host of each message. Then drop what should not go out, and let the rest go "
	    "on:\r\n\r\n"
	    "          mailstead network show %.*s\r\n"
	    "          mailstead queue list --network %.*s\r\n"
	    "          mailstead network resume %.*s\r\n",
	    TEXT_ARG(r->name), TEXT_ARG(r->name), TEXT_ARG(r->name));
	out = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	return out;
}

static struct delivery
deliverable(struct text raw, struct arena *a)
{
	struct delivery d = {
		.received = clock_wall() / CLOCK_SECOND, .size = raw.len, .over_quota = true
	};
	struct text *piece = ARENA_ARRAY(a, struct text, 2);
	struct buffer b = BUFFER_INIT;
	struct mime_summary m;
	struct text container;

	mime_parse(raw, NULL, a, &m);
	mime_summary_pack(&m, &b);
	d.summary = arena_copy(a, buffer_text(&b));
	buffer_clear(&b);
	content_pack(TEXT_EMPTY, raw, m.header_len, &b);
	container = arena_copy(a, buffer_text(&b));
	buffer_done(&b);
	CHECK(content_pieces(container, 2, piece, &d.pieces) == STATUS_OK);
	d.piece = piece;
	return d;
}

static enum status
tell_one(struct store *s, uint64_t account, const struct delivery *what, struct arena *a,
    struct text *address)
{
	struct tell k = { .a = { .op = { .arena = a }, .run = tell_run }, .what = *what };
	enum status how = serve_wait(s, account, &k.a);

	*address = k.address;
	return how;
}

/* OK, too, where there is none here. */
static enum status
find_postmaster(struct store *s, struct text postmaster, struct arena *a, struct targets *to)
{
	enum status how = directory_resolve(s, postmaster, a, to);

	return how == STATUS_NOT_FOUND || how == STATUS_DENIED || how == STATUS_INVALID ? STATUS_OK
											: how;
}

static enum status
tell_postmaster(struct store *s, uint64_t owner, struct text address, const struct delivery *what,
    struct arena *a)
{
	struct targets to = { .count = 0 };
	struct text postmaster = arena_printf(a, "postmaster%.*s",
	    TEXT_ARG(text_part(address, text_find_last(address, '@'), address.len)));
	enum status how = find_postmaster(s, postmaster, a, &to);
	struct text ignored;

	for (uint32_t i = 0; how == STATUS_OK && i < to.count; i++)
		if (to.at[i].account != owner)
			how = tell_one(s, to.at[i].account, what, a, &ignored);
	return how;
}

static void
alarm_of(const struct sending_rule *r, const char *kind, struct text name)
{
	LOG_ALARM("sending.frozen", FIELD_TEXT(kind, name), FIELD_TEXT("why", r->why));
	metric_add(METRIC_ALARMS, 1);
	metric_add(METRIC_SENDING_FROZEN, 1);
}

static enum status
tell_of_account(struct store *s, uint64_t account, const struct sending_rule *r, struct arena *a,
    struct text *address)
{
	struct delivery nothing = { .pieces = 0 }, what;
	enum status how = tell_one(s, account, &nothing, a, address);

	if (how == STATUS_OK) {
		alarm_of(r, "account", *address);
		what = deliverable(compose(*address, r, a), a);
		how = tell_one(s, account, &what, a, address);
	}
	if (how == STATUS_OK)
		how = tell_postmaster(s, account, *address, &what, a);
	return how;
}

/* The postmaster of the site, who has no owner beside him. */
static enum status
tell_of_network(struct store *s, const struct sending_rule *r, struct arena *a)
{
	struct delivery nothing = { .pieces = 0 }, what;
	struct targets to = { .count = 0 };
	enum status how = find_postmaster(s, TEXT("postmaster"), a, &to);
	struct text address;

	if (how == STATUS_OK)
		alarm_of(r, "network", r->name);
	for (uint32_t i = 0; how == STATUS_OK && i < to.count; i++) {
		how = tell_one(s, to.at[i].account, &nothing, a, &address);
		if (how == STATUS_OK) {
			what = deliverable(compose_of_network(address, r, a), a);
			how = tell_one(s, to.at[i].account, &what, a, &address);
		}
	}
	return how == STATUS_NOT_FOUND ? STATUS_OK : how; /* removed meanwhile */
}

/* address: filled in, of an account. */
static enum status
tell(struct store *s, uint64_t sender, const struct sending_rule *r, struct arena *a,
    struct text *address)
{
	return sending_is_network(sender) ? tell_of_network(s, r, a)
					  : tell_of_account(s, sender, r, a, address);
}

/* ---- one sender ---- */

static enum status
order(struct store *s, struct sending_order *o)
{
	struct arena a = ARENA_INIT;
	enum status how;

	o->op.arena = &a;
	how = sending_order_wait(s, o);
	arena_done(&a);
	return how;
}

/* name: of the sender, unless it is known. */
static enum status
finish(struct store *s, uint64_t sender, const struct sending_rule *r, enum sending_todo what,
    struct text name)
{
	return order(s, &(struct sending_order){ .sender = sender,
			    .change = SENDING_FINISHED,
			    .todo = what,
			    .since = r->since,
			    .name = name });
}

static enum status
gone(struct store *s, uint64_t sender)
{
	return order(s, &(struct sending_order){ .sender = sender, .change = SENDING_GONE });
}

static enum status
follow_mail(struct store *s, uint64_t sender, const struct sending_rule *r, int64_t now)
{
	bool hold = (r->todo & SENDING_HOLD) != 0;
	uint64_t left;
	enum status how = change_some(s, sender, r, &left);
	if (how == STATUS_AGAIN)
		atomic_store(&s->sending.hurry, true);
	if (how == STATUS_OK && left > 0)
		LOG_INFO(hold ? "sending.held" : "sending.released", FIELD_U64("sender", sender),
		    FIELD_U64("recipients", left));
	if (how != STATUS_OK || left > 0 || (hold && now < r->since + SETTLED_SECONDS))
		return how;
	return finish(s, sender, r, hold ? SENDING_HOLD : SENDING_RELEASE, TEXT_EMPTY);
}

/* Its mail does not wait for somebody to be told. */
static enum status
follow_one(struct store *s, uint64_t sender, const struct sending_rule *r, int64_t now)
{
	enum status told = STATUS_OK, how = STATUS_OK;
	struct text address = TEXT_EMPTY;
	struct arena a = ARENA_INIT;

	if (r->todo & SENDING_TELL) {
		told = tell(s, sender, r, &a, &address);
		if (told == STATUS_OK)
			told = finish(s, sender, r, SENDING_TELL, address);
		else if (told == STATUS_NOT_FOUND)
			told = gone(s, sender);
	}
	arena_done(&a);
	if (r->todo & (SENDING_HOLD | SENDING_RELEASE))
		how = follow_mail(s, sender, r, now);
	return how != STATUS_OK ? how : told;
}

/* Whose way through the queue was not at its end, and who has nothing to be done any
 * more, is in nobody's way. */
static void
drop_pass(struct sending_pass *p, const struct numbers *accounts)
{
	for (uint32_t i = 0; i < accounts->count; i++)
		if (accounts->at[i] == p->sender)
			return;
	*p = (struct sending_pass){ .sender = 0 };
}

void
sending_follow(struct store *s)
{
	struct sending *k = &s->sending;
	int64_t now = clock_wall() / CLOCK_SECOND;
	struct arena a = ARENA_INIT;
	struct numbers accounts;

	if (!atomic_exchange(&k->hurry, false) && now < k->next && k->next <= now + AGAIN_SECONDS)
		return;
	k->next = now + AGAIN_SECONDS;
	accounts = sending_unfinished(s, &a);
	drop_pass(&k->pass, &accounts);
	for (uint32_t i = 0; i < accounts.count && !atomic_load(&s->closing); i++) {
		struct sending_rule r;
		enum status how;

		sending_rule(s, accounts.at[i], &a, &r);
		how = follow_one(s, accounts.at[i], &r, now);
		if (how != STATUS_OK && how != STATUS_AGAIN && how != STATUS_CLOSED)
			LOG_WARN("sending.not_followed", FIELD_U64("sender", accounts.at[i]),
			    FIELD_STATUS(how));
	}
	arena_done(&a);
}

/* ---- a removed account ---- */

struct forgetting {
	struct op op; /* first */
	uint64_t account;
};

static enum status
forget_apply(struct txn *t, struct op *op)
{
	struct sending_key who = { SENDING_ACCOUNT, ((struct forgetting *)(void *)op)->account };

	sending_delete(t, who);
	return STATUS_OK;
}

static enum status
forget_in(struct store *s, uint32_t shard, uint64_t account)
{
	struct arena a = ARENA_INIT;
	struct forgetting f = { .op = { .apply = forget_apply, .arena = &a }, .account = account };
	enum status how = owner_wait(&s->queue.shard[shard].owner, &f.op);

	arena_done(&a);
	return how;
}

enum status
sending_forget(struct store *s, uint64_t account)
{
	struct sending_key who = { SENDING_ACCOUNT, account };
	enum status how = gone(s, account);

	for (uint32_t i = 0; i < QUEUE_SHARDS && how == STATUS_OK; i++) {
		how = sending_has_rows(s, who, i);
		how = how == STATUS_OK		? forget_in(s, i, account)
		      : how == STATUS_NOT_FOUND ? STATUS_OK
						: how;
	}
	if (how == STATUS_OK)
		sending_unlearn(s, who);
	return how;
}
