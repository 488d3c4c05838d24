/* SPDX-License-Identifier: ISC */
/*
 * What changed since a modseq (RFC 7162 3.1.4.1, 3.2.5, 3.2.6). The store's
 * change log names the UIDs, and only their rows are read. Where the log does
 * not reach back, every row of the view may be newer, and every UID that is not
 * there has vanished, which the client's match data may narrow. What the view
 * still holds is never told as VANISHED (EARLIER), since the client counts it:
 * it follows as an expunge.
 */
#include "imap/resync.h"

#define MODSEQ_MAX INT64_MAX

bool
imap_modseq(struct cursor *c, uint64_t *out)
{
	struct cursor in = *c;
	uint64_t n;

	if (!imap_number64(&in, &n) || n > MODSEQ_MAX)
		return false;
	*out = n;
	*c = in;
	return true;
}

/* ---- since ---- */

/* The log does not tell: all that is there, and all that is not. */
static void
anything(struct since *s, const struct view *v, const struct runs *asked)
{
	s->exact = false;
	runs_copy(&s->changed, asked);
	runs_copy(&s->vanished, asked);
	if (v->uidnext > 0)
		runs_remove(&s->vanished, v->uidnext, UINT32_MAX);
}

static void
by_view(struct since *s, const struct view *v)
{
	struct runs there = RUNS_INIT, known = RUNS_INIT;

	uidset_both(&there, &v->uids, &s->changed);
	runs_done(&s->changed);
	s->changed = there;
	uidset_both(&known, &v->uids, &s->vanished);
	runs_remove_all(&s->vanished, &known);
	runs_done(&known);
}

enum status
imap_since(struct command *c, const struct runs *asked, struct since *s, struct failure *why)
{
	struct imap *im = c->im;
	const struct store_changes_request req = { .token = im->token,
		.mailbox = im->view->mailbox,
		.since = s->modseq,
		.keywords_from = UINT64_MAX,
		.reach = s->modseq,
		.resync = 1 };
	struct store_changes_reply r = { 0 };
	enum status st = store_changes(im->server->calls, &req, &c->arena, &r, why);

	if (st != STATUS_OK)
		return st;
	s->now = r.modseq;
	s->exact = r.full == 0;
	if (s->exact) {
		runs_both(&s->changed, asked, &r.changed);
		runs_both(&s->vanished, asked, &r.vanished);
	} else {
		anything(s, im->view, asked);
	}
	by_view(s, im->view);
	imap_saw_modseq(c, r.modseq);
	return STATUS_OK;
}

void
imap_since_done(struct since *s)
{
	runs_done(&s->changed);
	runs_done(&s->vanished);
}

void
imap_write_earlier(struct command *c, const struct runs *uids)
{
	uint32_t at = 0;

	while (view_write_vanished(&c->out, "VANISHED (EARLIER)", uids, &at))
		imap_push_some(c);
}

/* ---- the parameters of SELECT ---- */

static void
free_runs(void *runs)
{
	runs_done(runs);
}

/* sequence-set without "*" */
static bool
known_set(struct cursor *c, struct arena *a, bool ascending, struct runs *out)
{
	struct cursor in = *c;
	struct sequence_set set;
	uint32_t last = 0;

	if (!imap_sequence_set(&in, a, &set))
		return false;
	for (uint32_t i = 0; i < set.count; i++) {
		const struct seq_range *r = &set.at[i];

		if (r->first == SEQ_STAR || r->last == SEQ_STAR ||
		    (ascending && (r->first <= last || r->last < r->first)))
			return false;
		last = r->last;
	}
	imap_sequence_numbers(&set, 0, out);
	*c = in;
	return true;
}

/* seq-match-data = "(" known-sequence-set SP known-uid-set ")" */
static bool
seq_match_data(struct cursor *c, struct arena *a, struct select_params *p)
{
	return cursor_byte(c, '(') && known_set(c, a, true, &p->seqs) && imap_sp(c) &&
	       known_set(c, a, true, &p->uids) && cursor_byte(c, ')') &&
	       runs_total(&p->seqs) == runs_total(&p->uids);
}

/* "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")" */
static bool
qresync_param(struct cursor *c, struct arena *a, struct select_params *p)
{
	if (!cursor_byte(c, '(') || !imap_nz_number(c, &p->uidvalidity) || !imap_sp(c) ||
	    !imap_modseq(c, &p->modseq) || p->modseq == 0)
		return false;
	if (cursor_byte(c, ')'))
		return true;
	if (!imap_sp(c))
		return false;
	if (cursor_peek(c) != '(') {
		p->known_told = known_set(c, a, false, &p->known);
		if (!p->known_told)
			return false;
		if (cursor_byte(c, ')'))
			return true;
		if (!imap_sp(c))
			return false;
	}
	return seq_match_data(c, a, p) && cursor_byte(c, ')');
}

/* select-param = "CONDSTORE" / "QRESYNC" SP ... */
static bool
select_param(struct cursor *c, struct arena *a, struct select_params *p)
{
	if (!p->condstore && imap_word(c, TEXT("CONDSTORE"))) {
		p->condstore = true;
		return true;
	}
	if (!p->qresync && imap_word(c, TEXT("QRESYNC")) && imap_sp(c)) {
		p->qresync = true;
		return qresync_param(c, a, p);
	}
	return false;
}

bool
imap_select_params(struct cursor *c, struct arena *a, struct select_params *out)
{
	arena_on_done(a, free_runs, &out->known);
	arena_on_done(a, free_runs, &out->seqs);
	arena_on_done(a, free_runs, &out->uids);
	if (imap_end(c))
		return true;
	if (!imap_sp(c) || !cursor_byte(c, '('))
		return false;
	do {
		if (!select_param(c, a, out))
			return false;
	} while (imap_sp(c));
	return cursor_byte(c, ')');
}

/* ---- coming back ---- */

/* RFC 7162 3.2.5.2: where number and UID still belong together, nothing up to
 * there went that the client does not know of. If a pair holds, all in front of
 * it hold, so the last one is found by halving. */
static uint32_t
last_match(struct view *v, struct select_params *p)
{
	uint32_t low = 0, high = runs_total(&p->uids);

	while (low < high) {
		/* The upper one; the distance may be all numbers there are. */
		uint32_t mid = high - (high - low) / 2;

		if (view_seq(v, runs_at(&p->uids, mid)) == runs_at(&p->seqs, mid))
			low = mid;
		else
			high = mid - 1;
	}
	return low == 0 ? 0 : runs_at(&p->uids, low);
}

static enum status
tell_changed(struct command *c, const struct since *s, struct failure *why)
{
	struct imap *im = c->im;
	struct store_fetch_request req = { .token = im->token,
		.mailbox = im->view->mailbox,
		.items = FETCH_FLAGS,
		.since = s->modseq };
	struct arena batch = ARENA_INIT;
	struct store_fetch_reply r = { .resume = 0 };
	struct texts names = { NULL, 0 };
	struct store_row row;
	enum status st = STATUS_OK;

	runs_copy(&req.uids, &s->changed);
	do {
		struct unpack u;

		st = store_fetch(im->server->calls, &req, &batch, &r, why);
		if (st == STATUS_OK)
			st = imap_take_keywords(c, r.keyword_total, &names);
		if (st != STATUS_OK)
			break;
		u = unpack_of(r.rows);
		while (unpack_ok(&u) && !unpack_end(&u)) {
			store_row_unpack(&u, FETCH_FLAGS, &row);
			if (!unpack_ok(&u))
				break;
			imap_write_news(
			    im, &row, NEWS_UID | NEWS_FLAGS | NEWS_MODSEQ, names, &c->out);
			imap_saw_modseq(c, row.modseq);
			imap_push_some(c);
		}
		if (!unpack_ok(&u))
			st = STATUS_CORRUPT;
		imap_saw_modseq(c, r.modseq);
		if (r.resume > 1 && r.resume <= UINT32_MAX)
			runs_remove(&req.uids, 1, (uint32_t)r.resume - 1);
		arena_reset(&batch);
	} while (st == STATUS_OK && r.resume != 0);
	runs_done(&req.uids);
	arena_done(&batch);
	return st;
}

enum status
imap_resync(struct command *c, const struct select_params *p, struct failure *why)
{
	struct view *v = c->im->view;
	struct since s = { .modseq = p->modseq };
	struct runs asked = RUNS_INIT;
	struct select_params match = *p;
	enum status st;

	if (p->modseq == v->highest)
		return STATUS_OK;
	if (p->known_told)
		runs_copy(&asked, &p->known);
	else if (v->uidnext > 1)
		runs_add(&asked, 1, v->uidnext - 1);
	st = imap_since(c, &asked, &s, why);
	if (st == STATUS_OK && s.modseq > s.now) { /* of another life of the store */
		s.modseq = 0;
		anything(&s, v, &asked);
		by_view(&s, v);
	}
	if (st == STATUS_OK) {
		uint32_t match_to = s.exact ? 0 : last_match(v, &match);

		if (match_to > 0)
			runs_remove(&s.vanished, 1, match_to);
		imap_write_earlier(c, &s.vanished);
		if (!runs_empty(&s.changed))
			st = tell_changed(c, &s, why);
	}
	imap_since_done(&s);
	runs_done(&asked);
	return st;
}
