/* SPDX-License-Identifier: ISC */
/*
 * News of the selected mailbox (RFC 3501 5.2, 7): the store is asked what
 * happened since the view's modseq, the view learns it, and the client is told
 * what may be told now: EXPUNGE, EXISTS, RECENT, new keywords in FLAGS, and
 * FETCH with the flags that changed. Flags are told at once and kept nowhere.
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

/* "* 3 FETCH (UID 9 FLAGS (\Seen))" */
static void
tell_row(struct news *n, const struct store_row *row)
{
	struct view *v = n->im->view;
	uint32_t seq = view_seq(v, row->uid);

	if (seq == 0 || runs_has(n->unknown, row->uid) || runs_has(&v->gone, row->uid) ||
	    was_told(n->command, row))
		return;
	buffer_addf(n->out, "* %u FETCH (", seq);
	if (n->command != NULL && n->command->uid)
		buffer_addf(n->out, "UID %u ", row->uid);
	buffer_add_string(n->out, "FLAGS ");
	imap_write_flags(n->out, row->flags, runs_has(&v->recent, row->uid), row->keywords,
	    row->keyword_count, n->names);
	buffer_add_string(n->out, ")\r\n");
}

static void
tell_rows(struct news *n, struct text rows)
{
	struct unpack u = unpack_of(rows);
	struct store_row row;

	while (unpack_ok(&u) && !unpack_end(&u)) {
		store_row_unpack(&u, FETCH_FLAGS, &row);
		if (unpack_ok(&u))
			tell_row(n, &row);
	}
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

	runs_copy(&req.uids, &n->im->view->uids);
	do {
		st = store_fetch(n->im->server->calls, &req, n->arena, &r, NULL);
		if (st != STATUS_OK)
			break;
		tell_rows(n, r.rows);
		if (r.resume > 1 && r.resume <= UINT32_MAX)
			runs_remove(&req.uids, 1, (uint32_t)r.resume - 1);
	} while (r.resume != 0);
	runs_done(&req.uids);
	return st;
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
	else
		buffer_add_string(out, " \\*)] Any keyword can be made\r\n");
	im->view->keywords_told = names.count;
}

/* Names beyond those that the session knows, without anything else. */
void
imap_need_keywords(struct imap *im, struct arena *a, uint64_t total, uint64_t modseq)
{
	uint32_t known = keywords_count(im->keywords);
	const struct store_changes_request req = { .token = im->token,
		.mailbox = im->view->mailbox,
		.since = modseq,
		.keywords_from = known };
	struct store_changes_reply r = { 0 };

	if (total <= known)
		return;
	if (store_changes(im->server->calls, &req, a, &r, NULL) == STATUS_OK)
		keywords_learn(im->keywords, known, r.keywords);
}

static enum status
ask(struct news *n, bool expunges)
{
	struct imap *im = n->im;
	struct view *v = im->view;
	uint32_t known = keywords_count(im->keywords);
	const struct store_changes_request req = { .token = im->token,
		.mailbox = v->mailbox,
		.since = v->modseq,
		.keywords_from = known,
		.claim = !v->read_only };
	struct store_changes_reply r = { 0 };
	enum status st = store_changes(im->server->calls, &req, n->arena, &r, NULL);
	struct runs unknown = RUNS_INIT;

	if (st != STATUS_OK)
		return st;
	if (v->last_told < UINT32_MAX)
		runs_add(&unknown, v->last_told + 1, UINT32_MAX);
	n->unknown = &unknown;
	view_learn(v, &r);
	keywords_learn(im->keywords, known, r.keywords);
	view_tell(v, expunges, n->out);
	if (keywords_count(im->keywords) > v->keywords_told)
		imap_write_mailbox_flags(im, n->arena, false, n->out);
	n->names = keywords_names(im->keywords, n->arena);
	if (r.full)
		st = tell_all_newer(n, req.since);
	else
		tell_rows(n, r.rows);
	n->unknown = NULL;
	runs_done(&unknown);
	return st;
}

enum status
imap_changes(struct imap *im, struct arena *a, bool expunges, struct buffer *out)
{
	struct news n = { .im = im, .arena = a, .out = out };

	return ask(&n, expunges);
}

enum status
imap_changes_after(struct command *c, bool expunges)
{
	struct news n = { .im = c->im, .arena = &c->arena, .out = &c->out, .command = c };

	return ask(&n, expunges);
}

void
imap_saw_modseq(struct command *c, uint64_t modseq)
{
	if (c->im->view != NULL && modseq > c->im->view->modseq)
		c->poll = true;
}
