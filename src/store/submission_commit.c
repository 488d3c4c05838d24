/* SPDX-License-Identifier: ISC */
/*
 * What an account sends becomes mail: accounts of this site, the copy in Sent and
 * recipients elsewhere, all in one batch (store/post.h). Whoever cannot be served
 * any more by now, though it could at RCPT, has failed, and the sender is told so
 * by a DSN. Messages of the site itself go the same way.
 */
#include "base/clock.h"
#include "base/log.h"
#include "runtime/metrics.h"
#include "runtime/settings.h"
#include "store/post.h"
#include "store/reach.h"
#include "store/serve.h"
#include "store/submission.h"

struct committing {
	struct op op; /* first */
	struct store *store;
	const struct submission_commit_request *r;
	struct submitter who;
	struct reach to;
	struct draft draft;
	struct record record;
	struct post post;
	struct sending_share share;
	const struct text *piece;
	uint32_t pieces;
};

/* ---- answers ---- */

/* Local ones that have it: all that were found but those that lead elsewhere
 * alone. */
static struct texts
here(const struct committing *c)
{
	uint32_t n = c->r->recipients.count;
	struct texts out = { ARENA_ARRAY(c->op.arena, struct text, n), 0 };

	for (uint32_t i = 0; i < n; i++)
		if (c->to.verdict[i] == STATUS_OK && c->to.to[i].count > 0)
			out.at[out.count++] = c->r->recipients.at[i];
	return out;
}

static struct text
came(const struct committing *c)
{
	if (c->who.network.len == 0)
		return c->r->came;
	return arena_printf(
	    c->op.arena, "%.*s by network %.*s", TEXT_ARG(c->r->came), TEXT_ARG(c->who.network));
}

static void
tell(struct op *op)
{
	const struct committing *c = (struct committing *)(void *)op;

	if (!op->repeated)
		trace_sent(
		    c->store, c->r, came(c), c->who.account, here(c), draft_waiting(&c->draft));
}

static void
answer(struct op *op)
{
	struct submission_commit_reply reply = { .verdict = SUBMISSION_OK };
	struct unpack u = unpack_of(op->result);

	reply.message = unpack_varint(&u);
	tell(op);
	call_reply(op->in, &reply);
}

static void
answer_notice(struct op *op)
{
	struct submission_notice_reply reply = { .none_ = 0 };

	tell(op);
	call_reply(op->in, &reply);
}

/* ---- who gets it ---- */

static struct draft_wish
wish_of(const struct submission_commit_request *r, uint32_t i)
{
	return (struct draft_wish){ .address = r->recipients.at[i],
		.orcpt = r->orcpts.at[i],
		.notify = (uint32_t)r->notify.at[i] };
}

static void
goes_elsewhere(struct draft *d, struct draft_wish *w)
{
	struct text domain;

	if (address_elsewhere(w->address, d->arena, &w->address, &domain) == STATUS_OK)
		draft_waits(d, w, domain);
	else
		draft_ends(d, w, OUTGOING_FAILED, "553 5.1.3 This is not a mail address");
}

static void
draft_recipient(struct committing *c, uint32_t i)
{
	struct draft_wish w = wish_of(c->r, i);

	switch (c->to.verdict[i]) {
	case STATUS_OK:
		draft_leads(&c->draft, &w, &c->to.to[i]);
		break;
	case STATUS_DENIED:
		goes_elsewhere(&c->draft, &w);
		break;
	case STATUS_QUOTA:
		draft_ends(&c->draft, &w, OUTGOING_FAILED, "552 5.2.2 The mailbox is full");
		break;
	case STATUS_NOT_FOUND:
		draft_ends(&c->draft, &w, OUTGOING_FAILED, "550 5.1.1 There is no such address");
		break;
	default:
		draft_ends(&c->draft, &w, OUTGOING_FAILED, "550 5.2.1 The account is suspended");
	}
}

static void
draft_message(struct committing *c)
{
	const struct submission_commit_request *r = c->r;

	c->draft = (struct draft){ .arena = c->op.arena,
		.envelope = { .id = r->id,
		    .sender = r->sender,
		    .envid = r->envid,
		    .prefix = r->prefix,
		    .summary = r->summary,
		    .body = (uint32_t)r->body,
		    .needs = (uint32_t)r->needs,
		    .ret = (uint32_t)r->ret,
		    .by = (uint32_t)r->by,
		    .by_time = r->by_time,
		    .size = r->size },
		.account = sending_number(submitter_sends(&c->who).key),
		.received = r->received,
		.expires = r->expires,
		.due = r->not_before,
		.priority = r->priority };
	for (uint32_t i = 0; i < r->recipients.count; i++)
		draft_recipient(c, i);
	draft_ready(&c->draft);
}

/* The accounts, of which the sender's may get it as a recipient and as a copy. */
static void
find_places(struct committing *c)
{
	struct record *r = &c->record;
	bool copy = c->r->copy != 0 && c->who.account != 0;

	r->place = ARENA_ARRAY(c->op.arena, struct record_place, (size_t)c->to.count + 1);
	for (uint32_t i = 0; i < c->to.count; i++) {
		struct record_place *p = &r->place[r->count++];

		*p = (struct record_place){ .account = c->to.at[i].account, .what = PLACE_INBOX };
		if (copy && p->account == c->who.account) {
			p->what |= PLACE_SENT;
			copy = false;
		}
	}
	if (copy)
		r->place[r->count++] =
		    (struct record_place){ .account = c->who.account, .what = PLACE_SENT };
}

static void
record_message(struct committing *c)
{
	const struct submission_commit_request *r = c->r;

	c->record = (struct record){ .sender = r->sender,
		.received = r->received,
		.size = r->size - r->prefix.len,
		.blob = core_blob_id(c->store),
		.pieces = c->pieces,
		.due = r->not_before };
	find_places(c);
	if (c->record.count == 0)
		return;
	c->record.prefix = r->prefix;
	c->record.summary = r->summary;
	c->record.sent = r->sent_prefix;
	c->record.sent_summary = r->sent_summary;
}

static void
commit(struct committing *c, void (*answer_with)(struct op *op))
{
	uint64_t number = outgoing_number(c->r->op);
	struct buffer result = BUFFER_INIT;

	record_message(c);
	pack_varint(&result, c->draft.count > 0 ? number : 0);
	c->op.id = c->r->op;
	c->op.bytes = c->r->content.bytes.len;
	c->post = (struct post){ .record = &c->record,
		.draft = &c->draft,
		.piece = c->piece,
		.share = &c->share,
		.result = arena_copy(c->op.arena, buffer_text(&result)),
		.answer = answer_with,
		.number = number };
	buffer_done(&result);
	metric_add(METRIC_STORE_BYTES_IN, (int64_t)c->r->size);
	post_submit(c->store, &c->op, &c->post);
}

/* ---- checks ---- */

static enum status
check_request(struct committing *c)
{
	const struct submission_commit_request *r = c->r;
	uint32_t n = r->recipients.count;

	if (n == 0 || r->orcpts.count != n || r->notify.count != n || r->size < r->prefix.len ||
	    r->sent_summary.len > SUMMARY_MAX || r->sent_prefix.len > OUTGOING_PREFIX_MAX ||
	    r->prefix.len > OUTGOING_PREFIX_MAX || r->summary.len > SUMMARY_MAX)
		return op_refuse(
		    &c->op, STATUS_INVALID, "The message cannot be sent.", "bad submission");
	if (queue_count(c->store) >= RECORDS_MAX)
		return op_refuse(&c->op, STATUS_UNAVAILABLE, "Too busy; try again later.",
		    "%u queue records wait", RECORDS_MAX);
	return message_pieces(&c->op, r->content.bytes, &c->piece, &c->pieces);
}

static enum status
check_authors(struct committing *c, struct submission_commit_reply *out)
{
	const struct submission_commit_request *r = c->r;
	enum submission_verdict verdict;
	enum status how =
	    submitter_may_write(c->store, &c->who, r->sender, c->op.arena, &verdict, &out->words);

	for (uint32_t i = 0; how == STATUS_OK && verdict == SUBMISSION_OK && i < r->authors.count;
	     i++)
		how = submitter_may_write(
		    c->store, &c->who, r->authors.at[i], c->op.arena, &verdict, &out->words);
	out->verdict = verdict;
	return how;
}

static void
check_count(struct committing *c, struct submission_commit_reply *out)
{
	int64_t most = setting(SET_SUBMISSION_RECIPIENTS_MAX);

	if (out->verdict != SUBMISSION_OK || c->r->recipients.count <= most)
		return;
	out->verdict = SUBMISSION_TOO_MANY;
	out->words = arena_printf(c->op.arena, "A message may have %lld recipients, not %u.",
	    (long long)most, c->r->recipients.count);
}

/* The last to be asked: from here on it is counted. */
static enum status
check_limits(struct committing *c, struct submission_commit_reply *out)
{
	struct sending_who sends = submitter_sends(&c->who);
	struct sending_answer answer;
	enum status how =
	    sending_count(c->store, &sends, &c->r->recipients, c->op.arena, &c->share, &answer);

	if (how == STATUS_OK) {
		out->verdict = answer.verdict;
		out->words = answer.words;
	}
	return how;
}

/* Whether it may be sent; what was taken in by an earlier try of the call was
 * asked then. */
static enum status
may_send(struct committing *c, bool again, struct submission_commit_reply *out)
{
	enum status how = again ? STATUS_OK : check_authors(c, out);
	struct map known;

	if (how == STATUS_OK && !again)
		check_count(c, out);
	if (how != STATUS_OK || out->verdict != SUBMISSION_OK)
		return how;
	reach_all(&c->to);
	known = c->to.known; /* c goes with the call, if that steps aside */
	if (c->to.count > 0 && call_step_aside(c->op.in)) { /* accounts may have to be loaded */
		map_done(&known);
		return STATUS_AGAIN;
	}
	if (!again && !c->to.unsure)
		how = reach_room(&c->to);
	reach_done(&c->to);
	if (how == STATUS_OK && c->to.unsure)
		how = STATUS_UNAVAILABLE; /* nobody fails for good because of that */
	if (how != STATUS_OK)
		return how;
	draft_message(c);
	if (!draft_is_good(&c->draft))
		return STATUS_INVALID;
	return again ? STATUS_OK : check_limits(c, out);
}

static struct committing *
committing_new(struct call_in *in, const struct submission_commit_request *r, struct store *s)
{
	struct committing *c = ARENA_NEW(call_arena(in), struct committing);

	c->op.in = in;
	c->op.arena = call_arena(in);
	c->store = s;
	c->r = r;
	c->to = (struct reach){ .store = s,
		.arena = c->op.arena,
		.recipients = &r->recipients,
		.op = r->op,
		.size = r->size };
	return c;
}

static void
refuse(struct committing *c, enum status how)
{
	if (c->op.failure.client[0] == 0)
		(void)fail(&c->op.failure, how,
		    how == STATUS_INVALID ? "The message cannot be sent."
					  : "The directory cannot be read now.",
		    "submission: %s", status_word(how));
	call_fail(c->op.in, how, &c->op.failure);
}

void
serve_submission_commit(struct call_in *in, const void *request, void *context)
{
	struct committing *c = committing_new(in, request, context);
	struct submission_commit_reply reply = { .verdict = SUBMISSION_OK };
	bool again = false;
	enum status how;

	if (c->r->recipients.count > 1 && call_step_aside(in))
		return;
	how = submitter_of(c->store, in, c->r->token, c->r->network, &c->who, &c->op.failure);
	if (how == STATUS_OK)
		how = check_request(c);
	if (how == STATUS_OK)
		how = queue_remembers(c->store, c->r->op, &again);
	if (how == STATUS_OK)
		how = may_send(c, again, &reply);
	if (how == STATUS_AGAIN) /* in is not ours any more */
		return;
	if (how != STATUS_OK)
		refuse(c, how);
	else if (reply.verdict != SUBMISSION_OK)
		call_reply(in, &reply);
	else
		commit(c, answer);
}

/* ---- messages of the site itself ---- */

/* As an account would send it, with the null sender and without an account. */
static struct submission_commit_request *
notice_as_commit(const struct submission_notice_request *n, struct arena *a)
{
	struct submission_commit_request *r = ARENA_NEW(a, struct submission_commit_request);
	uint64_t *never = ARENA_NEW(a, uint64_t);
	struct text *nothing = ARENA_NEW(a, struct text);

	*never = QUEUE_NOTIFY_NEVER;
	*nothing = TEXT_EMPTY;
	*r = (struct submission_commit_request){ .op = n->op,
		.id = n->id,
		.body = n->body,
		.needs = n->needs,
		.received = clock_wall() / CLOCK_SECOND,
		.size = n->size,
		.summary = n->summary,
		.recipients = { (struct text *)(uintptr_t)&n->recipient, 1 },
		.orcpts = { nothing, 1 },
		.notify = { never, 1 },
		.content = n->content };
	return r;
}

void
serve_submission_notice(struct call_in *in, const void *request, void *context)
{
	const struct submission_notice_request *n = request;
	struct committing *c = committing_new(in, notice_as_commit(n, call_arena(in)), context);
	struct submission_commit_reply reply = { .verdict = SUBMISSION_OK };
	enum status how = check_request(c);

	if (how == STATUS_OK)
		how = may_send(c, true, &reply);
	if (how == STATUS_AGAIN) /* in is not ours any more */
		return;
	if (how != STATUS_OK) {
		refuse(c, how);
		return;
	}
	if (c->to.count == 0 && c->draft.count == 0) {
		LOG_WARN("store.notice_lost", FIELD_TEXT("id", n->id),
		    FIELD_TEXT("recipient", n->recipient));
		call_reply(in, &(struct submission_notice_reply){ .none_ = 0 });
		return;
	}
	commit(c, answer_notice);
}
