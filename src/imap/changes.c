/* SPDX-License-Identifier: ISC */
/*
 * News of the selected mailbox (RFC 3501 5.2, 7): the store is asked what
 * happened since the view's modseq, the view learns it, and the client is told
 * what may be told now: EXPUNGE, EXISTS, RECENT, new keywords in FLAGS, and
 * FETCH with the flags that changed. Flags are told at once and kept nowhere.
 *
 * A client may come back with the greatest MODSEQ that it was shown (RFC 7162
 * 6), so at a tagged reply it has been told of every change up to that one:
 * where a row turns out to be newer than the answer it came with, the store is
 * asked again, up to the row's modseq. Where expunges must wait, HIGHESTMODSEQ
 * says how far it may go.
 */
#include "imap/session.h"
#include "imap/write.h"

struct news {
	struct imap *im;
	struct arena *arena;
	struct buffer *out;
	struct texts names;	       /* of keywords */
	const struct runs *unknown;    /* UIDs whose flags the client will ask itself */
	const struct command *command; /* or NULL: IDLE */
	uint64_t newest;	       /* modseq of the rows that were told */
	uint64_t limit;		       /* rows that are newer wait */
};

static bool
was_told(const struct command *c, const struct store_row *row)
{
	for (unsigned i = 0; c != NULL && i < c->told_count; i++) {
		const struct told *t = &c->told[i];

		if (t->exact ? row->modseq != t->modseq : row->modseq > t->modseq)
			continue;
		if (runs_has(t->uids, row->uid))
			return true;
	}
	return false;
}

static void
tell_row(struct news *n, const struct store_row *row)
{
	struct view *v = n->im->view;
	bool uid = n->command != NULL && n->command->uid;

	if (row->modseq > n->limit || view_seq(v, row->uid) == 0 ||
	    runs_has(n->unknown, row->uid) || runs_has(&v->gone, row->uid) ||
	    was_told(n->command, row))
		return;
	if (row->modseq > n->newest)
		n->newest = row->modseq;
	imap_write_news(n->im, row, imap_news_parts(n->im, uid), n->names, n->out);
}

static enum status
tell_rows(struct news *n, struct text rows)
{
	struct unpack u = unpack_of(rows);
	struct store_row row;

	while (unpack_ok(&u) && !unpack_end(&u)) {
		store_row_unpack(&u, FETCH_FLAGS, &row);
		if (unpack_ok(&u))
			tell_row(n, &row);
	}
	return unpack_ok(&u) ? STATUS_OK : STATUS_CORRUPT;
}

void
imap_write_mailbox_flags(struct imap *im, struct arena *a, bool permanent, struct buffer *out)
{
	struct texts names = keywords_names(im->keywords, a);

	buffer_add_string(out, permanent ? "* OK [PERMANENTFLAGS (" : "* FLAGS (");
	if (!permanent || !im->view->read_only) {
		imap_write_flag_names(out, FLAG_ALL);
		for (uint32_t i = 0; i < names.count; i++) {
			buffer_add_byte(out, ' ');
			buffer_add_text(out, names.at[i]);
		}
	}
	if (!permanent)
		buffer_add_string(out, ")\r\n");
	else if (im->view->read_only)
		buffer_add_string(out, ")] Read-only\r\n");
	else if (names.count >= KEYWORDS_PER_ACCOUNT)
		buffer_add_string(out, ")] No more keywords can be made\r\n");
	else
		buffer_add_string(out, " \\*)] Any keyword can be made\r\n");
	im->view->keywords_told = names.count;
}

/* Names that are new; and when they were the last ones, that there can be no
 * more (RFC 9051 7.1 PERMANENTFLAGS). */
static void
tell_keywords(struct imap *im, struct arena *a, struct buffer *out)
{
	if (keywords_count(im->keywords) <= im->view->keywords_told)
		return;
	imap_write_mailbox_flags(im, a, false, out);
	if (im->view->keywords_told >= KEYWORDS_PER_ACCOUNT && !im->view->read_only)
		imap_write_mailbox_flags(im, a, true, out);
}

/* Names beyond those that the session knows, without anything else. Rows may
 * have names of a commit that is not published yet: that is waited for. */
enum status
imap_need_keywords(struct imap *im, struct arena *a, uint64_t total)
{
	uint32_t known = keywords_count(im->keywords);
	const struct store_changes_request req = { .token = im->token,
		.mailbox = im->view->mailbox,
		.since = UINT64_MAX, /* nothing else */
		.keywords_from = known,
		.reach = total < UINT64_MAX ? UINT64_MAX : 0 };
	struct store_changes_reply r = { 0 };
	enum status st;

	if (total <= known)
		return STATUS_OK;
	st = store_changes(im->server->calls, &req, a, &r, NULL);
	if (st == STATUS_OK)
		keywords_learn(im->keywords, known, r.keywords);
	return st;
}

/* Names that rows of the store need; they are told in FLAGS. */
static enum status
learn_names(struct news *n, uint64_t total)
{
	enum status st = imap_need_keywords(n->im, n->arena, total);

	tell_keywords(n->im, n->arena, n->out);
	if (n->names.count < keywords_count(n->im->keywords))
		n->names = keywords_names(n->im->keywords, n->arena);
	return st;
}

/* The log did not reach back, so the rows themselves say what is newer. */
static enum status
tell_all_newer(struct news *n, uint64_t since)
{
	struct store_fetch_request req = { .token = n->im->token,
		.mailbox = n->im->view->mailbox,
		.items = FETCH_FLAGS,
		.since = since };
	struct store_fetch_reply r;
	enum status st = STATUS_OK;

	uidset_to_runs(&n->im->view->uids, &req.uids);
	do {
		st = store_fetch(n->im->server->calls, &req, n->arena, &r, NULL);
		if (st == STATUS_OK)
			st = learn_names(n, r.keyword_total);
		if (st == STATUS_OK)
			st = tell_rows(n, r.rows);
		if (st != STATUS_OK)
			break;
		if (r.resume > 1 && r.resume <= UINT32_MAX)
			runs_remove(&req.uids, 1, (uint32_t)r.resume - 1);
	} while (r.resume != 0);
	runs_done(&req.uids);
	return st;
}

void
imap_tell_view(struct imap *im, bool expunges, struct buffer *out)
{
	enum view_expunges how =
	    (im->enabled & ENABLED_QRESYNC) != 0 ? EXPUNGES_BY_UID : EXPUNGES_BY_NUMBER;

	view_tell(im->view, expunges ? how : EXPUNGES_WAIT, out);
}

enum status
imap_take_keywords(struct command *c, uint64_t total, struct texts *names)
{
	struct imap *im = c->im;
	enum status st = imap_need_keywords(im, &c->arena, total);

	tell_keywords(im, &c->arena, &c->out);
	if (names->count < keywords_count(im->keywords))
		*names = keywords_names(im->keywords, &c->arena);
	return st;
}

/* reach: the store's answer is to include this modseq. */
static enum status
ask(struct news *n, bool expunges, uint64_t reach)
{
	struct imap *im = n->im;
	struct view *v = im->view;
	uint32_t known = keywords_count(im->keywords);
	uint64_t since = v->behind != 0 ? v->behind : v->modseq;
	const struct store_changes_request req = { .token = im->token,
		.mailbox = v->mailbox,
		.since = v->modseq,
		.keywords_from = known,
		.claim = !v->read_only,
		.reach = reach };
	struct store_changes_reply r = { 0 };
	enum status st = store_changes(im->server->calls, &req, n->arena, &r, NULL);
	struct runs unknown = RUNS_INIT;

	if (st != STATUS_OK)
		return st;
	if (v->last_told < UINT32_MAX)
		runs_add(&unknown, v->last_told + 1, UINT32_MAX);
	n->unknown = &unknown;
	view_learn(v, &r);
	if (n->limit != UINT64_MAX)
		n->limit = v->modseq;
	keywords_learn(im->keywords, known, r.keywords);
	imap_tell_view(im, expunges, n->out);
	tell_keywords(im, n->arena, n->out);
	n->names = keywords_names(im->keywords, n->arena);
	if (r.full || v->behind != 0)
		st = tell_all_newer(n, since);
	else
		st = tell_rows(n, r.rows);
	n->unknown = NULL;
	runs_done(&unknown);
	/* UIDs are learned, flags are to be told again if that failed. */
	v->behind = st == STATUS_OK ? 0 : since;
	view_settle(v);
	return st;
}

/* Rows may have been newer than the answer. Then what happened in front of
 * them is told too, this time without what is newer still. */
static enum status
ask_on(struct news *n, bool expunges, uint64_t reach)
{
	enum status st;

	n->limit = UINT64_MAX;
	st = ask(n, expunges, reach);
	if (st != STATUS_OK || n->newest <= n->im->view->modseq ||
	    (n->im->enabled & ENABLED_CONDSTORE) == 0)
		return st;
	n->limit = 0;
	return ask(n, expunges, n->newest);
}

enum status
imap_changes(struct imap *im, struct arena *a, bool expunges, struct buffer *out)
{
	struct news n = { .im = im, .arena = a, .out = out };

	return ask_on(&n, expunges, 0);
}

enum status
imap_changes_after(struct command *c, bool expunges)
{
	struct news n = { .im = c->im, .arena = &c->arena, .out = &c->out, .command = c };

	return ask_on(&n, expunges, c->reach);
}

void
imap_saw_modseq(struct command *c, uint64_t modseq)
{
	if (c->im->view == NULL || modseq <= c->im->view->modseq)
		return;
	c->poll = true;
	if (modseq > c->reach)
		c->reach = modseq;
}

/* RFC 7162 3.2.7, 6: where the client would keep a HIGHESTMODSEQ that is too
 * great, since expunges wait, or cannot know that it may go on, since it was
 * told of expunges. */
void
imap_tell_highest(struct command *c)
{
	struct view *v = c->im->view;
	bool expunged;

	if (v == NULL)
		return;
	expunged = v->expunged;
	v->expunged = false;
	if (v->shown > v->counted)
		v->counted = v->shown;
	v->shown = 0;
	if ((c->im->enabled & ENABLED_CONDSTORE) == 0)
		v->counted = v->settled;
	else if (v->counted > v->settled || expunged)
		imap_write_highest(c);
}

void
imap_write_highest(struct command *c)
{
	struct view *v = c->im->view;
	unsigned long long settled = v->settled;

	v->counted = v->settled;
	if (c->word != NULL && c->word[0] == 'O' && c->code.len == 0)
		imap_code(c, "HIGHESTMODSEQ %llu", settled);
	else
		imap_line(c, "* OK [HIGHESTMODSEQ %llu] %s", settled,
		    runs_empty(&v->gone) ? "Highest" : "Some expunges are still to be told");
}
