/* SPDX-License-Identifier: ISC */
/*
 * STORE (RFC 3501 6.4.6): one call, one commit for the whole set. Without
 * .SILENT the new flags of every message are told; with it, only what others
 * changed meanwhile. To know which is which, messages that changed since the
 * session last heard of them are left alone at first (the store's
 * unchanged_since), done in a second call, and always told.
 */
#include "imap/session.h"
#include "imap/write.h"

struct storing {
	struct command *c;
	enum flags_mode mode;
	bool silent;
	struct imap_flags flags;
	struct runs uids;
	struct runs fresh, stale; /* of these, unchanged and changed by others */
	struct texts names;	  /* of keywords */
	uint32_t told;		  /* messages answered */
	bool changed;		  /* some message has a modseq of this command */
};

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
write_row(struct storing *s, const struct store_row *row)
{
	struct command *c = s->c;
	struct view *v = c->im->view;
	uint32_t seq = view_seq(v, row->uid);

	s->told++;
	if (seq == 0)
		return;
	buffer_add(&c->out, "* ", 2);
	buffer_add_u64(&c->out, seq);
	buffer_add_string(&c->out, " FETCH (");
	if (c->uid) {
		buffer_add_string(&c->out, "UID ");
		buffer_add_u64(&c->out, row->uid);
		buffer_add_byte(&c->out, ' ');
	}
	buffer_add_string(&c->out, "FLAGS ");
	imap_write_flags(&c->out, row->flags, runs_has(&v->recent, row->uid), row->keywords,
	    row->keyword_count, s->names);
	buffer_add(&c->out, ")\r\n", 3);
	imap_push_some(c);
}

/* What became of each message; told unless quiet. */
static enum status
take_rows(struct storing *s, struct text rows, bool quiet)
{
	struct unpack u = unpack_of(rows);
	struct store_row row;

	while (unpack_ok(&u) && !unpack_end(&u)) {
		store_row_unpack(&u, FETCH_FLAGS, &row);
		if (!unpack_ok(&u))
			return STATUS_CORRUPT;
		s->changed |= row.modseq > s->c->im->view->modseq;
		if (!quiet)
			write_row(s, &row);
	}
	return STATUS_OK;
}

/* The rows that had no place in the reply of store_flags. */
static enum status
take_rest(struct storing *s, const struct runs *uids, uint64_t resume, struct failure *f)
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
			st = take_rows(s, r.rows, false);
		resume = r.resume;
	}
	runs_done(&req.uids);
	return st;
}

static void
new_keywords(struct storing *s, const struct store_flags_reply *r)
{
	struct command *c = s->c;

	imap_need_keywords(c->im, &c->arena, r->keyword_total, r->modseq);
	if (keywords_count(c->im->keywords) > c->im->view->keywords_told)
		imap_write_mailbox_flags(c->im, &c->arena, false, &c->out);
	s->names = keywords_names(c->im->keywords, &c->arena);
}

static enum status
run(struct storing *s, const struct runs *uids, uint64_t unchanged_since, bool quiet,
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
		.unchanged_since = unchanged_since };
	enum status st = store_flags(im->server->calls, &req, &s->c->arena, r, f);

	if (st != STATUS_OK)
		return st;
	new_keywords(s, r);
	st = take_rows(s, r->rows, quiet);
	return st == STATUS_OK && !quiet ? take_rest(s, uids, r->resume, f) : st;
}

static void
remember(struct storing *s, const struct runs *uids, uint64_t modseq, bool exact)
{
	s->c->told[s->c->told_count++] = (struct told){ uids, modseq, exact };
}

static enum status
store(struct storing *s, struct failure *f)
{
	struct command *c = s->c;
	struct view *v = c->im->view;
	struct store_flags_reply r = { 0 }, again = { 0 };
	enum status st = run(s, &s->uids, v->modseq, s->silent, &r, f);

	if (st != STATUS_OK)
		return st;
	/* Only the change of this command lies between, and it is told. */
	if (s->changed && runs_empty(&r.stale) && view_own_change(v, r.modseq))
		return STATUS_OK;
	c->poll = r.modseq > v->modseq;
	runs_copy(&s->fresh, &s->uids);
	runs_remove_all(&s->fresh, &r.stale);
	if (s->changed || !s->silent)
		remember(s, &s->fresh, r.modseq, s->silent);
	if (runs_empty(&r.stale))
		return STATUS_OK;
	runs_copy(&s->stale, &r.stale);
	st = run(s, &s->stale, UINT64_MAX, false, &again, f);
	if (st == STATUS_OK)
		remember(s, &s->stale, again.modseq, false);
	return st;
}

static void
free_storing(void *arg)
{
	struct storing *s = arg;

	runs_done(&s->fresh);
	runs_done(&s->stale);
}

static enum outcome
answer(struct storing *s)
{
	struct command *c = s->c;

	if (!s->silent && !c->uid && s->told < runs_total(&s->uids)) {
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
	if (!store_att_flags(c, s))
		return imap_bad(c, "Expected FLAGS, +FLAGS or -FLAGS and a list of flags");
	if (!imap_arg_end(c))
		return IMAP_DONE;
	if (c->im->view->read_only)
		return imap_no(c, "READ-ONLY", "The mailbox is open for reading only");
	if (!runs_empty(&s->uids))
		st = store(s, &f);
	return st == STATUS_OK ? answer(s) : imap_failed(c, st, &f);
}
