/* SPDX-License-Identifier: ISC */
/*
 * STORE (RFC 3501 6.4.6): one call, one commit for the whole set. Without
 * .SILENT the new flags of every message are told; with it, only what others
 * changed meanwhile, and MODSEQ once that is wanted (RFC 7162 3.1.3). To know
 * which is which, messages that changed since the session last heard of them
 * are left alone at first (the store's unchanged_since), done in a second call,
 * and always told. With UNCHANGEDSINCE it is the client who says since when;
 * what changed is left alone, named in MODIFIED, and told.
 */
#include "imap/resync.h"
#include "imap/write.h"

struct storing {
	struct command *c;
	enum flags_mode mode;
	bool silent;
	bool conditional; /* UNCHANGEDSINCE this: */
	uint64_t since;
	struct imap_flags flags;
	struct runs uids;
	struct runs fresh, stale; /* of these, unchanged and changed by others */
	struct texts names;	  /* of keywords */
	uint32_t told;		  /* messages answered */
	uint64_t newest;	  /* modseq that was read */
	uint64_t rest_modseq;	  /* the account's, when take_rest ended */
	bool changed;		  /* some message has a modseq of this command */
};

/* ["(" "UNCHANGEDSINCE" SP mod-sequence-valzer ")" SP], with the space in front */
static bool
store_modifiers(struct command *c, struct storing *out)
{
	struct cursor in = c->args;

	if (!imap_sp(&in) || !cursor_byte(&in, '('))
		return true;
	out->conditional = imap_word(&in, TEXT("UNCHANGEDSINCE")) && imap_sp(&in) &&
			   imap_modseq(&in, &out->since) && cursor_byte(&in, ')');
	c->args = in;
	return out->conditional;
}

/* store-att-flags */
static bool
store_att_flags(struct command *c, struct storing *out)
{
	if (!imap_sp(&c->args))
		return false;
	out->mode = FLAGS_REPLACE;
	if (cursor_byte(&c->args, '+'))
		out->mode = FLAGS_ADD;
	else if (cursor_byte(&c->args, '-'))
		out->mode = FLAGS_REMOVE;
	out->silent = imap_word(&c->args, TEXT("FLAGS.SILENT"));
	if (!out->silent && !imap_word(&c->args, TEXT("FLAGS")))
		return false;
	return imap_sp(&c->args) && imap_store_flags(&c->args, &c->arena, &out->flags);
}

static void
write_row(struct storing *s, const struct store_row *row, unsigned parts)
{
	struct imap *im = s->c->im;

	s->told++;
	if (parts == 0 || view_seq(im->view, row->uid) == 0)
		return;
	imap_write_news(im, row, parts, s->names, &s->c->out);
	imap_push_some(s->c);
}

static void
saw(struct storing *s, uint64_t modseq)
{
	s->changed |= modseq > s->c->im->view->modseq;
	if (modseq > s->newest)
		s->newest = modseq;
}

/* What became of each message; told with these parts. */
static enum status
take_rows(struct storing *s, struct text rows, unsigned parts)
{
	struct unpack u = unpack_of(rows);
	struct store_row row;

	while (unpack_ok(&u) && !unpack_end(&u)) {
		store_row_unpack(&u, FETCH_FLAGS, &row);
		if (!unpack_ok(&u))
			return STATUS_CORRUPT;
		saw(s, row.modseq);
		write_row(s, &row, parts);
	}
	return STATUS_OK;
}

/* The same of messages that have all in common. */
static enum status
take_spans(struct storing *s, struct text spans, unsigned parts)
{
	struct unpack u = unpack_of(spans);
	struct store_span *span = ARENA_NEW(&s->c->arena, struct store_span);

	while (unpack_ok(&u) && !unpack_end(&u)) {
		store_span_unpack(&u, span);
		if (!unpack_ok(&u))
			return STATUS_CORRUPT;
		saw(s, span->modseq);
		s->told += span->last - span->first + 1;
		if (parts != 0)
			imap_write_news_span(s->c, span, parts, s->names);
	}
	return STATUS_OK;
}

/* The rows of these messages from one UID on. */
static enum status
take_rest(
    struct storing *s, const struct runs *uids, uint64_t resume, unsigned parts, struct failure *f)
{
	struct imap *im = s->c->im;
	struct store_fetch_request req = {
		.token = im->token, .mailbox = im->view->mailbox, .items = FETCH_FLAGS
	};
	struct store_fetch_reply r;
	enum status st = STATUS_OK;

	runs_copy(&req.uids, uids);
	while (st == STATUS_OK && resume != 0) {
		if (resume > 1)
			runs_remove(&req.uids, 1, (uint32_t)resume - 1);
		st = store_fetch(im->server->calls, &req, &s->c->arena, &r, f);
		if (st == STATUS_OK)
			st = imap_take_keywords(s->c, r.keyword_total, &s->names);
		if (st == STATUS_OK)
			st = take_rows(s, r.rows, parts);
		s->rest_modseq = r.modseq;
		resume = r.resume;
	}
	runs_done(&req.uids);
	return st;
}

/* One call. What the store left alone is in s->stale. */
static enum status
run(struct storing *s, const struct runs *uids, uint64_t unchanged_since, unsigned parts,
    struct store_flags_reply *r, struct failure *f)
{
	struct imap *im = s->c->im;
	const struct store_flags_request req = { .token = im->token,
		.op = imap_op(),
		.mailbox = im->view->mailbox,
		.uids = *uids,
		.mode = s->mode,
		.flags = s->flags.flags,
		.keywords = s->flags.keywords,
		.unchanged_since = unchanged_since,
		/* They are told, or counted for what is missing. */
		.quiet = parts == 0 && !s->conditional };
	enum status st = store_flags(im->server->calls, &req, &s->c->arena, r, f);

	if (st != STATUS_OK)
		return st;
	saw(s, r->newest);
	st = imap_take_keywords(s->c, r->keyword_total, &s->names);
	return st == STATUS_OK ? take_spans(s, r->spans, parts) : st;
}

static void
remember(struct storing *s, const struct runs *uids, uint64_t modseq, bool exact)
{
	s->c->told[s->c->told_count++] = (struct told){ uids, modseq, exact };
}

/* Of the messages that nobody else touched. */
static unsigned
parts_of(const struct storing *s, bool silent)
{
	unsigned parts = imap_news_parts(s->c->im, s->c->uid);

	if (!silent)
		return parts;
	return (parts & NEWS_MODSEQ) != 0 ? NEWS_UID | NEWS_MODSEQ : 0;
}

/* The first call: all messages that are unchanged since. */
static enum status
first(struct storing *s, uint64_t since, bool silent, struct failure *f)
{
	struct command *c = s->c;
	struct store_flags_reply r = { 0 };
	unsigned parts = parts_of(s, silent);
	enum status st = run(s, &s->uids, since, parts, &r, f);

	if (st != STATUS_OK)
		return st;
	runs_copy(&s->stale, &r.stale);
	runs_copy(&s->fresh, &s->uids);
	runs_remove_all(&s->fresh, &s->stale);
	/* What changed since the view's modseq was changed by this command;
	 * perhaps nothing else lies between. (Rows that are read now may have
	 * been changed by others.) */
	if (s->changed || !silent)
		remember(s, &s->fresh, r.modseq, silent);
	if (s->changed && since <= c->im->view->modseq)
		(void)view_own_change(c->im->view, r.modseq);
	if (parts != 0)
		st = take_rest(s, &s->fresh, r.resume, parts, f);
	imap_saw_modseq(c, r.modseq);
	imap_saw_modseq(c, s->newest);
	return st;
}

static enum status
store_all(struct storing *s, struct failure *f)
{
	struct store_flags_reply again = { 0 };
	enum status st = first(s, s->c->im->view->modseq, s->silent, f);
	unsigned parts = parts_of(s, false);

	if (st != STATUS_OK || runs_empty(&s->stale))
		return st;
	st = run(s, &s->stale, UINT64_MAX, parts, &again, f);
	if (st == STATUS_OK)
		st = take_rest(s, &s->stale, again.resume, parts, f);
	if (st != STATUS_OK)
		return st;
	imap_saw_modseq(s->c, again.modseq);
	imap_saw_modseq(s->c, s->newest);
	remember(s, &s->stale, again.modseq, false);
	return st;
}

/* RFC 7162 3.1.3: what failed is told as it is, so that the client need not
 * ask. */
static enum status
store_unchanged(struct storing *s, struct failure *f)
{
	/* Of messages that changed meanwhile MODSEQ alone would hide how. */
	bool silent = s->silent && s->since <= s->c->im->view->modseq;
	enum status st = first(s, s->since, silent, f);

	if (st != STATUS_OK || runs_empty(&s->stale))
		return st;
	st = take_rest(s, &s->stale, 1, parts_of(s, false), f);
	imap_saw_modseq(s->c, s->newest);
	remember(s, &s->stale, s->rest_modseq, false);
	return st;
}

static void
free_storing(void *arg)
{
	struct storing *s = arg;

	runs_done(&s->fresh);
	runs_done(&s->stale);
}

/* MODIFIED with numbers or UIDs, as the command had them. */
static void
modified(struct storing *s)
{
	struct buffer b = BUFFER_INIT;
	struct runs seqs = RUNS_INIT;

	if (!s->c->uid)
		view_seqs_of(s->c->im->view, &s->stale, &seqs);
	runs_print(&b, s->c->uid ? &s->stale : &seqs);
	imap_code(s->c, "MODIFIED %s", buffer_string(&b));
	runs_done(&seqs);
	buffer_done(&b);
}

static enum outcome
answer(struct storing *s)
{
	struct command *c = s->c;
	bool counted = !s->silent || s->conditional;
	bool gone = counted && !c->uid && s->told < runs_total(&s->uids);

	if (s->conditional && !runs_empty(&s->stale)) {
		modified(s);
		if (!gone)
			return imap_ok(c, "Some of the messages had changed");
		c->word = "NO"; /* RFC 7162 3.1.3, the eleventh example */
		c->words = TEXT("Some of the messages are gone, others had changed");
		return IMAP_DONE;
	}
	if (gone) {
		imap_code(c, "EXPUNGEISSUED");
		return imap_ok(c, "Some of the messages are gone");
	}
	return imap_ok(c, NULL);
}

enum outcome
imap_cmd_store(struct command *c)
{
	struct storing *s = ARENA_NEW(&c->arena, struct storing);
	struct failure f = { 0 };
	enum status st = STATUS_OK;

	s->c = c;
	arena_on_done(&c->arena, free_storing, s);
	if (!imap_arg_set(c, &s->uids))
		return IMAP_DONE;
	if (!store_modifiers(c, s))
		return imap_bad(c, "Expected UNCHANGEDSINCE and a modseq");
	if (!store_att_flags(c, s))
		return imap_bad(c, "Expected FLAGS, +FLAGS or -FLAGS and a list of flags");
	if (!imap_arg_end(c))
		return IMAP_DONE;
	if (c->im->view->read_only)
		return imap_no(c, "READ-ONLY", "The mailbox is open for reading only");
	if (s->flags.too_many)
		return imap_no(c, "LIMIT", IMAP_TOO_MANY_KEYWORDS);
	if (s->conditional)
		imap_enable(c, ENABLED_CONDSTORE);
	if (!runs_empty(&s->uids))
		st = s->conditional ? store_unchanged(s, &f) : store_all(s, &f);
	return st == STATUS_OK ? answer(s) : imap_failed(c, st, &f);
}
